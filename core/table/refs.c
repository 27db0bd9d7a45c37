// SPDX-License-Identifier: Apache-2.0
/*
 * refs.c: tags, one small JSON file each under _refs/tags/.
 * Source: Lance's docs, "Table Format", tags.
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <time.h>

#define LIMIT_TAG_BYTES 65536

struct tag_list {
	struct table *table;
	struct table_tag *tags; /* owned */
	size_t n, cap;
};

void tags_free(struct table_tag *tags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(tags[i].name);
	free(tags);
}

/* false if the tag is on a branch */
static struct err *read_tag(struct table *t, const char *file, bool *ret_main,
			    uint64_t *ret_version)
{
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *text = NULL;
	json_error_t why;
	TRY(str_printf(&path, "_refs/tags/%s", file));
	TRY(io_read_all(t->store, path, LIMIT_TAG_BYTES, &text));
	json_t *json = json_loadb((const char *)text->data, text->len, 0, &why);
	json_t *version = json_object_get(json, "version");
	json_t *branch = json_object_get(json, "branch");
	bool is_number = json_is_integer(version);
	*ret_version = (uint64_t)json_integer_value(version);
	*ret_main =
		!json_is_string(branch) || !strcmp(json_string_value(branch), "main");
	json_decref(json);
	if (!is_number)
		return err_new(EIO, "%s: not a tag", path);
	return NULL;
}

static struct err *add_tag(void *ctx, const char *file)
{
	struct tag_list *l = ctx;
	struct table_tag tag = {0};
	bool is_main;
	if (!str_ends(file, ".json"))
		return NULL;
	TRY(read_tag(l->table, file, &is_main, &tag.version));
	if (!is_main)
		return NULL;
	TRY(mem_grow(l->n + 1, sizeof(*l->tags), &l->cap, &l->tags));
	TRY(str_dup_len(file, strlen(file) - strlen(".json"), &tag.name));
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
	struct tag_list l = {.table = t};
	struct err *err = io_list(t->store, "_refs/tags", add_tag, &l);
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
	clock_gettime(CLOCK_REALTIME, &now);
	if (!gmtime_r(&now.tv_sec, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm))
		when[0] = 0;
	buf_printf(out,
		   "{\"branch\":null,\"version\":%" PRIu64
		   ",\"createdAt\":\"%s.%09ldZ\",\"updatedAt\":\"%s.%09ldZ\","
		   "\"manifestSize\":%zu,\"metadata\":{}}",
		   v->number, when, now.tv_nsec, when, now.tv_nsec, v->raw->len);
	return buf_check(out);
}

/* Written aside and linked to its name, which must not exist. */
static struct err *publish_tag(struct table *t, const char *name,
			       const struct buf *json)
{
	uint8_t raw[16];
	char uuid[UUID_TEXT_LEN + 1];
	AUTO_MEM char *tmp = NULL;
	AUTO_MEM char *path = NULL;
	TRY(uuid_new(raw, uuid));
	TRY(str_printf(&tmp, "_refs/tags/.tmp_%s", uuid));
	TRY(str_printf(&path, "_refs/tags/%s.json", name));
	TRY(io_put(t->store, tmp, json->data, json->len));
	struct err *err = io_publish(t->store, tmp, path);
	if (!err)
		return io_sync_dir(t->store, "_refs/tags");
	err_free(io_remove(t->store, tmp)); /* cleanup knows the name */
	if (err->code != EEXIST)
		return err;
	err_free(err); /* told in other words */
	return err_new(EEXIST, "there is a tag '%s' already", name);
}

struct err *table_set_tag(struct table *t, const char *name, uint64_t version)
{
	AUTO_BUF struct buf json = {0};
	AUTO(version) struct version *v = NULL;
	TRY(check_tag(name));
	TRY(table_version(t, version, &v));
	TRY(version_check_writable(v));
	TRY(tag_json(v, &json));
	return publish_tag(t, name, &json);
}

struct err *table_remove_tag(struct table *t, const char *name)
{
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	bool found;
	TRY(check_tag(name));
	TRY(str_printf(&path, "_refs/tags/%s.json", name));
	TRY(io_stat(t->store, path, &found, &st));
	if (!found)
		return err_new(ENOENT, "no tag '%s'", name);
	TRY(io_remove(t->store, path));
	return io_sync_dir(t->store, "_refs/tags");
}
