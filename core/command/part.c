// SPDX-License-Identifier: Apache-2.0
/*
 * part.c: parts of columns as columns of their own: members of structs, and
 * masks of nulls.
 */
#include "command/command.h"

#include <errno.h>

/* --- finding --- */

/* The member of a struct whose name is spelled so; n if there is none. */
static struct err *find_member(const struct field *f, const char *name, size_t *ret)
{
	for (*ret = 0; *ret < f->type->n_children; ++*ret) {
		AUTO_MEM char *known = NULL;
		TRY(name_encode(f->type->children[*ret]->name, &known));
		if (strcmp(known, name) == 0)
			return NULL;
	}
	return NULL;
}

static struct err *walk(char *rest, bool *ret_found, struct column_part_of *part)
{
	*ret_found = false;
	while (rest && part->depth < PART_DEPTH &&
	       part->leaf->type->id == TYPE_STRUCT) {
		char *dot = strchr(rest, '.');
		size_t i;
		if (dot)
			*dot = 0;
		TRY(find_member(part->leaf, rest, &i));
		if (i == part->leaf->type->n_children)
			return NULL;
		part->leaf = part->leaf->type->children[i];
		part->path[part->depth++] = i;
		rest = dot ? dot + 1 : NULL;
	}
	*ret_found = !rest;
	return NULL;
}

struct err *part_find(const struct version *v, const char *text, bool *ret_found,
		      struct column_part_of *ret)
{
	AUTO_MEM char *copy = NULL;
	struct column_part_of part = {0};
	TRY(str_dup(text, &copy));
	char *dot = strchr(copy, '.');
	*ret_found = false;
	if (!dot)
		return NULL;
	*dot = 0;
	part.column = name_find(v, copy);
	if (!part.column)
		return NULL;
	part.leaf = part.column;
	if (strcmp(dot + 1, "mask") == 0 && part.column->type->id != TYPE_STRUCT) {
		part.leaf = NULL;
		*ret_found = true;
	} else {
		TRY(walk(dot + 1, ret_found, &part));
	}
	*ret = part;
	return NULL;
}

struct err *part_field(const struct column_part_of *part, struct field **ret)
{
	AUTO(type) struct type *type = NULL;
	if (part->leaf)
		type = type_ref(part->leaf->type);
	else
		TRY(type_new(TYPE_BOOL, &type));
	return field_new(part->leaf ? part->leaf->name : part->column->name, type,
			 part->leaf != NULL, ret);
}

/* --- reading --- */

struct part_source {
	struct version *version; /* owned reference */
	struct column_part_of part;
	struct field *field; /* owned reference */
};

static void source_free(void *ctx)
{
	struct part_source *s = ctx;
	field_unref(s->field);
	version_unref(s->version);
	free(s);
}

static struct err *read_mask(struct part_source *s, uint64_t first, uint64_t end,
			     struct array **ret)
{
	AUTO_MEM uint8_t *is_null = NULL;
	AUTO(array) struct array *a = NULL;
	TRY(mem_array((size_t)(end - first), 1, &is_null));
	TRY(version_read_nulls(s->version, s->part.column, first, end, is_null));
	TRY(array_new(s->field->type, end - first, &a));
	TRY(bytes_new_zero(bitmap_bytes(end - first), &a->data));
	for (uint64_t i = 0; i < end - first; i++)
		if (is_null[i])
			bit_set(a->data->data, i);
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_member(struct part_source *s, uint64_t first, uint64_t end,
			       struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(version_read(s->version, s->part.column, first, end, &a));
	for (size_t i = 0; i < s->part.depth; i++) {
		AUTO(array) struct array *outer = TAKE(a);
		TRY(array_member(outer, s->part.path[i], &a));
	}
	*ret = TAKE(a);
	return NULL;
}

static struct err *source_read(void *ctx, uint64_t first, uint64_t end,
			       struct array **ret)
{
	struct part_source *s = ctx;
	return s->part.leaf ? read_member(s, first, end, ret)
			    : read_mask(s, first, end, ret);
}

struct err *part_view(struct version *v, const struct column_part_of *part,
		      const struct format_ops *format, struct view **ret)
{
	AUTO(field) struct field *f = NULL;
	struct part_source *s;
	TRY(part_field(part, &f));
	TRY(mem_new(&s));
	*s = (struct part_source){version_ref(v), *part, TAKE(f)};
	struct view_source source = {
		.read = source_read,
		.release = source_free,
		.ctx = s,
		.n_rows = version_rows(v),
		.field = s->field,
	};
	return view_open(format, &source, ret);
}
