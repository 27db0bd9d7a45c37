// SPDX-License-Identifier: Apache-2.0
/*
 * bind.c: what names mean, and the casts between what is there and what is wanted.
 */
#include "expr/bind_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* --- messages --- */

struct err *bind_err(const struct binder *b, const struct node *n, const char *fmt, ...)
{
	char message[400];
	va_list args;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	return caret_err(b->text, n->place, "%s", message);
}

struct err *bind_arg_err(const struct binder *b, const struct node *n, size_t i,
			 const char *wanted)
{
	AUTO_MEM char *type = NULL;
	TRY(type_format(n->args[i]->type, &type));
	return bind_err(b, n->args[i], "%s takes %s, not %s",
			n->name ? n->name : n->fn->name, wanted, type);
}

/* --- types of arguments --- */

void bind_type(struct node *n, struct type *type)
{
	if (n->type)
		type_unref(n->type);
	n->type = type_ref(type);
}

struct err *bind_type_id(struct node *n, enum type_id id)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new(id, &t));
	bind_type(n, t);
	return NULL;
}

const struct array *bind_literal(const struct node *n, size_t i)
{
	return n->args[i]->kind == NODE_LITERAL ? n->args[i]->value : NULL;
}

struct err *bind_cast(struct binder *b, struct node *n, size_t i, struct type *to)
{
	struct node *arg = n->args[i];
	AUTO_MEM char *from = NULL;
	AUTO_MEM char *want = NULL;
	if (type_equal(arg->type, to))
		return NULL;
	if (!sql_can_cast(arg->type, to)) {
		TRY(type_format(arg->type, &from));
		TRY(type_format(to, &want));
		return bind_err(b, arg, "%s cannot become %s", from, want);
	}
	struct node *cast;
	TRY(node_new_call(function_get("cast"), 1, arg->place, &cast));
	cast->args[0] = arg;
	n->args[i] = cast;
	cast->to = type_ref(to);
	bind_type(cast, to);
	return bind_fold(b, &n->args[i]);
}

struct err *bind_cast_id(struct binder *b, struct node *n, size_t i, enum type_id to)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new(to, &t));
	return bind_cast(b, n, i, t);
}

struct err *bind_string(struct binder *b, struct node *n, size_t i, bool *ret_is_large)
{
	enum type_id id = n->args[i]->type->id;
	if (ret_is_large)
		*ret_is_large = id == TYPE_LARGE_STRING;
	if (id == TYPE_NULL)
		return bind_cast_id(b, n, i, TYPE_STRING);
	return type_is_string(id) ? NULL : bind_arg_err(b, n, i, "a string");
}

struct err *bind_integer(struct binder *b, struct node *n, size_t i)
{
	enum type_id id = n->args[i]->type->id;
	if (id != TYPE_NULL && !type_is_integer(id))
		return bind_arg_err(b, n, i, "an integer");
	return bind_cast_id(b, n, i, TYPE_INT64);
}

/* --- columns --- */

size_t bind_lookup(const struct binder *b, const char *name, bool is_quoted)
{
	for (size_t i = 0; i < b->n_fields; i++)
		if (strcmp(b->fields[i]->name, name) == 0)
			return i;
	for (size_t i = 0; !is_quoted && i < b->n_fields; i++)
		if (strcasecmp(b->fields[i]->name, name) == 0)
			return i;
	return b->n_fields;
}

/* Is one name a slip of the other's pen? */
static bool is_near(const char *name, const char *other, size_t *best)
{
	size_t d = str_distance(name, other);
	bool is = d < *best && d * 2 <= strlen(name);
	if (is)
		*best = d;
	return is;
}

static struct err *no_column(const struct binder *b, const struct node *n)
{
	size_t best = 3;
	const char *near = NULL;
	for (size_t i = 0; i < b->n_fields; i++)
		if (is_near(n->path[0], b->fields[i]->name, &best))
			near = b->fields[i]->name;
	if (near)
		return bind_err(b, n, "no column '%s' (did you mean '%s'?)", n->path[0],
				near);
	return bind_err(b, n, "no column '%s'", n->path[0]);
}

static struct err *input_of(struct binder *b, size_t field, size_t *ret)
{
	for (*ret = 0; *ret < b->n_inputs; (*ret)++)
		if (b->inputs[*ret].field == field)
			return NULL;
	TRY(mem_resize(b->n_inputs + 1, sizeof(*b->inputs), &b->inputs));
	b->inputs[b->n_inputs++] = (struct expr_input){field, true};
	return NULL;
}

/* A dictionary stands for its values. */
static struct type *plain_type(const struct field *f)
{
	struct type *t = f->type;
	return t->id == TYPE_DICTIONARY ? t->children[0]->type : t;
}

static struct err *bind_column(struct binder *b, struct node *n)
{
	size_t i = bind_lookup(b, n->path[0], n->is_quoted);
	if (i == b->n_fields)
		return no_column(b, n);
	TRY(input_of(b, i, &n->input));
	bind_type(n, plain_type(b->fields[i]));
	return NULL;
}

/* a.b.c as get_field(get_field(a, 'b'), 'c') */
static struct err *unfold_path(struct node **n)
{
	struct node *column = *n;
	for (size_t i = 1; i < column->n_path; i++) {
		AUTO(node) struct node *name = NULL;
		TRY(make_string(column->path[i], strlen(column->path[i]), column->place,
				&name));
		TRY(make_binary("get_field", column->place, n, &name));
	}
	for (size_t i = 1; i < column->n_path; i++)
		free(column->path[i]);
	column->n_path = 1;
	return NULL;
}

/* --- calls --- */

static struct err *no_function(const struct binder *b, const struct node *n)
{
	size_t best = 3;
	const char *near = NULL;
	for (size_t i = 0; expr_function_name(i); i++)
		if (is_near(n->name, expr_function_name(i), &best))
			near = expr_function_name(i);
	if (near)
		return bind_err(b, n, "no function '%s' (did you mean '%s'?)", n->name,
				near);
	return bind_err(b, n, "no function '%s'", n->name);
}

static struct err *check_arity(const struct binder *b, const struct node *n)
{
	const struct function *fn = n->fn;
	if (n->n_args >= fn->min_args && n->n_args <= fn->max_args)
		return NULL;
	if (fn->min_args == fn->max_args)
		return bind_err(b, n, "%s takes %u argument%s, not %zu", n->name,
				fn->min_args, fn->min_args == 1 ? "" : "s", n->n_args);
	return bind_err(b, n, "%s takes %u to %u arguments, not %zu", n->name,
			fn->min_args, fn->max_args, n->n_args);
}

/* Only the operators IS NULL and IS NOT NULL look at nothing but nulls. */
static void note_values_used(struct binder *b, struct node *n)
{
	bool is_null_test = n->kind == NODE_CALL && n->fn->reads_nulls_only;
	for (size_t i = 0; i < n->n_args; i++)
		if (n->args[i]->kind == NODE_COLUMN && !is_null_test)
			b->inputs[n->args[i]->input].is_nulls_only = false;
}

static struct err *bind_call(struct binder *b, struct node **ret)
{
	struct node *n = *ret;
	if (!n->fn)
		n->fn = function_find(n->name);
	if (!n->fn)
		return no_function(b, n);
	TRY(check_arity(b, n));
	for (size_t i = 0; i < n->n_args; i++)
		TRY(bind_node(b, &n->args[i]));
	note_values_used(b, n);
	TRY(n->fn->bind(b, n));
	if (n->fn->prepare)
		TRY(n->fn->prepare(b, n));
	return bind_fold(b, ret);
}

struct err *bind_node(struct binder *b, struct node **n)
{
	if ((*n)->type)
		return NULL;
	if (b->depth == EXPR_DEPTH)
		return bind_err(b, *n, "more than %d levels of nesting", EXPR_DEPTH);
	b->depth++;
	if ((*n)->kind == NODE_COLUMN && (*n)->n_path > 1)
		TRY(unfold_path(n));
	if ((*n)->kind == NODE_COLUMN)
		TRY(bind_column(b, *n));
	else if ((*n)->kind == NODE_CALL)
		TRY(bind_call(b, n));
	b->depth--;
	return NULL;
}

/* --- constants --- */

static bool is_constant(const struct node *n)
{
	for (size_t i = 0; i < n->n_args; i++)
		if (n->args[i]->kind != NODE_LITERAL)
			return false;
	return n->kind == NODE_CALL && !n->fn->is_volatile;
}

/* A constant that fails does so where it is evaluated, if it is: CASE may avoid it. */
struct err *bind_fold(struct binder *b, struct node **n)
{
	AUTO(array) struct array *value = NULL;
	AUTO(node) struct node *literal = NULL;
	if (!is_constant(*n))
		return NULL;
	struct err *err = node_eval_constant(*n, b->text, &value);
	if (err && err->code == EINVAL) {
		err_free(err); /* said again when a row needs it */
		return NULL;
	}
	TRY(err);
	TRY(node_new_literal(value, (*n)->place, &literal));
	expr_node_free(*n);
	*n = TAKE(literal);
	return NULL;
}
