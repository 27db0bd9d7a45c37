// SPDX-License-Identifier: Apache-2.0
/*
 * deletion.c: which rows of a fragment are deleted.
 *
 * A deletion file holds the complete set of deleted offsets, as a Roaring bitmap
 * or as an Arrow array in any order.  In memory it is a plain bitmap of the
 * fragment's rows with a rank index: one bit a row, and both directions of the
 * mapping between live rows and offsets are a search in the index.
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
	free(d->bits);
	free(d->rank);
	free(d);
}

static struct err *build_rank(struct deletion_vector *d)
{
	uint64_t n_blocks = div_ceil(d->n_rows, DV_BLOCK_ROWS);
	TRY(mem_array((size_t)n_blocks + 1, sizeof(*d->rank), &d->rank));
	for (uint64_t i = 0; i < n_blocks; i++) {
		uint64_t end = MIN_OF((i + 1) * DV_BLOCK_ROWS, d->n_rows);
		d->rank[i + 1] =
			d->rank[i] + bitmap_count(d->bits, i * DV_BLOCK_ROWS, end);
	}
	d->n_deleted = d->rank[n_blocks];
	return NULL;
}

struct err *deletion_load(struct io_store *s, const char *path, bool is_bitmap,
			  uint64_t n_rows, struct deletion_vector **ret)
{
	AUTO(deletion_vector) struct deletion_vector *d = NULL;
	AUTO(bytes) struct bytes *file = NULL;
	TRY(io_read_all(s, path, LIMIT_DELETION_BYTES, &file));
	TRY(mem_new(&d));
	d->n_rows = n_rows;
	/* one word more, so that whole words may be read */
	TRY(mem_array(bitmap_bytes(n_rows) + 8, 1, &d->bits));
	struct cursor c = cursor_of(file->data, file->len);
	TRY_CTX(is_bitmap ? roaring_read(c, n_rows, d->bits)
			  : ipc_offsets_read(c, n_rows, d->bits),
		"%s", path);
	TRY(build_rank(d));
	*ret = TAKE(d);
	return NULL;
}

uint64_t deletion_select_live(const struct deletion_vector *d, uint64_t i)
{
	uint64_t lo = 0, hi = div_ceil(d->n_rows, DV_BLOCK_ROWS);
	while (hi - lo > 1) { /* the last block with at most i live rows before it */
		uint64_t mid = lo + (hi - lo) / 2;
		if (mid * DV_BLOCK_ROWS - d->rank[mid] <= i)
			lo = mid;
		else
			hi = mid;
	}
	uint64_t row = lo * DV_BLOCK_ROWS;
	uint64_t live = row - d->rank[lo];
	for (;; row++) {
		if (bit_get(d->bits, row))
			continue;
		if (live++ == i)
			return row;
	}
}

/* --- the bitmap form --- */

#define ROARING_COOKIE_NO_RUNS 12346
#define ROARING_COOKIE_RUNS 12347
#define ROARING_MIN_OFFSETS 4
#define ROARING_ARRAY_MAX 4096
#define ROARING_BITSET_BYTES 8192

static struct err *mark(uint8_t *bits, uint64_t n_rows, uint64_t row)
{
	if (row >= n_rows)
		return err_new(EIO,
			       "deleted row %" PRIu64 " in a fragment of %" PRIu64
			       " rows",
			       row, n_rows);
	bit_set(bits, row);
	return NULL;
}

static struct err *read_runs(struct cursor *c, uint64_t high, uint64_t n_rows,
			     uint8_t *bits)
{
	uint16_t n_runs;
	TRY(cursor_u16le(c, &n_runs));
	for (unsigned i = 0; i < n_runs; i++) {
		uint16_t start, more;
		TRY(cursor_u16le(c, &start));
		TRY(cursor_u16le(c, &more));
		uint64_t first = high | start, end = first + more + 1;
		if (end > n_rows)
			return mark(bits, n_rows, end - 1);
		bitmap_set_range(bits, first, end);
	}
	return NULL;
}

static struct err *read_container(struct cursor *c, bool is_run, uint64_t high,
				  uint32_t n_values, uint64_t n_rows, uint8_t *bits)
{
	if (is_run)
		return read_runs(c, high, n_rows, bits);
	if (n_values <= ROARING_ARRAY_MAX) {
		for (uint32_t i = 0; i < n_values; i++) {
			uint16_t low;
			TRY(cursor_u16le(c, &low));
			TRY(mark(bits, n_rows, high | low));
		}
		return NULL;
	}
	struct cursor set;
	TRY(cursor_sub(c, ROARING_BITSET_BYTES, &set));
	for (uint64_t low = 0; low < 65536; low++)
		if (bit_get(set.p, low))
			TRY(mark(bits, n_rows, high | low));
	return NULL;
}

/*
 * Source: the Roaring format specification.  Read here and not by CRoaring,
 * whose 0.2 releases trust what they deserialise.
 */
struct err *roaring_read(struct cursor c, uint64_t n_rows, uint8_t *bits)
{
	uint32_t cookie, n_containers;
	struct cursor run_flags = {0}, keys;
	TRY(cursor_u32le(&c, &cookie));
	bool has_runs = (cookie & 0xffff) == ROARING_COOKIE_RUNS;
	if (has_runs) {
		n_containers = (cookie >> 16) + 1;
		TRY(cursor_sub(&c, div_ceil(n_containers, 8), &run_flags));
	} else if (cookie == ROARING_COOKIE_NO_RUNS) {
		TRY(cursor_u32le(&c, &n_containers));
	} else {
		return err_new(EIO, "not a Roaring bitmap (cookie %" PRIu32 ")",
			       cookie);
	}
	if (n_containers > 65536)
		return err_new(EIO, "%" PRIu32 " Roaring containers", n_containers);
	TRY(cursor_sub(&c, (uint64_t)n_containers * 4, &keys));
	if (!has_runs || n_containers >= ROARING_MIN_OFFSETS)
		TRY(cursor_skip(&c, (uint64_t)n_containers * 4));
	for (uint32_t i = 0; i < n_containers; i++) {
		uint16_t key, n_less_one;
		TRY(cursor_u16le(&keys, &key));
		TRY(cursor_u16le(&keys, &n_less_one));
		bool is_run = has_runs && bit_get(run_flags.p, i);
		TRY(read_container(&c, is_run, (uint64_t)key << 16, n_less_one + 1u,
				   n_rows, bits));
	}
	return NULL;
}
