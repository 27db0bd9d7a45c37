// SPDX-License-Identifier: Apache-2.0
/*
 * take.c: pages out of one file into another, as they are.
 *
 * A page stands by itself: its descriptor tells how its buffers are encoded, and
 * nothing in either tells where in the file they lie, or which rows they are.  So a
 * page whose rows all stay is a copy of bytes with new offsets.  Where a field has
 * several columns their pages end at different rows, and in 2.0 the items of lists
 * are counted over all pages of a file: such a field is taken as a whole.
 * Source: file2.proto, message ColumnMetadata; Lance's docs, "File Format".
 */
#include "file/writer_priv.h"

#include <errno.h>

#define COPY_BYTES ((uint64_t)1 << 20) /* at once */
#define MAX_PAGE_BUFFERS 4096

bool field_is_only_taken(const struct field *f)
{
	const struct type *t = f->type;
	if (column_is_only_read(f))
		return true;
	for (size_t i = 0; !field_is_leaf(f) && i < t->n_children; i++)
		if (field_is_only_taken(t->children[i]))
			return true;
	return false;
}

/* --- what can be taken --- */

/* Are a column's values in its pages alone? */
static bool is_plain(const struct column *c)
{
	static const uint8_t values[] = {0x0a, 0x00};
	AUTO_PROTO Lance__File__Any *any = NULL;
	AUTO_ERR struct err *err = page_descriptor(
		c->meta->encoding, "lance.encodings.ColumnEncoding", &any);
	return !err && c->meta->n_buffer_offsets == 0 &&
	       any->value.len == sizeof(values) &&
	       memcmp(any->value.data, values, sizeof(values)) == 0;
}

/* Has the file the members of a packed struct that it is to have? */
static struct err *has_members(struct file_reader *r, const struct field *f, bool *ret)
{
	struct type *stored;
	TRY(packed_type(r, f, &stored));
	*ret = stored == f->type;
	return NULL;
}

struct err *take_source(const struct out_column *c, struct file_reader *r,
			const struct file_map *map, struct column **ret)
{
	int64_t i = map_column(map, c->field->id);
	bool is_same;
	*ret = NULL;
	if (i < 0 || i > UINT32_MAX)
		return NULL;
	TRY(has_members(r, c->field, &is_same));
	if (!is_same)
		return NULL;
	TRY(column_get(r, (uint32_t)i, ret));
	if (!is_plain(*ret))
		*ret = NULL;
	return NULL;
}

static uint64_t rows_of(const struct column *c)
{
	return c->first_row[c->meta->n_pages];
}

static uint64_t bytes_of(const struct column *c, size_t page)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < c->meta->pages[page]->n_buffer_sizes; i++)
		bytes += c->meta->pages[page]->buffer_sizes[i];
	return bytes;
}

static struct err *span_of_pages(const struct column *c, struct page_span **ret,
				 size_t *ret_n)
{
	TRY(mem_array(c->meta->n_pages, sizeof(**ret), ret));
	for (size_t i = 0; i < c->meta->n_pages; i++)
		if (c->first_row[i] < c->first_row[i + 1])
			(*ret)[(*ret_n)++] = (struct page_span){
				c->first_row[i], c->first_row[i + 1], bytes_of(c, i)};
	return NULL;
}

static struct err *span_of_all(struct out_columns of, const struct file_writer *w,
			       struct file_reader *r, const struct file_map *map,
			       uint64_t n_rows, struct page_span **ret, size_t *ret_n)
{
	struct page_span span = {0, n_rows, 0};
	for (struct out_column *c = of.first; c < of.end; c++) {
		struct column *from;
		TRY(take_source(c, r, map, &from));
		bool counts_rows = c == of.first || w->version != LANCE_2_0;
		if (!from || (counts_rows && rows_of(from) != n_rows))
			return NULL;
		for (size_t i = 0; i < from->meta->n_pages; i++)
			span.bytes += bytes_of(from, i);
	}
	TRY(mem_array(1, sizeof(**ret), ret));
	**ret = span;
	*ret_n = 1;
	return NULL;
}

struct err *file_writer_spans(struct file_writer *w, size_t top, struct file_reader *r,
			      const struct file_map *map, uint64_t n_rows,
			      struct page_span **ret, size_t *ret_n)
{
	struct out_columns of = writer_columns(w, top);
	struct column *from;
	*ret = NULL;
	*ret_n = 0;
	if (r->version != w->version || of.first == of.end || n_rows == 0)
		return NULL;
	if (of.end - of.first > 1)
		return span_of_all(of, w, r, map, n_rows, ret, ret_n);
	TRY(take_source(of.first, r, map, &from));
	if (!from || rows_of(from) != n_rows)
		return NULL;
	return span_of_pages(from, ret, ret_n);
}

/* --- taking --- */

struct err *take_bytes(struct file_writer *w, struct io_file *from, uint64_t off,
		       uint64_t len)
{
	AUTO_MEM uint8_t *some = NULL;
	size_t room = (size_t)MIN_OF(len, COPY_BYTES);
	TRY(mem_array(room, 1, &some));
	for (uint64_t end = off + len; off < end;) {
		size_t n = (size_t)MIN_OF(end - off, (uint64_t)room);
		TRY(io_read(from, off, n, some));
		TRY(io_write(w->out, some, n));
		off += n;
	}
	return NULL;
}

static struct err *take_page(struct file_writer *w, struct out_column *c,
			     struct file_reader *r, const Lance__File__Page *page)
{
	Lance__File__Page copy = *page;
	AUTO_MEM uint64_t *offsets = NULL;
	AUTO_PROTO Lance__File__Any *any = NULL;
	if (page->n_buffer_sizes > MAX_PAGE_BUFFERS)
		return err_new(EIO, "a page of %zu buffers", page->n_buffer_sizes);
	TRY(page_descriptor(page->encoding,
			    w->version == LANCE_2_0 ? "lance.encodings.ArrayEncoding"
						    : "lance.encodings21.PageLayout",
			    &any));
	TRY(mem_array(page->n_buffer_sizes, sizeof(*offsets), &offsets));
	LOCK_SCOPE(&w->lock);
	for (size_t i = 0; i < page->n_buffer_sizes; i++) {
		TRY(writer_align(w));
		offsets[i] = io_written(w->out);
		TRY(take_bytes(w, r->file, page->buffer_offsets[i],
			       page->buffer_sizes[i]));
	}
	copy.buffer_offsets = offsets;
	TRY(out_column_put_page(w, c, &copy));
	c->first_row += page->length;
	return NULL;
}

static struct err *take_column(struct file_writer *w, struct out_column *c,
			       struct file_reader *r, const struct file_map *map,
			       const struct page_span *span, bool is_all)
{
	struct column *from;
	TRY(take_source(c, r, map, &from));
	if (!from)
		return err_new(EINVAL, "field %s cannot be taken", c->field->name);
	if (c->kind == COLUMN_V20_STRUCT) {
		c->n_rows += rows_of(from); /* it has one page, which says no more */
		return NULL;
	}
	TRY(out_column_flush(w, c)); /* what came before */
	size_t i = is_all ? 0 : column_find_page(from, span->first);
	for (; i < from->meta->n_pages; i++) {
		if (!is_all && from->first_row[i] >= span->end)
			break;
		TRY_CTX(take_page(w, c, r, from->meta->pages[i]), "%s: page %zu",
			io_file_path(r->file), i);
	}
	return NULL;
}

struct err *file_writer_take(struct file_writer *w, size_t top, struct file_reader *r,
			     const struct file_map *map, const struct page_span *span)
{
	struct out_columns of = writer_columns(w, top);
	bool is_all = of.end - of.first > 1;
	if (w->failed)
		return err_new(EIO, "%s: an earlier write failed", w->path);
	for (struct out_column *c = of.first; c < of.end; c++) {
		struct err *err = take_column(w, c, r, map, span, is_all);
		if (!err)
			continue;
		w->failed = true;
		return err_wrap(err, "%s", w->path);
	}
	w->field_rows[top] += span->end - span->first;
	return NULL;
}
