// SPDX-License-Identifier: Apache-2.0
/*
 * parse_forms.c: what has a syntax of its own: CAST, CASE, EXTRACT, TRIM, POSITION,
 * SUBSTRING, OVERLAY, INTERVAL, DATE '…', CURRENT_DATE.
 *
 * To add one: a row in the table at the end.
 */
#include "expr/parse_priv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* --- types --- */

/* Words of a type's name: TIMESTAMP WITH TIME ZONE, DOUBLE PRECISION, INT UNSIGNED. */
static void skip_type_words(struct parse *p)
{
	static const char *const more[] = {"unsigned", "precision", "varying", "with",
					   "without",  "time",	    "zone"};
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]);)
		i = accept_word(p, more[i]) ? 0 : i + 1;
}

/* What is in brackets belongs to it: DECIMAL(10, 2), float[3], list<int32>. */
static void skip_brackets(struct parse *p, const char *open, const char *close)
{
	unsigned depth = 0;
	do {
		depth += is_sign(peek(p, 0), open);
		depth -= depth && is_sign(peek(p, 0), close);
		if (depth || is_sign(peek(p, 0), close))
			p->at++;
	} while (depth && peek(p, 0)->kind != TOKEN_END);
}

static struct err *parse_type(struct parse *p, struct type **ret)
{
	struct place start = peek(p, 0)->place;
	AUTO_MEM char *name = NULL;
	if (peek(p, 0)->kind != TOKEN_WORD)
		return unexpected(p, "a type");
	p->at++;
	skip_type_words(p);
	if (is_sign(peek(p, 0), "<"))
		skip_brackets(p, "<", ">");
	if (is_sign(peek(p, 0), "("))
		skip_brackets(p, "(", ")");
	if (is_sign(peek(p, 0), "["))
		skip_brackets(p, "[", "]");
	skip_type_words(p);
	struct place place = place_to_here(p, start);
	TRY(str_dup_len(p->text + place.at, place.len, &name));
	/* the arguments of a function are parsed by DataFusion, not by Lance */
	if (p->n_calls && strcasecmp(name, "timestamp") == 0)
		return type_new_unit(TYPE_TIMESTAMP, UNIT_NS, NULL, ret);
	struct err *err = sql_type_parse(name, ret);
	if (err && err->code == EINVAL) {
		struct err *at = caret_err(p->text, place, "%s", err->msg);
		err_free(err); /* its text is in the other */
		return at;
	}
	return err;
}

static struct err *cast_around(const char *cast, struct place place, struct type *to,
			       struct node **n)
{
	TRY(make_unary(cast, place, n));
	(*n)->to = type_ref(to);
	return NULL;
}

struct err *parse_type_around(struct parse *p, const char *cast, struct node **n)
{
	AUTO(type) struct type *to = NULL;
	struct place start = (*n)->place;
	TRY(parse_type(p, &to));
	return cast_around(cast, place_to_here(p, start), to, n);
}

/* CAST(x AS type) */
static struct err *parse_cast_as(struct parse *p, const char *cast, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	struct place start = peek(p, 0)->place;
	AUTO(type) struct type *to = NULL;
	p->at += 2;
	TRY(parse_expr(p, 0, &n));
	TRY(expect_word(p, "as"));
	TRY(parse_type(p, &to));
	TRY(expect_sign(p, ")"));
	TRY(cast_around(cast, place_to_here(p, start), to, &n));
	*ret = TAKE(n);
	return NULL;
}

static struct err *parse_cast(struct parse *p, struct node **ret)
{
	return parse_cast_as(p, "cast", ret);
}

static struct err *parse_try_cast(struct parse *p, struct node **ret)
{
	return parse_cast_as(p, "try_cast", ret);
}

/* DATE '2020-01-01' */
static struct err *parse_typed_string(struct parse *p, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	AUTO(type) struct type *to = NULL;
	struct place start = peek(p, 0)->place;
	const struct token *t;
	TRY(parse_type(p, &to));
	t = peek(p, 0);
	p->at++;
	TRY(make_string(t->text, t->text_len, t->place, &n));
	TRY(cast_around("cast", place_to_here(p, start), to, &n));
	*ret = TAKE(n);
	return NULL;
}

/* --- CASE --- */

static struct err *add_arg(struct parse *p, struct node *call)
{
	TRY(mem_resize(call->n_args + 1, sizeof(*call->args), &call->args));
	call->args[call->n_args++] = NULL;
	return parse_expr(p, 0, &call->args[call->n_args - 1]);
}

/* CASE [x] WHEN a THEN b … [ELSE c] END: the arguments are [x], a, b, …, [c], the
 * function's name tells whether x is there; whether c is, their number. */
static struct err *parse_case(struct parse *p, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	struct place start = peek(p, 0)->place;
	p->at++;
	bool has_operand = !is_word(peek(p, 0), "when");
	TRY(make_call(has_operand ? "case of" : "case", start, 0, NULL, &n));
	if (has_operand)
		TRY(add_arg(p, n));
	if (!is_word(peek(p, 0), "when"))
		return unexpected(p, "WHEN");
	while (accept_word(p, "when")) {
		TRY(add_arg(p, n));
		TRY(expect_word(p, "then"));
		TRY(add_arg(p, n));
	}
	if (accept_word(p, "else"))
		TRY(add_arg(p, n));
	TRY(expect_word(p, "end"));
	n->place = place_to_here(p, start);
	*ret = TAKE(n);
	return NULL;
}

/* --- functions with words between their arguments --- */

/* EXTRACT(year FROM x) is date_part('year', x) */
static struct err *parse_extract(struct parse *p, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	struct place start = peek(p, 0)->place;
	const struct token *part = peek(p, 2);
	p->at += 3;
	if (part->kind != TOKEN_WORD && part->kind != TOKEN_STRING) {
		p->at--;
		return unexpected(p, "a part of a date");
	}
	TRY(make_call("date_part", start, 0, NULL, &n));
	TRY(mem_resize(1, sizeof(*n->args), &n->args));
	n->args[0] = NULL;
	n->n_args = 1;
	TRY(make_string(part->text, part->text_len, part->place, &n->args[0]));
	TRY(expect_word(p, "from"));
	TRY(add_arg(p, n));
	TRY(expect_sign(p, ")"));
	*ret = TAKE(n);
	return NULL;
}

static void swap_args(struct node *n)
{
	struct node *first = n->args[0];
	n->args[0] = n->args[1];
	n->args[1] = first;
}

/* Arguments with one of words between them, as a call of a function. */
static struct err *parse_words_between(struct parse *p, const char *name,
				       const char *const *words, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	struct place start = peek(p, 0)->place;
	size_t i = 0;
	p->at += 2;
	TRY(make_call(name, start, 0, NULL, &n));
	do {
		TRY(add_arg(p, n));
		while (words[i] && !accept_word(p, words[i]))
			i++;
	} while (words[i] ? ++i : accept_sign(p, ","));
	TRY(expect_sign(p, ")"));
	*ret = TAKE(n);
	return NULL;
}

/* POSITION(a IN b) is strpos(b, a); its first argument binds tighter than IN. */
static struct err *parse_position(struct parse *p, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	AUTO(node) struct node *text = NULL;
	struct place start = peek(p, 0)->place;
	p->at += 2;
	TRY(parse_expr(p, 20, &n));
	if (!accept_word(p, "in"))
		TRY(expect_sign(p, ","));
	TRY(parse_expr(p, 0, &text));
	TRY(expect_sign(p, ")"));
	TRY(make_binary("strpos", start, &n, &text));
	swap_args(n);
	*ret = TAKE(n);
	return NULL;
}

static struct err *parse_substring(struct parse *p, struct node **ret)
{
	static const char *const words[] = {"from", "for", NULL};
	return parse_words_between(p, "substr", words, ret);
}

static struct err *parse_overlay(struct parse *p, struct node **ret)
{
	static const char *const words[] = {"placing", "from", "for", NULL};
	return parse_words_between(p, "overlay", words, ret);
}

/* TRIM([BOTH|LEADING|TRAILING] [chars] FROM x), TRIM(x [, chars]) */
static struct err *parse_trim(struct parse *p, struct node **ret)
{
	static const char *const words[] = {"from", NULL};
	const char *name = "btrim";
	bool has_side = true;
	struct place start = peek(p, 0)->place;
	if (is_word(peek(p, 2), "leading"))
		name = "ltrim";
	else if (is_word(peek(p, 2), "trailing"))
		name = "rtrim";
	else
		has_side = is_word(peek(p, 2), "both");
	p->at += has_side;
	if (has_side && is_word(peek(p, 2), "from"))
		p->at++;
	size_t from = p->at;
	TRY(parse_words_between(p, name, words, ret));
	(*ret)->place = start;
	/* the characters come first where FROM is, last where a comma is */
	for (size_t i = from + 2; i < p->at && (*ret)->n_args == 2; i++)
		if (is_word(&p->tokens->items[i], "from")) {
			swap_args(*ret);
			break;
		}
	return NULL;
}

/* CURRENT_DATE and its like need no parentheses */
static struct err *parse_bare_call(struct parse *p, struct node **ret)
{
	const struct token *t = peek(p, 0);
	p->at++;
	if (accept_sign(p, "("))
		TRY(expect_sign(p, ")"));
	return make_call(t->text, t->place, 0, NULL, ret);
}

/* --- INTERVAL --- */

struct interval {
	double months, days, nanos;
};

struct interval_unit {
	const char *name;
	double months, days, nanos;
};

static const struct interval_unit interval_units[] = {
	{"century", 1200, 0, 0}, {"centurie", 1200, 0, 0},   {"decade", 120, 0, 0},
	{"year", 12, 0, 0},	 {"month", 1, 0, 0},	     {"mon", 1, 0, 0},
	{"week", 0, 7, 0},	 {"day", 0, 1, 0},	     {"hour", 0, 0, 3600e9},
	{"minute", 0, 0, 60e9},	 {"min", 0, 0, 60e9},	     {"second", 0, 0, 1e9},
	{"sec", 0, 0, 1e9},	 {"millisecond", 0, 0, 1e6}, {"microsecond", 0, 0, 1e3},
	{"nanosecond", 0, 0, 1},
};

static const struct interval_unit *interval_unit(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(interval_units) / sizeof(interval_units[0]);
	     i++) {
		size_t n = strlen(interval_units[i].name);
		bool is_plural = len == n + 1 && (name[n] | 0x20) == 's';
		if ((len == n || is_plural) &&
		    strncasecmp(name, interval_units[i].name, n) == 0)
			return &interval_units[i];
	}
	return NULL;
}

/* "1 year 2 months -3.5 hours"; a number without a unit has the given one. */
static bool interval_of_text(const char *s, const struct interval_unit *bare,
			     struct interval *ret)
{
	bool any = false;
	for (;;) {
		char *end;
		while (isspace((unsigned char)*s))
			s++;
		if (!*s)
			return any;
		double v = strtod(s, &end);
		if (end == s || v != v)
			return false;
		for (s = end; isspace((unsigned char)*s);)
			s++;
		size_t len = strspn(
			s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
		const struct interval_unit *unit = len ? interval_unit(s, len) : bare;
		if (!unit)
			return false;
		double months = v * unit->months, days = v * unit->days;
		double whole_months = (double)(int64_t)months;
		days += (months - whole_months) * 30;
		double whole_days = (double)(int64_t)days;
		ret->months += whole_months;
		ret->days += whole_days;
		ret->nanos += v * unit->nanos + (days - whole_days) * 86400e9;
		s += len;
		any = true;
	}
}

static struct err *make_interval(const struct interval *v, struct place place,
				 struct node **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	int32_t months = (int32_t)v->months, days = (int32_t)v->days;
	int64_t nanos = (int64_t)v->nanos;
	const void *values[] = {&months, &days, &nanos};
	TRY(type_new_interval(&t));
	TRY(array_new(t, 1, &a));
	for (size_t i = 0; i < 3; i++) {
		TRY(new_fixed(t->children[i]->type, 1, &a->children[i]));
		memcpy(a->children[i]->data->data, values[i], i == 2 ? 8 : 4);
	}
	return node_new_literal(a, place, ret);
}

static struct err *parse_interval(struct parse *p, struct node **ret)
{
	struct interval v = {0};
	struct place start = peek(p, 0)->place;
	const struct token *t = peek(p, 1), *word = peek(p, 2);
	const struct interval_unit *bare = interval_unit("second", 6);
	p->at += 2;
	if (word->kind == TOKEN_WORD && interval_unit(word->text, word->text_len)) {
		bare = interval_unit(word->text, word->text_len);
		p->at++;
	}
	if (!interval_of_text(t->text, bare, &v))
		return caret_err(p->text, t->place,
				 "'%s' is not an interval such as '1 day 2 hours'",
				 t->text);
	if (!(v.months > -2e9 && v.months < 2e9 && v.days > -2e9 && v.days < 2e9 &&
	      v.nanos > -9e18 && v.nanos < 9e18))
		return caret_err(p->text, t->place, "the interval '%s' is too long",
				 t->text);
	return make_interval(&v, place_to_here(p, start), ret);
}

/* --- the table --- */

static const struct form forms[] = {
	{"cast", '(', parse_cast},
	{"try_cast", '(', parse_try_cast},
	{"safe_cast", '(', parse_try_cast},
	{"case", 0, parse_case},
	{"extract", '(', parse_extract},
	{"position", '(', parse_position},
	{"substring", '(', parse_substring},
	{"substr", '(', parse_substring},
	{"overlay", '(', parse_overlay},
	{"trim", '(', parse_trim},
	{"interval", '\'', parse_interval},
	{"date", '\'', parse_typed_string},
	{"timestamp", '\'', parse_typed_string},
	{"datetime", '\'', parse_typed_string},
	{"time", '\'', parse_typed_string},
	{"current_date", 0, parse_bare_call},
	{"current_time", 0, parse_bare_call},
	{"current_timestamp", 0, parse_bare_call},
};

static bool follows(char wanted, const struct token *t)
{
	if (wanted == '\'')
		return t->kind == TOKEN_STRING;
	return !wanted || (t->kind == TOKEN_SIGN && t->text[0] == wanted);
}

const struct form *form_find(const struct parse *p)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (is_word(peek(p, 0), forms[i].word) &&
		    follows(forms[i].follows, peek(p, 1)))
			return &forms[i];
	return NULL;
}
