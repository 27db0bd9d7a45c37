// SPDX-License-Identifier: Apache-2.0
/*
 * op_in.c: x [NOT] IN (…).
 *
 * A list of constants becomes a hash table once; other members are compared one by one.
 * Not being in a list that holds a null is null.
 */
#include "expr/op_priv.h"

#include <string.h>

/* The constants of a list: without nulls, each once. */
struct members {
	struct array *values; /* owned */
	uint64_t *slots;      /* owned: 1 + row of values, 0: empty */
	uint64_t n_slots;     /* a power of two */
	bool has_null;
};

static void members_free(void *state)
{
	struct members *m = state;
	if (!m)
		return;
	array_unref(m->values);
	free(m->slots);
	free(m);
}

/* Both zeros are one number. */
static uint64_t hash_float(const struct array *a, uint64_t row)
{
	double d = array_f64(a, row);
	return hash_bytes(d == 0 ? &(double){0} : &d, sizeof(d), 0);
}

static uint64_t hash_value(const struct array *a, uint64_t row)
{
	uint64_t len;
	const uint8_t *p;
	if (type_is_float(a->type->id))
		return hash_float(a, row);
	if (type_is_var(a->type->id)) {
		p = array_var(a, row, &len);
		return hash_bytes(p, (size_t)len, 0);
	}
	if (type_is_nested(a->type->id))
		return 0; /* rare: they share a slot and are compared */
	if (a->type->id == TYPE_BOOL)
		return hash_mix(0, bit_get(a->data->data, row));
	size_t width = type_bits(a->type) / 8;
	return hash_bytes(a->data->data + row * width, width, 0);
}

static bool is_same(const struct array *a, uint64_t i, const struct array *b,
		    uint64_t j)
{
	if (type_is_float(a->type->id) && array_f64(a, i) == 0 && array_f64(b, j) == 0)
		return true;
	return values_compare(a, i, b, j) == 0;
}

static uint64_t find_slot(const struct members *m, const struct array *a, uint64_t row)
{
	uint64_t slot = hash_value(a, row) & (m->n_slots - 1);
	while (m->slots[slot] && !is_same(m->values, m->slots[slot] - 1, a, row))
		slot = (slot + 1) & (m->n_slots - 1);
	return slot;
}

static struct err *index_members(struct members *m)
{
	uint64_t n = m->values ? m->values->n_rows : 0;
	for (m->n_slots = 4; m->n_slots < n * 2;)
		m->n_slots *= 2;
	TRY(mem_array((size_t)m->n_slots, sizeof(*m->slots), &m->slots));
	for (uint64_t i = 0; i < n; i++) {
		if (array_is_null(m->values, i)) {
			m->has_null = true;
			continue;
		}
		uint64_t slot = find_slot(m, m->values, i);
		if (!m->slots[slot])
			m->slots[slot] = i + 1;
	}
	return NULL;
}

/* A list of constants only. */
static struct err *prepare_in(struct binder *b, struct node *n)
{
	AUTO_MEM struct array **values = NULL;
	struct members *m;
	(void)b;
	for (size_t i = 1; i < n->n_args; i++)
		if (!bind_literal(n, i))
			return NULL;
	if (n->n_args < 2 || n->args[0]->type->id == TYPE_NULL)
		return NULL;
	TRY(mem_array(n->n_args, sizeof(struct array *), &values));
	for (size_t i = 1; i < n->n_args; i++)
		values[i - 1] = n->args[i]->value;
	TRY(mem_new(&m));
	n->state = m;
	TRY(array_concat(values, n->n_args - 1, &m->values));
	return index_members(m);
}

/* --- evaluating --- */

struct answer {
	bool is_in, is_null;
};

static struct answer look_up(const struct members *m, const struct array *a,
			     uint64_t row)
{
	bool is_in = m->slots[find_slot(m, a, row)] != 0;
	return (struct answer){is_in, !is_in && m->has_null};
}

static struct answer compare_all(const struct call *c, uint64_t row)
{
	struct answer answer = {0};
	const struct vec *x = &c->args[0];
	for (size_t i = 1; i < c->n_args && !answer.is_in; i++) {
		const struct vec *v = &c->args[i];
		if (vec_is_null(v, row))
			answer.is_null = true;
		else
			answer.is_in = is_same(x->array, vec_row(x, row), v->array,
					       vec_row(v, row));
	}
	answer.is_null = answer.is_null && !answer.is_in;
	return answer;
}

static struct err *eval_in(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	const struct vec *x = &c->args[0];
	bool is_not = c->node->fn->tag;
	TRY(new_bools(c, &out));
	for (uint64_t i = 0; i < c->n_rows; i++) {
		struct answer answer = {.is_null = true};
		if (!vec_is_null(x, i))
			answer = c->node->state ? look_up(c->node->state, x->array,
							  vec_row(x, i))
						: compare_all(c, i);
		if (answer.is_null) {
			TRY(array_allow_nulls(out));
			bit_clear(out->validity->data, i);
		} else if (answer.is_in != is_not) {
			bit_set(out->data->data, i);
		}
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *bind_in(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = type_ref(n->args[0]->type);
	for (size_t i = 1; i < n->n_args; i++) {
		struct type *both;
		TRY(coerce_comparison(t, n->args[i]->type, &both));
		if (!both)
			return bind_arg_err(b, n, i, "values that compare");
		type_unref(t);
		t = both;
	}
	for (size_t i = 0; i < n->n_args; i++)
		TRY(bind_cast(b, n, i, t));
	return bind_type_id(n, TYPE_BOOL);
}

#define IN(words, is_not)                                                              \
	{                                                                              \
		.name = (words), .min_args = 1, .max_args = UINT32_MAX,                \
		.bind = bind_in, .prepare = prepare_in, .release = members_free,       \
		.eval = eval_in, .tag = (is_not)                                       \
	}

static const struct function rows[] = {
	IN("in", false),
	IN("not in", true),
};

const struct function_table in_functions = {rows, sizeof(rows) / sizeof(rows[0])};
