// SPDX-License-Identifier: Apache-2.0
/*
 * array_check.c: comparing arrays, and the check of what array.h promises.
 */
#include "array/array_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* --- equality --- */

static bool float_nan(enum type_id id, const uint8_t *p)
{
	switch (id) {
	case TYPE_FLOAT16:
		return (load_u16le(p) & 0x7fff) > 0x7c00;
	case TYPE_FLOAT32:
		return (load_u32le(p) & 0x7fffffff) > 0x7f800000;
	default:
		return (load_u64le(p) & INT64_MAX) > 0x7ff0000000000000;
	}
}

static bool fixed_equal(const struct array *a, uint64_t i, const struct array *b,
			uint64_t j)
{
	uint32_t bits = array_value_bits(a->type);
	if (bits == 0)
		return true;
	if (bits == 1)
		return bit_get(a->data->data, i) == bit_get(b->data->data, j);
	const uint8_t *p = a->data->data + i * (bits / 8);
	const uint8_t *q = b->data->data + j * (bits / 8);
	if (memcmp(p, q, bits / 8) == 0)
		return true;
	return type_is_float(a->type->id) && float_nan(a->type->id, p) &&
	       float_nan(a->type->id, q);
}

static bool range_equal(const struct array *a, uint64_t i, const struct array *b,
			uint64_t j, uint64_t n);

static bool list_equal(const struct array *a, uint64_t i, const struct array *b,
		       uint64_t j)
{
	uint64_t p = array_offset(a, i), q = array_offset(b, j);
	uint64_t n = array_offset(a, i + 1) - p;
	return n == array_offset(b, j + 1) - q &&
	       range_equal(a->children[0], p, b->children[0], q, n);
}

static bool var_equal(const struct array *a, uint64_t i, const struct array *b,
		      uint64_t j)
{
	uint64_t a_len, b_len;
	const uint8_t *p = array_var(a, i, &a_len);
	const uint8_t *q = array_var(b, j, &b_len);
	return a_len == b_len && memcmp(p, q, a_len) == 0;
}

static bool struct_equal(const struct array *a, uint64_t i, const struct array *b,
			 uint64_t j)
{
	for (size_t m = 0; m < a->n_children; m++)
		if (!range_equal(a->children[m], i, b->children[m], j, 1))
			return false;
	return true;
}

static bool value_equal(const struct array *a, uint64_t i, const struct array *b,
			uint64_t j)
{
	if (a->type->id == TYPE_DICTIONARY)
		return range_equal(a->children[0], array_index(a, i), b->children[0],
				   array_index(b, j), 1);
	uint64_t k = (uint64_t)a->type->list_size;
	switch (type_layout(a->type)) {
	case LAYOUT_NULL:
		return true;
	case LAYOUT_FIXED:
		return fixed_equal(a, i, b, j);
	case LAYOUT_VAR:
		return var_equal(a, i, b, j);
	case LAYOUT_LIST:
		return list_equal(a, i, b, j);
	case LAYOUT_FIXED_LIST:
		return range_equal(a->children[0], i * k, b->children[0], j * k, k);
	case LAYOUT_STRUCT:
		return struct_equal(a, i, b, j);
	}
	return false;
}

static bool range_equal(const struct array *a, uint64_t i, const struct array *b,
			uint64_t j, uint64_t n)
{
	size_t width = type_bits(a->type) / 8;
	if (!a->validity && !b->validity && width &&
	    memcmp(a->data->data + i * width, b->data->data + j * width, n * width) ==
		    0)
		return true;
	for (uint64_t r = 0; r < n; r++) {
		bool is_null = array_is_null(a, i + r);
		if (is_null != array_is_null(b, j + r))
			return false;
		if (!is_null && !value_equal(a, i + r, b, j + r))
			return false;
	}
	return true;
}

bool array_equal(const struct array *a, const struct array *b)
{
	return type_equal(a->type, b->type) && a->n_rows == b->n_rows &&
	       range_equal(a, 0, b, 0, a->n_rows);
}

/* --- validity of the structure --- */

static struct err *check_validity(const struct array *a)
{
	if (a->type->id == TYPE_NULL)
		return NULL;
	uint64_t n_nulls = 0;
	if (a->validity) {
		if (a->validity->len < bitmap_bytes(a->n_rows))
			return err_new(EIO,
				       "validity of %zu bytes for %" PRIu64 " rows",
				       a->validity->len, a->n_rows);
		n_nulls = a->n_rows - bitmap_count(a->validity->data, 0, a->n_rows);
	}
	if (n_nulls != a->n_nulls)
		return err_new(EIO, "%" PRIu64 " nulls, counted %" PRIu64, a->n_nulls,
			       n_nulls);
	return NULL;
}

static struct err *check_fixed(const struct array *a)
{
	size_t len;
	TRY(array_data_bytes(a->type, a->n_rows, &len));
	if (!a->data || a->data->len < len)
		return err_new(EIO, "data of %zu bytes, wanted %zu",
			       a->data ? a->data->len : 0, len);
	return NULL;
}

/* ret_end: where the last offset points. */
static struct err *check_offsets(const struct array *a, uint64_t *ret_end)
{
	size_t len;
	TRY(array_offsets_bytes(a->type, a->n_rows, &len));
	if (!a->offsets || a->offsets->len < len)
		return err_new(EIO, "offsets of %zu bytes, wanted %zu",
			       a->offsets ? a->offsets->len : 0, len);
	uint64_t last = array_offset(a, 0);
	if (last != 0)
		return err_new(EIO, "the first offset is %" PRIu64, last);
	for (uint64_t i = 1; i <= a->n_rows; i++) {
		uint64_t next = array_offset(a, i);
		if (next < last)
			return err_new(EIO, "offset %" PRIu64 " decreases", i);
		last = next;
	}
	if (last > (type_is_large(a->type->id) ? INT64_MAX : INT32_MAX))
		return err_new(EIO, "offset %" PRIu64 " is out of range", last);
	*ret_end = last;
	return NULL;
}

static struct err *check_indices(const struct array *a)
{
	TRY(check_fixed(a));
	uint64_t n = a->children[0]->n_rows;
	for (uint64_t i = 0; i < a->n_rows; i++)
		if (!array_is_null(a, i) && array_index(a, i) >= n)
			return err_new(EIO,
				       "row %" PRIu64 ": index of %" PRIu64 " values",
				       i, n);
	return NULL;
}

static struct err *check_child_rows(const struct array *a, uint64_t want)
{
	for (size_t i = 0; i < a->n_children; i++)
		if (a->children[i]->n_rows < want)
			return err_new(
				EIO, "child %zu has %" PRIu64 " rows, wanted %" PRIu64,
				i, a->children[i]->n_rows, want);
	return NULL;
}

static struct err *check_layout(const struct array *a)
{
	uint64_t end = a->n_rows;
	switch (type_layout(a->type)) {
	case LAYOUT_NULL:
		return NULL;
	case LAYOUT_FIXED:
		return a->type->id == TYPE_DICTIONARY ? check_indices(a)
						      : check_fixed(a);
	case LAYOUT_VAR:
		TRY(check_offsets(a, &end));
		if (!a->data || a->data->len < end)
			return err_new(EIO, "data of %zu bytes, wanted %" PRIu64,
				       a->data ? a->data->len : 0, end);
		return NULL;
	case LAYOUT_LIST:
		TRY(check_offsets(a, &end));
		break;
	case LAYOUT_FIXED_LIST:
		if (a->type->list_size < 0 ||
		    ckd_mul(&end, end, (uint64_t)a->type->list_size))
			return err_new(EIO, "list of %d items", a->type->list_size);
		break;
	case LAYOUT_STRUCT:
		break;
	}
	return check_child_rows(a, end);
}

static struct err *validate(const struct array *a, unsigned depth)
{
	if (depth > LIMIT_NESTING)
		return err_new(EIO, "nested deeper than %d", LIMIT_NESTING);
	if (a->n_children != a->type->n_children)
		return err_new(EIO, "%zu children, wanted %zu", a->n_children,
			       a->type->n_children);
	for (size_t i = 0; i < a->n_children; i++) {
		if (!a->children[i])
			return err_new(EIO, "child %zu is missing", i);
		if (!type_equal(a->children[i]->type, a->type->children[i]->type))
			return err_new(EIO, "child %zu is of another type", i);
		TRY_CTX(validate(a->children[i], depth + 1), "child %zu", i);
	}
	TRY(check_validity(a));
	return check_layout(a);
}

struct err *array_validate(const struct array *a)
{
	return validate(a, 0);
}
