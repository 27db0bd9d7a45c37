// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_rows.c: the rows of a statement as arrays.
 *
 * A plain column has the type that it has in its table.  The type of any other is seen
 * from its first values: integers are int64, mixed with reals double, text is string,
 * a blob binary.
 */
#include "query/sqlite_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Rows that are kept until the types are chosen, and in a batch after that; fewer if
 * they have more bytes. */
#define SAMPLE_ROWS 1024
#define BATCH_ROWS 8192
#define BATCH_BYTES ((size_t)8 << 20)

struct column {
	char *name;		   /* owned */
	struct type *type;	   /* owned reference; NULL: not known yet */
	struct builder *builder;   /* owned */
	bool has[SQLITE_NULL + 1]; /* types of the values so far */
};

struct result {
	sqlite3_stmt *stmt; /* borrowed */
	const struct query_sink *sink;
	struct column *columns; /* owned */
	size_t n;
	sqlite3_value **sample; /* owned: rows before the types are known */
	size_t n_sample, sample_bytes;
	struct field *rows; /* owned; NULL: not begun */
	uint64_t n_batch, n_rows;
	size_t batch_bytes;
};

/* With the values of a row that was not kept whole. */
static void drop_sample(struct result *r)
{
	for (size_t i = 0; r->sample && i < SAMPLE_ROWS * r->n && r->sample[i]; i++) {
		sqlite3_value_free(r->sample[i]);
		r->sample[i] = NULL;
	}
	r->n_sample = 0;
}

void result_close(struct result *r)
{
	if (!r)
		return;
	for (size_t i = 0; r->columns && i < r->n; i++) {
		free(r->columns[i].name);
		type_unref(r->columns[i].type);
		builder_free(r->columns[i].builder);
	}
	drop_sample(r);
	if (r->rows)
		field_unref(r->rows);
	free(r->columns);
	free(r->sample);
	free(r);
}

/* --- opening --- */

/* The type of a plain column of one of the tables. */
static struct type *origin_type(const struct scope *s, const char *column)
{
	for (size_t i = 0; i < s->n; i++) {
		struct type *t = s->fields[i]->type;
		if (strcmp(s->fields[i]->name, column) == 0)
			return type_ref(t->id == TYPE_DICTIONARY ? t->children[0]->type
								 : t);
	}
	return NULL;
}

static struct err *open_column(struct result *r, const struct sqlite_tables *tables,
			       int i)
{
	struct column *c = &r->columns[i];
	const char *table = sqlite3_column_table_name(r->stmt, i);
	const char *column = sqlite3_column_origin_name(r->stmt, i);
	TRY(str_dup(sqlite3_column_name(r->stmt, i), &c->name));
	const struct scope *s = table ? sqlite_find_table(tables, table) : NULL;
	if (s && column)
		c->type = origin_type(s, column);
	return NULL;
}

struct err *result_open(sqlite3_stmt *stmt, const struct sqlite_tables *tables,
			const struct query_sink *sink, struct result **ret)
{
	AUTO(result) struct result *r = NULL;
	int n = sqlite3_column_count(stmt);
	TRY(mem_new(&r));
	r->stmt = stmt;
	r->sink = sink;
	r->n = (size_t)n;
	TRY(mem_array(r->n, sizeof(*r->columns), &r->columns));
	TRY(mem_array(r->n * SAMPLE_ROWS, sizeof(sqlite3_value *), &r->sample));
	for (int i = 0; i < n; i++)
		TRY(open_column(r, tables, i));
	*ret = TAKE(r);
	return NULL;
}

/* --- types --- */

static enum type_id type_of(const struct column *c)
{
	if (c->has[SQLITE_TEXT])
		return TYPE_STRING;
	if (c->has[SQLITE_BLOB])
		return TYPE_BINARY;
	if (c->has[SQLITE_FLOAT])
		return TYPE_FLOAT64;
	return c->has[SQLITE_INTEGER] ? TYPE_INT64 : TYPE_STRING;
}

static struct err *begin(struct result *r)
{
	struct field **fields;
	struct err *err = NULL;
	TRY(mem_array(r->n, sizeof(struct field *), &fields));
	for (size_t i = 0; i < r->n && !err; i++) {
		struct column *c = &r->columns[i];
		if (!c->type)
			err = type_new(type_of(c), &c->type);
		if (!err)
			err = builder_new(c->type, &c->builder);
		if (!err)
			err = field_new(c->name, c->type, true, &fields[i]);
	}
	if (!err)
		err = rows_field(fields, r->n, &r->rows);
	for (size_t i = 0; i < r->n; i++)
		if (fields[i])
			field_unref(fields[i]);
	free(fields);
	TRY(err);
	return r->sink->begin(r->sink->ctx, r->rows);
}

/* --- values --- */

static struct err *wrong_type(const struct result *r, const struct column *c)
{
	AUTO_MEM char *type = NULL;
	TRY(type_format(c->type, &type));
	return err_new(EINVAL,
		       "row %llu: a value of column '%s' is not %s as the first ones "
		       "are; CAST the column",
		       (unsigned long long)(r->n_rows + r->n_batch), c->name, type);
}

/* Booleans are numbers to SQLite. */
static struct err *add_bool(struct column *c, sqlite3_value *v)
{
	const char *text = sqlite3_value_int64(v) ? "true" : "false";
	return builder_text(c->builder, text, strlen(text));
}

/* SQLite's own text of a double has 15 digits. */
static struct err *add_double(struct column *c, sqlite3_value *v)
{
	char text[NUMBER_TEXT_MAX];
	size_t len = text_double(text, sqlite3_value_double(v));
	return builder_text(c->builder, text, len);
}

/* The text of a decimal has no exponent. */
static struct err *add_decimal(struct column *c, sqlite3_value *v)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "%.*f", MAX_OF(c->type->scale, 0),
			   sqlite3_value_double(v));
	return builder_text(c->builder, text, (size_t)len);
}

static struct err *add_value(struct result *r, struct column *c, sqlite3_value *v)
{
	int type = sqlite3_value_type(v);
	const void *p;
	size_t len;
	if (type == SQLITE_NULL)
		return builder_null(c->builder);
	if (c->type->id == TYPE_BOOL && type == SQLITE_INTEGER)
		return add_bool(c, v);
	if (type == SQLITE_FLOAT &&
	    (c->type->id == TYPE_DECIMAL128 || c->type->id == TYPE_DECIMAL256))
		return add_decimal(c, v);
	if (type == SQLITE_FLOAT && !type_is_integer(c->type->id))
		return add_double(c, v);
	bool is_bytes = type_is_binary(c->type->id) || c->type->id == TYPE_FIXED_BINARY;
	if ((type == SQLITE_BLOB) != is_bytes && type == SQLITE_BLOB)
		return wrong_type(r, c);
	p = is_bytes ? sqlite3_value_blob(v) : sqlite3_value_text(v);
	len = (size_t)sqlite3_value_bytes(v);
	if (!p && len)
		return err_nomem();
	r->batch_bytes += len;
	if (is_bytes)
		return builder_bytes(c->builder, p ? p : "", len);
	struct err *err = builder_text(c->builder, p ? p : "", len);
	if (err && err->code == EINVAL) {
		err_free(err); /* said with the column's name instead */
		return wrong_type(r, c);
	}
	return err;
}

static struct err *flush(struct result *r)
{
	struct array **columns;
	AUTO(array) struct array *rows = NULL;
	struct err *err = NULL;
	if (!r->n_batch)
		return NULL;
	TRY(mem_array(r->n, sizeof(struct array *), &columns));
	for (size_t i = 0; i < r->n && !err; i++)
		err = builder_take(r->columns[i].builder, &columns[i]);
	if (!err)
		err = rows_array(r->rows, columns, r->n_batch, &rows);
	for (size_t i = 0; i < r->n; i++)
		array_unref(columns[i]);
	free(columns);
	TRY(err);
	r->n_rows += r->n_batch;
	r->n_batch = 0;
	r->batch_bytes = 0;
	return r->sink->rows(r->sink->ctx, rows);
}

static struct err *add_row(struct result *r, sqlite3_value **values)
{
	for (size_t i = 0; i < r->n; i++)
		TRY(add_value(r, &r->columns[i], values[i]));
	r->n_batch++;
	return r->n_batch == BATCH_ROWS || r->batch_bytes > BATCH_BYTES ? flush(r)
									: NULL;
}

static struct err *end_sample(struct result *r)
{
	TRY(begin(r));
	for (size_t i = 0; i < r->n_sample; i++)
		TRY(add_row(r, r->sample + i * r->n));
	drop_sample(r);
	return NULL;
}

/* A value of a row before the types are known. */
static struct err *keep_value(struct result *r, size_t i, sqlite3_value *v)
{
	sqlite3_value *copy = sqlite3_value_dup(v);
	if (!copy)
		return err_nomem();
	int type = sqlite3_value_type(copy);
	r->columns[i].has[type] = true;
	r->sample[r->n_sample * r->n + i] = copy;
	if (type == SQLITE_TEXT || type == SQLITE_BLOB)
		r->sample_bytes += (size_t)sqlite3_value_bytes(copy);
	return NULL;
}

struct err *result_add(struct result *r)
{
	if (!r->rows && (r->n_sample == SAMPLE_ROWS || r->sample_bytes > BATCH_BYTES))
		TRY(end_sample(r));
	for (size_t i = 0; i < r->n; i++) {
		sqlite3_value *v = sqlite3_column_value(r->stmt, (int)i);
		TRY(r->rows ? add_value(r, &r->columns[i], v) : keep_value(r, i, v));
	}
	if (!r->rows) {
		r->n_sample++;
		return NULL;
	}
	r->n_batch++;
	return r->n_batch == BATCH_ROWS || r->batch_bytes > BATCH_BYTES ? flush(r)
									: NULL;
}

struct err *result_finish(struct result *r)
{
	if (!r->rows)
		TRY(end_sample(r));
	return flush(r);
}
