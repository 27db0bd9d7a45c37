// SPDX-License-Identifier: Apache-2.0
/*
 * select.c: a SELECT of one table as a scan.
 */
#include "query/query_priv.h"

#include <errno.h>

struct selecting {
	const struct scope *scope;
	const char *sql;       /* borrowed */
	struct expr **exprs;   /* owned */
	struct field **fields; /* owned, with references */
	size_t n, cap;
	struct field *rows; /* owned */
	uint64_t skip;	    /* OFFSET: rows left out still */
	const struct query_sink *sink;
};

static void selecting_fini(struct selecting *s)
{
	for (size_t i = 0; i < s->n; i++) {
		expr_unref(s->exprs[i]);
		field_unref(s->fields[i]);
	}
	if (s->rows)
		field_unref(s->rows);
	free(s->exprs);
	free(s->fields);
}

#define AUTO_SELECTING __attribute__((cleanup(selecting_fini)))

/* A plain column keeps what is known of it. */
static struct err *output_field(const struct selecting *s, const struct expr *e,
				const char *name, struct field **ret)
{
	AUTO(field) struct field *f = NULL;
	const struct field *column = NULL;
	size_t i;
	if (expr_is_column(e, &i))
		column = s->scope->fields[i];
	bool is_plain = column && type_equal(column->type, expr_type(e));
	TRY(field_new(name, is_plain ? column->type : expr_type(e), true, &f));
	for (size_t k = 0; is_plain && k < column->n_metadata; k++) {
		const struct metadata_entry *m = &column->metadata[k];
		TRY(field_set_metadata(f, m->key, m->value, m->value_len));
	}
	*ret = TAKE(f);
	return NULL;
}

static struct err *add_output(struct selecting *s, struct expr *e, const char *name)
{
	AUTO(field) struct field *f = NULL;
	size_t n = s->n + 1;
	if (n > s->cap) {
		size_t cap = n * 2;
		TRY(mem_resize(cap, sizeof(struct expr *), &s->exprs));
		TRY(mem_resize(cap, sizeof(struct field *), &s->fields));
		s->cap = cap;
	}
	TRY(output_field(s, e, name, &f));
	s->exprs[s->n] = expr_ref(e);
	s->fields[s->n++] = TAKE(f);
	return NULL;
}

static struct err *add_column(struct selecting *s, size_t i)
{
	AUTO(expr) struct expr *e = NULL;
	TRY(scope_compile_column(s->scope, i, &e));
	return add_output(s, e, s->scope->fields[i]->name);
}

/* Errors show the place in the whole text. */
static struct err *add_item(struct selecting *s, const struct sql_item *item)
{
	AUTO(expr) struct expr *e = NULL;
	for (size_t i = 0; item->is_star && i < s->scope->n_own; i++)
		TRY(add_column(s, i));
	if (item->is_star)
		return NULL;
	TRY(expr_compile_part(s->sql, item->at, strlen(item->text), s->scope->fields,
			      s->scope->n, EXPR_ITEM, &e));
	return add_output(s, e, item->name);
}

static struct err *begin(struct selecting *s)
{
	struct field **copy;
	TRY(mem_array(s->n, sizeof(struct field *), &copy));
	for (size_t i = 0; i < s->n; i++)
		copy[i] = field_ref(s->fields[i]);
	struct err *err = rows_field(copy, s->n, &s->rows);
	for (size_t i = 0; i < s->n; i++)
		if (copy[i])
			field_unref(copy[i]);
	free(copy);
	TRY(err);
	return s->sink->begin(s->sink->ctx, s->rows);
}

static struct err *take_batch(void *ctx, const struct scan_batch *b)
{
	struct selecting *s = ctx;
	AUTO(array) struct array *all = NULL;
	AUTO(array) struct array *rows = NULL;
	TRY(rows_array(s->rows, b->outputs, b->n_rows, &all));
	uint64_t skip = MIN_OF(s->skip, b->n_rows);
	s->skip -= skip;
	if (skip == b->n_rows)
		return NULL;
	if (!skip)
		return s->sink->rows(s->sink->ctx, all);
	TRY(array_slice(all, skip, b->n_rows, &rows));
	return s->sink->rows(s->sink->ctx, rows);
}

/* --- count(*) --- */

static struct err *hand_count(struct selecting *s, const char *name, uint64_t n)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *count = NULL;
	AUTO(array) struct array *rows = NULL;
	AUTO(field) struct field *f = NULL;
	TRY(type_new(TYPE_INT64, &t));
	TRY(field_new(name, t, false, &f));
	TRY(rows_field(&f, 1, &s->rows));
	TRY(array_new(t, 1, &count));
	TRY(bytes_new(8, &count->data));
	store_u64le(count->data->data, n);
	TRY(rows_array(s->rows, &count, 1, &rows));
	TRY(s->sink->begin(s->sink->ctx, s->rows));
	return s->sink->rows(s->sink->ctx, rows);
}

static struct err *run_count(struct selecting *s, const struct sql_select *sql,
			     const struct expr *where)
{
	uint64_t n = s->scope->n_rows;
	if (where)
		TRY(scan_count(s->scope, where, &n));
	return hand_count(s, sql->items[0].name, n);
}

static struct err *run_rows(struct selecting *s, const struct sql_select *sql,
			    const struct expr *where)
{
	uint64_t limit;
	for (size_t i = 0; i < sql->n; i++)
		TRY(add_item(s, &sql->items[i]));
	if (s->n == 0)
		return err_new(EINVAL, "the table has no columns");
	TRY(begin(s));
	/* without a condition rows are not looked at to be counted */
	uint64_t first = where ? 0 : MIN_OF(sql->offset, s->scope->n_rows);
	s->skip = where ? sql->offset : 0;
	if (ckd_add(&limit, sql->limit, s->skip))
		limit = SCAN_ALL;
	struct scan scan = {.scope = s->scope,
			    .filter = where,
			    .first = first,
			    .outputs = (const struct expr *const *)s->exprs,
			    .n_outputs = s->n,
			    .limit = limit};
	return scan_run(&scan, take_batch, s);
}

struct err *select_run(const struct query_env *env, const char *text,
		       const struct sql_select *sql, const struct query_sink *sink)
{
	AUTO_SCOPE struct scope own = {0};
	AUTO(expr) struct expr *where = NULL;
	AUTO_SELECTING struct selecting s = {.sql = text, .sink = sink};
	TRY(find_table(env, sql->table, &own, &s.scope));
	if (sql->where)
		TRY(expr_compile_part(text, sql->where_at, strlen(sql->where),
				      s.scope->fields, s.scope->n, EXPR_FILTER,
				      &where));
	return sql->is_count ? run_count(&s, sql, where) : run_rows(&s, sql, where);
}
