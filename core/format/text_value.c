// SPDX-License-Identifier: Apache-2.0
/*
 * text_value.c: single values as plain text and as JSON.
 *
 * Nested values are JSON on one line.  JSON has no word for nan and inf; they
 * are written as Python's json module writes and reads them.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <string.h>

const struct array *text_resolve(const struct array *a, uint64_t *row)
{
	while (a->type->id == TYPE_DICTIONARY) {
		uint64_t v = 0;
		uint32_t bits = 64;
		struct type index = {.id = a->type->index_id};
		bits = type_bits(&index);
		memcpy(&v, a->data->data + *row * (bits / 8), bits / 8);
		a = a->children[0];
		*row = v;
	}
	return a;
}

bool text_fits(const struct type *t)
{
	if (type_is_binary(t->id) || t->id == TYPE_FIXED_BINARY)
		return false;
	return t->id != TYPE_DICTIONARY || text_fits(t->children[0]->type);
}

static int64_t load_signed(const uint8_t *p, uint32_t bits)
{
	switch (bits) {
	case 8:
		return (int8_t)*p;
	case 16:
		return (int16_t)load_u16le(p);
	case 32:
		return (int32_t)load_u32le(p);
	default:
		return (int64_t)load_u64le(p);
	}
}

static uint64_t load_unsigned(const uint8_t *p, uint32_t bits)
{
	uint64_t v = 0;
	memcpy(&v, p, bits / 8);
	return v;
}

bool text_is_number(const struct type *t)
{
	uint32_t bits = type_bits(t);
	return bits >= 8 && bits <= 64 && t->id != TYPE_FIXED_BINARY;
}

size_t text_number(char *dst, const struct type *t, const uint8_t *p)
{
	double d;
	float f;
	switch (t->id) {
	case TYPE_FLOAT16:
		return text_half(dst, load_u16le(p));
	case TYPE_FLOAT32:
		memcpy(&f, p, sizeof(f));
		return text_float(dst, f);
	case TYPE_FLOAT64:
		memcpy(&d, p, sizeof(d));
		return text_double(dst, d);
	default:
		if (!type_is_integer(t->id))
			return text_time(dst, t, load_signed(p, type_bits(t)));
		return type_is_signed(t->id)
			       ? text_i64(dst, load_signed(p, type_bits(t)))
			       : text_u64(dst, load_unsigned(p, type_bits(t)));
	}
}

static void fixed_text(const struct array *a, uint64_t row, struct buf *out)
{
	const struct type *t = a->type;
	uint32_t bits = type_bits(t);
	char number[NUMBER_TEXT_MAX];
	if (t->id == TYPE_BOOL) {
		buf_str(out, bit_get(a->data->data, row) ? "true" : "false");
		return;
	}
	const uint8_t *p = a->data->data + row * (bits / 8);
	if (text_is_number(t))
		buf_append(out, number, text_number(number, t, p));
	else if (t->id == TYPE_FIXED_BINARY)
		buf_append(out, p, bits / 8);
	else
		text_decimal(p, bits / 64, t->scale, out);
}

void text_value(const struct array *a, uint64_t row, struct buf *out)
{
	a = text_resolve(a, &row);
	if (type_is_var(a->type->id)) {
		uint64_t len;
		const uint8_t *p = array_var(a, row, &len);
		buf_append(out, p, len);
	} else if (type_is_nested(a->type->id)) {
		json_value(a, row, out);
	} else if (a->type->id != TYPE_NULL) {
		fixed_text(a, row, out);
	}
}

/* --- JSON --- */

static void json_base64(const uint8_t *p, uint64_t len, struct buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	buf_byte(out, '"');
	for (uint64_t i = 0; i < len; i += 3) {
		uint64_t n = MIN_OF(len - i, (uint64_t)3);
		uint32_t v = (uint32_t)p[i] << 16;
		v |= n > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		v |= n > 2 ? p[i + 2] : 0;
		buf_byte(out, (uint8_t)digits[v >> 18]);
		buf_byte(out, (uint8_t)digits[v >> 12 & 63]);
		buf_byte(out, n > 1 ? (uint8_t)digits[v >> 6 & 63] : '=');
		buf_byte(out, n > 2 ? (uint8_t)digits[v & 63] : '=');
	}
	buf_byte(out, '"');
}

/* A number's text with the words that JSON readers know. */
static size_t json_number(char *dst, const struct array *a, uint64_t row)
{
	const uint8_t *p = a->data->data + row * (type_bits(a->type) / 8);
	size_t n = text_number(dst, a->type, p);
	const char *word = NULL;
	if (dst[n - 1] == 'n')
		word = "NaN";
	else if (dst[n - 1] == 'f')
		word = *dst == '-' ? "-Infinity" : "Infinity";
	if (word) {
		n = strlen(word);
		memcpy(dst, word, n);
	}
	return n;
}

static bool is_json_number(const struct array *a)
{
	return type_is_integer(a->type->id) || type_is_float(a->type->id);
}

/* Numbers straight into the buffer: vectors are long. */
static void json_numbers(const struct array *items, uint64_t first, uint64_t end,
			 struct buf *out)
{
	for (uint64_t i = first; i < end; i++) {
		char *room = (char *)buf_room(out, NUMBER_TEXT_MAX), *dst = room;
		if (!room)
			return;
		if (i > first)
			*dst++ = ',';
		if (array_is_null(items, i))
			dst = (char *)memcpy(dst, "null", 4) + 4;
		else
			dst += json_number(dst, items, i);
		out->len -= NUMBER_TEXT_MAX - (size_t)(dst - room);
	}
}

static void json_items(const struct array *items, uint64_t first, uint64_t end,
		       struct buf *out)
{
	buf_byte(out, '[');
	if (is_json_number(items)) {
		json_numbers(items, first, end, out);
		first = end;
	}
	for (uint64_t i = first; i < end; i++) {
		if (i > first)
			buf_byte(out, ',');
		json_value(items, i, out);
	}
	buf_byte(out, ']');
}

static void json_struct(const struct array *a, uint64_t row, struct buf *out)
{
	buf_byte(out, '{');
	for (size_t i = 0; i < a->n_children; i++) {
		const char *name = a->type->children[i]->name;
		if (i)
			buf_byte(out, ',');
		buf_json_string(out, name, strlen(name));
		buf_byte(out, ':');
		json_value(a->children[i], row, out);
	}
	buf_byte(out, '}');
}

/* An object if the keys are strings, else an array of pairs. */
static void json_map(const struct array *a, uint64_t row, struct buf *out)
{
	const struct array *keys = a->children[0]->children[0];
	const struct array *values = a->children[0]->children[1];
	bool object = type_is_string(keys->type->id);
	uint64_t first = array_offset(a, row), end = array_offset(a, row + 1);
	buf_byte(out, object ? '{' : '[');
	for (uint64_t i = first; i < end; i++) {
		buf_str(out, i > first ? "," : "");
		buf_str(out, object ? "" : "[");
		json_value(keys, i, out);
		buf_byte(out, object ? ':' : ',');
		json_value(values, i, out);
		buf_str(out, object ? "" : "]");
	}
	buf_byte(out, object ? '}' : ']');
}

static void json_nested(const struct array *a, uint64_t row, struct buf *out)
{
	uint64_t k = (uint64_t)a->type->list_size;
	switch (a->type->id) {
	case TYPE_STRUCT:
		json_struct(a, row, out);
		return;
	case TYPE_MAP:
		json_map(a, row, out);
		return;
	case TYPE_FIXED_LIST:
		json_items(a->children[0], row * k, row * k + k, out);
		return;
	default:
		json_items(a->children[0], array_offset(a, row),
			   array_offset(a, row + 1), out);
	}
}

static void json_bytes(const struct array *a, uint64_t row, struct buf *out)
{
	uint64_t len = (uint64_t)a->type->byte_width;
	const uint8_t *p;
	if (type_is_var(a->type->id))
		p = array_var(a, row, &len);
	else
		p = a->data->data + row * len;
	if (type_is_string(a->type->id))
		buf_json_string(out, (const char *)p, len);
	else
		json_base64(p, len, out);
}

void json_value(const struct array *a, uint64_t row, struct buf *out)
{
	if (array_is_null(a, row)) {
		buf_str(out, "null");
		return;
	}
	const struct array *v = text_resolve(a, &row);
	enum type_id id = v->type->id;
	char number[NUMBER_TEXT_MAX];
	if (array_is_null(v, row))
		buf_str(out, "null");
	else if (type_is_nested(id))
		json_nested(v, row, out);
	else if (type_is_var(id) || id == TYPE_FIXED_BINARY)
		json_bytes(v, row, out);
	else if (is_json_number(v))
		buf_append(out, number, json_number(number, v, row));
	else if (id == TYPE_BOOL || id == TYPE_DECIMAL128 || id == TYPE_DECIMAL256 ||
		 id == TYPE_DURATION)
		fixed_text(v, row, out);
	else {
		buf_byte(out, '"');
		fixed_text(v, row, out);
		buf_byte(out, '"');
	}
}

struct err *value_render(const struct array *a, uint64_t row, struct buf *out)
{
	uint64_t at = row;
	const struct array *v = text_resolve(a, &at);
	text_value(v, at, out);
	if (!type_is_var(v->type->id) && v->type->id != TYPE_FIXED_BINARY)
		buf_byte(out, '\n');
	return buf_check(out);
}
