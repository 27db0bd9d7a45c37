// SPDX-License-Identifier: Apache-2.0
/*
 * take_runs.c: some rows of a page into another file, as the bytes that they are.
 *
 * So deleted rows go out of columns of images and embeddings without anything being
 * decoded, and in memory that does not follow the size of a value.
 */
#include "file/writer_priv.h"

#include <errno.h>

#define WINDOW_BYTES ((uint64_t)1 << 20)

/* A page on its way. */
struct cutting {
	struct file_writer *w;
	struct out_column *c;
	struct io_file *from;
	const Lance__File__Page *page;
	struct page_cut cut;
	const struct row_run *runs; /* of the page */
	size_t n_runs;
	uint64_t n_rows, n_bytes; /* of the runs */
	/* some of the page's first buffer */
	uint8_t *window; /* owned */
	uint64_t window_off, window_len;
};

static void cutting_fini(struct cutting *k)
{
	page_cut_fini(&k->cut);
	free(k->window);
}

static uint64_t start_of(const struct page_cut *c, uint64_t row)
{
	return c->starts ? c->starts[row] : row * c->stride;
}

/* --- the bytes --- */

static struct err *load_window(struct cutting *k, uint64_t off)
{
	uint64_t end = start_of(&k->cut, k->cut.n_rows);
	if (!k->window)
		TRY(mem_array((size_t)WINDOW_BYTES, 1, &k->window));
	k->window_off = off;
	k->window_len = MIN_OF(end - off, WINDOW_BYTES);
	return io_read(k->from, k->page->buffer_offsets[0] + off, (size_t)k->window_len,
		       k->window);
}

static struct err *put_bytes(struct cutting *k, uint64_t off, uint64_t len)
{
	if (len > WINDOW_BYTES)
		return take_bytes(k->w, k->from, k->page->buffer_offsets[0] + off, len);
	if (off < k->window_off || off + len > k->window_off + k->window_len)
		TRY(load_window(k, off));
	return io_write(k->w->out, k->window + (off - k->window_off), (size_t)len);
}

static struct err *put_data(struct cutting *k)
{
	for (size_t i = 0; i < k->n_runs; i++) {
		uint64_t off = start_of(&k->cut, k->runs[i].first);
		uint64_t end = start_of(&k->cut, k->runs[i].end);
		if (off < end)
			TRY(put_bytes(k, off, end - off));
	}
	return NULL;
}

static struct err *put_index(struct cutting *k, uint64_t *ret_len)
{
	AUTO_BUF struct buf index = {0};
	AUTO_MEM uint64_t *starts = NULL;
	uint64_t n = 0, at = 0;
	TRY(mem_array((size_t)k->n_rows + 1, sizeof(*starts), &starts));
	for (size_t i = 0; i < k->n_runs; i++)
		for (uint64_t row = k->runs[i].first; row < k->runs[i].end; row++) {
			starts[n++] = at;
			at += k->cut.starts[row + 1] - k->cut.starts[row];
		}
	starts[n] = at;
	page_put_index(starts, n, &index);
	TRY(buf_check(&index));
	*ret_len = index.len;
	return io_write(k->w->out, index.data, index.len);
}

/* --- the page --- */

static struct err *put_buffers(struct cutting *k, uint64_t offsets[2],
			       uint64_t sizes[2])
{
	TRY(writer_align(k->w));
	offsets[0] = io_written(k->w->out);
	TRY(put_data(k));
	sizes[0] = io_written(k->w->out) - offsets[0];
	if (!k->cut.starts)
		return NULL;
	TRY(writer_align(k->w));
	offsets[1] = io_written(k->w->out);
	return put_index(k, &sizes[1]);
}

static struct err *put_page(struct cutting *k, const Lance__File__Any *any)
{
	struct encoded_page e = {.n_buffers = k->cut.starts ? 2 : 1};
	uint64_t offsets[2], sizes[2];
	LOCK_SCOPE(&k->w->lock);
	TRY(put_buffers(k, offsets, sizes));
	struct err *err = page_cut_describe(any->value.data, any->value.len, k->n_rows,
					    &e.descriptor);
	if (!err)
		err = out_column_put(k->w, k->c, &e, k->n_rows, offsets, sizes);
	encoded_page_fini(&e);
	return err;
}

static struct err *cut_page(struct cutting *k, bool *ret_taken)
{
	AUTO_PROTO Lance__File__Any *any = NULL;
	const Lance__File__Page *page = k->page;
	struct page_io io = {k->from, page->buffer_offsets};
	const struct page_source source = {&io, (unsigned)page->n_buffer_sizes,
					   page->buffer_sizes, page_io_read};
	TRY(page_descriptor(page->encoding, "lance.encodings21.PageLayout", &any));
	TRY(page_cut_open(any->value.data, any->value.len, page->length, &source,
			  &k->cut, ret_taken));
	if (!*ret_taken)
		return NULL;
	TRY(out_column_flush(k->w, k->c)); /* what came before */
	TRY(put_page(k, any));
	k->c->first_row += k->n_rows;
	return NULL;
}

/* The runs, counted within the page. */
static struct err *runs_of_page(const struct page_span *span,
				const struct row_run *runs, size_t n,
				struct row_run **ret, uint64_t *ret_n_rows)
{
	TRY(mem_array(n, sizeof(**ret), ret));
	for (size_t i = 0; i < n; i++) {
		if (runs[i].first < span->first || runs[i].end > span->end ||
		    runs[i].first > runs[i].end)
			return err_new(EINVAL, "rows that are not of the page");
		(*ret)[i] = (struct row_run){runs[i].first - span->first,
					     runs[i].end - span->first};
		*ret_n_rows += runs[i].end - runs[i].first;
	}
	return NULL;
}

static struct err *take_runs(struct file_writer *w, struct out_column *c,
			     struct column *from, struct io_file *file,
			     const struct page_span *span, const struct row_run *runs,
			     size_t n, uint64_t *ret_n_rows, bool *ret_taken)
{
	AUTO_MEM struct row_run *own = NULL;
	struct cutting k = {.w = w, .c = c, .from = file, .n_runs = n};
	TRY(runs_of_page(span, runs, n, &own, &k.n_rows));
	k.runs = own;
	k.page = from->meta->pages[column_find_page(from, span->first)];
	struct err *err = cut_page(&k, ret_taken);
	cutting_fini(&k);
	*ret_n_rows = k.n_rows;
	return err;
}

struct err *file_writer_take_runs(struct file_writer *w, size_t top,
				  struct file_reader *r, const struct file_map *map,
				  const struct page_span *span,
				  const struct row_run *runs, size_t n, bool *ret_taken)
{
	struct out_columns of = writer_columns(w, top);
	struct column *from;
	uint64_t n_rows = 0;
	*ret_taken = false;
	if (w->failed)
		return err_new(EIO, "%s: an earlier write failed", w->path);
	if (w->version == LANCE_2_0 || of.end - of.first != 1 || n == 0)
		return NULL;
	TRY(take_source(of.first, r, map, &from));
	if (!from)
		return NULL;
	struct err *err = take_runs(w, of.first, from, file_reader_file(r), span, runs,
				    n, &n_rows, ret_taken);
	if (err) {
		w->failed = true;
		return err_wrap(err, "%s", io_file_path(file_reader_file(r)));
	}
	w->field_rows[top] += *ret_taken ? n_rows : 0;
	return NULL;
}
