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

/*
 * Columns of rows: those of a version, then those that Lance computes (_rowid …); or
 * arrays in memory.
 */
struct scope {
	struct field **fields; /* owned, with references */
	size_t n;
	size_t n_own; /* of them not computed by Lance: what * stands for */
	uint64_t n_rows;
	struct version *version; /* owned reference; NULL: arrays */
	struct table
		*table; /* owned reference if the scope is what keeps it, or NULL */
	struct array **arrays; /* owned, with references; one for each field */
};
MUST_CHECK struct err *scope_of(struct version *v, struct scope *ret);
/* Columns in memory: members of a struct array. */
MUST_CHECK struct err *scope_of_array(struct array *rows, struct scope *ret);
void scope_fini(struct scope *s); /* accepts zeroed */
static inline void auto_scope(struct scope *s)
{
	scope_fini(s);
}
#define AUTO_SCOPE __attribute__((cleanup(auto_scope)))
/* Rows [first, end) of a field; with nulls_only possibly an array of bool that has its
 * nulls. */
MUST_CHECK struct err *scope_read(const struct scope *s, size_t field, bool nulls_only,
				  uint64_t first, uint64_t end, struct array **ret);

/* Append the name of a column as an expression has it: in backticks. */
void scope_put_name(const struct field *f, struct buf *out);
/* expr_compile of field i alone. */
MUST_CHECK struct err *scope_compile_column(const struct scope *s, size_t i,
					    struct expr **ret);
/* expr_compile against them. */
MUST_CHECK struct err *scope_compile(const struct scope *s, const char *text,
				     enum expr_use use, struct expr **ret);

/* --- scans --- */

/* Rows for which the filter is true, in order; at least one. */
struct scan_batch {
	struct array *const *outputs; /* one for each output; borrowed */
	uint64_t n_rows;	      /* of each of them */
	const uint64_t *rows;	      /* their numbers among the live rows; borrowed */
	uint64_t end;		      /* all rows before this one were looked at */
};

struct scan {
	const struct scope *scope; /* borrowed, as all below */
	const struct expr *filter; /* NULL: all rows */
	const struct expr *const *outputs;
	size_t n_outputs;
	/* A bit for each row of the scope: other rows are left out; NULL: none is. What
	 * they hold is not read if no row near them is wanted. */
	const uint8_t *only;
	uint64_t first; /* rows before this one are left out */
	uint64_t limit; /* rows wanted; SCAN_ALL */
	/* Rows for which the filter is not true come as well, all null. */
	bool keeps_rows;
};

#define SCAN_ALL UINT64_MAX

struct scanner;

/* The scan is copied; what it borrows lives as long as the scanner. */
MUST_CHECK struct err *scanner_open(const struct scan *s, struct scanner **ret);
/* The next rows, valid until the next call; *ret_more is false past the last.  EINVAL
 * naming the first row that cannot be computed; what reading gives. */
MUST_CHECK struct err *scanner_next(struct scanner *sc, struct scan_batch *ret,
				    bool *ret_more);
void scanner_close(struct scanner *sc); /* accepts NULL */
DEFINE_AUTO(scanner, scanner_close)

/* All of them, one batch after the other. */
MUST_CHECK struct err *
scan_run(const struct scan *s,
	 struct err *(*batch)(void *ctx, const struct scan_batch *batch), void *ctx);
/* How many rows a filter is true for. */
MUST_CHECK struct err *scan_count(const struct scope *scope, const struct expr *filter,
				  uint64_t *ret);

/* --- SELECT --- */

/* Where a SELECT finds its tables. */
struct query_env {
	const struct scope *table; /* "t"; borrowed */
	const char *name;	   /* its own name as well; NULL: none */
	/* Another table, or a file, by name; *ret_found is false if there is none.
	 * NULL: there are no others. */
	struct err *(*find)(void *ctx, const char *name, struct scope *ret,
			    bool *ret_found);
	void *ctx;
};

/* Who takes the rows. */
struct query_sink {
	/* Once, before any rows: a field as FORMAT_TABLE_KEY has it. */
	struct err *(*begin)(void *ctx, struct field *rows);
	/* Rows as a struct array of its type; borrowed. */
	struct err *(*rows)(void *ctx, struct array *rows);
	void *ctx;
};

/*
 * Run a SELECT.  One of one table with conditions and a limit, or a count of rows, is a
 * scan, and expressions in it are those of expr.h; any other is SQLite's, to which
 * tables are virtual ones: conditions that compare a column with a value are tested by
 * a scan before SQLite sees the rows.  EINVAL for what the text says.
 */
MUST_CHECK struct err *query_run(const struct query_env *env, const char *sql,
				 const struct query_sink *sink);

#endif
