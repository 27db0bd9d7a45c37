// SPDX-License-Identifier: Apache-2.0
/*
 * op_priv.h: what the operators share.
 */
#ifndef LANCEFS_EXPR_OP_PRIV_H
#define LANCEFS_EXPR_OP_PRIV_H

#include "expr/bind_priv.h"

/* Values as buffers hold them: of any alignment. */
typedef int8_t __attribute__((aligned(1), may_alias)) any_i8;
typedef uint8_t __attribute__((aligned(1), may_alias)) any_u8;
typedef int16_t __attribute__((aligned(1), may_alias)) any_i16;
typedef uint16_t __attribute__((aligned(1), may_alias)) any_u16;
typedef int32_t __attribute__((aligned(1), may_alias)) any_i32;
typedef uint32_t __attribute__((aligned(1), may_alias)) any_u32;
typedef int64_t __attribute__((aligned(1), may_alias)) any_i64;
typedef uint64_t __attribute__((aligned(1), may_alias)) any_u64;
typedef float __attribute__((aligned(1), may_alias)) any_f32;
typedef double __attribute__((aligned(1), may_alias)) any_f64;
typedef __int128 __attribute__((aligned(1), may_alias)) any_i128;

enum arithmetic { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_REM };

/* "int32 + string": types that do not go together. */
MUST_CHECK struct err *bind_pair_err(const struct binder *b, const struct node *n);
/* Bring both arguments to a type; EINVAL as above if it is NULL. */
MUST_CHECK struct err *bind_both(struct binder *b, struct node *n, struct type *to);

/* + and its like of decimals and of times: *ret_done tells whether they are. */
MUST_CHECK struct err *bind_decimals(struct binder *b, struct node *n, bool *ret_done);
MUST_CHECK struct err *bind_times(struct binder *b, struct node *n, bool *ret_done);

/* <0, 0, >0: two non-null values of one type, floats by total order. */
int values_compare(const struct array *a, uint64_t i, const struct array *b,
		   uint64_t j);
/* A literal zero of a float type, of either sign. */
bool is_float_zero(const struct array *value);

/* An array of bool: its bits are all zero. */
MUST_CHECK struct err *new_bools(const struct call *c, struct array **ret);

#endif
