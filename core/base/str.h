// SPDX-License-Identifier: Apache-2.0
/*
 * str.h: strings, bits and UTF-8.
 */
#ifndef LANCEFS_BASE_STR_H
#define LANCEFS_BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A formatted string the caller owns. */
MUST_CHECK struct err *str_printf(char **ret, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A copy the caller owns; len bytes and a NUL. */
MUST_CHECK struct err *str_dup(const char *s, char **ret);
MUST_CHECK struct err *str_dup_len(const void *s, size_t len, char **ret);
/* A copy that is UTF-8: other bytes become '?'. */
MUST_CHECK struct err *str_dup_utf8(const char *s, char **ret);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* A decimal number without sign, space or leading zeros that fits in 64 bits. */
bool str_to_u64(const char *s, uint64_t *ret);
/* Letters to change to make one name of the other, cut off at 3. */
size_t str_distance(const char *a, const char *b);

/* Length of the valid UTF-8 sequence at p (1..4), 0 if there is none. */
size_t utf8_sequence(const uint8_t *p, size_t len);
bool utf8_valid(const void *p, size_t len);

/* Bitmaps, LSB first in a byte, as Arrow has them. */
static inline bool bit_get(const uint8_t *bits, uint64_t i)
{
	return bits[i >> 3] >> (i & 7) & 1;
}

static inline void bit_set(uint8_t *bits, uint64_t i)
{
	bits[i >> 3] = (uint8_t)(bits[i >> 3] | (1u << (i & 7)));
}

static inline void bit_clear(uint8_t *bits, uint64_t i)
{
	bits[i >> 3] = (uint8_t)(bits[i >> 3] & ~(1u << (i & 7)));
}

static inline size_t bitmap_bytes(uint64_t n)
{
	return (size_t)((n + 7) / 8);
}

/* Set bits [first, end). */
void bitmap_set_range(uint8_t *bits, uint64_t first, uint64_t end);
/* Ones in [first, end). */
uint64_t bitmap_count(const uint8_t *bits, uint64_t first, uint64_t end);
/* Copy n bits from src at src_first to dst at dst_first; they do not overlap. */
void bitmap_copy(uint8_t *dst, uint64_t dst_first, const uint8_t *src,
		 uint64_t src_first, uint64_t n);

#endif
