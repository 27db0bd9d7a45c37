// SPDX-License-Identifier: Apache-2.0
/*
 * stage.h: a step of a pipeline on a thread of its own.
 */
#ifndef LANCEFS_BASE_STAGE_H
#define LANCEFS_BASE_STAGE_H

#include "base/err.h"

/* What is done with each item, in order.  Takes the item, also on failure. */
struct stage_ops {
	struct err *(*run)(void *ctx, void *item);
	void (*drop)(void *item); /* an item that is not run any more */
};

struct stage;

/* Start the thread.  ctx is borrowed, and the stage's alone until it ends. */
MUST_CHECK struct err *stage_new(const struct stage_ops *ops, void *ctx,
				 struct stage **ret);
/* The next item; waits while some are in line.  Takes item.  Returns the failure of an
 * earlier one, once; later items are dropped. */
MUST_CHECK struct err *stage_push(struct stage *s, void *item);
/* Wait for all items; the first failure if nobody was told it yet.  Takes s. */
MUST_CHECK struct err *stage_finish(struct stage *s);
/* Wait for the item that is being run, drop the others.  Accepts NULL. */
void stage_abort(struct stage *s);

#endif
