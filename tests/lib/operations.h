// SPDX-License-Identifier: Apache-2.0
/*
 * operations.h: commits of every kind, each small, to a copy of the golden dataset
 * OPERATIONS_ON, for tests of what faults leave behind.
 */
#ifndef LANCEFS_TEST_OPERATIONS_H
#define LANCEFS_TEST_OPERATIONS_H

#include "job/job.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define OPERATIONS_ON "/golden/captions-2.2/t.lance"

/* run makes one version on top of the table's latest. */
struct operation {
	const char *name;
	struct err *(*run)(struct table *t);
};

extern const struct operation operations[];
extern const size_t n_operations;

/* Fail the test, in the error's words. */
static inline void must(struct err *err)
{
	if (err)
		fail_msg("%s", err->msg);
}

/* What there is to see of a version: every value, every name. */
uint64_t fingerprint(struct version *v);

#endif
