// SPDX-License-Identifier: Apache-2.0
/*
 * encode_dict.c: finding a page's dictionary: few distinct values, many rows.
 *
 * The dictionary is one block that a reader loads before the first value, so
 * it stays small; values become 32-bit indices, which pack well.
 * Source: encodings_v2_1.proto, MiniBlockLayout.dictionary.
 */
#include "encoding/encode_priv.h"

#include <errno.h>

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
static bool number_values(struct finder *f, uint64_t max_items, uint32_t *indices)
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
	struct finder f AUTO_FINDER = {.v = p->values};
	uint64_t n = p->values->n, size = 256;
	uint64_t max_items = MIN_OF(n / 2, (uint64_t)MAX_ITEMS);
	uint8_t *indices;
	if (!could_help(p, p->values))
		return NULL;
	while (size < max_items * 2 + 2)
		size *= 2;
	f.mask = size - 1;
	TRY(mem_array((size_t)size, sizeof(*f.table), &f.table));
	TRY(mem_array((size_t)max_items + 1, sizeof(*f.first), &f.first));
	p->index_type = (struct value_type){.kind = VALUE_FIXED, .bits = 32};
	TRY(values_init(&p->indices, &p->index_type));
	TRY(values_init(&p->dictionary, p->values->type));
	TRY(values_room(&p->indices, n, &indices));
	if (!number_values(&f, max_items, (uint32_t *)(void *)indices))
		return NULL;
	TRY(collect_items(&f, &p->dictionary));
	unsigned width = f.n > 1 ? 32 - (unsigned)__builtin_clz(f.n - 1) : 1;
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

ce *put_dictionary(struct page_plan *p, struct buf *out)
{
	const struct values *d = &p->dictionary;
	if (d->type->kind == VALUE_VAR) {
		put_variable_block(d, out);
		return ce_variable(&p->pool, d->type->offset_bytes * 8);
	}
	buf_append(out, d->data.bytes->data, d->data.len);
	return ce_flat(&p->pool, d->type->bits);
}
