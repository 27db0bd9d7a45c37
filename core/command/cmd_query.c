// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_query.c: query: the rows of a SELECT.
 */
#include "command/command_priv.h"

#include <errno.h>

struct answer {
	struct output output;
	const struct format_ops *format; /* NULL: txt */
	struct format_stream *stream;	 /* owned */
};

/* --- txt: values separated by tabs, without a header --- */

static struct err *put_lines(struct array *rows, struct answer *a)
{
	AUTO_BUF struct buf line = {0};
	struct buf *columns;
	const uint8_t **at;
	struct err *err = mem_array(rows->n_children, sizeof(*columns), &columns);
	TRY(err);
	err = mem_array(rows->n_children, sizeof(*at), &at);
	for (size_t i = 0; i < rows->n_children && !err; i++) {
		err = text_render(rows->children[i], &columns[i]);
		at[i] = columns[i].data;
	}
	for (uint64_t row = 0; row < rows->n_rows && !err; row++) {
		for (size_t i = 0; i < rows->n_children; i++) {
			const uint8_t *end = rawmemchr(at[i], '\n');
			buf_append(&line, at[i], (size_t)(end - at[i]));
			buf_byte(&line, i + 1 < rows->n_children ? '\t' : '\n');
			at[i] = end + 1;
		}
	}
	if (!err)
		err = buf_check(&line);
	if (!err)
		err = output_write(&a->output, line.data, line.len);
	for (size_t i = 0; i < rows->n_children; i++)
		buf_fini(&columns[i]);
	free(columns);
	free(at);
	return err;
}

/* --- the sink --- */

static struct err *begin(void *ctx, struct field *rows)
{
	struct answer *a = ctx;
	struct stream_sink sink = {output_write, &a->output};
	return a->format ? format_stream_open(a->format, rows, &sink, &a->stream)
			 : NULL;
}

static struct err *take_rows(void *ctx, struct array *rows)
{
	struct answer *a = ctx;
	return a->stream ? format_stream_push(a->stream, rows) : put_lines(rows, a);
}

static struct err *pick_format(const struct words *w, const struct format_ops **ret)
{
	const char *output = words_option(w, "output");
	const char *name = words_option(w, "format");
	const char *dot = output ? strrchr(output, '.') : NULL;
	if (!name)
		name = dot && format_find(dot + 1) ? dot + 1 : "csv";
	*ret = format_find(name);
	if (strcmp(name, "txt") == 0)
		*ret = NULL;
	else if (!*ret || !format_parses_tables(*ret))
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
	return a->stream ? format_stream_finish(a->stream) : NULL;
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
