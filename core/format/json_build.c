// SPDX-License-Identifier: Apache-2.0
/*
 * json_build.c: JSON values to the rows of a builder, as json_value writes them.
 *
 * Of an object that is a struct the members that are missing are null.
 */
#include "format/json_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *mismatch(const struct builder *b, struct json_object *o)
{
	static const char *const words[] = {
		[json_type_boolean] = "true or false", [json_type_double] = "a number",
		[json_type_int] = "a number",	       [json_type_object] = "an object",
		[json_type_array] = "an array",	       [json_type_string] = "a string"};
	AUTO_MEM char *name = NULL;
	TRY(type_format(builder_type(b), &name));
	return err_new(EINVAL, "%s is not %s", words[json_object_get_type(o)], name);
}

/* --- plain values --- */

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static struct err *build_base64(struct builder *b, const char *text, size_t len)
{
	AUTO_BUF struct buf out = {0};
	uint32_t bits = 0;
	size_t n = 0;
	while (len && n < 2 && text[len - 1] == '=')
		len--, n++;
	if ((len + n) % 4 != 0)
		return err_new(EINVAL, "base64 of %zu characters, not a multiple of 4",
			       len + n);
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(text[i]);
		if (digit < 0)
			return err_new(EINVAL, "character %zu is not of base64", i + 1);
		bits = bits << 6 | (uint32_t)digit;
		if (i % 4)
			buf_byte(&out, (uint8_t)(bits >> (6 - i % 4 * 2)));
	}
	TRY(buf_check(&out));
	return builder_bytes(b, out.len ? (const void *)out.data : "", out.len);
}

static struct err *build_string(struct builder *b, struct json_object *o)
{
	const char *text = json_object_get_string(o);
	size_t len = (size_t)json_object_get_string_len(o);
	enum type_id id = builder_type(b)->id;
	if (type_is_binary(id) || id == TYPE_FIXED_BINARY)
		return build_base64(b, text, len);
	return type_is_nested(id) ? mismatch(b, o) : builder_text(b, text, len);
}

/* Integers may have a fraction of zero: some writers know no others. */
static struct err *build_number(struct builder *b, struct json_object *o)
{
	char scratch[NUMBER_TEXT_MAX];
	size_t len;
	enum type_id id = builder_type(b)->id;
	const char *text = json_number_text(o, scratch, &len);
	bool integer = type_is_integer(id) || id == TYPE_DURATION;
	if (!integer && !type_is_float(id) && id != TYPE_DECIMAL128 &&
	    id != TYPE_DECIMAL256)
		return mismatch(b, o);
	if (integer && len > 2 && memcmp(text + len - 2, ".0", 2) == 0)
		len -= 2;
	return builder_text(b, text, len);
}

/* --- nested ones --- */

static struct err *build_child(struct builder *b, size_t child, struct json_object *o)
{
	if (o)
		return json_build(builder_child(b, child), o);
	if (!builder_type(b)->children[child]->nullable)
		return err_new(EINVAL, "null, which is not allowed there");
	return builder_null(builder_child(b, child));
}

static struct err *build_list(struct builder *b, struct json_object *o)
{
	const struct type *t = builder_type(b);
	size_t n = json_object_array_length(o);
	if (t->id == TYPE_FIXED_LIST && n != (size_t)t->list_size)
		return err_new(EINVAL, "%zu items, wanted %d", n, t->list_size);
	for (size_t i = 0; i < n; i++)
		TRY_CTX(build_child(b, 0, json_object_array_get_idx(o, i)), "item %zu",
			i + 1);
	return builder_end(b);
}

/* For columns the near name is told. */
static struct err *unknown_column(const struct type *t, struct json_object *o)
{
	AUTO_MEM const char **names = NULL;
	AUTO_MEM size_t *members = NULL;
	size_t n = 0;
	TRY(mem_array((size_t)json_object_object_length(o), sizeof(*names), &names));
	TRY(mem_array((size_t)json_object_object_length(o), sizeof(*members),
		      &members));
	json_object_object_foreach(o, key, value)
	{
		(void)value;
		names[n++] = key;
	}
	return members_match(t, names, n, members);
}

static struct err *unknown_member(const struct type *t, struct json_object *o)
{
	json_object_object_foreach(o, key, value)
	{
		size_t i = 0;
		(void)value;
		while (i < t->n_children && strcmp(t->children[i]->name, key) != 0)
			i++;
		if (i == t->n_children)
			return err_new(EINVAL, "there is no member '%s'", key);
	}
	return err_new(EINVAL, "two members of one name");
}

static struct err *build_members(struct builder *b, struct json_object *o, bool is_row)
{
	const struct type *t = builder_type(b);
	size_t n_found = 0;
	for (size_t i = 0; i < t->n_children; i++) {
		struct json_object *value = NULL;
		const char *name = t->children[i]->name;
		n_found += json_object_object_get_ex(o, name, &value) != 0;
		TRY_CTX(build_child(b, i, value), "%s '%s'",
			is_row ? "column" : "member", name);
	}
	if (n_found != (size_t)json_object_object_length(o))
		return is_row ? unknown_column(t, o) : unknown_member(t, o);
	return builder_end(b);
}

struct err *json_build_row(struct builder *b, struct json_object *o)
{
	return build_members(b, o, true);
}

/* One pair; the keys of an object are strings. */
static struct err *build_pair(struct builder *pairs, const char *key, size_t key_len,
			      struct json_object *value)
{
	TRY(builder_text(builder_child(pairs, 0), key, key_len));
	TRY(build_child(pairs, 1, value));
	return builder_end(pairs);
}

static struct err *build_map(struct builder *b, struct json_object *o)
{
	struct builder *pairs = builder_child(b, 0);
	if (!type_is_string(builder_type(pairs)->children[0]->type->id))
		return mismatch(b, o);
	json_object_object_foreach(o, key, value)
	{
		TRY_CTX(build_pair(pairs, key, strlen(key), value), "key '%s'", key);
	}
	return builder_end(b);
}

static struct err *build_pairs(struct builder *b, struct json_object *o)
{
	struct builder *pairs = builder_child(b, 0);
	size_t n = json_object_array_length(o);
	for (size_t i = 0; i < n; i++) {
		struct json_object *pair = json_object_array_get_idx(o, i);
		if (json_object_get_type(pair) != json_type_array ||
		    json_object_array_length(pair) != 2)
			return err_new(EINVAL, "item %zu is no [key,value]", i + 1);
		for (size_t k = 0; k < 2; k++)
			TRY_CTX(build_child(pairs, k,
					    json_object_array_get_idx(pair, k)),
				"item %zu", i + 1);
		TRY(builder_end(pairs));
	}
	return builder_end(b);
}

static struct err *build_array(struct builder *b, struct json_object *o)
{
	switch (builder_type(b)->id) {
	case TYPE_LIST:
	case TYPE_LARGE_LIST:
	case TYPE_FIXED_LIST:
		return build_list(b, o);
	case TYPE_MAP:
		return build_pairs(b, o);
	default:
		return mismatch(b, o);
	}
}

struct err *json_build(struct builder *b, struct json_object *o)
{
	enum type_id id = builder_type(b)->id;
	switch (json_object_get_type(o)) {
	case json_type_boolean:
		if (id != TYPE_BOOL)
			return mismatch(b, o);
		return json_object_get_boolean(o) ? builder_text(b, "true", 4)
						  : builder_text(b, "false", 5);
	case json_type_double:
	case json_type_int:
		return build_number(b, o);
	case json_type_string:
		return build_string(b, o);
	case json_type_array:
		return build_array(b, o);
	case json_type_object:
		if (id == TYPE_MAP)
			return build_map(b, o);
		return id == TYPE_STRUCT ? build_members(b, o, false) : mismatch(b, o);
	default:
		return builder_null(b);
	}
}
