// SPDX-License-Identifier: Apache-2.0
/*
 * enc_constant.c: no bytes at all.
 *
 * Inside a fixed-size list it stands for items that are all null: only their
 * validity is stored.  In block position, from 2.3 on, it is a number, over and over;
 * without the number it is a sequence of none.
 * Source: encodings_v2_3.proto, message Constant; lists: observed, Lance 14.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *constant_parse(const ce *m, int depth, struct codec *c)
{
	(void)depth;
	c->bits = 0;
	c->has_payload = false;
	size_t len = m->constant->value_presence_case ? m->constant->value.len : 0;
	if (len == 0)
		return NULL;
	if (len != 4 && len != 8)
		return err_new(EOPNOTSUPP, "a value of %zu bytes", len);
	c->has_value = true;
	c->bits = len * 8;
	c->start = len == 4 ? load_u32le(m->constant->value.data)
			    : load_u64le(m->constant->value.data);
	return NULL;
}

static struct err *constant_block(const struct codec *c, struct cursor in, uint64_t n,
				  struct values *out)
{
	uint8_t *dst;
	(void)in;
	if (!c->has_value && n)
		return err_new(EIO, "no value for %" PRIu64, n);
	if (n == 0)
		return NULL;
	TRY(expect_bits(c->bits, out));
	TRY(values_room(out, n, &dst));
	for (uint64_t i = 0; i < n; i++) {
		if (c->bits == 32)
			store_u32le(dst + 4 * i, (uint32_t)c->start);
		else
			store_u64le(dst + 8 * i, c->start);
	}
	return NULL;
}

static struct err *constant_zip_fixed(const struct codec *c, const uint8_t *p,
				      uint64_t n, size_t width, size_t stride,
				      struct values *out)
{
	(void)p;
	(void)width;
	(void)stride;
	if (c->has_value)
		return err_new(EOPNOTSUPP, "a value in each row");
	return values_append_zero(out, n);
}

const struct encoding_ops enc_constant = {
	.name = "constant",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_CONSTANT,
	.parse = constant_parse,
	.block = constant_block,
	.zip_fixed = constant_zip_fixed,
};
