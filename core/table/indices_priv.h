// SPDX-License-Identifier: Apache-2.0
/*
 * indices_priv.h: what a commit does to the index section.
 */
#ifndef LANCEFS_TABLE_INDICES_PRIV_H
#define LANCEFS_TABLE_INDICES_PRIV_H

#include "table/table_priv.h"

/* The entry that is no index, but tells which fragments compactions made of which. */
#define FRAGMENT_REUSE_INDEX "__lance_frag_reuse"

/* The values of field_id in these n fragments changed: no index on the field
 * claims them any more.  s may be NULL. */
MUST_CHECK struct err *indices_forget(Lance__Table__IndexSection *s, int32_t field_id,
				      const uint64_t *fragments, size_t n);

/* Fragments whose rows move to a new one. */
struct moved_rows {
	const uint64_t *from; /* ids, borrowed */
	size_t n;
	bool has_new;  /* else no row is left */
	uint64_t to;   /* the id of the new one */
	bool keep_ids; /* rows have stable ids, which go with them */
};
/*
 * No index claims the old fragments any more, whose addresses are gone.  One that finds
 * rows by their stable ids finds them where they are now: it claims the new fragment if
 * it did all of the old ones; EBUSY if it did some.  s may be NULL.
 */
MUST_CHECK struct err *indices_move_rows(Lance__Table__IndexSection *s,
					 const struct moved_rows *m);

/* Drop indices on fields that are not in m's schema.  s may be NULL. */
void indices_drop_orphans(Lance__Table__IndexSection *s,
			  const Lance__Table__Manifest *m);

#endif
