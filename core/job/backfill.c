// SPDX-License-Identifier: Apache-2.0
/*
 * backfill.c: a run over all that is to be computed.
 */
#include "job/backfill_run_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MOST_PASSES 100
#define TICK_NS INT64_C(100000000)
/* That a computed fragment waits at the most. */
#define COMMIT_NS INT64_C(10000000000)

/* --- what it works with --- */

static uint64_t or_default(uint64_t n, uint64_t otherwise)
{
	return n ? n : otherwise;
}

static struct err *load_udf(struct backfill *b, const struct udf_columns *c)
{
	char hash[UDF_HASH_LEN + 1];
	b->udf = b->spec->udf;
	snprintf(hash, sizeof(hash), "%s", c->hash);
	if (b->spec->is_refresh)
		TRY(current_hash(table_store(b->table), c, hash));
	if (!b->udf) {
		TRY_CTX(udf_load(table_store(b->table), hash, &b->own),
			"the UDF '%s' of column '%s'", c->name ? c->name : c->hash,
			b->spec->column);
		if (!b->own->name && c->name)
			TRY(str_dup(c->name, &b->own->name));
		b->udf = b->own;
	}
	TRY(udf_check_models(b->udf));
	return b->spec->limits.is_unsandboxed ? NULL : udf_check_sandbox();
}

/* What results stand for: the function, what it reads and what it gives. */
static struct err *checkpoint_key(const struct backfill *b, const struct udf_columns *c,
				  char **ret)
{
	uint64_t key = hash_str(b->udf->hash, 0);
	for (size_t i = 0; i < c->n_inputs; i++)
		key = hash_mix(key, (uint64_t)c->inputs[i]->id);
	for (size_t i = 0; i < c->n_outputs; i++) {
		AUTO_MEM char *type = NULL;
		TRY(type_format(c->outputs[i]->type, &type));
		key = hash_str(type, hash_mix(key, (uint64_t)c->outputs[i]->id));
	}
	return str_printf(ret, "%016" PRIx64, key);
}

static void tell(void *ctx, const char *text)
{
	const struct backfill *b = ctx;
	job_log(b->job, "%s", text);
}

static void tell_stderr(void *ctx, unsigned worker, const char *line)
{
	const struct backfill *b = ctx;
	job_log(b->job, "worker %u: %s", worker, line);
}

/* Of the largest fragment. */
static uint64_t most_rows(const struct version *v)
{
	uint64_t most = 0;
	for (size_t i = 0; i < version_n_fragments(v); i++) {
		struct fragment_info f;
		version_fragment(v, i, &f);
		most = MAX_OF(most, f.physical_rows);
	}
	return most;
}

static struct err *open_checkpoint(struct backfill *b, const struct version *v,
				   const struct udf_columns *c)
{
	AUTO_MEM char *key = NULL;
	TRY(checkpoint_key(b, c, &key));
	struct checkpoint_spec spec = {
		.store = table_store(b->table),
		.key = key,
		.owner = job_id(b->job),
		.most_rows = most_rows(v),
		.outputs = b->types,
		.n_outputs = b->n_types,
		.sync_rows = or_default(b->spec->checkpoint_rows, BACKFILL_CHECKPOINT),
		.tell = tell,
		.ctx = b};
	TRY(checkpoint_open(&spec, &b->checkpoint));
	b->n_failed = checkpoint_n_failed(b->checkpoint);
	return NULL;
}

static struct err *take_types(struct backfill *b, const struct udf_columns *c)
{
	TRY(mem_array(c->n_outputs, sizeof(struct type *), &b->types));
	for (; b->n_types < c->n_outputs; b->n_types++)
		b->types[b->n_types] = type_ref(c->outputs[b->n_types]->type);
	return NULL;
}

static struct err *hand_out_gpus(struct backfill *b)
{
	if (!b->spec->gpus)
		return NULL;
	TRY(gpus_find(&b->gpus));
	TRY(mem_array(b->n_workers, sizeof(char *), &b->worker_gpus));
	for (unsigned i = 0; i < b->n_workers; i++)
		TRY(gpus_for_worker(&b->gpus, i, b->spec->gpus, &b->worker_gpus[i]));
	return NULL;
}

static struct err *prepare(struct backfill *b, const struct version *v,
			   const struct udf_columns *c)
{
	const struct backfill_spec *s = b->spec;
	TRY(load_udf(b, c));
	TRY(take_types(b, c));
	TRY(open_checkpoint(b, v, c));
	b->n_workers = s->n_workers ? s->n_workers : thread_cpus();
	TRY(hand_out_gpus(b));
	TRY(str_printf(&b->message, "backfill %s: %s", s->column,
		       b->udf->name ? b->udf->name : b->udf->hash));
	b->run = (struct udf_run){
		.store = table_store(b->table),
		.udf = b->udf,
		.outputs = b->types,
		.n_outputs = b->n_types,
		.min_batch = or_default(s->min_batch, BACKFILL_MIN_BATCH),
		.max_batch = or_default(s->max_batch, BACKFILL_MAX_BATCH),
		.limits = s->limits,
		.tell = tell_stderr,
		.ctx = b};
	return NULL;
}

static void fini(struct backfill *b)
{
	pass_close(b->pass);
	checkpoint_close(b->checkpoint);
	job_lock_release(&b->lock);
	udf_free(b->own);
	for (size_t i = 0; i < b->n_types; i++)
		type_unref(b->types[i]);
	for (unsigned i = 0; b->worker_gpus && i < b->n_workers; i++)
		free(b->worker_gpus[i]);
	free(b->worker_gpus);
	gpus_fini(&b->gpus);
	free(b->types);
	free(b->message);
}

static void crew_has_ended(void *ctx)
{
	struct backfill *b = ctx;
	LOCK_SCOPE(&b->pass->lock);
	pthread_cond_signal(&b->pass->changed);
}

/* --- a pass --- */

static void tell_progress(struct backfill *b)
{
	uint64_t n_done = b->n_before + atomic_load(&b->n_rows);
	uint64_t left = b->pass->n_todo - MIN_OF(b->pass->n_todo, b->n_rows);
	job_tell(b->job, n_done + b->result.n_found, n_done + b->result.n_found + left,
		 atomic_load(&b->n_failed));
}

/* A fragment that is computed and has no file yet; false: there is none now. */
static bool next_ready(struct pass *p, size_t *ret)
{
	LOCK_SCOPE(&p->lock);
	for (size_t i = p->n_settled; i < p->n_fragments; i++) {
		struct fragment_work *w = &p->fragments[i];
		if (i == p->n_settled && (w->is_filled || !w->n_want))
			p->n_settled++;
		if (w->is_filled || !w->n_want || w->n_todo)
			continue;
		w->is_filled = true;
		*ret = i;
		return true;
	}
	return false;
}

static bool is_due(const struct backfill *b, const struct filling *f)
{
	uint64_t most = or_default(b->spec->commit_fragments, BACKFILL_COMMIT);
	return f->n_files >= most ||
	       (f->n_files && monotonic_ns() - f->first_ns > COMMIT_NS);
}

/* It must still be what its hash says: what a worker runs is the file on disk. */
static struct err *check_udf(const struct backfill *b)
{
	struct udf *now;
	TRY_CTX(udf_load(table_store(b->table), b->udf->hash, &now),
		"the UDF has changed while it ran");
	udf_free(now);
	return udf_check_models(b->udf);
}

static struct err *commit(struct backfill *b, struct filling *f)
{
	if (!f->n_files)
		return NULL;
	TRY(check_udf(b));
	TRY(filling_commit(f));
	if (f->version)
		job_tell_version(b->job, f->version);
	return NULL;
}

/* One that a broken checkpoint stops is for the next pass. */
static struct err *fill(struct backfill *b, struct filling *f, size_t i)
{
	struct err *err = filling_add(f, i);
	if (!err || err->code != ESTALE)
		return err;
	job_log(b->job, "fragment %" PRIu64 ": %s", b->pass->fragments[i].id, err->msg);
	err_free(err); /* logged; it is computed again */
	f->is_outdated = true;
	return NULL;
}

static struct err *fill_ready(struct backfill *b, struct filling *f)
{
	size_t i;
	while (job_requested(b->job) == JOB_GO_ON && next_ready(b->pass, &i)) {
		TRY(fill(b, f, i));
		if (is_due(b, f))
			TRY(commit(b, f));
		tell_progress(b);
	}
	return is_due(b, f) ? commit(b, f) : NULL;
}

static void wait_a_moment(struct pass *p)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += TICK_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&p->lock);
	pthread_cond_timedwait(&p->changed, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
}

static struct err *watch_crew(struct backfill *b, struct crew *crew, struct filling *f)
{
	while (!crew_is_done(crew)) {
		TRY(job_check(b->job));
		TRY(fill_ready(b, f));
		TRY(checkpoint_sync(b->checkpoint));
		tell_progress(b);
		if (!crew_is_done(crew))
			wait_a_moment(b->pass);
	}
	return NULL;
}

static struct err *compute(struct backfill *b, struct filling *f)
{
	AUTO(source) struct source *source = NULL;
	struct crew *crew;
	b->run.inputs = b->pass->inputs;
	TRY(udf_check_types(&b->run));
	TRY(source_open(b->pass->version, b->pass->inputs, b->pass->todo, &source));
	uint64_t most = b->pass->n_todo / b->run.min_batch + 1;
	struct crew_spec spec = {.run = &b->run,
				 .source = source,
				 .n_rows = b->pass->n_todo,
				 .n_workers = (unsigned)MIN_OF(b->n_workers, most),
				 .gpus = b->worker_gpus,
				 .retries = b->spec->retries,
				 .done = run_keep,
				 .failed = run_row_failed,
				 .tell = tell,
				 .ended = crew_has_ended,
				 .ctx = b};
	TRY(crew_start(&spec, &crew));
	struct err *err = watch_crew(b, crew, f);
	if (err)
		crew_stop(crew);
	struct err *first = crew_end(crew);
	if (first && err)
		err_free(err); /* the crew's is why */
	return first ? first : err;
}

static struct err *run_pass(struct backfill *b, struct filling *f)
{
	struct pass *p = b->pass;
	b->result.n_found += p->n_want - p->n_todo;
	job_log(b->job,
		"version %" PRIu64 ": %" PRIu64 " rows, %" PRIu64
		" of them in checkpoints",
		version_number(p->version), p->n_want, p->n_want - p->n_todo);
	tell_progress(b);
	if (p->n_todo)
		TRY(compute(b, f));
	TRY(job_check(b->job));
	TRY(fill_ready(b, f));
	TRY(job_check(b->job));
	return commit(b, f);
}

/* One more look at what is there; *ret_again: something was to be done. */
static struct err *next_pass(struct backfill *b, bool *ret_again)
{
	AUTO(version) struct version *v = NULL;
	TRY(table_refresh(b->table));
	v = table_latest(b->table);
	TRY(version_check_writable(v));
	pass_close(TAKE(b->pass));
	struct pass_spec spec = {.table = b->table,
				 .version = v,
				 .column = b->spec->column,
				 .where = b->spec->where,
				 .checkpoint = b->checkpoint};
	spec.udf_hash = b->udf->hash;
	spec.is_refresh = spec_refreshes(b->spec);
	spec.moved_since = b->first_version;
	if (!b->first_version)
		b->first_version = version_number(v);
	TRY(pass_open(&spec, &b->pass));
	struct filling f = {.table = b->table,
			    .udf_hash = b->udf->hash,
			    .checkpoint = b->checkpoint,
			    .pass = b->pass,
			    .keeps_failed = b->spec->on_error == ON_ERROR_SKIP,
			    .message = b->message};
	*ret_again = b->pass->n_want > 0;
	struct err *err = *ret_again ? run_pass(b, &f) : NULL;
	filling_fini(&f);
	b->n_before += atomic_exchange(&b->n_rows, 0);
	b->result.n_fragments += f.n_fragments;
	b->result.n_commits += f.n_commits;
	if (f.version)
		b->result.version = f.version;
	return err;
}

/* --- metadata --- */

static struct err *describe(struct backfill *b, const struct metadata_list *l)
{
	AUTO(version) struct version *v = table_latest(b->table);
	AUTO_MEM struct metadata_change *changes = NULL;
	struct udf_columns c = {0};
	TRY(mem_array(l->n, sizeof(*changes), &changes));
	for (size_t i = 0; i < l->n; i++)
		changes[i] =
			(struct metadata_change){l->items[i].key, l->items[i].value};
	TRY(udf_columns_find(v, b->spec->column, &c));
	struct err *err = NULL;
	for (size_t i = 0; i < c.n_outputs && !err; i++) {
		AUTO(version) struct version *after = NULL;
		err = table_describe_field(b->table, c.outputs[i]->name, changes, l->n,
					   &after);
		if (!err) {
			b->result.version = version_number(after);
			job_tell_version(b->job, b->result.version);
		}
	}
	udf_columns_fini(&c);
	return err;
}

/* The columns are another UDF's from now on. */
static struct err *repoint(struct backfill *b, const struct udf_columns *c)
{
	__attribute__((cleanup(metadata_list_fini))) struct metadata_list l = {0};
	if (strcmp(b->udf->hash, c->hash) == 0)
		return NULL;
	if (b->udf->n_outputs != c->n_outputs)
		return err_new(EINVAL,
			       "the UDF gives %zu values a row, and %zu columns are "
			       "computed together",
			       b->udf->n_outputs, c->n_outputs);
	TRY(udf_metadata(b->udf, c->inputs, c->n_inputs, &l));
	return describe(b, &l);
}

static struct err *describe_run(struct backfill *b, uint64_t version)
{
	__attribute__((cleanup(metadata_list_fini))) struct metadata_list l = {0};
	TRY(run_metadata(version, &l));
	return describe(b, &l);
}

/* --- the whole --- */

static struct err *run_passes(struct backfill *b)
{
	bool again = true;
	for (unsigned i = 0; again && i < MOST_PASSES; i++) {
		TRY(next_pass(b, &again));
		TRY(job_check(b->job));
	}
	if (again)
		job_log(b->job, "rows keep changing: what is left is for the next run");
	return b->result.n_commits ? describe_run(b, b->first_version) : NULL;
}

/* One run at a time over the columns of which this is the first. */
static struct err *lock_columns(struct backfill *b, int32_t field_id)
{
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *what = NULL;
	TRY(str_printf(&name, "_lancefs/checkpoints/column-%" PRId32 ".lock",
		       field_id));
	TRY(str_printf(&what, "job %" PRIu64 " is filling these columns",
		       job_id(b->job)));
	return job_lock_take(table_store(b->table), name, what, &b->lock);
}

static struct err *begin(struct backfill *b)
{
	AUTO(version) struct version *v = NULL;
	struct udf_columns c = {0};
	TRY(table_refresh(b->table));
	v = table_latest(b->table);
	TRY(version_check_writable(v));
	TRY(udf_columns_find(v, b->spec->column, &c));
	struct err *err = lock_columns(b, c.outputs[0]->id);
	if (!err)
		err = prepare(b, v, &c);
	if (!err)
		err = repoint(b, &c);
	udf_columns_fini(&c);
	return err;
}

struct err *backfill_run(struct table *t, const struct backfill_spec *spec,
			 struct job *job, struct backfill_result *ret)
{
	struct backfill b = {.table = t, .spec = spec, .job = job};
	struct err *err = begin(&b);
	if (!err)
		err = run_passes(&b);
	if (!err)
		checkpoint_remove(TAKE(b.checkpoint));
	b.result.n_rows = b.n_before + b.n_rows;
	b.result.n_failed = b.n_failed;
	*ret = b.result;
	fini(&b);
	return err;
}
