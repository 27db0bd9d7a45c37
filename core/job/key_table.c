// SPDX-License-Identifier: Apache-2.0
/*
 * key_table.c: which row of a file has a key: open addressing over the keys' bytes.
 */
#include "job/join_priv.h"

#include <errno.h>

#define FIRST_SLOTS ((size_t)1024)

/* --- keys --- */

bool type_is_key(const struct type *t)
{
	if (t->id == TYPE_DICTIONARY)
		return type_is_key(t->children[0]->type);
	return t->id != TYPE_NULL && !type_is_float(t->id) && !type_is_nested(t->id);
}

static const struct type *value_type(const struct type *t)
{
	return t->id == TYPE_DICTIONARY ? t->children[0]->type : t;
}

bool key_types_match(const struct type *a, const struct type *b)
{
	a = value_type(a);
	b = value_type(b);
	return (type_is_integer(a->id) && type_is_integer(b->id)) ||
	       (type_is_string(a->id) && type_is_string(b->id)) ||
	       (type_is_binary(a->id) && type_is_binary(b->id)) || type_equal(a, b);
}

/* Sign-extended to 64 bits. */
static uint64_t integer(const struct array *a, uint64_t row)
{
	uint32_t width = type_bits(a->type) / 8;
	uint64_t v = 0;
	memcpy(&v, a->data->data + row * width, width);
	unsigned shift = 64 - width * 8;
	if (type_is_signed(a->type->id))
		v = (uint64_t)((int64_t)(v << shift) >> shift);
	return v;
}

void key_of(const struct array *a, uint64_t row, struct key *ret)
{
	if (type_is_var(a->type->id)) {
		uint64_t len;
		ret->p = array_var(a, row, &len);
		ret->len = (size_t)len;
	} else if (type_is_integer(a->type->id)) {
		store_u64le(ret->word, integer(a, row));
		ret->p = ret->word;
		ret->len = sizeof(ret->word);
	} else if (a->type->id == TYPE_BOOL) {
		ret->word[0] = bit_get(a->data->data, row);
		ret->p = ret->word;
		ret->len = 1;
	} else {
		ret->len = type_bits(a->type) / 8;
		ret->p = a->data->data + row * ret->len;
	}
}

/* --- the table --- */

void key_table_fini(struct key_table *t)
{
	free(t->bytes);
	free(t->ends);
	free(t->slots);
}

static struct cursor row_key(const struct key_table *t, uint32_t row)
{
	size_t first = row ? t->ends[row - 1] : 0;
	return (struct cursor){t->bytes + first, t->bytes + t->ends[row]};
}

/* The slot of a key, or the free one where it would be. */
static size_t find_slot(const struct key_table *t, const uint8_t *p, size_t len)
{
	size_t i = hash_bytes(p, len, 0) & (t->n_slots - 1);
	for (; t->slots[i] != NO_ROW; i = (i + 1) & (t->n_slots - 1)) {
		struct cursor k = row_key(t, t->slots[i]);
		if ((size_t)(k.end - k.p) == len && (!len || !memcmp(k.p, p, len)))
			break;
	}
	return i;
}

/* At least half of the slots are free. */
static struct err *make_room(struct key_table *t)
{
	struct key_table more = *t;
	if (t->n_keys * 2 < t->n_slots)
		return NULL;
	more.n_slots = t->n_slots ? t->n_slots * 2 : FIRST_SLOTS;
	TRY(mem_array(more.n_slots, sizeof(*more.slots), &more.slots));
	memset(more.slots, 0xff, more.n_slots * sizeof(*more.slots));
	for (size_t i = 0; i < t->n_slots; i++) {
		if (t->slots[i] == NO_ROW)
			continue;
		struct cursor k = row_key(t, t->slots[i]);
		more.slots[find_slot(&more, k.p, (size_t)(k.end - k.p))] = t->slots[i];
	}
	free(t->slots);
	*t = more;
	return NULL;
}

struct err *key_table_add_null(struct key_table *t)
{
	if (t->n_rows == NO_ROW)
		return err_new(EOPNOTSUPP, "more than 2^32 rows in one file");
	TRY(mem_grow(t->n_rows + 1, sizeof(*t->ends), &t->cap_rows, &t->ends));
	t->ends[t->n_rows++] = t->len;
	return NULL;
}

struct err *key_table_add(struct key_table *t, const struct key *k, uint32_t *ret_same)
{
	TRY(make_room(t));
	TRY(mem_grow(t->len + k->len, 1, &t->cap, &t->bytes));
	TRY(key_table_add_null(t));
	size_t i = find_slot(t, k->p, k->len);
	*ret_same = t->slots[i];
	if (k->len)
		memcpy(t->bytes + t->len, k->p, k->len);
	t->len += k->len;
	t->ends[t->n_rows - 1] = t->len;
	if (*ret_same != NO_ROW)
		return NULL;
	t->slots[i] = (uint32_t)(t->n_rows - 1);
	t->n_keys++;
	return NULL;
}

uint32_t key_table_find(const struct key_table *t, const struct key *k)
{
	return t->n_slots ? t->slots[find_slot(t, k->p, k->len)] : NO_ROW;
}
