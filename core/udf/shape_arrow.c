// SPDX-License-Identifier: Apache-2.0
/*
 * shape_arrow.c: Arrow IPC streams, both ways: a record batch for a record batch.
 *
 * Outputs are told by their place, and cast to the types that are wanted.  A last
 * column more than there are outputs, of the name _error and of text, says which rows
 * failed, and why.
 * Source: Arrow columnar format, "IPC Streaming Format".
 */
#include "udf/worker_priv.h"

#include <errno.h>
#include <inttypes.h>

/* A file is a stream between a magic, padded, and a footer. */
#define MAGIC_PADDED 8
#define ERROR_COLUMN "_error"

struct state {
	struct format_stream *out; /* owned */
	struct parser *in;	   /* owned */
	struct buf *to;		   /* where .out writes; borrowed for a call */
	size_t skip;		   /* bytes that .out writes and nobody wants */
};

static bool arrow_takes(const struct type *t)
{
	return format_renders_in_table(format_find("arrow"), t);
}

static bool arrow_gives(const struct type *t)
{
	return format_parses(format_find("arrow"), t);
}

static void forget(struct state *s)
{
	format_stream_close(TAKE(s->out));
	parser_close(TAKE(s->in));
}

static struct err *arrow_open(struct coder *c)
{
	struct state *s;
	TRY(mem_new(&s));
	c->state = s;
	return NULL;
}

static void arrow_close(struct coder *c)
{
	struct state *s = c->state;
	if (s)
		forget(s);
	free(s);
}

static struct err *write_out(void *ctx, const void *p, size_t len)
{
	struct state *s = ctx;
	size_t skip = MIN_OF(s->skip, len);
	s->skip -= skip;
	buf_append(s->to, (const uint8_t *)p + skip, len - skip);
	return buf_check(s->to);
}

/* --- values --- */

static struct err *read_errors(const struct array *rows, struct udf_answer *a)
{
	const struct array *errors = rows->children[rows->n_children - 1];
	for (uint64_t i = 0; i < rows->n_rows; i++) {
		AUTO_MEM char *text = NULL;
		uint64_t len;
		if (array_is_null(errors, i))
			continue;
		const uint8_t *p = array_var(errors, i, &len);
		TRY(str_dup_len(p, (size_t)MIN_OF(len, (uint64_t)4096), &text));
		TRY(answer_fail(a, i, text));
	}
	return NULL;
}

/* Nulls in the place of what it gave rows that failed. */
static struct err *drop_failed(const struct udf_answer *a, struct array **values)
{
	AUTO(array) struct array *null = NULL;
	AUTO(array) struct array *both = NULL;
	AUTO_MEM uint64_t *from = NULL;
	struct array *out;
	TRY(mem_array((size_t)a->n_rows, sizeof(*from), &from));
	TRY(array_new_null((*values)->type, 1, &null));
	TRY(array_concat((struct array *[]){*values, null}, 2, &both));
	for (uint64_t i = 0; i < a->n_rows; i++)
		from[i] = i;
	for (size_t i = 0; i < a->n_failed; i++)
		from[a->failed[i].row] = a->n_rows;
	TRY(array_take(both, from, a->n_rows, &out));
	array_unref(*values);
	*values = out;
	return NULL;
}

static struct err *check_columns(const struct udf_run *run, const struct type *t,
				 bool *ret_has_errors)
{
	size_t n = t->n_children;
	*ret_has_errors = n == run->n_outputs + 1 &&
			  strcmp(t->children[n - 1]->name, ERROR_COLUMN) == 0 &&
			  type_is_string(t->children[n - 1]->type->id);
	if (n - *ret_has_errors == run->n_outputs)
		return NULL;
	return err_new(EINVAL, "it answers with %zu columns, not %zu", n,
		       run->n_outputs);
}

static struct err *take_values(const struct udf_run *run, struct array *rows,
			       struct udf_answer *a)
{
	bool has_errors;
	TRY(check_columns(run, rows->type, &has_errors));
	for (size_t i = 0; i < run->n_outputs; i++) {
		struct array *values = rows->children[i];
		if (type_equal(values->type, run->outputs[i]))
			a->outputs[i] = array_ref(values);
		else
			TRY_CTX(array_cast(values, run->outputs[i], 0, &a->outputs[i]),
				"output %zu", i + 1);
	}
	if (has_errors)
		TRY(read_errors(rows, a));
	for (size_t i = 0; i < run->n_outputs && a->n_failed; i++)
		TRY(drop_failed(a, &a->outputs[i]));
	return NULL;
}

static struct err *take_batch(void *ctx, struct array *rows)
{
	struct coder *c = ctx;
	struct udf_answer a = {0};
	if (rows->n_rows != c->wanted)
		return err_new(EINVAL,
			       "it answers a batch of %" PRIu64 " rows with %" PRIu64,
			       c->wanted, rows->n_rows);
	struct err *err = answer_new(c->run, rows->n_rows, &a);
	if (!err)
		err = take_values(c->run, rows, &a);
	if (!err)
		return c->answer(c->ctx, &a);
	udf_answer_fini(&a);
	return err;
}

/* --- the streams --- */

static struct err *arrow_begin(struct coder *c, struct buf *out)
{
	struct state *s = c->state;
	struct stream_sink sink = {write_out, s};
	struct parse_options options = {.n_rows = PARSE_ANY_ROWS,
					.is_table = true,
					.name = "answer",
					.rows = take_batch,
					.ctx = c};
	forget(s);
	s->to = out;
	s->skip = MAGIC_PADDED;
	TRY(parser_open(format_find("arrow"), &options, &s->in));
	return format_stream_open(format_find("arrow"), c->run->inputs, &sink, &s->out);
}

static struct err *arrow_encode(struct coder *c, struct array *rows, struct buf *out)
{
	struct state *s = c->state;
	s->to = out;
	return format_stream_push(s->out, rows);
}

/* The end of a stream: a message of no length. */
static void arrow_end(struct buf *out)
{
	buf_u32le(out, UINT32_MAX);
	buf_u32le(out, 0);
}

static struct err *arrow_decode(struct coder *c, const uint8_t *p, size_t len)
{
	struct state *s = c->state;
	return parser_push(s->in, p, len);
}

static struct err *arrow_finish(struct coder *c)
{
	if (c->wanted)
		return err_new(EINVAL, "it ends before a batch of %" PRIu64 " rows",
			       c->wanted);
	return NULL;
}

const struct shape_ops shape_arrow = {
	.name = "arrow",
	.answers_batches = true,
	.takes = arrow_takes,
	.gives = arrow_gives,
	.open = arrow_open,
	.close = arrow_close,
	.begin = arrow_begin,
	.encode = arrow_encode,
	.end = arrow_end,
	.decode = arrow_decode,
	.finish = arrow_finish,
};
