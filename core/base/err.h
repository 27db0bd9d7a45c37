// SPDX-License-Identifier: Apache-2.0
/*
 * err.h: the one error value.  NULL means success.
 *
 * An error carries an errno for the kernel and one line for the person, so
 * the two cannot disagree.  Whoever holds one owns it: forward it, wrap it,
 * reply with it, or err_free() it beside a comment saying why it may be
 * dropped.  Context is added once a layer, about the thing the layer knows,
 * so that a message reads like an address:
 * "version 7: fragment 12: column caption: page 3: 40 runs in 12 bytes".
 *
 * Codes: EIO corrupt data or transport, EOPNOTSUPP unknown encoding or
 * feature flag, EINVAL bad user input, EBUSY conflict after retries,
 * EROFS write into an old version, ENOMEM.
 */
#ifndef LANCEFS_BASE_ERR_H
#define LANCEFS_BASE_ERR_H

#include <stdarg.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

struct err {
	int code;	    /* errno: positive, never 0 */
	const char *detail; /* lines to show below it: a place under a caret; NULL */
	char msg[];	    /* one line, outermost context first, no newline */
};

/* A new error with a formatted line.  Never NULL: out of memory gives the
 * static ENOMEM error.  The caller owns it. */
MUST_CHECK struct err *err_new(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A new error for a failed system call: "fmt: strerror(code)". */
MUST_CHECK struct err *err_errno(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put "fmt: " in front of the line.  Takes inner (not NULL). */
MUST_CHECK struct err *err_wrap(struct err *inner, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

/* Lines to show below; context put in front later leaves them.  Takes inner. */
MUST_CHECK struct err *err_with_detail(struct err *inner, const char *detail);

/* The static out-of-memory error. */
MUST_CHECK struct err *err_nomem(void);

/* Accepts NULL and the static error. */
void err_free(struct err *err);

#define TRY(expr)                                                                      \
	do {                                                                           \
		struct err *try_err_ = (expr);                                         \
		if (__builtin_expect(try_err_ != NULL, 0))                             \
			return try_err_;                                               \
	} while (0)

#define TRY_CTX(expr, ...)                                                             \
	do {                                                                           \
		struct err *try_err_ = (expr);                                         \
		if (__builtin_expect(try_err_ != NULL, 0))                             \
			return err_wrap(try_err_, __VA_ARGS__);                        \
	} while (0)

#endif
