// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_backfill.c: backfill: the values of a UDF's columns.
 */
#include "command/udf_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

/* --- options --- */

static struct err *parse_small(const struct words *w, const char *name, uint64_t least,
			       unsigned *ret)
{
	uint64_t n = *ret;
	TRY(option_count(w, name, least, &n));
	if (n > 4096)
		return err_new(EINVAL, "--%s=%" PRIu64 ": that is too many", name, n);
	*ret = (unsigned)n;
	return NULL;
}

static struct err *parse_limits(const struct words *w, struct udf_limits *l)
{
	l->timeout_ns = BACKFILL_TIMEOUT_NS;
	l->is_unsandboxed = words_option(w, "no-sandbox") != NULL;
	TRY(option_time(w, "timeout", &l->timeout_ns));
	return option_bytes(w, "memory", &l->memory);
}

static struct err *check_engine(const struct words *w)
{
	const char *engine = words_option(w, "engine");
	if (engine && strcmp(engine, "local") != 0)
		return err_new(EINVAL, "--engine=%s: there is local", engine);
	return NULL;
}

static struct err *parse_batches(const struct words *w, struct backfill_spec *s)
{
	TRY(option_count(w, "batch", 1, &s->max_batch));
	TRY(option_count(w, "min-batch", 1, &s->min_batch));
	if (s->max_batch && s->min_batch > s->max_batch)
		return err_new(EINVAL, "--min-batch is more than --batch");
	TRY(option_count(w, "checkpoint", 1, &s->checkpoint_rows));
	return option_count(w, "commit-every", 1, &s->commit_fragments);
}

struct err *backfill_options(const struct words *w, struct backfill_spec *s)
{
	const char *on_error = words_option(w, "on-error");
	*s = (struct backfill_spec){.where = words_option(w, "where"),
				    .is_refresh = words_option(w, "stale") != NULL,
				    .retries = BACKFILL_RETRIES,
				    .max_skip = UINT64_MAX};
	if (s->where && s->is_refresh)
		return err_new(EINVAL, "--stale says which rows; --where as well");
	TRY(check_engine(w));
	TRY(parse_batches(w, s));
	TRY(parse_small(w, "workers", 1, &s->n_workers));
	TRY(parse_small(w, "retries", 0, &s->retries));
	TRY(parse_small(w, "gpus", 0, &s->gpus));
	TRY(option_count(w, "max-skip", 0, &s->max_skip));
	TRY(parse_limits(w, &s->limits));
	return on_error ? on_error_parse(on_error, &s->on_error) : NULL;
}

struct err *hide_dataset(const struct command_env *env, struct udf_limits *l,
			 char **own)
{
	TRY(io_store_real_path(table_store(env->table), own));
	l->hidden[0] = *own;
	l->hidden[1] = env->mountpoint;
	return NULL;
}

/* --- running --- */

static void put_rows(struct buf *out, uint64_t n, const char *what)
{
	buf_printf(out, "%" PRIu64 " row%s %s", n, n == 1 ? "" : "s", what);
}

static void tell(const char *column, const struct backfill_result *r, uint64_t job,
		 struct buf *out)
{
	buf_printf(out, "%s: ", column);
	put_rows(out, r->n_rows, "computed");
	if (r->n_found) {
		buf_str(out, ", ");
		put_rows(out, r->n_found, "found in checkpoints");
	}
	if (r->n_failed) {
		buf_str(out, ", ");
		put_rows(out, r->n_failed, "without a value");
		buf_printf(out, " (see jobs/%" PRIu64 "/errors.tsv)", job);
	}
	buf_printf(out, ", %" PRIu64 " fragment%s in %" PRIu64 " commit%s",
		   r->n_fragments, r->n_fragments == 1 ? "" : "s", r->n_commits,
		   r->n_commits == 1 ? "" : "s");
	if (r->version)
		buf_printf(out, ": version %" PRIu64, r->version);
	buf_byte(out, '\n');
}

static struct err *run_spec(const struct command_env *env, const struct words *w,
			    const struct backfill_spec *spec, struct buf *out)
{
	struct backfill_result result;
	if (words_option(w, "dry-run"))
		return backfill_plan(env->table, spec, out);
	TRY(backfill_run(env->table, spec, env->job, &result));
	tell(spec->column, &result, job_id(env->job), out);
	if (result.n_failed && env->is_partial)
		*env->is_partial = true;
	return NULL;
}

static struct err *run_backfill(const struct command_env *env, const struct words *w,
				struct buf *out)
{
	AUTO(udf) struct udf *u = NULL;
	AUTO_MEM char *dataset = NULL;
	struct backfill_spec spec;
	const char *name = words_option(w, "udf");
	TRY(backfill_options(w, &spec));
	spec.column = w->args[1];
	if (name)
		TRY(udf_load(table_store(env->table), name, &u));
	spec.udf = u;
	TRY(hide_dataset(env, &spec.limits, &dataset));
	return run_spec(env, w, &spec, out);
}

/* What need not wait for a job to fail. */
static struct err *check_backfill(const struct command_env *env, const struct words *w)
{
	struct backfill_spec spec;
	struct udf_columns c = {0};
	AUTO(udf) struct udf *u = NULL;
	AUTO_SCOPE struct scope scope = {0};
	AUTO(expr) struct expr *filter = NULL;
	const char *name = words_option(w, "udf");
	TRY(command_check_programs(env));
	TRY(backfill_options(w, &spec));
	TRY(version_check_writable(env->version));
	TRY(udf_columns_find(env->version, w->args[1], &c));
	struct err *err = udf_load(table_store(env->table), name ? name : c.hash, &u);
	udf_columns_fini(&c);
	TRY(err);
	TRY(scope_of(env->version, &scope));
	if (spec.where)
		TRY_CTX(scope_compile(&scope, spec.where, EXPR_FILTER, &filter),
			"--where");
	return spec.limits.is_unsandboxed ? NULL : udf_check_sandbox();
}

static const char *const backfill_words[] = {
	"where",   "udf",	   "workers",	 "batch",    "min-batch", "checkpoint",
	"retries", "commit-every", "on-error",	 "max-skip", "timeout",	  "memory",
	"gpus",	   "engine",	   "no-sandbox", "dry-run",  "stale",	  NULL};

const struct command cmd_backfill = {
	.name = "backfill",
	.usage =
		"backfill NAME [--where=CONDITION] [--stale] [--udf=UDF] [--workers=N] "
		"[--batch=ROWS] [--min-batch=ROWS] [--checkpoint=ROWS] "
		"[--commit-every=FRAGMENTS] [--retries=N] [--on-error=fail|null|skip] "
		"[--max-skip=N] [--timeout=TIME] [--memory=BYTES] [--gpus=N] "
		"[--engine=local] [--no-sandbox] [--dry-run]",
	.summary = "compute the values of a column that a UDF makes",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.is_job = true,
	.check = check_backfill,
	.options = backfill_words,
	.run = run_backfill,
};
