// SPDX-License-Identifier: Apache-2.0
/*
 * tables.c: what a SELECT names beside its own table: tables of the same database, and
 * files of rows.
 */
#include "command/command_priv.h"

#include <errno.h>

/* Rows of a file are kept in memory. */
#define FILE_BYTES ((uint64_t)1 << 30)

static struct err *file_scope(const struct command_env *env, const char *name,
			      const struct format_ops *format, struct scope *ret)
{
	AUTO_FILE struct command_file f = {0};
	AUTO(array) struct array *rows = NULL;
	TRY(command_open(env, name, &f));
	struct import_bytes bytes = {f.read, f.ctx};
	TRY_CTX(rows_file_load(format, &bytes, FILE_BYTES, &rows), "%s", name);
	return scope_of_array(rows, ret);
}

/* NAME.lance in the directory that the dataset lies in. */
static struct err *open_beside(const struct command_env *env, const char *name,
			       struct table **ret)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO_MEM char *path = NULL;
	size_t len = strlen(env->dataset);
	while (len && env->dataset[len - 1] == '/')
		len--;
	while (len && env->dataset[len - 1] != '/')
		len--;
	if (strchr(name, '/'))
		return NULL;
	TRY(str_printf(&path, "%.*s%s.lance", (int)len, env->dataset, name));
	struct err *err = io_store_open_local(path, &store);
	if (!err)
		err = table_open_with(
			store,
			&(struct table_options){.log = env->log, .roots = env->roots},
			ret);
	if (!err || err->code != ENOENT)
		return err;
	err_free(err); /* there is no such table */
	return NULL;
}

static struct err *table_scope(struct table **t, struct scope *ret)
{
	AUTO(version) struct version *v = table_latest(*t);
	TRY(scope_of(v, ret));
	ret->table = TAKE(*t);
	return NULL;
}

struct err *command_find_scope(void *ctx, const char *name, struct scope *ret,
			       bool *ret_found)
{
	const struct command_env *env = ctx;
	AUTO(table) struct table *t = NULL;
	const char *dot = strrchr(name, '.');
	const struct format_ops *format = dot ? format_find(dot + 1) : NULL;
	*ret_found = true;
	if (format && format_parses_tables(format))
		return file_scope(env, name, format, ret);
	if (env->find_table)
		TRY(env->find_table(env->ctx, name, &t));
	else if (env->dataset)
		TRY(open_beside(env, name, &t));
	if (t)
		return table_scope(&t, ret);
	*ret_found = false;
	return NULL;
}
