// SPDX-License-Identifier: Apache-2.0
/*
 * jsonl_parse.c: a JSON object a line, of a column or of a table.
 *
 * A column's objects have one key, throughout the same.  Lines of nothing but white
 * space are no rows.
 */
#include "format/json_priv.h"

#include <errno.h>
#include <inttypes.h>

#define BATCH_BYTES ((uint64_t)1 << 20)
#define BATCH_ROWS ((uint64_t)65536)

struct jsonl_state {
	struct json_reader *reader; /* owned */
	struct builder *builder;    /* owned; NULL while learning */
	struct json_kind *kind;	    /* owned; what was learnt */
	struct buf pending;	    /* the bytes of a line that has not ended */
	uint64_t line;		    /* from 1 */
	uint64_t n_bytes;	    /* of the batch, about */
	uint64_t row_bytes;	    /* of a row of nulls, about */
};

struct err *jsonl_open(struct parser *p)
{
	struct jsonl_state *s = NULL;
	TRY(mem_new(&s));
	p->state = s;
	s->line = 1;
	s->pending.limit = LIMIT_JSON_BYTES;
	p->type = type_ref(p->options.type);
	TRY(json_reader_new(&s->reader));
	if (!p->type)
		return json_kind_new(&s->kind);
	if (!builder_fits(p->type))
		return err_new(EINVAL, "a table with dictionaries cannot be written as "
				       "jsonl");
	s->row_bytes = builder_null_bytes(p->type);
	return builder_new(p->type, &s->builder);
}

void jsonl_close(struct parser *p)
{
	struct jsonl_state *s = p->state;
	if (!s)
		return;
	json_reader_free(s->reader);
	builder_free(s->builder);
	json_kind_free(s->kind);
	buf_fini(&s->pending);
	free(s);
}

/* --- rows --- */

/* The value of the one key; ret_key is borrowed from the object. */
static struct err *only_value(const struct parser *p, struct json_object *row,
			      const char **ret_key, struct json_object **ret)
{
	if (json_object_object_length(row) != 1)
		return err_new(EINVAL, "an object of %d members; a column's have one",
			       json_object_object_length(row));
	json_object_object_foreach(row, key, value)
	{
		*ret_key = key;
		*ret = value;
	}
	if (p->column_name && strcmp(p->column_name, *ret_key) != 0)
		return err_new(EINVAL, "the key is '%s' and was '%s' before", *ret_key,
			       p->column_name);
	return NULL;
}

static struct err *add_value(struct builder *b, struct json_kind *kind,
			     struct json_object *value)
{
	if (!b)
		return json_kind_add(kind, value);
	return value ? json_build(b, value) : builder_null(b);
}

/* One row to a builder, or else to what is learnt; the parser is not changed. */
static struct err *add_row(const struct parser *p, struct json_object *row,
			   struct builder *b, struct json_kind *kind,
			   const char **ret_key)
{
	struct json_object *value;
	*ret_key = "";
	if (json_object_get_type(row) != json_type_object)
		return err_new(EINVAL, "no JSON object");
	if (p->options.is_table)
		return b ? json_build_row(b, row) : json_kind_add(kind, row);
	TRY(only_value(p, row, ret_key, &value));
	return add_value(b, kind, value);
}

static struct err *emit(struct parser *p, struct jsonl_state *s)
{
	AUTO(array) struct array *batch = NULL;
	TRY(builder_take(s->builder, &batch));
	s->n_bytes = 0;
	return parser_emit(p, batch);
}

static bool is_blank(const char *line, size_t len)
{
	while (len && strchr(" \t\r", line[len - 1]) && line[len - 1])
		len--;
	return len == 0;
}

static struct err *take_line(struct parser *p, const char *line, size_t len)
{
	struct jsonl_state *s = p->state;
	AUTO(json_object) struct json_object *row = NULL;
	const char *key;
	if (is_blank(line, len))
		return NULL;
	if (p->n_rows == p->options.n_rows)
		return err_new(EINVAL, "the table has %" PRIu64 " rows",
			       p->options.n_rows);
	TRY(json_read(s->reader, line, len, &row));
	TRY(add_row(p, row, s->builder, s->kind, &key));
	if (!p->column_name)
		TRY(str_dup(key, &p->column_name));
	p->n_rows++;
	s->n_bytes += len + s->row_bytes;
	if (s->builder &&
	    (s->n_bytes >= BATCH_BYTES || builder_rows(s->builder) >= BATCH_ROWS))
		return emit(p, s);
	return NULL;
}

static struct err *end_line(struct parser *p, const char *line, size_t len)
{
	struct jsonl_state *s = p->state;
	TRY_CTX(take_line(p, line, len), "line %" PRIu64, s->line);
	s->line++;
	return NULL;
}

struct err *jsonl_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	struct jsonl_state *s = p->state;
	while (len) {
		const uint8_t *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;
		if (!end || s->pending.len) {
			buf_append(&s->pending, bytes, n);
			TRY_CTX(buf_check(&s->pending), "line %" PRIu64, s->line);
		}
		if (!end)
			return NULL;
		if (s->pending.len)
			TRY(end_line(p, (const char *)s->pending.data, s->pending.len));
		else
			TRY(end_line(p, (const char *)bytes, n));
		s->pending.len = 0;
		bytes += n + 1;
		len -= n + 1;
	}
	return NULL;
}

/* --- the end --- */

struct err *jsonl_finish(struct parser *p)
{
	struct jsonl_state *s = p->state;
	if (s->pending.len)
		TRY(end_line(p, (const char *)s->pending.data, s->pending.len));
	s->pending.len = 0;
	if (!parser_rows_fit(p, p->n_rows))
		return parser_rows_error(p, p->n_rows);
	if (s->builder)
		return builder_rows(s->builder) ? emit(p, s) : NULL;
	if (!json_kind_is_known(s->kind))
		return err_new(EINVAL, "no value tells the type; state it%s%s%s",
			       p->options.is_table ? "" : " in the name: ",
			       p->options.is_table ? "" : p->options.name,
			       p->options.is_table ? "" : ".TYPE.jsonl");
	return p->type ? NULL : json_kind_type(s->kind, &p->type);
}

/* The line that has not ended, tried on copies; ret_known: it tells the type. */
static struct err *try_pending(const struct parser *p, bool *ret_known)
{
	const struct jsonl_state *s = p->state;
	AUTO(builder) struct builder *b = NULL;
	AUTO(json_kind) struct json_kind *kind = NULL;
	AUTO(json_object) struct json_object *row = NULL;
	const char *key;
	if (s->builder)
		TRY(builder_new(p->type, &b));
	else
		TRY(json_kind_copy(s->kind, &kind));
	TRY(json_read(s->reader, (const char *)s->pending.data, s->pending.len, &row));
	TRY(add_row(p, row, b, kind, &key));
	*ret_known = b || json_kind_is_known(kind);
	return NULL;
}

bool jsonl_is_complete(const struct parser *p)
{
	const struct jsonl_state *s = p->state;
	bool known = s->builder || json_kind_is_known(s->kind);
	if (is_blank((const char *)s->pending.data, s->pending.len))
		return parser_rows_fit(p, p->n_rows) && known;
	struct err *err = try_pending(p, &known);
	bool fits = !err;
	err_free(err); /* the answer is no; finish will say why */
	return fits && known && p->n_rows < p->options.n_rows &&
	       parser_rows_fit(p, p->n_rows + 1);
}

bool jsonl_has_row_bytes(const struct parser *p)
{
	const struct jsonl_state *s = p->state;
	return s->pending.len != 0;
}
