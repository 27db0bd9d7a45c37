// SPDX-License-Identifier: Apache-2.0
/*
 * builder.c: growing an array from values of text.
 *
 * Strings copy, fixed-width values are parsed to their place, fixed-size lists
 * are read from a JSON array of numbers straight into the items.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct builder {
	struct type *type; /* owned reference */
	uint64_t n_rows, n_nulls;
	struct buf validity, offsets, data; /* validity: a byte a row */
	struct builder *items;		    /* fixed_size_list: owned */
};

bool builder_fits(const struct type *t)
{
	if (t->id == TYPE_FIXED_LIST)
		return t->list_size >= 0 && builder_fits(t->children[0]->type) &&
		       !type_is_string(t->children[0]->type->id);
	return type_is_string(t->id) ||
	       (type_bits(t) && t->id != TYPE_FIXED_BINARY && t->n_children == 0);
}

void builder_free(struct builder *b)
{
	if (!b)
		return;
	builder_free(b->items);
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
	if (t->id == TYPE_FIXED_LIST)
		TRY(builder_new(t->children[0]->type, &b->items));
	*ret = TAKE(b);
	return NULL;
}

uint64_t builder_rows(const struct builder *b)
{
	return b->n_rows;
}

uint64_t builder_bytes(const struct builder *b)
{
	return b->validity.len + b->offsets.len + b->data.len +
	       (b->items ? builder_bytes(b->items) : 0);
}

/* Count a row whose value is in place. */
static struct err *end_row(struct builder *b, bool valid)
{
	buf_byte(&b->validity, valid);
	if (type_is_large(b->type->id))
		buf_u64le(&b->offsets, b->data.len);
	else if (type_is_string(b->type->id))
		buf_u32le(&b->offsets, (uint32_t)b->data.len);
	TRY(buf_check(&b->validity));
	TRY(buf_check(&b->offsets));
	TRY(buf_check(&b->data));
	b->n_rows++;
	b->n_nulls += !valid;
	return NULL;
}

static size_t value_bytes(const struct type *t)
{
	return t->id == TYPE_BOOL ? 1 : type_bits(t) / 8;
}

struct err *builder_null(struct builder *b)
{
	if (b->items) {
		for (int32_t i = 0; i < b->type->list_size; i++)
			TRY(builder_null(b->items));
	} else if (!type_is_string(b->type->id)) {
		buf_zero(&b->data, value_bytes(b->type));
	}
	return end_row(b, false);
}

/* --- strings --- */

static struct err *not_utf8(const uint8_t *p, size_t len)
{
	size_t i = 0, n;
	while ((n = utf8_sequence(p + i, len - i)))
		i += n;
	return err_new(EINVAL, "byte 0x%02x at %zu of the value is not UTF-8", p[i],
		       i + 1);
}

static struct err *string_text(struct builder *b, const char *text, size_t len)
{
	if (!utf8_valid(text, len))
		return not_utf8((const uint8_t *)text, len);
	if (!type_is_large(b->type->id) && b->data.len + len > INT32_MAX)
		return err_new(EINVAL,
			       "a value of %zu bytes is too long for string; state "
			       "large_string",
			       len);
	buf_append(&b->data, text, len);
	return end_row(b, true);
}

/* --- lists --- */

struct json {
	const char *p, *end, *start;
};

static void skip_space(struct json *j)
{
	while (j->p < j->end &&
	       (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
		j->p++;
}

static bool accept(struct json *j, char c)
{
	skip_space(j);
	if (j->p == j->end || *j->p != c)
		return false;
	j->p++;
	return true;
}

static struct err *json_error(const struct json *j, const char *want)
{
	return err_new(EINVAL, "%s expected at character %td", want,
		       j->p - j->start + 1);
}

static struct err *list_json(struct builder *b, struct json *j);

/* A number, a quoted word or null. */
static struct err *item_json(struct builder *b, struct json *j)
{
	if (b->items)
		return list_json(b, j);
	skip_space(j);
	bool quoted = accept(j, '"');
	const char *start = j->p;
	while (j->p < j->end &&
	       (quoted ? *j->p != '"' : *j->p != ',' && *j->p != ']' && *j->p != ' '))
		j->p++;
	size_t len = (size_t)(j->p - start);
	if (quoted && !accept(j, '"'))
		return json_error(j, "'\"'");
	if (!quoted && len == 4 && memcmp(start, "null", 4) == 0)
		return builder_null(b);
	return builder_text(b, start, len);
}

static struct err *wrong_length(const struct builder *b, int64_t got)
{
	return err_new(EINVAL, "%" PRId64 " items, wanted %d", got, b->type->list_size);
}

/* [item, ...] of exactly list_size, or null. */
static struct err *list_json(struct builder *b, struct json *j)
{
	int64_t n = 0;
	skip_space(j);
	if (j->end - j->p >= 4 && memcmp(j->p, "null", 4) == 0) {
		j->p += 4;
		return builder_null(b);
	}
	if (!accept(j, '['))
		return json_error(j, "'['");
	if (!accept(j, ']')) {
		do {
			if (n++ == b->type->list_size)
				return wrong_length(b, n);
			TRY_CTX(item_json(b->items, j), "item %" PRId64, n);
		} while (accept(j, ','));
		if (!accept(j, ']'))
			return json_error(j, "',' or ']'");
	}
	return n == b->type->list_size ? end_row(b, true) : wrong_length(b, n);
}

static struct err *list_text(struct builder *b, const char *text, size_t len)
{
	struct json j = {text, text + len, text};
	TRY(list_json(b, &j));
	skip_space(&j);
	return j.p == j.end ? NULL : json_error(&j, "the end");
}

struct err *builder_text(struct builder *b, const char *text, size_t len)
{
	if (type_is_string(b->type->id))
		return string_text(b, text, len);
	if (b->items)
		return list_text(b, text, len);
	uint8_t value[32];
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

struct err *builder_take(struct builder *b, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(b->type, b->n_rows, &a));
	if (b->type->id == TYPE_NULL) {
		b->validity.len = 0;
		b->n_rows = b->n_nulls = 0;
		*ret = TAKE(a);
		return NULL;
	}
	a->n_nulls = b->n_nulls;
	if (b->n_nulls)
		TRY(take_bits(&b->validity, b->n_rows, &a->validity));
	if (type_is_string(b->type->id))
		TRY(take_buf(&b->offsets, type_is_large(b->type->id) ? 8 : 4,
			     &a->offsets));
	if (b->items)
		TRY(builder_take(b->items, &a->children[0]));
	else if (b->type->id == TYPE_BOOL)
		TRY(take_bits(&b->data, b->n_rows, &a->data));
	else
		TRY(take_buf(&b->data, 0, &a->data));
	b->validity.len = 0;
	b->n_rows = b->n_nulls = 0;
	*ret = TAKE(a);
	return NULL;
}
