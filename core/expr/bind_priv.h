// SPDX-License-Identifier: Apache-2.0
/*
 * bind_priv.h: a tree of names into a tree of columns, functions and types.
 */
#ifndef LANCEFS_EXPR_BIND_PRIV_H
#define LANCEFS_EXPR_BIND_PRIV_H

#include "expr/coerce_priv.h"
#include "expr/parse_priv.h"

struct binder {
	const char *text;
	struct field *const *fields; /* borrowed */
	size_t n_fields;
	struct expr_input *inputs; /* owned */
	size_t n_inputs;
	unsigned depth;
};

/* Bind *n and all below it; it may be replaced by another node.  EINVAL. */
MUST_CHECK struct err *bind_node(struct binder *b, struct node **n);
/* Replace *n, all whose arguments are literals, by its value. */
MUST_CHECK struct err *bind_fold(struct binder *b, struct node **n);
/* The field that a name means: as it is spelled, else, unless it was quoted, in any
 * case.  n_fields if there is none. */
size_t bind_lookup(const struct binder *b, const char *name, bool is_quoted);
/* Literals beside columns get the column's type, as Lance's own planner does it
 * (lance_rules.c).  Before anything is bound. */
MUST_CHECK struct err *lance_resolve(struct binder *b, struct node *root);

#endif
