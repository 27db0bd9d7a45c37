// SPDX-License-Identifier: Apache-2.0
/*
 * enc_rle.c: run-length encoding, values and run lengths.
 *
 * A run length is one byte, so a long run is several entries.  Their sum is
 * never trusted: decoding stops at the values its caller knows of.
 * Source: encodings_v2_1.proto, message Rle.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *rle_parse(const ce *m, int depth, struct codec *c)
{
	TRY(codec_add_child(c, m->rle->values, depth));
	TRY(codec_add_child(c, m->rle->run_lengths, depth));
	const struct codec *values = c->children[0], *lengths = c->children[1];
	if (values->ops != &enc_flat || lengths->ops != &enc_flat || lengths->bits != 8)
		return err_new(EOPNOTSUPP, "runs that are not flat with 8-bit lengths");
	c->bits = values->bits;
	if (c->bits != 8 && c->bits != 16 && c->bits != 32 && c->bits != 64)
		return err_new(EIO, "values of %" PRIu64 " bits", c->bits);
	c->n_buffers = 2;
	return NULL;
}

static void fill(uint8_t *dst, const uint8_t *value, unsigned bits, uint64_t n)
{
	switch (bits) {
	case 8:
		memset(dst, *value, n);
		break;
	case 16:
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 2 * i, value, 2);
		break;
	case 32:
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 4 * i, value, 4);
		break;
	default:
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 8 * i, value, 8);
	}
}

/* Append values [first, end); the runs must reach end. */
static struct err *expand(const struct codec *c, struct cursor values,
			  struct cursor lengths, uint64_t first, uint64_t end,
			  struct values *out)
{
	size_t size = (size_t)(c->bits / 8);
	size_t n_runs = cursor_left(&lengths);
	uint64_t at = 0;
	uint8_t *dst;
	if (cursor_left(&values) / size < n_runs)
		return err_new(EIO, "%zu runs, %zu bytes of values", n_runs,
			       cursor_left(&values));
	if (n_runs < div_ceil(end, 255))
		return err_new(EIO, "%zu runs for %" PRIu64 " values", n_runs, end);
	TRY(values_room(out, end - first, &dst));
	for (size_t i = 0; i < n_runs && at < end; i++) {
		uint64_t start = MAX_OF(at, first);
		at += lengths.p[i];
		uint64_t stop = MIN_OF(at, end);
		if (stop <= start)
			continue;
		fill(dst, values.p + i * size, (unsigned)c->bits, stop - start);
		dst += (stop - start) * size;
	}
	if (at < end)
		return err_new(EIO, "%zu runs hold %" PRIu64 " of %" PRIu64 " values",
			       n_runs, at, end);
	return NULL;
}

static struct err *rle_mini(const struct codec *c, const struct cursor *in, uint64_t n,
			    uint64_t first, uint64_t end, struct values *out)
{
	(void)n;
	TRY(expect_bits(c->bits, out));
	return expand(c, in[0], in[1], first, end, out);
}

static struct err *rle_block(const struct codec *c, struct cursor in, uint64_t n,
			     struct values *out)
{
	uint64_t size;
	struct cursor values;
	TRY(expect_bits(c->bits, out));
	TRY(cursor_u64le(&in, &size));
	TRY(cursor_sub(&in, size, &values));
	return expand(c, values, in, 0, n, out);
}

const struct encoding_ops enc_rle = {
	.name = "rle",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_RLE,
	.parse = rle_parse,
	.block = rle_block,
	.mini = rle_mini,
};
