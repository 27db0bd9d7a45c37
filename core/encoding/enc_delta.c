// SPDX-License-Identifier: Apache-2.0
/*
 * enc_delta.c: numbers that do not fall, as the first and the differences.
 * Source: encodings_v2_3.proto, message Delta.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *delta_parse(const ce *m, int depth, struct codec *c)
{
	c->bits = m->delta->uncompressed_bits_per_value;
	c->start = m->delta->first;
	TRY(codec_add_child(c, m->delta->deltas, depth));
	const struct codec *child = c->children[0];
	if ((c->bits != 32 && c->bits != 64) || child->bits != c->bits ||
	    (c->bits == 32 && c->start > UINT32_MAX))
		return err_new(EIO,
			       "%" PRIu64 " bits a value, %" PRIu64 " a difference",
			       c->bits, child->bits);
	c->step = child->start; /* of each, if they are all the same */
	c->has_payload = child->has_payload;
	return NULL;
}

/* From differences to numbers, where they lie. */
static struct err *add_up32(uint8_t *p, uint64_t n)
{
	uint32_t sum = load_u32le(p);
	for (uint64_t i = 1; i < n; i++) {
		if (ckd_add(&sum, sum, load_u32le(p + 4 * i)))
			return err_new(EIO, "value %" PRIu64 " is over 2^32", i);
		store_u32le(p + 4 * i, sum);
	}
	return NULL;
}

static struct err *add_up64(uint8_t *p, uint64_t n)
{
	uint64_t sum = load_u64le(p);
	for (uint64_t i = 1; i < n; i++) {
		if (ckd_add(&sum, sum, load_u64le(p + 8 * i)))
			return err_new(EIO, "value %" PRIu64 " is over 2^64", i);
		store_u64le(p + 8 * i, sum);
	}
	return NULL;
}

static struct err *delta_block(const struct codec *c, struct cursor in, uint64_t n,
			       struct values *out)
{
	uint8_t base[8];
	uint64_t before = out->n;
	TRY(expect_bits(c->bits, out));
	if (n == 0)
		return err_new(EIO, "a first value where there is none");
	store_u64le(base, c->start);
	TRY(values_append_fixed(out, base, 0, 1));
	TRY(codec_block(c->children[0], in, n - 1, out));
	if (out->n - before != n)
		return err_new(EIO, "%" PRIu64 " differences for %" PRIu64 " values",
			       out->n - before - 1, n);
	uint8_t *p = out->data.bytes->data + before * (c->bits / 8);
	return c->bits == 32 ? add_up32(p, n) : add_up64(p, n);
}

const struct encoding_ops enc_delta = {
	.name = "delta",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_DELTA,
	.parse = delta_parse,
	.block = delta_block,
};
