// SPDX-License-Identifier: Apache-2.0
/*
 * array_ipc.c: body buffers of Arrow IPC messages, which may be compressed.
 *
 * A compressed buffer begins with the length of its bytes; -1 says that these are
 * as they are.
 * Source: Arrow's Message.fbs, BodyCompression.
 */
#include "array/array.h"

#include <errno.h>
#include <inttypes.h>
#include <lz4frame.h>
#include <zstd.h>

#define MAX_RATIO 65536 /* no codec makes more of a byte */

static struct err *decompress_lz4(struct cursor in, uint8_t *dst, size_t len)
{
	LZ4F_dctx *dctx;
	if (LZ4F_isError(LZ4F_createDecompressionContext(&dctx, LZ4F_VERSION)))
		return err_nomem();
	size_t done = 0;
	while (done < len && cursor_left(&in)) {
		size_t n_out = len - done, n_in = cursor_left(&in);
		size_t r = LZ4F_decompress(dctx, dst + done, &n_out, in.p, &n_in, NULL);
		if (LZ4F_isError(r) || (n_out == 0 && n_in == 0))
			break;
		done += n_out;
		in.p += n_in;
	}
	LZ4F_freeDecompressionContext(dctx);
	if (done != len)
		return err_new(EIO, "lz4 frame: %zu of %zu bytes", done, len);
	return NULL;
}

static struct err *decompress_zstd(struct cursor in, uint8_t *dst, size_t len)
{
	size_t n = ZSTD_decompress(dst, len, in.p, cursor_left(&in));
	if (ZSTD_isError(n))
		return err_new(EIO, "zstd: %s", ZSTD_getErrorName(n));
	if (n != len)
		return err_new(EIO, "zstd: %zu of %zu bytes", n, len);
	return NULL;
}

struct err *ipc_decompress(struct cursor in, int64_t codec, uint64_t max_len,
			   struct bytes **ret)
{
	uint64_t len;
	AUTO(bytes) struct bytes *out = NULL;
	TRY(cursor_u64le(&in, &len));
	if (len == UINT64_MAX) /* -1: this buffer is not compressed */
		len = cursor_left(&in), codec = IPC_CODEC_NONE;
	if (len > max_len || len / MAX_RATIO > cursor_left(&in))
		return err_new(EIO, "%" PRIu64 " bytes where %" PRIu64 " will do", len,
			       max_len);
	TRY(bytes_new((size_t)len, &out));
	if (codec == IPC_CODEC_NONE && len)
		memcpy(out->data, in.p, (size_t)len);
	else if (codec == IPC_CODEC_ZSTD)
		TRY(decompress_zstd(in, out->data, (size_t)len));
	else if (codec == IPC_CODEC_LZ4_FRAME)
		TRY(decompress_lz4(in, out->data, (size_t)len));
	else if (codec != IPC_CODEC_NONE)
		return err_new(EIO, "compression codec %" PRId64, codec);
	*ret = TAKE(out);
	return NULL;
}
