// SPDX-License-Identifier: Apache-2.0
/*
 * encode_text.c: strings compressed one by one, where that saves enough.
 *
 * Each value stays readable by itself, so a row costs what it did before.
 * Bytes that do not compress (images, hashes) are told by a sample.
 * Source: encodings_v2_1.proto, message Fsst.
 */
#include "encoding/encode_priv.h"

#define MIN_BYTES ((size_t)8 << 10) /* a table of 2 KiB must pay */
#define MIN_LEN 5		    /* of the longest value */
#define WORTH 0.9		    /* compressed bytes a byte, at most */

/* The values compressed; *ret_fits: false if they are not small enough. */
static struct err *compress(const struct fsst_encoder *e, const struct values *v,
			    struct values *out, bool *ret_fits)
{
	uint8_t *offsets, *dst;
	uint64_t len;
	size_t at = 0, limit = (size_t)((double)v->data.len * WORTH);
	unsigned w = v->type->offset_bytes;
	TRY(values_offsets_room(out, v->n, &offsets));
	for (uint64_t i = 0; i < v->n; i++) {
		const uint8_t *p = value_bytes(v, i, &len);
		out->data.len = at;
		TRY(grow_room(&out->data, 2 * (size_t)len, &dst));
		if (len)
			at += fsst_compress(e, p, (size_t)len, dst);
		if (w == 4)
			store_u32le(offsets + 4 * i, (uint32_t)at);
		else
			store_u64le(offsets + 8 * i, at);
	}
	*ret_fits = at + FSST_TABLE_LEN <= limit;
	out->data.len = 0;
	return values_commit_var(out, v->n, at);
}

struct err *compress_text(struct page_plan *p)
{
	AUTO_MEM struct fsst_encoder *e = NULL;
	const struct values *v = p->values;
	bool fits;
	double ratio;
	if (v->data.len < MIN_BYTES || p->max_len < MIN_LEN)
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
