// SPDX-License-Identifier: Apache-2.0
/*
 * parse_help.c: running parsers in tests.
 */
#include "parse_help.h"

#include <stdio.h>

struct batches {
	size_t n;
	struct array *arrays[4096];
};

static struct err *collect(void *ctx, struct array *batch)
{
	struct batches *b = ctx;
	TRY(array_validate(batch));
	b->arrays[b->n++] = array_ref(batch);
	return NULL;
}

static struct err *push_steps(struct parser *p, const uint8_t *bytes, size_t len,
			      size_t step)
{
	for (size_t at = 0; at < len;) {
		size_t n = MIN_OF(step ? step : len, len - at);
		AUTO_MEM uint8_t *copy = NULL; /* so that overreads are seen */
		TRY(mem_array(n, 1, &copy));
		memcpy(copy, bytes + at, n);
		TRY(parser_push(p, copy, n));
		at += n;
	}
	if (!parser_is_complete(p)) {
		TRY(parser_finish(p));
		fprintf(stderr, "not complete, but finish succeeds\n");
		abort();
	}
	return parser_finish(p);
}

/* options->rows is not looked at. */
static struct err *parse_as(const char *suffix, struct parse_options options,
			    const void *bytes, size_t len, size_t step,
			    struct array **ret)
{
	struct batches *b = NULL;
	AUTO(parser) struct parser *p = NULL;
	TRY(mem_new(&b));
	options.name = "c";
	options.rows = collect;
	options.ctx = b;
	struct err *err = parser_open(format_find(suffix), &options, &p);
	if (!err)
		err = push_steps(p, bytes, len, step);
	*ret = NULL;
	if (!err && b->n)
		err = array_concat(b->arrays, b->n, ret);
	for (size_t i = 0; i < b->n; i++)
		array_unref(b->arrays[i]);
	free(b);
	return err;
}

struct err *parse_bytes(const char *suffix, struct type *t, uint64_t n_rows,
			const void *bytes, size_t len, size_t step, struct array **ret)
{
	struct parse_options options = {.type = t, .n_rows = n_rows};
	return parse_as(suffix, options, bytes, len, step, ret);
}

struct err *parse_table(const char *suffix, struct type *t, uint64_t n_rows,
			const void *bytes, size_t len, size_t step, struct array **ret)
{
	struct parse_options options = {.type = t, .n_rows = n_rows, .is_table = true};
	return parse_as(suffix, options, bytes, len, step, ret);
}

static struct err *learn(const char *suffix, struct parse_options options,
			 const char *text, struct type **ret)
{
	AUTO(parser) struct parser *p = NULL;
	TRY(parser_open(format_find(suffix), &options, &p));
	TRY(push_steps(p, (const uint8_t *)text, strlen(text), 0));
	*ret = type_ref(parser_type(p));
	return NULL;
}

static struct err *describe_rows(const char *suffix, struct parse_options options,
				 const char *text, size_t step, char **ret)
{
	AUTO(type) struct type *t = type_ref(options.type);
	AUTO(array) struct array *a = NULL;
	AUTO_MEM char *name = NULL;
	AUTO_BUF struct buf out = {0};
	if (!t)
		TRY(learn(suffix, options, text, &t));
	TRY(type_format(t, &name));
	options.type = t;
	TRY(parse_as(suffix, options, text, strlen(text), step, &a));
	buf_printf(&out, "%s", name);
	for (uint64_t row = 0; a && row < a->n_rows; row++) {
		AUTO(array) struct array *one = NULL;
		TRY(array_slice(a, row, row + 1, &one));
		buf_byte(&out, ' ');
		TRY(text_render(one, &out));
		out.len--; /* its newline */
	}
	return buf_take_str(&out, ret);
}

void expect_rows(const char *suffix, const char *type, uint64_t n_rows, bool is_table,
		 const char *text, const char *expected)
{
	AUTO(type) struct type *t = type ? type_of(type) : NULL;
	struct parse_options options = {
		.type = t, .name = "c", .n_rows = n_rows, .is_table = is_table};
	for (size_t step = 0; step < 4; step++) {
		AUTO_MEM char *got = NULL;
		AUTO_ERR struct err *err =
			describe_rows(suffix, options, text, step, &got);
		if (strcmp(err ? err->msg : got, expected) == 0)
			continue;
		fprintf(stderr, "%s '%s' by %zu: got\n%s\nwanted\n%s\n", suffix, text,
			step, err ? err->msg : got, expected);
		abort();
	}
}

void expect_parse_error(const char *suffix, const char *type, uint64_t n_rows,
			const char *text, const char *part)
{
	AUTO(type) struct type *t = type ? type_of(type) : NULL;
	AUTO(array) struct array *a = NULL;
	struct err *err = parse_bytes(suffix, t, n_rows, text, strlen(text), 0, &a);
	if (!err || !strstr(err->msg, part)) {
		fprintf(stderr, "%s '%s': got '%s', wanted '%s'\n", suffix, text,
			err ? err->msg : "success", part);
		abort();
	}
	err_free(err);
}

char *learned_type(const char *suffix, uint64_t n_rows, const char *text)
{
	AUTO(parser) struct parser *p = NULL;
	struct parse_options options = {.name = "c", .n_rows = n_rows};
	char *answer = NULL;
	must(parser_open(format_find(suffix), &options, &p));
	struct err *err = parser_push(p, text, strlen(text));
	bool complete = parser_is_complete(p);
	if (!err)
		err = parser_finish(p);
	if (complete == (err != NULL)) {
		fprintf(stderr, "'%s': is_complete says %d\n", text, complete);
		abort();
	}
	if (err)
		must(str_dup(err->msg, &answer));
	else
		must(type_format(parser_type(p), &answer));
	err_free(err);
	return answer;
}
