// SPDX-License-Identifier: Apache-2.0
/*
 * join_priv.h: rows of a file, found by their keys.
 *
 * A key_table maps the key of each row of the file to its number.  The values of those
 * rows stay in memory as long as they are few; then they go to a spill, a file without
 * a name, and are mapped from there.
 */
#ifndef LANCEFS_JOB_JOIN_PRIV_H
#define LANCEFS_JOB_JOIN_PRIV_H

#include "job/job.h"

/* --- key_table.c --- */

#define NO_ROW UINT32_MAX

struct key_table {
	uint8_t *bytes; /* owned; the keys, one after the other */
	size_t len, cap;
	uint64_t *ends; /* owned; where the key of a row ends; of a null: where it would
			 * begin */
	size_t n_rows, cap_rows;
	uint32_t *slots; /* owned; rows, NO_ROW: free; a power of two of them */
	size_t n_slots, n_keys;
};

/* A value of a column of keys, as bytes that are equal where the values are: integers
 * of all widths as 64 bits, others as they are. */
struct key {
	const uint8_t *p; /* borrowed from the array, or .word */
	size_t len;
	uint8_t word[8];
};

/* A column whose values can be keys. */
bool type_is_key(const struct type *t);
/* Can a value of one type equal one of the other? */
bool key_types_match(const struct type *a, const struct type *b);
/* Of a row that is not null, of a type without dictionary; ret->p may point into ret.
 */
void key_of(const struct array *a, uint64_t row, struct key *ret);
/* The next row's key; *ret_same: an earlier row that has it, or NO_ROW. */
MUST_CHECK struct err *key_table_add(struct key_table *t, const struct key *k,
				     uint32_t *ret_same);
/* The next row has none. */
MUST_CHECK struct err *key_table_add_null(struct key_table *t);
uint32_t key_table_find(const struct key_table *t, const struct key *k); /* or NO_ROW */
void key_table_fini(struct key_table *t); /* accepts zeroed */

/* --- spill.c --- */

struct spill;

/* *ret NULL: the store is not a local directory, there is nowhere to spill to. */
MUST_CHECK struct err *spill_open(struct io_store *store, struct spill **ret);
/* The same array, its values in the spill, which must outlive it. */
MUST_CHECK struct err *spill_array(struct spill *s, const struct array *a,
				   struct array **ret);
/* Let go of the memory that reading has taken; the values stay. */
void spill_rest(struct spill *s);
void spill_close(struct spill *s); /* accepts NULL */
DEFINE_AUTO(spill, spill_close)

/* --- join.c --- */

struct join_options {
	struct field *key; /* of base; borrowed for the join's life */
	enum join_missing on_missing;
	struct type *file; /* the rows of the file, a struct; borrowed for the call */
};

struct join;

/* Join the rows of a file to those of base, which is borrowed for the join's life.
 * EINVAL if the file lacks the key or anything else, or its keys are of another kind.
 */
MUST_CHECK struct err *join_new(struct table *t, struct version *base,
				const struct join_options *options, struct join **ret);
void join_free(struct join *j);
DEFINE_AUTO(join, join_free)
/* The columns that it makes; name and type are borrowed from j. */
size_t join_n_columns(const struct join *j);
void join_column(const struct join *j, size_t i, struct column_spec *ret);
/* The next rows of the file. */
MUST_CHECK struct err *join_push(struct join *j, const struct array *batch);
/* All are there: push the columns of all rows of base.  EINVAL for keys that come
 * twice, and, if so asked, for rows of base that the file has nothing for. */
MUST_CHECK struct err *join_run(struct join *j, struct column_writer *w);
void join_count(const struct join *j, struct join_counts *ret);

#endif
