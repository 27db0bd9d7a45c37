// SPDX-License-Identifier: Apache-2.0
/*
 * fn_string_case.c: lower, upper and initcap.
 *
 * A column of ASCII alone, which most are, is mapped as one run of bytes; the rest by
 * Unicode's full mappings ('ß' becomes 'SS'), without regard to any language.
 */
#include "expr/fn_string_priv.h"

#include <unicase.h>
#include <unictype.h>

#include <errno.h>
#include <string.h>

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Letters from `first` to `first + 25` have their case changed. */
static void map_ascii(const uint8_t *src, uint8_t *dst, uint64_t n, uint8_t first)
{
	uint64_t i = 0;
	for (; i + 16 <= n; i += 16) {
		bytes16 v;
		memcpy(&v, src + i, sizeof(v));
		v ^= (bytes16)((v - first) < 26) & 0x20;
		memcpy(dst + i, &v, sizeof(v));
	}
	for (; i < n; i++)
		dst[i] = (uint8_t)(src[i] ^ ((uint8_t)(src[i] - first) < 26) << 5);
}

static struct err *case_ascii(const struct call *c, uint8_t first, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	const struct array *a = c->args[0].array;
	TRY(array_new(c->node->type, a->n_rows, &out));
	out->validity = bytes_ref(a->validity);
	out->offsets = bytes_ref(a->offsets);
	TRY(bytes_new(a->data ? a->data->len : 0, &out->data));
	if (a->data)
		map_ascii(a->data->data, out->data->data, a->data->len, first);
	*ret = TAKE(out);
	return NULL;
}

typedef uint8_t *map_fn(const uint8_t *s, size_t n, const char *language,
			uninorm_t form, uint8_t *buf, size_t *len);

static struct err *map_text(struct str s, map_fn *map, struct buf *out)
{
	size_t len = 0;
	if (s.len == 0)
		return NULL;
	/* no buffer given: it makes one */
	uint8_t *mapped = map(s.p, s.len, NULL, NULL, NULL, &len);
	if (!mapped)
		return err_new(errno ? errno : EINVAL, "no mapping of case");
	buf_append(out, mapped, len);
	free(mapped);
	return NULL;
}

/* Characters that become several, or go by what is around them; some more of their
 * blocks do not matter. */
static bool is_special(uint32_t code, bool to_lower)
{
	if (to_lower)
		return code == 0x130 || code == 0x3a3;
	return code == 0xdf || code == 0x149 || code == 0x1f0 || code == 0x390 ||
	       code == 0x3b0 || code == 0x587 || (code >= 0x1e96 && code <= 0x1e9a) ||
	       (code >= 0x1f00 && code <= 0x1fff) || (code >= 0xfb00 && code <= 0xfb17);
}

/* Character by character.  False, and nothing appended: there are special ones. */
static bool map_simple(struct str s, bool to_lower, struct buf *out)
{
	size_t start = out->len;
	uint8_t first = to_lower ? 'A' : 'a';
	for (uint64_t at = 0; at < s.len;) {
		uint8_t c = s.p[at];
		if (c < 0x80) {
			uint64_t n = 1;
			while (at + n < s.len && s.p[at + n] < 0x80)
				n++;
			uint8_t *dst = buf_room(out, n);
			if (dst)
				map_ascii(s.p + at, dst, n, first);
			at += n;
			continue;
		}
		uint32_t code = char_code(s.p + at);
		if (is_special(code, to_lower)) {
			out->len = start;
			return false;
		}
		put_char(out, to_lower ? uc_tolower(code) : uc_toupper(code));
		at += char_len(c);
	}
	return true;
}

static struct err *lower_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	return map_simple(s, true, out) ? NULL : map_text(s, u8_tolower, out);
}

static struct err *upper_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	return map_simple(s, false, out) ? NULL : map_text(s, u8_toupper, out);
}

struct err *eval_lower(const struct call *c, struct array **ret)
{
	if (array_is_ascii(c->args[0].array))
		return case_ascii(c, 'A', ret);
	return each_text(c, lower_row, ret);
}

struct err *eval_upper(const struct call *c, struct array **ret)
{
	if (array_is_ascii(c->args[0].array))
		return case_ascii(c, 'a', ret);
	return each_text(c, upper_row, ret);
}

/* Letters and digits make words. */
static bool is_word_char(uint32_t code)
{
	return uc_is_property_alphabetic(code) ||
	       uc_is_general_category_withtable(code, UC_CATEGORY_MASK_N);
}

/* Each character by itself: context does not count. */
static struct err *initcap_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	bool in_word = false;
	while (s.len) {
		struct str one = {s.p, char_len(*s.p)};
		TRY(map_text(one, in_word ? u8_tolower : u8_toupper, out));
		in_word = is_word_char(char_code(s.p));
		s.p += one.len;
		s.len -= one.len;
	}
	return NULL;
}

struct err *eval_initcap(const struct call *c, struct array **ret)
{
	return each_text(c, initcap_row, ret);
}
