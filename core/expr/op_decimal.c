// SPDX-License-Identifier: Apache-2.0
/*
 * op_decimal.c: + - * / % of decimals of up to 38 digits.
 *
 * The precision and scale of results follow Hive's rules, as Arrow's kernels do: a sum
 * has one digit more, a product the digits and scales of both, a quotient four digits
 * of scale more than the dividend.
 * Source: Arrow, arithmetic kernels of decimals; Hive's "Decimal Precision and Scale
 * Support".
 */
#include "expr/op_priv.h"

#define MAX_DIGITS 38

/* false: more than 38 digits */
static bool power_of_ten(int32_t n, __int128 *ret)
{
	*ret = 1;
	for (int32_t i = 0; i < n; i++)
		if (__builtin_mul_overflow(*ret, (__int128)10, ret))
			return false;
	return true;
}

/* What both sides are multiplied with before the operation. */
static bool factors(const struct call *c, __int128 *left, __int128 *right)
{
	int op = c->node->fn->tag;
	int32_t s1 = c->args[0].array->type->scale, s2 = c->args[1].array->type->scale;
	int32_t scale = c->node->type->scale;
	*left = *right = 1;
	if (op == OP_MUL)
		return true;
	if (op != OP_DIV)
		return power_of_ten(scale - s1, left) &&
		       power_of_ten(scale - s2, right);
	int32_t power = scale - s1 + s2;
	return power >= 0 ? power_of_ten(power, left) : power_of_ten(-power, right);
}

/* false: it overflows */
static bool operate(int op, __int128 x, __int128 y, __int128 *ret)
{
	switch (op) {
	case OP_ADD:
		return !__builtin_add_overflow(x, y, ret);
	case OP_SUB:
		return !__builtin_sub_overflow(x, y, ret);
	case OP_MUL:
		return !__builtin_mul_overflow(x, y, ret);
	case OP_DIV:
		if (y == -1)
			return !__builtin_sub_overflow((__int128)0, x, ret);
		*ret = x / y;
		return true;
	default:
		*ret = y == -1 ? 0 : x % y;
		return true;
	}
}

static struct err *eval_decimals(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	const any_i128 *l = (const any_i128 *)c->args[0].array->data->data;
	const any_i128 *r = (const any_i128 *)c->args[1].array->data->data;
	int op = c->node->fn->tag;
	__int128 left, right;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	if (!factors(c, &left, &right))
		return call_err(c, 0, "the decimals overflow");
	any_i128 *o = (any_i128 *)out->data->data;
	for (uint64_t i = 0; i < c->n_rows; i++) {
		__int128 x, y, z;
		if (!call_wants(c, i))
			continue;
		bool fits = !__builtin_mul_overflow(
				    (__int128)l[vec_row(&c->args[0], i)], left, &x) &&
			    !__builtin_mul_overflow(
				    (__int128)r[vec_row(&c->args[1], i)], right, &y);
		if (fits && y == 0 && op >= OP_DIV)
			return call_err(c, i, "division by zero");
		if (!fits || !operate(op, x, y, &z))
			return call_err(c, i, "the decimal overflows");
		o[i] = z;
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *result_type(const struct binder *b, const struct node *n,
			       struct type **ret)
{
	const struct type *l = n->args[0]->type, *r = n->args[1]->type;
	int32_t whole = MAX_OF(l->precision - l->scale, r->precision - r->scale);
	int32_t least = MIN_OF(l->precision - l->scale, r->precision - r->scale);
	int32_t scale = MAX_OF(l->scale, r->scale), precision = scale + whole + 1;
	switch (n->fn->tag) {
	case OP_MUL:
		scale = l->scale + r->scale;
		precision = l->precision + r->precision + 1;
		break;
	case OP_DIV:
		scale = MIN_OF(l->scale + 4, MAX_DIGITS);
		precision = scale - l->scale + r->scale + l->precision;
		break;
	case OP_REM:
		precision = scale + least;
		break;
	default:
		break;
	}
	if (scale > MAX_DIGITS)
		return bind_err(b, n, "the result would have %d digits of scale",
				scale);
	return type_new_decimal(MIN_OF(precision, MAX_DIGITS), scale, ret);
}

#define DECIMAL(sign, op)                                                              \
	[op] = {.name = (sign),                                                        \
		.min_args = 2,                                                         \
		.max_args = 2,                                                         \
		.is_strict = true,                                                     \
		.can_fail = true,                                                      \
		.eval = eval_decimals,                                                 \
		.tag = (op)}

static const struct function functions[] = {
	DECIMAL("+", OP_ADD), DECIMAL("-", OP_SUB), DECIMAL("*", OP_MUL),
	DECIMAL("/", OP_DIV), DECIMAL("%", OP_REM),
};

struct err *bind_decimals(struct binder *b, struct node *n, bool *ret_done)
{
	struct type *l = n->args[0]->type, *r = n->args[1]->type;
	AUTO(type) struct type *left = NULL;
	AUTO(type) struct type *right = NULL;
	AUTO(type) struct type *t = NULL;
	bool any = type_is_decimal(l) || type_is_decimal(r);
	*ret_done = false;
	if (!any || type_is_float(l->id) || type_is_float(r->id))
		return NULL;
	const struct type *like = type_is_decimal(l) ? l : r;
	if (l->id == TYPE_NULL || r->id == TYPE_NULL) {
		TRY(bind_both(b, n, l->id == TYPE_NULL ? r : l));
		l = r = n->args[0]->type;
	}
	TRY(coerce_to_decimal(l, like, &left));
	TRY(coerce_to_decimal(r, like, &right));
	if (!left || !right)
		return NULL;
	if (left->id == TYPE_DECIMAL256 || right->id == TYPE_DECIMAL256)
		return bind_err(b, n,
				"decimals of over %d digits are not computed with",
				MAX_DIGITS);
	TRY(bind_cast(b, n, 0, left));
	TRY(bind_cast(b, n, 1, right));
	TRY(result_type(b, n, &t));
	bind_type(n, t);
	n->fn = &functions[n->fn->tag];
	*ret_done = true;
	return NULL;
}
