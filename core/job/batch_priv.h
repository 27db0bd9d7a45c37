// SPDX-License-Identifier: Apache-2.0
/*
 * batch_priv.h: rows on their way to a function: cut from a version by a source, and
 * computed by a crew of workers.
 *
 *     source        rows that are wanted, in order, batches as large as they are asked
 *     for
 *     crew          threads, each with a worker: takes batches, hands on values, and
 *                   finds the rows that a function fails on
 *
 * Whose rows they are, and what becomes of the values, they do not know.
 */
#ifndef LANCEFS_JOB_BATCH_PRIV_H
#define LANCEFS_JOB_BATCH_PRIV_H

#include "job/job.h"

/* Rows of a version: their values, and what they are called. */
struct batch {
	struct array *rows;  /* owned reference; a struct of the inputs */
	uint64_t *numbers;   /* owned; live rows of the version */
	uint64_t *addresses; /* owned; fragment << 32 | offset, ascending */
	uint64_t n_rows;
	unsigned attempt;   /* how often it failed */
	struct batch *next; /* in a list of whose owner */
};
void batch_free(struct batch *b); /* accepts NULL */
DEFINE_AUTO(batch, batch_free)
/* Rows [first, end) of a batch. */
MUST_CHECK struct err *batch_cut(const struct batch *b, uint64_t first, uint64_t end,
				 struct batch **ret);

/* --- source.c --- */

struct source;

/* only: a bit for each live row; borrowed for its life, as inputs.  inputs: a table of
 * columns of the version.  Thread-safe from here on. */
MUST_CHECK struct err *source_open(struct version *v, const struct field *inputs,
				   const uint8_t *only, struct source **ret);
void source_close(struct source *s); /* accepts NULL */
DEFINE_AUTO(source, source_close)
/* The next rows, at most max of them and some MiB; *ret NULL: there are no more. */
MUST_CHECK struct err *source_next(struct source *s, uint64_t max, struct batch **ret);

/* --- crew_call.c --- */

/*
 * How many workers are worth their start: programs that load an interpreter or a model
 * take longer for it than a small job takes.  One begins; another one comes once the
 * rows that are left would take longer than it took to begin, or if nothing has come
 * of the first for a while.
 */
struct crew_call {
	uint64_t n_rows; /* to be computed */
	int64_t begun_ns;
	atomic_llong first_ns;	       /* of the first rows; 0: there are none */
	atomic_ullong n_first, n_done; /* of them and of all that have come */
};
void crew_call_begin(struct crew_call *c, uint64_t n_rows);
/* Rows have come.  Any thread. */
void crew_call_saw(struct crew_call *c, uint64_t n_rows);
/* Shall worker number 1, 2 … come now? */
bool crew_call_wants(struct crew_call *c, unsigned number);

/* --- crew.c --- */

/* A row that has no value. */
struct failed_row {
	uint64_t number, address;
	unsigned attempt;
	const char *reason, *text; /* text: may be "" */
};

struct crew_spec {
	const struct udf_run *run;
	struct source *source; /* borrowed, as all here */
	uint64_t n_rows;       /* about so many has the source */
	unsigned n_workers;    /* at the most: see crew_call.c */
	char *const *gpus;     /* one for each worker; NULL: none is handed out */
	unsigned retries;      /* of a batch or a row, before it is cut or given up */
	/* Values of a batch, those of its failed rows null; failed: their places.  Any
	 * thread, several at a time. */
	struct err *(*done)(void *ctx, const struct batch *b,
			    struct array *const *values, const uint64_t *failed,
			    size_t n_failed);
	/* A row has no value; an error ends all.  One thread at a time. */
	struct err *(*failed)(void *ctx, const struct failed_row *row);
	void (*tell)(void *ctx, const char *text);
	void (*ended)(void *ctx); /* they have; NULL: nobody waits */
	void *ctx;
};

struct crew;

/* Let threads begin. */
MUST_CHECK struct err *crew_start(const struct crew_spec *spec, struct crew **ret);
/* Have all ended? */
bool crew_is_done(struct crew *c);
/* Begin no batch more; those on their way are lost. */
void crew_stop(struct crew *c);
/* Wait for their end, and the first error.  Takes c. */
MUST_CHECK struct err *crew_end(struct crew *c);

#endif
