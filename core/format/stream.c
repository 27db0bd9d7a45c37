// SPDX-License-Identifier: Apache-2.0
/*
 * stream.c: rows of a table as a file whose length is not known before its end.
 */
#include "format/format_priv.h"

#include <errno.h>

struct format_stream {
	const struct format_ops *ops;
	struct field *stored, *shown; /* owned references */
	struct stream_sink sink;
	uint64_t n_rows;
	uint64_t n_bytes;
	uint64_t *offsets; /* owned: where each block begins */
	size_t n_blocks, cap;
};

void format_stream_close(struct format_stream *s)
{
	if (!s)
		return;
	field_unref(s->stored);
	field_unref(s->shown);
	free(s->offsets);
	free(s);
}

static struct err *put(struct format_stream *s, const void *p, size_t len)
{
	s->n_bytes += len;
	return len ? s->sink.write(s->sink.ctx, p, len) : NULL;
}

static struct err *put_buf(struct format_stream *s, const struct buf *b)
{
	TRY(buf_check(b));
	return put(s, b->data, b->len);
}

static struct err *begin(struct format_stream *s)
{
	AUTO_BUF struct buf header = {0};
	const struct type *t = s->shown->type;
	for (size_t i = 0; i < t->n_children; i++)
		if (!format_renders_in_table(s->ops, t->children[i]->type))
			return err_new(EINVAL,
				       "column '%s': %s does not hold its type; "
				       "arrow and jsonl do",
				       t->children[i]->name, s->ops->suffix);
	if (s->ops->header)
		TRY(s->ops->header(s->shown, 0, &header));
	return put_buf(s, &header);
}

struct err *format_stream_open(const struct format_ops *format, struct field *field,
			       const struct stream_sink *sink,
			       struct format_stream **ret)
{
	AUTO(format_stream) struct format_stream *s = NULL;
	TRY(mem_new(&s));
	s->ops = format;
	s->sink = *sink;
	s->stored = field_ref(field);
	TRY(format_field(format, field, &s->shown));
	TRY(begin(s));
	*ret = TAKE(s);
	return NULL;
}

struct err *format_stream_push(struct format_stream *s, struct array *rows)
{
	AUTO(array) struct array *shown = NULL;
	struct chunk chunk = {0};
	struct view_rows at = {s->n_rows, UINT64_MAX};
	TRY(format_array(rows, s->stored, s->shown, &shown));
	TRY(mem_grow(s->n_blocks + 2, sizeof(*s->offsets), &s->cap, &s->offsets));
	s->offsets[s->n_blocks++] = s->n_bytes;
	TRY(s->ops->render(s->shown, shown, &at, &chunk));
	struct err *err = put(s, chunk.data, chunk.len);
	chunk_fini(&chunk);
	s->n_rows += rows->n_rows;
	s->offsets[s->n_blocks] = s->n_bytes;
	return err;
}

static uint64_t offset_of(const struct view_layout *l, uint64_t block)
{
	const struct format_stream *s = l->ctx;
	return s->offsets[block];
}

struct err *format_stream_finish(struct format_stream *s)
{
	AUTO_BUF struct buf footer = {0};
	struct view_layout layout = {.field = s->shown,
				     .n_rows = s->n_rows,
				     .n_blocks = s->n_blocks,
				     .block_offset = offset_of,
				     .ctx = s};
	if (s->ops->footer)
		TRY(s->ops->footer(&layout, &footer));
	return put_buf(s, &footer);
}
