// SPDX-License-Identifier: Apache-2.0
/*
 * lexer.c: the words, literals and signs of SQL.
 *
 * Names stand in backticks if they must be quoted; double quotes, like single ones,
 * make a string.  Both quotes are doubled to stand for themselves.
 * Source: Lance's guide, "Filtering"; DataFusion's SQL reference.
 */
#include "expr/parse_priv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

struct lexer {
	const char *text;
	size_t at, len;
};

void tokens_fini(struct tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->items[i].text);
	free(t->items);
	*t = (struct tokens){0};
}

struct err *caret_err(const char *text, struct place place, const char *fmt, ...)
{
	AUTO_BUF struct buf b = {0};
	char message[512];
	va_list args;
	size_t start = place.at, column = 0;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	while (start > 0 && text[start - 1] != '\n')
		start--;
	for (size_t i = start; i < place.at; i++)
		column += ((uint8_t)text[i] & 0xc0) != 0x80;
	buf_str(&b, "  ");
	/* the line as it is, tabs as one column each */
	for (size_t i = start; text[i] && text[i] != '\n'; i++)
		buf_byte(&b, text[i] == '\t' ? ' ' : (uint8_t)text[i]);
	buf_printf(&b, "\n  %*s^", (int)MIN_OF(column, (size_t)10000), "");
	buf_byte(&b, 0);
	TRY(buf_check(&b));
	return err_with_detail(err_new(EINVAL, "column %zu: %s", column + 1, message),
			       (char *)b.data);
}

static struct place place_from(const struct lexer *l, size_t start)
{
	return (struct place){(uint32_t)start, (uint32_t)(l->at - start)};
}

static bool is_word_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || c == '@' || c == '#' ||
	       (uint8_t)c >= 0x80;
}

static bool is_word_part(char c)
{
	return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

/* Blanks and comments. */
static void skip_blanks(struct lexer *l)
{
	for (;;) {
		const char *p = l->text + l->at;
		const char *end;
		if (isspace((unsigned char)*p)) {
			l->at++;
		} else if (p[0] == '-' && p[1] == '-') {
			l->at += strcspn(p, "\n");
		} else if (p[0] == '/' && p[1] == '*') {
			end = strstr(p + 2, "*/");
			l->at = end ? (size_t)(end + 2 - l->text) : l->len;
		} else {
			return;
		}
	}
}

static struct err *take_quoted(struct lexer *l, char quote, struct token *ret)
{
	AUTO_BUF struct buf b = {0};
	size_t start = l->at++;
	for (;;) {
		char c = l->text[l->at++];
		if (!c) {
			l->at--;
			return caret_err(l->text, (struct place){(uint32_t)start, 1},
					 "the quote %c is not closed", quote);
		}
		if (c == quote && l->text[l->at++] != quote) {
			l->at--;
			break;
		}
		buf_byte(&b, (uint8_t)c);
	}
	ret->place = place_from(l, start);
	ret->text_len = b.len;
	return buf_take_str(&b, &ret->text);
}

static struct err *take_span(struct lexer *l, size_t start, enum token_kind kind,
			     struct token *ret)
{
	ret->kind = kind;
	ret->place = place_from(l, start);
	ret->text_len = l->at - start;
	return str_dup_len(l->text + start, l->at - start, &ret->text);
}

static void skip_digits(struct lexer *l)
{
	while (isdigit((unsigned char)l->text[l->at]))
		l->at++;
}

static struct err *take_number(struct lexer *l, struct token *ret)
{
	size_t start = l->at;
	skip_digits(l);
	if (l->text[l->at] == '.') {
		l->at++;
		skip_digits(l);
	}
	if (l->text[l->at] == 'e' || l->text[l->at] == 'E') {
		size_t sign = l->text[l->at + 1] == '+' || l->text[l->at + 1] == '-';
		if (isdigit((unsigned char)l->text[l->at + 1 + sign])) {
			l->at += 1 + sign;
			skip_digits(l);
		}
	}
	return take_span(l, start, TOKEN_NUMBER, ret);
}

/* 0x41: bytes, as x'41' is */
static struct err *take_bare_hex(struct lexer *l, struct token *ret)
{
	size_t start = l->at + 2;
	for (l->at = start; isxdigit((unsigned char)l->text[l->at]); l->at++)
		;
	return take_span(l, start, TOKEN_HEX, ret);
}

static struct err *take_sign(struct lexer *l, struct token *ret)
{
	static const char *const signs[] = {"!~*", "<=>", "||", "::", "<=", ">=", "<>",
					    "!=",  "==",  "<<", ">>", "!~", "~*"};
	size_t start = l->at, len = 1;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (str_starts(l->text + l->at, signs[i])) {
			len = strlen(signs[i]);
			break;
		}
	if (len == 1 && !strchr("+-*/%=<>()[],.~&|^:;", l->text[l->at]))
		return caret_err(l->text, (struct place){(uint32_t)start, 1},
				 "'%c' means nothing here", l->text[l->at]);
	l->at += len;
	return take_span(l, start, TOKEN_SIGN, ret);
}

static struct err *take_token(struct lexer *l, struct token *ret)
{
	const char *p = l->text + l->at;
	size_t start = l->at;
	if (!*p)
		return take_span(l, start, TOKEN_END, ret);
	if ((*p == 'x' || *p == 'X') && p[1] == '\'') {
		l->at++;
		ret->kind = TOKEN_HEX;
		return take_quoted(l, '\'', ret);
	}
	if (*p == '\'' || *p == '"' || *p == '`') {
		ret->kind = *p == '`' ? TOKEN_QUOTED : TOKEN_STRING;
		return take_quoted(l, *p, ret);
	}
	if (p[0] == '0' && p[1] == 'x')
		return take_bare_hex(l, ret);
	if (isdigit((unsigned char)*p) || (*p == '.' && isdigit((unsigned char)p[1])))
		return take_number(l, ret);
	if (!is_word_start(*p))
		return take_sign(l, ret);
	while (is_word_part(l->text[l->at]))
		l->at++;
	return take_span(l, start, TOKEN_WORD, ret);
}

struct err *tokens_of(const char *text, struct tokens *ret)
{
	AUTO_TOKENS struct tokens t = {0};
	struct lexer l = {.text = text, .len = strlen(text)};
	if (l.len > UINT32_MAX / 2)
		return err_new(EINVAL, "the expression has %zu bytes", l.len);
	do {
		skip_blanks(&l);
		TRY(mem_grow(t.n + 1, sizeof(*t.items), &t.cap, &t.items));
		t.items[t.n] = (struct token){0};
		TRY(take_token(&l, &t.items[t.n++]));
	} while (t.items[t.n - 1].kind != TOKEN_END);
	*ret = t;
	t = (struct tokens){0};
	return NULL;
}
