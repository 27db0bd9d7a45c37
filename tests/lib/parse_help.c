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

struct err *parse_bytes(const char *suffix, struct type *t, uint64_t n_rows,
			const void *bytes, size_t len, size_t step, struct array **ret)
{
	struct batches *b = NULL;
	AUTO(parser) struct parser *p = NULL;
	TRY(mem_new(&b));
	struct parse_options options = {
		.type = t, .name = "c", .n_rows = n_rows, .rows = collect, .ctx = b};
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
