// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_txt.c: one row a line.
 *
 * Backslash, tab, newline and carriage return are escaped with a backslash and
 * a null is \N.  Strings are measured without being rendered: their bytes plus
 * one for each byte to escape, counted 16 at a time; and whole blocks without
 * any such byte are copied line by line.
 */
#include "format/format_priv.h"
#include "format/scan_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* --- out: strings --- */

static const struct scan_set special = {{'\\', '\t', '\n', '\r'}};

static const struct array *string_array(const struct array *a)
{
	return type_is_string(a->type->id) ? a : NULL;
}

static uint64_t count_nulls(const struct array *a, uint64_t first, uint64_t end)
{
	return a->validity ? end - first - bitmap_count(a->validity->data, first, end)
			   : 0;
}

/* Bytes to escape in rows [first, end), and their length without escapes. */
static uint64_t count_special(const struct array *a, uint64_t first, uint64_t end,
			      uint64_t *ret_len)
{
	uint64_t at = array_offset(a, first);
	*ret_len = array_offset(a, end) - at;
	return scan_count(&special, a->data->data + at, *ret_len);
}

static uint8_t *put_escaped(uint8_t *dst, const uint8_t *p, uint64_t len)
{
	static const uint8_t letters[256] = {
		['\\'] = '\\', ['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r'};
	while (len) {
		uint64_t plain = scan_find(&special, p, len);
		memcpy(dst, p, plain);
		dst += plain;
		if (plain == len)
			break;
		*dst++ = '\\';
		*dst++ = letters[p[plain]];
		p += plain + 1;
		len -= plain + 1;
	}
	return dst;
}

/* Short strings are the rule: a copy of 16 bytes has no call and no branch on
 * the length.  Needs room of 16 bytes behind dst + len. */
static inline uint8_t *put_plain(uint8_t *dst, const uint8_t *p, uint64_t len)
{
	uint64_t at = 0;
	do {
		memcpy(dst + at, p + at, 16);
		at += 16;
	} while (at < len && at < 128);
	if (at < len)
		memcpy(dst + at, p + at, len - at);
	return dst + len;
}

static uint8_t *put_strings(const struct array *a, bool escape, uint8_t *dst)
{
	const uint8_t *data = a->data->data, *offsets = a->offsets->data;
	bool large = type_is_large(a->type->id);
	uint64_t at = 0;
	for (uint64_t row = 0; row < a->n_rows; row++) {
		uint64_t end = large ? load_u64le(offsets + 8 * row + 8)
				     : load_u32le(offsets + 4 * row + 4);
		uint64_t len = end - at;
		if (a->validity && array_is_null(a, row)) {
			*dst++ = '\\';
			*dst++ = 'N';
		} else if (escape && scan_find(&special, data + at, len) < len) {
			dst = put_escaped(dst, data + at, len);
		} else {
			dst = put_plain(dst, data + at, len);
		}
		*dst++ = '\n';
		at = end;
	}
	return dst;
}

#define PLAIN_SLACK 16

static struct err *render_strings(const struct array *a, struct buf *out)
{
	uint64_t len, n_special = count_special(a, 0, a->n_rows, &len);
	len += n_special + a->n_rows + 2 * a->n_nulls;
	uint8_t *dst = buf_room(out, len + PLAIN_SLACK);
	if (!dst)
		return buf_check(out);
	put_strings(a, n_special, dst);
	out->len -= PLAIN_SLACK;
	return NULL;
}

/* --- out: the rest --- */

static void escape_tail(struct buf *out, size_t from, struct buf *scratch)
{
	uint64_t len = out->len - from;
	uint64_t n = out->failed ? 0 : scan_count(&special, out->data + from, len);
	if (!n)
		return;
	scratch->len = 0;
	buf_append(scratch, out->data + from, len);
	uint8_t *room = buf_room(out, n);
	if (room && !scratch->failed)
		put_escaped(out->data + from, scratch->data, len);
}

/* Plain numbers and times: straight into the buffer. */
static void render_numbers(const struct array *a, uint64_t first, uint64_t end,
			   struct buf *out)
{
	size_t width = type_bits(a->type) / 8;
	for (uint64_t row = first; row < end;) {
		uint64_t stop = MIN_OF(row + 1024, end);
		uint8_t *room = buf_room(out, (stop - row) * (NUMBER_TEXT_MAX + 1));
		if (!room)
			return;
		char *dst = (char *)room;
		for (; row < stop; row++) {
			if (array_is_null(a, row)) {
				memcpy(dst, "\\N", 2);
				dst += 2;
			} else {
				dst += text_number(dst, a->type,
						   a->data->data + row * width);
			}
			*dst++ = '\n';
		}
		out->len = (size_t)((uint8_t *)dst - out->data);
	}
}

static void render_rows(const struct array *a, uint64_t first, uint64_t end,
			struct buf *out)
{
	if (text_is_number(a->type)) {
		render_numbers(a, first, end, out);
		return;
	}
	AUTO_BUF struct buf scratch = {0};
	const struct type *t = a->type;
	while (t->id == TYPE_DICTIONARY)
		t = t->children[0]->type;
	bool escape = type_is_nested(t->id) || type_is_var(t->id);
	for (uint64_t row = first; row < end; row++) {
		uint64_t at = row;
		size_t from = out->len;
		bool is_null = array_is_null(a, row);
		const struct array *v = is_null ? a : text_resolve(a, &at);
		is_null = is_null || array_is_null(v, at);
		if (is_null)
			buf_append(out, "\\N", 2);
		else
			text_value(v, at, out);
		if (escape && !is_null)
			escape_tail(out, from, &scratch);
		buf_byte(out, '\n');
	}
	out->failed = out->failed || scratch.failed;
}

struct err *text_render(const struct array *a, struct buf *out)
{
	if (string_array(a))
		return render_strings(a, out);
	render_rows(a, 0, a->n_rows, out);
	return buf_check(out);
}

static struct err *txt_measure(const struct field *f, const struct array *a,
			       uint64_t first, uint64_t end, uint64_t *ret);

/* A tab or a newline is a byte as well: the lengths of the columns add up. */
static struct err *measure_table(const struct array *a, uint64_t first, uint64_t end,
				 uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < a->n_children; i++) {
		const struct field *f = a->type->children[i];
		uint64_t n;
		TRY(txt_measure(f, a->children[i], first, end, &n));
		*ret += n;
	}
	return NULL;
}

static struct err *txt_measure(const struct field *f, const struct array *a,
			       uint64_t first, uint64_t end, uint64_t *ret)
{
	if (field_is_table(f))
		return measure_table(a, first, end, ret);
	if (string_array(a)) {
		uint64_t len, n_special = count_special(a, first, end, &len);
		*ret = len + n_special + (end - first) + 2 * count_nulls(a, first, end);
		return NULL;
	}
	AUTO_BUF struct buf out = {0};
	uint64_t total = 0;
	for (uint64_t row = first; row < end; row += 1024) {
		out.len = 0;
		render_rows(a, row, MIN_OF(row + 1024, end), &out);
		total += out.len;
	}
	*ret = total;
	return buf_check(&out);
}

/* --- out: tables, with tabs between the values --- */

/* The lines of columns, each rendered by itself, side by side. */
static void zip_lines(const struct buf *columns, size_t n, uint64_t n_rows,
		      const uint8_t **at, struct buf *out)
{
	for (size_t i = 0; i < n; i++)
		at[i] = columns[i].data;
	for (uint64_t row = 0; row < n_rows; row++)
		for (size_t i = 0; i < n; i++) {
			const uint8_t *end = rawmemchr(at[i], '\n');
			buf_append(out, at[i], (size_t)(end - at[i]));
			buf_byte(out, i + 1 < n ? '\t' : '\n');
			at[i] = end + 1;
		}
}

static struct err *render_table(const struct array *a, struct buf *out)
{
	AUTO_MEM const uint8_t **at = NULL;
	struct buf *columns;
	size_t n = a->n_children;
	TRY(mem_array(n, sizeof(*at), &at));
	TRY(mem_array(n, sizeof(*columns), &columns));
	struct err *err = NULL;
	for (size_t i = 0; i < n && !err; i++)
		err = text_render(a->children[i], &columns[i]);
	if (!err)
		zip_lines(columns, n, a->n_rows, at, out);
	for (size_t i = 0; i < n; i++)
		buf_fini(&columns[i]);
	free(columns);
	return err ? err : buf_check(out);
}

static struct err *txt_render(const struct field *f, const struct array *a,
			      const struct view_rows *rows, struct chunk *ret)
{
	AUTO_BUF struct buf out = {0};
	(void)rows;
	TRY(field_is_table(f) ? render_table(a, &out) : text_render(a, &out));
	return chunk_of_buf(&out, ret);
}

/* --- in --- */

struct txt_state {
	struct text_rows rows;
	struct buf pending; /* the bytes of a line that has not ended */
	struct buf plain;   /* a line without its escapes */
};

static bool txt_parses(const struct type *t)
{
	return builder_fits(t) && text_fits(t) && t->id != TYPE_NULL;
}

static struct err *txt_open(struct parser *p)
{
	struct txt_state *s = NULL;
	TRY(mem_new(&s));
	p->state = s;
	s->pending.limit = LIMIT_LINE_BYTES;
	p->type = type_ref(p->options.type);
	return text_rows_open(&s->rows, p, NULL, 1);
}

static void txt_close(struct parser *p)
{
	struct txt_state *s = p->state;
	if (!s)
		return;
	text_rows_close(&s->rows);
	buf_fini(&s->pending);
	buf_fini(&s->plain);
	free(s);
}

/* Bytes of an escape, to a byte; 0 if there is no such escape. */
static uint8_t unescaped(char c)
{
	switch (c) {
	case '\\':
		return '\\';
	case 't':
		return '\t';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	default:
		return 0;
	}
}

struct err *text_unescape(const char *line, size_t len, struct buf *out)
{
	size_t i = 0;
	out->len = 0;
	for (;;) {
		const char *slash = memchr(line + i, '\\', len - i);
		size_t plain = slash ? (size_t)(slash - line) - i : len - i;
		buf_append(out, line + i, plain);
		i += plain;
		if (i == len)
			return buf_check(out);
		uint8_t c = i + 1 < len ? unescaped(line[i + 1]) : 0;
		if (!c)
			return err_new(
				EINVAL,
				"column %zu: a backslash must begin \\\\, \\t, \\n or "
				"\\r, or be a whole \\N",
				i + 1);
		buf_byte(out, c);
		i += 2;
	}
}

static bool drops_cr(const struct parser *p)
{
	return p->type && !type_is_string(p->type->id);
}

static struct err *take_line(struct parser *p, struct buf *plain, const char *line,
			     size_t len)
{
	struct txt_state *s = p->state;
	if (len && line[len - 1] == '\r' && drops_cr(p))
		len--;
	if (len == 2 && line[0] == '\\' && line[1] == 'N')
		return text_rows_null(&s->rows, 0);
	if (memchr(line, '\\', len)) {
		TRY(text_unescape(line, len, plain));
		line = (const char *)plain->data;
		len = plain->len;
	}
	return text_rows_value(&s->rows, 0, len ? line : "", len, p->n_rows + 1);
}

static struct err *txt_line(struct parser *p, const char *line, size_t len)
{
	struct txt_state *s = p->state;
	uint64_t number = p->n_rows + 1;
	struct err *err = take_line(p, &s->plain, line, len);
	if (!err)
		return text_rows_end(&s->rows, p);
	return err_wrap(err, "line %" PRIu64, number);
}

/* The first byte behind the last row is one too many. */
static struct err *check_extra(const struct parser *p)
{
	if (p->n_rows < p->options.n_rows)
		return NULL;
	return err_new(EINVAL, "line %" PRIu64 ": the table has %" PRIu64 " rows",
		       p->n_rows + 1, p->options.n_rows);
}

static struct err *txt_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	struct txt_state *s = p->state;
	while (len) {
		const uint8_t *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;
		TRY(check_extra(p));
		if (!end || s->pending.len) {
			buf_append(&s->pending, bytes, n);
			TRY_CTX(buf_check(&s->pending), "line %" PRIu64, p->n_rows + 1);
		}
		if (!end)
			return NULL;
		if (s->pending.len)
			TRY(txt_line(p, (const char *)s->pending.data, s->pending.len));
		else
			TRY(txt_line(p, (const char *)bytes, n));
		s->pending.len = 0;
		bytes += n + 1;
		len -= n + 1;
	}
	return NULL;
}

static struct err *txt_finish(struct parser *p)
{
	struct txt_state *s = p->state;
	if (s->pending.len)
		TRY(txt_line(p, (const char *)s->pending.data, s->pending.len));
	s->pending.len = 0;
	return text_rows_finish(&s->rows, p, NULL);
}

/* Whether the line that has not ended would do, tried on a column of its own. */
static bool pending_fits(const struct parser *p)
{
	const struct txt_state *s = p->state;
	const struct text_column *c = &s->rows.columns[0];
	struct txt_state trial = {0};
	struct parser copy = *p;
	AUTO_BUF struct buf plain = {0};
	copy.state = &trial;
	struct err *err = text_rows_open(&trial.rows, p, NULL, 1);
	if (!err)
		err = take_line(&copy, &plain, (const char *)s->pending.data,
				s->pending.len);
	bool fits = !err && parser_rows_fit(p, p->n_rows + 1) &&
		    (p->options.type || c->n_values || trial.rows.columns[0].n_values);
	err_free(err); /* the answer is no; finish will say why */
	text_rows_close(&trial.rows);
	return fits;
}

static bool txt_is_complete(const struct parser *p)
{
	const struct txt_state *s = p->state;
	if (s->pending.len)
		return pending_fits(p);
	return text_rows_complete(&s->rows, p, p->n_rows);
}

const struct format_ops fmt_txt = {
	.suffix = "txt",
	.holds_tables = true,
	.mime = "text/plain",
	.renders = text_fits,
	.parses = txt_parses,
	.measure = txt_measure,
	.render = txt_render,
	.open = txt_open,
	.push = txt_push,
	.finish = txt_finish,
	.is_complete = txt_is_complete,
	.close = txt_close,
};
