// SPDX-License-Identifier: Apache-2.0
/*
 * array.c: making arrays and reading single values.
 */
#include "array/array_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *too_large(uint64_t n_rows)
{
	return err_new(EOVERFLOW, "%" PRIu64 " rows do not fit in memory", n_rows);
}

struct err *array_data_bytes(const struct type *t, uint64_t n_rows, size_t *ret)
{
	uint32_t bits = array_value_bits(t);
	size_t len;
	if (bits == 1)
		len = n_rows / 8 + (n_rows % 8 != 0);
	else if (ckd_mul(&len, n_rows, (uint64_t)bits / 8))
		return too_large(n_rows);
	*ret = len;
	return NULL;
}

struct err *array_offsets_bytes(const struct type *t, uint64_t n_rows, size_t *ret)
{
	size_t len;
	if (ckd_add(&len, n_rows, (uint64_t)1) ||
	    ckd_mul(&len, len, (size_t)(type_is_large(t->id) ? 8 : 4)))
		return too_large(n_rows);
	*ret = len;
	return NULL;
}

struct err *array_new(struct type *type, uint64_t n_rows, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(mem_new(&a));
	atomic_init(&a->refs, 1);
	a->type = type_ref(type);
	a->n_rows = n_rows;
	a->n_nulls = type->id == TYPE_NULL ? n_rows : 0;
	if (type->n_children) {
		TRY(mem_array(type->n_children, sizeof(struct array *), &a->children));
		a->n_children = type->n_children;
	}
	*ret = TAKE(a);
	return NULL;
}

static struct err *null_child_rows(const struct type *t, uint64_t n_rows, uint64_t *ret)
{
	*ret = 0;
	if (t->id == TYPE_STRUCT)
		*ret = n_rows;
	else if (t->id == TYPE_FIXED_LIST &&
		 ckd_mul(ret, n_rows, (uint64_t)(t->list_size > 0 ? t->list_size : 0)))
		return too_large(n_rows);
	return NULL;
}

struct err *array_new_null(struct type *type, uint64_t n_rows, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(type, n_rows, &a));
	enum layout layout = type_layout(type);
	uint64_t child_rows;
	size_t len;
	TRY(null_child_rows(type, n_rows, &child_rows));
	if (layout != LAYOUT_NULL) {
		TRY(bytes_new_zero(bitmap_bytes(n_rows), &a->validity));
		a->n_nulls = n_rows;
	}
	if (layout == LAYOUT_FIXED || layout == LAYOUT_VAR) {
		TRY(array_data_bytes(type, n_rows, &len));
		TRY(bytes_new_zero(len, &a->data));
	}
	if (layout == LAYOUT_VAR || layout == LAYOUT_LIST) {
		TRY(array_offsets_bytes(type, n_rows, &len));
		TRY(bytes_new_zero(len, &a->offsets));
	}
	for (size_t i = 0; i < a->n_children; i++)
		TRY(array_new_null(type->children[i]->type, child_rows,
				   &a->children[i]));
	*ret = TAKE(a);
	return NULL;
}

struct array *array_ref(struct array *a)
{
	if (a)
		atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void array_unref(struct array *a)
{
	if (!a || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < a->n_children; i++)
		array_unref(a->children[i]);
	free(a->children);
	bytes_unref(a->validity);
	bytes_unref(a->offsets);
	bytes_unref(a->data);
	type_unref(a->type);
	free(a);
}

uint64_t array_offset(const struct array *a, uint64_t i)
{
	const uint8_t *p = a->offsets->data;
	return type_is_large(a->type->id) ? load_u64le(p + i * 8)
					  : load_u32le(p + i * 4);
}

const uint8_t *array_var(const struct array *a, uint64_t row, uint64_t *ret_len)
{
	uint64_t first = array_offset(a, row);
	*ret_len = array_offset(a, row + 1) - first;
	return a->data->data + first;
}

uint64_t array_index(const struct array *a, uint64_t row)
{
	const uint8_t *p = a->data->data;
	switch (a->type->index_id) {
	case TYPE_INT8:
		return (uint64_t)(int8_t)p[row];
	case TYPE_UINT8:
		return p[row];
	case TYPE_INT16:
		return (uint64_t)(int16_t)load_u16le(p + row * 2);
	case TYPE_UINT16:
		return load_u16le(p + row * 2);
	case TYPE_INT32:
		return (uint64_t)(int32_t)load_u32le(p + row * 4);
	case TYPE_UINT32:
		return load_u32le(p + row * 4);
	default:
		return load_u64le(p + row * 8);
	}
}

uint64_t array_bytes(const struct array *a)
{
	uint64_t n = (a->validity ? a->validity->len : 0) +
		     (a->offsets ? a->offsets->len : 0) + (a->data ? a->data->len : 0);
	for (size_t i = 0; i < a->n_children; i++)
		n += a->children[i] ? array_bytes(a->children[i]) : 0;
	return n;
}

struct err *array_member(const struct array *a, size_t i, struct array **ret)
{
	struct array *child = a->children[i];
	AUTO(array) struct array *out = NULL;
	AUTO(bytes) struct bytes *valid = NULL;
	size_t len = bitmap_bytes(a->n_rows);
	if (!a->n_nulls || child->type->id == TYPE_NULL) {
		*ret = array_ref(child);
		return NULL;
	}
	TRY(bytes_new_zero(len, &valid));
	for (size_t k = 0; k < len; k++)
		valid->data[k] = a->validity->data[k] &
				 (child->validity ? child->validity->data[k] : 0xff);
	TRY(array_new(child->type, child->n_rows, &out));
	out->n_nulls = a->n_rows - bitmap_count(valid->data, 0, a->n_rows);
	out->validity = TAKE(valid);
	out->offsets = bytes_ref(child->offsets);
	out->data = bytes_ref(child->data);
	for (size_t k = 0; k < child->n_children; k++)
		out->children[k] = array_ref(child->children[k]);
	*ret = TAKE(out);
	return NULL;
}
