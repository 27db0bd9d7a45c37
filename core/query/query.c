// SPDX-License-Identifier: Apache-2.0
/*
 * query.c: which engine runs a SELECT, and what both hand on.
 */
#include "query/query_priv.h"

#include <errno.h>
#include <strings.h>

struct err *find_table(const struct query_env *env, const char *name, struct scope *own,
		       const struct scope **ret)
{
	bool found = false;
	*ret = env->table;
	if (env->table &&
	    (strcasecmp(name, "t") == 0 || (env->name && strcmp(name, env->name) == 0)))
		return NULL;
	if (env->find)
		TRY(env->find(env->ctx, name, own, &found));
	if (!found)
		return err_new(EINVAL, "no table '%s'; this one is 't'%s%s%s", name,
			       env->name ? " or '" : "", env->name ? env->name : "",
			       env->name ? "'" : "");
	*ret = own;
	return NULL;
}

struct err *rows_field(struct field **columns, size_t n, struct field **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(field) struct field *f = NULL;
	TRY(type_new_nested(TYPE_STRUCT, n, &t));
	for (size_t i = 0; i < n; i++)
		t->children[i] = TAKE(columns[i]);
	TRY(field_new("query", t, false, &f));
	TRY(field_set_metadata(f, FORMAT_TABLE_KEY, "1", 1));
	*ret = TAKE(f);
	return NULL;
}

struct err *rows_array(const struct field *rows, struct array *const *columns,
		       uint64_t n_rows, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(rows->type, n_rows, &a));
	for (size_t i = 0; i < a->n_children; i++)
		a->children[i] = array_ref(columns[i]);
	*ret = TAKE(a);
	return NULL;
}

struct err *query_run(const struct query_env *env, const char *sql,
		      const struct query_sink *sink)
{
	AUTO_SELECT struct sql_select s = {0};
	bool is_scan;
	TRY(sql_select_parse(sql, &s, &is_scan));
	return is_scan ? select_run(env, sql, &s, sink) : sqlite_run(env, sql, sink);
}
