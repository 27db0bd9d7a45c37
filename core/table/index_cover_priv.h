// SPDX-License-Identifier: Apache-2.0
/*
 * index_cover_priv.h: which rows indices answer for.
 */
#ifndef LANCEFS_TABLE_INDEX_COVER_PRIV_H
#define LANCEFS_TABLE_INDEX_COVER_PRIV_H

#include "table/indices_priv.h"
#include "table/table_priv.h"

/* The name of its directory: UUID_TEXT_LEN + 1 bytes; "" if it has none. */
void index_uuid_text(const Lance__Table__IndexMetadata *index, char *ret);
/* A file of an index, or its directory (""). */
MUST_CHECK struct err *index_place(const struct version *v,
				   const Lance__Table__IndexMetadata *index,
				   const char *file, struct file_place *ret);

/* How fragments were rewritten since indices were made, as the table's history of that
 * tells. */
struct index_cover {
	const struct version *version;					 /* borrowed */
	Lance__Table__FragmentReuseIndexDetails__InlineContent *history; /* owned; NULL:
									  * none */
};
MUST_CHECK struct err *index_cover_init(struct index_cover *c,
					const Lance__Table__IndexSection *s);
void index_cover_fini(struct index_cover *c); /* accepts zeroed */
#define AUTO_COVER __attribute__((cleanup(index_cover_fini)))

/* Count the fragments and rows that a segment answers for. */
MUST_CHECK struct err *index_cover_count(const struct index_cover *c,
					 const Lance__Table__IndexMetadata *index,
					 struct index_segment *ret);

#endif
