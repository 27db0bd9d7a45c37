// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_table.c: a scope as a virtual table.
 *
 * Columns that the statement does not name are not read; those with large values are
 * read for the rows that SQLite asks for, one at a time.
 *
 * A join looks up one value after the other.  The third time that a table is searched
 * for equality it is loaded.
 */
#include "query/sqlite_table_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A table that is searched so often is loaded. */
#define SEARCHES_BEFORE_LOAD 2
/* Conditions that a filter has at most; SQLite tests the rest. */
#define MOST_CONDITIONS 32

static int fail(struct vtab *t, struct err *err)
{
	if (!err)
		return SQLITE_OK;
	if (t->state->failed)
		err_free(err); /* an earlier one is told */
	else
		t->state->failed = err;
	return SQLITE_ERROR;
}

/* --- the table --- */

static const char *affinity(const struct type *t)
{
	if (type_is_integer(t->id) || t->id == TYPE_BOOL || t->id == TYPE_DURATION)
		return "INTEGER";
	if (t->id == TYPE_DECIMAL128 || t->id == TYPE_DECIMAL256)
		return "NUMERIC";
	if (type_is_float(t->id))
		return "REAL";
	if (type_is_binary(t->id) || t->id == TYPE_FIXED_BINARY)
		return "BLOB";
	return "TEXT";
}

static struct err *declaration(const struct scope *s, struct buf *out)
{
	buf_str(out, "CREATE TABLE x(");
	for (size_t i = 0; i < s->n; i++) {
		buf_str(out, i ? ", \"" : "\"");
		for (const char *p = s->fields[i]->name; *p; p++)
			buf_str(out, *p == '"' ? "\"\"" : (char[]){*p, 0});
		buf_printf(out, "\" %s%s", affinity(s->fields[i]->type),
			   i >= s->n_own ? " HIDDEN" : "");
	}
	buf_str(out, ")");
	buf_byte(out, 0);
	return buf_check(out);
}

static int declare(struct vtab *t, sqlite3 *db, const char *text)
{
	t->state->is_declaring = true;
	int rc = sqlite3_declare_vtab(db, text);
	t->state->is_declaring = false;
	return rc;
}

struct module {
	sqlite3_module methods;
	const struct scope *scope;
	struct sqlite_state *state;
};

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
			 sqlite3_vtab **ret, char **message)
{
	struct module *m = aux;
	AUTO_BUF struct buf text = {0};
	struct vtab *t = sqlite3_malloc(sizeof(*t));
	(void)argc;
	if (!t)
		return SQLITE_NOMEM;
	*t = (struct vtab){.scope = m->scope, .state = m->state};
	int rc = fail(t, declaration(m->scope, &text));
	if (rc == SQLITE_OK)
		rc = declare(t, db, (char *)text.data);
	if (rc == SQLITE_OK) {
		*ret = &t->base;
		return rc;
	}
	*message = sqlite3_mprintf("table %s: %s", argv[0], sqlite3_errmsg(db));
	sqlite3_free(t);
	return rc;
}

static int table_disconnect(sqlite3_vtab *t)
{
	sqlite3_free(t);
	return SQLITE_OK;
}

/* --- the plan: which conditions are tested here --- */

static const char *operator_of(unsigned char op)
{
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return "=";
	case SQLITE_INDEX_CONSTRAINT_IS:
		return "IS";
	case SQLITE_INDEX_CONSTRAINT_GT:
		return ">";
	case SQLITE_INDEX_CONSTRAINT_GE:
		return ">=";
	case SQLITE_INDEX_CONSTRAINT_LT:
		return "<";
	case SQLITE_INDEX_CONSTRAINT_LE:
		return "<=";
	case SQLITE_INDEX_CONSTRAINT_NE:
		return "<>";
	case SQLITE_INDEX_CONSTRAINT_LIKE:
		return "LIKE";
	case SQLITE_INDEX_CONSTRAINT_ISNULL:
		return "N";
	case SQLITE_INDEX_CONSTRAINT_ISNOTNULL:
		return "V";
	default:
		return NULL;
	}
}

/* Values of which SQLite and a scan have the same order. */
static bool is_comparable(const struct type *t)
{
	return (type_is_integer(t->id) && t->id != TYPE_UINT64) ||
	       t->id == TYPE_FLOAT64 || t->id == TYPE_FLOAT32 || type_is_string(t->id);
}

/* The operator of a condition that is tested here; NULL: it is not. */
static const char *condition_of(const struct vtab *t, sqlite3_index_info *info, int i)
{
	int column = info->aConstraint[i].iColumn;
	const char *op = operator_of(info->aConstraint[i].op);
	if (!info->aConstraint[i].usable || !op || column < 0 ||
	    !is_comparable(t->scope->fields[column]->type) ||
	    sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
		return NULL;
	return op;
}

/*
 * What is tested here, for table_filter: "COLUMN OP;…" of each argument, after the mask
 * of the columns that the statement names.
 */
static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct vtab *t = (const struct vtab *)base;
	char *plan = sqlite3_mprintf("%lld;", (long long)info->colUsed);
	bool is_search = false;
	int n = 0;
	for (int i = 0; i < info->nConstraint && plan && n < MOST_CONDITIONS; i++) {
		int column = info->aConstraint[i].iColumn;
		const char *op = condition_of(t, info, i);
		if (!op)
			continue;
		bool is_in = *op == '=' && sqlite3_vtab_in(info, i, 1);
		plan = sqlite3_mprintf("%z%d %s;", plan, column, is_in ? "IN" : op);
		info->aConstraintUsage[i].argvIndex = ++n;
		is_search |= *op == '=' && !is_in;
	}
	if (!plan)
		return SQLITE_NOMEM;
	info->idxStr = plan;
	info->needToFreeIdxStr = 1;
	double rows = (double)t->scope->n_rows + 1;
	bool in_memory = !t->scope->version;
	info->estimatedCost = is_search ? (in_memory ? 10 : rows / 10 + 10) : rows;
	info->estimatedRows = (sqlite3_int64)(is_search ? 1
					      : n	? rows / (4 * n) + 1
							: rows);
	return SQLITE_OK;
}

/* --- cursors --- */

static int table_open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **ret)
{
	struct cursor_state *c = sqlite3_malloc(sizeof(*c));
	(void)base;
	if (!c)
		return SQLITE_NOMEM;
	*c = (struct cursor_state){0};
	*ret = &c->base;
	return SQLITE_OK;
}

static int table_close_cursor(sqlite3_vtab_cursor *base)
{
	struct cursor_state *c = (struct cursor_state *)base;
	size_t n = scope_at(c)->n;
	cursor_end_scan(c);
	for (size_t i = 0; i < n; i++) {
		if (c->columns)
			expr_unref(c->columns[i]);
		if (c->loaded)
			array_unref(c->loaded[i]);
	}
	array_unref(c->wide);
	lookup_fini(&c->lookup);
	free(c->columns);
	free(c->loaded);
	free(c->slots);
	free(c->outputs);
	sqlite3_free(c);
	return SQLITE_OK;
}

static struct err *begin(struct cursor_state *c, const char *plan, sqlite3_value **args)
{
	size_t column = 0, arg = 0;
	bool loads = c->loaded != NULL;
	bool is_search = lookup_find(c, plan, args, &column, &arg);
	if (is_search && !loads && c->n_searches++ >= SEARCHES_BEFORE_LOAD)
		TRY(lookup_may_load(c, &loads));
	c->row = 0;
	if (is_search && loads)
		return lookup_search(c, column, args[arg]);
	return cursor_scan(c, plan, args);
}

static int table_filter(sqlite3_vtab_cursor *base, int number, const char *plan,
			int argc, sqlite3_value **args)
{
	struct cursor_state *c = (struct cursor_state *)base;
	struct vtab *t = (struct vtab *)base->pVtab;
	long long used = 0;
	int len = 0, rc = SQLITE_OK;
	(void)number;
	(void)argc;
	if (sscanf(plan, "%lld;%n", &used, &len) != 1)
		return SQLITE_ERROR;
	c->is_end = false;
	if (!c->columns)
		rc = fail(t, cursor_choose_columns(c, (uint64_t)used));
	return rc == SQLITE_OK ? fail(t, begin(c, plan + len, args)) : rc;
}

static int table_next(sqlite3_vtab_cursor *base)
{
	struct cursor_state *c = (struct cursor_state *)base;
	if (c->row) {
		lookup_next(c);
		return SQLITE_OK;
	}
	if (++c->at < c->batch.n_rows)
		return SQLITE_OK;
	return fail((struct vtab *)base->pVtab, cursor_next_batch(c));
}

static int table_eof(sqlite3_vtab_cursor *base)
{
	return ((const struct cursor_state *)base)->is_end;
}

static uint64_t row_number(const struct cursor_state *c)
{
	return c->row ? c->row - 1 : c->batch.rows[c->at];
}

/* --- values --- */

static struct err *read_blob(const struct scope *s, size_t i, uint64_t row,
			     sqlite3_context *context)
{
	struct blob blob = {0};
	size_t n = 0;
	TRY(version_blob(s->version, s->fields[i], row, &blob));
	struct err *err = NULL;
	if (!blob.file) {
		sqlite3_result_null(context);
	} else if (blob.size > INT32_MAX) {
		err = err_new(EINVAL, "a blob of %" PRIu64 " bytes", blob.size);
	} else {
		uint8_t *p = sqlite3_malloc64(blob.size + 1);
		err = p ? blob_read(&blob, 0, (size_t)blob.size, p, &n) : err_nomem();
		if (err)
			sqlite3_free(p);
		else
			sqlite3_result_blob64(context, p, n, sqlite3_free);
	}
	blob_fini(&blob);
	return err;
}

static struct err *read_wide(struct cursor_state *c, size_t i, uint64_t row,
			     sqlite3_context *context)
{
	const struct scope *s = scope_at(c);
	if (field_is_blob(s->fields[i]))
		return read_blob(s, i, row, context);
	if (!c->wide || c->wide_field != i || c->wide_row != row) {
		array_unref(c->wide);
		c->wide = NULL;
		TRY(scope_read(s, i, false, row, row + 1, &c->wide));
		c->wide_field = i;
		c->wide_row = row;
	}
	sqlite_result(context, c->wide, 0);
	return NULL;
}

static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	struct cursor_state *c = (struct cursor_state *)base;
	size_t i = (size_t)column;
	if (!c->columns[i])
		return fail((struct vtab *)base->pVtab,
			    read_wide(c, i, row_number(c), context));
	if (c->row)
		sqlite_result(context, c->loaded[i], c->row - 1);
	else
		sqlite_result(context, c->batch.outputs[c->slots[i]], c->at);
	return SQLITE_OK;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)row_number((const struct cursor_state *)base);
	return SQLITE_OK;
}

struct err *sqlite_add_table(sqlite3 *db, const char *name, const struct scope *scope,
			     struct sqlite_state *state)
{
	struct module *m = sqlite3_malloc(sizeof(*m));
	if (!m)
		return err_nomem();
	/* without xCreate the module is a table of its own name */
	*m = (struct module){.methods = {.iVersion = 1,
					 .xConnect = table_connect,
					 .xBestIndex = table_best_index,
					 .xDisconnect = table_disconnect,
					 .xOpen = table_open_cursor,
					 .xClose = table_close_cursor,
					 .xFilter = table_filter,
					 .xNext = table_next,
					 .xEof = table_eof,
					 .xColumn = table_column,
					 .xRowid = table_rowid},
			     .scope = scope,
			     .state = state};
	if (sqlite3_create_module_v2(db, name, &m->methods, m, sqlite3_free) !=
	    SQLITE_OK)
		return sqlite_err(db, state);
	return NULL;
}
