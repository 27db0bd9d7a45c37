// SPDX-License-Identifier: Apache-2.0
/*
 * op_logic.c: AND, OR, NOT, IS [NOT] NULL, TRUE, FALSE, UNKNOWN.
 *
 * Three-valued: AND is false if one is, whatever the others are; OR true.  What can
 * fail is computed only for rows that the conditions before it leave open, so that
 * `n <> 0 AND 100 / n > 3` divides by no zero.
 */
#include "expr/op_priv.h"

#include <string.h>

/* --- AND, OR --- */

/* Rows known to be true and known to be false: the others are null. */
struct truth {
	uint64_t n_rows;
	uint8_t *is_true, *is_false; /* owned bitmaps */
};

static void truth_fini(struct truth *t)
{
	free(t->is_true);
	free(t->is_false);
}

#define AUTO_TRUTH __attribute__((cleanup(truth_fini)))

static struct err *truth_new(uint64_t n_rows, struct truth *ret)
{
	ret->n_rows = n_rows;
	TRY(mem_array(bitmap_bytes(n_rows) + 8, 1, &ret->is_true));
	return mem_array(bitmap_bytes(n_rows) + 8, 1, &ret->is_false);
}

static struct err *truth_of(const struct vec *v, uint64_t n_rows, struct truth *ret)
{
	const struct array *a = v->array;
	TRY(truth_new(n_rows, ret));
	if (a->type->id == TYPE_NULL)
		return NULL;
	if (v->is_scalar) {
		if (!array_is_null(a, 0))
			bitmap_set_range(bit_get(a->data->data, 0) ? ret->is_true
								   : ret->is_false,
					 0, n_rows);
		return NULL;
	}
	for (size_t i = 0; i < bitmap_bytes(n_rows); i++) {
		uint8_t valid = a->validity ? a->validity->data[i] : 0xff;
		ret->is_true[i] = a->data->data[i] & valid;
		ret->is_false[i] = (uint8_t)(~a->data->data[i] & valid);
	}
	return NULL;
}

static void truth_join(struct truth *t, const struct truth *more, bool is_and)
{
	for (size_t i = 0; i < bitmap_bytes(t->n_rows); i++) {
		if (is_and) {
			t->is_true[i] &= more->is_true[i];
			t->is_false[i] |= more->is_false[i];
		} else {
			t->is_true[i] |= more->is_true[i];
			t->is_false[i] &= more->is_false[i];
		}
	}
}

static struct err *truth_array(const struct truth *t, struct type *type,
			       struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	size_t n = bitmap_bytes(t->n_rows);
	TRY(new_fixed(type, t->n_rows, &a));
	TRY(array_allow_nulls(a));
	memcpy(a->data->data, t->is_true, n);
	for (size_t i = 0; i < n; i++)
		a->validity->data[i] &= t->is_true[i] | t->is_false[i];
	if (t->n_rows % 8)
		a->data->data[n - 1] &= (uint8_t)((1u << t->n_rows % 8) - 1);
	a->n_nulls = t->n_rows - bitmap_count(a->validity->data, 0, t->n_rows);
	*ret = TAKE(a);
	return NULL;
}

/* The rows that are not decided yet. */
static struct err *open_rows(const struct truth *t, bool is_and, uint64_t **ret,
			     uint64_t *ret_n)
{
	const uint8_t *decided = is_and ? t->is_false : t->is_true;
	TRY(mem_array((size_t)t->n_rows, sizeof(**ret), ret));
	*ret_n = 0;
	for (uint64_t i = 0; i < t->n_rows; i++)
		if (!bit_get(decided, i))
			(*ret)[(*ret_n)++] = i;
	return NULL;
}

/* Argument i for the given rows; the others are as good as undecided. */
static struct err *truth_at(const struct node *n, size_t i, const struct eval *e,
			    const uint64_t *rows, uint64_t n_rows, struct truth *ret)
{
	AUTO_VEC struct vec v = {0};
	AUTO_TRUTH struct truth part = {0};
	TRY(eval_arg_at(n, i, e, rows, n_rows, &v));
	TRY(truth_of(&v, n_rows, &part));
	TRY(truth_new(eval_rows(e), ret));
	for (uint64_t k = 0; k < n_rows; k++) {
		if (bit_get(part.is_true, k))
			bit_set(ret->is_true, rows[k]);
		if (bit_get(part.is_false, k))
			bit_set(ret->is_false, rows[k]);
	}
	return NULL;
}

/* Join argument i with what is known; only rows that are open matter, and for the
 * others the join keeps what it is. */
static struct err *join_open(const struct node *n, size_t i, const struct eval *e,
			     bool is_and, struct truth *t, bool *ret_done)
{
	AUTO_TRUTH struct truth more = {0};
	AUTO_MEM uint64_t *rows = NULL;
	uint64_t n_open;
	TRY(open_rows(t, is_and, &rows, &n_open));
	*ret_done = n_open == 0;
	if (*ret_done)
		return NULL;
	TRY(truth_at(n, i, e, rows, n_open, &more));
	truth_join(t, &more, is_and);
	return NULL;
}

static struct err *eval_chain(const struct node *n, const struct eval *e,
			      struct vec *ret)
{
	bool is_and = n->fn->tag, done = false;
	AUTO_TRUTH struct truth t = {0};
	TRY(truth_new(eval_rows(e), &t));
	bitmap_set_range(is_and ? t.is_true : t.is_false, 0, t.n_rows);
	for (size_t i = 0; i < n->n_args && !done; i++) {
		AUTO_VEC struct vec v = {0};
		AUTO_TRUTH struct truth more = {0};
		if (i && node_can_fail(n->args[i])) {
			TRY(join_open(n, i, e, is_and, &t, &done));
			continue;
		}
		TRY(eval_arg(n, i, e, &v));
		TRY(truth_of(&v, t.n_rows, &more));
		truth_join(&t, &more, is_and);
	}
	ret->is_scalar = false;
	return truth_array(&t, n->type, &ret->array);
}

/* A constant false in an AND is all of it, a true in an OR: what else is there is not
 * computed, even if it would fail. */
static void keep_deciding(struct node *n)
{
	bool decides = !n->fn->tag;
	for (size_t i = 0; i < n->n_args; i++) {
		const struct array *value = bind_literal(n, i);
		if (!value || value->type->id != TYPE_BOOL || array_is_null(value, 0) ||
		    bit_get(value->data->data, 0) != decides)
			continue;
		struct node *all = n->args[i];
		n->args[i] = n->args[0];
		n->args[0] = all;
		while (n->n_args > 1)
			expr_node_free(n->args[--n->n_args]);
		return;
	}
}

static struct err *bind_bools(struct binder *b, struct node *n)
{
	for (size_t i = 0; i < n->n_args; i++) {
		enum type_id id = n->args[i]->type->id;
		if (id != TYPE_BOOL && id != TYPE_NULL)
			return bind_arg_err(b, n, i, "conditions");
	}
	return bind_type_id(n, TYPE_BOOL);
}

static struct err *bind_chain(struct binder *b, struct node *n)
{
	TRY(bind_bools(b, n));
	keep_deciding(n);
	return NULL;
}

/* --- NOT and IS --- */

static struct err *eval_not(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_bools(c, &out));
	for (size_t i = 0; i < out->data->len; i++)
		out->data->data[i] = (uint8_t)~c->args[0].array->data->data[i];
	if (c->n_rows % 8)
		out->data->data[out->data->len - 1] &=
			(uint8_t)((1u << c->n_rows % 8) - 1);
	*ret = TAKE(out);
	return NULL;
}

enum is_kind { IS_NULL, IS_TRUE, IS_FALSE };
#define IS_NOT 8

/* Bit i of a byte: is row 8 * at + i what is asked for? */
static uint8_t is_bits(const struct array *a, size_t at, int kind)
{
	uint8_t valid = a->validity ? a->validity->data[at] : 0xff;
	if (a->type->id == TYPE_NULL)
		valid = 0;
	if (kind == IS_NULL)
		return (uint8_t)~valid;
	uint8_t values = valid ? a->data->data[at] : 0;
	return kind == IS_TRUE ? values & valid : (uint8_t)~values & valid;
}

static struct err *eval_is(const struct call *c, struct array **ret)
{
	int kind = c->node->fn->tag & ~IS_NOT;
	uint8_t flip = c->node->fn->tag & IS_NOT ? 0xff : 0;
	AUTO(array) struct array *out = NULL;
	TRY(new_bools(c, &out));
	size_t n = out->data->len;
	for (size_t at = 0; at < n; at++)
		out->data->data[at] = is_bits(c->args[0].array, at, kind) ^ flip;
	if (c->n_rows % 8)
		out->data->data[n - 1] &= (uint8_t)((1u << c->n_rows % 8) - 1);
	*ret = TAKE(out);
	return NULL;
}

static struct err *bind_is_null(struct binder *b, struct node *n)
{
	(void)b;
	return bind_type_id(n, TYPE_BOOL);
}

#define CHAIN(word, is_and)                                                            \
	{                                                                              \
		.name = (word), .min_args = 1, .max_args = UINT32_MAX,                 \
		.bind = bind_chain, .eval_lazy = eval_chain, .tag = (is_and)           \
	}
#define IS(words, kind)                                                                \
	{                                                                              \
		.name = (words), .min_args = 1, .max_args = 1, .bind = bind_bools,     \
		.eval = eval_is, .tag = (kind)                                         \
	}
#define NULL_TEST(words, kind)                                                         \
	{                                                                              \
		.name = (words), .min_args = 1, .max_args = 1,                         \
		.reads_nulls_only = true, .bind = bind_is_null, .eval = eval_is,       \
		.tag = (kind)                                                          \
	}

static const struct function rows[] = {
	CHAIN("and", true),
	CHAIN("or", false),
	{.name = "not",
	 .min_args = 1,
	 .max_args = 1,
	 .is_strict = true,
	 .bind = bind_bools,
	 .eval = eval_not},
	NULL_TEST("is null", IS_NULL),
	NULL_TEST("is not null", IS_NULL | IS_NOT),
	NULL_TEST("is_valid", IS_NULL | IS_NOT),
	IS("is true", IS_TRUE),
	IS("is not true", IS_TRUE | IS_NOT),
	IS("is false", IS_FALSE),
	IS("is not false", IS_FALSE | IS_NOT),
	IS("is unknown", IS_NULL),
	IS("is not unknown", IS_NULL | IS_NOT),
};

const struct function_table logic_functions = {rows, sizeof(rows) / sizeof(rows[0])};
