// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_put.c: put, append and join: the drop directories columns/, append/ and joins/ as
 * commands.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

#define CHUNK_BYTES ((size_t)1 << 20)

static struct err *push_file(const struct command_env *env,
			     const struct command_file *f, const char *name,
			     struct import *im)
{
	AUTO_MEM uint8_t *chunk = NULL;
	TRY(mem_array(CHUNK_BYTES, 1, &chunk));
	for (uint64_t off = 0;;) {
		size_t n;
		TRY(f->read(f->ctx, off, CHUNK_BYTES, chunk, &n));
		if (n == 0)
			return NULL;
		TRY(import_push(im, chunk, n));
		off += n;
		if (env->progress)
			env->progress(env->ctx, name, off, f->size);
	}
}

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');
	return slash ? slash + 1 : file;
}

/* All of a file, as spec says; ret as import_commit. */
static struct err *import_file(const struct command_env *env, const char *file,
			       const struct import_spec *spec, struct version **ret)
{
	AUTO(import) struct import *im = NULL;
	AUTO_FILE struct command_file f = {0};
	TRY(command_open(env, file, &f));
	TRY(import_open(env->table, env->version, spec, &im));
	TRY(push_file(env, &f, file, im));
	struct import_bytes bytes = {f.read, f.ctx};
	return import_commit(TAKE(im), &bytes, ret);
}

static void tell(const struct command_env *env, const char *what,
		 const struct version *v, struct buf *out)
{
	if (version_number(v) == version_number(env->version))
		buf_printf(out, "%s is unchanged: version %" PRIu64 "\n", what,
			   version_number(v));
	else
		buf_printf(out, "%s: version %" PRIu64 " (undo: restore %" PRIu64 ")\n",
			   what, version_number(v), version_number(v) - 1);
}

/* --- put --- */

/* A table file's own name may hold dots that mean nothing. */
static struct err *parse_file_name(const struct command_env *env, const char *text,
				   char **name, struct type **type,
				   const struct format_ops **format)
{
	struct err *err = column_file_parse(env->version, text, name, type, format);
	const char *dot = strrchr(text, '.');
	const struct format_ops *f = dot ? format_find(dot + 1) : NULL;
	if (!err || !f || !format_parses_tables(f))
		return err;
	err_free(err); /* its columns have names */
	*format = f;
	return str_dup_len(text, (size_t)(dot - text), name);
}

/* The column's name and type: the file's name, overridden by options. */
static struct err *put_spec(const struct command_env *env, const struct words *w,
			    char **name, struct type **type, struct import_spec *spec)
{
	const char *said_name = words_option(w, "name");
	const char *said_type = words_option(w, "type");
	TRY(parse_file_name(env, spec->text, name, type, &spec->format));
	if (said_name) {
		free(TAKE(*name));
		TRY(str_dup(said_name, name));
	}
	if (said_type) {
		type_unref(TAKE(*type));
		TRY_CTX(type_parse(said_type, type), "--type");
	}
	spec->name = *name;
	spec->type = *type;
	bool is_column = said_name || *type || !format_parses_tables(spec->format);
	spec->kind = is_column ? IMPORT_COLUMN : IMPORT_COLUMNS;
	return NULL;
}

static bool came_from(const struct field *f, const char *text, const char *version)
{
	const char *from = field_metadata(f, "lancefs:text");
	const char *on = field_metadata(f, "lancefs:version");
	return from && on && !strcmp(from, text) && !strcmp(on, version);
}

/* The columns that came in v, for the reply: "column a", "columns a, b". */
static struct err *list_columns(const struct command_env *env, const struct version *v,
				const char *text, char **ret)
{
	AUTO_BUF struct buf names = {0};
	unsigned n = 0;
	char base[24];
	snprintf(base, sizeof(base), "%" PRIu64, version_number(env->version));
	for (size_t i = 0; i < version_n_fields(v); i++) {
		const struct field *f = version_field(v, i);
		if (came_from(f, text, base))
			buf_printf(&names, "%s%s", n++ ? ", " : "", f->name);
	}
	buf_byte(&names, 0);
	TRY(buf_check(&names));
	if (n == 0)
		return str_printf(ret, "each column of %s", text);
	return str_printf(ret, "column%s %s", n > 1 ? "s" : "", (char *)names.data);
}

static struct err *run_put(const struct command_env *env, const struct words *w,
			   struct buf *out)
{
	const char *file = w->args[1];
	AUTO(type) struct type *type = NULL;
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *what = NULL;
	struct import_spec spec = {.text = base_name(file)};
	TRY(put_spec(env, w, &name, &type, &spec));
	TRY(import_file(env, file, &spec, &v));
	if (spec.kind == IMPORT_COLUMN)
		TRY(str_printf(&what, "column %s", name));
	else
		TRY(list_columns(env, v, spec.text, &what));
	tell(env, what, v, out);
	return NULL;
}

static const char *const put_options[] = {"name", "type", NULL};

const struct command cmd_put = {
	.name = "put",
	.usage = "put FILE [--name=NAME] [--type=TYPE]",
	.summary = "a file becomes a column; of a csv, jsonl or arrow file each column",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.options = put_options,
	.run = run_put,
};

/* --- append --- */

static struct err *run_append(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	const char *file = w->args[1];
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *what = NULL;
	struct import_spec spec = {
		.kind = IMPORT_ROWS,
		.name = base_name(file),
		.text = base_name(file),
	};
	TRY(rows_file_parse(spec.text, &spec.format));
	TRY(import_file(env, file, &spec, &v));
	TRY(str_printf(&what, "appended %s", spec.text));
	tell(env, what, v, out);
	return NULL;
}

const struct command cmd_append = {
	.name = "append",
	.usage = "append FILE",
	.summary = "the rows of a csv, jsonl or arrow file; columns it lacks are null",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.run = run_append,
};

/* --- join --- */

static struct err *parse_missing(const char *text, enum join_missing *ret)
{
	static const char *const names[] = {
		[JOIN_MISSING_NULL] = "null",
		[JOIN_MISSING_CARRY] = "carry",
		[JOIN_MISSING_ERROR] = "error",
	};
	*ret = JOIN_MISSING_DEFAULT;
	for (size_t i = 1; text && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			*ret = (enum join_missing)i;
	if (text && *ret == JOIN_MISSING_DEFAULT)
		return err_new(EINVAL, "--on-missing is null, carry or error, not '%s'",
			       text);
	return NULL;
}

static struct err *join_spec(const struct command_env *env, const struct words *w,
			     struct import_spec *ret)
{
	const char *key = words_option(w, "on");
	if (!key)
		return err_new(EINVAL, "--on=KEY says which column to join on");
	TRY(rows_file_parse(ret->text, &ret->format));
	if (!version_system_field(env->version, key))
		TRY(find_column(env->version, key, &ret->join.key));
	TRY(join_key(env->version, key, &ret->join.key));
	return parse_missing(words_option(w, "on-missing"), &ret->join.on_missing);
}

static void tell_counts(const struct join_counts *c, struct buf *out)
{
	buf_printf(out,
		   "rows matched: %" PRIu64 "\nrows without a match: %" PRIu64 "\n",
		   c->n_matched, c->n_unmatched);
	buf_printf(out, "keys of the file not used: %" PRIu64 "\n", c->n_unused);
	if (c->n_keyless)
		buf_printf(out, "rows of the file without a key: %" PRIu64 "\n",
			   c->n_keyless);
}

static struct err *run_join(const struct command_env *env, const struct words *w,
			    struct buf *out)
{
	const char *file = w->args[1];
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *text = NULL;
	AUTO_MEM char *what = NULL;
	struct join_counts counts = {0};
	struct import_spec spec = {
		.kind = IMPORT_JOIN,
		.name = base_name(file),
		.text = base_name(file),
		.join.counts = &counts,
	};
	TRY(join_spec(env, w, &spec));
	TRY(import_file(env, file, &spec, &v));
	TRY(str_printf(&text, "%s on %s", spec.text, spec.join.key->name));
	TRY(list_columns(env, v, text, &what));
	tell(env, what, v, out);
	tell_counts(&counts, out);
	return NULL;
}

static const char *const join_options[] = {"on", "on-missing", NULL};

const struct command cmd_join = {
	.name = "join",
	.usage = "join FILE --on=KEY [--on-missing=null|carry|error]",
	.summary = "columns of a csv, jsonl or arrow file, by the values of column KEY",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.options = join_options,
	.run = run_join,
};
