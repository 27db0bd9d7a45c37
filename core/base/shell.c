// SPDX-License-Identifier: Apache-2.0
/*
 * shell.c: words, quoted as in sh.
 */
#include "base/base.h"

#include <ctype.h>
#include <errno.h>

struct lexer {
	const char *p, *start, *end, *between;
	struct buf word;
	bool in_word, begins_quoted;
	struct err *(*fn)(void *ctx, char *word, bool begins_quoted);
	void *ctx;
};

static struct err *take_quoted(struct lexer *l, char quote)
{
	size_t at = (size_t)(l->p - l->start) + 1;
	if (!l->in_word)
		l->begins_quoted = true;
	for (l->p++; l->p < l->end && *l->p != quote; l->p++) {
		if (quote == '"' && *l->p == '\\' && l->p + 1 < l->end &&
		    strchr("\"\\$`", l->p[1]))
			l->p++;
		buf_byte(&l->word, (uint8_t)*l->p);
	}
	if (l->p == l->end)
		return err_new(EINVAL, "column %zu: the quote %c is not closed", at,
			       quote);
	l->p++;
	l->in_word = true;
	return NULL;
}

static struct err *end_word(struct lexer *l)
{
	char *word;
	if (!l->in_word)
		return NULL;
	TRY(buf_take_str(&l->word, &word));
	l->in_word = false;
	bool quoted = l->begins_quoted;
	l->begins_quoted = false;
	return l->fn(l->ctx, word, quoted);
}

static struct err *split(struct lexer *l)
{
	while (l->p < l->end) {
		char c = *l->p;
		if (c && strchr(l->between, c)) {
			TRY(end_word(l));
			l->p++;
		} else if (c == '\'' || c == '"') {
			TRY(take_quoted(l, c));
		} else if (c == '#' && !l->in_word) {
			break; /* a comment */
		} else {
			if (c == '\\' && l->p + 1 < l->end)
				l->p++;
			buf_byte(&l->word, (uint8_t)*l->p++);
			l->in_word = true;
		}
	}
	return end_word(l);
}

struct err *shell_split(const char *line, size_t len, const char *between,
			struct err *(*fn)(void *ctx, char *word, bool begins_quoted),
			void *ctx)
{
	struct lexer l = {.p = line,
			  .start = line,
			  .end = line + len,
			  .between = between,
			  .fn = fn,
			  .ctx = ctx};
	struct err *err = split(&l);
	buf_fini(&l.word);
	return err;
}

/* --- into an array --- */

struct list {
	char **words; /* owned; NULL-terminated */
	size_t n, cap;
};

static struct err *push(void *ctx, char *word, bool begins_quoted)
{
	struct list *l = ctx;
	(void)begins_quoted;
	struct err *err = mem_grow(l->n + 2, sizeof(*l->words), &l->cap, &l->words);
	if (err) {
		free(word);
		return err;
	}
	l->words[l->n++] = word;
	l->words[l->n] = NULL;
	return NULL;
}

struct err *shell_words(const char *line, const char *between, char ***ret)
{
	struct list l = {0};
	struct err *err = shell_split(line, strlen(line), between, push, &l);
	if (!err && !l.words)
		err = mem_array(1, sizeof(*l.words), &l.words);
	if (err)
		shell_words_free(l.words);
	else
		*ret = l.words;
	return err;
}

void shell_words_free(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

/* --- the other way --- */

/* Needs no backslash: ASCII that sh gives no meaning, and all of UTF-8. */
static bool is_plain(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || (c && strchr("_./:=@%+-", c));
}

void shell_quote(const char *word, struct buf *out)
{
	if (!*word)
		buf_str(out, "''");
	for (; *word; word++) {
		if (isspace((unsigned char)*word)) /* at an end of line others would cut
						      it */
			buf_printf(out, "'%c'", *word);
		else if (is_plain((unsigned char)*word))
			buf_byte(out, (uint8_t)*word);
		else
			buf_printf(out, "\\%c", *word);
	}
}
