// SPDX-License-Identifier: Apache-2.0
/*
 * pace.c: how many rows at a time.
 */
#include "udf/pace_priv.h"

#include "base/base.h"

#define GROWTH 8
#define SHORTEST_RUN_NS INT64_C(500000000)
#define LONGEST_RUN_NS INT64_C(60000000000)
#define STARTS 20 /* a run takes so many times what a start takes */

void pace_begin(struct pace *p, uint64_t min, uint64_t max)
{
	*p = (struct pace){.min = MIN_OF(min, max), .max = max};
	p->rows = p->min;
}

void pace_saw(struct pace *p, uint64_t n, int64_t took_ns, int64_t target_ns)
{
	double fit = (double)n * (double)target_ns / (double)MAX_OF(took_ns, 1);
	uint64_t most = p->rows < p->max / GROWTH ? p->rows * GROWTH : p->max;
	p->rows = fit < (double)most ? (uint64_t)fit : most;
	p->rows = MAX_OF(p->rows, p->min);
}

void pace_saw_run(struct pace *p, uint64_t n, int64_t took_ns)
{
	if (!p->shortest_ns || took_ns < p->shortest_ns)
		p->shortest_ns = took_ns; /* no start takes longer */
	int64_t target = MIN_OF(p->shortest_ns, LONGEST_RUN_NS / STARTS) * STARTS;
	pace_saw(p, n, took_ns, MAX_OF(target, SHORTEST_RUN_NS));
}
