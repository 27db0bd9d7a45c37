// SPDX-License-Identifier: Apache-2.0
/*
 * enc_bitpack.c: bit packing, with the width in the buffer (inline) or in the
 * descriptor (out of line).
 *
 * Inline, a buffer is one word holding the width and one vector of up to 1024
 * values.  Out of line, vectors of one width follow each other, and the tail
 * is raw words or one more padded vector: only the length tells.
 * Source: encodings_v2_1.proto, messages InlineBitpacking, OutOfLineBitpacking.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

#define VECTOR 1024

static struct err *check_word(uint64_t bits)
{
	if (bits == 8 || bits == 16 || bits == 32 || bits == 64)
		return NULL;
	return err_new(EIO, "%" PRIu64 " bits a value", bits);
}

static struct err *inline_parse(const ce *m, int depth, struct codec *c)
{
	(void)depth;
	if (m->inline_bitpacking->values)
		return err_new(EOPNOTSUPP, "compressed inside");
	c->bits = m->inline_bitpacking->uncompressed_bits_per_value;
	return check_word(c->bits);
}

/* The width at the head of a buffer, proven to fit the bytes behind it. */
static struct err *inline_width(const struct codec *c, struct cursor *in, unsigned *ret)
{
	size_t word = (size_t)(c->bits / 8);
	uint64_t width = 0;
	if (cursor_left(in) < word)
		return err_new(EIO, "no width in %zu bytes", cursor_left(in));
	memcpy(&width, in->p, word);
	TRY(cursor_skip(in, word));
	if (width > c->bits || width * (VECTOR / 8) > cursor_left(in))
		return err_new(EIO, "%" PRIu64 " bits a value in %zu bytes", width,
			       cursor_left(in));
	*ret = (unsigned)width;
	return NULL;
}

/* Unpack one vector and append values [first, end) of it. */
static struct err *append_vector(const struct codec *c, unsigned width,
				 const uint8_t *p, uint64_t first, uint64_t end,
				 struct values *out)
{
	uint64_t vector[VECTOR];
	size_t size = (size_t)(c->bits / 8);
	uint8_t *dst;
	TRY(values_room(out, end - first, &dst));
	if (end - first == VECTOR && ((uintptr_t)dst & (size - 1)) == 0) {
		bitpack_unpack((unsigned)c->bits, width, p, dst);
		return NULL;
	}
	bitpack_unpack((unsigned)c->bits, width, p, vector);
	memcpy(dst, (uint8_t *)vector + first * size, (end - first) * size);
	return NULL;
}

static struct err *inline_append(const struct codec *c, struct cursor in, uint64_t n,
				 uint64_t first, uint64_t end, struct values *out)
{
	unsigned width = 0;
	TRY(expect_bits(c->bits, out));
	if (n > VECTOR)
		return err_new(EIO, "%" PRIu64 " values in one vector", n);
	TRY(inline_width(c, &in, &width));
	return append_vector(c, width, in.p, first, end, out);
}

static struct err *inline_mini(const struct codec *c, const struct cursor *in,
			       uint64_t n, uint64_t first, uint64_t end,
			       struct values *out)
{
	return inline_append(c, in[0], n, first, end, out);
}

static struct err *inline_block(const struct codec *c, struct cursor in, uint64_t n,
				struct values *out)
{
	return inline_append(c, in, n, 0, n, out);
}

const struct encoding_ops enc_inline = {
	.name = "inline bit packing",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_INLINE_BITPACKING,
	.parse = inline_parse,
	.block = inline_block,
	.mini = inline_mini,
};

static struct err *out_of_line_parse(const ce *m, int depth, struct codec *c)
{
	c->bits = m->out_of_line_bitpacking->uncompressed_bits_per_value;
	TRY(check_word(c->bits));
	const ce *values = m->out_of_line_bitpacking->values;
	(void)depth;
	if (!values ||
	    values->compression_case !=
		    LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_FLAT ||
	    values->flat->data)
		return err_new(EOPNOTSUPP, "packed values that are not flat");
	c->packed_bits = values->flat->bits_per_value;
	if (c->packed_bits > c->bits)
		return err_new(EIO, "%" PRIu64 " bits packed into %" PRIu64, c->bits,
			       c->packed_bits);
	return NULL;
}

static struct err *out_of_line_tail(const struct codec *c, struct cursor in,
				    uint64_t tail, struct values *out)
{
	size_t size = (size_t)(c->bits / 8);
	size_t left = cursor_left(&in);
	if (left == tail * size)
		return values_append_fixed(out, in.p, 0, tail);
	if (left < c->packed_bits * (VECTOR / 8))
		return err_new(EIO, "%" PRIu64 " values at the end in %zu bytes", tail,
			       left);
	return append_vector(c, (unsigned)c->packed_bits, in.p, 0, tail, out);
}

static struct err *out_of_line_block(const struct codec *c, struct cursor in,
				     uint64_t n, struct values *out)
{
	TRY(expect_bits(c->bits, out));
	size_t vector = (size_t)c->packed_bits * (VECTOR / 8);
	if (n / VECTOR > (vector ? cursor_left(&in) / vector : 64))
		return err_new(EIO,
			       "%" PRIu64 " values of %" PRIu64 " bits in %zu bytes", n,
			       c->packed_bits, cursor_left(&in));
	for (uint64_t i = 0; i < n / VECTOR; i++) {
		TRY(append_vector(c, (unsigned)c->packed_bits, in.p, 0, VECTOR, out));
		TRY(cursor_skip(&in, vector));
	}
	if (n % VECTOR == 0)
		return NULL;
	return out_of_line_tail(c, in, n % VECTOR, out);
}

const struct encoding_ops enc_out_of_line = {
	.name = "bit packing",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_OUT_OF_LINE_BITPACKING,
	.parse = out_of_line_parse,
	.block = out_of_line_block,
};
