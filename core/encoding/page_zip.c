// SPDX-License-Identifier: Apache-2.0
/*
 * page_zip.c: the full-zip layout, for values that are large.
 *
 * Slots follow each other: a control word with the levels, a length, the
 * value; each only if needed.  Fixed-width slots are addressed by
 * multiplication, others through an index of the rows' offsets, so a row costs
 * one or two small reads.  A flat page without levels is the result's buffer.
 * Source: encodings_v2_1.proto, message FullZipLayout; Lance's docs, "Full Zip
 * Page Layout".
 */
#include "encoding/page_priv.h"

#include <errno.h>
#include <inttypes.h>

#define BUFFER_DATA 0
#define BUFFER_ROWS 1
#define READ_AHEAD ((uint64_t)4 << 20) /* bytes of slots read at once */

static struct err *open_fixed(struct page *p, uint64_t bits)
{
	if (bits % 8 || bits / 8 > LIMIT_VALUE_BYTES)
		return err_new(EIO, "%" PRIu64 " bits a value", bits);
	p->stride = p->control_len + (size_t)(bits / 8);
	return NULL;
}

static struct err *open_index(struct page *p, const struct page_source *source)
{
	uint64_t entries = p->n_rows + 1;
	if (source->n_buffers <= BUFFER_ROWS)
		return err_new(EIO, "no row index");
	uint64_t width = source->sizes[BUFFER_ROWS] / entries;
	if (width != 1 && width != 2 && width != 4 && width != 8)
		return err_new(EIO,
			       "row index of %" PRIu64 " bytes for %" PRIu64 " rows",
			       source->sizes[BUFFER_ROWS], p->n_rows);
	p->index_width = (unsigned)width;
	return NULL;
}

static struct err *open_control(struct page *p, const Lance__Enc__FullZipLayout *m)
{
	p->bits_rep = m->bits_rep;
	p->bits_def = m->bits_def;
	if (p->bits_rep > 16 || p->bits_def > 16)
		return err_new(EIO, "control words of %u and %u bits", p->bits_rep,
			       p->bits_def);
	unsigned total = p->bits_rep + p->bits_def;
	p->control_len = total == 0 ? 0 : total <= 8 ? 1 : total <= 16 ? 2 : 4;
	return NULL;
}

static struct err *zip_open(struct page *p, const Lance__Enc__PageLayout *layout,
			    const struct page_source *source)
{
	const Lance__Enc__FullZipLayout *m = layout->full_zip_layout;
	TRY(page_set_layers(p, m->layers, m->n_layers));
	TRY(open_control(p, m));
	TRY(codec_parse(m->value_compression, 0, &p->values));
	if (m->details_case == LANCE__ENC__FULL_ZIP_LAYOUT__DETAILS_BITS_PER_OFFSET) {
		if (m->bits_per_offset != 32 && m->bits_per_offset != 64)
			return err_new(EIO, "lengths of %u bits", m->bits_per_offset);
		p->length_len = m->bits_per_offset / 8;
	} else {
		TRY(open_fixed(p, m->bits_per_value));
	}
	if (p->length_len || p->levels.max_rep)
		TRY(open_index(p, source));
	else if (p->n_rows > LIMIT_BUFFER_BYTES / (p->stride + !p->stride) &&
		 p->n_rows > source->sizes[BUFFER_DATA])
		return err_new(EIO, "%" PRIu64 " rows", p->n_rows);
	return NULL;
}

/* --- slots --- */

/* A run of bytes being taken apart; arrays are sized for its slots. */
struct zip_batch {
	struct grow rep, def; /* uint16 a slot */
	struct grow spans;    /* variable: struct span a value */
	const uint8_t *fixed; /* fixed: the values not appended yet */
	uint64_t n_fixed;
	uint64_t n_slots, n_rows;
};

static void batch_fini(struct zip_batch *b)
{
	grow_fini(&b->rep);
	grow_fini(&b->def);
	grow_fini(&b->spans);
}

static void auto_batch(struct zip_batch *b)
{
	batch_fini(b);
}
#define AUTO_BATCH __attribute__((cleanup(auto_batch)))

static struct err *push_level(struct grow *g, uint16_t level)
{
	uint8_t *p;
	TRY(grow_room(g, 2, &p));
	store_u16le(p, level);
	g->len += 2;
	return NULL;
}

static struct err *push_span(struct grow *g, struct span span)
{
	uint8_t *p;
	TRY(grow_room(g, sizeof(span), &p));
	memcpy(p, &span, sizeof(span));
	g->len += sizeof(span);
	return NULL;
}

static struct err *read_control(const struct page *p, struct cursor *c,
				uint16_t *ret_rep, uint16_t *ret_def)
{
	uint32_t word = 0;
	struct cursor raw;
	TRY(cursor_sub(c, p->control_len, &raw));
	memcpy(&word, raw.p, p->control_len);
	*ret_def = (uint16_t)(word & (((uint32_t)1 << p->bits_def) - 1));
	word >>= p->bits_def;
	*ret_rep = (uint16_t)(word & (((uint32_t)1 << p->bits_rep) - 1));
	return NULL;
}

static struct err *flush_fixed(const struct page *p, struct zip_batch *b,
			       struct values *out)
{
	if (b->n_fixed)
		TRY(codec_zip_fixed(p->values, b->fixed, b->n_fixed,
				    p->stride - p->control_len, p->stride, out));
	b->n_fixed = 0;
	return NULL;
}

static struct err *take_variable(const struct page *p, struct zip_batch *b,
				 struct cursor *c, unsigned def)
{
	uint64_t len = 0;
	uint32_t len32;
	struct cursor value;
	if (def)
		return push_span(&b->spans, (struct span){0});
	if (p->length_len == 4) {
		TRY(cursor_u32le(c, &len32));
		len = len32;
	} else {
		TRY(cursor_u64le(c, &len));
	}
	TRY(cursor_sub(c, len, &value));
	return push_span(&b->spans, (struct span){value.p, (size_t)len});
}

static struct err *take_slot(const struct page *p, struct zip_batch *b,
			     struct cursor *c, struct values *out)
{
	uint16_t rep = 0, def = 0;
	const uint8_t *start = c->p;
	if (p->control_len)
		TRY(read_control(p, c, &rep, &def));
	if (rep > p->levels.max_rep || def > p->levels.max_def)
		return err_new(EIO, "levels %u and %u of at most %u and %u", rep, def,
			       p->levels.max_rep, p->levels.max_def);
	if (p->bits_rep)
		TRY(push_level(&b->rep, rep));
	if (p->bits_def)
		TRY(push_level(&b->def, def));
	b->n_rows += !p->bits_rep || rep == p->levels.max_rep;
	b->n_slots++;
	if (def > p->levels.max_visible)
		return flush_fixed(p, b, out);
	if (p->length_len)
		return take_variable(p, b, c, def);
	if (b->n_fixed == 0)
		b->fixed = start + p->control_len;
	b->n_fixed++;
	return cursor_skip(c, p->stride - p->control_len);
}

static const uint16_t *levels_of(const struct grow *g)
{
	return g->len ? (const uint16_t *)(const void *)g->bytes->data : NULL;
}

/* Where rows begin, if an index tells: rows [first, ...) of what was read of it. */
struct row_starts {
	const struct bytes *index; /* NULL: none */
	uint64_t first;
};

static uint64_t index_at(const struct page *p, const struct bytes *index, uint64_t i)
{
	uint64_t v = 0;
	memcpy(&v, index->data + i * p->index_width, p->index_width);
	return v;
}

/* Slots must begin rows where the index says: a range is found by it, and would be
 * another in a longer range.  n_before rows began before this slot. */
static struct err *check_start(const struct page *p, const struct zip_batch *b,
			       uint64_t n_before, const struct row_starts *starts,
			       size_t at)
{
	if (b->n_rows == 0)
		return err_new(EIO, "the first slot does not begin a row");
	if (!starts->index || b->n_rows == n_before)
		return NULL;
	uint64_t told = index_at(p, starts->index, starts->first + n_before) -
			index_at(p, starts->index, starts->first);
	if (told != at)
		return err_new(EIO,
			       "a row begins at byte %zu of its run, the row index "
			       "says %" PRIu64,
			       at, told);
	return NULL;
}

/* Append the slots in c, which are n_rows whole rows. */
static struct err *take_rows(const struct page *p, struct cursor c, uint64_t n_rows,
			     const struct row_starts *starts, struct slots *out)
{
	struct zip_batch b AUTO_BATCH = {0};
	const uint8_t *base = c.p;
	if (p->stride == 0 && p->length_len == 0)
		return err_new(EIO, "slots of no bytes");
	while (cursor_left(&c) && b.n_rows <= n_rows) {
		uint64_t n_before = b.n_rows;
		size_t at = (size_t)(c.p - base);
		TRY(take_slot(p, &b, &c, &out->values));
		TRY(check_start(p, &b, n_before, starts, at));
	}
	if (b.n_rows != n_rows)
		return err_new(EIO, "%" PRIu64 " rows in the bytes of %" PRIu64,
			       b.n_rows, n_rows);
	TRY(flush_fixed(p, &b, &out->values));
	if (b.spans.len)
		TRY(codec_zip_var(
			p->values,
			(const struct span *)(const void *)b.spans.bytes->data,
			b.spans.len / sizeof(struct span), &out->values));
	return slots_append(out, p, levels_of(&b.rep), levels_of(&b.def), b.n_slots);
}

/* --- ranges --- */

/* The codec's values are the result's bytes as they lie. */
static bool is_plain(const struct page *p, const struct values *out)
{
	const struct codec *c = p->values;
	if (p->control_len || out->type->kind != VALUE_FIXED)
		return false;
	for (; c->ops == &enc_fixed_size_list; c = c->children[0]) {
		if (c->has_validity)
			return false;
	}
	return c->ops == &enc_flat && p->values->bits == out->type->bits &&
	       p->values->bits == p->stride * 8;
}

/* Rows of a page that stores nothing: lists of null items. */
static struct err *read_nothing(const struct page *p, uint64_t n, struct slots *out)
{
	TRY(values_append_zero(&out->values, n));
	for (unsigned i = 0; i < out->values.type->n_dims; i++) {
		uint64_t items = n;
		AUTO(bytes) struct bytes *zeros = NULL;
		for (unsigned k = 0; k <= i; k++)
			items *= out->values.type->dims[k];
		TRY(bytes_new_zero(bitmap_bytes(items), &zeros));
		TRY(values_append_items(&out->values, i, zeros->data, 0, items));
	}
	return slots_append(out, p, NULL, NULL, n);
}

static struct err *read_fixed(const struct page *p, const struct page_source *source,
			      uint64_t first, uint64_t end, struct slots *out)
{
	uint8_t *dst;
	if (p->stride == 0)
		return read_nothing(p, end - first, out);
	uint64_t size = source->n_buffers ? source->sizes[BUFFER_DATA] : 0;
	if (end > size / p->stride)
		return err_new(EIO, "row %" PRIu64 " of %zu bytes in %" PRIu64, end,
			       p->stride, size);
	if (is_plain(p, &out->values)) {
		TRY(values_room(&out->values, end - first, &dst));
		TRY(source_read(source, BUFFER_DATA, first * p->stride,
				(end - first) * p->stride, dst));
		return slots_append(out, p, NULL, NULL, end - first);
	}
	struct row_starts unknown = {0};
	uint64_t step = MAX_OF(READ_AHEAD / p->stride, 1);
	for (; first < end; first += MIN_OF(step, end - first)) {
		AUTO(bytes) struct bytes *b = NULL;
		uint64_t n = MIN_OF(step, end - first);
		TRY(source_read_bytes(source, BUFFER_DATA, first * p->stride,
				      n * p->stride, &b));
		TRY(take_rows(p, cursor_of(b->data, b->len), n, &unknown, out));
	}
	return NULL;
}

/* Rows [i, stop) of the index's range, read at once. */
static struct err *read_indexed(const struct page *p, const struct page_source *source,
				const struct bytes *index, uint64_t i, uint64_t stop,
				struct slots *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	uint64_t start = index_at(p, index, i), end = index_at(p, index, stop);
	if (start > end)
		return err_new(EIO, "row index goes from %" PRIu64 " to %" PRIu64,
			       start, end);
	TRY(source_read_bytes(source, BUFFER_DATA, start, end - start, &b));
	struct row_starts starts = {index, i};
	return take_rows(p, cursor_of(b->data, b->len), stop - i, &starts, out);
}

/* Room for all values of an index's range at once; they are not longer than their
 * slots, unless they are compressed. */
static struct err *make_room(const struct page *p, const struct page_source *source,
			     const struct bytes *index, uint64_t n, struct slots *out)
{
	uint8_t *unused;
	uint64_t start = index_at(p, index, 0), end = index_at(p, index, n);
	if (!p->length_len || start > end || end > source->sizes[BUFFER_DATA])
		return NULL; /* reading tells what is wrong */
	return grow_room(&out->values.data, (size_t)(end - start), &unused);
}

static struct err *zip_read(const struct page *p, const struct page_source *source,
			    uint64_t first, uint64_t end, struct slots *out)
{
	AUTO(bytes) struct bytes *index = NULL;
	if (p->index_width == 0)
		return read_fixed(p, source, first, end, out);
	uint64_t n = end - first;
	TRY(source_read_bytes(source, BUFFER_ROWS, first * p->index_width,
			      (n + 1) * p->index_width, &index));
	TRY(make_room(p, source, index, n, out));
	for (uint64_t i = 0; i < n;) {
		uint64_t stop = i + 1;
		uint64_t most = index_at(p, index, i) + READ_AHEAD;
		while (stop < n && index_at(p, index, stop + 1) <= most)
			stop++;
		TRY(read_indexed(p, source, index, i, stop, out));
		i = stop;
	}
	return NULL;
}

/* A null has a control word and nothing else; a value has a length as well. */
/* Rows whose bytes are a control word and nothing else. */
#define MARK_NULLS(LOAD, width)                                                        \
	for (uint64_t i = 0, at = LOAD(bytes); i < n; i++) {                           \
		uint64_t next = LOAD(bytes + (i + 1) * (width));                       \
		is_null[i] = next - at == p->control_len;                              \
		at = next;                                                             \
	}

static void mark_nulls(const struct page *p, const struct bytes *index, uint64_t n,
		       uint8_t *is_null)
{
	const uint8_t *bytes = index->data;
	if (p->index_width == 8)
		MARK_NULLS(load_u64le, 8)
	else if (p->index_width == 4)
		MARK_NULLS(load_u32le, 4)
	else
		for (uint64_t i = 0; i < n; i++)
			is_null[i] =
				index_at(p, index, i + 1) - index_at(p, index, i) ==
				p->control_len;
}

static struct err *zip_nulls(const struct page *p, const struct page_source *source,
			     uint64_t first, uint64_t end, uint8_t *is_null,
			     bool *ret_known)
{
	AUTO(bytes) struct bytes *index = NULL;
	uint64_t n = end - first;
	*ret_known = p->length_len && !p->levels.max_rep;
	if (!*ret_known)
		return NULL;
	TRY(source_read_bytes(source, BUFFER_ROWS, first * p->index_width,
			      (n + 1) * p->index_width, &index));
	if (p->bits_def)
		mark_nulls(p, index, n, is_null);
	else
		memset(is_null, 0, (size_t)n);
	return NULL;
}

const struct page_ops page_full_zip = {
	.name = "full-zip",
	.kind = LANCE__ENC__PAGE_LAYOUT__LAYOUT_FULL_ZIP_LAYOUT,
	.open = zip_open,
	.read = zip_read,
	.nulls = zip_nulls,
};
