// SPDX-License-Identifier: Apache-2.0
/*
 * cast_decimal.c: decimals of up to 38 digits and other numbers.
 *
 * To a smaller scale halves are rounded away from zero; to integers the fraction is cut
 * off.  Every result is checked against the precision of its type.
 */
#include "expr/cast_priv.h"

#include <math.h>

i128 i128_pow10(unsigned n)
{
	i128 v = 1;
	while (n-- > 0)
		v *= 10;
	return v;
}

bool i128_fits(i128 v, int32_t precision)
{
	if (precision > DECIMAL_DIGITS)
		return true;
	i128 top = i128_pow10((unsigned)precision);
	return v < top && v > -top;
}

bool i128_rescale(i128 v, int32_t from_scale, int32_t to_scale, i128 *ret)
{
	int32_t up = to_scale - from_scale;
	if (up >= 0) {
		if (up > DECIMAL_DIGITS)
			return v == 0 && (*ret = 0, true);
		return !__builtin_mul_overflow(v, i128_pow10((unsigned)up), ret);
	}
	if (-up > DECIMAL_DIGITS) {
		*ret = 0;
		return true;
	}
	i128 by = i128_pow10((unsigned)-up), half = by / 2, rest = v % by;
	*ret = v / by + (rest >= half) - (rest <= -half);
	return true;
}

struct err *cast_decimals(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(cast_fixed(c, &out));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		i128 v = load_i128(c->a->data->data + row * 16);
		if (array_is_null(c->a, row))
			continue;
		if (i128_rescale(v, c->a->type->scale, c->to->scale, &v) &&
		    i128_fits(v, c->to->precision))
			store_i128(out->data->data + row * 16, v);
		else
			TRY(cast_misfit(c, out, row));
	}
	*ret = TAKE(out);
	return NULL;
}

static i128 whole_number(const struct array *a, uint64_t row)
{
	if (a->type->id == TYPE_UINT64)
		return (i128)load_u64le(a->data->data + row * 8);
	return array_i64(a, row);
}

static bool float_to_decimal(double v, int32_t scale, i128 *ret)
{
	v = round(v * __builtin_powi(10, scale));
	if (!(v > -0x1p127 && v < 0x1p127))
		return false;
	*ret = (i128)v;
	return true;
}

struct err *cast_to_decimal(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	bool is_float = type_is_float(c->a->type->id);
	TRY(cast_fixed(c, &out));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		i128 v;
		if (array_is_null(c->a, row))
			continue;
		bool fits = is_float ? float_to_decimal(array_f64(c->a, row),
							c->to->scale, &v)
				     : i128_rescale(whole_number(c->a, row), 0,
						    c->to->scale, &v);
		if (fits && i128_fits(v, c->to->precision))
			store_i128(out->data->data + row * 16, v);
		else
			TRY(cast_misfit(c, out, row));
	}
	*ret = TAKE(out);
	return NULL;
}

/* Towards zero; false if it does not fit the integer type. */
static bool decimal_to_integer(i128 v, int32_t scale, const struct type *to, i128 *ret)
{
	unsigned bits = type_bits(to);
	bool is_signed = type_is_signed(to->id);
	i128 top = (i128)1 << (bits - is_signed);
	if (scale < 0 && !i128_rescale(v, scale, 0, &v))
		return false;
	if (scale > 0)
		v = scale > DECIMAL_DIGITS ? 0 : v / i128_pow10((unsigned)scale);
	*ret = v;
	return v < top && v >= (is_signed ? -top : 0);
}

static void store_float(const struct type *t, uint8_t *data, uint64_t row, double v)
{
	float f = (float)v;
	if (t->id == TYPE_FLOAT64)
		__builtin_memcpy(data + row * 8, &v, 8);
	else
		__builtin_memcpy(data + row * 4, &f, 4);
}

struct err *cast_from_decimal(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	const struct type *from = c->a->type;
	size_t width = type_bits(c->to) / 8;
	double scale = __builtin_powi(10, from->scale);
	TRY(cast_fixed(c, &out));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		i128 v = load_i128(c->a->data->data + row * 16);
		if (array_is_null(c->a, row))
			continue;
		if (type_is_float(c->to->id))
			store_float(c->to, out->data->data, row, (double)v / scale);
		else if (decimal_to_integer(v, from->scale, c->to, &v))
			__builtin_memcpy(out->data->data + row * width, &v, width);
		else
			TRY(cast_misfit(c, out, row));
	}
	*ret = TAKE(out);
	return NULL;
}
