// SPDX-License-Identifier: Apache-2.0
/*
 * shape_lines.c: a line a row, both ways: what awk and sed take.
 */
#include "udf/lines_priv.h"

static bool lines_take(const struct type *t)
{
	return text_fits(t);
}

static struct err *lines_open(struct coder *c)
{
	struct line_reader *r;
	TRY(mem_new(&r));
	c->state = r;
	return line_reader_open(r, c->run);
}

static void lines_close(struct coder *c)
{
	struct line_reader *r = c->state;
	if (r)
		line_reader_close(r);
	free(r);
}

static struct err *lines_begin(struct coder *c, struct buf *out)
{
	(void)out;
	line_reader_begin(c->state);
	return NULL;
}

static struct err *to_buf(void *ctx, const void *p, size_t len)
{
	struct buf *out = ctx;
	buf_append(out, p, len);
	return buf_check(out);
}

static struct err *lines_encode(struct coder *c, struct array *rows, struct buf *out)
{
	AUTO(format_stream) struct format_stream *s = NULL;
	struct stream_sink sink = {to_buf, out};
	if (rows->n_children == 1 &&
	    type_equal(rows->children[0]->type,
		       c->run->inputs->type->children[0]->type) &&
	    type_is_string(rows->children[0]->type->id))
		return text_render(rows->children[0], out);
	TRY(format_stream_open(format_find("txt"), c->run->inputs, &sink, &s));
	return format_stream_push(s, rows);
}

static struct err *lines_decode(struct coder *c, const uint8_t *p, size_t len)
{
	return line_reader_push(c->state, c, p, len);
}

static struct err *lines_finish(struct coder *c)
{
	return line_reader_finish(c->state, c);
}

const struct shape_ops shape_lines = {
	.name = "lines",
	.takes = lines_take,
	.gives = line_gives,
	.open = lines_open,
	.close = lines_close,
	.begin = lines_begin,
	.encode = lines_encode,
	.decode = lines_decode,
	.finish = lines_finish,
};
