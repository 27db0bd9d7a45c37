// SPDX-License-Identifier: Apache-2.0
/*
 * fn_time_part.c: date_part, of which extract is another spelling.
 */
#include "expr/cast_priv.h"
#include "expr/fn_time_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum part {
	YEAR,
	ISOYEAR,
	QUARTER,
	MONTH,
	WEEK,
	DAY,
	DOY,
	DOW,
	ISODOW,
	HOUR,
	MINUTE,
	SECOND,
	MILLISECOND,
	MICROSECOND,
	NANOSECOND,
	EPOCH
};

static const struct {
	const char *name;
	enum part part;
} names[] = {
	{"year", YEAR},
	{"years", YEAR},
	{"y", YEAR},
	{"yr", YEAR},
	{"yrs", YEAR},
	{"isoyear", ISOYEAR},
	{"quarter", QUARTER},
	{"qtr", QUARTER},
	{"month", MONTH},
	{"months", MONTH},
	{"mon", MONTH},
	{"mons", MONTH},
	{"week", WEEK},
	{"weeks", WEEK},
	{"w", WEEK},
	{"day", DAY},
	{"days", DAY},
	{"d", DAY},
	{"doy", DOY},
	{"dow", DOW},
	{"isodow", ISODOW},
	{"hour", HOUR},
	{"hours", HOUR},
	{"h", HOUR},
	{"hr", HOUR},
	{"hrs", HOUR},
	{"minute", MINUTE},
	{"minutes", MINUTE},
	{"m", MINUTE},
	{"min", MINUTE},
	{"mins", MINUTE},
	{"second", SECOND},
	{"seconds", SECOND},
	{"s", SECOND},
	{"sec", SECOND},
	{"secs", SECOND},
	{"millisecond", MILLISECOND},
	{"milliseconds", MILLISECOND},
	{"ms", MILLISECOND},
	{"msec", MILLISECOND},
	{"msecs", MILLISECOND},
	{"msecond", MILLISECOND},
	{"mseconds", MILLISECOND},
	{"microsecond", MICROSECOND},
	{"microseconds", MICROSECOND},
	{"us", MICROSECOND},
	{"usec", MICROSECOND},
	{"usecs", MICROSECOND},
	{"usecond", MICROSECOND},
	{"useconds", MICROSECOND},
	{"nanosecond", NANOSECOND},
	{"nanoseconds", NANOSECOND},
	{"epoch", EPOCH},
};

/* In quotes or without; false if there is no such part. */
static bool find_part(struct str s, enum part *ret)
{
	bool is_quoted = s.len >= 2 && (*s.p == '\'' || *s.p == '"') &&
			 (s.p[s.len - 1] == '\'' || s.p[s.len - 1] == '"');
	const char *p = (const char *)s.p + is_quoted;
	size_t len = s.len - 2 * is_quoted;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len &&
		    strncasecmp(names[i].name, p, len) == 0) {
			*ret = names[i].part;
			return true;
		}
	return false;
}

/* A time of day has no date, a duration no calendar. */
static bool has_part(const struct type *t, enum part part)
{
	if (cast_is_clock(t))
		return part >= HOUR;
	if (t->id == TYPE_DURATION)
		return part >= HOUR || part == WEEK || part == DAY;
	return true;
}

struct err *bind_date_part(struct binder *b, struct node *n)
{
	struct str name;
	enum part part;
	TRY(constant_word(b, n, 0, &name));
	if (!find_part(name, &part))
		return bind_err(b, n->args[0], "times have no part '%.*s'",
				(int)MIN_OF(name.len, (uint64_t)40),
				(const char *)name.p);
	TRY(bind_instant(b, n, 1, false));
	if (!cast_is_time(n->args[1]->type) || !has_part(n->args[1]->type, part))
		return bind_arg_err(b, n, 1, "a date or time that has such a part");
	return bind_type_id(n, part == EPOCH	    ? TYPE_FLOAT64
			       : part == NANOSECOND ? TYPE_INT64
						    : TYPE_INT32);
}

static int64_t day_of_year(const struct moment *m)
{
	return m->days - days_of_civil((struct civil){m->date.year, 1, 1}) + 1;
}

static int64_t date_part(const struct moment *m, enum part part)
{
	int64_t year;
	int week = iso_week(m->days, &year);
	switch (part) {
	case YEAR:
		return m->date.year;
	case ISOYEAR:
		return year;
	case QUARTER:
		return (m->date.month - 1) / 3 + 1;
	case MONTH:
		return m->date.month;
	case WEEK:
		return week;
	case DAY:
		return m->date.day;
	case DOY:
		return day_of_year(m);
	case DOW:
		return (weekday(m->days) + 1) % 7;
	default:
		return weekday(m->days) + 1;
	}
}

static int64_t clock_part(const struct moment *m, enum part part)
{
	switch (part) {
	case HOUR:
		return m->hour;
	case MINUTE:
		return m->minute;
	case SECOND:
		return m->second;
	case MILLISECOND:
		return m->second * INT64_C(1000) + m->nanos / 1000000;
	case MICROSECOND:
		return m->second * INT64_C(1000000) + m->nanos / 1000;
	default:
		return m->second * SECOND_NANOS + m->nanos;
	}
}

/* All of a duration, in whole units of the part. */
static int64_t duration_part(const struct array *a, uint64_t row, enum part part)
{
	int64_t v = time_value(a, row), scale = unit_scale(a->type->unit);
	switch (part) {
	case WEEK:
		return v / scale / (7 * DAY_SECONDS);
	case DAY:
		return v / scale / DAY_SECONDS;
	case HOUR:
		return v / scale / 3600;
	case MINUTE:
		return v / scale / 60;
	default:
		return v / scale;
	}
}

static double epoch_of(const struct array *a, uint64_t row)
{
	double v = (double)time_value(a, row);
	if (a->type->id == TYPE_DATE32)
		return v * (double)DAY_SECONDS;
	return v /
	       (double)(a->type->id == TYPE_DATE64 ? 1000 : unit_scale(a->type->unit));
}

static struct err *part_row(const struct call *c, uint64_t row, enum part part,
			    const struct zone *zone, struct array *out)
{
	const struct array *a = c->args[1].array;
	uint64_t at = vec_row(&c->args[1], row);
	struct moment m;
	if (part == EPOCH) {
		((double *)(void *)out->data->data)[row] = epoch_of(a, at);
		return NULL;
	}
	if (a->type->id == TYPE_DURATION) {
		store_int(out, row, duration_part(a, at, part));
		return NULL;
	}
	if (!time_moment(a, at, zone, &m))
		return set_null(out, row); /* a time beyond all dates */
	store_int(out, row, part < HOUR ? date_part(&m, part) : clock_part(&m, part));
	return NULL;
}

struct err *eval_date_part(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO(zone) struct zone *zone = NULL;
	enum part part = YEAR;
	(void)find_part(arg_str(c, 0, 0), &part); /* bind found it */
	TRY(time_zone(c->args[1].array->type, &zone));
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (call_wants(c, row))
			TRY(part_row(c, row, part, zone, out));
	*ret = TAKE(out);
	return NULL;
}
