// SPDX-License-Identifier: Apache-2.0
/*
 * backfill.h: columns whose values a UDF computes; part of job.h.
 *
 * A column of a UDF is declared first: all null, with what is to compute it in its
 * field's metadata, so that readers and other writers see it at once.  A backfill then
 * computes rows, keeps what it has in checkpoints, and fills fragment after fragment.
 * Several columns that were declared together come from one run.
 *
 * Metadata of such a field: virtual_column, virtual_column.udf_name, .udf
 * ("_udfs/HASH"), .udf_inputs (a JSON list of names), .udf_backend ("lancefs"),
 * .auto_backfill, which are Geneva's; and lancefs:udf.* for what Geneva has no key for.
 * Source: metadata of columns that Geneva 0.17 declares.
 */
#ifndef LANCEFS_JOB_BACKFILL_H
#define LANCEFS_JOB_BACKFILL_H

#include "job/jobs.h"
#include "table/table.h"
#include "udf/udf.h"

struct udf_column_spec {
	const char *const *names; /* one for each output; borrowed, as all here */
	size_t n;
	const struct udf *udf;
	const char *const *inputs; /* columns; n_inputs 0: those the UDF names */
	size_t n_inputs;
	struct type *type; /* of its only output; NULL: what the UDF says */
	bool is_auto;	   /* rows that come later are computed by whoever mounts it */
};
/* Declare columns, in one version.  EEXIST; ENOENT for an input; EINVAL for what does
 * not fit.  ret as column_writer_commit. */
MUST_CHECK struct err *udf_columns_declare(struct table *t, struct version *base,
					   const struct udf_column_spec *spec,
					   struct version **ret);

bool field_is_udf(const struct field *f);

/* The columns that one run computes. */
struct udf_columns {
	struct field **outputs, **inputs; /* owned; the fields are the version's */
	size_t n_outputs, n_inputs;
	const char *hash, *name; /* of the UDF; borrowed from the first output */
};
/* Those of which one has the name.  ENOENT if it or an input is not there (any more),
 * EINVAL if it is no UDF's. */
MUST_CHECK struct err *udf_columns_find(const struct version *v, const char *name,
					struct udf_columns *ret);
void udf_columns_fini(struct udf_columns *c); /* accepts zeroed */

/* Is a column of a UDF out of date: the UDF of its name is another one now, or an input
 * has changed since?  Has it rows that nobody has computed? */
MUST_CHECK struct err *udf_column_state(struct table *t, struct version *v,
					const struct field *f, bool *ret_stale,
					bool *ret_missing);

/* What becomes of rows that a UDF fails on. */
enum on_error {
	ON_ERROR_FAIL, /* the job fails, naming the first */
	ON_ERROR_NULL, /* they are null */
	ON_ERROR_SKIP, /* they keep what they have */
};
MUST_CHECK struct err *on_error_parse(const char *text, enum on_error *ret);

struct backfill_spec {
	const char *column; /* borrowed, as all here */
	const char *where;  /* SQL; NULL: where the first column is null */
	/* Without .where: rows whose values are out of date as well, by the UDF that
	 * the name of theirs stands for now. */
	bool is_refresh;
	const struct udf *udf; /* another one than the columns have; NULL: theirs */
	unsigned n_workers;    /* 0: one for each processor */
	uint64_t min_batch, max_batch; /* rows; 0: the default */
	uint64_t checkpoint_rows;  /* after which results are durable; 0: the default */
	uint64_t commit_fragments; /* after which they are committed; 0: the default */
	unsigned retries;
	enum on_error on_error;
	uint64_t max_skip; /* rows that may fail; UINT64_MAX: the default */
	struct udf_limits limits;
	unsigned gpus; /* for each worker */
};

#define BACKFILL_MIN_BATCH 32
#define BACKFILL_MAX_BATCH 8192
#define BACKFILL_CHECKPOINT 65536
#define BACKFILL_COMMIT 64
#define BACKFILL_RETRIES 1
#define BACKFILL_TIMEOUT_NS INT64_C(600000000000)

struct backfill_result {
	uint64_t n_rows;   /* computed now */
	uint64_t n_found;  /* that were in checkpoints */
	uint64_t n_failed; /* that have no value */
	uint64_t n_fragments, n_commits;
	uint64_t version; /* the last one committed; 0: none */
};

/*
 * Compute and fill.  ECANCELED, EINTR as the job is asked; EINVAL, naming the row, for
 * a function that fails; EBUSY if the same columns are being filled elsewhere; what was
 * computed stays in checkpoints in any case.
 */
MUST_CHECK struct err *backfill_run(struct table *t, const struct backfill_spec *spec,
				    struct job *job, struct backfill_result *ret);
/* Say what it would do. */
MUST_CHECK struct err *backfill_plan(struct table *t, const struct backfill_spec *spec,
				     struct buf *out);

/* --- computing again, to compare --- */

struct recompute_spec {
	struct table *table; /* borrowed, as all here */
	uint64_t n_rows;     /* at random, of those that have a value */
	uint64_t most_told;
	struct udf_limits limits;
	/* A row that has another value than its UDF gives, as a sentence. */
	void (*found)(void *ctx, const char *text);
	void *ctx;
};
/* Run the UDF of a column on rows of v and compare.  *ret_rows: how many were, and
 * *ret_wrong: values that differ, or that it fails on. */
MUST_CHECK struct err *udf_recompute(const struct recompute_spec *spec,
				     struct version *v, const char *column,
				     uint64_t *ret_rows, uint64_t *ret_wrong);

#endif
