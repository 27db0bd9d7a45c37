// SPDX-License-Identifier: Apache-2.0
/*
 * builder.c: growing an array, value by value.
 *
 * Strings copy, fixed-width values are parsed to their place.  A nested value is
 * ended when its items or members are in the builders below.
 */
#include "format/json_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct builder {
	struct type *type; /* owned reference */
	uint64_t n_rows, n_nulls;
	struct buf validity, offsets, data; /* validity: a byte a row */
	size_t n_children;
	struct builder **children; /* owned */
	struct json_reader *json;  /* owned; NULL until nested text comes */
};

bool builder_fits(const struct type *t)
{
	if (t->id == TYPE_DICTIONARY || (t->id == TYPE_FIXED_LIST && t->list_size < 0))
		return false;
	for (size_t i = 0; i < t->n_children; i++)
		if (!builder_fits(t->children[i]->type))
			return false;
	return true;
}

uint64_t builder_null_bytes(const struct type *t)
{
	uint64_t n = 8 + type_bits(t) / 8;
	for (size_t i = 0; i < t->n_children; i++)
		n += builder_null_bytes(t->children[i]->type);
	if (t->id == TYPE_FIXED_LIST && ckd_mul(&n, n, (uint64_t)t->list_size))
		n = UINT32_MAX;
	return MIN_OF(n, (uint64_t)UINT32_MAX);
}

void builder_free(struct builder *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_children; i++)
		builder_free(b->children[i]);
	free(b->children);
	json_reader_free(b->json);
	buf_fini(&b->validity);
	buf_fini(&b->offsets);
	buf_fini(&b->data);
	type_unref(b->type);
	free(b);
}

struct err *builder_new(struct type *t, struct builder **ret)
{
	AUTO(builder) struct builder *b = NULL;
	TRY(mem_new(&b));
	b->type = type_ref(t);
	TRY(mem_array(t->n_children, sizeof(struct builder *), &b->children));
	for (; b->n_children < t->n_children; b->n_children++)
		TRY(builder_new(t->children[b->n_children]->type,
				&b->children[b->n_children]));
	*ret = TAKE(b);
	return NULL;
}

struct type *builder_type(const struct builder *b)
{
	return b->type;
}

struct builder *builder_child(const struct builder *b, size_t i)
{
	return b->children[i];
}

uint64_t builder_rows(const struct builder *b)
{
	return b->n_rows;
}

static bool has_offsets(const struct type *t)
{
	return type_is_var(t->id) || t->id == TYPE_LIST || t->id == TYPE_LARGE_LIST ||
	       t->id == TYPE_MAP;
}

/* Count a row whose value is in place. */
static struct err *end_row(struct builder *b, bool valid)
{
	bool lists = has_offsets(b->type) && b->n_children;
	uint64_t end = lists ? b->children[0]->n_rows : b->data.len;
	buf_byte(&b->validity, valid);
	if (type_is_large(b->type->id)) {
		buf_u64le(&b->offsets, end);
	} else if (has_offsets(b->type)) {
		if (end > INT32_MAX)
			return err_new(EINVAL, "more than 2^31 items in one batch");
		buf_u32le(&b->offsets, (uint32_t)end);
	}
	TRY(buf_check(&b->validity));
	TRY(buf_check(&b->offsets));
	TRY(buf_check(&b->data));
	b->n_rows++;
	b->n_nulls += !valid;
	return NULL;
}

static size_t value_bytes(const struct type *t)
{
	if (t->id == TYPE_FIXED_BINARY)
		return (size_t)MAX_OF(t->byte_width, 0);
	return t->id == TYPE_BOOL ? 1 : type_bits(t) / 8;
}

struct err *builder_null(struct builder *b)
{
	uint64_t n = b->type->id == TYPE_FIXED_LIST ? (uint64_t)b->type->list_size : 1;
	if (!has_offsets(b->type))
		buf_zero(&b->data, value_bytes(b->type));
	for (size_t i = 0; i < b->n_children && !has_offsets(b->type); i++)
		for (uint64_t k = 0; k < n; k++)
			TRY(builder_null(b->children[i]));
	return end_row(b, false);
}

struct err *builder_end(struct builder *b)
{
	return end_row(b, true);
}

/* --- strings and bytes --- */

static struct err *not_utf8(const uint8_t *p, size_t len)
{
	size_t i = 0, n;
	while ((n = utf8_sequence(p + i, len - i)))
		i += n;
	return err_new(EINVAL, "byte 0x%02x at %zu of the value is not UTF-8", p[i],
		       i + 1);
}

struct err *builder_bytes(struct builder *b, const void *p, size_t len)
{
	const struct type *t = b->type;
	if (type_is_string(t->id) && !utf8_valid(p, len))
		return not_utf8(p, len);
	if (t->id == TYPE_FIXED_BINARY && len != value_bytes(t))
		return err_new(EINVAL, "%zu bytes, wanted %d", len, t->byte_width);
	if (type_is_var(t->id) && !type_is_large(t->id) &&
	    b->data.len + len > INT32_MAX)
		return err_new(EINVAL,
			       "a value of %zu bytes is too long for %s; state "
			       "large_%s",
			       len, type_is_string(t->id) ? "string" : "binary",
			       type_is_string(t->id) ? "string" : "binary");
	buf_append(&b->data, p, len);
	return end_row(b, true);
}

/* --- text --- */

/* Fixed-size lists of plain values, at any depth: vectors, which are long. */
static bool is_vector(const struct type *t)
{
	while (t->id == TYPE_FIXED_LIST)
		t = t->children[0]->type;
	return type_bits(t) && t->id != TYPE_FIXED_BINARY;
}

static struct err *nested_text(struct builder *b, const char *text, size_t len)
{
	AUTO(json_object) struct json_object *value = NULL;
	if (is_vector(b->type))
		return vector_text(b, text, len);
	if (!b->json)
		TRY(json_reader_new(&b->json));
	TRY(json_read(b->json, text, len, &value));
	if (!value)
		return err_new(EINVAL, "null is written \\N");
	return json_build(b, value);
}

struct err *builder_text(struct builder *b, const char *text, size_t len)
{
	uint8_t value[32];
	if (type_is_var(b->type->id) || b->type->id == TYPE_FIXED_BINARY)
		return builder_bytes(b, text, len);
	if (type_is_nested(b->type->id))
		return nested_text(b, text, len);
	if (b->type->id == TYPE_NULL)
		return err_new(EINVAL, "a value in a column of nulls");
	TRY(cell_parse(b->type, text, len, value));
	buf_append(&b->data, value, value_bytes(b->type));
	return end_row(b, true);
}

/* --- taking the array --- */

static void pack_bits(const uint8_t *src, uint64_t n, uint8_t *dst)
{
	for (uint64_t i = 0; i < n; i++)
		dst[i / 8] = (uint8_t)(dst[i / 8] | (src[i] & 1u) << (i & 7));
}

static struct err *take_bits(struct buf *b, uint64_t n, struct bytes **ret)
{
	TRY(bytes_new_zero(bitmap_bytes(n), ret));
	pack_bits(b->data, n, (*ret)->data);
	b->len = 0;
	return NULL;
}

static struct err *take_buf(struct buf *b, size_t lead, struct bytes **ret)
{
	TRY(bytes_new(lead + b->len, ret));
	memset((*ret)->data, 0, lead);
	if (b->len)
		memcpy((*ret)->data + lead, b->data, b->len);
	b->len = 0;
	return NULL;
}

static struct err *take_buffers(struct builder *b, struct array *a)
{
	const struct type *t = b->type;
	if (b->n_nulls)
		TRY(take_bits(&b->validity, b->n_rows, &a->validity));
	if (has_offsets(t))
		TRY(take_buf(&b->offsets, type_is_large(t->id) ? 8 : 4, &a->offsets));
	if (t->id == TYPE_BOOL)
		return take_bits(&b->data, b->n_rows, &a->data);
	return type_is_nested(t->id) ? NULL : take_buf(&b->data, 0, &a->data);
}

struct err *builder_take(struct builder *b, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(b->type, b->n_rows, &a));
	if (b->type->id != TYPE_NULL)
		TRY(take_buffers(b, a));
	for (size_t i = 0; i < b->n_children; i++)
		TRY(builder_take(b->children[i], &a->children[i]));
	if (b->type->id != TYPE_NULL)
		a->n_nulls = b->n_nulls;
	b->validity.len = 0;
	b->n_rows = b->n_nulls = 0;
	*ret = TAKE(a);
	return NULL;
}
