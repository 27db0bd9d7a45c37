// SPDX-License-Identifier: Apache-2.0
/*
 * stage.c: a step of a pipeline on a thread of its own.
 *
 * The line is short: memory stays bounded, and whoever pushes is slowed down to what
 * the stage can do.
 */
#include "base/base.h"

#include <errno.h>

#define LINE_LEN 4

struct stage {
	const struct stage_ops *ops;
	void *ctx; /* borrowed */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void *line[LINE_LEN];	  /* guarded by .lock; owned */
	unsigned first, n;	  /* guarded by .lock */
	bool is_ended, is_failed; /* guarded by .lock */
	struct err *failure;	  /* guarded by .lock; owned; not told yet */
};

/* The next item to run; NULL at the end. */
static void *next_item(struct stage *s)
{
	void *item = NULL;
	LOCK_SCOPE(&s->lock);
	while (s->n == 0 && !s->is_ended)
		pthread_cond_wait(&s->changed, &s->lock);
	if (s->n) {
		item = s->line[s->first];
		s->first = (s->first + 1) % LINE_LEN;
		s->n--;
		pthread_cond_broadcast(&s->changed);
	}
	return item;
}

static void fail(struct stage *s, struct err *err)
{
	LOCK_SCOPE(&s->lock);
	s->is_failed = true;
	s->failure = err;
}

static void *run(void *arg)
{
	struct stage *s = arg;
	bool is_failed = false;
	for (void *item; (item = next_item(s));) {
		struct err *err = NULL;
		if (is_failed)
			s->ops->drop(item);
		else
			err = s->ops->run(s->ctx, item);
		is_failed = is_failed || err;
		if (err)
			fail(s, err);
	}
	return NULL;
}

struct err *stage_new(const struct stage_ops *ops, void *ctx, struct stage **ret)
{
	AUTO_MEM struct stage *s = NULL;
	TRY(mem_new(&s));
	s->ops = ops;
	s->ctx = ctx;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	int code = pthread_create(&s->thread, NULL, run, s);
	if (code)
		return err_errno(code, "a thread");
	*ret = TAKE(s);
	return NULL;
}

struct err *stage_push(struct stage *s, void *item)
{
	LOCK_SCOPE(&s->lock);
	while (s->n == LINE_LEN && !s->is_failed)
		pthread_cond_wait(&s->changed, &s->lock);
	if (s->is_failed) {
		s->ops->drop(item);
		return TAKE(s->failure);
	}
	s->line[(s->first + s->n++) % LINE_LEN] = item;
	pthread_cond_broadcast(&s->changed);
	return NULL;
}

/* No more items: the thread ends behind those that are in line. */
static struct err *end(struct stage *s)
{
	pthread_mutex_lock(&s->lock);
	s->is_ended = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	struct err *err = s->failure;
	if (!err && s->is_failed)
		err = err_new(EIO, "an earlier step failed");
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return err;
}

struct err *stage_finish(struct stage *s)
{
	return end(s);
}

void stage_abort(struct stage *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	for (; s->n; s->n--) {
		s->ops->drop(s->line[s->first]);
		s->first = (s->first + 1) % LINE_LEN;
	}
	pthread_mutex_unlock(&s->lock);
	err_free(end(s)); /* nobody asks any more */
}
