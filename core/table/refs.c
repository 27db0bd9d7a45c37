// SPDX-License-Identifier: Apache-2.0
/*
 * refs.c: tags, one small JSON file each under _refs/tags/ of the main branch.
 * Source: Lance's docs, "Table Format", tags.
 */
#include "table/ref_json_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

struct tag_list {
	struct io_store *root;	/* borrowed */
	struct table_tag *tags; /* owned */
	size_t n, cap;
};

static void tag_fini(struct table_tag *tag)
{
	free(tag->name);
	free(tag->branch);
}

void tags_free(struct table_tag *tags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tag_fini(&tags[i]);
	free(tags);
}

static struct err *read_tag(struct io_store *root, const char *file,
			    struct table_tag *tag)
{
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *text = NULL;
	int64_t version;
	TRY(str_printf(&path, "_refs/tags/%s", file));
	TRY(io_read_all(root, path, LIMIT_REF_BYTES, &text));
	AUTO(json_object) struct json_object *json = ref_json(text);
	const char *branch = ref_string(json, "branch");
	if (!ref_integer(json, "version", &version) ||
	    (ref_member(json, "branch") && !branch))
		return err_new(EIO, "%s: not a tag", path);
	tag->version = (uint64_t)version;
	return branch && strcmp(branch, "main") != 0 ? str_dup(branch, &tag->branch)
						     : NULL;
}

static struct err *add_tag(void *ctx, const char *file)
{
	struct tag_list *l = ctx;
	struct table_tag tag = {0};
	if (!str_ends(file, ".json"))
		return NULL;
	TRY(mem_grow(l->n + 1, sizeof(*l->tags), &l->cap, &l->tags));
	TRY(read_tag(l->root, file, &tag));
	struct err *err = str_dup_len(file, strlen(file) - strlen(".json"), &tag.name);
	if (err) {
		tag_fini(&tag);
		return err;
	}
	l->tags[l->n++] = tag;
	return NULL;
}

static int compare_tags(const void *a, const void *b)
{
	return strcmp(((const struct table_tag *)a)->name,
		      ((const struct table_tag *)b)->name);
}

struct err *table_list_tags(struct table *t, struct table_tag **ret, size_t *ret_n)
{
	struct tag_list l = {.root = t->root};
	struct err *err = t->root ? io_list(t->root, "_refs/tags", add_tag, &l) : NULL;
	if (err) {
		tags_free(l.tags, l.n);
		return err;
	}
	if (l.n)
		qsort(l.tags, l.n, sizeof(*l.tags), compare_tags);
	*ret = l.tags;
	*ret_n = l.n;
	return NULL;
}

/* --- making and removing --- */

static bool is_tag_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

static struct err *check_tag(const char *name)
{
	bool ok = *name && *name != '.' && !str_ends(name, ".") &&
		  !str_ends(name, ".lock") && !strstr(name, "..") &&
		  strlen(name) <= 200;
	for (const char *p = name; *p; p++)
		ok = ok && is_tag_char(*p);
	return ok ? NULL
		  : err_new(EINVAL,
			    "'%s': a tag is letters, digits, '.', '-' and '_', with no "
			    "dot at its ends and no '..' or '.lock'",
			    name);
}

static struct err *tag_json(const struct version *v, struct buf *out)
{
	char when[40];
	struct timespec now;
	struct tm tm;
	const char *branch = v->table->branch, *quote = branch ? "\"" : "";
	clock_gettime(CLOCK_REALTIME, &now);
	if (!gmtime_r(&now.tv_sec, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm))
		when[0] = 0;
	buf_printf(out,
		   "{\"branch\":%s%s%s,\"version\":%" PRIu64
		   ",\"createdAt\":\"%s.%09ldZ\",\"updatedAt\":\"%s.%09ldZ\","
		   "\"manifestSize\":%zu,\"metadata\":{}}",
		   quote, branch ? branch : "null", quote, v->number, when, now.tv_nsec,
		   when, now.tv_nsec, v->raw->len);
	return buf_check(out);
}

/* Written aside and linked to its name, which must not exist. */
struct err *ref_publish(struct io_store *root, const char *dir, const char *name,
			const struct buf *text)
{
	uint8_t raw[16];
	char uuid[UUID_TEXT_LEN + 1];
	AUTO_MEM char *tmp = NULL;
	AUTO_MEM char *path = NULL;
	TRY(uuid_new(raw, uuid));
	TRY(str_printf(&tmp, "%s/.tmp_%s", dir, uuid));
	TRY(str_printf(&path, "%s/%s", dir, name));
	TRY(io_put(root, tmp, text->data, text->len));
	struct err *err = io_publish(root, tmp, path);
	if (err) {
		err_free(io_remove(root, tmp)); /* cleanup knows the name */
		return err;
	}
	err = io_sync_dir(root, dir);
	if (err) /* what may not last is not made */
		err_free(io_remove(root, path));
	return err;
}

/* Tags of all branches lie with the main branch. */
static struct err *tag_place(struct table *t, const char *name, char **ret_path)
{
	TRY(check_tag(name));
	if (!t->root)
		return err_new(EOPNOTSUPP, "the dataset of branch '%s' is not known",
			       t->branch);
	return str_printf(ret_path, "_refs/tags/%s.json", name);
}

struct err *table_set_tag(struct table *t, const char *name, uint64_t version)
{
	AUTO_BUF struct buf json = {0};
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *path = NULL;
	TRY(tag_place(t, name, &path));
	TRY(table_version(t, version, &v));
	TRY(version_check_writable(v));
	TRY(tag_json(v, &json));
	struct err *err =
		ref_publish(t->root, "_refs/tags", strrchr(path, '/') + 1, &json);
	if (!err || err->code != EEXIST)
		return err;
	err_free(err); /* told in other words */
	return err_new(EEXIST, "there is a tag '%s' already", name);
}

struct err *table_remove_tag(struct table *t, const char *name)
{
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	bool found;
	TRY(tag_place(t, name, &path));
	TRY(io_stat(t->root, path, &found, &st));
	if (!found)
		return err_new(ENOENT, "no tag '%s'", name);
	TRY(io_remove(t->root, path));
	return io_sync_dir(t->root, "_refs/tags");
}
