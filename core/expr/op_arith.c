// SPDX-License-Identifier: Apache-2.0
/*
 * op_arith.c: + - * / % of numbers, unary minus, and the operators on bits.
 *
 * Integers wrap around; division truncates towards zero and fails on zero and where
 * the quotient does not fit; floats follow IEEE 754.
 */
#include "expr/op_priv.h"

#include <math.h>
#include <string.h>

struct err *bind_pair_err(const struct binder *b, const struct node *n)
{
	AUTO_MEM char *left = NULL;
	AUTO_MEM char *right = NULL;
	TRY(type_format(n->args[0]->type, &left));
	TRY(type_format(n->args[1]->type, &right));
	return bind_err(b, n, "%s %s %s: these types do not go together", left,
			n->fn->name, right);
}

struct err *bind_both(struct binder *b, struct node *n, struct type *to)
{
	if (!to)
		return bind_pair_err(b, n);
	TRY(bind_cast(b, n, 0, to));
	return bind_cast(b, n, 1, to);
}

/* --- loops --- */

/* EXPR of x and y over all rows, with one of them the same for all if it is a scalar */
#define LOOP(T, EXPR)                                                                  \
	do {                                                                           \
		const any_##T *l_ = (const any_##T *)c->args[0].array->data->data;     \
		const any_##T *r_ = (const any_##T *)c->args[1].array->data->data;     \
		any_##T *o_ = (any_##T *)out->data->data;                              \
		if (c->args[1].is_scalar) {                                            \
			const any_##T y = r_[0];                                       \
			for (uint64_t i = 0; i < c->n_rows; i++) {                     \
				const any_##T x = l_[c->args[0].is_scalar ? 0 : i];    \
				o_[i] = (any_##T)(EXPR);                               \
			}                                                              \
		} else if (c->args[0].is_scalar) {                                     \
			const any_##T x = l_[0];                                       \
			for (uint64_t i = 0; i < c->n_rows; i++) {                     \
				const any_##T y = r_[i];                               \
				o_[i] = (any_##T)(EXPR);                               \
			}                                                              \
		} else {                                                               \
			for (uint64_t i = 0; i < c->n_rows; i++) {                     \
				const any_##T x = l_[i], y = r_[i];                    \
				o_[i] = (any_##T)(EXPR);                               \
			}                                                              \
		}                                                                      \
	} while (0)

/* U: an unsigned type in which the operation wraps */
#define DEFINE_WRAPPING(T, U)                                                          \
	static void wrapping_##T(const struct call *c, int op, struct array *out)      \
	{                                                                              \
		if (op == OP_ADD)                                                      \
			LOOP(T, (U)x + (U)y);                                          \
		else if (op == OP_SUB)                                                 \
			LOOP(T, (U)x - (U)y);                                          \
		else                                                                   \
			LOOP(T, (U)x *(U)y);                                           \
	}
DEFINE_WRAPPING(i8, uint32_t)
DEFINE_WRAPPING(u8, uint32_t)
DEFINE_WRAPPING(i16, uint32_t)
DEFINE_WRAPPING(u16, uint32_t)
DEFINE_WRAPPING(i32, uint32_t)
DEFINE_WRAPPING(u32, uint32_t)
DEFINE_WRAPPING(i64, uint64_t)
DEFINE_WRAPPING(u64, uint64_t)

#define DEFINE_FLOAT(T, REM)                                                           \
	static void float_##T(const struct call *c, int op, struct array *out)         \
	{                                                                              \
		switch (op) {                                                          \
		case OP_ADD:                                                           \
			LOOP(T, x + y);                                                \
			break;                                                         \
		case OP_SUB:                                                           \
			LOOP(T, x - y);                                                \
			break;                                                         \
		case OP_MUL:                                                           \
			LOOP(T, x *y);                                                 \
			break;                                                         \
		case OP_DIV:                                                           \
			LOOP(T, x / y);                                                \
			break;                                                         \
		default:                                                               \
			LOOP(T, REM(x, y));                                            \
		}                                                                      \
	}
DEFINE_FLOAT(f32, fmodf)
DEFINE_FLOAT(f64, fmod)

/* Division, row by row for it may fail.  MIN: the least value if T is signed, which -1
 * does not divide; else 0, and -1 is no value. */
#define DEFINE_DIVISION(T, MIN)                                                        \
	static struct err *divide_##T(const struct call *c, int op, struct array *out) \
	{                                                                              \
		const any_##T *l = (const any_##T *)c->args[0].array->data->data;      \
		const any_##T *r = (const any_##T *)c->args[1].array->data->data;      \
		any_##T *o = (any_##T *)out->data->data;                               \
		for (uint64_t i = 0; i < c->n_rows; i++) {                             \
			const any_##T x = l[vec_row(&c->args[0], i)];                  \
			const any_##T y = r[vec_row(&c->args[1], i)];                  \
			bool overflows =                                               \
				(MIN) != 0 && x == (MIN) && y == (any_##T) - 1;        \
			if (!call_wants(c, i))                                         \
				continue;                                              \
			if (y == 0)                                                    \
				return call_err(c, i, "division by zero");             \
			if (overflows && op == OP_DIV)                                 \
				return call_err(c, i, "the quotient overflows");       \
			if (overflows)                                                 \
				o[i] = 0;                                              \
			else                                                           \
				o[i] = (any_##T)(op == OP_DIV ? x / y : x % y);        \
		}                                                                      \
		return NULL;                                                           \
	}
DEFINE_DIVISION(i8, INT8_MIN)
DEFINE_DIVISION(u8, 0)
DEFINE_DIVISION(i16, INT16_MIN)
DEFINE_DIVISION(u16, 0)
DEFINE_DIVISION(i32, INT32_MIN)
DEFINE_DIVISION(u32, 0)
DEFINE_DIVISION(i64, INT64_MIN)
DEFINE_DIVISION(u64, 0)

static void float_f16(const struct call *c, int op, struct array *out)
{
	for (uint64_t i = 0; i < c->n_rows; i++) {
		float x = (float)array_f64(c->args[0].array, vec_row(&c->args[0], i));
		float y = (float)array_f64(c->args[1].array, vec_row(&c->args[1], i));
		float z = op == OP_ADD	 ? x + y
			  : op == OP_SUB ? x - y
			  : op == OP_MUL ? x * y
			  : op == OP_DIV ? x / y
					 : fmodf(x, y);
		store_u16le(out->data->data + i * 2, half_from_double((double)z));
	}
}

/* --- by type --- */

struct number_ops {
	enum type_id id;
	void (*run)(const struct call *c, int op, struct array *out);
	struct err *(*divide)(const struct call *c, int op, struct array *out);
};

static const struct number_ops number_ops[] = {
	{TYPE_INT8, wrapping_i8, divide_i8},	{TYPE_UINT8, wrapping_u8, divide_u8},
	{TYPE_INT16, wrapping_i16, divide_i16}, {TYPE_UINT16, wrapping_u16, divide_u16},
	{TYPE_INT32, wrapping_i32, divide_i32}, {TYPE_UINT32, wrapping_u32, divide_u32},
	{TYPE_INT64, wrapping_i64, divide_i64}, {TYPE_UINT64, wrapping_u64, divide_u64},
	{TYPE_FLOAT16, float_f16, NULL},	{TYPE_FLOAT32, float_f32, NULL},
	{TYPE_FLOAT64, float_f64, NULL},
};

static const struct number_ops *number_ops_of(enum type_id id)
{
	for (size_t i = 0; i < sizeof(number_ops) / sizeof(number_ops[0]); i++)
		if (number_ops[i].id == id)
			return &number_ops[i];
	return NULL;
}

static struct err *eval_numbers(const struct call *c, struct array **ret)
{
	const struct number_ops *ops = number_ops_of(c->node->type->id);
	int op = c->node->fn->tag;
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	if (ops->divide && op >= OP_DIV)
		TRY(ops->divide(c, op, out));
	else
		ops->run(c, op, out);
	*ret = TAKE(out);
	return NULL;
}

static struct err *bind_arithmetic(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	bool done;
	TRY(bind_times(b, n, &done));
	if (!done)
		TRY(bind_decimals(b, n, &done));
	if (done)
		return NULL;
	if (n->args[0]->type->id == TYPE_NULL && n->args[1]->type->id == TYPE_NULL)
		TRY(type_new(TYPE_INT64, &t));
	else
		TRY(coerce_numbers(n->args[0]->type, n->args[1]->type, &t));
	TRY(bind_both(b, n, t));
	bind_type(n, t);
	if (!type_is_decimal(t))
		return NULL;
	TRY(bind_decimals(b, n, &done));
	return done ? NULL : bind_pair_err(b, n);
}

/* --- signs --- */

static struct err *bind_negative(struct binder *b, struct node *n)
{
	const struct type *t = n->args[0]->type;
	bool is_signed = type_is_integer(t->id) && type_is_signed(t->id);
	if (!is_signed && !type_is_float(t->id) && t->id != TYPE_NULL &&
	    t->id != TYPE_DECIMAL128)
		return bind_arg_err(b, n, 0, "a signed number");
	bind_type(n, n->args[0]->type);
	return NULL;
}

static void negate_decimal(const struct array *a, struct array *out)
{
	const any_i128 *from = (const any_i128 *)a->data->data;
	any_i128 *to = (any_i128 *)out->data->data;
	for (uint64_t i = 0; i < a->n_rows; i++)
		to[i] = (any_i128)(0 - (unsigned __int128)from[i]);
}

static struct err *eval_negative(const struct call *c, struct array **ret)
{
	const struct array *a = c->args[0].array;
	enum type_id id = a->type->id;
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	if (id == TYPE_DECIMAL128) {
		negate_decimal(a, out);
	} else if (type_is_float(id)) {
		/* the sign is the last bit of a value, of zeros and NaNs as well */
		size_t width = type_bits(a->type) / 8;
		memcpy(out->data->data, a->data->data, (size_t)c->n_rows * width);
		for (uint64_t i = 0; i < c->n_rows; i++)
			out->data->data[i * width + width - 1] ^= 0x80;
	} else {
		AUTO(array) struct array *zero = NULL;
		TRY(new_fixed(c->node->type, 1, &zero));
		struct vec args[] = {{zero, true}, c->args[0]};
		struct call sub = *c;
		sub.args = args;
		number_ops_of(id)->run(&sub, OP_SUB, out);
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *bind_positive(struct binder *b, struct node *n)
{
	const struct type *t = n->args[0]->type;
	if (!type_is_number(t) && t->id != TYPE_NULL)
		return bind_arg_err(b, n, 0, "a number");
	bind_type(n, n->args[0]->type);
	return NULL;
}

static struct err *eval_same(const struct call *c, struct array **ret)
{
	return array_slice(c->args[0].array, 0, c->n_rows, ret);
}

/* --- bits --- */

enum bits { OP_AND, OP_OR, OP_XOR, OP_SHL, OP_SHR };

/* Shifts take their count modulo the width. */
#define DEFINE_BITS(T, U, BITS)                                                        \
	static void bits_##T(const struct call *c, int op, struct array *out)          \
	{                                                                              \
		switch (op) {                                                          \
		case OP_AND:                                                           \
			LOOP(T, x &y);                                                 \
			break;                                                         \
		case OP_OR:                                                            \
			LOOP(T, x | y);                                                \
			break;                                                         \
		case OP_XOR:                                                           \
			LOOP(T, x ^ y);                                                \
			break;                                                         \
		case OP_SHL:                                                           \
			LOOP(T, (U)x << ((U)y & ((BITS)-1)));                          \
			break;                                                         \
		default:                                                               \
			LOOP(T, x >> ((U)y & ((BITS)-1)));                             \
		}                                                                      \
	}
DEFINE_BITS(i8, uint32_t, 8)
DEFINE_BITS(u8, uint32_t, 8)
DEFINE_BITS(i16, uint32_t, 16)
DEFINE_BITS(u16, uint32_t, 16)
DEFINE_BITS(i32, uint32_t, 32)
DEFINE_BITS(u32, uint32_t, 32)
DEFINE_BITS(i64, uint64_t, 64)
DEFINE_BITS(u64, uint64_t, 64)

static struct err *eval_bits(const struct call *c, struct array **ret)
{
	static const struct number_ops ops[] = {
		{TYPE_INT8, bits_i8, NULL},   {TYPE_UINT8, bits_u8, NULL},
		{TYPE_INT16, bits_i16, NULL}, {TYPE_UINT16, bits_u16, NULL},
		{TYPE_INT32, bits_i32, NULL}, {TYPE_UINT32, bits_u32, NULL},
		{TYPE_INT64, bits_i64, NULL}, {TYPE_UINT64, bits_u64, NULL}};
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i].id == c->node->type->id)
			ops[i].run(c, c->node->fn->tag, out);
	*ret = TAKE(out);
	return NULL;
}

static struct err *bind_bits(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	TRY(coerce_bits(n->args[0]->type, n->args[1]->type, &t));
	if (t && !type_is_integer(t->id))
		return bind_pair_err(b, n);
	TRY(bind_both(b, n, t));
	bind_type(n, t);
	return NULL;
}

/* --- the table --- */

#define ARITHMETIC(sign, op, fails)                                                    \
	{                                                                              \
		.name = (sign), .min_args = 2, .max_args = 2, .is_strict = true,       \
		.can_fail = (fails), .bind = bind_arithmetic, .eval = eval_numbers,    \
		.tag = (op)                                                            \
	}
#define BITS(sign, op)                                                                 \
	{                                                                              \
		.name = (sign), .min_args = 2, .max_args = 2, .is_strict = true,       \
		.bind = bind_bits, .eval = eval_bits, .tag = (op)                      \
	}
#define SIGN(sign, binds, evals)                                                       \
	{                                                                              \
		.name = (sign), .min_args = 1, .max_args = 1, .is_strict = true,       \
		.bind = (binds), .eval = (evals)                                       \
	}

static const struct function rows[] = {
	ARITHMETIC("+", OP_ADD, false),
	ARITHMETIC("-", OP_SUB, false),
	ARITHMETIC("*", OP_MUL, false),
	ARITHMETIC("/", OP_DIV, true),
	ARITHMETIC("%", OP_REM, true),
	SIGN("negative", bind_negative, eval_negative),
	SIGN("positive", bind_positive, eval_same),
	BITS("&", OP_AND),
	BITS("|", OP_OR),
	BITS("^", OP_XOR),
	BITS("<<", OP_SHL),
	BITS(">>", OP_SHR),
};

const struct function_table operator_functions = {rows, sizeof(rows) / sizeof(rows[0])};
