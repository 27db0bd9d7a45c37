// SPDX-License-Identifier: Apache-2.0
/*
 * cast_priv.h: what the casts of SQL share.
 *
 * A cast makes a whole array.  A value that has no counterpart goes to cast_misfit: of
 * TRY_CAST it becomes null, else the cast ends with an error.
 */
#ifndef LANCEFS_EXPR_CAST_PRIV_H
#define LANCEFS_EXPR_CAST_PRIV_H

#include "expr/calendar_priv.h"
#include "expr/expr_priv.h"

struct cast {
	struct array *a;
	struct type *to;
	bool is_try;
	uint64_t first_row; /* for messages */
};

/* EINVAL "row N: 'abc' is not int32". */
MUST_CHECK struct err *cast_err(const struct cast *c, uint64_t row);
/* The same, or a null in out if the cast tries. */
MUST_CHECK struct err *cast_misfit(const struct cast *c, struct array *out,
				   uint64_t row);
/* An array of c->to, of fixed width and zeroed, with the nulls of c->a. */
MUST_CHECK struct err *cast_fixed(const struct cast *c, struct array **ret);
/* The array as one of a type of the same width, sharing its buffers. */
MUST_CHECK struct err *cast_reinterpret(struct array *a, struct type *to,
					struct array **ret);
/* One cast after the other: by way of the type id. */
MUST_CHECK struct err *cast_through(const struct cast *c, struct type *middle,
				    struct array **ret);
MUST_CHECK struct err *cast_through_id(const struct cast *c, enum type_id middle,
				       struct array **ret);

typedef struct err *cast_fn(const struct cast *c, struct array **ret);

/* By what is cast (cast_number.c, …). */
cast_fn cast_numbers, cast_to_bool, cast_from_bool;
cast_fn cast_from_decimal, cast_to_decimal, cast_decimals;
cast_fn cast_times;
cast_fn cast_to_text, cast_from_text;

/* Integers, floats. */
bool cast_is_plain_number(const struct type *t);
bool cast_is_time(const struct type *t); /* date, time of day, timestamp, duration */
bool cast_is_clock(const struct type *t);
/* Is there a cast between such types? */
bool cast_times_can(const struct type *from, const struct type *to);

/* The value of a non-null row as SQL shows it; false if it has none. */
bool sql_text(const struct array *a, uint64_t row, const struct zone *zone,
	      struct buf *out);
/* A float of any width without exponent, and without a point if it is whole. */
void sql_text_plain(const struct array *a, uint64_t row, struct buf *out);
/* A float as text: "1.5", "1e20", "NaN". */
void sql_text_double(double v, struct buf *out);

/* A number from all of a text. */
bool sql_read_double(const char *text, size_t len, double *ret);
bool sql_read_integer(const char *text, size_t len, bool is_signed, unsigned bits,
		      uint64_t *ret);

/* --- decimals of 128 bits --- */

typedef __int128 i128;
typedef unsigned __int128 u128;

#define DECIMAL_DIGITS 38

static inline i128 load_i128(const uint8_t *p)
{
	i128 v;
	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store_i128(uint8_t *p, i128 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

/* 10^n, 0 <= n <= 38 */
i128 i128_pow10(unsigned n);
/* |v| < 10^precision */
bool i128_fits(i128 v, int32_t precision);
/* Another scale: halves go away from zero; false if it does not fit. */
bool i128_rescale(i128 v, int32_t from_scale, int32_t to_scale, i128 *ret);

#endif
