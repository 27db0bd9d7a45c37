// SPDX-License-Identifier: Apache-2.0
/*
 * auto_compact.c: tables that are compacted by themselves.
 *
 * With auto-compact=yes a version with many fragments that could be put together, or
 * with many deleted rows in fragments that would be compacted, gets a job.  What a
 * compaction has left, because it cannot write it, does not count again: only what has
 * come since.
 *
 * It waits for columns that are being written and for jobs: their rows would be
 * somewhere else when they are done.
 */
#include "fs.h"

#define COMPACT "compact"

static struct err *measure(struct version *v, struct compactable *ret)
{
	static const struct compact_options usual = {
		.target_rows = COMPACT_TARGET_ROWS,
		.target_bytes = COMPACT_TARGET_BYTES,
		.max_deleted = COMPACT_MAX_DELETED,
		.max_files = COMPACT_MAX_FILES,
	};
	struct compact_plan plan = {0};
	TRY(version_plan_compaction(v, &usual, &plan));
	*ret = (struct compactable){0};
	for (size_t i = 0; i < plan.n; i++) {
		const struct compact_group *g = &plan.groups[i];
		ret->fragments += g->n_fragments > 1 ? g->n_fragments : 0;
		ret->deleted += g->keeps_rows ? 0 : g->n_deleted;
	}
	compact_plan_fini(&plan);
	return NULL;
}

/* What there is beyond what was left. */
static bool is_enough(const struct mount *m, const struct version *v,
		      const struct compactable *now)
{
	const struct mount_options *o = &m->server->options;
	const struct compactable *left = &m->watched.left;
	uint64_t n_rows = version_rows(v) + version_deleted(v);
	uint64_t deleted = now->deleted - MIN_OF(now->deleted, left->deleted);
	return now->fragments - MIN_OF(now->fragments, left->fragments) >=
		       o->auto_compact_fragments ||
	       (double)deleted > o->auto_compact_deleted * (double)n_rows;
}

static struct err *must_wait(struct mount *m, bool *ret)
{
	*ret = staging_is_busy(m);
	if (!*ret)
		TRY(auto_job_find(m, COMPACT, ret));
	return *ret ? NULL : auto_job_running(m, ret);
}

static struct err *look_at(struct mount *m, struct version *v)
{
	struct watched *w = &m->watched;
	struct compactable now;
	bool waits;
	TRY(must_wait(m, &waits));
	if (waits) {
		w->compacted = 0; /* look again */
		return NULL;
	}
	TRY(measure(v, &now));
	if (w->has_compacted)
		w->left = now;
	w->has_compacted = is_enough(m, v, &now);
	return w->has_compacted ? auto_job_begin(m, COMPACT, COMPACT) : NULL;
}

void auto_compact(struct mount *m, struct version *v)
{
	struct watched *w = &m->watched;
	if (!m->server->options.auto_compact || w->compacted == version_number(v) ||
	    !auto_jobs_wanted(m))
		return;
	w->compacted = version_number(v);
	struct err *err = look_at(m, v);
	if (err)
		log_line(&m->server->log, LEVEL_WARN, "%s is not compacted: %s",
			 m->source, err->msg);
	err_free(err); /* told */
}
