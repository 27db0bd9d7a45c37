// SPDX-License-Identifier: Apache-2.0
/*
 * packed.c: packed structs as their file has them.
 *
 * All members of a packed struct lie in one column, so the bytes of a dropped
 * member stay, and only the file's own schema tells which members a row has.
 * Members are told apart by their ids: names may have changed since.
 */
#include "file/file_priv.h"

static struct err *load_schema(struct file_reader *r)
{
	struct field **fields;
	size_t n;
	{
		LOCK_SCOPE(&r->lock);
		if (r->schema)
			return NULL;
	}
	TRY(file_reader_schema(r, &fields, &n));
	LOCK_SCOPE(&r->lock);
	if (r->schema) {
		fields_free(fields, n); /* another thread was faster */
		return NULL;
	}
	r->schema = fields;
	r->n_schema = n;
	return NULL;
}

static struct field *find_field(struct field *const *fields, size_t n, int32_t id)
{
	for (size_t i = 0; i < n; i++) {
		const struct type *t = fields[i]->type;
		if (fields[i]->id == id)
			return fields[i];
		struct field *found = find_field(t->children, t->n_children, id);
		if (found)
			return found;
	}
	return NULL;
}

static bool same_members(const struct type *a, const struct type *b)
{
	if (a->n_children != b->n_children)
		return false;
	for (size_t i = 0; i < a->n_children; i++)
		if (a->children[i]->id != b->children[i]->id)
			return false;
	return true;
}

struct err *packed_type(struct file_reader *r, const struct field *f, struct type **ret)
{
	*ret = f->type;
	if (!field_is_packed(f))
		return NULL;
	TRY(load_schema(r));
	/* once loaded it does not change */
	const struct field *found = find_field(r->schema, r->n_schema, f->id);
	if (found && field_is_packed(found) && !same_members(found->type, f->type))
		*ret = found->type;
	return NULL;
}

static struct err *take_member(const struct array *a, const struct field *wanted,
			       struct array **ret)
{
	for (size_t i = 0; i < a->n_children; i++) {
		if (a->type->children[i]->id != wanted->id)
			continue;
		*ret = array_ref(a->children[i]);
		return NULL;
	}
	return array_new_null(wanted->type, a->n_rows, ret);
}

struct err *packed_select(struct array *a, struct type *wanted, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	if (a->type == wanted) {
		*ret = array_ref(a);
		return NULL;
	}
	TRY(array_new(wanted, a->n_rows, &out));
	out->validity = bytes_ref(a->validity);
	out->n_nulls = a->n_nulls;
	for (size_t i = 0; i < wanted->n_children; i++)
		TRY(take_member(a, wanted->children[i], &out->children[i]));
	*ret = TAKE(out);
	return NULL;
}
