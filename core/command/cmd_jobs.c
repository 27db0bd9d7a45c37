// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_jobs.c: jobs, wait, pause, resume, cancel: work that goes on by itself.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define POLL_US 200000

static struct err *parse_id(const struct words *w, uint64_t *ret)
{
	if (!str_to_u64(w->args[1], ret))
		return err_new(EINVAL, "'%s' is not a job's number; see jobs",
			       w->args[1]);
	return NULL;
}

/* --- jobs --- */

static void put_seconds(struct buf *out, double s)
{
	uint64_t n = (uint64_t)s;
	if (n >= 3600)
		buf_printf(out, "%" PRIu64 "h%02um", n / 3600, (unsigned)(n / 60 % 60));
	else if (n >= 60)
		buf_printf(out, "%um%02us", (unsigned)(n / 60), (unsigned)(n % 60));
	else
		buf_printf(out, "%us", (unsigned)n);
}

static void put_progress(const struct job_status *s, struct buf *out)
{
	if (s->total)
		buf_printf(out, "%" PRIu64 "/%" PRIu64, s->done, s->total);
	else
		buf_byte(out, '-');
	if (s->failed)
		buf_printf(out, " (%" PRIu64 " failed)", s->failed);
	bool is_moving = s->state == JOB_RUNNING && s->rows_per_s > 0;
	if (is_moving)
		buf_printf(out, "\t%.1f rows/s\t", s->rows_per_s);
	else
		buf_str(out, "\t-\t");
	if (is_moving && s->eta_s >= 0)
		put_seconds(out, s->eta_s);
	else
		buf_byte(out, '-');
}

/* The first line of a text. */
static void put_text(const char *text, struct buf *out)
{
	if (!text || !*text)
		text = "-";
	for (; *text && *text != '\n'; text++)
		buf_byte(out, (uint8_t)*text < 0x20 ? ' ' : (uint8_t)*text);
}

static void put_line(const struct job_status *s, struct buf *out)
{
	buf_printf(out, "%" PRIu64 "\t%s%s\t", s->id, job_state_name(s->state),
		   s->is_partial ? " (partly)" : "");
	put_text(s->what ? s->what : s->command, out);
	buf_byte(out, '\t');
	put_progress(s, out);
	buf_byte(out, '\t');
	if (s->started_ns)
		buf_time(out, s->started_ns);
	else
		buf_byte(out, '-');
	buf_byte(out, '\t');
	put_text(s->message, out);
	buf_byte(out, '\n');
}

static struct err *run_jobs(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	struct job_status *jobs;
	size_t n;
	(void)w;
	TRY(jobs_list(table_store(env->table), &jobs, &n));
	for (size_t i = n; i-- > 0;)
		if (env->json)
			job_render(&jobs[i], true, out);
		else
			put_line(&jobs[i], out);
	jobs_free(jobs, n);
	return buf_check(out);
}

const struct command cmd_jobs = {
	.name = "jobs",
	.usage = "jobs",
	.summary = "one job a line, the newest first: number, state, what, rows, "
		   "rows/s, time left, start, message",
	.run = run_jobs,
};

/* --- wait --- */

static void show_progress(const struct command_env *env, const struct job_status *s)
{
	if (env->progress && s->total)
		env->progress(env->ctx, s->what ? s->what : s->command, s->done,
			      s->total);
}

static struct err *wait_here(const struct command_env *env, uint64_t id,
			     struct buf *out)
{
	for (;;) {
		struct job_status s;
		TRY(job_read(table_store(env->table), id, &s));
		show_progress(env, &s);
		bool is_over = job_state_is_final(s.state);
		struct err *err = is_over ? command_job_result(&s, out) : NULL;
		if (is_over && s.is_partial && env->is_partial)
			*env->is_partial = true;
		job_status_fini(&s);
		if (is_over)
			return err;
		usleep(POLL_US);
	}
}

static struct err *run_wait(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	struct job_status s;
	uint64_t id;
	TRY(parse_id(w, &id));
	if (env->job)
		return err_new(EINVAL, "a job does not wait for jobs");
	if (!env->wait_job)
		return wait_here(env, id, out);
	TRY(job_read(table_store(env->table), id, &s));
	job_status_fini(&s);
	return env->wait_job(env->ctx, id);
}

const struct command cmd_wait = {
	.name = "wait",
	.usage = "wait ID",
	.summary = "wait until a job has ended, and answer what it did",
	.min_args = 1,
	.max_args = 1,
	.run = run_wait,
};

/* --- pause, cancel, resume --- */

static struct err *tell_state(const struct command_env *env, uint64_t id,
			      enum job_state wanted, struct buf *out)
{
	struct job_status s;
	TRY(job_read(table_store(env->table), id, &s));
	bool is_so = s.state != JOB_RUNNING || wanted == JOB_RUNNING;
	buf_printf(out, "job %" PRIu64 ": %s%s%s\n", id, job_state_name(s.state),
		   is_so ? "" : ", soon ", is_so ? "" : job_state_name(wanted));
	job_status_fini(&s);
	return buf_check(out);
}

static struct err *ask(const struct command_env *env, const struct words *w,
		       enum job_request what, enum job_state wanted, struct buf *out)
{
	uint64_t id;
	TRY(parse_id(w, &id));
	TRY(job_ask(table_store(env->table), id, what));
	return tell_state(env, id, wanted, out);
}

static struct err *run_pause(const struct command_env *env, const struct words *w,
			     struct buf *out)
{
	return ask(env, w, JOB_PAUSE, JOB_PAUSED, out);
}

const struct command cmd_pause = {
	.name = "pause",
	.usage = "pause ID",
	.summary = "let a job rest until it is resumed; what it has done stays",
	.min_args = 1,
	.max_args = 1,
	.run = run_pause,
};

static struct err *run_cancel(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	return ask(env, w, JOB_CANCEL, JOB_CANCELLED, out);
}

const struct command cmd_cancel = {
	.name = "cancel",
	.usage = "cancel ID",
	.summary = "end a job; what it has committed stays",
	.min_args = 1,
	.max_args = 1,
	.run = run_cancel,
};

static struct err *run_resume(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	struct io_store *store = table_store(env->table);
	struct job_status s;
	uint64_t id;
	TRY(parse_id(w, &id));
	if (env->job)
		return err_new(EINVAL, "a job does not run jobs");
	TRY(job_ask(store, id, JOB_GO_ON));
	TRY(job_read(store, id, &s));
	bool is_running = s.state == JOB_RUNNING;
	job_status_fini(&s);
	if (!is_running && !env->start_job)
		return command_run_job(env, id, out);
	if (!is_running)
		TRY(env->start_job(env->ctx, id));
	if (words_option(w, "wait") && env->wait_job)
		return env->wait_job(env->ctx, id);
	return tell_state(env, id, JOB_RUNNING, out);
}

const struct command cmd_resume = {
	.name = "resume",
	.usage = "resume ID",
	.summary = "go on with a job that is paused, failed, cancelled or left over",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.run = run_resume,
};
