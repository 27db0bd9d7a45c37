// SPDX-License-Identifier: Apache-2.0
/*
 * cell.c: one value of text to its bytes.
 *
 * Numbers are read exactly: up to 19 digits and a power of ten that a double
 * holds exactly need one multiplication or division; the rest goes to strtod.
 * The program never calls setlocale, so strtod's point is a point.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *cell_quote(const char *text, size_t len, char dst[CELL_QUOTE_LEN])
{
	size_t n = MIN_OF(len, (size_t)40);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)text[i];
		dst[i] = c < 0x20 || c > 0x7e ? '?' : text[i];
	}
	dst[n] = 0;
	if (n < len)
		memcpy(dst + n, "...", 4);
	return dst;
}

static struct err *bad_value(const struct type *t, const char *text, size_t len)
{
	AUTO_MEM char *name = NULL;
	char quoted[CELL_QUOTE_LEN];
	TRY(type_format(t, &name));
	return err_new(EINVAL, "'%s' is not %s", cell_quote(text, len, quoted), name);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- integers --- */

/* Digits without sign: any leading zeros, no overflow. */
static bool read_digits(const char *text, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]))
			return false;
		uint64_t digit = (uint64_t)(text[i] - '0');
		if (i < 19)
			v = v * 10 + digit;
		else if (ckd_mul(&v, v, (uint64_t)10) || ckd_add(&v, v, digit))
			return false;
	}
	*ret = v;
	return true;
}

bool cell_int64(const char *text, size_t len, int64_t *ret)
{
	bool negative = len && *text == '-';
	const char *digits = text + negative;
	uint64_t v;
	len -= negative;
	if (!read_digits(digits, len, &v) || (*digits == '0' && (len > 1 || negative)))
		return false;
	if (v > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = (int64_t)(negative ? 0 - v : v);
	return true;
}

static bool read_integer(const struct type *t, const char *text, size_t len,
			 uint8_t *dst)
{
	bool negative = len && *text == '-';
	bool sign = negative || (len && *text == '+');
	uint32_t bits = type_bits(t);
	uint64_t v, max = UINT64_MAX >> (64 - bits + type_is_signed(t->id));
	if (!read_digits(text + sign, len - sign, &v))
		return false;
	if (v > max + (negative && type_is_signed(t->id)) ||
	    (negative && v && !type_is_signed(t->id)))
		return false;
	v = negative ? 0 - v : v;
	memcpy(dst, &v, bits / 8);
	return true;
}

/* --- floats --- */

struct number {
	const char *p, *end;
	uint64_t digits; /* the first 19 */
	int n_digits;	 /* significant ones, without leading zeros */
	int exponent;	 /* of the last of digits */
	bool leading_zero, integer, negative;
};

static void take_digits(struct number *n, bool fraction)
{
	for (; n->p < n->end && is_digit(*n->p); n->p++) {
		if (n->n_digits || *n->p != '0')
			n->n_digits++;
		bool kept = n->n_digits <= 19;
		if (kept)
			n->digits = n->digits * 10 + (uint64_t)(*n->p - '0');
		n->exponent += fraction ? -(int)kept : !kept;
	}
}

static bool take_exponent(struct number *n)
{
	int v = 0;
	n->p++;
	bool negative = n->p < n->end && *n->p == '-';
	if (n->p < n->end && (*n->p == '-' || *n->p == '+'))
		n->p++;
	const char *start = n->p;
	for (; n->p < n->end && is_digit(*n->p); n->p++)
		v = v < 100000 ? v * 10 + (*n->p - '0') : v;
	n->exponent += negative ? -v : v;
	return n->p > start;
}

/* -?digits[.digits][e[+-]digits]; the whole text. */
static bool scan_number(const char *text, size_t len, struct number *n)
{
	*n = (struct number){.p = text, .end = text + len, .integer = true};
	if (len && *text == '-') {
		n->negative = true;
		n->p++;
	}
	const char *start = n->p;
	take_digits(n, false);
	if (n->p == start)
		return false;
	n->leading_zero = *start == '0' && n->p > start + 1;
	if (n->p < n->end && *n->p == '.') {
		const char *point = n->p++;
		take_digits(n, true);
		n->integer = false;
		if (n->p == point + 1)
			return false;
	}
	if (n->p < n->end && (*n->p | 32) == 'e') {
		n->integer = false;
		if (!take_exponent(n))
			return false;
	}
	return n->p == n->end;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static bool special_number(const char *text, size_t len, double *ret)
{
	bool negative = len && *text == '-';
	bool sign = negative || (len && *text == '+');
	text += sign;
	len -= sign;
	if (is_word(text, len, "nan"))
		*ret = (double)NAN;
	else if (is_word(text, len, "inf") || is_word(text, len, "infinity"))
		*ret = negative ? -(double)INFINITY : (double)INFINITY;
	else
		return false;
	return true;
}

bool cell_is_number(const char *text, size_t len)
{
	struct number n;
	double special;
	int64_t integer;
	if (!scan_number(text, len, &n))
		return len && len <= 4 && special_number(text, len, &special) &&
		       *text != '+';
	if (n.leading_zero)
		return false;
	return !n.integer || cell_int64(text, len, &integer) ||
	       (len == 2 && *text == '-');
}

static double slow_double(const char *text, size_t len, bool single)
{
	char stack[128];
	char *copy = len < sizeof(stack) ? stack : malloc(len + 1);
	if (!copy)
		return (double)NAN;
	memcpy(copy, text, len);
	copy[len] = 0;
	double v = single ? (double)strtof(copy, NULL) : strtod(copy, NULL);
	if (copy != stack)
		free(copy);
	return v;
}

/* A double whose float is surely the nearest to the number it was rounded from:
 * it lies on no tie of two normal floats. */
static bool rounds_twice(double v)
{
	uint64_t bits = load_u64le(&v);
	return (bits & 0x1fffffff) != 0x10000000 && fabs(v) > 1.2e-38 &&
	       fabs(v) < 3.4e38;
}

/* Exact by one operation: few digits, and a power of ten that is a double. */
static bool fast_double(const struct number *n, double *ret)
{
	static const double powers[] = {1e0,  1e1,  1e2,  1e3,	1e4,  1e5,  1e6,  1e7,
					1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	if (n->n_digits > 19 || n->digits > UINT64_C(1) << 53 || abs(n->exponent) > 22)
		return false;
	double v = (double)n->digits;
	v = n->exponent < 0 ? v / powers[-n->exponent] : v * powers[n->exponent];
	*ret = n->negative ? -v : v;
	return true;
}

/* The nearest double, or with single the nearest float.  False: no number, or
 * one that only infinity is near to. */
static bool read_double(const char *text, size_t len, bool single, double *ret)
{
	size_t plus = len && *text == '+';
	struct number n;
	if (!scan_number(text + plus, len - plus, &n))
		return special_number(text, len, ret);
	if (fast_double(&n, ret) && (!single || *ret == 0 || rounds_twice(*ret)))
		return true;
	*ret = slow_double(text, len, single);
	return isfinite(*ret);
}

static bool read_float(const struct type *t, const char *text, size_t len, uint8_t *dst)
{
	double v;
	if (!read_double(text, len, t->id == TYPE_FLOAT32, &v))
		return false;
	float f = (float)v;
	switch (t->id) {
	case TYPE_FLOAT16:
		store_u16le(dst, half_from_double(v));
		return !isfinite(v) || fabs(v) < 65520.0;
	case TYPE_FLOAT32:
		memcpy(dst, &f, sizeof(f));
		return true;
	default:
		memcpy(dst, &v, sizeof(v));
		return true;
	}
}

/* --- decimals --- */

static void times_10_plus(uint32_t *words, unsigned n, unsigned digit)
{
	uint64_t carry = digit;
	for (unsigned i = 0; i < n; i++) {
		carry += (uint64_t)words[i] * 10;
		words[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

/* Digits with a point; ones beyond the scale must be zeros. */
static bool read_decimal(const struct type *t, const char *text, size_t len,
			 uint8_t *dst)
{
	uint32_t words[8] = {0};
	unsigned n_words = type_bits(t) / 32;
	bool negative = len && *text == '-', point = false, any = false;
	int n_digits = 0, scale = 0;
	for (size_t i = negative || (len && *text == '+'); i < len; i++) {
		if (text[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!is_digit(text[i]) ||
		    (point && scale >= t->scale && text[i] != '0'))
			return false;
		any = true;
		if (point && scale >= t->scale)
			continue;
		n_digits += n_digits || text[i] != '0';
		scale += point;
		times_10_plus(words, n_words, (unsigned)(text[i] - '0'));
		if (n_digits > t->precision)
			return false;
	}
	for (; scale<t->scale; scale++, n_digits += n_digits> 0)
		times_10_plus(words, n_words, 0);
	uint64_t carry = 1;
	for (unsigned i = 0; i < n_words && negative; i++) {
		carry += (uint32_t)~words[i];
		words[i] = (uint32_t)carry;
		carry >>= 32;
	}
	memcpy(dst, words, (size_t)n_words * 4);
	return any && n_digits <= t->precision && t->scale >= 0;
}

/* --- all --- */

static bool read_bool(const char *text, size_t len, uint8_t *dst)
{
	*dst = is_word(text, len, "true");
	return *dst || is_word(text, len, "false");
}

static bool read_time(const struct type *t, const char *text, size_t len, uint8_t *dst)
{
	int64_t v;
	struct err *err = cell_time(t, text, len, &v);
	if (err) {
		err_free(err); /* the caller says which value and type */
		return false;
	}
	memcpy(dst, &v, type_bits(t) / 8);
	return true;
}

struct err *cell_parse(const struct type *t, const char *text, size_t len, uint8_t *dst)
{
	bool good;
	if (t->id == TYPE_BOOL)
		good = read_bool(text, len, dst);
	else if (type_is_integer(t->id) || t->id == TYPE_DURATION)
		good = read_integer(t, text, len, dst);
	else if (type_is_float(t->id))
		good = read_float(t, text, len, dst);
	else if (t->id == TYPE_DECIMAL128 || t->id == TYPE_DECIMAL256)
		good = read_decimal(t, text, len, dst);
	else
		good = read_time(t, text, len, dst);
	return good ? NULL : bad_value(t, text, len);
}
