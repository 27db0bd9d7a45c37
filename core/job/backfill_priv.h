// SPDX-License-Identifier: Apache-2.0
/*
 * backfill_priv.h: the parts of a backfill.
 *
 *     pass     a version, which rows of it are wanted, and which are to be computed
 *     crew     computes them (batch_priv.h); what is done goes to the checkpoint
 *     filling  fragments that are computed become data files, and files a version
 *
 * When a pass is over another one looks at what others have committed meanwhile, until
 * there is nothing left to do.
 */
#ifndef LANCEFS_JOB_BACKFILL_PRIV_H
#define LANCEFS_JOB_BACKFILL_PRIV_H

#include "job/batch_priv.h"
#include "job/checkpoint_priv.h"
#include "job/part_priv.h"

/* --- udf_column.c --- */

struct metadata_text {
	const char *key; /* borrowed */
	char *value;	 /* owned; NULL: there is none */
};
struct metadata_list {
	struct metadata_text *items; /* owned */
	size_t n, cap;
};
void metadata_list_fini(struct metadata_list *l); /* accepts zeroed */
/* Append what a column of a UDF says of it. */
MUST_CHECK struct err *udf_metadata(const struct udf *u, struct field *const *inputs,
				    size_t n_inputs, struct metadata_list *l);
/* Append when, where and from what it was computed. */
MUST_CHECK struct err *run_metadata(uint64_t version, struct metadata_list *l);
/* A field as FORMAT_TABLE_KEY has it, of these columns. */
MUST_CHECK struct err *inputs_table(struct field *const *inputs, size_t n,
				    struct field **ret);

/* --- backfill_pass.c --- */

/* Of a fragment of a pass. */
struct fragment_work {
	uint64_t id;
	uint64_t inputs_key, outputs_key; /* what they hold in the pass's version */
	uint64_t n_want;		  /* rows whose values are to come */
	uint64_t n_todo; /* guarded by the pass's .lock; of them not computed */
	bool is_filled;	 /* its file is written */
};

struct pass {
	struct version *version;	 /* owned reference */
	struct version_hold hold;	 /* of it */
	struct udf_columns columns;	 /* of it */
	struct field *inputs;		 /* owned; a table */
	uint8_t *want, *todo;		 /* owned; a bit for each live row */
	struct fragment_work *fragments; /* owned; by index in the version */
	size_t n_fragments;
	uint64_t n_want, n_todo;
	size_t n_settled; /* fragments at the front that need no file any more */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a fragment has nothing left to do */
};

struct pass_spec {
	struct table *table; /* borrowed, as all here */
	struct version *version;
	const char *column;
	/* NULL: where the first column is null, and where rows were updated and moved
	 * since they were computed. */
	const char *where;
	/* Without .where: wherever a fragment's values are not this UDF's, or its
	 * inputs have changed since, as well. */
	bool is_refresh;
	const char *udf_hash;
	/* The version after which rows may have been updated; 0: what the columns were
	 * computed from. */
	uint64_t moved_since;
	const struct checkpoint *checkpoint; /* NULL: nothing is computed yet */
};
/* Find out what is to be done. */
MUST_CHECK struct err *pass_open(const struct pass_spec *spec, struct pass **ret);
void pass_close(struct pass *p); /* accepts NULL */
DEFINE_AUTO(pass, pass_close)
/* The work of a fragment by its id, which is there. */
struct fragment_work *pass_fragment(const struct pass *p, uint64_t id);
/* What columns hold in fragment i of a version. */
uint64_t columns_key(const struct version *v, size_t i, struct field *const *fields,
		     size_t n);

/* --- computed.c --- */

/* The hash that the UDF's name stands for now, else that of the columns. */
MUST_CHECK struct err *current_hash(struct io_store *s, const struct udf_columns *c,
				    char ret[UDF_HASH_LEN + 1]);

/* --- backfill_fill.c --- */

struct column_state;

struct filling {
	struct table *table; /* borrowed, as all here */
	struct checkpoint *checkpoint;
	const struct pass *pass;
	const char *udf_hash;
	bool keeps_failed; /* rows that failed keep what they have */
	const char *message;
	struct column_file *files; /* owned; to be committed */
	size_t n_files, cap;
	struct column_state *state; /* owned; NULL: not looked at yet */
	int64_t first_ns;	    /* when the first of them was written */
	bool is_outdated;	    /* out: others changed a fragment meanwhile */
	uint64_t n_fragments, n_commits, version; /* out */
};
/* Write the file of fragment i, which is computed. */
MUST_CHECK struct err *filling_add(struct filling *f, size_t i);
/* Commit the files. */
MUST_CHECK struct err *filling_commit(struct filling *f);
void filling_fini(struct filling *f); /* removes files that were not committed */

#endif
