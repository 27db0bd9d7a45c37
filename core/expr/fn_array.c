// SPDX-License-Identifier: Apache-2.0
/*
 * fn_array.c: functions of lists: their table, and those that look into lists.
 *
 * Lists of any kind are taken as they are; only where items have another type than the
 * value that is looked for are they cast.
 * Source: DataFusion's SQL reference, "Array Functions".
 */
#include "expr/cast_priv.h"
#include "expr/coerce_priv.h"
#include "expr/fn_array_priv.h"

#include <errno.h>
#include <string.h>

/* --- binding --- */

bool type_is_list(const struct type *t)
{
	return t->id == TYPE_LIST || t->id == TYPE_LARGE_LIST ||
	       t->id == TYPE_FIXED_LIST;
}

static struct type *item_type(const struct type *t)
{
	return t->children[0]->type;
}

/* The letter of argument i. */
static char letter_of(const char *signature, size_t i)
{
	char kind = 0;
	for (size_t k = 0; *signature != '>' && *signature != '*'; signature++) {
		if (*signature == '?')
			continue;
		kind = *signature;
		if (k++ == i)
			break;
	}
	return kind;
}

static struct err *join_item(struct binder *b, struct node *n, size_t i,
			     struct type *type, struct type **common)
{
	AUTO(type) struct type *both = NULL;
	if (!*common) {
		*common = type_ref(type);
		return NULL;
	}
	TRY(coerce_resolve(*common, type, &both));
	if (!both) {
		AUTO_MEM char *name = NULL;
		TRY(type_format(*common, &name));
		return bind_arg_err(b, n, i, name);
	}
	type_unref(*common);
	*common = TAKE(both);
	return NULL;
}

/* The type that items of all lists, and items that are arguments, have in common. */
static struct err *common_item(struct binder *b, struct node *n, struct type **ret)
{
	AUTO(type) struct type *common = NULL;
	for (size_t i = 0; i < n->n_args; i++) {
		struct type *t = n->args[i]->type;
		char kind = letter_of(n->fn->signature, i);
		if (kind == 'E' || (kind == 'A' && t->id == TYPE_NULL))
			TRY(join_item(b, n, i, t, &common));
		else if (kind == 'A' && type_is_list(t))
			TRY(join_item(b, n, i, item_type(t), &common));
		else if (kind == 'A')
			return bind_arg_err(b, n, i, "a list");
	}
	*ret = TAKE(common);
	return NULL;
}

static struct err *list_of(struct type *item, bool is_large, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(is_large ? TYPE_LARGE_LIST : TYPE_LIST, 1, &t));
	TRY(field_new("item", item, true, &t->children[0]));
	*ret = TAKE(t);
	return NULL;
}

/* Lists keep their kind if their items are right. */
static struct err *bind_list(struct binder *b, struct node *n, size_t i,
			     struct type *item)
{
	AUTO(type) struct type *t = NULL;
	const struct type *have = n->args[i]->type;
	if (type_is_list(have) && type_equal(item_type(have), item))
		return NULL;
	TRY(list_of(item, have->id == TYPE_LARGE_LIST, &t));
	return bind_cast(b, n, i, t);
}

/* A text does not become a number only because the items are. */
static struct err *bind_item(struct binder *b, struct node *n, size_t i,
			     struct type *item)
{
	const struct type *have = n->args[i]->type;
	bool widens = type_is_decimal(item)
			      ? have->id == TYPE_NULL || type_equal(have, item)
			      : type_widens(item->id, have) || !type_is_number(item);
	return widens ? bind_cast(b, n, i, item) : bind_arg_err(b, n, i, "an item");
}

static struct err *bind_index(struct binder *b, struct node *n, size_t i)
{
	if (!type_widens(TYPE_INT64, n->args[i]->type))
		return bind_arg_err(b, n, i, "an int64");
	return bind_cast_id(b, n, i, TYPE_INT64);
}

static struct err *bind_argument(struct binder *b, struct node *n, size_t i,
				 struct type *item)
{
	switch (letter_of(n->fn->signature, i)) {
	case 'A':
		return bind_list(b, n, i, item);
	case 'E':
		return bind_item(b, n, i, item);
	case 'I':
		return bind_index(b, n, i);
	default:
		return type_is_string(n->args[i]->type->id)
			       ? NULL
			       : bind_cast_id(b, n, i, TYPE_STRING);
	}
}

static struct err *bind_result(struct node *n, struct type *item)
{
	AUTO(type) struct type *t = NULL;
	bool is_large = false;
	for (size_t i = 0; i < n->n_args; i++)
		is_large |= n->args[i]->type->id == TYPE_LARGE_LIST;
	switch (strchr(n->fn->signature, '>')[1]) {
	case 'b':
		return bind_type_id(n, TYPE_BOOL);
	case 'u':
		return bind_type_id(n, TYPE_UINT64);
	case 's':
		return bind_type_id(n, TYPE_STRING);
	case 'e':
		bind_type(n, item);
		return NULL;
	default:
		TRY(list_of(item, is_large, &t));
		bind_type(n, t);
		return NULL;
	}
}

struct err *bind_array(struct binder *b, struct node *n)
{
	AUTO(type) struct type *item = NULL;
	TRY(common_item(b, n, &item));
	for (size_t i = 0; i < n->n_args; i++)
		TRY(bind_argument(b, n, i, item));
	return bind_result(n, item);
}

struct items arg_items(const struct call *c, size_t i, uint64_t row)
{
	const struct array *a = c->args[i].array;
	uint64_t size = (uint64_t)a->type->list_size;
	row = vec_row(&c->args[i], row);
	if (a->type->id == TYPE_FIXED_LIST)
		return (struct items){a->children[0], row * size, row * size + size};
	return (struct items){a->children[0], array_offset(a, row),
			      array_offset(a, row + 1)};
}

struct err *arg_index(const struct call *c, size_t i, uint64_t row, int64_t *ret)
{
	bool is_large = c->args[0].array->type->id == TYPE_LARGE_LIST;
	*ret = arg_i64(c, i, row);
	if (!is_large && (*ret > INT32_MAX || *ret < INT32_MIN))
		return call_err(c, row, "%lld is no index of a list", (long long)*ret);
	return NULL;
}

/* --- lengths --- */

/* Along the first items of lists of lists; false if there is no such dimension. */
static bool length_at(struct items items, int64_t dimension, int64_t *ret)
{
	for (int64_t at = 1; at < dimension; at++) {
		const struct array *a = items.array;
		uint64_t row = items.first, size = (uint64_t)a->type->list_size;
		if (!type_is_list(a->type) || items.first == items.end)
			return false;
		items.array = a->children[0];
		items.first = a->type->id == TYPE_FIXED_LIST ? row * size
							     : array_offset(a, row);
		items.end = a->type->id == TYPE_FIXED_LIST ? items.first + size
							   : array_offset(a, row + 1);
	}
	*ret = (int64_t)(items.end - items.first);
	return dimension >= 1;
}

static struct err *eval_array_length(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		int64_t v, dimension;
		if (!call_wants(c, row))
			continue;
		dimension = c->n_args > 1 ? arg_i64(c, 1, row) : 1;
		if (length_at(arg_items(c, 0, row), dimension, &v))
			store_int(out, row, v);
		else
			TRY(set_null(out, row));
	}
	*ret = TAKE(out);
	return NULL;
}

/* Items at any depth. */
static int64_t count_items(struct items items)
{
	int64_t n = 0;
	const struct array *a = items.array;
	if (!type_is_list(a->type))
		return (int64_t)(items.end - items.first);
	for (uint64_t row = items.first; row < items.end; row++) {
		uint64_t size = (uint64_t)a->type->list_size;
		struct items inner = {a->children[0], row * size, row * size + size};
		if (array_is_null(a, row))
			continue;
		if (a->type->id != TYPE_FIXED_LIST) {
			inner.first = array_offset(a, row);
			inner.end = array_offset(a, row + 1);
		}
		n += count_items(inner);
	}
	return n;
}

static struct err *cardinality_row(const struct call *c, uint64_t row, int64_t *ret)
{
	*ret = count_items(arg_items(c, 0, row));
	return NULL;
}

static struct err *eval_cardinality(const struct call *c, struct array **ret)
{
	return each_int(c, cardinality_row, ret);
}

static bool empty_row(const struct call *c, uint64_t row)
{
	struct items items = arg_items(c, 0, row);
	return items.first == items.end;
}

static struct err *eval_empty(const struct call *c, struct array **ret)
{
	return each_bool(c, empty_row, ret);
}

static struct err *eval_ndims(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	int64_t n = 0;
	for (const struct type *t = c->args[0].array->type; type_is_list(t);
	     t = item_type(t))
		n++;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		store_int(out, row, n);
	*ret = TAKE(out);
	return NULL;
}

/* --- items --- */

/* The item that is wanted of each row, or none: its place; then all at once. */
static struct err *take_items(const struct call *c, const uint64_t *places,
			      struct array **ret)
{
	AUTO(array) struct array *null = NULL;
	AUTO(array) struct array *all = NULL;
	struct array *items = c->args[0].array->children[0];
	TRY(array_new_null(items->type, 1, &null));
	struct array *both[] = {items, null};
	TRY(array_concat(both, 2, &all));
	return array_take(all, places, c->n_rows, ret);
}

/* From 1, or from the end with -1. */
static struct err *element_row(const struct call *c, uint64_t row, uint64_t *ret)
{
	struct items items = arg_items(c, 0, row);
	int64_t index, n = (int64_t)(items.end - items.first);
	TRY(arg_index(c, 1, row, &index));
	index = index < 0 ? (index < -n ? -1 : index + n) : index - 1;
	if (index >= 0 && index < n)
		*ret = items.first + (uint64_t)index;
	return NULL;
}

/* tag: the sign of the greatest or the least; nulls do not count. */
static uint64_t extreme_row(const struct call *c, uint64_t row, uint64_t none)
{
	struct items items = arg_items(c, 0, row);
	uint64_t best = none;
	for (uint64_t i = items.first; i < items.end; i++) {
		if (array_is_null(items.array, i))
			continue;
		if (best == none || value_compare(items.array, i, items.array, best) *
						    c->node->fn->tag >
					    0)
			best = i;
	}
	return best;
}

static struct err *eval_item(const struct call *c, struct array **ret)
{
	AUTO_MEM uint64_t *places = NULL;
	uint64_t none = c->args[0].array->children[0]->n_rows;
	TRY(mem_array(c->n_rows, sizeof(*places), &places));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		places[row] = none;
		if (!call_wants(c, row))
			continue;
		if (c->node->fn->tag)
			places[row] = extreme_row(c, row, none);
		else
			TRY(element_row(c, row, &places[row]));
	}
	return take_items(c, places, ret);
}

/* --- searching --- */

/* Is the value at `at` of a among the items, from `from` on? */
static bool find_item(struct items in, uint64_t from, const struct array *a,
		      uint64_t at, bool nulls_equal, uint64_t *ret)
{
	bool is_null = array_is_null(a, at);
	for (uint64_t i = from; i < in.end; i++) {
		bool item_null = array_is_null(in.array, i);
		if (is_null || item_null ? nulls_equal && is_null && item_null
					 : value_compare(in.array, i, a, at) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool has_row(const struct call *c, uint64_t row)
{
	struct items items = arg_items(c, 0, row);
	uint64_t at;
	return find_item(items, items.first, c->args[1].array,
			 vec_row(&c->args[1], row), false, &at);
}

static struct err *eval_has(const struct call *c, struct array **ret)
{
	return each_bool(c, has_row, ret);
}

/* tag: all of the second, or any */
static bool has_many_row(const struct call *c, uint64_t row)
{
	struct items in = arg_items(c, 0, row), wanted = arg_items(c, 1, row);
	bool all = c->node->fn->tag;
	for (uint64_t i = wanted.first; i < wanted.end; i++) {
		uint64_t at;
		if (find_item(in, in.first, wanted.array, i, true, &at) != all)
			return !all;
	}
	return all;
}

/* A constant list without items, or no items in any row. */
static bool is_nothing(const struct vec *v)
{
	return v->array->children[0]->n_rows == 0 &&
	       !(v->is_scalar && array_is_null(v->array, 0));
}

/* Then even null lists have all of them, and none has any. */
static bool wants_nothing(const struct call *c)
{
	return is_nothing(&c->args[1]) ||
	       (!c->node->fn->tag && c->args[0].is_scalar && is_nothing(&c->args[0]));
}

static struct err *eval_has_many(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	bool is_nothing = wants_nothing(c);
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		bool is_null =
			vec_is_null(&c->args[0], row) || vec_is_null(&c->args[1], row);
		if (is_nothing ? c->node->fn->tag : !is_null && has_many_row(c, row))
			bit_set(out->data->data, row);
		else if (is_null && !is_nothing)
			TRY(set_null(out, row));
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *position_row(const struct call *c, uint64_t row, struct array *out)
{
	struct items items = arg_items(c, 0, row);
	uint64_t n = items.end - items.first, at;
	int64_t from = c->n_args > 2 ? arg_i64(c, 2, row) : 1;
	if (from < 1 || (uint64_t)from - 1 > n)
		return call_err(c, row, "item %lld is not in the list",
				(long long)from);
	if (!find_item(items, items.first + (uint64_t)from - 1, c->args[1].array,
		       vec_row(&c->args[1], row), true, &at))
		return set_null(out, row);
	store_int(out, row, (int64_t)(at - items.first) + 1);
	return NULL;
}

/* A null is looked for like any other value. */
static struct err *eval_position(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		if (!call_wants(c, row))
			continue;
		else if (vec_is_null(&c->args[0], row) ||
			 (c->n_args > 2 && vec_is_null(&c->args[2], row)))
			TRY(set_null(out, row));
		else
			TRY(position_row(c, row, out));
	*ret = TAKE(out);
	return NULL;
}

/* --- text --- */

struct joining {
	struct str delimiter;
	struct str null_text;
	bool shows_nulls;
	bool is_first;
};

static void join_text(struct joining *j, struct buf *out)
{
	if (!j->is_first)
		buf_append(out, j->delimiter.p, j->delimiter.len);
	j->is_first = false;
}

/* Floats are shown without a needless point, and without exponents. */
static void put_item(const struct array *a, uint64_t row, struct buf *out)
{
	if (type_is_float(a->type->id))
		sql_text_plain(a, row, out);
	else
		(void)sql_text(a, row, NULL, out); /* what has no text is left out */
}

/* Lists in lists are one run of items. */
static void join_items(struct items items, struct joining *j, struct buf *out)
{
	const struct array *a = items.array;
	for (uint64_t i = items.first; i < items.end; i++) {
		uint64_t size = (uint64_t)a->type->list_size;
		if (array_is_null(a, i)) {
			if (!j->shows_nulls)
				continue;
			join_text(j, out);
			buf_append(out, j->null_text.p, j->null_text.len);
		} else if (a->type->id == TYPE_FIXED_LIST) {
			join_items((struct items){a->children[0], i * size,
						  i * size + size},
				   j, out);
		} else if (type_is_list(a->type)) {
			join_items((struct items){a->children[0], array_offset(a, i),
						  array_offset(a, i + 1)},
				   j, out);
		} else {
			join_text(j, out);
			put_item(a, i, out);
		}
	}
}

static struct err *eval_to_string(const struct call *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	TRY(text_begin(&b, c->node->type, c->n_rows));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		struct joining j = {.is_first = true};
		if (!call_wants(c, row) || vec_is_null(&c->args[0], row) ||
		    vec_is_null(&c->args[1], row)) {
			TRY(text_null(&b));
			continue;
		}
		j.delimiter = arg_str(c, 1, row);
		j.shows_nulls = c->n_args > 2 && !vec_is_null(&c->args[2], row);
		if (j.shows_nulls)
			j.null_text = arg_str(c, 2, row);
		join_items(arg_items(c, 0, row), &j, &b.data);
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}

/* --- the table --- */

#define ROW(n, least, most, sig, strict, fails, fn, t)                                 \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.is_strict = (strict), .can_fail = (fails), .bind = bind_array,        \
		.signature = (sig), .eval = (fn), .tag = (t)                           \
	}
#define STRICT(n, least, most, sig, fn, t) ROW(n, least, most, sig, true, false, fn, t)
#define LOOSE(n, least, most, sig, fn) ROW(n, least, most, sig, false, false, fn, 0)
#define VECTORS(n, t)                                                                  \
	{                                                                              \
		.name = (n), .min_args = 2, .max_args = 2, .is_strict = true,          \
		.can_fail = true, .bind = bind_vectors, .eval = eval_vectors,          \
		.tag = (t)                                                             \
	}

static const struct function rows[] = {
	STRICT("array_length", 1, 2, "A?I>u", eval_array_length, 0),
	STRICT("list_length", 1, 2, "A?I>u", eval_array_length, 0),
	STRICT("cardinality", 1, 1, "A>u", eval_cardinality, 0),
	STRICT("empty", 1, 1, "A>b", eval_empty, 0),
	STRICT("array_empty", 1, 1, "A>b", eval_empty, 0),
	STRICT("list_empty", 1, 1, "A>b", eval_empty, 0),
	STRICT("array_ndims", 1, 1, "A>u", eval_ndims, 0),
	STRICT("list_ndims", 1, 1, "A>u", eval_ndims, 0),
	ROW("array_element", 2, 2, "AI>e", true, true, eval_item, 0),
	ROW("array_extract", 2, 2, "AI>e", true, true, eval_item, 0),
	ROW("list_element", 2, 2, "AI>e", true, true, eval_item, 0),
	ROW("list_extract", 2, 2, "AI>e", true, true, eval_item, 0),
	STRICT("array_max", 1, 1, "A>e", eval_item, 1),
	STRICT("list_max", 1, 1, "A>e", eval_item, 1),
	STRICT("array_min", 1, 1, "A>e", eval_item, -1),
	STRICT("array_has", 2, 2, "AE>b", eval_has, 0),
	STRICT("list_has", 2, 2, "AE>b", eval_has, 0),
	STRICT("array_contains", 2, 2, "AE>b", eval_has, 0),
	STRICT("list_contains", 2, 2, "AE>b", eval_has, 0),
	ROW("array_has_all", 2, 2, "AA>b", false, false, eval_has_many, 1),
	ROW("list_has_all", 2, 2, "AA>b", false, false, eval_has_many, 1),
	ROW("array_has_any", 2, 2, "AA>b", false, false, eval_has_many, 0),
	ROW("list_has_any", 2, 2, "AA>b", false, false, eval_has_many, 0),
	ROW("arrays_overlap", 2, 2, "AA>b", false, false, eval_has_many, 0),
	ROW("array_position", 2, 3, "AE?I>u", false, true, eval_position, 0),
	ROW("list_position", 2, 3, "AE?I>u", false, true, eval_position, 0),
	ROW("array_indexof", 2, 3, "AE?I>u", false, true, eval_position, 0),
	ROW("list_indexof", 2, 3, "AE?I>u", false, true, eval_position, 0),
	LOOSE("array_to_string", 2, 3, "AS?S>s", eval_to_string),
	LOOSE("list_to_string", 2, 3, "AS?S>s", eval_to_string),
	LOOSE("array_join", 2, 3, "AS?S>s", eval_to_string),
	LOOSE("list_join", 2, 3, "AS?S>s", eval_to_string),
	VECTORS("array_distance", VECTOR_L2),
	VECTORS("list_distance", VECTOR_L2),
	VECTORS("cosine_distance", VECTOR_COSINE),
	VECTORS("inner_product", VECTOR_DOT),
	VECTORS("dot_product", VECTOR_DOT),
	ROW("array_slice", 3, 4, "AII?I>L", true, true, eval_array_slice, 0),
	ROW("list_slice", 3, 4, "AII?I>L", true, true, eval_array_slice, 0),
	LOOSE("array_append", 2, 2, "AE>L", eval_array_append),
	LOOSE("list_append", 2, 2, "AE>L", eval_array_append),
	LOOSE("array_push_back", 2, 2, "AE>L", eval_array_append),
	LOOSE("array_prepend", 2, 2, "EA>L", eval_array_prepend),
	LOOSE("list_prepend", 2, 2, "EA>L", eval_array_prepend),
	LOOSE("array_push_front", 2, 2, "EA>L", eval_array_prepend),
	LOOSE("array_concat", 1, ANY_ARGS, "A*>L", eval_array_concat),
	LOOSE("array_cat", 1, ANY_ARGS, "A*>L", eval_array_concat),
	LOOSE("list_concat", 1, ANY_ARGS, "A*>L", eval_array_concat),
	STRICT("array_distinct", 1, 1, "A>L", eval_array_distinct, 0),
	STRICT("list_distinct", 1, 1, "A>L", eval_array_distinct, 0),
	STRICT("array_reverse", 1, 1, "A>L", eval_array_reverse, 0),
	STRICT("list_reverse", 1, 1, "A>L", eval_array_reverse, 0),
	STRICT("array_sort", 1, 3, "A?S?S>L", eval_array_sort, 0),
	STRICT("list_sort", 1, 3, "A?S?S>L", eval_array_sort, 0),
	LOOSE("array_remove_all", 2, 2, "AE>L", eval_array_remove_all),
	LOOSE("list_remove_all", 2, 2, "AE>L", eval_array_remove_all),
	{.name = "make_array",
	 .max_args = ANY_ARGS,
	 .bind = bind_make_array,
	 .eval = eval_make_array},
	{.name = "make_list",
	 .max_args = ANY_ARGS,
	 .bind = bind_make_array,
	 .eval = eval_make_array},
};

const struct function_table array_functions = {rows, sizeof(rows) / sizeof(rows[0])};
