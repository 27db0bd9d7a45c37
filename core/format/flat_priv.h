// SPDX-License-Identifier: Apache-2.0
/*
 * flat_priv.h: writing FlatBuffers by hand, front to back.
 *
 * A table is laid out with zeroed fields; what it refers to is written later
 * and linked, so that every offset points forward as the format wants.  All
 * fields are always present, so that sizes do not depend on values.
 * Source: FlatBuffers internals, google.github.io/flatbuffers.
 */
#ifndef LANCEFS_FORMAT_FLAT_PRIV_H
#define LANCEFS_FORMAT_FLAT_PRIV_H

#include "base/base.h"

#define FLAT_MAX_FIELDS 8

struct flat {
	struct buf out;
	size_t base; /* where the FlatBuffer begins in out; 8-aligned */
};

struct flat_table {
	size_t field[FLAT_MAX_FIELDS]; /* positions in out */
};

/*
 * Write a table of zeros and make the reference at that position point to it.
 * sizes: a digit a field, its bytes in declaration order ('4' for references,
 * '0' for a field to leave out).
 */
struct flat_table flat_table(struct flat *f, size_t reference, const char *sizes);
/* Store a scalar of that many bytes in a field. */
void flat_set(struct flat *f, size_t field, uint64_t v, size_t n_bytes);
/* Begin a vector and link it; the caller appends n elements of that alignment. */
void flat_vector(struct flat *f, size_t field, uint32_t n, size_t align);
/* A vector of n references, linked; returns the position of the first. */
size_t flat_references(struct flat *f, size_t field, uint32_t n);
void flat_string(struct flat *f, size_t field, const void *s, size_t len);
/* Zeros up to a multiple of align, counted from base. */
void flat_align(struct flat *f, size_t align);

#endif
