// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_scan.c: the rows of a virtual table by a scan.
 *
 * Columns that the statement names are its outputs; the conditions of the plan are its
 * filter, as text.  SQLite tests the rows again: a condition that does not say what
 * SQLite means is left out.
 */
#include "query/sqlite_table_priv.h"

#include <stdio.h>
#include <string.h>

/* Bytes a row from which on a column is read row by row. */
#define WIDE_BYTES ((uint64_t)4096)
/* Values of IN that a filter has at most. */
#define MOST_VALUES 1000

/* --- which columns a scan reads --- */

static struct err *is_wide(const struct scope *s, size_t i, bool *ret)
{
	uint64_t bytes;
	*ret = false;
	if (!s->version || i >= s->n_own || s->n_rows == 0)
		return NULL;
	if (field_is_blob(s->fields[i])) {
		*ret = true;
		return NULL;
	}
	TRY(version_column_bytes(s->version, s->fields[i], &bytes));
	*ret = bytes / s->n_rows > WIDE_BYTES;
	return NULL;
}

static struct err *compile_column(struct cursor_state *c, size_t i)
{
	const struct scope *s = scope_at(c);
	TRY(scope_compile_column(s, i, &c->columns[i]));
	c->slots[i] = c->scan.n_outputs;
	c->outputs[c->scan.n_outputs++] = c->columns[i];
	return NULL;
}

/* Once for a cursor: the columns do not change. */
struct err *cursor_choose_columns(struct cursor_state *c, uint64_t used)
{
	const struct scope *s = scope_at(c);
	c->used = used;
	c->scan.scope = s;
	c->scan.limit = SCAN_ALL;
	TRY(mem_array(s->n, sizeof(struct expr *), &c->columns));
	TRY(mem_array(s->n, sizeof(struct expr *), &c->outputs));
	TRY(mem_array(s->n, sizeof(size_t), &c->slots));
	for (size_t i = 0; i < s->n; i++) {
		bool wide;
		if (!is_named(used, i))
			continue;
		TRY(is_wide(s, i, &wide));
		if (!wide)
			TRY(compile_column(c, i));
	}
	c->scan.outputs = (const struct expr *const *)c->outputs;
	return NULL;
}

/* --- conditions as text --- */

/* Integers that a double tells apart. */
static bool is_exact(double d)
{
	return d > -0x1p53 && d < 0x1p53;
}

/* A text without NUL, which ends the text of a filter. */
static bool put_text(sqlite3_value *v, struct buf *out)
{
	const char *text = (const char *)sqlite3_value_text(v);
	if (!text || strlen(text) != (size_t)sqlite3_value_bytes(v))
		return false;
	buf_byte(out, '\'');
	for (const char *p = text; *p; p++)
		buf_str(out, *p == '\'' ? "''" : (char[]){*p, 0});
	buf_byte(out, '\'');
	return true;
}

/*
 * A value that a column of the type compares with as SQLite does; false: leave it.
 * SQLite compares integers with doubles exactly, a filter makes doubles of both.
 */
static bool put_literal(const struct type *t, sqlite3_value *v, struct buf *out)
{
	bool is_integer = type_is_integer(t->id);
	bool is_number = is_integer || type_is_float(t->id);
	double d = sqlite3_value_double(v);
	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		buf_printf(out, "%lld", (long long)sqlite3_value_int64(v));
		return is_integer ? sqlite3_value_int64(v) != INT64_MIN
				  : is_number && is_exact(d);
	case SQLITE_FLOAT:
		buf_printf(out, "%.17e", d);
		return is_number && d - d == 0 && (!is_integer || is_exact(d));
	case SQLITE_TEXT:
		return type_is_string(t->id) && put_text(v, out);
	default:
		return false;
	}
}

static bool put_list(const struct type *t, sqlite3_value *list, struct buf *out)
{
	sqlite3_value *v = NULL;
	unsigned n = 0;
	buf_str(out, " IN (");
	int rc = sqlite3_vtab_in_first(list, &v);
	for (; rc == SQLITE_OK && v; rc = sqlite3_vtab_in_next(list, &v)) {
		if (sqlite3_value_type(v) == SQLITE_NULL)
			continue;
		buf_str(out, n++ ? ", " : "");
		if (n > MOST_VALUES || !put_literal(t, v, out))
			return false;
	}
	buf_str(out, n ? ")" : "NULL)");
	return rc == SQLITE_DONE;
}

/* Floats are brought to doubles, as SQLite has them. */
static void put_column(const struct field *f, struct buf *out)
{
	bool is_float = f->type->id == TYPE_FLOAT32;
	buf_str(out, is_float ? "CAST(" : "");
	scope_put_name(f, out);
	buf_str(out, is_float ? " AS DOUBLE)" : "");
}

/* NaN is NULL to SQLite. */
static void put_null_test(const struct field *f, bool is_null, struct buf *out)
{
	bool has_nan = is_null && type_is_float(f->type->id);
	buf_str(out, has_nan ? "(" : "");
	scope_put_name(f, out);
	buf_str(out, is_null ? " IS NULL" : " IS NOT NULL");
	if (has_nan) {
		buf_str(out, " OR isnan(");
		scope_put_name(f, out);
		buf_str(out, "))");
	}
}

/* To a filter the backslash quotes, to SQLite nothing does. */
static bool put_pattern(const struct field *f, sqlite3_value *v, struct buf *out)
{
	if (!type_is_string(f->type->id) || sqlite3_value_type(v) != SQLITE_TEXT ||
	    strchr((const char *)sqlite3_value_text(v), '\\'))
		return false;
	buf_str(out, " LIKE ");
	return put_text(v, out);
}

static bool put_condition(const struct field *f, const char *op, sqlite3_value *v,
			  struct buf *out)
{
	if (*op == 'N' || *op == 'V') {
		put_null_test(f, *op == 'N', out);
		return true;
	}
	put_column(f, out);
	if (strcmp(op, "IN") == 0)
		return put_list(f->type, v, out);
	if (strcmp(op, "LIKE") == 0)
		return put_pattern(f, v, out);
	buf_printf(out, " %s ", strcmp(op, "IS") == 0 ? "=" : op);
	return put_literal(f->type, v, out);
}

/* The next "COLUMN OP;" of a plan. */
bool plan_next(const char **plan, struct plan_item *ret)
{
	int len = 0;
	if (sscanf(*plan, "%zu %7[^;];%n", &ret->column, ret->op, &len) != 2 || !len)
		return false;
	*plan += len;
	return true;
}

static struct err *make_filter(struct cursor_state *c, const char *plan,
			       sqlite3_value **args)
{
	AUTO_BUF struct buf text = {0};
	struct plan_item item;
	for (size_t i = 0; plan_next(&plan, &item); i++) {
		size_t before = text.len;
		buf_str(&text, before ? " AND " : "");
		if (!put_condition(scope_at(c)->fields[item.column], item.op, args[i],
				   &text))
			text.len = before;
	}
	if (!text.len)
		return NULL;
	buf_byte(&text, 0);
	TRY(buf_check(&text));
	return scope_compile(scope_at(c), (char *)text.data, EXPR_FILTER, &c->filter);
}

/* --- scanning --- */

struct err *cursor_next_batch(struct cursor_state *c)
{
	bool more;
	c->at = 0;
	TRY(scanner_next(c->scanner, &c->batch, &more));
	c->is_end = !more;
	return NULL;
}

struct err *cursor_scan(struct cursor_state *c, const char *plan, sqlite3_value **args)
{
	cursor_end_scan(c);
	TRY(make_filter(c, plan, args));
	c->scan.filter = c->filter;
	TRY(scanner_open(&c->scan, &c->scanner));
	return cursor_next_batch(c);
}

void cursor_end_scan(struct cursor_state *c)
{
	scanner_close(c->scanner);
	c->scanner = NULL;
	expr_unref(c->filter);
	c->filter = NULL;
	sqlite3_value_free(c->wanted);
	c->wanted = NULL;
}
