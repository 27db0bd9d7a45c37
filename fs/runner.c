// SPDX-License-Identifier: Apache-2.0
/*
 * runner.c: the jobs that a mount runs, on a few threads of their own.
 *
 * A mount takes up what it finds PENDING when it begins, and what is started by its own
 * control; others wait in the order in which they came.  Whether one may still be run
 * is decided by the claim alone, for another process may have it by now.  At the
 * unmount jobs are told to end, and are found PENDING by the next mount.  What others
 * have put into a directory that they may write is not run for them; nor is a program
 * run without a sandbox because a dataset that came from somewhere says so.
 *
 * Who wrote the command is not here any more: a job opens no files but the dataset's.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNNING 4
#define END_WITHIN_S 10
#define FOLLOWED_NS ((END_WITHIN_S + 5) * INT64_C(1000000000))

struct waiting {
	struct waiting *next;
	struct mount *mount; /* owned reference */
	uint64_t id;	     /* 0: look through a database for jobs */
	int64_t until_ns;    /* of those that are followed; monotonic */
};

struct runner {
	atomic_bool is_ending;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct waiting *first;	  /* guarded by .lock; owned */
	struct waiting *followed; /* guarded by .lock; owned */
	unsigned n_waiting;	  /* guarded by .lock */
	unsigned n_idle;	  /* threads; guarded by .lock */
	unsigned n_alive;	  /* threads; guarded by .lock */
	bool has_started;	  /* guarded by .lock; threads may be made */
	unsigned n_threads;	  /* guarded by .lock */
	pthread_t threads[MAX_RUNNING];
};

/* --- one job --- */

struct run {
	struct mount *mount; /* borrowed */
	bool has_begun;
};

static struct err *find_table(void *ctx, const char *name, struct table **ret)
{
	const struct run *r = ctx;
	return server_find_table(r->mount->server, name, ret);
}

static struct err *refuse_open(void *ctx, const char *file, struct command_file *ret)
{
	(void)ctx;
	(void)ret;
	return err_new(EPERM,
		       "%s: a job that a mount runs opens no files; use lancectl",
		       file);
}

static struct err *refuse_create(void *ctx, const char *file, int *ret_fd)
{
	(void)ctx;
	(void)ret_fd;
	return err_new(EPERM,
		       "%s: a job that a mount runs makes no files; use lancectl",
		       file);
}

static void tell_begin(void *ctx, uint64_t id)
{
	struct run *r = ctx;
	(void)id;
	r->has_begun = true;
	watch_wake(r->mount->server);
}

static struct err *run_job(struct runner *runner, struct run *r, uint64_t id)
{
	struct mount *m = r->mount;
	AUTO_BUF struct buf answer = {0}; /* is kept as the job's message */
	TRY(table_refresh(m->table));
	AUTO(version) struct version *v = table_latest(m->table);
	struct command_env env = {
		.table = m->table,
		.version = v,
		.name = mount_table_name(m),
		.mountpoint = m->server->mountpoint,
		.roots = m->server->roots,
		.log = &m->server->log,
		.find_table = find_table,
		.open = refuse_open,
		.create = refuse_create,
		.job_began = tell_begin,
		.is_ending = &runner->is_ending,
		.ctx = r,
	};
	return command_run_job(&env, id, &answer);
}

/* It was paused, cancelled, or another process was quicker. */
static bool is_no_failure(const struct run *r, const struct err *err)
{
	if (r->has_begun)
		return err->code == EINTR || err->code == ECANCELED;
	return err->code == EBUSY || err->code == EINVAL || err->code == ENOENT;
}

static void run_waiting(struct runner *runner, const struct waiting *w)
{
	struct run r = {.mount = w->mount};
	struct err *err = w->id ? run_job(runner, &r, w->id) : database_adopt(w->mount);
	if (err && is_no_failure(&r, err))
		err_free(err); /* the job's state says it */
	else
		report(w->mount, getpid(), NULL, err);
	watch_wake(w->mount->server);
}

/* --- the threads --- */

static void waiting_free(struct waiting *w)
{
	mount_unref(w->mount);
	free(w);
}

/* NULL at the end. */
static struct waiting *next_waiting(struct runner *r)
{
	LOCK_SCOPE(&r->lock);
	r->n_idle++;
	while (!r->first && !atomic_load(&r->is_ending))
		pthread_cond_wait(&r->changed, &r->lock);
	r->n_idle--;
	if (atomic_load(&r->is_ending))
		return NULL;
	struct waiting *w = r->first;
	r->first = w->next;
	r->n_waiting--;
	return w;
}

static void *run(void *arg)
{
	struct runner *r = arg;
	struct waiting *w;
	while ((w = next_waiting(r))) {
		run_waiting(r, w);
		waiting_free(w);
	}
	LOCK_SCOPE(&r->lock);
	r->n_alive--;
	pthread_cond_broadcast(&r->changed);
	return NULL;
}

/* At most n threads more; .lock held. */
static struct err *add_threads(struct runner *r, unsigned n)
{
	while (n-- && r->n_threads < MAX_RUNNING) {
		if (pthread_create(&r->threads[r->n_threads], NULL, run, r) != 0)
			break;
		r->n_threads++;
		r->n_alive++;
	}
	return r->n_threads ? NULL : err_new(ENOMEM, "cannot start a thread");
}

struct err *runner_submit(struct mount *m, uint64_t id)
{
	struct runner *r = m->server->runner;
	struct waiting *w;
	TRY(mem_new(&w));
	*w = (struct waiting){.mount = mount_ref(m), .id = id};
	LOCK_SCOPE(&r->lock);
	struct waiting **at = &r->first;
	while (*at)
		at = &(*at)->next;
	*at = w;
	r->n_waiting++;
	pthread_cond_signal(&r->changed);
	if (!r->has_started || r->n_waiting <= r->n_idle)
		return NULL;
	return add_threads(r, 1);
}

/* --- what a mount finds --- */

/* The process that runs it may be about to end, as the mount before this one is. */
static struct err *follow(struct mount *m, uint64_t id)
{
	struct runner *r = m->server->runner;
	struct waiting *w;
	TRY(mem_new(&w));
	*w = (struct waiting){.mount = mount_ref(m),
			      .id = id,
			      .until_ns = monotonic_ns() + FOLLOWED_NS};
	LOCK_SCOPE(&r->lock);
	w->next = r->followed;
	r->followed = w;
	return NULL;
}

static struct err *adopt(struct mount *m, const struct job_status *s)
{
	if (s->uid != geteuid())
		return NULL;
	if (strstr(s->command, "--no-sandbox") && !job_state_is_final(s->state) &&
	    !job_is_sealed(m->store, s)) {
		log_line(&m->server->log, LEVEL_WARN,
			 "%s: job %" PRIu64 " runs a program without a sandbox and was "
			 "not made here; if you trust it: resume %" PRIu64,
			 m->source, s->id, s->id);
		return NULL;
	}
	if (s->state == JOB_RUNNING)
		return follow(m, s->id);
	return s->state == JOB_PENDING ? runner_submit(m, s->id) : NULL;
}

static struct err *adopt_all(struct mount *m)
{
	struct job_status *jobs;
	size_t n;
	struct err *err = NULL;
	if (m->database) /* which takes long to look through */
		return runner_submit(m, 0);
	err_free(jobs_expire(m->store, JOB_KEPT_S)); /* what is old stays */
	TRY(jobs_list(m->store, &jobs, &n));
	for (size_t i = 0; i < n && !err; i++)
		err = adopt(m, &jobs[i]);
	jobs_free(jobs, n);
	return err;
}

void runner_adopt(struct mount *m)
{
	const struct server *s = m->server;
	if (!(m->is_writable || m->database) || s->options.skip_jobs ||
	    s->options.read_only)
		return;
	struct err *err = adopt_all(m);
	if (err)
		log_line(&s->log, LEVEL_WARN, "%s: jobs are not gone on with: %s",
			 m->source, err->msg);
	err_free(err); /* told */
}

/* true: it is to be looked at again. */
static bool look(const struct waiting *w)
{
	struct job_status s;
	struct err *err = job_read(w->mount->store, w->id, &s);
	if (err) {
		err_free(err); /* it vanished */
		return false;
	}
	enum job_state state = s.state;
	job_status_fini(&s);
	if (state == JOB_PENDING)
		report(w->mount, getpid(), NULL, runner_submit(w->mount, w->id));
	return state == JOB_RUNNING && monotonic_ns() < w->until_ns;
}

void runner_look(struct server *s)
{
	struct runner *r = s->runner;
	struct waiting *kept = NULL, **end = &kept;
	pthread_mutex_lock(&r->lock);
	struct waiting *all = TAKE(r->followed);
	pthread_mutex_unlock(&r->lock);
	while (all) {
		struct waiting *w = all;
		all = w->next;
		w->next = NULL;
		if (!look(w)) {
			waiting_free(w);
			continue;
		}
		*end = w;
		end = &w->next;
	}
	LOCK_SCOPE(&r->lock);
	*end = r->followed; /* what came meanwhile */
	r->followed = kept;
}

/* --- beginning and end --- */

struct err *runner_new(struct server *s)
{
	struct runner *r;
	TRY(mem_new(&r));
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	s->runner = r;
	return NULL;
}

struct err *runner_start(struct server *s)
{
	LOCK_SCOPE(&s->runner->lock);
	s->runner->has_started = true;
	return s->runner->n_waiting ? add_threads(s->runner, s->runner->n_waiting)
				    : NULL;
}

void runner_interrupt(struct server *s)
{
	struct runner *r = s->runner;
	atomic_store(&r->is_ending, true);
	LOCK_SCOPE(&r->lock);
	pthread_cond_broadcast(&r->changed);
}

bool runner_end(struct server *s)
{
	struct runner *r = s->runner;
	struct timespec until;
	int code = 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_WITHIN_S;
	pthread_mutex_lock(&r->lock);
	while (r->n_alive && code == 0)
		code = pthread_cond_timedwait(&r->changed, &r->lock, &until);
	bool has_ended = r->n_alive == 0;
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; has_ended && i < r->n_threads; i++)
		pthread_join(r->threads[i], NULL);
	return has_ended;
}

static void all_free(struct waiting *w)
{
	while (w) {
		struct waiting *next = w->next;
		waiting_free(w);
		w = next;
	}
}

void runner_free(struct server *s)
{
	struct runner *r = s->runner;
	if (!r)
		return;
	all_free(r->first);
	all_free(r->followed);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
	s->runner = NULL;
}
