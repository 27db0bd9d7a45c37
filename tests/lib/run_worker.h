// SPDX-License-Identifier: Apache-2.0
/*
 * run_worker.h: programs as UDFs, and workers that run them, for tests.
 */
#ifndef LANCEFS_TESTS_RUN_WORKER_H
#define LANCEFS_TESTS_RUN_WORKER_H

#include "random_array.h"
#include "udf/udf.h"

/* A temporary store, a program in it, and what a worker of it is told. */
struct program {
	char root[64];
	struct io_store *store;
	struct udf *udf;
	struct field *inputs;
	struct type *outputs[2];
	struct udf_run run;
	struct udf_worker *worker;
};

/* A script, behind "#!/bin/sh" and a line with its shape; outputs: a type or two, with
 * a blank between them; inputs: types, likewise, of columns "0", "1"… */
void program_new(struct program *p, enum udf_shape shape, const char *inputs,
		 const char *outputs, const char *script);
void program_free(struct program *p);

/* Rows [first, end): a number is the row's, a text or bytes are what make gives. */
struct array *program_rows(const struct program *p, uint64_t first, uint64_t end,
			   void (*make)(uint64_t row, struct buf *out));

/* What came of rows. */
struct outcome {
	struct array *values[2]; /* owned; NULL if it failed */
	uint64_t n_failed;
	uint64_t failed[16]; /* the first of them */
	char reason[256];    /* of the last of them */
	bool is_lost;
	struct udf_failure failure;
	uint64_t n_batches;
};
/* Compute rows [0, n) with the program's worker, which is made if there is none. */
void program_compute(struct program *p, uint64_t n,
		     void (*make)(uint64_t row, struct buf *out), struct outcome *ret);
void outcome_fini(struct outcome *o);

#endif
