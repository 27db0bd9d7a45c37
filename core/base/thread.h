// SPDX-License-Identifier: Apache-2.0
/*
 * thread.h: locks that release themselves and a parallel loop.
 *
 * Lock order, outermost first; nothing does I/O, calls back or waits for a
 * child while holding one:
 *   1 fs: mount    2 fs: staging file    3 fs: inode table    4 view cache
 *   5 table (latest snapshot)    6 file reader cache    7 log, last_error
 */
#ifndef LANCEFS_BASE_THREAD_H
#define LANCEFS_BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>
#include <stddef.h>

static inline void auto_unlock(pthread_mutex_t **m)
{
	pthread_mutex_unlock(*m);
}

static inline pthread_mutex_t *lock_scope_(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	return m;
}

/* Hold m until the end of the scope. */
#define LOCK_SCOPE(m)                                                                  \
	__attribute__((cleanup(auto_unlock), unused))                                  \
	pthread_mutex_t *lock_scope_held = lock_scope_(m)

/* A clock that never goes back, for durations. */
int64_t monotonic_ns(void);

/* Processors this process may run on, at least 1. */
unsigned thread_cpus(void);

/*
 * Run fn(ctx, i) for i in [0, n) on up to n_threads threads, the caller's
 * among them, and wait.  The first failure stops further items and is
 * returned.  A thread that cannot be started is done without.
 */
MUST_CHECK struct err *parallel_for(unsigned n_threads, size_t n,
				    struct err *(*fn)(void *ctx, size_t i), void *ctx);

#endif
