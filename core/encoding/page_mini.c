// SPDX-License-Identifier: Apache-2.0
/*
 * page_mini.c: the mini-block layout, for values that are small.
 *
 * Values lie in chunks of a few KiB, each with its own levels; chunk words say
 * how many values and bytes each has, a repetition index which rows.  Opening
 * turns both into prefix sums, so that a row costs one read of one chunk.
 * Slots that own no value belong to the chunk of the value after them.
 * Source: encodings_v2_1.proto, message MiniBlockLayout; Lance's docs, "Mini
 * Block Page Layout".
 */
#include "encoding/page_priv.h"

#include <errno.h>
#include <inttypes.h>

#define BUFFER_WORDS 0
#define BUFFER_CHUNKS 1
#define BUFFER_DICTIONARY 2
#define CHUNK_MAX_VALUES 32768
#define READ_AHEAD ((uint64_t)2 << 20) /* bytes of chunks read at once */

/* --- open --- */

static struct err *add_chunk(struct page *p, size_t i, uint32_t word, uint64_t n_items)
{
	struct chunk *c = &p->chunks[i];
	bool is_last = i + 1 == p->n_chunks;
	uint64_t n = (uint64_t)1 << (word & 15);
	uint64_t left = n_items - c->value;
	if (is_last)
		n = left;
	else if (n == 1)
		return err_new(EIO, "chunk %zu has one value and is not the last", i);
	if (n > left || n > CHUNK_MAX_VALUES)
		return err_new(EIO, "chunk %zu has %" PRIu64 " values of %" PRIu64, i,
			       n, left);
	c[1].value = c->value + n;
	c[1].offset = c->offset + ((uint64_t)(word >> 4) + 1) * 8;
	return NULL;
}

static struct err *open_chunks(struct page *p, uint64_t n_items,
			       const struct page_source *source)
{
	AUTO(bytes) struct bytes *words = NULL;
	size_t width = p->has_large_chunk ? 4 : 2;
	if (source->n_buffers < 2)
		return err_new(EIO, "%u buffers", source->n_buffers);
	TRY(source_read_bytes(source, BUFFER_WORDS, 0, source->sizes[0], &words));
	p->n_chunks = words->len / width;
	if (p->n_chunks == 0 && n_items)
		return err_new(EIO, "%" PRIu64 " values in no chunks", n_items);
	TRY(mem_array(p->n_chunks + 1, sizeof(*p->chunks), &p->chunks));
	for (size_t i = 0; i < p->n_chunks; i++) {
		const uint8_t *w = words->data + i * width;
		TRY(add_chunk(p, i, width == 4 ? load_u32le(w) : load_u16le(w),
			      n_items));
	}
	if (p->chunks[p->n_chunks].offset > source->sizes[BUFFER_CHUNKS])
		return err_new(EIO, "chunks of %" PRIu64 " bytes in %" PRIu64,
			       p->chunks[p->n_chunks].offset,
			       source->sizes[BUFFER_CHUNKS]);
	return NULL;
}

/* Rows by chunk; see MiniBlockLayout.repetition_index_depth. */
static struct err *open_rows(struct page *p, unsigned buffer, uint32_t depth,
			     const struct page_source *source)
{
	AUTO(bytes) struct bytes *index = NULL;
	size_t entry = ((size_t)depth + 1) * 8;
	if (depth == 0 || depth > LIMIT_NESTING || buffer >= source->n_buffers)
		return err_new(EIO, "no repetition index");
	TRY(source_read_bytes(source, buffer, 0, source->sizes[buffer], &index));
	if (index->len / entry < p->n_chunks)
		return err_new(EIO, "repetition index of %zu bytes for %zu chunks",
			       index->len, p->n_chunks);
	bool trailer = false;
	uint64_t row = 0;
	for (size_t i = 0; i < p->n_chunks; i++) {
		uint64_t ends = load_u64le(index->data + i * entry);
		bool partial = load_u64le(index->data + i * entry + 8) > 0;
		p->chunks[i].row = row;
		p->chunks[i].has_preamble = trailer;
		if (ends > p->n_rows || (ends == 0 && !partial && trailer))
			return err_new(EIO, "chunk %zu ends %" PRIu64 " rows", i, ends);
		row += ends + partial - trailer;
		trailer = partial;
	}
	p->chunks[p->n_chunks].row = row;
	if (row != p->n_rows || trailer)
		return err_new(EIO,
			       "%" PRIu64 " rows in the repetition index of %" PRIu64,
			       row, p->n_rows);
	return NULL;
}

static struct err *open_dictionary(struct page *p, const Lance__Enc__MiniBlockLayout *m,
				   const struct page_source *source)
{
	AUTO(codec) struct codec *codec = NULL;
	AUTO(bytes) struct bytes *b = NULL;
	TRY(codec_parse(m->dictionary, 0, &codec));
	if (source->n_buffers <= BUFFER_DICTIONARY ||
	    source->sizes[BUFFER_DICTIONARY] > LIMIT_DICTIONARY_BYTES ||
	    m->num_dictionary_items > LIMIT_DICTIONARY_BYTES ||
	    m->num_dictionary_items * div_ceil(p->shape->type.bits, 8) >
		    LIMIT_DICTIONARY_BYTES)
		return err_new(EIO, "dictionary missing or over its limit");
	TRY(source_read_bytes(source, BUFFER_DICTIONARY, 0,
			      source->sizes[BUFFER_DICTIONARY], &b));
	TRY(values_init(&p->dictionary, &p->shape->type));
	TRY_CTX(codec_block(codec, cursor_of(b->data, b->len), m->num_dictionary_items,
			    &p->dictionary),
		"dictionary");
	uint64_t bits = p->values->bits;
	if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
		return err_new(EIO, "dictionary indices of %" PRIu64 " bits", bits);
	p->index_type = (struct value_type){.kind = VALUE_FIXED, .bits = bits};
	return NULL;
}

static struct err *open_codecs(struct page *p, const Lance__Enc__MiniBlockLayout *m)
{
	if (m->rep_compression)
		TRY_CTX(codec_parse(m->rep_compression, 0, &p->rep),
			"repetition levels");
	if (m->def_compression)
		TRY_CTX(codec_parse(m->def_compression, 0, &p->def),
			"definition levels");
	TRY(codec_parse(m->value_compression, 0, &p->values));
	if (m->num_buffers != p->values->n_buffers)
		return err_new(EIO, "%" PRIu64 " buffers a chunk for %s",
			       m->num_buffers, p->values->ops->name);
	if (!p->rep != !p->levels.max_rep)
		return err_new(EIO, "repetition levels and list layers disagree");
	return NULL;
}

static struct err *mini_open(struct page *p, const Lance__Enc__PageLayout *layout,
			     const struct page_source *source)
{
	const Lance__Enc__MiniBlockLayout *m = layout->mini_block_layout;
	TRY(page_set_layers(p, m->layers, m->n_layers));
	TRY(open_codecs(p, m));
	p->has_large_chunk = m->has_large_chunk;
	TRY(open_chunks(p, m->num_items, source));
	if (p->rep)
		TRY(open_rows(p, m->dictionary ? 3 : 2, m->repetition_index_depth,
			      source));
	else if (m->num_items != p->n_rows)
		return err_new(EIO, "%" PRIu64 " values in %" PRIu64 " rows",
			       m->num_items, p->n_rows);
	if (m->dictionary)
		TRY(open_dictionary(p, m, source));
	return NULL;
}

/* --- a chunk --- */

struct chunk_parts {
	uint64_t n_levels;
	struct cursor rep, def;
	struct cursor buffers[CODEC_MAX_BUFFERS];
};

static struct err *take_part(const uint8_t *start, struct cursor *c, uint64_t len,
			     struct cursor *ret)
{
	TRY(cursor_sub(c, len, ret));
	/* parts start at multiples of eight from the start of the chunk */
	uint64_t pad = (uint64_t)(-(c->p - start) & 7);
	return cursor_skip(c, MIN_OF(pad, cursor_left(c)));
}

static struct err *read_sizes(const struct page *p, struct cursor *c, uint32_t *sizes)
{
	uint16_t small;
	for (unsigned i = 0; i < p->values->n_buffers; i++) {
		if (p->has_large_chunk) {
			TRY(cursor_u32le(c, &sizes[i]));
			continue;
		}
		TRY(cursor_u16le(c, &small));
		sizes[i] = small;
	}
	return NULL;
}

/* Split a chunk into its levels and buffers. */
static struct err *split_chunk(const struct page *p, struct cursor c,
			       struct chunk_parts *ret)
{
	const uint8_t *start = c.p;
	uint16_t n_levels, rep_len = 0, def_len = 0;
	uint32_t sizes[CODEC_MAX_BUFFERS];
	struct cursor empty;
	TRY(cursor_u16le(&c, &n_levels));
	if (p->rep)
		TRY(cursor_u16le(&c, &rep_len));
	if (p->def)
		TRY(cursor_u16le(&c, &def_len));
	TRY(read_sizes(p, &c, sizes));
	TRY(take_part(start, &c, 0, &empty));
	if (p->rep)
		TRY(take_part(start, &c, rep_len, &ret->rep));
	if (p->def)
		TRY(take_part(start, &c, def_len, &ret->def));
	for (unsigned i = 0; i < p->values->n_buffers; i++)
		TRY(take_part(start, &c, sizes[i], &ret->buffers[i]));
	ret->n_levels = n_levels;
	return NULL;
}

/* What the runs of a stream of levels add up to; 0 if it is no such stream. */
static uint64_t run_total(const struct codec *c, struct cursor in)
{
	uint64_t n = 0;
	if (c->ops != &enc_rle || c->children[0]->ops != &enc_flat ||
	    c->children[1]->ops != &enc_flat || c->children[1]->bits != 8 ||
	    cursor_left(&in) < 8 || load_u64le(in.p) > cursor_left(&in) - 8)
		return 0;
	for (const uint8_t *p = in.p + 8 + load_u64le(in.p); p < in.end; p++)
		n += *p;
	return n;
}

/*
 * An old release counted the levels of long runs in 16 bits.  If the runs of
 * both streams have the same total, and it differs by a multiple of 2^16, it is
 * right.
 * Source: observed, pylance 6.0.1.
 */
static uint64_t count_levels(const struct page *p, const struct chunk_parts *parts)
{
	uint64_t rep = p->rep ? run_total(p->rep, parts->rep) : 0;
	uint64_t def = p->def ? run_total(p->def, parts->def) : 0;
	uint64_t n = MAX_OF(rep, def);
	if ((p->rep && rep != n) || (p->def && def != n) || n <= parts->n_levels ||
	    (n - parts->n_levels) % 65536)
		return parts->n_levels;
	return n;
}

static struct err *append_values(const struct page *p, const struct chunk_parts *parts,
				 uint64_t n, uint64_t first, uint64_t end,
				 struct values *out)
{
	struct values indices AUTO_VALUES = {0};
	if (first == end)
		return NULL;
	if (!p->dictionary.type)
		return codec_mini(p->values, parts->buffers, n, first, end, out);
	TRY(values_init(&indices, &p->index_type));
	TRY(codec_mini(p->values, parts->buffers, n, first, end, &indices));
	return values_gather(out, &p->dictionary, indices.data.bytes->data,
			     (unsigned)p->index_type.bits / 8, indices.n);
}

static const uint16_t *level_data(const struct values *v)
{
	return v->n ? (const uint16_t *)(const void *)v->data.bytes->data : NULL;
}

/* The rows that start among n slots must be those that the repetition index told:
 * a range is found by it, and would be another in a longer range. */
static struct err *check_rows(const struct page *p, const struct chunk *chunk,
			      const uint16_t *rep, uint64_t n)
{
	uint64_t n_rows = 0, told = chunk[1].row - chunk->row;
	for (uint64_t i = 0; i < n; i++)
		n_rows += rep[i] == p->levels.max_rep;
	bool goes_on = n && rep[0] != p->levels.max_rep;
	if (n_rows != told || goes_on != chunk->has_preamble)
		return err_new(EIO,
			       "%" PRIu64 " rows start%s, the repetition index tells "
			       "%" PRIu64 "%s",
			       n_rows, goes_on ? " after another" : "", told,
			       chunk->has_preamble ? " after another" : "");
	return NULL;
}

/* The slots of rows [first, end) among n slots, the first of which continues or
 * starts row `row`. */
static void find_slots(const uint16_t *rep, uint64_t n, unsigned max_rep, uint64_t row,
		       uint64_t first, uint64_t end, uint64_t *ret_first,
		       uint64_t *ret_end)
{
	uint64_t i = 0;
	/* counts one ahead: the next row to start */
	for (; i < n && (rep[i] == max_rep ? row < first : row <= first); i++)
		row += rep[i] == max_rep;
	*ret_first = i;
	for (; i < n && (rep[i] == max_rep ? row < end : row <= end); i++)
		row += rep[i] == max_rep;
	*ret_end = i;
}

/* Decode rows [first, end) of one chunk, what it has of them. */
static struct err *read_chunk(const struct page *p, size_t i, struct cursor c,
			      uint64_t first, uint64_t end, struct slots *out)
{
	const struct chunk *chunk = &p->chunks[i];
	uint64_t n = chunk[1].value - chunk->value;
	struct chunk_parts parts;
	struct values rep_values AUTO_VALUES = {.type = &level_type};
	struct values def_values AUTO_VALUES = {.type = &level_type};
	TRY(split_chunk(p, c, &parts));
	parts.n_levels = count_levels(p, &parts);
	if (p->rep)
		TRY(levels_decode(p->rep, parts.rep, parts.n_levels, &rep_values));
	if (p->def)
		TRY(levels_decode(p->def, parts.def, parts.n_levels, &def_values));
	const uint16_t *rep = level_data(&rep_values);
	const uint16_t *def = level_data(&def_values);
	uint64_t n_slots = p->rep || p->def ? parts.n_levels : n;
	if (levels_visible(p, def, n_slots) != n)
		return err_new(EIO, "%" PRIu64 " slots for %" PRIu64 " values", n_slots,
			       n);
	uint64_t slot = 0, slot_end = n_slots;
	if (p->rep) {
		TRY(check_rows(p, chunk, rep, n_slots));
		find_slots(rep, n_slots, p->levels.max_rep, chunk->row, first, end,
			   &slot, &slot_end);
	} else {
		slot = MAX_OF(first, chunk->value) - chunk->value;
		slot_end = MIN_OF(end, chunk[1].value) - chunk->value;
	}
	TRY(slots_append(out, p, rep ? rep + slot : NULL, def ? def + slot : NULL,
			 slot_end - slot));
	uint64_t value = levels_visible(p, def, slot);
	uint64_t value_end =
		value + levels_visible(p, def ? def + slot : NULL, slot_end - slot);
	return append_values(p, &parts, n, value, value_end, &out->values);
}

/* --- a range --- */

/* The last chunk whose first row (or value) is at most row. */
static size_t find_chunk(const struct page *p, uint64_t row)
{
	size_t low = 0, high = p->n_chunks;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		uint64_t at = p->rep ? p->chunks[middle].row : p->chunks[middle].value;
		if (at <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The chunk after the last that has slots of rows before end. */
static size_t find_chunk_end(const struct page *p, uint64_t end)
{
	if (end == p->n_rows)
		return p->n_chunks;
	size_t i = find_chunk(p, end);
	if (p->rep)
		return p->chunks[i].row == end && !p->chunks[i].has_preamble ? i
									     : i + 1;
	return p->chunks[i].value == end ? i : i + 1;
}

/* Rows of chunks [i, stop), read at once. */
static struct err *read_run(const struct page *p, const struct page_source *source,
			    size_t i, size_t stop, uint64_t first, uint64_t end,
			    struct slots *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	uint64_t base = p->chunks[i].offset;
	TRY(source_read_bytes(source, BUFFER_CHUNKS, base,
			      p->chunks[stop].offset - base, &b));
	for (; i < stop; i++) {
		uint64_t at = p->chunks[i].offset - base;
		struct cursor c =
			cursor_of(b->data + at, p->chunks[i + 1].offset - base - at);
		TRY_CTX(read_chunk(p, i, c, first, end, out), "chunk %zu", i);
	}
	return NULL;
}

static struct err *mini_read(const struct page *p, const struct page_source *source,
			     uint64_t first, uint64_t end, struct slots *out)
{
	size_t stop = find_chunk_end(p, end);
	for (size_t i = find_chunk(p, first); i < stop;) {
		size_t run = i + 1;
		while (run < stop &&
		       p->chunks[run + 1].offset - p->chunks[i].offset <= READ_AHEAD)
			run++;
		TRY(read_run(p, source, i, run, first, end, out));
		i = run;
	}
	return NULL;
}

const struct page_ops page_mini_block = {
	.name = "mini-block",
	.kind = LANCE__ENC__PAGE_LAYOUT__LAYOUT_MINI_BLOCK_LAYOUT,
	.open = mini_open,
	.read = mini_read,
};
