// SPDX-License-Identifier: Apache-2.0
/*
 * sparse.c: layers of sparse structure, and the slots of a range of rows.
 */
#include "encoding/sparse.h"

#include <errno.h>
#include <inttypes.h>

#define LIMIT_OF_NO_BYTES ((uint64_t)1 << 21)
#define LIMIT_OF_A_BYTE ((uint64_t)1 << 10)
#define LIMIT_OF_ALL ((uint64_t)1 << 27)

static const struct value_type number_type = {.kind = VALUE_FIXED, .bits = 64};

uint64_t sparse_limit(uint64_t bytes)
{
	uint64_t many = MIN_OF(bytes, LIMIT_OF_ALL / LIMIT_OF_A_BYTE) * LIMIT_OF_A_BYTE;
	return MAX_OF(many, LIMIT_OF_NO_BYTES);
}

uint64_t sparse_source_bytes(const struct page_source *source)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < source->n_buffers; i++)
		bytes += MIN_OF(source->sizes[i], LIMIT_OF_ALL);
	return bytes;
}

/* --- sequences --- */

void sequence_fini(struct sequence *s)
{
	bytes_unref(s->listed);
	s->listed = NULL;
}

static inline uint64_t number_at(const struct bytes *listed, uint64_t i)
{
	return load_u64le(listed->data + 8 * i);
}

static inline uint64_t sequence_at(const struct sequence *s, uint64_t i)
{
	return s->listed ? number_at(s->listed, i) : s->start + i * s->step;
}

/* How many numbers of an ascending sequence are below v? */
static uint64_t sequence_rank(const struct sequence *s, uint64_t v)
{
	uint64_t low = 0, high = s->n;
	if (s->n == 0 || v <= sequence_at(s, 0))
		return 0;
	if (!s->listed)
		return MIN_OF(s->n, div_ceil(v - s->start, s->step));
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (number_at(s->listed, middle) < v)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is v one of the numbers?  Values asked for ascend; *at is the first not passed. */
static bool sequence_has(const struct sequence *s, uint64_t v, uint64_t *at)
{
	while (*at < s->n && sequence_at(s, *at) < v)
		++*at;
	return *at < s->n && sequence_at(s, *at) == v;
}

static struct err *list_numbers(const struct codec *c, struct cursor in, uint64_t n,
				struct bytes **ret)
{
	struct values v AUTO_VALUES = {.type = &number_type};
	TRY(codec_block(c, in, n, &v));
	if (v.n != n)
		return err_new(EIO, "%" PRIu64 " numbers of %" PRIu64, v.n, n);
	return grow_take(&v.data, ret);
}

struct err *sequence_open(const ce *m, uint64_t n, const struct page_source *source,
			  unsigned *buffer, struct sequence *ret)
{
	AUTO(codec) struct codec *c = NULL;
	AUTO(bytes) struct bytes *b = NULL;
	ret->n = n;
	TRY(codec_parse(m, 0, &c));
	bool is_none = c->ops == &enc_constant && !c->has_value;
	if (is_none != (n == 0))
		return err_new(EIO, "%" PRIu64 " numbers as %s", n, c->ops->name);
	if (is_none)
		return NULL;
	if (c->bits != number_type.bits)
		return err_new(EIO, "numbers of %" PRIu64 " bits", c->bits);
	ret->start = c->start;
	ret->step = c->step;
	if (codec_is_arithmetic(c))
		return NULL;
	if (n > sparse_limit(sparse_source_bytes(source)))
		return err_new(EFBIG,
			       "%" PRIu64 " numbers in a page of %" PRIu64 " bytes", n,
			       sparse_source_bytes(source));
	struct cursor in = cursor_of(NULL, 0);
	if (c->has_payload) {
		if (*buffer >= source->n_buffers)
			return err_new(EIO, "buffer %u of %u", *buffer,
				       source->n_buffers);
		TRY(source_read_bytes(source, *buffer, 0, source->sizes[*buffer], &b));
		in = cursor_of(b->data, b->len);
		++*buffer;
	}
	TRY_CTX(list_numbers(c, in, n, &ret->listed), "%s", c->ops->name);
	return NULL;
}

/* Positions ascend and lie in their domain. */
static struct err *check_positions(struct sequence *s, uint64_t n_slots)
{
	uint64_t last;
	if (s->n > n_slots)
		return err_new(EIO, "%" PRIu64 " positions in %" PRIu64 " slots", s->n,
			       n_slots);
	if (s->n == 0)
		return NULL;
	if (s->n == 1 && !s->listed)
		s->step = 1;
	if (!s->listed) {
		if (s->step == 0 || ckd_mul(&last, s->step, s->n - 1) ||
		    ckd_add(&last, last, s->start) || last >= n_slots)
			return err_new(EIO,
				       "%" PRIu64 " positions from %" PRIu64
				       " by %" PRIu64 " in %" PRIu64 " slots",
				       s->n, s->start, s->step, n_slots);
		return NULL;
	}
	last = number_at(s->listed, 0);
	for (uint64_t i = 1; i < s->n; i++) {
		if (number_at(s->listed, i) <= last)
			return err_new(EIO,
				       "position %" PRIu64 " is not past the one "
				       "before",
				       i);
		last = number_at(s->listed, i);
	}
	if (last >= n_slots)
		return err_new(EIO, "position %" PRIu64 " of %" PRIu64, last, n_slots);
	return NULL;
}

/* Listed counts become the sums of those before. */
static struct err *add_up(struct sequence *s, uint64_t *ret_total)
{
	AUTO(bytes) struct bytes *sums = NULL;
	uint64_t total = 0;
	TRY(bytes_new((size_t)(s->n + 1) * 8, &sums));
	for (uint64_t i = 0; i < s->n; i++) {
		uint64_t count = number_at(s->listed, i);
		store_u64le(sums->data + 8 * i, total);
		if (count == 0 || ckd_add(&total, total, count))
			return err_new(EIO, "list %" PRIu64 " of %" PRIu64 " items", i,
				       count);
	}
	store_u64le(sums->data + 8 * s->n, total);
	bytes_unref(s->listed);
	s->listed = TAKE(sums);
	*ret_total = total;
	return NULL;
}

/* The items of the first i lists; s is of counts, checked. */
static uint64_t items_before(const struct sequence *s, uint64_t i)
{
	if (s->listed)
		return number_at(s->listed, i);
	return i ? s->start * i + s->step * (i * (i - 1) / 2) : 0;
}

static struct err *check_counts(struct sequence *s, uint64_t n_items)
{
	uint64_t total = 0, grown;
	if (s->listed) {
		TRY(add_up(s, &total));
	} else if (s->n) {
		/* n is below 2^32 */
		if (s->start == 0 || ckd_mul(&total, s->start, s->n) ||
		    ckd_mul(&grown, s->step, s->n * (s->n - 1) / 2) ||
		    ckd_add(&total, total, grown))
			return err_new(EIO,
				       "%" PRIu64 " lists of %" PRIu64
				       " items, %" PRIu64 " more each",
				       s->n, s->start, s->step);
	}
	if (total != n_items)
		return err_new(EIO, "lists hold %" PRIu64 " items of %" PRIu64, total,
			       n_items);
	return NULL;
}

/* --- layers --- */

static void layer_fini(struct sparse_layer *l)
{
	sequence_fini(&l->positions);
	sequence_fini(&l->lists);
	sequence_fini(&l->counts);
}

void sparse_structure_fini(struct sparse_structure *s)
{
	for (unsigned i = 0; i < s->n_layers; i++)
		layer_fini(&s->layers[i]);
	s->n_layers = 0;
}

static uint64_t sequence_bytes(const struct sequence *s)
{
	return s->listed ? s->listed->len : 0;
}

uint64_t sparse_structure_bytes(const struct sparse_structure *s)
{
	uint64_t bytes = sizeof(*s);
	for (unsigned i = 0; i < s->n_layers; i++)
		bytes += sequence_bytes(&s->layers[i].positions) +
			 sequence_bytes(&s->layers[i].lists) +
			 sequence_bytes(&s->layers[i].counts);
	return bytes;
}

/* Where buffers are read from, one after the other. */
struct buffers {
	const struct page_source *source;
	unsigned *next;
};

static struct err *open_positions(const ce *m, uint64_t n, uint64_t n_slots,
				  const struct buffers *from, struct sequence *ret)
{
	if (n > n_slots)
		return err_new(EIO, "%" PRIu64 " positions in %" PRIu64 " slots", n,
			       n_slots);
	TRY(sequence_open(m, n, from->source, from->next, ret));
	return check_positions(ret, n_slots);
}

static struct err *open_validity(const Lance__Enc__SparseValiditySet *m,
				 const struct buffers *from, struct sparse_layer *l)
{
	enum { NULL_POSITIONS = 1, VALID_POSITIONS = 2 };
	if (!m)
		return err_new(EIO, "no validity");
	if (m->meaning != NULL_POSITIONS && m->meaning != VALID_POSITIONS)
		return err_new(EIO, "validity of kind %d", (int)m->meaning);
	l->stores_nulls = m->meaning == NULL_POSITIONS;
	TRY_CTX(open_positions(m->positions, m->num_positions, l->n_slots, from,
			       &l->positions),
		"validity");
	return NULL;
}

static struct err *open_list(const Lance__Enc__SparseListLayer *m,
			     const struct buffers *from, struct sparse_layer *l)
{
	uint64_t n = m->num_non_empty_positions;
	l->kind = SPARSE_LIST;
	l->n_children = m->num_child_slots;
	TRY_CTX(open_positions(m->non_empty_positions, n, l->n_slots, from, &l->lists),
		"lists with items");
	TRY_CTX(sequence_open(m->counts, n, from->source, from->next, &l->counts),
		"list sizes");
	TRY_CTX(check_counts(&l->counts, l->n_children), "list sizes");
	return open_validity(m->validity, from, l);
}

static struct err *open_fixed_list(const Lance__Enc__SparseFixedSizeListLayer *m,
				   const struct buffers *from, struct sparse_layer *l)
{
	l->kind = SPARSE_FIXED_LIST;
	l->dimension = m->dimension;
	if (l->dimension == 0 || ckd_mul(&l->n_children, l->n_slots, l->dimension))
		return err_new(EIO, "%" PRIu64 " lists of %" PRIu64 " items",
			       l->n_slots, l->dimension);
	return open_validity(m->validity, from, l);
}

static struct err *open_layer(const Lance__Enc__SparseStructuralLayer *m,
			      const struct buffers *from, struct sparse_layer *l)
{
	switch (m->layer_case) {
	case LANCE__ENC__SPARSE_STRUCTURAL_LAYER__LAYER_VALIDITY:
		l->kind = SPARSE_VALIDITY;
		l->n_children = l->n_slots;
		return open_validity(m->validity, from, l);
	case LANCE__ENC__SPARSE_STRUCTURAL_LAYER__LAYER_LIST:
		return open_list(m->list, from, l);
	case LANCE__ENC__SPARSE_STRUCTURAL_LAYER__LAYER_FIXED_SIZE_LIST:
		return open_fixed_list(m->fixed_size_list, from, l);
	default:
		return err_new(EOPNOTSUPP, "of kind %d", (int)m->layer_case);
	}
}

static struct err *check_layer(const struct sparse_layer *l,
			       const struct leaf_shape *shape)
{
	uint64_t size = l->kind == SPARSE_FIXED_LIST ? l->dimension : 0;
	if ((l->kind == SPARSE_LIST) != shape->is_list[l->layer] ||
	    size != shape->list_size[l->layer])
		return err_new(EIO, "it is another one in the column");
	if (l->n_children > LIMIT_PAGE_ROWS)
		return err_new(EIO, "%" PRIu64 " slots", l->n_children);
	return NULL;
}

/* The rows of the page are counted in items of all fixed-size lists, even those that
 * lie in lists. */
static struct err *find_rows(const struct leaf_shape *shape, uint64_t n_page_rows,
			     struct sparse_structure *s)
{
	s->scale = 1;
	for (unsigned i = 0; i < shape->n_layers; i++)
		if (ckd_mul(&s->scale, s->scale, MAX_OF(shape->list_size[i], 1u)))
			return err_new(EIO, "fixed-size lists of over 2^64 items");
	if (n_page_rows % s->scale)
		return err_new(EIO, "%" PRIu64 " rows in lists of %" PRIu64,
			       n_page_rows, s->scale);
	s->n_rows = n_page_rows / s->scale;
	return NULL;
}

struct err *sparse_structure_open(const sparse_proto *m, const struct leaf_shape *shape,
				  uint64_t n_page_rows,
				  const struct page_source *source, unsigned *buffer,
				  struct sparse_structure *ret)
{
	struct buffers from = {source, buffer};
	unsigned n_lists = 0;
	if (m->n_layers != shape->n_layers)
		return err_new(EIO, "%zu layers in a column of %u", m->n_layers,
			       shape->n_layers);
	TRY(find_rows(shape, n_page_rows, ret));
	ret->max_slots = sparse_limit(sparse_source_bytes(source));
	ret->n_leaves = ret->n_rows;
	for (unsigned i = 0; i < shape->n_layers; i++) {
		struct sparse_layer *l = &ret->layers[i];
		l->layer = shape->n_layers - 1 - i;
		l->n_slots = ret->n_leaves;
		ret->n_layers++;
		TRY_CTX(open_layer(m->layers[i], &from, l), "layer %u", l->layer);
		TRY_CTX(check_layer(l, shape), "layer %u", l->layer);
		ret->n_leaves = l->n_children;
	}
	for (unsigned i = shape->n_layers; i-- > 0;) {
		n_lists += ret->layers[i].kind == SPARSE_LIST;
		ret->layers[i].n_lists = n_lists;
	}
	return NULL;
}

uint64_t sparse_valid_before(const struct sparse_layer *l, uint64_t slot)
{
	uint64_t rank = sequence_rank(&l->positions, slot);
	return l->stores_nulls ? slot - rank : rank;
}

uint64_t sparse_position(const struct sparse_layer *l, uint64_t slot)
{
	return sequence_rank(&l->positions, slot);
}

bool sparse_is_null(const struct sparse_layer *l, uint64_t slot, uint64_t *at)
{
	return sequence_has(&l->positions, slot, at) == l->stores_nulls;
}

/* The slots inside that belong to slots before slot. */
static uint64_t children_before(const struct sparse_layer *l, uint64_t slot)
{
	if (l->kind == SPARSE_LIST)
		return items_before(&l->counts, sequence_rank(&l->lists, slot));
	return l->kind == SPARSE_FIXED_LIST ? slot * l->dimension : slot;
}

void sparse_leaves(const struct sparse_structure *s, uint64_t first, uint64_t end,
		   uint64_t *ret_first, uint64_t *ret_end)
{
	for (unsigned i = 0; i < s->n_layers; i++) {
		first = children_before(&s->layers[i], first);
		end = children_before(&s->layers[i], end);
	}
	*ret_first = first;
	*ret_end = end;
}

/* --- slots --- */

void sparse_slots_fini(struct sparse_slots *s)
{
	free(s->slots);
	*s = (struct sparse_slots){0};
}

static struct err *push(struct sparse_slots *s, uint64_t n, struct sparse_slot slot)
{
	if (n > s->max - s->n)
		return err_new(EFBIG, "over %zu slots", s->max);
	if (n > s->cap - s->n) {
		size_t cap = MAX_OF(s->n + (size_t)n, MIN_OF(2 * s->cap, s->max));
		TRY(mem_resize(cap, sizeof(*s->slots), &s->slots));
		s->cap = cap;
	}
	for (uint64_t i = 0; i < n; i++)
		s->slots[s->n++] = slot;
	return NULL;
}

/* A layer on its way over its domain. */
struct step {
	const struct sparse_layer *l;
	uint64_t slot;	     /* the next one */
	uint64_t null, list; /* the first positions not passed */
};

static struct step step_of(const struct sparse_layer *l, uint64_t first)
{
	return (struct step){l, first, sequence_rank(&l->positions, first),
			     sequence_rank(&l->lists, first)};
}

/* A slot that goes on may be null here. */
static void stop_at_null(struct step *st, struct sparse_slot *slot)
{
	if (slot->stop == 0 && !slot->is_hidden &&
	    sparse_is_null(st->l, st->slot, &st->null))
		slot->stop = SLOT_NULL(st->l->layer);
}

/* The first of a slot's children continues what it starts; each of the others starts
 * the lists inside. */
static struct err *push_children(struct sparse_slots *out, uint64_t n,
				 struct sparse_slot slot, unsigned rep)
{
	TRY(push(out, 1, slot));
	slot.rep = (uint16_t)rep;
	return push(out, n - 1, slot);
}

static struct err *enter_fixed_list(struct step *st, struct sparse_slot slot,
				    struct sparse_slots *out)
{
	if (!slot.is_hidden)
		return push_children(out, st->l->dimension, slot, st->l->n_lists);
	slot.n *= st->l->dimension;
	return push(out, 1, slot);
}

/* Items below a null are passed over. */
static struct err *enter_list(struct step *st, struct sparse_slot slot,
			      struct sparse_slots *out)
{
	const struct sparse_layer *l = st->l;
	uint64_t n = 0;
	if (slot.is_hidden) {
		st->list = sequence_rank(&l->lists, st->slot);
		uint64_t end = sequence_rank(&l->lists, st->slot + slot.n);
		n = items_before(&l->counts, end) - items_before(&l->counts, st->list);
	} else if (sequence_has(&l->lists, st->slot, &st->list)) {
		n = items_before(&l->counts, st->list + 1) -
		    items_before(&l->counts, st->list);
	}
	if (slot.stop == 0 && n == 0)
		slot.stop = SLOT_EMPTY(l->layer);
	if (slot.stop == 0)
		return push_children(out, n, slot, l->n_lists - 1);
	slot.is_hidden = true;
	slot.n = n;
	return push(out, 1, slot);
}

static struct err *enter_layer(const struct sparse_layer *l, uint64_t first,
			       struct sparse_slots *slots)
{
	struct step st = step_of(l, first);
	struct sparse_slots out AUTO_SPARSE_SLOTS = {.max = slots->max};
	for (size_t i = 0; i < slots->n; i++) {
		struct sparse_slot *slot = &slots->slots[i];
		uint64_t n = slot->n;
		stop_at_null(&st, slot);
		if (l->kind == SPARSE_LIST)
			TRY(enter_list(&st, *slot, &out));
		else if (l->kind == SPARSE_FIXED_LIST)
			TRY(enter_fixed_list(&st, *slot, &out));
		st.slot += n;
	}
	if (l->kind == SPARSE_VALIDITY)
		return NULL;
	sparse_slots_fini(slots);
	*slots = out;
	out = (struct sparse_slots){0};
	return NULL;
}

static void count_slots(struct sparse_slots *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->n_visible += !s->slots[i].is_hidden;
		s->n_valid += s->slots[i].stop == 0;
	}
}

struct err *sparse_slots_read(const struct sparse_structure *s, uint64_t first,
			      uint64_t end, struct sparse_slots *ret)
{
	unsigned max_rep = s->n_layers ? s->layers[0].n_lists : 0;
	ret->max = (size_t)s->max_slots;
	TRY(push(ret, end - first,
		 (struct sparse_slot){.n = 1, .rep = (uint16_t)max_rep}));
	for (unsigned i = 0; i < s->n_layers; i++) {
		TRY(enter_layer(&s->layers[i], first, ret));
		first = children_before(&s->layers[i], first);
	}
	count_slots(ret);
	return NULL;
}
