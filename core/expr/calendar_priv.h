// SPDX-License-Identifier: Apache-2.0
/*
 * calendar_priv.h: days, clocks and time zones.
 *
 * Days are counted from 1970-01-01 in the proleptic Gregorian calendar, instants in
 * units since its midnight in UTC.
 */
#ifndef LANCEFS_EXPR_CALENDAR_PRIV_H
#define LANCEFS_EXPR_CALENDAR_PRIV_H

#include "array/array.h"

#define DAY_SECONDS INT64_C(86400)
#define SECOND_NANOS INT64_C(1000000000)

struct civil {
	int64_t year;
	int month, day; /* from 1 */
};

/* An instant taken apart. */
struct moment {
	struct civil date;
	int64_t days; /* since 1970-01-01 */
	int hour, minute, second;
	int32_t nanos;
	int32_t offset; /* of its zone, in seconds east of UTC */
};

static inline int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t floor_mod(int64_t a, int64_t b)
{
	int64_t rest = a % b;
	return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

int64_t days_of_civil(struct civil c);
struct civil civil_of_days(int64_t days);
bool civil_is_valid(struct civil c);
int days_in_month(int64_t year, int month);
/* Monday is 0. */
int weekday(int64_t days);
/* ISO 8601: the week of the year, and the year that it belongs to. */
int iso_week(int64_t days, int64_t *ret_year);

/* Units a second: 1, 1000, … */
int64_t unit_scale(enum time_unit unit);

/* An instant in units, in a zone that is `offset` seconds east of UTC.  False if its
 * year is beyond those that text can have (±262,000). */
bool moment_of(int64_t v, enum time_unit unit, int32_t offset, struct moment *ret);

/* Room for any date and time as text. */
#define MOMENT_TEXT 64
/* "2020-01-02", "03:04:05.678" with 0, 3, 6 or 9 digits; no NUL; the length. */
size_t text_of_date(char *dst, struct civil c);
size_t text_of_clock(char *dst, const struct moment *m);
/* Both with a T between; with_zone: and "Z" or "+02:00" behind. */
size_t text_of_moment(char *dst, const struct moment *m, bool with_zone);

/* --- zones: "UTC", "+02:00", or a name of the system's database --- */

struct zone;

/* EINVAL if there is no such zone. */
MUST_CHECK struct err *zone_open(const char *name, struct zone **ret);
void zone_close(struct zone *z); /* accepts NULL */
DEFINE_AUTO(zone, zone_close)
/* Seconds east of UTC at an instant; of NULL 0. */
int32_t zone_offset(const struct zone *z, int64_t utc_seconds);
/* The instant when clocks there show a local time; false if they never or twice do. */
bool zone_to_utc(const struct zone *z, int64_t local_seconds, int64_t *ret);

/* --- reading (time_read.c) --- */

/* A date and time as Arrow reads them, relative to zone (NULL: UTC) if the text names
 * none; a date alone is its midnight.  False if it is none. */
bool read_timestamp(const char *text, size_t len, const struct zone *zone,
		    int64_t *ret_seconds, int32_t *ret_nanos);
bool read_date(const char *text, size_t len, int64_t *ret_days);
/* "23:59:59.5", "6:00 pm": nanoseconds. */
bool read_clock(const char *text, size_t len, int64_t *ret_nanos);
/* Seconds and nanoseconds as units; false if they do not fit 64 bits. */
bool units_of(int64_t seconds, int32_t nanos, enum time_unit unit, int64_t *ret);

#endif
