// SPDX-License-Identifier: Apache-2.0
/*
 * enc_dictionary.c: a sequence of numbers as indices into a few of them.
 *
 * Not to be confused with the dictionary that a page has for its values.
 * Source: encodings_v2_3.proto, message Dictionary; frame: observed, Lance 14.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

#define MAX_ITEMS 4096 /* as Lance reads them */

enum { INDICES, ITEMS };

static const struct value_type index_type = {.kind = VALUE_FIXED, .bits = 32};

static struct err *dictionary_parse(const ce *m, int depth, struct codec *c)
{
	TRY(codec_add_child(c, m->dictionary->indices, depth));
	TRY(codec_add_child(c, m->dictionary->items, depth));
	c->n_items = m->dictionary->num_dictionary_items;
	c->bits = c->children[ITEMS]->bits;
	if (c->n_items == 0 || c->n_items > MAX_ITEMS ||
	    (c->bits != 32 && c->bits != 64))
		return err_new(EIO, "%" PRIu64 " items of %" PRIu64 " bits", c->n_items,
			       c->bits);
	c->has_payload =
		c->children[INDICES]->has_payload || c->children[ITEMS]->has_payload;
	return NULL;
}

/* Both sizes, then both parts. */
static struct err *split(struct cursor in, struct cursor *ret_indices,
			 struct cursor *ret_items)
{
	uint64_t indices, items;
	TRY(cursor_u64le(&in, &indices));
	TRY(cursor_u64le(&in, &items));
	TRY(cursor_sub(&in, indices, ret_indices));
	return cursor_sub(&in, items, ret_items);
}

static struct err *dictionary_block(const struct codec *c, struct cursor in, uint64_t n,
				    struct values *out)
{
	struct values indices AUTO_VALUES = {.type = &index_type};
	struct values items AUTO_VALUES = {.type = out->type};
	struct cursor indices_in = in, items_in = in;
	TRY(expect_bits(c->bits, out));
	if (c->has_payload)
		TRY(split(in, &indices_in, &items_in));
	TRY(codec_block(c->children[ITEMS], items_in, c->n_items, &items));
	TRY(codec_block(c->children[INDICES], indices_in, n, &indices));
	if (n == 0)
		return NULL;
	return values_gather(out, &items, indices.data.bytes->data, 4, indices.n);
}

const struct encoding_ops enc_dictionary = {
	.name = "dictionary",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_DICTIONARY,
	.parse = dictionary_parse,
	.block = dictionary_block,
};
