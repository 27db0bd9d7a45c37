// SPDX-License-Identifier: Apache-2.0
/*
 * regex_priv.h: regular expressions in the syntax that DataFusion has, Rust's.
 *
 * They are translated for PCRE2: classes are of Unicode, '$' is the very end, and what
 * that syntax lacks (references back, looking around) is refused.  Matches are the
 * leftmost, and of these the first that the alternatives give, in both.
 *
 * A compiled one is immutable; a searcher belongs to one thread.
 */
#ifndef LANCEFS_EXPR_REGEX_PRIV_H
#define LANCEFS_EXPR_REGEX_PRIV_H

#include "base/base.h"

struct regex;

/* flags: letters of "imsUxu" or none; NULL too.  EINVAL says what is wrong. */
MUST_CHECK struct err *regex_compile(const char *pattern, size_t len, const char *flags,
				     struct regex **ret);
void regex_free(struct regex *r); /* accepts NULL */
DEFINE_AUTO(regex, regex_free)
/* Groups, the whole match not counted. */
uint32_t regex_n_groups(const struct regex *r);
/* The number of a group by its name; false if there is none. */
bool regex_group(const struct regex *r, const char *name, size_t len, uint32_t *ret);

struct searcher;

MUST_CHECK struct err *searcher_new(const struct regex *r, struct searcher **ret);
void searcher_free(struct searcher *s); /* accepts NULL */
DEFINE_AUTO(searcher, searcher_free)

/* Where a group matched, in bytes. */
struct match {
	size_t start, end;
};

/* The first match at or after byte `from` of a valid UTF-8 text.  EINVAL if it takes
 * too long. */
MUST_CHECK struct err *search(struct searcher *s, const uint8_t *text, size_t len,
			      size_t from, bool *ret_found, struct match *ret);
/* A group of the last match; false if it has no part in it. */
bool search_group(const struct searcher *s, uint32_t group, struct match *ret);

/* All matches in turn, as find_iter gives them: none is empty where the one before it
 * ended. */
struct matches {
	struct searcher *searcher; /* borrowed */
	const uint8_t *text;
	size_t len, at;
	bool has_last;
	size_t last_end;
};
MUST_CHECK struct err *next_match(struct matches *m, bool *ret_found,
				  struct match *ret);

#endif
