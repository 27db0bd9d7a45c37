// SPDX-License-Identifier: Apache-2.0
/*
 * shred.c: nested arrays to leaf columns, for the writer.
 *
 * A leaf of 2.1 and later gets one slot for each of its values and for each
 * place where nesting stops before it.  In 2.0 each list and struct has a
 * column of its own, and a leaf has its items.
 * Source: Lance's docs, "Repetition and Definition Levels".
 */
#include "file/writer_priv.h"

#include <errno.h>
#include <inttypes.h>

struct shredder {
	struct out_column *c;
	const struct array *node[WRITER_MAX_DEPTH + 1]; /* from the top to the leaf */
	unsigned n_layers;
	unsigned list_number[WRITER_MAX_DEPTH + 1]; /* lists at and inside each */
	unsigned first_list; /* layers before it own a value where they are null */
	bool has_rep;
	uint64_t pending_first, pending_n; /* values of the leaf not appended yet */
};

static struct err *flush_values(struct shredder *s)
{
	const struct array *leaf = s->node[s->n_layers - 1];
	uint64_t n = s->pending_n;
	s->pending_n = 0;
	return values_append_array(&s->c->slots.values, leaf, s->pending_first,
				   s->pending_first + n);
}

static struct err *add_value(struct shredder *s, uint64_t i)
{
	if (s->pending_n && i == s->pending_first + s->pending_n) {
		s->pending_n++;
		return NULL;
	}
	TRY(flush_values(s));
	s->pending_first = i;
	s->pending_n = 1;
	return NULL;
}

static struct err *add_null(struct shredder *s, unsigned layer, uint16_t rep)
{
	TRY(slots_push(&s->c->slots, s->has_rep, rep, SLOT_NULL(layer)));
	if (layer >= s->first_list)
		return NULL;
	TRY(flush_values(s));
	return values_append_zero(&s->c->slots.values, 1);
}

/* Element i of the node at a depth, whose first slot repeats at rep. */
static struct err *add_element(struct shredder *s, unsigned depth, uint64_t i,
			       uint16_t rep)
{
	const struct array *a = s->node[depth];
	unsigned layer = s->n_layers - 1 - depth;
	if (array_is_null(a, i))
		return add_null(s, layer, rep);
	if (layer == 0) {
		TRY(slots_push(&s->c->slots, s->has_rep, rep, 0));
		return add_value(s, i);
	}
	if (!s->c->shape.is_list[layer])
		return add_element(s, depth + 1, i, rep);
	uint64_t first = array_offset(a, i), end = array_offset(a, i + 1);
	if (first == end)
		return slots_push(&s->c->slots, s->has_rep, rep, SLOT_EMPTY(layer));
	for (uint64_t k = first; k < end; k++) {
		TRY(add_element(s, depth + 1, k, rep));
		rep = (uint16_t)(s->list_number[depth] - 1);
	}
	return NULL;
}

static void prepare(struct shredder *s, const struct array *top)
{
	const struct leaf_shape *shape = &s->c->shape;
	unsigned number = 0;
	s->n_layers = shape->n_layers;
	s->first_list = s->n_layers;
	for (unsigned k = 0; k < s->n_layers; k++) {
		if (shape->is_list[k] && s->first_list == s->n_layers)
			s->first_list = k;
		number += shape->is_list[k];
		s->list_number[s->n_layers - 1 - k] = number;
	}
	s->has_rep = number > 0;
	s->node[0] = top;
	for (unsigned d = 1; d < s->n_layers; d++)
		s->node[d] = s->node[d - 1]->children[s->c->path[d]];
}

/* Flat and without nulls: values alone. */
static bool is_plain(const struct shredder *s, uint64_t first, uint64_t end)
{
	const struct array *a = s->node[0];
	if (s->n_layers != 1 || a->type->id == TYPE_NULL || s->c->slots.stop.len)
		return false;
	return !a->validity ||
	       bitmap_count(a->validity->data, first, end) == end - first;
}

struct err *shred(struct out_column *c, struct array *top, uint64_t first, uint64_t end)
{
	struct shredder s = {.c = c};
	prepare(&s, top);
	c->n_rows += end - first;
	if (is_plain(&s, first, end)) {
		c->slots.n += end - first;
		return values_append_array(&c->slots.values, top, first, end);
	}
	for (uint64_t i = first; i < end; i++)
		TRY(add_element(&s, 0, i, (uint16_t)s.list_number[0]));
	return flush_values(&s);
}

/* --- 2.0 --- */

static struct err *push(struct grow *g, const void *p, size_t len)
{
	uint8_t *dst;
	TRY(grow_room(g, len, &dst));
	memcpy(dst, p, len);
	g->len += len;
	return NULL;
}

static struct err *v20_leaf(struct out_column *c, const struct array *a, uint64_t first,
			    uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		TRY(slots_push(&c->slots, false, 0,
			       array_is_null(a, i) ? SLOT_NULL(0) : 0));
	return values_append_array(&c->slots.values, a, first, end);
}

static struct err *v20_lists(struct out_column *c, const struct array *a,
			     uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++) {
		bool is_null = array_is_null(a, i);
		c->n_items += array_offset(a, i + 1) - array_offset(a, i);
		TRY(push(&c->ends, &c->n_items, sizeof(c->n_items)));
		TRY(push(&c->is_null, &is_null, sizeof(is_null)));
	}
	return NULL;
}

struct err *shred_v20(struct out_column **next, const struct array *a, uint64_t first,
		      uint64_t end)
{
	struct out_column *c = (*next)++;
	c->n_rows += end - first;
	if (c->kind == COLUMN_LEAF)
		return v20_leaf(c, a, first, end);
	if (c->kind == COLUMN_V20_LIST) {
		TRY(v20_lists(c, a, first, end));
		return shred_v20(next, a->children[0], array_offset(a, first),
				 array_offset(a, end));
	}
	if (a->validity && bitmap_count(a->validity->data, first, end) < end - first)
		return err_new(EOPNOTSUPP,
			       "field %s: files of version 2.0 cannot hold null "
			       "structs",
			       c->field->name);
	for (size_t i = 0; i < a->n_children; i++)
		TRY(shred_v20(next, a->children[i], first, end));
	return NULL;
}
