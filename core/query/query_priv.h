// SPDX-License-Identifier: Apache-2.0
/*
 * query_priv.h: the two engines behind query_run.
 */
#ifndef LANCEFS_QUERY_QUERY_PRIV_H
#define LANCEFS_QUERY_QUERY_PRIV_H

#include "query/query.h"

/* One table, conditions, a limit: by a scan (select.c). */
MUST_CHECK struct err *select_run(const struct query_env *env, const char *text,
				  const struct sql_select *s,
				  const struct query_sink *sink);
/* Any SELECT (sqlite.c). */
MUST_CHECK struct err *sqlite_run(const struct query_env *env, const char *sql,
				  const struct query_sink *sink);

/* A table by the name that FROM says.  *ret is borrowed from env, or *own. */
MUST_CHECK struct err *find_table(const struct query_env *env, const char *name,
				  struct scope *own, const struct scope **ret);

/* The struct field of n columns, taken from the array, which then holds NULLs. */
MUST_CHECK struct err *rows_field(struct field **columns, size_t n, struct field **ret);
/* Rows of that field; columns are referenced. */
MUST_CHECK struct err *rows_array(const struct field *rows,
				  struct array *const *columns, uint64_t n_rows,
				  struct array **ret);

#endif
