// SPDX-License-Identifier: Apache-2.0
/*
 * command_priv.h: the commands, one file each.
 */
#ifndef LANCEFS_COMMAND_COMMAND_PRIV_H
#define LANCEFS_COMMAND_COMMAND_PRIV_H

#include "command/command.h"

extern const struct command cmd_add, cmd_info, cmd_schema, cmd_history, cmd_diff,
	cmd_export, cmd_put, cmd_create, cmd_cast, cmd_append, cmd_verify, cmd_rename,
	cmd_drop, cmd_describe, cmd_tag, cmd_untag, cmd_branch, cmd_restore, cmd_join;

/* The column of that name, or ENOENT with a suggestion. */
MUST_CHECK struct err *find_column(const struct version *v, const char *name,
				   struct field **ret);
/* The version that --version=N names, else env's; referenced. */
MUST_CHECK struct err *pick_version(const struct command_env *env,
				    const struct words *w, struct version **ret);

#endif
