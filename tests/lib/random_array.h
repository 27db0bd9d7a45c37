// SPDX-License-Identifier: Apache-2.0
/*
 * random_array.h: arrays of any type with random values, and views of arrays,
 * for tests.
 */
#ifndef LANCEFS_TESTS_RANDOM_ARRAY_H
#define LANCEFS_TESTS_RANDOM_ARRAY_H

#include "format/format.h"

/* The next number of a sequence (splitmix64). */
uint64_t random_next(uint64_t *seed);

/* n_rows random rows; null_percent of them null.  Aborts if out of memory. */
struct array *random_array(struct type *t, uint64_t n_rows, unsigned null_percent,
			   uint64_t *seed);

/* The type of that name; aborts if there is none. */
struct type *type_of(const char *text);

/* A view over an array, which it references. */
struct view *view_of(const char *suffix, struct array *a, const char *name);
/* Likewise of a table, whose columns are the members of a. */
struct view *view_of_table(const char *suffix, struct array *a);

/* All bytes of a view, read with reads of that length. */
void view_bytes(struct view *v, size_t read_len, struct buf *out);

/* Fail the program with the error's line; NULL passes. */
void must(struct err *err);

#endif
