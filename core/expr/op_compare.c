// SPDX-License-Identifier: Apache-2.0
/*
 * op_compare.c: = <> < <= > >= IS [NOT] DISTINCT FROM, BETWEEN.
 *
 * Floats are compared by IEEE 754's total order: NaN equals itself and is the largest;
 * -0 is less than 0, except beside a literal zero, where the two are one number, as
 * Lance has it.  Strings and bytes compare byte by byte, lists and structs member by
 * member with nulls first.
 */
#include "expr/op_priv.h"

#include <string.h>

enum comparison { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

/* --- the order of two values --- */

/* A float's bits as an integer that orders as the total order does. */
static inline int64_t key_f64(uint64_t bits)
{
	return (int64_t)(bits ^ (uint64_t)((int64_t)bits >> 63) >> 1);
}

static inline int32_t key_f32(uint32_t bits)
{
	return (int32_t)(bits ^ (uint32_t)((int32_t)bits >> 31) >> 1);
}

static inline int32_t key_f16(uint16_t bits)
{
	int16_t v = (int16_t)bits;
	return v ^ (int16_t)((uint16_t)(v >> 15) >> 1);
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int bytes_order(const uint8_t *p, uint64_t n, const uint8_t *q, uint64_t m)
{
	uint64_t common = MIN_OF(n, m);
	int order = common ? memcmp(p, q, (size_t)common) : 0;
	return order ? order : ORDER(n, m);
}

static int floats_order(const struct array *a, uint64_t i, const struct array *b,
			uint64_t j)
{
	const uint8_t *p = a->data->data, *q = b->data->data;
	if (a->type->id == TYPE_FLOAT64) {
		int64_t x = key_f64(load_u64le(p + i * 8));
		int64_t y = key_f64(load_u64le(q + j * 8));
		return ORDER(x, y);
	}
	int32_t x = a->type->id == TYPE_FLOAT32 ? key_f32(load_u32le(p + i * 4))
						: key_f16(load_u16le(p + i * 2));
	int32_t y = b->type->id == TYPE_FLOAT32 ? key_f32(load_u32le(q + j * 4))
						: key_f16(load_u16le(q + j * 2));
	return ORDER(x, y);
}

static int decimals_order(const struct array *a, uint64_t i, const struct array *b,
			  uint64_t j)
{
	size_t words = type_bits(a->type) / 64;
	const uint8_t *p = a->data->data + i * words * 8;
	const uint8_t *q = b->data->data + j * words * 8;
	int64_t x = (int64_t)load_u64le(p + (words - 1) * 8);
	int64_t y = (int64_t)load_u64le(q + (words - 1) * 8);
	if (x != y)
		return ORDER(x, y);
	for (size_t w = words - 1; w-- > 0;) {
		uint64_t u = load_u64le(p + w * 8), v = load_u64le(q + w * 8);
		if (u != v)
			return ORDER(u, v);
	}
	return 0;
}

static int items_order(const struct array *a, uint64_t i, const struct array *b,
		       uint64_t j)
{
	if (array_is_null(a, i) || array_is_null(b, j))
		return (int)array_is_null(b, j) - (int)array_is_null(a, i);
	return values_compare(a, i, b, j);
}

static int lists_order(const struct array *a, uint64_t i, const struct array *b,
		       uint64_t j)
{
	bool is_fixed = a->type->id == TYPE_FIXED_LIST;
	uint64_t size = (uint64_t)a->type->list_size;
	uint64_t p = is_fixed ? i * size : array_offset(a, i);
	uint64_t q = is_fixed ? j * size : array_offset(b, j);
	uint64_t n = is_fixed ? size : array_offset(a, i + 1) - p;
	uint64_t m = is_fixed ? size : array_offset(b, j + 1) - q;
	for (uint64_t k = 0; k < MIN_OF(n, m); k++) {
		int order = items_order(a->children[0], p + k, b->children[0], q + k);
		if (order)
			return order;
	}
	return ORDER(n, m);
}

int values_compare(const struct array *a, uint64_t i, const struct array *b, uint64_t j)
{
	uint64_t n, m;
	const uint8_t *p, *q;
	size_t width;
	switch (a->type->id) {
	case TYPE_FLOAT16:
	case TYPE_FLOAT32:
	case TYPE_FLOAT64:
		return floats_order(a, i, b, j);
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL256:
		return decimals_order(a, i, b, j);
	case TYPE_STRING:
	case TYPE_LARGE_STRING:
	case TYPE_BINARY:
	case TYPE_LARGE_BINARY:
		p = array_var(a, i, &n);
		q = array_var(b, j, &m);
		return bytes_order(p, n, q, m);
	case TYPE_FIXED_BINARY:
		width = (size_t)a->type->byte_width;
		return width ? memcmp(a->data->data + i * width,
				      b->data->data + j * width, width)
			     : 0;
	case TYPE_LIST:
	case TYPE_LARGE_LIST:
	case TYPE_FIXED_LIST:
	case TYPE_MAP:
		return lists_order(a, i, b, j);
	case TYPE_STRUCT:
		for (size_t k = 0; k < a->n_children; k++) {
			int order = items_order(a->children[k], i, b->children[k], j);
			if (order)
				return order;
		}
		return 0;
	case TYPE_UINT64:
		return ORDER((uint64_t)array_i64(a, i), (uint64_t)array_i64(b, j));
	case TYPE_NULL:
		return 0;
	default:
		return ORDER(array_i64(a, i), array_i64(b, j));
	}
}

/* --- loops that set a bit a row --- */

struct err *new_bools(const struct call *c, struct array **ret)
{
	return new_fixed(c->node->type, c->n_rows, ret);
}

/* COND of row i, for all rows, 64 at a time. */
#define BIT_LOOP(COND)                                                                 \
	for (uint64_t base_ = 0; base_ < c->n_rows; base_ += 64) {                     \
		uint64_t end_ = MIN_OF(base_ + 64, c->n_rows), word_ = 0;              \
		for (uint64_t i = base_; i < end_; i++)                                \
			word_ |= (uint64_t)(COND) << (i - base_);                      \
		memcpy(out->data->data + base_ / 8, &word_,                            \
		       bitmap_bytes(end_ - base_));                                    \
	}

#define COMPARE_LOOPS(OP, X, Y)                                                        \
	do {                                                                           \
		if (c->args[1].is_scalar) {                                            \
			const __typeof__(Y(0)) y_ = Y(0);                              \
			BIT_LOOP(X(left_scalar ? 0 : i) OP y_)                         \
		} else if (left_scalar) {                                              \
			const __typeof__(X(0)) x_ = X(0);                              \
			BIT_LOOP(x_ OP Y(i))                                           \
		} else {                                                               \
			BIT_LOOP(X(i) OP Y(i))                                         \
		}                                                                      \
	} while (0)

#define COMPARE_ALL(X, Y)                                                              \
	switch (op) {                                                                  \
	case CMP_EQ:                                                                   \
		COMPARE_LOOPS(==, X, Y);                                               \
		break;                                                                 \
	case CMP_NE:                                                                   \
		COMPARE_LOOPS(!=, X, Y);                                               \
		break;                                                                 \
	case CMP_LT:                                                                   \
		COMPARE_LOOPS(<, X, Y);                                                \
		break;                                                                 \
	case CMP_LE:                                                                   \
		COMPARE_LOOPS(<=, X, Y);                                               \
		break;                                                                 \
	case CMP_GT:                                                                   \
		COMPARE_LOOPS(>, X, Y);                                                \
		break;                                                                 \
	default:                                                                       \
		COMPARE_LOOPS(>=, X, Y);                                               \
	}

#define DEFINE_COMPARE(T)                                                              \
	static void compare_##T(const struct call *c, enum comparison op,              \
				struct array *out)                                     \
	{                                                                              \
		const any_##T *l = (const any_##T *)c->args[0].array->data->data;      \
		const any_##T *r = (const any_##T *)c->args[1].array->data->data;      \
		const bool left_scalar = c->args[0].is_scalar;                         \
		COMPARE_ALL(LEFT, RIGHT)                                               \
	}
#define LEFT(i) l[i]
#define RIGHT(i) r[i]
DEFINE_COMPARE(i8)
DEFINE_COMPARE(u8)
DEFINE_COMPARE(i16)
DEFINE_COMPARE(u16)
DEFINE_COMPARE(i32)
DEFINE_COMPARE(u32)
DEFINE_COMPARE(i64)
DEFINE_COMPARE(u64)
#undef LEFT
#undef RIGHT

/* +0 for both zeros if they are one number here */
static inline int64_t f64_at(const any_u64 *p, uint64_t i, bool joins_zeros)
{
	uint64_t bits = p[i];
	return key_f64(joins_zeros && bits << 1 == 0 ? 0 : bits);
}

static inline int32_t f32_at(const any_u32 *p, uint64_t i, bool joins_zeros)
{
	uint32_t bits = p[i];
	return key_f32(joins_zeros && bits << 1 == 0 ? 0 : bits);
}

static void compare_f64(const struct call *c, enum comparison op, struct array *out)
{
	const any_u64 *l = (const any_u64 *)c->args[0].array->data->data;
	const any_u64 *r = (const any_u64 *)c->args[1].array->data->data;
	const bool left_scalar = c->args[0].is_scalar, zeros = c->node->state != NULL;
#define LEFT(i) f64_at(l, i, zeros)
#define RIGHT(i) f64_at(r, i, zeros)
	COMPARE_ALL(LEFT, RIGHT)
#undef LEFT
#undef RIGHT
}

static void compare_f32(const struct call *c, enum comparison op, struct array *out)
{
	const any_u32 *l = (const any_u32 *)c->args[0].array->data->data;
	const any_u32 *r = (const any_u32 *)c->args[1].array->data->data;
	const bool left_scalar = c->args[0].is_scalar, zeros = c->node->state != NULL;
#define LEFT(i) f32_at(l, i, zeros)
#define RIGHT(i) f32_at(r, i, zeros)
	COMPARE_ALL(LEFT, RIGHT)
#undef LEFT
#undef RIGHT
}

/* --- everything else: value by value --- */

static bool order_fits(int order, enum comparison op)
{
	switch (op) {
	case CMP_EQ:
		return order == 0;
	case CMP_NE:
		return order != 0;
	case CMP_LT:
		return order < 0;
	case CMP_LE:
		return order <= 0;
	case CMP_GT:
		return order > 0;
	case CMP_GE:
		break;
	}
	return order >= 0;
}

static bool is_half_zero(const struct vec *v, uint64_t row)
{
	return (load_u16le(v->array->data->data + vec_row(v, row) * 2) & 0x7fff) == 0;
}

static int row_order(const struct call *c, uint64_t row)
{
	const struct vec *l = &c->args[0], *r = &c->args[1];
	if (c->node->state && l->array->type->id == TYPE_FLOAT16 &&
	    is_half_zero(l, row) && is_half_zero(r, row))
		return 0;
	return values_compare(l->array, vec_row(l, row), r->array, vec_row(r, row));
}

static void compare_values(const struct call *c, enum comparison op, struct array *out)
{
	for (uint64_t i = 0; i < c->n_rows; i++)
		if (call_wants(c, i) && order_fits(row_order(c, i), op))
			bit_set(out->data->data, i);
}

/* Strings are mostly told apart by their lengths. */
static void compare_strings(const struct call *c, enum comparison op, struct array *out)
{
	if (op > CMP_NE) {
		compare_values(c, op, out);
		return;
	}
	for (uint64_t i = 0; i < c->n_rows; i++) {
		uint64_t n, m;
		const uint8_t *p = vec_bytes(&c->args[0], i, &n);
		const uint8_t *q = vec_bytes(&c->args[1], i, &m);
		bool same = n == m && memcmp(p, q, (size_t)n) == 0;
		if (same == (op == CMP_EQ))
			bit_set(out->data->data, i);
	}
}

typedef void compare_fn(const struct call *c, enum comparison op, struct array *out);

static compare_fn *compare_of(const struct type *t)
{
	switch (t->id) {
	case TYPE_INT8:
		return compare_i8;
	case TYPE_UINT8:
		return compare_u8;
	case TYPE_INT16:
		return compare_i16;
	case TYPE_UINT16:
		return compare_u16;
	case TYPE_INT32:
	case TYPE_DATE32:
	case TYPE_TIME32:
		return compare_i32;
	case TYPE_UINT32:
		return compare_u32;
	case TYPE_INT64:
	case TYPE_DATE64:
	case TYPE_TIME64:
	case TYPE_TIMESTAMP:
	case TYPE_DURATION:
		return compare_i64;
	case TYPE_UINT64:
		return compare_u64;
	case TYPE_FLOAT32:
		return compare_f32;
	case TYPE_FLOAT64:
		return compare_f64;
	case TYPE_STRING:
	case TYPE_LARGE_STRING:
	case TYPE_BINARY:
	case TYPE_LARGE_BINARY:
		return compare_strings;
	default:
		return compare_values;
	}
}

static struct err *eval_compare(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_bools(c, &out));
	if (c->args[0].array->type->id != TYPE_NULL)
		compare_of(c->args[0].array->type)(c, (enum comparison)c->node->fn->tag,
						   out);
	*ret = TAKE(out);
	return NULL;
}

/* --- IS [NOT] DISTINCT FROM: null is a value --- */

/* Zeros that are one number, whatever their signs are. */
static bool are_zeros(const struct call *c, uint64_t row)
{
	const struct vec *l = &c->args[0], *r = &c->args[1];
	return c->node->state && type_is_float(l->array->type->id) &&
	       array_f64(l->array, vec_row(l, row)) == 0 &&
	       array_f64(r->array, vec_row(r, row)) == 0;
}

static struct err *eval_distinct(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	bool is_same_wanted = c->node->fn->tag;
	TRY(new_bools(c, &out));
	for (uint64_t i = 0; i < c->n_rows; i++) {
		bool l = vec_is_null(&c->args[0], i), r = vec_is_null(&c->args[1], i);
		bool same = l || r ? l == r : row_order(c, i) == 0 || are_zeros(c, i);
		if (same == is_same_wanted)
			bit_set(out->data->data, i);
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- BETWEEN: x >= low AND x <= high --- */

/* Three-valued AND of two comparisons, into the first. */
static struct err *and_into(struct array *a, const struct array *b)
{
	for (uint64_t i = 0; i < a->n_rows; i++) {
		bool a_null = array_is_null(a, i), b_null = array_is_null(b, i);
		bool is_false = (!a_null && !bit_get(a->data->data, i)) ||
				(!b_null && !bit_get(b->data->data, i));
		if (is_false || a_null || b_null)
			bit_clear(a->data->data, i);
		if (is_false && a->validity)
			bit_set(a->validity->data, i);
		if (!is_false && b_null && !a_null) {
			TRY(array_allow_nulls(a));
			bit_clear(a->validity->data, i);
		}
	}
	return NULL;
}

static struct err *bound(const struct call *c, size_t i, enum comparison op,
			 struct array **ret)
{
	struct vec args[] = {c->args[0], c->args[i]};
	struct call sub = *c;
	AUTO(array) struct array *out = NULL;
	sub.args = args;
	sub.n_args = 2;
	TRY(new_bools(c, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (vec_is_null(&args[0], row) || vec_is_null(&args[1], row)) {
			TRY(array_allow_nulls(out));
			bit_clear(out->validity->data, row);
		}
	sub.valid = out->validity ? out->validity->data : NULL;
	if (args[0].array->type->id != TYPE_NULL)
		compare_of(args[0].array->type)(&sub, op, out);
	*ret = TAKE(out);
	return NULL;
}

static struct err *eval_between(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *low = NULL;
	AUTO(array) struct array *high = NULL;
	TRY(bound(c, 1, CMP_GE, &low));
	TRY(bound(c, 2, CMP_LE, &high));
	TRY(and_into(low, high));
	*ret = TAKE(low);
	return NULL;
}

/* --- binding --- */

bool is_float_zero(const struct array *value)
{
	return value && type_is_float(value->type->id) && !array_is_null(value, 0) &&
	       array_f64(value, 0) == 0;
}

static struct err *bind_compare(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	TRY(coerce_comparison(n->args[0]->type, n->args[1]->type, &t));
	TRY(bind_both(b, n, t));
	return bind_type_id(n, TYPE_BOOL);
}

static struct err *bind_between(struct binder *b, struct node *n)
{
	AUTO(type) struct type *low = NULL;
	AUTO(type) struct type *high = NULL;
	AUTO(type) struct type *t = NULL;
	TRY(coerce_comparison(n->args[0]->type, n->args[1]->type, &low));
	TRY(coerce_comparison(n->args[0]->type, n->args[2]->type, &high));
	if (low && high)
		TRY(coerce_comparison(low, high, &t));
	if (!t)
		return bind_err(b, n, "the bounds are of types that do not compare");
	for (size_t i = 0; i < 3; i++)
		TRY(bind_cast(b, n, i, t));
	return bind_type_id(n, TYPE_BOOL);
}

/* The state tells that zeros are one number; it is nothing to release. */
static struct err *prepare_zeros(struct binder *b, struct node *n)
{
	(void)b;
	for (size_t i = 0; i < n->n_args; i++)
		if (is_float_zero(bind_literal(n, i)))
			n->state = n;
	return NULL;
}

#define COMPARE(sign, op)                                                              \
	{                                                                              \
		.name = (sign), .min_args = 2, .max_args = 2, .is_strict = true,       \
		.bind = bind_compare, .prepare = prepare_zeros, .eval = eval_compare,  \
		.tag = (op)                                                            \
	}
#define DISTINCT(words, is_same)                                                       \
	{                                                                              \
		.name = (words), .min_args = 2, .max_args = 2, .bind = bind_compare,   \
		.prepare = prepare_zeros, .eval = eval_distinct, .tag = (is_same)      \
	}

static const struct function rows[] = {
	COMPARE("=", CMP_EQ),
	COMPARE("<>", CMP_NE),
	COMPARE("<", CMP_LT),
	COMPARE("<=", CMP_LE),
	COMPARE(">", CMP_GT),
	COMPARE(">=", CMP_GE),
	DISTINCT("is distinct from", false),
	DISTINCT("is not distinct from", true),
	{.name = "between",
	 .min_args = 3,
	 .max_args = 3,
	 .bind = bind_between,
	 .prepare = prepare_zeros,
	 .eval = eval_between},
};

const struct function_table compare_functions = {rows, sizeof(rows) / sizeof(rows[0])};
