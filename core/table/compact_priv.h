// SPDX-License-Identifier: Apache-2.0
/*
 * compact_priv.h: what planning, writing and committing a compaction share.
 */
#ifndef LANCEFS_TABLE_COMPACT_PRIV_H
#define LANCEFS_TABLE_COMPACT_PRIV_H

#include "table/commit_priv.h"
#include "table/compact.h"
#include "table/scan_priv.h"

/* The new file of a group. */
struct compacted {
	struct column_file file; /* .name is NULL if no row is left: there is no file */
};
void compacted_fini(struct compacted *c);

/* --- compact_plan.c --- */

/* Must the files of a field stay as they are?  It holds blobs; or fixed-size lists of
 * structs, of which pylance 14.0.2 counts the rows of a file wrong if others wrote it.
 */
bool field_must_stay(const struct field *f);
/* Holds a data file a part of such a field of v, or what is none of its fields? */
bool file_must_stay(const struct version *v, const Lance__Table__DataFile *file);

/* --- compact_write.c --- */

/* Write the file.  On failure there is none. */
MUST_CHECK struct err *compact_write(struct table *t, struct compact_run *run,
				     struct compacted *ret);

/* --- compact_rebase.c --- */

/*
 * Rows of the new file that others deleted since base: bound is the number of its rows.
 * ret is to be released.  EBUSY if one of the group's fragments has changed otherwise.
 */
MUST_CHECK struct err *compact_find_deleted(const struct compact_run *run,
					    struct version *latest, uint64_t n_rows,
					    struct row_set *ret);

#endif
