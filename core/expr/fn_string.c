// SPDX-License-Identifier: Apache-2.0
/*
 * fn_string.c: functions of strings: their table, and lengths.
 * Source: DataFusion's SQL reference, "String Functions".
 */
#include "expr/fn_string_priv.h"

/* --- lengths: of a whole column without a look at its nulls --- */

static struct err *eval_length(const struct call *c, struct array **ret)
{
	TRY(new_fixed(c->node->type, c->n_rows, ret));
	array_count_chars(c->args[0].array, *ret);
	return NULL;
}

/* tag: bits or bytes, so many a byte */
static struct err *eval_octet_length(const struct call *c, struct array **ret)
{
	TRY(new_fixed(c->node->type, c->n_rows, ret));
	array_count_bytes(c->args[0].array, (uint64_t)c->node->fn->tag, *ret);
	return NULL;
}

static struct err *first_code(const struct call *c, uint64_t row, int64_t *ret)
{
	struct str s = arg_str(c, 0, row);
	*ret = s.len ? char_code(s.p) : 0;
	return NULL;
}

static struct err *eval_ascii(const struct call *c, struct array **ret)
{
	return each_int(c, first_code, ret);
}

/* name, least and most arguments, signature, evaluation, tag */
#define ROW(n, least, most, sig, fn, t)                                                \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.is_strict = true, .bind = bind_signature, .signature = (sig),         \
		.eval = (fn), .tag = (t)                                               \
	}
/* The same of one that some values have no result for. */
#define MAY_FAIL(n, least, most, sig, fn, t)                                           \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.is_strict = true, .can_fail = true, .bind = bind_signature,           \
		.signature = (sig), .eval = (fn), .tag = (t)                           \
	}

static const struct function rows[] = {
	ROW("length", 1, 1, "t>n", eval_length, 0),
	ROW("char_length", 1, 1, "t>n", eval_length, 0),
	ROW("character_length", 1, 1, "t>n", eval_length, 0),
	ROW("octet_length", 1, 1, "s>n", eval_octet_length, 1),
	ROW("bit_length", 1, 1, "s>n", eval_octet_length, 8),
	ROW("ascii", 1, 1, "s>i", eval_ascii, 0),
	ROW("lower", 1, 1, "s>t", eval_lower, 0),
	ROW("upper", 1, 1, "s>t", eval_upper, 0),
	ROW("initcap", 1, 1, "s>t", eval_initcap, 0),
	ROW("trim", 1, 2, "s?s>t", eval_trim, TRIM_LEFT | TRIM_RIGHT),
	ROW("btrim", 1, 2, "s?s>t", eval_trim, TRIM_LEFT | TRIM_RIGHT),
	ROW("ltrim", 1, 2, "s?s>t", eval_trim, TRIM_LEFT),
	ROW("rtrim", 1, 2, "s?s>t", eval_trim, TRIM_RIGHT),
	MAY_FAIL("lpad", 2, 3, "tI?t>E", eval_pad, TRIM_LEFT),
	MAY_FAIL("rpad", 2, 3, "tI?t>E", eval_pad, TRIM_RIGHT),
	ROW("left", 2, 2, "tI>s", eval_left, 0),
	ROW("right", 2, 2, "tI>s", eval_right, 0),
	MAY_FAIL("substr", 2, 3, "sk?k>s", eval_substr, 0),
	MAY_FAIL("substring", 2, 3, "sk?k>s", eval_substr, 0),
	MAY_FAIL("split_part", 3, 3, "ssi>t", eval_split_part, 0),
	ROW("substr_index", 3, 3, "ttI>A", eval_substr_index, 0),
	ROW("substring_index", 3, 3, "ttI>A", eval_substr_index, 0),
	MAY_FAIL("overlay", 3, 4, "ttI?I>A", eval_overlay, 0),
	ROW("strpos", 2, 2, "ss>n", eval_strpos, 0),
	ROW("instr", 2, 2, "ss>n", eval_strpos, 0),
	ROW("position", 2, 2, "ss>n", eval_strpos, 0),
	ROW("contains", 2, 2, "ss>b", eval_contains, 0),
	ROW("starts_with", 2, 2, "ss>b", eval_starts_with, 0),
	ROW("ends_with", 2, 2, "ss>b", eval_ends_with, 0),
	MAY_FAIL("levenshtein", 2, 2, "ss>N", eval_levenshtein, 0),
	ROW("find_in_set", 2, 2, "tt>M", eval_find_in_set, 0),
	MAY_FAIL("repeat", 2, 2, "si>t", eval_repeat, 0),
	MAY_FAIL("replace", 3, 3, "sss>L", eval_replace, 0),
	ROW("reverse", 1, 1, "t>t", eval_reverse, 0),
	ROW("translate", 3, 3, "ttt>T", eval_translate, 0),
	MAY_FAIL("chr", 1, 1, "I>s", eval_chr, 0),
	ROW("to_hex", 1, 1, "z>s", eval_to_hex, 0),
	{.name = "concat",
	 .min_args = 1,
	 .max_args = ANY_ARGS,
	 .can_fail = true,
	 .bind = bind_signature,
	 .signature = "t*>A",
	 .eval = eval_concat},
	{.name = "concat_ws",
	 .min_args = 2,
	 .max_args = ANY_ARGS,
	 .can_fail = true,
	 .bind = bind_signature,
	 .signature = "t*>A",
	 .eval = eval_concat_ws},
	{.name = "uuid",
	 .is_volatile = true,
	 .bind = bind_signature,
	 .signature = ">s",
	 .eval = eval_uuid},
};

const struct function_table string_functions = {rows, sizeof(rows) / sizeof(rows[0])};
