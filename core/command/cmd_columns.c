// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_columns.c: rename, cast, drop, describe: columns that are there change.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

#define MAX_COLUMNS 10000

/* A name that is no path is checked first, for a better message. */
static struct err *check_column(const struct command_env *env, const char *path)
{
	struct field *unused;
	return strchr(path, '.') ? NULL : find_column(env->version, path, &unused);
}

static void tell(const struct command_env *env, const struct version *v,
		 struct buf *out)
{
	if (version_number(v) == version_number(env->version))
		buf_str(out, "nothing changed\n");
	else
		buf_printf(out, "version %" PRIu64 " (undo: restore %" PRIu64 ")\n",
			   version_number(v), version_number(v) - 1);
}

/* --- rename --- */

static struct err *run_rename(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	const char *from = w->args[1], *to = w->args[2];
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *message = NULL;
	TRY(check_column(env, from));
	TRY(str_printf(&message, "column %s is called %s now", from, to));
	TRY(table_rename_field(env->table, from, to, message, &v));
	buf_printf(out, "%s: ", message);
	tell(env, v, out);
	return NULL;
}

const struct command cmd_rename = {
	.name = "rename",
	.usage = "rename COLUMN NAME",
	.summary = "call a column, or a member A.B of a struct, NAME",
	.min_args = 2,
	.max_args = 2,
	.run = run_rename,
};

/* --- cast --- */

static void show_rows(void *ctx, uint64_t done, uint64_t total)
{
	const struct command_env *env = ctx;
	command_progress(env, "cast", done, total);
}

static struct err *run_cast(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	AUTO_MEM char *name = NULL;
	struct field *f;
	struct command_env copy = *env;
	struct job_progress progress = {show_rows, &copy};
	TRY(find_column(env->version, w->args[1], &f));
	TRY(type_parse(w->args[2], &type));
	TRY(type_format(type, &name));
	if (type_equal(f->type, type))
		v = version_ref(env->version);
	else
		TRY_CTX(column_cast(env->table, env->version, f, type, &progress, &v),
			"column '%s'", f->name);
	buf_printf(out, "column %s is %s: ", w->args[1], name);
	tell(env, v, out);
	return NULL;
}

const struct command cmd_cast = {
	.name = "cast",
	.usage = "cast COLUMN TYPE",
	.summary = "give a column another type; a value that does not fit is an error",
	.min_args = 2,
	.max_args = 2,
	.is_long = true,
	.run = run_cast,
};

/* --- drop --- */

static struct err *join_names(const struct words *w, char **ret)
{
	AUTO_BUF struct buf out = {0};
	for (size_t i = 1; i < w->n_args; i++)
		buf_printf(&out, "%s%s", i > 1 ? ", " : "", w->args[i]);
	return buf_take_str(&out, ret);
}

static struct err *run_drop(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *names = NULL;
	AUTO_MEM char *message = NULL;
	for (size_t i = 1; i < w->n_args; i++)
		TRY(check_column(env, w->args[i]));
	TRY(join_names(w, &names));
	TRY(str_printf(&message, "dropped %s", names));
	TRY(table_drop_fields(env->table, (const char *const *)w->args + 1,
			      w->n_args - 1, message, &v));
	buf_printf(out, "%s: ", message);
	tell(env, v, out);
	return NULL;
}

const struct command cmd_drop = {
	.name = "drop",
	.usage = "drop COLUMN...",
	.summary = "drop columns, or members A.B of structs; old versions keep them",
	.min_args = 1,
	.max_args = MAX_COLUMNS,
	.run = run_drop,
};

/* --- describe --- */

/* KEY=VALUE, cut in two; KEY= removes the key. */
static struct err *split_pair(char *word, struct metadata_change *ret)
{
	char *equals = strchr(word, '=');
	if (!equals || equals == word)
		return err_new(EINVAL, "'%s': want KEY=VALUE, or KEY= to remove a key",
			       word);
	*equals = 0;
	*ret = (struct metadata_change){word, equals[1] ? equals + 1 : NULL};
	return NULL;
}

static struct err *run_describe(const struct command_env *env, const struct words *w,
				struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO_MEM struct metadata_change *changes = NULL;
	size_t n = w->n_args - 2;
	TRY(check_column(env, w->args[1]));
	TRY(mem_array(n, sizeof(*changes), &changes));
	for (size_t i = 0; i < n; i++)
		TRY(split_pair(w->args[i + 2], &changes[i]));
	TRY(table_describe_field(env->table, w->args[1], changes, n, &v));
	buf_printf(out, "column %s: ", w->args[1]);
	tell(env, v, out);
	return NULL;
}

const struct command cmd_describe = {
	.name = "describe",
	.usage = "describe COLUMN KEY=VALUE...",
	.summary = "set metadata of a column; KEY= removes it",
	.min_args = 2,
	.max_args = MAX_COLUMNS,
	.run = run_describe,
};
