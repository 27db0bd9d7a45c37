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

static void text_padded(int64_t v, int width, struct buf *out)
{
	char digits[24];
	size_t n = text_u64(digits, (uint64_t)v);
	for (size_t i = n; i < (size_t)width; i++)
		buf_byte(out, '0');
	buf_append(out, digits, n);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void text_date(int64_t days, struct buf *out)
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
		buf_byte(out, year < 0 ? '-' : '+');
	text_padded(year < 0 ? -year : year, 4, out);
	buf_byte(out, '-');
	text_padded(month, 2, out);
	buf_byte(out, '-');
	text_padded(of_month, 2, out);
}

/* 0 <= v < a day, in units; a value out of that range keeps its hours */
static void text_clock(int64_t v, enum time_unit unit, struct buf *out)
{
	int64_t s = v / units_per_s[unit], part = v % units_per_s[unit];
	text_padded(s / 3600, 2, out);
	buf_byte(out, ':');
	text_padded(s / 60 % 60, 2, out);
	buf_byte(out, ':');
	text_padded(s % 60, 2, out);
	if (unit == UNIT_S)
		return;
	buf_byte(out, '.');
	text_padded(part, unit_digits[unit], out);
}

static void text_timestamp(const struct type *t, int64_t v, struct buf *out)
{
	int64_t day = 86400 * units_per_s[t->unit];
	int64_t days = floor_div(v, day);
	text_date(days, out);
	buf_byte(out, 'T');
	text_clock(v - days * day, t->unit, out);
	if (t->timezone)
		buf_byte(out, 'Z');
}

void text_time(const struct type *t, int64_t v, struct buf *out)
{
	char number[NUMBER_TEXT_MAX];
	switch (t->id) {
	case TYPE_DATE32:
		text_date(v, out);
		return;
	case TYPE_DATE64:
		text_date(floor_div(v, 86400000), out);
		return;
	case TYPE_TIMESTAMP:
		text_timestamp(t, v, out);
		return;
	case TYPE_TIME32:
	case TYPE_TIME64:
		if (v >= 0) {
			text_clock(v, t->unit, out);
			return;
		}
		break;
	default:
		break;
	}
	buf_append(out, number, text_i64(number, v));
}
