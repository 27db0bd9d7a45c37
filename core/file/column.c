// SPDX-License-Identifier: Apache-2.0
/*
 * column.c: a physical column: its metadata, its pages, ranges of its rows.
 *
 * Metadata is read when the column is first wanted, a page's descriptor and
 * index when a row of it is.  Nothing is read under the lock: two threads may
 * load the same thing, and the second's is dropped.
 * Source: file2.proto, message ColumnMetadata.
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

#define PAGE_CACHE_BYTES ((uint64_t)64 << 20) /* of open pages, per file */

static void view_free(struct column_view *v, size_t n_pages)
{
	for (size_t i = 0; v->pages && i < n_pages; i++)
		page_unref(v->pages[i]);
	free(v->pages);
	value_type_fini(&v->shape.type);
	free(v);
}

void column_free(struct column *c)
{
	if (!c)
		return;
	while (c->views) {
		struct column_view *v = c->views;
		c->views = v->next;
		view_free(v, c->meta->n_pages);
	}
	free(c->first_row);
	proto_free((ProtobufCMessage *)c->meta);
	free(c);
}
DEFINE_AUTO(column, column_free)

static struct err *check_buffers(const uint64_t *offsets, size_t n_offsets,
				 const uint64_t *sizes, size_t n_sizes,
				 uint64_t file_size)
{
	if (n_offsets != n_sizes)
		return err_new(EIO, "%zu buffer offsets, %zu sizes", n_offsets,
			       n_sizes);
	for (size_t i = 0; i < n_offsets; i++) {
		if (offsets[i] > file_size || sizes[i] > file_size - offsets[i])
			return err_new(EIO,
				       "buffer %zu: %" PRIu64 " bytes at %" PRIu64
				       " of %" PRIu64,
				       i, sizes[i], offsets[i], file_size);
	}
	return NULL;
}

static struct err *index_pages(struct column *c, uint64_t file_size)
{
	TRY(mem_array(c->meta->n_pages + 1, sizeof(*c->first_row), &c->first_row));
	for (size_t i = 0; i < c->meta->n_pages; i++) {
		const Lance__File__Page *p = c->meta->pages[i];
		TRY_CTX(check_buffers(p->buffer_offsets, p->n_buffer_offsets,
				      p->buffer_sizes, p->n_buffer_sizes, file_size),
			"page %zu", i);
		if (p->length > LIMIT_PAGE_ROWS)
			return err_new(EIO, "page %zu: %" PRIu64 " rows", i, p->length);
		c->first_row[i + 1] = c->first_row[i] + p->length;
	}
	return NULL;
}

static struct err *load_column(struct file_reader *r, uint32_t i, struct column **ret)
{
	AUTO(column) struct column *c = NULL;
	AUTO(bytes) struct bytes *b = NULL;
	uint8_t entry[16];
	TRY(io_read(r->file, r->meta_offsets + (uint64_t)i * 16, sizeof(entry), entry));
	uint64_t off = load_u64le(entry), len = load_u64le(entry + 8);
	uint64_t size = io_size(r->file);
	if (off > size || len > size - off || len > LIMIT_COLUMN_META_BYTES)
		return err_new(EIO, "metadata of %" PRIu64 " bytes at %" PRIu64, len,
			       off);
	TRY(io_read_bytes(r->file, off, (size_t)len, &b));
	TRY(mem_new(&c));
	TRY(PROTO_UNPACK(lance__file__column_metadata, b->data, b->len, &c->meta));
	TRY(index_pages(c, size));
	*ret = TAKE(c);
	return NULL;
}

struct err *column_get(struct file_reader *r, uint32_t i, struct column **ret)
{
	struct column *c = NULL;
	if (i >= r->n_columns)
		return err_new(EIO, "column %u of %u", i, r->n_columns);
	{
		LOCK_SCOPE(&r->lock);
		if (r->columns[i]) {
			*ret = r->columns[i];
			return NULL;
		}
	}
	TRY_CTX(load_column(r, i, &c), "column %u", i);
	LOCK_SCOPE(&r->lock);
	if (r->columns[i])
		column_free(c);
	else
		r->columns[i] = c;
	*ret = r->columns[i];
	return NULL;
}

int64_t map_column(const struct file_map *map, int32_t id)
{
	for (size_t i = 0; map->columns && i < map->n; i++) {
		if (map->field_ids[i] == id)
			return map->columns[i];
	}
	return -1;
}

size_t column_find_page(const struct column *c, uint64_t row)
{
	size_t low = 0, high = c->meta->n_pages;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (c->first_row[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

struct err *page_descriptor(const Lance__File__Encoding *e, const char *type,
			    Lance__File__Any **ret)
{
	AUTO_PROTO Lance__File__Any *any = NULL;
	if (!e || e->location_case != LANCE__FILE__ENCODING__LOCATION_DIRECT)
		return err_new(EIO, "no encoding");
	TRY(PROTO_UNPACK(lance__file__any, e->direct->encoding.data,
			 e->direct->encoding.len, &any));
	const char *slash = strrchr(any->type_url, '/');
	if (strcmp(slash ? slash + 1 : any->type_url, type) != 0)
		return err_new(EOPNOTSUPP, "encoded as %s, not %s", any->type_url,
			       type);
	*ret = TAKE(any);
	return NULL;
}

struct err *page_io_read(void *ctx, unsigned buffer, uint64_t off, size_t len,
			 void *dst)
{
	const struct page_io *io = ctx;
	return io_read(io->file, io->offsets[buffer] + off, len, dst);
}

static bool type_same(const struct value_type *a, const struct value_type *b)
{
	if (a->kind != b->kind || a->bits != b->bits || a->n_dims != b->n_dims ||
	    a->offset_bytes != b->offset_bytes || a->n_children != b->n_children ||
	    memcmp(a->dims, b->dims, sizeof(a->dims)) != 0)
		return false;
	for (size_t i = 0; i < a->n_children; i++) {
		if (!type_same(&a->children[i], &b->children[i]))
			return false;
	}
	return true;
}

static struct err *type_copy(const struct value_type *t, struct value_type *ret)
{
	*ret = *t;
	ret->n_children = 0;
	ret->children = NULL;
	if (t->n_children == 0)
		return NULL;
	TRY(mem_array(t->n_children, sizeof(*t), &ret->children));
	for (size_t i = 0; i < t->n_children; i++) {
		struct err *err = type_copy(&t->children[i], &ret->children[i]);
		if (err) {
			value_type_fini(ret);
			return err;
		}
		ret->n_children = i + 1;
	}
	return NULL;
}

static bool shape_same(const struct leaf_shape *a, const struct leaf_shape *b)
{
	return a->n_layers == b->n_layers &&
	       memcmp(a->is_list, b->is_list, a->n_layers * sizeof(bool)) == 0 &&
	       memcmp(a->list_size, b->list_size, a->n_layers * sizeof(uint64_t)) ==
		       0 &&
	       type_same(&a->type, &b->type);
}

/* The view for a shape, made if need be; lives as long as the column. */
static struct err *find_view(struct file_reader *r, struct column *c,
			     const struct leaf_shape *shape, struct column_view **ret)
{
	struct column_view *v;
	LOCK_SCOPE(&r->lock);
	for (v = c->views; v; v = v->next) {
		if (shape_same(&v->shape, shape)) {
			*ret = v;
			return NULL;
		}
	}
	TRY(mem_new(&v));
	v->shape = *shape;
	struct err *err = type_copy(&shape->type, &v->shape.type);
	if (!err)
		err = mem_array(c->meta->n_pages, sizeof(struct page *), &v->pages);
	if (err) {
		view_free(v, 0);
		return err;
	}
	v->next = c->views;
	c->views = v;
	*ret = v;
	return NULL;
}

/* Let go of all open pages; those in use live on by their references. */
static void drop_pages(struct file_reader *r)
{
	for (uint32_t i = 0; i < r->n_columns; i++) {
		struct column *c = r->columns[i];
		for (struct column_view *v = c ? c->views : NULL; v; v = v->next) {
			for (size_t p = 0; p < c->meta->n_pages; p++) {
				page_unref(v->pages[p]);
				v->pages[p] = NULL;
			}
		}
	}
	r->page_bytes = 0;
}

static struct err *open_page(struct file_reader *r, const struct column *c,
			     struct column_view *v, size_t i,
			     const struct page_source *source, struct page **ret)
{
	AUTO_PROTO Lance__File__Any *any = NULL;
	struct page *p;
	{
		LOCK_SCOPE(&r->lock);
		if (v->pages[i]) {
			*ret = page_ref(v->pages[i]);
			return NULL;
		}
	}
	const Lance__File__Page *meta = c->meta->pages[i];
	bool is_planar = r->version == LANCE_2_3;
	TRY(page_descriptor(meta->encoding,
			    is_planar ? "lance.encodings23.PlanarLayout"
				      : "lance.encodings21.PageLayout",
			    &any));
	TRY((is_planar ? page_open_planar : page_open)(
		any->value.data, any->value.len, meta->length, &v->shape, source, &p));
	LOCK_SCOPE(&r->lock);
	if (r->page_bytes > PAGE_CACHE_BYTES)
		drop_pages(r);
	if (!v->pages[i]) {
		v->pages[i] = page_ref(p);
		r->page_bytes += page_bytes(p);
	}
	*ret = p;
	return NULL;
}

/* What is asked of the pages of a range: their slots, or only their nulls. */
struct request {
	struct slots *slots; /* NULL: nulls */
	uint8_t *is_null;
	bool known;
};

static struct err *read_page(struct file_reader *r, const struct column *c,
			     struct column_view *v, size_t i, uint64_t first,
			     uint64_t end, struct request *q)
{
	AUTO(page) struct page *p = NULL;
	const Lance__File__Page *meta = c->meta->pages[i];
	struct page_io io = {r->file, meta->buffer_offsets};
	struct page_source source = {&io, (unsigned)meta->n_buffer_sizes,
				     meta->buffer_sizes, page_io_read};
	TRY(open_page(r, c, v, i, &source, &p));
	if (q->slots)
		return page_read(p, &source, first, end, q->slots);
	TRY(page_nulls(p, &source, first, end, q->is_null, &q->known));
	q->is_null += end - first;
	return NULL;
}

static struct err *read_pages(struct file_reader *r, uint32_t column,
			      const struct leaf_shape *shape, uint64_t first,
			      uint64_t end, struct request *q)
{
	struct column *c;
	struct column_view *v;
	TRY(column_get(r, column, &c));
	uint64_t n_rows = c->first_row[c->meta->n_pages];
	if (end > n_rows)
		return err_new(EIO, "column %u: rows to %" PRIu64 " of %" PRIu64,
			       column, end, n_rows);
	TRY(find_view(r, c, shape, &v));
	q->known = true;
	for (size_t i = first < end ? column_find_page(c, first) : 0;
	     first < end && q->known; i++) {
		uint64_t base = c->first_row[i];
		uint64_t stop = MIN_OF(end, c->first_row[i + 1]);
		if (stop > first)
			TRY_CTX(read_page(r, c, v, i, first - base, stop - base, q),
				"column %u: page %zu", column, i);
		first = MAX_OF(first, stop);
	}
	return NULL;
}

struct err *column_read(struct file_reader *r, uint32_t column,
			const struct leaf_shape *shape, uint64_t first, uint64_t end,
			struct slots *out)
{
	struct request q = {.slots = out};
	return read_pages(r, column, shape, first, end, &q);
}

struct err *column_nulls(struct file_reader *r, uint32_t column,
			 const struct leaf_shape *shape, uint64_t first, uint64_t end,
			 uint8_t *is_null, bool *ret_known)
{
	struct request q = {.is_null = is_null};
	TRY(read_pages(r, column, shape, first, end, &q));
	*ret_known = q.known;
	return NULL;
}
