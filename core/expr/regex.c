// SPDX-License-Identifier: Apache-2.0
/*
 * regex.c: regular expressions by PCRE2.
 * Source: the documentation of Rust's regex crate, "Syntax"; pcre2pattern(3).
 */
#include "expr/regex_priv.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <string.h>

/* Steps that one search may take, its memory in KiB, and stack for compiled code. */
#define MATCH_STEPS_MAX 5000000
#define MATCH_HEAP_MAX 65536
#define STACK_MIN (32 * 1024)
#define STACK_MAX (1024 * 1024)
#define PATTERN_BYTES_MAX 65536

struct regex {
	pcre2_code *code;
	uint32_t n_groups;
};

/* --- translation --- */

struct translation {
	const char *p, *end;
	struct buf out;
	unsigned class_depth; /* in brackets */
	bool is_repeated;     /* a repetition was just read */
};

static struct err *refuse(const char *what)
{
	return err_new(EINVAL, "regular expressions have no %s", what);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* \u{1F600}, \u1F60, \U0001F600, \x{…}, \x41: all as \x{…} */
static struct err *put_code(struct translation *t, char kind)
{
	size_t n = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
	const char *first = t->p;
	bool in_braces = t->p < t->end && *t->p == '{';
	if (in_braces) {
		first++;
		const char *close = memchr(first, '}', (size_t)(t->end - first));
		if (!close)
			return refuse("unclosed codes of characters");
		n = (size_t)(close - first);
	}
	if (n == 0 || n > 8 || (size_t)(t->end - first) < n)
		return refuse("such codes of characters");
	for (size_t i = 0; i < n; i++)
		if (!is_hex(first[i]))
			return refuse("such codes of characters");
	buf_str(&t->out, "\\x{");
	buf_append(&t->out, first, n);
	buf_str(&t->out, "}");
	t->p = first + n + in_braces;
	return NULL;
}

/* \b{start} and its like, or a plain \b */
static struct err *put_boundary(struct translation *t)
{
	static const struct {
		const char *name, *with;
	} kinds[] = {
		{"{start}", "(?:\\b(?=\\w))"},
		{"{end}", "(?:\\b(?<=\\w))"},
		{"{start-half}", "(?<!\\w)"},
		{"{end-half}", "(?!\\w)"},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].name);
		if ((size_t)(t->end - t->p) < len ||
		    memcmp(t->p, kinds[i].name, len) != 0)
			continue;
		buf_str(&t->out, kinds[i].with);
		t->p += len;
		return NULL;
	}
	buf_str(&t->out, "\\b");
	return NULL;
}

/* \p{Lu}: what is in the braces is PCRE2's to judge */
static struct err *put_property(struct translation *t, char kind)
{
	const char *close = t->p < t->end && *t->p == '{'
				    ? memchr(t->p, '}', (size_t)(t->end - t->p))
				    : t->p;
	buf_byte(&t->out, '\\');
	buf_byte(&t->out, (uint8_t)kind);
	if (!close || close == t->end)
		return refuse("such properties");
	buf_append(&t->out, t->p, (size_t)(close + 1 - t->p));
	t->p = close + 1;
	return NULL;
}

static struct err *put_escape(struct translation *t)
{
	char c = t->p + 1 < t->end ? t->p[1] : 0;
	t->p += 2;
	bool is_letter = (c | 32) >= 'a' && (c | 32) <= 'z';
	if (c == 0)
		return refuse("single backslash at the end");
	if (c >= '0' && c <= '9')
		return refuse("references to groups");
	if (c == '<' || c == '>') {
		buf_str(&t->out, c == '<' ? "(?:\\b(?=\\w))" : "(?:\\b(?<=\\w))");
	} else if (c == 'x' || c == 'u' || c == 'U') {
		return put_code(t, c);
	} else if (c == 'p' || c == 'P') {
		return put_property(t, c);
	} else if (c == 'b' && !t->class_depth) {
		return put_boundary(t);
	} else if (c == 'v') {
		buf_str(&t->out, "\\x0b");
	} else if (is_letter && !strchr("dDwWsSBAznrtfapP", c)) {
		return refuse("such an escape");
	} else {
		buf_byte(&t->out, '\\');
		buf_byte(&t->out, (uint8_t)c);
	}
	return NULL;
}

/* (?P<name>, (?<name>, (?:, (?flags), (?flags: */
static struct err *put_group(struct translation *t)
{
	const char *p = t->p + 2;
	if (p < t->end && *p == 'P')
		p++;
	if (p < t->end && *p == '<') {
		if (p + 1 < t->end && (p[1] == '=' || p[1] == '!'))
			return refuse("looking around");
		buf_str(&t->out, "(?<");
		t->p = p + 1;
		return NULL;
	}
	if (p != t->p + 2)
		return refuse("such a group");
	buf_str(&t->out, "(?");
	while (p < t->end && strchr("imsUxuR-", *p) && *p) {
		/* Unicode is always on, lines always end with \n */
		if (*p != 'u' && *p != 'R')
			buf_byte(&t->out, (uint8_t)*p);
		p++;
	}
	if (p == t->end || (*p != ':' && *p != ')') || (*p == ')' && p == t->p + 2))
		return refuse("such a group");
	t->p = p;
	return NULL;
}

/* [:alpha:] within brackets. */
static bool put_posix_class(struct translation *t)
{
	if (t->end - t->p < 4 || t->p[1] != ':')
		return false;
	const char *close = memmem(t->p, (size_t)(t->end - t->p), ":]", 2);
	if (!close)
		return false;
	buf_append(&t->out, t->p, (size_t)(close + 2 - t->p));
	t->p = close + 2;
	return true;
}

static struct err *open_class(struct translation *t)
{
	t->class_depth = 1;
	buf_byte(&t->out, (uint8_t)*t->p++);
	if (t->p < t->end && *t->p == '^')
		buf_byte(&t->out, (uint8_t)*t->p++);
	if (t->p < t->end && *t->p == ']') { /* one that stands first is itself */
		buf_str(&t->out, "\\]");
		t->p++;
	}
	return NULL;
}

static struct err *put_in_class(struct translation *t)
{
	char c = *t->p, next = t->p + 1 < t->end ? t->p[1] : 0;
	if (c == '[') {
		if (put_posix_class(t))
			return NULL;
		return refuse("brackets in brackets here");
	}
	if ((c == '&' || c == '-' || c == '~') && next == c)
		return refuse("operations on brackets here");
	t->class_depth = c != ']';
	buf_byte(&t->out, (uint8_t)c);
	t->p++;
	return NULL;
}

/* {n}, {n,}, {n,m}: as it is; anything else that begins so is refused. */
static struct err *put_braces(struct translation *t)
{
	const char *p = t->p + 1;
	size_t n_digits = 0;
	for (; p < t->end && ((*p >= '0' && *p <= '9') || *p == ','); p++)
		n_digits += *p != ',';
	if (p == t->end || *p != '}' || n_digits == 0 || t->p[1] == ',')
		return refuse("such braces");
	buf_append(&t->out, t->p, (size_t)(p + 1 - t->p));
	t->p = p + 1;
	t->is_repeated = true;
	return NULL;
}

static struct err *put_one(struct translation *t)
{
	char c = *t->p;
	bool was_repeated = t->is_repeated;
	t->is_repeated = false;
	if (c == '\\')
		return put_escape(t);
	if (t->class_depth)
		return put_in_class(t);
	if (c == '[')
		return open_class(t);
	if (c == '(' && t->p + 1 < t->end && t->p[1] == '?')
		return put_group(t);
	if (c == '(' && t->p + 1 < t->end && t->p[1] == '*')
		return refuse("verbs");
	if (was_repeated && strchr("*+{", c) && c)
		return refuse("repetitions of repetitions here");
	if (c == '{')
		return put_braces(t);
	t->is_repeated = c == '*' || c == '+' || (c == '?' && !was_repeated);
	buf_byte(&t->out, (uint8_t)c);
	t->p++;
	return NULL;
}

static struct err *translate(const char *pattern, size_t len, const char *flags,
			     struct translation *t)
{
	if (flags && *flags) {
		/* a group of flags alone, which is checked as those in the pattern */
		AUTO_MEM char *group = NULL;
		TRY(str_printf(&group, "(?%s)", flags));
		t->p = group;
		t->end = group + strlen(group);
		while (t->p < t->end)
			TRY(put_one(t));
	}
	t->p = pattern;
	t->end = pattern + len;
	while (t->p < t->end)
		TRY(put_one(t));
	return buf_check(&t->out);
}

/* --- compiling --- */

static struct err *compile(const struct buf *text, struct regex *r)
{
	int code;
	size_t at;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	if (!context)
		return err_nomem();
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	r->code = pcre2_compile(text->data ? text->data : (PCRE2_SPTR) "", text->len,
				PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY |
					PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK,
				&code, &at, context);
	pcre2_compile_context_free(context);
	if (!r->code) {
		PCRE2_UCHAR message[120];
		pcre2_get_error_message(code, message, sizeof(message));
		return err_new(EINVAL, "the regular expression is wrong: %s",
			       (const char *)message);
	}
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* only faster */
	pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->n_groups);
	return NULL;
}

struct err *regex_compile(const char *pattern, size_t len, const char *flags,
			  struct regex **ret)
{
	AUTO(regex) struct regex *r = NULL;
	struct translation t = {0};
	if (len > PATTERN_BYTES_MAX)
		return err_new(EINVAL, "a regular expression of %zu bytes", len);
	TRY(mem_new(&r));
	struct err *err = translate(pattern, len, flags, &t);
	if (!err)
		err = compile(&t.out, r);
	buf_fini(&t.out);
	if (err)
		return err;
	*ret = TAKE(r);
	return NULL;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	free(r);
}

uint32_t regex_n_groups(const struct regex *r)
{
	return r->n_groups;
}

bool regex_group(const struct regex *r, const char *name, size_t len, uint32_t *ret)
{
	char text[64];
	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = 0;
	int n = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)text);
	*ret = (uint32_t)n;
	return n > 0;
}

/* --- searching --- */

struct searcher {
	const struct regex *regex; /* borrowed */
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

void searcher_free(struct searcher *s)
{
	if (!s)
		return;
	pcre2_match_data_free(s->data);
	pcre2_match_context_free(s->context);
	pcre2_jit_stack_free(s->stack);
	free(s);
}

struct err *searcher_new(const struct regex *r, struct searcher **ret)
{
	AUTO(searcher) struct searcher *s = NULL;
	TRY(mem_new(&s));
	s->regex = r;
	s->data = pcre2_match_data_create_from_pattern(r->code, NULL);
	s->context = pcre2_match_context_create(NULL);
	s->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
	if (!s->data || !s->context || !s->stack)
		return err_nomem();
	pcre2_set_match_limit(s->context, MATCH_STEPS_MAX);
	pcre2_set_heap_limit(s->context, MATCH_HEAP_MAX);
	pcre2_jit_stack_assign(s->context, NULL, s->stack);
	*ret = TAKE(s);
	return NULL;
}

bool search_group(const struct searcher *s, uint32_t group, struct match *ret)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
	if (group > s->regex->n_groups || at[group * 2] == PCRE2_UNSET)
		return false;
	*ret = (struct match){at[group * 2], at[group * 2 + 1]};
	return true;
}

struct err *search(struct searcher *s, const uint8_t *text, size_t len, size_t from,
		   bool *ret_found, struct match *ret)
{
	static const uint8_t nothing[1];
	int code = pcre2_match(s->regex->code, text ? text : nothing, len, from,
			       PCRE2_NO_UTF_CHECK, s->data, s->context);
	*ret_found = code > 0;
	if (code == PCRE2_ERROR_NOMATCH)
		return NULL;
	if (code == PCRE2_ERROR_NOMEMORY)
		return err_nomem();
	if (code < 0)
		return err_new(EINVAL, "the regular expression takes too long");
	(void)search_group(s, 0, ret); /* the whole is always there */
	return NULL;
}

struct err *next_match(struct matches *m, bool *ret_found, struct match *ret)
{
	*ret_found = false;
	while (m->at <= m->len) {
		TRY(search(m->searcher, m->text, m->len, m->at, ret_found, ret));
		if (!*ret_found)
			return NULL;
		m->at = ret->end;
		bool is_repeat = ret->start == ret->end && m->has_last &&
				 ret->end == m->last_end;
		if (!is_repeat) {
			m->has_last = true;
			m->last_end = ret->end;
			return NULL;
		}
		*ret_found = false;
		if (m->at == m->len)
			return NULL;
		for (m->at++; m->at < m->len && (m->text[m->at] & 0xc0) == 0x80;)
			m->at++;
	}
	return NULL;
}
