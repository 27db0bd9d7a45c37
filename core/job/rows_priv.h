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

/* --- delete.c --- */

/* The rows of a version for which where is true. */
MUST_CHECK struct err *rows_choose(const struct scope *scope, const struct expr *where,
				   const struct job_progress *progress,
				   struct row_choice **ret);

/* --- update_cost.c --- */

/* Is it far cheaper to move the chosen rows than to write n fields of their fragments
 * anew?  False if rows cannot be moved. */
MUST_CHECK struct err *rows_are_cheaper(struct version *v,
					const struct row_choice *rows,
					struct field *const *fields, size_t n,
					bool *ret);
/* EOPNOTSUPP if some column cannot be written in new rows. */
MUST_CHECK struct err *check_rows_move(const struct version *v);

/* --- row_mover.c --- */

struct row_mover;

/* Write rows of base anew, with new values of n fields (both borrowed). */
MUST_CHECK struct err *row_mover_open(struct table *t, struct version *base,
				      struct field *const *fields, size_t n,
				      struct row_mover **ret);
/* As value_writer_push. */
MUST_CHECK struct err *row_mover_push(struct row_mover *m, const uint64_t *rows,
				      uint64_t n_rows, struct array *const *values);
uint64_t row_mover_rows(const struct row_mover *m);
/* Commit as table_move_rows.  Takes m. */
MUST_CHECK struct err *row_mover_commit(struct row_mover *m, const char *message,
					struct version **ret);
void row_mover_abort(struct row_mover *m); /* accepts NULL */
DEFINE_AUTO(row_mover, row_mover_abort)

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
