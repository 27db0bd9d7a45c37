// SPDX-License-Identifier: Apache-2.0
/*
 * coerce_priv.h: types that operators and conditions bring their operands to.
 */
#ifndef LANCEFS_EXPR_COERCE_PRIV_H
#define LANCEFS_EXPR_COERCE_PRIV_H

#include "expr/expr_priv.h"

/* Dates, times of day, timestamps, durations. */
bool type_is_time(const struct type *t);
/* For arithmetic, without decimals. */
MUST_CHECK struct err *coerce_numbers(struct type *a, struct type *b,
				      struct type **ret);
/* For & | ^ << >>. */
MUST_CHECK struct err *coerce_bits(struct type *a, struct type *b, struct type **ret);
/* Timestamps of one unit, dates with times. */
MUST_CHECK struct err *coerce_times(struct type *a, struct type *b, struct type **ret);
MUST_CHECK struct err *coerce_strings(struct type *a, struct type *b,
				      struct type **ret);
MUST_CHECK struct err *coerce_like(struct type *a, struct type *b, struct type **ret);
/* A number's decimal, of the width of `like`. */
MUST_CHECK struct err *coerce_to_decimal(struct type *t, const struct type *like,
					 struct type **ret);
/* For coalesce, greatest, make_array. */
MUST_CHECK struct err *coerce_resolve(struct type *a, struct type *b,
				      struct type **ret);

#endif
