// SPDX-License-Identifier: Apache-2.0
/*
 * crew_call.c: how many workers a job is worth.
 *
 * The first rows tell what a start takes; a part of that time more is watched how fast
 * rows go, because batches are small at first and then grow.
 */
#include "job/batch_priv.h"

#define WATCHED 4		       /* a start is so many times as long as that */
#define SILENCE_NS INT64_C(1000000000) /* after which nobody waits for the first */

void crew_call_begin(struct crew_call *c, uint64_t n_rows)
{
	c->n_rows = n_rows;
	c->begun_ns = monotonic_ns();
	atomic_store(&c->first_ns, 0);
	atomic_store(&c->n_first, 0);
	atomic_store(&c->n_done, 0);
}

void crew_call_saw(struct crew_call *c, uint64_t n_rows)
{
	long long none = 0;
	uint64_t n = atomic_fetch_add(&c->n_done, n_rows) + n_rows;
	if (atomic_load(&c->first_ns))
		return;
	atomic_store(&c->n_first, n);
	atomic_compare_exchange_strong(&c->first_ns, &none, monotonic_ns());
}

bool crew_call_wants(struct crew_call *c, unsigned number)
{
	int64_t now = monotonic_ns(), first = atomic_load(&c->first_ns);
	uint64_t n_done = atomic_load(&c->n_done);
	int64_t start = first - c->begun_ns, watched = now - first;
	if (!first)
		return now - c->begun_ns > SILENCE_NS;
	if (watched < start / WATCHED)
		return false;
	double pace = (double)(n_done - atomic_load(&c->n_first)) / (double)watched;
	double left = (double)(c->n_rows - MIN_OF(n_done, c->n_rows));
	return left > pace * (double)start * number;
}
