// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_priv.h: tables, functions and results of SQLite.
 */
#ifndef LANCEFS_QUERY_SQLITE_PRIV_H
#define LANCEFS_QUERY_SQLITE_PRIV_H

#include "query/query_priv.h"

#include <sqlite3.h>

/* What the engine and its tables tell each other. */
struct sqlite_state {
	struct err *failed; /* owned: what a table failed with */
	bool is_declaring;  /* a table says what its columns are */
};

/* The tables that a statement named so far. */
#define MAX_TABLES 64

struct sqlite_tables {
	struct {
		char *name;		   /* owned */
		const struct scope *scope; /* borrowed from the environment, or own */
		struct scope own;
	} items[MAX_TABLES];
	size_t n;
};
/* By the name in any case, as SQLite finds it; NULL: none. */
const struct scope *sqlite_find_table(const struct sqlite_tables *t, const char *name);

/* Something to say for SQLite's last failure: EINVAL, or what a table failed with. */
MUST_CHECK struct err *sqlite_err(sqlite3 *db, struct sqlite_state *state);

/*
 * Make a scope (borrowed until the database is closed) a table of that name.  What
 * reading it fails with is kept in state.
 */
MUST_CHECK struct err *sqlite_add_table(sqlite3 *db, const char *name,
					const struct scope *scope,
					struct sqlite_state *state);
/* Our functions that SQLite has not got. */
MUST_CHECK struct err *sqlite_add_functions(sqlite3 *db);

/* A value of an array as the result of a column or function: numbers as numbers, bytes
 * as blobs, everything else as its text.  Decimals of more than 15 digits and uint64 of
 * more than 63 bits, which SQLite has not got, are texts too. */
void sqlite_result(sqlite3_context *context, const struct array *a, uint64_t row);

/* --- results (sqlite_rows.c): rows into arrays --- */

struct result;
/* The tables tell the types of plain columns. */
MUST_CHECK struct err *result_open(sqlite3_stmt *stmt,
				   const struct sqlite_tables *tables,
				   const struct query_sink *sink, struct result **ret);
/* The row that the statement stands on. */
MUST_CHECK struct err *result_add(struct result *r);
/* The last rows; the sink has begun even if there was none. */
MUST_CHECK struct err *result_finish(struct result *r);
void result_close(struct result *r); /* accepts NULL */
DEFINE_AUTO(result, result_close)

#endif
