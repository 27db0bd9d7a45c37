// SPDX-License-Identifier: Apache-2.0
/*
 * crew.c: workers that compute batches, and what happens when one fails.
 *
 * Each thread has a worker and what was lost with a process of it.  What was lost is
 * tried again alone, batch by batch: then it is known which one fails.  A batch that
 * goes on failing is cut in half, down to a row, which is given up; the others are not
 * disturbed.  What a program answers wrongly it would again, so that it is cut at once;
 * what ended it may have been the machine's fault, so that it is tried again first,
 * after a pause.
 */
#include "job/batch_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PAUSE_NS INT64_C(50000000) /* after the first failure; then twice that … */
#define LONGEST_PAUSE_NS INT64_C(5000000000)
/* Failures of all workers after which it is no row's fault, if no row has a value;
 * time-outs, which take long, count for more. */
#define HOPELESS 16
#define CALL_US 5000 /* between two looks whether a worker is called */

struct hand {
	struct crew *crew;
	unsigned number;
	pthread_t thread;
	struct udf_run run;	   /* the crew's, with its own GPUs */
	struct udf_worker *worker; /* owned */
	struct batch *sent, *last; /* owned; on their way, the oldest first */
	struct batch *lost;	   /* owned; to be tried again, the first first */
};

struct crew {
	struct crew_spec spec;
	struct hand *hands; /* owned */
	unsigned n_started;
	struct crew_call call;
	atomic_uint n_running;
	atomic_uint n_working; /* of them: not waiting to be called */
	atomic_bool is_stopped;
	atomic_ullong n_good; /* rows that have a value */
	atomic_uint n_failures;
	pthread_mutex_t lock;
	struct err *error; /* guarded by .lock; owned; the first */
};

/* --- ends --- */

static void stop_with(struct crew *c, struct err *err)
{
	LOCK_SCOPE(&c->lock);
	atomic_store(&c->is_stopped, true);
	if (c->error)
		err_free(err); /* the first one is told */
	else
		c->error = err;
}

void crew_stop(struct crew *c)
{
	atomic_store(&c->is_stopped, true);
}

bool crew_is_done(struct crew *c)
{
	return atomic_load(&c->n_running) == 0;
}

static void free_list(struct batch *b)
{
	while (b) {
		struct batch *next = b->next;
		batch_free(b);
		b = next;
	}
}

/* --- values --- */

static struct batch *take_sent(struct hand *h)
{
	struct batch *b = h->sent;
	h->sent = b->next;
	if (!h->sent)
		h->last = NULL;
	b->next = NULL;
	return b;
}

static struct err *give_up(struct hand *h, const struct batch *b, uint64_t place,
			   const char *reason, const char *text)
{
	struct failed_row row = {b->numbers[place], b->addresses[place], b->attempt + 1,
				 reason, text};
	LOCK_SCOPE(&h->crew->lock);
	return h->crew->spec.failed(h->crew->spec.ctx, &row);
}

static struct err *take_answer(struct hand *h, const struct udf_answer *a)
{
	struct crew *c = h->crew;
	AUTO(batch) struct batch *b = take_sent(h);
	AUTO_MEM uint64_t *failed = NULL;
	TRY(mem_array(a->n_failed, sizeof(*failed), &failed));
	for (size_t i = 0; i < a->n_failed; i++)
		failed[i] = a->failed[i].row;
	atomic_fetch_add(&c->n_good, a->n_rows - a->n_failed);
	crew_call_saw(&c->call, a->n_rows);
	/* what has a value is kept before a row without one may end it all */
	TRY(c->spec.done(c->spec.ctx, b, a->outputs, failed, a->n_failed));
	for (size_t i = 0; i < a->n_failed; i++)
		TRY(give_up(h, b, a->failed[i].row, a->failed[i].reason, ""));
	return NULL;
}

/* --- failures --- */

/* Everything on its way is to be tried again, before what was to be already. */
static void lose_sent(struct hand *h)
{
	if (!h->sent)
		return;
	h->last->next = h->lost;
	h->lost = h->sent;
	h->sent = h->last = NULL;
}

/* Only a row alone is tried again as a batch is: in between, cutting finds it faster.
 */
static void forgive(const struct hand *h, struct batch *half)
{
	half->attempt = half->n_rows == 1 ? 0 : h->crew->spec.retries;
}

static struct err *cut_in_half(struct hand *h, struct batch *b)
{
	AUTO(batch) struct batch *first = NULL;
	AUTO(batch) struct batch *second = NULL;
	uint64_t half = b->n_rows / 2;
	TRY(batch_cut(b, 0, half, &first));
	TRY(batch_cut(b, half, b->n_rows, &second));
	forgive(h, first);
	forgive(h, second);
	second->next = h->lost;
	first->next = TAKE(second);
	h->lost = TAKE(first);
	return NULL;
}

/* A row that a program fails on: it has no value. */
static struct err *give_up_row(struct hand *h, const struct batch *b,
			       const struct udf_failure *f)
{
	const struct udf_run *run = &h->run;
	const uint64_t failed = 0;
	struct array **nulls;
	struct err *err = NULL;
	TRY(mem_array(run->n_outputs, sizeof(struct array *), &nulls));
	for (size_t i = 0; i < run->n_outputs && !err; i++)
		err = array_new_null(run->outputs[i], 1, &nulls[i]);
	if (!err)
		err = h->crew->spec.done(h->crew->spec.ctx, b, nulls, &failed, 1);
	for (size_t i = 0; i < run->n_outputs; i++)
		array_unref(nulls[i]);
	free(nulls);
	return err ? err : give_up(h, b, 0, f->reason, f->text);
}

static struct err *describe(const struct udf_failure *f, int code, const char *what)
{
	return err_new(code, "%s: %s%s%s", what, f->reason, *f->text ? ": " : "",
		       f->text);
}

/* It is nobody's fault but the function's, or the machine's. */
static struct err *check_hope(struct hand *h, const struct udf_failure *f)
{
	struct crew *c = h->crew;
	unsigned weight = f->kind == UDF_TIMED_OUT ? HOPELESS / 4 : 1;
	unsigned n = atomic_fetch_add(&c->n_failures, weight) + weight;
	bool has_worked = atomic_load(&c->n_good) != 0;
	/* the status of a program that is not there is also one that a row may bring */
	if (f->kind == UDF_NOT_STARTED && !has_worked)
		return describe(f, ENOEXEC, "the function cannot be run");
	if (n >= HOPELESS + 2 * c->spec.n_workers && !has_worked)
		return describe(f, EINVAL, "the function fails on every row");
	return NULL;
}

static void tell_failure(struct hand *h, const struct batch *b,
			 const struct udf_failure *f)
{
	AUTO_MEM char *text = NULL;
	struct err *err =
		str_printf(&text, "worker %u: rows %" PRIu64 " to %" PRIu64 ": %s%s%s",
			   h->number, b->numbers[0], b->numbers[b->n_rows - 1],
			   f->reason, *f->text ? ": " : "", f->text);
	if (!err)
		h->crew->spec.tell(h->crew->spec.ctx, text);
	err_free(err); /* it is only told */
}

static void pause_for(const struct hand *h, unsigned attempt)
{
	int64_t ns = PAUSE_NS;
	for (unsigned i = 1; i < attempt && ns < LONGEST_PAUSE_NS; i++)
		ns *= 2;
	int64_t end = monotonic_ns() + MIN_OF(ns, LONGEST_PAUSE_NS);
	while (!atomic_load(&h->crew->is_stopped) && monotonic_ns() < end)
		usleep(10000);
}

/* May it have been something else than the rows? */
static bool is_worth_a_try(const struct hand *h, const struct batch *b,
			   const struct udf_failure *f)
{
	return f->kind != UDF_WRONG_ANSWER && b->attempt <= h->crew->spec.retries;
}

/* The first batch to be tried again has failed alone. */
static struct err *blame(struct hand *h, const struct udf_failure *f)
{
	AUTO(batch) struct batch *b = h->lost;
	h->lost = b->next;
	b->next = NULL;
	b->attempt++;
	if (is_worth_a_try(h, b, f)) {
		pause_for(h, b->attempt);
		b->next = h->lost;
		h->lost = TAKE(b);
		return NULL;
	}
	if (b->n_rows > 1)
		return cut_in_half(h, b);
	return give_up_row(h, b, f);
}

static struct err *take_failure(struct hand *h)
{
	const struct udf_failure *f = udf_worker_failure(h->worker);
	bool was_alone = h->sent && !h->sent->next;
	if (h->sent)
		tell_failure(h, h->sent, f);
	TRY(check_hope(h, f));
	lose_sent(h);
	return was_alone ? blame(h, f) : NULL;
}

/* --- the loop --- */

static struct err *send(struct hand *h, struct batch *batch)
{
	AUTO(batch) struct batch *b = batch;
	b->next = NULL;
	TRY(udf_worker_send(h->worker, b->rows));
	if (h->last)
		h->last->next = b;
	else
		h->sent = b;
	h->last = TAKE(b);
	return NULL;
}

/* What was lost goes alone. */
static struct err *send_lost(struct hand *h)
{
	struct batch *b = h->lost;
	h->lost = b->next;
	TRY(send(h, b));
	udf_worker_end_input(h->worker);
	return NULL;
}

/* Send what is wanted; *ret_more: there is something left to do. */
static struct err *feed(struct hand *h, bool *ret_more)
{
	struct batch *b;
	*ret_more = true;
	if (h->lost)
		return h->sent ? NULL : send_lost(h);
	for (;;) {
		uint64_t n = udf_worker_wants(h->worker);
		if (!n)
			return NULL;
		TRY(source_next(h->crew->spec.source, n, &b));
		if (!b)
			break;
		TRY(send(h, b));
	}
	udf_worker_end_input(h->worker);
	*ret_more = h->sent != NULL;
	return NULL;
}

static struct err *step(struct hand *h, bool *ret_more)
{
	enum udf_event event;
	struct udf_answer answer = {0};
	struct err *err = NULL;
	TRY(feed(h, ret_more));
	if (!*ret_more)
		return NULL;
	TRY(udf_worker_wait(h->worker, &event, &answer));
	if (event == UDF_ANSWER)
		err = take_answer(h, &answer);
	else if (event == UDF_FAILED)
		err = take_failure(h);
	udf_answer_fini(&answer);
	return err;
}

static struct err *work(struct hand *h)
{
	bool more = true;
	TRY(udf_worker_new(&h->run, h->number, &h->worker));
	while (more && !atomic_load(&h->crew->is_stopped))
		TRY(step(h, &more));
	return NULL;
}

/* The first comes at once; the others do not at all where it is done before. */
static bool is_called(struct hand *h)
{
	struct crew *c = h->crew;
	while (h->number && !crew_call_wants(&c->call, h->number)) {
		if (atomic_load(&c->is_stopped) || !atomic_load(&c->n_working))
			return false;
		usleep(CALL_US);
	}
	return true;
}

static struct err *join_in(struct hand *h)
{
	struct crew *c = h->crew;
	if (!is_called(h))
		return NULL;
	if (h->number)
		atomic_fetch_add(&c->n_working, 1);
	struct err *err = work(h);
	atomic_fetch_sub(&c->n_working, 1);
	return err;
}

static void *run(void *arg)
{
	struct hand *h = arg;
	struct crew *c = h->crew;
	struct err *err = join_in(h);
	if (err)
		stop_with(c, err);
	udf_worker_free(h->worker); /* here, because its process ends with the thread */
	free_list(h->sent);
	free_list(h->lost);
	if (atomic_fetch_sub(&c->n_running, 1) == 1 && c->spec.ended)
		c->spec.ended(c->spec.ctx);
	return NULL;
}

struct err *crew_start(const struct crew_spec *spec, struct crew **ret)
{
	struct crew *c;
	TRY(mem_new(&c));
	c->spec = *spec;
	pthread_mutex_init(&c->lock, NULL);
	atomic_store(&c->n_working, 1);
	crew_call_begin(&c->call, spec->n_rows);
	struct err *err = mem_array(spec->n_workers, sizeof(*c->hands), &c->hands);
	for (unsigned i = 0; !err && i < spec->n_workers; i++) {
		struct hand *h = &c->hands[i];
		*h = (struct hand){.crew = c, .number = i, .run = *spec->run};
		if (spec->gpus)
			h->run.limits.gpus = spec->gpus[i];
		atomic_fetch_add(&c->n_running, 1);
		int code = pthread_create(&h->thread, NULL, run, h);
		if (code == 0) {
			c->n_started++;
			continue;
		}
		atomic_fetch_sub(&c->n_running, 1);
		err = i ? NULL : err_errno(code, "a thread for a worker");
		break;
	}
	if (!err) {
		*ret = c;
		return NULL;
	}
	err_free(crew_end(c)); /* the first error is told */
	return err;
}

struct err *crew_end(struct crew *c)
{
	for (unsigned i = 0; i < c->n_started; i++)
		pthread_join(c->hands[i].thread, NULL);
	struct err *err = c->error;
	pthread_mutex_destroy(&c->lock);
	free(c->hands);
	free(c);
	return err;
}
