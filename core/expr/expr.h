// SPDX-License-Identifier: Apache-2.0
/*
 * expr.h: SQL expressions over columns.
 *
 * Text is compiled once against the columns that it may name, then evaluated on
 * batches of them: parse (positions are kept for messages), bind (names, types and
 * the casts between them), fold what is constant, evaluate a node at a time over
 * whole arrays.  A constant is an array of one row that stands for all.
 *
 * The same text gives the values and types that it gives in pylance, whose engine is
 * DataFusion; where Lance's own parser refuses what DataFusion takes, DataFusion is
 * the model.  Integers wrap around, division of integers truncates and fails on zero,
 * comparisons with null are null, floats compare by total order (NaN is the largest
 * and equals itself).
 *
 * To add a function: write its row in the table of one of the fn_*.c files; or a new
 * file with a table, and name that in functions.c.
 *
 * A compiled expression is immutable: any thread may evaluate it.
 *
 * Source: DataFusion's SQL reference, "Scalar Functions" and "Operators and Literals";
 * Lance's guide, "Filtering".
 */
#ifndef LANCEFS_EXPR_EXPR_H
#define LANCEFS_EXPR_EXPR_H

#include "format/format.h"

struct expr;

enum expr_use {
	EXPR_VALUE,  /* any type */
	EXPR_ITEM,   /* the same in a SELECT, where a literal keeps its own type */
	EXPR_FILTER, /* a boolean: which rows */
};

/*
 * Compile text.  Columns are those of fields (borrowed for the call); a name is looked
 * up as it is spelled, then without regard to case.  EINVAL with a caret under the
 * place (see err_caret): a syntax error, an unknown column or function with the nearest
 * name, types that do not go together, a constant that cannot be computed.
 */
MUST_CHECK struct err *expr_compile(const char *text, struct field *const *fields,
				    size_t n_fields, enum expr_use use,
				    struct expr **ret);
/* The same of the len bytes at `at` of a text, which messages show as a whole. */
MUST_CHECK struct err *expr_compile_part(const char *text, size_t at, size_t len,
					 struct field *const *fields, size_t n_fields,
					 enum expr_use use, struct expr **ret);
struct expr *expr_ref(struct expr *e);
void expr_unref(struct expr *e);
DEFINE_AUTO(expr, expr_unref)

/* Cast what it gives to another type, before it is shared.  EINVAL if there is no such
 * cast. */
MUST_CHECK struct err *expr_set_type(struct expr *e, struct type *to);

struct type *expr_type(const struct expr *e); /* borrowed */
/* It is nothing but a column: which of the fields. */
bool expr_is_column(const struct expr *e, size_t *ret);
/* The text that it was compiled of; borrowed. */
const char *expr_text(const struct expr *e);

/*
 * The columns that it reads, as indices into the fields it was compiled with, each
 * once.  Of one that is looked at for its nulls alone no values are needed: the array
 * given may be of TYPE_BOOL with the nulls of the column.
 */
struct expr_input {
	size_t field;
	bool is_nulls_only;
};
size_t expr_n_inputs(const struct expr *e);
struct expr_input expr_input(const struct expr *e, size_t i);

/* A batch of rows. */
struct expr_batch {
	struct array *const *inputs; /* one for each input, in that order; borrowed */
	uint64_t n_rows;
	uint64_t first_row; /* for messages: the number of the batch's first row */
};

/*
 * The values of a batch.  EINVAL naming the first row that cannot be computed ("row 17:
 * division by zero").  ret is the caller's, of n_rows rows.
 */
MUST_CHECK struct err *expr_eval(const struct expr *e, const struct expr_batch *batch,
				 struct array **ret);
/* Of a filter: the rows (within the batch, ascending) for which it is true.  rows has
 * room for n_rows. */
MUST_CHECK struct err *expr_select(const struct expr *e, const struct expr_batch *batch,
				   uint64_t *rows, uint64_t *ret_n);

/* The values of an array as another type, by SQL's rules for CAST (which are Arrow's).
 * With is_try a value that does not fit is null, else EINVAL naming its row, counted
 * from first_row.  EINVAL if there is no such cast. */
MUST_CHECK struct err *sql_cast(struct array *a, struct type *to, bool is_try,
				uint64_t first_row, struct array **ret);
/* Is there such a cast? */
bool sql_can_cast(const struct type *from, const struct type *to);
/* A type by its name in SQL ("BIGINT UNSIGNED", "DECIMAL(10,2)", "VARCHAR") or as
 * lancefs names it; EINVAL. */
MUST_CHECK struct err *sql_type_parse(const char *text, struct type **ret);

/* --- SELECT --- */

struct sql_item {
	char *text;   /* an expression */
	char *name;   /* of the column: AS, or the text */
	uint32_t at;  /* where the expression begins in the text of the SELECT */
	bool is_star; /* all columns */
};

/* SELECT items FROM table [WHERE where] [LIMIT limit [OFFSET offset]] */
struct sql_select {
	struct sql_item *items;
	size_t n;
	bool is_count; /* count(*) is the only item */
	char *table;
	char *where; /* NULL: none */
	uint32_t where_at;
	uint64_t limit, offset; /* UINT64_MAX: no limit */
	bool is_broken;		/* while parsing */
};
/* Cut a SELECT of that form; *ret_found is false for any other text.  Expressions are
 * not looked into. */
MUST_CHECK struct err *sql_select_parse(const char *text, struct sql_select *ret,
					bool *ret_found);
/* Any SELECT with one more item, the first; *ret stays NULL if it is no plain SELECT
 * (UNION, DISTINCT). */
MUST_CHECK struct err *sql_select_with(const char *text, const char *item, char **ret);
/* Whether the whole SELECT has an ORDER BY. */
MUST_CHECK struct err *sql_select_is_ordered(const char *text, bool *ret);
void sql_select_fini(struct sql_select *s); /* accepts zeroed */
static inline void auto_sql_select(struct sql_select *s)
{
	sql_select_fini(s);
}
#define AUTO_SELECT __attribute__((cleanup(auto_sql_select)))

/* Row i of the functions, for documentation and completion; NULL past the last. */
const char *expr_function_name(size_t i);

#endif
