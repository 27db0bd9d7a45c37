// SPDX-License-Identifier: Apache-2.0
/*
 * fn_string_make.c: strings made of others.
 */
#include "expr/fn_string_priv.h"

#include <errno.h>
#include <string.h>

/* --- joined: nulls among them are left out --- */

static struct err *put_limited(const struct call *c, uint64_t row, struct str s,
			       size_t start, struct buf *out)
{
	buf_append(out, s.p, s.len);
	return check_text_len(c, row, out->len - start);
}

static struct err *concat_row(const struct call *c, uint64_t row, struct buf *out)
{
	size_t start = out->len;
	for (size_t i = 0; i < c->n_args; i++)
		if (!vec_is_null(&c->args[i], row))
			TRY(put_limited(c, row, arg_str(c, i, row), start, out));
	return NULL;
}

struct err *eval_concat(const struct call *c, struct array **ret)
{
	return each_text(c, concat_row, ret);
}

static struct err *join_row(const struct call *c, uint64_t row, struct buf *out)
{
	size_t start = out->len;
	bool is_first = true;
	struct str separator = arg_str(c, 0, row);
	for (size_t i = 1; i < c->n_args; i++) {
		if (vec_is_null(&c->args[i], row))
			continue;
		if (!is_first)
			buf_append(out, separator.p, separator.len);
		is_first = false;
		TRY(put_limited(c, row, arg_str(c, i, row), start, out));
	}
	return NULL;
}

/* Null only where the separator is. */
struct err *eval_concat_ws(const struct call *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	TRY(text_begin(&b, c->node->type, c->n_rows));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		if (!call_wants(c, row) || vec_is_null(&c->args[0], row)) {
			TRY(text_null(&b));
			continue;
		}
		TRY(join_row(c, row, &b.data));
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}

/* --- of one --- */

static struct err *repeat_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	int64_t n = arg_i64(c, 1, row);
	uint64_t len;
	if (n <= 0 || s.len == 0)
		return NULL;
	if (ckd_mul(&len, s.len, (uint64_t)n))
		len = UINT64_MAX;
	TRY(check_text_len(c, row, len));
	while (n-- > 0)
		buf_append(out, s.p, s.len);
	return NULL;
}

struct err *eval_repeat(const struct call *c, struct array **ret)
{
	return each_text(c, repeat_row, ret);
}

/* An empty text is found before each character and at the end. */
static uint64_t next_match(struct str s, uint64_t from, bool is_first, struct str what)
{
	if (what.len || is_first)
		return find_bytes(s, from, what);
	return from < s.len ? from + char_len(s.p[from]) : UINT64_MAX;
}

static struct err *replace_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row), what = arg_str(c, 1, row),
		   with = arg_str(c, 2, row);
	size_t start = out->len;
	uint64_t done = 0, at = next_match(s, 0, true, what);
	while (at != UINT64_MAX) {
		buf_append(out, s.p + done, at - done);
		TRY(put_limited(c, row, with, start, out));
		done = at + what.len;
		at = next_match(s, done, false, what);
	}
	buf_append(out, s.p + done, s.len - done);
	return NULL;
}

struct err *eval_replace(const struct call *c, struct array **ret)
{
	return each_text(c, replace_row, ret);
}

static struct err *reverse_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	uint8_t *dst = buf_room(out, s.len);
	if (!dst)
		return NULL; /* the failure is latched */
	dst += s.len;
	for (uint64_t at = 0; at < s.len;) {
		uint64_t len = char_len(s.p[at]);
		dst -= len;
		memcpy(dst, s.p + at, len);
		at += len;
	}
	return NULL;
}

struct err *eval_reverse(const struct call *c, struct array **ret)
{
	return each_text(c, reverse_row, ret);
}

/* The number of a character among those of a set; UINT64_MAX. */
static uint64_t char_index(struct str set, const uint8_t *p)
{
	uint64_t len = char_len(*p), n = 0;
	for (uint64_t at = 0; at < set.len; at += char_len(set.p[at]), n++)
		if (char_len(set.p[at]) == len && memcmp(set.p + at, p, len) == 0)
			return n;
	return UINT64_MAX;
}

static struct err *translate_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row), from = arg_str(c, 1, row),
		   to = arg_str(c, 2, row);
	for (uint64_t at = 0; at < s.len;) {
		uint64_t len = char_len(s.p[at]), n = char_index(from, s.p + at);
		uint64_t with = n == UINT64_MAX ? to.len : char_offset(to, n);
		if (n == UINT64_MAX)
			buf_append(out, s.p + at, len);
		else if (with < to.len)
			buf_append(out, to.p + with, char_len(to.p[with]));
		at += len;
	}
	return NULL;
}

struct err *eval_translate(const struct call *c, struct array **ret)
{
	return each_text(c, translate_row, ret);
}

/* --- of numbers --- */

static struct err *chr_row(const struct call *c, uint64_t row, struct buf *out)
{
	int64_t code = arg_i64(c, 0, row);
	if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return call_err(c, row, "%lld is no character", (long long)code);
	put_char(out, (uint32_t)code);
	return NULL;
}

struct err *eval_chr(const struct call *c, struct array **ret)
{
	return each_text(c, chr_row, ret);
}

static struct err *hex_row(const struct call *c, uint64_t row, struct buf *out)
{
	buf_printf(out, "%llx", (unsigned long long)arg_i64(c, 0, row));
	return NULL;
}

struct err *eval_to_hex(const struct call *c, struct array **ret)
{
	return each_text(c, hex_row, ret);
}

static struct err *uuid_row(const struct call *c, uint64_t row, struct buf *out)
{
	uint8_t raw[16];
	char text[UUID_TEXT_LEN + 1];
	(void)c;
	(void)row;
	TRY(uuid_new(raw, text));
	buf_str(out, text);
	return NULL;
}

struct err *eval_uuid(const struct call *c, struct array **ret)
{
	return each_text(c, uuid_row, ret);
}
