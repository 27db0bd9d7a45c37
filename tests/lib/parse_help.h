// SPDX-License-Identifier: Apache-2.0
/*
 * parse_help.h: running parsers in tests.
 */
#ifndef LANCEFS_TESTS_PARSE_HELP_H
#define LANCEFS_TESTS_PARSE_HELP_H

#include "random_array.h"

/*
 * Parse bytes, pushed in pieces of `step` (0: all at once).  Returns the error,
 * NULL if it went well; then *ret has all rows (NULL if none were handed on).
 */
MUST_CHECK struct err *parse_bytes(const char *suffix, struct type *t, uint64_t n_rows,
				   const void *bytes, size_t len, size_t step,
				   struct array **ret);

/* The same of a table, whose type is a struct. */
MUST_CHECK struct err *parse_table(const char *suffix, struct type *t, uint64_t n_rows,
				   const void *bytes, size_t len, size_t step,
				   struct array **ret);

/*
 * Fail unless the text is `expected`: the type (learnt, if it is NULL) and the rows as
 * txt has them, each behind a space; or an error's line.
 */
void expect_rows(const char *suffix, const char *type, uint64_t n_rows, bool is_table,
		 const char *text, const char *expected);

/* Fail unless the text gives an error with that message part. */
void expect_parse_error(const char *suffix, const char *type, uint64_t n_rows,
			const char *text, const char *part);

/* The name of the type that an untyped file gets, or the error's line; owned by
 * the caller. */
char *learned_type(const char *suffix, uint64_t n_rows, const char *text);

#endif
