// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_jsonl.c: one JSON object a line, {"NAME":value}; for every type.
 *
 * Binary values are base64, nulls null; NaN and the infinities are the words
 * that JavaScript and Python's json know.
 */
#include "format/json_priv.h"

static bool jsonl_renders(const struct type *t)
{
	(void)t;
	return true;
}

/* {"name": of a column; nothing before a row of a table, which is an object. */
static struct err *put_key(const struct field *f, struct buf *out)
{
	if (field_is_table(f))
		return NULL;
	buf_byte(out, '{');
	buf_json_string(out, f->name, strlen(f->name));
	buf_byte(out, ':');
	return buf_check(out);
}

static void put_rows(const struct buf *key, const struct array *a, uint64_t first,
		     uint64_t end, struct buf *out)
{
	for (uint64_t row = first; row < end; row++) {
		buf_append(out, key->data, key->len);
		json_value(a, row, out);
		buf_str(out, key->len ? "}\n" : "\n");
	}
}

#define MEASURE_ROWS ((uint64_t)256) /* rendered at once, to be counted */

static struct err *jsonl_measure(const struct field *f, const struct array *a,
				 uint64_t first, uint64_t end, uint64_t *ret)
{
	AUTO_BUF struct buf key = {0};
	AUTO_BUF struct buf out = {0};
	TRY(put_key(f, &key));
	*ret = 0;
	for (; first < end; first = MIN_OF(first + MEASURE_ROWS, end)) {
		out.len = 0;
		put_rows(&key, a, first, MIN_OF(first + MEASURE_ROWS, end), &out);
		TRY(buf_check(&out));
		*ret += out.len;
	}
	return NULL;
}

static struct err *jsonl_render(const struct field *f, const struct array *a,
				const struct view_rows *rows, struct chunk *ret)
{
	AUTO_BUF struct buf key = {0};
	AUTO_BUF struct buf out = {0};
	(void)rows;
	TRY(put_key(f, &key));
	put_rows(&key, a, 0, a->n_rows, &out);
	return chunk_of_buf(&out, ret);
}

const struct format_ops fmt_jsonl = {
	.suffix = "jsonl",
	.mime = "application/x-ndjson",
	.holds_tables = true,
	.parses_tables = true,
	.renders = jsonl_renders,
	.parses = builder_fits,
	.measure = jsonl_measure,
	.render = jsonl_render,
	.open = jsonl_open,
	.push = jsonl_push,
	.finish = jsonl_finish,
	.is_complete = jsonl_is_complete,
	.has_row_bytes = jsonl_has_row_bytes,
	.close = jsonl_close,
};
