// SPDX-License-Identifier: Apache-2.0
/*
 * fn_math.c: functions of numbers.
 *
 * Those of real numbers are computed in float32 for float32, else in float64.
 * Source: DataFusion's SQL reference, "Math Functions".
 */
#include "expr/fn_math_priv.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- one real number --- */

static double sign_of(double v)
{
	return isnan(v) ? v : v == 0 ? 0 : copysign(1, v);
}

static float sign_off(float v)
{
	return (float)sign_of((double)v);
}

static double to_degrees(double v)
{
	return v * (180.0 / M_PI);
}

static float to_degreesf(float v)
{
	return v * 57.29577951308232f;
}

static double to_radians(double v)
{
	return v * (M_PI / 180.0);
}

static float to_radiansf(float v)
{
	return v * (float)(M_PI / 180.0);
}

/* NaN has a sign, which counts in comparisons; here it is plus, as in the reference. */
static double natural_log(double v)
{
	return v < 0 ? (double)NAN : log(v);
}

static double binary_log(double v)
{
	return v < 0 ? (double)NAN : log2(v);
}

/* Correctly rounded, which the library's is not: one step of Newton's in 113 bits. */
static double cube_root(double v)
{
	__float128 root = (__float128)cbrtl((long double)v);
	if (v == 0 || !isfinite(v))
		return cbrt(v);
	root -= (root * root * root - (__float128)v) / (3 * root * root);
	return (double)root;
}

static float cube_rootf(float v)
{
	return (float)cbrt((double)v);
}

static double cot(double v)
{
	return 1 / tan(v);
}

static float cotf(float v)
{
	return 1 / tanf(v);
}

/* By its formula, as the reference implementation computes it. */
static double inverse_tanh(double v)
{
	return 0.5 * log1p(2 * v / (1 - v));
}

static float inverse_tanhf(float v)
{
	return 0.5f * log1pf(2 * v / (1 - v));
}

enum real {
	SQRT,
	CBRT,
	EXP,
	LN,
	LOG2,
	LOG10,
	SIN,
	COS,
	TAN,
	COT,
	ASIN,
	ACOS,
	ATAN,
	SINH,
	COSH,
	TANH,
	ASINH,
	ACOSH,
	ATANH,
	DEGREES,
	RADIANS,
	SIGNUM
};

static const struct {
	double (*of_double)(double v);
	float (*of_float)(float v);
} reals[] = {
	[SQRT] = {sqrt, sqrtf},
	[CBRT] = {cube_root, cube_rootf},
	[EXP] = {exp, expf},
	[LN] = {natural_log, logf},
	[LOG2] = {binary_log, log2f},
	[LOG10] = {log10, log10f},
	[SIN] = {sin, sinf},
	[COS] = {cos, cosf},
	[TAN] = {tan, tanf},
	[COT] = {cot, cotf},
	[ASIN] = {asin, asinf},
	[ACOS] = {acos, acosf},
	[ATAN] = {atan, atanf},
	[SINH] = {sinh, sinhf},
	[COSH] = {cosh, coshf},
	[TANH] = {tanh, tanhf},
	[ASINH] = {asinh, asinhf},
	[ACOSH] = {acosh, acoshf},
	[ATANH] = {inverse_tanh, inverse_tanhf},
	[DEGREES] = {to_degrees, to_degreesf},
	[RADIANS] = {to_radians, to_radiansf},
	[SIGNUM] = {sign_of, sign_off},
};

static struct err *eval_real(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	int which = c->node->fn->tag;
	const void *src = c->args[0].array->data->data;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	void *dst = out->data->data;
	if (out->type->id == TYPE_FLOAT32)
		for (uint64_t i = 0; i < c->n_rows; i++)
			((float *)dst)[i] =
				reals[which].of_float(((const float *)src)[i]);
	else
		for (uint64_t i = 0; i < c->n_rows; i++)
			((double *)dst)[i] =
				reals[which].of_double(((const double *)src)[i]);
	*ret = TAKE(out);
	return NULL;
}

/* --- two real numbers --- */

void store_real(struct array *a, uint64_t row, double v)
{
	float f = (float)v;
	if (a->type->id == TYPE_FLOAT64)
		memcpy(a->data->data + row * 8, &v, 8);
	else if (a->type->id == TYPE_FLOAT32)
		memcpy(a->data->data + row * 4, &f, 4);
	else
		store_u16le(a->data->data + row * 2,
			    (uint16_t)(half_from_double(v) |
				       (isnan(v) && signbit(v) ? 0x8000 : 0)));
}

static struct err *bind_singles(struct binder *b, struct node *n)
{
	static const enum type_id floats[] = {TYPE_FLOAT32, TYPE_FLOAT64};
	TRY(bind_uniform(b, n, 0, floats, 2, "a number"));
	bind_type(n, n->args[0]->type);
	return NULL;
}

static struct err *eval_atan2(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	bool is_single = out->type->id == TYPE_FLOAT32;
	for (uint64_t row = 0; row < c->n_rows; row++) {
		double y = arg_f64(c, 0, row), x = arg_f64(c, 1, row);
		double v = is_single ? (double)atan2f((float)y, (float)x) : atan2(y, x);
		store_real(out, row, v);
	}
	*ret = TAKE(out);
	return NULL;
}

/* The type is that of the last: the number whose logarithm it is. */
static struct err *bind_log(struct binder *b, struct node *n)
{
	TRY(bind_signature(b, n));
	bind_type(n, n->args[n->n_args - 1]->type);
	return NULL;
}

static struct err *eval_log(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	size_t last = c->n_args - 1;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	bool is_single = out->type->id != TYPE_FLOAT64;
	for (uint64_t row = 0; row < c->n_rows; row++) {
		double base = last ? arg_f64(c, 0, row) : 10;
		double v = arg_f64(c, last, row);
		store_real(out, row,
			   is_single ? (double)(logf((float)v) / logf((float)base))
				     : natural_log(v) / natural_log(base));
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *eval_power(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		if (!call_wants(c, row))
			continue;
		double base = arg_f64(c, 0, row), exponent = arg_f64(c, 1, row);
		if (base == 0 && exponent < 0)
			return call_err(c, row, "zero to a negative power");
		store_real(out, row, pow(base, exponent));
	}
	*ret = TAKE(out);
	return NULL;
}

/* Not strict: the second counts only where the first is NaN. */
static struct err *bind_nanvl(struct binder *b, struct node *n)
{
	static const enum type_id floats[] = {TYPE_FLOAT16, TYPE_FLOAT32, TYPE_FLOAT64};
	TRY(bind_uniform(b, n, 0, floats, 3, "a number"));
	bind_type(n, n->args[0]->type);
	return NULL;
}

static struct err *eval_nanvl(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		bool is_null = vec_is_null(&c->args[0], row);
		bool is_nan = !is_null && isnan(arg_f64(c, 0, row));
		if (is_nan)
			is_null = vec_is_null(&c->args[1], row);
		if (is_null)
			TRY(set_null(out, row));
		else
			store_real(out, row, arg_f64(c, is_nan, row));
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- tests --- */

static bool is_nan_row(const struct call *c, uint64_t row)
{
	return isnan(arg_f64(c, 0, row));
}

static struct err *eval_isnan(const struct call *c, struct array **ret)
{
	if (type_is_float(c->args[0].array->type->id))
		return each_bool(c, is_nan_row, ret);
	return new_fixed(c->node->type, c->n_rows, ret);
}

static bool is_zero_row(const struct call *c, uint64_t row)
{
	const struct array *a = c->args[0].array;
	row = vec_row(&c->args[0], row);
	if (type_is_float(a->type->id))
		return array_f64(a, row) == 0;
	size_t width = type_bits(a->type) / 8;
	for (size_t i = 0; i < width; i++)
		if (a->data->data[row * width + i])
			return false;
	return true;
}

static struct err *eval_iszero(const struct call *c, struct array **ret)
{
	return each_bool(c, is_zero_row, ret);
}

/* --- integers --- */

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static struct err *gcd_row(const struct call *c, uint64_t row, int64_t *ret)
{
	uint64_t v = common_divisor(magnitude(arg_i64(c, 0, row)),
				    magnitude(arg_i64(c, 1, row)));
	if (v > INT64_MAX)
		return call_err(c, row, "the divisor does not fit int64");
	*ret = (int64_t)v;
	return NULL;
}

static struct err *eval_gcd(const struct call *c, struct array **ret)
{
	return each_int(c, gcd_row, ret);
}

static struct err *lcm_row(const struct call *c, uint64_t row, int64_t *ret)
{
	uint64_t a = magnitude(arg_i64(c, 0, row)), b = magnitude(arg_i64(c, 1, row));
	*ret = 0;
	if (a == 0 || b == 0)
		return NULL;
	if (ckd_mul(&a, a / common_divisor(a, b), b) || a > INT64_MAX)
		return call_err(c, row, "the multiple does not fit int64");
	*ret = (int64_t)a;
	return NULL;
}

static struct err *eval_lcm(const struct call *c, struct array **ret)
{
	return each_int(c, lcm_row, ret);
}

static struct err *factorial_row(const struct call *c, uint64_t row, int64_t *ret)
{
	int64_t n = arg_i64(c, 0, row), v = 1;
	if (n < 0 || n > 20)
		return call_err(c, row, "the factorial of %lld does not fit int64",
				(long long)n);
	for (; n > 1; n--)
		v *= n;
	*ret = v;
	return NULL;
}

static struct err *eval_factorial(const struct call *c, struct array **ret)
{
	return each_int(c, factorial_row, ret);
}

/* --- without arguments --- */

static struct err *eval_pi(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		store_real(out, row, M_PI);
	*ret = TAKE(out);
	return NULL;
}

/* From 0 to below 1: 53 random bits. */
static struct err *eval_random(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	TRY(random_bytes(out->data->data, (size_t)c->n_rows * 8));
	for (uint64_t row = 0; row < c->n_rows; row++)
		store_real(out, row,
			   (double)(load_u64le(out->data->data + row * 8) >> 11) *
				   0x1p-53);
	*ret = TAKE(out);
	return NULL;
}

/* --- the table --- */

#define REAL(n, which)                                                                 \
	{                                                                              \
		.name = (n), .min_args = 1, .max_args = 1, .is_strict = true,          \
		.bind = bind_signature, .signature = "F>0", .eval = eval_real,         \
		.tag = (which)                                                         \
	}
#define ROW(n, least, most, sig, fails, fn)                                            \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.is_strict = true, .can_fail = (fails), .bind = bind_signature,        \
		.signature = (sig), .eval = (fn)                                       \
	}
#define BOUND(n, least, most, sig, fails, binding, fn)                                 \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.is_strict = true, .can_fail = (fails), .bind = (binding),             \
		.signature = (sig), .eval = (fn)                                       \
	}

static const struct function rows[] = {
	REAL("sqrt", SQRT),
	REAL("cbrt", CBRT),
	REAL("exp", EXP),
	REAL("ln", LN),
	REAL("log2", LOG2),
	REAL("log10", LOG10),
	REAL("sin", SIN),
	REAL("cos", COS),
	REAL("tan", TAN),
	REAL("cot", COT),
	REAL("asin", ASIN),
	REAL("acos", ACOS),
	REAL("atan", ATAN),
	REAL("sinh", SINH),
	REAL("cosh", COSH),
	REAL("tanh", TANH),
	REAL("asinh", ASINH),
	REAL("acosh", ACOSH),
	REAL("atanh", ATANH),
	REAL("degrees", DEGREES),
	REAL("radians", RADIANS),
	REAL("signum", SIGNUM),
	BOUND("atan2", 2, 2, NULL, false, bind_singles, eval_atan2),
	BOUND("log", 1, 2, "h?h>0", false, bind_log, eval_log),
	ROW("power", 2, 2, "dd>d", true, eval_power),
	ROW("pow", 2, 2, "dd>d", true, eval_power),
	BOUND("abs", 1, 1, "m>0", true, bind_signature, eval_abs),
	BOUND("ceil", 1, 1, NULL, true, bind_whole, eval_ceil),
	BOUND("floor", 1, 1, NULL, true, bind_whole, eval_floor),
	BOUND("round", 1, 2, NULL, true, bind_round, eval_round),
	BOUND("trunc", 1, 2, NULL, false, bind_trunc, eval_trunc),
	ROW("isnan", 1, 1, "m>b", false, eval_isnan),
	ROW("iszero", 1, 1, "m>b", false, eval_iszero),
	ROW("gcd", 2, 2, "II>l", true, eval_gcd),
	ROW("lcm", 2, 2, "II>l", true, eval_lcm),
	ROW("factorial", 1, 1, "I>l", true, eval_factorial),
	ROW("pi", 0, 0, ">d", false, eval_pi),
	{.name = "nanvl",
	 .min_args = 2,
	 .max_args = 2,
	 .bind = bind_nanvl,
	 .eval = eval_nanvl},
	{.name = "random",
	 .is_volatile = true,
	 .bind = bind_signature,
	 .signature = ">d",
	 .eval = eval_random},
	{.name = "rand",
	 .is_volatile = true,
	 .bind = bind_signature,
	 .signature = ">d",
	 .eval = eval_random},
};

const struct function_table math_functions = {rows, sizeof(rows) / sizeof(rows[0])};
