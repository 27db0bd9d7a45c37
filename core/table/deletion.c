// SPDX-License-Identifier: Apache-2.0
/*
 * deletion.c: which rows of a fragment are deleted.
 *
 * A deletion file holds the complete set of deleted offsets, as a Roaring bitmap
 * or as an Arrow array in any order.  In memory it is a bitmap of the fragment's
 * rows, where any are deleted, with a rank index: both directions of the mapping
 * between live rows and offsets are a search in the index.
 * Source: table.proto, DeletionFile.
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>

#define LIMIT_DELETION_BYTES ((uint64_t)1 << 30)

void deletion_free(struct deletion_vector *d)
{
	if (!d)
		return;
	row_set_fini(&d->deleted);
	free(d->chunk_rank);
	free(d->rank);
	free(d);
}

/* Ranks of the blocks of one chunk. */
static uint64_t rank_chunk(const uint8_t *bits, uint16_t *rank)
{
	uint64_t n = 0;
	for (uint64_t i = 0; i < DV_CHUNK_BLOCKS; i++) {
		rank[i] = (uint16_t)n;
		n += bitmap_count(bits, i * DV_BLOCK_ROWS, (i + 1) * DV_BLOCK_ROWS);
	}
	return n;
}

static struct err *build_rank(struct deletion_vector *d)
{
	const struct row_set *s = &d->deleted;
	size_t n_used = 0;
	for (size_t i = 0; i < s->n_chunks; i++)
		n_used += s->chunks[i] != NULL;
	TRY(mem_array(s->n_chunks, sizeof(*d->chunk_rank), &d->chunk_rank));
	TRY(mem_array(n_used * DV_CHUNK_BLOCKS, sizeof(*d->rank), &d->rank));
	uint16_t *rank = d->rank;
	for (size_t i = 0; i < s->n_chunks; i++) {
		d->chunk_rank[i] = (struct chunk_rank){d->n_deleted, NULL};
		if (!s->chunks[i])
			continue;
		d->chunk_rank[i].blocks = rank;
		d->n_deleted += rank_chunk(s->chunks[i], rank);
		rank += DV_CHUNK_BLOCKS;
	}
	return NULL;
}

/* Offsets that are not below n_rows are no error if they are below the bound, and left
 * out. */
static struct err *read_below(struct cursor c, bool is_bitmap, uint64_t bound,
			      uint64_t n_rows, struct deletion_vector **ret)
{
	AUTO(deletion_vector) struct deletion_vector *d = NULL;
	TRY(mem_new(&d));
	d->n_rows = n_rows;
	TRY(row_set_init(&d->deleted, bound));
	if (is_bitmap)
		TRY(row_set_read(&d->deleted, c));
	else
		TRY(ipc_offsets_read(c, &d->deleted));
	if (n_rows < bound)
		row_set_clip(&d->deleted, n_rows);
	TRY(build_rank(d));
	*ret = TAKE(d);
	return NULL;
}

struct err *deletion_read(struct cursor c, bool is_bitmap, uint64_t n_rows,
			  struct deletion_vector **ret)
{
	return read_below(c, is_bitmap, n_rows, n_rows, ret);
}

static struct err *load_below(struct io_store *s, const char *path, bool is_bitmap,
			      uint64_t bound, uint64_t n_rows,
			      struct deletion_vector **ret)
{
	AUTO(bytes) struct bytes *file = NULL;
	TRY(io_read_all(s, path, LIMIT_DELETION_BYTES, &file));
	struct cursor c = cursor_of(file->data, file->len);
	TRY_CTX(read_below(c, is_bitmap, bound, n_rows, ret), "%s", path);
	return NULL;
}

struct err *deletion_load(struct io_store *s, const char *path, bool is_bitmap,
			  uint64_t n_rows, struct deletion_vector **ret)
{
	return load_below(s, path, is_bitmap, n_rows, n_rows, ret);
}

struct err *deletion_load_clipped(struct io_store *s, const char *path, bool is_bitmap,
				  uint64_t n_rows, struct deletion_vector **ret)
{
	return load_below(s, path, is_bitmap, ROW_SET_MAX, n_rows, ret);
}

/* The last chunk with at most i live rows before it. */
static uint64_t find_chunk(const struct deletion_vector *d, uint64_t i)
{
	uint64_t lo = 0, hi = d->deleted.n_chunks;
	while (hi - lo > 1) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (mid * ROW_SET_CHUNK - d->chunk_rank[mid].before <= i)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

uint64_t deletion_select_live(const struct deletion_vector *d, uint64_t i)
{
	if (i >= d->deleted.n_chunks * ROW_SET_CHUNK - d->n_deleted)
		return i + d->n_deleted; /* behind all deleted ones */
	uint64_t chunk = find_chunk(d, i), lo = 0, hi = DV_CHUNK_BLOCKS;
	uint64_t row = chunk * ROW_SET_CHUNK;
	i -= row - d->chunk_rank[chunk].before; /* within the chunk now */
	const uint16_t *rank = d->chunk_rank[chunk].blocks;
	if (!rank)
		return row + i;
	while (hi - lo > 1) { /* the last block with at most i live rows before it */
		uint64_t mid = lo + (hi - lo) / 2;
		if (mid * DV_BLOCK_ROWS - rank[mid] <= i)
			lo = mid;
		else
			hi = mid;
	}
	uint64_t live = lo * DV_BLOCK_ROWS - rank[lo];
	for (uint64_t off = lo * DV_BLOCK_ROWS;; off++) {
		if (bit_get(d->deleted.chunks[chunk], off))
			continue;
		if (live++ == i)
			return row + off;
	}
}
