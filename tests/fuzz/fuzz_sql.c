// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_sql.c: any text as an expression over a few rows, and as a SELECT of one table.
 *
 * What is computed must be a valid array of the type that was told, and the same once
 * more; what is not must be an error of the user's.
 */
#include "query/query.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name, *type, *values[3]; /* NULL: null */
} columns[] = {
	{"i", "int32", {"1", NULL, "-2147483648"}},
	{"b", "int64", {"-7", "9223372036854775807", NULL}},
	{"u", "uint64", {"18446744073709551615", "0", NULL}},
	{"k", "int8", {"-128", "3", NULL}},
	{"f", "float32", {"1.5", "nan", NULL}},
	{"d", "float64", {"-0", "1e308", NULL}},
	{"s", "string", {"aé", "", NULL}},
	{"t", "large_string", {"2020-01-02", "x", NULL}},
	{"l", "list<int32>", {"[1, null]", "[]", NULL}},
	{"v", "float32[2]", {"[1, 2]", "[0, 0]", NULL}},
	{"st", "struct<a: int64, b: string>", {"{\"a\": 1, \"b\": \"x\"}", "{}", NULL}},
	{"ts", "timestamp[us]", {"2020-01-02T03:04:05", "0001-01-01T00:00:00", NULL}},
	{"dt", "date32", {"2020-02-29", "1969-12-31", NULL}},
	{"m", "decimal(10,2)", {"1.25", "-99999999.99", NULL}},
	{"x", "binary", {"a", "", NULL}},
	{"o", "bool", {"true", "false", NULL}},
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define N_ROWS 3

static void must(struct err *err)
{
	if (err)
		__builtin_trap();
}

static struct array *make_column(size_t i)
{
	AUTO(type) struct type *t = NULL;
	AUTO(builder) struct builder *b = NULL;
	struct array *a;
	must(type_parse(columns[i].type, &t));
	must(builder_new(t, &b));
	for (size_t row = 0; row < N_ROWS; row++) {
		const char *v = columns[i].values[row];
		must(v ? builder_text(b, v, strlen(v)) : builder_null(b));
	}
	must(builder_take(b, &a));
	return a;
}

static struct array *make_rows(void)
{
	AUTO(type) struct type *t = NULL;
	struct array *rows;
	must(type_new_nested(TYPE_STRUCT, N_COLUMNS, &t));
	must(array_new(t, N_ROWS, &rows));
	for (size_t i = 0; i < N_COLUMNS; i++) {
		rows->children[i] = make_column(i);
		must(field_new(columns[i].name, rows->children[i]->type, true,
			       &t->children[i]));
	}
	return rows;
}

static void check_error(struct err *err)
{
	if (err->code != EINVAL && err->code != EOVERFLOW && err->code != ENOMEM &&
	    err->code != EOPNOTSUPP && err->code != EFBIG)
		__builtin_trap();
	err_free(err);
}

static void try_expr(const struct scope *s, const char *text, enum expr_use use)
{
	AUTO(expr) struct expr *e = NULL;
	AUTO(array) struct array *first = NULL;
	struct array *inputs[N_COLUMNS];
	struct err *err = scope_compile(s, text, use, &e);
	if (err) {
		check_error(err);
		return;
	}
	for (size_t i = 0; i < expr_n_inputs(e); i++)
		inputs[i] = s->arrays[expr_input(e, i).field];
	struct expr_batch batch = {inputs, N_ROWS, 0};
	err = expr_eval(e, &batch, &first);
	if (err) {
		check_error(err);
		return;
	}
	must(array_validate(first));
	if (first->n_rows != N_ROWS || !type_equal(first->type, expr_type(e)))
		__builtin_trap();
}

static struct err *begin(void *ctx, struct field *rows)
{
	(void)ctx;
	(void)rows;
	return NULL;
}

static struct err *take_rows(void *ctx, struct array *rows)
{
	(void)ctx;
	must(array_validate(rows));
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct array *rows;
	AUTO_SCOPE struct scope scope = {0};
	AUTO_MEM char *text = NULL;
	AUTO_SELECT struct sql_select select = {0};
	struct query_env env = {.table = &scope};
	struct query_sink sink = {begin, take_rows, NULL};
	bool is_scan;
	if (!rows)
		rows = make_rows();
	must(scope_of_array(rows, &scope));
	must(str_dup_len(data, size, &text));
	try_expr(&scope, text, EXPR_VALUE);
	try_expr(&scope, text, EXPR_FILTER);
	must(sql_select_parse(text, &select, &is_scan));
	if (!is_scan)
		return 0;
	struct err *err = query_run(&env, text, &sink);
	if (err)
		check_error(err);
	return 0;
}
