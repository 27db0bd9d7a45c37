// SPDX-License-Identifier: Apache-2.0
/*
 * fn_array_make.c: lists made of others.
 *
 * Items of all arguments stand in one pool; a list is made of places in it, and all
 * items are taken at once at the end.
 */
#include "expr/fn_array_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* --- building --- */

void lists_fini(struct list_builder *b)
{
	array_unref(b->pool);
	free(b->starts);
	free(b->places);
	free(b->ends);
	free(b->is_null);
}

/* The items of an argument, or its rows if it is an item. */
static struct array *items_array(const struct call *c, size_t i)
{
	struct array *a = c->args[i].array;
	const struct type *item = c->node->type->children[0]->type;
	return type_is_list(a->type) && type_equal(a->type->children[0]->type, item)
		       ? a->children[0]
		       : a;
}

struct err *lists_begin(const struct call *c, struct list_builder *b)
{
	AUTO_MEM struct array **arrays = NULL;
	AUTO(array) struct array *null = NULL;
	struct type *item = c->node->type->children[0]->type;
	size_t n = 0;
	TRY(mem_array(c->n_args + 1, sizeof(*arrays), &arrays));
	TRY(mem_array(c->n_args + 1, sizeof(*b->starts), &b->starts));
	for (size_t i = 0; i < c->n_args; i++) {
		struct array *items = items_array(c, i);
		b->starts[i] = b->null;
		if (!type_equal(items->type, item))
			continue; /* an index or a text */
		arrays[n++] = items;
		b->null += items->n_rows;
	}
	TRY(array_new_null(item, 1, &null));
	arrays[n++] = null;
	TRY(array_concat(arrays, n, &b->pool));
	TRY(mem_array(c->n_rows, sizeof(*b->ends), &b->ends));
	return mem_array(c->n_rows, 1, &b->is_null);
}

static struct err *add_place(struct list_builder *b, uint64_t place)
{
	TRY(mem_grow(b->n_places + 1, sizeof(*b->places), &b->cap_places, &b->places));
	b->places[b->n_places++] = place;
	return NULL;
}

struct err *lists_add(struct list_builder *b, size_t i, uint64_t item)
{
	return add_place(b, b->starts[i] + item);
}

struct err *lists_add_null(struct list_builder *b)
{
	return add_place(b, b->null);
}

void lists_end(struct list_builder *b, bool is_null)
{
	b->ends[b->n_lists] = b->n_places;
	b->is_null[b->n_lists++] = is_null;
}

static struct err *put_offsets(const struct list_builder *b, struct array *out)
{
	bool is_large = out->type->id == TYPE_LARGE_LIST;
	if (!is_large && b->n_places > INT32_MAX)
		return err_new(EOVERFLOW, "too many items for 32-bit offsets");
	TRY(bytes_new_zero((size_t)(b->n_lists + 1) * (is_large ? 8 : 4),
			   &out->offsets));
	for (uint64_t i = 0; i < b->n_lists; i++)
		if (is_large)
			store_u64le(out->offsets->data + (i + 1) * 8, b->ends[i]);
		else
			store_u32le(out->offsets->data + (i + 1) * 4,
				    (uint32_t)b->ends[i]);
	return NULL;
}

struct err *lists_take(const struct call *c, struct list_builder *b, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(c->node->type, b->n_lists, &out));
	TRY(put_offsets(b, out));
	TRY(array_take(b->pool, b->places, b->n_places, &out->children[0]));
	for (uint64_t i = 0; i < b->n_lists; i++)
		if (b->is_null[i])
			TRY(set_null(out, i));
	*ret = TAKE(out);
	return NULL;
}

/* The items of one argument that is a list. */
static struct err *add_all(const struct call *c, struct list_builder *b, size_t i,
			   uint64_t row)
{
	struct items items = arg_items(c, i, row);
	for (uint64_t at = items.first; at < items.end; at++)
		TRY(lists_add(b, i, at));
	return NULL;
}

/* Make each row's list; *is_null is false at first. */
typedef struct err *list_row_fn(const struct call *c, struct list_builder *b,
				uint64_t row, bool *is_null);

static struct err *each_list(const struct call *c, list_row_fn *fn, struct array **ret)
{
	AUTO_LISTS struct list_builder b = {0};
	TRY(lists_begin(c, &b));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		bool is_null = !call_wants(c, row);
		if (!is_null)
			TRY(fn(c, &b, row, &is_null));
		lists_end(&b, is_null);
	}
	return lists_take(c, &b, ret);
}

/* --- of items --- */

struct err *bind_make_array(struct binder *b, struct node *n)
{
	AUTO(type) struct type *item = NULL;
	AUTO(type) struct type *list = NULL;
	if (n->n_args)
		TRY(bind_resolved(b, n, 0, &item));
	else
		TRY(type_new(TYPE_NULL, &item));
	TRY(type_new_list(item, &list));
	bind_type(n, list);
	return NULL;
}

static struct err *make_row(const struct call *c, struct list_builder *b, uint64_t row,
			    bool *is_null)
{
	(void)is_null;
	for (size_t i = 0; i < c->n_args; i++)
		TRY(lists_add(b, i, vec_row(&c->args[i], row)));
	return NULL;
}

struct err *eval_make_array(const struct call *c, struct array **ret)
{
	return each_list(c, make_row, ret);
}

/* --- joined --- */

static struct err *append_row(const struct call *c, struct list_builder *b,
			      uint64_t row, bool *is_null)
{
	(void)is_null;
	/* a null list has no items, but for one of fixed size, whose nulls count */
	TRY(add_all(c, b, 0, row));
	return lists_add(b, 1, vec_row(&c->args[1], row));
}

struct err *eval_array_append(const struct call *c, struct array **ret)
{
	return each_list(c, append_row, ret);
}

static struct err *prepend_row(const struct call *c, struct list_builder *b,
			       uint64_t row, bool *is_null)
{
	(void)is_null;
	TRY(lists_add(b, 0, vec_row(&c->args[0], row)));
	return add_all(c, b, 1, row);
}

struct err *eval_array_prepend(const struct call *c, struct array **ret)
{
	return each_list(c, prepend_row, ret);
}

/* Null if all are. */
static struct err *concat_row(const struct call *c, struct list_builder *b,
			      uint64_t row, bool *is_null)
{
	*is_null = true;
	for (size_t i = 0; i < c->n_args; i++) {
		if (vec_is_null(&c->args[i], row))
			continue;
		*is_null = false;
		TRY(add_all(c, b, i, row));
	}
	return NULL;
}

struct err *eval_array_concat(const struct call *c, struct array **ret)
{
	return each_list(c, concat_row, ret);
}

/* --- parts --- */

/* The first and the last item, from 0; those beyond the list are cut off. */
static int64_t slice_from(int64_t index, int64_t n)
{
	if (index < 0)
		return index < -n ? 0 : index + n;
	return index == 0 ? 0 : index - 1;
}

static int64_t slice_to(int64_t index, int64_t n)
{
	if (index < 0)
		return index < -n ? -1 : index + n;
	return MIN_OF(index, n) - 1;
}

static struct err *slice_row(const struct call *c, struct list_builder *b, uint64_t row,
			     bool *is_null)
{
	struct items items = arg_items(c, 0, row);
	int64_t n = (int64_t)(items.end - items.first);
	int64_t from, to, step = 1;
	(void)is_null;
	if (n == 0)
		return NULL;
	TRY(arg_index(c, 1, row, &from));
	TRY(arg_index(c, 2, row, &to));
	if (c->n_args > 3)
		TRY(arg_index(c, 3, row, &step));
	from = slice_from(from, n);
	to = slice_to(to, n);
	if (step == 0)
		return call_err(c, row, "a step of 0");
	if (from >= n || to < 0)
		return NULL;
	for (int64_t i = from; step > 0 ? i <= to : i >= to;) {
		TRY(lists_add(b, 0, items.first + (uint64_t)i));
		if (ckd_add(&i, i, step))
			break;
	}
	return NULL;
}

/* A null list has a null item, which counts where items are added to it. */
struct err *eval_array_slice(const struct call *c, struct array **ret)
{
	AUTO_LISTS struct list_builder b = {0};
	TRY(lists_begin(c, &b));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		bool is_null = !call_wants(c, row);
		if (is_null)
			TRY(lists_add_null(&b));
		else
			TRY(slice_row(c, &b, row, &is_null));
		lists_end(&b, is_null);
	}
	return lists_take(c, &b, ret);
}

static struct err *remove_row(const struct call *c, struct list_builder *b,
			      uint64_t row, bool *is_null)
{
	const struct array *what = c->args[1].array;
	uint64_t at = vec_row(&c->args[1], row);
	*is_null = vec_is_null(&c->args[0], row) || array_is_null(what, at);
	if (*is_null)
		return NULL;
	struct items items = arg_items(c, 0, row);
	for (uint64_t i = items.first; i < items.end; i++)
		if (array_is_null(items.array, i) ||
		    value_compare(items.array, i, what, at) != 0)
			TRY(lists_add(b, 0, i));
	return NULL;
}

struct err *eval_array_remove_all(const struct call *c, struct array **ret)
{
	return each_list(c, remove_row, ret);
}

/* --- in another order --- */

static struct err *reverse_row(const struct call *c, struct list_builder *b,
			       uint64_t row, bool *is_null)
{
	struct items items = arg_items(c, 0, row);
	(void)is_null;
	for (uint64_t i = items.end; i-- > items.first;)
		TRY(lists_add(b, 0, i));
	return NULL;
}

struct err *eval_array_reverse(const struct call *c, struct array **ret)
{
	return each_list(c, reverse_row, ret);
}

/* How items are sorted. */
struct order {
	const struct array *items;
	int sign;
	bool nulls_first;
};

static int order_items(const void *a, const void *b, void *ctx)
{
	const struct order *o = ctx;
	uint64_t i = *(const uint64_t *)a, j = *(const uint64_t *)b;
	bool null_i = array_is_null(o->items, i), null_j = array_is_null(o->items, j);
	int order;
	if (null_i || null_j)
		order = (null_i - null_j) * (o->nulls_first ? -1 : 1);
	else
		order = value_compare(o->items, i, o->items, j) * o->sign;
	return order ? order : (i > j) - (i < j);
}

/* The places of a list's items, sorted. */
static struct err *sorted(struct items items, struct order *o, uint64_t **ret)
{
	AUTO_MEM uint64_t *places = NULL;
	size_t n = (size_t)(items.end - items.first);
	TRY(mem_array(n, sizeof(*places), &places));
	for (size_t i = 0; i < n; i++)
		places[i] = items.first + i;
	o->items = items.array;
	qsort_r(places, n, sizeof(*places), order_items, o);
	*ret = TAKE(places);
	return NULL;
}

static bool arg_is_word(const struct call *c, size_t i, uint64_t row, const char *word)
{
	struct str s = arg_str(c, i, row);
	return s.len == strlen(word) &&
	       strncasecmp((const char *)s.p, word, s.len) == 0;
}

static struct err *sort_row(const struct call *c, struct list_builder *b, uint64_t row,
			    bool *is_null)
{
	AUTO_MEM uint64_t *places = NULL;
	struct items items = arg_items(c, 0, row);
	struct order o = {.sign = 1, .nulls_first = true};
	(void)is_null;
	if (c->n_args > 1 && arg_is_word(c, 1, row, "desc"))
		o.sign = -1;
	if (c->n_args > 2 && arg_is_word(c, 2, row, "nulls last"))
		o.nulls_first = false;
	TRY(sorted(items, &o, &places));
	for (uint64_t i = 0; i < items.end - items.first; i++)
		TRY(lists_add(b, 0, places[i]));
	return NULL;
}

struct err *eval_array_sort(const struct call *c, struct array **ret)
{
	return each_list(c, sort_row, ret);
}

static int order_places(const void *a, const void *b)
{
	uint64_t i = *(const uint64_t *)a, j = *(const uint64_t *)b;
	return (i > j) - (i < j);
}

/* The first of those that are equal, in the order of the list. */
static struct err *distinct_row(const struct call *c, struct list_builder *b,
				uint64_t row, bool *is_null)
{
	AUTO_MEM uint64_t *places = NULL;
	struct items items = arg_items(c, 0, row);
	struct order o = {.sign = 1, .nulls_first = true};
	size_t n = 0;
	(void)is_null;
	TRY(sorted(items, &o, &places));
	for (uint64_t i = 0; i < items.end - items.first; i++) {
		uint64_t at = places[i], last = n ? places[n - 1] : 0;
		bool null_at = array_is_null(items.array, at);
		bool is_same = n && null_at == array_is_null(items.array, last) &&
			       (null_at ||
				value_compare(items.array, at, items.array, last) == 0);
		if (!is_same)
			places[n++] = at;
	}
	qsort(places, n, sizeof(*places), order_places);
	for (size_t i = 0; i < n; i++)
		TRY(lists_add(b, 0, places[i]));
	return NULL;
}

struct err *eval_array_distinct(const struct call *c, struct array **ret)
{
	return each_list(c, distinct_row, ret);
}
