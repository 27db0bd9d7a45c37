// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_verify.c: verify and diff: is the table sound, what changed.
 */
#include "command/udf_priv.h"

#include <errno.h>
#include <inttypes.h>

static void put_problem(void *ctx, const char *text)
{
	struct buf *out = ctx;
	buf_str(out, "problem: ");
	buf_str(out, text);
	buf_byte(out, '\n');
}

static void put_note(void *ctx, const char *file)
{
	struct buf *out = ctx;
	buf_str(out, "note: data/");
	buf_str(out, file);
	buf_str(out, " belongs to no version: a write in progress, or left by one that "
		     "was broken off\n");
}

/* The columns that are computed together, once. */
static struct err *recompute_column(const struct recompute_spec *spec,
				    struct version *v, const struct field *f,
				    uint64_t *wrong, struct buf *out)
{
	struct udf_columns c = {0};
	uint64_t n, n_wrong;
	TRY(udf_columns_find(v, f->name, &c));
	bool is_first = c.outputs[0] == f;
	udf_columns_fini(&c);
	if (!is_first)
		return NULL;
	TRY(udf_recompute(spec, v, f->name, &n, &n_wrong));
	buf_printf(out,
		   "column %s: %" PRIu64 " row%s computed again, %" PRIu64
		   " value%s differ%s\n",
		   f->name, n, n == 1 ? "" : "s", n_wrong, n_wrong == 1 ? "" : "s",
		   n_wrong == 1 ? "s" : "");
	*wrong += n_wrong;
	return NULL;
}

static struct err *recompute(const struct command_env *env, const struct words *w,
			     struct version *v, struct buf *out)
{
	AUTO_MEM char *dataset = NULL;
	const char *text = words_option(w, "recompute");
	uint64_t wrong = 0;
	struct recompute_spec spec = {
		.table = env->table,
		.most_told = 20,
		.limits = {.timeout_ns = BACKFILL_TIMEOUT_NS,
			   .is_unsandboxed = words_option(w, "no-sandbox") != NULL},
		.found = put_problem,
		.ctx = out};
	if (!str_to_u64(text, &spec.n_rows) || !spec.n_rows)
		return err_new(EINVAL, "--recompute=%s: a number of rows", text);
	TRY(command_check_programs(env));
	TRY(hide_dataset(env, &spec.limits, &dataset));
	for (size_t i = 0; i < version_n_fields(v); i++)
		if (field_is_udf(version_field(v, i)))
			TRY(recompute_column(&spec, v, version_field(v, i), &wrong,
					     out));
	if (wrong)
		return err_new(EIO, "%" PRIu64 " value%s not what the UDF gives", wrong,
			       wrong == 1 ? " is" : "s are");
	return NULL;
}

static struct err *run_verify(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	uint64_t n;
	struct verify_options options = {
		.is_deep = words_option(w, "deep") != NULL,
		.found = put_problem,
		.note = put_note,
		.ctx = out,
	};
	TRY(pick_version(env, w, &v));
	TRY(version_verify(v, &options, &n));
	if (n)
		return err_new(EIO, "version %" PRIu64 " has %" PRIu64 " problem%s",
			       version_number(v), n, n == 1 ? "" : "s");
	buf_printf(out,
		   "version %" PRIu64 ": %zu fragments, %" PRIu64 " rows%s: sound\n",
		   version_number(v), version_n_fragments(v), version_rows(v),
		   options.is_deep ? ", every value decoded" : "");
	return words_option(w, "recompute") ? recompute(env, w, v, out) : NULL;
}

static const char *const verify_options[] = {"deep", "version", "recompute",
					     "no-sandbox", NULL};

const struct command cmd_verify = {
	.name = "verify",
	.usage = "verify [--deep] [--version=N] [--recompute=ROWS] [--no-sandbox]",
	.summary = "check a version against its files; --deep decodes every value, "
		   "--recompute runs UDFs on some rows again",
	.options = verify_options,
	.is_long = true,
	.run = run_verify,
};

static struct err *numbered(const struct command_env *env, const char *text,
			    struct version **ret)
{
	uint64_t number;
	if (!str_to_u64(text, &number))
		return err_new(EINVAL, "'%s' is not a version number", text);
	return table_version(env->table, number, ret);
}

static struct err *run_diff(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	AUTO(version) struct version *from = NULL;
	AUTO(version) struct version *to = NULL;
	TRY(numbered(env, w->args[1], &from));
	TRY(numbered(env, w->args[2], &to));
	return render_diff(from, to, out);
}

const struct command cmd_diff = {
	.name = "diff",
	.usage = "diff A B",
	.summary = "what changed from version A to version B",
	.min_args = 2,
	.max_args = 2,
	.run = run_diff,
};
