// SPDX-License-Identifier: Apache-2.0
/*
 * enc_variable.c: offsets and bytes in one buffer.
 *
 * In a mini-block offsets count from the start of the buffer, in a block from
 * the first byte, behind a header that tells their width and an older header
 * apart by its bytes 1 to 3.  In a full-zip page each value has its length in
 * front and this encoding changes nothing.  In a mini-block of 2.3 offsets may be
 * compressed: then they count from the first byte, and lie in a buffer of their own
 * or, if the descriptor tells them all, nowhere.
 * Source: encodings_v2_3.proto, message Variable; header: observed, Lance 14.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *variable_parse(const ce *m, int depth, struct codec *c)
{
	if (m->variable->values)
		return err_new(EOPNOTSUPP, "compressed bytes");
	TRY(codec_add_child(c, m->variable->offsets, depth));
	const struct codec *offsets = c->children[0];
	c->packed_bits = offsets->bits;
	if (c->packed_bits != 32 && c->packed_bits != 64)
		return err_new(EOPNOTSUPP, "offsets that are not of 32 or 64 bits");
	if (offsets->ops != &enc_flat)
		c->n_buffers = 1 + offsets->has_payload;
	return NULL;
}

static inline uint64_t offset_at(const uint8_t *p, size_t width, uint64_t i)
{
	return width == 4 ? load_u32le(p + 4 * i) : load_u64le(p + 8 * i);
}

/* Copy offsets [first, end] of width w; all are proven to lie in order within limit. */
static struct err *rebase(const uint8_t *p, size_t w, uint64_t first, uint64_t end,
			  uint64_t limit, struct values *out)
{
	uint8_t *dst;
	uint64_t base = offset_at(p, w, first);
	uint64_t previous = base;
	uint64_t at = out->data.len;
	TRY(values_offsets_room(out, end - first, &dst));
	for (uint64_t i = first + 1; i <= end; i++) {
		uint64_t o = offset_at(p, w, i);
		if (o < previous || o > limit)
			return err_new(EIO,
				       "value %" PRIu64 " is [%" PRIu64 ", %" PRIu64
				       ") of %" PRIu64 " bytes",
				       i - 1, previous, o, limit);
		previous = o;
		if (out->type->offset_bytes == 4)
			store_u32le(dst, (uint32_t)(at + o - base));
		else
			store_u64le(dst, at + o - base);
		dst += out->type->offset_bytes;
	}
	return NULL;
}

/* Values [first, end), whose offsets of width w count from the start of data. */
static struct err *append_values(const uint8_t *offsets, size_t w, struct cursor data,
				 uint64_t first, uint64_t end, struct values *out)
{
	uint64_t limit = cursor_left(&data);
	uint8_t *dst;
	if (first == end)
		return NULL;
	if (offset_at(offsets, w, first) > limit)
		return err_new(EIO, "value %" PRIu64 " starts past the end", first);
	TRY(rebase(offsets, w, first, end, limit, out));
	uint64_t start = offset_at(offsets, w, first);
	size_t len = (size_t)(offset_at(offsets, w, end) - start);
	TRY(grow_room(&out->data, len, &dst));
	memcpy(dst, data.p + start, len);
	return values_commit_var(out, end - first, out->data.len + len);
}

/* Values [first, end) of the n whose n + 1 offsets start at in.p + offsets and
 * count from in.p + origin. */
static struct err *append(struct cursor in, size_t offsets, size_t origin, size_t w,
			  uint64_t n, uint64_t first, uint64_t end, struct values *out)
{
	size_t left = cursor_left(&in);
	if (offsets > left || n >= (left - offsets) / w || origin > left)
		return err_new(EIO, "%" PRIu64 " offsets of %zu bytes in %zu bytes", n,
			       w, left);
	struct cursor data = in;
	TRY(cursor_skip(&data, origin));
	return append_values(in.p + offsets, w, data, first, end, out);
}

/* Offsets of a codec of their own, in the buffer in front of the bytes if any. */
static struct err *append_compressed(const struct codec *c, const struct cursor *in,
				     uint64_t n, uint64_t first, uint64_t end,
				     struct values *out)
{
	struct value_type type = {.kind = VALUE_FIXED, .bits = c->packed_bits};
	struct values offsets AUTO_VALUES = {.type = &type};
	TRY_CTX(codec_block(c->children[0], in[0], n + 1, &offsets), "offsets");
	if (offsets.n != n + 1)
		return err_new(EIO, "%" PRIu64 " offsets of %" PRIu64, offsets.n,
			       n + 1);
	return append_values(offsets.data.bytes->data, (size_t)(c->packed_bits / 8),
			     in[c->n_buffers - 1], first, end, out);
}

static struct err *variable_mini(const struct codec *c, const struct cursor *in,
				 uint64_t n, uint64_t first, uint64_t end,
				 struct values *out)
{
	TRY(expect_var(out));
	if (c->children[0]->ops != &enc_flat)
		return append_compressed(c, in, n, first, end, out);
	return append(in[0], 0, 0, (size_t)(c->packed_bits / 8), n, first, end, out);
}

/* Skip the header: the place of the bytes, and the offsets' width. */
static struct err *block_header(struct cursor *c, uint64_t *ret_bits,
				uint64_t *ret_start)
{
	uint32_t word = 0, start = 0;
	uint8_t old_bits;
	struct cursor peek = *c;
	TRY(cursor_u32le(&peek, &word));
	if (word & 0xffffff00u) {
		TRY(cursor_u8(c, &old_bits));
		*ret_bits = old_bits;
		TRY(cursor_skip(c, old_bits / 8));
	} else {
		*ret_bits = word;
		TRY(cursor_skip(c, word == 64 ? 8 : 4));
	}
	if (*ret_bits == 64)
		return cursor_u64le(c, ret_start);
	TRY(cursor_u32le(c, &start));
	*ret_start = start;
	return NULL;
}

static struct err *variable_block(const struct codec *c, struct cursor in, uint64_t n,
				  struct values *out)
{
	(void)c;
	uint64_t bits, start;
	struct cursor rest = in;
	TRY(expect_var(out));
	if (n == 0)
		return NULL;
	TRY(block_header(&rest, &bits, &start));
	if ((bits != 32 && bits != 64) || start > cursor_left(&in))
		return err_new(EIO, "offsets of %" PRIu64 " bits, bytes at %" PRIu64,
			       bits, start);
	return append(in, (size_t)(rest.p - in.p), (size_t)start, (size_t)(bits / 8), n,
		      0, n, out);
}

static struct err *variable_zip_var(const struct codec *c, const struct span *spans,
				    size_t n, struct values *out)
{
	(void)c;
	TRY(expect_var(out));
	for (size_t i = 0; i < n; i++)
		TRY(values_append_var(out, spans[i].p, spans[i].len));
	return NULL;
}

const struct encoding_ops enc_variable = {
	.name = "variable",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_VARIABLE,
	.parse = variable_parse,
	.block = variable_block,
	.mini = variable_mini,
	.zip_var = variable_zip_var,
};
