// SPDX-License-Identifier: Apache-2.0
/*
 * scan_priv.h: counting and finding any of four bytes, 16 at a time.
 *
 * With the vector extensions of gcc and clang, so that it is fast on every
 * processor and in every mode.  Reads up to 16 bytes past the end are avoided:
 * tails go byte by byte.
 */
#ifndef LANCEFS_FORMAT_SCAN_PRIV_H
#define LANCEFS_FORMAT_SCAN_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct scan_set {
	uint8_t bytes[4];
};

typedef uint8_t scan_vec __attribute__((vector_size(16)));

static inline bool scan_has(const struct scan_set *s, uint8_t c)
{
	return c == s->bytes[0] || c == s->bytes[1] || c == s->bytes[2] ||
	       c == s->bytes[3];
}

/* 0xff in each lane that holds one of the bytes, else 0. */
static inline scan_vec scan_lanes(const struct scan_set *s, const uint8_t *p)
{
	scan_vec v;
	memcpy(&v, p, sizeof(v));
	return (scan_vec)((v == s->bytes[0]) | (v == s->bytes[1]) | (v == s->bytes[2]) |
			  (v == s->bytes[3]));
}

/* How many of len bytes are in the set. */
static inline uint64_t scan_count(const struct scan_set *s, const uint8_t *p,
				  uint64_t len)
{
	uint64_t n = 0, i = 0;
	while (len - i >= 16) {
		scan_vec lanes = {0};
		uint64_t end =
			len - i > 255 * 16 ? i + 255 * 16 : i + (len - i) / 16 * 16;
		for (; i < end; i += 16)
			lanes -= scan_lanes(s, p + i);
		for (int lane = 0; lane < 16; lane++)
			n += lanes[lane];
	}
	for (; i < len; i++)
		n += scan_has(s, p[i]);
	return n;
}

/* The first byte in memory that is not 0, of a word that has one. */
static inline uint64_t scan_first(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (uint64_t)__builtin_ctzll(word) / 8;
#else
	return (uint64_t)__builtin_clzll(word) / 8;
#endif
}

/* Where the first byte of the set is; len if there is none. */
static inline uint64_t scan_find(const struct scan_set *s, const uint8_t *p,
				 uint64_t len)
{
	uint64_t i = 0;
	for (; len - i >= 16; i += 16) {
		scan_vec lanes = scan_lanes(s, p + i);
		uint64_t words[2];
		memcpy(words, &lanes, sizeof(words));
		if (words[0])
			return i + scan_first(words[0]);
		if (words[1])
			return i + 8 + scan_first(words[1]);
	}
	while (i < len && !scan_has(s, p[i]))
		i++;
	return i;
}

#endif
