// SPDX-License-Identifier: Apache-2.0
/*
 * str.c: strings, bitmaps and UTF-8 validation (RFC 3629: shortest form, no
 * surrogates, nothing above U+10FFFF).
 */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

struct err *str_printf(char **ret, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	char *s = NULL;
	int len = vasprintf(&s, fmt, args);
	va_end(args);
	if (len < 0)
		return err_nomem();
	*ret = s;
	return NULL;
}

struct err *str_dup_len(const void *s, size_t len, char **ret)
{
	char *copy = malloc(len + 1);
	if (!copy)
		return err_nomem();
	if (len)
		memcpy(copy, s, len);
	copy[len] = 0;
	*ret = copy;
	return NULL;
}

struct err *str_dup_utf8(const char *s, char **ret)
{
	size_t len = strlen(s);
	TRY(str_dup(s, ret));
	for (char *p = *ret; len;) {
		size_t n = utf8_sequence((const uint8_t *)p, len);
		if (!n)
			*p = '?';
		n += !n;
		p += n;
		len -= n;
	}
	return NULL;
}

struct err *str_dup(const char *s, char **ret)
{
	return str_dup_len(s, strlen(s), ret);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s), suffix_len = strlen(suffix);
	return len >= suffix_len && strcmp(s + len - suffix_len, suffix) == 0;
}

bool str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	if (!*s || (s[0] == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || ckd_mul(&v, v, 10u) ||
		    ckd_add(&v, v, (uint64_t)(*s - '0')))
			return false;
	}
	*ret = v;
	return true;
}

size_t str_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	if (la > 60 || lb > 60 || la > lb + 2 || lb > la + 2)
		return 3;
	size_t row[64];
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t up = row[j];
			size_t best = MIN_OF(row[j], row[j - 1]) + 1;
			row[j] = MIN_OF(best, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[lb];
}

size_t utf8_sequence(const uint8_t *p, size_t len)
{
	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	uint8_t lo = 0x80, hi = 0xbf;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_valid(const void *p, size_t len)
{
	const uint8_t *s = p;
	size_t i = 0;
	while (i < len) {
		while (i + 8 <= len && !(load_u64le(s + i) & 0x8080808080808080u))
			i += 8;
		if (i >= len)
			break;
		size_t n = utf8_sequence(s + i, len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

void bitmap_set_range(uint8_t *bits, uint64_t first, uint64_t end)
{
	while (first < end && (first & 7))
		bit_set(bits, first++);
	uint64_t whole = (end - first) / 8;
	if (first < end && whole) {
		memset(bits + first / 8, 0xff, whole);
		first += whole * 8;
	}
	while (first < end)
		bit_set(bits, first++);
}

uint64_t bitmap_count(const uint8_t *bits, uint64_t first, uint64_t end)
{
	uint64_t n = 0;
	while (first < end && (first & 7))
		n += bit_get(bits, first++);
	while (first + 64 <= end) {
		n += (uint64_t)__builtin_popcountll(load_u64le(bits + first / 8));
		first += 64;
	}
	while (first < end)
		n += bit_get(bits, first++);
	return n;
}

void bitmap_copy(uint8_t *dst, uint64_t dst_first, const uint8_t *src,
		 uint64_t src_first, uint64_t n)
{
	uint64_t i = 0;
	if (!(dst_first & 7) && !(src_first & 7)) {
		memcpy(dst + dst_first / 8, src + src_first / 8, n / 8);
		i = n / 8 * 8;
	}
	for (; i < n; i++) {
		if (bit_get(src, src_first + i))
			bit_set(dst, dst_first + i);
		else
			bit_clear(dst, dst_first + i);
	}
}
