// SPDX-License-Identifier: Apache-2.0
/*
 * calendar.c: days to dates and back, and their text.
 * Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"; ISO 8601.
 */
#include "expr/calendar_priv.h"

#include "format/format.h"

/* The years that a date has a text for, as in the reference implementation. */
#define YEAR_MAX 262142

int64_t unit_scale(enum time_unit unit)
{
	static const int64_t scales[] = {
		[UNIT_S] = 1,
		[UNIT_MS] = 1000,
		[UNIT_US] = 1000000,
		[UNIT_NS] = 1000000000,
	};
	return scales[unit];
}

int days_in_month(int64_t year, int month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && is_leap);
}

bool civil_is_valid(struct civil c)
{
	return c.month >= 1 && c.month <= 12 && c.day >= 1 && c.year <= YEAR_MAX &&
	       c.year >= -YEAR_MAX - 1 && c.day <= days_in_month(c.year, c.month);
}

int64_t days_of_civil(struct civil c)
{
	int64_t year = c.year - (c.month <= 2);
	int64_t era = floor_div(year, 400), of_era = year - era * 400;
	int month = c.month > 2 ? c.month - 3 : c.month + 9;
	int64_t of_year = (153 * month + 2) / 5 + c.day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       719468;
}

struct civil civil_of_days(int64_t days)
{
	days += 719468;
	int64_t era = floor_div(days, 146097), day = days - era * 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t of_year = day - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;
	struct civil c = {.day = (int)(of_year - (153 * month + 2) / 5 + 1)};
	c.month = (int)(month < 10 ? month + 3 : month - 9);
	c.year = year + era * 400 + (c.month <= 2);
	return c;
}

int weekday(int64_t days)
{
	return (int)floor_mod(days + 3, 7);
}

/* The Monday of week 1. */
static int64_t iso_start(int64_t year)
{
	int64_t fourth = days_of_civil((struct civil){year, 1, 4});
	return fourth - weekday(fourth);
}

int iso_week(int64_t days, int64_t *ret_year)
{
	int64_t year = civil_of_days(days).year;
	if (days < iso_start(year))
		year--;
	else if (days >= iso_start(year + 1))
		year++;
	*ret_year = year;
	return (int)((days - iso_start(year)) / 7 + 1);
}

bool moment_of(int64_t v, enum time_unit unit, int32_t offset, struct moment *ret)
{
	int64_t scale = unit_scale(unit);
	int64_t seconds = floor_div(v, scale), rest = floor_mod(v, scale);
	if (ckd_add(&seconds, seconds, (int64_t)offset))
		return false;
	*ret = (struct moment){.days = floor_div(seconds, DAY_SECONDS),
			       .nanos = (int32_t)(rest * (SECOND_NANOS / scale)),
			       .offset = offset};
	int of_day = (int)floor_mod(seconds, DAY_SECONDS);
	if (ret->days > INT32_MAX || ret->days < INT32_MIN)
		return false;
	ret->date = civil_of_days(ret->days);
	ret->hour = of_day / 3600;
	ret->minute = of_day / 60 % 60;
	ret->second = of_day % 60;
	return ret->date.year <= YEAR_MAX && ret->date.year >= -YEAR_MAX - 1;
}

/* --- text --- */

static char *put_padded(char *dst, int64_t v, int width)
{
	char digits[24];
	size_t n = text_u64(digits, (uint64_t)v);
	for (; (int)n < width; width--)
		*dst++ = '0';
	for (size_t i = 0; i < n; i++)
		*dst++ = digits[i];
	return dst;
}

size_t text_of_date(char *dst, struct civil c)
{
	char *p = dst;
	if (c.year < 0 || c.year > 9999)
		*p++ = c.year < 0 ? '-' : '+';
	p = put_padded(p, c.year < 0 ? -c.year : c.year, 4);
	*p++ = '-';
	p = put_padded(p, c.month, 2);
	*p++ = '-';
	p = put_padded(p, c.day, 2);
	return (size_t)(p - dst);
}

static char *put_fraction(char *p, int32_t nanos)
{
	if (nanos == 0)
		return p;
	*p++ = '.';
	if (nanos % 1000000 == 0)
		return put_padded(p, nanos / 1000000, 3);
	return nanos % 1000 == 0 ? put_padded(p, nanos / 1000, 6)
				 : put_padded(p, nanos, 9);
}

size_t text_of_clock(char *dst, const struct moment *m)
{
	char *p = put_padded(dst, m->hour, 2);
	*p++ = ':';
	p = put_padded(p, m->minute, 2);
	*p++ = ':';
	p = put_padded(p, m->second, 2);
	return (size_t)(put_fraction(p, m->nanos) - dst);
}

static size_t text_of_offset(char *dst, int32_t offset)
{
	char *p = dst;
	if (offset == 0) {
		*p = 'Z';
		return 1;
	}
	*p++ = offset < 0 ? '-' : '+';
	int32_t minutes = (offset < 0 ? -offset : offset) / 60;
	p = put_padded(p, minutes / 60, 2);
	*p++ = ':';
	p = put_padded(p, minutes % 60, 2);
	return (size_t)(p - dst);
}

size_t text_of_moment(char *dst, const struct moment *m, bool with_zone)
{
	size_t n = text_of_date(dst, m->date);
	dst[n++] = 'T';
	n += text_of_clock(dst + n, m);
	return with_zone ? n + text_of_offset(dst + n, m->offset) : n;
}
