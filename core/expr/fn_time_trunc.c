// SPDX-License-Identifier: Apache-2.0
/*
 * fn_time_trunc.c: times cut off: to the beginning of a day or month, or of a bin.
 */
#include "expr/cast_priv.h"
#include "expr/fn_time_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* --- date_trunc --- */

enum grain {
	MICROSECOND,
	MILLISECOND,
	SECOND,
	MINUTE,
	HOUR,
	DAY,
	WEEK,
	MONTH,
	QUARTER,
	YEAR,
	N_GRAINS
};

static const char *const names[N_GRAINS] = {
	"microsecond", "millisecond", "second", "minute",  "hour",
	"day",	       "week",	      "month",	"quarter", "year"};

/* Nanoseconds of the grains that are all alike. */
static const int64_t grain_nanos[] = {
	[MICROSECOND] = 1000,	      [MILLISECOND] = 1000000,
	[SECOND] = SECOND_NANOS,      [MINUTE] = 60 * SECOND_NANOS,
	[HOUR] = 3600 * SECOND_NANOS, [DAY] = DAY_SECONDS * SECOND_NANOS,
};

static enum grain find_grain(struct str s)
{
	for (size_t i = 0; i < N_GRAINS; i++)
		if (strlen(names[i]) == s.len &&
		    strncasecmp(names[i], (const char *)s.p, s.len) == 0)
			return (enum grain)i;
	return N_GRAINS;
}

struct err *bind_date_trunc(struct binder *b, struct node *n)
{
	struct str name;
	TRY(constant_word(b, n, 0, &name));
	enum grain grain = find_grain(name);
	if (grain == N_GRAINS)
		return bind_err(b, n->args[0],
				"times are cut to microsecond, "
				"millisecond, second, minute, hour, day, "
				"week, month, quarter or year");
	TRY(bind_instant(b, n, 1, true));
	const struct type *t = n->args[1]->type;
	if (t->id != TYPE_TIMESTAMP && !(cast_is_clock(t) && grain <= HOUR))
		return bind_arg_err(b, n, 1, "a date or time that can be cut so");
	bind_type(n, n->args[1]->type);
	return NULL;
}

static int64_t trunc_fine(int64_t v, const struct type *t, enum grain grain)
{
	int64_t unit = grain_nanos[grain] / (SECOND_NANOS / unit_scale(t->unit));
	return unit > 1 ? v - floor_mod(v, unit) : v;
}

static int64_t first_day(const struct moment *m, enum grain grain)
{
	struct civil c = {m->date.year, m->date.month, 1};
	if (grain <= DAY)
		return m->days;
	if (grain == WEEK)
		return m->days - weekday(m->days);
	if (grain == QUARTER)
		c.month = (c.month - 1) / 3 * 3 + 1;
	if (grain == YEAR)
		c.month = 1;
	return days_of_civil(c);
}

/* When clocks in a zone showed a local time: in a gap the time after it, of two the one
 * with the offset of the moment it was cut from. */
static bool local_instant(const struct zone *zone, int64_t local, int32_t offset,
			  int64_t *ret)
{
	const int64_t gap = 3 * 3600;
	if (zone_to_utc(zone, local, ret))
		return true;
	*ret = local - offset;
	if (zone_offset(zone, *ret) == offset)
		return true;
	int32_t before = zone_offset(zone, local - DAY_SECONDS);
	int32_t after = zone_offset(zone, local + DAY_SECONDS);
	int64_t late = local - MIN_OF(before, after);
	if (zone_offset(zone, late) == local - late) { /* it came twice */
		*ret = late;
		return true;
	}
	if (!zone_to_utc(zone, local - gap, ret))
		return false;
	*ret += gap;
	return true;
}

/* Coarse grains go by nanoseconds, whose years are few.  False: it does not fit. */
static bool trunc_coarse(int64_t v, const struct type *t, enum grain grain,
			 const struct zone *zone, int64_t *ret)
{
	int64_t scale = unit_scale(t->unit), nanos, seconds;
	struct moment m;
	if (ckd_mul(&nanos, v, SECOND_NANOS / scale) ||
	    !moment_of(v, t->unit, zone_offset(zone, floor_div(v, scale)), &m))
		return false;
	int64_t local = first_day(&m, grain) * DAY_SECONDS;
	if (grain == HOUR)
		local += m.hour * 3600;
	if (!local_instant(zone, local, m.offset, &seconds))
		return false;
	return !ckd_mul(&nanos, seconds, SECOND_NANOS) && !ckd_mul(ret, seconds, scale);
}

struct err *eval_date_trunc(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO(zone) struct zone *zone = NULL;
	const struct type *t = c->node->type;
	enum grain grain = find_grain(arg_str(c, 0, 0));
	bool is_fine = grain <= MINUTE || (grain <= DAY && !t->timezone);
	TRY(time_zone(t, &zone));
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		int64_t v = time_value(c->args[1].array, vec_row(&c->args[1], row));
		if (!call_wants(c, row))
			continue;
		if (is_fine)
			v = trunc_fine(v, t, grain);
		else if (!trunc_coarse(v, t, grain, zone, &v))
			return call_err(c, row,
					"only the years 1677 to 2262 can be cut so");
		store_time(out, row, v);
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- date_bin(stride, time, origin) --- */

struct stride {
	int64_t months, nanos; /* one of them is 0 */
};

static struct err *read_stride(struct binder *b, const struct node *n,
			       struct stride *ret)
{
	const struct array *a = bind_literal(n, 0);
	if (!a || !type_is_interval(a->type) || array_is_null(a, 0))
		return bind_arg_err(b, n, 0, "a constant interval");
	int64_t days = array_i64(a->children[1], 0);
	ret->months = array_i64(a->children[0], 0);
	if (ckd_mul(&days, days, DAY_SECONDS * SECOND_NANOS) ||
	    ckd_add(&ret->nanos, days, array_i64(a->children[2], 0)))
		return bind_err(b, n->args[0], "the stride is too long");
	if (ret->months && ret->nanos)
		return bind_err(b, n->args[0],
				"a stride is of months or of days, not both");
	if (!ret->months && !ret->nanos)
		return bind_err(b, n->args[0], "a stride of nothing");
	return NULL;
}

struct err *bind_date_bin(struct binder *b, struct node *n)
{
	AUTO(type) struct type *ns = NULL;
	struct stride stride;
	TRY(read_stride(b, n, &stride));
	TRY(bind_instant(b, n, 1, true));
	const struct type *t = n->args[1]->type;
	if (t->id != TYPE_TIMESTAMP)
		return bind_arg_err(b, n, 1, "a date or timestamp");
	if (t->timezone && t->unit != UNIT_NS) {
		AUTO(type) struct type *finer = NULL;
		TRY(type_new_unit(TYPE_TIMESTAMP, UNIT_NS, t->timezone, &finer));
		TRY(bind_cast(b, n, 1, finer));
		t = n->args[1]->type;
	}
	if (n->n_args > 2) {
		const struct type *origin = n->args[2]->type;
		if (origin->id != TYPE_TIMESTAMP && origin->id != TYPE_NULL &&
		    origin->id != TYPE_DATE32 && !type_is_string(origin->id))
			return bind_arg_err(b, n, 2, "a timestamp");
		TRY(type_new_unit(TYPE_TIMESTAMP, UNIT_NS,
				  t->timezone ? origin->timezone : NULL, &ns));
		TRY(bind_cast(b, n, 2, ns));
	}
	bind_type(n, n->args[1]->type);
	return NULL;
}

/* The multiple of stride at or below diff. */
static int64_t floor_multiple(int64_t diff, int64_t stride)
{
	int64_t rest = diff % stride;
	return rest != 0 && diff < 0 && stride > 1 ? diff - rest - stride : diff - rest;
}

static bool bin_nanos(int64_t v, int64_t stride, int64_t origin, int64_t *ret)
{
	int64_t diff;
	return !ckd_sub(&diff, v, origin) &&
	       !ckd_add(ret, origin, floor_multiple(diff, stride));
}

/* An instant so many months later; days beyond the month's end are its last. */
static bool add_months(int64_t nanos, int64_t months, int64_t *ret)
{
	int64_t day_nanos = DAY_SECONDS * SECOND_NANOS;
	int64_t days = floor_div(nanos, day_nanos), rest = nanos - days * day_nanos;
	struct civil c = civil_of_days(days);
	int64_t month = c.year * 12 + c.month - 1 + months;
	c.year = floor_div(month, 12);
	c.month = (int)floor_mod(month, 12) + 1;
	c.day = MIN_OF(c.day, days_in_month(c.year, c.month));
	return civil_is_valid(c) && !ckd_mul(ret, days_of_civil(c), day_nanos) &&
	       !ckd_add(ret, *ret, rest);
}

static int64_t months_of(int64_t nanos)
{
	struct civil c = civil_of_days(floor_div(nanos, DAY_SECONDS * SECOND_NANOS));
	return c.year * 12 + c.month;
}

static bool bin_months(int64_t v, int64_t stride, int64_t origin, int64_t *ret)
{
	int64_t diff = floor_multiple(months_of(v) - months_of(origin), stride);
	if (!add_months(origin, diff, ret))
		return false;
	return *ret <= v || add_months(origin, diff - stride, ret);
}

static struct stride stride_of(const struct array *a)
{
	return (struct stride){array_i64(a->children[0], 0),
			       array_i64(a->children[1], 0) * DAY_SECONDS *
					       SECOND_NANOS +
				       array_i64(a->children[2], 0)};
}

struct err *eval_date_bin(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	struct stride s = stride_of(c->args[0].array);
	int64_t scale = SECOND_NANOS / unit_scale(c->node->type->unit);
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		int64_t v = time_value(c->args[1].array, vec_row(&c->args[1], row));
		int64_t origin = 0;
		if (!call_wants(c, row))
			continue;
		if (c->n_args > 2)
			origin = time_value(
				c->args[2].array,
				vec_row(&c->args[2],
					row)); /* what does not fit wraps around, as in
						  the reference implementation */
		v = (int64_t)((uint64_t)v * (uint64_t)scale);
		if (!(s.months ? bin_months(v, s.months, origin, &v)
			       : bin_nanos(v, s.nanos, origin, &v))) {
			/* of a constant it is null, in the reference implementation too
			 */
			if (!c->is_constant)
				return call_err(c, row,
						"the bin does not fit nanoseconds");
			TRY(set_null(out, row));
			continue;
		}
		store_time(out, row, v / scale);
	}
	*ret = TAKE(out);
	return NULL;
}
