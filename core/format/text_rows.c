// SPDX-License-Identifier: Apache-2.0
/*
 * text_rows.c: rows of text to batches, or to types where none were stated.
 *
 * A learnt type is the narrowest of int64, double, bool and string that all values
 * of a column allow; nulls have no say.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BATCH_BYTES ((uint64_t)1 << 20)
#define BATCH_ROWS ((uint64_t)65536)

/* --- the columns --- */

static void close_column(struct text_column *c)
{
	builder_free(c->builder);
	free(c->first_other);
}

static struct err *open_column(const struct parser *p, struct field *member,
			       struct text_column *c)
{
	c->can_int = c->can_double = c->can_bool = true;
	c->nullable = !member || member->nullable;
	c->type = member ? member->type : p->options.type;
	if (!c->type)
		return NULL;
	if (member && !p->ops->parses(c->type) && c->type->id != TYPE_NULL) {
		AUTO_MEM char *name = NULL;
		TRY(type_format(c->type, &name));
		return err_new(EINVAL, "column '%s': %s cannot be written as %s",
			       member->name, name, p->ops->suffix);
	}
	c->null_bytes = builder_null_bytes(c->type);
	return builder_new(c->type, &c->builder);
}

static struct err *match_columns(struct text_rows *r, const struct parser *p,
				 const char *const *names)
{
	struct type *t = p->options.type;
	AUTO_MEM size_t *members = NULL;
	TRY(mem_array(r->n_columns, sizeof(*members), &members));
	TRY(members_need(p, names, r->n_columns));
	TRY(members_match(t, names, r->n_columns, members));
	for (size_t i = 0; i < r->n_columns; i++) {
		struct text_column *c = &r->columns[i];
		c->member = members[i];
		TRY(open_column(p, t ? t->children[c->member] : NULL, c));
	}
	return NULL;
}

struct err *text_rows_open(struct text_rows *r, const struct parser *p,
			   const char *const *names, size_t n)
{
	TRY(mem_array(n, sizeof(*r->columns), &r->columns));
	r->n_columns = n;
	if (p->options.is_table)
		return match_columns(r, p, names);
	return open_column(p, NULL, &r->columns[0]);
}

void text_rows_close(struct text_rows *r)
{
	for (size_t i = 0; i < r->n_columns; i++)
		close_column(&r->columns[i]);
	free(r->columns);
}

/* --- values --- */

static bool is_bool(const char *text, size_t len)
{
	return (len == 4 && memcmp(text, "true", 4) == 0) ||
	       (len == 5 && memcmp(text, "false", 5) == 0);
}

static struct err *learn(struct text_column *c, const char *text, size_t len,
			 uint64_t line)
{
	int64_t v;
	char quoted[CELL_QUOTE_LEN];
	bool integer = c->can_int && cell_int64(text, len, &v);
	bool number = integer || ((c->n_numbers == c->n_values || len < 400) &&
				  cell_is_number(text, len));
	if (!utf8_valid(text, len))
		return err_new(EINVAL, "the value is not UTF-8");
	c->n_values++;
	c->n_numbers += number;
	c->can_int = integer;
	c->can_double = c->can_double && number;
	c->can_bool = c->can_bool && is_bool(text, len);
	if (number || c->first_other)
		return NULL;
	c->first_other_line = line;
	return str_dup(cell_quote(text, len, quoted), &c->first_other);
}

struct err *text_rows_value(struct text_rows *r, size_t column, const char *text,
			    size_t len, uint64_t line)
{
	struct text_column *c = &r->columns[column];
	r->n_bytes += len + 8;
	return c->builder ? builder_text(c->builder, text, len)
			  : learn(c, text, len, line);
}

struct err *text_rows_null(struct text_rows *r, size_t column)
{
	struct text_column *c = &r->columns[column];
	if (!c->nullable)
		return err_new(EINVAL, "null, which the column does not allow");
	r->n_bytes += c->null_bytes;
	return c->builder ? builder_null(c->builder) : NULL;
}

/* --- rows --- */

/* The columns of a table, and nulls for those that the file lacks. */
static struct err *take_table(struct text_rows *r, const struct parser *p,
			      struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(p->options.type, r->n_rows, &a));
	for (size_t i = 0; i < r->n_columns; i++)
		TRY(builder_take(r->columns[i].builder,
				 &a->children[r->columns[i].member]));
	TRY(members_fill(a));
	*ret = TAKE(a);
	return NULL;
}

static struct err *emit(struct text_rows *r, struct parser *p)
{
	AUTO(array) struct array *batch = NULL;
	if (p->options.is_table)
		TRY(take_table(r, p, &batch));
	else
		TRY(builder_take(r->columns[0].builder, &batch));
	r->n_rows = r->n_bytes = 0;
	return parser_emit(p, batch);
}

struct err *text_rows_end(struct text_rows *r, struct parser *p)
{
	p->n_rows++;
	r->n_rows++;
	if (p->options.type && (r->n_bytes >= BATCH_BYTES || r->n_rows >= BATCH_ROWS))
		return emit(r, p);
	return NULL;
}

static enum type_id learned_id(const struct text_column *c)
{
	if (!c->n_values)
		return c->n_quoted_empty ? TYPE_STRING : TYPE_NULL;
	if (c->can_int)
		return TYPE_INT64;
	if (c->can_double)
		return TYPE_FLOAT64;
	return c->can_bool ? TYPE_BOOL : TYPE_STRING;
}

static struct err *learned_column(struct text_column *c, struct parser *p)
{
	enum type_id id = learned_id(c);
	if (id == TYPE_NULL)
		return err_new(
			EINVAL,
			"no value tells the type; state it in the name: %s.TYPE.%s",
			p->options.name, p->ops->suffix);
	if (id == TYPE_STRING && c->first_other &&
	    c->n_numbers >= c->n_values / 100 * 99 &&
	    c->n_numbers * 100 >= c->n_values * 99) {
		p->spoiler_line = c->first_other_line;
		p->spoiler_text = TAKE(c->first_other);
	}
	return type_new(id, &p->type);
}

static struct err *learned_table(const struct text_rows *r, const char *const *names,
				 struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(TYPE_STRUCT, r->n_columns, &t));
	for (size_t i = 0; i < r->n_columns; i++) {
		AUTO(type) struct type *member = NULL;
		TRY(type_new(learned_id(&r->columns[i]), &member));
		TRY(field_new(names[i], member, true, &t->children[i]));
	}
	*ret = TAKE(t);
	return NULL;
}

struct err *text_rows_finish(struct text_rows *r, struct parser *p,
			     const char *const *names)
{
	if (!parser_rows_fit(p, p->n_rows))
		return parser_rows_error(p, p->n_rows);
	if (p->options.type)
		return r->n_rows ? emit(r, p) : NULL;
	if (p->type)
		return NULL;
	return p->options.is_table ? learned_table(r, names, &p->type)
				   : learned_column(&r->columns[0], p);
}

bool text_rows_complete(const struct text_rows *r, const struct parser *p,
			uint64_t n_rows)
{
	return parser_rows_fit(p, n_rows) && (p->options.type || p->options.is_table ||
					      learned_id(&r->columns[0]) != TYPE_NULL);
}
