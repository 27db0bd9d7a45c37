// SPDX-License-Identifier: Apache-2.0
/*
 * build.c: making arrays and types.
 */
#include "expr/expr_priv.h"

#include <errno.h>
#include <string.h>
#include <unicase.h>

/* --- types --- */

struct err *type_new_decimal(int32_t precision, int32_t scale, struct type **ret)
{
	TRY(type_new(precision > 38 ? TYPE_DECIMAL256 : TYPE_DECIMAL128, ret));
	(*ret)->precision = precision;
	(*ret)->scale = scale;
	return NULL;
}

struct err *type_new_unit(enum type_id id, enum time_unit unit, const char *zone,
			  struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new(id, &t));
	t->unit = unit;
	if (zone)
		TRY(str_dup(zone, &t->timezone));
	*ret = TAKE(t);
	return NULL;
}

struct err *type_new_list(struct type *item, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(TYPE_LIST, 1, &t));
	TRY(field_new("item", item, true, &t->children[0]));
	*ret = TAKE(t);
	return NULL;
}

static const struct {
	const char *name;
	enum type_id id;
} interval_members[] = {
	{"months", TYPE_INT32}, {"days", TYPE_INT32}, {"nanoseconds", TYPE_INT64}};

struct err *type_new_interval(struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(TYPE_STRUCT, 3, &t));
	for (size_t i = 0; i < 3; i++) {
		AUTO(type) struct type *member = NULL;
		TRY(type_new(interval_members[i].id, &member));
		TRY(field_new(interval_members[i].name, member, false,
			      &t->children[i]));
	}
	*ret = TAKE(t);
	return NULL;
}

bool type_is_interval(const struct type *t)
{
	if (t->id != TYPE_STRUCT || t->n_children != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (t->children[i]->nullable ||
		    t->children[i]->type->id != interval_members[i].id ||
		    strcmp(t->children[i]->name, interval_members[i].name) != 0)
			return false;
	return true;
}

/* --- arrays --- */

struct err *new_fixed(struct type *t, uint64_t n_rows, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	uint64_t bits;
	TRY(array_new(t, n_rows, &a));
	if (ckd_mul(&bits, n_rows, (uint64_t)type_bits(t)))
		return err_new(EOVERFLOW, "%llu rows", (unsigned long long)n_rows);
	TRY(bytes_new_zero((size_t)(bits / 8 + (bits % 8 != 0)), &a->data));
	*ret = TAKE(a);
	return NULL;
}

struct err *array_allow_nulls(struct array *a)
{
	if (a->validity)
		return NULL;
	TRY(bytes_new(bitmap_bytes(a->n_rows), &a->validity));
	memset(a->validity->data, 0, a->validity->len);
	bitmap_set_range(a->validity->data, 0, a->n_rows);
	return NULL;
}

int64_t array_i64(const struct array *a, uint64_t row)
{
	const uint8_t *p = a->data->data;
	switch (a->type->id) {
	case TYPE_BOOL:
		return bit_get(p, row);
	case TYPE_INT8:
		return (int8_t)p[row];
	case TYPE_UINT8:
		return p[row];
	case TYPE_INT16:
		return (int16_t)load_u16le(p + row * 2);
	case TYPE_UINT16:
		return load_u16le(p + row * 2);
	case TYPE_INT32:
	case TYPE_DATE32:
	case TYPE_TIME32:
		return (int32_t)load_u32le(p + row * 4);
	case TYPE_UINT32:
		return load_u32le(p + row * 4);
	default:
		return (int64_t)load_u64le(p + row * 8);
	}
}

double array_f64(const struct array *a, uint64_t row)
{
	const uint8_t *p = a->data->data;
	float f;
	double d;
	switch (a->type->id) {
	case TYPE_FLOAT64:
		memcpy(&d, p + row * 8, 8);
		return d;
	case TYPE_FLOAT32:
		memcpy(&f, p + row * 4, 4);
		return (double)f;
	case TYPE_FLOAT16:
		return (double)half_to_float(load_u16le(p + row * 2));
	case TYPE_UINT64:
		return (double)load_u64le(p + row * 8);
	default:
		return (double)array_i64(a, row);
	}
}

/* --- strings --- */

struct err *text_begin(struct text_builder *b, struct type *t, uint64_t n_rows)
{
	size_t width = type_is_large(t->id) ? 8 : 4, len;
	TRY(array_new(t, n_rows, &b->array));
	if (ckd_mul(&len, (size_t)n_rows + 1, width))
		return err_new(EOVERFLOW, "%llu rows", (unsigned long long)n_rows);
	TRY(bytes_new(len, &b->array->offsets));
	memset(b->array->offsets->data, 0, width);
	return NULL;
}

struct err *text_row(struct text_builder *b)
{
	uint8_t *offsets = b->array->offsets->data;
	if (b->n == b->array->n_rows)
		return err_new(EINVAL, "a row too many");
	b->n++;
	if (type_is_large(b->array->type->id))
		store_u64le(offsets + b->n * 8, b->data.len);
	else if (b->data.len > INT32_MAX)
		return err_new(EOVERFLOW, "a batch of strings has over 2 GiB");
	else
		store_u32le(offsets + b->n * 4, (uint32_t)b->data.len);
	return NULL;
}

struct err *text_null(struct text_builder *b)
{
	TRY(array_allow_nulls(b->array));
	bit_clear(b->array->validity->data, b->n);
	return text_row(b);
}

struct err *text_take(struct text_builder *b, struct array **ret)
{
	TRY(buf_check(&b->data));
	if (b->n != b->array->n_rows)
		return err_new(EINVAL, "rows are missing");
	TRY(bytes_new(b->data.len, &b->array->data));
	if (b->data.len)
		memcpy(b->array->data->data, b->data.data, b->data.len);
	*ret = TAKE(b->array);
	buf_fini(&b->data);
	return NULL;
}

void text_fini(struct text_builder *b)
{
	array_unref(b->array);
	buf_fini(&b->data);
	*b = (struct text_builder){0};
}

/* --- characters --- */

uint32_t unicode_fold(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	return uc_tolower(uc_toupper(c));
}
