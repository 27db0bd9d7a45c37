// SPDX-License-Identifier: Apache-2.0
/*
 * planar.c: the pages of 2.3, whose descriptor tells structure and values apart.
 *
 * With dense structure a page is what it is in 2.2: its two planes are put together
 * to the message of the layout that they make, and that is opened.  Sparse structure
 * is a layout of its own (page_sparse.c) around the same layouts of values.
 * Source: encodings_v2_3.proto, message PlanarLayout.
 */
#include "encoding/page_priv.h"

#include <errno.h>
#include <inttypes.h>

void planar_chunked(const Lance__Enc__ChunkedValues *v,
		    const Lance__Enc__DenseChunkLevels *levels, uint64_t n_items,
		    struct planar_layout *ret)
{
	Lance__Enc__MiniBlockLayout *m = &ret->mini;
	lance__enc__page_layout__init(&ret->page);
	lance__enc__mini_block_layout__init(m);
	ret->page.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_MINI_BLOCK_LAYOUT;
	ret->page.mini_block_layout = m;
	m->value_compression = v->compression;
	m->dictionary = v->dictionary;
	m->num_dictionary_items = v->num_dictionary_items;
	m->num_buffers = v->num_buffers;
	m->num_items = n_items;
	m->has_large_chunk = true;
	if (!levels)
		return;
	m->rep_compression = levels->repetition;
	m->def_compression = levels->definition;
	m->repetition_index_depth = levels->repetition_index_depth;
}

void planar_zipped(const Lance__Enc__ZippedValues *v,
		   const Lance__Enc__DenseZipLevels *levels, struct planar_layout *ret)
{
	Lance__Enc__FullZipLayout *m = &ret->zip;
	lance__enc__page_layout__init(&ret->page);
	lance__enc__full_zip_layout__init(m);
	ret->page.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_FULL_ZIP_LAYOUT;
	ret->page.full_zip_layout = m;
	m->value_compression = v->compression;
	if (v->addressing_case ==
	    LANCE__ENC__ZIPPED_VALUES__ADDRESSING_BITS_PER_OFFSET) {
		m->details_case = LANCE__ENC__FULL_ZIP_LAYOUT__DETAILS_BITS_PER_OFFSET;
		m->bits_per_offset = v->bits_per_offset;
	} else if (v->addressing_case) {
		m->details_case = LANCE__ENC__FULL_ZIP_LAYOUT__DETAILS_BITS_PER_VALUE;
		m->bits_per_value = v->bits_per_value;
	}
	if (!levels)
		return;
	m->bits_rep = levels->bits_repetition;
	m->bits_def = levels->bits_definition;
}

/* All values are one, or without a scalar null. */
static void planar_constant(const Lance__Enc__ConstantValue *v,
			    struct planar_layout *ret)
{
	Lance__Enc__ConstantLayout *m = &ret->constant;
	lance__enc__page_layout__init(&ret->page);
	lance__enc__constant_layout__init(m);
	ret->page.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_CONSTANT_LAYOUT;
	ret->page.constant_layout = m;
	if (!v)
		return;
	m->inline_presence_case =
		LANCE__ENC__CONSTANT_LAYOUT__INLINE_PRESENCE_INLINE_VALUE;
	m->inline_value = v->scalar;
}

void planar_set_layers(struct planar_layout *l, int32_t *layers, size_t n)
{
	l->mini.layers = l->zip.layers = l->constant.layers = layers;
	l->mini.n_layers = l->zip.n_layers = l->constant.n_layers = n;
}

/* A value for every slot needs no levels, no value at all a null for each. */
static struct err *check_constant(const Lance__Enc__DenseStructure *dense,
				  int32_t layer)
{
	for (size_t i = 0; i < dense->n_layers; i++)
		if (dense->layers[i] != layer)
			return err_new(EIO,
				       "layer %zu is of kind %d in a page without "
				       "levels",
				       i, (int)dense->layers[i]);
	return NULL;
}

static struct err *dense_layout(const Lance__Enc__DenseStructure *dense,
				const Lance__Enc__ValuePlane *v,
				struct planar_layout *ret)
{
	*ret = (struct planar_layout){0};
	switch (v->codec_case) {
	case LANCE__ENC__VALUE_PLANE__CODEC_CHUNKED:
		planar_chunked(v->chunked, v->chunked->levels, v->chunked->num_items,
			       ret);
		break;
	case LANCE__ENC__VALUE_PLANE__CODEC_ZIPPED:
		planar_zipped(v->zipped, v->zipped->levels, ret);
		break;
	case LANCE__ENC__VALUE_PLANE__CODEC_CONSTANT:
		TRY(check_constant(dense, LAYER_ALL_VALID_ITEM));
		planar_constant(v->constant, ret);
		break;
	case LANCE__ENC__VALUE_PLANE__CODEC_NONE:
		TRY(check_constant(dense, LAYER_NULLABLE_ITEM));
		planar_constant(NULL, ret);
		break;
	default:
		return err_new(EOPNOTSUPP, "values of kind %d with dense structure",
			       (int)v->codec_case);
	}
	planar_set_layers(ret, dense->layers, dense->n_layers);
	return NULL;
}

static struct err *open_planes(struct page *p, const Lance__Enc__PlanarLayout *m,
			       const struct page_source *source)
{
	struct planar_layout layout;
	const Lance__Enc__StructuralPlane *s = m->structure;
	if (!s || !m->values)
		return err_new(EIO, "a page without %s", s ? "values" : "structure");
	switch (s->codec_case) {
	case LANCE__ENC__STRUCTURAL_PLANE__CODEC_DENSE:
		TRY(dense_layout(s->dense, m->values, &layout));
		return page_open_layout(p, &layout.page, source);
	case LANCE__ENC__STRUCTURAL_PLANE__CODEC_SPARSE:
		p->ops = &page_sparse;
		TRY_CTX(sparse_open(p, s->sparse, m->values, source), "%s",
			p->ops->name);
		return NULL;
	default:
		return err_new(EOPNOTSUPP, "structure of kind %d is not known",
			       (int)s->codec_case);
	}
}

struct err *page_open_planar(const void *descriptor, size_t descriptor_len,
			     uint64_t n_rows, const struct leaf_shape *shape,
			     const struct page_source *source, struct page **ret)
{
	AUTO_PROTO Lance__Enc__PlanarLayout *m = NULL;
	AUTO(page) struct page *p = NULL;
	TRY(PROTO_UNPACK(lance__enc__planar_layout, descriptor, descriptor_len, &m));
	TRY(page_new(shape, n_rows, &p));
	TRY(open_planes(p, m, source));
	*ret = TAKE(p);
	return NULL;
}
