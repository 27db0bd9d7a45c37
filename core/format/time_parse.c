// SPDX-License-Identifier: Apache-2.0
/*
 * time_parse.c: RFC 3339 text to dates and times.
 *
 * A space may stand for the T, as in SQL.  An offset is taken off, so that a
 * zoned column holds instants; a column without a zone refuses one, since it
 * would be lost silently.  Digits finer than the unit must be zeros.
 */
#include "format/format_priv.h"

#include <errno.h>

struct reader {
	const char *p, *end;
};

static bool take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool take_number(struct reader *r, int n_digits, int64_t max, int64_t *ret)
{
	int64_t v = 0;
	for (int i = 0; i < n_digits; i++, r->p++) {
		if (r->p == r->end || *r->p < '0' || *r->p > '9')
			return false;
		v = v * 10 + (*r->p - '0');
	}
	*ret = v;
	return v <= max;
}

static int days_in_month(int64_t year, int64_t month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01; H. Hinnant, "chrono-Compatible Date Algorithms". */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       719468;
}

static bool take_date(struct reader *r, int64_t *ret)
{
	int64_t year, month, day;
	bool negative = take(r, '-');
	bool sign = negative || take(r, '+');
	int n_digits = 0;
	while (sign && r->p + n_digits < r->end && r->p[n_digits] >= '0' &&
	       r->p[n_digits] <= '9')
		n_digits++;
	if (n_digits > 9 || (sign && n_digits < 4))
		return false;
	if (!take_number(r, sign ? n_digits : 4, INT32_MAX, &year) || !take(r, '-') ||
	    !take_number(r, 2, 12, &month) || month < 1 || !take(r, '-'))
		return false;
	year = negative ? -year : year;
	if (!take_number(r, 2, days_in_month(year, month), &day) || day < 1)
		return false;
	*ret = days_from_civil(year, month, day);
	return true;
}

static bool take_fraction(struct reader *r, int n_digits, int64_t *ret)
{
	int64_t v = 0;
	int n = 0;
	if (take(r, '.')) {
		const char *start = r->p;
		for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, n++) {
			if (n < n_digits)
				v = v * 10 + (*r->p - '0');
			else if (*r->p != '0')
				return false;
		}
		if (r->p == start)
			return false;
	}
	for (; n < n_digits; n++)
		v *= 10;
	*ret = v;
	return true;
}

/* Seconds of the day, and the fraction in units. */
static bool take_clock(struct reader *r, enum time_unit unit, int64_t *ret_s,
		       int64_t *ret_part)
{
	int64_t h, m, s = 0;
	*ret_part = 0;
	if (!take_number(r, 2, 23, &h) || !take(r, ':') || !take_number(r, 2, 59, &m))
		return false;
	if (take(r, ':') &&
	    (!take_number(r, 2, 59, &s) || !take_fraction(r, 3 * (int)unit, ret_part)))
		return false;
	*ret_s = h * 3600 + m * 60 + s;
	return true;
}

/* Z, +hh:mm, +hhmm or +hh; absent only where optional. */
static bool take_offset(struct reader *r, bool *ret_any, int64_t *ret_s)
{
	int64_t h, m = 0;
	*ret_any = r->p < r->end;
	*ret_s = 0;
	if (!*ret_any || take(r, 'Z') || take(r, 'z'))
		return true;
	bool negative = take(r, '-');
	if ((!negative && !take(r, '+')) || !take_number(r, 2, 23, &h))
		return false;
	if (r->p < r->end) {
		take(r, ':');
		if (!take_number(r, 2, 59, &m))
			return false;
	}
	*ret_s = (h * 3600 + m * 60) * (negative ? -1 : 1);
	return true;
}

static bool join(int64_t s, int64_t part, enum time_unit unit, int64_t *ret)
{
	static const int64_t per_s[] = {1, 1000, 1000000, 1000000000};
	return !ckd_mul(&s, s, per_s[unit]) && !ckd_add(ret, s, part);
}

static bool read_timestamp(const struct type *t, struct reader *r, int64_t *ret)
{
	int64_t days, s = 0, part = 0, offset = 0;
	bool zoned = false;
	if (!take_date(r, &days))
		return false;
	if (take(r, 'T') || take(r, 't') || take(r, ' ')) {
		if (!take_clock(r, t->unit, &s, &part) ||
		    !take_offset(r, &zoned, &offset))
			return false;
	}
	if (zoned && !t->timezone)
		return false;
	return join(days * 86400 + s - offset, part, t->unit, ret);
}

static bool read_any(const struct type *t, struct reader *r, int64_t *ret)
{
	int64_t s, part;
	switch (t->id) {
	case TYPE_DATE32:
		return take_date(r, ret) && *ret >= INT32_MIN && *ret <= INT32_MAX;
	case TYPE_DATE64:
		return take_date(r, ret) && !ckd_mul(ret, *ret, (int64_t)86400000);
	case TYPE_TIME32:
	case TYPE_TIME64:
		return take_clock(r, t->unit, &s, &part) && join(s, part, t->unit, ret);
	case TYPE_TIMESTAMP:
		return read_timestamp(t, r, ret);
	default:
		return false;
	}
}

struct err *cell_time(const struct type *t, const char *text, size_t len, int64_t *ret)
{
	struct reader r = {text, text + len};
	int64_t v = 0;
	if (!read_any(t, &r, &v) || r.p != r.end)
		return err_new(EINVAL, "not a time");
	*ret = v;
	return NULL;
}
