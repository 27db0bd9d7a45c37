// SPDX-License-Identifier: Apache-2.0
/*
 * refs.c: tags, one small JSON file each under _refs/tags/.
 * Source: Lance's docs, "Table Format", tags.
 */
#include "table/table_priv.h"

#include <errno.h>
#include <jansson.h>

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
