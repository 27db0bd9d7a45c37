// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_body.c: record batches and dictionaries of an Arrow IPC stream, as arrays.
 *
 * Nodes and buffers stand in the order of a walk through the schema; those of
 * columns that nobody wants are skipped.  What Arrow leaves open is made as array.h
 * promises it: offsets from 0, nulls of no bytes.
 * Source: Arrow columnar format, "Recordbatch message"; Message.fbs.
 */
#include "format/arrow_priv.h"

#include <errno.h>
#include <inttypes.h>

enum { BATCH_LENGTH, BATCH_NODES, BATCH_BUFFERS, BATCH_COMPRESSION, BATCH_VARIADIC };

struct walk {
	struct cursor body;
	struct fb_vector nodes, buffers, variadic;
	uint32_t node, buffer, view; /* the next ones */
	int64_t codec;
	uint64_t n_rows; /* of the batch */
	const struct arrow_dictionaries *dictionaries;
};

/* --- nodes and buffers --- */

static struct err *next_node(struct walk *w, uint64_t *ret_rows, uint64_t *ret_nulls)
{
	if (w->node == w->nodes.n)
		return err_new(EINVAL, "a batch with too few nodes");
	const uint8_t *p = w->nodes.items + (size_t)w->node++ * 16;
	*ret_rows = load_u64le(p);
	*ret_nulls = load_u64le(p + 8);
	if (*ret_rows > LIMIT_PAGE_ROWS || *ret_nulls > *ret_rows)
		return err_new(EINVAL, "a node of %" PRIu64 " rows", *ret_rows);
	return NULL;
}

static struct err *skip_buffers(struct walk *w, uint32_t n)
{
	if (w->buffers.n - w->buffer < n)
		return err_new(EINVAL, "a batch with too few buffers");
	w->buffer += n;
	return NULL;
}

/* The next buffer, of at least want bytes; that of no rows may be absent. */
static struct err *next_buffer(struct walk *w, uint64_t want, struct bytes **ret)
{
	struct cursor body = w->body, raw;
	AUTO(bytes) struct bytes *b = NULL;
	TRY(skip_buffers(w, 1));
	const uint8_t *p = w->buffers.items + (size_t)(w->buffer - 1) * 16;
	TRY(cursor_skip(&body, load_u64le(p)));
	TRY(cursor_sub(&body, load_u64le(p + 8), &raw));
	size_t len = cursor_left(&raw);
	if (w->codec != IPC_CODEC_NONE && len) {
		TRY(ipc_decompress(raw, w->codec, LIMIT_BUFFER_BYTES, &b));
	} else {
		TRY(bytes_new(len, &b));
		if (len)
			memcpy(b->data, raw.p, len);
	}
	if (b->len < want && (b->len || want > sizeof(uint64_t)))
		return err_new(EINVAL, "a buffer of %zu bytes where %" PRIu64 " belong",
			       b->len, want);
	if (b->len < want) {
		bytes_unref(TAKE(b));
		TRY(bytes_new_zero((size_t)want, &b));
	}
	*ret = TAKE(b);
	return NULL;
}

static struct err *take_validity(struct walk *w, uint64_t n_nulls, struct array *a)
{
	if (n_nulls == 0)
		return skip_buffers(w, 1);
	TRY(next_buffer(w, bitmap_bytes(a->n_rows), &a->validity));
	a->n_nulls = a->n_rows - bitmap_count(a->validity->data, 0, a->n_rows);
	if (a->n_nulls == 0)
		bytes_unref(TAKE(a->validity));
	return NULL;
}

/* --- values of fixed width --- */

static void zero_nulls(struct array *a, size_t width)
{
	for (uint64_t row = 0; a->validity && row < a->n_rows; row++) {
		if (!array_is_null(a, row))
			continue;
		if (a->type->id == TYPE_BOOL)
			bit_clear(a->data->data, row);
		else
			memset(a->data->data + row * width, 0, width);
	}
}

static struct err *take_fixed(struct walk *w, struct array *a, uint32_t bits)
{
	uint64_t bytes;
	if (ckd_mul(&bytes, a->n_rows, (uint64_t)bits))
		return err_new(EINVAL, "a column that is too large");
	TRY(next_buffer(w, bytes / 8 + (bytes % 8 != 0), &a->data));
	zero_nulls(a, bits / 8);
	return NULL;
}

/* --- offsets --- */

static uint64_t raw_offset(const struct array *a, uint64_t i)
{
	return type_is_large(a->type->id) ? load_u64le(a->offsets->data + i * 8)
					  : load_u32le(a->offsets->data + i * 4);
}

/* They rise, and end at most at `end`; *ret_plain: they are as array.h has them. */
static struct err *check_offsets(const struct array *a, uint64_t end, bool *ret_plain)
{
	uint64_t last = raw_offset(a, 0);
	*ret_plain = last == 0;
	for (uint64_t i = 0; i < a->n_rows; i++) {
		uint64_t next = raw_offset(a, i + 1);
		if (next < last || next > end)
			return err_new(EINVAL,
				       "row %" PRIu64 " ends at %" PRIu64
				       " of %" PRIu64,
				       i, next, end);
		if (next != last && array_is_null(a, i))
			*ret_plain = false;
		last = next;
	}
	return NULL;
}

static struct err *take_offsets(struct walk *w, struct array *a)
{
	uint64_t n = a->n_rows + 1;
	return next_buffer(w, n * (type_is_large(a->type->id) ? 8 : 4), &a->offsets);
}

static void store_offset(struct bytes *b, bool large, uint64_t i, uint64_t v)
{
	if (large)
		store_u64le(b->data + i * 8, v);
	else
		store_u32le(b->data + i * 4, (uint32_t)v);
}

/* Offsets from 0 without the items of nulls; ret_keep: which items are left. */
static struct err *compact_offsets(struct array *a, uint64_t **ret_keep,
				   uint64_t *ret_n)
{
	AUTO(bytes) struct bytes *offsets = NULL;
	AUTO_MEM uint64_t *keep = NULL;
	bool large = type_is_large(a->type->id);
	uint64_t n = 0, all = raw_offset(a, a->n_rows) - raw_offset(a, 0);
	TRY(mem_array((size_t)all, sizeof(*keep), &keep));
	TRY(bytes_new_zero((size_t)(a->n_rows + 1) * (large ? 8 : 4), &offsets));
	for (uint64_t row = 0; row < a->n_rows; row++) {
		uint64_t first = raw_offset(a, row), end = raw_offset(a, row + 1);
		for (uint64_t i = first; i < end && !array_is_null(a, row); i++)
			keep[n++] = i;
		store_offset(offsets, large, row + 1, n);
	}
	bytes_unref(a->offsets);
	a->offsets = TAKE(offsets);
	*ret_keep = TAKE(keep);
	*ret_n = n;
	return NULL;
}

/* The bytes of all values that are not null, one after the other. */
static struct err *compact_var(struct array *a)
{
	AUTO(bytes) struct bytes *offsets = NULL;
	AUTO(bytes) struct bytes *data = NULL;
	bool large = type_is_large(a->type->id);
	uint64_t n = 0;
	TRY(bytes_new((size_t)(raw_offset(a, a->n_rows) - raw_offset(a, 0)), &data));
	TRY(bytes_new_zero((size_t)(a->n_rows + 1) * (large ? 8 : 4), &offsets));
	for (uint64_t row = 0; row < a->n_rows; row++) {
		uint64_t first = raw_offset(a, row),
			 len = raw_offset(a, row + 1) - first;
		if (!array_is_null(a, row) && len) {
			memcpy(data->data + n, a->data->data + first, (size_t)len);
			n += len;
		}
		store_offset(offsets, large, row + 1, n);
	}
	bytes_unref(a->offsets);
	bytes_unref(a->data);
	a->offsets = TAKE(offsets);
	a->data = TAKE(data);
	return NULL;
}

static struct err *take_var(struct walk *w, struct array *a)
{
	bool plain;
	TRY(take_offsets(w, a));
	TRY(next_buffer(w, 0, &a->data));
	TRY(check_offsets(a, a->data->len, &plain));
	return plain ? NULL : compact_var(a);
}

/* --- views: short values in place, others in one of several buffers --- */

#define VIEW_BYTES 16
#define VIEW_INLINE 12

struct view_buffers {
	struct bytes **items; /* owned references */
	size_t n;
};

static void auto_buffers(struct view_buffers *b)
{
	for (size_t i = 0; i < b->n; i++)
		bytes_unref(b->items[i]);
	free(b->items);
}

static struct err *append_view(const uint8_t *view, const struct view_buffers *b,
			       struct buf *out)
{
	uint64_t len = load_u32le(view);
	uint32_t index = load_u32le(view + 8), offset = load_u32le(view + 12);
	if (len <= VIEW_INLINE) {
		buf_append(out, view + 4, (size_t)len);
		return NULL;
	}
	if (index >= b->n || offset + len > b->items[index]->len)
		return err_new(EINVAL, "a view outside of its buffers");
	buf_append(out, b->items[index]->data + offset, (size_t)len);
	return out->len > INT32_MAX
		       ? err_new(EINVAL, "more than 2 GiB of text in one batch; write "
					 "smaller batches")
		       : NULL;
}

static struct err *collect_views(struct array *a, const struct bytes *views,
				 const struct view_buffers *b)
{
	AUTO_BUF struct buf text = {0};
	TRY(bytes_new_zero((size_t)(a->n_rows + 1) * 4, &a->offsets));
	for (uint64_t row = 0; row < a->n_rows; row++) {
		if (!array_is_null(a, row))
			TRY(append_view(views->data + row * VIEW_BYTES, b, &text));
		store_offset(a->offsets, false, row + 1, text.len);
	}
	TRY(buf_check(&text));
	TRY(bytes_new(text.len, &a->data));
	if (text.len)
		memcpy(a->data->data, text.data, text.len);
	return NULL;
}

static struct err *variadic_count(struct walk *w, uint32_t *ret)
{
	if (w->view == w->variadic.n)
		return err_new(EINVAL, "a batch with too few counts of buffers");
	uint64_t n = load_u64le(w->variadic.items + (size_t)w->view++ * 8);
	if (n > w->buffers.n)
		return err_new(EINVAL, "%" PRIu64 " buffers for one column", n);
	*ret = (uint32_t)n;
	return NULL;
}

static struct err *take_views(struct walk *w, struct array *a)
{
	AUTO(bytes) struct bytes *views = NULL;
	__attribute__((cleanup(auto_buffers))) struct view_buffers b = {0};
	uint32_t n;
	TRY(variadic_count(w, &n));
	TRY(next_buffer(w, a->n_rows * VIEW_BYTES, &views));
	TRY(mem_array(n, sizeof(struct bytes *), &b.items));
	for (; b.n < n; b.n++)
		TRY(next_buffer(w, 0, &b.items[b.n]));
	return collect_views(a, views, &b);
}

/* --- columns --- */

static struct err *take_column(struct walk *w, const struct arrow_column *c,
			       struct array **ret);

static struct err *take_children(struct walk *w, const struct arrow_column *c,
				 uint64_t want, struct array *a)
{
	for (size_t i = 0; i < c->n_children; i++) {
		TRY(take_column(w, c->children[i], &a->children[i]));
		if (a->children[i]->n_rows < want)
			return err_new(EINVAL,
				       "%" PRIu64 " items where %" PRIu64 " belong",
				       a->children[i]->n_rows, want);
	}
	return NULL;
}

static struct err *take_list(struct walk *w, const struct arrow_column *c,
			     struct array *a)
{
	AUTO_MEM uint64_t *keep = NULL;
	AUTO(array) struct array *items = NULL;
	bool plain;
	uint64_t n;
	TRY(take_offsets(w, a));
	TRY(take_children(w, c, 0, a));
	TRY(check_offsets(a, a->children[0]->n_rows, &plain));
	if (plain)
		return NULL;
	TRY(compact_offsets(a, &keep, &n));
	TRY(array_take(a->children[0], keep, n, &items));
	array_unref(a->children[0]);
	a->children[0] = TAKE(items);
	return NULL;
}

static struct err *take_values(struct walk *w, const struct arrow_column *c,
			       struct array *a)
{
	const struct type *t = a->type;
	uint64_t want = a->n_rows;
	switch (t->id) {
	case TYPE_LIST:
	case TYPE_LARGE_LIST:
	case TYPE_MAP:
		return take_list(w, c, a);
	case TYPE_FIXED_LIST:
		if (ckd_mul(&want, want, (uint64_t)t->list_size))
			return err_new(EINVAL, "a column that is too large");
		return take_children(w, c, want, a);
	case TYPE_STRUCT:
		return take_children(w, c, want, a);
	default:
		break;
	}
	if (c->is_view)
		return take_views(w, a);
	return type_is_var(t->id) ? take_var(w, a) : take_fixed(w, a, type_bits(t));
}

/* Indices, and the dictionary that came before. */
static struct err *take_indices(struct walk *w, const struct arrow_column *c,
				uint64_t n_rows, uint64_t n_nulls, struct array **ret)
{
	AUTO(type) struct type *type = NULL;
	AUTO(type) struct type *index = NULL;
	AUTO(field) struct field *values = NULL;
	AUTO(array) struct array *a = NULL;
	struct array *dictionary = arrow_dictionary(w->dictionaries, c->dictionary);
	if (!dictionary)
		return err_new(EINVAL, "column '%s': its dictionary is missing",
			       c->field->name);
	TRY(type_new(c->index_id, &index));
	TRY(type_new_nested(TYPE_DICTIONARY, 1, &type));
	TRY(field_new("value", dictionary->type, true, &values));
	type->index_id = c->index_id;
	type->children[0] = TAKE(values);
	TRY(array_new(type, n_rows, &a));
	TRY(take_validity(w, n_nulls, a));
	TRY(take_fixed(w, a, type_bits(index)));
	a->children[0] = array_ref(dictionary);
	TRY(array_validate(a));
	return array_expand(a, ret);
}

static struct err *take_column(struct walk *w, const struct arrow_column *c,
			       struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	uint64_t n_rows, n_nulls;
	TRY(next_node(w, &n_rows, &n_nulls));
	if (c->has_dictionary)
		return take_indices(w, c, n_rows, n_nulls, ret);
	TRY(array_new(c->field->type, n_rows, &a));
	if (c->field->type->id == TYPE_NULL) {
		a->n_nulls = n_rows;
	} else {
		TRY(take_validity(w, n_nulls, a));
		TRY(take_values(w, c, a));
	}
	*ret = TAKE(a);
	return NULL;
}

static struct err *skip_column(struct walk *w, const struct arrow_column *c)
{
	enum type_id id = c->field->type->id;
	uint64_t n_rows, n_nulls;
	uint32_t n = 0;
	TRY(next_node(w, &n_rows, &n_nulls));
	if (id == TYPE_NULL && !c->has_dictionary)
		return NULL;
	if (c->is_view && !c->has_dictionary)
		TRY(variadic_count(w, &n));
	if (c->has_dictionary)
		return skip_buffers(w, 2);
	bool has_data = !type_is_nested(id);
	bool has_offsets = (type_is_var(id) && !c->is_view) || id == TYPE_LIST ||
			   id == TYPE_LARGE_LIST || id == TYPE_MAP;
	TRY(skip_buffers(w, 1u + has_data + has_offsets + n));
	for (size_t i = 0; i < c->n_children; i++)
		TRY(skip_column(w, c->children[i]));
	return NULL;
}

/* --- messages --- */

static struct err *open_walk(const struct fb_table *batch, struct cursor body,
			     const struct arrow_dictionaries *dictionaries,
			     struct walk *w)
{
	struct fb_table compression;
	bool found;
	int64_t n_rows;
	*w = (struct walk){
		.body = body, .codec = IPC_CODEC_NONE, .dictionaries = dictionaries};
	TRY(fb_scalar(batch, BATCH_LENGTH, 8, 0, &n_rows));
	TRY(fb_vector(batch, BATCH_NODES, 16, &w->nodes));
	TRY(fb_vector(batch, BATCH_BUFFERS, 16, &w->buffers));
	TRY(fb_vector(batch, BATCH_VARIADIC, 8, &w->variadic));
	TRY(fb_child(batch, BATCH_COMPRESSION, &found, &compression));
	if (found)
		TRY(fb_scalar(&compression, 0, 1, IPC_CODEC_LZ4_FRAME, &w->codec));
	w->n_rows = (uint64_t)n_rows;
	return NULL;
}

/* The column, checked as a whole: it came from outside. */
static struct err *take_checked(struct walk *w, const struct arrow_column *c,
				struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY_CTX(take_column(w, c, &a), "column '%s'", c->field->name);
	if (a->n_rows != w->n_rows)
		return err_new(EINVAL, "column '%s': %" PRIu64 " of %" PRIu64 " rows",
			       c->field->name, a->n_rows, w->n_rows);
	struct err *err = array_validate(a);
	if (err)
		return err_wrap(err, "column '%s'", c->field->name);
	*ret = TAKE(a);
	return NULL;
}

struct err *arrow_batch_read(const struct fb_table *batch, struct cursor body,
			     const struct arrow_column *root, size_t first, size_t end,
			     const struct arrow_dictionaries *dictionaries,
			     struct array **ret)
{
	struct walk w;
	TRY(open_walk(batch, body, dictionaries, &w));
	for (size_t i = 0; i < first; i++)
		TRY(skip_column(&w, root->children[i]));
	for (size_t i = first; i < end; i++)
		TRY(take_checked(&w, root->children[i], &ret[i - first]));
	return NULL;
}

struct err *arrow_dictionary_read(const struct fb_table *batch, struct cursor body,
				  const struct arrow_column *c,
				  const struct arrow_dictionaries *dictionaries,
				  struct array **ret)
{
	struct arrow_column values = *c;
	struct walk w;
	values.has_dictionary = false;
	TRY(open_walk(batch, body, dictionaries, &w));
	return take_checked(&w, &values, ret);
}
