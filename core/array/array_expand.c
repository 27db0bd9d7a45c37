// SPDX-License-Identifier: Apache-2.0
/*
 * array_expand.c: arrays with each dictionary replaced by its values.
 *
 * A dictionary may stand at any depth: as a column, as the items of a list, as
 * a member of a struct.  Buffers of what holds none are shared.
 */
#include "array/array_priv.h"

#include <errno.h>
#include <inttypes.h>

bool type_has_dictionary(const struct type *t)
{
	if (t->id == TYPE_DICTIONARY)
		return true;
	for (size_t i = 0; i < t->n_children; i++)
		if (type_has_dictionary(t->children[i]->type))
			return true;
	return false;
}

static struct err *expand_field(struct field *f, struct field **ret);

static struct err *expand_type(struct type *t, struct type **ret)
{
	AUTO(type) struct type *out = NULL;
	if (t->id == TYPE_DICTIONARY)
		return expand_type(t->children[0]->type, ret);
	if (!type_has_dictionary(t)) {
		*ret = type_ref(t);
		return NULL;
	}
	TRY(type_new_nested(t->id, t->n_children, &out));
	out->list_size = t->list_size;
	for (size_t i = 0; i < t->n_children; i++)
		TRY(expand_field(t->children[i], &out->children[i]));
	*ret = TAKE(out);
	return NULL;
}

static struct err *expand_field(struct field *f, struct field **ret)
{
	AUTO(type) struct type *type = NULL;
	AUTO(field) struct field *out = NULL;
	TRY(expand_type(f->type, &type));
	if (type == f->type) {
		*ret = field_ref(f);
		return NULL;
	}
	TRY(field_new(f->name, type, f->nullable, &out));
	out->id = f->id;
	for (size_t i = 0; i < f->n_metadata; i++)
		TRY(field_set_metadata(out, f->metadata[i].key, f->metadata[i].value,
				       f->metadata[i].value_len));
	*ret = TAKE(out);
	return NULL;
}

/* The values of a dictionary's rows, null where the row is null or its value is.  A
 * null takes no bytes: one is put behind the values for such rows to point to. */
static struct err *look_up(const struct array *a, struct array *values,
			   struct array **ret)
{
	AUTO_MEM uint64_t *rows = NULL;
	AUTO(array) struct array *null = NULL;
	AUTO(array) struct array *all = NULL;
	TRY(array_new_null(values->type, 1, &null));
	TRY(array_concat((struct array *[]){values, null}, 2, &all));
	TRY(mem_array(a->n_rows, sizeof(*rows), &rows));
	for (uint64_t row = 0; row < a->n_rows; row++) {
		rows[row] = values->n_rows;
		if (array_is_null(a, row))
			continue;
		rows[row] = array_index(a, row);
		if (rows[row] >= values->n_rows)
			return err_new(EIO, "dictionary: index %" PRIu64 " of %" PRIu64,
				       rows[row], values->n_rows);
	}
	return array_take(all, rows, a->n_rows, ret);
}

/* The node anew, with children expanded where they need it. */
static struct err *expand_node(const struct array *a, struct array **ret)
{
	AUTO(type) struct type *type = NULL;
	AUTO(array) struct array *out = NULL;
	TRY(expand_type(a->type, &type));
	TRY(array_new(type, a->n_rows, &out));
	out->n_nulls = a->n_nulls;
	out->validity = bytes_ref(a->validity);
	out->offsets = bytes_ref(a->offsets);
	out->data = bytes_ref(a->data);
	for (size_t i = 0; i < a->n_children; i++) {
		struct array *child = a->children[i];
		if (type_has_dictionary(child->type))
			TRY(array_expand(child, &out->children[i]));
		else
			out->children[i] = array_ref(child);
	}
	*ret = TAKE(out);
	return NULL;
}

struct err *array_expand(const struct array *a, struct array **ret)
{
	AUTO(array) struct array *values = NULL;
	if (a->type->id != TYPE_DICTIONARY)
		return expand_node(a, ret);
	TRY(array_expand(a->children[0], &values));
	return look_up(a, values, ret);
}

/* --- offsets of another width --- */

static struct err *store_offset(struct array *out, uint64_t i, uint64_t v)
{
	if (type_is_large(out->type->id))
		store_u64le(out->offsets->data + i * 8, v);
	else if (v > INT32_MAX)
		return err_new(EOVERFLOW, "too many bytes for 32-bit offsets");
	else
		store_u32le(out->offsets->data + i * 4, (uint32_t)v);
	return NULL;
}

struct err *array_as_var(const struct array *a, struct type *to, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	bool is_large = type_is_large(to->id);
	TRY(array_new(to, a->n_rows, &out));
	out->n_nulls = a->n_nulls;
	out->validity = bytes_ref(a->validity);
	out->data = bytes_ref(a->data);
	if (is_large == type_is_large(a->type->id)) {
		out->offsets = bytes_ref(a->offsets);
		*ret = TAKE(out);
		return NULL;
	}
	TRY(bytes_new((size_t)(a->n_rows + 1) * (is_large ? 8 : 4), &out->offsets));
	for (uint64_t i = 0; i <= a->n_rows; i++)
		TRY(store_offset(out, i, array_offset(a, i)));
	*ret = TAKE(out);
	return NULL;
}
