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

/* --- lease_hold.c: those of this process --- */

/* What a process has open of a table, and says so. */
struct lease;

MUST_CHECK struct err *lease_new(struct io_store *s, const struct log *log,
				 struct lease **ret);
void lease_free(struct lease *l); /* takes the file away; accepts NULL */
/*
 * A version is handed out: others know on return, unless they cannot be told, which is
 * told once.  *ret_is_new: they did not know before, so a cleanup may have been at it.
 * l may be NULL.
 */
void lease_use(struct lease *l, uint64_t number, bool *ret_is_new);
/* One that is new turns out to be cleaned up. */
void lease_is_gone(struct lease *l, uint64_t number);
/* It stays in use until it is let go, by the number that is returned: 0 if it is gone,
 * and all that are in use stay so. */
uint64_t lease_hold(struct lease *l, uint64_t number);
void lease_let_go(struct lease *l, uint64_t number);
/* Now and then: forget what was not used lately, but the latest. */
void lease_renew(struct lease *l, uint64_t latest);

#endif
