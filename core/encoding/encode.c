// SPDX-License-Identifier: Apache-2.0
/*
 * encode.c: making a page: its levels, the choice of a layout, descriptors.
 *
 * Which layers can be null or empty is decided by the page's data, so a page
 * without nulls has no levels whatever the schema says.
 * Source: encodings_v2_1.proto, enum RepDefLayer and message PageLayout.
 */
#include "encoding/encode_priv.h"

#include <errno.h>

#define MINI_MAX_LEN 256 /* values from here on go into a full-zip page */

#define CE(which) LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_##which

static ce *pool_next(struct ce_pool *p,
		     Lance__Enc__CompressiveEncoding__CompressionCase c)
{
	ce *m = &p->item[p->n].m;
	lance__enc__compressive_encoding__init(m);
	m->compression_case = c;
	p->n++;
	return m;
}

ce *ce_flat(struct ce_pool *p, uint64_t bits)
{
	Lance__Enc__Flat *flat = &p->item[p->n].flat;
	lance__enc__flat__init(flat);
	flat->bits_per_value = bits;
	ce *m = pool_next(p, CE(FLAT));
	m->flat = flat;
	return m;
}

ce *ce_variable(struct ce_pool *p, uint64_t offset_bits)
{
	Lance__Enc__Variable *variable = &p->item[p->n].variable;
	lance__enc__variable__init(variable);
	ce *m = pool_next(p, CE(VARIABLE));
	m->variable = variable;
	variable->offsets = ce_flat(p, offset_bits);
	return m;
}

ce *ce_out_of_line(struct ce_pool *p, uint64_t bits, uint64_t packed_bits)
{
	Lance__Enc__OutOfLineBitpacking *o = &p->item[p->n].out_of_line;
	lance__enc__out_of_line_bitpacking__init(o);
	ce *m = pool_next(p, CE(OUT_OF_LINE_BITPACKING));
	m->out_of_line_bitpacking = o;
	o->uncompressed_bits_per_value = bits;
	o->values = ce_flat(p, packed_bits);
	return m;
}

ce *ce_inline(struct ce_pool *p, uint64_t bits)
{
	Lance__Enc__InlineBitpacking *b = &p->item[p->n].inlined;
	lance__enc__inline_bitpacking__init(b);
	b->uncompressed_bits_per_value = bits;
	ce *m = pool_next(p, CE(INLINE_BITPACKING));
	m->inline_bitpacking = b;
	return m;
}

ce *ce_rle(struct ce_pool *p, uint64_t bits)
{
	Lance__Enc__Rle *rle = &p->item[p->n].rle;
	lance__enc__rle__init(rle);
	ce *m = pool_next(p, CE(RLE));
	m->rle = rle;
	rle->values = ce_flat(p, bits);
	rle->run_lengths = ce_flat(p, 8);
	return m;
}

ce *ce_general(struct ce_pool *p, int scheme, ce *values)
{
	Lance__Enc__General *general = &p->item[p->n].general;
	Lance__Enc__BufferCompression *compression = &p->item[p->n].compression;
	lance__enc__general__init(general);
	lance__enc__buffer_compression__init(compression);
	ce *m = pool_next(p, CE(GENERAL));
	m->general = general;
	general->compression = compression;
	compression->scheme = scheme;
	general->values = values;
	return m;
}

ce *ce_values(struct page_plan *p)
{
	uint64_t bits = p->shape->type.offset_bytes * 8;
	if (!p->is_packed)
		return ce_variable(&p->pool, bits);
	if (p->is_zstd)
		return ce_general(&p->pool, SCHEME_ZSTD, ce_variable(&p->pool, bits));
	Lance__Enc__Fsst *fsst = &p->pool.item[p->pool.n].fsst;
	lance__enc__fsst__init(fsst);
	ce *m = pool_next(&p->pool, CE(FSST));
	m->fsst = fsst;
	fsst->symbol_table.data = p->table;
	fsst->symbol_table.len = sizeof(p->table);
	fsst->values = ce_variable(&p->pool, bits);
	return m;
}

ce *ce_fixed(struct ce_pool *p, const struct values *v)
{
	const struct value_type *t = v->type;
	uint64_t bits = t->bits;
	for (unsigned i = 0; i < t->n_dims; i++)
		bits /= t->dims[i];
	ce *m = ce_flat(p, bits);
	for (unsigned i = t->n_dims; i-- > 0;) {
		Lance__Enc__FixedSizeList *list = &p->item[p->n].list;
		lance__enc__fixed_size_list__init(list);
		list->items_per_value = t->dims[i];
		list->has_validity = v->items[i].len > 0;
		list->values = m;
		m = pool_next(p, CE(FIXED_SIZE_LIST));
		m->fixed_size_list = list;
	}
	return m;
}

void encoded_page_fini(struct encoded_page *p)
{
	buf_fini(&p->descriptor);
	if (p->borrows)
		p->buffers[0] = (struct buf){0};
	p->borrows = false;
	for (unsigned i = 0; i < PAGE_MAX_BUFFERS; i++)
		buf_fini(&p->buffers[i]);
	p->n_buffers = 0;
}

void buf_pad8(struct buf *b)
{
	buf_zero(b, -b->len & 7);
}

struct err *encode_finish(Lance__Enc__PageLayout *m, struct encoded_page *ret)
{
	proto_pack(&m->base, &ret->descriptor);
	for (unsigned i = 0; i < ret->n_buffers; i++)
		TRY(buf_check(&ret->buffers[i]));
	return buf_check(&ret->descriptor);
}

/* --- the plan --- */

static int32_t layer_kind(bool is_list, bool has_null, bool has_empty)
{
	if (!is_list)
		return has_null ? LAYER_NULLABLE_ITEM : LAYER_ALL_VALID_ITEM;
	if (has_null)
		return has_empty ? LAYER_NULL_AND_EMPTY_LIST : LAYER_NULLABLE_LIST;
	return has_empty ? LAYER_EMPTYABLE_LIST : LAYER_ALL_VALID_LIST;
}

/* A list in a null struct is null to pylance 14.0.2, which fails to read lists of items
 * with nulls that are said to have none themselves. */
static bool is_null_by_struct(const struct page_plan *p, const bool *seen,
			      unsigned list)
{
	bool has_inner = false, has_outer = false;
	for (unsigned k = 0; k < p->shape->n_layers; k++) {
		has_inner |= k < list && seen[SLOT_NULL(k)];
		has_outer |= k > list && seen[SLOT_NULL(k)];
	}
	return has_inner && has_outer;
}

static void plan_layers(struct page_plan *p, const bool *seen, uint16_t *ret_level)
{
	bool visible = true;
	for (unsigned k = 0; k < p->shape->n_layers; k++) {
		bool has_null = seen[SLOT_NULL(k)], has_empty = seen[SLOT_EMPTY(k)];
		bool is_list = p->shape->is_list[k];
		has_null |= is_list && is_null_by_struct(p, seen, k);
		p->layers[k] = layer_kind(is_list, has_null, has_empty);
		p->max_rep += is_list;
		visible = visible && !is_list;
		if (has_null)
			ret_level[SLOT_NULL(k)] = (uint16_t)++p->max_def;
		if (has_empty)
			ret_level[SLOT_EMPTY(k)] = (uint16_t)++p->max_def;
		if (visible)
			p->max_visible = p->max_def;
	}
}

static struct err *plan_levels(struct page_plan *p)
{
	bool seen[2 * LIMIT_NESTING + 2] = {false};
	uint16_t level[2 * LIMIT_NESTING + 2] = {0};
	const uint16_t *stop = slots_stop(p->slots);
	for (uint64_t i = 0; stop && i < p->slots->n; i++)
		seen[stop[i]] = true;
	p->has_value = !stop || seen[0];
	plan_layers(p, seen, level);
	p->rep = slots_rep(p->slots);
	if (p->max_def == 0)
		return NULL;
	TRY(mem_array((size_t)p->slots->n, sizeof(*p->def), &p->def));
	for (uint64_t i = 0; i < p->slots->n; i++)
		p->def[i] = level[stop[i]];
	return NULL;
}

static void plan_length(struct page_plan *p)
{
	const struct values *v = &p->slots->values;
	if (v->type->kind != VALUE_VAR) {
		p->max_len = v->type->bits / 8;
		return;
	}
	for (uint64_t i = 0; i < v->n; i++)
		p->max_len = MAX_OF(p->max_len,
				    values_offset(v, i + 1) - values_offset(v, i));
}

const uint8_t *value_bytes(const struct values *v, uint64_t i, uint64_t *ret_len)
{
	if (v->type->kind == VALUE_VAR) {
		uint64_t start = values_offset(v, i);
		*ret_len = values_offset(v, i + 1) - start;
		return v->data.bytes->data + start;
	}
	*ret_len = v->type->bits / 8;
	return v->data.bytes->data + i * *ret_len;
}

static bool value_equal(const struct values *v, uint64_t a, uint64_t b)
{
	uint64_t a_len, b_len;
	if (v->type->bits == 1)
		return bit_get(v->data.bytes->data, a) ==
		       bit_get(v->data.bytes->data, b);
	const uint8_t *p = value_bytes(v, a, &a_len), *q = value_bytes(v, b, &b_len);
	return a_len == b_len && memcmp(p, q, (size_t)a_len) == 0;
}

/* All values that are not null are one: which. */
static bool find_constant(const struct page_plan *p, uint64_t *ret)
{
	const struct values *v = &p->slots->values;
	uint64_t value = 0, first = UINT64_MAX;
	bool small = v->type->kind == VALUE_VAR || v->type->bits <= 256;
	if (p->dialect < PAGE_2_2 || v->type->n_dims || !small || p->max_len > 4096)
		return false;
	for (uint64_t i = 0; i < p->slots->n; i++) {
		unsigned def = p->def ? p->def[i] : 0;
		if (def > p->max_visible)
			continue;
		if (def == 0 && first == UINT64_MAX)
			first = value;
		else if (def == 0 && !value_equal(v, first, value))
			return false;
		value++;
	}
	*ret = first;
	return first != UINT64_MAX;
}

static struct err *encode_planned(struct page_plan *p, struct encoded_page *ret)
{
	uint64_t value;
	bool fits = false;
	if (!p->has_value || p->shape->type.bits + p->shape->type.offset_bytes == 0)
		return encode_constant(p, false, 0, ret);
	if (find_constant(p, &value))
		return encode_constant(p, true, value, ret);
	if (p->shape->type.kind == VALUE_VAR)
		TRY(find_dictionary(p, p->slots->values.data.len +
					       p->slots->values.offsets.len));
	if (p->shape->type.kind == VALUE_VAR && !p->has_dictionary)
		TRY(compress_text(p));
	if (p->max_len < MINI_MAX_LEN || p->has_dictionary)
		TRY(encode_mini(p, ret, &fits));
	if (fits)
		return NULL;
	encoded_page_fini(ret);
	p->pool.n = 0;
	p->values = p->is_packed ? &p->packed : &p->slots->values;
	return encode_zip(p, ret);
}

struct err *page_encode(const struct slots *slots, const struct leaf_shape *shape,
			uint64_t n_rows, enum page_dialect dialect,
			struct encoded_page *ret)
{
	if (shape->type.kind == VALUE_STRUCT)
		return err_new(EOPNOTSUPP, "packed structs cannot be written");
	AUTO_MEM struct page_plan *p = NULL;
	TRY(mem_new(&p));
	p->slots = slots;
	p->shape = shape;
	p->dialect = dialect;
	p->n_rows = n_rows;
	p->values = &slots->values;
	struct encoded_page page = {0};
	struct err *err = plan_levels(p);
	plan_length(p);
	if (!err)
		err = encode_planned(p, &page);
	free(p->def);
	values_fini(&p->indices);
	values_fini(&p->dictionary);
	values_fini(&p->packed);
	if (err) {
		encoded_page_fini(&page);
		return err;
	}
	*ret = page;
	return NULL;
}
