// SPDX-License-Identifier: Apache-2.0
/*
 * deletion_ipc.c: the array form of deletion files, an Arrow IPC file with one
 * uint32 column.
 *
 * The footer says where the record batches are.  Lance compresses bodies with
 * zstd; lz4 frames and plain bodies are taken as well.
 * Source: Arrow columnar format, IPC; Message.fbs; table.proto, DeletionFile.
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>

#define IPC_CONTINUATION 0xffffffffu
#define MESSAGE_HEADER_TYPE 1
#define MESSAGE_HEADER 2
#define HEADER_RECORD_BATCH 3
#define FOOTER_BATCHES 3
#define BLOCK_LEN 24 /* i64 offset, i32 metadata length, padding, i64 body length */
#define BATCH_LENGTH 0
#define BATCH_BUFFERS 2
#define BATCH_COMPRESSION 3

static struct err *add_offsets(const uint8_t *p, uint64_t n, struct row_set *out)
{
	for (uint64_t i = 0; i < n; i++)
		TRY(row_set_add(out, load_u32le(p + i * 4)));
	return NULL;
}

static struct err *batch_codec(const struct fb_table *batch, int64_t *ret)
{
	bool found;
	struct fb_table compression;
	*ret = IPC_CODEC_NONE;
	TRY(fb_child(batch, BATCH_COMPRESSION, &found, &compression));
	if (found)
		TRY(fb_scalar(&compression, 0, 1, IPC_CODEC_LZ4_FRAME, ret));
	return NULL;
}

static struct err *read_batch(const struct fb_table *batch, struct cursor body,
			      struct row_set *out)
{
	int64_t n, codec;
	struct fb_vector buffers;
	AUTO(bytes) struct bytes *plain = NULL;
	TRY(fb_scalar(batch, BATCH_LENGTH, 8, 0, &n));
	TRY(fb_vector(batch, BATCH_BUFFERS, 16, &buffers));
	TRY(batch_codec(batch, &codec));
	if (n == 0)
		return NULL;
	if (n < 0 || (uint64_t)n > out->bound || buffers.n != 2)
		return err_new(EIO, "%" PRId64 " deleted rows in %" PRIu32 " buffers",
			       n, buffers.n);
	const uint8_t *where = buffers.items + 16; /* behind the validity */
	struct cursor data;
	TRY(cursor_skip(&body, load_u64le(where)));
	TRY(cursor_sub(&body, load_u64le(where + 8), &data));
	if (codec != IPC_CODEC_NONE) {
		TRY(ipc_decompress(data, codec, (uint64_t)n * 4 + 64, &plain));
		data = cursor_of(plain->data, plain->len);
	}
	if (cursor_left(&data) / 4 < (uint64_t)n)
		return err_new(EIO, "%" PRId64 " deleted rows in %zu bytes", n,
			       cursor_left(&data));
	return add_offsets(data.p, (uint64_t)n, out);
}

/* One block of the footer: a message and its body. */
static struct err *read_block(struct cursor file, const uint8_t *block,
			      struct row_set *out)
{
	struct cursor meta, body;
	struct fb_table message, header;
	int64_t type;
	bool found;
	uint32_t len;
	TRY(cursor_skip(&file, load_u64le(block)));
	TRY(cursor_sub(&file, load_u32le(block + 8), &meta));
	TRY(cursor_sub(&file, load_u64le(block + 16), &body));
	TRY(cursor_u32le(&meta, &len));
	if (len == IPC_CONTINUATION)
		TRY(cursor_u32le(&meta, &len));
	TRY(fb_root(meta, &message));
	TRY(fb_scalar(&message, MESSAGE_HEADER_TYPE, 1, 0, &type));
	TRY(fb_child(&message, MESSAGE_HEADER, &found, &header));
	if (type != HEADER_RECORD_BATCH || !found)
		return err_new(EIO, "Arrow block without a record batch");
	return read_batch(&header, body, out);
}

struct err *ipc_offsets_read(struct cursor c, struct row_set *out)
{
	static const char magic[] = "ARROW1";
	const size_t magic_len = sizeof(magic) - 1, tail_len = 4 + magic_len;
	struct fb_table footer;
	struct fb_vector blocks;
	if (cursor_left(&c) < 8 + tail_len || memcmp(c.p, magic, magic_len) != 0 ||
	    memcmp(c.end - magic_len, magic, magic_len) != 0)
		return err_new(EIO, "not an Arrow file, or cut short");
	uint64_t len = load_u32le(c.end - tail_len);
	if (len > cursor_left(&c) - tail_len)
		return err_new(EIO, "Arrow footer of %" PRIu64 " bytes", len);
	TRY(fb_root(cursor_of(c.end - tail_len - len, len), &footer));
	TRY(fb_vector(&footer, FOOTER_BATCHES, BLOCK_LEN, &blocks));
	for (uint32_t i = 0; i < blocks.n; i++)
		TRY(read_block(c, blocks.items + (size_t)i * BLOCK_LEN, out));
	return NULL;
}
