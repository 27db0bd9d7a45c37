// SPDX-License-Identifier: Apache-2.0
/*
 * options.c: the command line and lancefs.conf.
 *
 * The configuration is read first, the command line overrides it.  Keys of the
 * file are the names of the -o options.
 */
#include "fs.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <unistd.h>

#define CONFIG_PATH "/etc/lancefs.conf"

struct raw_options {
	int show_help, show_version, foreground, debug, read_only, skips_jobs;
	char *formats, *protect, *version_poll, *rejected_size, *cache_dir, *config,
		*allow_drop, *skip_jobs, *udf_users, *auto_compact,
		*auto_compact_fragments, *auto_compact_deleted, *roots, *branch;
};

#define OPTION(text, member, value)                                                    \
	{                                                                              \
		text, offsetof(struct raw_options, member), value                      \
	}
static const struct fuse_opt specs[] = {
	OPTION("-h", show_help, 1),
	OPTION("--help", show_help, 1),
	OPTION("-V", show_version, 1),
	OPTION("--version", show_version, 1),
	OPTION("-f", foreground, 1),
	OPTION("-d", debug, 1),
	OPTION("ro", read_only, 1),
	OPTION("formats=%s", formats, 0),
	OPTION("protect=%s", protect, 0),
	OPTION("version-poll=%s", version_poll, 0),
	OPTION("rejected-size=%s", rejected_size, 0),
	OPTION("cache-dir=%s", cache_dir, 0),
	OPTION("allow-drop=%s", allow_drop, 0),
	OPTION("skip-jobs=%s", skip_jobs, 0),
	OPTION("skip-jobs", skips_jobs, 1),
	OPTION("udf-users=%s", udf_users, 0),
	OPTION("auto-compact=%s", auto_compact, 0),
	OPTION("auto-compact-fragments=%s", auto_compact_fragments, 0),
	OPTION("auto-compact-deleted=%s", auto_compact_deleted, 0),
	OPTION("roots=%s", roots, 0),
	OPTION("branch=%s", branch, 0),
	OPTION("config=%s", config, 0),
	FUSE_OPT_END,
};

void options_usage(void)
{
	printf("usage: lancefs [options] SOURCE MOUNTPOINT\n\n"
	       "Mount a Lance dataset: columns, rows and versions become files, and a "
	       "file\n"
	       "copied into MOUNTPOINT/columns/ becomes a column.\n\n"
	       "  -h, --help           this text\n"
	       "  -V, --version        the version\n"
	       "  -f                   stay in the foreground\n"
	       "  -d                   log FUSE requests (implies -f)\n"
	       "  -o ro                read-only\n"
	       "  -o formats=LIST      list these formats too, as in "
	       "txt,npy,csv,arrow\n"
	       "  -o protect=LIST      columns that refuse to be replaced, as in a:b\n"
	       "  -o roots=LIST        directories where files outside of the dataset "
	       "are read,\n"
	       "                       as in /data:/mnt/images: base paths of clones, "
	       "external blobs\n"
	       "  -o branch=NAME       mount this branch of the dataset, for writing\n"
	       "  -o allow-drop=yes    rm drops columns and tags (no)\n"
	       "  -o version-poll=S    look for versions of other hosts every S "
	       "seconds (1)\n"
	       "  -o rejected-size=N   bytes kept in rejected/, K M G allowed (1G)\n"
	       "  -o cache-dir=DIR     remember sizes of text columns there\n"
	       "                       (/var/cache/lancefs, or ~/.cache/lancefs)\n"
	       "  -o skip-jobs         leave jobs that were left unfinished\n"
	       "  -o udf-users=LIST    users whose functions run, besides who mounts, "
	       "as in a:b\n"
	       "  -o auto-compact=yes  compact the table when it needs it (no)\n"
	       "  -o auto-compact-fragments=N  when N small fragments can be put "
	       "together (64)\n"
	       "  -o auto-compact-deleted=X    or more than this share of its rows "
	       "is deleted (0.2)\n"
	       "  -o config=FILE       instead of " CONFIG_PATH "\n"
	       "  -o allow_other       let other users in (see fuse.conf)\n\n"
	       "fusermount3 -u MOUNTPOINT unmounts.  See lancefs(1).\n");
}

static int take_word(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct mount_options *o = data;
	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT)
		return 1;
	char **word = !o->source ? &o->source : !o->mountpoint ? &o->mountpoint : NULL;
	if (!word) {
		fprintf(stderr, "lancefs: one word too many: '%s'\n", arg);
		return -1;
	}
	*word = strdup(arg);
	return *word ? 0 : -1;
}

static int take_pair(void *user, const char *section, const char *name,
		     const char *value)
{
	struct raw_options *raw = user;
	struct {
		const char *name;
		char **at;
	} keys[] = {
		{"formats", &raw->formats},
		{"protect", &raw->protect},
		{"roots", &raw->roots},
		{"version-poll", &raw->version_poll},
		{"rejected-size", &raw->rejected_size},
		{"cache-dir", &raw->cache_dir},
		{"allow-drop", &raw->allow_drop},
		{"skip-jobs", &raw->skip_jobs},
		{"udf-users", &raw->udf_users},
		{"auto-compact", &raw->auto_compact},
		{"auto-compact-fragments", &raw->auto_compact_fragments},
		{"auto-compact-deleted", &raw->auto_compact_deleted},
	};
	(void)section;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (!*keys[i].at) /* the command line came first */
			*keys[i].at = strdup(value);
		return *keys[i].at != NULL;
	}
	return 0; /* inih then reports the line */
}

static struct err *read_config(struct raw_options *raw)
{
	const char *path = raw->config ? raw->config : CONFIG_PATH;
	if (!raw->config && access(path, R_OK) != 0)
		return NULL;
	int line = ini_parse(path, take_pair, raw);
	if (line < 0)
		return err_errno(errno, "%s", path);
	if (line > 0)
		return err_new(EINVAL, "%s: line %d: unknown key or no value", path,
			       line);
	return NULL;
}

static struct err *parse_size(const char *text, uint64_t *ret)
{
	char *end;
	errno = 0;
	uint64_t n = strtoull(text, &end, 10);
	const char *units = "KMGT";
	const char *unit = *end ? strchr(units, *end) : NULL;
	if (errno || end == text || (*end && (!unit || end[1])))
		return err_new(EINVAL, "rejected-size: '%s' is not a size like 1G",
			       text);
	*ret = unit ? n << (10 * (unit - units + 1)) : n;
	return NULL;
}

static struct err *parse_bool(const char *name, const char *text, int *ret)
{
	*ret = text && strcmp(text, "yes") == 0;
	if (text && !*ret && strcmp(text, "no") != 0)
		return err_new(EINVAL, "%s: '%s' is neither yes nor no", name, text);
	return NULL;
}

static struct err *parse_compaction(const struct raw_options *raw,
				    struct mount_options *o)
{
	const char *n = raw->auto_compact_fragments, *share = raw->auto_compact_deleted;
	char *end;
	o->auto_compact_fragments = 64;
	o->auto_compact_deleted = 0.2;
	TRY(parse_bool("auto-compact", raw->auto_compact, &o->auto_compact));
	if (n && (!str_to_u64(n, &o->auto_compact_fragments) ||
		  o->auto_compact_fragments < 2))
		return err_new(EINVAL,
			       "auto-compact-fragments: '%s' is not a number from 2 on",
			       n);
	if (!share)
		return NULL;
	o->auto_compact_deleted = strtod(share, &end);
	if (*end || end == share || !(o->auto_compact_deleted >= 0) ||
	    o->auto_compact_deleted > 1)
		return err_new(EINVAL,
			       "auto-compact-deleted: '%s' is not a share from 0 to 1",
			       share);
	return NULL;
}

static struct err *convert(struct raw_options *raw, struct mount_options *o)
{
	char *end;
	o->show_help = raw->show_help;
	o->show_version = raw->show_version;
	o->debug = raw->debug;
	o->foreground = raw->foreground || raw->debug;
	o->read_only = raw->read_only;
	o->formats = TAKE(raw->formats);
	o->protect = TAKE(raw->protect);
	o->roots = TAKE(raw->roots);
	o->branch = TAKE(raw->branch);
	o->cache_dir = TAKE(raw->cache_dir);
	o->udf_users = TAKE(raw->udf_users);
	TRY(parse_bool("allow-drop", raw->allow_drop, &o->allow_drop));
	TRY(parse_bool("skip-jobs", raw->skip_jobs, &o->skip_jobs));
	TRY(parse_compaction(raw, o));
	o->skip_jobs |= raw->skips_jobs;
	o->version_poll = 1.0;
	o->rejected_size = (uint64_t)1 << 30;
	if (raw->version_poll) {
		o->version_poll = strtod(raw->version_poll, &end);
		if (*end || end == raw->version_poll || !(o->version_poll >= 0.01) ||
		    o->version_poll > 3600)
			return err_new(EINVAL,
				       "version-poll: '%s' is not a number of seconds "
				       "from 0.01 to 3600",
				       raw->version_poll);
	}
	return raw->rejected_size ? parse_size(raw->rejected_size, &o->rejected_size)
				  : NULL;
}

static void raw_fini(struct raw_options *raw)
{
	free(raw->formats);
	free(raw->protect);
	free(raw->version_poll);
	free(raw->rejected_size);
	free(raw->cache_dir);
	free(raw->config);
	free(raw->allow_drop);
	free(raw->skip_jobs);
	free(raw->udf_users);
	free(raw->auto_compact);
	free(raw->auto_compact_fragments);
	free(raw->auto_compact_deleted);
	free(raw->roots);
	free(raw->branch);
}

struct err *options_parse(struct fuse_args *args, struct mount_options *ret)
{
	struct raw_options raw = {0};
	if (fuse_opt_parse(args, &raw, specs, NULL) != 0) {
		raw_fini(&raw);
		return err_new(EINVAL, "bad options; see lancefs --help");
	}
	struct err *err = read_config(&raw);
	if (!err)
		err = convert(&raw, ret);
	raw_fini(&raw);
	if (!err && fuse_opt_parse(args, ret, NULL, take_word) != 0)
		err = err_new(EINVAL, "usage: lancefs [options] SOURCE MOUNTPOINT");
	return err;
}

void options_fini(struct mount_options *o)
{
	free(o->source);
	free(o->mountpoint);
	free(o->formats);
	free(o->protect);
	free(o->roots);
	free(o->branch);
	free(o->cache_dir);
	free(o->udf_users);
}
