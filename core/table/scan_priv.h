// SPDX-License-Identifier: Apache-2.0
/*
 * scan_priv.h: columns of a fragment, for whoever reads or moves rows.
 */
#ifndef LANCEFS_TABLE_SCAN_PRIV_H
#define LANCEFS_TABLE_SCAN_PRIV_H

#include "table/table_priv.h"

/* --- scan.c --- */

/* Rows [first, end) of a fragment's field, by their offsets, deleted ones too. */
MUST_CHECK struct err *fragment_read(struct version *v, struct fragment *f,
				     const struct field *field, uint64_t first,
				     uint64_t end, struct array **ret);
/* A data file, open, and its columns, which are the manifest's. */
MUST_CHECK struct err *fragment_open_file(struct version *v,
					  const Lance__Table__DataFile *file,
					  struct file_reader **ret,
					  struct file_map *ret_map);
/* The index of the fragment that a live row of v is in. */
size_t version_fragment_of_row(const struct version *v, uint64_t row);
/* err, of a read of a column, as the caller of the table is told. */
struct err *explain_read(struct version *v, const struct field *field, struct err *err);

/* --- overlays.c --- */

/* Has the fragment newer values for cells of the field? */
bool fragment_is_overlaid(const struct fragment *f, const struct field *field);
/* Put them in the place of those in *a, which has rows [first, end) of the field. */
MUST_CHECK struct err *overlays_apply(struct version *v, struct fragment *f,
				      const struct field *field, uint64_t first,
				      uint64_t end, struct array **a);

#endif
