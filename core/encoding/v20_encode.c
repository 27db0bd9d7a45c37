// SPDX-License-Identifier: Apache-2.0
/*
 * v20_encode.c: making pages of 2.0 files.
 *
 * Fixed-width values are flat in a nullable; strings and lists hide their
 * nulls in the ends: an end over the adjustment is null.  Strings of few kinds
 * become codes of a byte, of which 0 is null.
 * Source: encodings_v2_0.proto, message ArrayEncoding.
 */
#include "encoding/encode_priv.h"

#include <errno.h>

typedef Lance__Enc__ArrayEncoding ae;
#define AE(which) LANCE__ENC__ARRAY_ENCODING__ARRAY_ENCODING_##which

/* A reader of a row reads the whole dictionary. */
#define DICTIONARY_MIN_VALUES 100
#define DICTIONARY_MAX_ITEMS 255
#define DICTIONARY_MAX_BYTES ((size_t)256 << 10)

/* One encoding with all it may consist of. */
struct node {
	ae m;
	Lance__Enc__V20Buffer buffer;
	Lance__Enc__V20Flat flat;
	Lance__Enc__V20Nullable nullable;
	Lance__Enc__V20NoNulls no_nulls;
	Lance__Enc__V20SomeNulls some_nulls;
	Lance__Enc__None none;
	Lance__Enc__V20FixedSizeList list;
	Lance__Enc__V20Binary binary;
	Lance__Enc__V20List lists;
	Lance__Enc__V20Dictionary dictionary;
};

struct v20_encoder {
	struct node nodes[4 * VALUE_MAX_DIMS + 12];
	unsigned n;
	struct encoded_page *out;
};

static struct node *node_new(struct v20_encoder *e, int kind)
{
	struct node *node = &e->nodes[e->n++];
	lance__enc__array_encoding__init(&node->m);
	node->m.array_encoding_case =
		(Lance__Enc__ArrayEncoding__ArrayEncodingCase)kind;
	return node;
}

/* Flat over a new buffer of the page, to be filled by the caller. */
static ae *flat_new(struct v20_encoder *e, uint64_t bits, struct buf **ret_buffer)
{
	struct node *node = node_new(e, AE(FLAT));
	lance__enc__v20_flat__init(&node->flat);
	lance__enc__v20_buffer__init(&node->buffer);
	node->flat.bits_per_value = bits;
	node->flat.buffer = &node->buffer;
	node->buffer.buffer_index = e->out->n_buffers;
	node->m.flat = &node->flat;
	*ret_buffer = &e->out->buffers[e->out->n_buffers++];
	return &node->m;
}

static struct node *nullable_new(struct v20_encoder *e, int kind)
{
	struct node *node = node_new(e, AE(NULLABLE));
	lance__enc__v20_nullable__init(&node->nullable);
	node->nullable.nullability_case =
		(Lance__Enc__V20Nullable__NullabilityCase)kind;
	node->m.nullable = &node->nullable;
	return node;
}

static ae *no_nulls(struct v20_encoder *e, ae *values)
{
	struct node *node =
		nullable_new(e, LANCE__ENC__V20_NULLABLE__NULLABILITY_NO_NULLS);
	lance__enc__v20_no_nulls__init(&node->no_nulls);
	node->nullable.no_nulls = &node->no_nulls;
	node->no_nulls.values = values;
	return &node->m;
}

static ae *some_nulls(struct v20_encoder *e, ae *validity, ae *values)
{
	struct node *node =
		nullable_new(e, LANCE__ENC__V20_NULLABLE__NULLABILITY_SOME_NULLS);
	lance__enc__v20_some_nulls__init(&node->some_nulls);
	node->nullable.some_nulls = &node->some_nulls;
	node->some_nulls.validity = validity;
	node->some_nulls.values = values;
	return &node->m;
}

static struct err *finish(struct v20_encoder *e, const ae *m, struct encoded_page *ret)
{
	struct err *err = NULL;
	proto_pack(&m->base, &e->out->descriptor);
	for (unsigned i = 0; !err && i < e->out->n_buffers; i++)
		err = buf_check(&e->out->buffers[i]);
	if (!err)
		err = buf_check(&e->out->descriptor);
	if (err) {
		encoded_page_fini(e->out);
		return err;
	}
	*ret = *e->out;
	return NULL;
}

static void put_validity(const struct slots *s, struct buf *out)
{
	const uint16_t *stop = slots_stop(s);
	buf_zero(out, bitmap_bytes(s->n));
	for (uint64_t i = 0; !out->failed && i < s->n; i++) {
		if (!stop[i])
			bit_set(out->data, i);
	}
}

static bool has_nulls(const struct slots *s)
{
	const uint16_t *stop = slots_stop(s);
	for (uint64_t i = 0; stop && i < s->n; i++) {
		if (stop[i])
			return true;
	}
	return false;
}

/* Items of lists from the inside out; flat if there are no lists. */
static ae *fixed_values(struct v20_encoder *e, const struct values *v, unsigned dim,
			uint64_t bits)
{
	struct buf *b;
	ae *items, *validity;
	if (dim == v->type->n_dims) {
		items = flat_new(e, bits, &b);
		if (v->data.len)
			buf_append(b, v->data.bytes->data, v->data.len);
		return items;
	}
	uint64_t size = v->type->dims[dim];
	validity = NULL;
	if (v->items[dim].len) {
		validity = flat_new(e, 1, &b);
		buf_append(b, v->items[dim].bytes->data, v->items[dim].len);
	}
	items = fixed_values(e, v, dim + 1, bits / size);
	items = validity ? some_nulls(e, validity, items) : no_nulls(e, items);
	struct node *node = node_new(e, AE(FIXED_SIZE_LIST));
	lance__enc__v20_fixed_size_list__init(&node->list);
	node->list.dimension = (uint32_t)size;
	node->list.items = items;
	node->m.fixed_size_list = &node->list;
	return &node->m;
}

static ae *fixed_leaf(struct v20_encoder *e, const struct slots *s)
{
	struct buf *b;
	if (!has_nulls(s))
		return no_nulls(e,
				fixed_values(e, &s->values, 0, s->values.type->bits));
	ae *validity = flat_new(e, 1, &b);
	put_validity(s, b);
	return some_nulls(e, validity,
			  fixed_values(e, &s->values, 0, s->values.type->bits));
}

static ae *binary(struct v20_encoder *e, const struct values *v, const uint16_t *stop)
{
	struct buf *ends, *bytes;
	struct node *node = node_new(e, AE(BINARY));
	lance__enc__v20_binary__init(&node->binary);
	node->m.binary = &node->binary;
	node->binary.null_adjustment = v->data.len + 1;
	node->binary.indices = no_nulls(e, flat_new(e, 64, &ends));
	node->binary.bytes = flat_new(e, 8, &bytes);
	for (uint64_t i = 0; i < v->n; i++)
		buf_u64le(ends, values_offset(v, i + 1) +
					(stop && stop[i] ? v->data.len + 1 : 0));
	if (v->data.len)
		buf_append(bytes, v->data.bytes->data, v->data.len);
	return &node->m;
}

static ae *dictionary(struct v20_encoder *e, const struct slots *s,
		      const uint32_t *indices, const struct values *items)
{
	struct buf *codes;
	const uint16_t *stop = slots_stop(s);
	struct node *node = node_new(e, AE(DICTIONARY));
	lance__enc__v20_dictionary__init(&node->dictionary);
	node->m.dictionary = &node->dictionary;
	node->dictionary.indices = no_nulls(e, flat_new(e, 8, &codes));
	for (uint64_t i = 0; i < s->n; i++)
		buf_byte(codes, stop && stop[i] ? 0 : (uint8_t)(indices[i] + 1));
	node->dictionary.items = binary(e, items, NULL);
	node->dictionary.num_dictionary_items = (uint32_t)items->n;
	return &node->m;
}

/* *ret is NULL if a dictionary would not save enough. */
static struct err *try_dictionary(struct v20_encoder *e, const struct slots *s,
				  ae **ret)
{
	AUTO_MEM uint32_t *indices = NULL;
	const struct values *v = &s->values;
	struct values items AUTO_VALUES = {0};
	bool few;
	*ret = NULL;
	if (v->n < DICTIONARY_MIN_VALUES)
		return NULL;
	TRY(mem_array((size_t)v->n, sizeof(*indices), &indices));
	TRY(values_init(&items, v->type));
	TRY(number_values(v, DICTIONARY_MAX_ITEMS, indices, &items, &few));
	if (!few || items.data.len > DICTIONARY_MAX_BYTES ||
	    items.data.len + 8 * items.n > (v->data.len + 7 * v->n) * 4 / 5)
		return NULL;
	*ret = dictionary(e, s, indices, &items);
	return NULL;
}

static struct err *encode_var(struct v20_encoder *e, const struct slots *s,
			      bool is_text, struct encoded_page *ret)
{
	ae *m = NULL;
	if (is_text)
		TRY(try_dictionary(e, s, &m));
	if (!m)
		m = binary(e, &s->values, slots_stop(s));
	return finish(e, m, ret);
}

struct err *v20_encode_leaf(const struct slots *s, bool is_text,
			    struct encoded_page *ret)
{
	struct encoded_page page = {0};
	const struct value_type *t = s->values.type;
	AUTO_MEM struct v20_encoder *e = NULL;
	TRY(mem_new(&e));
	e->out = &page;
	if (t->kind == VALUE_STRUCT || t->n_dims > 1)
		return err_new(EOPNOTSUPP,
			       "packed structs and nested fixed-size lists in 2.0");
	if (t->kind == VALUE_VAR)
		return encode_var(e, s, is_text, ret);
	if (t->bits)
		return finish(e, fixed_leaf(e, s), ret);
	struct node *node =
		nullable_new(e, LANCE__ENC__V20_NULLABLE__NULLABILITY_ALL_NULLS);
	lance__enc__none__init(&node->none);
	node->nullable.all_nulls = &node->none;
	return finish(e, &node->m, ret);
}

struct err *v20_encode_lists(const uint64_t *ends, const bool *is_null, uint64_t n,
			     struct encoded_page *ret)
{
	struct encoded_page page = {0};
	struct buf *b;
	AUTO_MEM struct v20_encoder *e = NULL;
	TRY(mem_new(&e));
	e->out = &page;
	struct node *node = node_new(e, AE(LIST));
	lance__enc__v20_list__init(&node->lists);
	node->m.list = &node->lists;
	node->lists.num_items = n ? ends[n - 1] : 0;
	node->lists.null_offset_adjustment = node->lists.num_items + 1;
	node->lists.offsets = no_nulls(e, flat_new(e, 64, &b));
	for (uint64_t i = 0; i < n; i++)
		buf_u64le(b, ends[i] + (is_null[i] ? node->lists.num_items + 1 : 0));
	return finish(e, &node->m, ret);
}

struct err *v20_encode_struct(struct encoded_page *ret)
{
	struct encoded_page page = {0};
	AUTO_MEM struct v20_encoder *e = NULL;
	TRY(mem_new(&e));
	e->out = &page;
	struct node *node = node_new(e, AE(STRUCT));
	lance__enc__none__init(&node->none);
	node->m.struct_ = &node->none;
	return finish(e, &node->m, ret);
}
