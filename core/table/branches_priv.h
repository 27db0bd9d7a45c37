// SPDX-License-Identifier: Apache-2.0
/*
 * branches_priv.h: what finding and making branches share.
 */
#ifndef LANCEFS_TABLE_BRANCHES_PRIV_H
#define LANCEFS_TABLE_BRANCHES_PRIV_H

#include "table/ref_json_priv.h"

#define BRANCH_REFS "_refs/branches"

/* EINVAL for a name that a new branch must not have. */
MUST_CHECK struct err *branch_name_check(const char *name);
/* The name of its file in BRANCH_REFS. */
MUST_CHECK struct err *branch_file(const char *name, char **ret);
/* EOPNOTSUPP if the table's dataset is not known. */
MUST_CHECK struct err *branch_need_root(const struct table *t);
MUST_CHECK struct err *branch_exists(struct table *t, const char *name, bool *ret);
/* The content of a branch's file; the caller owns the value. */
MUST_CHECK struct err *branch_read(struct table *t, const char *file,
				   struct json_object **ret);
/* A table of a branch's directory, whose versions are not looked at yet. */
MUST_CHECK struct err *branch_table_new(struct table *t, struct io_store *store,
					const char *name, struct table **ret);

#endif
