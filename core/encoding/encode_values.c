// SPDX-License-Identifier: Apache-2.0
/*
 * encode_values.c: from arrays to values and slots, for the writer.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>

/* Whether any of n items from `first` is null. */
static bool has_null(const struct array *a, uint64_t first, uint64_t n)
{
	return a->validity && bitmap_count(a->validity->data, first, first + n) < n;
}

static struct err *append_list(struct values *v, const struct array *a, uint64_t first,
			       uint64_t n)
{
	const struct array *items = a;
	uint64_t at = first, count = n;
	for (unsigned i = 0; i < v->type->n_dims; i++)
		items = items->children[0];
	TRY(values_append_fixed(v, items->data ? items->data->data : NULL, first, n));
	for (unsigned i = 0; i < v->type->n_dims; i++) {
		a = a->children[0];
		at *= v->type->dims[i];
		count *= v->type->dims[i];
		if (has_null(a, at, count))
			TRY(values_append_items(v, i, a->validity->data, at, count));
	}
	return NULL;
}

static struct err *append_var(struct values *v, const struct array *a, uint64_t first,
			      uint64_t n)
{
	uint8_t *offset, *dst;
	uint64_t base = array_offset(a, first), len = array_offset(a, first + n) - base;
	TRY(values_offsets_room(v, n, &offset));
	TRY(grow_room(&v->data, (size_t)len, &dst));
	if (len)
		memcpy(dst, a->data->data + base, (size_t)len);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t end = v->data.len + array_offset(a, first + i + 1) - base;
		if (v->type->offset_bytes == 4)
			store_u32le(offset + 4 * i, (uint32_t)end);
		else
			store_u64le(offset + 8 * i, end);
	}
	return values_commit_var(v, n, v->data.len + (size_t)len);
}

static struct err *append_dictionary(struct values *v, const struct array *a,
				     uint64_t first, uint64_t n)
{
	struct values dict AUTO_VALUES = {0};
	struct type index = {.id = a->type->index_id};
	unsigned width = type_bits(&index) / 8;
	TRY(values_init(&dict, v->type));
	if (a->children[0]->n_rows == 0)
		return values_append_zero(v, n);
	TRY(values_append_array(&dict, a->children[0], 0, a->children[0]->n_rows));
	return values_gather(v, &dict, a->data->data + first * width, width, n);
}

struct err *values_append_array(struct values *v, const struct array *a, uint64_t first,
				uint64_t end)
{
	uint64_t n = end - first;
	if (n == 0)
		return NULL;
	if (a->type->id == TYPE_DICTIONARY)
		return append_dictionary(v, a, first, n);
	if (v->type->kind == VALUE_STRUCT)
		return err_new(EOPNOTSUPP, "packed structs cannot be written");
	if (v->type->kind == VALUE_VAR)
		return append_var(v, a, first, n);
	if (v->type->bits == 0)
		return values_append_zero(v, n);
	return append_list(v, a, first, n);
}

static struct err *push_u16(struct grow *g, uint16_t v)
{
	uint8_t *p;
	TRY(grow_room(g, 2, &p));
	store_u16le(p, v);
	g->len += 2;
	return NULL;
}

struct err *slots_push(struct slots *s, bool has_rep, uint16_t rep, uint16_t stop)
{
	uint8_t *p;
	if (has_rep)
		TRY(push_u16(&s->rep, rep));
	if (stop || s->stop.len) {
		size_t have = (size_t)s->n * 2;
		TRY(grow_room(&s->stop, have - s->stop.len + 2, &p));
		memset(p, 0, have - s->stop.len);
		s->stop.len = have;
		TRY(push_u16(&s->stop, stop));
	}
	s->n++;
	return NULL;
}
