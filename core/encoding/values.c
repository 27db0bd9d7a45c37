// SPDX-License-Identifier: Apache-2.0
/*
 * values.c: decoded values, growing as decoders append to them.
 *
 * Fixed-width values lie back to back, to the bit; variable ones keep Arrow
 * offsets.  All growth is bounded by LIMIT_BUFFER_BYTES, and a decoder asks
 * for room only for values that it has seen the bytes of or that a reader
 * asked for.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

void grow_fini(struct grow *g)
{
	bytes_unref(g->bytes);
	*g = (struct grow){0};
}

static struct err *grow_to(struct grow *g, size_t cap)
{
	if (cap > LIMIT_BUFFER_BYTES)
		return err_new(EFBIG, "%zu bytes decoded into one buffer", cap);
	struct bytes *b;
	TRY(bytes_new(cap, &b));
	if (g->len)
		memcpy(b->data, g->bytes->data, g->len);
	bytes_unref(g->bytes);
	g->bytes = b;
	g->cap = cap;
	return NULL;
}

struct err *grow_room(struct grow *g, size_t n, uint8_t **ret)
{
	size_t need;
	if (ckd_add(&need, g->len, n))
		return err_nomem();
	if (need > g->cap || !g->bytes) {
		size_t doubled = MIN_OF(g->cap * 2, (size_t)LIMIT_BUFFER_BYTES);
		TRY(grow_to(g, MAX_OF(need, doubled)));
	}
	*ret = g->bytes->data + g->len;
	return NULL;
}

struct err *grow_take(struct grow *g, struct bytes **ret)
{
	if (!g->bytes || g->len < g->cap - g->cap / 4)
		TRY(grow_to(g, g->len));
	g->bytes->len = g->len;
	memset(g->bytes->data + g->len, 0, 64);
	*ret = TAKE(g->bytes);
	*g = (struct grow){0};
	return NULL;
}

struct err *values_init(struct values *v, const struct value_type *type)
{
	*v = (struct values){.type = type};
	if (type->n_children == 0)
		return NULL;
	TRY(mem_array(type->n_children, sizeof(*v->children), &v->children));
	for (size_t i = 0; i < type->n_children; i++) {
		struct err *err = values_init(&v->children[i], &type->children[i]);
		if (err) {
			values_fini(v);
			return err;
		}
	}
	return NULL;
}

void values_fini(struct values *v)
{
	grow_fini(&v->data);
	grow_fini(&v->offsets);
	for (unsigned i = 0; i < VALUE_MAX_DIMS; i++)
		grow_fini(&v->items[i]);
	for (size_t i = 0; v->children && i < v->type->n_children; i++)
		values_fini(&v->children[i]);
	free(v->children);
	v->children = NULL;
	v->n = 0;
}

/* Bytes that v->n + n fixed values take. */
static struct err *fixed_size(const struct values *v, uint64_t n, size_t *ret)
{
	uint64_t values, bits;
	if (ckd_add(&values, v->n, n) || ckd_mul(&bits, values, v->type->bits) ||
	    bits / 8 > LIMIT_BUFFER_BYTES)
		return err_new(EFBIG, "%" PRIu64 " values of %" PRIu64 " bits", n,
			       v->type->bits);
	*ret = bitmap_bytes(bits);
	return NULL;
}

struct err *values_reserve(struct values *v, uint64_t n)
{
	uint8_t *unused;
	for (size_t i = 0; i < v->type->n_children; i++)
		TRY(values_reserve(&v->children[i], n));
	if (v->type->kind == VALUE_STRUCT)
		return NULL;
	if (v->type->kind == VALUE_VAR) {
		if (n > LIMIT_BUFFER_BYTES / 8 - 1)
			return err_new(EFBIG, "%" PRIu64 " values", n);
		return grow_room(&v->offsets, (n + 1) * v->type->offset_bytes, &unused);
	}
	size_t size = 0;
	TRY(fixed_size(v, n, &size));
	return grow_room(&v->data, size - v->data.len, &unused);
}

/* Items of list layer dim in n values. */
static uint64_t n_items(const struct value_type *t, unsigned dim, uint64_t n)
{
	for (unsigned i = 0; i <= dim; i++)
		n *= t->dims[i];
	return n;
}

/* Let the bitmap of layer dim reach over v->n values, new items being valid. */
static struct err *extend_items(struct values *v, unsigned dim, uint64_t old_n)
{
	struct grow *g = &v->items[dim];
	uint8_t *p = NULL;
	size_t size = bitmap_bytes(n_items(v->type, dim, v->n));
	TRY(grow_room(g, size - g->len, &p));
	memset(p, 0, size - g->len);
	uint64_t first = g->len ? n_items(v->type, dim, old_n) : 0;
	g->len = size;
	bitmap_set_range(g->bytes->data, first, n_items(v->type, dim, v->n));
	return NULL;
}

/* Make data hold n more values; new bytes are not set, but the last partial byte. */
static struct err *fixed_extend(struct values *v, uint64_t n, uint8_t **ret)
{
	size_t size = 0;
	uint8_t *p = NULL;
	TRY(fixed_size(v, n, &size));
	size_t old = v->data.len;
	TRY(grow_room(&v->data, size - old, &p));
	v->data.len = size;
	v->n += n;
	for (unsigned i = 0; i < v->type->n_dims; i++) {
		if (v->items[i].len)
			TRY(extend_items(v, i, v->n - n));
	}
	*ret = p;
	return NULL;
}

struct err *values_room(struct values *v, uint64_t n, uint8_t **ret)
{
	return fixed_extend(v, n, ret);
}

struct err *values_append_bits(struct values *v, const uint8_t *p, uint64_t first,
			       uint64_t n)
{
	uint64_t at = v->n * v->type->bits;
	uint8_t *dst;
	TRY(fixed_extend(v, n, &dst));
	if (n == 0)
		return NULL;
	uint8_t *base = v->data.bytes->data;
	memset(dst, 0, v->data.len - (size_t)(dst - base));
	bitmap_copy(base, at, p, first, n * v->type->bits);
	return NULL;
}

struct err *values_append_fixed(struct values *v, const uint8_t *p, uint64_t first,
				uint64_t n)
{
	uint64_t bits = v->type->bits;
	uint8_t *dst;
	if (bits % 8)
		return values_append_bits(v, p, first * bits, n);
	TRY(fixed_extend(v, n, &dst));
	if (n && bits)
		memcpy(dst, p + first * (bits / 8), n * (bits / 8));
	return NULL;
}

uint64_t values_offset(const struct values *v, uint64_t i)
{
	if (v->n == 0)
		return 0;
	const uint8_t *p = v->offsets.bytes->data;
	if (v->type->offset_bytes == 4)
		return load_u32le(p + 4 * i);
	return load_u64le(p + 8 * i);
}

struct err *values_offsets_room(struct values *v, uint64_t n, uint8_t **ret)
{
	if (n > LIMIT_BUFFER_BYTES / 8)
		return err_new(EFBIG, "%" PRIu64 " values", n);
	uint8_t *p = NULL;
	unsigned w = v->type->offset_bytes;
	TRY(grow_room(&v->offsets, (n + 1) * w, &p));
	if (v->offsets.len == 0) {
		memset(p, 0, w);
		v->offsets.len = w;
		p += w;
	}
	*ret = p;
	return NULL;
}

struct err *values_commit_var(struct values *v, uint64_t n, size_t data_end)
{
	if (v->type->offset_bytes == 4 && data_end > INT32_MAX)
		return err_new(EOVERFLOW, "over 2 GiB in one array of 32-bit offsets");
	v->offsets.len += n * v->type->offset_bytes;
	v->n += n;
	v->data.len = data_end;
	return NULL;
}

static void put_offset(uint8_t *p, unsigned width, uint64_t i, uint64_t v)
{
	if (width == 4)
		store_u32le(p + 4 * i, (uint32_t)v);
	else
		store_u64le(p + 8 * i, v);
}

struct err *values_append_var(struct values *v, const void *p, size_t len)
{
	uint8_t *offset, *dst;
	TRY(values_offsets_room(v, 1, &offset));
	TRY(grow_room(&v->data, len, &dst));
	if (len)
		memcpy(dst, p, len);
	put_offset(offset, v->type->offset_bytes, 0, v->data.len + len);
	return values_commit_var(v, 1, v->data.len + len);
}

static struct err *append_zero_var(struct values *v, uint64_t n)
{
	uint8_t *offset;
	TRY(values_offsets_room(v, n, &offset));
	for (uint64_t i = 0; i < n; i++)
		put_offset(offset, v->type->offset_bytes, i, v->data.len);
	return values_commit_var(v, n, v->data.len);
}

struct err *values_append_zero(struct values *v, uint64_t n)
{
	if (v->type->kind == VALUE_VAR)
		return append_zero_var(v, n);
	if (v->type->kind == VALUE_STRUCT) {
		for (size_t i = 0; i < v->type->n_children; i++)
			TRY(values_append_zero(&v->children[i], n));
		v->n += n;
		return NULL;
	}
	uint8_t *dst;
	size_t old = v->data.len;
	TRY(fixed_extend(v, n, &dst));
	memset(dst, 0, v->data.len - old);
	return NULL;
}

struct err *values_append_items(struct values *v, unsigned dim, const uint8_t *bits,
				uint64_t first, uint64_t n)
{
	if (dim >= v->type->n_dims)
		return err_new(EIO, "validity for list layer %u of %u", dim,
			       v->type->n_dims);
	if (v->items[dim].len == 0)
		TRY(extend_items(v, dim, 0));
	uint64_t total = n_items(v->type, dim, v->n);
	bitmap_copy(v->items[dim].bytes->data, total - n, bits, first, n);
	return NULL;
}

static inline uint64_t load_index(const uint8_t *p, unsigned width, uint64_t i)
{
	switch (width) {
	case 1:
		return p[i];
	case 2:
		return load_u16le(p + 2 * i);
	case 4:
		return load_u32le(p + 4 * i);
	default:
		return load_u64le(p + 8 * i);
	}
}

static struct err *check_indices(const uint8_t *indices, unsigned width, uint64_t n,
				 uint64_t n_items)
{
	uint64_t max = 0;
	for (uint64_t i = 0; i < n; i++)
		max = MAX_OF(max, load_index(indices, width, i));
	if (n && max >= n_items)
		return err_new(EIO,
			       "dictionary: index %" PRIu64 " of %" PRIu64 " items",
			       max, n_items);
	return NULL;
}

static struct err *gather_fixed(struct values *v, const struct values *dict,
				const uint8_t *indices, unsigned width, uint64_t n)
{
	uint64_t size = v->type->bits / 8;
	const uint8_t *src = dict->data.bytes ? dict->data.bytes->data : NULL;
	uint8_t *dst;
	if (v->type->bits % 8) {
		for (uint64_t i = 0; i < n; i++)
			TRY(values_append_fixed(v, src, load_index(indices, width, i),
						1));
		return NULL;
	}
	TRY(values_room(v, n, &dst));
	for (uint64_t i = 0; i < n; i++)
		memcpy(dst + i * size, src + load_index(indices, width, i) * size,
		       size);
	return NULL;
}

static struct err *gather_var(struct values *v, const struct values *dict,
			      const uint8_t *indices, unsigned width, uint64_t n)
{
	uint8_t *offset, *dst;
	uint64_t total = v->data.len;
	unsigned w = v->type->offset_bytes;
	TRY(values_offsets_room(v, n, &offset));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = load_index(indices, width, i);
		total += values_offset(dict, k + 1) - values_offset(dict, k);
		put_offset(offset, w, i, total);
		if (total > LIMIT_BUFFER_BYTES)
			return err_new(EFBIG, "dictionary: values over 4 GiB");
	}
	TRY(grow_room(&v->data, total - v->data.len, &dst));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = load_index(indices, width, i);
		uint64_t start = values_offset(dict, k);
		uint64_t len = values_offset(dict, k + 1) - start;
		if (len)
			memcpy(dst, dict->data.bytes->data + start, len);
		dst += len;
	}
	return values_commit_var(v, n, total);
}

/* The validity of the last n values' items in list layer dim. */
static struct err *gather_items(struct values *v, unsigned dim,
				const struct values *dict, const uint8_t *indices,
				unsigned width, uint64_t n)
{
	const uint8_t *from = dict->items[dim].bytes->data;
	uint64_t items = n_items(v->type, dim, 1), at = n_items(v->type, dim, v->n - n);
	TRY(values_append_items(v, dim, from, 0, 0));
	for (uint64_t i = 0; i < n; i++)
		bitmap_copy(v->items[dim].bytes->data, at + i * items, from,
			    load_index(indices, width, i) * items, items);
	return NULL;
}

static struct err *gather(struct values *v, const struct values *dict,
			  const uint8_t *indices, unsigned width, uint64_t n)
{
	if (v->type->kind == VALUE_VAR)
		return gather_var(v, dict, indices, width, n);
	for (size_t i = 0; i < v->type->n_children; i++)
		TRY(gather(&v->children[i], &dict->children[i], indices, width, n));
	if (v->type->kind == VALUE_STRUCT) {
		v->n += n;
		return NULL;
	}
	TRY(gather_fixed(v, dict, indices, width, n));
	for (unsigned i = 0; i < v->type->n_dims; i++)
		if (dict->items[i].len)
			TRY(gather_items(v, i, dict, indices, width, n));
	return NULL;
}

struct err *values_gather(struct values *v, const struct values *dict,
			  const uint8_t *indices, unsigned index_bytes, uint64_t n)
{
	TRY(check_indices(indices, index_bytes, n, dict->n));
	return n ? gather(v, dict, indices, index_bytes, n) : NULL;
}

struct err *slots_init(struct slots *s, const struct value_type *type)
{
	*s = (struct slots){0};
	return values_init(&s->values, type);
}

void slots_fini(struct slots *s)
{
	grow_fini(&s->rep);
	grow_fini(&s->stop);
	if (s->values.type)
		values_fini(&s->values);
	s->n = 0;
}

static void values_clear(struct values *v)
{
	v->data.len = 0;
	v->offsets.len = 0;
	for (unsigned i = 0; i < VALUE_MAX_DIMS; i++)
		grow_fini(&v->items[i]);
	for (size_t i = 0; v->children && i < v->type->n_children; i++)
		values_clear(&v->children[i]);
	v->n = 0;
}

void slots_clear(struct slots *s)
{
	grow_fini(&s->rep);
	grow_fini(&s->stop);
	values_clear(&s->values);
	s->n = 0;
}

const uint16_t *slots_rep(const struct slots *s)
{
	return s->rep.len ? (const uint16_t *)(const void *)s->rep.bytes->data : NULL;
}

const uint16_t *slots_stop(const struct slots *s)
{
	return s->stop.len ? (const uint16_t *)(const void *)s->stop.bytes->data : NULL;
}
