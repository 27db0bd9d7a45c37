// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_add.c: add: columns computed from others.
 */
#include "command/udf_priv.h"

#include <errno.h>
#include <inttypes.h>

static void show_rows(void *ctx, uint64_t done, uint64_t total)
{
	const struct command_env *env = ctx;
	command_progress(env, "add", done, total);
}

static void tell(const struct words *w, const struct version *v, struct buf *out)
{
	size_t step = words_option(w, "udf") ? 1 : 2;
	buf_str(out, w->n_args > 1 + step ? "columns " : "column ");
	for (size_t i = 1; i < w->n_args; i += step)
		buf_printf(out, "%s%s", i > 1 ? ", " : "", w->args[i]);
	buf_printf(out, ": version %" PRIu64 " (undo: restore %" PRIu64 ")\n",
		   version_number(v), version_number(v) - 1);
}

static struct err *add_query(const struct command_env *env, const struct words *w,
			     const char *sql, struct type *type, struct version **ret)
{
	AUTO_SCOPE struct scope scope = {0};
	struct command_env copy = *env;
	if (w->n_args != 2 || words_option(w, "where") || words_option(w, "computed"))
		return err_new(EINVAL, "--query makes one column: add NAME --query=…");
	TRY(scope_of(env->version, &scope));
	struct query_env q = {&scope, env->name, command_find_scope, &copy};
	return column_add_query(env->table, env->version, &q, w->args[1], sql, type,
				ret);
}

static struct err *add_expressions(const struct command_env *env, const struct words *w,
				   struct type *type, struct version **ret)
{
	AUTO_MEM struct added_column *columns = NULL;
	struct command_env copy = *env;
	size_t n = (w->n_args - 1) / 2;
	if (w->n_args % 2 == 0)
		return err_new(EINVAL, "each NAME needs an expression; usage: %s",
			       cmd_add.usage);
	TRY(mem_array(n, sizeof(*columns), &columns));
	for (size_t i = 0; i < n; i++)
		columns[i] =
			(struct added_column){w->args[1 + i * 2], w->args[2 + i * 2]};
	struct add_spec spec = {.columns = columns,
				.n = n,
				.type = type,
				.where = words_option(w, "where"),
				.is_computed = words_option(w, "computed") != NULL,
				.progress = {show_rows, &copy}};
	return columns_add(env->table, env->version, &spec, ret);
}

static struct err *run_add(const struct command_env *env, const struct words *w,
			   struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	const char *said_type = words_option(w, "type");
	const char *sql = words_option(w, "query");
	if (said_type)
		TRY_CTX(type_parse(said_type, &type), "--type");
	if (words_option(w, "udf"))
		TRY(add_udf_columns(env, w, type, &v));
	else if (sql)
		TRY(add_query(env, w, sql, type, &v));
	else
		TRY(add_expressions(env, w, type, &v));
	tell(w, v, out);
	return NULL;
}

static const char *const add_options[] = {"type", "where",  "query",	     "computed",
					  "udf",  "inputs", "auto-backfill", NULL};

const struct command cmd_add = {
	.name = "add",
	.usage = "add NAME EXPRESSION [NAME EXPRESSION...] [--type=TYPE] "
		 "[--where=CONDITION] [--query=SELECT] [--computed]; or "
		 "add NAME... --udf=UDF [--inputs=COLUMN,...] [--auto-backfill]",
	.summary = "add columns computed from others by SQL expressions, or to be "
		   "computed by a UDF",
	.min_args = 1,
	.max_args = 2000,
	.is_long = true,
	.options = add_options,
	.run = run_add,
};

/* --- refresh --- */

static struct err *refresh_sql(const struct command_env *env, const char *const *names,
			       size_t n, struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	struct command_env copy = *env;
	struct job_progress progress = {show_rows, &copy};
	TRY(columns_refresh(env->table, env->version, names, n, &progress, &v));
	if (version_number(v) == version_number(env->version))
		buf_printf(out, "all values are right: version %" PRIu64 "\n",
			   version_number(v));
	else
		buf_printf(out,
			   "computed again: version %" PRIu64 " (undo: restore %" PRIu64
			   ")\n",
			   version_number(v), version_number(v) - 1);
	return NULL;
}

static bool is_named(const struct words *w, const char *name)
{
	for (size_t i = 1; i < w->n_args; i++)
		if (strcmp(w->args[i], name) == 0)
			return true;
	return w->n_args == 1;
}

/* The columns of one run once, and only if there is something to do. */
static struct err *refresh_udfs(const struct command_env *env, const struct words *w,
				struct buf *out)
{
	struct version *v = env->version;
	for (size_t i = 0; i < version_n_fields(v); i++) {
		struct field *f = version_field(v, i);
		struct udf_columns c = {0};
		if (!field_is_udf(f) || !is_named(w, f->name))
			continue;
		TRY(udf_columns_find(v, f->name, &c));
		bool is_first = c.outputs[0] == f;
		udf_columns_fini(&c);
		if (is_first || w->n_args > 1)
			TRY(refresh_udf(env, w, f, out));
	}
	return NULL;
}

static struct err *run_refresh(const struct command_env *env, const struct words *w,
			       struct buf *out)
{
	AUTO_MEM const char **names = NULL;
	size_t n = 0;
	TRY(mem_array(w->n_args, sizeof(*names), &names));
	for (size_t i = 1; i < w->n_args; i++) {
		const struct field *f = version_find_field(env->version, w->args[i]);
		if (!f || !field_is_udf(f))
			names[n++] = w->args[i];
	}
	if (n || w->n_args == 1)
		TRY(refresh_sql(env, n ? names : NULL, n, out));
	return refresh_udfs(env, w, out);
}

static const char *const refresh_options[] = {"no-sandbox", "workers", "on-error",
					      NULL};

const struct command cmd_refresh = {
	.name = "refresh",
	.usage = "refresh [NAME...] [--workers=N] [--on-error=fail|null|skip] "
		 "[--no-sandbox]",
	.summary = "compute what is missing or out of date in computed columns",
	.max_args = 10000,
	.is_long = true,
	.options = refresh_options,
	.run = run_refresh,
};
