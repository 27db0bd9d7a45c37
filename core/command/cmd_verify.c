// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_verify.c: verify and diff: is the table sound, what changed.
 */
#include "command/command_priv.h"

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
	return NULL;
}

static const char *const verify_options[] = {"deep", "version", NULL};

const struct command cmd_verify = {
	.name = "verify",
	.usage = "verify [--deep] [--version=N]",
	.summary = "check a version against its files; --deep decodes every value",
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
