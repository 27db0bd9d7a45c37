// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_query.c: query: the rows of a SELECT.
 */
#include "command/command_priv.h"

#include <errno.h>

struct answer {
	struct output output;
	const struct format_ops *format;
	struct format_stream *stream; /* owned */
};

/* --- the sink --- */

static struct err *begin(void *ctx, struct field *rows)
{
	struct answer *a = ctx;
	struct stream_sink sink = {output_write, &a->output};
	return format_stream_open(a->format, rows, &sink, &a->stream);
}

static struct err *take_rows(void *ctx, struct array *rows)
{
	struct answer *a = ctx;
	return format_stream_push(a->stream, rows);
}

static struct err *pick_format(const struct words *w, const struct format_ops **ret)
{
	const char *output = words_option(w, "output");
	const char *name = words_option(w, "format");
	const char *dot = output ? strrchr(output, '.') : NULL;
	if (!name)
		name = dot && format_find(dot + 1) ? dot + 1 : "csv";
	*ret = format_find(name);
	if (!*ret || !format_holds_tables(*ret))
		return err_new(EINVAL,
			       "rows are not written as '%s'; there are csv, jsonl, "
			       "arrow, txt",
			       name);
	return NULL;
}

static struct err *answer(const struct command_env *env, const char *sql,
			  struct answer *a)
{
	AUTO_SCOPE struct scope scope = {0};
	struct command_env copy = *env;
	struct query_sink sink = {begin, take_rows, a};
	TRY(scope_of(env->version, &scope));
	struct query_env q = {&scope, env->name, command_find_scope, &copy};
	TRY(query_run(&q, sql, &sink));
	return format_stream_finish(a->stream);
}

static struct err *run_query(const struct command_env *env, const struct words *w,
			     struct buf *out)
{
	struct answer a = {0};
	TRY(pick_format(w, &a.format));
	TRY(output_open(env, w, out, &a.output));
	struct err *err = answer(env, w->args[1], &a);
	format_stream_close(a.stream);
	return output_close(&a.output, err);
}

static const char *const options[] = {"format", "output", NULL};

const struct command cmd_query = {
	.name = "query",
	.usage = "query SELECT [--format=csv|jsonl|arrow|txt] [--output=FILE]",
	.summary = "the rows of a SELECT; the table is t, and its own name",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.options = options,
	.run = run_query,
};
