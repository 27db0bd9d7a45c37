// SPDX-License-Identifier: Apache-2.0
/*
 * eval.c: a tree over a batch of rows, a node at a time over whole arrays.
 *
 * What is common to functions is done here: arguments, the nulls of strict ones, the
 * selection of rows for those that are lazy.
 */
#include "expr/bind_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct eval {
	const char *text;	     /* borrowed: for messages */
	struct array *const *inputs; /* borrowed */
	size_t n_inputs;
	uint64_t n_rows;
	uint64_t first_row;
	const uint64_t *rows; /* borrowed: which of the batch these are; NULL: all */
};

uint64_t eval_rows(const struct eval *e)
{
	return e->n_rows;
}

/* --- messages --- */

struct err *call_err(const struct call *c, uint64_t row, const char *fmt, ...)
{
	char message[400];
	va_list args;
	uint64_t number = c->first_row + (c->rows ? c->rows[row] : row);
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (c->is_constant)
		return caret_err(c->text, c->node->place, "%s", message);
	return caret_err(c->text, c->node->place, "row %" PRIu64 ": %s", number,
			 message);
}

/* --- nulls --- */

/* The rows for which no argument is null, as a bitmap; *ret stays NULL: all. */
static struct err *strict_rows(const struct call *c, struct bytes **ret)
{
	AUTO(bytes) struct bytes *bits = NULL;
	for (size_t i = 0; i < c->n_args; i++) {
		const struct array *a = c->args[i].array;
		bool is_null = a->type->id == TYPE_NULL ||
			       (c->args[i].is_scalar && array_is_null(a, 0));
		if (!is_null && (c->args[i].is_scalar || !a->n_nulls))
			continue;
		if (!bits) {
			TRY(bytes_new_zero(bitmap_bytes(c->n_rows), &bits));
			bitmap_set_range(bits->data, 0, c->n_rows);
		}
		if (is_null)
			memset(bits->data, 0, bits->len);
		else
			for (size_t k = 0; k < bits->len; k++)
				bits->data[k] &= a->validity->data[k];
	}
	*ret = TAKE(bits);
	return NULL;
}

/* Slots of null rows hold zeros. */
static struct err *zero_nulls(struct array *a)
{
	uint32_t width = type_bits(a->type) / 8;
	if (!a->n_nulls || !a->data || type_is_var(a->type->id))
		return NULL;
	if (atomic_load(&a->data->refs) > 1) {
		struct bytes *own;
		TRY(bytes_new(a->data->len, &own));
		memcpy(own->data, a->data->data, own->len);
		bytes_unref(a->data);
		a->data = own;
	}
	for (uint64_t row = 0; row < a->n_rows; row++) {
		if (bit_get(a->validity->data, row))
			continue;
		if (width)
			memset(a->data->data + row * width, 0, width);
		else
			bit_clear(a->data->data, row);
	}
	return NULL;
}

static void count_nulls(struct array *a)
{
	if (a->type->id == TYPE_NULL)
		a->n_nulls = a->n_rows;
	else
		a->n_nulls = a->validity ? a->n_rows - bitmap_count(a->validity->data,
								    0, a->n_rows)
					 : 0;
	if (a->n_nulls == 0 && a->validity) {
		bytes_unref(a->validity);
		a->validity = NULL;
	}
}

/* Lay the rows of a strict call over what it made. */
static struct err *finish_nulls(struct array *a, const struct bytes *valid)
{
	if (valid) {
		TRY(array_allow_nulls(a));
		if (atomic_load(&a->validity->refs) > 1) {
			struct bytes *own;
			TRY(bytes_new(a->validity->len, &own));
			memcpy(own->data, a->validity->data, own->len);
			bytes_unref(a->validity);
			a->validity = own;
		}
		for (size_t i = 0; i < bitmap_bytes(a->n_rows); i++)
			a->validity->data[i] &= valid->data[i];
	}
	count_nulls(a);
	return zero_nulls(a);
}

/* --- calls --- */

static struct err *eval_node(const struct node *n, const struct eval *e,
			     struct vec *ret);

static struct err *run_function(struct call *c, struct array **ret)
{
	const struct function *fn = c->node->fn;
	AUTO(array) struct array *a = NULL;
	AUTO(bytes) struct bytes *valid = NULL;
	if (fn->is_strict)
		TRY(strict_rows(c, &valid));
	if (valid && !bitmap_count(valid->data, 0, c->n_rows))
		return array_new_null(c->node->type, c->n_rows, ret);
	c->valid = valid ? valid->data : NULL;
	TRY(fn->eval(c, &a));
	if (a->n_rows != c->n_rows)
		return err_new(EINVAL, "%s made %" PRIu64 " rows of %" PRIu64, fn->name,
			       a->n_rows, c->n_rows);
	TRY(finish_nulls(a, valid));
	*ret = TAKE(a);
	return NULL;
}

#define STACK_ARGS 4

static void free_args(struct vec *args, size_t n, struct vec *stack)
{
	for (size_t i = 0; i < n; i++)
		array_unref(args[i].array);
	if (args != stack)
		free(args);
}

static struct err *eval_args(const struct node *n, const struct eval *e,
			     struct vec *args, bool *ret_constant)
{
	*ret_constant = !n->fn->is_volatile;
	for (size_t i = 0; i < n->n_args; i++) {
		TRY(eval_node(n->args[i], e, &args[i]));
		*ret_constant = *ret_constant && args[i].is_scalar;
	}
	return NULL;
}

static struct err *eval_call(const struct node *n, const struct eval *e,
			     struct vec *ret)
{
	struct vec stack[STACK_ARGS] = {0};
	struct vec *args = stack;
	struct call c = {.node = n,
			 .n_args = n->n_args,
			 .first_row = e->first_row,
			 .rows = e->rows,
			 .text = e->text};
	if (n->fn->eval_lazy)
		return n->fn->eval_lazy(n, e, ret);
	if (n->n_args > STACK_ARGS)
		TRY(mem_array(n->n_args, sizeof(*args), &args));
	struct err *err = eval_args(n, e, args, &c.is_constant);
	c.args = args;
	c.n_rows = c.is_constant ? 1 : e->n_rows;
	if (!err)
		err = run_function(&c, &ret->array);
	ret->is_scalar = c.is_constant;
	free_args(args, n->n_args, stack);
	return err;
}

static struct err *eval_node(const struct node *n, const struct eval *e,
			     struct vec *ret)
{
	switch (n->kind) {
	case NODE_COLUMN:
		*ret = (struct vec){array_ref(e->inputs[n->input]), false};
		return NULL;
	case NODE_LITERAL:
		*ret = (struct vec){array_ref(n->value), true};
		return NULL;
	case NODE_CALL:
		return eval_call(n, e, ret);
	}
	return NULL;
}

/* Casts that every value survives. */
static bool cast_is_total(const struct type *from, const struct type *to)
{
	bool is_integer = type_is_integer(from->id) || from->id == TYPE_BOOL;
	if (type_equal(from, to) || from->id == TYPE_NULL)
		return true;
	if (is_integer && type_is_integer(to->id))
		return type_bits(from) < type_bits(to) &&
		       (type_is_signed(to->id) || !type_is_signed(from->id));
	if (type_is_float(to->id))
		return is_integer || type_is_float(from->id);
	return type_is_string(to->id) && (is_integer || type_is_float(from->id));
}

bool node_can_fail(const struct node *n)
{
	bool is_cast = n->kind == NODE_CALL && n->to;
	if (is_cast && !cast_is_total(n->args[0]->type, n->type))
		return n->fn->can_fail;
	if (n->kind == NODE_CALL && !is_cast && n->fn->can_fail)
		return true;
	for (size_t i = 0; i < n->n_args; i++)
		if (node_can_fail(n->args[i]))
			return true;
	return false;
}

struct err *node_eval_constant(const struct node *n, const char *text,
			       struct array **ret)
{
	struct eval e = {.text = text, .n_rows = 1};
	struct vec v = {0};
	TRY(eval_node(n, &e, &v));
	*ret = v.array;
	return NULL;
}

/* --- for lazy functions --- */

struct err *eval_arg(const struct node *n, size_t i, const struct eval *e,
		     struct vec *ret)
{
	return eval_node(n->args[i], e, ret);
}

static bool reads_input(const struct node *n, size_t input)
{
	if (n->kind == NODE_COLUMN)
		return n->input == input;
	for (size_t i = 0; i < n->n_args; i++)
		if (reads_input(n->args[i], input))
			return true;
	return false;
}

/* The rows of the inputs that a node reads; the others stay NULL. */
static struct err *take_inputs(const struct node *n, const struct eval *e,
			       const uint64_t *rows, uint64_t n_rows,
			       struct array **inputs)
{
	for (size_t i = 0; i < e->n_inputs; i++)
		if (reads_input(n, i))
			TRY(array_take(e->inputs[i], rows, n_rows, &inputs[i]));
	return NULL;
}

struct err *eval_arg_at(const struct node *n, size_t i, const struct eval *e,
			const uint64_t *rows, uint64_t n_rows, struct vec *ret)
{
	struct array **inputs;
	AUTO_MEM uint64_t *numbers = NULL;
	struct eval part = *e;
	TRY(mem_array((size_t)n_rows, sizeof(*numbers), &numbers));
	for (uint64_t k = 0; k < n_rows; k++)
		numbers[k] = e->rows ? e->rows[rows[k]] : rows[k];
	TRY(mem_array(e->n_inputs, sizeof(struct array *), &inputs));
	part.inputs = inputs;
	part.n_rows = n_rows;
	part.rows = numbers;
	struct err *err = take_inputs(n->args[i], e, rows, n_rows, inputs);
	if (!err)
		err = eval_node(n->args[i], &part, ret);
	for (size_t k = 0; k < e->n_inputs; k++)
		array_unref(inputs[k]);
	free(inputs);
	return err;
}

/* --- compiled expressions --- */

struct expr {
	atomic_int refs;
	char *text;		   /* owned */
	struct node *root;	   /* owned */
	struct expr_input *inputs; /* owned */
	size_t n_inputs;
};

struct expr *expr_ref(struct expr *e)
{
	atomic_fetch_add(&e->refs, 1);
	return e;
}

void expr_unref(struct expr *e)
{
	if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	expr_node_free(e->root);
	free(e->inputs);
	free(e->text);
	free(e);
}

struct type *expr_type(const struct expr *e)
{
	return e->root->type;
}

const char *expr_text(const struct expr *e)
{
	return e->text;
}

bool expr_is_column(const struct expr *e, size_t *ret)
{
	if (e->root->kind != NODE_COLUMN)
		return false;
	*ret = e->inputs[e->root->input].field;
	return true;
}

size_t expr_n_inputs(const struct expr *e)
{
	return e->n_inputs;
}

struct expr_input expr_input(const struct expr *e, size_t i)
{
	return e->inputs[i];
}

/* A filter is a boolean; a match is one if it is there, as in Lance. */
static struct err *bind_filter(struct binder *b, struct node **root)
{
	struct type *t = (*root)->type;
	AUTO_MEM char *name = NULL;
	if (t->id == TYPE_BOOL || t->id == TYPE_NULL)
		return NULL;
	if ((*root)->kind == NODE_CALL &&
	    strcmp((*root)->fn->name, "regexp_match") == 0) {
		TRY(make_unary("is not null", (*root)->place, root));
		return bind_node(b, root);
	}
	TRY(type_format(t, &name));
	return bind_err(b, *root, "a condition is true or false, not %s", name);
}

static struct err *compile(struct binder *b, size_t at, size_t len, enum expr_use use,
			   struct node **ret)
{
	AUTO(node) struct node *root = NULL;
	TRY(expr_parse(b->text, at, len, &root));
	if (use != EXPR_ITEM)
		TRY(lance_resolve(b, root));
	TRY(bind_node(b, &root));
	if (root->kind == NODE_COLUMN)
		b->inputs[root->input].is_nulls_only = false;
	if (use == EXPR_FILTER)
		TRY(bind_filter(b, &root));
	if (root->kind == NODE_CALL && type_is_interval(root->type))
		return bind_err(b, root, "an interval is no column");
	*ret = TAKE(root);
	return NULL;
}

struct err *expr_compile_part(const char *text, size_t at, size_t len,
			      struct field *const *fields, size_t n_fields,
			      enum expr_use use, struct expr **ret)
{
	AUTO(expr) struct expr *e = NULL;
	struct binder b = {.text = text, .fields = fields, .n_fields = n_fields};
	TRY(mem_new(&e));
	atomic_init(&e->refs, 1);
	TRY(str_dup(text, &e->text));
	struct err *err = compile(&b, at, len, use, &e->root);
	e->inputs = b.inputs;
	e->n_inputs = b.n_inputs;
	TRY(err);
	*ret = TAKE(e);
	return NULL;
}

struct err *expr_compile(const char *text, struct field *const *fields, size_t n_fields,
			 enum expr_use use, struct expr **ret)
{
	return expr_compile_part(text, 0, strlen(text), fields, n_fields, use, ret);
}

struct err *expr_set_type(struct expr *e, struct type *to)
{
	struct binder b = {.text = e->text};
	struct node holder = {.args = &e->root, .n_args = 1};
	return bind_cast(&b, &holder, 0, to);
}

/* One value for all rows. */
static struct err *repeat_scalar(struct vec *v, uint64_t n_rows, struct array **ret)
{
	AUTO_MEM uint64_t *rows = NULL;
	if (array_is_null(v->array, 0))
		return array_new_null(v->array->type, n_rows, ret);
	TRY(mem_array((size_t)n_rows, sizeof(*rows), &rows));
	return array_take(v->array, rows, n_rows, ret);
}

/* Dictionaries are looked up once, before anything is computed. */
static struct err *expand_inputs(const struct expr *e, const struct expr_batch *batch,
				 struct array **ret)
{
	for (size_t i = 0; i < e->n_inputs; i++)
		TRY(array_expand(batch->inputs[i], &ret[i]));
	return NULL;
}

static struct err *eval_root(const struct expr *e, const struct expr_batch *batch,
			     struct vec *ret)
{
	struct array **inputs;
	TRY(mem_array(e->n_inputs, sizeof(struct array *), &inputs));
	struct eval ev = {.text = e->text,
			  .inputs = inputs,
			  .n_inputs = e->n_inputs,
			  .n_rows = batch->n_rows,
			  .first_row = batch->first_row};
	struct err *err = expand_inputs(e, batch, inputs);
	if (!err)
		err = eval_node(e->root, &ev, ret);
	for (size_t i = 0; i < e->n_inputs; i++)
		array_unref(inputs[i]);
	free(inputs);
	return err;
}

struct err *expr_eval(const struct expr *e, const struct expr_batch *batch,
		      struct array **ret)
{
	AUTO_VEC struct vec v = {0};
	if (batch->n_rows == 0)
		return array_new_null(e->root->type, 0, ret);
	TRY(eval_root(e, batch, &v));
	if (v.is_scalar)
		return repeat_scalar(&v, batch->n_rows, ret);
	*ret = TAKE(v.array);
	return NULL;
}

static uint64_t set_bits(uint64_t word, uint64_t first, uint64_t *rows)
{
	uint64_t n = 0;
	for (; word; word &= word - 1)
		rows[n++] = first + (uint64_t)__builtin_ctzll(word);
	return n;
}

static uint64_t load_bits(const uint8_t *bits, uint64_t first, uint64_t n_rows)
{
	uint64_t word = 0, left = n_rows - first;
	memcpy(&word, bits + first / 8, bitmap_bytes(MIN_OF(left, (uint64_t)64)));
	return left < 64 ? word & ((UINT64_C(1) << left) - 1) : word;
}

struct err *expr_select(const struct expr *e, const struct expr_batch *batch,
			uint64_t *rows, uint64_t *ret_n)
{
	AUTO_VEC struct vec v = {0};
	*ret_n = 0;
	if (batch->n_rows == 0)
		return NULL;
	TRY(eval_root(e, batch, &v));
	if (v.is_scalar || v.array->type->id == TYPE_NULL) {
		bool is_true =
			!array_is_null(v.array, 0) && bit_get(v.array->data->data, 0);
		for (uint64_t i = 0; is_true && i < batch->n_rows; i++)
			rows[(*ret_n)++] = i;
		return NULL;
	}
	/* null rows hold zeros */
	for (uint64_t first = 0; first < batch->n_rows; first += 64)
		*ret_n += set_bits(load_bits(v.array->data->data, first, batch->n_rows),
				   first, rows + *ret_n);
	return NULL;
}
