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

/* Bytes from `first` to `first + 25` have their case changed. */
static void map_ascii(const uint8_t *src, uint8_t *dst, uint64_t n, uint8_t first)
{
	for (uint64_t i = 0; i < n; i++)
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

static struct err *lower_row(const struct call *c, uint64_t row, struct buf *out)
{
	return map_text(arg_str(c, 0, row), u8_tolower, out);
}

static struct err *upper_row(const struct call *c, uint64_t row, struct buf *out)
{
	return map_text(arg_str(c, 0, row), u8_toupper, out);
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
