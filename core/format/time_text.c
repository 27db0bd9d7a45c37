// SPDX-License-Identifier: Apache-2.0
/*
 * time_text.c: dates and times as RFC 3339 text.
 *
 * Timestamps with a zone are instants: they are written in UTC with Z, since
 * the zone belongs to the column and the text must not depend on a zone
 * database.  Years beyond 9999 have a sign, as ISO 8601 asks.
 * Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
#include "format/format_priv.h"

static const int64_t units_per_s[] = {1, 1000, 1000000, 1000000000};
static const int unit_digits[] = {0, 3, 6, 9};

static char *text_padded(char *dst, int64_t v, int width)
{
	int64_t limit = 1;
	for (int i = 0; i < width; i++)
		limit *= 10;
	if (v >= limit)
		return dst + text_u64(dst, (uint64_t)v);
	for (int i = width - 1; i >= 0; i--, v /= 10)
		dst[i] = (char)('0' + v % 10);
	return dst + width;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static char *text_date(char *dst, int64_t days)
{
	days += 719468;
	int64_t era = floor_div(days, 146097), day = days - era * 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t of_year = day - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;
	int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
	month += month < 10 ? 3 : -9;
	year += era * 400 + (month <= 2);
	if (year < 0 || year > 9999)
		*dst++ = year < 0 ? '-' : '+';
	dst = text_padded(dst, year < 0 ? -year : year, 4);
	*dst++ = '-';
	dst = text_padded(dst, month, 2);
	*dst++ = '-';
	return text_padded(dst, of_month, 2);
}

/* 0 <= v < a day, in units; a value out of that range keeps its hours */
static char *text_clock(char *dst, int64_t v, enum time_unit unit)
{
	int64_t s = v / units_per_s[unit], part = v % units_per_s[unit];
	dst = text_padded(dst, s / 3600, 2);
	*dst++ = ':';
	dst = text_padded(dst, s / 60 % 60, 2);
	*dst++ = ':';
	dst = text_padded(dst, s % 60, 2);
	if (unit == UNIT_S)
		return dst;
	*dst++ = '.';
	return text_padded(dst, part, unit_digits[unit]);
}

static char *text_timestamp(char *dst, const struct type *t, int64_t v)
{
	int64_t day = 86400 * units_per_s[t->unit];
	int64_t days = floor_div(v, day);
	dst = text_date(dst, days);
	*dst++ = 'T';
	dst = text_clock(dst, v - days * day, t->unit);
	if (t->timezone)
		*dst++ = 'Z';
	return dst;
}

size_t text_time(char *dst, const struct type *t, int64_t v)
{
	switch (t->id) {
	case TYPE_DATE32:
		return (size_t)(text_date(dst, v) - dst);
	case TYPE_DATE64:
		return (size_t)(text_date(dst, floor_div(v, 86400000)) - dst);
	case TYPE_TIMESTAMP:
		return (size_t)(text_timestamp(dst, t, v) - dst);
	case TYPE_TIME32:
	case TYPE_TIME64:
		if (v >= 0)
			return (size_t)(text_clock(dst, v, t->unit) - dst);
		break;
	default:
		break;
	}
	return text_i64(dst, v);
}
