// SPDX-License-Identifier: Apache-2.0
/*
 * lance_rules.c: the types of literals beside columns.
 *
 * DataFusion makes an integer literal an int64, so that `width + 1` of an int32 column
 * would be an int64.  Lance converts the literal to the type of the column first, if it
 * stands right beside it: at the top, or in the conditions that AND and OR join there.
 * If a literal does not fit its column (width > 1.5), Lance refuses the text; here it
 * is then DataFusion's, as is a text with a CASE or another thing that Lance's parser
 * does not know.
 *
 * Source: Lance, lance-datafusion: resolve_expr and safe_coerce_scalar.
 */
#include "expr/bind_priv.h"

#include <math.h>
#include <string.h>

/* --- literals --- */

static bool is_exact_float(const struct array *value)
{
	double d = array_f64(value, 0);
	return isnan(d) || (double)(float)d == d;
}

/* May the literal become that type by itself? */
static bool literal_fits(const struct array *value, const struct type *to)
{
	enum type_id from = value->type->id;
	if (type_is_integer(from))
		return type_is_integer(to->id) || type_is_float(to->id) ||
		       (from == TYPE_INT64 &&
			(type_is_decimal(to) || to->id == TYPE_TIME32));
	if (type_is_float(from))
		return type_is_float(to->id);
	if (type_is_string(from))
		return type_is_string(to->id);
	return from == to->id;
}

/* *ret stays NULL if it cannot. */
static struct err *convert_literal(const struct array *value, struct type *to,
				   struct array **ret)
{
	*ret = NULL;
	if (array_is_null(value, 0)) {
		*ret = array_ref((struct array *)(uintptr_t)value);
		return NULL;
	}
	if (!literal_fits(value, to))
		return NULL;
	struct err *err = sql_cast((struct array *)(uintptr_t)value, to, false, 0, ret);
	err_free(err); /* out of range: it does not fit */
	return NULL;
}

/* --- which operands --- */

static bool is_resolved_operator(const char *name)
{
	static const char *const names[] = {"+",
					    "-",
					    "*",
					    "/",
					    "%",
					    "||",
					    "=",
					    "<>",
					    "<",
					    "<=",
					    ">",
					    ">=",
					    "<<",
					    ">>",
					    "is distinct from",
					    "is not distinct from"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_named(const struct node *n, const char *name)
{
	return n->kind == NODE_CALL && n->name && strcmp(n->name, name) == 0;
}

/* The type of a column or a member of a struct; NULL: it is something else. */
static struct type *column_type(const struct binder *b, const struct node *n)
{
	if (n->kind != NODE_COLUMN)
		return NULL;
	size_t i = bind_lookup(b, n->path[0], n->is_quoted);
	if (i == b->n_fields)
		return NULL;
	struct type *t = b->fields[i]->type;
	for (size_t k = 1; t && k < n->n_path; k++) {
		struct type *member = NULL;
		for (size_t m = 0; t->id == TYPE_STRUCT && m < t->n_children; m++)
			if (strcmp(t->children[m]->name, n->path[k]) == 0)
				member = t->children[m]->type;
		t = member;
	}
	return t && t->id == TYPE_DICTIONARY ? t->children[0]->type : t;
}

static bool is_constant_arithmetic(const struct node *n)
{
	if (n->kind == NODE_LITERAL)
		return true;
	if (n->kind != NODE_CALL || !n->name || n->n_args != 2 ||
	    !strchr("+-*/%|<>", n->name[0]) || strchr(n->name, '='))
		return false;
	return is_constant_arithmetic(n->args[0]) && is_constant_arithmetic(n->args[1]);
}

/* --- the walk: first to see whether all fit, then to change them --- */

struct walk {
	const struct binder *binder;
	bool changes;
	bool fits;
};

static struct err *set_literal(struct walk *w, struct node *n, struct type *to)
{
	AUTO(array) struct array *value = NULL;
	TRY(convert_literal(n->value, to, &value));
	if (!value) {
		w->fits = false;
		return NULL;
	}
	if (w->changes) {
		array_unref(n->value);
		type_unref(n->type);
		n->value = TAKE(value);
		n->type = type_ref(n->value->type);
	}
	return NULL;
}

/* CAST(0.5 AS DOUBLE) beside a float column is a float, if it is the same number. */
static void narrow_double(struct walk *w, struct node *n, const struct type *to)
{
	bool is_double = n->to && n->to->id == TYPE_FLOAT64 && is_named(n, "cast");
	const struct node *arg = is_double ? n->args[0] : NULL;
	if (!w->changes || !arg || to->id != TYPE_FLOAT32 ||
	    arg->kind != NODE_LITERAL || arg->value->type->id == TYPE_NULL ||
	    !type_is_number(arg->value->type) || !is_exact_float(arg->value))
		return;
	n->to->id = TYPE_FLOAT32;
}

static struct err *resolve_operand(struct walk *w, struct node *n, struct type *to)
{
	if (n->kind == NODE_LITERAL)
		return set_literal(w, n, to);
	if (is_constant_arithmetic(n))
		for (size_t i = 0; i < n->n_args; i++)
			TRY(resolve_operand(w, n->args[i], to));
	narrow_double(w, n, to);
	return NULL;
}

/* Beside IN and BETWEEN the literals of all operators of two operands, of columns too.
 */
static struct err *resolve_bound(struct walk *w, struct node *n, struct type *to)
{
	bool is_operator = n->kind == NODE_CALL && n->name && !n->is_function &&
			   n->n_args == 2 && is_resolved_operator(n->name);
	for (size_t i = 0; is_operator && i < n->n_args; i++)
		TRY(resolve_bound(w, n->args[i], to));
	return is_operator ? NULL : resolve_operand(w, n, to);
}

static struct err *resolve_rest(struct walk *w, struct node *n)
{
	struct type *t = column_type(w->binder, n->args[0]);
	bool is_struct_member = n->args[0]->n_path > 1;
	bool is_in = !is_named(n, "between");
	for (size_t i = 1; t && !(is_in && is_struct_member) && i < n->n_args; i++)
		TRY(resolve_bound(w, n->args[i], t));
	return NULL;
}

static struct err *resolve_binary(struct walk *w, struct node *n)
{
	struct type *left = column_type(w->binder, n->args[0]);
	struct type *right = column_type(w->binder, n->args[1]);
	if (left)
		return resolve_operand(w, n->args[1], left);
	if (right && !is_constant_arithmetic(n->args[0]))
		return resolve_operand(w, n->args[0], right);
	if (right && n->args[0]->kind == NODE_LITERAL)
		return resolve_operand(w, n->args[0], right);
	return NULL;
}

static struct err *resolve(struct walk *w, struct node *n)
{
	if (n->kind != NODE_CALL || !n->name)
		return NULL;
	if (is_named(n, "and") || is_named(n, "or")) {
		for (size_t i = 0; i < n->n_args; i++)
			TRY(resolve(w, n->args[i]));
		return NULL;
	}
	if (is_named(n, "not") && is_named(n->args[0], "between"))
		return resolve_rest(w, n->args[0]);
	if (is_named(n, "in") || is_named(n, "not in") || is_named(n, "between"))
		return resolve_rest(w, n);
	if (n->n_args == 2 && is_resolved_operator(n->name))
		return resolve_binary(w, n);
	return NULL;
}

/* Has it what Lance's parser does not take, outside the arguments of functions? */
static bool is_beyond_lance(const struct node *n)
{
	static const char *const refused[] = {
		"case", "case of",  "&",	  "|",
		"^",	"positive", "is unknown", "is not unknown"};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (is_named(n, refused[i]))
			return true;
	bool is_operator = n->kind == NODE_CALL && n->name && !n->is_function;
	for (size_t i = 0; is_operator && i < n->n_args; i++)
		if (is_beyond_lance(n->args[i]))
			return true;
	return false;
}

struct err *lance_resolve(struct binder *b, struct node *root)
{
	struct walk w = {.binder = b, .fits = true};
	if (is_beyond_lance(root))
		return NULL;
	TRY(resolve(&w, root));
	w.changes = true;
	return w.fits ? resolve(&w, root) : NULL;
}
