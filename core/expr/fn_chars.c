// SPDX-License-Identifier: Apache-2.0
/*
 * fn_chars.c: characters in UTF-8 text, sixteen bytes at a time.
 *
 * Arrays have 64 readable bytes behind their data, so that the last load of a string
 * may reach beyond it.
 */
#include "expr/fn_priv.h"

#include <string.h>

typedef int8_t bytes16 __attribute__((vector_size(16)));

static bytes16 load16(const uint8_t *p)
{
	bytes16 v;
	memcpy(&v, p, sizeof(v));
	return v;
}

bool bytes_are_ascii(const uint8_t *p, uint64_t len)
{
	uint64_t i = 0;
	bytes16 any = {0};
	for (; i + 16 <= len; i += 16)
		any |= load16(p + i);
	uint8_t rest = 0;
	for (; i < len; i++)
		rest |= p[i];
	for (int k = 0; k < 16; k++)
		rest |= (uint8_t)any[k];
	return rest < 0x80;
}

bool array_is_ascii(const struct array *a)
{
	return !a->data || bytes_are_ascii(a->data->data, array_offset(a, a->n_rows));
}

/* Sum of lanes that are 0 or -n, n < 256 / 16 rounds. */
static uint64_t negative_sum(bytes16 v)
{
	uint64_t halves[2];
	bytes16 positive = -v;
	memcpy(halves, &positive, sizeof(halves));
	uint64_t sum = 0;
	for (int i = 0; i < 2; i++) {
		/* pairs of bytes, then all of them in the top one */
		uint64_t pairs = (halves[i] & UINT64_C(0x00ff00ff00ff00ff)) +
				 (halves[i] >> 8 & UINT64_C(0x00ff00ff00ff00ff));
		sum += (pairs * UINT64_C(0x0001000100010001)) >> 48;
	}
	return sum;
}

static const int8_t lane_numbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
					8, 9, 10, 11, 12, 13, 14, 15};

/* Characters begin with bytes that are not 10xxxxxx. */
uint64_t count_chars(struct str s)
{
	const int8_t last_continuation = -65;
	uint64_t n = 0;
	const uint8_t *p = s.p, *end = s.p + s.len;
	while (end - p > 16) {
		bytes16 starts = {0};
		for (int round = 0; round < 127 && end - p > 16; round++, p += 16)
			starts += load16(p) > last_continuation;
		n += negative_sum(starts);
	}
	bytes16 numbers;
	memcpy(&numbers, lane_numbers, sizeof(numbers));
	int8_t left = (int8_t)(end - p);
	if (left)
		n += negative_sum((load16(p) > last_continuation) & (numbers < left));
	return n;
}

uint64_t char_offset(struct str s, uint64_t n)
{
	uint64_t at = 0;
	if (n >= s.len)
		return s.len; /* a character is a byte at least */
	for (; n > 0 && at < s.len; n--)
		at += char_len(s.p[at]);
	return at;
}

uint32_t char_code(const uint8_t *p)
{
	switch (char_len(*p)) {
	case 1:
		return *p;
	case 2:
		return (uint32_t)(*p & 31) << 6 | (p[1] & 63);
	case 3:
		return (uint32_t)(*p & 15) << 12 | (uint32_t)(p[1] & 63) << 6 |
		       (p[2] & 63);
	default:
		return (uint32_t)(*p & 7) << 18 | (uint32_t)(p[1] & 63) << 12 |
		       (uint32_t)(p[2] & 63) << 6 | (p[3] & 63);
	}
}

void put_char(struct buf *out, uint32_t code)
{
	if (code < 0x80) {
		buf_byte(out, (uint8_t)code);
		return;
	}
	if (code < 0x800) {
		buf_byte(out, (uint8_t)(0xc0 | code >> 6));
	} else if (code < 0x10000) {
		buf_byte(out, (uint8_t)(0xe0 | code >> 12));
		buf_byte(out, (uint8_t)(0x80 | (code >> 6 & 63)));
	} else {
		buf_byte(out, (uint8_t)(0xf0 | code >> 18));
		buf_byte(out, (uint8_t)(0x80 | (code >> 12 & 63)));
		buf_byte(out, (uint8_t)(0x80 | (code >> 6 & 63)));
	}
	buf_byte(out, (uint8_t)(0x80 | (code & 63)));
}

uint64_t find_bytes(struct str s, uint64_t from, struct str needle)
{
	if (from > s.len || needle.len > s.len - from)
		return UINT64_MAX;
	if (needle.len == 0)
		return from;
	const uint8_t *p = memmem(s.p + from, s.len - from, needle.p, needle.len);
	return p ? (uint64_t)(p - s.p) : UINT64_MAX;
}

/* The last one that ends at or before byte `end`. */
uint64_t find_bytes_last(struct str s, uint64_t end, struct str needle)
{
	if (needle.len > end)
		return UINT64_MAX;
	for (uint64_t at = end - needle.len + 1; at-- > 0;)
		if (memcmp(s.p + at, needle.p, needle.len) == 0)
			return at;
	return UINT64_MAX;
}
