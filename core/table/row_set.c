// SPDX-License-Identifier: Apache-2.0
/*
 * row_set.c: numbers below a bound of up to 2^32, in memory that follows what is
 * in the set and not the bound, which may be anyone's claim.
 */
#include "table/row_set_priv.h"

#include <errno.h>
#include <inttypes.h>

struct err *row_set_init(struct row_set *s, uint64_t bound)
{
	*s = (struct row_set){.bound = bound};
	if (bound > ROW_SET_MAX)
		return err_new(EIO, "%" PRIu64 " rows", bound);
	return NULL;
}

void row_set_fini(struct row_set *s)
{
	for (size_t i = 0; i < s->n_chunks; i++)
		free(s->chunks[i]);
	free(s->chunks);
	*s = (struct row_set){0};
}

static struct err *reach(struct row_set *s, size_t n_chunks)
{
	TRY(mem_grow(n_chunks, sizeof(*s->chunks), &s->cap, &s->chunks));
	memset(s->chunks + s->n_chunks, 0,
	       (n_chunks - s->n_chunks) * sizeof(*s->chunks));
	s->n_chunks = n_chunks;
	return NULL;
}

struct err *row_set_chunk(struct row_set *s, uint64_t i, uint8_t **ret)
{
	if (i >= div_ceil(s->bound, ROW_SET_CHUNK))
		return err_new(EIO, "row %" PRIu64 " of %" PRIu64, i * ROW_SET_CHUNK,
			       s->bound);
	if (i >= s->n_chunks)
		TRY(reach(s, (size_t)i + 1));
	if (!s->chunks[i])
		TRY(mem_array(ROW_SET_CHUNK / 8, 1, &s->chunks[i]));
	*ret = s->chunks[i];
	return NULL;
}

struct err *row_set_add(struct row_set *s, uint64_t row)
{
	uint8_t *bits = NULL;
	if (row >= s->bound)
		return err_new(EIO, "row %" PRIu64 " of %" PRIu64, row, s->bound);
	TRY(row_set_chunk(s, row / ROW_SET_CHUNK, &bits));
	bit_set(bits, row % ROW_SET_CHUNK);
	return NULL;
}

void row_set_remove(struct row_set *s, uint64_t row)
{
	if (row_set_has(s, row))
		bit_clear(s->chunks[row / ROW_SET_CHUNK], row % ROW_SET_CHUNK);
}

void row_set_clip(struct row_set *s, uint64_t bound)
{
	for (size_t i = (size_t)(bound / ROW_SET_CHUNK); i < s->n_chunks; i++) {
		uint64_t base = i * ROW_SET_CHUNK;
		for (uint64_t k = base < bound ? bound - base : 0;
		     s->chunks[i] && k < ROW_SET_CHUNK; k++)
			bit_clear(s->chunks[i], k);
	}
	s->bound = MIN_OF(s->bound, bound);
}

struct err *row_set_unite(struct row_set *s, const struct row_set *more)
{
	for (size_t i = 0; i < more->n_chunks; i++) {
		uint8_t *bits;
		if (!more->chunks[i])
			continue;
		TRY(row_set_chunk(s, i, &bits));
		for (size_t k = 0; k < ROW_SET_CHUNK / 8; k++)
			bits[k] |= more->chunks[i][k];
	}
	return NULL;
}

bool row_set_meets(const struct row_set *a, const struct row_set *b)
{
	for (size_t i = 0; i < MIN_OF(a->n_chunks, b->n_chunks); i++)
		for (size_t k = 0;
		     a->chunks[i] && b->chunks[i] && k < ROW_SET_CHUNK / 8; k++)
			if (a->chunks[i][k] & b->chunks[i][k])
				return true;
	return false;
}

uint64_t row_set_count(const struct row_set *s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s->n_chunks; i++)
		if (s->chunks[i])
			n += bitmap_count(s->chunks[i], 0, ROW_SET_CHUNK);
	return n;
}

uint64_t row_set_count_in(const struct row_set *s, uint64_t first, uint64_t end)
{
	uint64_t n = 0;
	while (first < end) {
		uint64_t i = first / ROW_SET_CHUNK, base = i * ROW_SET_CHUNK;
		uint64_t stop = MIN_OF(end, base + ROW_SET_CHUNK);
		if (i >= s->n_chunks)
			break;
		if (s->chunks[i])
			n += bitmap_count(s->chunks[i], first - base, stop - base);
		first = stop;
	}
	return n;
}

/* --- the Roaring form --- */

#define ROARING_COOKIE_NO_RUNS 12346
#define ROARING_COOKIE_RUNS 12347
#define ROARING_MIN_OFFSETS 4
#define ROARING_ARRAY_MAX 4096
#define ROARING_BITSET_BYTES 8192

static struct err *check_row(const struct row_set *s, uint64_t row)
{
	if (row < s->bound)
		return NULL;
	return err_new(EIO, "row %" PRIu64 " of %" PRIu64, row, s->bound);
}

static struct err *read_runs(struct cursor *c, uint64_t high, struct row_set *s)
{
	uint16_t n_runs;
	uint8_t *bits = NULL;
	TRY(cursor_u16le(c, &n_runs));
	for (unsigned i = 0; i < n_runs; i++) {
		uint16_t start, more;
		TRY(cursor_u16le(c, &start));
		TRY(cursor_u16le(c, &more));
		uint64_t end = (uint64_t)start + more + 1;
		if (end > ROW_SET_CHUNK)
			return err_new(EIO, "a run leaves its Roaring container");
		TRY(check_row(s, high * ROW_SET_CHUNK + end - 1));
		TRY(row_set_chunk(s, high, &bits));
		bitmap_set_range(bits, start, end);
	}
	return NULL;
}

static struct err *read_array(struct cursor *c, uint64_t high, uint32_t n_values,
			      struct row_set *s)
{
	for (uint32_t i = 0; i < n_values; i++) {
		uint16_t low;
		TRY(cursor_u16le(c, &low));
		TRY(row_set_add(s, high * ROW_SET_CHUNK + low));
	}
	return NULL;
}

static struct err *read_bitset(struct cursor *c, uint64_t high, struct row_set *s)
{
	struct cursor set;
	uint8_t *bits = NULL;
	uint64_t last = ROW_SET_CHUNK;
	TRY(cursor_sub(c, ROARING_BITSET_BYTES, &set));
	while (last > 0 && !bit_get(set.p, last - 1))
		last--;
	if (last == 0)
		return NULL;
	TRY(check_row(s, high * ROW_SET_CHUNK + last - 1));
	TRY(row_set_chunk(s, high, &bits));
	for (size_t i = 0; i < ROARING_BITSET_BYTES; i++)
		bits[i] |= set.p[i];
	return NULL;
}

/*
 * Source: the Roaring format specification.  Read here and not by CRoaring,
 * whose 0.2 releases trust what they deserialise.
 */
struct err *row_set_read(struct row_set *s, struct cursor c)
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
		if (has_runs && bit_get(run_flags.p, i))
			TRY(read_runs(&c, key, s));
		else if (n_less_one < ROARING_ARRAY_MAX)
			TRY(read_array(&c, key, n_less_one + 1u, s));
		else
			TRY(read_bitset(&c, key, s));
	}
	return NULL;
}

static void put_array(const uint8_t *bits, struct buf *out)
{
	for (uint32_t i = 0; i < ROW_SET_CHUNK; i++)
		if (bit_get(bits, i))
			buf_u16le(out, (uint16_t)i);
}

/* Where container i begins is told before the containers; without runs its kind, and so
 * its length, follows from how much is in it. */
static uint32_t container_bytes(uint64_t n_values)
{
	return n_values <= ROARING_ARRAY_MAX ? (uint32_t)n_values * 2
					     : ROARING_BITSET_BYTES;
}

struct err *row_set_write(const struct row_set *s, struct buf *out)
{
	AUTO_MEM uint64_t *counts = NULL;
	uint32_t n = 0;
	TRY(mem_array(s->n_chunks, sizeof(*counts), &counts));
	for (size_t i = 0; i < s->n_chunks; i++) {
		counts[i] =
			s->chunks[i] ? bitmap_count(s->chunks[i], 0, ROW_SET_CHUNK) : 0;
		n += counts[i] != 0;
	}
	buf_u32le(out, ROARING_COOKIE_NO_RUNS);
	buf_u32le(out, n);
	for (size_t i = 0; i < s->n_chunks; i++) {
		if (!counts[i])
			continue;
		buf_u16le(out, (uint16_t)i);
		buf_u16le(out, (uint16_t)(counts[i] - 1));
	}
	uint32_t at = 8 + n * 8;
	for (size_t i = 0; i < s->n_chunks; i++) {
		if (counts[i])
			buf_u32le(out, at);
		at += container_bytes(counts[i]);
	}
	for (size_t i = 0; i < s->n_chunks; i++) {
		if (counts[i] > ROARING_ARRAY_MAX)
			buf_append(out, s->chunks[i], ROARING_BITSET_BYTES);
		else if (counts[i])
			put_array(s->chunks[i], out);
	}
	return buf_check(out);
}
