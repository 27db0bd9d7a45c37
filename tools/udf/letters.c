// SPDX-License-Identifier: Apache-2.0
/*
 * letters.c: how many characters a text has; a function in C, of lines.
 *
 *   cc -O2 -o letters letters.c
 *   lancectl udf add photos.lance letters --type=int64
 *
 * A line is a row: columns stand between tabs, a null is \N, and a backslash stands
 * before t, n, r and itself where they are of the text.  Standard output may be
 * buffered: lancefs ends the input when it wants to be sure of the answers.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that begin a character of UTF-8; an escape is two bytes of one character. */
static size_t count(const char *p, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		i += p[i] == '\\' && i + 1 < len;
		n += (p[i] & 0xc0) != 0x80;
	}
	return n;
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	while ((len = getline(&line, &cap, stdin)) > 0) {
		len -= line[len - 1] == '\n';
		if (len == 2 && memcmp(line, "\\N", 2) == 0)
			puts("\\N");
		else
			printf("%zu\n", count(line, (size_t)len));
	}
	free(line);
	return ferror(stdin) || fflush(stdout) != 0;
}
