// SPDX-License-Identifier: Apache-2.0
/*
 * encode_const.c: making constant pages: all null, or (2.2) one value.
 *
 * Levels are stored raw, which both versions read.
 * Source: encodings_v2_1.proto, message ConstantLayout.
 */
#include "encoding/encode_priv.h"

/*
 * What lies below a null struct is null as well: pylance makes such items of a constant
 * page nulls, and finds them wrong if the layers between say that all is valid.
 * Source: observed, pylance 14.0.2, struct.rs "unmasked nulls".
 */
static void hand_nulls_down(struct page_plan *p)
{
	unsigned n = 0;
	while (n < p->shape->n_layers && p->layers[n] == LAYER_ALL_VALID_ITEM)
		n++;
	if (n == p->shape->n_layers || p->layers[n] != LAYER_NULLABLE_ITEM)
		return;
	for (unsigned k = 0; k < n; k++)
		p->layers[k] = LAYER_NULLABLE_ITEM;
	for (uint64_t i = 0; i < p->slots->n; i++)
		if (p->def[i])
			p->def[i] = (uint16_t)(p->def[i] + n);
}

static void put_levels(struct page_plan *p, struct encoded_page *ret)
{
	struct buf *rep = &ret->buffers[ret->n_buffers];
	struct buf *def = &ret->buffers[ret->n_buffers + 1];
	size_t len = (size_t)p->slots->n * 2;
	if (p->rep)
		buf_append(rep, p->rep, len);
	if (p->def)
		buf_append(def, p->def, len);
	ret->n_buffers += 2;
}

/* The value as the buffers of an Arrow array of one row. */
static void put_scalar(const struct values *v, uint64_t i, struct encoded_page *ret)
{
	struct buf *b = &ret->buffers[ret->n_buffers++];
	unsigned w = v->type->offset_bytes;
	uint64_t start = values_offset(v, i), len = values_offset(v, i + 1) - start;
	uint8_t offsets[16] = {0};
	memcpy(offsets + w, &len, w);
	buf_u32le(b, 2);
	buf_u32le(b, 2 * w);
	buf_u32le(b, (uint32_t)len);
	buf_append(b, offsets, (size_t)2 * w);
	buf_append(b, v->data.bytes->data + start, (size_t)len);
}

struct err *encode_constant(struct page_plan *p, bool has_scalar, uint64_t value,
			    struct encoded_page *ret)
{
	const struct values *v = &p->slots->values;
	Lance__Enc__PageLayout m = LANCE__ENC__PAGE_LAYOUT__INIT;
	Lance__Enc__ConstantLayout c = LANCE__ENC__CONSTANT_LAYOUT__INIT;
	uint8_t bit;
	m.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_CONSTANT_LAYOUT;
	m.constant_layout = &c;
	if (p->def)
		hand_nulls_down(p);
	if (!has_scalar && p->max_def == 0)
		p->layers[0] = LAYER_NULLABLE_ITEM;
	c.layers = p->layers;
	c.n_layers = p->shape->n_layers;
	if (has_scalar && v->type->kind == VALUE_VAR) {
		put_scalar(v, value, ret);
	} else if (has_scalar) {
		c.inline_presence_case =
			LANCE__ENC__CONSTANT_LAYOUT__INLINE_PRESENCE_INLINE_VALUE;
		c.inline_value.len = (size_t)div_ceil(v->type->bits, 8);
		c.inline_value.data = v->data.bytes->data + value * c.inline_value.len;
		if (v->type->bits == 1) {
			bit = bit_get(v->data.bytes->data, value);
			c.inline_value.data = &bit;
		}
	}
	if (p->rep || p->shape->n_layers > 1 || (has_scalar && p->def))
		put_levels(p, ret);
	return encode_finish(&m, ret);
}
