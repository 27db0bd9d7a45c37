// SPDX-License-Identifier: Apache-2.0
/*
 * number_text.c: numbers to their shortest text.
 *
 * Floats are the shortest decimal that reads back as the same bits, laid out
 * as Python's repr does it: 1.0, 1e-05, 1e+16.  The ".0" keeps a column of
 * whole floats from being taken for integers when it is written back.
 * Source: R. Giulietti, "The Schubfach way to render doubles".
 */
#include "format/format_priv.h"
#include "format/number_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct decimal {
	uint64_t digits;
	int exponent; /* of the last digit */
};

/* --- integers --- */

/* Two digits at a time, from the end. */
size_t text_u64(char *dst, uint64_t v)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char text[20], *p = text + sizeof(text);
	for (; v >= 100; v /= 100)
		memcpy(p -= 2, pairs + v % 100 * 2, 2);
	if (v >= 10)
		memcpy(p -= 2, pairs + v * 2, 2);
	else
		*--p = (char)('0' + v);
	size_t n = (size_t)(text + sizeof(text) - p);
	memcpy(dst, p, n);
	return n;
}

size_t text_i64(char *dst, int64_t v)
{
	if (v >= 0)
		return text_u64(dst, (uint64_t)v);
	*dst = '-';
	return 1 + text_u64(dst + 1, 0 - (uint64_t)v);
}

/* --- floats --- */

static int floor_log2_pow10(int e)
{
	return (e * 1741647) >> 19;
}

/* High word of g * c, the lowest bit set if anything below it is. */
static uint64_t round_to_odd64(const uint64_t g[2], uint64_t c)
{
	unsigned __int128 x = (unsigned __int128)g[1] * c;
	unsigned __int128 y = (unsigned __int128)g[0] * c + (uint64_t)(x >> 64);
	return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static uint64_t round_to_odd32(const uint64_t g[2], uint64_t c)
{
	uint64_t top = g[0] + (g[1] != 0);
	unsigned __int128 p = (unsigned __int128)top * c;
	return (uint64_t)(p >> 64) | ((uint32_t)(p >> 32) > 1);
}

/* Shortest decimal of c * 2^q; closer: the float below is half as far away. */
static struct decimal shortest(uint64_t c, int q, bool closer,
			       uint64_t (*product)(const uint64_t g[2], uint64_t c))
{
	int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
	int h = q + floor_log2_pow10(-k) + 1;
	const uint64_t *g = pow10_table[-k - POW10_MIN];
	bool odd = c & 1;
	uint64_t lower = product(g, (4 * c - 2 + closer) << h) + odd;
	uint64_t middle = product(g, (4 * c) << h);
	uint64_t upper = product(g, (4 * c + 2) << h) - odd;
	uint64_t s = middle / 4;
	if (s >= 10) {
		uint64_t tens = s / 10;
		bool down = lower <= 40 * tens, up = 40 * tens + 40 <= upper;
		if (down != up)
			return (struct decimal){tens + up, k + 1};
	}
	bool down = lower <= 4 * s, up = 4 * s + 4 <= upper;
	if (down != up)
		return (struct decimal){s + up, k};
	uint64_t half = 4 * s + 2;
	bool round_up = middle > half || (middle == half && (s & 1));
	return (struct decimal){s + round_up, k};
}

/* digits with a point, after the first `point` of them (1 <= point <= 16) */
static size_t layout_plain(char *dst, const char *digits, int n, int point)
{
	size_t at = 0;
	for (int i = 0; i < MAX_OF(n, point + 1); i++) {
		if (i == point)
			dst[at++] = '.';
		dst[at++] = i < n ? digits[i] : '0';
	}
	return at;
}

static size_t layout_small(char *dst, const char *digits, int n, int point)
{
	dst[0] = '0';
	dst[1] = '.';
	memset(dst + 2, '0', (size_t)-point);
	memcpy(dst + 2 - point, digits, (size_t)n);
	return (size_t)(2 - point + n);
}

static size_t layout_exponent(char *dst, const char *digits, int n, int exponent)
{
	size_t at = 0;
	dst[at++] = digits[0];
	if (n > 1) {
		dst[at++] = '.';
		memcpy(dst + at, digits + 1, (size_t)n - 1);
		at += (size_t)n - 1;
	}
	dst[at++] = 'e';
	dst[at++] = exponent < 0 ? '-' : '+';
	exponent = abs(exponent);
	if (exponent < 10)
		dst[at++] = '0';
	return at + text_u64(dst + at, (uint64_t)exponent);
}

static size_t layout_decimal(char *dst, struct decimal d)
{
	char digits[20];
	while (d.digits % 10 == 0) {
		d.digits /= 10;
		d.exponent++;
	}
	int n = (int)text_u64(digits, d.digits);
	int point = n + d.exponent;
	if (point > 16 || point < -3)
		return layout_exponent(dst, digits, n, point - 1);
	return point > 0 ? layout_plain(dst, digits, n, point)
			 : layout_small(dst, digits, n, point);
}

static size_t text_special(char *dst, bool is_nan, bool negative)
{
	const char *s = is_nan ? "nan" : negative ? "-inf" : "inf";
	size_t n = strlen(s);
	memcpy(dst, s, n);
	return n;
}

static size_t text_zero(char *dst, bool negative)
{
	memcpy(dst, negative ? "-0.0" : "0.0", 4u - !negative);
	return 4u - !negative;
}

size_t text_double(char *dst, double v)
{
	uint64_t bits = load_u64le(&v), fraction = bits & ((UINT64_C(1) << 52) - 1);
	int exponent = (int)(bits >> 52 & 0x7ff);
	bool negative = bits >> 63;
	if (exponent == 0x7ff)
		return text_special(dst, fraction, negative);
	if (!exponent && !fraction)
		return text_zero(dst, negative);
	*dst = '-';
	uint64_t c = exponent ? fraction | UINT64_C(1) << 52 : fraction;
	int q = (exponent ? exponent : 1) - 1075;
	bool whole = q <= 0 && q > -53 && !(c & ((UINT64_C(1) << -q) - 1));
	struct decimal d = {whole ? c >> -q : 0, 0};
	if (!whole)
		d = shortest(c, q, !fraction && exponent > 1, round_to_odd64);
	return negative + layout_decimal(dst + negative, d);
}

size_t text_float(char *dst, float v)
{
	uint32_t bits = load_u32le(&v), fraction = bits & ((1u << 23) - 1);
	int exponent = (int)(bits >> 23 & 0xff);
	bool negative = bits >> 31;
	if (exponent == 0xff)
		return text_special(dst, fraction, negative);
	if (!exponent && !fraction)
		return text_zero(dst, negative);
	*dst = '-';
	uint32_t c = exponent ? fraction | 1u << 23 : fraction;
	int q = (exponent ? exponent : 1) - 150;
	bool whole = q <= 0 && q > -24 && !(c & ((1u << -q) - 1));
	struct decimal d = {whole ? c >> -q : 0, 0};
	if (!whole)
		d = shortest(c, q, !fraction && exponent > 1, round_to_odd32);
	return negative + layout_decimal(dst + negative, d);
}

/* --- half precision --- */

float half_to_float(uint16_t bits)
{
	uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
	uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
	uint32_t out = sign | (exponent + 112) << 23 | fraction << 13;
	float v;
	if (exponent == 31)
		out = sign | 0x7f800000 | fraction << 13;
	if (exponent == 0) {
		v = ldexpf((float)fraction, -24);
		return sign ? -v : v;
	}
	memcpy(&v, &out, sizeof(v));
	return v;
}

uint16_t half_from_double(double v)
{
	uint16_t sign = signbit(v) ? 0x8000 : 0;
	v = fabs(v);
	if (isnan(v))
		return 0x7e00;
	if (v >= 65520.0)
		return sign | 0x7c00;
	if (v < 0x1p-14)
		return (uint16_t)(sign | (uint16_t)nearbyint(ldexp(v, 24)));
	int exponent;
	double fraction = frexp(v, &exponent);			      /* in [0.5, 1) */
	uint32_t mantissa = (uint32_t)nearbyint(ldexp(fraction, 11)); /* 1024 .. 2048 */
	return (uint16_t)(sign + ((uint32_t)(exponent + 13) << 10) + mantissa);
}

size_t text_half(char *dst, uint16_t bits)
{
	float v = half_to_float(bits);
	if (!isfinite(v) || v == 0)
		return text_float(dst, v);
	for (int precision = 0; precision < 5; precision++) {
		char text[32];
		snprintf(text, sizeof(text), "%.*e", precision, (double)v);
		double back = strtod(text, NULL);
		if (half_from_double(back) == bits)
			return text_double(dst, back);
	}
	return text_float(dst, v);
}

/* --- decimals --- */

/* Divide words (most significant last) by 10; returns the remainder. */
static unsigned divide_by_10(uint32_t *words, unsigned n)
{
	uint64_t rest = 0;
	for (unsigned i = n; i-- > 0;) {
		rest = rest << 32 | words[i];
		words[i] = (uint32_t)(rest / 10);
		rest %= 10;
	}
	return (unsigned)rest;
}

static bool all_zero(const uint32_t *words, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (words[i])
			return false;
	return true;
}

static void negate(uint32_t *words, unsigned n)
{
	uint64_t carry = 1;
	for (unsigned i = 0; i < n; i++) {
		carry += (uint32_t)~words[i];
		words[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

void text_decimal(const uint8_t *p, unsigned words64, int32_t scale, struct buf *out)
{
	uint32_t words[8];
	unsigned n = words64 * 2, n_digits = 0;
	char digits[160]; /* from the last one */
	memcpy(words, p, n * 4);
	bool negative = words[n - 1] >> 31;
	if (negative)
		negate(words, n);
	while (n_digits < 80 && !all_zero(words, n))
		digits[n_digits++] = (char)('0' + divide_by_10(words, n));
	while (scale > 0 && scale < 80 && n_digits <= (unsigned)scale)
		digits[n_digits++] = '0';
	if (n_digits == 0)
		digits[n_digits++] = '0';
	if (negative)
		buf_byte(out, '-');
	for (unsigned i = n_digits; i-- > 0;) {
		buf_byte(out, (uint8_t)digits[i]);
		if (scale > 0 && i == (unsigned)scale)
			buf_byte(out, '.');
	}
	for (int32_t i = scale;
	     i < 0 && i > -80 && !(n_digits == 1 && digits[0] == '0'); i++)
		buf_byte(out, '0');
}
