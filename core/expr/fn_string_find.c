// SPDX-License-Identifier: Apache-2.0
/*
 * fn_string_find.c: strings in strings, and how far they are apart.
 */
#include "expr/fn_string_priv.h"

#include <errno.h>
#include <string.h>

/* The character where it is found, from 1; 0 nowhere. */
static struct err *strpos_row(const struct call *c, uint64_t row, int64_t *ret)
{
	struct str s = arg_str(c, 0, row);
	uint64_t at = find_bytes(s, 0, arg_str(c, 1, row));
	*ret = at == UINT64_MAX ? 0 : (int64_t)count_chars((struct str){s.p, at}) + 1;
	return NULL;
}

struct err *eval_strpos(const struct call *c, struct array **ret)
{
	return each_int(c, strpos_row, ret);
}

static bool contains_row(const struct call *c, uint64_t row)
{
	return find_bytes(arg_str(c, 0, row), 0, arg_str(c, 1, row)) != UINT64_MAX;
}

struct err *eval_contains(const struct call *c, struct array **ret)
{
	return each_bool(c, contains_row, ret);
}

static bool starts_row(const struct call *c, uint64_t row)
{
	struct str s = arg_str(c, 0, row), with = arg_str(c, 1, row);
	s.len = MIN_OF(s.len, with.len);
	return str_equal(s, with);
}

struct err *eval_starts_with(const struct call *c, struct array **ret)
{
	return each_bool(c, starts_row, ret);
}

static bool ends_row(const struct call *c, uint64_t row)
{
	struct str s = arg_str(c, 0, row), with = arg_str(c, 1, row);
	uint64_t skipped = s.len - MIN_OF(s.len, with.len);
	return str_equal((struct str){s.p + skipped, s.len - skipped}, with);
}

struct err *eval_ends_with(const struct call *c, struct array **ret)
{
	return each_bool(c, ends_row, ret);
}

/* Of a list with commas the number of the member that is equal; 0 none. */
static struct err *set_row(const struct call *c, uint64_t row, int64_t *ret)
{
	struct str s = arg_str(c, 0, row), list = arg_str(c, 1, row);
	const struct str comma = {(const uint8_t *)",", 1};
	uint64_t from = 0;
	*ret = 0;
	for (int64_t n = 1;; n++) {
		uint64_t at = find_bytes(list, from, comma);
		uint64_t end = at == UINT64_MAX ? list.len : at;
		if (str_equal(s, (struct str){list.p + from, end - from})) {
			*ret = n;
			return NULL;
		}
		if (at == UINT64_MAX)
			return NULL;
		from = at + 1;
	}
}

struct err *eval_find_in_set(const struct call *c, struct array **ret)
{
	return each_int(c, set_row, ret);
}

/* --- Levenshtein's distance --- */

/* Steps of work that one pair of texts may take. */
#define DISTANCE_STEPS_MAX (UINT64_C(1) << 32)

static struct err *decode(struct str s, uint32_t **ret, size_t *ret_n)
{
	size_t n = 0;
	TRY(mem_array(s.len + 1, sizeof(uint32_t), ret));
	for (uint64_t at = 0; at < s.len; at += char_len(s.p[at]))
		(*ret)[n++] = char_code(s.p + at);
	*ret_n = n;
	return NULL;
}

/* One row of the matrix at a time; costs[j] is that of the first j of b. */
static size_t distance(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b,
		       size_t *costs)
{
	for (size_t j = 0; j <= n_b; j++)
		costs[j] = j;
	for (size_t i = 0; i < n_a; i++) {
		size_t diagonal = costs[0];
		costs[0] = i + 1;
		for (size_t j = 0; j < n_b; j++) {
			size_t change = diagonal + (a[i] != b[j]);
			size_t step = MIN_OF(costs[j], costs[j + 1]) + 1;
			diagonal = costs[j + 1];
			costs[j + 1] = MIN_OF(change, step);
		}
	}
	return costs[n_b];
}

static struct err *levenshtein_row(const struct call *c, uint64_t row, int64_t *ret)
{
	AUTO_MEM uint32_t *a = NULL;
	AUTO_MEM uint32_t *b = NULL;
	AUTO_MEM size_t *costs = NULL;
	size_t n_a, n_b;
	struct str s = arg_str(c, 0, row), t = arg_str(c, 1, row);
	TRY(decode(s, &a, &n_a));
	TRY(decode(t, &b, &n_b));
	if (n_a && n_b > DISTANCE_STEPS_MAX / n_a)
		return call_err(c, row, "texts too long for a distance");
	TRY(mem_array(n_b + 1, sizeof(*costs), &costs));
	*ret = (int64_t)distance(a, n_a, b, n_b, costs);
	return NULL;
}

struct err *eval_levenshtein(const struct call *c, struct array **ret)
{
	return each_int(c, levenshtein_row, ret);
}
