// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_branch.c: branch: make one, or list them.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

/* --- listing --- */

static void list_text(const struct table_branch *b, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%s\t%s\t%" PRIu64 "\t", b[i].name,
			   b[i].parent ? b[i].parent : "main", b[i].parent_version);
		buf_time(out, b[i].time_ns);
		buf_byte(out, '\n');
	}
}

static struct err *list_json(const struct table_branch *b, size_t n, struct buf *out)
{
	buf_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
		buf_json_string(out, b[i].name, strlen(b[i].name));
		buf_str(out, ", \"parent\": ");
		if (b[i].parent)
			buf_json_string(out, b[i].parent, strlen(b[i].parent));
		else
			buf_str(out, "null");
		buf_printf(out, ", \"version\": %" PRIu64 ", \"time\": %" PRId64 "}",
			   b[i].parent_version, b[i].time_ns / 1000000000);
	}
	buf_str(out, n ? "\n]\n" : "]\n");
	return buf_check(out);
}

static struct err *list(const struct command_env *env, struct buf *out)
{
	struct table_branch *branches;
	struct err *err = NULL;
	size_t n;
	TRY(table_list_branches(env->table, &branches, &n));
	if (env->json)
		err = list_json(branches, n, out);
	else
		list_text(branches, n, out);
	branches_free(branches, n);
	return err;
}

/* --- making --- */

static bool is_same_branch(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* A number, or a tag of this branch. */
static struct err *find_version(struct table *t, const char *text, uint64_t *ret)
{
	struct table_tag *tags;
	size_t n;
	bool found = str_to_u64(text, ret);
	if (found)
		return NULL;
	TRY(table_list_tags(t, &tags, &n));
	for (size_t i = 0; i < n && !found; i++) {
		if (strcmp(tags[i].name, text) != 0 ||
		    !is_same_branch(tags[i].branch, table_branch_name(t)))
			continue;
		*ret = tags[i].version;
		found = true;
	}
	tags_free(tags, n);
	return found ? NULL
		     : err_new(EINVAL,
			       "'%s' is neither a version's number nor a tag here",
			       text);
}

static struct err *run_branch(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(table) struct table *t = table_ref(env->table);
	AUTO(version) struct version *v = version_ref(env->version);
	const char *from = words_option(w, "from");
	if (w->n_args == 1 && !from)
		return list(env, out);
	if (w->n_args == 1)
		return err_new(EINVAL, "--from: which name shall the branch have?");
	if (from) {
		struct table *branch;
		TRY(table_open_branch(t, from, &branch));
		version_unref(v);
		table_unref(t);
		t = branch;
		v = table_latest(t);
	}
	uint64_t number = version_number(v);
	if (w->n_args > 2)
		TRY(find_version(t, w->args[2], &number));
	TRY(table_create_branch(t, w->args[1], number));
	buf_printf(out, "branch %s: version %" PRIu64 " of %s\n", w->args[1], number,
		   table_branch_name(t) ? table_branch_name(t) : "main");
	return NULL;
}

static const char *const options[] = {"from", NULL};

const struct command cmd_branch = {
	.name = "branch",
	.usage = "branch [NAME [VERSION|TAG]] [--from=BRANCH]",
	.summary = "a branch that begins as a version; without a name: all of them",
	.min_args = 0,
	.max_args = 2,
	.options = options,
	.run = run_branch,
};
