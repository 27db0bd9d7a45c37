// SPDX-License-Identifier: Apache-2.0
/*
 * fn_bind.c: signatures of functions, and loops over their rows.
 */
#include "expr/coerce_priv.h"
#include "expr/fn_priv.h"

#include <errno.h>
#include <string.h>

/* --- types that become others --- */

static bool integer_widens(enum type_id into, const struct type *from)
{
	const struct type t = {.id = into};
	bool both_signed = type_is_signed(into) == type_is_signed(from->id);
	if (!type_is_integer(from->id) || (!both_signed && !type_is_signed(into)))
		return false;
	return both_signed ? type_bits(from) <= type_bits(&t)
			   : type_bits(from) < type_bits(&t);
}

bool type_widens(enum type_id into, const struct type *from)
{
	if (from->id == TYPE_NULL || from->id == into || type_is_string(into))
		return true;
	if (type_is_integer(into))
		return integer_widens(into, from);
	switch (into) {
	case TYPE_FLOAT16:
		return type_is_integer(from->id) && type_bits(from) <= 16;
	case TYPE_FLOAT32:
		return type_is_integer(from->id) || from->id == TYPE_FLOAT16;
	case TYPE_FLOAT64:
		return type_is_number(from);
	default:
		return false;
	}
}

static bool all_are(const struct node *n, size_t first, enum type_id id)
{
	for (size_t i = first; i < n->n_args; i++)
		if (n->args[i]->type->id != id)
			return false;
	return true;
}

static bool all_widen(const struct node *n, size_t first, enum type_id id)
{
	for (size_t i = first; i < n->n_args; i++)
		if (!type_widens(id, n->args[i]->type))
			return false;
	return true;
}

struct err *bind_uniform(struct binder *b, struct node *n, size_t first,
			 const enum type_id *candidates, size_t n_candidates,
			 const char *wanted)
{
	for (size_t k = 0; k < n_candidates; k++)
		if (all_are(n, first, candidates[k]))
			return NULL;
	for (size_t k = 0; k < n_candidates; k++) {
		if (!all_widen(n, first, candidates[k]))
			continue;
		for (size_t i = first; i < n->n_args; i++)
			TRY(bind_cast_id(b, n, i, candidates[k]));
		return NULL;
	}
	for (size_t i = first; i < n->n_args; i++)
		if (!type_widens(candidates[n_candidates - 1], n->args[i]->type))
			return bind_arg_err(b, n, i, wanted);
	return bind_arg_err(b, n, first, wanted);
}

typedef struct err *coerce_fn(struct type *a, struct type *b, struct type **ret);

static struct err *bind_common(struct binder *b, struct node *n, size_t first,
			       coerce_fn *coerce, struct type **ret)
{
	AUTO(type) struct type *common = type_ref(n->args[first]->type);
	for (size_t i = first + 1; i < n->n_args; i++) {
		AUTO(type) struct type *both = NULL;
		TRY(coerce(common, n->args[i]->type, &both));
		if (!both) {
			AUTO_MEM char *name = NULL;
			TRY(type_format(common, &name));
			return bind_arg_err(b, n, i, name);
		}
		type_unref(common);
		common = TAKE(both);
	}
	for (size_t i = first; i < n->n_args; i++)
		TRY(bind_cast(b, n, i, common));
	*ret = TAKE(common);
	return NULL;
}

struct err *bind_comparable(struct binder *b, struct node *n, size_t first,
			    struct type **ret)
{
	return bind_common(b, n, first, coerce_comparison, ret);
}

struct err *bind_union(struct binder *b, struct node *n, size_t first,
		       struct type **ret)
{
	return bind_common(b, n, first, coerce_union, ret);
}

struct err *bind_resolved(struct binder *b, struct node *n, size_t first,
			  struct type **ret)
{
	return bind_common(b, n, first, coerce_resolve, ret);
}

/* --- signatures --- */

/* What is known of the arguments before casts: for the width of a result. */
struct widths {
	bool any_large, all_large; /* of the strings */
	bool first_large, other_large;
	bool exact_ints; /* all that become int64 were */
};

static void note_width(struct widths *w, const struct type *t, char kind, size_t i)
{
	bool is_large = t->id == TYPE_LARGE_STRING;
	if (kind == 's' || kind == 't') {
		w->any_large |= is_large;
		w->all_large &= is_large;
		w->first_large |= i == 0 && is_large;
		w->other_large |= i > 0 && is_large;
	} else if (kind == 'I') {
		w->exact_ints &= t->id == TYPE_INT64;
	}
}

static struct err *bind_text(struct binder *b, struct node *n, size_t i)
{
	if (type_is_string(n->args[i]->type->id))
		return NULL;
	return bind_cast_id(b, n, i, TYPE_STRING);
}

/* uint64 may not fit, and is refused. */
static struct err *bind_narrow(struct binder *b, struct node *n, size_t i)
{
	const struct type *t = n->args[i]->type;
	if (!type_widens(TYPE_INT64, t))
		return bind_arg_err(b, n, i, "an int64");
	return bind_cast_id(b, n, i, TYPE_INT64);
}

static struct err *bind_medium(struct binder *b, struct node *n, size_t i)
{
	enum type_id id = n->args[i]->type->id;
	if (id != TYPE_NULL && id != TYPE_INT32 && id != TYPE_INT64)
		return bind_arg_err(b, n, i, "an int64");
	return bind_cast_id(b, n, i, TYPE_INT64);
}

static struct err *bind_double(struct binder *b, struct node *n, size_t i)
{
	const struct type *t = n->args[i]->type;
	if (t->id != TYPE_NULL && !type_is_number(t))
		return bind_arg_err(b, n, i, "a number");
	return bind_cast_id(b, n, i, TYPE_FLOAT64);
}

static struct err *bind_float(struct binder *b, struct node *n, size_t i)
{
	return n->args[i]->type->id == TYPE_FLOAT32 ? NULL : bind_double(b, n, i);
}

static struct err *bind_number(struct binder *b, struct node *n, size_t i)
{
	const struct type *t = n->args[i]->type;
	return type_is_number(t) ? NULL : bind_double(b, n, i);
}

static struct err *bind_bytes(struct binder *b, struct node *n, size_t i)
{
	const struct type *t = n->args[i]->type;
	if (t->id == TYPE_NULL)
		return bind_cast_id(b, n, i, TYPE_STRING);
	return type_is_var(t->id) ? NULL : bind_arg_err(b, n, i, "a string or bytes");
}

static struct err *bind_any_integer(struct binder *b, struct node *n, size_t i)
{
	const struct type *t = n->args[i]->type;
	if (t->id == TYPE_NULL)
		return bind_cast_id(b, n, i, TYPE_INT64);
	return type_is_integer(t->id) ? NULL : bind_arg_err(b, n, i, "an integer");
}

static struct err *bind_bool(struct binder *b, struct node *n, size_t i)
{
	const struct type *t = n->args[i]->type;
	if (t->id != TYPE_NULL && t->id != TYPE_BOOL)
		return bind_arg_err(b, n, i, "a boolean");
	return bind_cast_id(b, n, i, TYPE_BOOL);
}

static struct err *bind_one(struct binder *b, struct node *n, size_t i, char kind)
{
	switch (kind) {
	case 's':
		return bind_string(b, n, i, NULL);
	case 't':
		return bind_text(b, n, i);
	case 'i':
		return bind_integer(b, n, i);
	case 'I':
		return bind_narrow(b, n, i);
	case 'k':
		return bind_medium(b, n, i);
	case 'z':
		return bind_any_integer(b, n, i);
	case 'd':
		return bind_double(b, n, i);
	case 'F':
		return bind_float(b, n, i);
	case 'h':
		return type_is_float(n->args[i]->type->id) ? NULL
							   : bind_double(b, n, i);
	case 'm':
		return bind_number(b, n, i);
	case 'y':
		return bind_bytes(b, n, i);
	case 'b':
		return bind_bool(b, n, i);
	default:
		return NULL;
	}
}

static enum type_id string_id(bool is_large)
{
	return is_large ? TYPE_LARGE_STRING : TYPE_STRING;
}

static enum type_id int_id(bool is_large)
{
	return is_large ? TYPE_INT64 : TYPE_INT32;
}

static struct err *bind_result(struct node *n, const struct widths *w, char kind)
{
	switch (kind) {
	case '0':
		bind_type(n, n->args[0]->type);
		return NULL;
	case 't':
		return bind_type_id(n, string_id(w->first_large));
	case 'n':
		return bind_type_id(n, int_id(w->first_large));
	case 'L':
		return bind_type_id(n, string_id(w->any_large));
	case 'N':
		return bind_type_id(n, int_id(w->any_large));
	case 'A':
		return bind_type_id(n, string_id(w->all_large && w->exact_ints));
	case 'M':
		return bind_type_id(n, int_id(w->all_large && w->exact_ints));
	case 'E':
		return bind_type_id(n, string_id(w->first_large && w->exact_ints));
	case 'T':
		return bind_type_id(n, string_id(w->first_large && !w->other_large));
	case 'b':
		return bind_type_id(n, TYPE_BOOL);
	case 'i':
		return bind_type_id(n, TYPE_INT32);
	case 'l':
		return bind_type_id(n, TYPE_INT64);
	case 'd':
		return bind_type_id(n, TYPE_FLOAT64);
	case 'y':
		return bind_type_id(n, TYPE_BINARY);
	default:
		return bind_type_id(n, TYPE_STRING);
	}
}

struct err *bind_signature(struct binder *b, struct node *n)
{
	const char *s = n->fn->signature;
	struct widths w = {.all_large = n->n_args > 0, .exact_ints = true};
	char kind = *s;
	for (size_t i = 0; i < n->n_args; i++) {
		s += *s == '?';
		kind = *s == '*' || *s == '>' ? kind : *s++;
		note_width(&w, n->args[i]->type, kind, i);
		TRY(bind_one(b, n, i, kind));
	}
	return bind_result(n, &w, strchr(n->fn->signature, '>')[1]);
}

/* --- loops --- */

struct err *each_text(const struct call *c, text_row_fn *fn, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	TRY(text_begin(&b, c->node->type, c->n_rows));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		if (!call_wants(c, row)) {
			TRY(text_null(&b));
			continue;
		}
		TRY(fn(c, row, &b.data));
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}

void store_int(struct array *a, uint64_t row, int64_t v)
{
	size_t width = type_bits(a->type) / 8;
	memcpy(a->data->data + row * width, &v, width);
}

struct err *each_int(const struct call *c, int_row_fn *fn, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		int64_t v;
		if (!call_wants(c, row))
			continue;
		TRY(fn(c, row, &v));
		store_int(out, row, v);
	}
	*ret = TAKE(out);
	return NULL;
}

struct err *each_bool(const struct call *c, bool_row_fn *fn, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (call_wants(c, row) && fn(c, row))
			bit_set(out->data->data, row);
	*ret = TAKE(out);
	return NULL;
}

struct err *set_null(struct array *a, uint64_t row)
{
	TRY(array_allow_nulls(a));
	bit_clear(a->validity->data, row);
	return NULL;
}

struct err *check_text_len(const struct call *c, uint64_t row, uint64_t len)
{
	if (len <= TEXT_BYTES_MAX)
		return NULL;
	return call_err(c, row, "a text of %llu bytes is too long (the limit is %llu)",
			(unsigned long long)len, (unsigned long long)TEXT_BYTES_MAX);
}

bool arg_is_null_literal(const struct node *n, size_t i)
{
	return node_is_null_literal(n->args[i]);
}
