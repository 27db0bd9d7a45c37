// SPDX-License-Identifier: Apache-2.0
/*
 * part_priv.h: what writers of data files share: row ranges of several columns, and
 * the files' names.
 */
#ifndef LANCEFS_JOB_PART_PRIV_H
#define LANCEFS_JOB_PART_PRIV_H

#include "job/job.h"

/* A row range of several columns. */
struct part {
	struct array **arrays; /* owned, each a reference or NULL */
	size_t n;
};

/* n empty slots. */
MUST_CHECK struct err *part_new(size_t n, struct part *ret);
/* Rows [first, first + n_rows) of n columns. */
MUST_CHECK struct err *part_cut(struct array *const *columns, size_t n, uint64_t first,
				uint64_t n_rows, struct part *ret);
void part_fini(struct part *p); /* accepts zeroed */

#define AUTO_PART __attribute__((cleanup(part_fini)))

MUST_CHECK struct err *field_copy_metadata(struct field *to, const struct field *from);
/* Ids in pre-order from *next on, to the field and to all below it, which get a type of
 * their own: the one that came is shared. */
MUST_CHECK struct err *field_number(struct field *f, int32_t *next);
/* A copy of a field, so numbered; the caller's. */
MUST_CHECK struct err *field_copy(const struct field *f, int32_t *next,
				  struct field **ret);

/* May a column be written in the place of this one?  EPERM, EOPNOTSUPP. */
MUST_CHECK struct err *check_replaced(const struct field *f);

/* data/NAME, the caller's. */
MUST_CHECK struct err *new_file_path(const char *name, char **ret);
/* Free n finished files and their array; the files themselves stay. */
void new_files_free(struct column_file *files, size_t n);
/* Remove a file that no version has; a failure is only logged. */
void new_file_remove(struct io_store *store, const struct log *log, const char *name);

#endif
