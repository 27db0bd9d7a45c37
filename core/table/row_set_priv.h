// SPDX-License-Identifier: Apache-2.0
/*
 * row_set_priv.h: a set of 32-bit numbers: deleted offsets of a fragment, or the
 * fragments of an index.
 *
 * Chunks of 65536 numbers, as Roaring's containers; one of which nothing is in
 * the set is NULL, or past the end of the chunks.  One thread at a time until it is
 * only read.
 */
#ifndef LANCEFS_TABLE_ROW_SET_PRIV_H
#define LANCEFS_TABLE_ROW_SET_PRIV_H

#include "base/base.h"

#define ROW_SET_CHUNK ((uint64_t)65536)
#define ROW_SET_MAX ((uint64_t)1 << 32)

struct row_set {
	uint64_t bound; /* what is in the set is below */
	size_t n_chunks, cap;
	uint8_t **chunks; /* owned; ROW_SET_CHUNK bits each */
};

/* Empty; EIO for bounds over ROW_SET_MAX. */
MUST_CHECK struct err *row_set_init(struct row_set *s, uint64_t bound);
void row_set_fini(struct row_set *s); /* accepts zeroed */
/* EIO if row is not below the bound. */
MUST_CHECK struct err *row_set_add(struct row_set *s, uint64_t row);
void row_set_remove(struct row_set *s, uint64_t row);
/* Remove what is not below the bound, which is the set's from now on. */
void row_set_clip(struct row_set *s, uint64_t bound);
/* The bits of chunk i, made if need be; EIO if it is not below the bound. */
MUST_CHECK struct err *row_set_chunk(struct row_set *s, uint64_t i, uint8_t **ret);
/* Add what a 32-bit Roaring bitmap holds, in its portable form.  EIO if it is
 * damaged, or holds what is not below the bound. */
MUST_CHECK struct err *row_set_read(struct row_set *s, struct cursor c);

/* Append it in that form. */
MUST_CHECK struct err *row_set_write(const struct row_set *s, struct buf *out);
/* Add what is in another one of the same bound. */
MUST_CHECK struct err *row_set_unite(struct row_set *s, const struct row_set *more);
/* Is anything in both? */
bool row_set_meets(const struct row_set *a, const struct row_set *b);
uint64_t row_set_count(const struct row_set *s);
/* How many of rows [first, end) are in it. */
uint64_t row_set_count_in(const struct row_set *s, uint64_t first, uint64_t end);

static inline bool row_set_has(const struct row_set *s, uint64_t row)
{
	uint64_t i = row / ROW_SET_CHUNK;
	return i < s->n_chunks && s->chunks[i] &&
	       bit_get(s->chunks[i], row % ROW_SET_CHUNK);
}

static inline void auto_row_set(struct row_set *s)
{
	row_set_fini(s);
}
#define AUTO_ROW_SET __attribute__((cleanup(auto_row_set)))

#endif
