// SPDX-License-Identifier: Apache-2.0
/*
 * fn_math_priv.h: functions of numbers, by file; fn_math.c has their table.
 */
#ifndef LANCEFS_EXPR_FN_MATH_PRIV_H
#define LANCEFS_EXPR_FN_MATH_PRIV_H

#include "expr/fn_priv.h"

/* Into an array of floats of any width. */
void store_real(struct array *a, uint64_t row, double v);

/* fn_math_round.c */
struct err *bind_whole(struct binder *b, struct node *n);
struct err *bind_round(struct binder *b, struct node *n);
struct err *bind_trunc(struct binder *b, struct node *n);
eval_fn eval_abs, eval_ceil, eval_floor, eval_round, eval_trunc;

#endif
