// SPDX-License-Identifier: Apache-2.0
/*
 * fn_math_round.c: numbers without their sign or their last digits.
 *
 * Halves are rounded away from zero.  Decimals stay decimals.
 */
#include "expr/cast_priv.h"
#include "expr/fn_math_priv.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- abs --- */

/* False: the least of a signed type has no counterpart. */
static bool abs_integer(const struct type *t, int64_t v, int64_t *ret)
{
	int64_t min = -((int64_t)(UINT64_MAX >> (65 - type_bits(t)))) - 1;
	*ret = v < 0 && v != min && type_is_signed(t->id) ? -v : v;
	return !type_is_signed(t->id) || v != min;
}

static struct err *abs_row(const struct call *c, uint64_t row, struct array *out)
{
	const struct array *a = c->args[0].array;
	uint64_t from = vec_row(&c->args[0], row);
	int64_t v;
	if (type_is_float(a->type->id)) {
		store_real(out, row, fabs(array_f64(a, from)));
	} else if (a->type->id == TYPE_DECIMAL128) {
		i128 d = load_i128(a->data->data + from * 16);
		store_i128(out->data->data + row * 16, d < 0 ? -d : d);
	} else if (abs_integer(a->type, array_i64(a, from), &v)) {
		store_int(out, row, v);
	} else {
		return call_err(c, row, "the absolute value does not fit");
	}
	return NULL;
}

struct err *eval_abs(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (call_wants(c, row))
			TRY(abs_row(c, row, out));
	*ret = TAKE(out);
	return NULL;
}

/* --- ceil, floor --- */

static struct err *bind_decimal_or(struct binder *b, struct node *n,
				   const enum type_id *floats)
{
	if (type_is_decimal(n->args[0]->type))
		return NULL;
	if (n->args[0]->type->id == floats[0] || n->args[0]->type->id == floats[1])
		return NULL;
	if (!type_widens(floats[0], n->args[0]->type))
		return bind_arg_err(b, n, 0, "a number");
	return bind_cast_id(b, n, 0, floats[0]);
}

struct err *bind_whole(struct binder *b, struct node *n)
{
	static const enum type_id floats[] = {TYPE_FLOAT64, TYPE_FLOAT32};
	TRY(bind_decimal_or(b, n, floats));
	bind_type(n, n->args[0]->type);
	return NULL;
}

/* To the next multiple of by > 0: up (1), down (-1). */
static i128 next_multiple(i128 v, i128 by, int direction)
{
	i128 rest = v % by;
	i128 whole = v - rest;
	if (rest > 0 && direction > 0)
		return whole + by;
	return rest < 0 && direction < 0 ? whole - by : whole;
}

static struct err *whole_decimals(const struct call *c, int direction,
				  struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	const struct type *t = c->node->type;
	i128 by = i128_pow10((unsigned)MAX_OF(t->scale, 0));
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		const uint8_t *p = c->args[0].array->data->data;
		if (!call_wants(c, row))
			continue;
		i128 v = load_i128(p + vec_row(&c->args[0], row) * 16);
		v = next_multiple(v, by, direction);
		if (!i128_fits(v, t->precision))
			return call_err(c, row, "it does not fit the decimal");
		store_i128(out->data->data + row * 16, v);
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *whole_floats(const struct call *c, double (*whole)(double),
				struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		store_real(out, row, whole(arg_f64(c, 0, row)));
	*ret = TAKE(out);
	return NULL;
}

struct err *eval_ceil(const struct call *c, struct array **ret)
{
	return c->node->type->id == TYPE_DECIMAL128 ? whole_decimals(c, 1, ret)
						    : whole_floats(c, ceil, ret);
}

struct err *eval_floor(const struct call *c, struct array **ret)
{
	return c->node->type->id == TYPE_DECIMAL128 ? whole_decimals(c, -1, ret)
						    : whole_floats(c, floor, ret);
}

/* --- round --- */

/* The digits that a literal asks for; false if it is none. */
static bool literal_digits(const struct node *n, int32_t *ret)
{
	const struct array *a = n->n_args > 1 ? bind_literal(n, 1) : NULL;
	if (n->n_args > 1 && !a)
		return false;
	*ret = a && !array_is_null(a, 0) ? (int32_t)array_i64(a, 0) : 0;
	return true;
}

/* With a literal the scale becomes smaller; else a digit may be carried over. */
static struct err *bind_round_decimal(struct node *n)
{
	AUTO(type) struct type *t = NULL;
	const struct type *from = n->args[0]->type;
	int32_t precision = from->precision, scale = from->scale, digits;
	bool is_literal = literal_digits(n, &digits);
	if (is_literal)
		scale = scale < 0 ? MAX_OF(MIN_OF(scale, digits), -precision)
				  : MIN_OF(scale, MAX_OF(digits, 0));
	if (!is_literal || (from->scale == 0 && digits < 0 && -digits <= precision))
		precision = MIN_OF(precision + 1, 38);
	TRY(type_new_decimal(precision, scale, &t));
	bind_type(n, t);
	return NULL;
}

struct err *bind_round(struct binder *b, struct node *n)
{
	const struct type *t = n->args[0]->type;
	if (t->id != TYPE_NULL && !type_is_number(t))
		return bind_arg_err(b, n, 0, "a number");
	if (n->n_args > 1) {
		const struct type *digits = n->args[1]->type;
		if (digits->id != TYPE_NULL && !type_is_integer(digits->id))
			return bind_arg_err(b, n, 1, "an integer");
		TRY(bind_cast_id(b, n, 1, TYPE_INT32));
	}
	if (t->id == TYPE_DECIMAL128)
		return bind_round_decimal(n);
	if (t->id != TYPE_FLOAT32)
		TRY(bind_cast_id(b, n, 0, TYPE_FLOAT64));
	bind_type(n, n->args[0]->type);
	return NULL;
}

static int32_t digits_of(const struct call *c, uint64_t row)
{
	return c->n_args > 1 ? (int32_t)arg_i64(c, 1, row) : 0;
}

static double round_real(double v, int32_t digits, bool is_single)
{
	double factor = __builtin_powi(10, digits);
	if (!is_single)
		return round(v * factor) / factor;
	return (double)(roundf((float)v * (float)factor) / (float)factor);
}

/* False if it does not fit. */
static bool round_decimal(i128 v, const struct type *from, const struct type *to,
			  int32_t digits, i128 *ret)
{
	*ret = 0;
	if (digits < 0 && -(int64_t)digits > from->precision - from->scale)
		return true;
	if (digits > from->scale)
		digits = from->scale;
	return i128_rescale(v, from->scale, digits, &v) &&
	       i128_rescale(v, digits, to->scale, ret) &&
	       i128_fits(*ret, to->precision);
}

static struct err *round_row(const struct call *c, uint64_t row, struct array *out)
{
	const struct array *a = c->args[0].array;
	uint64_t from = vec_row(&c->args[0], row);
	i128 v;
	if (a->type->id != TYPE_DECIMAL128) {
		store_real(out, row,
			   round_real(array_f64(a, from), digits_of(c, row),
				      a->type->id == TYPE_FLOAT32));
		return NULL;
	}
	if (!round_decimal(load_i128(a->data->data + from * 16), a->type, out->type,
			   digits_of(c, row), &v))
		return call_err(c, row, "the rounded number does not fit");
	store_i128(out->data->data + row * 16, v);
	return NULL;
}

struct err *eval_round(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (call_wants(c, row))
			TRY(round_row(c, row, out));
	*ret = TAKE(out);
	return NULL;
}

/* --- trunc --- */

struct err *bind_trunc(struct binder *b, struct node *n)
{
	/* with digits float32 comes first, as in the reference implementation */
	static const enum type_id alone[] = {TYPE_FLOAT64, TYPE_FLOAT32};
	static const enum type_id with_digits[] = {TYPE_FLOAT32, TYPE_FLOAT64};
	const enum type_id *floats = n->n_args > 1 ? with_digits : alone;
	enum type_id id = n->args[0]->type->id;
	if (id != floats[0] && id != floats[1]) {
		if (!type_widens(TYPE_FLOAT64, n->args[0]->type))
			return bind_arg_err(b, n, 0, "a number");
		bool first = type_widens(floats[0], n->args[0]->type);
		TRY(bind_cast_id(b, n, 0, floats[!first]));
	}
	if (n->n_args > 1) {
		if (!type_widens(TYPE_INT64, n->args[1]->type))
			return bind_arg_err(b, n, 1, "an int64");
		TRY(bind_cast_id(b, n, 1, TYPE_INT64));
	}
	bind_type(n, n->args[0]->type);
	return NULL;
}

struct err *eval_trunc(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	bool is_single = out->type->id == TYPE_FLOAT32;
	for (uint64_t row = 0; row < c->n_rows; row++) {
		double v = arg_f64(c, 0, row);
		if (c->n_args == 1) {
			/* of columns, not of constants, zero loses its sign */
			store_real(out, row, v == 0 && !c->is_constant ? 0 : trunc(v));
			continue;
		}
		int digits = (int)arg_i64(c, 1, row);
		double d = __builtin_powi(10, digits);
		float f = __builtin_powif(10, digits);
		store_real(out, row,
			   is_single ? (double)(truncf((float)v * f) / f)
				     : trunc(v * d) / d);
	}
	*ret = TAKE(out);
	return NULL;
}
