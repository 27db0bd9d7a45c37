// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_priv.h: what a sandbox covers, what it shows again, and its environment.
 */
#ifndef LANCEFS_UDF_SANDBOX_PRIV_H
#define LANCEFS_UDF_SANDBOX_PRIV_H

#include "udf/udf_priv.h"

/* --- sandbox_show.c --- */

struct showing {
	const struct udf_limits *limits; /* borrowed */
	struct words_out *argv;		 /* borrowed; bwrap's */
	bool is_late; /* now those that lie in what is hidden, else the others */
	struct words_out shown; /* owned; what was bound */
};
static inline void auto_showing(struct showing *s)
{
	udf_words_free(s->shown.words);
}

/* Cover the places that each sandbox has for itself. */
MUST_CHECK struct err *cover_private(struct words_out *argv);
/* Bind a path that would not be seen, if it is its turn. */
MUST_CHECK struct err *show(struct showing *s, const char *path);
/* The same of a program, NULL for none, with the libraries beside it. */
MUST_CHECK struct err *show_program(struct showing *s, const char *program);
/* Cover what the limits hide, as far as it is seen by now. */
MUST_CHECK struct err *hide(const struct showing *s);

/* --- sandbox_env.c --- */

/* A small and clean environment. */
MUST_CHECK struct err *sandbox_env(const struct udf *u, const struct udf_limits *l,
				   struct words_out *env);
/* Ours, with what each function gets. */
MUST_CHECK struct err *plain_env(const struct udf *u, const struct udf_limits *l,
				 struct words_out *env);

#endif
