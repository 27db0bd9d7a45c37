// SPDX-License-Identifier: Apache-2.0
/*
 * fn_string_trim.c: characters taken off the ends, or put there.
 */
#include "expr/fn_string_priv.h"

#include <string.h>

/* Is the character at p one of set? */
static bool is_in_set(const uint8_t *p, struct str set)
{
	uint64_t len = char_len(*p);
	for (uint64_t at = 0; at < set.len; at += char_len(set.p[at]))
		if (char_len(set.p[at]) == len && memcmp(set.p + at, p, len) == 0)
			return true;
	return false;
}

static const uint8_t *last_char(struct str s)
{
	const uint8_t *p = s.p + s.len - 1;
	while (p > s.p && (*p & 0xc0) == 0x80)
		p--;
	return p;
}

static struct err *trim_row(const struct call *c, uint64_t row, struct buf *out)
{
	int ends = c->node->fn->tag;
	struct str s = arg_str(c, 0, row), set = {(const uint8_t *)" ", 1};
	if (c->n_args > 1)
		set = arg_str(c, 1, row);
	while (ends & TRIM_LEFT && s.len && is_in_set(s.p, set)) {
		uint64_t len = char_len(*s.p);
		s.p += len;
		s.len -= len;
	}
	while (ends & TRIM_RIGHT && s.len && is_in_set(last_char(s), set))
		s.len = (uint64_t)(last_char(s) - s.p);
	buf_append(out, s.p, s.len);
	return NULL;
}

struct err *eval_trim(const struct call *c, struct array **ret)
{
	return each_text(c, trim_row, ret);
}

/* One that may be loaded beyond, as those of arrays. */
static struct str one_blank(void)
{
	static const uint8_t blank[80] = " ";
	return (struct str){blank, 1};
}

/* n characters of fill, again and again. */
static void put_fill(struct str fill, uint64_t n, struct buf *out)
{
	uint64_t n_fill = count_chars(fill);
	for (; n >= n_fill; n -= n_fill)
		buf_append(out, fill.p, fill.len);
	buf_append(out, fill.p, char_offset(fill, n));
}

static struct err *pad_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row), fill = one_blank();
	int64_t wanted = arg_i64(c, 1, row);
	if (c->n_args > 2)
		fill = arg_str(c, 2, row);
	uint64_t n = wanted < 0 ? 0 : (uint64_t)wanted, have = count_chars(s);
	if (n <= have) {
		buf_append(out, s.p, char_offset(s, n));
		return NULL;
	}
	if (fill.len)
		TRY(check_text_len(c, row, n));
	if (c->node->fn->tag == TRIM_LEFT && fill.len)
		put_fill(fill, n - have, out);
	buf_append(out, s.p, s.len);
	if (c->node->fn->tag == TRIM_RIGHT && fill.len)
		put_fill(fill, n - have, out);
	return NULL;
}

struct err *eval_pad(const struct call *c, struct array **ret)
{
	return each_text(c, pad_row, ret);
}
