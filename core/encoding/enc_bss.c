// SPDX-License-Identifier: Apache-2.0
/*
 * enc_bss.c: byte stream split, all first bytes, all second bytes, ...
 *
 * Only useful under a general compression, and written only there.
 * Source: encodings_v2_1.proto, message ByteStreamSplit.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *bss_parse(const ce *m, int depth, struct codec *c)
{
	TRY(codec_add_child(c, m->byte_stream_split->values, depth));
	c->bits = c->children[0]->bits;
	if (c->children[0]->ops != &enc_flat || (c->bits != 32 && c->bits != 64))
		return err_new(EOPNOTSUPP, "streams of other than flat 32 or 64 bits");
	return NULL;
}

static struct err *bss_mini(const struct codec *c, const struct cursor *in, uint64_t n,
			    uint64_t first, uint64_t end, struct values *out)
{
	size_t size = (size_t)(c->bits / 8);
	uint8_t *dst;
	TRY(expect_bits(c->bits, out));
	if (cursor_left(&in[0]) / size < n)
		return err_new(EIO, "%" PRIu64 " values of %zu bytes in %zu bytes", n,
			       size, cursor_left(&in[0]));
	TRY(values_room(out, end - first, &dst));
	for (size_t k = 0; k < size; k++) {
		const uint8_t *stream = in[0].p + k * n;
		for (uint64_t i = first; i < end; i++)
			dst[(i - first) * size + k] = stream[i];
	}
	return NULL;
}

const struct encoding_ops enc_byte_stream_split = {
	.name = "byte stream split",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_BYTE_STREAM_SPLIT,
	.parse = bss_parse,
	.mini = bss_mini,
};
