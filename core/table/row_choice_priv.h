// SPDX-License-Identifier: Apache-2.0
/*
 * row_choice_priv.h: which rows of a version a commit is about.
 */
#ifndef LANCEFS_TABLE_ROW_CHOICE_PRIV_H
#define LANCEFS_TABLE_ROW_CHOICE_PRIV_H

#include "table/table_priv.h"

struct row_choice {
	struct version *version;   /* owned reference */
	struct row_set *fragments; /* owned; offsets, a set for each fragment */
	uint64_t *counts;	   /* owned; how many of each */
	uint64_t n;
	size_t last; /* the fragment of the last row that was added */
};

#endif
