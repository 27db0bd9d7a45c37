// SPDX-License-Identifier: Apache-2.0
/* fill_column.h: a column of every fragment filled with one value, for tests. */
#ifndef LANCEFS_TESTS_FILL_COLUMN_H
#define LANCEFS_TESTS_FILL_COLUMN_H

#include "job/job.h"

struct fill_result {
	size_t n_files, n_unused;
};

/*
 * Fill a column of base, in one commit on top of t's latest version; input is what it
 * is said to be computed from, or NULL.  text: the value as txt has it.  No file is
 * left behind that no version has.
 */
MUST_CHECK struct err *fill_column(struct table *t, struct version *base,
				   const char *column, const char *input,
				   const char *text, struct fill_result *ret_counts,
				   struct version **ret);

#endif
