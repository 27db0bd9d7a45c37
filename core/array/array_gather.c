// SPDX-License-Identifier: Apache-2.0
/*
 * array_gather.c: slice, take, gather and concat.
 *
 * All of them copy a list of pieces (rows [first, end) of some array) one after
 * the other into a new array; nested types map the pieces of a parent to
 * pieces of its child and recurse.
 */
#include "array/array_priv.h"

#include <errno.h>
#include <string.h>

struct pieces {
	const struct array_rows *p;
	size_t n;
	uint64_t n_rows;
};

static struct err *gather(struct pieces in, struct array **ret);

/* --- buffers --- */

static bool any_nulls(struct pieces in)
{
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i].a->validity)
			return true;
	return false;
}

static struct err *gather_validity(struct pieces in, struct array *out)
{
	if (!any_nulls(in))
		return NULL;
	AUTO(bytes) struct bytes *bits = NULL;
	TRY(bytes_new_zero(bitmap_bytes(in.n_rows), &bits));
	uint64_t at = 0;
	for (size_t i = 0; i < in.n; i++) {
		const struct array_rows *p = &in.p[i];
		uint64_t n = p->end - p->first;
		if (p->a->validity)
			bitmap_copy(bits->data, at, p->a->validity->data, p->first, n);
		else
			bitmap_set_range(bits->data, at, at + n);
		at += n;
	}
	out->n_nulls = in.n_rows - bitmap_count(bits->data, 0, in.n_rows);
	if (out->n_nulls)
		out->validity = TAKE(bits);
	return NULL;
}

static void gather_bits(struct pieces in, uint8_t *dst)
{
	uint64_t at = 0;
	for (size_t i = 0; i < in.n; i++) {
		const struct array_rows *p = &in.p[i];
		bitmap_copy(dst, at, p->a->data->data, p->first, p->end - p->first);
		at += p->end - p->first;
	}
}

static void gather_words(struct pieces in, size_t width, uint8_t *dst)
{
	for (size_t i = 0; i < in.n; i++) {
		const struct array_rows *p = &in.p[i];
		size_t len = (p->end - p->first) * width;
		const uint8_t *src = p->a->data->data + p->first * width;
		if (len == 8)
			memcpy(dst, src, 8);
		else if (len == 4)
			memcpy(dst, src, 4);
		else
			memcpy(dst, src, len);
		dst += len;
	}
}

static struct err *gather_fixed(struct pieces in, struct array *out)
{
	size_t len;
	uint32_t bits = array_value_bits(out->type);
	TRY(array_data_bytes(out->type, in.n_rows, &len));
	if (bits == 1)
		TRY(bytes_new_zero(len, &out->data));
	else
		TRY(bytes_new(len, &out->data));
	if (bits == 1)
		gather_bits(in, out->data->data);
	else if (bits)
		gather_words(in, bits / 8, out->data->data);
	return NULL;
}

/* Write offsets from 0; ret_total: where the last one points. */
static struct err *gather_offsets(struct pieces in, struct array *out,
				  uint64_t *ret_total)
{
	size_t len;
	bool large = type_is_large(out->type->id);
	TRY(array_offsets_bytes(out->type, in.n_rows, &len));
	TRY(bytes_new_zero(len, &out->offsets));
	uint8_t *dst = out->offsets->data;
	uint64_t total = 0, row = 1;
	for (size_t i = 0; i < in.n; i++) {
		const struct array_rows *p = &in.p[i];
		uint64_t base = array_offset(p->a, p->first);
		for (uint64_t r = p->first + 1; r <= p->end; r++, row++) {
			uint64_t v = total + array_offset(p->a, r) - base;
			if (large)
				store_u64le(dst + row * 8, v);
			else
				store_u32le(dst + row * 4, (uint32_t)v);
		}
		total += array_offset(p->a, p->end) - base;
		if (!large && total > INT32_MAX)
			return err_new(EOVERFLOW, "more than 2 GiB in one array; "
						  "the large_ types hold it");
	}
	*ret_total = total;
	return NULL;
}

static struct err *gather_var(struct pieces in, struct array *out)
{
	uint64_t total;
	TRY(gather_offsets(in, out, &total));
	TRY(bytes_new(total, &out->data));
	uint8_t *dst = out->data->data;
	for (size_t i = 0; i < in.n; i++) {
		const struct array_rows *p = &in.p[i];
		uint64_t first = array_offset(p->a, p->first);
		size_t len = array_offset(p->a, p->end) - first;
		if (len)
			memcpy(dst, p->a->data->data + first, len);
		dst += len;
	}
	return NULL;
}

/* --- children --- */

static struct err *gather_child(struct pieces in, size_t child, struct array *out)
{
	AUTO_MEM struct array_rows *mapped = NULL;
	TRY(mem_array(in.n, sizeof(*mapped), &mapped));
	enum layout layout = type_layout(out->type);
	uint64_t k = layout == LAYOUT_FIXED_LIST ? (uint64_t)out->type->list_size : 1;
	struct pieces sub = {mapped, in.n, 0};
	for (size_t i = 0; i < in.n; i++) {
		const struct array_rows *p = &in.p[i];
		mapped[i] = (struct array_rows){p->a->children[child], p->first * k,
						p->end * k};
		if (layout == LAYOUT_LIST) {
			mapped[i].first = array_offset(p->a, p->first);
			mapped[i].end = array_offset(p->a, p->end);
		}
		sub.n_rows += mapped[i].end - mapped[i].first;
	}
	return gather(sub, &out->children[child]);
}

static struct err *gather_list(struct pieces in, struct array *out)
{
	uint64_t total;
	TRY(gather_offsets(in, out, &total));
	return gather_child(in, 0, out);
}

/* --- dictionaries --- */

static bool one_dictionary(struct pieces in)
{
	const struct array *first = in.p[0].a->children[0];
	for (size_t i = 1; i < in.n; i++) {
		const struct array *d = in.p[i].a->children[0];
		if (d != first && !array_equal(d, first))
			return false;
	}
	return true;
}

static void store_index(const struct array *a, uint64_t row, uint64_t v)
{
	memcpy(a->data->data + row * (array_value_bits(a->type) / 8), &v,
	       array_value_bits(a->type) / 8);
}

/* The dictionaries one after the other; indices move by what stands before. */
static struct err *join_dictionaries(struct pieces in, struct array *out)
{
	AUTO_MEM struct array_rows *dicts = NULL;
	TRY(mem_array(in.n, sizeof(*dicts), &dicts));
	struct pieces sub = {dicts, in.n, 0};
	uint64_t row = 0;
	for (size_t i = 0; i < in.n; i++) {
		const struct array *d = in.p[i].a->children[0];
		dicts[i] = (struct array_rows){d, 0, d->n_rows};
		uint64_t end = row + in.p[i].end - in.p[i].first;
		if (sub.n_rows + d->n_rows > type_index_max(out->type))
			return err_new(EOVERFLOW,
				       "too many values for the dictionary's "
				       "index type");
		for (; row < end; row++)
			if (!array_is_null(out, row))
				store_index(out, row,
					    array_index(out, row) + sub.n_rows);
		sub.n_rows += d->n_rows;
	}
	return gather(sub, &out->children[0]);
}

static struct err *gather_dictionary(struct pieces in, struct array *out)
{
	TRY(gather_fixed(in, out));
	if (!one_dictionary(in))
		return join_dictionaries(in, out);
	out->children[0] = array_ref(in.p[0].a->children[0]);
	return NULL;
}

/* --- the whole --- */

static struct err *gather_into(struct pieces in, struct array *out)
{
	if (out->type->id == TYPE_DICTIONARY)
		return gather_dictionary(in, out);
	switch (type_layout(out->type)) {
	case LAYOUT_NULL:
		return NULL;
	case LAYOUT_FIXED:
		return gather_fixed(in, out);
	case LAYOUT_VAR:
		return gather_var(in, out);
	case LAYOUT_LIST:
		return gather_list(in, out);
	case LAYOUT_FIXED_LIST:
	case LAYOUT_STRUCT:
		break;
	}
	for (size_t i = 0; i < out->n_children; i++)
		TRY(gather_child(in, i, out));
	return NULL;
}

static struct err *gather(struct pieces in, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(in.p[0].a->type, in.n_rows, &out));
	TRY(gather_validity(in, out));
	TRY(gather_into(in, out));
	*ret = TAKE(out);
	return NULL;
}

struct err *array_slice(const struct array *a, uint64_t first, uint64_t end,
			struct array **ret)
{
	struct array_rows p = {a, first, end};
	return gather((struct pieces){&p, 1, end - first}, ret);
}

struct err *array_take(const struct array *a, const uint64_t *rows, uint64_t n,
		       struct array **ret)
{
	AUTO_MEM struct array_rows *p = NULL;
	TRY(mem_array(n, sizeof(*p), &p));
	size_t n_pieces = 0;
	for (uint64_t i = 0; i < n; i++) {
		if (n_pieces && p[n_pieces - 1].end == rows[i])
			p[n_pieces - 1].end++;
		else
			p[n_pieces++] = (struct array_rows){a, rows[i], rows[i] + 1};
	}
	if (!n)
		return array_slice(a, 0, 0, ret);
	return gather((struct pieces){p, n_pieces, n}, ret);
}

struct err *array_gather(const struct array_rows *from, size_t n, struct array **ret)
{
	struct pieces in = {from, n, 0};
	for (size_t i = 0; i < n; i++)
		in.n_rows += from[i].end - from[i].first;
	return gather(in, ret);
}

struct err *array_concat(struct array *const *arrays, size_t n, struct array **ret)
{
	AUTO_MEM struct array_rows *p = NULL;
	TRY(mem_array(n, sizeof(*p), &p));
	struct pieces in = {p, n, 0};
	for (size_t i = 0; i < n; i++) {
		p[i] = (struct array_rows){arrays[i], 0, arrays[i]->n_rows};
		in.n_rows += arrays[i]->n_rows;
	}
	return gather(in, ret);
}

/* --- parts --- */

struct err *array_parts_room(struct array_parts *p, struct array ***ret)
{
	TRY(mem_grow(p->n + 1, sizeof(struct array *), &p->cap, &p->items));
	*ret = &p->items[p->n];
	**ret = NULL;
	return NULL;
}

struct err *array_parts_join(const struct array_parts *p, struct array **ret)
{
	if (p->n > 1)
		return array_concat(p->items, p->n, ret);
	*ret = array_ref(p->items[0]);
	return NULL;
}

void array_parts_fini(struct array_parts *p)
{
	for (size_t i = 0; i < p->n; i++)
		array_unref(p->items[i]);
	free(p->items);
}
