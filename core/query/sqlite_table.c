// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_table.c: a scope as a virtual table.
 *
 * Conditions that compare a column with a value become the filter of a scan; SQLite
 * tests the rows again, so that a filter may let too many pass.  Columns that the
 * statement does not name are not read; those with large values are read for the rows
 * that SQLite asks for, one at a time.
 *
 * A join looks up one value after the other.  The third time that a table is searched
 * for equality its columns are loaded, and a hash table of their values is made.
 */
#include "query/sqlite_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bytes a row from which on a column is read row by row. */
#define WIDE_BYTES ((uint64_t)4096)
/* A table that is searched so often is loaded, if it has no more bytes than this. */
#define SEARCHES_BEFORE_LOAD 2
#define LOAD_BYTES ((uint64_t)1 << 30)

/* A filter has so many conditions and values of IN at most; SQLite tests the rest. */
#define MOST_CONDITIONS 32
#define MOST_VALUES 1000

struct vtab {
	sqlite3_vtab base; /* first: SQLite's */
	const struct scope *scope;
	struct sqlite_state *state;
};

/* The rows of a loaded table, by the value of a column. */
struct lookup {
	size_t column;
	struct array *keys; /* owned */
	uint64_t *heads;    /* owned: 1 + row, 0: none */
	uint64_t *chain;    /* owned: the next row of the same slot, as above */
	uint64_t mask;
};

struct cursor_state {
	sqlite3_vtab_cursor base; /* first: SQLite's */
	uint64_t used;		 /* columns that are read, by bit; the last: the rest */
	struct expr *filter;	 /* owned */
	struct expr **columns;	 /* owned: of each field that is read; NULL: not */
	size_t *slots;		 /* owned: its output */
	struct scanner *scanner; /* owned */
	struct scan scan;
	struct expr **outputs; /* owned array of borrowed columns */
	struct scan_batch batch;
	uint64_t at; /* row of the batch */
	bool is_end;

	unsigned n_searches;
	struct array **loaded; /* owned: columns in memory; NULL: not loaded */
	struct lookup lookup;
	uint64_t row;	       /* of the loaded table, 1 + it; 0: the end */
	sqlite3_value *wanted; /* owned */

	size_t wide_field; /* the value read last of a wide column */
	uint64_t wide_row;
	struct array *wide; /* owned */
};

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

static const struct scope *scope_at(const struct cursor_state *c)
{
	return ((const struct vtab *)c->base.pVtab)->scope;
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

static void end_scan(struct cursor_state *c)
{
	scanner_close(c->scanner);
	c->scanner = NULL;
	expr_unref(c->filter);
	c->filter = NULL;
	sqlite3_value_free(c->wanted);
	c->wanted = NULL;
}

static int table_close_cursor(sqlite3_vtab_cursor *base)
{
	struct cursor_state *c = (struct cursor_state *)base;
	size_t n = scope_at(c)->n;
	end_scan(c);
	for (size_t i = 0; i < n; i++) {
		if (c->columns)
			expr_unref(c->columns[i]);
		if (c->loaded)
			array_unref(c->loaded[i]);
	}
	array_unref(c->wide);
	array_unref(c->lookup.keys);
	free(c->lookup.heads);
	free(c->lookup.chain);
	free(c->columns);
	free(c->loaded);
	free(c->slots);
	free(c->outputs);
	sqlite3_free(c);
	return SQLITE_OK;
}

/* --- which columns a scan reads --- */

static bool is_named(uint64_t used, size_t i)
{
	return used >> MIN_OF(i, (size_t)63) & 1;
}

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

static void put_name(const struct field *f, struct buf *out)
{
	buf_byte(out, '`');
	for (const char *p = f->name; *p; p++)
		buf_str(out, *p == '`' ? "``" : (char[]){*p, 0});
	buf_byte(out, '`');
}

static struct err *compile_column(struct cursor_state *c, size_t i)
{
	const struct scope *s = scope_at(c);
	AUTO_BUF struct buf name = {0};
	put_name(s->fields[i], &name);
	buf_byte(&name, 0);
	TRY(buf_check(&name));
	TRY(scope_compile(s, (char *)name.data, EXPR_VALUE, &c->columns[i]));
	c->slots[i] = c->scan.n_outputs;
	c->outputs[c->scan.n_outputs++] = c->columns[i];
	return NULL;
}

/* Once for a cursor: the columns do not change. */
static struct err *choose_columns(struct cursor_state *c, uint64_t used)
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
	put_name(f, out);
	buf_str(out, is_float ? " AS DOUBLE)" : "");
}

/* NaN is NULL to SQLite. */
static void put_null_test(const struct field *f, bool is_null, struct buf *out)
{
	bool has_nan = is_null && type_is_float(f->type->id);
	buf_str(out, has_nan ? "(" : "");
	put_name(f, out);
	buf_str(out, is_null ? " IS NULL" : " IS NOT NULL");
	if (has_nan) {
		buf_str(out, " OR isnan(");
		put_name(f, out);
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

struct plan_item {
	size_t column;
	char op[8];
};

/* The next "COLUMN OP;" of a plan. */
static bool plan_next(const char **plan, struct plan_item *ret)
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

static struct err *next_batch(struct cursor_state *c)
{
	bool more;
	c->at = 0;
	TRY(scanner_next(c->scanner, &c->batch, &more));
	c->is_end = !more;
	return NULL;
}

static struct err *begin_scan(struct cursor_state *c, const char *plan,
			      sqlite3_value **args)
{
	end_scan(c);
	TRY(make_filter(c, plan, args));
	c->scan.filter = c->filter;
	TRY(scanner_open(&c->scan, &c->scanner));
	return next_batch(c);
}

/* --- searching: the loaded table --- */

static uint64_t hash_double(double d)
{
	uint64_t bits;
	d += 0.0; /* -0 is 0 */
	memcpy(&bits, &d, sizeof(bits));
	return hash_mix(0, bits);
}

static uint64_t hash_of(const struct array *a, uint64_t row, bool *ret_null)
{
	uint64_t len;
	*ret_null = array_is_null(a, row);
	if (*ret_null)
		return 0;
	if (type_is_string(a->type->id)) {
		const uint8_t *p = array_var(a, row, &len);
		return hash_bytes(p, (size_t)len, 0);
	}
	const uint8_t *p = a->data->data + row * 8;
	double d;
	memcpy(&d, p, sizeof(d));
	return a->type->id == TYPE_INT64 ? hash_mix(0, load_u64le(p)) : hash_double(d);
}

/* Keys as SQLite compares them: int64, double, or bytes. */
static struct err *index_keys(struct lookup *l, struct array *values)
{
	AUTO(type) struct type *t = NULL;
	enum type_id id = values->type->id;
	uint64_t n = values->n_rows, n_slots = 16;
	TRY(type_new(type_is_string(id)	   ? id
		     : type_is_integer(id) ? TYPE_INT64
					   : TYPE_FLOAT64,
		     &t));
	TRY(sql_cast(values, t, false, 0, &l->keys));
	while (n_slots < n * 2)
		n_slots *= 2;
	l->mask = n_slots - 1;
	TRY(mem_array((size_t)n_slots, sizeof(uint64_t), &l->heads));
	TRY(mem_array((size_t)n, sizeof(uint64_t), &l->chain));
	for (uint64_t row = n; row-- > 0;) {
		bool is_null;
		uint64_t slot = hash_of(l->keys, row, &is_null) & l->mask;
		if (is_null)
			continue;
		l->chain[row] = l->heads[slot];
		l->heads[slot] = row + 1;
	}
	return NULL;
}

struct loading {
	struct array ***parts; /* of each output: its batches */
	size_t n_outputs, n;
};

static struct err *take_part(void *ctx, const struct scan_batch *b)
{
	struct loading *l = ctx;
	for (size_t i = 0; i < l->n_outputs; i++) {
		TRY(mem_resize(l->n + 1, sizeof(struct array *), &l->parts[i]));
		l->parts[i][l->n] = array_ref(b->outputs[i]);
	}
	l->n++;
	return NULL;
}

static void loading_fini(struct loading *l)
{
	for (size_t i = 0; l->parts && i < l->n_outputs; i++) {
		for (size_t k = 0; l->parts[i] && k < l->n; k++)
			array_unref(l->parts[i][k]);
		free(l->parts[i]);
	}
	free(l->parts);
}

static struct err *load_columns(struct cursor_state *c)
{
	const struct scope *s = scope_at(c);
	__attribute__((cleanup(loading_fini))) struct loading l = {
		.n_outputs = c->scan.n_outputs};
	TRY(mem_array(l.n_outputs, sizeof(struct array **), &l.parts));
	c->scan.filter = NULL;
	TRY(scan_run(&c->scan, take_part, &l));
	TRY(mem_array(s->n, sizeof(struct array *), &c->loaded));
	for (size_t i = 0; i < s->n; i++)
		if (c->columns[i] && l.n)
			TRY(array_concat(l.parts[c->slots[i]], l.n, &c->loaded[i]));
	return NULL;
}

static struct err *may_load(const struct cursor_state *c, bool *ret)
{
	const struct scope *s = scope_at(c);
	uint64_t total = 0;
	*ret = false;
	for (size_t i = 0; s->version && i < s->n_own; i++) {
		uint64_t bytes = 0;
		if (is_named(c->used, i) && !c->columns[i])
			return NULL; /* a wide one */
		if (c->columns[i])
			TRY(version_column_bytes(s->version, s->fields[i], &bytes));
		total += bytes;
	}
	*ret = total <= LOAD_BYTES && s->n_rows > 0;
	return NULL;
}

static bool key_matches(const struct cursor_state *c, uint64_t row)
{
	const struct array *keys = c->lookup.keys;
	uint64_t len;
	if (type_is_string(keys->type->id)) {
		const uint8_t *p = array_var(keys, row, &len);
		return (uint64_t)sqlite3_value_bytes(c->wanted) == len &&
		       (!len ||
			memcmp(sqlite3_value_blob(c->wanted), p, (size_t)len) == 0);
	}
	const uint8_t *p = keys->data->data + row * 8;
	double d;
	memcpy(&d, p, sizeof(d));
	return keys->type->id == TYPE_INT64
		       ? (int64_t)load_u64le(p) == sqlite3_value_int64(c->wanted)
		       : d == sqlite3_value_double(c->wanted);
}

static void skip_others(struct cursor_state *c)
{
	while (c->row && !key_matches(c, c->row - 1))
		c->row = c->lookup.chain[c->row - 1];
	c->is_end = c->row == 0;
}

/*
 * Whether the rows of a value are those of its slot.  Beside a column of numbers a text
 * is one if it looks like one; a number beside a column of texts may make numbers of
 * them all.
 */
static bool is_searchable(const struct field *f, sqlite3_value *v)
{
	int type = sqlite3_value_type(v);
	return type_is_string(f->type->id) ? type == SQLITE_TEXT : type != SQLITE_BLOB;
}

/* The slot of the value that is searched; false: no row can have it. */
static bool search_slot(struct cursor_state *c, sqlite3_value *v, uint64_t *ret)
{
	enum type_id id = c->lookup.keys->type->id;
	if (type_is_string(id)) {
		const void *p = sqlite3_value_text(v);
		*ret = hash_bytes(p, (size_t)sqlite3_value_bytes(v), 0);
		return true;
	}
	int type = sqlite3_value_numeric_type(v);
	if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
		return false;
	int64_t i = sqlite3_value_int64(v);
	double d = sqlite3_value_double(v);
	if (id == TYPE_INT64 && type == SQLITE_FLOAT && (double)i != d)
		return false;
	*ret = id == TYPE_INT64 ? hash_mix(0, (uint64_t)i) : hash_double(d);
	return true;
}

static struct err *search(struct cursor_state *c, size_t column, sqlite3_value *v)
{
	uint64_t slot;
	end_scan(c);
	if (!c->loaded)
		TRY(load_columns(c));
	if (!c->lookup.keys) {
		c->lookup.column = column;
		TRY(index_keys(&c->lookup, c->loaded[column]));
	}
	c->wanted = sqlite3_value_dup(v);
	if (!c->wanted)
		return err_nomem();
	bool may_be = search_slot(c, c->wanted, &slot);
	c->row = may_be ? c->lookup.heads[slot & c->lookup.mask] : 0;
	skip_others(c);
	return NULL;
}

/* The first condition of equality of a plan, if it is the one that is indexed. */
static bool find_equality(const struct cursor_state *c, const char *plan,
			  sqlite3_value **args, size_t *ret_column, size_t *ret_arg)
{
	struct plan_item item;
	for (size_t i = 0; plan_next(&plan, &item); i++)
		if (strcmp(item.op, "=") == 0 && c->columns[item.column] &&
		    is_searchable(scope_at(c)->fields[item.column], args[i]) &&
		    (!c->lookup.keys || c->lookup.column == item.column)) {
			*ret_column = item.column;
			*ret_arg = i;
			return true;
		}
	return false;
}

static struct err *begin(struct cursor_state *c, const char *plan, sqlite3_value **args)
{
	size_t column = 0, arg = 0;
	bool loads = c->loaded != NULL;
	bool is_search = find_equality(c, plan, args, &column, &arg);
	if (is_search && !loads && c->n_searches++ >= SEARCHES_BEFORE_LOAD)
		TRY(may_load(c, &loads));
	c->row = 0;
	if (is_search && loads)
		return search(c, column, args[arg]);
	return begin_scan(c, plan, args);
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
		rc = fail(t, choose_columns(c, (uint64_t)used));
	return rc == SQLITE_OK ? fail(t, begin(c, plan + len, args)) : rc;
}

static int table_next(sqlite3_vtab_cursor *base)
{
	struct cursor_state *c = (struct cursor_state *)base;
	if (c->row) {
		c->row = c->lookup.chain[c->row - 1];
		skip_others(c);
		return SQLITE_OK;
	}
	if (++c->at < c->batch.n_rows)
		return SQLITE_OK;
	return fail((struct vtab *)base->pVtab, next_batch(c));
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
