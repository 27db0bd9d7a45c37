// SPDX-License-Identifier: Apache-2.0
/*
 * pace_priv.h: how many rows at a time.
 *
 * The first batch is small; later ones are as large as what was seen says that they
 * can be to take a moment: small enough that little is lost with a process, large
 * enough that what a batch or a process costs is little beside it.
 */
#ifndef LANCEFS_UDF_PACE_PRIV_H
#define LANCEFS_UDF_PACE_PRIV_H

#include <stdint.h>

struct pace {
	uint64_t min, max;   /* rows */
	uint64_t rows;	     /* what comes next */
	int64_t shortest_ns; /* of a run so far; 0: there was none */
};

void pace_begin(struct pace *p, uint64_t min, uint64_t max);
/* n rows took so long; what comes next shall take about target_ns. */
void pace_saw(struct pace *p, uint64_t n, int64_t took_ns, int64_t target_ns);
/* Of runs of a process each, whose starts are to be little beside the rest. */
void pace_saw_run(struct pace *p, uint64_t n, int64_t took_ns);

#endif
