// SPDX-License-Identifier: Apache-2.0
/*
 * words_out.c: argument vectors and environments that grow.
 */
#include "udf/udf_priv.h"

#include <stdio.h>

struct err *words_add(struct words_out *w, const char *fmt, ...)
{
	va_list args;
	TRY(mem_grow(w->n + 2, sizeof(*w->words), &w->cap, &w->words));
	va_start(args, fmt);
	int n = vasprintf(&w->words[w->n], fmt, args);
	va_end(args);
	w->n += n >= 0;
	w->words[w->n] = NULL;
	return n >= 0 ? NULL : err_nomem();
}

struct err *words_add_all(struct words_out *w, const char *const *words)
{
	for (; *words; words++)
		TRY(words_add(w, "%s", *words));
	return NULL;
}
