// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_convert.c: arrays of a file's type as arrays of the type that is wanted.
 *
 * Only what loses nothing and needs no thought: offsets of the other width, at any
 * depth, and a column without values for one of any type.
 */
#include "format/arrow_priv.h"

#include <errno.h>

static bool same_but_width(enum type_id a, enum type_id b)
{
	bool lists = (a == TYPE_LIST && b == TYPE_LARGE_LIST) ||
		     (a == TYPE_LARGE_LIST && b == TYPE_LIST);
	return lists || (type_is_string(a) && type_is_string(b)) ||
	       (type_is_binary(a) && type_is_binary(b));
}

/* Of a type with children: all but those is equal. */
static bool same_parameters(const struct type *a, const struct type *b)
{
	if (a->id != b->id || a->n_children != b->n_children ||
	    a->list_size != b->list_size || a->index_id != b->index_id)
		return false;
	for (size_t i = 0; a->id == TYPE_STRUCT && i < a->n_children; i++)
		if (strcmp(a->children[i]->name, b->children[i]->name) != 0)
			return false;
	return true;
}

bool arrow_converts(const struct type *from, const struct type *to)
{
	if (type_equal(from, to) || from->id == TYPE_NULL)
		return true;
	if (!same_but_width(from->id, to->id) &&
	    (!type_is_nested(from->id) || !same_parameters(from, to)))
		return false;
	for (size_t i = 0; i < from->n_children; i++)
		if (!arrow_converts(from->children[i]->type, to->children[i]->type))
			return false;
	return true;
}

static struct err *convert_offsets(const struct array *a, struct array *out)
{
	bool large = type_is_large(out->type->id);
	if (large == type_is_large(a->type->id)) {
		out->offsets = bytes_ref(a->offsets);
		return NULL;
	}
	if (!large && array_offset(a, a->n_rows) > INT32_MAX)
		return err_new(EINVAL, "more than 2 GiB in one batch; write smaller "
				       "batches");
	TRY(bytes_new((size_t)(a->n_rows + 1) * (large ? 8 : 4), &out->offsets));
	for (uint64_t i = 0; i <= a->n_rows; i++) {
		uint64_t v = array_offset(a, i);
		if (large)
			store_u64le(out->offsets->data + i * 8, v);
		else
			store_u32le(out->offsets->data + i * 4, (uint32_t)v);
	}
	return NULL;
}

struct err *arrow_convert(struct array *a, struct type *to, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	if (type_equal(a->type, to)) {
		*ret = array_ref(a);
		return NULL;
	}
	if (a->type->id == TYPE_NULL)
		return array_new_null(to, a->n_rows, ret);
	TRY(array_new(to, a->n_rows, &out));
	out->n_nulls = a->n_nulls;
	out->validity = bytes_ref(a->validity);
	out->data = bytes_ref(a->data);
	if (a->offsets)
		TRY(convert_offsets(a, out));
	for (size_t i = 0; i < a->n_children; i++)
		TRY(arrow_convert(a->children[i], to->children[i]->type,
				  &out->children[i]));
	*ret = TAKE(out);
	return NULL;
}
