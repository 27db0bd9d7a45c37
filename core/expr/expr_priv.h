// SPDX-License-Identifier: Apache-2.0
/*
 * expr_priv.h: the tree of an expression, and what a function is to it.
 */
#ifndef LANCEFS_EXPR_EXPR_PRIV_H
#define LANCEFS_EXPR_EXPR_PRIV_H

#include "expr/expr.h"

struct function;

/* --- the tree --- */

/* Levels that expressions may nest: recursion is bounded. */
#define EXPR_DEPTH 256

enum node_kind {
	NODE_COLUMN,  /* a column of the scope */
	NODE_LITERAL, /* a constant: .value is an array of one row */
	NODE_CALL,    /* a function or an operator */
};

/* Where a node stands in the text, in bytes. */
struct place {
	uint32_t at, len;
};

struct node {
	enum node_kind kind;
	struct place place;
	struct type *type; /* owned reference; NULL until it is bound */

	/* a column */
	char **path; /* owned; before binding: the names a.b.c as they are spelled */
	size_t n_path;
	bool is_quoted; /* its case counts */
	size_t input;	/* after: which input of the expression */

	struct array *value; /* a literal; owned reference */

	/* a call */
	const struct function *fn;
	char *name;	    /* owned; as it was spelled */
	bool is_function;   /* written as NAME(…) */
	struct type *to;    /* a cast's target; owned reference, else NULL */
	struct node **args; /* owned */
	size_t n_args;
	void *state; /* what fn->prepare made; released by fn->release */
};

MUST_CHECK struct err *expr_node_new(enum node_kind kind, struct place place,
				     struct node **ret);
void expr_node_free(struct node *n); /* accepts NULL */
DEFINE_AUTO(node, expr_node_free)

/* A literal of one value; takes nothing. */
MUST_CHECK struct err *node_new_literal(struct array *value, struct place place,
					struct node **ret);
/* A call of fn with room for n_args, which are NULL. */
MUST_CHECK struct err *node_new_call(const struct function *fn, size_t n_args,
				     struct place place, struct node **ret);
bool node_is_null_literal(const struct node *n);

/* --- evaluation --- */

/* The values of an argument: n_rows of them, or one that stands for all. */
struct vec {
	struct array *array;
	bool is_scalar;
};

/* One call being evaluated. */
struct call {
	const struct node *node; /* node->type is what to make */
	const struct vec *args;
	size_t n_args;
	uint64_t n_rows;    /* rows to make; 1 if all arguments are scalars */
	bool is_constant;   /* all arguments are scalars */
	uint64_t first_row; /* for messages, as are .rows and .text */
	const uint64_t *rows;
	const char *text;
	/* Which rows to compute, a bit a row, or NULL: all.  The others are null
	 * whatever is made of them: of strict functions, where an argument is null. */
	const uint8_t *valid;
};

/* The row of argument i that belongs to a row of the call. */
static inline uint64_t vec_row(const struct vec *v, uint64_t row)
{
	return v->is_scalar ? 0 : row;
}

static inline bool vec_is_null(const struct vec *v, uint64_t row)
{
	return array_is_null(v->array, vec_row(v, row));
}

static inline bool call_wants(const struct call *c, uint64_t row)
{
	return !c->valid || bit_get(c->valid, row);
}

/* The bytes of a string or binary argument. */
static inline const uint8_t *vec_bytes(const struct vec *v, uint64_t row,
				       uint64_t *ret_len)
{
	return array_var(v->array, vec_row(v, row), ret_len);
}

/* EINVAL "row N: …" for a row of the call, with a caret under it. */
MUST_CHECK struct err *call_err(const struct call *c, uint64_t row, const char *fmt,
				...) PRINTF_LIKE(3, 4);

struct eval; /* a batch being evaluated (eval.c) */

/* --- functions --- */

struct binder;

/*
 * A function or an operator.
 *
 * bind    given a call whose arguments are bound: checks their types, has casts put
 *         around them (bind_cast), sets n->type.
 * prepare after bind and after constants were folded, for work that is done once: a
 *         pattern that is a literal is compiled into n->state.  May be NULL.
 * eval    makes an array of c->n_rows of c->node->type.  Of a strict function the
 *         nulls of the arguments are laid over the result by the caller, who also
 *         counts; eval skips rows that call_wants() is false for if they could fail,
 *         and may leave anything in their slots of fixed width, but no bytes in those
 *         of variable width.  Others set validity themselves; n_nulls is always
 *         counted by the caller.
 */
struct function {
	const char *name; /* lower case; operators are named by their sign */
	unsigned min_args, max_args;
	bool is_strict;	  /* null if an argument is */
	bool is_volatile; /* not folded: random, uuid */
	bool can_fail; /* for some rows: then it is computed where it is wanted only */
	bool reads_nulls_only; /* of its arguments no values */
	struct err *(*bind)(struct binder *b, struct node *n);
	struct err *(*prepare)(struct binder *b, struct node *n);
	void (*release)(void *state);
	struct err *(*eval)(const struct call *c, struct array **ret);
	/* Instead of eval, for those that do not evaluate each argument for all rows.
	 */
	struct err *(*eval_lazy)(const struct node *n, const struct eval *e,
				 struct vec *ret);
	/* Distinguishes rows that share functions above. */
	int tag;
	/* What bind_signature() asks for and makes; see fn_priv.h. */
	const char *signature;
};

#define ANY_ARGS 1000u

struct function_table {
	const struct function *rows;
	size_t n;
};

/* The tables, one a file; functions.c lists them. */
extern const struct function_table operator_functions, compare_functions,
	logic_functions, case_functions, text_functions, in_functions,
	condition_functions, string_functions, pattern_functions, math_functions,
	time_functions, hash_functions, array_functions, struct_functions;

/* By name in any case; NULL. */
const struct function *function_find(const char *name);
/* The one of that name, which is there: for operators. */
const struct function *function_get(const char *name);

/* --- binding: for functions --- */

/* EINVAL with a caret under the node's place. */
MUST_CHECK struct err *bind_err(const struct binder *b, const struct node *n,
				const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "function 'lower' takes a string, not int32", under argument i. */
MUST_CHECK struct err *bind_arg_err(const struct binder *b, const struct node *n,
				    size_t i, const char *wanted);
/* Make argument i of another type: by a cast around it if it has not got it; a literal
 * is converted at once.  EINVAL if there is no cast. */
MUST_CHECK struct err *bind_cast(struct binder *b, struct node *n, size_t i,
				 struct type *to);
MUST_CHECK struct err *bind_cast_id(struct binder *b, struct node *n, size_t i,
				    enum type_id to);
/* Argument i shall be a string (of either width; null becomes one): EINVAL.  ret says
 * whether it is a large one; may be NULL. */
MUST_CHECK struct err *bind_string(struct binder *b, struct node *n, size_t i,
				   bool *ret_is_large);
/* An integer, made int64. */
MUST_CHECK struct err *bind_integer(struct binder *b, struct node *n, size_t i);
/* Set n->type: takes nothing. */
void bind_type(struct node *n, struct type *type);
MUST_CHECK struct err *bind_type_id(struct node *n, enum type_id id);
/* The literal value of argument i, NULL if it is none. */
const struct array *bind_literal(const struct node *n, size_t i);

/* --- types (coerce.c): NULL in *ret if there is no common type --- */

bool type_is_number(const struct type *t); /* integers, floats, decimals */
bool type_is_decimal(const struct type *t);
MUST_CHECK struct err *coerce_comparison(struct type *a, struct type *b,
					 struct type **ret);
MUST_CHECK struct err *coerce_union(struct type *a, struct type *b, struct type **ret);
MUST_CHECK struct err *type_new_decimal(int32_t precision, int32_t scale,
					struct type **ret);
MUST_CHECK struct err *type_new_unit(enum type_id id, enum time_unit unit,
				     const char *zone, struct type **ret);
MUST_CHECK struct err *type_new_list(struct type *item, struct type **ret);
/*
 * An interval is a struct of months, days (int32) and nanoseconds (int64), which only
 * INTERVAL '…' makes: Lance has no column of it.
 */
MUST_CHECK struct err *type_new_interval(struct type **ret);
bool type_is_interval(const struct type *t);

/* --- making arrays (build.c) --- */

/* Of fixed width (or bool), zeroed, without nulls. */
MUST_CHECK struct err *new_fixed(struct type *t, uint64_t n_rows, struct array **ret);
/* Give it a bitmap of all ones, if it has none, to clear bits in. */
MUST_CHECK struct err *array_allow_nulls(struct array *a);

/* Strings or bytes, row by row. */
struct text_builder {
	struct array *array; /* owned until taken */
	struct buf data;
	uint64_t n;
};
MUST_CHECK struct err *text_begin(struct text_builder *b, struct type *t,
				  uint64_t n_rows);
/* End the row that was appended to b->data.  EOVERFLOW past 2 GiB of a small string. */
MUST_CHECK struct err *text_row(struct text_builder *b);
/* A null row. */
MUST_CHECK struct err *text_null(struct text_builder *b);
/* Take the array; EINVAL if rows are missing. */
MUST_CHECK struct err *text_take(struct text_builder *b, struct array **ret);
void text_fini(struct text_builder *b);
static inline void auto_text(struct text_builder *b)
{
	text_fini(b);
}
#define AUTO_TEXT __attribute__((cleanup(auto_text)))

/* A character as case folding leaves it, alone: for comparisons without case. */
uint32_t unicode_fold(uint32_t c);

/* The value of a row as a number; the type is an integer, float or bool. */
int64_t array_i64(const struct array *a, uint64_t row);
double array_f64(const struct array *a, uint64_t row);

/* The value of a call whose arguments are literals.  text: for messages. */
MUST_CHECK struct err *node_eval_constant(const struct node *n, const char *text,
					  struct array **ret);
/* Can it fail for some rows, or anything below it? */
bool node_can_fail(const struct node *n);

/* --- evaluating (eval.c): for lazy functions --- */

uint64_t eval_rows(const struct eval *e);
/* Argument i for all rows of e. */
MUST_CHECK struct err *eval_arg(const struct node *n, size_t i, const struct eval *e,
				struct vec *ret);
/* The same for the given rows of e only, in that order. */
MUST_CHECK struct err *eval_arg_at(const struct node *n, size_t i, const struct eval *e,
				   const uint64_t *rows, uint64_t n_rows,
				   struct vec *ret);
static inline void vec_fini(struct vec *v)
{
	array_unref(v->array);
	v->array = NULL;
}
static inline void auto_vec(struct vec *v)
{
	if (v->array)
		vec_fini(v);
}
#define AUTO_VEC __attribute__((cleanup(auto_vec)))

#endif
