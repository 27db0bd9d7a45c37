// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_rows.c: delete and update: rows that a condition chooses change.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

struct shown {
	const struct command_env *env;
	const char *what;
};

static void show_rows(void *ctx, uint64_t done, uint64_t total)
{
	const struct shown *s = ctx;
	command_progress(s->env, s->what, done, total);
}

static void tell(const char *deed, uint64_t n, const struct version *v, struct buf *out)
{
	if (n == 0)
		buf_printf(out, "%s no rows\n", deed);
	else
		buf_printf(out,
			   "%s %" PRIu64 " row%s: version %" PRIu64
			   " (undo: restore %" PRIu64 ")\n",
			   deed, n, n > 1 ? "s" : "", version_number(v),
			   version_number(v) - 1);
}

/* --- delete --- */

static struct err *run_delete(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	uint64_t n;
	struct shown shown = {env, "delete"};
	struct delete_spec spec = {w->args[1], {show_rows, &shown}};
	TRY(rows_delete(env->table, env->version, &spec, &n, &v));
	tell("deleted", n, v, out);
	return NULL;
}

const struct command cmd_delete = {
	.name = "delete",
	.usage = "delete CONDITION",
	.summary = "delete the rows for which an SQL condition is true",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.run = run_delete,
};

/* --- update --- */

#define MAX_ASSIGNMENTS 2000

/* NAME=EXPRESSION, cut in two. */
static struct err *split_assignment(char *word, struct assignment *ret)
{
	char *equals = strchr(word, '=');
	if (!equals || equals == word || !equals[1])
		return err_new(EINVAL, "'%s': want NAME=EXPRESSION", word);
	*equals = 0;
	*ret = (struct assignment){word, equals + 1};
	return NULL;
}

static struct err *parse_mode(const char *text, enum update_mode *ret)
{
	*ret = UPDATE_BY_COST;
	if (!text)
		return NULL;
	*ret = strcmp(text, "rows") == 0 ? UPDATE_ROWS : UPDATE_COLUMNS;
	if (*ret == UPDATE_COLUMNS && strcmp(text, "columns") != 0)
		return err_new(EINVAL, "--mode is columns or rows, not '%s'", text);
	return NULL;
}

static struct err *run_update(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO_MEM struct assignment *set = NULL;
	uint64_t n;
	struct field *f;
	struct shown shown = {env, "update"};
	struct update_spec spec = {
		.n = w->n_args - 1,
		.where = words_option(w, "where"),
		.progress = {show_rows, &shown},
	};
	TRY(parse_mode(words_option(w, "mode"), &spec.mode));
	TRY(mem_array(spec.n, sizeof(*set), &set));
	for (size_t i = 0; i < spec.n; i++) {
		TRY(split_assignment(w->args[i + 1], &set[i]));
		TRY(find_column(env->version, set[i].name, &f));
	}
	spec.set = set;
	TRY(rows_update(env->table, env->version, &spec, &n, &v));
	tell("updated", n, v, out);
	return NULL;
}

static const char *const update_options[] = {"where", "mode", NULL};

const struct command cmd_update = {
	.name = "update",
	.usage = "update NAME=EXPRESSION... [--where=CONDITION] [--mode=columns|rows]",
	.summary = "set columns of the rows for which an SQL condition is true",
	.min_args = 1,
	.max_args = MAX_ASSIGNMENTS,
	.is_long = true,
	.options = update_options,
	.run = run_update,
};
