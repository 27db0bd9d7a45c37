// SPDX-License-Identifier: Apache-2.0
/*
 * computed_priv.h: what the values of a UDF's columns were computed from.
 *
 * _lancefs/computed/ID.tsv (the id of the first of the columns) has a line for each
 * fragment that was filled, the last one of a fragment counting:
 *
 *   fragment   inputs' key   outputs' key   UDF
 *
 * The keys (version_fragment_key) are what the columns hold: outputs with another key
 * are somebody else's values; inputs with another key have changed since.  "-" for the
 * UDF: not all of the values are of one.  What is not known is taken for up to date,
 * but for nulls.
 */
#ifndef LANCEFS_JOB_COMPUTED_PRIV_H
#define LANCEFS_JOB_COMPUTED_PRIV_H

#include "job/backfill_priv.h"

struct computed_fragment {
	uint64_t id, inputs_key, outputs_key;
	bool is_current; /* computed by the UDF that was asked for */
};

struct computed {
	struct computed_fragment *items; /* owned; by id */
	size_t n, cap;
};

/* What is known of columns whose first has this id, with regard to a UDF. */
MUST_CHECK struct err *computed_load(struct io_store *s, int32_t field_id,
				     const char *udf_hash, struct computed *ret);
void computed_fini(struct computed *c); /* accepts zeroed */
/* NULL if nothing is known. */
const struct computed_fragment *computed_find(const struct computed *c, uint64_t id);
/* Add a line; udf_hash NULL: of several. */
MUST_CHECK struct err *computed_add(struct io_store *s, int32_t field_id,
				    const struct computed_fragment *f,
				    const char *udf_hash);

/* How the values of a fragment stand. */
enum freshness {
	FRESH,	 /* up to date, or not known */
	MISSING, /* there are none, and nobody has tried */
	STALE,	 /* the UDF or an input has changed since */
};

/* What is known of columns in a version. */
struct column_state {
	struct version *version; /* borrowed, as the columns */
	const struct udf_columns *columns;
	struct computed computed;
	uint64_t
		*moved; /* owned; fragments whose rows were updated, and moved, since */
	size_t n_moved;
};
/* since: the version after which rows may have been updated; 0: what the columns were
 * computed from. */
MUST_CHECK struct err *column_state_open(struct table *t, struct version *v,
					 const struct udf_columns *c,
					 const char *udf_hash, uint64_t since,
					 struct column_state *ret);
void column_state_fini(struct column_state *s); /* accepts zeroed */
enum freshness column_state_of(const struct column_state *s, size_t i);
/* Did its rows move there, and has nobody computed them since? */
bool column_state_is_moved(const struct column_state *s, size_t i);
/* Are the values of fragment i all of one UDF, the one that was asked for, and of its
 * present inputs? */
bool column_state_is_whole(const struct column_state *s, size_t i);

#endif
