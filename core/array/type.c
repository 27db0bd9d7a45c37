// SPDX-License-Identifier: Apache-2.0
/*
 * type.c: making, comparing and asking about types.
 *
 * The width and the class of each type are columns of one table, indexed by
 * type_id.
 */
#include "array/array_priv.h"

#include <string.h>

enum {
	IS_INTEGER = 1,
	IS_FLOAT = 2,
	IS_SIGNED = 4,
	IS_STRING = 8,
	IS_BINARY = 16,
	IS_LARGE = 32,
	IS_NESTED = 64,
};

static const struct {
	uint16_t bits;
	uint8_t flags;
	uint8_t layout;
} facts[TYPE_N] = {
	[TYPE_NULL] = {0, 0, LAYOUT_NULL},
	[TYPE_BOOL] = {1, 0, LAYOUT_FIXED},
	[TYPE_INT8] = {8, IS_INTEGER | IS_SIGNED, LAYOUT_FIXED},
	[TYPE_INT16] = {16, IS_INTEGER | IS_SIGNED, LAYOUT_FIXED},
	[TYPE_INT32] = {32, IS_INTEGER | IS_SIGNED, LAYOUT_FIXED},
	[TYPE_INT64] = {64, IS_INTEGER | IS_SIGNED, LAYOUT_FIXED},
	[TYPE_UINT8] = {8, IS_INTEGER, LAYOUT_FIXED},
	[TYPE_UINT16] = {16, IS_INTEGER, LAYOUT_FIXED},
	[TYPE_UINT32] = {32, IS_INTEGER, LAYOUT_FIXED},
	[TYPE_UINT64] = {64, IS_INTEGER, LAYOUT_FIXED},
	[TYPE_FLOAT16] = {16, IS_FLOAT | IS_SIGNED, LAYOUT_FIXED},
	[TYPE_FLOAT32] = {32, IS_FLOAT | IS_SIGNED, LAYOUT_FIXED},
	[TYPE_FLOAT64] = {64, IS_FLOAT | IS_SIGNED, LAYOUT_FIXED},
	[TYPE_DECIMAL128] = {128, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_DECIMAL256] = {256, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_DATE32] = {32, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_DATE64] = {64, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_TIME32] = {32, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_TIME64] = {64, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_TIMESTAMP] = {64, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_DURATION] = {64, IS_SIGNED, LAYOUT_FIXED},
	[TYPE_FIXED_BINARY] = {0, 0, LAYOUT_FIXED},
	[TYPE_STRING] = {0, IS_STRING, LAYOUT_VAR},
	[TYPE_LARGE_STRING] = {0, IS_STRING | IS_LARGE, LAYOUT_VAR},
	[TYPE_BINARY] = {0, IS_BINARY, LAYOUT_VAR},
	[TYPE_LARGE_BINARY] = {0, IS_BINARY | IS_LARGE, LAYOUT_VAR},
	[TYPE_DICTIONARY] = {0, 0, LAYOUT_FIXED},
	[TYPE_LIST] = {0, IS_NESTED, LAYOUT_LIST},
	[TYPE_LARGE_LIST] = {0, IS_NESTED | IS_LARGE, LAYOUT_LIST},
	[TYPE_FIXED_LIST] = {0, IS_NESTED, LAYOUT_FIXED_LIST},
	[TYPE_STRUCT] = {0, IS_NESTED, LAYOUT_STRUCT},
	[TYPE_MAP] = {0, IS_NESTED, LAYOUT_LIST},
};

bool type_is_integer(enum type_id id)
{
	return facts[id].flags & IS_INTEGER;
}

bool type_is_float(enum type_id id)
{
	return facts[id].flags & IS_FLOAT;
}

bool type_is_string(enum type_id id)
{
	return facts[id].flags & IS_STRING;
}

bool type_is_binary(enum type_id id)
{
	return facts[id].flags & IS_BINARY;
}

bool type_is_var(enum type_id id)
{
	return facts[id].flags & (IS_STRING | IS_BINARY);
}

bool type_is_large(enum type_id id)
{
	return facts[id].flags & IS_LARGE;
}

bool type_is_nested(enum type_id id)
{
	return facts[id].flags & IS_NESTED;
}

bool type_is_signed(enum type_id id)
{
	return facts[id].flags & IS_SIGNED;
}

enum layout type_layout(const struct type *t)
{
	return (enum layout)facts[t->id].layout;
}

uint32_t type_bits(const struct type *t)
{
	if (t->id != TYPE_FIXED_BINARY)
		return facts[t->id].bits;
	return t->byte_width > 0 && t->byte_width < 1 << 28
		       ? (uint32_t)t->byte_width * 8
		       : 0;
}

uint32_t array_value_bits(const struct type *t)
{
	return t->id == TYPE_DICTIONARY ? facts[t->index_id].bits : type_bits(t);
}

uint64_t type_index_max(const struct type *t)
{
	unsigned bits = facts[t->index_id].bits - type_is_signed(t->index_id);
	return UINT64_MAX >> (64 - bits);
}

uint64_t type_row_bits(const struct type *t)
{
	uint64_t bits = 1;
	for (; t->id == TYPE_FIXED_LIST; t = t->children[0]->type)
		if (t->list_size <= 0 || ckd_mul(&bits, bits, (uint64_t)t->list_size))
			return 0;
	if (ckd_mul(&bits, bits, (uint64_t)type_bits(t)) || bits > (uint64_t)1 << 32)
		return 0;
	return bits;
}

struct err *type_new_nested(enum type_id id, size_t n_children, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(mem_new(&t));
	atomic_init(&t->refs, 1);
	t->id = id;
	t->index_id = TYPE_INT32;
	if (n_children) {
		TRY(mem_array(n_children, sizeof(struct field *), &t->children));
		t->n_children = n_children;
	}
	*ret = TAKE(t);
	return NULL;
}

struct err *type_new(enum type_id id, struct type **ret)
{
	return type_new_nested(id, 0, ret);
}

struct err *type_new_fixed_list(struct type *item, int32_t list_size, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(TYPE_FIXED_LIST, 1, &t));
	TRY(field_new("item", item, true, &t->children[0]));
	t->list_size = list_size;
	*ret = TAKE(t);
	return NULL;
}

struct type *type_ref(struct type *t)
{
	if (t)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void type_unref(struct type *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < t->n_children; i++)
		field_unref(t->children[i]);
	free(t->children);
	free(t->timezone);
	free(t);
}

static bool parameters_equal(const struct type *a, const struct type *b)
{
	switch (a->id) {
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL256:
		return a->precision == b->precision && a->scale == b->scale;
	case TYPE_TIME32:
	case TYPE_TIME64:
	case TYPE_DURATION:
		return a->unit == b->unit;
	case TYPE_TIMESTAMP:
		return a->unit == b->unit && !a->timezone == !b->timezone &&
		       (!a->timezone || strcmp(a->timezone, b->timezone) == 0);
	case TYPE_FIXED_BINARY:
		return a->byte_width == b->byte_width;
	case TYPE_DICTIONARY:
		return a->index_id == b->index_id;
	case TYPE_FIXED_LIST:
		return a->list_size == b->list_size;
	default:
		return true;
	}
}

bool type_equal(const struct type *a, const struct type *b)
{
	if (a == b)
		return true;
	if (a->id != b->id || a->n_children != b->n_children || !parameters_equal(a, b))
		return false;
	for (size_t i = 0; i < a->n_children; i++) {
		const struct field *fa = a->children[i], *fb = b->children[i];
		if (a->id == TYPE_STRUCT && strcmp(fa->name, fb->name) != 0)
			return false;
		if (!type_equal(fa->type, fb->type))
			return false;
	}
	return true;
}
