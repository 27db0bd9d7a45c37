// SPDX-License-Identifier: Apache-2.0
/*
 * wire.h: protobuf messages put together as they lie on the wire, for descriptors that
 * no writer makes.  Each returns what the caller owns; a part is used up.
 */
#ifndef LANCEFS_TESTS_WIRE_H
#define LANCEFS_TESTS_WIRE_H

#include "base/base.h"

/* Append a field; b is returned. */
struct buf *wire_number(struct buf *b, unsigned field, uint64_t v);
struct buf *wire_bytes(struct buf *b, unsigned field, const void *p, size_t len);
struct buf *wire_part(struct buf *b, unsigned field, struct buf part);
/* A message of one field. */
struct buf wire_wrap(unsigned field, struct buf part);

/* Compressive encodings. */
struct buf wire_flat(uint64_t bits);
struct buf wire_none(void);			  /* a constant without a value */
struct buf wire_constant(uint64_t v, size_t len); /* in len bytes */
struct buf wire_range(uint64_t bits, uint64_t start, uint64_t step);
struct buf wire_delta(uint64_t bits, uint64_t first, struct buf deltas);
struct buf wire_rle(struct buf values, struct buf lengths);
struct buf wire_dictionary(struct buf indices, struct buf items, uint64_t n_items);
struct buf wire_packed(uint64_t bits, uint64_t packed_bits); /* out of line */
struct buf wire_lz4(struct buf values);

#endif
