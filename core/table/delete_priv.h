// SPDX-License-Identifier: Apache-2.0
/*
 * delete_priv.h: rows that leave their fragments, deleted or moved.
 */
#ifndef LANCEFS_TABLE_DELETE_PRIV_H
#define LANCEFS_TABLE_DELETE_PRIV_H

#include "table/commit_priv.h"
#include "table/row_choice_priv.h"

/* What a deletion file is to say: all that is deleted of a fragment. */
struct deletion_spec {
	uint64_t fragment_id;
	uint64_t read_version; /* that it is made on top of */
	const struct row_set *rows;
};
/* Write it, durable but for its name.  *ret_path, the caller's, is set as soon as there
 * may be a file. */
MUST_CHECK struct err *deletion_file_put(struct io_store *s,
					 const struct deletion_spec *spec,
					 char **ret_path,
					 Lance__Table__DeletionFile **ret);

/* Rows on their way out, and what the present attempt has made. */
struct deletions {
	const struct row_choice *rows; /* borrowed */
	struct io_store *store;	       /* borrowed */
	const struct log *log;	       /* borrowed; may be NULL */
	char **files;		       /* owned; deletion files, each owned */
	size_t n_files;
	Lance__Table__DataFragment **updated; /* owned; borrowed from the manifest */
	size_t n_updated;
	uint64_t *removed; /* owned; fragments' ids */
	size_t n_removed;
};

MUST_CHECK struct err *deletions_init(struct deletions *d, struct table *t,
				      const struct row_choice *rows);
/* Delete them from an attempt's manifest, on top of what others deleted.  EBUSY if they
 * are not what they were. */
MUST_CHECK struct err *deletions_apply(struct deletions *d, struct attempt *a);
/* The deletion files stay if there is, or may be, a version that has them; also after a
 * failed init. */
void deletions_fini(struct deletions *d, bool is_published);

#endif
