// SPDX-License-Identifier: Apache-2.0
/*
 * encode_dict.c: finding a page's dictionary: few distinct values, many rows.
 *
 * The dictionary is one block that a reader loads before the first value, so
 * it stays small; values become 32-bit indices, which pack well.
 * Only readers of 2.2 expect it compressed.
 * Source: encodings_v2_1.proto, MiniBlockLayout.dictionary.
 */
#include "encoding/encode_priv.h"

#include <errno.h>
#include <lz4.h>

#define MIN_VALUES 100
#define MAX_ITEMS 65536
#define MAX_BYTES ((uint64_t)1 << 20)

struct finder {
	const struct values *v;
	uint32_t *table; /* owned: item + 1 by hash */
	uint64_t mask;
	uint32_t *first; /* owned: the value each item was first seen at */
	uint32_t n;
};

static void finder_fini(struct finder *f)
{
	free(f->table);
	free(f->first);
}

static void auto_finder(struct finder *f)
{
	finder_fini(f);
}
#define AUTO_FINDER __attribute__((cleanup(auto_finder)))

/* The item of value i; a new one if it is the first of its kind. */
static uint32_t item_of(struct finder *f, uint64_t i)
{
	uint64_t len, other_len;
	const uint8_t *p = value_bytes(f->v, i, &len);
	uint64_t at = hash_bytes(p, (size_t)len, 0) & f->mask;
	for (; f->table[at]; at = (at + 1) & f->mask) {
		uint32_t item = f->table[at] - 1;
		const uint8_t *q = value_bytes(f->v, f->first[item], &other_len);
		if (len == other_len && memcmp(p, q, (size_t)len) == 0)
			return item;
	}
	f->table[at] = ++f->n;
	f->first[f->n - 1] = (uint32_t)i;
	return f->n - 1;
}

/* Number all values; false if there are too many kinds to be worth it. */
static bool number_all(struct finder *f, uint64_t max_items, uint32_t *indices)
{
	for (uint64_t i = 0; i < f->v->n; i++) {
		indices[i] = item_of(f, i);
		if (f->n > max_items)
			return false;
	}
	return true;
}

static struct err *collect_items(const struct finder *f, struct values *dict)
{
	uint64_t len;
	for (uint32_t i = 0; i < f->n; i++) {
		const uint8_t *p = value_bytes(f->v, f->first[i], &len);
		if (f->v->type->kind == VALUE_VAR)
			TRY(values_append_var(dict, p, (size_t)len));
		else
			TRY(values_append_fixed(dict, p, 0, 1));
	}
	return NULL;
}

struct err *number_values(const struct values *v, uint64_t max_items, uint32_t *indices,
			  struct values *dict, bool *ret_few)
{
	struct finder f AUTO_FINDER = {.v = v};
	uint64_t size = 256;
	while (size < max_items * 2 + 2)
		size *= 2;
	f.mask = size - 1;
	TRY(mem_array((size_t)size, sizeof(*f.table), &f.table));
	TRY(mem_array((size_t)max_items + 1, sizeof(*f.first), &f.first));
	bool few = number_all(&f, max_items, indices);
	if (few)
		TRY(collect_items(&f, dict));
	*ret_few = few;
	return NULL;
}

static bool could_help(const struct page_plan *p, const struct values *v)
{
	if (v->n < MIN_VALUES || v->n > UINT32_MAX || v->type->n_dims)
		return false;
	if (v->type->kind == VALUE_VAR)
		return true;
	return v->type->bits == 64 && p->dialect >= PAGE_2_2;
}

struct err *find_dictionary(struct page_plan *p, uint64_t plain_bytes)
{
	uint64_t n = p->values->n;
	uint64_t max_items = MIN_OF(n / 2, (uint64_t)MAX_ITEMS);
	uint8_t *indices;
	bool few;
	if (!could_help(p, p->values))
		return NULL;
	p->index_type = (struct value_type){.kind = VALUE_FIXED, .bits = 32};
	TRY(values_init(&p->indices, &p->index_type));
	TRY(values_init(&p->dictionary, p->values->type));
	TRY(values_room(&p->indices, n, &indices));
	TRY(number_values(p->values, max_items, (uint32_t *)(void *)indices,
			  &p->dictionary, &few));
	if (!few)
		return NULL;
	uint64_t n_items = p->dictionary.n;
	unsigned width = n_items > 1 ? 64 - (unsigned)__builtin_clzll(n_items - 1) : 1;
	uint64_t bytes = p->dictionary.data.len + p->dictionary.offsets.len;
	if (bytes > MAX_BYTES || bytes + n * width / 8 > plain_bytes * 4 / 5)
		return NULL;
	p->has_dictionary = true;
	p->values = &p->indices;
	return NULL;
}

/* The block form of variable: offset width, where bytes begin, offsets, bytes. */
static void put_variable_block(const struct values *d, struct buf *out)
{
	unsigned w = d->type->offset_bytes;
	uint64_t bits = w * 8, start = 2 * w + (d->n + 1) * w;
	buf_append(out, &bits, w);
	buf_append(out, &start, w);
	buf_append(out, d->offsets.bytes->data, d->offsets.len);
	if (d->data.len)
		buf_append(out, d->data.bytes->data, d->data.len);
}

/* Compress a block, its size in front; false if that is no smaller. */
static bool compress_block(struct buf *b)
{
	struct buf out = {0};
	int bound = LZ4_compressBound((int)b->len), n = 0;
	buf_u32le(&out, (uint32_t)b->len);
	uint8_t *dst = buf_room(&out, (size_t)bound);
	if (dst && b->data)
		n = LZ4_compress_default((const char *)b->data, (char *)dst,
					 (int)b->len, bound);
	if (n <= 0 || (size_t)n + 4 >= b->len) {
		buf_fini(&out);
		return false;
	}
	out.len = (size_t)n + 4;
	buf_fini(b);
	*b = out;
	return true;
}

ce *put_dictionary(struct page_plan *p, struct buf *out)
{
	const struct values *d = &p->dictionary;
	ce *m;
	if (d->type->kind == VALUE_VAR) {
		put_variable_block(d, out);
		m = ce_variable(&p->pool, d->type->offset_bytes * 8);
	} else {
		buf_append(out, d->data.bytes->data, d->data.len);
		m = ce_flat(&p->pool, d->type->bits);
	}
	if (p->dialect >= PAGE_2_2 && !out->failed && compress_block(out))
		m = ce_general(&p->pool, SCHEME_LZ4, m);
	return m;
}
