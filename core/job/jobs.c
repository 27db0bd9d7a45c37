// SPDX-License-Identifier: Apache-2.0
/*
 * jobs.c: jobs from outside: make, look, ask, expire.
 */
#include "job/jobs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define HALF_MADE_S 86400

/* --- making --- */

/* The directory of a new one; its name is ours alone. */
static struct err *make_dir(struct io_store *s, int jobs, uint64_t *ret_id, int *ret_fd)
{
	AUTO_MEM uint64_t *ids = NULL;
	size_t n;
	char name[24];
	TRY(job_ids(s, &ids, &n));
	uint64_t id = n ? ids[n - 1] : 0;
	do {
		if (++id == 0)
			return err_new(ENOSPC, JOBS_PATH ": there is no number left");
		snprintf(name, sizeof(name), "%" PRIu64, id);
	} while (mkdirat(jobs, name, 0777) != 0 && errno == EEXIST);
	*ret_fd = openat(jobs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_errno(errno, JOBS_PATH "/%s", name);
	*ret_id = id;
	return NULL;
}

/* The command comes last: what is without it is no job. */
static struct err *fill_dir(struct io_store *store, int dir, uint64_t id,
			    const char *command, const char *what)
{
	struct job_status s = {.id = id,
			       .state = JOB_PENDING,
			       .command = (char *)(uintptr_t)command,
			       .what = (char *)(uintptr_t)what,
			       .created_ns = job_now_ns(),
			       .eta_s = -1};
	AUTO_MEM char *line = NULL;
	TRY(job_status_save(dir, &s, true));
	job_seal(store, dir, id, command);
	TRY(str_printf(&line, "%s\n", command));
	return job_file_replace(dir, "command", line, strlen(line), true);
}

struct err *job_create(struct io_store *s, const char *command, const char *what,
		       uint64_t *ret_id)
{
	AUTO_FD int jobs = -1;
	AUTO_FD int dir = -1;
	uint64_t id;
	if (strlen(command) >= LIMIT_JOB_FILE / 2)
		return err_new(EINVAL, "a command of %zu bytes is too long for a job",
			       strlen(command));
	TRY(jobs_dir_make(s, &jobs));
	TRY(make_dir(s, jobs, &id, &dir));
	struct err *err = fill_dir(s, dir, id, command, what);
	if (!err && fsync(jobs) != 0)
		err = err_errno(errno, JOBS_PATH ": fsync");
	if (err)
		job_dir_remove(jobs, id);
	else
		*ret_id = id;
	return err;
}

/* --- looking --- */

struct err *job_read(struct io_store *s, uint64_t id, struct job_status *ret)
{
	AUTO_FD int dir = -1;
	TRY(job_dir_open(s, id, &dir));
	return job_status_load(dir, id, LOCKED_BY_OTHERS, ret);
}

struct err *job_open_file(struct io_store *s, uint64_t id, const char *name,
			  int *ret_fd)
{
	AUTO_FD int dir = -1;
	TRY(job_dir_open(s, id, &dir));
	*ret_fd = job_file_open(dir, name);
	return NULL;
}

void jobs_free(struct job_status *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		job_status_fini(&jobs[i]);
	free(jobs);
}

/* What is no job is left out. */
static struct err *read_some(struct io_store *s, uint64_t id, struct job_status *jobs,
			     size_t *n)
{
	struct err *err = job_read(s, id, &jobs[*n]);
	if (err && err->code == ENOMEM)
		return err;
	*n += !err;
	err_free(err); /* it vanished, or never was one */
	return NULL;
}

struct err *jobs_list(struct io_store *s, struct job_status **ret, size_t *ret_n)
{
	AUTO_MEM uint64_t *ids = NULL;
	struct job_status *jobs;
	size_t n_ids, n = 0;
	struct err *err = NULL;
	TRY(job_ids(s, &ids, &n_ids));
	TRY(mem_array(n_ids, sizeof(*jobs), &jobs));
	for (size_t i = 0; i < n_ids && !err; i++)
		err = read_some(s, ids[i], jobs, &n);
	if (err) {
		jobs_free(jobs, n);
		return err;
	}
	*ret = jobs;
	*ret_n = n;
	return NULL;
}

/* --- asking --- */

/* From a state, by a request, to another. */
static const struct change {
	bool is_allowed;
	enum job_state to;
} changes[JOB_N_STATES][3] = {
	[JOB_PENDING] = {[JOB_GO_ON] = {true, JOB_PENDING},
			 [JOB_PAUSE] = {true, JOB_PAUSED},
			 [JOB_CANCEL] = {true, JOB_CANCELLED}},
	[JOB_PAUSED] = {[JOB_GO_ON] = {true, JOB_PENDING},
			[JOB_PAUSE] = {true, JOB_PAUSED},
			[JOB_CANCEL] = {true, JOB_CANCELLED}},
	[JOB_FAILED] = {[JOB_GO_ON] = {true, JOB_PENDING}},
	[JOB_CANCELLED] = {[JOB_GO_ON] = {true, JOB_PENDING},
			   [JOB_CANCEL] = {true, JOB_CANCELLED}},
};

static struct err *change_state(int dir, struct job_status *s, enum job_request what)
{
	static const char *const verbs[] = {"resumed", "paused", "cancelled"};
	const struct change *c = &changes[s->state][what];
	if (s->state == JOB_RUNNING)
		return err_new(EBUSY,
			       "job %" PRIu64 " runs on %s, which cannot be asked",
			       s->id, s->host ? s->host : "another host");
	if (!c->is_allowed)
		return err_new(EINVAL, "job %" PRIu64 " is %s: it cannot be %s", s->id,
			       job_state_name(s->state), verbs[what]);
	if (c->to == JOB_CANCELLED && s->state != JOB_CANCELLED)
		s->ended_ns = job_now_ns();
	if (c->to == JOB_PENDING) {
		s->ended_ns = 0;
		s->code = 0;
		free(TAKE(s->message));
	}
	s->state = c->to;
	TRY(job_status_save(dir, s, true));
	job_request_clear(dir);
	return NULL;
}

/* Nobody runs it, and nobody can as long as we hold the lock. */
static struct err *change_locked(int dir, uint64_t id, enum job_request what)
{
	struct job_status s;
	TRY(job_status_load(dir, id, LOCKED_BY_CALLER, &s));
	struct err *err = change_state(dir, &s, what);
	job_status_fini(&s);
	return err;
}

/* Tell the one who runs it. */
static struct err *request(int dir, uint64_t id, enum job_request what)
{
	enum job_request before = job_request_read(dir);
	if (what == JOB_GO_ON && before == JOB_CANCEL)
		return err_new(EBUSY, "job %" PRIu64 " is about to be cancelled", id);
	if (what == JOB_GO_ON && before == JOB_GO_ON)
		return err_new(EINVAL, "job %" PRIu64 " is running", id);
	if (what == JOB_GO_ON) {
		job_request_clear(dir);
		return NULL;
	}
	if (before == JOB_CANCEL)
		return NULL;
	return job_request_write(dir, what);
}

struct err *job_ask(struct io_store *s, uint64_t id, enum job_request what)
{
	AUTO_FD int dir = -1;
	TRY(job_dir_open(s, id, &dir));
	if (!io_store_writable(s))
		return err_new(EROFS, "%s: no permission to write the dataset",
			       io_store_name(s));
	for (;;) {
		AUTO_FD int lock = -1;
		TRY(job_dir_lock(dir, &lock));
		if (lock >= 0)
			return change_locked(dir, id, what);
		TRY(request(dir, id, what));
		if (job_dir_is_locked(dir))
			return NULL;
		/* it ended meanwhile, and may not have seen the request */
	}
}

/* --- expiring --- */

/* Nobody comes back to it. */
static bool is_over(int dir, uint64_t id, double max_age_s)
{
	struct job_status s = {0};
	struct stat st;
	int64_t now = job_now_ns();
	struct err *err = job_status_load(dir, id, LOCKED_BY_CALLER, &s);
	bool is_job = !err || err->code != ENOENT;
	bool is_old = !err && job_state_is_final(s.state) &&
		      (double)(now - s.ended_ns) / 1e9 > max_age_s;
	err_free(err); /* it is no job, or cannot be told from one */
	job_status_fini(&s);
	if (is_job)
		return is_old;
	return fstat(dir, &st) == 0 &&
	       now / 1000000000 - st.st_mtim.tv_sec > HALF_MADE_S;
}

static struct err *expire(struct io_store *s, int jobs, uint64_t id, double max_age_s)
{
	AUTO_FD int dir = -1;
	AUTO_FD int lock = -1;
	struct err *err = job_dir_open(s, id, &dir);
	if (err) {
		err_free(err); /* it is gone, or no directory */
		return NULL;
	}
	if (!is_over(dir, id, max_age_s))
		return NULL;
	TRY(job_dir_lock(dir, &lock));
	if (lock >= 0 && is_over(dir, id, max_age_s))
		job_dir_remove(jobs, id);
	return NULL;
}

struct err *jobs_expire(struct io_store *s, double max_age_s)
{
	AUTO_MEM uint64_t *ids = NULL;
	AUTO_FD int jobs = -1;
	size_t n;
	TRY(job_ids(s, &ids, &n));
	TRY(jobs_dir_open(s, &jobs));
	for (size_t i = 0; i + 1 < n; i++)
		TRY(expire(s, jobs, ids[i], max_age_s));
	return NULL;
}
