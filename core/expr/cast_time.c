// SPDX-License-Identifier: Apache-2.0
/*
 * cast_time.c: dates, times of day, timestamps and durations as one another and as
 * numbers.
 *
 * A timestamp without a zone that is given one keeps what its clock shows; one with a
 * zone keeps its instant.  A finer unit is cut off towards zero.
 */
#include "expr/cast_priv.h"

#include <string.h>

bool cast_is_clock(const struct type *t)
{
	return t->id == TYPE_TIME32 || t->id == TYPE_TIME64;
}

static bool is_date(const struct type *t)
{
	return t->id == TYPE_DATE32 || t->id == TYPE_DATE64;
}

bool cast_is_time(const struct type *t)
{
	return is_date(t) || cast_is_clock(t) || t->id == TYPE_TIMESTAMP ||
	       t->id == TYPE_DURATION;
}

static bool has_numbers(const struct type *time, const struct type *number, bool to)
{
	if (time->id == TYPE_TIMESTAMP || time->id == TYPE_DURATION)
		return type_is_number(number);
	if (time->id == TYPE_TIME32)
		return number->id == TYPE_INT32 || (number->id == TYPE_INT64 && to);
	if (time->id == TYPE_TIME64)
		return number->id == TYPE_INT64;
	return number->id == TYPE_INT32 || number->id == TYPE_INT64;
}

bool cast_times_can(const struct type *from, const struct type *to)
{
	if (!cast_is_time(from))
		return has_numbers(to, from, false);
	if (!cast_is_time(to))
		return has_numbers(from, to, true);
	if (from->id == TYPE_TIMESTAMP)
		return to->id != TYPE_DURATION;
	if (is_date(from))
		return is_date(to) || to->id == TYPE_TIMESTAMP;
	return cast_is_clock(from) ? cast_is_clock(to) : from->id == to->id;
}

/* --- values as 64-bit numbers --- */

static int64_t load_value(const struct array *a, uint64_t row)
{
	if (type_bits(a->type) == 32)
		return (int32_t)load_u32le(a->data->data + row * 4);
	return (int64_t)load_u64le(a->data->data + row * 8);
}

static bool store_value(struct array *out, uint64_t row, int64_t v)
{
	if (type_bits(out->type) == 64) {
		store_u64le(out->data->data + row * 8, (uint64_t)v);
		return true;
	}
	store_u32le(out->data->data + row * 4, (uint32_t)v);
	return v >= INT32_MIN && v <= INT32_MAX;
}

/* Units a second of values; a date32 counts days. */
static int64_t scale_of(const struct type *t)
{
	return t->id == TYPE_DATE64 ? 1000 : unit_scale(t->unit);
}

struct plan {
	const struct cast *c;
	struct zone *from_zone, *to_zone;
};

static bool rescale(int64_t v, int64_t from, int64_t to, int64_t *ret)
{
	if (to < from) {
		*ret = v / (from / to);
		return true;
	}
	return !ckd_mul(ret, v, to / from);
}

/* What a clock in the zone of a timestamp shows, in its own units since 1970. */
static bool to_local(const struct plan *p, int64_t v, int64_t *ret)
{
	int64_t scale = unit_scale(p->c->a->type->unit);
	int64_t offset = zone_offset(p->from_zone, floor_div(v, scale));
	return !ckd_add(ret, v, offset * scale);
}

static bool add_zone(const struct plan *p, int64_t v, int64_t *ret)
{
	int64_t scale = unit_scale(p->c->to->unit);
	int64_t local = floor_div(v, scale), rest = floor_mod(v, scale), utc;
	if (!zone_to_utc(p->to_zone, local, &utc) || ckd_mul(&utc, utc, scale))
		return false;
	return !ckd_add(ret, utc, rest);
}

static bool from_timestamp(const struct plan *p, int64_t v, int64_t *ret)
{
	const struct type *from = p->c->a->type, *to = p->c->to;
	int64_t day = DAY_SECONDS * unit_scale(from->unit);
	if (to->id == TYPE_TIMESTAMP) {
		if (!rescale(v, unit_scale(from->unit), unit_scale(to->unit), ret))
			return false;
		return from->timezone || !to->timezone || add_zone(p, *ret, ret);
	}
	if (to->id == TYPE_DATE64)
		return rescale(v, unit_scale(from->unit), 1000, ret);
	if (!to_local(p, v, &v))
		return false;
	if (to->id == TYPE_DATE32) {
		*ret = floor_div(v, day);
		return true;
	}
	return rescale(floor_mod(v, day), unit_scale(from->unit), unit_scale(to->unit),
		       ret);
}

static bool from_date(const struct plan *p, int64_t v, int64_t *ret)
{
	const struct type *from = p->c->a->type, *to = p->c->to;
	if (from->id == TYPE_DATE64 && to->id == TYPE_DATE32) {
		*ret = v / (DAY_SECONDS * 1000);
		return true;
	}
	if (from->id == TYPE_DATE32 && ckd_mul(&v, v, DAY_SECONDS * scale_of(to)))
		return false;
	if (from->id == TYPE_DATE64 && !rescale(v, 1000, scale_of(to), &v))
		return false;
	*ret = v;
	return !to->timezone || add_zone(p, v, ret);
}

static bool convert(const struct plan *p, int64_t v, int64_t *ret)
{
	const struct type *from = p->c->a->type, *to = p->c->to;
	if (from->id == TYPE_TIMESTAMP)
		return from_timestamp(p, v, ret);
	if (is_date(from))
		return from_date(p, v, ret);
	return rescale(v, unit_scale(from->unit), unit_scale(to->unit), ret);
}

static struct err *cast_rows(const struct plan *p, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	const struct cast *c = p->c;
	TRY(cast_fixed(c, &out));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		int64_t v;
		if (array_is_null(c->a, row))
			continue;
		if (convert(p, load_value(c->a, row), &v) && store_value(out, row, v))
			continue;
		/* of a date beyond a timestamp's range not even TRY_CAST makes a null
		 */
		TRY(is_date(c->a->type) ? cast_err(c, row) : cast_misfit(c, out, row));
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *cast_both_times(const struct cast *c, struct array **ret)
{
	AUTO(zone) struct zone *from_zone = NULL;
	AUTO(zone) struct zone *to_zone = NULL;
	if (c->a->type->timezone)
		TRY(zone_open(c->a->type->timezone, &from_zone));
	if (c->to->timezone)
		TRY(zone_open(c->to->timezone, &to_zone));
	const struct plan p = {c, from_zone, to_zone};
	return cast_rows(&p, ret);
}

/* The integer type that a time's values are kept as. */
static enum type_id stored_as(const struct type *t)
{
	return type_bits(t) == 32 ? TYPE_INT32 : TYPE_INT64;
}

static struct err *number_of_time(const struct cast *c, struct array **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	TRY(type_new(stored_as(c->a->type), &t));
	TRY(cast_reinterpret(c->a, t, &a));
	return sql_cast(a, c->to, c->is_try, c->first_row, ret);
}

static struct err *time_of_number(const struct cast *c, struct array **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	TRY(type_new(stored_as(c->to), &t));
	TRY(sql_cast(c->a, t, c->is_try, c->first_row, &a));
	return cast_reinterpret(a, c->to, ret);
}

struct err *cast_times(const struct cast *c, struct array **ret)
{
	if (cast_is_time(c->a->type))
		return cast_is_time(c->to) ? cast_both_times(c, ret)
					   : number_of_time(c, ret);
	/* an int32 counts days, whichever date it becomes */
	if (c->a->type->id == TYPE_INT32 && c->to->id == TYPE_DATE64)
		return cast_through_id(c, TYPE_DATE32, ret);
	return time_of_number(c, ret);
}
