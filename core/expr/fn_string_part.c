// SPDX-License-Identifier: Apache-2.0
/*
 * fn_string_part.c: parts of strings, counted in characters from 1 or in what stands
 * between delimiters.
 */
#include "expr/fn_string_priv.h"

/* The first n characters; of n < 0 all but the last -n. */
static uint64_t head_len(struct str s, int64_t n)
{
	if (n >= 0)
		return char_offset(s, (uint64_t)n);
	uint64_t have = count_chars(s), off = 0 - (uint64_t)n;
	return off >= have ? 0 : char_offset(s, have - off);
}

static struct err *left_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	buf_append(out, s.p, head_len(s, arg_i64(c, 1, row)));
	return NULL;
}

struct err *eval_left(const struct call *c, struct array **ret)
{
	return each_text(c, left_row, ret);
}

static struct err *right_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	int64_t n = arg_i64(c, 1, row);
	/* all but those that the other end would give */
	uint64_t off = n < 0	? char_offset(s, 0 - (uint64_t)n)
		       : n == 0 ? s.len
				: head_len(s, -n);
	buf_append(out, s.p + off, s.len - off);
	return NULL;
}

struct err *eval_right(const struct call *c, struct array **ret)
{
	return each_text(c, right_row, ret);
}

static struct err *substr_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	int64_t start, end = INT64_MAX, len = c->n_args > 2 ? arg_i64(c, 2, row) : 0;
	if (len < 0)
		return call_err(c, row, "a part of a negative length");
	if (ckd_sub(&start, arg_i64(c, 1, row), (int64_t)1))
		return call_err(c, row, "a part that starts nowhere");
	if (c->n_args > 2 && ckd_add(&end, start, len))
		end = INT64_MAX;
	uint64_t first = char_offset(s, start < 0 ? 0 : (uint64_t)start);
	uint64_t stop = char_offset(s, end < 0 ? 0 : (uint64_t)end);
	if (stop > first)
		buf_append(out, s.p + first, stop - first);
	return NULL;
}

struct err *eval_substr(const struct call *c, struct array **ret)
{
	return each_text(c, substr_row, ret);
}

/* --- between delimiters --- */

/* Part n from the left, from 0; an empty one if there is none. */
static struct str part_from_left(struct str s, struct str delimiter, uint64_t n)
{
	uint64_t from = 0, at;
	for (; (at = find_bytes(s, from, delimiter)) != UINT64_MAX; n--) {
		if (n == 0)
			return (struct str){s.p + from, at - from};
		from = at + delimiter.len;
	}
	return n == 0 ? (struct str){s.p + from, s.len - from} : (struct str){s.p, 0};
}

static struct str part_from_right(struct str s, struct str delimiter, uint64_t n)
{
	uint64_t end = s.len, at;
	for (; (at = find_bytes_last(s, end, delimiter)) != UINT64_MAX; n--) {
		uint64_t from = at + delimiter.len;
		if (n == 0)
			return (struct str){s.p + from, end - from};
		end = at;
	}
	return (struct str){s.p, n == 0 ? end : 0};
}

static struct err *split_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row), delimiter = arg_str(c, 1, row);
	int64_t n = arg_i64(c, 2, row);
	if (n == 0)
		return call_err(c, row, "parts are counted from 1");
	struct str part = s;
	if (delimiter.len == 0)
		part.len = n == 1 || n == -1 ? s.len : 0;
	else if (n > 0)
		part = part_from_left(s, delimiter, (uint64_t)n - 1);
	else
		part = part_from_right(s, delimiter, 0 - (uint64_t)n - 1);
	buf_append(out, part.p, part.len);
	return NULL;
}

struct err *eval_split_part(const struct call *c, struct array **ret)
{
	return each_text(c, split_row, ret);
}

/* What is before the n-th delimiter, or behind the n-th from the right. */
static struct err *index_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row), delimiter = arg_str(c, 1, row);
	int64_t n = arg_i64(c, 2, row);
	uint64_t from = 0, end = s.len, at;
	if (delimiter.len == 0 || n == 0)
		return NULL;
	if (n > 0) {
		at = find_bytes(s, 0, delimiter);
		while (at != UINT64_MAX && --n > 0)
			at = find_bytes(s, at + delimiter.len, delimiter);
		end = at == UINT64_MAX ? s.len : at;
	} else {
		at = find_bytes_last(s, s.len, delimiter);
		while (at != UINT64_MAX && ++n < 0)
			at = find_bytes_last(s, at, delimiter);
		from = at == UINT64_MAX ? 0 : at + delimiter.len;
	}
	buf_append(out, s.p + from, end - from);
	return NULL;
}

struct err *eval_substr_index(const struct call *c, struct array **ret)
{
	return each_text(c, index_row, ret);
}

/* From character `start` on, `n` are replaced; by default as many as the new are. */
static struct err *overlay_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row), with = arg_str(c, 1, row);
	int64_t start = arg_i64(c, 2, row), end;
	int64_t n = c->n_args > 3 ? arg_i64(c, 3, row) : (int64_t)count_chars(with);
	if (start < 1)
		return call_err(c, row, "characters are counted from 1");
	if (ckd_add(&end, start - 1, n))
		end = INT64_MAX;
	buf_append(out, s.p, char_offset(s, (uint64_t)start - 1));
	buf_append(out, with.p, with.len);
	uint64_t rest = char_offset(s, end < 0 ? 0 : (uint64_t)end);
	buf_append(out, s.p + rest, s.len - rest);
	return NULL;
}

struct err *eval_overlay(const struct call *c, struct array **ret)
{
	return each_text(c, overlay_row, ret);
}
