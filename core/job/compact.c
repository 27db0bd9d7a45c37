// SPDX-License-Identifier: Apache-2.0
/*
 * compact.c: a table is compacted: planned, and done group by group.
 *
 * Nothing is kept between runs: whoever goes on plans anew, and finds what was done
 * done.
 */
#include "job/compact_priv.h"
#include "job/job.h"
#include "job/lock_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define MOST_ROUNDS 8 /* of plans, each for what others' commits spoiled */
#define LOCK_FILE "_lancefs/compact.lock"

struct compaction {
	struct table *table; /* borrowed, as the next two */
	const struct compact_options *o;
	struct job *job; /* may be NULL */
	struct compact_result *result;
	uint64_t done, total; /* rows, over all rounds */
	bool is_spoiled;      /* some group of this round */
};

static struct err *tell(void *ctx, uint64_t n_rows)
{
	struct compaction *c = ctx;
	if (c->job)
		job_tell_progress(c->job, c->done + n_rows, c->total);
	return job_check(c->job);
}

/* --- one group --- */

static void log_left(struct compaction *c, struct version *v,
		     const struct compact_group *g, const struct err *why)
{
	struct fragment_info f;
	version_fragment(v, g->first, &f);
	c->result->n_left += g->n_fragments;
	if (c->job)
		job_log(c->job, "%zu fragments from %" PRIu64 " on stay: %s",
			g->n_fragments, f.id, why->msg);
}

static bool is_conflict(const struct err *err)
{
	return err->code == EBUSY || err->code == ESTALE || err->code == ENOENT;
}

/* What a group fails on that is no reason for others to. */
static struct err *put_up_with(struct compaction *c, struct version *v,
			       const struct compact_group *g, struct err *err)
{
	if (is_conflict(err)) {
		c->is_spoiled = true;
		c->result->n_conflicts++;
		if (c->job)
			job_log(c->job, "planned anew: %s", err->msg);
	} else if (err->code == EOPNOTSUPP) {
		log_left(c, v, g, err);
	} else {
		return err;
	}
	err_free(err); /* it is told */
	return NULL;
}

static struct err *message_of(const struct compact_group *g, char **ret)
{
	if (g->keeps_rows)
		return str_printf(ret, "compact: %zu files of a fragment", g->n_files);
	return str_printf(ret, "compact: %zu fragment%s", g->n_fragments,
			  g->n_fragments == 1 ? "" : "s");
}

static void count(struct compaction *c, const struct compact_run *run,
		  const struct version *v)
{
	c->result->n_groups++;
	c->result->bytes_read += run->group->bytes;
	c->result->bytes_written += run->n_bytes;
	c->result->version = version_number(v);
	if (c->job)
		job_tell_version(c->job, version_number(v));
}

static struct err *compact_group(struct compaction *c, struct version *base,
				 const struct compact_group *g)
{
	AUTO_MEM char *message = NULL;
	AUTO(version) struct version *v = NULL;
	struct compact_run run = {.base = base, .group = g, .tell = tell, .ctx = c};
	TRY(message_of(g, &message));
	run.message = message;
	struct err *err = table_compact_group(c->table, &run, &v);
	if (err)
		return put_up_with(c, base, g, err);
	count(c, &run, v);
	return compact_carry_computed(c->table, &run, v);
}

/* --- all of them --- */

static void measure(const struct version *v, struct table_size *ret)
{
	ret->fragments = version_n_fragments(v);
	ret->files = version_n_files(v);
	ret->deleted_rows = version_deleted(v);
	ret->bytes = version_bytes(v);
}

static struct err *run_plan(struct compaction *c, struct version *v,
			    const struct compact_plan *plan)
{
	c->total = c->done;
	for (size_t i = 0; i < plan->n; i++)
		c->total += plan->groups[i].n_rows;
	for (size_t i = 0; i < plan->n; i++) {
		TRY(job_check(c->job));
		TRY(compact_group(c, v, &plan->groups[i]));
		c->done += plan->groups[i].n_rows;
	}
	return NULL;
}

static struct err *run_round(struct compaction *c, bool is_first)
{
	struct compact_plan plan = {0};
	c->is_spoiled = false;
	TRY(table_refresh(c->table));
	AUTO(version) struct version *v = table_latest(c->table);
	AUTO_HOLD struct version_hold hold = {0};
	TRY(version_hold(v, &hold));
	if (is_first)
		measure(v, &c->result->before);
	TRY(version_check_writable(v));
	TRY(version_plan_compaction(v, c->o, &plan));
	c->result->n_left = plan.n_left;
	struct err *err = run_plan(c, v, &plan);
	compact_plan_fini(&plan);
	return err;
}

/* Those that spoiled it may be at it again at once. */
static void wait_a_moment(unsigned round)
{
	uint32_t r = 0;
	err_free(random_bytes(&r, sizeof(r))); /* then all wait alike */
	usleep(r % (20000u << MIN_OF(round, 5u)));
}

static struct err *run_rounds(struct compaction *c)
{
	unsigned i = 0;
	do {
		TRY(run_round(c, i == 0));
		if (c->is_spoiled)
			wait_a_moment(i);
	} while (c->is_spoiled && ++i < MOST_ROUNDS);
	if (c->is_spoiled)
		return err_new(EBUSY,
			       "other writers changed the same fragments %u times in a "
			       "row; %" PRIu64 " groups were compacted, run it again "
			       "for the rest",
			       i, c->result->n_groups);
	return NULL;
}

static struct err *run_locked(struct compaction *c)
{
	int64_t start_ns = monotonic_ns();
	struct err *err = run_rounds(c);
	AUTO(version) struct version *v = table_latest(c->table);
	measure(v, &c->result->after);
	c->result->seconds = (double)(monotonic_ns() - start_ns) / 1e9;
	return err;
}

struct err *compact_table(struct table *t, const struct compact_options *o,
			  struct job *job, struct compact_result *ret)
{
	struct compaction c = {.table = t, .o = o, .job = job, .result = ret};
	struct job_lock lock = {0};
	*ret = (struct compact_result){0};
	AUTO_MEM char *what = NULL;
	TRY(str_printf(&what, "job %" PRIu64 " is compacting this table",
		       job ? job_id(job) : 0));
	struct err *err = job_lock_take(table_store(t), LOCK_FILE, what, &lock);
	if (!err)
		err = run_locked(&c);
	job_lock_release(&lock);
	return err;
}

struct err *compact_dry_run(struct version *v, const struct compact_options *o,
			    struct compact_result *ret)
{
	struct compact_plan plan = {0};
	*ret = (struct compact_result){0};
	TRY(version_plan_compaction(v, o, &plan));
	measure(v, &ret->before);
	ret->after = ret->before;
	ret->n_groups = plan.n;
	ret->n_left = plan.n_left;
	for (size_t i = 0; i < plan.n; i++) {
		const struct compact_group *g = &plan.groups[i];
		bool is_gone = !g->keeps_rows && g->n_rows == 0;
		ret->bytes_read += g->bytes;
		ret->after.fragments -= g->n_fragments - !is_gone;
		ret->after.files -= g->n_files - !is_gone;
		ret->after.deleted_rows -= g->keeps_rows ? 0 : g->n_deleted;
	}
	compact_plan_fini(&plan);
	return NULL;
}
