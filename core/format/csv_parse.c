// SPDX-License-Identifier: Apache-2.0
/*
 * csv_parse.c: a csv file as it is pushed, of a column or of a table.
 *
 * Fields that lie whole in what is pushed are taken from there; only the others
 * are collected byte by byte.  A column is a table of one column, except that a
 * comma is an error of its own: who writes text without quotes shall be told.
 */
#include "format/csv_priv.h"
#include "format/scan_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MARK "\xef\xbb\xbf" /* a byte order mark, before the header */
#define MARK_LEN 3

static const struct scan_set special = {{',', '"', '\n', '\r'}};
static const struct scan_set quotes = {{'"', '"', '"', '"'}};
static const struct scan_set newlines = {{'\n', '\n', '\n', '\n'}};

/* AT_START: of a field; in the first of a record n_fields is 0. */
enum csv_at { AT_START, AT_PLAIN, AT_QUOTED, AT_QUOTE, AT_CR };

struct csv_state {
	struct text_rows rows;
	enum csv_at at;
	bool has_header;
	bool quoted;		   /* the field had quotes */
	struct buf field;	   /* without quotes */
	uint64_t line, first_line; /* now, and where the field began */
	size_t n_fields;	   /* of the record, that have ended */
	char **names;		   /* owned: of the header */
	size_t n_names, names_cap;
};

struct err *csv_open(struct parser *p)
{
	struct csv_state *s = NULL;
	TRY(mem_new(&s));
	p->state = s;
	s->line = s->first_line = 1;
	s->field.limit = LIMIT_LINE_BYTES;
	p->type = type_ref(p->options.type);
	return NULL;
}

void csv_close(struct parser *p)
{
	struct csv_state *s = p->state;
	if (!s)
		return;
	text_rows_close(&s->rows);
	buf_fini(&s->field);
	for (size_t i = 0; i < s->n_names; i++)
		free(s->names[i]);
	free(s->names);
	free(s);
}

static const char *const *header_names(const struct csv_state *s)
{
	return (const char *const *)s->names;
}

/* --- the header --- */

static struct err *check_name(const char *text, size_t len)
{
	if (memchr(text, 0, len))
		return err_new(EINVAL, "the header holds a NUL byte");
	if (len > LIMIT_NAME_BYTES)
		return err_new(EINVAL, "a column name of %zu bytes", len);
	return NULL;
}

static struct err *take_name(struct parser *p, const char *text, size_t len)
{
	struct csv_state *s = p->state;
	TRY(check_name(text, len));
	if (s->n_names == LIMIT_COLUMNS)
		return err_new(EINVAL, "more than %u columns", LIMIT_COLUMNS);
	if (s->n_names == 0 && len >= MARK_LEN && memcmp(text, MARK, MARK_LEN) == 0) {
		text += MARK_LEN;
		len -= MARK_LEN;
	}
	TRY(mem_grow(s->n_names + 1, sizeof(*s->names), &s->names_cap, &s->names));
	TRY(str_dup_len(text, len, &s->names[s->n_names]));
	s->n_names++;
	return NULL;
}

static struct err *end_header(struct parser *p, struct csv_state *s)
{
	TRY(text_rows_open(&s->rows, p, header_names(s), s->n_names));
	TRY(str_dup(s->names[0], &p->column_name));
	s->has_header = true;
	return NULL;
}

/* --- fields and records --- */

static struct err *two_columns(void)
{
	return err_new(EINVAL, "a comma begins a second column; a column's csv has one "
			       "(quote the field if it is text)");
}

/* The empty field is null, and "" is one to all types but strings. */
static struct err *take_value(struct csv_state *s, const char *text, size_t len,
			      bool quoted)
{
	if (s->n_fields == s->rows.n_columns)
		return err_new(EINVAL, "a record of more fields than the header's %zu",
			       s->n_names);
	struct text_column *c = &s->rows.columns[s->n_fields];
	if (len)
		return text_rows_value(&s->rows, s->n_fields, text, len, s->first_line);
	if (quoted && c->type && type_is_string(c->type->id))
		return text_rows_value(&s->rows, s->n_fields, "", 0, s->first_line);
	c->n_quoted_empty += quoted;
	return text_rows_null(&s->rows, s->n_fields);
}

static struct err *place(const struct parser *p, const struct csv_state *s,
			 struct err *err)
{
	if (err && p->options.is_table && s->has_header && s->n_fields < s->n_names)
		return err_wrap(err, "line %" PRIu64 ", column '%s'", s->first_line,
				s->names[s->n_fields]);
	return err ? err_wrap(err, "line %" PRIu64, s->first_line) : NULL;
}

static struct err *end_field(struct parser *p, struct csv_state *s, const char *text,
			     size_t len, bool quoted)
{
	if (s->has_header)
		TRY(place(p, s, take_value(s, text, len, quoted)));
	else
		TRY(place(p, s, take_name(p, text, len)));
	s->n_fields++;
	return NULL;
}

static struct err *end_record(struct parser *p, struct csv_state *s)
{
	size_t n = s->n_fields;
	s->n_fields = 0;
	if (!s->has_header) {
		TRY(place(p, s, end_header(p, s)));
	} else if (n < s->n_names) {
		return err_new(EINVAL,
			       "line %" PRIu64 ": a record of %zu fields, the header "
			       "has %zu",
			       s->line, n, s->n_names);
	} else {
		TRY(text_rows_end(&s->rows, p));
	}
	s->line++;
	return NULL;
}

/* The byte behind a field: a comma or a newline. */
static struct err *end_with(struct parser *p, struct csv_state *s, uint8_t c)
{
	if (c != ',')
		return end_record(p, s);
	return p->options.is_table ? NULL : place(p, s, two_columns());
}

/* Before anything of a record is looked at. */
static struct err *check_extra(const struct parser *p, const struct csv_state *s)
{
	if (!s->has_header || s->n_fields || p->n_rows < p->options.n_rows)
		return NULL;
	return err_new(EINVAL, "line %" PRIu64 ": the table has %" PRIu64 " rows",
		       s->line, p->options.n_rows);
}

/* --- whole fields, in place --- */

/* Bytes of what ends a field at p, 0 if there is nothing of the kind or it is cut. */
static size_t end_bytes(const uint8_t *p, size_t len)
{
	if (len && (*p == ',' || *p == '\n'))
		return 1;
	return len > 1 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

/* A field from the first quote on; ret_len 0: it is not whole, or holds quotes. */
static struct err *quoted_field(struct parser *p, struct csv_state *s,
				const uint8_t *bytes, size_t len, size_t *ret_len)
{
	const uint8_t *text = bytes + 1;
	const uint8_t *quote = memchr(text, '"', len - 1);
	size_t n = quote ? (size_t)(quote - text) : 0;
	*ret_len = 0;
	if (!quote || !end_bytes(quote + 1, len - n - 2))
		return NULL;
	TRY(end_field(p, s, (const char *)text, n, true));
	s->line += scan_count(&newlines, text, n);
	*ret_len = n + 2;
	return NULL;
}

/* Fields that need no state; ret_used: the bytes of them. */
static struct err *whole_fields(struct parser *p, struct csv_state *s,
				const uint8_t *bytes, size_t len, size_t *ret_used)
{
	const uint8_t *at = bytes, *end = bytes + len;
	while (at < end) {
		TRY(check_extra(p, s));
		size_t left = (size_t)(end - at), n = 0;
		s->first_line = s->line;
		if (*at == '"')
			TRY(quoted_field(p, s, at, left, &n));
		else
			n = scan_find(&special, at, left);
		size_t skip = end_bytes(at + n, left - n);
		if (!skip || (*at == '"' && !n))
			break;
		if (*at != '"')
			TRY(end_field(p, s, (const char *)at, n, false));
		TRY(end_with(p, s, at[n]));
		at += n + skip;
	}
	*ret_used = (size_t)(at - bytes);
	return NULL;
}

/* --- the others, by state --- */

/* What was collected is the field. */
static struct err *end_collected(struct parser *p, struct csv_state *s, uint8_t c)
{
	const char *text = s->field.len ? (const char *)s->field.data : "";
	TRY(buf_check(&s->field));
	TRY(end_field(p, s, text, s->field.len, s->quoted));
	s->field.len = 0;
	s->quoted = false;
	s->at = AT_START;
	return end_with(p, s, c);
}

/* A byte order mark before a quoted name. */
static bool only_mark(const struct csv_state *s)
{
	return !s->has_header && s->n_fields == 0 && s->at == AT_PLAIN &&
	       s->field.len == MARK_LEN && memcmp(s->field.data, MARK, MARK_LEN) == 0;
}

static void begin_quotes(struct csv_state *s)
{
	s->field.len = 0;
	s->quoted = true;
	s->at = AT_QUOTED;
}

static struct err *stray_quote(void)
{
	return err_new(EINVAL, "a quote within a field that has none around it");
}

static struct err *after_quote(void)
{
	return err_new(EINVAL, "text after the closing quote");
}

/* A byte outside quotes. */
static struct err *plain_byte(struct parser *p, struct csv_state *s, uint8_t c)
{
	if (s->at == AT_CR && c != '\n') {
		if (s->quoted)
			return place(p, s, after_quote());
		buf_byte(&s->field, '\r');
		s->at = AT_PLAIN;
	}
	if (c == '\n' || c == ',')
		return end_collected(p, s, c);
	if (c == '\r') {
		s->at = AT_CR;
	} else if (c == '"') {
		if (s->at != AT_START && !only_mark(s))
			return place(p, s, stray_quote());
		begin_quotes(s);
	} else if (s->at == AT_QUOTE) {
		return place(p, s, after_quote());
	} else {
		s->at = AT_PLAIN;
		buf_byte(&s->field, c);
	}
	return NULL;
}

/* A run of bytes that go to the field; their number. */
static size_t collect_run(struct csv_state *s, const uint8_t *bytes, size_t len)
{
	if (s->at != AT_QUOTED && s->at != AT_PLAIN)
		return 0;
	bool quoted = s->at == AT_QUOTED;
	size_t n = scan_find(quoted ? &quotes : &special, bytes, len);
	buf_append(&s->field, bytes, n);
	if (quoted)
		s->line += scan_count(&newlines, bytes, n);
	return n;
}

/* Until a field ends; ret_used: how many bytes. */
static struct err *collect(struct parser *p, struct csv_state *s, const uint8_t *bytes,
			   size_t len, size_t *ret_used)
{
	size_t used = 0;
	do {
		used += collect_run(s, bytes + used, len - used);
		if (used == len)
			break;
		uint8_t c = bytes[used++];
		if (s->at == AT_QUOTED) {
			s->at = AT_QUOTE;
		} else if (s->at == AT_QUOTE && c == '"') {
			buf_byte(&s->field, '"');
			s->at = AT_QUOTED;
		} else {
			TRY(plain_byte(p, s, c));
		}
	} while (s->at != AT_START && used < len);
	*ret_used = used;
	return place(p, s, buf_check(&s->field));
}

struct err *csv_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	struct csv_state *s = p->state;
	for (;;) {
		size_t used = 0;
		if (s->at == AT_START)
			TRY(whole_fields(p, s, bytes, len, &used));
		bytes += used;
		len -= used;
		if (!len)
			return NULL;
		TRY(collect(p, s, bytes, len, &used));
		bytes += used;
		len -= used;
	}
}

/* --- the end --- */

/* The last record may lack its newline. */
static bool in_record(const struct csv_state *s)
{
	return s->at != AT_START || s->n_fields;
}

struct err *csv_finish(struct parser *p)
{
	struct csv_state *s = p->state;
	if (s->at == AT_QUOTED)
		return err_new(EINVAL,
			       "line %" PRIu64 ": the quoted field does not end",
			       s->first_line);
	if (in_record(s))
		TRY(end_collected(p, s, '\n'));
	if (!s->has_header)
		return err_new(EINVAL,
			       "the header line with the column's name is missing");
	return text_rows_finish(&s->rows, p, header_names(s));
}

/* Whether a header that lacks only its newline would do, tried on a copy. */
static struct err *try_header(const struct parser *p)
{
	const struct csv_state *s = p->state;
	struct csv_state trial = {.line = 1};
	struct parser copy = {.ops = p->ops, .options = p->options, .state = &trial};
	struct err *err = NULL;
	for (size_t i = 0; i < s->n_names && !err; i++)
		err = take_name(&copy, s->names[i], strlen(s->names[i]));
	if (!err)
		err = take_name(&copy, s->field.len ? (const char *)s->field.data : "",
				s->field.len);
	if (!err)
		err = end_header(&copy, &trial);
	text_rows_close(&trial.rows);
	for (size_t i = 0; i < trial.n_names; i++)
		free(trial.names[i]);
	free(trial.names);
	free(copy.column_name);
	return err;
}

/* Likewise the last field of a record. */
static struct err *try_field(const struct csv_state *s)
{
	const struct text_column *c = &s->rows.columns[s->n_fields];
	AUTO(builder) struct builder *trial = NULL;
	const char *text = s->field.len ? (const char *)s->field.data : "";
	bool is_string = c->type && type_is_string(c->type->id);
	if (!s->field.len && !(s->quoted && is_string))
		return c->nullable ? NULL : err_new(EINVAL, "null");
	if (!c->builder)
		return utf8_valid(text, s->field.len) ? NULL : err_new(EINVAL, "UTF-8");
	TRY(builder_new(c->type, &trial));
	return builder_text(trial, text, s->field.len);
}

static bool last_field_fits(const struct parser *p, const struct csv_state *s)
{
	if (s->has_header && s->n_fields + 1 != s->n_names)
		return false;
	struct err *err = s->has_header ? try_field(s) : try_header(p);
	bool fits = !err;
	err_free(err); /* the answer is no; finish will say why */
	return fits;
}

bool csv_is_complete(const struct parser *p)
{
	const struct csv_state *s = p->state;
	if (s->at == AT_QUOTED)
		return false;
	if (!in_record(s))
		return s->has_header && text_rows_complete(&s->rows, p, p->n_rows);
	if (!last_field_fits(p, s))
		return false;
	bool typed = p->options.type || p->options.is_table;
	if (!s->has_header)
		return parser_rows_fit(p, 0) && typed;
	const struct text_column *c = &s->rows.columns[0];
	return parser_rows_fit(p, p->n_rows + 1) &&
	       (typed || c->n_values || c->n_quoted_empty || s->field.len || s->quoted);
}

bool csv_has_row_bytes(const struct parser *p)
{
	const struct csv_state *s = p->state;
	return s->has_header && in_record(s);
}
