// SPDX-License-Identifier: Apache-2.0
/*
 * op_text.c: || of strings and bytes, LIKE and ILIKE.
 *
 * A pattern that is a constant is looked at once: without wildcards, or with % at its
 * ends only, it is a comparison or a search.
 */
#include "expr/op_priv.h"

#include <string.h>

/* --- || --- */

static struct err *eval_concat(const struct call *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	TRY(text_begin(&b, c->node->type, c->n_rows));
	for (uint64_t i = 0; i < c->n_rows; i++) {
		for (size_t k = 0; k < 2 && call_wants(c, i); k++) {
			uint64_t len;
			const uint8_t *p = vec_bytes(&c->args[k], i, &len);
			buf_append(&b.data, p, (size_t)len);
		}
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}

/* Beside a string everything that has a text is a string. */
static struct err *bind_concat(struct binder *b, struct node *n)
{
	struct type *l = n->args[0]->type, *r = n->args[1]->type;
	AUTO(type) struct type *t = NULL;
	bool l_bytes = type_is_binary(l->id) || l->id == TYPE_FIXED_BINARY;
	bool r_bytes = type_is_binary(r->id) || r->id == TYPE_FIXED_BINARY;
	TRY(coerce_strings(l, r, &t));
	if (!t && l_bytes && r_bytes)
		TRY(type_new(type_is_large(l->id) || type_is_large(r->id)
				     ? TYPE_LARGE_BINARY
				     : TYPE_BINARY,
			     &t));
	if (!t && !l_bytes && !r_bytes &&
	    (type_is_string(l->id) || type_is_string(r->id)))
		t = type_ref(type_is_string(l->id) ? l : r);
	TRY(bind_both(b, n, t));
	bind_type(n, t);
	return NULL;
}

/* --- LIKE --- */

enum like_kind { LIKE_EQUAL, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS, LIKE_GENERAL };

struct like {
	enum like_kind kind;
	char *literal; /* owned: what is searched; of a general one the whole pattern */
	size_t len;
	bool any_case;
};

static void like_free(void *state)
{
	struct like *like = state;
	if (like)
		free(like->literal);
	free(like);
}

static bool has_wildcard(const char *p, size_t len)
{
	return memchr(p, '%', len) || memchr(p, '_', len) || memchr(p, '\\', len);
}

static struct err *like_new(const char *p, size_t len, bool any_case, struct like **ret)
{
	struct like *like;
	bool starts = len && p[0] == '%';
	bool ends = len > (size_t)starts && p[len - 1] == '%';
	const char *inner = p + starts;
	size_t inner_len = len - starts - ends;
	TRY(mem_new(&like));
	*ret = like;
	like->any_case = any_case;
	like->kind = starts ? (ends ? LIKE_CONTAINS : LIKE_SUFFIX)
			    : (ends ? LIKE_PREFIX : LIKE_EQUAL);
	if (has_wildcard(inner, inner_len)) {
		like->kind = LIKE_GENERAL;
		inner = p;
		inner_len = len;
	}
	like->len = inner_len;
	return str_dup_len(inner, inner_len, &like->literal);
}

/* --- matching --- */

/* The case of letters of ASCII is folded here; others are compared as simple case
 * folding of Unicode has them. */
static uint32_t next_char(const uint8_t **p, const uint8_t *end)
{
	size_t n = utf8_sequence(*p, (size_t)(end - *p));
	const uint8_t *s = *p;
	*p += n ? n : 1;
	switch (n) {
	case 2:
		return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3fu);
	case 3:
		return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 |
		       (s[2] & 0x3fu);
	case 4:
		return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 |
		       (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3fu);
	default:
		return s[0];
	}
}

static bool same_char(uint32_t a, uint32_t b, bool any_case)
{
	return a == b || (any_case && unicode_fold(a) == unicode_fold(b));
}

/* The classic match with one point to come back to: the last %. */
static bool match_general(const struct like *like, const uint8_t *s, uint64_t len)
{
	const uint8_t *p = (const uint8_t *)like->literal, *p_end = p + like->len;
	const uint8_t *end = s + len, *back_p = NULL, *back_s = NULL;
	while (s < end || p < p_end) {
		if (p < p_end && *p == '%') {
			back_p = ++p;
			back_s = s;
			continue;
		}
		if (p < p_end && s < end) {
			const uint8_t *q = p, *t = s;
			bool is_any = *q == '_';
			if (*q == '\\' && q + 1 < p_end)
				q++;
			uint32_t want = next_char(&q, p_end), got = next_char(&t, end);
			if (is_any || same_char(want, got, like->any_case)) {
				p = q;
				s = t;
				continue;
			}
		}
		if (!back_p || back_s >= end)
			return false;
		next_char(&back_s, end);
		p = back_p;
		s = back_s;
	}
	return true;
}

static bool is_ascii(const void *p, size_t len)
{
	const uint8_t *s = p;
	uint8_t all = 0;
	for (size_t i = 0; i < len; i++)
		all |= s[i];
	return all < 0x80;
}

static inline uint8_t ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same_ascii(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

static bool find_any_case(const uint8_t *s, size_t len, const struct like *like)
{
	const uint8_t *want = (const uint8_t *)like->literal;
	for (size_t i = 0; i + like->len <= len; i++)
		if (same_ascii(s + i, want, like->len))
			return true;
	return false;
}

static bool match_part(const struct like *like, const uint8_t *s, size_t len)
{
	const uint8_t *want = (const uint8_t *)like->literal;
	bool fits = len >= like->len;
	const uint8_t *at = like->kind == LIKE_SUFFIX && fits ? s + len - like->len : s;
	if (like->kind == LIKE_CONTAINS && like->any_case)
		return find_any_case(s, len, like);
	if (like->kind == LIKE_CONTAINS)
		return !like->len || memmem(s, len, want, like->len);
	if (!fits || (like->kind == LIKE_EQUAL && len != like->len))
		return false;
	return like->any_case ? same_ascii(at, want, like->len)
			      : memcmp(at, want, like->len) == 0;
}

/* Letters beyond ASCII have partners within it (the Kelvin sign): whoever ignores case
 * goes the general way unless all is ASCII. */
static bool match(const struct like *like, const struct like *general, const uint8_t *s,
		  uint64_t len)
{
	if (like->kind == LIKE_GENERAL)
		return match_general(like, s, len);
	if (like->any_case &&
	    (!is_ascii(s, (size_t)len) || !is_ascii(like->literal, like->len)))
		return match_general(general, s, len);
	return match_part(like, s, (size_t)len);
}

static struct err *match_rows(const struct call *c, const struct like *like,
			      const struct like *general, uint64_t first, uint64_t end,
			      struct array *out)
{
	for (uint64_t i = first; i < end; i++) {
		uint64_t len;
		if (!call_wants(c, i))
			continue;
		const uint8_t *s = vec_bytes(&c->args[0], i, &len);
		if (match(like, general, s, len))
			bit_set(out->data->data, i);
	}
	return NULL;
}

/* A pattern, and the same as one of any kind. */
struct like_pair {
	struct like *like, *general; /* owned */
};

static void pair_fini(struct like_pair *p)
{
	like_free(p->like);
	like_free(p->general);
}

static struct err *pair_of(const struct vec *pattern, uint64_t row, bool any_case,
			   struct like_pair *ret)
{
	uint64_t len;
	const char *p = (const char *)vec_bytes(pattern, row, &len);
	TRY(like_new(p, (size_t)len, any_case, &ret->like));
	if (!any_case)
		return NULL;
	TRY(mem_new(&ret->general));
	ret->general->kind = LIKE_GENERAL;
	ret->general->any_case = true;
	ret->general->len = (size_t)len;
	return str_dup_len(p, (size_t)len, &ret->general->literal);
}

static struct err *eval_like(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	bool is_constant = c->args[1].is_scalar, any_case = c->node->fn->tag;
	TRY(new_bools(c, &out));
	for (uint64_t i = 0; i < c->n_rows; i++) {
		__attribute__((cleanup(pair_fini))) struct like_pair p = {0};
		if (!call_wants(c, i))
			continue;
		TRY(pair_of(&c->args[1], i, any_case, &p));
		TRY(match_rows(c, p.like, p.general, i, is_constant ? c->n_rows : i + 1,
			       out));
		if (is_constant)
			break;
	}
	*ret = TAKE(out);
	return NULL;
}

static struct err *bind_like(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	TRY(coerce_like(n->args[0]->type, n->args[1]->type, &t));
	if (t && !type_is_string(t->id))
		return bind_pair_err(b, n);
	TRY(bind_both(b, n, t));
	return bind_type_id(n, TYPE_BOOL);
}

#define TEXT(sign, binds, evals, any_case)                                             \
	{                                                                              \
		.name = (sign), .min_args = 2, .max_args = 2, .is_strict = true,       \
		.bind = (binds), .eval = (evals), .tag = (any_case)                    \
	}

static const struct function rows[] = {
	TEXT("||", bind_concat, eval_concat, false),
	TEXT("like", bind_like, eval_like, false),
	TEXT("ilike", bind_like, eval_like, true),
};

const struct function_table text_functions = {rows, sizeof(rows) / sizeof(rows[0])};
