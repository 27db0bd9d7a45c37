// SPDX-License-Identifier: Apache-2.0
/*
 * fn_priv.h: what the files of functions share: signatures and loops over rows.
 */
#ifndef LANCEFS_EXPR_FN_PRIV_H
#define LANCEFS_EXPR_FN_PRIV_H

#include "expr/expr_priv.h"

typedef struct err *eval_fn(const struct call *c, struct array **ret);

/*
 * Bind by the row's signature: a letter for each argument, '>', one for the result.
 *
 *   s  a string             t  anything, made a string
 *   i  an integer → int64   I  the same, but for uint64      z  an integer as it is
 *   k  an int32 or int64, made int64
 *   d  a number → float64   F  a float32, or a number → float64
 *   h  a float, or a number → float64       m  a number as it is
 *   a  anything             y  a string or bytes             b  a boolean
 *   ?  those after it may be left out       *  the last letter repeats
 *
 *   s  string   b  bool   i  int32   l  int64   d  float64   y  binary
 *   0  the type of argument 0; t: its kind of string; n: int32, or int64 if it is large
 *   L  a string, large if any is; N: int32, int64 if any is
 *   A  a string, large if all are, and integers were int64; M: int32, int64 so
 *   E  a string, large if argument 0 is and integers were int64; T: and no other is
 */
MUST_CHECK struct err *bind_signature(struct binder *b, struct node *n);

/* Can values become that type without being asked for?  Text takes anything. */
bool type_widens(enum type_id into, const struct type *from);
/* All arguments from `first` on become the first of the candidate types that all can
 * become; if they have one of them already, that.  EINVAL: wanted says what. */
MUST_CHECK struct err *bind_uniform(struct binder *b, struct node *n, size_t first,
				    const enum type_id *candidates, size_t n_candidates,
				    const char *wanted);
/* All arguments from `first` on become their common type for comparisons, or of a
 * union.  EINVAL if they have none. */
MUST_CHECK struct err *bind_comparable(struct binder *b, struct node *n, size_t first,
				       struct type **ret);
MUST_CHECK struct err *bind_union(struct binder *b, struct node *n, size_t first,
				  struct type **ret);
/* The same by the narrower rules of lists: numbers and texts are numbers. */
MUST_CHECK struct err *bind_resolved(struct binder *b, struct node *n, size_t first,
				     struct type **ret);

/* The text of an argument. */
struct str {
	const uint8_t *p;
	uint64_t len;
};

static inline struct str arg_str(const struct call *c, size_t i, uint64_t row)
{
	struct str s;
	s.p = vec_bytes(&c->args[i], row, &s.len);
	return s;
}

static inline int64_t arg_i64(const struct call *c, size_t i, uint64_t row)
{
	return array_i64(c->args[i].array, vec_row(&c->args[i], row));
}

static inline double arg_f64(const struct call *c, size_t i, uint64_t row)
{
	return array_f64(c->args[i].array, vec_row(&c->args[i], row));
}

static inline bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && (!a.len || __builtin_memcmp(a.p, b.p, a.len) == 0);
}

/* --- loops over the wanted rows --- */

/* Append the value of a row. */
typedef struct err *text_row_fn(const struct call *c, uint64_t row, struct buf *out);
MUST_CHECK struct err *each_text(const struct call *c, text_row_fn *fn,
				 struct array **ret);
/* Into an integer of any width. */
typedef struct err *int_row_fn(const struct call *c, uint64_t row, int64_t *ret);
MUST_CHECK struct err *each_int(const struct call *c, int_row_fn *fn,
				struct array **ret);
typedef bool bool_row_fn(const struct call *c, uint64_t row);
MUST_CHECK struct err *each_bool(const struct call *c, bool_row_fn *fn,
				 struct array **ret);
/* A row without a value, of a function that is not strict. */
MUST_CHECK struct err *set_null(struct array *a, uint64_t row);
/* Store an integer of the array's width. */
void store_int(struct array *a, uint64_t row, int64_t v);
/* A node of argument i as the whole result: for functions that another says. */
bool arg_is_null_literal(const struct node *n, size_t i);

/* Bytes that one text which a function makes may have. */
#define TEXT_BYTES_MAX ((uint64_t)64 << 20)
/* EINVAL if a text of so many is too long. */
MUST_CHECK struct err *check_text_len(const struct call *c, uint64_t row, uint64_t len);

/* --- comparing values (fn_compare.c) --- */

/* Less than, equal to or greater than 0; floats in total order, false before true,
 * nulls in lists before all.  Both types are the same; the rows are not null. */
int value_compare(const struct array *a, uint64_t i, const struct array *b, uint64_t j);
bool type_is_ordered(const struct type *t); /* value_compare knows it */

/* --- characters of UTF-8, which strings are (fn_chars.c) --- */

bool bytes_are_ascii(const uint8_t *p, uint64_t len);
/* All bytes of an array of strings. */
bool array_is_ascii(const struct array *a);
uint64_t count_chars(struct str s);
/* Of all strings, into integers as wide as their offsets; bytes times a factor. */
void array_count_chars(const struct array *a, struct array *out);
void array_count_bytes(const struct array *a, uint64_t factor, struct array *out);
/* Byte where character n (from 0) begins; s.len if there are not so many. */
uint64_t char_offset(struct str s, uint64_t n);
/* Bytes of the character that begins with this byte. */
static inline uint64_t char_len(uint8_t first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
uint32_t char_code(const uint8_t *p);
void put_char(struct buf *out, uint32_t code);
/* Where needle is in s, at or after byte `from`; UINT64_MAX: nowhere. */
uint64_t find_bytes(struct str s, uint64_t from, struct str needle);
uint64_t find_bytes_last(struct str s, uint64_t end, struct str needle);

#endif
