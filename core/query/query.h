// SPDX-License-Identifier: Apache-2.0
/*
 * query.h: expressions and SELECT over the rows of versions.
 *
 * A scan evaluates expressions batch by batch, with several threads, and hands the
 * results on in the order of the rows.  Only columns that an expression names are read;
 * those of the outputs only where the filter is true.  Memory is bounded by the bytes
 * of a few batches.
 */
#ifndef LANCEFS_QUERY_QUERY_H
#define LANCEFS_QUERY_QUERY_H

#include "expr/expr.h"
#include "table/table.h"

/* --- columns that expressions may name --- */

/* The columns of a version, then those that Lance computes (_rowid …). */
struct scope {
	struct version *version; /* owned reference */
	struct field **fields;	 /* owned; the fields are the version's */
	size_t n;
};
MUST_CHECK struct err *scope_of(struct version *v, struct scope *ret);
void scope_fini(struct scope *s); /* accepts zeroed */
static inline void auto_scope(struct scope *s)
{
	scope_fini(s);
}
#define AUTO_SCOPE __attribute__((cleanup(auto_scope)))

/* expr_compile against them. */
MUST_CHECK struct err *scope_compile(const struct scope *s, const char *text,
				     enum expr_use use, struct expr **ret);

/* --- scans --- */

/* Rows for which the filter is true, in order; at least one. */
struct scan_batch {
	struct array *const *outputs; /* one for each output; borrowed for the call */
	uint64_t n_rows;	      /* of each of them */
	const uint64_t *rows;	      /* their numbers among the live rows; borrowed */
	uint64_t end;		      /* all rows before this one were looked at */
};

struct scan {
	const struct scope *scope; /* borrowed, as all below */
	const struct expr *filter; /* NULL: all rows */
	const struct expr *const *outputs;
	size_t n_outputs;
	uint64_t first; /* rows of the version before this one are left out */
	uint64_t limit; /* rows wanted; UINT64_MAX: all */
	/* Rows for which the filter is not true come as well, all null. */
	bool keeps_rows;
	/* In the thread of the caller. */
	struct err *(*batch)(void *ctx, const struct scan_batch *batch);
	void *ctx;
};

#define SCAN_ALL UINT64_MAX

/* EINVAL naming the first row that cannot be computed; what reading gives. */
MUST_CHECK struct err *scan_run(const struct scan *s);
/* How many rows a filter is true for. */
MUST_CHECK struct err *scan_count(const struct scope *scope, const struct expr *filter,
				  uint64_t *ret);

#endif
