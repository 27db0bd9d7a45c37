// SPDX-License-Identifier: Apache-2.0
/*
 * enc_constant.c: no bytes at all.  Occurs inside a fixed-size list whose items
 * are all null: only their validity is stored.
 * Source: encodings_v2_1.proto, message Constant.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>

static struct err *constant_parse(const ce *m, int depth, struct codec *c)
{
	(void)depth;
	c->bits = 0;
	if (m->constant->value_presence_case && m->constant->value.len)
		return err_new(EOPNOTSUPP, "constant with a value");
	return NULL;
}

static struct err *constant_zip_fixed(const struct codec *c, const uint8_t *p,
				      uint64_t n, size_t width, size_t stride,
				      struct values *out)
{
	(void)c;
	(void)p;
	(void)width;
	(void)stride;
	return values_append_zero(out, n);
}

const struct encoding_ops enc_constant = {
	.name = "constant",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_CONSTANT,
	.parse = constant_parse,
	.zip_fixed = constant_zip_fixed,
};
