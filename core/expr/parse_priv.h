// SPDX-License-Identifier: Apache-2.0
/*
 * parse_priv.h: text into tokens into a tree of names, literals and calls.
 */
#ifndef LANCEFS_EXPR_PARSE_PRIV_H
#define LANCEFS_EXPR_PARSE_PRIV_H

#include "expr/expr_priv.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* a name or a keyword */
	TOKEN_QUOTED, /* a name in backticks: .text is it */
	TOKEN_STRING, /* in single or double quotes: .text is it */
	TOKEN_HEX,    /* x'…': .text are the digits */
	TOKEN_NUMBER,
	TOKEN_SIGN, /* an operator, a bracket, a comma */
};

struct token {
	enum token_kind kind;
	struct place place;
	char *text; /* owned; a word, number or sign as it is written */
	size_t text_len;
};

struct tokens {
	struct token *items; /* owned; the last one is TOKEN_END */
	size_t n, cap;
};

/* EINVAL with a caret. */
MUST_CHECK struct err *tokens_of(const char *text, struct tokens *ret);
void tokens_fini(struct tokens *t);
static inline void auto_tokens(struct tokens *t)
{
	tokens_fini(t);
}
#define AUTO_TOKENS __attribute__((cleanup(auto_tokens)))

/* The tree of len bytes at `at` of a text; its names are not looked up yet.  EINVAL
 * with a caret. */
MUST_CHECK struct err *expr_parse(const char *text, size_t at, size_t len,
				  struct node **ret);

/* --- what parse.c and the forms share --- */

struct parse {
	const char *text;
	const struct tokens *tokens;
	size_t at;
	unsigned depth;
	unsigned n_calls; /* functions whose arguments are being read */
};

/* A syntax of its own that begins with a word (parse_forms.c). */
struct form {
	const char *word;
	/* Which token must follow: '(' , a string, or 0: any. */
	char follows;
	struct err *(*parse)(struct parse *p, struct node **ret);
};
/* The form that begins at the next token, NULL if none does. */
const struct form *form_find(const struct parse *p);

const struct token *peek(const struct parse *p, size_t ahead);
bool is_word(const struct token *t, const char *word);
bool is_sign(const struct token *t, const char *sign);
bool accept_word(struct parse *p, const char *word);
bool accept_sign(struct parse *p, const char *sign);
MUST_CHECK struct err *expect_word(struct parse *p, const char *word);
MUST_CHECK struct err *expect_sign(struct parse *p, const char *sign);
/* "WANTED expected, not 'x'" under the next token. */
MUST_CHECK struct err *unexpected(const struct parse *p, const char *wanted);
/* From start to the last token that was taken. */
struct place place_to_here(const struct parse *p, struct place start);

/* Operators that bind tighter than precedence. */
MUST_CHECK struct err *parse_expr(struct parse *p, unsigned precedence,
				  struct node **ret);
/* Arguments up to the closing sign, appended to the call. */
MUST_CHECK struct err *parse_args(struct parse *p, const char *close,
				  struct node *call);
/* The name of a type, and a cast of *n to it. */
MUST_CHECK struct err *parse_type_around(struct parse *p, const char *cast,
					 struct node **n);

/* A call by name, of n_args nodes, which are taken: also when it fails they may be
 * freed by the caller, who finds NULL in place of those taken. */
MUST_CHECK struct err *make_call(const char *name, struct place place, size_t n_args,
				 struct node **args, struct node **ret);
/* The call stands in place of its argument. */
MUST_CHECK struct err *make_unary(const char *name, struct place place,
				  struct node **arg);
/* The call stands in place of *left; *right is taken. */
MUST_CHECK struct err *make_binary(const char *name, struct place place,
				   struct node **left, struct node **right);
MUST_CHECK struct err *make_string(const char *s, size_t len, struct place place,
				   struct node **ret);
MUST_CHECK struct err *make_fixed(enum type_id id, const void *value, size_t width,
				  struct place place, struct node **ret);

/* EINVAL: the message, the line of the text and a caret under the place. */
MUST_CHECK struct err *caret_err(const char *text, struct place place, const char *fmt,
				 ...) PRINTF_LIKE(3, 4);

#endif
