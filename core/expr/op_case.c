// SPDX-License-Identifier: Apache-2.0
/*
 * op_case.c: CASE and COALESCE, CAST and TRY_CAST.
 *
 * CASE and COALESCE compute a branch for the rows that take it, and no others.
 */
#include "expr/op_priv.h"

#include <errno.h>
#include <stdio.h>

/* --- rows from branches --- */

/* Pieces of a result, and for each row which piece and row of it is its value. */
struct pieces {
	struct array **arrays; /* owned */
	size_t n;
	uint64_t *from;	 /* owned: the row in all pieces, one after the other */
	uint64_t n_rows; /* of all pieces */
};

static void pieces_fini(struct pieces *p)
{
	for (size_t i = 0; i < p->n; i++)
		array_unref(p->arrays[i]);
	free(p->arrays);
	free(p->from);
}

#define AUTO_PIECES __attribute__((cleanup(pieces_fini)))

/* Takes the array: the values of rows, or one for all of them. */
static struct err *pieces_add(struct pieces *p, struct vec *v, const uint64_t *rows,
			      uint64_t n_rows)
{
	struct err *err = mem_resize(p->n + 1, sizeof(*p->arrays), &p->arrays);
	if (err) {
		vec_fini(v);
		return err;
	}
	p->arrays[p->n++] = v->array;
	for (uint64_t i = 0; i < n_rows; i++)
		p->from[rows[i]] = p->n_rows + (v->is_scalar ? 0 : i);
	p->n_rows += v->array->n_rows;
	return NULL;
}

static struct err *pieces_join(struct pieces *p, uint64_t n_rows, struct array **ret)
{
	AUTO(array) struct array *all = NULL;
	TRY(array_concat(p->arrays, p->n, &all));
	return array_take(all, p->from, n_rows, ret);
}

/* Rows that are left, by their number. */
struct rows {
	uint64_t *left; /* owned */
	uint64_t n_left;
	uint64_t *taken; /* owned; those of the branch at hand */
	uint64_t n_taken;
};

static void rows_fini(struct rows *r)
{
	free(r->left);
	free(r->taken);
}

#define AUTO_ROWS __attribute__((cleanup(rows_fini)))

static struct err *rows_begin(struct rows *r, uint64_t n_rows)
{
	TRY(mem_array((size_t)n_rows, sizeof(*r->left), &r->left));
	TRY(mem_array((size_t)n_rows, sizeof(*r->taken), &r->taken));
	for (uint64_t i = 0; i < n_rows; i++)
		r->left[i] = i;
	r->n_left = n_rows;
	return NULL;
}

/* Move rows to taken: those for which the condition, of the rows left, is true. */
static void rows_take_true(struct rows *r, const struct vec *condition)
{
	uint64_t kept = 0;
	r->n_taken = 0;
	for (uint64_t i = 0; i < r->n_left; i++) {
		uint64_t at = vec_row(condition, i);
		if (!array_is_null(condition->array, at) &&
		    bit_get(condition->array->data->data, at))
			r->taken[r->n_taken++] = r->left[i];
		else
			r->left[kept++] = r->left[i];
	}
	r->n_left = kept;
}

/* The value of argument i for the rows that it is taken for. */
static struct err *add_branch(const struct node *n, size_t i, const struct eval *e,
			      const uint64_t *rows, uint64_t n_rows, struct pieces *p)
{
	struct vec v = {0};
	if (!n_rows)
		return NULL;
	if (n_rows == eval_rows(e))
		TRY(eval_arg(n, i, e, &v));
	else
		TRY(eval_arg_at(n, i, e, rows, n_rows, &v));
	return pieces_add(p, &v, rows, n_rows);
}

static struct err *add_nulls(const struct node *n, const struct rows *r,
			     struct pieces *p)
{
	struct vec v = {.is_scalar = true};
	TRY(array_new_null(n->type, 1, &v.array));
	return pieces_add(p, &v, r->left, r->n_left);
}

/* The rest: ELSE, or null. */
static struct err *finish_branches(const struct node *n, size_t otherwise,
				   const struct eval *e, struct rows *r,
				   struct pieces *p, struct vec *ret)
{
	if (otherwise < n->n_args)
		TRY(add_branch(n, otherwise, e, r->left, r->n_left, p));
	else if (r->n_left)
		TRY(add_nulls(n, r, p));
	ret->is_scalar = false;
	return pieces_join(p, eval_rows(e), &ret->array);
}

static struct err *eval_left(const struct node *n, size_t i, const struct eval *e,
			     const struct rows *r, struct vec *ret)
{
	if (r->n_left == eval_rows(e))
		return eval_arg(n, i, e, ret);
	return eval_arg_at(n, i, e, r->left, r->n_left, ret);
}

static struct err *eval_case(const struct node *n, const struct eval *e,
			     struct vec *ret)
{
	AUTO_ROWS struct rows r = {0};
	AUTO_PIECES struct pieces p = {0};
	size_t i = 0;
	TRY(rows_begin(&r, eval_rows(e)));
	TRY(mem_array((size_t)eval_rows(e), sizeof(*p.from), &p.from));
	for (; i + 1 < n->n_args && r.n_left; i += 2) {
		AUTO_VEC struct vec condition = {0};
		TRY(eval_left(n, i, e, &r, &condition));
		if (condition.array->type->id == TYPE_NULL)
			continue;
		rows_take_true(&r, &condition);
		TRY(add_branch(n, i + 1, e, r.taken, r.n_taken, &p));
	}
	return finish_branches(n, n->n_args & ~(size_t)1, e, &r, &p, ret);
}

/* CASE x WHEN a: with x computed once */
static void take_equal(struct rows *r, const struct vec *x, const struct vec *when)
{
	uint64_t kept = 0;
	r->n_taken = 0;
	for (uint64_t i = 0; i < r->n_left; i++) {
		uint64_t row = r->left[i], at = vec_row(x, row);
		bool same = !array_is_null(x->array, at) && !vec_is_null(when, i) &&
			    values_compare(x->array, at, when->array,
					   vec_row(when, i)) == 0;
		if (same)
			r->taken[r->n_taken++] = row;
		else
			r->left[kept++] = row;
	}
	r->n_left = kept;
}

static struct err *eval_case_of(const struct node *n, const struct eval *e,
				struct vec *ret)
{
	AUTO_ROWS struct rows r = {0};
	AUTO_PIECES struct pieces p = {0};
	AUTO_VEC struct vec x = {0};
	TRY(rows_begin(&r, eval_rows(e)));
	TRY(mem_array((size_t)eval_rows(e), sizeof(*p.from), &p.from));
	TRY(eval_arg(n, 0, e, &x));
	for (size_t i = 1; i + 1 < n->n_args && r.n_left; i += 2) {
		AUTO_VEC struct vec when = {0};
		TRY(eval_left(n, i, e, &r, &when));
		take_equal(&r, &x, &when);
		TRY(add_branch(n, i + 1, e, r.taken, r.n_taken, &p));
	}
	return finish_branches(n, 1 + ((n->n_args - 1) & ~(size_t)1), e, &r, &p, ret);
}

/* Keep the rows of a value that are not null; the others are left. */
static struct err *take_valid(struct rows *r, struct vec *v, struct pieces *p)
{
	uint64_t kept = 0, n = 0;
	AUTO_MEM uint64_t *at = NULL;
	TRY(mem_array((size_t)r->n_left, sizeof(*at), &at));
	for (uint64_t i = 0; i < r->n_left; i++) {
		uint64_t row = r->left[i];
		if (vec_is_null(v, i)) {
			r->left[kept++] = row;
			continue;
		}
		at[n] = vec_row(v, i);
		r->taken[n++] = row;
	}
	r->n_left = kept;
	/* rows of the piece stand where they stood in the array */
	for (uint64_t i = 0; i < n; i++)
		p->from[r->taken[i]] = p->n_rows + at[i];
	return pieces_add(p, v, NULL, 0);
}

static struct err *eval_coalesce(const struct node *n, const struct eval *e,
				 struct vec *ret)
{
	AUTO_ROWS struct rows r = {0};
	AUTO_PIECES struct pieces p = {0};
	TRY(rows_begin(&r, eval_rows(e)));
	TRY(mem_array((size_t)eval_rows(e), sizeof(*p.from), &p.from));
	for (size_t i = 0; i < n->n_args && r.n_left; i++) {
		struct vec v = {0};
		TRY(eval_left(n, i, e, &r, &v));
		TRY(take_valid(&r, &v, &p));
	}
	return finish_branches(n, n->n_args, e, &r, &p, ret);
}

/* --- binding --- */

/* The type that results are brought to: from the last, if it is ELSE, on. */
static struct err *bind_results(struct binder *b, struct node *n, size_t first)
{
	bool has_else = (n->n_args - first) % 2;
	AUTO(type) struct type *t = NULL;
	t = type_ref(n->args[has_else ? n->n_args - 1 : first + 1]->type);
	for (size_t i = first + 1; i < n->n_args; i += 2) {
		struct type *both;
		TRY(coerce_union(t, n->args[i]->type, &both));
		if (!both)
			return bind_err(b, n->args[i],
					"the results of CASE are of types that do not "
					"go together");
		type_unref(t);
		t = both;
	}
	for (size_t i = first + 1; i < n->n_args; i += 2)
		TRY(bind_cast(b, n, i, t));
	if (has_else)
		TRY(bind_cast(b, n, n->n_args - 1, t));
	bind_type(n, t);
	return NULL;
}

static struct err *bind_case(struct binder *b, struct node *n)
{
	for (size_t i = 0; i + 1 < n->n_args; i += 2)
		TRY(bind_cast_id(b, n, i, TYPE_BOOL));
	return bind_results(b, n, 0);
}

static struct err *bind_case_of(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = type_ref(n->args[0]->type);
	for (size_t i = 1; i + 1 < n->n_args; i += 2) {
		struct type *both;
		TRY(coerce_comparison(t, n->args[i]->type, &both));
		if (!both)
			return bind_err(b, n->args[i],
					"CASE and WHEN are of types that do not "
					"compare");
		type_unref(t);
		t = both;
	}
	TRY(bind_cast(b, n, 0, t));
	for (size_t i = 1; i + 1 < n->n_args; i += 2)
		TRY(bind_cast(b, n, i, t));
	return bind_results(b, n, 1);
}

static struct err *bind_coalesce(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = type_ref(n->args[0]->type);
	for (size_t i = 1; i < n->n_args; i++) {
		struct type *both;
		TRY(coerce_resolve(n->args[i]->type, t, &both));
		if (!both)
			return bind_err(b, n->args[i],
					"the arguments of coalesce are of types that "
					"do not go together");
		type_unref(t);
		t = both;
	}
	for (size_t i = 0; i < n->n_args; i++)
		TRY(bind_cast(b, n, i, t));
	bind_type(n, t);
	return NULL;
}

/* --- CAST --- */

static struct err *bind_cast_call(struct binder *b, struct node *n)
{
	AUTO_MEM char *from = NULL;
	AUTO_MEM char *to = NULL;
	bind_type(n, n->to);
	if (sql_can_cast(n->args[0]->type, n->to))
		return NULL;
	TRY(type_format(n->args[0]->type, &from));
	TRY(type_format(n->to, &to));
	return bind_err(b, n, "%s cannot be cast to %s", from, to);
}

/* The number of the row that failed is said by sql_cast, of all rows. */
static struct err *eval_cast(const struct call *c, struct array **ret)
{
	struct err *err = sql_cast(c->args[0].array, c->node->type, c->node->fn->tag,
				   c->rows ? 0 : c->first_row, ret);
	if (!err || err->code != EINVAL)
		return err;
	unsigned long long row;
	int len = 0;
	struct err *at;
	if (sscanf(err->msg, "row %llu: %n", &row, &len) != 1 || !len)
		at = caret_err(c->text, c->node->place, "%s", err->msg);
	else if (c->rows || c->is_constant)
		at = call_err(c, row, "%s", err->msg + len);
	else
		at = call_err(c, row - c->first_row, "%s", err->msg + len);
	err_free(err); /* its text is in the other */
	return at;
}

static const struct function rows[] = {
	{.name = "case",
	 .min_args = 2,
	 .max_args = ANY_ARGS,
	 .bind = bind_case,
	 .eval_lazy = eval_case},
	{.name = "case of",
	 .min_args = 3,
	 .max_args = ANY_ARGS,
	 .bind = bind_case_of,
	 .eval_lazy = eval_case_of},
	{.name = "coalesce",
	 .min_args = 1,
	 .max_args = ANY_ARGS,
	 .bind = bind_coalesce,
	 .eval_lazy = eval_coalesce},
	{.name = "cast",
	 .min_args = 1,
	 .max_args = 1,
	 .can_fail = true,
	 .bind = bind_cast_call,
	 .eval = eval_cast},
	{.name = "try_cast",
	 .min_args = 1,
	 .max_args = 1,
	 .bind = bind_cast_call,
	 .eval = eval_cast,
	 .tag = true},
};

const struct function_table case_functions = {rows, sizeof(rows) / sizeof(rows[0])};
