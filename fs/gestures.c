// SPDX-License-Identifier: Apache-2.0
/*
 * gestures.c: what mv, rm, ln -s and setfattr mean to a table: columns are renamed
 * and dropped, tags made and removed, metadata set.  Each is one commit, done when
 * the call returns.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>

/* A version was committed by one of them. */
static void committed(struct mount *m)
{
	atomic_fetch_add(&m->server->metrics.n_commits, 1);
	watch_wake(m->server);
}

static struct err *check_protected(const struct mount *m, const char *column)
{
	if (list_has(m->server->options.protect, column))
		return err_new(EPERM,
			       "column '%s' is protected (protect= in the mount's "
			       "configuration)",
			       column);
	return NULL;
}

static struct err *check_allowed(const struct mount *m, const char *what)
{
	if (m->server->options.allow_drop)
		return NULL;
	return err_new(EPERM,
		       "%s by rm here (allow-drop=no in the mount's configuration); "
		       "write the command to control, or run lancectl",
		       what);
}

/* --- columns --- */

/* "caption.txt", or "image" for a column that is a directory: its name, and the suffix.
 */
static struct err *split_file(struct version *v, const char *file, char **ret_name,
			      const char **ret_suffix)
{
	const struct format_ops *format;
	AUTO(type) struct type *type = NULL;
	struct field *f = name_find(v, file);
	*ret_suffix = "";
	if (f)
		return str_dup(f->name, ret_name);
	if (!strchr(file, '.'))
		return name_decode(file, ret_name);
	TRY(column_file_parse(v, file, ret_name, &type, &format));
	*ret_suffix = format_suffix(format);
	return NULL;
}

struct err *gesture_rename(struct mount *m, const char *from, const char *to)
{
	AUTO(version) struct version *v = table_latest(m->table);
	AUTO(version) struct version *done = NULL;
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *new_name = NULL;
	AUTO_MEM char *message = NULL;
	const char *suffix, *new_suffix;
	TRY(split_file(v, from, &name, &suffix));
	TRY(split_file(v, to, &new_name, &new_suffix));
	if (strcmp(suffix, new_suffix) != 0)
		return err_new(
			EINVAL,
			"a column keeps its format when it is renamed; use cp to "
			"write it in another");
	TRY(check_protected(m, name));
	TRY(str_printf(&message, "column %s is called %s now", name, new_name));
	TRY(table_rename_field(m->table, name, new_name, message, &done));
	committed(m);
	return NULL;
}

struct err *gesture_drop(struct mount *m, const char *file)
{
	AUTO(version) struct version *v = table_latest(m->table);
	AUTO(version) struct version *done = NULL;
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *message = NULL;
	const char *suffix;
	TRY(check_allowed(m, "columns are not dropped"));
	TRY(split_file(v, file, &name, &suffix));
	TRY(check_protected(m, name));
	TRY(str_printf(&message, "dropped %s", name));
	TRY(table_drop_fields(m->table, (const char *[]){name}, 1, message, &done));
	committed(m);
	return NULL;
}

struct err *gesture_describe(struct mount *m, const struct node *n, const char *key,
			     const void *value, size_t len)
{
	AUTO(version) struct version *done = NULL;
	AUTO_MEM char *text = NULL;
	const char *column = n->field ? n->field->name : n->name;
	if (value)
		TRY(str_dup_len(value, len, &text));
	if (text && strlen(text) != len)
		return err_new(EINVAL, "metadata of a column holds no NUL");
	struct metadata_change change = {key, text};
	TRY(check_protected(m, column));
	TRY(table_describe_field(m->table, column, &change, 1, &done));
	committed(m);
	return NULL;
}

/* --- tags --- */

/* What "../branches/NAME/versions/7" is a version of: a branch, or this table. */
static struct err *linked_table(struct mount *m, const char *target, struct table **ret)
{
	static const char dir[] = "branches/";
	AUTO_MEM char *name = NULL;
	struct table_branch b = {0};
	bool found;
	const char *at = strstr(target, dir);
	if (!at || (at != target && at[-1] != '/')) {
		*ret = table_ref(m->table);
		return NULL;
	}
	at += strlen(dir);
	TRY(str_dup_len(at, strcspn(at, "/"), &name));
	TRY(branch_find(m, name, &found, &b));
	if (!found)
		return err_new(ENOENT, "no branch '%s'", name);
	struct err *err = table_open_branch(m->table, b.name, ret);
	branch_fini(&b);
	return err;
}

struct err *gesture_tag(struct mount *m, const char *name, const char *target)
{
	const char *slash = strrchr(target, '/');
	const char *last = slash ? slash + 1 : target;
	AUTO(table) struct table *t = NULL;
	uint64_t number;
	TRY(linked_table(m, target, &t));
	if (strcmp(last, "latest") == 0) {
		AUTO(version) struct version *v = table_latest(t);
		number = version_number(v);
	} else if (!str_to_u64(last, &number)) {
		return err_new(EINVAL,
			       "a tag is a link to a version: ln -s ../versions/7 %s",
			       name);
	}
	return table_set_tag(t, name, number);
}

struct err *gesture_untag(struct mount *m, const char *name)
{
	TRY(check_allowed(m, "tags are not removed"));
	return table_remove_tag(m->table, name);
}
