// SPDX-License-Identifier: Apache-2.0
/*
 * enc_fixed_list.c: fixed-size lists of primitives, to any depth.
 *
 * The lists' own nulls are levels; nulls of items are bitmaps here: a buffer a
 * list layer in a mini-block, bytes in front of each row's items in a full-zip
 * page (whose rows are then 3168 bytes for 768 floats, not 3072) and in a block.
 * Source: encodings_v2_1.proto, message FixedSizeList; block: observed, Lance 14.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *list_parse(const ce *m, int depth, struct codec *c)
{
	c->n_items = m->fixed_size_list->items_per_value;
	c->has_validity = m->fixed_size_list->has_validity;
	TRY(codec_add_child(c, m->fixed_size_list->values, depth));
	const struct codec *child = c->children[0];
	if ((child->ops != &enc_flat && child->ops != &enc_constant &&
	     child->ops != &enc_fixed_size_list) ||
	    child->has_value)
		return err_new(EOPNOTSUPP, "items that are not flat");
	if (c->n_items == 0 || ckd_mul(&c->bits, c->n_items, child->bits) ||
	    c->bits / 8 > LIMIT_VALUE_BYTES)
		return err_new(EIO, "%" PRIu64 " items of %" PRIu64 " bits", c->n_items,
			       child->bits);
	c->n_buffers = child->n_buffers + c->has_validity;
	if (c->n_buffers > CODEC_MAX_BUFFERS)
		return err_new(EIO, "too many layers");
	return NULL;
}

/* The layers must be those of the column's type; of items that are null all of them,
 * lists or not, nothing is kept. */
static struct err *check_dims(const struct codec *c, const struct values *out)
{
	unsigned dim = 0;
	for (; c->ops == &enc_fixed_size_list; c = c->children[0], dim++) {
		if (dim >= out->type->n_dims || out->type->dims[dim] != c->n_items)
			return err_new(EIO, "%" PRIu64 " items in list layer %u",
				       c->n_items, dim);
	}
	if (dim != out->type->n_dims && (dim == 0 || c->ops != &enc_constant))
		return err_new(EIO, "%u list layers of %u", dim, out->type->n_dims);
	return NULL;
}

static const struct codec *innermost(const struct codec *c)
{
	while (c->ops == &enc_fixed_size_list)
		c = c->children[0];
	return c;
}

static struct err *append_validity(const struct codec *c, const struct cursor *in,
				   uint64_t n, uint64_t first, uint64_t end,
				   struct values *out)
{
	uint64_t items = 1;
	unsigned buffer = 0;
	for (unsigned dim = 0; c->ops == &enc_fixed_size_list;
	     c = c->children[0], dim++) {
		items *= c->n_items;
		if (!c->has_validity)
			continue;
		if (bitmap_bytes(n * items) > cursor_left(&in[buffer]))
			return err_new(EIO,
				       "validity of %" PRIu64 " items in %zu bytes",
				       n * items, cursor_left(&in[buffer]));
		TRY(values_append_items(out, dim, in[buffer].p, first * items,
					(end - first) * items));
		buffer++;
	}
	return NULL;
}

static struct err *list_mini(const struct codec *c, const struct cursor *in, uint64_t n,
			     uint64_t first, uint64_t end, struct values *out)
{
	TRY(check_dims(c, out));
	const struct cursor items = in[c->n_buffers - 1];
	uint64_t bits;
	if (innermost(c)->ops == &enc_constant) {
		TRY(values_append_zero(out, end - first));
	} else {
		TRY(expect_bits(c->bits, out));
		if (ckd_mul(&bits, n, c->bits) ||
		    div_ceil(bits, 8) > cursor_left(&items))
			return err_new(EIO, "%" PRIu64 " rows in %zu bytes", n,
				       cursor_left(&items));
		TRY(values_append_fixed(out, items.p, first, end - first));
	}
	return append_validity(c, in, n, first, end, out);
}

/* Bytes of validity in front of a row's items, for layer c and those inside. */
static size_t validity_len(const struct codec *c)
{
	uint64_t items = 1;
	size_t len = 0;
	for (; c->ops == &enc_fixed_size_list; c = c->children[0]) {
		items *= c->n_items;
		if (c->has_validity)
			len += bitmap_bytes(items);
	}
	return len;
}

/* Put the bits of n rows, read at p and every stride, over the last n rows. */
static struct err *zip_validity(const struct codec *c, const uint8_t *p, uint64_t n,
				size_t stride, struct values *out)
{
	uint64_t items = 1;
	for (unsigned dim = 0; c->ops == &enc_fixed_size_list;
	     c = c->children[0], dim++) {
		items *= c->n_items;
		if (!c->has_validity)
			continue;
		/* writes the first row's bits over all, then each row's own */
		TRY(values_append_items(out, dim, p, 0, items));
		uint64_t at = (out->n - n) * items;
		for (uint64_t i = 0; i < n; i++)
			bitmap_copy(out->items[dim].bytes->data, at + i * items,
				    p + i * stride, 0, items);
		p += bitmap_bytes(items);
	}
	return NULL;
}

static struct err *zip_items(const struct codec *c, const uint8_t *p, uint64_t n,
			     size_t stride, struct values *out)
{
	uint8_t *dst;
	if (innermost(c)->ops == &enc_constant)
		return values_append_zero(out, n);
	TRY(expect_bits(c->bits, out));
	if (c->bits % 8) {
		for (uint64_t i = 0; i < n; i++)
			TRY(values_append_fixed(out, p + i * stride, 0, 1));
		return NULL;
	}
	size_t size = (size_t)(c->bits / 8);
	TRY(values_room(out, n, &dst));
	for (uint64_t i = 0; i < n; i++)
		memcpy(dst + i * size, p + i * stride, size);
	return NULL;
}

static struct err *list_zip_fixed(const struct codec *c, const uint8_t *p, uint64_t n,
				  size_t width, size_t stride, struct values *out)
{
	TRY(check_dims(c, out));
	size_t before = validity_len(c);
	uint64_t items = innermost(c)->ops == &enc_constant ? 0 : div_ceil(c->bits, 8);
	uint64_t need = before + items;
	if (need > width)
		return err_new(EIO, "rows of %" PRIu64 " bytes in %zu", need, width);
	if (n == 0)
		return NULL;
	TRY(zip_items(c, p + before, n, stride, out));
	return zip_validity(c, p, n, stride, out);
}

static struct err *list_block(const struct codec *c, struct cursor in, uint64_t n,
			      struct values *out)
{
	bool has_items = innermost(c)->ops != &enc_constant;
	uint64_t width = validity_len(c) + (has_items ? div_ceil(c->bits, 8) : 0);
	if (width == 0 || n > cursor_left(&in) / width)
		return err_new(EIO,
			       "%" PRIu64 " rows of %" PRIu64 " bytes in %zu bytes", n,
			       width, cursor_left(&in));
	return list_zip_fixed(c, in.p, n, (size_t)width, (size_t)width, out);
}

const struct encoding_ops enc_fixed_size_list = {
	.name = "fixed_size_list",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_FIXED_SIZE_LIST,
	.parse = list_parse,
	.block = list_block,
	.mini = list_mini,
	.zip_fixed = list_zip_fixed,
};
