// SPDX-License-Identifier: Apache-2.0
/*
 * jsonb.c: JSON in the binary form that Lance keeps it in, as text.
 *
 * A container is a big-endian header word (kind and number of items), a word for
 * each item (kind and length), for objects first those of all keys, then the
 * items' bytes.  A scalar alone is a container of one.  Text comes out as
 * lance-jsonb prints it: no spaces, decimals as doubles, nan and inf as null.
 * Source: lance-jsonb, core/constants.rs and core/util.rs.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#define MAX_DEPTH 256

#define HEADER_KIND 0xe0000000u
#define HEADER_COUNT 0x1fffffffu
#define KIND_ARRAY 0x80000000u
#define KIND_OBJECT 0x40000000u
#define KIND_SCALAR 0x20000000u

#define ENTRY_KIND 0x70000000u
#define ENTRY_LEN 0x0fffffffu

enum entry_kind {
	ENTRY_NULL,
	ENTRY_STRING,
	ENTRY_NUMBER,
	ENTRY_FALSE,
	ENTRY_TRUE,
	ENTRY_CONTAINER,
	ENTRY_EXTENSION
};

enum number_kind {
	NUMBER_ZERO = 0x00,
	NUMBER_INT = 0x40,
	NUMBER_UINT = 0x50,
	NUMBER_FLOAT = 0x60,
	NUMBER_DECIMAL = 0x70,
};

static uint64_t load_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static struct err *next_word(struct cursor *c, uint32_t *ret)
{
	uint8_t bytes[4];
	TRY(cursor_read(c, sizeof(bytes), bytes));
	*ret = (uint32_t)load_be(bytes, sizeof(bytes));
	return NULL;
}

/* --- numbers --- */

/* Exponents without a zero in front, from 1e-6 on, as Rust's serde_json has them. */
static void put_double(double v, struct buf *out)
{
	char text[NUMBER_TEXT_MAX];
	if (!isfinite(v)) {
		buf_str(out, "null");
		return;
	}
	size_t n = text_double(text, v);
	const char *e = memchr(text, 'e', n);
	if (!e) {
		buf_append(out, text, n);
		return;
	}
	text[n] = 0;
	long exponent = strtol(e + 1, NULL, 10);
	if (exponent != -5) {
		buf_append(out, text, (size_t)(e - text));
		buf_printf(out, "e%+ld", exponent);
		return;
	}
	buf_str(out, v < 0 ? "-0.0000" : "0.0000");
	for (const char *p = text + (v < 0); p < e; p++)
		if (*p != '.')
			buf_byte(out, (uint8_t)*p);
}

/* A big-endian two's complement integer, rounded once. */
static double big_double(const uint8_t *p, size_t n)
{
	uint8_t magnitude[32];
	bool negative = p[0] >> 7;
	unsigned carry = negative;
	for (size_t i = n; i-- > 0;) {
		unsigned byte = (negative ? (uint8_t)~p[i] : p[i]) + carry;
		magnitude[i] = (uint8_t)byte;
		carry = byte >> 8;
	}
	size_t first = 0;
	while (first < n && magnitude[first] == 0)
		first++;
	size_t taken = MIN_OF(n - first, (size_t)8);
	uint64_t top = load_be(magnitude + first, taken), rest = 0;
	int shift = (int)(n - first - taken) * 8;
	for (size_t i = first + taken; i < n; i++)
		rest |= magnitude[i];
	if (taken == 8 && !(top >> 63) && shift) { /* use all 64 bits */
		int more = __builtin_clzll(top);
		uint8_t next = magnitude[first + taken];
		top = top << more | (uint64_t)next >> (8 - more);
		rest |= (uint64_t)(next & ((1u << (8 - more)) - 1));
		shift -= more;
	}
	double v = ldexp((double)(top | (rest != 0)), shift);
	return negative ? -v : v;
}

/* A value and its scale; an obsolete form has the precision between them. */
static struct err *put_decimal(const uint8_t *p, size_t len, struct buf *out)
{
	size_t width = len == 9 ? 8 : len == 17 || len == 18 ? 16 : 32;
	if (len != width + 1 && (width == 8 || len != width + 2))
		return err_new(EIO, "JSON: a decimal of %zu bytes", len);
	put_double(big_double(p, width) / __builtin_powi(10.0, p[len - 1]), out);
	return NULL;
}

static struct err *put_integer(const uint8_t *p, size_t len, bool is_signed,
			       struct buf *out)
{
	if (len != 1 && len != 2 && len != 4 && len != 8)
		return err_new(EIO, "JSON: an integer of %zu bytes", len);
	uint64_t v = load_be(p, len);
	unsigned unused = (unsigned)(64 - len * 8);
	if (is_signed)
		buf_printf(out, "%" PRId64,
			   (int64_t)(v << unused) / (INT64_C(1) << unused));
	else
		buf_printf(out, "%" PRIu64, v);
	return NULL;
}

static struct err *put_number(struct cursor c, struct buf *out)
{
	uint8_t kind;
	TRY(cursor_u8(&c, &kind));
	size_t len = cursor_left(&c);
	uint64_t bits;
	double v;
	switch (kind) {
	case NUMBER_ZERO:
		buf_byte(out, '0');
		return NULL;
	case NUMBER_INT:
	case NUMBER_UINT:
		return put_integer(c.p, len, kind == NUMBER_INT, out);
	case NUMBER_FLOAT:
		if (len != 8)
			return err_new(EIO, "JSON: a float of %zu bytes", len);
		bits = load_be(c.p, 8);
		memcpy(&v, &bits, sizeof(v));
		put_double(v, out);
		return NULL;
	case NUMBER_DECIMAL:
		return put_decimal(c.p, len, out);
	default: /* nan, inf, -inf */
		buf_str(out, "null");
		return NULL;
	}
}

/* --- values --- */

static struct err *put_container(struct cursor c, int depth, struct buf *out);

static struct err *put_item(struct cursor *c, uint32_t entry, int depth,
			    struct buf *out)
{
	struct cursor item;
	TRY(cursor_sub(c, entry & ENTRY_LEN, &item));
	switch ((enum entry_kind)((entry & ENTRY_KIND) >> 28)) {
	case ENTRY_NULL:
		buf_str(out, "null");
		return NULL;
	case ENTRY_TRUE:
		buf_str(out, "true");
		return NULL;
	case ENTRY_FALSE:
		buf_str(out, "false");
		return NULL;
	case ENTRY_STRING:
		buf_json_string(out, (const char *)item.p, cursor_left(&item));
		return NULL;
	case ENTRY_NUMBER:
		return put_number(item, out);
	case ENTRY_CONTAINER:
		return put_container(item, depth + 1, out);
	default:
		return err_new(EIO, "JSON: a value of an unknown kind, %" PRIu32,
			       (entry & ENTRY_KIND) >> 28);
	}
}

static struct err *put_items(struct cursor *entries, struct cursor *items, uint32_t n,
			     int depth, struct buf *out)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t entry;
		if (i)
			buf_byte(out, ',');
		TRY(next_word(entries, &entry));
		TRY(put_item(items, entry, depth, out));
	}
	return NULL;
}

/* Words of all keys, words of all values, keys, values. */
static struct err *put_members(struct cursor words, struct cursor keys, uint32_t n,
			       int depth, struct buf *out)
{
	struct cursor value_words = words, values = keys, again = words;
	TRY(cursor_skip(&value_words, (uint64_t)n * 4));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t entry;
		TRY(next_word(&again, &entry));
		TRY(cursor_skip(&values, entry & ENTRY_LEN));
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t entry;
		if (i)
			buf_byte(out, ',');
		TRY(next_word(&words, &entry));
		if ((entry & ENTRY_KIND) >> 28 != ENTRY_STRING)
			return err_new(EIO, "JSON: a key that is no string");
		TRY(put_item(&keys, entry, depth, out));
		buf_byte(out, ':');
		TRY(next_word(&value_words, &entry));
		TRY(put_item(&values, entry, depth, out));
	}
	return NULL;
}

static struct err *put_container(struct cursor c, int depth, struct buf *out)
{
	struct cursor words;
	uint32_t header;
	if (depth > MAX_DEPTH)
		return err_new(EIO, "JSON nests too deeply");
	TRY(next_word(&c, &header));
	uint32_t n = header & HEADER_COUNT, kind = header & HEADER_KIND;
	if (kind != KIND_ARRAY && kind != KIND_OBJECT && kind != KIND_SCALAR)
		return err_new(EIO, "JSON: not a container: %08" PRIx32, header);
	if (kind == KIND_SCALAR)
		n = 1;
	TRY(cursor_sub(&c, (uint64_t)n * (kind == KIND_OBJECT ? 8 : 4), &words));
	if (kind == KIND_SCALAR)
		return put_items(&words, &c, 1, depth, out);
	buf_byte(out, kind == KIND_ARRAY ? '[' : '{');
	if (kind == KIND_ARRAY)
		TRY(put_items(&words, &c, n, depth, out));
	else
		TRY(put_members(words, c, n, depth, out));
	buf_byte(out, kind == KIND_ARRAY ? ']' : '}');
	return NULL;
}

struct err *jsonb_render(const uint8_t *p, size_t len, struct buf *out)
{
	if (len == 0) {
		buf_str(out, "null");
		return NULL;
	}
	return put_container(cursor_of(p, len), 0, out);
}
