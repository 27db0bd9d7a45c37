// SPDX-License-Identifier: Apache-2.0
/*
 * maintain.h: keeping a table small and fast; part of job.h.
 */
#ifndef LANCEFS_JOB_MAINTAIN_H
#define LANCEFS_JOB_MAINTAIN_H

#include "job/jobs.h"
#include "table/table.h"

#define COMPACT_TARGET_ROWS ((uint64_t)1 << 20)
#define COMPACT_TARGET_BYTES ((uint64_t)4 << 30)
#define COMPACT_MAX_DELETED 0.1
#define COMPACT_MAX_FILES 8

/* What there is of a version. */
struct table_size {
	uint64_t fragments, files, deleted_rows;
	uint64_t bytes; /* of its data files */
};

struct compact_result {
	struct table_size before,
		after;	      /* of the dry run: as it would be, but .bytes */
	uint64_t n_groups;    /* that were compacted, or would be */
	uint64_t n_conflicts; /* groups that were given up and planned anew */
	uint64_t n_left;      /* fragments that cannot be compacted */
	uint64_t bytes_read, bytes_written;
	double seconds;
	uint64_t version; /* the last that was committed; 0: none */
};

/*
 * Compact the table, group by group, each in a version of its own.  What others commit
 * meanwhile costs the groups that it touches, which are planned anew.  job is told how
 * far it is, and asked whether to go on; NULL: there is none.  Errors: EBUSY if another
 * compaction is going on, or if groups were in others' way again and again: the rest is
 * done; EINTR, ECANCELED as the job wants; those of table_compact_group.
 */
MUST_CHECK struct err *compact_table(struct table *t, const struct compact_options *o,
				     struct job *job, struct compact_result *ret);
/* What it would do. */
MUST_CHECK struct err *compact_dry_run(struct version *v,
				       const struct compact_options *o,
				       struct compact_result *ret);

#define CLEANUP_OLDER_THAN_NS (14 * 86400 * INT64_C(1000000000))
#define CLEANUP_UNREFERENCED_NS (7 * 86400 * INT64_C(1000000000))

struct cleanup_spec {
	int64_t older_than_ns;	 /* versions that are older go */
	uint64_t keep;		 /* but not the newest, so many */
	int64_t unreferenced_ns; /* what belongs to nothing goes if it is older */
	bool is_dry_run;
};

struct cleanup_report {
	struct cleanup_result table;
	/* Of our own: checkpoints that nobody goes on from, functions that nothing is
	 * computed by, what is left of killed processes. */
	struct cleanup_count state;
	double seconds;
};

/*
 * Clean up a branch of a dataset, and what lancefs itself keeps in it.  job as in
 * compact_table.  ret is what was done, also on failure.  Errors: EBUSY if another
 * cleanup is going on; EINTR, ECANCELED as the job wants; those of table_cleanup.
 */
MUST_CHECK struct err *cleanup_table(struct table *t, const struct cleanup_spec *spec,
				     struct job *job, struct cleanup_report *ret);

#endif
