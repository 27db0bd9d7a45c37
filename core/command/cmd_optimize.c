// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_optimize.c: optimize: compact, and then cleanup, as one job.
 */
#include "command/command_priv.h"

/* Each has checked its own options, and answers in a line; both become one. */
static struct err *run_optimize(const struct command_env *env, const struct words *w,
				struct buf *out)
{
	AUTO_BUF struct buf first = {0};
	AUTO_BUF struct buf second = {0};
	TRY_CTX(cmd_compact.run(env, w, &first), "compact");
	TRY_CTX(cmd_cleanup.run(env, w, &second), "cleanup");
	TRY(buf_check(&first));
	TRY(buf_check(&second));
	if (!env->json) {
		buf_append(out, first.data, first.len - 1); /* but its newline */
		buf_str(out, "; ");
		buf_append(out, second.data, second.len);
		return NULL;
	}
	buf_str(out, "{\"compact\":");
	buf_append(out, first.data, first.len - 1);
	buf_str(out, ",\"cleanup\":");
	buf_append(out, second.data, second.len - 1);
	buf_str(out, "}\n");
	return NULL;
}

static struct err *check_optimize(const struct command_env *env, const struct words *w)
{
	TRY(cmd_compact.check(env, w));
	return cmd_cleanup.check(env, w);
}

static const char *const optimize_words[] = {"target-rows", "target-bytes",
					     "max-deleted", "max-files",
					     "columns",	    "older-than",
					     "keep",	    "unreferenced-older-than",
					     "dry-run",	    NULL};

const struct command cmd_optimize = {
	.name = "optimize",
	.usage = "optimize [--target-rows=1048576] [--target-bytes=4G] "
		 "[--max-deleted=0.1] [--max-files=8] [--columns] [--older-than=14d] "
		 "[--keep=N] [--unreferenced-older-than=7d] [--dry-run]",
	.summary = "compact, then cleanup",
	.is_long = true,
	.is_job = true,
	.cleans_up = true,
	.check = check_optimize,
	.options = optimize_words,
	.run = run_optimize,
};
