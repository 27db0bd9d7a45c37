// SPDX-License-Identifier: Apache-2.0
/*
 * time_read.c: text to dates, times of day and instants, as casts take them.
 *
 * Wider than RFC 3339: a blank for the T, no colons in the clock, a zone's name after
 * the time, months and days of one digit in dates.
 * Source: arrow-cast's documentation, module parse.
 */
#include "expr/calendar_priv.h"

#include <string.h>

struct reader {
	const char *p, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

static bool take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* Digits that follow. */
static size_t count_digits(const struct reader *r)
{
	size_t n = 0;
	while (n < left(r) && is_digit(r->p[n]))
		n++;
	return n;
}

/* Exactly n digits (n <= 9). */
static bool take_number(struct reader *r, size_t n, int *ret)
{
	int v = 0;
	if (left(r) < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(r->p[i]))
			return false;
		v = v * 10 + (r->p[i] - '0');
	}
	r->p += n;
	*ret = v;
	return true;
}

/* ".123": at most nine digits count, the others are dropped. */
static bool take_fraction(struct reader *r, int32_t *ret)
{
	int32_t v = 0;
	size_t n = count_digits(r);
	if (n == 0)
		return false;
	for (size_t i = 0; i < 9; i++)
		v = v * 10 + (i < n ? r->p[i] - '0' : 0);
	r->p += n;
	*ret = v;
	return true;
}

/* "1997-01-31" */
static bool take_date(struct reader *r, struct civil *ret)
{
	int year;
	if (!take_number(r, 4, &year) || !take(r, '-') ||
	    !take_number(r, 2, &ret->month) || !take(r, '-') ||
	    !take_number(r, 2, &ret->day))
		return false;
	ret->year = year;
	return civil_is_valid(*ret);
}

struct clock {
	int hour, minute, second;
	int32_t nanos; /* a leap second: from 10^9 */
};

static bool clock_is_valid(struct clock *c)
{
	if (c->second == 60) {
		c->second = 59;
		c->nanos += (int32_t)SECOND_NANOS;
	}
	return c->hour < 24 && c->minute < 60 && c->second < 60;
}

static bool take_seconds(struct reader *r, struct clock *c)
{
	if (!take(r, ':') || !take_number(r, 2, &c->second))
		return false;
	return !take(r, '.') || take_fraction(r, &c->nanos);
}

/* "09:26:56", "09:26:56.123" or "092656" */
static bool take_clock(struct reader *r, struct clock *c)
{
	*c = (struct clock){0};
	if (!take_number(r, 2, &c->hour))
		return false;
	if (take(r, ':')) {
		if (!take_number(r, 2, &c->minute) || !take_seconds(r, c))
			return false;
	} else if (!take_number(r, 2, &c->minute) || !take_number(r, 2, &c->second) ||
		   (left(r) > 1 && is_digit(r->p[1]))) {
		/* no offset right behind six digits: so does the reference refuse it */
		return false;
	}
	return clock_is_valid(c);
}

static int64_t clock_seconds(const struct clock *c)
{
	return c->hour * 3600 + c->minute * 60 + c->second;
}

/* A zone that the text names.  False: none of that name. */
static bool local_in_named(const char *name, size_t len, int64_t local, int64_t *ret)
{
	AUTO(zone) struct zone *z = NULL;
	char text[80];
	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = 0;
	struct err *err = strlen(text) == len ? zone_open(text, &z) : NULL;
	err_free(err); /* the caller says which text is no timestamp */
	return z && zone_to_utc(z, local, ret);
}

static bool local_to_utc(struct reader *r, const struct zone *zone, int64_t local,
			 int64_t *ret)
{
	if (left(r) == 0)
		return zone_to_utc(zone, local, ret);
	if (left(r) == 1 && (*r->p == 'z' || *r->p == 'Z')) {
		*ret = local;
		return true;
	}
	while (left(r) && (*r->p == ' ' || (*r->p >= '\t' && *r->p <= '\r')))
		r->p++;
	return local_in_named(r->p, left(r), local, ret);
}

bool read_timestamp(const char *text, size_t len, const struct zone *zone,
		    int64_t *ret_seconds, int32_t *ret_nanos)
{
	struct reader r = {text, text + len};
	struct civil date;
	struct clock clock = {0};
	if (!take_date(&r, &date))
		return false;
	if (left(&r) && !((take(&r, 'T') || take(&r, 't') || take(&r, ' ')) &&
			  take_clock(&r, &clock)))
		return false;
	int64_t local = days_of_civil(date) * DAY_SECONDS + clock_seconds(&clock);
	if (!local_to_utc(&r, zone, local, ret_seconds))
		return false;
	*ret_nanos = clock.nanos;
	return true;
}

/* --- dates --- */

/* Digits up to the end or a hyphen, with a sign or none. */
static bool take_part(struct reader *r, int *ret)
{
	(void)take(r, '+'); /* allowed */
	size_t n = count_digits(r);
	while (n > 2 && *r->p == '0') {
		r->p++;
		n--;
	}
	return n >= 1 && n <= 9 && take_number(r, n, ret);
}

/* "+10999-12-31": at least four digits */
static bool read_signed_date(struct reader r, struct civil *ret)
{
	int year;
	bool is_negative = *r.p++ == '-';
	size_t n = count_digits(&r);
	if (n < 4 || n > 9 || !take_number(&r, n, &year) || !take(&r, '-') ||
	    !take_part(&r, &ret->month) || !take(&r, '-') ||
	    !take_part(&r, &ret->day) || left(&r))
		return false;
	ret->year = is_negative ? -year : year;
	return true;
}

/* "2020-1-2", "20200102" */
static bool read_short_date(struct reader r, struct civil *ret)
{
	int year;
	if (!take_number(&r, 4, &year))
		return false;
	ret->year = year;
	if (!take(&r, '-'))
		return left(&r) == 4 && take_number(&r, 2, &ret->month) &&
		       take_number(&r, 2, &ret->day);
	size_t n = count_digits(&r);
	if (n < 1 || n > 2 || !take_number(&r, n, &ret->month) || !take(&r, '-'))
		return false;
	n = count_digits(&r);
	return n >= 1 && n <= 2 && take_number(&r, n, &ret->day) && !left(&r);
}

bool read_date(const char *text, size_t len, int64_t *ret_days)
{
	struct reader r = {text, text + len};
	struct civil c = {0};
	int64_t seconds;
	int32_t nanos;
	bool is_signed = len && (*text == '+' || *text == '-');
	if (len > 10 && !is_signed) {
		if (!read_timestamp(text, len, NULL, &seconds, &nanos))
			return false;
		*ret_days = floor_div(seconds, DAY_SECONDS);
		return true;
	}
	if (!(is_signed ? read_signed_date(r, &c) : read_short_date(r, &c)) ||
	    !civil_is_valid(c))
		return false;
	*ret_days = days_of_civil(c);
	return true;
}

/* --- times of day --- */

/* " AM", " pm": the half of the day, 0 none; taken off the end. */
static int take_half(struct reader *r)
{
	if (left(r) < 3 || r->end[-3] != ' ' || (r->end[-1] | 32) != 'm')
		return 0;
	int half = (r->end[-2] | 32) == 'a' ? 1 : (r->end[-2] | 32) == 'p' ? 2 : 0;
	if (half)
		r->end -= 3;
	return half;
}

static bool in_half(int half, int *hour)
{
	if (half == 0)
		return true;
	if (*hour < 1 || *hour > 12)
		return false;
	*hour = *hour % 12 + (half == 2 ? 12 : 0);
	return true;
}

bool read_clock(const char *text, size_t len, int64_t *ret_nanos)
{
	struct reader r = {text, text + len};
	struct clock c = {0};
	int half = take_half(&r);
	size_t n = count_digits(&r);
	if (n < 1 || n > 2 || !take_number(&r, n, &c.hour) || !take(&r, ':') ||
	    !take_number(&r, 2, &c.minute))
		return false;
	if (left(&r) && (!take_seconds(&r, &c) || left(&r)))
		return false;
	if (!in_half(half, &c.hour) || !clock_is_valid(&c))
		return false;
	*ret_nanos = clock_seconds(&c) * SECOND_NANOS + c.nanos;
	return true;
}

bool units_of(int64_t seconds, int32_t nanos, enum time_unit unit, int64_t *ret)
{
	int64_t scale = unit_scale(unit);
	if (ckd_mul(ret, seconds, scale))
		return false;
	return !ckd_add(ret, *ret, nanos / (SECOND_NANOS / scale));
}
