// SPDX-License-Identifier: Apache-2.0
/*
 * page.c: opening a page, its layers, and what the layouts share.
 *
 * Which levels mean what is decided per page, from the data that was in it; so
 * levels are translated to the page-independent numbering of struct slots as
 * soon as they are decoded.
 * Source: encodings_v2_1.proto, enum RepDefLayer and message PageLayout.
 */
#include "encoding/page_priv.h"

#include <errno.h>
#include <inttypes.h>

const struct value_type level_type = {.kind = VALUE_FIXED, .bits = 16};

static const struct page_ops *const layouts[] = {
	&page_mini_block,
	&page_full_zip,
	&page_constant,
};

static bool layer_is_list(int32_t layer)
{
	return layer == LAYER_ALL_VALID_LIST ||
	       (layer >= LAYER_NULLABLE_LIST && layer <= LAYER_NULL_AND_EMPTY_LIST);
}

static struct err *check_layer(const struct page *p, size_t i, int32_t layer)
{
	if (layer < LAYER_ALL_VALID_ITEM || layer > LAYER_NULL_AND_EMPTY_LIST)
		return err_new(EOPNOTSUPP, "layer %zu is of kind %d", i, (int)layer);
	if (layer_is_list(layer) != p->shape->is_list[i])
		return err_new(EIO, "layer %zu %s a list", i,
			       p->shape->is_list[i] ? "is not" : "is");
	return NULL;
}

struct err *page_set_layers(struct page *p, const int32_t *layers, size_t n)
{
	struct page_levels *l = &p->levels;
	/* pylance 4 to 8 told of the members of blob descriptors, too: they are valid
	 */
	if (n == p->shape->n_layers + 1 && p->shape->type.kind == VALUE_STRUCT &&
	    layers[0] == LAYER_ALL_VALID_ITEM) {
		layers++;
		n--;
	}
	if (n != p->shape->n_layers)
		return err_new(EIO, "%zu layers in a column of %u", n,
			       p->shape->n_layers);
	for (size_t i = 0; i < n; i++) {
		int32_t layer = layers[i];
		TRY(check_layer(p, i, layer));
		l->max_rep += layer_is_list(layer);
		if (layer == LAYER_NULLABLE_ITEM || layer == LAYER_NULLABLE_LIST ||
		    layer == LAYER_NULL_AND_EMPTY_LIST)
			l->stop[++l->max_def] = SLOT_NULL(i);
		if (layer == LAYER_EMPTYABLE_LIST || layer == LAYER_NULL_AND_EMPTY_LIST)
			l->stop[++l->max_def] = SLOT_EMPTY(i);
		if (l->max_rep == 0)
			l->max_visible = l->max_def;
	}
	return NULL;
}

struct err *source_read(const struct page_source *s, unsigned buffer, uint64_t off,
			uint64_t len, void *dst)
{
	uint64_t end;
	if (buffer >= s->n_buffers)
		return err_new(EIO, "buffer %u of %u", buffer, s->n_buffers);
	if (ckd_add(&end, off, len) || end > s->sizes[buffer])
		return err_new(
			EIO, "buffer %u: %" PRIu64 " bytes at %" PRIu64 " of %" PRIu64,
			buffer, len, off, s->sizes[buffer]);
	if (len == 0)
		return NULL;
	return s->read(s->ctx, buffer, off, (size_t)len, dst);
}

struct err *source_read_bytes(const struct page_source *s, unsigned buffer,
			      uint64_t off, uint64_t len, struct bytes **ret)
{
	AUTO(bytes) struct bytes *b = NULL;
	if (buffer >= s->n_buffers || len > s->sizes[buffer] ||
	    len > LIMIT_BUFFER_BYTES)
		return err_new(EIO, "buffer %u of %u: %" PRIu64 " bytes", buffer,
			       s->n_buffers, len);
	TRY(bytes_new((size_t)len, &b));
	TRY(source_read(s, buffer, off, len, b->data));
	*ret = TAKE(b);
	return NULL;
}

/* Make out->stop cover the slots so far, which did not stop. */
static struct err *backfill_stop(struct slots *out)
{
	uint8_t *dst;
	size_t have = (size_t)out->n * 2;
	if (out->stop.len == have)
		return NULL;
	TRY(grow_room(&out->stop, have - out->stop.len, &dst));
	memset(dst, 0, have - out->stop.len);
	out->stop.len = have;
	return NULL;
}

static struct err *append_stop(struct slots *out, const struct page *p,
			       const uint16_t *def, uint64_t n)
{
	uint8_t *dst;
	unsigned max = 0;
	TRY(backfill_stop(out));
	TRY(grow_room(&out->stop, (size_t)n * 2, &dst));
	for (uint64_t i = 0; i < n; i++) {
		unsigned d = MIN_OF(def[i], p->levels.max_def);
		max = MAX_OF(max, def[i]);
		store_u16le(dst + 2 * i, p->levels.stop[d]);
	}
	if (max > p->levels.max_def)
		return err_new(EIO, "definition level %u of %u", max,
			       p->levels.max_def);
	out->stop.len += (size_t)n * 2;
	return NULL;
}

static struct err *append_rep(struct slots *out, const struct page *p,
			      const uint16_t *rep, uint64_t n)
{
	uint8_t *dst;
	TRY(grow_room(&out->rep, (size_t)n * 2, &dst));
	for (uint64_t i = 0; i < n; i++) {
		uint16_t r = rep ? rep[i] : (uint16_t)p->levels.max_rep;
		if (r > p->levels.max_rep)
			return err_new(EIO, "repetition level %u of %u", r,
				       p->levels.max_rep);
		store_u16le(dst + 2 * i, r);
	}
	out->rep.len += (size_t)n * 2;
	return NULL;
}

struct err *slots_append(struct slots *out, const struct page *p, const uint16_t *rep,
			 const uint16_t *def, uint64_t n)
{
	if (n == 0)
		return NULL;
	if (n > LIMIT_BUFFER_BYTES / 2)
		return err_new(EFBIG, "%" PRIu64 " slots", n);
	if (p->levels.max_rep)
		TRY(append_rep(out, p, rep, n));
	if (def && p->levels.max_def)
		TRY(append_stop(out, p, def, n));
	out->n += n;
	if (out->stop.len)
		TRY(backfill_stop(out));
	return NULL;
}

struct err *levels_decode(const struct codec *c, struct cursor in, uint64_t n,
			  struct values *out)
{
	TRY(codec_block(c, in, n, out));
	if (out->n != n)
		return err_new(EIO, "%" PRIu64 " levels of %" PRIu64, out->n, n);
	return NULL;
}

uint64_t levels_visible(const struct page *p, const uint16_t *def, uint64_t n)
{
	uint64_t visible = 0;
	if (!def || p->levels.max_visible >= p->levels.max_def)
		return n;
	for (uint64_t i = 0; i < n; i++)
		visible += def[i] <= p->levels.max_visible;
	return visible;
}

struct err *page_open_layout(struct page *p, const Lance__Enc__PageLayout *m,
			     const struct page_source *source)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		if (layouts[i]->kind != (int)m->layout_case)
			continue;
		p->ops = layouts[i];
		TRY_CTX(p->ops->open(p, m, source), "%s", p->ops->name);
		return NULL;
	}
	return err_new(EOPNOTSUPP, "page layout %d is not known", (int)m->layout_case);
}

/*
 * A page of blobs is one of their descriptors, packed structs, in another layout.
 * Which of them are null is in the descriptors as well; the layers around them
 * would tell more only below lists.
 */
static struct err *look_inside(const Lance__Enc__PageLayout *m,
			       const struct leaf_shape *shape,
			       const Lance__Enc__PageLayout **ret)
{
	*ret = m;
	if (m->layout_case != LANCE__ENC__PAGE_LAYOUT__LAYOUT_BLOB_LAYOUT)
		return NULL;
	if (shape->type.kind != VALUE_STRUCT || shape->n_layers != 1)
		return err_new(EOPNOTSUPP, "blobs where other values belong");
	if (!m->blob_layout->inner_layout)
		return err_new(EIO, "blobs without descriptors");
	*ret = m->blob_layout->inner_layout;
	return NULL;
}

struct err *page_new(const struct leaf_shape *shape, uint64_t n_rows, struct page **ret)
{
	struct page *p;
	if (n_rows > LIMIT_PAGE_ROWS)
		return err_new(EIO, "%" PRIu64 " rows in a page", n_rows);
	TRY(mem_new(&p));
	atomic_init(&p->refs, 1);
	p->shape = shape;
	p->n_rows = n_rows;
	*ret = p;
	return NULL;
}

struct err *page_open(const void *descriptor, size_t descriptor_len, uint64_t n_rows,
		      const struct leaf_shape *shape, const struct page_source *source,
		      struct page **ret)
{
	AUTO_PROTO Lance__Enc__PageLayout *m = NULL;
	AUTO(page) struct page *p = NULL;
	const Lance__Enc__PageLayout *layout;
	TRY(PROTO_UNPACK(lance__enc__page_layout, descriptor, descriptor_len, &m));
	TRY(look_inside(m, shape, &layout));
	TRY(page_new(shape, n_rows, &p));
	TRY(page_open_layout(p, layout, source));
	*ret = TAKE(p);
	return NULL;
}

struct page *page_ref(struct page *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void page_unref(struct page *p)
{
	if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	codec_free(p->rep);
	codec_free(p->def);
	codec_free(p->values);
	free(p->chunks);
	if (p->dictionary.type)
		values_fini(&p->dictionary);
	if (p->scalar.type)
		values_fini(&p->scalar);
	free(p->rep_levels);
	free(p->def_levels);
	free(p->marks);
	sparse_free(p->sparse);
	free(p);
}

uint64_t page_bytes(const struct page *p)
{
	uint64_t levels = (p->rep_levels ? 2u : 0u) + (p->def_levels ? 2u : 0u);
	return sizeof(*p) + 4096 + (p->n_chunks + 1) * sizeof(*p->chunks) +
	       p->dictionary.data.cap + p->dictionary.offsets.cap + p->scalar.data.cap +
	       levels * p->n_slots + (p->sparse ? sparse_bytes(p->sparse) : 0);
}

struct err *page_read(const struct page *p, const struct page_source *source,
		      uint64_t first, uint64_t end, struct slots *slots)
{
	if (first > end || end > p->n_rows)
		return err_new(EIO, "rows [%" PRIu64 ", %" PRIu64 ") of %" PRIu64,
			       first, end, p->n_rows);
	if (first == end)
		return NULL;
	TRY_CTX(p->ops->read(p, source, first, end, slots), "%s", p->ops->name);
	return NULL;
}

struct err *page_nulls(const struct page *p, const struct page_source *source,
		       uint64_t first, uint64_t end, uint8_t *is_null, bool *ret_known)
{
	*ret_known = false;
	if (end > p->n_rows || first > end)
		return err_new(EIO, "rows to %" PRIu64 " of %" PRIu64, end, p->n_rows);
	return p->ops->nulls ? p->ops->nulls(p, source, first, end, is_null, ret_known)
			     : NULL;
}
