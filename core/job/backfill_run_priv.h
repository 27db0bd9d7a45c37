// SPDX-License-Identifier: Apache-2.0
/*
 * backfill_run_priv.h: a run of a backfill, which its files share.
 *
 * backfill.c       passes, one after the other      backfill_keep.c  what workers give
 * backfill_plan.c  what it would do
 */
#ifndef LANCEFS_JOB_BACKFILL_RUN_PRIV_H
#define LANCEFS_JOB_BACKFILL_RUN_PRIV_H

#include "job/backfill_priv.h"
#include "job/gpus_priv.h"
#include "job/lock_priv.h"

struct backfill {
	struct table *table; /* borrowed, as the next two */
	const struct backfill_spec *spec;
	struct job *job;
	struct udf *own;       /* owned; the columns' UDF, if spec names none */
	const struct udf *udf; /* that or spec's */
	struct job_lock lock;
	struct checkpoint *checkpoint; /* owned */
	struct pass *pass;	       /* owned; the present one */
	struct type **types;	       /* owned array; the outputs' types, referenced */
	size_t n_types;
	struct udf_run run;
	struct gpu_list gpus;
	char **worker_gpus; /* owned */
	unsigned n_workers;
	char *message;		/* owned; of the commits */
	uint64_t first_version; /* of the first pass; 0: there was none */
	uint64_t n_before;	/* rows that earlier passes did */
	atomic_ullong n_rows, n_failed;
	struct backfill_result result;
};

/* Values that are out of date are computed again: whoever names another UDF without
 * saying which rows wants all that are not its own. */
bool spec_refreshes(const struct backfill_spec *s);

/* Keep the values of a batch; as crew_spec.done. */
MUST_CHECK struct err *run_keep(void *ctx, const struct batch *batch,
				struct array *const *values, const uint64_t *failed,
				size_t n_failed);
/* Count and list a row without a value; as crew_spec.failed. */
MUST_CHECK struct err *run_row_failed(void *ctx, const struct failed_row *row);

#endif
