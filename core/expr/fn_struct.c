// SPDX-License-Identifier: Apache-2.0
/*
 * fn_struct.c: functions of structs and of types.
 * Source: DataFusion's SQL reference, "Struct Functions" and "Other Functions".
 */
#include "expr/arrow_type_priv.h"
#include "expr/fn_priv.h"

#include <errno.h>
#include <string.h>

/* A text that is a constant, neither null nor empty; an owned copy. */
static struct err *constant_text(struct binder *b, const struct node *n, size_t i,
				 char **ret)
{
	const struct array *a = bind_literal(n, i);
	uint64_t len;
	if (!a || !type_is_string(a->type->id) || array_is_null(a, 0))
		return bind_arg_err(b, n, i, "a constant text");
	const uint8_t *p = array_var(a, 0, &len);
	if (len == 0)
		return bind_arg_err(b, n, i, "a text that is not empty");
	return str_dup_len(p, len, ret);
}

/* --- get_field(struct, name, name…) --- */

static size_t find_member(const struct type *t, const char *name)
{
	size_t i = 0;
	while (i < t->n_children && strcmp(t->children[i]->name, name) != 0)
		i++;
	return i;
}

static struct err *bind_get_field(struct binder *b, struct node *n)
{
	struct type *t = n->args[0]->type;
	for (size_t i = 1; i < n->n_args; i++) {
		AUTO_MEM char *name = NULL;
		if (t->id != TYPE_STRUCT)
			return bind_arg_err(b, n, i - 1, "a struct");
		TRY(constant_text(b, n, i, &name));
		size_t k = find_member(t, name);
		if (k == t->n_children)
			return bind_err(b, n->args[i], "no member '%s'", name);
		t = t->children[k]->type;
	}
	bind_type(n, t);
	return NULL;
}

static struct err *eval_get_field(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *a = array_ref(c->args[0].array);
	for (size_t i = 1; i < c->n_args; i++) {
		AUTO_MEM char *name = NULL;
		struct array *member;
		struct str s = arg_str(c, i, 0);
		TRY(str_dup_len(s.p, s.len, &name));
		TRY(array_member(a, find_member(a->type, name), &member));
		array_unref(a);
		a = member;
	}
	*ret = TAKE(a);
	return NULL;
}

/* --- named_struct(name, value…), struct(value…) --- */

static struct err *bind_named(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	if (n->n_args % 2)
		return bind_err(b, n, "names and values go in pairs");
	TRY(type_new_nested(TYPE_STRUCT, n->n_args / 2, &t));
	for (size_t i = 0; i < t->n_children; i++) {
		AUTO_MEM char *name = NULL;
		TRY(constant_text(b, n, i * 2, &name));
		TRY(field_new(name, n->args[i * 2 + 1]->type, true, &t->children[i]));
	}
	bind_type(n, t);
	return NULL;
}

static struct err *bind_struct(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	(void)b;
	TRY(type_new_nested(TYPE_STRUCT, n->n_args, &t));
	for (size_t i = 0; i < t->n_children; i++) {
		AUTO_MEM char *name = NULL;
		TRY(str_printf(&name, "c%zu", i));
		TRY(field_new(name, n->args[i]->type, true, &t->children[i]));
	}
	bind_type(n, t);
	return NULL;
}

/* All rows of an argument, which may stand for all. */
static struct err *spread(const struct vec *v, uint64_t n_rows, struct array **ret)
{
	AUTO_MEM uint64_t *rows = NULL;
	if (!v->is_scalar) {
		*ret = array_ref(v->array);
		return NULL;
	}
	TRY(mem_array(n_rows, sizeof(*rows), &rows)); /* zeros */
	return array_take(v->array, rows, n_rows, ret);
}

/* tag: every so manieth argument is a value, the last of them */
static struct err *eval_struct(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	size_t step = (size_t)c->node->fn->tag;
	TRY(array_new(c->node->type, c->n_rows, &out));
	for (size_t i = 0; i < out->n_children; i++)
		TRY(spread(&c->args[i * step + step - 1], c->n_rows,
			   &out->children[i]));
	*ret = TAKE(out);
	return NULL;
}

/* --- arrow_cast(value, type) becomes a cast --- */

static struct err *bind_arrow_cast(struct binder *b, struct node *n)
{
	AUTO_MEM char *name = NULL;
	AUTO(type) struct type *t = NULL;
	bool is_try = n->fn->tag;
	TRY(constant_text(b, n, 1, &name));
	struct err *err = arrow_type_parse(name, strlen(name), &t);
	if (err) {
		struct err *placed = bind_err(b, n->args[1], "%s", err->msg);
		err_free(err); /* told with its place */
		return placed;
	}
	if (!sql_can_cast(n->args[0]->type, t))
		return bind_arg_err(b, n, 0, "a value that has such a cast");
	expr_node_free(n->args[1]);
	n->args[1] = NULL;
	n->n_args = 1;
	n->fn = function_get(is_try ? "try_cast" : "cast");
	n->to = type_ref(t);
	bind_type(n, t);
	return NULL;
}

/* --- arrow_typeof --- */

static struct err *bind_typeof(struct binder *b, struct node *n)
{
	(void)b;
	return bind_type_id(n, TYPE_STRING);
}

static struct err *typeof_row(const struct call *c, uint64_t row, struct buf *out)
{
	(void)row;
	arrow_type_format(c->args[0].array->type, out);
	return NULL;
}

static struct err *eval_typeof(const struct call *c, struct array **ret)
{
	return each_text(c, typeof_row, ret);
}

#define ROW(n, least, most, binding, fn, t)                                            \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.bind = (binding), .eval = (fn), .tag = (t)                            \
	}

static const struct function rows[] = {
	ROW("get_field", 2, ANY_ARGS, bind_get_field, eval_get_field, 0),
	ROW("named_struct", 2, ANY_ARGS, bind_named, eval_struct, 2),
	ROW("struct", 1, ANY_ARGS, bind_struct, eval_struct, 1),
	ROW("row", 1, ANY_ARGS, bind_struct, eval_struct, 1),
	ROW("arrow_cast", 2, 2, bind_arrow_cast, NULL, 0),
	ROW("arrow_try_cast", 2, 2, bind_arrow_cast, NULL, 1),
	ROW("arrow_typeof", 1, 1, bind_typeof, eval_typeof, 0),
};

const struct function_table struct_functions = {rows, sizeof(rows) / sizeof(rows[0])};
