// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_state.c: what lancefs itself keeps in a dataset, and nothing needs any more.
 *
 *   _lancefs/checkpoints/KEY/JOB-*.log  once the job is done, cancelled or gone
 *   _lancefs/computed/ID.tsv            if no version that stays has the field
 *   _udfs/HASH                          if no name, no field, no unfinished job says so
 *   .tmp* in _udfs/, _udfs/names/, _lancefs/leases/
 *                                       of processes that were killed
 *
 * All of it only if it is old: somebody may be about to refer to it.
 */
#include "job/cleanup_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#define CHECKPOINTS "_lancefs/checkpoints"
#define COMPUTED "_lancefs/computed"
#define MOST_DEPTH 64
#define SHORT_HASH 8 /* digits by which a command may name a bundle */

/* --- what is used --- */

void state_uses_fini(struct state_uses *u)
{
	free(u->bundles);
	free(u->ids);
	*u = (struct state_uses){0};
}

static bool is_hash(const char *name)
{
	return strlen(name) == UDF_HASH_LEN &&
	       strspn(name, "0123456789abcdef") == UDF_HASH_LEN;
}

static struct err *add_bundle(void *ctx, const struct io_entry *e)
{
	struct state_uses *u = ctx;
	if (!e->is_dir || !is_hash(e->name))
		return NULL;
	TRY(mem_grow(u->n_bundles + 1, sizeof(*u->bundles), &u->bundles_cap,
		     &u->bundles));
	struct kept_bundle *b = &u->bundles[u->n_bundles++];
	*b = (struct kept_bundle){0};
	memcpy(b->hash, e->name, UDF_HASH_LEN);
	return NULL;
}

struct err *state_uses_read(struct io_store *s, struct state_uses *ret)
{
	return io_scan(s, "_udfs", add_bundle, ret);
}

/* Some text names bundles, by that many digits of their hashes. */
static void use_named(struct state_uses *u, const void *text, size_t len, size_t digits)
{
	for (size_t i = 0; text && i < u->n_bundles; i++) {
		struct kept_bundle *b = &u->bundles[i];
		b->is_used = b->is_used || memmem(text, len, b->hash, digits);
	}
}

static size_t place_of(const struct state_uses *u, int32_t id)
{
	size_t first = 0, end = u->n_ids;
	while (first < end) {
		size_t mid = first + (end - first) / 2;
		if (u->ids[mid] < id)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

static bool has_id(const struct state_uses *u, int32_t id)
{
	size_t i = place_of(u, id);
	return i < u->n_ids && u->ids[i] == id;
}

struct err *state_uses_field(void *ctx, int32_t id, const void *value, size_t len)
{
	struct state_uses *u = ctx;
	size_t i = place_of(u, id);
	use_named(u, value, len, UDF_HASH_LEN);
	if (has_id(u, id))
		return NULL;
	TRY(mem_grow(u->n_ids + 1, sizeof(*u->ids), &u->ids_cap, &u->ids));
	memmove(u->ids + i + 1, u->ids + i, (u->n_ids - i) * sizeof(*u->ids));
	u->ids[i] = id;
	u->n_ids++;
	return NULL;
}

static struct err *use_names(struct io_store *s, struct state_uses *u)
{
	char **names;
	size_t n;
	struct err *err = NULL;
	TRY(udf_list(s, &names, &n));
	for (size_t i = 0; i < n && !err; i++) {
		char hash[UDF_HASH_LEN + 1] = "";
		bool found;
		err = udf_find(s, names[i], &found, hash);
		use_named(u, hash, strlen(hash), UDF_HASH_LEN);
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return err;
}

/* May it be gone on with? */
static bool is_unfinished(const struct job_status *job)
{
	return job->state != JOB_DONE && job->state != JOB_CANCELLED;
}

/* --- removing --- */

struct sweep {
	struct io_store *store; /* borrowed, as all here */
	struct state_uses *uses;
	const struct cleanup_spec *spec;
	struct cleanup_count *count;
	const struct job_status *jobs;
	size_t n_jobs;
	const char *dir; /* that is scanned */
	unsigned depth;
	int64_t before_ns; /* what was touched later stays */
};

static struct err *remove_file(const struct sweep *sw, const struct io_entry *e)
{
	AUTO_MEM char *path = NULL;
	TRY(str_printf(&path, "%s/%s", sw->dir, e->name));
	if (!sw->spec->is_dry_run)
		TRY(io_remove(sw->store, path));
	sw->count->n++;
	sw->count->bytes += e->size;
	return NULL;
}

static struct err *remove_all(void *ctx, const struct io_entry *e);

/* A directory with all in it, of which no link is followed. */
static struct err *remove_tree(const struct sweep *above, const struct io_entry *e)
{
	AUTO_MEM char *dir = NULL;
	struct sweep sw = *above;
	bool is_gone;
	TRY(str_printf(&dir, "%s/%s", above->dir, e->name));
	sw.dir = dir;
	if (++sw.depth > MOST_DEPTH)
		return err_new(EOPNOTSUPP, "%s: directories nest too deeply", dir);
	TRY(io_scan(sw.store, dir, remove_all, &sw));
	return sw.spec->is_dry_run ? NULL : io_remove_dir(sw.store, dir, &is_gone);
}

static struct err *remove_all(void *ctx, const struct io_entry *e)
{
	return e->is_dir ? remove_tree(ctx, e) : remove_file(ctx, e);
}

static bool is_old(const struct sweep *sw, const struct io_entry *e)
{
	return e->mtime_ns < sw->before_ns;
}

static struct err *sweep_staging(void *ctx, const struct io_entry *e)
{
	if (!str_starts(e->name, ".tmp") || !is_old(ctx, e))
		return NULL;
	return remove_all(ctx, e);
}

static struct err *sweep_bundle(void *ctx, const struct io_entry *e)
{
	const struct sweep *sw = ctx;
	const struct state_uses *u = sw->uses;
	for (size_t i = 0; i < u->n_bundles; i++)
		if (strcmp(u->bundles[i].hash, e->name) == 0 &&
		    !u->bundles[i].is_used && e->is_dir && is_old(sw, e))
			return remove_tree(sw, e);
	return sweep_staging(ctx, e);
}

static struct err *sweep_computed(void *ctx, const struct io_entry *e)
{
	const struct sweep *sw = ctx;
	char *end;
	long id = strtol(e->name, &end, 10);
	if (!e->is_file || strcmp(end, ".tsv") != 0 || id < 0 || id > INT32_MAX ||
	    has_id(sw->uses, (int32_t)id) || !is_old(sw, e))
		return NULL;
	return remove_file(sw, e);
}

static struct err *sweep_log(void *ctx, const struct io_entry *e)
{
	const struct sweep *sw = ctx;
	char *end;
	uint64_t id = strtoull(e->name, &end, 10);
	if (!e->is_file || *end != '-' || !str_ends(e->name, ".log") || !is_old(sw, e))
		return NULL;
	for (size_t i = 0; i < sw->n_jobs; i++)
		if (sw->jobs[i].id == id && is_unfinished(&sw->jobs[i]))
			return NULL;
	return remove_file(sw, e);
}

/* Who begins a log there makes the directory anew. */
static struct err *sweep_checkpoint(void *ctx, const struct io_entry *e)
{
	AUTO_MEM char *dir = NULL;
	struct sweep sw = *(const struct sweep *)ctx;
	bool is_gone;
	if (!e->is_dir)
		return NULL;
	TRY(str_printf(&dir, CHECKPOINTS "/%s", e->name));
	sw.dir = dir;
	TRY(io_scan(sw.store, dir, sweep_log, &sw));
	if (sw.spec->is_dry_run || !is_old(&sw, e))
		return NULL;
	return io_remove_dir(sw.store, dir, &is_gone);
}

static struct err *sweep(struct sweep *sw)
{
	static const struct {
		const char *dir;
		struct err *(*fn)(void *ctx, const struct io_entry *e);
	} kinds[] = {
		{CHECKPOINTS, sweep_checkpoint},
		{COMPUTED, sweep_computed},
		{"_udfs", sweep_bundle},
		{"_udfs/names", sweep_staging},
		{"_lancefs/leases", sweep_staging},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		sw->dir = kinds[i].dir;
		TRY(io_scan(sw->store, sw->dir, kinds[i].fn, sw));
	}
	return NULL;
}

struct err *state_cleanup(struct io_store *s, struct state_uses *uses,
			  const struct cleanup_spec *spec, struct cleanup_count *ret)
{
	struct timespec now;
	struct job_status *jobs;
	size_t n_jobs;
	TRY(use_names(s, uses));
	TRY(jobs_list(s, &jobs, &n_jobs));
	for (size_t i = 0; i < n_jobs; i++)
		if (is_unfinished(&jobs[i]))
			use_named(uses, jobs[i].command, strlen(jobs[i].command),
				  SHORT_HASH);
	clock_gettime(CLOCK_REALTIME, &now);
	struct sweep sw = {.store = s,
			   .uses = uses,
			   .spec = spec,
			   .count = ret,
			   .jobs = jobs,
			   .n_jobs = n_jobs,
			   .before_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec -
					spec->unreferenced_ns};
	struct err *err = sweep(&sw);
	jobs_free(jobs, n_jobs);
	return err;
}
