// SPDX-License-Identifier: Apache-2.0
/*
 * lineage_move.c: rows keep their stable ids and their history in other fragments.
 *
 * Ids of a table that was appended to are ascending, with holes where rows went: a
 * range, or a range with a bitmap, tells them in few bytes.  Rows that were updated and
 * moved are in any order: a plain array.  Messages put together are one with all their
 * segments, so that a sequence is written piece by piece.
 * Source: rowids.proto; Lance's docs, "Row Lineage".
 */
#include "table/lineage_priv.h"

#include <errno.h>

#define RUN_MIN 32     /* ascending ids that are worth a segment of their own */
#define BITMAP_SPAN 16 /* ids of the range for one in it, at the most */

void lineage_fini(struct lineage *l)
{
	free(l->ids);
	free(l->created);
	free(l->updated);
	*l = (struct lineage){0};
}

/* --- taking rows along --- */

static struct err *make_room(struct lineage *l, uint64_t n)
{
	if (l->n + n <= l->cap)
		return NULL;
	uint64_t cap = MAX_OF(l->n + n, 2 * l->cap);
	TRY(mem_resize((size_t)cap, sizeof(*l->ids), &l->ids));
	TRY(mem_resize((size_t)cap, sizeof(*l->created), &l->created));
	TRY(mem_resize((size_t)cap, sizeof(*l->updated), &l->updated));
	l->cap = cap;
	return NULL;
}

struct err *lineage_add(struct lineage *l, const struct fragment *f,
			const struct row_set *rows, bool are_in)
{
	uint64_t n = f->physical_rows, at = l->n;
	if (!lineage_inline(f, SYSTEM_ROWID))
		return err_new(EOPNOTSUPP, "its row ids are not in the manifest");
	l->has_created |= lineage_inline(f, SYSTEM_CREATED) != NULL;
	l->has_updated |= lineage_inline(f, SYSTEM_UPDATED) != NULL;
	TRY(make_room(l, n));
	TRY(lineage_read(f, SYSTEM_ROWID, 0, n, l->ids + at));
	TRY(lineage_read(f, SYSTEM_CREATED, 0, n, l->created + at));
	TRY(lineage_read(f, SYSTEM_UPDATED, 0, n, l->updated + at));
	for (uint64_t row = 0; row < n; row++) {
		if ((rows && row_set_has(rows, row)) != are_in)
			continue;
		l->ids[l->n] = l->ids[at + row];
		l->created[l->n] = l->created[at + row];
		l->updated[l->n] = l->updated[at + row];
		l->n++;
	}
	return NULL;
}

/* --- ids --- */

static void put_segment(Lance__Table__U64Segment *segment, struct buf *out)
{
	Lance__Table__U64Segment *segments[] = {segment};
	Lance__Table__RowIdSequence sequence = LANCE__TABLE__ROW_ID_SEQUENCE__INIT;
	sequence.n_segments = 1;
	sequence.segments = segments;
	proto_pack(&sequence.base, out);
}

static void put_range(uint64_t first, uint64_t end, struct buf *out)
{
	Lance__Table__U64Range range = LANCE__TABLE__U64_RANGE__INIT;
	Lance__Table__U64Segment segment = LANCE__TABLE__U64_SEGMENT__INIT;
	range.start = first;
	range.end = end;
	segment.segment_case = LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE;
	segment.range = &range;
	put_segment(&segment, out);
}

static struct err *put_bitmap(const uint64_t *ids, uint64_t n, struct buf *out)
{
	Lance__Table__U64RangeWithBitmap range =
		LANCE__TABLE__U64_RANGE_WITH_BITMAP__INIT;
	Lance__Table__U64Segment segment = LANCE__TABLE__U64_SEGMENT__INIT;
	AUTO_MEM uint8_t *bits = NULL;
	range.start = ids[0];
	range.end = ids[n - 1] + 1;
	size_t len = bitmap_bytes(range.end - range.start);
	TRY(mem_array(len, 1, &bits));
	for (uint64_t i = 0; i < n; i++)
		bit_set(bits, ids[i] - range.start);
	range.bitmap.data = bits;
	range.bitmap.len = len;
	segment.segment_case = LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE_WITH_BITMAP;
	segment.range_with_bitmap = &range;
	put_segment(&segment, out);
	return NULL;
}

static struct err *put_array(const uint64_t *ids, uint64_t n, struct buf *out)
{
	Lance__Table__U64Array values = LANCE__TABLE__U64_ARRAY__INIT;
	Lance__Table__EncodedU64Array array = LANCE__TABLE__ENCODED_U64_ARRAY__INIT;
	Lance__Table__U64Segment segment = LANCE__TABLE__U64_SEGMENT__INIT;
	AUTO_BUF struct buf bytes = {0};
	for (uint64_t i = 0; i < n; i++)
		buf_u64le(&bytes, ids[i]);
	TRY(buf_check(&bytes));
	values.values.data = bytes.data;
	values.values.len = bytes.len;
	array.array_case = LANCE__TABLE__ENCODED_U64_ARRAY__ARRAY_U64_ARRAY;
	array.u64_array = &values;
	segment.segment_case = LANCE__TABLE__U64_SEGMENT__SEGMENT_ARRAY;
	segment.array = &array;
	put_segment(&segment, out);
	return NULL;
}

/* The end of the ids from `first` on that are ascending and close to each other. */
static uint64_t end_of_run(const uint64_t *ids, uint64_t first, uint64_t n)
{
	uint64_t end = first + 1;
	while (end < n && ids[end] > ids[end - 1] &&
	       ids[end] - ids[end - 1] <= BITMAP_SPAN)
		end++;
	return end;
}

static struct err *put_ids(const uint64_t *ids, uint64_t n, struct buf *out)
{
	uint64_t plain = 0; /* ids from here to .first are in no run */
	for (uint64_t first = 0, end; first < n; first = end) {
		end = end_of_run(ids, first, n);
		uint64_t len = end - first;
		if (len < RUN_MIN && len < n)
			continue;
		if (plain < first)
			TRY(put_array(ids + plain, first - plain, out));
		plain = end;
		if (ids[end - 1] - ids[first] == len - 1)
			put_range(ids[first], ids[end - 1] + 1, out);
		else
			TRY(put_bitmap(ids + first, len, out));
	}
	return plain < n ? put_array(ids + plain, n - plain, out) : NULL;
}

/* --- giving them to a fragment --- */

static struct err *set_created(Lance__Table__DataFragment *f, const uint64_t *created)
{
	AUTO_BUF struct buf runs = {0};
	lineage_put_runs(created, f->physical_rows, &runs);
	TRY(lineage_take(&runs, &f->inline_created_at_versions));
	f->created_at_case =
		LANCE__TABLE__DATA_FRAGMENT__CREATED_AT_INLINE_CREATED_AT_VERSIONS;
	return NULL;
}

static struct err *set_updated(Lance__Table__DataFragment *f, const uint64_t *updated)
{
	AUTO_BUF struct buf runs = {0};
	lineage_put_runs(updated, f->physical_rows, &runs);
	TRY(lineage_take(&runs, &f->inline_last_updated_at_versions));
	f->last_updated_at_case =
		LANCE__TABLE__DATA_FRAGMENT__LAST_UPDATED_AT_INLINE_LAST_UPDATED_AT_VERSIONS;
	return NULL;
}

struct err *fragment_set_lineage(Lance__Table__DataFragment *f, const struct lineage *l,
				 uint64_t first, uint64_t version)
{
	AUTO_BUF struct buf ids = {0};
	if (first > l->n || f->physical_rows > l->n - first)
		return err_new(EINVAL, "fewer row ids than rows");
	TRY(put_ids(l->ids + first, f->physical_rows, &ids));
	TRY(lineage_take(&ids, &f->inline_row_ids));
	f->row_ids_case = LANCE__TABLE__DATA_FRAGMENT__ROW_IDS_INLINE_ROW_IDS;
	if (l->has_created || version)
		TRY(set_created(f, l->created + first));
	if (version)
		return fragment_set_updated(f, version);
	return l->has_updated ? set_updated(f, l->updated + first) : NULL;
}
