// SPDX-License-Identifier: Apache-2.0
/*
 * fn_vector.c: distances of vectors.
 *
 * Sums are taken in float64 and in the order of the items, so that results are those
 * of the reference implementation to the last bit; float32 items are widened as they
 * are read, other numbers are cast at once.
 */
#include "expr/fn_array_priv.h"

#include <errno.h>
#include <math.h>

static bool is_vector(const struct type *t)
{
	return type_is_list(t) && type_is_number(t->children[0]->type);
}

static struct err *bind_wide_items(struct binder *b, struct node *n, size_t i)
{
	AUTO(type) struct type *item = NULL;
	AUTO(type) struct type *list = NULL;
	TRY(type_new(TYPE_FLOAT64, &item));
	TRY(type_new_list(item, &list));
	return bind_cast(b, n, i, list);
}

struct err *bind_vectors(struct binder *b, struct node *n)
{
	bool are_single = true;
	for (size_t i = 0; i < 2; i++) {
		const struct type *t = n->args[i]->type;
		if (t->id != TYPE_NULL && !is_vector(t))
			return bind_arg_err(b, n, i, "a list of numbers");
		are_single &= is_vector(t) && t->children[0]->type->id == TYPE_FLOAT32;
	}
	for (size_t i = 0; i < 2; i++)
		if (!are_single)
			TRY(bind_wide_items(b, n, i));
	return bind_type_id(n, TYPE_FLOAT64);
}

/* What is summed up. */
struct sums {
	double squares; /* of differences */
	double dot, left, right;
};

#define SUM_LOOPS(kind)                                                                \
	static double sum_l2_##kind(const kind *a, const kind *b, uint64_t n)          \
	{                                                                              \
		double sum = -0.0;                                                     \
		for (uint64_t i = 0; i < n; i++) {                                     \
			double d = (double)a[i] - (double)b[i];                        \
			sum += d * d;                                                  \
		}                                                                      \
		return sum;                                                            \
	}                                                                              \
	static void sum_dot_##kind(const kind *a, const kind *b, uint64_t n,           \
				   struct sums *s)                                     \
	{                                                                              \
		for (uint64_t i = 0; i < n; i++) {                                     \
			double x = (double)a[i], y = (double)b[i];                     \
			s->dot += x * y;                                               \
			s->left += x * x;                                              \
			s->right += y * y;                                             \
		}                                                                      \
	}
SUM_LOOPS(float)
SUM_LOOPS(double)

static void sum_up(int what, struct items a, struct items b, struct sums *s)
{
	uint64_t n = a.end - a.first;
	const void *p = a.array->data ? a.array->data->data : NULL;
	const void *q = b.array->data ? b.array->data->data : NULL;
	*s = (struct sums){.squares = -0.0}; /* the sum of nothing */
	if (n == 0)
		return;
	if (a.array->type->id == TYPE_FLOAT32) {
		const float *x = (const float *)p + a.first,
			    *y = (const float *)q + b.first;
		if (what == VECTOR_L2)
			s->squares = sum_l2_float(x, y, n);
		else
			sum_dot_float(x, y, n, s);
	} else {
		const double *x = (const double *)p + a.first,
			     *y = (const double *)q + b.first;
		if (what == VECTOR_L2)
			s->squares = sum_l2_double(x, y, n);
		else
			sum_dot_double(x, y, n, s);
	}
}

static bool has_nulls(struct items items)
{
	return items.array->validity &&
	       bitmap_count(items.array->validity->data, items.first, items.end) <
		       items.end - items.first;
}

/* False: there is none. */
static bool distance_of(int what, const struct sums *s, double *ret)
{
	if (what == VECTOR_L2)
		*ret = sqrt(s->squares);
	else if (what == VECTOR_DOT)
		*ret = s->dot;
	else
		*ret = 1 - s->dot / (sqrt(s->left) * sqrt(s->right));
	return what != VECTOR_COSINE || (s->left != 0 && s->right != 0);
}

static struct err *vector_row(const struct call *c, uint64_t row, struct array *out)
{
	struct items a = arg_items(c, 0, row), b = arg_items(c, 1, row);
	struct sums s;
	double v;
	bool lengths_differ = a.end - a.first != b.end - b.first;
	/* of one with nulls the length does not count, for array_distance */
	bool any_nulls = has_nulls(a) || has_nulls(b);
	if (lengths_differ && !(any_nulls && c->node->fn->tag == VECTOR_L2))
		return call_err(c, row, "vectors of %llu and %llu items",
				(unsigned long long)(a.end - a.first),
				(unsigned long long)(b.end - b.first));
	if (any_nulls)
		return set_null(out, row);
	sum_up(c->node->fn->tag, a, b, &s);
	if (!distance_of(c->node->fn->tag, &s, &v))
		return set_null(out, row);
	((double *)(void *)out->data->data)[row] = v;
	return NULL;
}

struct err *eval_vectors(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (call_wants(c, row))
			TRY(vector_row(c, row, out));
	*ret = TAKE(out);
	return NULL;
}
