// SPDX-License-Identifier: Apache-2.0
/*
 * lock_priv.h: one at a time, of whatever process, at work that two would spoil for
 * each other.
 */
#ifndef LANCEFS_JOB_LOCK_PRIV_H
#define LANCEFS_JOB_LOCK_PRIV_H

#include "io/io.h"

struct job_lock {
	char *path; /* owned */
	int dir;    /* borrowed from the store */
	int fd;
	bool is_held;
};

/*
 * Lock a file within _lancefs/ ("_lancefs/compact.lock"), which is made, and its
 * directory too.  what is for others who want it, a sentence: "job 7 is filling these
 * columns".  EBUSY, with the holder's sentence; EOPNOTSUPP where there is no local
 * directory.
 */
MUST_CHECK struct err *job_lock_take(struct io_store *s, const char *name,
				     const char *what, struct job_lock *ret);
/* Accepts zeroed, and what take has failed on.  The file goes. */
void job_lock_release(struct job_lock *l);

#endif
