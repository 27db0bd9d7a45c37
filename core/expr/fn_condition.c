// SPDX-License-Identifier: Apache-2.0
/*
 * fn_condition.c: functions that choose between their arguments.
 * Source: DataFusion's SQL reference, "Conditional Functions".
 */
#include "expr/fn_priv.h"

#include <errno.h>
#include <string.h>

/* --- rows of several arrays --- */

/* Which argument each row of the result is of; NO_ARG: null. */
#define NO_ARG UINT32_MAX

/* The rows that were chosen, of arrays that stand behind one another with a null row at
 * the end. */
static struct err *choose(const struct call *c, const uint32_t *args,
			  struct array **ret)
{
	AUTO_MEM struct array **arrays = NULL;
	AUTO_MEM uint64_t *starts = NULL;
	AUTO_MEM uint64_t *rows = NULL;
	AUTO(array) struct array *null = NULL;
	AUTO(array) struct array *all = NULL;
	TRY(mem_array(c->n_args + 1, sizeof(*arrays), &arrays));
	TRY(mem_array(c->n_args + 1, sizeof(*starts), &starts));
	TRY(mem_array(c->n_rows, sizeof(*rows), &rows));
	TRY(array_new_null(c->node->type, 1, &null));
	size_t n = 0;
	uint64_t total = 0;
	for (size_t i = 0; i < c->n_args; i++) {
		starts[i] = total;
		if (!type_equal(c->args[i].array->type, c->node->type))
			continue; /* the tested one of nvl2 */
		arrays[n++] = c->args[i].array;
		total += c->args[i].array->n_rows;
	}
	arrays[n++] = null;
	for (uint64_t row = 0; row < c->n_rows; row++)
		rows[row] =
			args[row] == NO_ARG
				? total
				: starts[args[row]] + vec_row(&c->args[args[row]], row);
	TRY(array_concat(arrays, n, &all));
	return array_take(all, rows, c->n_rows, ret);
}

/* Which argument a row takes. */
typedef uint32_t choose_fn(const struct call *c, uint64_t row);

static struct err *choose_each(const struct call *c, choose_fn *which,
			       struct array **ret)
{
	AUTO_MEM uint32_t *args = NULL;
	TRY(mem_array(c->n_rows, sizeof(*args), &args));
	for (uint64_t row = 0; row < c->n_rows; row++)
		args[row] = which(c, row);
	return choose(c, args, ret);
}

/* --- greatest, least: tag is the sign that wins --- */

static struct err *bind_extreme(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	TRY(bind_comparable(b, n, 0, &t));
	if (!type_is_ordered(t))
		return bind_arg_err(b, n, 0, "values that have an order");
	bind_type(n, t);
	return NULL;
}

static uint32_t which_extreme(const struct call *c, uint64_t row)
{
	uint32_t best = NO_ARG;
	for (uint32_t i = 0; i < c->n_args; i++) {
		const struct vec *v = &c->args[i];
		if (vec_is_null(v, row))
			continue;
		if (best == NO_ARG ||
		    value_compare(v->array, vec_row(v, row), c->args[best].array,
				  vec_row(&c->args[best], row)) *
				    c->node->fn->tag >
			    0)
			best = i;
	}
	return best;
}

static struct err *eval_extreme(const struct call *c, struct array **ret)
{
	return choose_each(c, which_extreme, ret);
}

/* --- nullif --- */

static struct err *bind_nullif(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	TRY(bind_comparable(b, n, 0, &t));
	if (t->id == TYPE_NULL)
		for (size_t i = 0; i < n->n_args; i++)
			TRY(bind_cast_id(b, n, i, TYPE_STRING));
	bind_type(n, n->args[0]->type);
	return NULL;
}

static uint32_t which_not_equal(const struct call *c, uint64_t row)
{
	const struct vec *a = &c->args[0], *b = &c->args[1];
	if (vec_is_null(a, row))
		return NO_ARG;
	if (vec_is_null(b, row))
		return 0;
	int order = value_compare(a->array, vec_row(a, row), b->array, vec_row(b, row));
	return order == 0 ? NO_ARG : 0;
}

static struct err *eval_nullif(const struct call *c, struct array **ret)
{
	return choose_each(c, which_not_equal, ret);
}

/* --- nvl, nvl2 --- */

static struct err *bind_nvl(struct binder *b, struct node *n)
{
	static const enum type_id types[] = {
		TYPE_BOOL,    TYPE_UINT8,  TYPE_UINT16,	     TYPE_UINT32, TYPE_UINT64,
		TYPE_INT8,    TYPE_INT16,  TYPE_INT32,	     TYPE_INT64,  TYPE_FLOAT32,
		TYPE_FLOAT64, TYPE_STRING, TYPE_LARGE_STRING};
	TRY(bind_uniform(b, n, 0, types, sizeof(types) / sizeof(types[0]), "a value"));
	bind_type(n, n->args[0]->type);
	/* which computes the second only where it is wanted */
	n->fn = function_get("coalesce");
	return NULL;
}

/* CASE WHEN tested IS NOT NULL THEN … ELSE … END, which computes what is wanted only.
 */
static struct err *bind_nvl2(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	struct node *test;
	TRY(bind_union(b, n, 0, &t));
	TRY(node_new_call(function_get("is not null"), 1, n->args[0]->place, &test));
	test->args[0] = n->args[0];
	n->args[0] = test;
	n->fn = function_get("case");
	bind_type(n, t);
	return bind_type_id(test, TYPE_BOOL);
}

/* --- is_valid, Lance's name for IS NOT NULL --- */

static struct err *bind_is_valid(struct binder *b, struct node *n)
{
	(void)b;
	return bind_type_id(n, TYPE_BOOL);
}

static struct err *eval_is_valid(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (!vec_is_null(&c->args[0], row))
			bit_set(out->data->data, row);
	*ret = TAKE(out);
	return NULL;
}

#define ROW(n, least, most, binding, fn, t)                                            \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.bind = (binding), .eval = (fn), .tag = (t)                            \
	}

static const struct function rows[] = {
	ROW("greatest", 1, ANY_ARGS, bind_extreme, eval_extreme, 1),
	ROW("least", 1, ANY_ARGS, bind_extreme, eval_extreme, -1),
	ROW("nullif", 2, 2, bind_nullif, eval_nullif, 0),
	ROW("nvl", 2, 2, bind_nvl, NULL, 0),
	ROW("ifnull", 2, 2, bind_nvl, NULL, 0),
	ROW("nvl2", 3, 3, bind_nvl2, NULL, 0),
	ROW("is_valid", 1, 1, bind_is_valid, eval_is_valid, 0),
};

const struct function_table condition_functions = {rows,
						   sizeof(rows) / sizeof(rows[0])};
