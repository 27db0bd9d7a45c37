// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_value.c: values as SQLite has them, and our functions for it.
 */
#include "query/sqlite_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void result_text(sqlite3_context *context, const struct array *a, uint64_t row)
{
	struct buf text = {0};
	text_value(a, row, &text);
	if (text.failed)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_text64(context, text.data ? (char *)text.data : "",
				      text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	buf_fini(&text);
}

/* Digits that a double keeps. */
#define EXACT_DIGITS 15

/* A number, so that it compares as one; the text if it has too many digits. */
static void result_decimal(sqlite3_context *context, const struct array *a,
			   uint64_t row)
{
	AUTO_BUF struct buf text = {0};
	text_value(a, row, &text);
	buf_byte(&text, 0);
	if (text.failed) {
		sqlite3_result_error_nomem(context);
		return;
	}
	size_t n = 0;
	for (const char *p = (char *)text.data; *p; p++)
		n += (*p > '0' && *p <= '9') || (*p == '0' && n);
	if (n <= EXACT_DIGITS)
		sqlite3_result_double(context, strtod((char *)text.data, NULL));
	else
		sqlite3_result_text64(context, (char *)text.data, text.len - 1,
				      SQLITE_TRANSIENT, SQLITE_UTF8);
}

static int64_t integer_at(const struct array *a, uint64_t row)
{
	uint64_t v = 0;
	uint32_t width = type_bits(a->type) / 8;
	memcpy(&v, a->data->data + row * width, width);
	unsigned shift = 64 - width * 8;
	return type_is_signed(a->type->id) ? (int64_t)(v << shift) >> shift
					   : (int64_t)v;
}

static double float_at(const struct array *a, uint64_t row)
{
	const uint8_t *p = a->data->data;
	double d;
	float f;
	if (a->type->id == TYPE_FLOAT16)
		return (double)half_to_float(load_u16le(p + row * 2));
	if (a->type->id == TYPE_FLOAT32) {
		memcpy(&f, p + row * 4, 4);
		return (double)f;
	}
	memcpy(&d, p + row * 8, 8);
	return d;
}

void sqlite_result(sqlite3_context *context, const struct array *a, uint64_t row)
{
	const struct type *t = a->type;
	uint64_t len;
	const uint8_t *p;
	if (array_is_null(a, row)) {
		sqlite3_result_null(context);
	} else if (t->id == TYPE_BOOL) {
		sqlite3_result_int(context, bit_get(a->data->data, row));
	} else if (type_is_integer(t->id) &&
		   !(t->id == TYPE_UINT64 && integer_at(a, row) < 0)) {
		sqlite3_result_int64(context, integer_at(a, row));
	} else if (t->id == TYPE_DURATION) {
		sqlite3_result_int64(context,
				     (int64_t)load_u64le(a->data->data + row * 8));
	} else if (t->id == TYPE_DECIMAL128 || t->id == TYPE_DECIMAL256) {
		result_decimal(context, a, row);
	} else if (type_is_float(t->id)) {
		sqlite3_result_double(context, float_at(a, row));
	} else if (type_is_string(t->id)) {
		p = array_var(a, row, &len);
		sqlite3_result_text64(context, (const char *)p, len, SQLITE_TRANSIENT,
				      SQLITE_UTF8);
	} else if (type_is_binary(t->id)) {
		p = array_var(a, row, &len);
		sqlite3_result_blob64(context, p, len, SQLITE_TRANSIENT);
	} else if (t->id == TYPE_FIXED_BINARY) {
		len = (uint64_t)t->byte_width;
		sqlite3_result_blob64(context, a->data->data + row * len, len,
				      SQLITE_TRANSIENT);
	} else {
		result_text(context, a, row);
	}
}

/* --- functions --- */

#define MOST_ARGS 8

/* A function of ours, compiled for the types of the last call. */
struct bridge {
	const char *name;
	int types[MOST_ARGS];
	int n;
	struct expr *expr; /* owned */
};

static void bridge_free(void *p)
{
	struct bridge *b = p;
	expr_unref(b->expr);
	free(b);
}

/* SQLite's own text of a double has 15 digits. */
static struct err *add_value(struct builder *b, sqlite3_value *v)
{
	char number[NUMBER_TEXT_MAX];
	int type = sqlite3_value_type(v);
	if (type == SQLITE_FLOAT)
		return builder_text(b, number,
				    text_double(number, sqlite3_value_double(v)));
	const void *p = type == SQLITE_BLOB ? sqlite3_value_blob(v)
					    : (const void *)sqlite3_value_text(v);
	size_t len = (size_t)sqlite3_value_bytes(v);
	if (!p && len)
		return err_nomem();
	return type == SQLITE_BLOB ? builder_bytes(b, p ? p : "", len)
				   : builder_text(b, p ? p : "", len);
}

static struct err *value_array(sqlite3_value *v, struct array **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(builder) struct builder *b = NULL;
	static const enum type_id ids[] = {[SQLITE_INTEGER] = TYPE_INT64,
					   [SQLITE_FLOAT] = TYPE_FLOAT64,
					   [SQLITE_TEXT] = TYPE_STRING,
					   [SQLITE_BLOB] = TYPE_BINARY,
					   [SQLITE_NULL] = TYPE_NULL};
	int type = sqlite3_value_type(v);
	TRY(type_new(ids[type], &t));
	if (type == SQLITE_NULL)
		return array_new_null(t, 1, ret);
	TRY(builder_new(t, &b));
	TRY(add_value(b, v));
	return builder_take(b, ret);
}

/* NAME(`0`, `1`, …) of columns of these types */
static struct err *compile(struct bridge *b, struct array *const *args, int n)
{
	AUTO_BUF struct buf text = {0};
	struct field *fields[MOST_ARGS] = {0};
	struct err *err = NULL;
	buf_printf(&text, "%s(", b->name);
	for (int i = 0; i < n && !err; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%d", i);
		buf_printf(&text, "%s`%d`", i ? ", " : "", i);
		err = field_new(name, args[i]->type, true, &fields[i]);
	}
	buf_str(&text, ")");
	buf_byte(&text, 0);
	expr_unref(b->expr);
	b->expr = NULL;
	if (!err)
		err = buf_check(&text);
	if (!err)
		err = expr_compile((char *)text.data, fields, (size_t)n, EXPR_VALUE,
				   &b->expr);
	for (int i = 0; i < n && fields[i]; i++)
		field_unref(fields[i]);
	return err;
}

static bool is_compiled(const struct bridge *b, sqlite3_value **args, int n)
{
	bool same = b->expr && b->n == n;
	for (int i = 0; same && i < n; i++)
		same = b->types[i] == sqlite3_value_type(args[i]);
	return same;
}

static struct err *call(struct bridge *b, sqlite3_context *context, int n,
			sqlite3_value **values, struct array **args)
{
	struct array *inputs[MOST_ARGS];
	AUTO(array) struct array *out = NULL;
	bool is_ready = is_compiled(b, values, n);
	for (int i = 0; i < n; i++) {
		TRY(value_array(values[i], &args[i]));
		b->types[i] = sqlite3_value_type(values[i]);
	}
	b->n = n;
	if (!is_ready)
		TRY(compile(b, args, n));
	for (size_t i = 0; i < expr_n_inputs(b->expr); i++)
		inputs[i] = args[expr_input(b->expr, i).field];
	struct expr_batch batch = {inputs, 1, 0};
	TRY(expr_eval(b->expr, &batch, &out));
	sqlite_result(context, out, 0);
	return NULL;
}

static void run_function(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct bridge *b = sqlite3_user_data(context);
	struct array *args[MOST_ARGS] = {0};
	struct err *err = NULL;
	if (n > MOST_ARGS)
		err = err_new(EINVAL, "%s: more than %d arguments", b->name, MOST_ARGS);
	else
		err = call(b, context, n, values, args);
	for (int i = 0; i < MOST_ARGS; i++)
		array_unref(args[i]);
	if (err)
		sqlite3_result_error(context, err->msg, -1);
	err_free(err); /* SQLite has its text */
}

static bool is_plain_name(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == 0;
}

/* SQLite's own stay, but for those that know ASCII only. */
static bool is_wanted(sqlite3_stmt *known, const char *name)
{
	if (strcmp(name, "upper") == 0 || strcmp(name, "lower") == 0)
		return true;
	sqlite3_reset(known);
	sqlite3_bind_text(known, 1, name, -1, SQLITE_STATIC);
	return is_plain_name(name) && sqlite3_step(known) != SQLITE_ROW;
}

static struct err *add_function(sqlite3 *db, const char *name)
{
	struct bridge *b;
	TRY(mem_new(&b));
	b->name = name;
	if (sqlite3_create_function_v2(db, name, -1, SQLITE_UTF8, b, run_function, NULL,
				       NULL, bridge_free) != SQLITE_OK)
		return err_new(ENOMEM, "%s", sqlite3_errmsg(db));
	return NULL;
}

struct err *sqlite_add_functions(sqlite3 *db)
{
	sqlite3_stmt *known;
	struct err *err = NULL;
	if (sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_function_list WHERE name = ?",
			       -1, &known, NULL) != SQLITE_OK)
		return err_new(ENOMEM, "%s", sqlite3_errmsg(db));
	for (size_t i = 0; expr_function_name(i) && !err; i++)
		if (is_wanted(known, expr_function_name(i))) {
			sqlite3_reset(known);
			err = add_function(db, expr_function_name(i));
		}
	sqlite3_finalize(known);
	return err;
}
