// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_refs.c: tag, untag, restore: which version is called what, and which is the
 * newest.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *parse_version(const char *text, uint64_t *ret)
{
	if (!str_to_u64(text, ret))
		return err_new(EINVAL, "'%s' is not a version's number", text);
	return NULL;
}

static struct err *run_tag(const struct command_env *env, const struct words *w,
			   struct buf *out)
{
	uint64_t number = version_number(env->version);
	if (w->n_args > 2)
		TRY(parse_version(w->args[2], &number));
	TRY(table_set_tag(env->table, w->args[1], number));
	buf_printf(out, "tag %s: version %" PRIu64 "\n", w->args[1], number);
	return NULL;
}

const struct command cmd_tag = {
	.name = "tag",
	.usage = "tag NAME [VERSION]",
	.summary = "name a version, the latest if none is said",
	.min_args = 1,
	.max_args = 2,
	.run = run_tag,
};

static struct err *run_untag(const struct command_env *env, const struct words *w,
			     struct buf *out)
{
	TRY(table_remove_tag(env->table, w->args[1]));
	buf_printf(out, "no tag %s any more\n", w->args[1]);
	return NULL;
}

const struct command cmd_untag = {
	.name = "untag",
	.usage = "untag NAME",
	.summary = "remove a tag; the version stays",
	.min_args = 1,
	.max_args = 1,
	.run = run_untag,
};

static struct err *run_restore(const struct command_env *env, const struct words *w,
			       struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	uint64_t number;
	TRY(parse_version(w->args[1], &number));
	TRY(table_restore(env->table, env->version, number, &v));
	if (version_number(v) == number)
		buf_printf(out, "version %" PRIu64 " is the latest\n", number);
	else
		buf_printf(out,
			   "version %" PRIu64 " has what version %" PRIu64
			   " had (undo: restore %" PRIu64 ")\n",
			   version_number(v), number, version_number(v) - 1);
	return NULL;
}

const struct command cmd_restore = {
	.name = "restore",
	.usage = "restore VERSION",
	.summary = "commit an old version as the newest one",
	.min_args = 1,
	.max_args = 1,
	.run = run_restore,
};
