// SPDX-License-Identifier: Apache-2.0
/*
 * encode_text.c: strings and bytes compressed one by one, where that saves enough:
 * by a table of symbols, or large values by zstd.
 *
 * Each value stays readable by itself, so a row costs what it did before.
 * Bytes that do not compress (images, hashes) are told by a sample.
 * Source: encodings_v2_1.proto, messages Fsst and General.
 */
#include "encoding/encode_priv.h"

#include <errno.h>
#include <zstd.h>

#define MIN_BYTES ((size_t)8 << 10) /* a table of 2 KiB must pay */
#define MIN_LEN 5		    /* of the longest value */
#define WORTH 0.9		    /* compressed bytes a byte, at most */

/* Value i ends there. */
static void put_offset(const struct value_type *t, uint8_t *offsets, uint64_t i,
		       size_t end)
{
	if (t->offset_bytes == 4)
		store_u32le(offsets + 4 * i, (uint32_t)end);
	else
		store_u64le(offsets + 8 * i, end);
}

/* The values compressed; *ret_fits: false if they are not small enough. */
static struct err *compress(const struct fsst_encoder *e, const struct values *v,
			    struct values *out, bool *ret_fits)
{
	uint8_t *offsets, *dst;
	uint64_t len;
	size_t at = 0, limit = (size_t)((double)v->data.len * WORTH);
	TRY(values_offsets_room(out, v->n, &offsets));
	for (uint64_t i = 0; i < v->n; i++) {
		const uint8_t *p = value_bytes(v, i, &len);
		out->data.len = at;
		TRY(grow_room(&out->data, 2 * (size_t)len, &dst));
		if (len)
			at += fsst_compress(e, p, (size_t)len, dst);
		put_offset(v->type, offsets, i, at);
	}
	*ret_fits = at + FSST_TABLE_LEN <= limit;
	out->data.len = 0;
	return values_commit_var(out, v->n, at);
}

/* --- large values --- */

#define LARGE_LEN ((size_t)32 << 10)	 /* of the longest value, as pylance has it */
#define SAMPLE_BYTES ((size_t)128 << 10) /* compressed to see what it is worth */
#define PREFIX_BYTES 8			 /* a value's own length, before its frame */

static struct err *zstd_value(ZSTD_CCtx *z, const uint8_t *p, size_t len, uint8_t *dst,
			      size_t room, size_t *ret_len)
{
	store_u64le(dst, len);
	size_t n = ZSTD_compressCCtx(z, dst + PREFIX_BYTES, room - PREFIX_BYTES, p, len,
				     ZSTD_CLEVEL_DEFAULT);
	if (ZSTD_isError(n))
		return err_new(EIO, "zstd: %s", ZSTD_getErrorName(n));
	*ret_len = PREFIX_BYTES + n;
	return NULL;
}

/* Is a piece out of the middle of the values worth it? */
static struct err *is_worth_zstd(ZSTD_CCtx *z, const struct values *v, bool *ret)
{
	AUTO_MEM uint8_t *dst = NULL;
	size_t len = MIN_OF(v->data.len, SAMPLE_BYTES), n;
	size_t room = ZSTD_compressBound(len) + PREFIX_BYTES;
	TRY(mem_array(room, 1, &dst));
	TRY(zstd_value(z, v->data.bytes->data + (v->data.len - len) / 2, len, dst, room,
		       &n));
	*ret = (double)n <= (double)len * WORTH;
	return NULL;
}

static struct err *zstd_all(ZSTD_CCtx *z, const struct values *v, struct values *out)
{
	uint8_t *offsets, *dst;
	uint64_t len;
	size_t at = 0, n;
	TRY(values_offsets_room(out, v->n, &offsets));
	for (uint64_t i = 0; i < v->n; i++) {
		const uint8_t *p = value_bytes(v, i, &len);
		size_t room = ZSTD_compressBound((size_t)len) + PREFIX_BYTES;
		out->data.len = at;
		TRY(grow_room(&out->data, room, &dst));
		TRY(zstd_value(z, p, (size_t)len, dst, room, &n));
		at += n;
		put_offset(v->type, offsets, i, at);
	}
	out->data.len = 0;
	return values_commit_var(out, v->n, at);
}

static struct err *zstd_values(struct page_plan *p, ZSTD_CCtx *z)
{
	bool is_worth;
	TRY(is_worth_zstd(z, p->values, &is_worth));
	if (!is_worth)
		return NULL;
	TRY(values_init(&p->packed, p->values->type));
	TRY(zstd_all(z, p->values, &p->packed));
	if ((double)p->packed.data.len > (double)p->values->data.len * WORTH) {
		values_fini(&p->packed); /* many small ones beside a large one */
		return NULL;
	}
	p->is_packed = p->is_zstd = true;
	p->values = &p->packed;
	return NULL;
}

static struct err *compress_large(struct page_plan *p)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	if (!z)
		return err_nomem();
	struct err *err = zstd_values(p, z);
	ZSTD_freeCCtx(z);
	return err;
}

struct err *compress_text(struct page_plan *p)
{
	AUTO_MEM struct fsst_encoder *e = NULL;
	const struct values *v = p->values;
	bool fits;
	double ratio;
	if (v->data.len < MIN_BYTES || p->max_len < MIN_LEN)
		return NULL;
	if (p->max_len > LARGE_LEN)
		TRY(compress_large(p));
	if (p->is_packed)
		return NULL;
	TRY(mem_new(&e));
	TRY(fsst_train(v, e, &ratio));
	if (ratio > WORTH)
		return NULL;
	TRY(values_init(&p->packed, v->type));
	TRY(compress(e, v, &p->packed, &fits));
	if (!fits)
		return NULL;
	fsst_table(e, p->table);
	p->is_packed = true;
	p->values = &p->packed;
	return NULL;
}
