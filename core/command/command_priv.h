// SPDX-License-Identifier: Apache-2.0
/*
 * command_priv.h: the commands, one file each.
 */
#ifndef LANCEFS_COMMAND_COMMAND_PRIV_H
#define LANCEFS_COMMAND_COMMAND_PRIV_H

#include "command/command.h"

extern const struct command cmd_refresh, cmd_add, cmd_backfill, cmd_query, cmd_info,
	cmd_schema, cmd_history, cmd_diff, cmd_export, cmd_put, cmd_create, cmd_cast,
	cmd_append, cmd_verify, cmd_rename, cmd_drop, cmd_describe, cmd_tag, cmd_untag,
	cmd_branch, cmd_indices, cmd_restore, cmd_join, cmd_delete, cmd_update,
	cmd_jobs, cmd_wait, cmd_pause, cmd_resume, cmd_cancel, cmd_udf_add,
	cmd_udf_list, cmd_udf_show, cmd_udf_remove, cmd_compact, cmd_cleanup,
	cmd_optimize;

/* The column of that name, or ENOENT with a suggestion. */
MUST_CHECK struct err *find_column(const struct version *v, const char *name,
				   struct field **ret);
/* The version that --version=N names, else env's; referenced. */
MUST_CHECK struct err *pick_version(const struct command_env *env,
				    const struct words *w, struct version **ret);

/* --- option_values.c: what --name=VALUE says; *ret stays without one --- */

/* "300", "1.5s", "10m", "2h", "14d". */
MUST_CHECK struct err *option_time(const struct words *w, const char *name,
				   int64_t *ret_ns);
/* "4096", "512M", "2G". */
MUST_CHECK struct err *option_bytes(const struct words *w, const char *name,
				    uint64_t *ret);
MUST_CHECK struct err *option_count(const struct words *w, const char *name,
				    uint64_t least, uint64_t *ret);
MUST_CHECK struct err *option_share(const struct words *w, const char *name,
				    double *ret);

/* The options of compact. */
MUST_CHECK struct err *compact_options_of(const struct words *w,
					  struct compact_options *ret);
/* "168 MB". */
void render_bytes(uint64_t n, struct buf *out);

/* --- where a command's data goes: --output=FILE, or the answer (output.c) --- */

struct output {
	const struct command_env *env; /* borrowed */
	struct buf *out;	       /* borrowed */
	int fd;			       /* owned; -1: env->write or out */
};
MUST_CHECK struct err *output_open(const struct command_env *env, const struct words *w,
				   struct buf *out, struct output *ret);
MUST_CHECK struct err *output_write(void *output, const void *p, size_t len);
/* Flush and close; err is what happened before, and is returned if there is one. */
MUST_CHECK struct err *output_close(struct output *o, struct err *err);

#endif
