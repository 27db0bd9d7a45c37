// SPDX-License-Identifier: Apache-2.0
/*
 * compact_priv.h: what a compaction takes along.
 */
#ifndef LANCEFS_JOB_COMPACT_PRIV_H
#define LANCEFS_JOB_COMPACT_PRIV_H

#include "job/maintain.h"

/* What is known of how the values of UDFs' columns stand goes on to the fragment that
 * a group has become in v. */
MUST_CHECK struct err *compact_carry_computed(struct table *t,
					      const struct compact_run *run,
					      struct version *v);

#endif
