// SPDX-License-Identifier: Apache-2.0
/*
 * thread.c: the parallel loop.  Threads live for one loop: starting one costs
 * some 20 us, which is nothing beside the scans that use it.
 */
#include "base/base.h"

#include <sched.h>
#include <stdbool.h>

unsigned thread_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

struct loop {
	struct err *(*fn)(void *ctx, size_t i);
	void *ctx;
	size_t n;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct err *first; /* guarded by .lock; owns */
};

static void *loop_run(void *arg)
{
	struct loop *loop = arg;
	while (!atomic_load(&loop->stop)) {
		size_t i = atomic_fetch_add(&loop->next, 1);
		if (i >= loop->n)
			break;
		struct err *err = loop->fn(loop->ctx, i);
		if (!err)
			continue;
		atomic_store(&loop->stop, true);
		LOCK_SCOPE(&loop->lock);
		if (loop->first)
			err_free(err); /* only the first failure is told */
		else
			loop->first = err;
	}
	return NULL;
}

#define LOOP_MAX_THREADS 64

struct err *parallel_for(unsigned n_threads, size_t n,
			 struct err *(*fn)(void *ctx, size_t i), void *ctx)
{
	struct loop loop = {.fn = fn, .ctx = ctx, .n = n};
	pthread_t threads[LOOP_MAX_THREADS];
	unsigned n_started = 0;
	pthread_mutex_init(&loop.lock, NULL);
	n_threads = MIN_OF(n_threads, (unsigned)LOOP_MAX_THREADS);
	while (n_started + 1 < n_threads && n_started + 1 < n) {
		if (pthread_create(&threads[n_started], NULL, loop_run, &loop) != 0)
			break;
		n_started++;
	}
	loop_run(&loop);
	for (unsigned i = 0; i < n_started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&loop.lock);
	return loop.first;
}

int64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
