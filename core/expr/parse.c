// SPDX-License-Identifier: Apache-2.0
/*
 * parse.c: tokens into a tree, by precedence climbing.
 *
 * Operators bind as in DataFusion: OR, AND, NOT, IS, LIKE, comparisons with IN and
 * BETWEEN, |, shifts with ^, &, + -, * / % ||, unary minus, :: and [ ].
 * What has a syntax of its own and is a function to the rest (EXTRACT, TRIM, POSITION,
 * SUBSTRING, a.b, a[1]) becomes a call of that function here; the others are in
 * parse_forms.c.
 */
#include "expr/parse_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* --- tokens --- */

const struct token *peek(const struct parse *p, size_t ahead)
{
	return &p->tokens->items[MIN_OF(p->at + ahead, p->tokens->n - 1)];
}

bool is_word(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && strcasecmp(t->text, word) == 0;
}

bool is_sign(const struct token *t, const char *sign)
{
	return t->kind == TOKEN_SIGN && strcmp(t->text, sign) == 0;
}

bool accept_word(struct parse *p, const char *word)
{
	bool ok = is_word(peek(p, 0), word);
	p->at += ok;
	return ok;
}

bool accept_sign(struct parse *p, const char *sign)
{
	bool ok = is_sign(peek(p, 0), sign);
	p->at += ok;
	return ok;
}

struct err *unexpected(const struct parse *p, const char *wanted)
{
	const struct token *t = peek(p, 0);
	if (t->kind == TOKEN_END)
		return caret_err(p->text, t->place, "%s expected, but the text ends",
				 wanted);
	return caret_err(p->text, t->place, "%s expected, not '%.*s'", wanted,
			 (int)MIN_OF(t->place.len, 60u), p->text + t->place.at);
}

struct err *expect_sign(struct parse *p, const char *sign)
{
	char wanted[16];
	snprintf(wanted, sizeof(wanted), "'%s'", sign);
	return accept_sign(p, sign) ? NULL : unexpected(p, wanted);
}

struct err *expect_word(struct parse *p, const char *word)
{
	return accept_word(p, word) ? NULL : unexpected(p, word);
}

/* --- nodes --- */

struct err *make_call(const char *name, struct place place, size_t n_args,
		      struct node **args, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	TRY(node_new_call(NULL, n_args, place, &n));
	for (size_t i = 0; i < n_args; i++)
		n->args[i] = TAKE(args[i]);
	TRY(str_dup(name, &n->name));
	*ret = TAKE(n);
	return NULL;
}

struct err *make_unary(const char *name, struct place place, struct node **arg)
{
	return make_call(name, place, 1, arg, arg);
}

struct err *make_binary(const char *name, struct place place, struct node **left,
			struct node **right)
{
	AUTO(node) struct node *n = NULL;
	struct node *args[] = {TAKE(*left), TAKE(*right)};
	struct err *err = make_call(name, place, 2, args, &n);
	expr_node_free(args[0]);
	expr_node_free(args[1]);
	*left = TAKE(n);
	return err;
}

struct err *make_string(const char *s, size_t len, struct place place,
			struct node **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	AUTO_TEXT struct text_builder b = {0};
	TRY(type_new(TYPE_STRING, &t));
	TRY(text_begin(&b, t, 1));
	buf_append(&b.data, s, len);
	TRY(text_row(&b));
	TRY(text_take(&b, &a));
	return node_new_literal(a, place, ret);
}

struct err *make_fixed(enum type_id id, const void *value, size_t width,
		       struct place place, struct node **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	TRY(type_new(id, &t));
	TRY(new_fixed(t, 1, &a));
	if (id == TYPE_BOOL)
		a->data->data[0] = *(const bool *)value;
	else
		memcpy(a->data->data, value, width);
	return node_new_literal(a, place, ret);
}

static struct err *make_null(struct place place, struct node **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	TRY(type_new(TYPE_NULL, &t));
	TRY(array_new_null(t, 1, &a));
	return node_new_literal(a, place, ret);
}

/* An int64 if it fits, then a uint64, then a double. */
static struct err *make_number(const struct parse *p, const struct token *t,
			       bool is_negative, struct node **ret)
{
	double f;
	char *end;
	if (!strpbrk(t->text, ".eE")) {
		errno = 0;
		uint64_t u = strtoull(t->text, &end, 10);
		bool fits = !errno && !*end;
		/* outside of functions Lance reads the digits before the sign */
		uint64_t limit = (uint64_t)INT64_MAX + (is_negative && p->n_calls);
		int64_t i = (int64_t)(is_negative ? 0 - u : u);
		if (fits && u <= limit)
			return make_fixed(TYPE_INT64, &i, 8, t->place, ret);
		if (fits && !is_negative)
			return make_fixed(TYPE_UINT64, &u, 8, t->place, ret);
	}
	f = strtod(t->text, &end);
	if (*end)
		return caret_err(p->text, t->place, "'%s' is not a number", t->text);
	f = is_negative ? -f : f;
	return make_fixed(TYPE_FLOAT64, &f, 8, t->place, ret);
}

static struct err *make_hex(const struct parse *p, const struct token *t,
			    struct node **ret)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	AUTO(type) struct type *type = NULL;
	AUTO(array) struct array *a = NULL;
	AUTO_TEXT struct text_builder b = {0};
	unsigned value = 0;
	TRY(type_new(TYPE_BINARY, &type));
	TRY(text_begin(&b, type, 1));
	for (size_t i = 0; i < t->text_len; i++) {
		const char *at = strchr(digits, t->text[i]);
		if (!at)
			return caret_err(p->text, t->place, "x'%s' is not hexadecimal",
					 t->text);
		value = value << 4 | (unsigned)(at - digits) % 16;
		/* the first of an odd number stands alone */
		if ((t->text_len - i) % 2 == 1)
			buf_byte(&b.data, (uint8_t)value);
	}
	TRY(text_row(&b));
	TRY(text_take(&b, &a));
	return node_new_literal(a, t->place, ret);
}

/* --- operands --- */

struct err *parse_args(struct parse *p, const char *close, struct node *call)
{
	if (accept_sign(p, close))
		return NULL;
	do {
		if (call->n_args == ANY_ARGS)
			return unexpected(p, "fewer arguments");
		TRY(mem_resize(call->n_args + 1, sizeof(*call->args), &call->args));
		call->args[call->n_args++] = NULL;
		TRY(parse_expr(p, 0, &call->args[call->n_args - 1]));
	} while (accept_sign(p, ","));
	return expect_sign(p, close);
}

struct place place_to_here(const struct parse *p, struct place start)
{
	struct place last = p->tokens->items[p->at ? p->at - 1 : 0].place;
	return (struct place){start.at, last.at + last.len - start.at};
}

static struct err *parse_call(struct parse *p, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	const struct token *name = peek(p, 0);
	p->at += 2;
	TRY(make_call(name->text, name->place, 0, NULL, &n));
	n->is_function = true;
	p->n_calls++;
	TRY(parse_args(p, ")", n));
	p->n_calls--;
	*ret = TAKE(n);
	return NULL;
}

/* a, a.b.c: how much of it is a column and what are members is seen when it is bound */
static struct err *parse_name(struct parse *p, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	struct place start = peek(p, 0)->place;
	TRY(expr_node_new(NODE_COLUMN, start, &n));
	do {
		const struct token *t = peek(p, 0);
		if (t->kind != TOKEN_WORD && t->kind != TOKEN_QUOTED)
			return unexpected(p, "a name");
		TRY(mem_resize(n->n_path + 1, sizeof(*n->path), &n->path));
		TRY(str_dup_len(t->text, t->text_len, &n->path[n->n_path]));
		n->n_path++;
		n->is_quoted |= t->kind == TOKEN_QUOTED;
		p->at++;
	} while (accept_sign(p, "."));
	n->place = place_to_here(p, start);
	*ret = TAKE(n);
	return NULL;
}

static struct err *parse_bool(struct parse *p, bool value, struct node **ret)
{
	struct place place = peek(p, 0)->place;
	p->at++;
	return make_fixed(TYPE_BOOL, &value, 1, place, ret);
}

static bool is_reserved(const struct token *t)
{
	static const char *const words[] = {
		"and",	"or",	"is",	"in",	 "like", "ilike",  "between", "then",
		"when", "else", "end",	"as",	 "from", "where",  "limit",   "order",
		"by",	"on",	"with", "group", "into", "having", "offset",  "select"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_word(t, words[i]))
			return true;
	return false;
}

static struct err *parse_word(struct parse *p, struct node **ret)
{
	const struct token *t = peek(p, 0);
	const struct form *form = form_find(p);
	if (form)
		return form->parse(p, ret);
	if (is_word(t, "true") || is_word(t, "false"))
		return parse_bool(p, is_word(t, "true"), ret);
	if (is_word(t, "null")) {
		p->at++;
		return make_null(t->place, ret);
	}
	if (is_reserved(t))
		return unexpected(p, "a value");
	if (is_sign(peek(p, 1), "("))
		return parse_call(p, ret);
	return parse_name(p, ret);
}

static struct err *parse_parens(struct parse *p, struct node **ret)
{
	p->at++;
	TRY(parse_expr(p, 0, ret));
	return expect_sign(p, ")");
}

static struct err *parse_list(struct parse *p, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	struct place start = peek(p, 0)->place;
	p->at++;
	TRY(make_call("make_array", start, 0, NULL, &n));
	TRY(parse_args(p, "]", n));
	n->place = place_to_here(p, start);
	*ret = TAKE(n);
	return NULL;
}

#define PREC_OR 5
#define PREC_AND 10
#define PREC_NOT 15
#define PREC_IS 17
#define PREC_LIKE 19
#define PREC_COMPARE 20
#define PREC_UNARY 40
#define PREC_POSTFIX 50

static struct err *parse_minus(struct parse *p, struct node **ret)
{
	const struct token *sign = peek(p, 0), *t = peek(p, 1);
	p->at++;
	if (t->kind == TOKEN_NUMBER && !is_sign(peek(p, 1), "::") &&
	    !is_sign(peek(p, 1), "[")) {
		p->at++;
		TRY(make_number(p, t, true, ret));
		(*ret)->place = place_to_here(p, sign->place);
		return NULL;
	}
	TRY(parse_expr(p, PREC_UNARY, ret));
	return make_unary("negative", sign->place, ret);
}

static struct err *parse_prefix_sign(struct parse *p, struct node **ret)
{
	const struct token *t = peek(p, 0);
	if (is_sign(t, "("))
		return parse_parens(p, ret);
	if (is_sign(t, "["))
		return parse_list(p, ret);
	if (is_sign(t, "-"))
		return parse_minus(p, ret);
	if (is_sign(t, "+")) {
		p->at++;
		TRY(parse_expr(p, PREC_UNARY, ret));
		return make_unary("positive", t->place, ret);
	}
	return unexpected(p, "a value");
}

static struct err *parse_operand(struct parse *p, struct node **ret)
{
	const struct token *t = peek(p, 0);
	switch (t->kind) {
	case TOKEN_NUMBER:
		p->at++;
		return make_number(p, t, false, ret);
	case TOKEN_STRING:
		p->at++;
		return make_string(t->text, t->text_len, t->place, ret);
	case TOKEN_HEX:
		p->at++;
		return make_hex(p, t, ret);
	case TOKEN_QUOTED:
		return parse_name(p, ret);
	case TOKEN_WORD:
		if (!is_word(t, "not"))
			return parse_word(p, ret);
		p->at++;
		TRY(parse_expr(p, PREC_NOT, ret));
		return make_unary("not", t->place, ret);
	case TOKEN_SIGN:
		return parse_prefix_sign(p, ret);
	case TOKEN_END:
		break;
	}
	return unexpected(p, "a value");
}

/* --- operators --- */

struct operator
{
	const char *sign;     /* or word */
	const char *function; /* NULL: .parse */
	unsigned precedence;
	bool is_negated; /* NOT around it */
	struct err *(*parse)(struct parse * p, bool is_negated, struct node **left);
};

static struct err *negate_if(bool is_negated, struct place place, struct node **n)
{
	return is_negated ? make_unary("not", place, n) : NULL;
}

/* IS [NOT] NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM */
static struct err *parse_is(struct parse *p, bool unused, struct node **left)
{
	static const struct {
		const char *word, *yes, *no;
	} kinds[] = {
		{"null", "is null", "is not null"},
		{"true", "is true", "is not true"},
		{"false", "is false", "is not false"},
		{"unknown", "is unknown", "is not unknown"},
	};
	struct place place = p->tokens->items[p->at - 1].place;
	bool is_not = accept_word(p, "not");
	(void)unused;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (accept_word(p, kinds[i].word))
			return make_unary(is_not ? kinds[i].no : kinds[i].yes, place,
					  left);
	if (!is_word(peek(p, 0), "distinct"))
		return unexpected(p, "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
	AUTO(node) struct node *right = NULL;
	p->at++;
	TRY(expect_word(p, "from"));
	TRY(parse_expr(p, PREC_IS, &right));
	return make_binary(is_not ? "is not distinct from" : "is distinct from", place,
			   left, &right);
}

/* A call whose first argument is *left, which the call then is. */
static struct err *begin_with(const char *name, struct place place, struct node **left)
{
	return make_call(name, place, 1, left, left);
}

static struct err *parse_in(struct parse *p, bool is_negated, struct node **left)
{
	struct place place = p->tokens->items[p->at - 1].place;
	TRY(expect_sign(p, "("));
	TRY(begin_with(is_negated ? "not in" : "in", place, left));
	return parse_args(p, ")", *left);
}

static struct err *parse_between(struct parse *p, bool is_negated, struct node **left)
{
	struct place place = p->tokens->items[p->at - 1].place;
	AUTO(node) struct node *low = NULL;
	AUTO(node) struct node *high = NULL;
	TRY(parse_expr(p, PREC_COMPARE, &low));
	TRY(expect_word(p, "and"));
	TRY(parse_expr(p, PREC_COMPARE, &high));
	struct node *args[] = {TAKE(*left), TAKE(low), TAKE(high)};
	struct err *err = make_call("between", place, 3, args, left);
	for (size_t i = 0; i < 3; i++)
		expr_node_free(args[i]);
	TRY(err);
	return negate_if(is_negated, place, left);
}

static struct err *parse_pattern(struct parse *p, const char *name, bool is_negated,
				 struct node **left)
{
	struct place place = p->tokens->items[p->at - 1].place;
	AUTO(node) struct node *pattern = NULL;
	TRY(parse_expr(p, PREC_LIKE, &pattern));
	if (accept_word(p, "escape")) {
		const struct token *t = peek(p, 0);
		if (t->kind != TOKEN_STRING || strcmp(t->text, "\\") != 0)
			return unexpected(p, "'\\', the only ESCAPE there is,");
		p->at++;
	}
	TRY(make_binary(name, place, left, &pattern));
	return negate_if(is_negated, place, left);
}

static struct err *parse_like(struct parse *p, bool is_negated, struct node **left)
{
	return parse_pattern(p, "like", is_negated, left);
}

static struct err *parse_ilike(struct parse *p, bool is_negated, struct node **left)
{
	return parse_pattern(p, "ilike", is_negated, left);
}

/* x ~ 'pattern', x ~* 'pattern': whatever the case is */
static struct err *parse_regex(struct parse *p, bool is_negated, struct node **left)
{
	const struct token *sign = &p->tokens->items[p->at - 1];
	bool any_case = sign->text[sign->text_len - 1] == '*';
	AUTO(node) struct node *flags = NULL;
	AUTO(node) struct node *pattern = NULL;
	TRY(parse_expr(p, PREC_COMPARE, &pattern));
	TRY(make_string("i", 1, sign->place, &flags));
	struct node *args[] = {TAKE(*left), TAKE(pattern), TAKE(flags)};
	struct err *err =
		make_call("regexp_like", sign->place, any_case ? 3 : 2, args, left);
	for (size_t i = 0; i < 3; i++)
		expr_node_free(args[i]);
	TRY(err);
	return negate_if(is_negated, sign->place, left);
}

static struct err *parse_cast_sign(struct parse *p, bool unused, struct node **left)
{
	(void)unused;
	return parse_type_around(p, "cast", left);
}

/* x[first:last], x[first:last:step], after the first colon */
static struct err *parse_slice(struct parse *p, struct node **list, struct node **first)
{
	AUTO(node) struct node *last = NULL;
	AUTO(node) struct node *step = NULL;
	struct place start = (*list)->place;
	TRY(parse_expr(p, 0, &last));
	if (accept_sign(p, ":"))
		TRY(parse_expr(p, 0, &step));
	TRY(expect_sign(p, "]"));
	size_t n = step ? 4 : 3;
	struct node *args[] = {TAKE(*list), TAKE(*first), TAKE(last), TAKE(step)};
	struct err *err =
		make_call("array_slice", place_to_here(p, start), n, args, list);
	for (size_t i = 0; i < 4; i++)
		expr_node_free(args[i]);
	return err;
}

/* x['name'], x[1] */
static struct err *parse_subscript(struct parse *p, bool unused, struct node **left)
{
	AUTO(node) struct node *index = NULL;
	struct place start = (*left)->place;
	bool is_name = peek(p, 0)->kind == TOKEN_STRING;
	(void)unused;
	TRY(parse_expr(p, 0, &index));
	if (accept_sign(p, ":"))
		return parse_slice(p, left, &index);
	TRY(expect_sign(p, "]"));
	TRY(make_binary(is_name ? "get_field" : "array_element",
			place_to_here(p, start), left, &index));
	return NULL;
}

/* (…).name */
static struct err *parse_member(struct parse *p, bool unused, struct node **left)
{
	AUTO(node) struct node *name = NULL;
	struct place start = (*left)->place;
	const struct token *t = peek(p, 0);
	(void)unused;
	if (t->kind != TOKEN_WORD && t->kind != TOKEN_QUOTED)
		return unexpected(p, "a name");
	p->at++;
	TRY(make_string(t->text, t->text_len, t->place, &name));
	return make_binary("get_field", place_to_here(p, start), left, &name);
}

static const struct operator operators[] = {
	{"or", "or", PREC_OR, false, NULL},
	{"and", "and", PREC_AND, false, NULL},
	{"is", NULL, PREC_IS, false, parse_is},
	{"like", NULL, PREC_LIKE, false, parse_like},
	{"ilike", NULL, PREC_LIKE, false, parse_ilike},
	{"between", NULL, PREC_COMPARE, false, parse_between},
	{"in", NULL, PREC_COMPARE, false, parse_in},
	{"=", "=", PREC_COMPARE, false, NULL},
	{"==", "=", PREC_COMPARE, false, NULL},
	{"<>", "<>", PREC_COMPARE, false, NULL},
	{"!=", "<>", PREC_COMPARE, false, NULL},
	{"<", "<", PREC_COMPARE, false, NULL},
	{"<=", "<=", PREC_COMPARE, false, NULL},
	{">", ">", PREC_COMPARE, false, NULL},
	{">=", ">=", PREC_COMPARE, false, NULL},
	{"<=>", "is not distinct from", PREC_COMPARE, false, NULL},
	{"~", NULL, PREC_COMPARE, false, parse_regex},
	{"~*", NULL, PREC_COMPARE, false, parse_regex},
	{"!~", NULL, PREC_COMPARE, true, parse_regex},
	{"!~*", NULL, PREC_COMPARE, true, parse_regex},
	{"|", "|", 21, false, NULL},
	{"^", "^", 22, false, NULL},
	{"<<", "<<", 22, false, NULL},
	{">>", ">>", 22, false, NULL},
	{"&", "&", 23, false, NULL},
	{"+", "+", 30, false, NULL},
	{"-", "-", 30, false, NULL},
	{"*", "*", PREC_UNARY, false, NULL},
	{"/", "/", PREC_UNARY, false, NULL},
	{"%", "%", PREC_UNARY, false, NULL},
	{"||", "||", PREC_UNARY, false, NULL},
	{"::", NULL, PREC_POSTFIX, false, parse_cast_sign},
	{"[", NULL, PREC_POSTFIX, false, parse_subscript},
	{".", NULL, PREC_POSTFIX, false, parse_member},
};

static const struct operator* operator_at(const struct token *t)
{
	if (t->kind != TOKEN_WORD && t->kind != TOKEN_SIGN)
		return NULL;
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strcasecmp(operators[i].sign, t->text) == 0)
			return &operators[i];
	return NULL;
}

/* NOT before IN, BETWEEN and LIKE. */
static bool is_infix_not(const struct parse *p)
{
	const struct operator* next = operator_at(peek(p, 1));
	return is_word(peek(p, 0), "not") && next && next->parse &&
	       (next->precedence == PREC_LIKE || next->precedence == PREC_COMPARE);
}

/* a AND b AND c … is one call: conditions made by programs have thousands of them. */
static bool is_chain(const struct node *left, const char *function)
{
	return left->kind == NODE_CALL && strcmp(left->name, function) == 0 &&
	       (strcmp(function, "and") == 0 || strcmp(function, "or") == 0);
}

static struct err *append_arg(struct node *n, struct node **arg)
{
	TRY(mem_resize(n->n_args + 1, sizeof(*n->args), &n->args));
	n->args[n->n_args++] = TAKE(*arg);
	return NULL;
}

struct err *parse_expr(struct parse *p, unsigned precedence, struct node **ret)
{
	AUTO(node) struct node *left = NULL;
	if (p->depth == EXPR_DEPTH)
		return caret_err(p->text, peek(p, 0)->place,
				 "more than %d levels of nesting", EXPR_DEPTH);
	p->depth++;
	TRY(parse_operand(p, &left));
	for (;;) {
		bool is_not = is_infix_not(p);
		const struct operator* op = operator_at(peek(p, is_not));
		AUTO(node) struct node *right = NULL;
		if (!op || op->precedence <= precedence)
			break;
		struct place place = peek(p, is_not)->place;
		p->at += 1u + is_not;
		if (op->parse) {
			TRY(op->parse(p, is_not || op->is_negated, &left));
			continue;
		}
		TRY(parse_expr(p, op->precedence, &right));
		if (is_chain(left, op->function))
			TRY(append_arg(left, &right));
		else
			TRY(make_binary(op->function, place, &left, &right));
	}
	p->depth--;
	*ret = TAKE(left);
	return NULL;
}

/* The text with blanks in place of all but a part, so that places stay what they are.
 */
static struct err *blank_out(const char *text, size_t at, size_t len, char **ret)
{
	TRY(str_dup_len(text, at + len, ret));
	memset(*ret, ' ', at);
	return NULL;
}

struct err *expr_parse(const char *text, size_t at, size_t len, struct node **ret)
{
	AUTO_TOKENS struct tokens tokens = {0};
	AUTO(node) struct node *n = NULL;
	AUTO_MEM char *part = NULL;
	TRY(blank_out(text, at, len, &part));
	TRY(tokens_of(part, &tokens));
	struct parse p = {.text = text, .tokens = &tokens};
	TRY(parse_expr(&p, 0, &n));
	if (peek(&p, 0)->kind != TOKEN_END)
		return unexpected(&p, "an operator or the end");
	*ret = TAKE(n);
	return NULL;
}
