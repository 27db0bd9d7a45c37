// SPDX-License-Identifier: Apache-2.0
/*
 * expr_of: expr_of DATASET <EXPRESSIONS: evaluate each line of the input over all rows.
 *
 * Of each comes "ok LENGTH" and so many bytes of an Arrow file with one column, or
 * "error MESSAGE" on one line.
 */
#include "expr/expr.h"
#include "table/table.h"

#include <stdio.h>
#include <string.h>

struct columns {
	struct version *version; /* borrowed */
	size_t n;
	struct field **fields; /* owned, borrowed items */
	struct array **arrays; /* owned */
};

static struct err *read_columns(struct version *v, struct columns *c)
{
	c->version = v;
	c->n = version_n_fields(v);
	TRY(mem_array(c->n, sizeof(*c->fields), &c->fields));
	TRY(mem_array(c->n, sizeof(*c->arrays), &c->arrays));
	for (size_t i = 0; i < c->n; i++) {
		c->fields[i] = version_field(v, i);
		TRY(version_read(v, c->fields[i], 0, version_rows(v), &c->arrays[i]));
	}
	return NULL;
}

static void columns_fini(struct columns *c)
{
	for (size_t i = 0; c->arrays && i < c->n; i++)
		array_unref(c->arrays[i]);
	free(c->arrays);
	free(c->fields);
}

static struct err *evaluate(const struct columns *c, const char *text,
			    struct array **ret)
{
	AUTO(expr) struct expr *e = NULL;
	AUTO_MEM struct array **inputs = NULL;
	TRY(expr_compile(text, c->fields, c->n, EXPR_VALUE, &e));
	TRY(mem_array(expr_n_inputs(e), sizeof(*inputs), &inputs));
	for (size_t i = 0; i < expr_n_inputs(e); i++)
		inputs[i] = c->arrays[expr_input(e, i).field];
	const struct expr_batch batch = {.inputs = inputs,
					 .n_rows = version_rows(c->version)};
	AUTO(array) struct array *out = NULL;
	TRY(expr_eval(e, &batch, &out));
	TRY(array_validate(out));
	if (!type_equal(out->type, expr_type(e)) || out->n_rows != batch.n_rows)
		return err_new(1, "BUG: another type or number of rows");
	*ret = TAKE(out);
	return NULL;
}

static struct err *read_rows(void *ctx, uint64_t first, uint64_t end,
			     struct array **ret)
{
	return array_slice(ctx, first, end, ret);
}

static struct err *print_array(struct array *a)
{
	AUTO(field) struct field *f = NULL;
	AUTO(view) struct view *view = NULL;
	AUTO_MEM uint8_t *bytes = NULL;
	uint64_t size;
	size_t got;
	TRY(field_new("x", a->type, true, &f));
	const struct view_source source = {
		.read = read_rows, .ctx = a, .n_rows = a->n_rows, .field = f};
	TRY(view_open(format_find("arrow"), &source, &view));
	TRY(view_size(view, &size));
	TRY(mem_array((size_t)size, 1, &bytes));
	TRY(view_pread(view, 0, (size_t)size, bytes, &got));
	printf("ok %zu\n", got);
	fwrite(bytes, 1, got, stdout);
	return NULL;
}

static void print_error(struct err *err)
{
	printf("error ");
	for (const char *p = err->msg; *p; p++)
		putchar(*p == '\n' ? '|' : *p);
	putchar('\n');
	err_free(err); /* told */
}

static struct err *run(const char *path)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	AUTO(version) struct version *version = NULL;
	AUTO_MEM char *line = NULL;
	struct columns columns = {0};
	size_t cap = 0;
	TRY(io_store_open_local(path, &store));
	TRY(table_open(store, NULL, &table));
	version = table_latest(table);
	struct err *err = read_columns(version, &columns);
	while (!err && getline(&line, &cap, stdin) > 0) {
		AUTO(array) struct array *out = NULL;
		line[strcspn(line, "\n")] = 0;
		struct err *bad = evaluate(&columns, line, &out);
		if (!bad)
			bad = print_array(out);
		if (bad)
			print_error(bad);
		fflush(stdout);
	}
	columns_fini(&columns);
	return err;
}

int main(int argc, char **argv)
{
	struct err *err = argc == 2 ? run(argv[1]) : err_new(1, "DATASET");
	if (err)
		fprintf(stderr, "expr_of: %s\n", err->msg);
	bool is_bad = err;
	err_free(err); /* told */
	return is_bad;
}
