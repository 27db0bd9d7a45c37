// SPDX-License-Identifier: Apache-2.0
/*
 * fn_chars.c: characters in UTF-8 text, sixteen bytes at a time.
 *
 * Arrays have 64 readable bytes behind their data, so that loads of a string may reach
 * beyond it.
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

/* Bytes looked at before the answer is asked for. */
#define ASCII_BLOCK 4096

static bool block_is_ascii(const uint8_t *p, uint64_t len)
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

bool bytes_are_ascii(const uint8_t *p, uint64_t len)
{
	for (; len > ASCII_BLOCK; p += ASCII_BLOCK, len -= ASCII_BLOCK)
		if (!block_is_ascii(p, ASCII_BLOCK))
			return false;
	return block_is_ascii(p, len);
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
static inline bytes16 starts_in(const uint8_t *p)
{
	return load16(p) > -65;
}

/* At most 126 rounds fit the lanes; the rest of the text goes round again. */
#define ROUND_BYTES (126 * 16)

static uint64_t count_round(const uint8_t *p, const uint8_t *end)
{
	bytes16 starts = {0}, numbers;
	for (; end - p > 16; p += 16)
		starts += starts_in(p);
	memcpy(&numbers, lane_numbers, sizeof(numbers));
	starts += starts_in(p) & (numbers < (int8_t)(end - p));
	return negative_sum(starts);
}

/* Of at most 64 bytes, as most texts have, without a branch. */
static inline uint64_t count_short(const uint8_t *p, uint64_t len)
{
	bytes16 numbers, starts = {0};
	memcpy(&numbers, lane_numbers, sizeof(numbers));
	for (int k = 0; k < 4; k++)
		starts += starts_in(p + 16 * k) &
			  (numbers + (int8_t)(16 * k) < (int8_t)len);
	return negative_sum(starts);
}

uint64_t count_chars(struct str s)
{
	uint64_t n = 0;
	const uint8_t *p = s.p, *end = s.p + s.len;
	if (s.len <= 64)
		return s.len ? count_short(p, s.len) : 0;
	for (; end - p > ROUND_BYTES; p += ROUND_BYTES)
		n += count_round(p, p + ROUND_BYTES);
	return p < end ? n + count_round(p, end) : n;
}

/* Offsets of strings by their width, counts as wide. */
#define COUNT_ROWS(type)                                                               \
	static void count_rows_##type(const struct array *a, struct array *out,        \
				      uint64_t n_rows)                                 \
	{                                                                              \
		const type *offsets = (const void *)a->offsets->data;                  \
		const uint8_t *data = a->data ? a->data->data : NULL;                  \
		type *counts = (void *)out->data->data;                                \
		for (uint64_t i = 0; i < n_rows; i++) {                                \
			struct str s = {data + offsets[i],                             \
					(uint64_t)(offsets[i + 1] - offsets[i])};      \
			counts[i] = (type)count_chars(s);                              \
		}                                                                      \
	}                                                                              \
	static void count_bytes_##type(const struct array *a, struct array *out,       \
				       uint64_t n_rows, uint64_t factor)               \
	{                                                                              \
		const type *offsets = (const void *)a->offsets->data;                  \
		type *counts = (void *)out->data->data;                                \
		for (uint64_t i = 0; i < n_rows; i++)                                  \
			counts[i] = (type)((uint64_t)(offsets[i + 1] - offsets[i]) *   \
					   factor);                                    \
	}
COUNT_ROWS(int32_t)
COUNT_ROWS(int64_t)

void array_count_chars(const struct array *a, struct array *out)
{
	if (array_is_ascii(a))
		array_count_bytes(a, 1, out);
	else if (type_is_large(a->type->id))
		count_rows_int64_t(a, out, a->n_rows);
	else
		count_rows_int32_t(a, out, a->n_rows);
}

void array_count_bytes(const struct array *a, uint64_t factor, struct array *out)
{
	if (type_is_large(a->type->id))
		count_bytes_int64_t(a, out, a->n_rows, factor);
	else
		count_bytes_int32_t(a, out, a->n_rows, factor);
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
