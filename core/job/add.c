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
	char **inputs; /* owned: of computed columns, what each is computed from */
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
	for (size_t i = 0; a->inputs && i < a->n; i++)
		free(a->inputs[i]);
	free(a->exprs);
	free(a->inputs);
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

/* A JSON list of the columns that an expression reads. */
static struct err *list_inputs(const struct expr *e, const struct scope *scope,
			       char **ret)
{
	AUTO_BUF struct buf b = {0};
	buf_byte(&b, '[');
	for (size_t i = 0; i < expr_n_inputs(e); i++) {
		const struct field *f = scope->fields[expr_input(e, i).field];
		if (field_is_system(f))
			return err_new(EINVAL,
				       "a computed column is computed from columns, "
				       "not from %s",
				       f->name);
		buf_str(&b, i ? "," : "");
		buf_json_string(&b, f->name, strlen(f->name));
	}
	buf_byte(&b, ']');
	return buf_take_str(&b, ret);
}

static struct err *compile_one(struct adding *a, const struct scope *scope,
			       const struct add_spec *spec, size_t i)
{
	const struct added_column *c = &spec->columns[i];
	const struct field *f = version_find_field(scope->version, c->name);
	TRY(scope_compile(scope, c->text, EXPR_VALUE, &a->exprs[i]));
	if (spec->type)
		TRY(expr_set_type(a->exprs[i], spec->type));
	else if (f)
		TRY(expr_set_type(a->exprs[i], f->type));
	return spec->is_computed ? list_inputs(a->exprs[i], scope, &a->inputs[i])
				 : NULL;
}

static struct err *compile_all(struct adding *a, const struct scope *scope,
			       const struct add_spec *spec)
{
	TRY(mem_array(spec->n, sizeof(*a->exprs), &a->exprs));
	TRY(mem_array(spec->n, sizeof(*a->inputs), &a->inputs));
	a->n = spec->n;
	for (size_t i = 0; i < a->n; i++)
		TRY_CTX(compile_one(a, scope, spec, i), "%s", spec->columns[i].name);
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
			.computed_inputs = a->inputs[i],
		};
	TRY(column_writer_open(t, base, specs, a->n, &a->writer));
	return stage_new(&writing, a->writer, &a->stage);
}

static struct err *compute(struct table *t, struct version *base,
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

struct err *columns_add(struct table *t, struct version *base,
			const struct add_spec *spec, struct version **ret)
{
	for (size_t i = 0; i < spec->n; i++)
		TRY(added_name_check(base, spec->columns[i].name));
	if (spec->is_computed && (spec->where || spec->type))
		return err_new(EINVAL, "a computed column has its expression's type, "
				       "and a value in each row");
	return compute(t, base, spec, ret);
}

/* --- columns that are computed already --- */

static const char *computed_text(const struct field *f)
{
	const char *is = field_metadata(f, "computed_column");
	return is && strcmp(is, "true") == 0
		       ? field_metadata(f, "computed_column.expression")
		       : NULL;
}

static struct err *check_computed(const struct field *f)
{
	const char *kind = field_metadata(f, "computed_column.kind");
	if (!computed_text(f))
		return err_new(EINVAL, "column '%s' is not declared as computed",
			       f->name);
	if (kind && strcmp(kind, "sql") != 0)
		return err_new(EOPNOTSUPP,
			       "column '%s' is computed by '%s', not by SQL", f->name,
			       kind);
	return NULL;
}

static struct err *choose_named(const struct version *base, const char *const *names,
				size_t n, struct added_column *ret)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *f = version_find_field(base, names[i]);
		if (!f)
			return err_new(ENOENT, "no column '%s'", names[i]);
		TRY(check_computed(f));
		ret[i] = (struct added_column){f->name, computed_text(f)};
	}
	return NULL;
}

static struct err *choose_all(const struct version *base, struct added_column *ret,
			      size_t *ret_n)
{
	*ret_n = 0;
	for (size_t i = 0; i < version_n_fields(base); i++) {
		const struct field *f = version_field(base, i);
		if (!computed_text(f))
			continue;
		TRY(check_computed(f));
		ret[(*ret_n)++] = (struct added_column){f->name, computed_text(f)};
	}
	return NULL;
}

struct err *columns_refresh(struct table *t, struct version *base,
			    const char *const *names, size_t n,
			    const struct job_progress *progress, struct version **ret)
{
	AUTO_MEM struct added_column *columns = NULL;
	TRY(mem_array(MAX_OF(n, version_n_fields(base)), sizeof(*columns), &columns));
	if (names)
		TRY(choose_named(base, names, n, columns));
	else
		TRY(choose_all(base, columns, &n));
	if (n == 0) {
		*ret = version_ref(base);
		return NULL;
	}
	struct add_spec spec = {
		.columns = columns, .n = n, .is_computed = true, .progress = *progress};
	return compute(t, base, &spec, ret);
}
