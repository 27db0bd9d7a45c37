// SPDX-License-Identifier: Apache-2.0
/*
 * add.c: columns of SQL expressions.
 *
 * A scan computes batches with several threads while one of its own encodes and writes
 * what came before.
 */
#include "job/job.h"

#include <errno.h>

struct adding {
	struct column_writer *writer; /* owned */
	struct stage *stage;	      /* owned: what is computed is written there */
	struct expr **exprs;	      /* owned */
	size_t n;
	uint64_t n_rows;
	const struct job_progress *progress;
};

static void adding_fini(struct adding *a)
{
	stage_abort(a->stage);
	column_writer_abort(a->writer);
	for (size_t i = 0; a->exprs && i < a->n; i++)
		expr_unref(a->exprs[i]);
	free(a->exprs);
}

#define AUTO_ADDING __attribute__((cleanup(adding_fini)))

/* --- the writing stage --- */

struct batch {
	size_t n;
	struct array *columns[]; /* owned references */
};

static void batch_drop(void *item)
{
	struct batch *b = item;
	for (size_t i = 0; i < b->n; i++)
		array_unref(b->columns[i]);
	free(b);
}

static struct err *batch_write(void *ctx, void *item)
{
	struct batch *b = item;
	struct err *err = column_writer_push(ctx, b->columns);
	batch_drop(b);
	return err;
}

static const struct stage_ops writing = {batch_write, batch_drop};

static struct err *take_batch(void *ctx, const struct scan_batch *in)
{
	struct adding *a = ctx;
	struct batch *b;
	TRY(mem_array(1, sizeof(*b) + a->n * sizeof(b->columns[0]), &b));
	b->n = a->n;
	for (size_t i = 0; i < a->n; i++)
		b->columns[i] = array_ref(in->outputs[i]);
	if (a->progress->tell)
		a->progress->tell(a->progress->ctx, in->end, a->n_rows);
	return stage_push(a->stage, b);
}

/* --- the job --- */

struct err *added_name_check(const struct version *base, const char *name)
{
	if (version_find_field(base, name))
		return err_new(EEXIST,
			       "there is a column '%s'; `update %s=…` changes it", name,
			       name);
	if (version_system_field(base, name))
		return err_new(EINVAL, "'%s' is a name of Lance's own", name);
	return NULL;
}

static struct err *compile_all(struct adding *a, const struct scope *scope,
			       const struct add_spec *spec)
{
	TRY(mem_array(spec->n, sizeof(*a->exprs), &a->exprs));
	a->n = spec->n;
	for (size_t i = 0; i < a->n; i++) {
		const struct added_column *c = &spec->columns[i];
		TRY(added_name_check(scope->version, c->name));
		TRY_CTX(scope_compile(scope, c->text, EXPR_VALUE, &a->exprs[i]), "%s",
			c->name);
		if (spec->type)
			TRY_CTX(expr_set_type(a->exprs[i], spec->type), "%s", c->name);
	}
	return NULL;
}

static struct err *open_writer(struct adding *a, struct table *t, struct version *base,
			       const struct add_spec *spec)
{
	AUTO_MEM struct column_spec *specs = NULL;
	TRY(mem_array(a->n, sizeof(*specs), &specs));
	for (size_t i = 0; i < a->n; i++)
		specs[i] = (struct column_spec){
			.name = spec->columns[i].name,
			.type = expr_type(a->exprs[i]),
			.source = "sql",
			.text = spec->columns[i].text,
		};
	TRY(column_writer_open(t, base, specs, a->n, &a->writer));
	return stage_new(&writing, a->writer, &a->stage);
}

struct err *columns_add(struct table *t, struct version *base,
			const struct add_spec *spec, struct version **ret)
{
	AUTO_SCOPE struct scope scope = {0};
	AUTO(expr) struct expr *where = NULL;
	AUTO_ADDING struct adding a = {.n_rows = version_rows(base),
				       .progress = &spec->progress};
	TRY(scope_of(base, &scope));
	TRY(compile_all(&a, &scope, spec));
	if (spec->where)
		TRY_CTX(scope_compile(&scope, spec->where, EXPR_FILTER, &where),
			"--where");
	TRY(open_writer(&a, t, base, spec));
	struct scan s = {.scope = &scope,
			 .filter = where,
			 .outputs = (const struct expr *const *)a.exprs,
			 .n_outputs = a.n,
			 .limit = SCAN_ALL,
			 .keeps_rows = true};
	TRY(scan_run(&s, take_batch, &a));
	TRY(stage_finish(TAKE(a.stage)));
	return column_writer_commit(TAKE(a.writer), ret);
}
