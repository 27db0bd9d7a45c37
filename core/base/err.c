// SPDX-License-Identifier: Apache-2.0
/*
 * err.c: errors are one allocation each; running out of memory while making
 * one falls back to a static value that err_free() knows.
 */
#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	struct err err;
	char text[16];
} nomem = {{ENOMEM, NULL}, "out of memory"};

struct err *err_nomem(void)
{
	return &nomem.err;
}

void err_free(struct err *err)
{
	if (err != &nomem.err)
		free(err);
}

/* Behind the line, its NUL between them. */
static void put_detail(struct err *err, size_t at, const char *detail)
{
	err->detail = NULL;
	if (!detail)
		return;
	memcpy(err->msg + at, detail, strlen(detail) + 1);
	err->detail = err->msg + at;
}

PRINTF_LIKE(4, 0)
static struct err *err_vnew(int code, const char *suffix, const char *detail,
			    const char *fmt, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return err_nomem();
	size_t text_len = (size_t)len;
	size_t suffix_len = suffix ? strlen(suffix) + 2 : 0;
	size_t line_len = text_len + suffix_len + 1;
	struct err *err =
		malloc(sizeof(*err) + line_len + (detail ? strlen(detail) + 1 : 0));
	if (!err)
		return err_nomem();
	err->code = code > 0 ? code : EIO;
	vsnprintf(err->msg, text_len + 1, fmt, args);
	if (suffix)
		snprintf(err->msg + text_len, suffix_len + 1, ": %s", suffix);
	for (char *p = err->msg; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	put_detail(err, line_len, detail);
	return err;
}

struct err *err_with_detail(struct err *inner, const char *detail)
{
	if (inner == &nomem.err)
		return inner;
	size_t line_len = strlen(inner->msg) + 1;
	struct err *err = malloc(sizeof(*err) + line_len + strlen(detail) + 1);
	if (!err)
		return inner; /* the line alone says enough */
	err->code = inner->code;
	memcpy(err->msg, inner->msg, line_len);
	put_detail(err, line_len, detail);
	err_free(inner);
	return err;
}

struct err *err_new(int code, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	struct err *err = err_vnew(code, NULL, NULL, fmt, args);
	va_end(args);
	return err;
}

struct err *err_errno(int code, const char *fmt, ...)
{
	char reason[128];
	va_list args;
	va_start(args, fmt);
	struct err *err = err_vnew(code, strerror_r(code, reason, sizeof(reason)), NULL,
				   fmt, args);
	va_end(args);
	return err;
}

struct err *err_wrap(struct err *inner, const char *fmt, ...)
{
	if (inner == &nomem.err)
		return inner;
	va_list args;
	va_start(args, fmt);
	struct err *err = err_vnew(inner->code, inner->msg, inner->detail, fmt, args);
	va_end(args);
	err_free(inner);
	return err;
}
