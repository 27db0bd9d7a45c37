// SPDX-License-Identifier: Apache-2.0
/*
 * rows_priv.h: what delete and update share.
 */
#ifndef LANCEFS_JOB_ROWS_PRIV_H
#define LANCEFS_JOB_ROWS_PRIV_H

#include "job/job.h"

/*
 * Do something with the rows of a version, and do it again from the latest one as long
 * as other commits are in its way: EBUSY if they are too often.
 */
struct row_job {
	struct err *(*run)(void *ctx, struct version *base, struct version **ret);
	void *ctx;
};
MUST_CHECK struct err *row_job_run(struct table *t, struct version *base,
				   const struct row_job *job, struct version **ret);

/* --- value_writer.c --- */

struct value_writer;

/*
 * Write new values of n fields (borrowed, base's) for some rows of base (borrowed):
 * files with all values of the fragments that have such rows, old and new.
 */
MUST_CHECK struct err *value_writer_open(struct table *t, struct version *base,
					 struct field *const *fields, size_t n,
					 struct value_writer **ret);
/* Rows in ascending order over all calls, and an array a field. */
MUST_CHECK struct err *value_writer_push(struct value_writer *w, const uint64_t *rows,
					 uint64_t n_rows, struct array *const *values);
uint64_t value_writer_rows(const struct value_writer *w);
/* Commit as table_rewrite_columns.  Takes w. */
MUST_CHECK struct err *value_writer_commit(struct value_writer *w, const char *message,
					   struct version **ret);
void value_writer_abort(struct value_writer *w); /* accepts NULL */
DEFINE_AUTO(value_writer, value_writer_abort)

#endif
