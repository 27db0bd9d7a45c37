// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_udf.c: udf add, list, show, remove: functions that are programs.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <sys/stat.h>

/* --- add --- */

/* The last part of a path, without slashes behind it. */
static struct err *last_part(const char *path, char **ret)
{
	size_t end = strlen(path);
	while (end > 1 && path[end - 1] == '/')
		end--;
	size_t first = end;
	while (first && path[first - 1] != '/')
		first--;
	return str_dup_len(path + first, end - first, ret);
}

static struct err *add_path(const struct command_env *env, const char *path,
			    const struct udf_options *options, struct udf **ret)
{
	AUTO_FD int fd = -1;
	AUTO_MEM char *name = NULL;
	struct io_store *store = table_store(env->table);
	struct stat st;
	TRY(command_open_fd(env, path, &fd));
	TRY(last_part(path, &name));
	if (fstat(fd, &st) != 0)
		return err_errno(errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return udf_register_dir(store, fd, name, options, ret);
	return udf_register_file(store, fd, name, options, ret);
}

static struct err *run_add(const struct command_env *env, const struct words *w,
			   struct buf *out)
{
	AUTO(udf) struct udf *u = NULL;
	struct udf_options options = {
		.name = words_option(w, "name"),
		.shape = words_option(w, "shape"),
		.type = words_option(w, "type"),
		.is_unsandboxed = words_option(w, "no-sandbox"),
	};
	TRY(command_check_programs(env));
	TRY(add_path(env, w->args[1], &options, &u));
	udf_render(u, env->json, out);
	return NULL;
}

const struct command cmd_udf_add = {
	.name = "udf add",
	.usage = "udf add PATH [--name=NAME] [--shape=lines|arrow|files] [--type=TYPE] "
		 "[--no-sandbox]",
	.summary = "register a program, or a directory with udf.ini, as a function",
	.min_args = 1,
	.max_args = 1,
	.options = (const char *const[]){"name", "shape", "type", "no-sandbox", NULL},
	.run = run_add,
};

/* --- list --- */

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static void list_text(const char *name, const struct udf *u, const struct err *err,
		      struct buf *out)
{
	if (err)
		buf_printf(out, "%s\t-\t-\t%s\n", name, err->msg);
	else
		buf_printf(out, "%s\t%.12s\t%s\t%s\n", name, u->hash,
			   udf_shape_name(u->shape), u->command[0]);
}

static void list_json(const char *name, const struct udf *u, const struct err *err,
		      struct buf *out)
{
	if (!err) {
		udf_render(u, true, out);
		return;
	}
	buf_str(out, "{\"name\": ");
	buf_json_string(out, name, strlen(name));
	buf_str(out, ", \"error\": ");
	buf_json_string(out, err->msg, strlen(err->msg));
	buf_str(out, "}\n");
}

static struct err *run_list(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	char **names;
	size_t n;
	struct io_store *store = table_store(env->table);
	(void)w;
	TRY(udf_list(store, &names, &n));
	buf_str(out, env->json ? "[" : "");
	for (size_t i = 0; i < n; i++) {
		AUTO(udf) struct udf *u = NULL;
		/* a damaged one is shown as such, among the others */
		AUTO_ERR struct err *err = udf_load(store, names[i], &u);
		buf_str(out, env->json && i ? "," : "");
		(env->json ? list_json : list_text)(names[i], u, err, out);
	}
	buf_str(out, env->json ? "]\n" : "");
	free_names(names, n);
	return NULL;
}

const struct command cmd_udf_list = {
	.name = "udf list",
	.usage = "udf list",
	.summary = "the registered functions: name, hash, shape, command",
	.run = run_list,
};

/* --- show --- */

static struct err *run_show(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	AUTO(udf) struct udf *u = NULL;
	TRY(udf_load(table_store(env->table), w->args[1], &u));
	udf_render(u, env->json, out);
	return NULL;
}

const struct command cmd_udf_show = {
	.name = "udf show",
	.usage = "udf show NAME",
	.summary = "what is registered under a name, or as a bundle with a hash",
	.min_args = 1,
	.max_args = 1,
	.run = run_show,
};

/* --- remove --- */

struct err *command_remove_udf(struct table *t, const char *name, bool is_forced)
{
	AUTO(version) struct version *v = table_latest(t);
	AUTO_BUF struct buf columns = {0};
	for (size_t i = 0; !is_forced && i < version_n_fields(v); i++) {
		const struct field *f = version_field(v, i);
		const char *used = field_metadata(f, "virtual_column.udf_name");
		if (used && strcmp(used, name) == 0)
			buf_printf(&columns, "%s%s", columns.len ? ", " : "", f->name);
	}
	bool is_used = columns.len;
	buf_byte(&columns, 0);
	TRY(buf_check(&columns));
	if (is_used)
		return err_new(EBUSY,
			       "function '%s' makes the column%s %s; udf remove %s "
			       "--force forgets it nevertheless",
			       name, strchr((char *)columns.data, ',') ? "s" : "",
			       (char *)columns.data, name);
	return udf_remove(table_store(t), name);
}

static struct err *run_remove(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	const char *name = w->args[1];
	TRY(command_check_programs(env));
	TRY(command_remove_udf(env->table, name, words_option(w, "force") != NULL));
	buf_printf(out, "no function %s any more\n", name);
	return NULL;
}

const struct command cmd_udf_remove = {
	.name = "udf remove",
	.usage = "udf remove NAME [--force]",
	.summary = "forget a function; columns that it made stay, and so does its "
		   "bundle",
	.min_args = 1,
	.max_args = 1,
	.options = (const char *const[]){"force", NULL},
	.run = run_remove,
};
