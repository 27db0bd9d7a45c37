// SPDX-License-Identifier: Apache-2.0
/*
 * node.c: the nodes of the tree.
 */
#include "expr/expr_priv.h"

struct err *expr_node_new(enum node_kind kind, struct place place, struct node **ret)
{
	TRY(mem_new(ret));
	(*ret)->kind = kind;
	(*ret)->place = place;
	return NULL;
}

void expr_node_free(struct node *n)
{
	if (!n)
		return;
	if (n->state && n->fn->release)
		n->fn->release(n->state);
	for (size_t i = 0; i < n->n_path; i++)
		free(n->path[i]);
	for (size_t i = 0; i < n->n_args; i++)
		expr_node_free(n->args[i]);
	if (n->type)
		type_unref(n->type);
	if (n->to)
		type_unref(n->to);
	if (n->value)
		array_unref(n->value);
	free(n->path);
	free(n->args);
	free(n->name);
	free(n);
}

struct err *node_new_literal(struct array *value, struct place place, struct node **ret)
{
	TRY(expr_node_new(NODE_LITERAL, place, ret));
	(*ret)->value = array_ref(value);
	(*ret)->type = type_ref(value->type);
	return NULL;
}

struct err *node_new_call(const struct function *fn, size_t n_args, struct place place,
			  struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	TRY(expr_node_new(NODE_CALL, place, &n));
	n->fn = fn;
	TRY(mem_array(n_args, sizeof(*n->args), &n->args));
	n->n_args = n_args;
	*ret = TAKE(n);
	return NULL;
}

bool node_is_null_literal(const struct node *n)
{
	return n->kind == NODE_LITERAL && array_is_null(n->value, 0);
}
