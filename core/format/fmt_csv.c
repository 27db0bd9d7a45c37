// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_csv.c: RFC 4180 with one column and a header line.
 *
 * A null is an empty field and the empty string is "".  For other types than
 * strings "" is a null as well, since some writers put it there lest a line be
 * blank.
 */
#include "format/format_priv.h"
#include "format/scan_priv.h"

#include <errno.h>
#include <inttypes.h>
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
			      struct chunk *ret)
{
	AUTO_BUF struct buf out = {0};
	for (uint64_t row = 0; row < a->n_rows; row++)
		put_row(f, a, row, &out);
	return chunk_of_buf(&out, ret);
}

/* --- in --- */

enum csv_at { AT_START, AT_PLAIN, AT_QUOTED, AT_QUOTE, AT_CR };

struct csv_state {
	struct text_rows rows;
	enum csv_at at;
	bool quoted;		   /* the field had quotes */
	struct buf field;	   /* without quotes */
	uint64_t line, first_line; /* now, and where the field began */
};

static bool csv_parses(const struct type *t)
{
	return builder_fits(t) && !type_is_nested(t->id);
}

static struct err *csv_open(struct parser *p)
{
	struct csv_state *s = NULL;
	TRY(mem_new(&s));
	p->state = s;
	s->line = s->first_line = 1;
	s->field.limit = LIMIT_LINE_BYTES;
	p->type = type_ref(p->options.type);
	return text_rows_open(&s->rows, p);
}

static void csv_close(struct parser *p)
{
	struct csv_state *s = p->state;
	if (!s)
		return;
	text_rows_close(&s->rows);
	buf_fini(&s->field);
	free(s);
}

static struct err *check_header(const char *text, size_t len)
{
	if (memchr(text, 0, len))
		return err_new(EINVAL, "the header holds a NUL byte");
	if (len > LIMIT_NAME_BYTES)
		return err_new(EINVAL, "a column name of %zu bytes", len);
	return NULL;
}

static struct err *take_header(struct parser *p, const char *text, size_t len)
{
	TRY(check_header(text, len));
	size_t bom = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	return str_dup_len(text + bom, len - bom, &p->column_name);
}

/* The empty field is null, and "" is one to all types but strings. */
static struct err *take_field(struct parser *p, struct csv_state *s)
{
	const char *text = s->field.len ? (const char *)s->field.data : "";
	bool is_string = p->type && type_is_string(p->type->id);
	if (!p->column_name)
		return take_header(p, text, s->field.len);
	if (s->field.len == 0 && !is_string) {
		s->rows.n_quoted_empty += s->quoted;
		return text_rows_null(&s->rows, p);
	}
	if (s->field.len == 0 && !s->quoted)
		return text_rows_null(&s->rows, p);
	return text_rows_value(&s->rows, p, text, s->field.len, s->first_line);
}

static struct err *end_record(struct parser *p, struct csv_state *s)
{
	TRY(buf_check(&s->field));
	TRY(take_field(p, s));
	s->field.len = 0;
	s->quoted = false;
	s->at = AT_START;
	return NULL;
}

static struct err *two_columns(void)
{
	return err_new(EINVAL, "a comma begins a second column; a column's csv has one "
			       "(quote the field if it is text)");
}

/* A byte order mark before a quoted name. */
static bool only_mark(const struct parser *p, const struct csv_state *s)
{
	return !p->column_name && s->at == AT_PLAIN && s->field.len == 3 &&
	       memcmp(s->field.data, "\xef\xbb\xbf", 3) == 0;
}

static void begin_quotes(struct csv_state *s)
{
	s->field.len = 0;
	s->quoted = true;
	s->at = AT_QUOTED;
}

/* A byte outside quotes. */
static struct err *plain_byte(struct parser *p, struct csv_state *s, uint8_t c)
{
	if (s->at == AT_CR && c != '\n') {
		buf_byte(&s->field, '\r');
		s->at = AT_PLAIN;
	}
	if (c == '\n')
		return end_record(p, s);
	if (c == '\r')
		s->at = AT_CR;
	else if (c == ',')
		return two_columns();
	else if (c == '"' && (s->at == AT_START || only_mark(p, s)))
		begin_quotes(s);
	else if (c == '"')
		return err_new(EINVAL,
			       "a quote within a field that has none around it");
	else if (s->at == AT_QUOTE)
		return err_new(EINVAL, "text after the closing quote");
	else {
		s->at = AT_PLAIN;
		buf_byte(&s->field, c);
	}
	return NULL;
}

/* One byte, or a run of plain ones; ret_used: how many. */
static struct err *step(struct parser *p, struct csv_state *s, const uint8_t *bytes,
			size_t len, size_t *ret_used)
{
	static const struct scan_set quotes = {{'"', '"', '"', '"'}};
	*ret_used = 1;
	if (s->at == AT_QUOTED || (s->at == AT_PLAIN)) {
		size_t n =
			scan_find(s->at == AT_QUOTED ? &quotes : &special, bytes, len);
		buf_append(&s->field, bytes, n);
		for (size_t i = 0; i < n && s->at == AT_QUOTED; i++)
			s->line += bytes[i] == '\n';
		*ret_used = n;
		if (n)
			return buf_check(&s->field);
		*ret_used = 1;
	}
	if (s->at == AT_QUOTED) {
		s->at = AT_QUOTE;
		return NULL;
	}
	if (s->at == AT_QUOTE && *bytes == '"') {
		buf_byte(&s->field, '"');
		s->at = AT_QUOTED;
		return NULL;
	}
	return plain_byte(p, s, *bytes);
}

static struct err *check_extra(const struct parser *p, const struct csv_state *s)
{
	if (!p->column_name || p->n_rows < p->options.n_rows)
		return NULL;
	return err_new(EINVAL, "line %" PRIu64 ": the table has %" PRIu64 " rows",
		       s->line, p->options.n_rows);
}

static struct err *csv_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	struct csv_state *s = p->state;
	while (len) {
		size_t used;
		if (s->at == AT_START) {
			TRY(check_extra(p, s));
			s->first_line = s->line;
		}
		TRY_CTX(step(p, s, bytes, len, &used), "line %" PRIu64, s->first_line);
		if (s->at == AT_START)
			s->line++;
		bytes += used;
		len -= used;
	}
	return NULL;
}

/* The last record may lack its newline. */
static struct err *end_last(struct parser *p, struct csv_state *s)
{
	if (s->at == AT_QUOTED)
		return err_new(EINVAL,
			       "line %" PRIu64 ": the quoted field does not end",
			       s->first_line);
	if (s->at != AT_START)
		TRY_CTX(end_record(p, s), "line %" PRIu64, s->first_line);
	return NULL;
}

static struct err *csv_finish(struct parser *p)
{
	struct csv_state *s = p->state;
	TRY(end_last(p, s));
	if (!p->column_name)
		return err_new(EINVAL,
			       "the header line with the column's name is missing");
	return text_rows_finish(&s->rows, p);
}

/* Whether the record that has not ended would do. */
static bool last_field_fits(const struct parser *p, const struct csv_state *s)
{
	AUTO(builder) struct builder *trial = NULL;
	const char *text = s->field.len ? (const char *)s->field.data : "";
	struct err *err = NULL;
	if (!p->column_name)
		err = check_header(text, s->field.len);
	else if (s->field.len && s->rows.builder)
		err = builder_new(p->options.type, &trial);
	else if (!utf8_valid(text, s->field.len))
		return false;
	if (!err && trial)
		err = builder_text(trial, text, s->field.len);
	bool fits = !err;
	err_free(err); /* the answer is no; finish will say why */
	return fits;
}

static bool csv_is_complete(const struct parser *p)
{
	const struct csv_state *s = p->state;
	if (s->at == AT_QUOTED)
		return false;
	if (s->at == AT_START)
		return p->column_name && text_rows_complete(&s->rows, p, p->n_rows);
	if (!last_field_fits(p, s))
		return false;
	if (!p->column_name)
		return text_rows_complete(&s->rows, p, 0);
	return p->n_rows + 1 == p->options.n_rows &&
	       (s->rows.builder || s->rows.n_values || s->field.len || s->quoted ||
		s->rows.n_quoted_empty);
}

static bool csv_has_row_bytes(const struct parser *p)
{
	const struct csv_state *s = p->state;
	return p->column_name && s->at != AT_START;
}

const struct format_ops fmt_csv = {
	.suffix = "csv",
	.mime = "text/csv",
	.holds_tables = true,
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
