// SPDX-License-Identifier: Apache-2.0
/*
 * compact.h: few large fragments instead of many small ones; part of table.h.
 *
 * A plan groups neighbouring fragments that are small, or of which many rows are
 * deleted: each group becomes one fragment without deleted rows, in one file.  A
 * fragment whose columns lie in many files can have these put together with its rows
 * where they are: then row addresses, deleted rows and indices stay as well.  Pages
 * of which no row goes are copied as they are, not decoded.
 *
 * Fragments are in order of their ids, and a new one has the highest: as with pylance,
 * the rows of a group that larger fragments follow move behind theirs.
 * Source: Lance's docs, "Compaction"; transaction.proto, Rewrite.
 */
#ifndef LANCEFS_TABLE_COMPACT_H
#define LANCEFS_TABLE_COMPACT_H

#include "base/base.h"

struct table;
struct version;

struct compact_options {
	uint64_t target_rows;  /* a fragment with fewer, and fewer bytes, is small */
	uint64_t target_bytes; /* of its data files */
	double max_deleted;    /* a larger share of deleted rows, of 1, is too much */
	size_t max_files;      /* more data files of a fragment are too many */
	bool only_files;       /* rows stay: files are put together wherever there are
				* two */
};

/* Fragments [first, first + n_fragments) of the version, that become one. */
struct compact_group {
	size_t first, n_fragments;
	bool keeps_rows; /* one fragment, whose files become one */
	uint64_t n_rows; /* live */
	uint64_t n_deleted;
	size_t n_files; /* that go */
	uint64_t bytes; /* of these */
};

struct compact_plan {
	struct compact_group *groups; /* owned */
	size_t n, cap;
	size_t n_left; /* fragments that stay because they hold blobs, or deleted rows
			* and values of a type that is not written */
};
void compact_plan_fini(struct compact_plan *p); /* accepts zeroed */

/* Cost: the manifest's, and its indices'. */
MUST_CHECK struct err *version_plan_compaction(struct version *v,
					       const struct compact_options *o,
					       struct compact_plan *ret);

/* A group on its way. */
struct compact_run {
	struct version *base; /* that was planned for; borrowed */
	const struct compact_group *group;
	/* Told now and then how many rows are done, by any thread, one at a time; an
	 * error, which is handed on, ends it.  NULL: nobody asks. */
	struct err *(*tell)(void *ctx, uint64_t n_rows);
	void *ctx;
	const char *message; /* for the transaction; may be NULL */
	uint64_t n_bytes;    /* out: of the file that came; 0 if no row was left */
	bool has_new;	     /* out: there is a fragment now, of this id */
	uint64_t new_id;
};

/*
 * Write the new file of a group and commit it in one version, durable on return, which
 * ret receives.  Other fragments may have come, gone or changed since the plan.  Memory
 * does not grow with the rows.  EBUSY if one of the group's has, but for rows that were
 * deleted; EOPNOTSUPP if values
 * would have to be written of a type that is not: the group stays as it is.
 */
MUST_CHECK struct err *table_compact_group(struct table *t, struct compact_run *run,
					   struct version **ret);

#endif
