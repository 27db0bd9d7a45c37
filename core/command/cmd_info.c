// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_info.c: info, schema, history: looking at a table.
 */
#include "command/command_priv.h"

static const char *const version_options[] = {"version", NULL};

static struct err *run_info(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	TRY(pick_version(env, w, &v));
	return render_info(v, env->json, out);
}

const struct command cmd_info = {
	.name = "info",
	.usage = "info [--version=N]",
	.summary = "version, time, rows, columns, fragments, bytes",
	.options = version_options,
	.run = run_info,
};

static struct err *run_schema(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	TRY(pick_version(env, w, &v));
	return render_schema(v, env->json, out);
}

const struct command cmd_schema = {
	.name = "schema",
	.usage = "schema [--version=N]",
	.summary =
		"one column a line: name, type, nullable, field id, bytes, provenance",
	.options = version_options,
	.run = run_schema,
};

static struct err *run_history(const struct command_env *env, const struct words *w,
			       struct buf *out)
{
	(void)w;
	return render_history(env->table, version_number(env->version), env->json, out);
}

const struct command cmd_history = {
	.name = "history",
	.usage = "history",
	.summary =
		"one version a line, the newest first: what it did, and the one before",
	.run = run_history,
};
