// SPDX-License-Identifier: Apache-2.0
/*
 * encode_zip.c: making full-zip pages.
 *
 * Source: encodings_v2_1.proto, message FullZipLayout.
 */
#include "encoding/encode_priv.h"

struct zip_encoder {
	struct page_plan *p;
	struct buf *out;
	unsigned bits_rep, bits_def, control_len;
	uint64_t value; /* the next */
};

static unsigned bits_for(uint64_t max)
{
	return max ? 64 - (unsigned)__builtin_clzll(max) : 0;
}

static void put_control(struct zip_encoder *z, uint64_t i)
{
	uint32_t word = z->bits_def ? z->p->def[i] : 0;
	if (z->bits_rep)
		word |= (uint32_t)z->p->rep[i] << z->bits_def;
	buf_append(z->out, &word, z->control_len);
}

static uint64_t items_of(const struct value_type *t, unsigned dim)
{
	uint64_t n = 1;
	for (unsigned i = 0; i <= dim; i++)
		n *= t->dims[i];
	return n;
}

static void put_fixed(struct zip_encoder *z)
{
	const struct values *v = &z->p->slots->values;
	uint64_t i = z->value++;
	for (unsigned dim = 0; dim < v->type->n_dims; dim++) {
		if (v->items[dim].len == 0)
			continue;
		uint64_t n = items_of(v->type, dim);
		size_t at = z->out->len;
		buf_zero(z->out, bitmap_bytes(n));
		if (!z->out->failed)
			bitmap_copy(z->out->data + at, 0, v->items[dim].bytes->data,
				    i * n, n);
	}
	const uint8_t *data = v->data.bytes->data;
	if (v->type->bits % 8 == 0) {
		size_t len = (size_t)(v->type->bits / 8);
		buf_append(z->out, data + i * len, len);
		return;
	}
	if (v->type->bits == 1) {
		buf_byte(z->out, bit_get(data, i));
		return;
	}
	size_t at = z->out->len;
	buf_zero(z->out, bitmap_bytes(v->type->bits));
	if (!z->out->failed)
		bitmap_copy(z->out->data + at, 0, data, i * v->type->bits,
			    v->type->bits);
}

static void put_variable(struct zip_encoder *z, bool is_null)
{
	const struct values *v = z->p->values;
	uint64_t i = z->value++;
	if (is_null)
		return;
	uint64_t start = values_offset(v, i), len = values_offset(v, i + 1) - start;
	buf_append(z->out, &len, v->type->offset_bytes);
	if (len)
		buf_append(z->out, v->data.bytes->data + start, (size_t)len);
}

static void put_slot(struct zip_encoder *z, uint64_t i)
{
	unsigned def = z->p->def ? z->p->def[i] : 0;
	if (z->control_len)
		put_control(z, i);
	if (def > z->p->max_visible)
		return;
	if (z->p->shape->type.kind == VALUE_VAR)
		put_variable(z, def > 0);
	else
		put_fixed(z);
}

/* In the least width that holds the last. */
void page_put_index(const uint64_t *starts, uint64_t n, struct buf *out)
{
	uint64_t last = starts[n];
	unsigned width = last < 256 ? 1 : last < 65536 ? 2 : last <= UINT32_MAX ? 4 : 8;
	for (uint64_t i = 0; i <= n; i++)
		buf_append(out, &starts[i], width);
}

static struct err *put_slots(struct zip_encoder *z, struct encoded_page *ret)
{
	AUTO_MEM uint64_t *offsets = NULL;
	const struct page_plan *p = z->p;
	uint64_t row = 0;
	TRY(mem_array((size_t)p->n_rows + 1, sizeof(*offsets), &offsets));
	for (uint64_t i = 0; i < p->slots->n; i++) {
		if ((!p->rep || p->rep[i] == p->max_rep) && row < p->n_rows)
			offsets[row++] = z->out->len;
		put_slot(z, i);
	}
	offsets[p->n_rows] = z->out->len;
	ret->n_buffers = 1;
	if (p->rep || p->shape->type.kind == VALUE_VAR) {
		ret->n_buffers = 2;
		page_put_index(offsets, p->n_rows, &ret->buffers[1]);
	}
	return NULL;
}

static void describe_values(struct zip_encoder *z, Lance__Enc__FullZipLayout *f)
{
	struct page_plan *p = z->p;
	const struct values *v = &p->slots->values;
	uint64_t bits = v->type->bits;
	if (v->type->kind == VALUE_VAR) {
		f->details_case = LANCE__ENC__FULL_ZIP_LAYOUT__DETAILS_BITS_PER_OFFSET;
		f->bits_per_offset = v->type->offset_bytes * 8;
		f->value_compression = ce_values(p);
		return;
	}
	f->details_case = LANCE__ENC__FULL_ZIP_LAYOUT__DETAILS_BITS_PER_VALUE;
	for (unsigned dim = 0; dim < v->type->n_dims; dim++) {
		if (v->items[dim].len)
			bits += 8 * bitmap_bytes(items_of(v->type, dim));
	}
	f->bits_per_value = (uint32_t)(bits == 1 ? 8 : bits);
	f->value_compression = bits == 1 ? ce_flat(&p->pool, 8) : ce_fixed(&p->pool, v);
}

/* Values of whole bytes without levels or nulls lie as the page wants them. */
static bool is_plain(const struct zip_encoder *z)
{
	const struct values *v = &z->p->slots->values;
	bool plain = z->control_len == 0 && v->type->kind != VALUE_VAR &&
		     v->type->bits % 8 == 0 && v->n == z->p->slots->n;
	for (unsigned dim = 0; dim < v->type->n_dims; dim++)
		plain = plain && v->items[dim].len == 0;
	return plain;
}

static void lend_values(const struct page_plan *p, struct encoded_page *ret)
{
	const struct values *v = &p->slots->values;
	ret->borrows = true;
	ret->n_buffers = 1;
	ret->buffers[0].data = v->data.bytes->data;
	ret->buffers[0].len = (size_t)(v->n * (v->type->bits / 8));
}

struct err *encode_zip(struct page_plan *p, struct encoded_page *ret)
{
	struct zip_encoder z = {.p = p, .out = &ret->buffers[0]};
	Lance__Enc__PageLayout m = LANCE__ENC__PAGE_LAYOUT__INIT;
	Lance__Enc__FullZipLayout f = LANCE__ENC__FULL_ZIP_LAYOUT__INIT;
	z.bits_rep = bits_for(p->max_rep);
	z.bits_def = bits_for(p->max_def);
	unsigned bits = z.bits_rep + z.bits_def;
	z.control_len = bits == 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
	if (is_plain(&z))
		lend_values(p, ret);
	else
		TRY(put_slots(&z, ret));
	m.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_FULL_ZIP_LAYOUT;
	m.full_zip_layout = &f;
	f.bits_rep = z.bits_rep;
	f.bits_def = z.bits_def;
	f.num_items = (uint32_t)p->slots->n;
	f.num_visible_items = (uint32_t)p->slots->values.n;
	describe_values(&z, &f);
	f.layers = p->layers;
	f.n_layers = p->shape->n_layers;
	return encode_finish(&m, ret);
}
