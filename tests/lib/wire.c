// SPDX-License-Identifier: Apache-2.0
/*
 * wire.c: protobuf messages by hand.
 * Source: encodings_v2_3.proto, message CompressiveEncoding.
 */
#include "wire.h"

enum {
	FLAT = 1,
	CONSTANT = 3,
	OUT_OF_LINE = 4,
	DICTIONARY = 7,
	RLE = 8,
	GENERAL = 10,
	RANGE = 14,
	DELTA = 15,
};

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		buf_byte(b, (uint8_t)(v | 128));
	buf_byte(b, (uint8_t)v);
}

struct buf *wire_number(struct buf *b, unsigned field, uint64_t v)
{
	put_varint(b, field << 3);
	put_varint(b, v);
	return b;
}

struct buf *wire_bytes(struct buf *b, unsigned field, const void *p, size_t len)
{
	put_varint(b, field << 3 | 2);
	put_varint(b, len);
	buf_append(b, p, len);
	return b;
}

struct buf *wire_part(struct buf *b, unsigned field, struct buf part)
{
	wire_bytes(b, field, part.data, part.len);
	buf_fini(&part);
	return b;
}

struct buf wire_wrap(unsigned field, struct buf part)
{
	struct buf b = {0};
	wire_part(&b, field, part);
	return b;
}

struct buf wire_flat(uint64_t bits)
{
	struct buf b = {0};
	wire_number(&b, 1, bits);
	return wire_wrap(FLAT, b);
}

struct buf wire_none(void)
{
	return wire_wrap(CONSTANT, (struct buf){0});
}

struct buf wire_constant(uint64_t v, size_t len)
{
	struct buf b = {0};
	wire_bytes(&b, 1, &v, len);
	return wire_wrap(CONSTANT, b);
}

struct buf wire_range(uint64_t bits, uint64_t start, uint64_t step)
{
	struct buf b = {0};
	wire_number(wire_number(wire_number(&b, 1, bits), 2, start), 3, step);
	return wire_wrap(RANGE, b);
}

struct buf wire_delta(uint64_t bits, uint64_t first, struct buf deltas)
{
	struct buf b = {0};
	wire_part(wire_number(wire_number(&b, 1, bits), 2, first), 3, deltas);
	return wire_wrap(DELTA, b);
}

struct buf wire_rle(struct buf values, struct buf lengths)
{
	struct buf b = {0};
	wire_part(wire_part(&b, 1, values), 2, lengths);
	return wire_wrap(RLE, b);
}

struct buf wire_dictionary(struct buf indices, struct buf items, uint64_t n_items)
{
	struct buf b = {0};
	wire_number(wire_part(wire_part(&b, 1, indices), 2, items), 3, n_items);
	return wire_wrap(DICTIONARY, b);
}

struct buf wire_packed(uint64_t bits, uint64_t packed_bits)
{
	struct buf b = {0};
	wire_part(wire_number(&b, 1, bits), 3, wire_flat(packed_bits));
	return wire_wrap(OUT_OF_LINE, b);
}

struct buf wire_lz4(struct buf values)
{
	struct buf b = {0}, scheme = {0};
	wire_number(&scheme, 1, 1);
	wire_part(wire_part(&b, 1, scheme), 3, values);
	return wire_wrap(GENERAL, b);
}
