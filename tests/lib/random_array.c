// SPDX-License-Identifier: Apache-2.0
/*
 * random_array.c: arrays of any type with random values.
 *
 * Strings are drawn from the characters that formats treat specially, numbers
 * from small ones, random bits and the special values of floats.
 */
#include "random_array.h"

#include <stdio.h>

void must(struct err *err)
{
	if (!err)
		return;
	fprintf(stderr, "unexpected error %d: %s\n", err->code, err->msg);
	abort();
}

uint64_t random_next(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct type *type_of(const char *text)
{
	struct type *t = NULL;
	must(type_parse(text, &t));
	return t;
}

static void random_string(uint64_t *seed, struct buf *out)
{
	static const char *const parts[] = {
		"a",  "\\",	  "\t",
		"\n", "\r",	  "\"",
		",",  " ",	  "\\N",
		"N",  "\xc3\xa9", "true",
		"12", "nan",	  "the quick brown fox jumps over the lazy dog"};
	for (uint64_t n = random_next(seed) % 6; n; n--)
		buf_str(out,
			parts[random_next(seed) % (sizeof(parts) / sizeof(parts[0]))]);
}

static uint64_t random_value(const struct type *t, uint64_t *seed)
{
	static const double specials[] = {0.0,	  -0.0, 1.5,  1e300,
					  5e-324, 0.1,	1e22, 123456};
	uint64_t r = random_next(seed), v = random_next(seed);
	double d = specials[r % 8];
	float f = (float)d;
	switch (t->id) {
	case TYPE_FLOAT32:
		if (r & 64)
			memcpy(&v, &f, sizeof(f));
		return v;
	case TYPE_FLOAT64:
		if (r & 64)
			memcpy(&v, &d, sizeof(d));
		return v;
	case TYPE_DATE32:
		return v % 100000;
	case TYPE_DATE64:
		return v % 100000 * 86400000;
	case TYPE_TIME32:
	case TYPE_TIME64:
		return v % 86400;
	case TYPE_TIMESTAMP:
		return v >> 16;
	default:
		return r & 64 ? v : v % 100;
	}
}

static void random_fixed(struct array *a, uint64_t *seed)
{
	uint32_t bits = type_bits(a->type);
	size_t width = bits / 8;
	must(bytes_new_zero(bits == 1 ? bitmap_bytes(a->n_rows) : a->n_rows * width,
			    &a->data));
	for (uint64_t i = 0; i < a->n_rows; i++) {
		uint64_t v = random_value(a->type, seed);
		if (array_is_null(a, i))
			continue;
		if (bits == 1 && (v & 1))
			bit_set(a->data->data, i);
		for (size_t at = 0; at < width; at += 8) {
			memcpy(a->data->data + i * width + at, &v,
			       MIN_OF(width - at, (size_t)8));
			v = 0; /* decimals stay within their precision */
		}
	}
}

static void put_offset(struct array *a, uint64_t i, uint64_t v)
{
	if (type_is_large(a->type->id))
		store_u64le(a->offsets->data + i * 8, v);
	else
		store_u32le(a->offsets->data + i * 4, (uint32_t)v);
}

static void random_var(struct array *a, uint64_t *seed)
{
	AUTO_BUF struct buf data = {0};
	for (uint64_t i = 0; i < a->n_rows; i++) {
		if (!array_is_null(a, i))
			random_string(seed, &data);
		put_offset(a, i + 1, data.len);
	}
	must(bytes_new(data.len, &a->data));
	if (data.len)
		memcpy(a->data->data, data.data, data.len);
}

static uint64_t random_offsets(struct array *a, uint64_t *seed)
{
	uint64_t total = 0;
	for (uint64_t i = 0; i < a->n_rows; i++) {
		total += array_is_null(a, i) ? 0 : random_next(seed) % 4;
		put_offset(a, i + 1, total);
	}
	return total;
}

static void random_indices(struct array *a, uint64_t *seed)
{
	struct type index = {.id = a->type->index_id};
	size_t width = type_bits(&index) / 8;
	must(bytes_new_zero(a->n_rows * width, &a->data));
	for (uint64_t i = 0; i < a->n_rows; i++)
		if (!array_is_null(a, i))
			a->data->data[i * width] = (uint8_t)(random_next(seed) % 7);
}

static void random_validity(struct array *a, unsigned null_percent, uint64_t *seed)
{
	if (!null_percent || a->type->id == TYPE_NULL)
		return;
	must(bytes_new_zero(bitmap_bytes(a->n_rows), &a->validity));
	for (uint64_t i = 0; i < a->n_rows; i++)
		if (random_next(seed) % 100 >= null_percent)
			bit_set(a->validity->data, i);
	a->n_nulls = a->n_rows - bitmap_count(a->validity->data, 0, a->n_rows);
}

struct array *random_array(struct type *t, uint64_t n_rows, unsigned null_percent,
			   uint64_t *seed)
{
	struct array *a = NULL;
	must(array_new(t, n_rows, &a));
	random_validity(a, null_percent, seed);
	uint64_t child_rows = n_rows;
	bool list = t->id == TYPE_LIST || t->id == TYPE_LARGE_LIST || t->id == TYPE_MAP;
	if (list || type_is_var(t->id))
		must(bytes_new_zero((n_rows + 1) * (type_is_large(t->id) ? 8 : 4),
				    &a->offsets));
	if (list)
		child_rows = random_offsets(a, seed);
	else if (type_is_var(t->id))
		random_var(a, seed);
	else if (t->id == TYPE_FIXED_LIST)
		child_rows = n_rows * (uint64_t)t->list_size;
	else if (t->id == TYPE_DICTIONARY)
		random_indices(a, seed), child_rows = 7;
	else if (t->id != TYPE_STRUCT && t->id != TYPE_NULL)
		random_fixed(a, seed);
	for (size_t i = 0; i < t->n_children; i++) {
		bool nullable = t->children[i]->nullable;
		a->children[i] = random_array(t->children[i]->type, child_rows,
					      nullable ? null_percent : 0, seed);
	}
	return a;
}

/* --- views --- */

struct array_source {
	struct array *array;
	struct field *field;
};

static struct err *source_read(void *ctx, uint64_t first, uint64_t end,
			       struct array **ret)
{
	struct array_source *s = ctx;
	return array_slice(s->array, first, end, ret);
}

static void source_release(void *ctx)
{
	struct array_source *s = ctx;
	array_unref(s->array);
	field_unref(s->field);
	free(s);
}

static struct view *view_field(const char *suffix, struct array *a, const char *name,
			       bool is_table)
{
	struct array_source *s = NULL;
	struct view *v = NULL;
	must(mem_new(&s));
	s->array = array_ref(a);
	must(field_new(name, a->type, true, &s->field));
	if (is_table)
		must(field_set_metadata(s->field, FORMAT_TABLE_KEY, "", 0));
	struct view_source source = {.read = source_read,
				     .release = source_release,
				     .ctx = s,
				     .n_rows = a->n_rows,
				     .field = s->field};
	must(view_open(format_find(suffix), &source, &v));
	return v;
}

struct view *view_of(const char *suffix, struct array *a, const char *name)
{
	return view_field(suffix, a, name, false);
}

struct view *view_of_table(const char *suffix, struct array *a)
{
	return view_field(suffix, a, "", true);
}

void view_bytes(struct view *v, size_t read_len, struct buf *out)
{
	for (size_t got = read_len; got == read_len;) {
		uint8_t *dst = buf_room(out, read_len);
		must(buf_check(out));
		must(view_pread(v, out->len - read_len, read_len, dst, &got));
		out->len -= read_len - got;
	}
}
