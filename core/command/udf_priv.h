// SPDX-License-Identifier: Apache-2.0
/*
 * udf_priv.h: what commands that run UDFs share.
 */
#ifndef LANCEFS_COMMAND_UDF_PRIV_H
#define LANCEFS_COMMAND_UDF_PRIV_H

#include "command/command_priv.h"

/* What the options of a backfill say; borrows from w.  EINVAL. */
MUST_CHECK struct err *backfill_options(const struct words *w, struct backfill_spec *s);
/* A UDF sees neither the dataset nor the mount.  *own: what l borrows, the caller's. */
MUST_CHECK struct err *hide_dataset(const struct command_env *env, struct udf_limits *l,
				    char **own);
/* add NAME… --udf=U */
MUST_CHECK struct err *add_udf_columns(const struct command_env *env,
				       const struct words *w, struct type *type,
				       struct version **ret);
/* Bring a column of a UDF up to date, as a job, if it is not. */
MUST_CHECK struct err *refresh_udf(const struct command_env *env, const struct words *w,
				   const struct field *f, struct buf *out);

#endif
