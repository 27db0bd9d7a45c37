// SPDX-License-Identifier: Apache-2.0
/*
 * select.c: SELECT … FROM one table [WHERE …] [LIMIT n [OFFSET m]], cut into its parts.
 *
 * Everything else that SQL has (joins, groups, windows, subqueries, functions that are
 * not ours) is for another engine: sql_select_parse then finds nothing.
 */
#include "expr/parse_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void sql_select_fini(struct sql_select *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].text);
		free(s->items[i].name);
	}
	free(s->items);
	free(s->table);
	free(s->where);
	*s = (struct sql_select){0};
}

struct cut {
	const char *text;
	const struct tokens *tokens;
	size_t at;
};

static const struct token *next(const struct cut *c)
{
	return &c->tokens->items[c->at];
}

static bool take_word(struct cut *c, const char *word)
{
	bool is = is_word(next(c), word);
	c->at += is;
	return is;
}

static bool is_any(const struct token *t, const char *const *words)
{
	for (; *words; words++)
		if (is_word(t, *words))
			return true;
	return false;
}

static bool is_name(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_QUOTED ||
	       t->kind == TOKEN_STRING;
}

/* What one table and one pass do not answer; and double quotes, in which a SELECT has
 * names where an expression of Lance's has text. */
static bool is_beyond(const char *text, const struct tokens *t)
{
	static const char *const words[] = {
		"group",    "order",  "having",	 "union",   "intersect",
		"except",   "with",   "over",	 "join",    "window",
		"distinct", "values", "exists",	 "collate", "glob",
		"match",    "isnull", "notnull", NULL};
	for (size_t i = 1; i < t->n; i++)
		if (is_any(&t->items[i], words) || is_word(&t->items[i], "select") ||
		    (t->items[i].kind == TOKEN_STRING &&
		     text[t->items[i].place.at] == '"'))
			return true;
	return false;
}

/* t.column: names that say whose they are. */
static bool has_qualified(const struct tokens *t, const char *table)
{
	for (size_t i = 0; i + 1 < t->n; i++)
		if (is_name(&t->items[i]) && strcasecmp(t->items[i].text, table) == 0 &&
		    is_sign(&t->items[i + 1], "."))
			return true;
	return false;
}

/* NAME( where NAME is neither a function of ours nor a syntax. */
static bool has_foreign_call(const struct tokens *t)
{
	static const char *const syntax[] = {
		"cast",	  "try_cast", "safe_cast", "extract", "position", "substring",
		"substr", "overlay",  "trim",	   "in",      "and",	  "or",
		"not",	  "when",     "then",	   "else",    "case",	  "like",
		"ilike",  "between",  "where",	   "is",      "as",	  "from",
		"select", NULL};
	for (size_t i = 0; i + 1 < t->n; i++) {
		const struct token *name = &t->items[i];
		if (name->kind == TOKEN_WORD && is_sign(&t->items[i + 1], "(") &&
		    !is_any(name, syntax) && !function_find(name->text))
			return true;
	}
	return false;
}

/* Tokens up to one of the words or a comma, outside all brackets. */
static void skip_to(struct cut *c, const char *const *words, bool comma)
{
	unsigned depth = 0;
	for (; next(c)->kind != TOKEN_END; c->at++) {
		const struct token *t = next(c);
		if (!depth && (is_any(t, words) || (comma && is_sign(t, ","))))
			return;
		depth += is_sign(t, "(") || is_sign(t, "[");
		depth -= depth && (is_sign(t, ")") || is_sign(t, "]"));
	}
}

static struct err *copy_span(const struct cut *c, size_t first, size_t end, char **ret)
{
	const struct place *a = &c->tokens->items[first].place;
	const struct place *b = &c->tokens->items[end - 1].place;
	return str_dup_len(c->text + a->at, b->at + b->len - a->at, ret);
}

/* EXPRESSION [[AS] NAME]; *ret_end is past the expression. */
static struct err *take_alias(const struct cut *c, size_t first, size_t *end,
			      char **ret)
{
	const struct token *items = c->tokens->items;
	size_t n = *end - first;
	if (n >= 3 && is_word(&items[*end - 2], "as") && is_name(&items[*end - 1])) {
		*end -= 2;
		return str_dup(items[*end + 1].text, ret);
	}
	/* a bare name at the end: after an operand, not after an operator */
	const struct token *last = &items[*end - 1];
	const struct token *before = n >= 2 ? &items[*end - 2] : NULL;
	bool follows_operand =
		before &&
		(before->kind == TOKEN_NUMBER || before->kind == TOKEN_STRING ||
		 before->kind == TOKEN_QUOTED || is_sign(before, ")") ||
		 is_sign(before, "]") || is_word(before, "end") ||
		 (before->kind == TOKEN_WORD && n == 2));
	if (follows_operand && last->kind != TOKEN_STRING && is_name(last) &&
	    !is_word(last, "end") && !is_word(before, "not")) {
		*end -= 1;
		return str_dup(last->text, ret);
	}
	if (n == 1 && is_name(last))
		return str_dup(last->text, ret);
	return copy_span(c, first, *end, ret);
}

static struct err *take_item(struct cut *c, struct sql_select *s)
{
	static const char *const words[] = {"from", NULL};
	size_t first = c->at;
	TRY(mem_resize(s->n + 1, sizeof(*s->items), &s->items));
	struct sql_item *item = &s->items[s->n++];
	*item = (struct sql_item){0};
	skip_to(c, words, true);
	size_t end = c->at;
	if (end == first) {
		s->is_broken = true;
		return NULL;
	}
	item->is_star = end == first + 1 && is_sign(&c->tokens->items[first], "*");
	TRY(take_alias(c, first, &end, &item->name));
	item->at = c->tokens->items[first].place.at;
	return copy_span(c, first, end, &item->text);
}

static bool take_count(struct cut *c, uint64_t *ret)
{
	const struct token *t = next(c);
	bool is = t->kind == TOKEN_NUMBER && str_to_u64(t->text, ret);
	c->at += is;
	return is;
}

static struct err *take_tail(struct cut *c, struct sql_select *s)
{
	static const char *const words[] = {"limit", "offset", NULL};
	if (take_word(c, "where")) {
		size_t first = c->at;
		skip_to(c, words, false);
		s->is_broken |= c->at == first;
		if (!s->is_broken)
			TRY(copy_span(c, first, c->at, &s->where));
		s->where_at = c->tokens->items[first].place.at;
	}
	s->limit = UINT64_MAX;
	if (take_word(c, "limit"))
		s->is_broken |= !take_count(c, &s->limit);
	if (take_word(c, "offset"))
		s->is_broken |= !take_count(c, &s->offset);
	if (is_sign(next(c), ";"))
		c->at++;
	s->is_broken |= next(c)->kind != TOKEN_END;
	return NULL;
}

/* count(*) alone */
static bool counts_rows(const struct sql_select *s)
{
	const char *t = s->n == 1 && s->items[0].text ? s->items[0].text : "";
	return strncasecmp(t, "count", 5) == 0 &&
	       (strcmp(t + 5, "(*)") == 0 || strcmp(t + 5, "( * )") == 0);
}

static struct err *take_select(struct cut *c, struct sql_select *s)
{
	do
		TRY(take_item(c, s));
	while (is_sign(next(c), ",") && ++c->at);
	if (!take_word(c, "from") || !is_name(next(c))) {
		s->is_broken = true;
		return NULL;
	}
	TRY(str_dup(next(c)->text, &s->table));
	c->at++;
	TRY(take_tail(c, s));
	s->is_count = counts_rows(s);
	return NULL;
}

struct err *sql_select_parse(const char *text, struct sql_select *ret, bool *ret_found)
{
	AUTO_TOKENS struct tokens tokens = {0};
	struct sql_select s = {0};
	*ret_found = false;
	struct err *err = tokens_of(text, &tokens);
	if (err && err->code == EINVAL) {
		err_free(err); /* the other engine says what it thinks of it */
		return NULL;
	}
	TRY(err);
	struct cut c = {.text = text, .tokens = &tokens};
	if (!take_word(&c, "select") || is_beyond(text, &tokens))
		return NULL;
	err = take_select(&c, &s);
	bool is_odd_count = s.is_count && (!s.limit || s.offset);
	if (err || s.is_broken || is_odd_count ||
	    (!s.is_count && has_foreign_call(&tokens)) ||
	    has_qualified(&tokens, s.table)) {
		sql_select_fini(&s);
		return err;
	}
	*ret = s;
	*ret_found = true;
	return NULL;
}

struct err *sql_select_with(const char *text, const char *item, char **ret)
{
	static const char *const others[] = {"union",  "intersect", "except",
					     "values", "distinct",  NULL};
	AUTO_TOKENS struct tokens t = {0};
	const struct token *select = NULL;
	unsigned depth = 0;
	*ret = NULL;
	TRY(tokens_of(text, &t));
	for (size_t i = 0; i < t.n; i++) {
		depth += is_sign(&t.items[i], "(");
		depth -= depth && is_sign(&t.items[i], ")");
		if (!depth && is_any(&t.items[i], others))
			return NULL;
		if (!depth && is_word(&t.items[i], "select"))
			select = &t.items[i];
	}
	if (!select)
		return NULL;
	size_t at = select->place.at + select->place.len;
	return str_printf(ret, "%.*s %s,%s", (int)at, text, item, text + at);
}

struct err *sql_select_is_ordered(const char *text, bool *ret)
{
	AUTO_TOKENS struct tokens t = {0};
	unsigned depth = 0;
	*ret = false;
	TRY(tokens_of(text, &t));
	for (size_t i = 0; i + 1 < t.n; i++) {
		depth += is_sign(&t.items[i], "(");
		depth -= depth && is_sign(&t.items[i], ")");
		*ret |= !depth && is_word(&t.items[i], "order") &&
			is_word(&t.items[i + 1], "by");
	}
	return NULL;
}
