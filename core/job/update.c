// SPDX-License-Identifier: Apache-2.0
/*
 * update.c: columns of the rows for which a condition is true get new values.
 *
 * All expressions see the row's old values.
 */
#include "job/part_priv.h"
#include "job/rows_priv.h"

#include <errno.h>
#include <inttypes.h>

struct updating {
	struct table *table;		/* borrowed */
	const struct update_spec *spec; /* borrowed */
	struct expr **exprs;	     /* owned; of the present attempt, as all below */
	struct field **fields;	     /* owned; borrowed from the version */
	struct value_writer *writer; /* owned; or */
	struct row_mover *mover;     /* owned */
	uint64_t n_rows;	     /* of the version */
	uint64_t n;
};

static void attempt_fini(struct updating *u)
{
	for (size_t i = 0; u->exprs && i < u->spec->n; i++)
		expr_unref(u->exprs[i]);
	free(TAKE(u->exprs));
	free(TAKE(u->fields));
	value_writer_abort(TAKE(u->writer));
	row_mover_abort(TAKE(u->mover));
}

static struct err *check_nulls(const struct updating *u, const struct scan_batch *batch)
{
	for (size_t i = 0; i < u->spec->n; i++) {
		const struct array *values = batch->outputs[i];
		uint64_t row = 0;
		if (u->fields[i]->nullable || !values->n_nulls)
			continue;
		while (!array_is_null(values, row))
			row++;
		return err_new(EINVAL,
			       "column '%s' must not be null, but row %" PRIu64
			       " would be",
			       u->fields[i]->name, batch->rows[row]);
	}
	return NULL;
}

static struct err *take_batch(void *ctx, const struct scan_batch *batch)
{
	struct updating *u = ctx;
	const struct job_progress *p = &u->spec->progress;
	if (p->tell)
		p->tell(p->ctx, batch->end, u->n_rows);
	TRY(check_nulls(u, batch));
	if (u->mover)
		return row_mover_push(u->mover, batch->rows, batch->n_rows,
				      batch->outputs);
	return value_writer_push(u->writer, batch->rows, batch->n_rows, batch->outputs);
}

/* --- what is set --- */

static struct err *check_twice(const struct updating *u, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (u->fields[k] == u->fields[i])
			return err_new(EINVAL, "column '%s' is set twice",
				       u->fields[i]->name);
	return NULL;
}

/* Values that are kept in another way than they are shown. */
static struct err *check_kind(struct field *f)
{
	AUTO(field) struct field *shown = NULL;
	AUTO_MEM char *type = NULL;
	TRY(check_replaced(f));
	TRY(format_field(format_natural_field(f), f, &shown));
	if (shown == f && !type_has_dictionary(f->type))
		return NULL;
	TRY(type_format(f->type, &type));
	return err_new(EOPNOTSUPP,
		       "column '%s' of type %s cannot be set row by row; write the "
		       "whole column",
		       f->name, type);
}

static struct err *compile_one(struct updating *u, const struct scope *scope, size_t i)
{
	const struct assignment *a = &u->spec->set[i];
	u->fields[i] = version_find_field(scope->version, a->name);
	if (!u->fields[i])
		return err_new(ENOENT, "no column '%s'", a->name);
	TRY(check_twice(u, i));
	TRY(check_kind(u->fields[i]));
	TRY_CTX(scope_compile(scope, a->text, EXPR_VALUE, &u->exprs[i]), "%s", a->name);
	TRY_CTX(expr_set_type(u->exprs[i], u->fields[i]->type), "%s", a->name);
	return NULL;
}

static struct err *compile(struct updating *u, const struct scope *scope)
{
	TRY(mem_array(u->spec->n, sizeof(struct expr *), &u->exprs));
	TRY(mem_array(u->spec->n, sizeof(struct field *), &u->fields));
	for (size_t i = 0; i < u->spec->n; i++)
		TRY(compile_one(u, scope, i));
	return NULL;
}

/* --- the job --- */

/* All rows are never fewer bytes than all values of some columns. */
static struct err *moves_rows(const struct updating *u, const struct scope *scope,
			      const struct expr *where, bool *ret)
{
	AUTO(row_choice) struct row_choice *rows = NULL;
	struct job_progress silent = {0};
	*ret = u->spec->mode == UPDATE_ROWS;
	if (u->spec->mode != UPDATE_BY_COST || !where)
		return NULL;
	TRY(rows_choose(scope, where, &silent, &rows));
	return rows_are_cheaper(scope->version, rows, u->fields, u->spec->n, ret);
}

static struct err *open_writer(struct updating *u, const struct scope *scope,
			       const struct expr *where)
{
	bool moves;
	TRY(moves_rows(u, scope, where, &moves));
	if (moves)
		return row_mover_open(u->table, scope->version, u->fields, u->spec->n,
				      &u->mover);
	return value_writer_open(u->table, scope->version, u->fields, u->spec->n,
				 &u->writer);
}

static struct err *compute(struct updating *u, struct version *base)
{
	AUTO_SCOPE struct scope scope = {0};
	AUTO(expr) struct expr *where = NULL;
	TRY(scope_of(base, &scope));
	TRY(compile(u, &scope));
	if (u->spec->where)
		TRY_CTX(scope_compile(&scope, u->spec->where, EXPR_FILTER, &where),
			"--where");
	TRY(open_writer(u, &scope, where));
	struct scan scan = {
		.scope = &scope,
		.filter = where,
		.outputs = (const struct expr *const *)u->exprs,
		.n_outputs = u->spec->n,
		.limit = SCAN_ALL,
	};
	u->n_rows = version_rows(base);
	return scan_run(&scan, take_batch, u);
}

/* "updated 3 rows: a = a + 1, b = 'x' where c" */
static struct err *explain(const struct updating *u, char **ret)
{
	AUTO_BUF struct buf text = {0};
	buf_printf(&text, "updated %" PRIu64 " row%s:", u->n, u->n > 1 ? "s" : "");
	for (size_t i = 0; i < u->spec->n; i++)
		buf_printf(&text, "%s %s = %s", i ? "," : "", u->spec->set[i].name,
			   u->spec->set[i].text);
	if (u->spec->where)
		buf_printf(&text, " where %s", u->spec->where);
	return buf_take_str(&text, ret);
}

static struct err *commit(struct updating *u, struct version *base,
			  struct version **ret)
{
	AUTO_MEM char *message = NULL;
	u->n = u->mover ? row_mover_rows(u->mover) : value_writer_rows(u->writer);
	if (!u->n) {
		*ret = version_ref(base);
		return NULL;
	}
	TRY(explain(u, &message));
	if (u->mover)
		return row_mover_commit(TAKE(u->mover), message, ret);
	return value_writer_commit(TAKE(u->writer), message, ret);
}

static struct err *run(void *ctx, struct version *base, struct version **ret)
{
	struct updating *u = ctx;
	TRY(version_check_writable(base));
	struct err *err = compute(u, base);
	if (!err)
		err = commit(u, base, ret);
	attempt_fini(u);
	return err;
}

struct err *rows_update(struct table *t, struct version *base,
			const struct update_spec *spec, uint64_t *ret_n,
			struct version **ret)
{
	struct updating u = {.table = t, .spec = spec};
	struct row_job job = {run, &u};
	TRY(row_job_run(t, base, &job, ret));
	*ret_n = u.n;
	return NULL;
}
