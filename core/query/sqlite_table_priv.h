// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_table_priv.h: what the parts of a virtual table share: its cursors, and the
 * plan that xBestIndex hands to them.
 */
#ifndef LANCEFS_QUERY_SQLITE_TABLE_PRIV_H
#define LANCEFS_QUERY_SQLITE_TABLE_PRIV_H

#include "query/sqlite_priv.h"

struct vtab {
	sqlite3_vtab base; /* first: SQLite's */
	const struct scope *scope;
	struct sqlite_state *state;
};

/* The rows of a loaded table, by the value of a column. */
struct lookup {
	size_t column;
	struct array *keys; /* owned */
	uint64_t *heads;    /* owned: 1 + row, 0: none */
	uint64_t *chain;    /* owned: the next row of the same slot, as above */
	uint64_t mask;
};

struct cursor_state {
	sqlite3_vtab_cursor base; /* first: SQLite's */
	uint64_t used;		 /* columns that are read, by bit; the last: the rest */
	struct expr *filter;	 /* owned */
	struct expr **columns;	 /* owned: of each field that is read; NULL: not */
	size_t *slots;		 /* owned: its output */
	struct scanner *scanner; /* owned */
	struct scan scan;
	struct expr **outputs; /* owned array of borrowed columns */
	struct scan_batch batch;
	uint64_t at; /* row of the batch */
	bool is_end;

	unsigned n_searches;
	struct array **loaded; /* owned: columns in memory; NULL: not loaded */
	struct lookup lookup;
	uint64_t row;	       /* of the loaded table, 1 + it; 0: the end */
	sqlite3_value *wanted; /* owned */

	size_t wide_field; /* the value read last of a wide column */
	uint64_t wide_row;
	struct array *wide; /* owned */
};

static inline const struct scope *scope_at(const struct cursor_state *c)
{
	return ((const struct vtab *)c->base.pVtab)->scope;
}

/* Whether a statement names column i. */
static inline bool is_named(uint64_t used, size_t i)
{
	return used >> MIN_OF(i, (size_t)63) & 1;
}

/* --- plans --- */

/* "COLUMN OP;" for each argument of a cursor: the column must compare so with it.  OP
 * is an operator, IS, IN, LIKE, or N and V: null and not null. */
struct plan_item {
	size_t column;
	char op[8];
};
/* The next one; false: no more. */
bool plan_next(const char **plan, struct plan_item *ret);

/* --- scans (sqlite_scan.c) --- */

/* Once for a cursor: the columns do not change. */
MUST_CHECK struct err *cursor_choose_columns(struct cursor_state *c, uint64_t used);
/* Begin a scan of the rows that a plan lets pass, and more. */
MUST_CHECK struct err *cursor_scan(struct cursor_state *c, const char *plan,
				   sqlite3_value **args);
/* On to the next rows, or .is_end. */
MUST_CHECK struct err *cursor_next_batch(struct cursor_state *c);
/* Of a search as well. */
void cursor_end_scan(struct cursor_state *c);

/* --- searches (sqlite_lookup.c) --- */

/* Whether the columns of the statement fit in memory. */
MUST_CHECK struct err *lookup_may_load(const struct cursor_state *c, bool *ret);
/* The first condition of equality of a plan, if it is the one that is indexed. */
bool lookup_find(const struct cursor_state *c, const char *plan, sqlite3_value **args,
		 size_t *ret_column, size_t *ret_arg);
/* Go to the first row that has the value, loading the table first if need be. */
MUST_CHECK struct err *lookup_search(struct cursor_state *c, size_t column,
				     sqlite3_value *v);
/* To the next row of it, or .is_end. */
void lookup_next(struct cursor_state *c);
void lookup_fini(struct lookup *l);

#endif
