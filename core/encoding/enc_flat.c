// SPDX-License-Identifier: Apache-2.0
/*
 * enc_flat.c: values of fixed width, back to back.
 *
 * One bit a value is a bitmap, least significant bit first.  In a full-zip
 * page a boolean takes a whole byte.
 * Source: encodings_v2_1.proto, message Flat.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *flat_parse(const ce *m, int depth, struct codec *c)
{
	(void)depth;
	c->bits = m->flat->bits_per_value;
	if (m->flat->data)
		return err_new(EOPNOTSUPP, "compressed flat values");
	if (c->bits / 8 > LIMIT_VALUE_BYTES || (c->bits != 1 && c->bits % 8))
		return err_new(EIO, "%" PRIu64 " bits a value", c->bits);
	return NULL;
}

/* n values need so many bytes; more is corrupt too, but for nothing we know. */
static struct err *check_size(const struct codec *c, struct cursor in, uint64_t n)
{
	uint64_t bits;
	if (ckd_mul(&bits, n, c->bits) || div_ceil(bits, 8) > cursor_left(&in))
		return err_new(EIO,
			       "%" PRIu64 " values of %" PRIu64 " bits in %zu bytes", n,
			       c->bits, cursor_left(&in));
	return NULL;
}

static struct err *flat_block(const struct codec *c, struct cursor in, uint64_t n,
			      struct values *out)
{
	TRY(expect_bits(c->bits, out));
	TRY(check_size(c, in, n));
	return values_append_fixed(out, in.p, 0, n);
}

static struct err *flat_mini(const struct codec *c, const struct cursor *in, uint64_t n,
			     uint64_t first, uint64_t end, struct values *out)
{
	TRY(expect_bits(c->bits, out));
	TRY(check_size(c, in[0], n));
	return values_append_fixed(out, in[0].p, first, end - first);
}

static struct err *zip_bools(const uint8_t *p, uint64_t n, size_t stride,
			     struct values *out)
{
	for (uint64_t i = 0; i < n; i++) {
		uint8_t bit = p[i * stride] != 0;
		TRY(values_append_fixed(out, &bit, 0, 1));
	}
	return NULL;
}

static struct err *flat_zip_fixed(const struct codec *c, const uint8_t *p, uint64_t n,
				  size_t width, size_t stride, struct values *out)
{
	uint8_t *dst;
	if (c->bits == 8 && out->type->bits == 1 && width)
		return zip_bools(p, n, stride, out);
	TRY(expect_bits(c->bits, out));
	if (c->bits % 8)
		return err_new(EOPNOTSUPP, "bits in a full-zip page");
	if (c->bits / 8 > width)
		return err_new(EIO, "%" PRIu64 " bits a value in %zu bytes", c->bits,
			       width);
	size_t size = (size_t)(c->bits / 8);
	TRY(values_room(out, n, &dst));
	if (stride == size) {
		memcpy(dst, p, n * size);
		return NULL;
	}
	for (uint64_t i = 0; i < n; i++)
		memcpy(dst + i * size, p + i * stride, size);
	return NULL;
}

const struct encoding_ops enc_flat = {
	.name = "flat",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_FLAT,
	.parse = flat_parse,
	.block = flat_block,
	.mini = flat_mini,
	.zip_fixed = flat_zip_fixed,
};
