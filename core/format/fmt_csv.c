// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_csv.c: RFC 4180 with a header line; a column or a table.
 *
 * A null is an empty field and the empty string is "".  For other types than
 * strings "" is a null as well, since some writers put it there lest a line be
 * blank.
 */
#include "format/csv_priv.h"
#include "format/scan_priv.h"

#include <string.h>

/* --- out --- */

static const struct scan_set special = {{',', '"', '\n', '\r'}};

static bool csv_renders(const struct type *t)
{
	while (t->id == TYPE_DICTIONARY)
		t = t->children[0]->type;
	return text_fits(t) && !type_is_nested(t->id);
}

static bool needs_quotes(const uint8_t *p, uint64_t len)
{
	return len == 0 || p[0] == ' ' || p[len - 1] == ' ' ||
	       scan_find(&special, p, len) < len;
}

static uint64_t count_quotes(const uint8_t *p, uint64_t len)
{
	uint64_t n = 0;
	for (uint64_t i = 0; i < len; i++)
		n += p[i] == '"';
	return n;
}

static void put_text(const uint8_t *p, uint64_t len, struct buf *out)
{
	if (!needs_quotes(p, len)) {
		buf_append(out, p, len);
		return;
	}
	buf_byte(out, '"');
	while (len) {
		const uint8_t *quote = memchr(p, '"', len);
		uint64_t n = quote ? (uint64_t)(quote - p) + 1 : len;
		buf_append(out, p, n);
		if (quote)
			buf_byte(out, '"');
		p += n;
		len -= n;
	}
	buf_byte(out, '"');
}

static void put_cell(const struct array *a, uint64_t row, struct buf *out)
{
	uint64_t at = row, len;
	if (!array_is_null(a, row)) {
		const struct array *v = text_resolve(a, &at);
		if (array_is_null(v, at)) {
			/* a null value of a dictionary */
		} else if (type_is_string(v->type->id)) {
			const uint8_t *p = array_var(v, at, &len);
			put_text(p, len, out);
		} else {
			text_value(v, at, out);
		}
	}
}

static void put_row(const struct field *f, const struct array *a, uint64_t row,
		    struct buf *out)
{
	size_t n = field_is_table(f) ? a->n_children : 0;
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? "," : "");
		put_cell(a->children[i], row, out);
	}
	if (n == 0)
		put_cell(a, row, out);
	buf_byte(out, '\n');
}

static uint64_t measure_strings(const struct array *a, uint64_t first, uint64_t end)
{
	uint64_t n = 0;
	for (uint64_t row = first; row < end; row++) {
		uint64_t len;
		const uint8_t *p = array_var(a, row, &len);
		n += len + 1;
		if (!array_is_null(a, row) && needs_quotes(p, len))
			n += 2 + count_quotes(p, len);
	}
	return n;
}

static struct err *csv_measure(const struct field *f, const struct array *a,
			       uint64_t first, uint64_t end, uint64_t *ret)
{
	AUTO_BUF struct buf out = {0};
	*ret = 0;
	if (type_is_string(a->type->id)) {
		*ret = measure_strings(a, first, end);
		return NULL;
	}
	for (uint64_t row = first; row < end; row++) {
		out.len = 0;
		put_row(f, a, row, &out);
		*ret += out.len;
	}
	return buf_check(&out);
}

static struct err *csv_header(const struct field *f, uint64_t n_rows, struct buf *out)
{
	size_t n = field_is_table(f) ? f->type->n_children : 1;
	(void)n_rows;
	for (size_t i = 0; i < n; i++) {
		const char *name =
			field_is_table(f) ? f->type->children[i]->name : f->name;
		buf_str(out, i ? "," : "");
		put_text((const uint8_t *)name, strlen(name), out);
	}
	buf_byte(out, '\n');
	return buf_check(out);
}

static struct err *csv_render(const struct field *f, const struct array *a,
			      const struct view_rows *rows, struct chunk *ret)
{
	AUTO_BUF struct buf out = {0};
	(void)rows;
	for (uint64_t row = 0; row < a->n_rows; row++)
		put_row(f, a, row, &out);
	return chunk_of_buf(&out, ret);
}

/* --- in: csv_parse.c --- */

static bool csv_parses(const struct type *t)
{
	return fmt_txt.parses(t) && !type_is_nested(t->id);
}

const struct format_ops fmt_csv = {
	.suffix = "csv",
	.mime = "text/csv",
	.holds_tables = true,
	.parses_tables = true,
	.renders = csv_renders,
	.parses = csv_parses,
	.header = csv_header,
	.measure = csv_measure,
	.render = csv_render,
	.open = csv_open,
	.push = csv_push,
	.finish = csv_finish,
	.is_complete = csv_is_complete,
	.has_row_bytes = csv_has_row_bytes,
	.close = csv_close,
};
