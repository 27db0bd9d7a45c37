// SPDX-License-Identifier: Apache-2.0
/*
 * as_job.c: commands that are run as jobs.
 *
 * A job is a command line.  To make one is to write the line down; to run it is to run
 * the command with the job in hand, and how that returns is how the job ends.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

/* --- making --- */

/* "backfill quality" */
static struct err *what_of(const struct words *w, char **ret)
{
	return w->n_args > 1 ? str_printf(ret, "%s %s", w->args[0], w->args[1])
			     : str_dup(w->args[0], ret);
}

static struct err *make_job(const struct command_env *env, const struct words *w,
			    char **ret_what, uint64_t *ret_id)
{
	AUTO_MEM char *line = NULL;
	struct io_store *store = table_store(env->table);
	TRY(words_join(w, "wait", &line));
	TRY(what_of(w, ret_what));
	err_free(jobs_expire(store, JOB_KEPT_S)); /* what is old stays */
	return job_create(store, line, *ret_what, ret_id);
}

struct err *command_as_job(const struct command_env *env, const struct command *c,
			   const struct words *w, struct buf *out)
{
	AUTO_MEM char *what = NULL;
	uint64_t id;
	if (c->check)
		TRY_CTX(c->check(env, w), "%s", c->name);
	struct err *err = make_job(env, w, &what, &id);
	if (err && err->code == ENOSPC && c->cleans_up) {
		err_free(err); /* what makes room needs none */
		TRY_CTX(c->run(env, w, out), "%s", c->name);
		return buf_check(out);
	}
	if (err)
		return err_wrap(err, "%s", c->name);
	if (!env->start_job)
		return command_run_job(env, id, out);
	buf_printf(out,
		   "job %" PRIu64 ": %s (cat jobs/%" PRIu64 "/status; echo \"cancel "
		   "%" PRIu64 "\" > control)\n",
		   id, what, id, id);
	TRY(env->start_job(env->ctx, id));
	if (words_option(w, "wait") && env->wait_job)
		return env->wait_job(env->ctx, id);
	return buf_check(out);
}

/* --- running --- */

void command_progress(const struct command_env *env, const char *what, uint64_t done,
		      uint64_t total)
{
	if (env->job)
		job_tell_progress(env->job, done, total); /* which tells env */
	else if (env->progress)
		env->progress(env->ctx, what, done, total);
}

struct running {
	const struct command_env *env; /* of whoever runs the job */
	const char *what;
};

static void show_rows(void *ctx, uint64_t done, uint64_t total)
{
	const struct running *r = ctx;
	if (r->env->progress)
		r->env->progress(r->env->ctx, r->what, done, total);
}

/* The answer, even of much data, is the job's message; it goes nowhere else. */
static struct err *run_line(const struct command_env *env, struct job *job,
			    struct words *w, bool *is_partial, struct buf *out)
{
	struct command_env inner = *env;
	struct running r = {env, w->n_args ? w->args[0] : ""};
	inner.job = job;
	inner.is_partial = is_partial;
	inner.write = NULL;
	inner.start_job = NULL;
	inner.wait_job = NULL;
	job_observe(job, show_rows, &r);
	job_heed(job, env->is_ending);
	struct err *err = command_run(&inner, w, out);
	job_observe(job, NULL, NULL);
	return err;
}

static struct err *run_command(const struct command_env *env, struct job *job,
			       bool *is_partial, struct buf *out)
{
	struct words w = {0};
	const char *line = job_command(job);
	TRY(words_split(line, strlen(line), &w));
	struct err *err = run_line(env, job, &w, is_partial, out);
	words_fini(&w);
	return err;
}

static enum job_state state_after(struct job *job, const struct err *err)
{
	enum job_request asked = job_requested(job);
	if (!err)
		return JOB_DONE;
	if (err->code == ECANCELED && asked == JOB_CANCEL)
		return JOB_CANCELLED;
	if (err->code == EINTR && job_is_ending(job))
		return JOB_PENDING;
	return err->code == EINTR && asked != JOB_GO_ON ? JOB_PAUSED : JOB_FAILED;
}

/* What is said of a job that did not fail and is not done. */
static struct err *how_it_stands(const struct command_env *env, uint64_t id,
				 enum job_state state, struct err *err)
{
	if (state == JOB_DONE || state == JOB_FAILED)
		return err ? err_wrap(err, "job %" PRIu64, id) : NULL;
	err_free(err); /* the job's state says it */
	if (state == JOB_CANCELLED)
		return err_new(ECANCELED, "job %" PRIu64 " is cancelled", id);
	AUTO_BUF struct buf text = {0};
	buf_printf(&text, "job %" PRIu64 " is to be gone on with: ", id);
	buf_str(&text, env->dataset ? "lancectl resume " : "resume");
	if (env->dataset)
		shell_quote(env->dataset, &text);
	buf_printf(&text, " %" PRIu64, id);
	if (env->dataset && table_branch_name(env->table))
		buf_printf(&text, " --branch=%s", table_branch_name(env->table));
	buf_byte(&text, 0);
	TRY(buf_check(&text));
	return err_new(EINTR, "%s", (char *)text.data);
}

struct err *command_run_job(const struct command_env *env, uint64_t id, struct buf *out)
{
	AUTO_BUF struct buf answer = {0};
	struct job *job;
	bool is_partial = false;
	TRY(job_claim(table_store(env->table), id, &job));
	if (env->job_began)
		env->job_began(env->ctx, id);
	struct err *err = run_command(env, job, &is_partial, &answer);
	while (err && err->code == EINTR && job_is_resumed(job)) {
		err_free(err); /* it was paused, and resumed before it rested */
		answer.len = 0;
		err = run_command(env, job, &is_partial, &answer);
	}
	buf_append(out, answer.data, answer.len);
	buf_byte(&answer, 0);
	if (!err)
		err = buf_check(&answer);
	if (!err && is_partial)
		job_tell_partial(job);
	if (!err && is_partial && env->is_partial)
		*env->is_partial = true;
	enum job_state state = state_after(job, err);
	struct err *lost = job_end(job, state, (char *)answer.data, err);
	err = how_it_stands(env, id, state, err);
	if (!err)
		return lost;
	err_free(lost); /* the first error is told */
	return err;
}

struct err *command_job_result(const struct job_status *s, struct buf *out)
{
	const char *message = s->message ? s->message : "";
	if (s->state == JOB_FAILED)
		return err_new(s->code ? s->code : EIO, "job %" PRIu64 ": %s", s->id,
			       message);
	if (s->state == JOB_CANCELLED)
		return err_new(ECANCELED, "job %" PRIu64 " is cancelled", s->id);
	buf_str(out, message);
	buf_str(out, *message ? "\n" : "");
	return buf_check(out);
}
