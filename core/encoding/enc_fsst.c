// SPDX-License-Identifier: Apache-2.0
/*
 * enc_fsst.c: strings compressed with a table of up to 255 symbols.
 *
 * A code below 255 stands for a symbol of one to eight bytes, 255 for the byte
 * that follows.  The table is always 2312 bytes, yet the symbols' lengths
 * follow right behind the last symbol.  A table may be switched off; then
 * values are verbatim.
 * Source: encodings_v2_1.proto, message Fsst; table: observed, Lance 14.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

#define TABLE_LEN 2312
#define TABLE_MAGIC 0x46535354u
#define ESCAPE 255
#define STEP 16384 /* codes expanded between checks for room */

struct fsst_table {
	bool enabled;
	unsigned n;
	uint8_t lengths[256];
	uint64_t symbols[256];
};

void fsst_table_free(struct fsst_table *t)
{
	free(t);
}

struct err *fsst_table_parse(const uint8_t *p, size_t len, struct fsst_table **ret)
{
	if (len != TABLE_LEN || load_u32le(p + 4) != TABLE_MAGIC)
		return err_new(EIO, "bad symbol table of %zu bytes", len);
	AUTO(fsst_table) struct fsst_table *t = NULL;
	TRY(mem_new(&t));
	t->n = p[0];
	t->enabled = p[3] & 1;
	const uint8_t *lengths = p + 8 + 8 * (size_t)t->n;
	for (unsigned i = 0; i < t->n; i++) {
		t->symbols[i] = load_u64le(p + 8 + 8 * (size_t)i);
		t->lengths[i] = lengths[i];
		if (lengths[i] < 1 || lengths[i] > 8)
			return err_new(EIO, "symbol %u has %u bytes", i, lengths[i]);
	}
	*ret = TAKE(t);
	return NULL;
}

static inline bool has_escape(uint32_t codes)
{
	return ((codes & 0x7f7f7f7f) + 0x01010101) & codes & 0x80808080;
}

/* One code; *bad gets high bits if it stands for nothing. */
static inline uint8_t *put_symbol(const struct fsst_table *t, unsigned code,
				  uint8_t *dst, unsigned *bad)
{
	unsigned len = t->lengths[code];
	store_u64le(dst, t->symbols[code]);
	*bad |= len - 1;
	return dst + len;
}

/*
 * Expand codes until in is used up or `stop` is reached (an escape may pass it
 * by one); dst has room for eight bytes a code and eight more.
 */
static inline struct err *expand_step(const struct fsst_table *t, const uint8_t **in,
				      const uint8_t *stop, const uint8_t *end,
				      uint8_t **ret_dst)
{
	const uint8_t *p = *in;
	uint8_t *dst = *ret_dst;
	unsigned bad = 0;
	while (p < stop) {
		uint32_t codes;
		if (stop - p >= 4 && !has_escape(codes = load_u32le(p))) {
			dst = put_symbol(t, codes & 255, dst, &bad);
			dst = put_symbol(t, codes >> 8 & 255, dst, &bad);
			dst = put_symbol(t, codes >> 16 & 255, dst, &bad);
			dst = put_symbol(t, codes >> 24, dst, &bad);
			p += 4;
			continue;
		}
		unsigned code = *p++;
		if (code != ESCAPE) {
			dst = put_symbol(t, code, dst, &bad);
			continue;
		}
		if (p == end)
			return err_new(EIO, "an escape at the end of a value");
		*dst++ = *p++;
	}
	if (bad >> 3)
		return err_new(EIO, "a code that is not one of %u symbols", t->n);
	*in = p;
	*ret_dst = dst;
	return NULL;
}

struct err *fsst_expand(const struct fsst_table *t, struct span in, struct grow *data)
{
	uint8_t *dst;
	if (in.len == 0)
		return NULL; /* no bytes may be nowhere */
	const uint8_t *p = in.p;
	const uint8_t *end = in.p + in.len;
	if (!t->enabled) {
		TRY(grow_room(data, in.len, &dst));
		memcpy(dst, p, in.len);
		data->len += in.len;
		return NULL;
	}
	while (p < end) {
		size_t step = MIN_OF((size_t)(end - p), (size_t)STEP);
		TRY(grow_room(data, 8 * step + 8, &dst));
		TRY(expand_step(t, &p, p + step, end, &dst));
		data->len = (size_t)(dst - data->bytes->data);
	}
	return NULL;
}

struct err *fsst_append(const struct fsst_table *t, struct span in, struct values *out)
{
	uint8_t *offset;
	size_t start = out->data.len;
	TRY(values_offsets_room(out, 1, &offset));
	TRY(fsst_expand(t, in, &out->data));
	size_t end = out->data.len;
	out->data.len = start;
	if (out->type->offset_bytes == 4)
		store_u32le(offset, (uint32_t)end);
	else
		store_u64le(offset, end);
	return values_commit_var(out, 1, end);
}

static struct err *fsst_parse(const ce *m, int depth, struct codec *c)
{
	TRY(fsst_table_parse(m->fsst->symbol_table.data, m->fsst->symbol_table.len,
			     &c->fsst));
	TRY(codec_add_child(c, m->fsst->values, depth));
	if (c->children[0]->ops != &enc_variable)
		return err_new(EOPNOTSUPP, "values that are not variable");
	c->n_buffers = c->children[0]->n_buffers;
	return NULL;
}

/* How many of n spans fit in one step together. */
static size_t short_run(const struct span *spans, size_t n, size_t *ret_codes)
{
	size_t k = 0;
	*ret_codes = 0;
	for (; k < n && spans[k].len <= STEP - *ret_codes; k++)
		*ret_codes += spans[k].len;
	return k;
}

static inline void put_offset(uint8_t *offsets, unsigned width, size_t i, size_t value)
{
	if (width == 4)
		store_u32le(offsets + 4 * i, (uint32_t)value);
	else
		store_u64le(offsets + 8 * i, value);
}

/* Append the expansions of n spans that have `codes` codes together. */
static struct err *expand_run(const struct fsst_table *t, const struct span *spans,
			      size_t n, size_t codes, uint8_t *offsets,
			      struct values *out)
{
	uint8_t *dst;
	TRY(grow_room(&out->data, 8 * codes + 8, &dst));
	const uint8_t *base = out->data.bytes->data;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *p = spans[i].p;
		if (spans[i].len) /* else it may be nowhere */
			TRY(expand_step(t, &p, p + spans[i].len, p + spans[i].len,
					&dst));
		put_offset(offsets, out->type->offset_bytes, i, (size_t)(dst - base));
	}
	out->data.len = (size_t)(dst - base);
	return NULL;
}

/* Append n values, the spans' expansions. */
static struct err *fsst_zip_var(const struct codec *c, const struct span *spans,
				size_t n, struct values *out)
{
	uint8_t *offsets;
	unsigned w = out->type->offset_bytes;
	TRY(expect_var(out));
	size_t start = out->data.len, codes;
	TRY(values_offsets_room(out, n, &offsets));
	for (size_t i = 0; i < n;) {
		size_t k = c->fsst->enabled ? short_run(spans + i, n - i, &codes) : 0;
		if (k) {
			TRY(expand_run(c->fsst, spans + i, k, codes, offsets + w * i,
				       out));
			i += k;
			continue;
		}
		TRY(fsst_expand(c->fsst, spans[i], &out->data));
		put_offset(offsets, w, i++, out->data.len);
	}
	size_t end = out->data.len;
	out->data.len = start;
	return values_commit_var(out, n, end);
}

static struct err *fsst_mini(const struct codec *c, const struct cursor *in, uint64_t n,
			     uint64_t first, uint64_t end, struct values *out)
{
	enum { BATCH = 256 };
	struct span spans[BATCH];
	struct values inner AUTO_VALUES = {0};
	TRY(expect_var(out));
	TRY(values_init(&inner, out->type));
	TRY(codec_mini(c->children[0], in, n, first, end, &inner));
	for (uint64_t at = 0; at < inner.n;) {
		size_t k = 0;
		uint64_t stop, start = values_offset(&inner, at);
		for (; k < BATCH && at < inner.n; k++, at++, start = stop) {
			stop = values_offset(&inner, at + 1);
			spans[k].p = inner.data.bytes->data + start;
			spans[k].len = (size_t)(stop - start);
		}
		TRY(fsst_zip_var(c, spans, k, out));
	}
	return NULL;
}

const struct encoding_ops enc_fsst = {
	.name = "fsst",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_FSST,
	.parse = fsst_parse,
	.mini = fsst_mini,
	.zip_var = fsst_zip_var,
};
