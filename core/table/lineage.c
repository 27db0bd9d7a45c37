// SPDX-License-Identifier: Apache-2.0
/*
 * lineage.c: the columns that Lance computes for every table: row ids, row
 * addresses, and the versions that made and last changed a row.
 *
 * Without stable row ids a row's id is its address, fragment << 32 | offset, and
 * both versions are told as 1.  With them each fragment carries sequences of
 * segments, run-length coded, or as hidden columns of a data file ("spilled").
 * Source: Lance's docs, "Row Lineage"; rowids.proto.
 */
#include "table/lineage_priv.h"

#include <errno.h>
#include <inttypes.h>

static const char *const names[N_SYSTEM_FIELDS] = {
	[SYSTEM_ROWID] = "_rowid",
	[SYSTEM_CREATED] = "_row_created_at_version",
	[SYSTEM_UPDATED] = "_row_last_updated_at_version",
	[SYSTEM_ROWADDR] = "_rowaddr",
	[SYSTEM_ROWOFFSET] = "_rowoffset",
};

/* The hidden columns' ids in data files; the others have none, and take the next. */
static int32_t field_id(enum system_field which)
{
	return -3 - (int32_t)which;
}

static enum system_field which_field(const struct field *f)
{
	return (enum system_field)(-3 - f->id);
}

bool field_is_system(const struct field *f)
{
	return f->id <= -3 && f->id > -3 - N_SYSTEM_FIELDS;
}

const char *system_field_name(size_t i)
{
	return i < N_SYSTEM_FIELDS ? names[i] : NULL;
}

struct err *system_fields_new(struct field **fields)
{
	AUTO(type) struct type *type = NULL;
	TRY(type_new(TYPE_UINT64, &type));
	for (size_t i = 0; i < N_SYSTEM_FIELDS; i++) {
		TRY(field_new(names[i], type, false, &fields[i]));
		fields[i]->id = field_id((enum system_field)i);
	}
	return NULL;
}

/* --- segments --- */

static uint64_t encoded_len(const Lance__Table__EncodedU64Array *a)
{
	switch (a->array_case) {
	case LANCE__TABLE__ENCODED_U64_ARRAY__ARRAY_U16_ARRAY:
		return a->u16_array->offsets.len / 2;
	case LANCE__TABLE__ENCODED_U64_ARRAY__ARRAY_U32_ARRAY:
		return a->u32_array->offsets.len / 4;
	case LANCE__TABLE__ENCODED_U64_ARRAY__ARRAY_U64_ARRAY:
		return a->u64_array->values.len / 8;
	default:
		return 0;
	}
}

static uint64_t encoded_at(const Lance__Table__EncodedU64Array *a, uint64_t i)
{
	switch (a->array_case) {
	case LANCE__TABLE__ENCODED_U64_ARRAY__ARRAY_U16_ARRAY:
		return a->u16_array->base_value +
		       load_u16le(a->u16_array->offsets.data + i * 2);
	case LANCE__TABLE__ENCODED_U64_ARRAY__ARRAY_U32_ARRAY:
		return a->u32_array->base_value +
		       load_u32le(a->u32_array->offsets.data + i * 4);
	default:
		return load_u64le(a->u64_array->values.data + i * 8);
	}
}

static const Lance__Table__EncodedU64Array *
plain_array(const Lance__Table__U64Segment *s)
{
	if (s->segment_case == LANCE__TABLE__U64_SEGMENT__SEGMENT_SORTED_ARRAY)
		return s->sorted_array;
	if (s->segment_case == LANCE__TABLE__U64_SEGMENT__SEGMENT_ARRAY)
		return s->array;
	return NULL;
}

static struct err *range_len(uint64_t start, uint64_t end, uint64_t *ret)
{
	if (end < start)
		return err_new(EIO, "a row id range from %" PRIu64 " to %" PRIu64,
			       start, end);
	*ret = end - start;
	return NULL;
}

static struct err *segment_len(const Lance__Table__U64Segment *s, uint64_t *ret)
{
	const Lance__Table__U64RangeWithHoles *h;
	const Lance__Table__U64RangeWithBitmap *b;
	uint64_t n;
	switch (s->segment_case) {
	case LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE:
		return range_len(s->range->start, s->range->end, ret);
	case LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE_WITH_HOLES:
		h = s->range_with_holes;
		TRY(range_len(h->start, h->end, &n));
		if (h->holes && encoded_len(h->holes) > n)
			return err_new(EIO, "a row id range with more holes than rows");
		*ret = n - (h->holes ? encoded_len(h->holes) : 0);
		return NULL;
	case LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE_WITH_BITMAP:
		b = s->range_with_bitmap;
		TRY(range_len(b->start, b->end, &n));
		if (b->bitmap.len < n / 8 + (n % 8 != 0))
			return err_new(EIO, "a row id range with a short bitmap");
		*ret = bitmap_count(b->bitmap.data, 0, n);
		return NULL;
	default:
		*ret = plain_array(s) ? encoded_len(plain_array(s)) : 0;
		return NULL;
	}
}

/* Values [first, first + n) of a range without its holes, which are sorted. */
static void read_holes(const Lance__Table__U64RangeWithHoles *h, uint64_t first,
		       uint64_t n, uint64_t *dst)
{
	uint64_t n_holes = h->holes ? encoded_len(h->holes) : 0;
	/* hole i stands after (its value - start - i) values: find the first one past
	 * the place where we begin */
	uint64_t lo = 0, hi = n_holes;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (encoded_at(h->holes, mid) - h->start - mid <= first)
			lo = mid + 1;
		else
			hi = mid;
	}
	uint64_t value = h->start + first + lo;
	for (uint64_t i = 0; i < n; value++) {
		if (lo < n_holes && encoded_at(h->holes, lo) == value)
			lo++;
		else
			dst[i++] = value;
	}
}

static void read_bitmap(const Lance__Table__U64RangeWithBitmap *b, uint64_t first,
			uint64_t n, uint64_t *dst)
{
	uint64_t end = b->end - b->start, bit = 0;
	while (bit + 8 <= end) { /* whole bytes before the first value */
		uint64_t ones = bitmap_count(b->bitmap.data, bit, bit + 8);
		if (ones > first)
			break;
		first -= ones;
		bit += 8;
	}
	for (uint64_t i = 0; bit < end && i < n; bit++) {
		if (!bit_get(b->bitmap.data, bit))
			continue;
		if (first)
			first--;
		else
			dst[i++] = b->start + bit;
	}
}

/* Values [first, first + n), which the segment has. */
static void segment_read(const Lance__Table__U64Segment *s, uint64_t first, uint64_t n,
			 uint64_t *dst)
{
	const Lance__Table__EncodedU64Array *a = plain_array(s);
	switch (s->segment_case) {
	case LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE:
		for (uint64_t i = 0; i < n; i++)
			dst[i] = s->range->start + first + i;
		break;
	case LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE_WITH_HOLES:
		read_holes(s->range_with_holes, first, n, dst);
		break;
	case LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE_WITH_BITMAP:
		read_bitmap(s->range_with_bitmap, first, n, dst);
		break;
	default:
		for (uint64_t i = 0; i < n; i++)
			dst[i] = encoded_at(a, first + i);
	}
}

/* --- sequences --- */

static struct err *too_short(uint64_t end)
{
	return err_new(EIO, "row %" PRIu64 " is past the end of a row sequence", end);
}

static struct err *read_ids(const ProtobufCBinaryData *inl, uint64_t first,
			    uint64_t end, uint64_t *dst)
{
	AUTO_PROTO Lance__Table__RowIdSequence *sequence = NULL;
	uint64_t at = 0, n;
	TRY(PROTO_UNPACK(lance__table__row_id_sequence, inl->data, inl->len,
			 &sequence));
	for (size_t i = 0; i < sequence->n_segments && first < end; i++, at += n) {
		TRY(segment_len(sequence->segments[i], &n));
		if (n > UINT64_MAX - at)
			return err_new(EIO, "a row sequence that is too long");
		uint64_t stop = MIN_OF(end, at + n);
		if (first >= stop)
			continue;
		segment_read(sequence->segments[i], first - at, stop - first, dst);
		dst += stop - first;
		first = stop;
	}
	return first < end ? too_short(end) : NULL;
}

/* Runs are consumed in order: what the values of a span are does not matter. */
static struct err *read_versions(const ProtobufCBinaryData *inl, uint64_t first,
				 uint64_t end, uint64_t *dst)
{
	AUTO_PROTO Lance__Table__RowDatasetVersionSequence *sequence = NULL;
	uint64_t at = 0, n;
	TRY(PROTO_UNPACK(lance__table__row_dataset_version_sequence, inl->data,
			 inl->len, &sequence));
	for (size_t i = 0; i < sequence->n_runs && first < end; i++, at += n) {
		const Lance__Table__RowDatasetVersionRun *run = sequence->runs[i];
		n = 0;
		if (run->span)
			TRY(segment_len(run->span, &n));
		if (n > UINT64_MAX - at)
			return err_new(EIO, "a row sequence that is too long");
		for (; first < MIN_OF(end, at + n); first++)
			*dst++ = run->version;
	}
	return first < end ? too_short(end) : NULL;
}

/* --- of a fragment --- */

const ProtobufCBinaryData *lineage_inline(const struct fragment *f,
					  enum system_field which)
{
	const Lance__Table__DataFragment *p = f->proto;
	switch (which) {
	case SYSTEM_ROWID:
		return p->row_ids_case ==
				       LANCE__TABLE__DATA_FRAGMENT__ROW_IDS_INLINE_ROW_IDS
			       ? &p->inline_row_ids
			       : NULL;
	case SYSTEM_CREATED:
		return p->created_at_case ==
				       LANCE__TABLE__DATA_FRAGMENT__CREATED_AT_INLINE_CREATED_AT_VERSIONS
			       ? &p->inline_created_at_versions
			       : NULL;
	case SYSTEM_UPDATED:
		return p->last_updated_at_case ==
				       LANCE__TABLE__DATA_FRAGMENT__LAST_UPDATED_AT_INLINE_LAST_UPDATED_AT_VERSIONS
			       ? &p->inline_last_updated_at_versions
			       : NULL;
	default:
		return NULL;
	}
}

const Lance__Table__DataFile *system_field_file(const struct fragment *f,
						const struct field *field)
{
	for (size_t i = 0; i < f->proto->n_files; i++)
		for (size_t k = 0; k < f->proto->files[i]->n_fields; k++)
			if (f->proto->files[i]->fields[k] == field->id)
				return f->proto->files[i];
	return NULL;
}

uint64_t system_field_key(const struct fragment *f, const struct field *field)
{
	const ProtobufCBinaryData *inl = lineage_inline(f, which_field(field));
	const Lance__Table__DataFile *file = system_field_file(f, field);
	uint64_t key = hash_mix(f->id, f->first_row);
	if (inl)
		key = hash_bytes(inl->data, inl->len, key);
	return file ? hash_str(file->path, key) : key;
}

struct err *lineage_read(const struct fragment *f, enum system_field which,
			 uint64_t first, uint64_t end, uint64_t *dst)
{
	const ProtobufCBinaryData *inl = lineage_inline(f, which);
	if (inl && which == SYSTEM_ROWID)
		return read_ids(inl, first, end, dst);
	if (inl)
		return read_versions(inl, first, end, dst);
	bool is_address = which == SYSTEM_ROWID || which == SYSTEM_ROWADDR;
	for (uint64_t off = first; off < end; off++)
		dst[off - first] = is_address ? f->id << 32 | off : 1;
	return NULL;
}

struct err *system_field_read(const struct fragment *f, const struct field *field,
			      uint64_t first, uint64_t end, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(field->type, end - first, &a));
	TRY(bytes_new((size_t)(end - first) * sizeof(uint64_t), &a->data));
	TRY(lineage_read(f, which_field(field), first, end,
			 (uint64_t *)(void *)a->data->data));
	*ret = TAKE(a);
	return NULL;
}

struct err *row_offsets_new(const struct field *field, uint64_t first, uint64_t end,
			    struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(field->type, end - first, &a));
	TRY(bytes_new((size_t)(end - first) * sizeof(uint64_t), &a->data));
	uint64_t *dst = (uint64_t *)(void *)a->data->data;
	for (uint64_t row = first; row < end; row++)
		dst[row - first] = row;
	*ret = TAKE(a);
	return NULL;
}

/* --- what commits say of rows --- */

/* All values of [first, end), as one segment. */
static void range_segment(uint64_t first, uint64_t end, Lance__Table__U64Range *range,
			  Lance__Table__U64Segment *segment)
{
	lance__table__u64_range__init(range);
	lance__table__u64_segment__init(segment);
	range->start = first;
	range->end = end;
	segment->segment_case = LANCE__TABLE__U64_SEGMENT__SEGMENT_RANGE;
	segment->range = range;
}

static struct err *pack(const ProtobufCMessage *m, ProtobufCBinaryData *ret)
{
	struct buf out = {0};
	proto_pack(m, &out);
	TRY(buf_check(&out));
	ret->data = out.data;
	ret->len = out.len;
	return NULL;
}

/* Append a run: rows [first, end) are of one version. */
static void put_run(uint64_t first, uint64_t end, uint64_t version, struct buf *out)
{
	Lance__Table__U64Range range;
	Lance__Table__U64Segment span;
	Lance__Table__RowDatasetVersionRun run =
		LANCE__TABLE__ROW_DATASET_VERSION_RUN__INIT;
	Lance__Table__RowDatasetVersionRun *runs[] = {&run};
	Lance__Table__RowDatasetVersionSequence sequence =
		LANCE__TABLE__ROW_DATASET_VERSION_SEQUENCE__INIT;
	range_segment(first, end, &range, &span);
	run.span = &span;
	run.version = version;
	sequence.n_runs = 1;
	sequence.runs = runs;
	proto_pack(&sequence.base, out); /* messages put together are one with all */
}

void lineage_put_runs(const uint64_t *versions, uint64_t n, struct buf *out)
{
	uint64_t first = 0;
	for (uint64_t row = 1; row <= n; row++) {
		if (row < n && versions[row] == versions[first])
			continue;
		put_run(first, row, versions[first], out);
		first = row;
	}
}

struct err *lineage_take(struct buf *from, ProtobufCBinaryData *ret)
{
	TRY(buf_check(from));
	ret->len = from->len;
	ret->data = TAKE(from->data);
	return NULL;
}

/* n rows of one version. */
static struct err *pack_versions(uint64_t n, uint64_t version, ProtobufCBinaryData *ret)
{
	AUTO_BUF struct buf out = {0};
	put_run(0, n, version, &out);
	return lineage_take(&out, ret);
}

static struct err *replace_updated(Lance__Table__DataFragment *f, struct buf *from)
{
	ProtobufCBinaryData sequence;
	TRY(lineage_take(from, &sequence));
	if (f->last_updated_at_case)
		free(f->inline_last_updated_at_versions.data);
	f->inline_last_updated_at_versions = sequence;
	f->last_updated_at_case =
		LANCE__TABLE__DATA_FRAGMENT__LAST_UPDATED_AT_INLINE_LAST_UPDATED_AT_VERSIONS;
	return NULL;
}

struct err *fragment_set_updated(Lance__Table__DataFragment *f, uint64_t version)
{
	AUTO_BUF struct buf out = {0};
	put_run(0, f->physical_rows, version, &out);
	return replace_updated(f, &out);
}

struct err *fragment_set_rows_updated(Lance__Table__DataFragment *f,
				      const struct row_set *rows, uint64_t version)
{
	AUTO_BUF struct buf out = {0};
	AUTO_MEM uint64_t *versions = NULL;
	const struct fragment now = {.proto = f, .id = f->id};
	uint64_t n = f->physical_rows;
	TRY(mem_array((size_t)n, sizeof(*versions), &versions));
	TRY(lineage_read(&now, SYSTEM_UPDATED, 0, n, versions));
	for (uint64_t row = 0; row < n; row++)
		if (row_set_has(rows, row))
			versions[row] = version;
	lineage_put_runs(versions, n, &out);
	return replace_updated(f, &out);
}

struct err *fragment_set_created(Lance__Table__DataFragment *f, uint64_t version)
{
	TRY(pack_versions(f->physical_rows, version, &f->inline_created_at_versions));
	f->created_at_case =
		LANCE__TABLE__DATA_FRAGMENT__CREATED_AT_INLINE_CREATED_AT_VERSIONS;
	return NULL;
}

struct err *fragment_set_row_ids(Lance__Table__DataFragment *f, uint64_t first)
{
	Lance__Table__U64Range range;
	Lance__Table__U64Segment segment;
	Lance__Table__U64Segment *segments[] = {&segment};
	Lance__Table__RowIdSequence sequence = LANCE__TABLE__ROW_ID_SEQUENCE__INIT;
	range_segment(first, first + f->physical_rows, &range, &segment);
	sequence.n_segments = 1;
	sequence.segments = segments;
	TRY(pack(&sequence.base, &f->inline_row_ids));
	f->row_ids_case = LANCE__TABLE__DATA_FRAGMENT__ROW_IDS_INLINE_ROW_IDS;
	return NULL;
}
