// SPDX-License-Identifier: Apache-2.0
/*
 * builder_vector.c: the text of a fixed-size list, straight into its items.
 *
 * A JSON array of numbers or quoted words: the one nested value of which a table has
 * billions of items, so that no tree is made of it.
 */
#include "format/json_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct vector {
	const char *p, *end, *start;
};

static void skip_space(struct vector *v)
{
	while (v->p < v->end &&
	       (*v->p == ' ' || *v->p == '\t' || *v->p == '\n' || *v->p == '\r'))
		v->p++;
}

static bool accept(struct vector *v, char c)
{
	skip_space(v);
	if (v->p == v->end || *v->p != c)
		return false;
	v->p++;
	return true;
}

static struct err *vector_error(const struct vector *v, const char *want)
{
	return err_new(EINVAL, "%s expected at character %td", want,
		       v->p - v->start + 1);
}

static struct err *read_list(struct builder *b, struct vector *v);

/* A number, a quoted word or null. */
static struct err *read_item(struct builder *b, struct vector *v)
{
	if (builder_type(b)->id == TYPE_FIXED_LIST)
		return read_list(b, v);
	skip_space(v);
	bool quoted = accept(v, '"');
	const char *start = v->p;
	while (v->p < v->end &&
	       (quoted ? *v->p != '"' : *v->p != ',' && *v->p != ']' && *v->p != ' '))
		v->p++;
	size_t len = (size_t)(v->p - start);
	if (quoted && !accept(v, '"'))
		return vector_error(v, "'\"'");
	if (!quoted && len == 4 && memcmp(start, "null", 4) == 0)
		return builder_null(b);
	return builder_text(b, start, len);
}

static struct err *wrong_length(const struct builder *b, int64_t got)
{
	return err_new(EINVAL, "%" PRId64 " items, wanted %d", got,
		       builder_type(b)->list_size);
}

/* [item, ...] of exactly list_size, or null. */
static struct err *read_list(struct builder *b, struct vector *v)
{
	int64_t n = 0;
	skip_space(v);
	if (v->end - v->p >= 4 && memcmp(v->p, "null", 4) == 0) {
		v->p += 4;
		return builder_null(b);
	}
	if (!accept(v, '['))
		return vector_error(v, "'['");
	if (!accept(v, ']')) {
		do {
			if (n++ == builder_type(b)->list_size)
				return wrong_length(b, n);
			TRY_CTX(read_item(builder_child(b, 0), v), "item %" PRId64, n);
		} while (accept(v, ','));
		if (!accept(v, ']'))
			return vector_error(v, "',' or ']'");
	}
	return n == builder_type(b)->list_size ? builder_end(b) : wrong_length(b, n);
}

struct err *vector_text(struct builder *b, const char *text, size_t len)
{
	struct vector v = {text, text + len, text};
	TRY(read_list(b, &v));
	skip_space(&v);
	return v.p == v.end ? NULL : vector_error(&v, "the end");
}
