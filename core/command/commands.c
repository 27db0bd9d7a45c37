// SPDX-License-Identifier: Apache-2.0
/*
 * commands.c: the registry of commands, and what is checked for all of them.
 */
#include "command/command_priv.h"

#include <errno.h>

static const struct command *const commands[] = {
	&cmd_info,     &cmd_schema,	&cmd_history, &cmd_diff,    &cmd_export,
	&cmd_add,      &cmd_backfill,	&cmd_query,   &cmd_refresh, &cmd_put,
	&cmd_append,   &cmd_join,	&cmd_delete,  &cmd_update,  &cmd_compact,
	&cmd_cleanup,  &cmd_optimize,	&cmd_create,  &cmd_rename,  &cmd_cast,
	&cmd_drop,     &cmd_describe,	&cmd_tag,     &cmd_untag,   &cmd_branch,
	&cmd_restore,  &cmd_indices,	&cmd_verify,  &cmd_jobs,    &cmd_wait,
	&cmd_pause,    &cmd_resume,	&cmd_cancel,  &cmd_udf_add, &cmd_udf_list,
	&cmd_udf_show, &cmd_udf_remove,
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

const struct command *command_at(size_t i)
{
	return i < N_COMMANDS ? commands[i] : NULL;
}

static bool knows_option(const struct command *c, const char *option)
{
	size_t len = strcspn(option, "=");
	if ((c->is_long || c->is_job) && strcmp(option, "wait") == 0)
		return true;
	for (size_t i = 0; c->options && c->options[i]; i++)
		if (strlen(c->options[i]) == len &&
		    !strncmp(c->options[i], option, len))
			return true;
	return false;
}

/* Of commands of two words, those that begin with this one. */
static size_t list_second_words(const char *name, struct buf *names)
{
	size_t n = 0, len = strlen(name);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const char *whole = commands[i]->name;
		if (strncmp(whole, name, len) == 0 && whole[len] == ' ')
			buf_printf(names, "%s%s", n++ ? ", " : "", whole);
	}
	return n;
}

struct err *command_none(const char *name)
{
	AUTO_BUF struct buf names = {0};
	size_t n = list_second_words(name, &names);
	for (size_t i = 0; !n && i < N_COMMANDS; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", commands[i]->name);
	buf_byte(&names, 0);
	TRY(buf_check(&names));
	if (n)
		return err_new(EINVAL, "%s: say one of %s", name, (char *)names.data);
	return err_new(EINVAL, "no command '%s'; there are %s", name,
		       (char *)names.data);
}

struct err *command_run(const struct command_env *env, const struct words *w,
			struct buf *out)
{
	const struct command *c = w->n_args ? command_find(w->args[0]) : NULL;
	if (!w->n_args)
		return err_new(EINVAL, "no command");
	if (!c)
		return command_none(w->args[0]);
	if (w->n_args - 1 < c->min_args || w->n_args - 1 > c->max_args)
		return err_new(EINVAL, "usage: %s", c->usage);
	for (size_t i = 0; i < w->n_options; i++)
		if (!knows_option(c, w->options[i]))
			return err_new(EINVAL, "%s: no option '--%s'; usage: %s",
				       c->name, w->options[i], c->usage);
	if (c->is_job && !env->job && !words_option(w, "dry-run"))
		return command_as_job(env, c, w, out);
	TRY_CTX(c->run(env, w, out), "%s", c->name);
	return buf_check(out);
}
