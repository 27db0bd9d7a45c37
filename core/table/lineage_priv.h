// SPDX-License-Identifier: Apache-2.0
/*
 * lineage_priv.h: the sequences that fragments carry with stable row ids.
 */
#ifndef LANCEFS_TABLE_LINEAGE_PRIV_H
#define LANCEFS_TABLE_LINEAGE_PRIV_H

#include "table/commit_priv.h"

/* --- lineage.c --- */

/* A sequence within the manifest, NULL if there is none.  Borrowed. */
const ProtobufCBinaryData *lineage_inline(const struct fragment *f,
					  enum system_field which);
/* Values of rows [first, end) of a fragment. */
MUST_CHECK struct err *lineage_read(const struct fragment *f, enum system_field which,
				    uint64_t first, uint64_t end, uint64_t *dst);
/* Append the versions of n rows. */
void lineage_put_runs(const uint64_t *versions, uint64_t n, struct buf *out);
/* What was put, as a manifest's field; leaves an empty buffer. */
MUST_CHECK struct err *lineage_take(struct buf *from, ProtobufCBinaryData *ret);

/* --- lineage_move.c --- */

/* Rows that are on their way to other fragments: their ids, and the versions that made
 * and last changed them. */
struct lineage {
	uint64_t *ids, *created, *updated; /* owned */
	uint64_t n, cap;
	bool has_created, has_updated; /* some fragment told them */
};
void lineage_fini(struct lineage *l); /* accepts zeroed */
/* Append those rows of a fragment that are in a set, or those that are not; NULL: the
 * empty set. */
MUST_CHECK struct err *lineage_add(struct lineage *l, const struct fragment *f,
				   const struct row_set *rows, bool are_in);
/* Give rows [first, first + physical_rows) to a new fragment; last changed in a
 * version, or 0: when they were. */
MUST_CHECK struct err *fragment_set_lineage(Lance__Table__DataFragment *f,
					    const struct lineage *l, uint64_t first,
					    uint64_t version);

#endif
