// SPDX-License-Identifier: Apache-2.0
/*
 * enc_general.c: lz4 or zstd around another encoding.
 *
 * A compressed unit has its size in front: 32 bits for an lz4 block, 64 for a
 * zstd frame; old files hold the bare frame.  In a mini-block only the first
 * buffer is compressed, in a full-zip page each value by itself.
 * Source: encodings_v2_1.proto, messages General and BufferCompression.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <lz4.h>
#include <zstd.h>

static struct err *general_parse(const ce *m, int depth, struct codec *c)
{
	if (!m->general->compression)
		return err_new(EIO, "no scheme");
	c->scheme = m->general->compression->scheme;
	if (c->scheme != SCHEME_LZ4 && c->scheme != SCHEME_ZSTD)
		return err_new(EOPNOTSUPP, "scheme %d", c->scheme);
	TRY(codec_add_child(c, m->general->values, depth));
	c->bits = c->children[0]->bits;
	c->n_buffers = c->children[0]->n_buffers;
	return NULL;
}

/* A frame without the size prefix, as old files have it. */
static bool is_bare_frame(struct cursor in)
{
	size_t left = cursor_left(&in);
	if (left < 8)
		return true;
	return load_u32le(in.p) == 0xfd2fb528u && !(in.p[4] & 0x08);
}

static struct err *zstd_size(struct cursor *in, uint64_t *ret)
{
	if (!is_bare_frame(*in))
		return cursor_u64le(in, ret);
	unsigned long long size = ZSTD_getFrameContentSize(in->p, cursor_left(in));
	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
		return err_new(EIO, "zstd: not a frame of known size");
	*ret = size;
	return NULL;
}

static struct err *unit_size(int scheme, struct cursor *in, uint64_t limit,
			     uint64_t *ret)
{
	uint32_t lz4_size;
	if (scheme == SCHEME_LZ4) {
		TRY(cursor_u32le(in, &lz4_size));
		*ret = lz4_size;
	} else {
		TRY(zstd_size(in, ret));
	}
	/* neither format can expand further than this */
	uint64_t ratio = scheme == SCHEME_LZ4 ? 255 : 65536;
	uint64_t most = (cursor_left(in) + 64) * ratio;
	if (*ret > limit || *ret > most)
		return err_new(EIO, "%" PRIu64 " bytes claimed by %zu compressed bytes",
			       *ret, cursor_left(in));
	return NULL;
}

/* Decompress the unit behind its prefix into exactly size bytes. */
static struct err *decompress(int scheme, struct cursor in, uint8_t *dst, size_t size)
{
	size_t left = cursor_left(&in);
	if (scheme == SCHEME_ZSTD) {
		size_t n = ZSTD_decompress(dst, size, in.p, left);
		if (ZSTD_isError(n))
			return err_new(EIO, "zstd: %s", ZSTD_getErrorName(n));
		if (n != size)
			return err_new(EIO, "zstd: %zu bytes of %zu", n, size);
		return NULL;
	}
	if (left > INT32_MAX || size > INT32_MAX)
		return err_new(EIO, "lz4: over 2 GiB");
	int n = LZ4_decompress_safe((const char *)in.p, (char *)dst, (int)left,
				    (int)size);
	if (n < 0 || (size_t)n != size)
		return err_new(EIO, "lz4: bad block of %zu bytes", left);
	return NULL;
}

struct err *general_expand(int scheme, struct cursor in, uint64_t limit,
			   struct bytes **ret)
{
	uint64_t size;
	AUTO(bytes) struct bytes *b = NULL;
	if (cursor_left(&in) == 0)
		return bytes_new(0, ret);
	TRY(unit_size(scheme, &in, limit, &size));
	TRY(bytes_new((size_t)size, &b));
	TRY(decompress(scheme, in, b->data, b->len));
	*ret = TAKE(b);
	return NULL;
}

static struct err *general_block(const struct codec *c, struct cursor in, uint64_t n,
				 struct values *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	TRY(general_expand(c->scheme, in, LIMIT_DICTIONARY_BYTES, &b));
	return codec_block(c->children[0], cursor_of(b->data, b->len), n, out);
}

static struct err *general_mini(const struct codec *c, const struct cursor *in,
				uint64_t n, uint64_t first, uint64_t end,
				struct values *out)
{
	AUTO(bytes) struct bytes *b = NULL;
	struct cursor buffers[CODEC_MAX_BUFFERS];
	TRY(general_expand(c->scheme, in[0], LIMIT_CHUNK_BYTES, &b));
	memcpy(buffers, in, c->n_buffers * sizeof(*buffers));
	buffers[0] = cursor_of(b->data, b->len);
	return codec_mini(c->children[0], buffers, n, first, end, out);
}

/* One value, straight into the result's bytes. */
static struct err *append_unit(const struct codec *c, struct span value,
			       struct values *out)
{
	uint64_t size = 0;
	uint8_t *dst, *offset;
	struct cursor in = cursor_of(value.p, value.len);
	if (value.len)
		TRY(unit_size(c->scheme, &in, LIMIT_VALUE_BYTES, &size));
	TRY(values_offsets_room(out, 1, &offset));
	TRY(grow_room(&out->data, (size_t)size, &dst));
	if (value.len)
		TRY(decompress(c->scheme, in, dst, (size_t)size));
	size_t end = out->data.len + (size_t)size;
	if (out->type->offset_bytes == 4)
		store_u32le(offset, (uint32_t)end);
	else
		store_u64le(offset, end);
	return values_commit_var(out, 1, end);
}

static struct err *general_zip_var(const struct codec *c, const struct span *spans,
				   size_t n, struct values *out)
{
	TRY(expect_var(out));
	if (c->children[0]->ops != &enc_variable)
		return err_new(EOPNOTSUPP, "%s values compressed one by one",
			       c->children[0]->ops->name);
	for (size_t i = 0; i < n; i++)
		TRY(append_unit(c, spans[i], out));
	return NULL;
}

const struct encoding_ops enc_general = {
	.name = "general",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_GENERAL,
	.parse = general_parse,
	.block = general_block,
	.mini = general_mini,
	.zip_var = general_zip_var,
};
