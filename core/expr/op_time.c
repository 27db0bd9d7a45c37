// SPDX-License-Identifier: Apache-2.0
/*
 * op_time.c: + and - of dates, timestamps, durations and intervals.
 *
 * Months are added first (a day past the month's end becomes its last), then days,
 * then the rest; of dates whole days only.
 * Source: Arrow's arithmetic kernels of temporal types; DataFusion's coercions.
 */
#include "expr/calendar_priv.h"
#include "expr/op_priv.h"

static int64_t add_months(int64_t days, int64_t months)
{
	if (!months)
		return days;
	struct civil c = civil_of_days(days);
	int64_t total = c.year * 12 + c.month - 1 + months;
	c.year = floor_div(total, 12);
	c.month = (int)floor_mod(total, 12) + 1;
	c.day = MIN_OF(c.day, days_in_month(c.year, c.month));
	return days_of_civil(c);
}

/* --- intervals --- */

struct interval {
	int64_t months, days, nanos;
};

static struct interval interval_at(const struct vec *v, uint64_t row, int64_t sign)
{
	uint64_t i = vec_row(v, row);
	struct array *const *members = v->array->children;
	return (struct interval){sign * array_i64(members[0], i),
				 sign * array_i64(members[1], i),
				 sign * array_i64(members[2], i)};
}

/* A time of `per_day` units a day; false: out of range. */
static bool add_interval(int64_t v, int64_t per_day, const struct interval *i,
			 int64_t *ret)
{
	int64_t days = floor_div(v, per_day);
	int64_t rest = v % per_day + (v % per_day < 0 ? per_day : 0), part;
	bool is_date = per_day == 1;
	/* years that the calendar above has room for */
	if (days > INT64_C(100000000000) || days < -INT64_C(100000000000))
		return false;
	days = add_months(days, i->months) + i->days;
	if (is_date)
		days += i->nanos / (DAY_SECONDS * SECOND_NANOS);
	part = is_date ? 0 : i->nanos / (DAY_SECONDS * SECOND_NANOS / per_day);
	return !ckd_mul(&days, days, per_day) && !ckd_add(&days, days, rest) &&
	       !ckd_add(ret, days, part);
}

static int64_t units_per_day(const struct type *t)
{
	if (t->id == TYPE_DATE32)
		return 1;
	if (t->id == TYPE_DATE64)
		return INT64_C(86400000);
	return DAY_SECONDS * unit_scale(t->unit);
}

static void store_time(struct array *a, uint64_t row, int64_t v)
{
	if (type_bits(a->type) == 32)
		store_u32le(a->data->data + row * 4, (uint32_t)v);
	else
		store_u64le(a->data->data + row * 8, (uint64_t)v);
}

static bool fits_type(const struct type *t, int64_t v)
{
	return type_bits(t) == 64 || (v >= INT32_MIN && v <= INT32_MAX);
}

static struct err *eval_interval(const struct call *c, struct array **ret)
{
	bool is_first = type_is_interval(c->args[0].array->type);
	const struct vec *time = &c->args[is_first], *span = &c->args[!is_first];
	int64_t per_day = units_per_day(c->node->type);
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t i = 0; i < c->n_rows; i++) {
		int64_t v;
		if (!call_wants(c, i))
			continue;
		struct interval by =
			interval_at(span, i, c->node->fn->tag == OP_SUB ? -1 : 1);
		if (!add_interval(array_i64(time->array, vec_row(time, i)), per_day,
				  &by, &v) ||
		    !fits_type(out->type, v))
			return call_err(c, i, "the time is out of range");
		store_time(out, i, v);
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- integers: durations, timestamps of one unit, days --- */

static struct err *eval_sum(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	const struct type *t = c->args[0].array->type;
	/* dates differ by days */
	int64_t unit = t->id == TYPE_DATE64 && c->node->type->id == TYPE_INT64
			       ? INT64_C(86400000)
			       : 1;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t i = 0; i < c->n_rows; i++) {
		int64_t x = array_i64(c->args[0].array, vec_row(&c->args[0], i));
		int64_t y = array_i64(c->args[1].array, vec_row(&c->args[1], i)), z;
		if (!call_wants(c, i))
			continue;
		bool overflows = c->node->fn->tag == OP_SUB ? ckd_sub(&z, x, y)
							    : ckd_add(&z, x, y);
		if (overflows || !fits_type(out->type, z / unit))
			return call_err(c, i, "the time is out of range");
		store_time(out, i, z / unit);
	}
	*ret = TAKE(out);
	return NULL;
}

#define TIME(sign, op, evals)                                                          \
	{                                                                              \
		.name = (sign), .min_args = 2, .max_args = 2, .is_strict = true,       \
		.can_fail = true, .eval = (evals), .tag = (op)                         \
	}

static const struct function interval_functions[] = {
	TIME("+", OP_ADD, eval_interval),
	TIME("-", OP_SUB, eval_interval),
};
static const struct function sum_functions[] = {
	TIME("+", OP_ADD, eval_sum),
	TIME("-", OP_SUB, eval_sum),
};

/* --- binding --- */

static bool is_date(const struct type *t)
{
	return t->id == TYPE_DATE32 || t->id == TYPE_DATE64;
}

static bool is_point(const struct type *t)
{
	return is_date(t) || t->id == TYPE_TIMESTAMP;
}

static struct err *bind_sum(struct node *n, struct type *type)
{
	bind_type(n, type);
	n->fn = &sum_functions[n->fn->tag];
	return NULL;
}

static struct err *bind_interval(struct node *n, struct type *type)
{
	bind_type(n, type);
	n->fn = &interval_functions[n->fn->tag];
	return NULL;
}

/* date32 ± integer: days */
static struct err *bind_days(struct binder *b, struct node *n, size_t date)
{
	struct type *t = n->args[date]->type;
	if (t->id == TYPE_DATE64)
		return bind_pair_err(b, n);
	TRY(bind_cast_id(b, n, !date, TYPE_INT64));
	return bind_sum(n, t);
}

static struct err *bind_duration(struct binder *b, struct node *n, size_t point)
{
	AUTO(type) struct type *t = type_ref(n->args[point]->type);
	AUTO(type) struct type *span = NULL;
	if (t->id != TYPE_TIMESTAMP)
		return bind_pair_err(b, n);
	TRY(type_new_unit(TYPE_DURATION, t->unit, NULL, &span));
	TRY(bind_cast(b, n, !point, span));
	return bind_sum(n, t);
}

/* timestamp - timestamp: a duration; date - date: days */
static struct err *bind_difference(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	AUTO(type) struct type *result = NULL;
	struct type *l = n->args[0]->type, *r = n->args[1]->type;
	if (is_date(l) && l->id == r->id) {
		TRY(type_new(TYPE_INT64, &result));
		return bind_sum(n, result);
	}
	TRY(coerce_times(l, r, &t));
	if (!t)
		return bind_pair_err(b, n);
	TRY(bind_both(b, n, t));
	TRY(type_new_unit(TYPE_DURATION, t->id == TYPE_DATE64 ? UNIT_MS : t->unit, NULL,
			  &result));
	return bind_sum(n, result);
}

/* A null less a time, or a time less a null, is a difference too. */
static struct err *bind_null_as_time(struct binder *b, struct node *n)
{
	for (size_t i = 0; i < 2; i++)
		if (n->args[i]->type->id == TYPE_NULL && is_point(n->args[!i]->type))
			return bind_cast(b, n, i, n->args[!i]->type);
	return NULL;
}

struct err *bind_times(struct binder *b, struct node *n, bool *ret_done)
{
	bool is_sub = n->fn->tag == OP_SUB;
	if (is_sub)
		TRY(bind_null_as_time(b, n));
	struct type *l = n->args[0]->type, *r = n->args[1]->type;
	*ret_done = false;
	if (!type_is_time(l) && !type_is_time(r) && !type_is_interval(l) &&
	    !type_is_interval(r))
		return NULL;
	*ret_done = true;
	if (n->fn->tag > OP_SUB)
		return bind_pair_err(b, n);
	if (is_point(l) && type_is_interval(r))
		return bind_interval(n, l);
	if (type_is_interval(l) && is_point(r) && !is_sub)
		return bind_interval(n, r);
	if (is_date(l) && type_is_integer(r->id))
		return bind_days(b, n, 0);
	if (is_date(r) && type_is_integer(l->id) && !is_sub)
		return bind_days(b, n, 1);
	if (l->id == TYPE_DURATION && r->id == TYPE_DURATION && l->unit == r->unit)
		return bind_sum(n, l);
	if (is_point(l) && r->id == TYPE_DURATION)
		return bind_duration(b, n, 0);
	if (is_point(r) && l->id == TYPE_DURATION && !is_sub)
		return bind_duration(b, n, 1);
	if (is_point(l) && is_point(r) && is_sub)
		return bind_difference(b, n);
	return bind_pair_err(b, n);
}
