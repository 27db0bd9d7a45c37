// SPDX-License-Identifier: Apache-2.0
/*
 * encode_mini.c: making mini-block pages.
 *
 * Fixed-width values become runs, bit-packed vectors or plain ones, whichever
 * is smallest; variable ones offsets and bytes in chunks of about 4 KiB,
 * because reading one row costs its chunk.  All chunks but the last have a
 * power of two of values.
 * Source: encodings_v2_1.proto, message MiniBlockLayout.
 */
#include "encoding/encode_priv.h"

#include <errno.h>

#define VECTOR 1024
#define CHUNK_MAX_VALUES 4096
#define CHUNK_MAX_SLOTS 8192 /* their levels fit the 16-bit sizes of a chunk */
#define LEVEL_RUNS 0
#define CHUNK_FIXED_BYTES 8000
#define CHUNK_VAR_BYTES 4096

enum mini_form { FORM_FLAT, FORM_PACKED, FORM_RUNS, FORM_VARIABLE };

struct mini_encoder {
	struct page_plan *p;
	const struct values *v;
	enum mini_form form;
	unsigned bits;		       /* of a value */
	uint64_t chunk_values;	       /* a power of two; variable: the most */
	unsigned rep_width, def_width; /* packed bits of levels; LEVEL_RUNS: runs */
	unsigned n_buffers;
	struct encoded_page *out;
	uint64_t slot, value, row_slots; /* done so far; slots of the unfinished row */
	struct buf index;
};

/* --- which form --- */

static uint64_t count_runs(const struct values *v, unsigned bits)
{
	const uint8_t *p = v->data.bytes->data;
	size_t size = bits / 8;
	uint64_t runs = 0, run = 0;
	for (uint64_t i = 0; i < v->n; i++, run++) {
		bool same = i && memcmp(p + i * size, p + (i - 1) * size, size) == 0;
		if (same && run < 255 && i % CHUNK_MAX_VALUES)
			continue;
		runs++;
		run = 0;
	}
	return runs;
}

static uint64_t packed_size(const struct values *v, unsigned bits)
{
	const uint8_t *p = v->data.bytes->data;
	uint64_t size = 0;
	for (uint64_t i = 0; i < v->n; i += VECTOR) {
		uint64_t n = MIN_OF(v->n - i, (uint64_t)VECTOR);
		size += bits / 8 +
			bitpack_width(bits, p + i * (bits / 8), n) * (VECTOR / 8);
	}
	return size;
}

/* The form of fixed-width values, and about the bytes it takes. */
static uint64_t choose_fixed(struct mini_encoder *m)
{
	uint64_t bits = m->v->type->bits;
	m->chunk_values = CHUNK_MAX_VALUES;
	while (m->chunk_values > 2 && m->chunk_values * bits / 8 > CHUNK_FIXED_BYTES)
		m->chunk_values /= 2;
	m->form = FORM_FLAT;
	if (m->v->type->n_dims || (bits != 8 && bits != 16 && bits != 32 && bits != 64))
		return m->v->n * bits / 8;
	m->bits = (unsigned)bits;
	uint64_t flat = m->v->n * bits / 8;
	uint64_t packed = packed_size(m->v, m->bits);
	uint64_t runs = count_runs(m->v, m->bits) * (bits / 8 + 1);
	if (packed < flat && packed <= runs) {
		m->form = FORM_PACKED;
		m->chunk_values = VECTOR;
	} else if (runs < flat) {
		m->form = FORM_RUNS;
		m->chunk_values = CHUNK_MAX_VALUES / 2;
	}
	return MIN_OF(flat, MIN_OF(packed, runs));
}

static struct err *choose_form(struct mini_encoder *m)
{
	if (m->v->type->kind == VALUE_VAR) {
		m->form = FORM_VARIABLE;
		m->chunk_values = CHUNK_MAX_VALUES;
	} else {
		uint64_t bytes = choose_fixed(m);
		if (!m->p->has_dictionary)
			TRY(find_dictionary(m->p, bytes));
		m->v = m->p->values;
		if (m->p->has_dictionary)
			choose_fixed(m);
	}
	m->n_buffers = 1 + (m->form == FORM_RUNS);
	for (unsigned i = 0; i < m->v->type->n_dims; i++)
		m->n_buffers += m->v->items[i].len > 0;
	return NULL;
}

/* --- levels --- */

static unsigned width_of(unsigned max)
{
	return max ? 32 - (unsigned)__builtin_clz(max) : 0;
}

/* Packed bits of a page's levels, or LEVEL_RUNS where that is smaller. */
static unsigned choose_levels(const struct page_plan *p, const uint16_t *levels,
			      unsigned max)
{
	uint64_t runs = 0, run = 0, n = p->slots->n;
	unsigned width = width_of(max);
	if (p->dialect < PAGE_2_2 || !levels)
		return width;
	for (uint64_t i = 0; i < n; i++, run++) {
		/* at the latest a chunk ends one */
		if (i % VECTOR && levels[i] == levels[i - 1] && run < 255)
			continue;
		runs++;
		run = 0;
	}
	return runs * 3 + n / VECTOR * 8 < n * width / 8 ? LEVEL_RUNS : width;
}

/* The bytes of the levels, then levels a run each, then lengths. */
static void put_level_runs(struct buf *out, const uint16_t *levels, uint64_t n)
{
	struct buf lengths AUTO_BUF = {0};
	size_t at = out->len;
	buf_u64le(out, 0);
	for (uint64_t i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n && run < 255; run++) {
			if (levels[i + run] != levels[i])
				break;
		}
		buf_u16le(out, levels[i]);
		buf_byte(&lengths, (uint8_t)run);
	}
	if (!out->failed)
		store_u64le(out->data + at, out->len - at - 8);
	buf_append(out, lengths.data, lengths.len);
	out->failed = out->failed || lengths.failed;
}

/* Full vectors packed; the tail raw where that is no longer than a vector. */
static void put_levels(struct buf *out, const uint16_t *levels, uint64_t n,
		       unsigned width)
{
	uint16_t vector[VECTOR];
	if (width == LEVEL_RUNS) {
		put_level_runs(out, levels, n);
		return;
	}
	for (; n;
	     levels += MIN_OF(n, (uint64_t)VECTOR), n -= MIN_OF(n, (uint64_t)VECTOR)) {
		if (n < VECTOR && n * 2 <= width * (VECTOR / 8)) {
			buf_append(out, levels, (size_t)n * 2);
			return;
		}
		memset(vector, 0, sizeof(vector));
		memcpy(vector, levels, (size_t)MIN_OF(n, (uint64_t)VECTOR) * 2);
		uint8_t *dst = buf_room(out, width * (VECTOR / 8));
		if (!dst)
			return;
		bitpack_pack(16, width, vector, dst);
	}
}

/* --- value buffers --- */

static void put_packed(struct mini_encoder *m, uint64_t n, struct buf *out)
{
	uint64_t vector[VECTOR] = {0};
	size_t size = m->bits / 8;
	const uint8_t *src = m->v->data.bytes->data + m->value * size;
	uint64_t width = bitpack_width(m->bits, src, n);
	memcpy(vector, src, (size_t)n * size);
	buf_append(out, &width, size);
	uint8_t *dst = buf_room(out, (size_t)width * (VECTOR / 8));
	if (!dst)
		return;
	bitpack_pack(m->bits, (unsigned)width, vector, dst);
}

static void put_runs(struct mini_encoder *m, uint64_t n, struct buf *values,
		     struct buf *lengths)
{
	size_t size = m->bits / 8;
	const uint8_t *p = m->v->data.bytes->data + m->value * size;
	for (uint64_t i = 0; i < n;) {
		uint64_t run = 1;
		while (i + run < n && run < 255 &&
		       memcmp(p + i * size, p + (i + run) * size, size) == 0)
			run++;
		buf_append(values, p + i * size, size);
		buf_byte(lengths, (uint8_t)run);
		i += run;
	}
}

static void put_bits(const uint8_t *src, uint64_t first, uint64_t n, struct buf *out)
{
	size_t at = out->len;
	buf_zero(out, bitmap_bytes(n));
	if (!out->failed)
		bitmap_copy(out->data + at, 0, src, first, n);
}

static void put_flat(struct mini_encoder *m, uint64_t n, struct buf *buffers)
{
	const struct value_type *t = m->v->type;
	uint64_t items = 1;
	unsigned b = 0;
	for (unsigned i = 0; i < t->n_dims; i++) {
		items *= t->dims[i];
		if (m->v->items[i].len)
			put_bits(m->v->items[i].bytes->data, m->value * items,
				 n * items, &buffers[b++]);
	}
	const uint8_t *data = m->v->data.bytes->data;
	if (t->bits % 8)
		put_bits(data, m->value * t->bits, n * t->bits, &buffers[b]);
	else
		buf_append(&buffers[b], data + m->value * (t->bits / 8),
			   (size_t)(n * (t->bits / 8)));
}

static void put_variable(struct mini_encoder *m, uint64_t n, struct buf *out)
{
	unsigned w = m->v->type->offset_bytes;
	uint64_t start = values_offset(m->v, m->value);
	uint64_t end = values_offset(m->v, m->value + n);
	uint64_t base = (n + 1) * w;
	for (uint64_t i = 0; i <= n; i++) {
		uint64_t offset = base + values_offset(m->v, m->value + i) - start;
		buf_append(out, &offset, w);
	}
	buf_append(out, m->v->data.bytes->data + start, (size_t)(end - start));
	buf_zero(out, -out->len & (w - 1));
}

static void put_values(struct mini_encoder *m, uint64_t n, struct buf *buffers)
{
	switch (m->form) {
	case FORM_PACKED:
		put_packed(m, n, &buffers[0]);
		break;
	case FORM_RUNS:
		put_runs(m, n, &buffers[0], &buffers[1]);
		break;
	case FORM_VARIABLE:
		put_variable(m, n, &buffers[0]);
		break;
	default:
		put_flat(m, n, buffers);
	}
}

/* --- chunks --- */

/* Values of the next chunk, of `left`. */
static uint64_t chunk_size(const struct mini_encoder *m, uint64_t left)
{
	uint64_t n = m->chunk_values;
	if (m->form != FORM_VARIABLE)
		return MIN_OF(n, left);
	unsigned w = m->v->type->offset_bytes;
	uint64_t start = values_offset(m->v, m->value);
	for (; n > 2; n /= 2) {
		uint64_t k = MIN_OF(n, left);
		uint64_t bytes = values_offset(m->v, m->value + k) - start;
		if ((k + 1) * w + bytes <= CHUNK_VAR_BYTES)
			break;
	}
	return MIN_OF(n, left);
}

/* Slots up to and with the n-th value from here; all the rest for the last chunk. */
static uint64_t chunk_slots(const struct mini_encoder *m, uint64_t n, bool is_last)
{
	const struct page_plan *p = m->p;
	if (is_last)
		return p->slots->n - m->slot;
	if (!p->def || p->max_visible >= p->max_def)
		return n;
	uint64_t i = m->slot;
	for (; n; i++)
		n -= p->def[i] <= p->max_visible;
	return i - m->slot;
}

/* Rows that end in these slots, and slots of the one that does not. */
static void put_index(struct mini_encoder *m, uint64_t n_slots)
{
	const struct page_plan *p = m->p;
	uint64_t ends = 0, end = m->slot + n_slots;
	for (uint64_t i = m->slot; i < end; i++) {
		m->row_slots++;
		if (i + 1 == p->slots->n || p->rep[i + 1] == p->max_rep) {
			ends++;
			m->row_slots = 0;
		}
	}
	/* of an unfinished row only the slots in this chunk count */
	buf_u64le(&m->index, ends);
	buf_u64le(&m->index, MIN_OF(m->row_slots, n_slots));
}

static void put_chunk_header(struct mini_encoder *m, uint64_t n_slots,
			     const struct buf *rep, const struct buf *def,
			     const struct buf *buffers, struct buf *out)
{
	const struct page_plan *p = m->p;
	buf_u16le(out, p->rep || p->def ? (uint16_t)n_slots : 0);
	if (p->rep)
		buf_u16le(out, (uint16_t)rep->len);
	if (p->def)
		buf_u16le(out, (uint16_t)def->len);
	for (unsigned i = 0; i < m->n_buffers; i++) {
		if (p->dialect >= PAGE_2_2)
			buf_u32le(out, (uint32_t)buffers[i].len);
		else
			buf_u16le(out, (uint16_t)buffers[i].len);
	}
	buf_pad8(out);
}

static void put_word(struct mini_encoder *m, size_t bytes, uint64_t n, bool is_last)
{
	unsigned log = is_last ? 0 : (unsigned)__builtin_ctzll(n);
	uint32_t word = (uint32_t)(bytes / 8 - 1) << 4 | log;
	struct buf *words = &m->out->buffers[0];
	if (m->p->dialect >= PAGE_2_2)
		buf_u32le(words, word);
	else
		buf_u16le(words, (uint16_t)word);
}

static struct err *put_chunk(struct mini_encoder *m, uint64_t n, uint64_t n_slots,
			     bool is_last)
{
	enum { N = 3 + VALUE_MAX_DIMS + 2 };
	struct buf parts[N] = {0};
	struct buf *rep = &parts[0], *def = &parts[1], *buffers = &parts[2];
	struct buf *out = &m->out->buffers[1];
	struct err *err = NULL;
	size_t start = out->len;
	if (m->p->rep)
		put_levels(rep, m->p->rep + m->slot, n_slots, m->rep_width);
	if (m->p->def)
		put_levels(def, m->p->def + m->slot, n_slots, m->def_width);
	put_values(m, n, buffers);
	put_chunk_header(m, n_slots, rep, def, buffers, out);
	for (unsigned i = 0; i < N; i++) {
		if (!err)
			err = buf_check(&parts[i]);
		buf_append(out, parts[i].data, parts[i].len);
		buf_pad8(out);
		buf_fini(&parts[i]);
	}
	put_word(m, out->len - start, n, is_last);
	return err;
}

static struct err *put_chunks(struct mini_encoder *m, bool *ret_fits)
{
	while (m->value < m->v->n) {
		uint64_t left = m->v->n - m->value;
		uint64_t n = chunk_size(m, left);
		uint64_t n_slots = chunk_slots(m, n, n == left);
		while (n_slots > CHUNK_MAX_SLOTS && n > 2 && m->form != FORM_PACKED) {
			n = n == left ? (uint64_t)1 << (63 - __builtin_clzll(n - 1))
				      : n / 2;
			n_slots = chunk_slots(m, n, n == left);
		}
		if (n_slots > CHUNK_MAX_SLOTS) {
			*ret_fits = false;
			return NULL;
		}
		if (m->p->rep)
			put_index(m, n_slots);
		TRY(put_chunk(m, n, n_slots, n == left));
		m->value += n;
		m->slot += n_slots;
	}
	*ret_fits = true;
	return NULL;
}

static ce *describe_values(struct mini_encoder *m)
{
	struct ce_pool *pool = &m->p->pool;
	switch (m->form) {
	case FORM_PACKED:
		return ce_inline(pool, m->bits);
	case FORM_RUNS:
		return ce_rle(pool, m->bits);
	case FORM_VARIABLE:
		return ce_values(m->p);
	default:
		return ce_fixed(pool, m->v);
	}
}

static ce *describe_levels(struct mini_encoder *m, unsigned width)
{
	struct ce_pool *pool = &m->p->pool;
	return width == LEVEL_RUNS ? ce_rle(pool, 16) : ce_out_of_line(pool, 16, width);
}

static struct err *describe(struct mini_encoder *m, ce *dictionary)
{
	struct page_plan *p = m->p;
	Lance__Enc__PageLayout layout = LANCE__ENC__PAGE_LAYOUT__INIT;
	Lance__Enc__MiniBlockLayout b = LANCE__ENC__MINI_BLOCK_LAYOUT__INIT;
	layout.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_MINI_BLOCK_LAYOUT;
	layout.mini_block_layout = &b;
	if (p->rep)
		b.rep_compression = describe_levels(m, m->rep_width);
	if (p->def)
		b.def_compression = describe_levels(m, m->def_width);
	b.value_compression = describe_values(m);
	b.dictionary = dictionary;
	b.num_dictionary_items = dictionary ? p->dictionary.n : 0;
	b.layers = p->layers;
	b.n_layers = p->shape->n_layers;
	b.num_buffers = m->n_buffers;
	b.repetition_index_depth = p->rep ? 1 : 0;
	b.num_items = m->v->n;
	b.has_large_chunk = p->dialect >= PAGE_2_2;
	return encode_finish(&layout, m->out);
}

struct err *encode_mini(struct page_plan *p, struct encoded_page *ret, bool *ret_fits)
{
	struct mini_encoder m = {.p = p, .v = p->values, .out = ret};
	TRY(choose_form(&m));
	m.rep_width = choose_levels(p, p->rep, p->max_rep);
	m.def_width = choose_levels(p, p->def, p->max_def);
	ret->n_buffers = 2;
	struct err *err = put_chunks(&m, ret_fits);
	ce *dictionary = NULL;
	if (p->has_dictionary)
		dictionary = put_dictionary(p, &ret->buffers[ret->n_buffers++]);
	if (p->rep)
		ret->buffers[ret->n_buffers++] = m.index;
	if (err || !*ret_fits)
		return err;
	return describe(&m, dictionary);
}
