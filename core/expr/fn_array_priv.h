// SPDX-License-Identifier: Apache-2.0
/*
 * fn_array_priv.h: the functions of lists, by file; fn_array.c has their table.
 */
#ifndef LANCEFS_EXPR_FN_ARRAY_PRIV_H
#define LANCEFS_EXPR_FN_ARRAY_PRIV_H

#include "expr/fn_priv.h"

/* Items [first, end) of a list's child. */
struct items {
	const struct array *array;
	uint64_t first, end;
};

bool type_is_list(const struct type *t); /* of any kind */
/* Argument i as an index into the list that argument 0 is: EINVAL if lists of that kind
 * cannot have so many items. */
MUST_CHECK struct err *arg_index(const struct call *c, size_t i, uint64_t row,
				 int64_t *ret);
/* The items of argument i in a row that is not null. */
struct items arg_items(const struct call *c, size_t i, uint64_t row);

/*
 * Bind by the row's signature: A a list, E an item, I an int64, S a string; '?' and '*'
 * as in bind_signature.  Items of all get their common type.  Results: b bool, u
 * uint64, e an item, L a list, s string, d float64.
 */
MUST_CHECK struct err *bind_array(struct binder *b, struct node *n);

/* --- making lists (fn_array_make.c) --- */

/* Lists of items that stand in a pool, by their places there. */
struct list_builder {
	struct array *pool; /* owned: the items of all arguments, and a null */
	uint64_t *starts;   /* owned: where the items of an argument are in it */
	uint64_t null;	    /* the place of the null */
	uint64_t *places;   /* owned */
	size_t n_places, cap_places;
	uint64_t *ends;	  /* owned: of lists so far */
	uint8_t *is_null; /* owned: a byte a list */
	uint64_t n_lists;
};

MUST_CHECK struct err *lists_begin(const struct call *c, struct list_builder *b);
/* One more item of the list: number `item` of argument i's array of items; of one that
 * is no list its row. */
MUST_CHECK struct err *lists_add(struct list_builder *b, size_t i, uint64_t item);
MUST_CHECK struct err *lists_add_null(struct list_builder *b);
/* The list is complete, or null. */
void lists_end(struct list_builder *b, bool is_null);
MUST_CHECK struct err *lists_take(const struct call *c, struct list_builder *b,
				  struct array **ret);
void lists_fini(struct list_builder *b);
static inline void auto_lists(struct list_builder *b)
{
	lists_fini(b);
}
#define AUTO_LISTS __attribute__((cleanup(auto_lists)))

/* fn_array_make.c */
eval_fn eval_make_array, eval_array_slice, eval_array_append, eval_array_prepend,
	eval_array_concat, eval_array_sort, eval_array_distinct, eval_array_reverse,
	eval_array_remove_all;
struct err *bind_make_array(struct binder *b, struct node *n);
/* fn_vector.c: tag says which */
enum { VECTOR_L2, VECTOR_COSINE, VECTOR_DOT };
struct err *bind_vectors(struct binder *b, struct node *n);
eval_fn eval_vectors;

#endif
