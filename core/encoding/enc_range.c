// SPDX-License-Identifier: Apache-2.0
/*
 * enc_range.c: numbers that lie evenly apart, told by the descriptor alone.
 * Source: encodings_v2_3.proto, message Range.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *range_parse(const ce *m, int depth, struct codec *c)
{
	(void)depth;
	c->bits = m->range->uncompressed_bits_per_value;
	c->start = m->range->start;
	c->step = m->range->step;
	c->has_payload = false;
	if (c->bits != 32 && c->bits != 64)
		return err_new(EIO, "%" PRIu64 " bits a value", c->bits);
	if (c->step == 0)
		return err_new(EIO, "no step");
	return NULL;
}

/* Does the last of n > 0 numbers still have their width? */
static struct err *check_last(const struct codec *c, uint64_t n)
{
	uint64_t last;
	if (ckd_mul(&last, c->step, n - 1) || ckd_add(&last, last, c->start) ||
	    (c->bits == 32 && last > UINT32_MAX))
		return err_new(EIO,
			       "%" PRIu64 " values from %" PRIu64 " by %" PRIu64
			       " in %" PRIu64 " bits",
			       n, c->start, c->step, c->bits);
	return NULL;
}

static struct err *range_block(const struct codec *c, struct cursor in, uint64_t n,
			       struct values *out)
{
	uint8_t *dst;
	(void)in;
	TRY(expect_bits(c->bits, out));
	if (n == 0)
		return NULL;
	TRY(check_last(c, n));
	TRY(values_room(out, n, &dst));
	for (uint64_t i = 0, v = c->start; i < n; i++, v += c->step) {
		if (c->bits == 32)
			store_u32le(dst + 4 * i, (uint32_t)v);
		else
			store_u64le(dst + 8 * i, v);
	}
	return NULL;
}

const struct encoding_ops enc_range = {
	.name = "range",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_RANGE,
	.parse = range_parse,
	.block = range_block,
};
