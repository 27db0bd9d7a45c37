// SPDX-License-Identifier: Apache-2.0
/*
 * tasks.c: requests whose answer takes long, worked on by a few threads of their own,
 * so that they hold none of those that serve everybody.
 *
 * Threads are made when there is nothing idle, and stay until the end.  An
 * interrupt answers its request at once: a task that has not begun is dropped,
 * one that has begun is told (.is_interrupted), and whoever runs it finds that it
 * has no request any more.
 *
 * A task that waits for something is parked, which holds no thread; the watcher lets
 * those that are parked be run again, to look whether it has come.
 */
#include "fs.h"

#include <errno.h>

static void answer(struct server *s, fuse_req_t req, int code, size_t written)
{
	if (!req)
		return;
	if (code)
		fuse_reply_err(req, code);
	else
		fuse_reply_write(req, written);
	atomic_fetch_add(&s->metrics.written_bytes, code ? 0 : written);
	atomic_fetch_sub(&s->metrics.n_parked, 1);
}

/* The request, for the one who answers it; NULL if somebody has. */
static fuse_req_t take_request(struct tasks *l, struct task *t)
{
	LOCK_SCOPE(&l->lock);
	return TAKE(t->req);
}

void task_answer(struct task *t, int code, size_t written)
{
	answer(t->server, take_request(&t->server->tasks, t), code, written);
}

static void on_interrupt(fuse_req_t req, void *data)
{
	struct server *s = data;
	fuse_req_t found = NULL;
	pthread_mutex_lock(&s->tasks.lock);
	for (struct task *t = s->tasks.all; t; t = t->next) {
		if (t->req != req)
			continue;
		found = TAKE(t->req);
		atomic_store(&t->is_interrupted, true);
	}
	pthread_mutex_unlock(&s->tasks.lock);
	answer(s, found, EINTR, 0);
}

/* --- the threads --- */

/* Take a task off the list; .lock held. */
static void unlink_task(struct tasks *l, struct task *t)
{
	struct task **at = &l->all;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
}

/* The next that has not begun, in the order in which they came; .lock held. */
static struct task *next_task(struct tasks *l)
{
	struct task *oldest = NULL;
	for (struct task *t = l->all; t; t = t->next)
		if (!t->has_begun)
			oldest = t; /* new ones come first in the list */
	if (oldest) {
		oldest->has_begun = true;
		oldest->n_wakes = l->n_wakes;
		l->n_waiting--;
	}
	return oldest;
}

static struct task *wait_for_task(struct tasks *l)
{
	struct task *t;
	LOCK_SCOPE(&l->lock);
	l->n_idle++;
	while (!(t = l->is_ending ? NULL : next_task(l)) && !l->is_ending)
		pthread_cond_wait(&l->changed, &l->lock);
	l->n_idle--;
	return t;
}

/* Let it be run once more; .lock held. */
static void run_again(struct tasks *l, struct task *t)
{
	t->is_parked = false;
	t->has_begun = false;
	l->n_waiting++;
	pthread_cond_signal(&l->changed); /* the thread that ran it is there at least */
}

/* It wants to be run again, and somebody still waits for it. */
static bool stays(struct tasks *l, struct task *t)
{
	LOCK_SCOPE(&l->lock);
	if (!t->parks || !t->req) {
		unlink_task(l, t);
		return false;
	}
	if (t->n_wakes == l->n_wakes)
		t->is_parked = true;
	else /* what it waits for may have come since it looked */
		run_again(l, t);
	return true;
}

static void *run(void *arg)
{
	struct tasks *l = arg;
	struct task *t;
	while ((t = wait_for_task(l))) {
		t->parks = false;
		if (!atomic_load(&t->is_interrupted))
			t->run(t);
		if (!stays(l, t))
			t->free(t);
	}
	return NULL;
}

void task_park(struct task *t)
{
	t->parks = true;
}

/* One thread more if all that are idle have something to do; .lock held. */
static struct err *need_thread(struct tasks *l)
{
	if (l->n_waiting < l->n_idle || l->n_threads == MAX_TASK_THREADS)
		return NULL;
	if (pthread_create(&l->threads[l->n_threads], NULL, run, l) == 0)
		l->n_threads++;
	return l->n_threads ? NULL : err_new(ENOMEM, "cannot start a thread");
}

void tasks_wake(struct server *s)
{
	struct tasks *l = &s->tasks;
	LOCK_SCOPE(&l->lock);
	l->n_wakes++;
	for (struct task *t = l->all; t; t = t->next)
		if (t->is_parked)
			run_again(l, t);
	err_free(need_thread(l)); /* those that are there come to it */
}

static struct err *add(fuse_req_t req, struct tasks *l, struct task *t)
{
	LOCK_SCOPE(&l->lock);
	/* an interrupt from here on finds it in the list */
	if (fuse_req_interrupted(req))
		return err_new(EINTR, "interrupted");
	TRY(need_thread(l));
	t->req = req;
	t->next = l->all;
	l->all = t;
	l->n_waiting++;
	atomic_fetch_add(&t->server->metrics.n_parked, 1);
	pthread_cond_signal(&l->changed);
	return NULL;
}

void task_submit(fuse_req_t req, struct task *t)
{
	struct server *s = t->server;
	fuse_req_interrupt_func(req, on_interrupt, s);
	struct err *err = add(req, &s->tasks, t);
	if (!err)
		return;
	fuse_reply_err(req, err->code);
	err_free(err); /* told */
	t->free(t);
}

/* --- beginning and end --- */

void tasks_init(struct tasks *l)
{
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
}

/* Answer all requests while there is somebody to send the answers to. */
static void answer_all(struct server *s)
{
	struct tasks *l = &s->tasks;
	LOCK_SCOPE(&l->lock);
	l->is_ending = true;
	for (struct task *t = l->all; t; t = t->next) {
		atomic_store(&t->is_interrupted, true);
		answer(s, TAKE(t->req), ENODEV, 0);
	}
	pthread_cond_broadcast(&l->changed);
}

void tasks_end(struct server *s)
{
	struct tasks *l = &s->tasks;
	answer_all(s);
	/* one that looks at a file of the mount is answered by nobody any more */
	fuse_session_unmount(s->session);
	for (unsigned i = 0; i < l->n_threads; i++)
		pthread_join(l->threads[i], NULL);
	l->n_threads = 0;
	while (l->all) { /* they did not begin */
		struct task *t = l->all;
		l->all = t->next;
		t->free(t);
	}
}
