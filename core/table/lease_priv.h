// SPDX-License-Identifier: Apache-2.0
/*
 * lease_priv.h: versions that processes have open, as others see them.
 */
#ifndef LANCEFS_TABLE_LEASE_PRIV_H
#define LANCEFS_TABLE_LEASE_PRIV_H

#include "table/table_priv.h"

#define LEASES_DIR "_lancefs/leases"
#define LEASE_TRUSTED_S 86400 /* since another host has touched it */

struct numbers {
	uint64_t *items; /* owned */
	size_t n, cap;
};
MUST_CHECK struct err *numbers_add(struct numbers *l, uint64_t n);

/* This host as names of leases have it. */
void lease_host(char *ret, size_t size);

/*
 * Versions that some process has open, in no order, also more than once; leases whose
 * processes have ended are removed.  EIO if a lease cannot be read.
 */
MUST_CHECK struct err *leases_read(struct io_store *s, struct numbers *ret);

#endif
