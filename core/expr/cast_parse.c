// SPDX-License-Identifier: Apache-2.0
/*
 * cast_parse.c: text to values, as casts read it.
 *
 * Numbers are the whole text, without blanks; "1e3" is no integer.
 * Source: arrow-cast's documentation, module parse.
 */
#include "expr/cast_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static void trim(const char **text, size_t *len)
{
	while (*len && is_blank(**text)) {
		++*text;
		--*len;
	}
	while (*len && is_blank((*text)[*len - 1]))
		--*len;
}

/* --- numbers --- */

bool sql_read_integer(const char *text, size_t len, bool is_signed, unsigned bits,
		      uint64_t *ret)
{
	bool is_negative = len && *text == '-';
	uint64_t v = 0, max = UINT64_MAX >> (64 - bits + is_signed);
	size_t i = is_negative || (len && *text == '+');
	if (i == len)
		return false;
	for (; i < len; i++)
		if (!is_digit(text[i]) || ckd_mul(&v, v, (uint64_t)10) ||
		    ckd_add(&v, v, (uint64_t)(text[i] - '0')))
			return false;
	if (v > (is_negative ? (is_signed ? max + 1 : 0) : max))
		return false;
	*ret = is_negative ? 0 - v : v;
	return true;
}

/* Digits with or without a point and an exponent: at least one before the exponent. */
static bool is_float_text(const char *p, const char *end)
{
	size_t n = 0;
	for (; p < end && is_digit(*p); p++)
		n++;
	if (p < end && *p == '.')
		for (p++; p < end && is_digit(*p); p++)
			n++;
	if (n == 0)
		return false;
	if (p < end && (*p | 32) == 'e') {
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		if (p == end)
			return false;
		while (p < end && is_digit(*p))
			p++;
	}
	return p == end;
}

/* With its end marked for strtod, which the C locale's point suits. */
static double to_double(const char *text, size_t len, bool is_single)
{
	char stack[64];
	char *copy = len < sizeof(stack) ? stack : malloc(len + 1);
	if (!copy)
		return (double)NAN;
	memcpy(copy, text, len);
	copy[len] = 0;
	double v = is_single ? (double)strtof(copy, NULL) : strtod(copy, NULL);
	if (copy != stack)
		free(copy);
	return v;
}

static bool read_float(const char *text, size_t len, bool is_single, double *ret)
{
	bool is_negative = len && *text == '-';
	size_t sign = is_negative || (len && *text == '+');
	const char *p = text + sign;
	size_t n = len - sign;
	if (is_word(p, n, "nan"))
		*ret = (double)NAN;
	else if (is_word(p, n, "inf") || is_word(p, n, "infinity"))
		*ret = is_negative ? -(double)INFINITY : (double)INFINITY;
	else if (is_float_text(p, text + len))
		*ret = to_double(text, len, is_single);
	else
		return false;
	return true;
}

bool sql_read_double(const char *text, size_t len, double *ret)
{
	return read_float(text, len, false, ret);
}

/* --- decimals --- */

/* Digits times 10 plus the next; false if 38 digits are not enough. */
static bool add_digit(i128 *v, char c)
{
	return !__builtin_mul_overflow(*v, (i128)10, v) &&
	       !__builtin_add_overflow(*v, (i128)(c - '0'), v);
}

/* Fraction digits [0, n) to the scale; the first beyond it rounds. */
static bool add_fraction(i128 *v, const char *p, size_t n, int32_t scale)
{
	for (size_t i = 0; i < n; i++)
		if (!is_digit(p[i]))
			return false;
	for (int32_t i = 0; i < scale; i++)
		if (!add_digit(v, (size_t)i < n ? p[i] : '0'))
			return false;
	if (n > (size_t)scale && p[scale] >= '5')
		return !__builtin_add_overflow(*v, (i128)1, v);
	return true;
}

static bool read_decimal(const char *text, size_t len, const struct type *t, i128 *ret)
{
	i128 v = 0;
	trim(&text, &len);
	bool is_negative = len && *text == '-';
	const char *p = text + (is_negative || (len && *text == '+'));
	const char *end = text + len;
	const char *point = memchr(p, '.', (size_t)(end - p));
	const char *stop = point ? point : end;
	/* no digits at all are zero if there is a fraction to fill with zeros */
	if (p == stop && (!point || point + 1 == end) && t->scale == 0)
		return false;
	for (; p < stop; p++)
		if (!is_digit(*p) || !add_digit(&v, *p))
			return false;
	if (t->scale < 0 ||
	    !add_fraction(&v, point ? point + 1 : end,
			  point ? (size_t)(end - point - 1) : 0, t->scale))
		return false;
	*ret = is_negative ? -v : v;
	return i128_fits(*ret, t->precision);
}

/* --- booleans and times --- */

/* A word or the beginning of one: t, tr, tru, true. */
static bool starts_word(const char *text, size_t len, const char *word, size_t shortest)
{
	return len >= shortest && len <= strlen(word) &&
	       strncasecmp(text, word, len) == 0;
}

static bool read_bool(const char *text, size_t len, bool *ret)
{
	trim(&text, &len);
	*ret = starts_word(text, len, "true", 1) || starts_word(text, len, "yes", 1) ||
	       is_word(text, len, "on") || is_word(text, len, "1");
	return *ret || starts_word(text, len, "false", 1) ||
	       starts_word(text, len, "no", 1) || starts_word(text, len, "off", 2) ||
	       is_word(text, len, "0");
}

static bool read_time_of_day(const char *text, size_t len, const struct type *t,
			     int64_t *ret)
{
	uint64_t v;
	if (read_clock(text, len, ret)) {
		*ret /= SECOND_NANOS / unit_scale(t->unit);
		return true;
	}
	if (!sql_read_integer(text, len, true, type_bits(t), &v))
		return false;
	*ret = (int64_t)v;
	return true;
}

static bool read_instant(const char *text, size_t len, const struct type *t,
			 const struct zone *zone, int64_t *ret)
{
	int64_t seconds;
	int32_t nanos;
	return read_timestamp(text, len, zone, &seconds, &nanos) &&
	       units_of(seconds, nanos, t->unit, ret);
}

static bool read_date64(const char *text, size_t len, int64_t *ret)
{
	const struct type ms = {.id = TYPE_TIMESTAMP, .unit = UNIT_MS};
	int64_t days;
	if (len > 10)
		return read_instant(text, len, &ms, NULL, ret);
	if (!read_date(text, len, &days))
		return false;
	*ret = days * DAY_SECONDS * 1000;
	return true;
}

static bool read_time(const char *text, size_t len, const struct type *t,
		      const struct zone *zone, int64_t *ret)
{
	switch (t->id) {
	case TYPE_DATE32:
		return read_date(text, len, ret);
	case TYPE_DATE64:
		return read_date64(text, len, ret);
	case TYPE_TIMESTAMP:
		return read_instant(text, len, t, zone, ret);
	default:
		return read_time_of_day(text, len, t, ret);
	}
}

/* --- all --- */

/* The value's bytes; of a bool the first is 0 or 1. */
static bool read_value(const char *text, size_t len, const struct type *t,
		       const struct zone *zone, uint8_t dst[16])
{
	double d;
	i128 v;
	int64_t i;
	if (t->id == TYPE_BOOL) {
		bool is_true;
		bool is_good = read_bool(text, len, &is_true);
		dst[0] = is_true;
		return is_good;
	}
	if (type_is_integer(t->id))
		return sql_read_integer(text, len, type_is_signed(t->id), type_bits(t),
					(uint64_t *)(void *)dst);
	if (type_is_float(t->id)) {
		bool is_double = t->id == TYPE_FLOAT64;
		if (!read_float(text, len, !is_double, &d))
			return false;
		float f = (float)d;
		if (t->id == TYPE_FLOAT16)
			store_u16le(dst, half_from_double(d));
		else if (is_double)
			memcpy(dst, &d, sizeof(d));
		else
			memcpy(dst, &f, sizeof(f));
		return true;
	}
	if (t->id == TYPE_DECIMAL128) {
		if (!read_decimal(text, len, t, &v))
			return false;
		store_i128(dst, v);
		return true;
	}
	if (!read_time(text, len, t, zone, &i))
		return false;
	memcpy(dst, &i, sizeof(i));
	return true;
}

struct err *cast_from_text(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO(zone) struct zone *zone = NULL;
	if (c->to->id == TYPE_DECIMAL256)
		return err_new(EOPNOTSUPP, "text cannot become a decimal256");
	if (c->to->id == TYPE_TIMESTAMP && c->to->timezone)
		TRY(zone_open(c->to->timezone, &zone));
	TRY(cast_fixed(c, &out));
	size_t width = type_bits(c->to) / 8;
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		_Alignas(16) uint8_t value[16];
		uint64_t len;
		if (array_is_null(c->a, row))
			continue;
		const char *text = (const char *)array_var(c->a, row, &len);
		if (!read_value(text, len, c->to, zone, value))
			TRY(cast_misfit(c, out, row));
		else if (c->to->id != TYPE_BOOL)
			memcpy(out->data->data + row * width, value, width);
		else if (value[0])
			bit_set(out->data->data, row);
	}
	*ret = TAKE(out);
	return NULL;
}
