// SPDX-License-Identifier: Apache-2.0
/*
 * conflict_priv.h: may a transaction be committed on top of one that it did not know?
 */
#ifndef LANCEFS_TABLE_CONFLICT_PRIV_H
#define LANCEFS_TABLE_CONFLICT_PRIV_H

#include "table/table_priv.h"

/* Worse ones come later. */
enum conflict {
	CONFLICT_NONE,	/* commit on top */
	CONFLICT_RETRY, /* make it anew from what is there now, then commit */
	CONFLICT_FATAL, /* what it was made for is gone */
};

/* ours is about to be committed, theirs was meanwhile; both may be of operations that
 * this lancefs does not know. */
enum conflict conflict_between(const Lance__Table__Transaction *ours,
			       const Lance__Table__Transaction *theirs);
/* What version `number` did, for one who began before it: NULL if nothing tells, EBUSY
 * if the version was cleaned up before it could be looked at. */
MUST_CHECK struct err *transaction_of(struct table *t, uint64_t number,
				      Lance__Table__Transaction **ret);
/* "overwrote the table": what a transaction did, for messages. */
const char *transaction_deed(const Lance__Table__Transaction *tx);

#endif
