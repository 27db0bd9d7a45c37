// SPDX-License-Identifier: Apache-2.0
/*
 * v20.c: fields of 2.0 files.
 *
 * Every list has a column of offsets into its items' column, and every struct
 * one that holds nothing.  A list page's offsets count from the items of its
 * own lists, so the items of earlier pages are added up.
 * Source: encodings_v2_0.proto, message List; Lance's docs, "File Format".
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

struct v20_read {
	struct file_reader *r;
	const struct file_map *map;
};

static struct err *read_field(const struct v20_read *v, const struct field *f,
			      int depth, uint64_t first, uint64_t end,
			      struct array **ret);

static struct err *descriptor_of(const struct column *c, size_t page,
				 Lance__File__Any **ret)
{
	return page_descriptor(c->meta->pages[page]->encoding,
			       "lance.encodings.ArrayEncoding", ret);
}

static struct err *check_rows(const struct column *c, uint64_t end)
{
	uint64_t n = c->first_row[c->meta->n_pages];
	if (end > n)
		return err_new(EIO, "rows to %" PRIu64 " of %" PRIu64, end, n);
	return NULL;
}

/* --- leaves --- */

static struct err *read_leaf_page(const struct v20_read *v, const struct column *c,
				  size_t page, bool is_dictionary, uint64_t first,
				  uint64_t end, struct slots *out)
{
	AUTO_PROTO Lance__File__Any *any = NULL;
	const Lance__File__Page *meta = c->meta->pages[page];
	struct page_io io = {v->r->file, meta->buffer_offsets};
	struct page_source source = {&io, (unsigned)meta->n_buffer_sizes,
				     meta->buffer_sizes, page_io_read};
	TRY(descriptor_of(c, page, &any));
	return v20_read_leaf(any->value.data, any->value.len, &source, is_dictionary,
			     first, end, out);
}

static struct err *read_leaf_pages(const struct v20_read *v, const struct field *f,
				   const struct column *c, uint64_t first, uint64_t end,
				   struct slots *out)
{
	bool is_dictionary = f->type->id == TYPE_DICTIONARY;
	TRY(check_rows(c, end));
	for (size_t i = first < end ? column_find_page(c, first) : 0; first < end;
	     i++) {
		uint64_t base = c->first_row[i],
			 stop = MIN_OF(end, c->first_row[i + 1]);
		if (stop > first)
			TRY_CTX(read_leaf_page(v, c, i, is_dictionary, first - base,
					       stop - base, out),
				"page %zu", i);
		first = MAX_OF(first, stop);
	}
	return NULL;
}

/* The validity of flat slots; NULL if none is null. */
static struct err *validity_of(const struct slots *s, struct bytes **ret)
{
	const uint16_t *stop = slots_stop(s);
	if (!stop)
		return NULL;
	TRY(bytes_new_zero(bitmap_bytes(s->n), ret));
	for (uint64_t i = 0; i < s->n; i++) {
		if (!stop[i])
			bit_set((*ret)->data, i);
	}
	return NULL;
}

/* The values, stored as `stored` is, as an array of type t. */
static struct err *leaf_array(struct slots *s, struct type *stored, struct type *t,
			      uint64_t n, struct array **ret)
{
	AUTO(bytes) struct bytes *validity = NULL;
	AUTO(array) struct array *a = NULL;
	if (s->values.n != n || s->n != n)
		return err_new(EIO, "%" PRIu64 " values of %" PRIu64, s->values.n, n);
	TRY(validity_of(s, &validity));
	if (t->id == TYPE_DICTIONARY)
		return dictionary_make(&s->values, t, validity, ret);
	TRY(values_take_array(&s->values, stored, validity, &a));
	return packed_select(a, t, ret);
}

static struct err *read_leaf(const struct v20_read *v, const struct field *f,
			     const struct column *c, uint64_t first, uint64_t end,
			     struct array **ret)
{
	struct value_type type;
	struct type *stored;
	struct slots slots = {0};
	TRY(packed_type(v->r, f, &stored));
	TRY(value_type_of(stored, &type));
	struct err *err = slots_init(&slots, &type);
	if (!err)
		err = read_leaf_pages(v, f, c, first, end, &slots);
	if (!err)
		err = leaf_array(&slots, stored, f->type, end - first, ret);
	slots_fini(&slots);
	value_type_fini(&type);
	return err;
}

/* --- lists --- */

struct list_builder {
	struct array *a;
	unsigned width;
	uint64_t row;	     /* done */
	uint64_t first_item; /* of the file's items, of the first list */
	uint64_t next_item;  /* behind the last list */
};

static void put_offset(const struct list_builder *b, uint64_t i, uint64_t v)
{
	if (b->width == 4)
		store_u32le(b->a->offsets->data + 4 * i, (uint32_t)v);
	else
		store_u64le(b->a->offsets->data + 8 * i, v);
}

static struct err *add_lists(struct list_builder *b, const struct v20_lists *l,
			     uint64_t n, uint64_t base)
{
	if (b->row == 0)
		b->first_item = b->next_item = base + l->first_item;
	if (base + l->first_item != b->next_item)
		return err_new(EIO, "lists skip items");
	for (uint64_t i = 0; i < n; i++, b->row++) {
		uint64_t end = base + l->ends[i] - b->first_item;
		if (b->width == 4 && end > INT32_MAX)
			return err_new(EOVERFLOW, "over 2^31 items in one list array");
		put_offset(b, b->row + 1, end);
		b->next_item = base + l->ends[i];
		if (l->is_null[i]) {
			bit_clear(b->a->validity->data, b->row);
			b->a->n_nulls++;
		}
	}
	return NULL;
}

static struct err *read_list_page(const struct v20_read *v, const struct column *c,
				  size_t page, uint64_t base, uint64_t first,
				  uint64_t end, struct list_builder *b)
{
	AUTO_PROTO Lance__File__Any *any = NULL;
	struct v20_lists l = {0};
	const Lance__File__Page *meta = c->meta->pages[page];
	struct page_io io = {v->r->file, meta->buffer_offsets};
	struct page_source source = {&io, (unsigned)meta->n_buffer_sizes,
				     meta->buffer_sizes, page_io_read};
	TRY(descriptor_of(c, page, &any));
	TRY(v20_read_lists(any->value.data, any->value.len, &source, first, end, &l));
	struct err *err = add_lists(b, &l, end - first, base);
	v20_lists_fini(&l);
	return err;
}

static struct err *items_of_page(const struct column *c, size_t page, uint64_t *total)
{
	AUTO_PROTO Lance__File__Any *any = NULL;
	uint64_t n;
	TRY(descriptor_of(c, page, &any));
	TRY(v20_list_items(any->value.data, any->value.len, &n));
	if (ckd_add(total, *total, n))
		return err_new(EIO, "over 2^64 items");
	return NULL;
}

static struct err *read_offsets(const struct v20_read *v, const struct column *c,
				uint64_t first, uint64_t end, struct list_builder *b)
{
	uint64_t base = 0;
	TRY(check_rows(c, end));
	for (size_t i = 0; first < end; i++) {
		uint64_t start = c->first_row[i],
			 stop = MIN_OF(end, c->first_row[i + 1]);
		if (stop > first) {
			TRY_CTX(read_list_page(v, c, i, base, first - start,
					       stop - start, b),
				"page %zu", i);
			first = stop;
		}
		TRY_CTX(items_of_page(c, i, &base), "page %zu", i);
	}
	return NULL;
}

static struct err *read_list(const struct v20_read *v, const struct field *f,
			     const struct column *c, int depth, uint64_t first,
			     uint64_t end, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	uint64_t n = end - first;
	struct list_builder b = {.width = f->type->id == TYPE_LARGE_LIST ? 8 : 4};
	TRY(array_new(f->type, n, &a));
	TRY(bytes_new_zero((size_t)(n + 1) * b.width, &a->offsets));
	TRY(bytes_new_zero(bitmap_bytes(n), &a->validity));
	bitmap_set_range(a->validity->data, 0, n);
	b.a = a;
	TRY(read_offsets(v, c, first, end, &b));
	if (a->n_nulls == 0) {
		bytes_unref(a->validity);
		a->validity = NULL;
	}
	TRY(read_field(v, f->type->children[0], depth + 1, b.first_item, b.next_item,
		       &a->children[0]));
	*ret = TAKE(a);
	return NULL;
}

/* --- the tree --- */

static struct err *read_struct(const struct v20_read *v, const struct field *f,
			       int depth, uint64_t first, uint64_t end,
			       struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(f->type, end - first, &a));
	for (size_t i = 0; i < f->type->n_children; i++)
		TRY(read_field(v, f->type->children[i], depth + 1, first, end,
			       &a->children[i]));
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_field(const struct v20_read *v, const struct field *f,
			      int depth, uint64_t first, uint64_t end,
			      struct array **ret)
{
	struct column *c;
	int64_t column = map_column(v->map, f->id);
	enum type_id id = f->type->id;
	if (depth > LIMIT_NESTING)
		return err_new(EIO, "fields nest too deeply");
	if (field_is_blob(f))
		return err_new(EOPNOTSUPP,
			       "field %s: blobs are read one by one, not as an array",
			       f->name);
	if (id == TYPE_STRUCT && !field_is_packed(f))
		return read_struct(v, f, depth, first, end, ret);
	if (column < 0 || column > UINT32_MAX || id == TYPE_NULL)
		return array_new_null(f->type, end - first, ret);
	TRY(column_get(v->r, (uint32_t)column, &c));
	if (id == TYPE_LIST || id == TYPE_LARGE_LIST)
		TRY_CTX(read_list(v, f, c, depth, first, end, ret), "column %u",
			(unsigned)column);
	else
		TRY_CTX(read_leaf(v, f, c, first, end, ret), "column %u",
			(unsigned)column);
	return NULL;
}

struct err *read_v20(struct file_reader *r, const struct field *field,
		     const struct file_map *map, uint64_t first, uint64_t end,
		     struct array **ret)
{
	struct v20_read v = {r, map};
	return read_field(&v, field, 0, first, end, ret);
}
