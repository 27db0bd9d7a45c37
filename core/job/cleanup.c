// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup.c: a table is cleaned up, and with it what lancefs keeps beside it.
 *
 * Nothing is kept between runs: who goes on looks anew.
 */
#include "job/cleanup_priv.h"
#include "job/lock_priv.h"

#include <errno.h>
#include <inttypes.h>

#define LOCK_FILE "_lancefs/cleanup.lock"

struct cleaning {
	struct job *job; /* borrowed; may be NULL */
	struct state_uses uses;
};

static struct err *step(void *ctx, uint64_t done, uint64_t total)
{
	const struct cleaning *c = ctx;
	if (!c->job)
		return NULL;
	job_tell_progress(c->job, done, total);
	return job_check(c->job);
}

static struct err *note_field(void *ctx, int32_t id, const void *value, size_t len)
{
	struct cleaning *c = ctx;
	return state_uses_field(&c->uses, id, value, len);
}

static struct err *clean(struct table *t, const struct cleanup_spec *spec,
			 struct cleaning *c, struct cleanup_report *ret)
{
	struct io_store *s = table_store(t);
	struct cleanup_options o = {.older_than_ns = spec->older_than_ns,
				    .keep = spec->keep,
				    .unreferenced_ns = spec->unreferenced_ns,
				    .is_dry_run = spec->is_dry_run,
				    .step = step,
				    .field = note_field,
				    .ctx = c};
	TRY(state_uses_read(s, &c->uses));
	TRY(table_cleanup(t, &o, &ret->table));
	if (!spec->is_dry_run)
		TRY(jobs_expire(s, JOB_KEPT_S));
	return state_cleanup(s, &c->uses, spec, &ret->state);
}

static struct err *clean_locked(struct table *t, const struct cleanup_spec *spec,
				struct cleaning *c, struct cleanup_report *ret)
{
	struct job_lock lock = {0};
	AUTO_MEM char *what = NULL;
	if (spec->is_dry_run)
		return clean(t, spec, c, ret);
	TRY(str_printf(&what, "job %" PRIu64 " is cleaning up this table",
		       c->job ? job_id(c->job) : 0));
	struct err *err = job_lock_take(table_store(t), LOCK_FILE, what, &lock);
	if (!err)
		err = clean(t, spec, c, ret);
	job_lock_release(&lock);
	return err;
}

struct err *cleanup_table(struct table *t, const struct cleanup_spec *spec,
			  struct job *job, struct cleanup_report *ret)
{
	int64_t start_ns = monotonic_ns();
	struct cleaning c = {.job = job};
	*ret = (struct cleanup_report){0};
	struct err *err = clean_locked(t, spec, &c, ret);
	state_uses_fini(&c.uses);
	ret->seconds = (double)(monotonic_ns() - start_ns) / 1e9;
	return err;
}
