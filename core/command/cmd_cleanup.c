// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_cleanup.c: cleanup: old versions, and files that no version needs, are removed.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

/* --keep alone says that age does not count. */
static struct err *options_of(const struct words *w, struct cleanup_spec *s)
{
	bool has_keep = words_option(w, "keep") != NULL;
	*s = (struct cleanup_spec){
		.older_than_ns = has_keep ? 0 : CLEANUP_OLDER_THAN_NS,
		.unreferenced_ns = CLEANUP_UNREFERENCED_NS,
		.is_dry_run = words_option(w, "dry-run") != NULL,
	};
	TRY(option_time(w, "older-than", &s->older_than_ns));
	TRY(option_time(w, "unreferenced-older-than", &s->unreferenced_ns));
	return option_count(w, "keep", 1, &s->keep);
}

/* --- the answer --- */

static const struct {
	enum cleanup_kind kind;
	const char *json;
} kinds[] = {
	{CLEANUP_VERSIONS, "versions"},	  {CLEANUP_DATA, "data_files"},
	{CLEANUP_DELETIONS, "deletions"}, {CLEANUP_TRANSACTIONS, "transactions"},
	{CLEANUP_INDICES, "index_files"}, {CLEANUP_STAGING, "staging_files"},
};

static void put_count(const char *name, const struct cleanup_count *c, struct buf *out)
{
	buf_printf(out, "\"%s\":{\"n\":%" PRIu64 ",\"bytes\":%" PRIu64 "},", name, c->n,
		   c->bytes);
}

static void tell_json(const struct cleanup_report *r, struct buf *out)
{
	const struct cleanup_result *t = &r->table;
	buf_str(out, "{\"removed\":{");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		put_count(kinds[i].json, &t->removed[kinds[i].kind], out);
	put_count("state", &r->state, out);
	out->len -= out->failed ? 0 : 1; /* the last comma */
	buf_printf(out,
		   "},\"kept\":{\"recent\":%" PRIu64 ",\"tagged\":%" PRIu64
		   ",\"in_use\":%" PRIu64 "},",
		   t->kept[CLEANUP_RECENT], t->kept[CLEANUP_TAGGED],
		   t->kept[CLEANUP_IN_USE]);
	put_count("young", &t->waiting, out);
	buf_printf(out,
		   "\"failed\":%" PRIu64 ",\"bytes\":[%" PRIu64 ",%" PRIu64
		   "],\"seconds\":%.3f}\n",
		   t->n_failed, t->bytes_before, t->bytes_after, r->seconds);
}

static void put_n(uint64_t n, const char *what, struct buf *out)
{
	buf_printf(out, "%" PRIu64 " %s%s", n, what, n == 1 ? "" : "s");
}

static void put_bytes(uint64_t n, struct buf *out)
{
	render_bytes(n, out);
	buf_str(out, n < 1000 ? " bytes" : "");
}

static struct cleanup_count all_removed(const struct cleanup_report *r)
{
	struct cleanup_count all = r->state;
	for (size_t i = 0; i < N_CLEANUP_KINDS; i++) {
		all.n += r->table.removed[i].n;
		all.bytes += r->table.removed[i].bytes;
	}
	return all;
}

static void put_kept(const struct cleanup_report *r, struct buf *out)
{
	const uint64_t *kept = r->table.kept;
	put_n(kept[CLEANUP_RECENT] + kept[CLEANUP_TAGGED] + kept[CLEANUP_IN_USE],
	      "version", out);
	buf_str(out, " kept (");
	if (kept[CLEANUP_TAGGED])
		buf_printf(out, "%" PRIu64 " tagged, ", kept[CLEANUP_TAGGED]);
	if (kept[CLEANUP_IN_USE])
		buf_printf(out, "%" PRIu64 " in use, ", kept[CLEANUP_IN_USE]);
	buf_printf(out, "%" PRIu64 " recent)", kept[CLEANUP_RECENT]);
	if (r->table.waiting.n) {
		buf_str(out, "; ");
		put_n(r->table.waiting.n, "file", out);
		buf_str(out, " of no version left, too young");
	}
}

static void put_removed(const struct cleanup_report *r, struct buf *out)
{
	struct cleanup_count all = all_removed(r);
	put_n(r->table.removed[CLEANUP_VERSIONS].n, "version", out);
	buf_str(out, ", ");
	put_n(all.n - r->table.removed[CLEANUP_VERSIONS].n, "file", out);
	buf_str(out, ", ");
	put_bytes(all.bytes, out);
}

static void put_sizes(const struct cleanup_report *r, struct buf *out)
{
	buf_str(out, "; ");
	put_bytes(r->table.bytes_before, out);
	buf_str(out, " -> ");
	put_bytes(r->table.bytes_after, out);
	buf_byte(out, '\n');
}

static void tell(const struct cleanup_report *r, bool is_dry, struct buf *out)
{
	if (all_removed(r).n == 0) {
		buf_str(out, "nothing to clean up: ");
		put_kept(r, out);
		buf_byte(out, '\n');
		return;
	}
	buf_str(out, is_dry ? "would clean up: " : "cleaned up: ");
	put_removed(r, out);
	if (is_dry)
		buf_str(out, " to be freed");
	else
		buf_printf(out, " freed in %.1f s", r->seconds);
	buf_str(out, "; ");
	put_kept(r, out);
	put_sizes(r, out);
}

/* What was done before it failed. */
static struct err *tell_failure(const struct cleanup_report *r, struct err *err)
{
	AUTO_BUF struct buf done = {0};
	if (all_removed(r).n == 0 || err->code == EINTR || err->code == ECANCELED)
		return err;
	put_removed(r, &done);
	if (r->table.n_failed) {
		buf_str(&done, "; ");
		put_n(r->table.n_failed, "file", &done);
		buf_str(&done, " could not be");
	}
	buf_byte(&done, 0);
	return done.failed ? err : err_wrap(err, "removed %s", (char *)done.data);
}

/* --- running --- */

static struct err *check_cleanup(const struct command_env *env, const struct words *w)
{
	struct cleanup_spec spec;
	(void)env;
	return options_of(w, &spec);
}

static struct err *run_cleanup(const struct command_env *env, const struct words *w,
			       struct buf *out)
{
	struct cleanup_spec spec;
	struct cleanup_report report;
	TRY(options_of(w, &spec));
	struct err *err = cleanup_table(env->table, &spec, env->job, &report);
	if (err)
		return tell_failure(&report, err);
	if (env->json)
		tell_json(&report, out);
	else
		tell(&report, spec.is_dry_run, out);
	return NULL;
}

static const char *const cleanup_words[] = {"older-than", "keep",
					    "unreferenced-older-than", "dry-run", NULL};

const struct command cmd_cleanup = {
	.name = "cleanup",
	.usage = "cleanup [--older-than=14d] [--keep=N] "
		 "[--unreferenced-older-than=7d] [--dry-run]",
	.summary = "remove old versions, and files that no version needs; with --keep "
		   "alone the N newest stay, of whatever age",
	.is_long = true,
	.is_job = true,
	.cleans_up = true,
	.check = check_cleanup,
	.options = cleanup_words,
	.run = run_cleanup,
};
