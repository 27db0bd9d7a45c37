// SPDX-License-Identifier: Apache-2.0
/*
 * shell.h: words, quoted as in sh.
 */
#ifndef LANCEFS_BASE_SHELL_H
#define LANCEFS_BASE_SHELL_H

#include "base/buf.h"

/*
 * Split a line into words as sh does: '…', "…", backslash, and a comment from a word
 * that begins with # on.
 *
 * between  the bytes between words
 * fn       is called for each word and takes it; begins_quoted: its first byte stood
 *          in quotes
 *
 * EINVAL with a position; what fn fails with.
 */
MUST_CHECK struct err *
shell_split(const char *line, size_t len, const char *between,
	    struct err *(*fn)(void *ctx, char *word, bool begins_quoted), void *ctx);
/* The same into an array that ends with NULL; shell_words_free releases it. */
MUST_CHECK struct err *shell_words(const char *line, const char *between, char ***ret);
void shell_words_free(char **words); /* accepts NULL */
/* Append a word so that it is read back as one, whatever stands between words. */
void shell_quote(const char *word, struct buf *out);

#endif
