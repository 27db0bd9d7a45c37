// SPDX-License-Identifier: Apache-2.0
/*
 * text_rows.c: rows of text to batches, or to a type where none was stated.
 *
 * The type is the narrowest of int64, double, bool and string that all values
 * allow; nulls have no say.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BATCH_BYTES ((uint64_t)1 << 20)
#define BATCH_ROWS ((uint64_t)65536)

struct err *text_rows_open(struct text_rows *r, const struct parser *p)
{
	r->can_int = r->can_double = r->can_bool = true;
	if (!p->options.type)
		return NULL;
	return builder_new(p->options.type, &r->builder);
}

void text_rows_close(struct text_rows *r)
{
	builder_free(r->builder);
	free(r->first_other);
}

static struct err *emit(struct text_rows *r, struct parser *p)
{
	AUTO(array) struct array *batch = NULL;
	TRY(builder_take(r->builder, &batch));
	return parser_emit(p, batch);
}

static struct err *end_row(struct text_rows *r, struct parser *p)
{
	p->n_rows++;
	if (r->builder && (builder_bytes(r->builder) >= BATCH_BYTES ||
			   builder_rows(r->builder) >= BATCH_ROWS))
		return emit(r, p);
	return NULL;
}

/* Too many rows is told before the value is looked at. */
static struct err *check_room(const struct parser *p)
{
	if (p->n_rows < p->options.n_rows)
		return NULL;
	return err_new(EINVAL, "the table has %" PRIu64 " rows", p->options.n_rows);
}

static bool is_bool(const char *text, size_t len)
{
	return (len == 4 && memcmp(text, "true", 4) == 0) ||
	       (len == 5 && memcmp(text, "false", 5) == 0);
}

static struct err *learn(struct text_rows *r, const char *text, size_t len,
			 uint64_t line)
{
	int64_t v;
	char quoted[CELL_QUOTE_LEN];
	bool number = r->n_numbers == r->n_values
			      ? cell_is_number(text, len)
			      : len < 400 && cell_is_number(text, len);
	r->n_values++;
	r->n_numbers += number;
	r->can_int = r->can_int && cell_int64(text, len, &v);
	r->can_double = r->can_double && number;
	r->can_bool = r->can_bool && is_bool(text, len);
	if (number || r->first_other)
		return NULL;
	r->first_other_line = line;
	return str_dup(cell_quote(text, len, quoted), &r->first_other);
}

struct err *text_rows_value(struct text_rows *r, struct parser *p, const char *text,
			    size_t len, uint64_t line)
{
	TRY(check_room(p));
	if (r->builder) {
		TRY(builder_text(r->builder, text, len));
	} else {
		if (!utf8_valid(text, len))
			return err_new(EINVAL, "the value is not UTF-8");
		TRY(learn(r, text, len, line));
	}
	return end_row(r, p);
}

struct err *text_rows_null(struct text_rows *r, struct parser *p)
{
	TRY(check_room(p));
	if (r->builder)
		TRY(builder_null(r->builder));
	return end_row(r, p);
}

static enum type_id learned_id(const struct text_rows *r)
{
	if (!r->n_values)
		return r->n_quoted_empty ? TYPE_STRING : TYPE_NULL;
	if (r->can_int)
		return TYPE_INT64;
	if (r->can_double)
		return TYPE_FLOAT64;
	return r->can_bool ? TYPE_BOOL : TYPE_STRING;
}

static struct err *finish_learning(struct text_rows *r, struct parser *p)
{
	enum type_id id = learned_id(r);
	if (id == TYPE_NULL)
		return err_new(
			EINVAL,
			"no value tells the type; state it in the name: %s.TYPE.%s",
			p->options.name, p->ops->suffix);
	if (id == TYPE_STRING && r->first_other &&
	    r->n_numbers >= r->n_values / 100 * 99 &&
	    r->n_numbers * 100 >= r->n_values * 99) {
		p->spoiler_line = r->first_other_line;
		p->spoiler_text = TAKE(r->first_other);
	}
	return type_new(id, &p->type);
}

struct err *text_rows_finish(struct text_rows *r, struct parser *p)
{
	if (p->n_rows != p->options.n_rows)
		return parser_rows_error(p, p->n_rows);
	if (!r->builder)
		return p->type ? NULL : finish_learning(r, p);
	return builder_rows(r->builder) ? emit(r, p) : NULL;
}

bool text_rows_complete(const struct text_rows *r, const struct parser *p,
			uint64_t n_rows)
{
	return n_rows == p->options.n_rows &&
	       (r->builder || learned_id(r) != TYPE_NULL);
}
