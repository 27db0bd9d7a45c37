// SPDX-License-Identifier: Apache-2.0
/*
 * fn_compare.c: which of two values is greater.
 */
#include "expr/cast_priv.h"
#include "expr/fn_priv.h"

#include <math.h>
#include <string.h>

/* Bits of a float as an integer of the same order: NaN is above all, -0 below 0. */
static int64_t float_order(const struct array *a, uint64_t row)
{
	double d = array_f64(a, row);
	int64_t bits;
	memcpy(&bits, &d, sizeof(bits));
	return bits < 0 ? bits ^ INT64_MAX : bits;
}

static int order_i64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int order_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int order_bytes(const uint8_t *p, uint64_t n, const uint8_t *q, uint64_t m)
{
	uint64_t both = MIN_OF(n, m);
	int order = both ? memcmp(p, q, both) : 0;
	return order ? order : order_u64(n, m);
}

static int order_var(const struct array *a, uint64_t i, const struct array *b,
		     uint64_t j)
{
	uint64_t n, m;
	const uint8_t *p = array_var(a, i, &n), *q = array_var(b, j, &m);
	return order_bytes(p, n, q, m);
}

struct span {
	uint64_t first, end;
};

static struct span items_of(const struct array *a, uint64_t row)
{
	uint64_t size = (uint64_t)a->type->list_size;
	if (a->type->id == TYPE_FIXED_LIST)
		return (struct span){row * size, row * size + size};
	return (struct span){array_offset(a, row), array_offset(a, row + 1)};
}

static int order_nullable(const struct array *a, uint64_t i, const struct array *b,
			  uint64_t j)
{
	bool is_a = !array_is_null(a, i), is_b = !array_is_null(b, j);
	return is_a && is_b ? value_compare(a, i, b, j) : is_a - is_b;
}

static int order_lists(const struct array *a, uint64_t i, const struct array *b,
		       uint64_t j)
{
	struct span s = items_of(a, i), t = items_of(b, j);
	uint64_t n = s.end - s.first, m = t.end - t.first;
	for (uint64_t k = 0; k < MIN_OF(n, m); k++) {
		int order = order_nullable(a->children[0], s.first + k, b->children[0],
					   t.first + k);
		if (order)
			return order;
	}
	return order_u64(n, m);
}

static int order_structs(const struct array *a, uint64_t i, const struct array *b,
			 uint64_t j)
{
	for (size_t k = 0; k < a->n_children; k++) {
		int order = order_nullable(a->children[k], i, b->children[k], j);
		if (order)
			return order;
	}
	return 0;
}

static int order_decimals(const struct array *a, uint64_t i, const struct array *b,
			  uint64_t j)
{
	i128 v = load_i128(a->data->data + i * 16);
	i128 w = load_i128(b->data->data + j * 16);
	return (v > w) - (v < w);
}

int value_compare(const struct array *a, uint64_t i, const struct array *b, uint64_t j)
{
	enum type_id id = a->type->id;
	size_t width = type_bits(a->type) / 8;
	if (type_is_var(id))
		return order_var(a, i, b, j);
	if (id == TYPE_STRUCT)
		return order_structs(a, i, b, j);
	if (type_is_nested(id))
		return order_lists(a, i, b, j);
	if (type_is_float(id))
		return order_i64(float_order(a, i), float_order(b, j));
	if (id == TYPE_DECIMAL128)
		return order_decimals(a, i, b, j);
	if (id == TYPE_UINT64)
		return order_u64((uint64_t)array_i64(a, i), (uint64_t)array_i64(b, j));
	if (id == TYPE_FIXED_BINARY || id == TYPE_DECIMAL256)
		return order_bytes(a->data->data + i * width, width,
				   b->data->data + j * width, width);
	return order_i64(array_i64(a, i), array_i64(b, j));
}

bool type_is_ordered(const struct type *t)
{
	return t->id != TYPE_MAP && t->id != TYPE_DICTIONARY &&
	       t->id != TYPE_DECIMAL256;
}
