// SPDX-License-Identifier: Apache-2.0
/*
 * cast_number.c: integers, floats and booleans as one another.
 *
 * A loop for each pair of types converts all values, nulls too, and says whether all
 * fitted; only if one did not are rows looked at one by one.  Floats lose their
 * fraction; what does not fit is a misfit, as is NaN.
 */
#include "expr/cast_priv.h"

#include <math.h>

/* Convert n values; false if one does not fit. */
typedef bool loop_fn(const void *src, void *dst, uint64_t n);

/* Integers: what comes back is the same, and has the same sign. */
#define INT_TO_INT(from, to)                                                           \
	static bool from##_##to(const void *src, void *dst, uint64_t n)                \
	{                                                                              \
		const from *s = src;                                                   \
		to *d = dst;                                                           \
		unsigned bad = 0;                                                      \
		for (uint64_t i = 0; i < n; i++) {                                     \
			d[i] = (to)s[i];                                               \
			bad |= (from)d[i] != s[i] || (d[i] < 0) != (s[i] < 0);         \
		}                                                                      \
		return !bad;                                                           \
	}

/* To floats: the nearest. */
#define TO_FLOAT(from, to)                                                             \
	static bool from##_##to(const void *src, void *dst, uint64_t n)                \
	{                                                                              \
		const from *s = src;                                                   \
		to *d = dst;                                                           \
		for (uint64_t i = 0; i < n; i++)                                       \
			d[i] = (to)s[i];                                               \
		return true;                                                           \
	}

/* From floats: the bounds are powers of two, so that floats have them exactly. */
#define FLOAT_TO_INT(from, to, low, top)                                               \
	static bool from##_##to(const void *src, void *dst, uint64_t n)                \
	{                                                                              \
		const from *s = src;                                                   \
		to *d = dst;                                                           \
		unsigned bad = 0;                                                      \
		for (uint64_t i = 0; i < n; i++) {                                     \
			double v = trunc((double)s[i]);                                \
			bool fits = v >= (low) && v < (top);                           \
			d[i] = fits ? (to)v : 0;                                       \
			bad |= !fits;                                                  \
		}                                                                      \
		return !bad;                                                           \
	}

typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef float f32;
typedef double f64;

#define FROM_INT(from)                                                                 \
	INT_TO_INT(from, i8)                                                           \
	INT_TO_INT(from, i16)                                                          \
	INT_TO_INT(from, i32)                                                          \
	INT_TO_INT(from, i64)                                                          \
	INT_TO_INT(from, u8)                                                           \
	INT_TO_INT(from, u16)                                                          \
	INT_TO_INT(from, u32)                                                          \
	INT_TO_INT(from, u64)                                                          \
	TO_FLOAT(from, f32)                                                            \
	TO_FLOAT(from, f64)

#define FROM_FLOAT(from)                                                               \
	FLOAT_TO_INT(from, i8, -0x1p7, 0x1p7)                                          \
	FLOAT_TO_INT(from, i16, -0x1p15, 0x1p15)                                       \
	FLOAT_TO_INT(from, i32, -0x1p31, 0x1p31)                                       \
	FLOAT_TO_INT(from, i64, -0x1p63, 0x1p63)                                       \
	FLOAT_TO_INT(from, u8, 0.0, 0x1p8)                                             \
	FLOAT_TO_INT(from, u16, 0.0, 0x1p16)                                           \
	FLOAT_TO_INT(from, u32, 0.0, 0x1p32)                                           \
	FLOAT_TO_INT(from, u64, 0.0, 0x1p64)                                           \
	TO_FLOAT(from, f32)                                                            \
	TO_FLOAT(from, f64)

#pragma GCC diagnostic push
/* comparisons with zero are always false of unsigned types, by design */
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wdouble-promotion"
FROM_INT(i8)
FROM_INT(i16)
FROM_INT(i32)
FROM_INT(i64)
FROM_INT(u8)
FROM_INT(u16)
FROM_INT(u32)
FROM_INT(u64)
FROM_FLOAT(f32)
FROM_FLOAT(f64)
#pragma GCC diagnostic pop

#define LOOPS(from)                                                                    \
	{                                                                              \
		from##_i8, from##_i16, from##_i32, from##_i64, from##_u8, from##_u16,  \
			from##_u32, from##_u64, from##_f32, from##_f64                 \
	}
#define N_LOOPS 10

static loop_fn *const loops[N_LOOPS][N_LOOPS] = {
	LOOPS(i8),  LOOPS(i16), LOOPS(i32), LOOPS(i64), LOOPS(u8),
	LOOPS(u16), LOOPS(u32), LOOPS(u64), LOOPS(f32), LOOPS(f64),
};

/* Place in the tables; -1 for half floats, which go by way of single ones. */
static int loop_index(const struct type *t)
{
	if (type_is_integer(t->id))
		return (int)t->id - TYPE_INT8;
	return t->id == TYPE_FLOAT32 ? 8 : t->id == TYPE_FLOAT64 ? 9 : -1;
}

bool cast_is_plain_number(const struct type *t)
{
	return type_is_integer(t->id) || type_is_float(t->id);
}

static struct err *halves_to_floats(const struct cast *c, struct array **ret)
{
	AUTO(type) struct type *single = NULL;
	AUTO(array) struct array *out = NULL;
	AUTO(array) struct array *a = NULL;
	TRY(type_new(TYPE_FLOAT32, &single));
	const struct cast to_single = {c->a, single, c->is_try, c->first_row};
	TRY(cast_fixed(&to_single, &a));
	for (uint64_t i = 0; i < c->a->n_rows; i++)
		((float *)(void *)a->data->data)[i] =
			half_to_float(load_u16le(c->a->data->data + i * 2));
	TRY(sql_cast(a, c->to, c->is_try, c->first_row, &out));
	*ret = TAKE(out);
	return NULL;
}

static struct err *floats_to_halves(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(cast_fixed(c, &out));
	for (uint64_t i = 0; i < c->a->n_rows; i++)
		store_u16le(out->data->data + i * 2,
			    half_from_double(array_f64(c->a, i)));
	*ret = TAKE(out);
	return NULL;
}

/* Row by row, since some value does not fit: that of a null does not matter. */
static struct err *slow_rows(const struct cast *c, loop_fn *loop, struct array *out)
{
	size_t from = type_bits(c->a->type) / 8, to = type_bits(c->to) / 8;
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		const uint8_t *src = c->a->data->data + row * from;
		uint8_t *dst = out->data->data + row * to;
		if (!array_is_null(c->a, row) && loop(src, dst, 1))
			continue;
		__builtin_memset(dst, 0, to);
		if (!array_is_null(c->a, row))
			TRY(cast_misfit(c, out, row));
	}
	return NULL;
}

struct err *cast_numbers(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	int from = loop_index(c->a->type), to = loop_index(c->to);
	if (from < 0)
		return halves_to_floats(c, ret);
	if (to < 0)
		return floats_to_halves(c, ret);
	loop_fn *loop = loops[from][to];
	TRY(cast_fixed(c, &out));
	if (!loop(c->a->data->data, out->data->data, c->a->n_rows))
		TRY(slow_rows(c, loop, out));
	*ret = TAKE(out);
	return NULL;
}

struct err *cast_to_bool(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(cast_fixed(c, &out));
	bool is_float = type_is_float(c->a->type->id);
	for (uint64_t i = 0; i < c->a->n_rows; i++)
		if (is_float ? array_f64(c->a, i) != 0 : array_i64(c->a, i) != 0)
			bit_set(out->data->data, i);
	*ret = TAKE(out);
	return NULL;
}

struct err *cast_from_bool(const struct cast *c, struct array **ret)
{
	AUTO(type) struct type *bytes = NULL;
	AUTO(array) struct array *a = NULL;
	TRY(type_new(TYPE_UINT8, &bytes));
	const struct cast to_bytes = {c->a, bytes, c->is_try, c->first_row};
	TRY(cast_fixed(&to_bytes, &a));
	for (uint64_t i = 0; i < c->a->n_rows; i++)
		a->data->data[i] = bit_get(c->a->data->data, i);
	return sql_cast(a, c->to, c->is_try, c->first_row, ret);
}
