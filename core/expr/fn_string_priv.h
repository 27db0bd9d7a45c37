// SPDX-License-Identifier: Apache-2.0
/*
 * fn_string_priv.h: the functions of strings, by file; fn_string.c has their table.
 */
#ifndef LANCEFS_EXPR_FN_STRING_PRIV_H
#define LANCEFS_EXPR_FN_STRING_PRIV_H

#include "expr/fn_priv.h"

/* fn_string_case.c */
eval_fn eval_lower, eval_upper, eval_initcap;
/* fn_string_trim.c: tag says at which ends, TRIM_… */
#define TRIM_LEFT 1
#define TRIM_RIGHT 2
eval_fn eval_trim, eval_pad; /* pad: on the tag's side */
/* fn_string_part.c */
eval_fn eval_left, eval_right, eval_substr, eval_split_part, eval_substr_index,
	eval_overlay;
/* fn_string_find.c */
eval_fn eval_strpos, eval_contains, eval_starts_with, eval_ends_with, eval_levenshtein,
	eval_find_in_set;
/* fn_string_make.c */
eval_fn eval_concat, eval_concat_ws, eval_repeat, eval_replace, eval_reverse,
	eval_translate, eval_chr, eval_to_hex, eval_uuid;

#endif
