// SPDX-License-Identifier: Apache-2.0
/*
 * v20.c: reading pages of 2.0 files.
 *
 * A page is a tree of array encodings whose leaves name buffers.  All but
 * compressed buffers are addressed directly: a fixed-width row is one read, a
 * string two.  Nulls of strings and lists hide in the ends, which lie over an
 * adjustment then; ends count from the page's first byte or item.
 * Source: encodings_v2_0.proto, message ArrayEncoding.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

typedef Lance__Enc__ArrayEncoding ae;
#define AE(which) LANCE__ENC__ARRAY_ENCODING__ARRAY_ENCODING_##which

#define MAX_DEPTH 16

/* What is being read: the rows, and where from. */
struct v20_reader {
	const struct page_source *source;
	bool is_dictionary;
};

static struct err *check_buffer(const struct v20_reader *r,
				const Lance__Enc__V20Buffer *b, uint64_t *ret_size)
{
	if (!b)
		return err_new(EIO, "no buffer named");
	if (b->buffer_type != 0)
		return err_new(EOPNOTSUPP, "buffers of kind %d", b->buffer_type);
	if (b->buffer_index >= r->source->n_buffers)
		return err_new(EIO, "buffer %u of %u", b->buffer_index,
			       r->source->n_buffers);
	*ret_size = r->source->sizes[b->buffer_index];
	return NULL;
}

/* len bytes at off of a buffer. */
static struct err *read_range(const struct v20_reader *r,
			      const Lance__Enc__V20Buffer *b, uint64_t off,
			      uint64_t len, struct bytes **ret)
{
	uint64_t size;
	AUTO(bytes) struct bytes *bytes = NULL;
	TRY(check_buffer(r, b, &size));
	if (off > size || len > size - off || len > LIMIT_BUFFER_BYTES)
		return err_new(
			EIO, "buffer %u: %" PRIu64 " bytes at %" PRIu64 " of %" PRIu64,
			b->buffer_index, len, off, size);
	TRY(bytes_new((size_t)len, &bytes));
	if (len)
		TRY(r->source->read(r->source->ctx, b->buffer_index, off, (size_t)len,
				    bytes->data));
	*ret = TAKE(bytes);
	return NULL;
}

/* "none" is what a writer notes that was told not to compress. */
static bool is_compressed(const Lance__Enc__V20Flat *f)
{
	return f->compression && f->compression->scheme[0] &&
	       strcmp(f->compression->scheme, "none") != 0;
}

static struct err *scheme_of(const Lance__Enc__V20Compression *c, int *ret)
{
	if (strcmp(c->scheme, "zstd") == 0)
		*ret = SCHEME_ZSTD;
	else if (strcmp(c->scheme, "lz4") == 0)
		*ret = SCHEME_LZ4;
	else
		return err_new(EOPNOTSUPP, "compression %s", c->scheme);
	return NULL;
}

/* A flat buffer's values [first, first + n): bytes, and the bit they start at. */
static struct err *read_flat(const struct v20_reader *r, const Lance__Enc__V20Flat *f,
			     uint64_t first, uint64_t n, struct bytes **ret,
			     uint64_t *ret_bit)
{
	AUTO(bytes) struct bytes *packed = NULL;
	AUTO(bytes) struct bytes *all = NULL;
	uint64_t start, end, size;
	int scheme = 0;
	if (ckd_mul(&start, first, f->bits_per_value) ||
	    ckd_mul(&end, first + n, f->bits_per_value) || first + n < first)
		return err_new(EIO, "flat: %" PRIu64 " bits a value",
			       f->bits_per_value);
	if (!is_compressed(f)) {
		*ret_bit = start % 8;
		return read_range(r, f->buffer, start / 8, div_ceil(end, 8) - start / 8,
				  ret);
	}
	TRY(scheme_of(f->compression, &scheme));
	TRY(check_buffer(r, f->buffer, &size));
	TRY(read_range(r, f->buffer, 0, size, &packed));
	TRY(general_expand(scheme, cursor_of(packed->data, packed->len),
			   LIMIT_BUFFER_BYTES, &all));
	if (div_ceil(end, 8) > all->len)
		return err_new(EIO, "flat: %" PRIu64 " values in %zu bytes", first + n,
			       all->len);
	*ret_bit = start;
	*ret = TAKE(all);
	return NULL;
}

/* Bit-packed numbers as flat ones of `bits` each. */
static struct err *read_bit_stream(const struct v20_reader *r,
				   const Lance__Enc__V20Bitpacked *p, uint64_t first,
				   uint64_t n, struct bytes **ret)
{
	AUTO(bytes) struct bytes *in = NULL;
	AUTO(bytes) struct bytes *out = NULL;
	uint64_t w = p->compressed_bits_per_value,
		 bits = p->uncompressed_bits_per_value;
	if (w == 0 || w > bits || bits > 64 || bits % 8 || first > LIMIT_PAGE_ROWS ||
	    n > LIMIT_PAGE_ROWS)
		return err_new(EIO, "bitpacked: %" PRIu64 " bits in %" PRIu64, bits, w);
	uint64_t start = first * w / 8;
	TRY(read_range(r, p->buffer, start, div_ceil((first + n) * w, 8) - start, &in));
	TRY(bytes_new((size_t)(n * bits / 8), &out));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t v = 0, at = (first + i) * w - start * 8;
		for (uint64_t k = 0; k < w; k++)
			v |= (uint64_t)bit_get(in->data, at + k) << k;
		if (p->is_signed && w < 64 && v >> (w - 1))
			v |= ~(uint64_t)0 << w;
		memcpy(out->data + i * (bits / 8), &v, bits / 8);
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *read_vectors(const struct v20_reader *r,
				const Lance__Enc__V20BitpackedForNonNeg *p,
				uint64_t first, uint64_t n, struct bytes **ret)
{
	uint64_t vector[1024];
	AUTO(bytes) struct bytes *in = NULL;
	AUTO(bytes) struct bytes *out = NULL;
	uint64_t w = p->compressed_bits_per_value,
		 bits = p->uncompressed_bits_per_value;
	if (w > bits || (bits != 8 && bits != 16 && bits != 32 && bits != 64) ||
	    first > LIMIT_PAGE_ROWS || n > LIMIT_PAGE_ROWS)
		return err_new(EIO, "bitpacked: %" PRIu64 " bits in %" PRIu64, bits, w);
	uint64_t start = first / 1024, stop = div_ceil(first + n, 1024),
		 size = bits / 8;
	TRY(read_range(r, p->buffer, start * w * 128, (stop - start) * w * 128, &in));
	TRY(bytes_new((size_t)(n * size), &out));
	for (uint64_t k = start; k < stop; k++) {
		uint64_t low = MAX_OF(first, k * 1024),
			 high = MIN_OF(first + n, (k + 1) * 1024);
		bitpack_unpack((unsigned)bits, (unsigned)w,
			       in->data + (k - start) * w * 128, vector);
		memcpy(out->data + (low - first) * size,
		       (uint8_t *)vector + (low - k * 1024) * size,
		       (high - low) * size);
	}
	*ret = TAKE(out);
	return NULL;
}

/* Numbers [first, first + n) of any encoding that holds such: bytes, first bit, width.
 */
static struct err *read_numbers(const struct v20_reader *r, const ae *m, uint64_t first,
				uint64_t n, struct bytes **ret, uint64_t *ret_bit,
				uint64_t *ret_width)
{
	*ret_bit = 0;
	if (m && m->array_encoding_case == AE(NULLABLE) &&
	    m->nullable->nullability_case ==
		    LANCE__ENC__V20_NULLABLE__NULLABILITY_NO_NULLS)
		m = m->nullable->no_nulls->values;
	switch (m ? (int)m->array_encoding_case : 0) {
	case AE(FLAT):
		*ret_width = m->flat->bits_per_value;
		return read_flat(r, m->flat, first, n, ret, ret_bit);
	case AE(BITPACKED):
		*ret_width = m->bitpacked->uncompressed_bits_per_value;
		return read_bit_stream(r, m->bitpacked, first, n, ret);
	case AE(BITPACKED_FOR_NON_NEG):
		*ret_width = m->bitpacked_for_non_neg->uncompressed_bits_per_value;
		return read_vectors(r, m->bitpacked_for_non_neg, first, n, ret);
	default:
		return err_new(EOPNOTSUPP, "array encoding %d where numbers belong",
			       m ? (int)m->array_encoding_case : 0);
	}
}

/* The same as 64-bit numbers. */
static struct err *read_u64(const struct v20_reader *r, const ae *m, uint64_t first,
			    uint64_t n, uint64_t **ret)
{
	AUTO(bytes) struct bytes *b = NULL;
	AUTO_MEM uint64_t *out = NULL;
	uint64_t bit, width;
	TRY(read_numbers(r, m, first, n, &b, &bit, &width));
	if (width != 8 && width != 16 && width != 32 && width != 64)
		return err_new(EIO, "numbers of %" PRIu64 " bits", width);
	TRY(mem_array((size_t)n, sizeof(*out), &out));
	for (uint64_t i = 0; i < n; i++)
		memcpy(&out[i], b->data + bit / 8 + i * (width / 8), width / 8);
	*ret = TAKE(out);
	return NULL;
}

/* --- nulls --- */

static struct err *append_stops(struct slots *out, const uint8_t *bits, uint64_t first,
				uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		TRY(slots_push(out, false, 0, bits && !bit_get(bits, first + i)));
	return NULL;
}

static struct err *append_nulls(struct slots *out, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		TRY(slots_push(out, false, 0, SLOT_NULL(0)));
	return NULL;
}

/* --- values --- */

static struct err *read_values(const struct v20_reader *r, const ae *m, int depth,
			       uint64_t first, uint64_t n, struct slots *out);

/* Fixed-width values inside their lists; items' nulls become bitmaps. */
static struct err *read_items(const struct v20_reader *r, const ae *m, unsigned dim,
			      uint64_t items, uint64_t first, uint64_t n,
			      struct values *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	uint64_t bit, width;
	if (dim == out->type->n_dims) {
		TRY(read_numbers(r, m, first * items, n * items, &b, &bit, &width));
		if (width * items != out->type->bits)
			return err_new(EIO,
				       "%" PRIu64 " bits a value where the column has "
				       "%" PRIu64,
				       width * items, out->type->bits);
		/* bit is a multiple of the width, or within the first byte */
		if (width % 8 == 0)
			return values_append_fixed(out, b->data + bit / 8, 0, n);
		return values_append_bits(out, b->data, bit, n);
	}
	if (!m || m->array_encoding_case != AE(FIXED_SIZE_LIST) ||
	    m->fixed_size_list->dimension != out->type->dims[dim])
		return err_new(EIO, "not a list of %u items", out->type->dims[dim]);
	items *= out->type->dims[dim];
	m = m->fixed_size_list->items;
	if (!m || m->array_encoding_case != AE(NULLABLE))
		return read_items(r, m, dim + 1, items, first, n, out);
	if (m->nullable->nullability_case ==
	    LANCE__ENC__V20_NULLABLE__NULLABILITY_NO_NULLS)
		return read_items(r, m->nullable->no_nulls->values, dim + 1, items,
				  first, n, out);
	if (m->nullable->nullability_case ==
	    LANCE__ENC__V20_NULLABLE__NULLABILITY_ALL_NULLS) {
		TRY(values_append_zero(out, n));
		TRY(bytes_new_zero(bitmap_bytes(n * items), &b));
		return values_append_items(out, dim, b->data, 0, n * items);
	}
	if (m->nullable->nullability_case !=
	    LANCE__ENC__V20_NULLABLE__NULLABILITY_SOME_NULLS)
		return err_new(EIO, "nullable of unknown kind");
	TRY(read_items(r, m->nullable->some_nulls->values, dim + 1, items, first, n,
		       out));
	TRY(read_numbers(r, m->nullable->some_nulls->validity, first * items, n * items,
			 &b, &bit, &width));
	if (width != 1)
		return err_new(EIO, "validity of %" PRIu64 " bits", width);
	return values_append_items(out, dim, b->data, bit, n * items);
}

static struct err *read_nullable(const struct v20_reader *r,
				 const Lance__Enc__V20Nullable *m, int depth,
				 uint64_t first, uint64_t n, struct slots *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	uint64_t bit, width;
	switch (m->nullability_case) {
	case LANCE__ENC__V20_NULLABLE__NULLABILITY_NO_NULLS:
		return read_values(r, m->no_nulls->values, depth, first, n, out);
	case LANCE__ENC__V20_NULLABLE__NULLABILITY_ALL_NULLS:
		TRY(append_nulls(out, n));
		return values_append_zero(&out->values, n);
	case LANCE__ENC__V20_NULLABLE__NULLABILITY_SOME_NULLS:
		break;
	default:
		return err_new(EIO, "nullable of unknown kind");
	}
	TRY(read_numbers(r, m->some_nulls->validity, first, n, &b, &bit, &width));
	if (width != 1)
		return err_new(EIO, "validity of %" PRIu64 " bits", width);
	struct slots inner = {0};
	TRY(slots_init(&inner, out->values.type));
	/* the inner slots only count; the values go where they belong */
	struct values empty = inner.values;
	inner.values = out->values;
	struct err *err =
		read_values(r, m->some_nulls->values, depth, first, n, &inner);
	out->values = inner.values;
	inner.values = empty;
	slots_fini(&inner);
	if (err)
		return err;
	return append_stops(out, b->data, bit, n);
}

/* Ends [first, first + n) and the start of the first; nulls told and taken out. */
static struct err *read_ends(const struct v20_reader *r, const ae *m, uint64_t first,
			     uint64_t n, uint64_t adjustment, struct v20_lists *ret)
{
	AUTO_MEM uint64_t *raw = NULL;
	bool has_start = first > 0;
	TRY(read_u64(r, m, first - has_start, n + has_start, &raw));
	TRY(mem_array((size_t)n, sizeof(*ret->ends), &ret->ends));
	TRY(mem_array((size_t)n, sizeof(*ret->is_null), &ret->is_null));
	uint64_t at = 0;
	for (uint64_t i = 0; i < n + has_start; i++) {
		bool is_null = adjustment && raw[i] >= adjustment;
		uint64_t end = is_null ? raw[i] - adjustment : raw[i];
		if (end < at)
			return err_new(EIO,
				       "row %" PRIu64 " ends at %" PRIu64
				       " after %" PRIu64,
				       first + i, end, at);
		at = end;
		if (i < has_start) {
			ret->first_item = end;
			continue;
		}
		ret->ends[i - has_start] = end;
		ret->is_null[i - has_start] = is_null;
	}
	return NULL;
}

void v20_lists_fini(struct v20_lists *l)
{
	free(l->ends);
	free(l->is_null);
	*l = (struct v20_lists){0};
}

static void auto_lists(struct v20_lists *l)
{
	v20_lists_fini(l);
}
#define AUTO_LISTS __attribute__((cleanup(auto_lists)))

/* Values of a binary encoding, expanded if there is a table. */
static struct err *read_binary(const struct v20_reader *r,
			       const Lance__Enc__V20Binary *m,
			       const struct fsst_table *table, uint64_t first,
			       uint64_t n, struct slots *out)
{
	struct v20_lists l AUTO_LISTS = {0};
	AUTO(bytes) struct bytes *b = NULL;
	struct values *v = &out->values;
	uint64_t bit, width;
	TRY(expect_var(v));
	TRY(read_ends(r, m->indices, first, n, m->null_adjustment, &l));
	uint64_t len = (n ? l.ends[n - 1] : l.first_item) - l.first_item;
	if (len)
		TRY(read_numbers(r, m->bytes, l.first_item, len, &b, &bit, &width));
	if (len && width != 8)
		return err_new(EIO, "bytes of %" PRIu64 " bits", width);
	uint64_t at = l.first_item;
	for (uint64_t i = 0; i < n; i++) {
		struct span s = {NULL, (size_t)(l.ends[i] - at)};
		if (s.len)
			s.p = b->data + bit / 8 + (at - l.first_item);
		if (table)
			TRY(fsst_append(table, s, v));
		else
			TRY(values_append_var(v, s.p, s.len));
		TRY(slots_push(out, false, 0, l.is_null[i] ? SLOT_NULL(0) : 0));
		at = l.ends[i];
	}
	return NULL;
}

static struct err *read_fsst(const struct v20_reader *r, const Lance__Enc__V20Fsst *m,
			     uint64_t first, uint64_t n, struct slots *out)
{
	AUTO(fsst_table) struct fsst_table *table = NULL;
	TRY(fsst_table_parse(m->symbol_table.data, m->symbol_table.len, &table));
	if (!m->binary || m->binary->array_encoding_case != AE(BINARY))
		return err_new(EOPNOTSUPP, "fsst over array encoding %d",
			       m->binary ? (int)m->binary->array_encoding_case : 0);
	return read_binary(r, m->binary->binary, table, first, n, out);
}

/* Strings of one length. */
static struct err *read_fixed_binary(const struct v20_reader *r,
				     const Lance__Enc__V20FixedSizeBinary *m,
				     uint64_t first, uint64_t n, struct slots *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	uint64_t bit, width, w = m->byte_width;
	TRY(expect_var(&out->values));
	if (n > LIMIT_PAGE_ROWS || first > LIMIT_PAGE_ROWS)
		return err_new(EIO, "%" PRIu64 " rows", n);
	TRY(read_numbers(r, m->bytes, first * w, n * w, &b, &bit, &width));
	if (width != 8)
		return err_new(EIO, "bytes of %" PRIu64 " bits", width);
	for (uint64_t i = 0; i < n; i++)
		TRY(values_append_var(&out->values, b->data + bit / 8 + i * w,
				      (size_t)w));
	return append_stops(out, NULL, 0, n);
}

/* Item codes as they are: for an automatic dictionary 0 is null and k is item k - 1. */
static struct err *append_codes(const struct v20_reader *r, uint64_t *codes, uint64_t n,
				const struct slots *items, struct slots *out)
{
	const uint16_t *stop = slots_stop(items);
	for (uint64_t i = 0; i < n; i++) {
		bool is_null = !r->is_dictionary && codes[i] == 0;
		codes[i] -= !r->is_dictionary && codes[i];
		if (codes[i] >= items->n && !is_null)
			return err_new(EIO, "item %" PRIu64 " of %" PRIu64, codes[i],
				       items->n);
		is_null = is_null || (stop && stop[codes[i]]);
		TRY(slots_push(out, false, 0, is_null ? SLOT_NULL(0) : 0));
		if (is_null)
			TRY(values_append_zero(&out->values, 1));
		else
			TRY(values_gather(&out->values, &items->values,
					  (const uint8_t *)&codes[i], 8, 1));
	}
	return NULL;
}

/* Items are read whole, so there must be bytes for them: a bit each at least. */
static struct err *check_items(const struct v20_reader *r, uint64_t n_items)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < r->source->n_buffers; i++)
		if (ckd_add(&total, total, r->source->sizes[i]))
			return NULL; /* no lack of them */
	if (n_items / 8 > total)
		return err_new(EIO, "%" PRIu64 " items in %" PRIu64 " bytes", n_items,
			       total);
	return NULL;
}

static struct err *read_dictionary(const struct v20_reader *r,
				   const Lance__Enc__V20Dictionary *m, int depth,
				   uint64_t first, uint64_t n, struct slots *out)
{
	AUTO_MEM uint64_t *codes = NULL;
	struct slots items = {0};
	TRY(check_items(r, m->num_dictionary_items));
	TRY(read_u64(r, m->indices, first, n, &codes));
	TRY(slots_init(&items, out->values.type));
	struct err *err =
		read_values(r, m->items, depth, 0, m->num_dictionary_items, &items);
	if (!err)
		err = append_codes(r, codes, n, &items, out);
	slots_fini(&items);
	return err;
}

static struct err *read_packed(const struct v20_reader *r,
			       const Lance__Enc__V20PackedStruct *m, uint64_t first,
			       uint64_t n, struct slots *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	struct values *v = &out->values;
	uint64_t row = 0, at = 0;
	for (size_t k = 0; k < v->type->n_children; k++) {
		if (v->children[k].type->kind != VALUE_FIXED ||
		    v->children[k].type->bits % 8)
			return err_new(EOPNOTSUPP,
				       "packed struct with a child of no bytes");
		row += v->children[k].type->bits / 8;
	}
	if (v->type->kind != VALUE_STRUCT || row > LIMIT_VALUE_BYTES ||
	    first > LIMIT_PAGE_ROWS || n > LIMIT_PAGE_ROWS)
		return err_new(EIO, "packed struct in a column of another type");
	TRY(read_range(r, m->buffer, first * row, n * row, &b));
	for (size_t k = 0; k < v->type->n_children; k++) {
		uint64_t size = v->children[k].type->bits / 8;
		uint8_t *dst;
		TRY(values_room(&v->children[k], n, &dst));
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + i * size, b->data + i * row + at, size);
		at += size;
	}
	v->n += n;
	return append_stops(out, NULL, 0, n);
}

static struct err *read_values(const struct v20_reader *r, const ae *m, int depth,
			       uint64_t first, uint64_t n, struct slots *out)
{
	if (!m || depth > MAX_DEPTH)
		return err_new(EIO, "an encoding is missing or nests too deeply");
	switch ((int)m->array_encoding_case) {
	case AE(NULLABLE):
		return read_nullable(r, m->nullable, depth + 1, first, n, out);
	case AE(FLAT):
	case AE(BITPACKED):
	case AE(BITPACKED_FOR_NON_NEG):
	case AE(FIXED_SIZE_LIST):
		if (out->values.type->kind != VALUE_FIXED)
			return err_new(EIO, "numbers in a column of another type");
		TRY(read_items(r, m, 0, 1, first, n, &out->values));
		return append_stops(out, NULL, 0, n);
	case AE(BINARY):
		return read_binary(r, m->binary, NULL, first, n, out);
	case AE(FSST):
		return read_fsst(r, m->fsst, first, n, out);
	case AE(FIXED_SIZE_BINARY):
		return read_fixed_binary(r, m->fixed_size_binary, first, n, out);
	case AE(DICTIONARY):
		return read_dictionary(r, m->dictionary, depth + 1, first, n, out);
	case AE(PACKED_STRUCT):
		return read_packed(r, m->packed_struct, first, n, out);
	default:
		return err_new(EOPNOTSUPP, "array encoding %d is not known",
			       (int)m->array_encoding_case);
	}
}

struct err *v20_read_leaf(const void *descriptor, size_t descriptor_len,
			  const struct page_source *source, bool is_dictionary,
			  uint64_t first, uint64_t end, struct slots *out)
{
	AUTO_PROTO ae *m = NULL;
	struct v20_reader r = {source, is_dictionary};
	TRY(PROTO_UNPACK(lance__enc__array_encoding, descriptor, descriptor_len, &m));
	return read_values(&r, m, 0, first, end - first, out);
}

static struct err *unpack_list(const void *descriptor, size_t descriptor_len, ae **ret)
{
	AUTO_PROTO ae *m = NULL;
	TRY(PROTO_UNPACK(lance__enc__array_encoding, descriptor, descriptor_len, &m));
	if (m->array_encoding_case != LANCE__ENC__ARRAY_ENCODING__ARRAY_ENCODING_LIST)
		return err_new(EIO, "array encoding %d where lists belong",
			       (int)m->array_encoding_case);
	*ret = TAKE(m);
	return NULL;
}

struct err *v20_read_lists(const void *descriptor, size_t descriptor_len,
			   const struct page_source *source, uint64_t first,
			   uint64_t end, struct v20_lists *ret)
{
	AUTO_PROTO ae *m = NULL;
	struct v20_reader r = {source, false};
	struct v20_lists l AUTO_LISTS = {0};
	TRY(unpack_list(descriptor, descriptor_len, &m));
	TRY(read_ends(&r, m->list->offsets, first, end - first,
		      m->list->null_offset_adjustment, &l));
	if (l.ends[end - first - 1] > m->list->num_items)
		return err_new(EIO, "list: item %" PRIu64 " of %" PRIu64,
			       l.ends[end - first - 1], m->list->num_items);
	*ret = l;
	l = (struct v20_lists){0};
	return NULL;
}

struct err *v20_list_items(const void *descriptor, size_t descriptor_len, uint64_t *ret)
{
	AUTO_PROTO ae *m = NULL;
	TRY(unpack_list(descriptor, descriptor_len, &m));
	*ret = m->list->num_items;
	return NULL;
}
