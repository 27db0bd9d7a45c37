// SPDX-License-Identifier: Apache-2.0
/*
 * leaves.c: fields of files from 2.1 on, from leaf columns to nested arrays.
 *
 * Each leaf's slots carry the whole nesting above it.  Every layer of it is
 * one pass over the slots: an element of layer k starts where the repetition
 * level reaches the lists at and inside k, unless a list further out stopped
 * there.  Siblings repeat their parent's structure; the first leaf present
 * tells it.
 * Source: encodings_v2_1.proto, RepDefLayer; Lance's docs, "Repetition and
 * Definition Levels".
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

struct leaf {
	const struct field *field; /* borrowed */
	struct type *type;	   /* of its values in the file; borrowed */
	struct leaf_shape shape;   /* owned */
	struct slots slots;	   /* owned */
	/* elements of each layer as slots tell them, for one: a fixed-size list, and
	 * what is around it up to the next list, is told of by each of its items */
	uint64_t repeat[LIMIT_NESTING];
};

struct assembly {
	struct file_reader *r;
	const struct file_map *map;
	uint64_t first, end;
	struct leaf *leaves; /* owned; pre-order */
	size_t n, cap;	     /* cap: as counted */
};

static void assembly_fini(struct assembly *a)
{
	for (size_t i = 0; i < a->n; i++) {
		slots_fini(&a->leaves[i].slots);
		value_type_fini(&a->leaves[i].shape.type);
	}
	free(a->leaves);
}

static void auto_assembly(struct assembly *a)
{
	assembly_fini(a);
}
#define AUTO_ASSEMBLY __attribute__((cleanup(auto_assembly)))

/* The path from the top to a field: which of its layers are lists. */
struct path {
	unsigned depth;
	bool is_list[LIMIT_NESTING];
	bool is_fixed[LIMIT_NESTING];  /* which are structural fixed-size lists */
	uint64_t sizes[LIMIT_NESTING]; /* of those, else 1 */
	uint64_t elements;	       /* a row's: their product */
};

static bool layer_is_list(const struct field *f)
{
	enum type_id id = f->type->id;
	return !field_is_leaf(f) &&
	       (id == TYPE_LIST || id == TYPE_LARGE_LIST || id == TYPE_MAP);
}

static struct err *push(const struct path *path, const struct field *f,
			struct path *ret)
{
	*ret = *path;
	if (path->depth == LIMIT_NESTING)
		return err_new(EIO, "fields nest too deeply");
	bool is_fixed = f->type->id == TYPE_FIXED_LIST && !field_is_leaf(f);
	uint64_t size = is_fixed ? (uint64_t)f->type->list_size : 1;
	ret->is_fixed[ret->depth] = is_fixed;
	ret->sizes[ret->depth] = size;
	ret->is_list[ret->depth++] = layer_is_list(f);
	if (ckd_mul(&ret->elements, ret->elements, size))
		return err_new(EIO, "fixed-size list of 2^64 rows");
	return NULL;
}

static struct err *add_leaf(struct assembly *a, const struct field *f, uint32_t column,
			    const struct path *path)
{
	uint64_t first, end;
	if (field_is_blob(f))
		return err_new(EOPNOTSUPP,
			       "field %s: blobs are read one by one, not as an array",
			       f->name);
	struct leaf *leaf = &a->leaves[a->n++];
	leaf->field = f;
	leaf->shape.n_layers = path->depth;
	for (unsigned i = 0; i < path->depth; i++) {
		unsigned k = path->depth - 1 - i;
		uint64_t inside = i && !path->is_list[k] ? leaf->repeat[i - 1] : 1;
		leaf->shape.is_list[i] = path->is_list[k];
		leaf->shape.list_size[i] = path->is_fixed[k] ? path->sizes[k] : 0;
		leaf->repeat[i] = inside * path->sizes[k];
	}
	TRY(packed_type(a->r, f, &leaf->type));
	TRY(value_type_of(leaf->type, &leaf->shape.type));
	if (ckd_mul(&first, a->first, path->elements) ||
	    ckd_mul(&end, a->end, path->elements))
		return err_new(EIO, "row numbers over 2^64");
	TRY(slots_init(&leaf->slots, &leaf->shape.type));
	return column_read(a->r, column, &leaf->shape, first, end, &leaf->slots);
}

/* Slots point to their leaf's type, so leaves must not move: they are counted first. */
static struct err *count_leaves(const struct file_map *map, const struct field *f,
				int depth, size_t *n)
{
	if (depth > LIMIT_NESTING)
		return err_new(EIO, "fields nest too deeply");
	if (field_is_leaf(f)) {
		*n += map_column(map, f->id) >= 0;
		return NULL;
	}
	for (size_t i = 0; i < f->type->n_children; i++)
		TRY(count_leaves(map, f->type->children[i], depth + 1, n));
	return NULL;
}

static struct err *collect(struct assembly *a, const struct field *f,
			   const struct path *parent)
{
	struct path path;
	TRY(push(parent, f, &path));
	if (!field_is_leaf(f)) {
		for (size_t i = 0; i < f->type->n_children; i++)
			TRY(collect(a, f->type->children[i], &path));
		return NULL;
	}
	int64_t column = map_column(a->map, f->id);
	if (column < 0 || column > UINT32_MAX)
		return NULL;
	return add_leaf(a, f, (uint32_t)column, &path);
}

/* --- one layer --- */

struct layer {
	uint64_t n;
	struct bytes *validity; /* owned; NULL: all valid */
	struct bytes *offsets;	/* owned; lists only */
	uint64_t n_children;	/* lists only */
};

static void layer_fini(struct layer *l)
{
	bytes_unref(l->validity);
	bytes_unref(l->offsets);
}

static void auto_layer(struct layer *l)
{
	layer_fini(l);
}
#define AUTO_LAYER __attribute__((cleanup(auto_layer)))

/* What it takes for a slot to be an element of layer k. */
struct layer_rule {
	unsigned rep; /* repetition level at least */
	unsigned
		outside; /* it must stop at a layer below this, the next list outside */
};

static struct layer_rule rule_of(const struct leaf_shape *s, unsigned k)
{
	struct layer_rule rule = {0, k + 1};
	for (unsigned i = 0; i <= k; i++)
		rule.rep += s->is_list[i];
	while (rule.outside < s->n_layers && !s->is_list[rule.outside])
		rule.outside++;
	return rule;
}

static inline bool is_element(struct layer_rule rule, unsigned rep, unsigned stop)
{
	return rep >= rule.rep && (stop == 0 || SLOT_LAYER(stop) < rule.outside);
}

static inline bool is_valid(unsigned k, unsigned stop)
{
	return stop == 0 || SLOT_LAYER(stop) < k || stop == SLOT_EMPTY(k);
}

static struct err *element_validity(const struct slots *s,
				    const struct leaf_shape *shape, unsigned k,
				    struct layer *l)
{
	AUTO(bytes) struct bytes *bits = NULL;
	const uint16_t *rep = slots_rep(s), *stop = slots_stop(s);
	struct layer_rule rule = rule_of(shape, k);
	bool has_null = false;
	l->n = 0;
	if (!rep && !stop) {
		l->n = s->n;
		return NULL;
	}
	TRY(bytes_new_zero(bitmap_bytes(s->n), &bits));
	for (uint64_t i = 0; i < s->n; i++) {
		unsigned at = stop ? stop[i] : 0;
		if (!is_element(rule, rep ? rep[i] : 0, at))
			continue;
		if (is_valid(k, at))
			bit_set(bits->data, l->n);
		else
			has_null = true;
		l->n++;
	}
	bits->len = bitmap_bytes(l->n);
	if (has_null)
		l->validity = TAKE(bits);
	return NULL;
}

static void put_offset(struct bytes *b, unsigned width, uint64_t i, uint64_t v)
{
	if (width == 4)
		store_u32le(b->data + 4 * i, (uint32_t)v);
	else
		store_u64le(b->data + 8 * i, v);
}

/* Where the children of each list of layer k begin. */
static struct err *list_offsets(const struct leaf *leaf, unsigned k, unsigned width,
				struct layer *l)
{
	const struct slots *s = &leaf->slots;
	const uint16_t *rep = slots_rep(s), *stop = slots_stop(s);
	struct layer_rule rule = rule_of(&leaf->shape, k);
	struct layer_rule inner = rule_of(&leaf->shape, k - 1);
	uint64_t n = 0, children = 0, repeat = leaf->repeat[k - 1];
	TRY(bytes_new((size_t)(l->n + 1) * width, &l->offsets));
	for (uint64_t i = 0; i < s->n; i++) {
		unsigned at = stop ? stop[i] : 0, r = rep ? rep[i] : 0;
		if (is_element(rule, r, at))
			put_offset(l->offsets, width, n++, children / repeat);
		children += is_element(inner, r, at);
	}
	children /= repeat;
	put_offset(l->offsets, width, n, children);
	if (width == 4 && children > INT32_MAX)
		return err_new(EOVERFLOW, "over 2^31 items in one list array");
	l->n_children = children;
	return NULL;
}

/* --- the tree --- */

struct cursor_leaf {
	struct leaf *next, *end;
};

static struct err *assemble(struct cursor_leaf *c, const struct field *f,
			    unsigned depth, uint64_t n, struct array **ret);

static bool has_leaf(const struct cursor_leaf *c, const struct field *f)
{
	if (c->next == c->end)
		return false;
	if (field_is_leaf(f))
		return c->next->field == f;
	for (size_t i = 0; i < f->type->n_children; i++) {
		if (has_leaf(c, f->type->children[i]))
			return true;
	}
	return false;
}

static struct err *check_n(uint64_t n, uint64_t wanted)
{
	if (n == wanted)
		return NULL;
	return err_new(EIO, "%" PRIu64 " values where its siblings have %" PRIu64, n,
		       wanted);
}

static struct err *assemble_leaf(struct leaf *leaf, uint64_t n, struct array **ret)
{
	struct layer l AUTO_LAYER = {0};
	AUTO(array) struct array *a = NULL;
	const struct type *t = leaf->field->type;
	TRY(element_validity(&leaf->slots, &leaf->shape, 0, &l));
	TRY(check_n(l.n, n));
	TRY(check_n(leaf->slots.values.n, n));
	/* the column of a struct without fields says null where there is no value */
	if (t->id == TYPE_STRUCT && t->n_children == 0)
		return array_new(leaf->field->type, n, ret);
	if (t->id == TYPE_DICTIONARY)
		return dictionary_make(&leaf->slots.values, leaf->field->type,
				       l.validity, ret);
	TRY(values_take_array(&leaf->slots.values, leaf->type, l.validity, &a));
	return packed_select(a, leaf->field->type, ret);
}

static void set_validity(struct array *a, struct layer *l)
{
	if (!l->validity)
		return;
	a->n_nulls = a->n_rows - bitmap_count(l->validity->data, 0, a->n_rows);
	if (a->n_nulls)
		a->validity = TAKE(l->validity);
}

static struct err *assemble_children(struct cursor_leaf *c, const struct field *f,
				     unsigned depth, uint64_t n, struct array *a)
{
	for (size_t i = 0; i < f->type->n_children; i++)
		TRY(assemble(c, f->type->children[i], depth + 1, n, &a->children[i]));
	return NULL;
}

/* Around a fixed-size list of structs each element has as many slots as there are
 * items in it; they all tell the same of it. */
static struct err *every_nth(struct layer *l, uint64_t size)
{
	AUTO(bytes) struct bytes *bits = NULL;
	uint64_t n = l->n / size;
	if (l->n % size)
		return err_new(EIO, "%" PRIu64 " slots in lists of %" PRIu64, l->n,
			       size);
	if (l->validity) {
		TRY(bytes_new_zero(bitmap_bytes(n), &bits));
		for (uint64_t i = 0; i < n; i++) {
			if (bit_get(l->validity->data, i * size))
				bit_set(bits->data, i);
		}
		bytes_unref(l->validity);
		l->validity = TAKE(bits);
	}
	l->n = n;
	return NULL;
}

static struct err *assemble_nested(struct cursor_leaf *c, const struct field *f,
				   unsigned depth, uint64_t n, struct array **ret)
{
	struct layer l AUTO_LAYER = {0};
	AUTO(array) struct array *a = NULL;
	const struct leaf *leaf = c->next;
	unsigned k = leaf->shape.n_layers - 1 - depth;
	TRY(element_validity(&leaf->slots, &leaf->shape, k, &l));
	if (leaf->repeat[k] > 1)
		TRY(every_nth(&l, leaf->repeat[k]));
	l.n_children = l.n;
	if (layer_is_list(f))
		TRY(list_offsets(leaf, k, f->type->id == TYPE_LARGE_LIST ? 8 : 4, &l));
	else if (f->type->id == TYPE_FIXED_LIST)
		l.n_children = l.n * (uint64_t)f->type->list_size;
	TRY(check_n(l.n, n));
	TRY(array_new(f->type, n, &a));
	set_validity(a, &l);
	a->offsets = TAKE(l.offsets);
	TRY(assemble_children(c, f, depth, l.n_children, a));
	*ret = TAKE(a);
	return NULL;
}

static struct err *assemble(struct cursor_leaf *c, const struct field *f,
			    unsigned depth, uint64_t n, struct array **ret)
{
	if (!has_leaf(c, f))
		return array_new_null(f->type, n, ret);
	if (!field_is_leaf(f))
		return assemble_nested(c, f, depth, n, ret);
	TRY_CTX(assemble_leaf(c->next, n, ret), "field %s", f->name);
	c->next++;
	return NULL;
}

struct err *read_leaves(struct file_reader *r, const struct field *field,
			const struct file_map *map, uint64_t first, uint64_t end,
			struct array **ret)
{
	struct assembly a AUTO_ASSEMBLY = {
		.r = r, .map = map, .first = first, .end = end};
	struct path top = {.elements = 1};
	TRY(count_leaves(map, field, 0, &a.cap));
	if (a.cap == 0)
		return err_new(EIO, "field %s is not in the file", field->name);
	TRY(mem_array(a.cap, sizeof(*a.leaves), &a.leaves));
	TRY(collect(&a, field, &top));
	struct cursor_leaf c = {a.leaves, a.leaves + a.n};
	return assemble(&c, field, 0, end - first, ret);
}
