// SPDX-License-Identifier: Apache-2.0
/*
 * cast.c: arrays of one type as another, by the rules of SQL's CAST.
 *
 * Which casts there are is said once, in find_cast(); sql_can_cast asks it as well.
 * Source: arrow-cast's documentation, can_cast_types.
 */
#include "expr/cast_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* --- what casts share --- */

struct err *cast_err(const struct cast *c, uint64_t row)
{
	AUTO_BUF struct buf text = {0};
	AUTO_MEM char *type = NULL;
	TRY(type_format(c->to, &type));
	text.limit = 64;
	(void)sql_text(c->a, row, NULL, &text); /* a text that is cut off will do */
	int len = (int)MIN_OF(text.len, (size_t)40);
	bool is_utf8 = utf8_valid(text.data, (size_t)len);
	return err_new(EINVAL, "row %" PRIu64 ": '%.*s%s' is not %s",
		       c->first_row + row, is_utf8 ? len : 0, (const char *)text.data,
		       (size_t)len < text.len || !is_utf8 ? "..." : "", type);
}

struct err *cast_misfit(const struct cast *c, struct array *out, uint64_t row)
{
	if (!c->is_try)
		return cast_err(c, row);
	TRY(array_allow_nulls(out));
	bit_clear(out->validity->data, row);
	return NULL;
}

/* Its own copy, since values may become null. */
static struct err *copy_nulls(const struct cast *c, struct array *out)
{
	if (!c->a->validity)
		return NULL;
	if (!c->is_try) {
		out->validity = bytes_ref(c->a->validity);
		return NULL;
	}
	TRY(bytes_new(c->a->validity->len, &out->validity));
	memcpy(out->validity->data, c->a->validity->data, c->a->validity->len);
	return NULL;
}

struct err *cast_fixed(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(new_fixed(c->to, c->a->n_rows, &out));
	TRY(copy_nulls(c, out));
	*ret = TAKE(out);
	return NULL;
}

struct err *cast_reinterpret(struct array *a, struct type *to, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(to, a->n_rows, &out));
	out->n_nulls = a->n_nulls;
	out->validity = bytes_ref(a->validity);
	out->offsets = bytes_ref(a->offsets);
	out->data = bytes_ref(a->data);
	for (size_t i = 0; i < a->n_children; i++)
		out->children[i] = array_ref(a->children[i]);
	*ret = TAKE(out);
	return NULL;
}

struct err *cast_through(const struct cast *c, struct type *middle, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(sql_cast(c->a, middle, c->is_try, c->first_row, &a));
	return sql_cast(a, c->to, c->is_try, c->first_row, ret);
}

struct err *cast_through_id(const struct cast *c, enum type_id middle,
			    struct array **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new(middle, &t));
	return cast_through(c, t, ret);
}

/* --- strings and bytes --- */

static struct err *cast_var(const struct cast *c, struct array **ret)
{
	return array_as_var(c->a, c->to, ret);
}

/* Bytes that are text: null or an error where they are not. */
static struct err *cast_bytes_to_text(const struct cast *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	TRY(text_begin(&b, c->to, c->a->n_rows));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		uint64_t len;
		const uint8_t *p = array_var(c->a, row, &len);
		bool is_null = array_is_null(c->a, row);
		if (!is_null && !utf8_valid(p, len)) {
			if (!c->is_try)
				return err_new(EINVAL, "row %" PRIu64 ": not UTF-8",
					       c->first_row + row);
			is_null = true;
		}
		if (!is_null)
			buf_append(&b.data, p, len);
		TRY(is_null ? text_null(&b) : text_row(&b));
	}
	return text_take(&b, ret);
}

static struct err *cast_to_fixed_binary(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	uint64_t width = (uint64_t)c->to->byte_width;
	TRY(cast_fixed(c, &out));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		uint64_t len;
		const uint8_t *p = array_var(c->a, row, &len);
		if (array_is_null(c->a, row))
			continue;
		if (len == width)
			memcpy(out->data->data + row * width, p, width);
		else
			TRY(cast_misfit(c, out, row));
	}
	*ret = TAKE(out);
	return NULL;
}

/* Values of fixed width as bytes: integers too are their memory. */
static struct err *cast_to_bytes(const struct cast *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	size_t width = type_bits(c->a->type) / 8;
	TRY(text_begin(&b, c->to, c->a->n_rows));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		bool is_null = array_is_null(c->a, row);
		if (!is_null)
			buf_append(&b.data, c->a->data->data + row * width, width);
		TRY(is_null ? text_null(&b) : text_row(&b));
	}
	return text_take(&b, ret);
}

static struct err *cast_nulls(const struct cast *c, struct array **ret)
{
	return array_new_null(c->to, c->a->n_rows, ret);
}

/* --- nested values --- */

static bool is_list(const struct type *t)
{
	return t->id == TYPE_LIST || t->id == TYPE_LARGE_LIST;
}

static struct type *item_type(const struct type *t)
{
	return t->children[0]->type;
}

static struct err *cast_items(const struct cast *c, struct array *out)
{
	TRY_CTX(sql_cast(c->a->children[0], item_type(c->to), c->is_try, 0,
			 &out->children[0]),
		"items");
	return NULL;
}

/* Offsets of a list or of equal steps, in the width of the target. */
static struct err *list_offsets(const struct cast *c, struct array *out)
{
	bool is_large = c->to->id == TYPE_LARGE_LIST;
	uint64_t n = c->a->n_rows, step = (uint64_t)c->a->type->list_size;
	TRY(bytes_new((size_t)(n + 1) * (is_large ? 8 : 4), &out->offsets));
	for (uint64_t i = 0; i <= n; i++) {
		uint64_t v = c->a->type->id == TYPE_FIXED_LIST ? i * step
							       : array_offset(c->a, i);
		if (is_large)
			store_u64le(out->offsets->data + i * 8, v);
		else if (v > INT32_MAX)
			return err_new(EOVERFLOW, "too many items for 32-bit offsets");
		else
			store_u32le(out->offsets->data + i * 4, (uint32_t)v);
	}
	return NULL;
}

static struct err *cast_to_list(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(c->to, c->a->n_rows, &out));
	TRY(copy_nulls(c, out));
	TRY(list_offsets(c, out));
	TRY(cast_items(c, out));
	*ret = TAKE(out);
	return NULL;
}

static struct err *cast_fixed_lists(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(c->to, c->a->n_rows, &out));
	TRY(copy_nulls(c, out));
	TRY(cast_items(c, out));
	*ret = TAKE(out);
	return NULL;
}

/* Which items make the rows of a fixed-size list; of nulls any, the last if need be. */
static struct err *fixed_items(const struct cast *c, struct array *out, uint64_t *items)
{
	uint64_t size = (uint64_t)c->to->list_size, n_items = c->a->children[0]->n_rows;
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		uint64_t first = array_offset(c->a, row);
		bool is_null = array_is_null(c->a, row);
		if (!is_null && array_offset(c->a, row + 1) - first != size) {
			TRY(cast_misfit(c, out, row));
			is_null = true;
		}
		for (uint64_t i = 0; i < size; i++)
			items[row * size + i] = is_null ? n_items : first + i;
	}
	return NULL;
}

/* Items with one null row behind them, for those of null lists. */
static struct err *with_null_item(struct array *items, struct array **ret)
{
	AUTO(array) struct array *null = NULL;
	TRY(array_new_null(items->type, 1, &null));
	struct array *both[] = {items, null};
	return array_concat(both, 2, ret);
}

static struct err *cast_to_fixed_list(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO(array) struct array *items = NULL;
	AUTO(array) struct array *more = NULL;
	AUTO_MEM uint64_t *rows = NULL;
	uint64_t n;
	if (ckd_mul(&n, c->a->n_rows, (uint64_t)c->to->list_size) ||
	    n > LIMIT_BUFFER_BYTES / 8)
		return err_new(EINVAL, "too many items");
	TRY(array_new(c->to, c->a->n_rows, &out));
	TRY(copy_nulls(c, out));
	TRY(mem_array(n, sizeof(*rows), &rows));
	TRY(fixed_items(c, out, rows));
	TRY_CTX(sql_cast(c->a->children[0], item_type(c->to), c->is_try, 0, &items),
		"items");
	TRY(with_null_item(items, &more));
	TRY(array_take(more, rows, n, &out->children[0]));
	*ret = TAKE(out);
	return NULL;
}

/* Each value as a list of one. */
static struct err *cast_wrap(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(c->to, c->a->n_rows, &out));
	if (c->to->id != TYPE_FIXED_LIST) {
		bool is_large = c->to->id == TYPE_LARGE_LIST;
		uint64_t n = c->a->n_rows;
		TRY(bytes_new((size_t)(n + 1) * (is_large ? 8 : 4), &out->offsets));
		for (uint64_t i = 0; i <= n; i++)
			if (is_large)
				store_u64le(out->offsets->data + i * 8, i);
			else
				store_u32le(out->offsets->data + i * 4, (uint32_t)i);
	}
	TRY(sql_cast(c->a, item_type(c->to), c->is_try, c->first_row,
		     &out->children[0]));
	*ret = TAKE(out);
	return NULL;
}

static struct err *cast_unwrap(const struct cast *c, struct array **ret)
{
	return sql_cast(c->a->children[0], c->to, c->is_try, c->first_row, ret);
}

/* Which member of a struct becomes member i: the one of that name, if all have names
 * in common, else the one at that place. */
static size_t source_member(const struct type *from, const struct type *to, size_t i)
{
	size_t found = from->n_children;
	for (size_t t = 0; t < to->n_children; t++) {
		size_t f = 0;
		while (f < from->n_children &&
		       strcmp(from->children[f]->name, to->children[t]->name) != 0)
			f++;
		if (f == from->n_children)
			return i;
		if (t == i)
			found = f;
	}
	return found;
}

static struct err *cast_structs(const struct cast *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(c->to, c->a->n_rows, &out));
	TRY(copy_nulls(c, out));
	for (size_t i = 0; i < c->to->n_children; i++) {
		size_t from = source_member(c->a->type, c->to, i);
		TRY_CTX(sql_cast(c->a->children[from], c->to->children[i]->type,
				 c->is_try, c->first_row, &out->children[i]),
			"%s", c->to->children[i]->name);
	}
	*ret = TAKE(out);
	return NULL;
}

static bool can_cast_structs(const struct type *from, const struct type *to)
{
	if (from->n_children != to->n_children)
		return false;
	for (size_t i = 0; i < to->n_children; i++) {
		const struct field *f = from->children[source_member(from, to, i)];
		if (!sql_can_cast(f->type, to->children[i]->type))
			return false;
	}
	return true;
}

/* --- the table of casts --- */

static cast_fn *find_nested(const struct type *from, const struct type *to)
{
	bool is_from_list = is_list(from) || from->id == TYPE_FIXED_LIST;
	bool is_to_list = is_list(to) || to->id == TYPE_FIXED_LIST;
	if (is_from_list && is_to_list && !sql_can_cast(item_type(from), item_type(to)))
		return NULL;
	if (is_from_list && is_list(to))
		return cast_to_list;
	if (from->id == TYPE_FIXED_LIST && to->id == TYPE_FIXED_LIST)
		return from->list_size == to->list_size ? cast_fixed_lists : NULL;
	if (is_from_list && to->id == TYPE_FIXED_LIST)
		return cast_to_fixed_list;
	if (is_list(from) && type_is_string(to->id))
		return sql_can_cast(item_type(from), to) ? cast_to_text : NULL;
	if (is_to_list && (is_list(to) || to->list_size == 1))
		return sql_can_cast(from, item_type(to)) ? cast_wrap : NULL;
	if (from->id == TYPE_FIXED_LIST && from->list_size == 1)
		return sql_can_cast(item_type(from), to) ? cast_unwrap : NULL;
	if (from->id == TYPE_STRUCT && to->id == TYPE_STRUCT)
		return can_cast_structs(from, to) ? cast_structs : NULL;
	return NULL;
}

static cast_fn *find_text(const struct type *from, const struct type *to)
{
	bool to_text = type_is_string(to->id);
	if (type_is_string(from->id) && (to_text || type_is_binary(to->id)))
		return cast_var;
	if (type_is_string(from->id))
		return to->id == TYPE_BOOL || type_is_number(to) ||
				       (cast_is_time(to) && to->id != TYPE_DURATION)
			       ? cast_from_text
			       : NULL;
	if (type_is_binary(from->id) && type_is_binary(to->id))
		return cast_var;
	if (type_is_binary(from->id) && to->id == TYPE_FIXED_BINARY)
		return cast_to_fixed_binary;
	if (type_is_binary(from->id))
		return to_text ? cast_bytes_to_text : NULL;
	if (type_is_binary(to->id))
		return from->id == TYPE_FIXED_BINARY || type_is_integer(from->id)
			       ? cast_to_bytes
			       : NULL;
	return to_text && from->id != TYPE_FIXED_BINARY ? cast_to_text : NULL;
}

static bool is_small_decimal(const struct type *t)
{
	return t->id == TYPE_DECIMAL128;
}

static cast_fn *find_number(const struct type *from, const struct type *to)
{
	bool plain_from = cast_is_plain_number(from),
	     plain_to = cast_is_plain_number(to);
	if (to->id == TYPE_BOOL)
		return plain_from ? cast_to_bool : NULL;
	if (from->id == TYPE_BOOL)
		return plain_to ? cast_from_bool : NULL;
	if (is_small_decimal(from) && is_small_decimal(to))
		return cast_decimals;
	if (is_small_decimal(from))
		return plain_to && to->id != TYPE_FLOAT16 ? cast_from_decimal : NULL;
	if (is_small_decimal(to))
		return plain_from && from->id != TYPE_FLOAT16 ? cast_to_decimal : NULL;
	return plain_from && plain_to ? cast_numbers : NULL;
}

static cast_fn *find_cast(const struct type *from, const struct type *to)
{
	if (from->id == TYPE_NULL)
		return cast_nulls;
	if (to->id == TYPE_NULL || to->id == TYPE_DICTIONARY)
		return NULL;
	if (type_is_nested(from->id) || type_is_nested(to->id))
		return find_nested(from, to);
	if (type_is_var(from->id) || type_is_var(to->id))
		return find_text(from, to);
	if (cast_is_time(from) || cast_is_time(to))
		return cast_times_can(from, to) ? cast_times : NULL;
	if (from->id == TYPE_FIXED_BINARY || to->id == TYPE_FIXED_BINARY)
		return NULL;
	return find_number(from, to);
}

bool sql_can_cast(const struct type *from, const struct type *to)
{
	while (from->id == TYPE_DICTIONARY)
		from = from->children[0]->type;
	return type_equal(from, to) || find_cast(from, to);
}

static struct err *no_cast(const struct type *from, const struct type *to)
{
	AUTO_MEM char *have = NULL;
	AUTO_MEM char *want = NULL;
	TRY(type_format(from, &have));
	TRY(type_format(to, &want));
	return err_new(EINVAL, "values of %s cannot become %s", have, want);
}

static void count_nulls(struct array *a)
{
	if (a->type->id != TYPE_NULL)
		a->n_nulls = a->validity ? a->n_rows - bitmap_count(a->validity->data,
								    0, a->n_rows)
					 : 0;
}

struct err *sql_cast(struct array *a, struct type *to, bool is_try, uint64_t first_row,
		     struct array **ret)
{
	AUTO(array) struct array *plain = NULL;
	AUTO(array) struct array *out = NULL;
	if (type_has_dictionary(a->type)) {
		TRY(array_expand(a, &plain));
		a = plain;
	}
	if (type_equal(a->type, to)) {
		*ret = array_ref(a);
		return NULL;
	}
	cast_fn *cast = find_cast(a->type, to);
	if (!cast)
		return no_cast(a->type, to);
	const struct cast c = {a, to, is_try, first_row};
	TRY(cast(&c, &out));
	count_nulls(out);
	*ret = TAKE(out);
	return NULL;
}
