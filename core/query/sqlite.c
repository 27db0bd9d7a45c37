// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite.c: any SELECT, by SQLite, over virtual tables.
 *
 * A database in memory that can do nothing but read: an authorizer refuses the rest.
 * Tables come into being when a statement names them.
 */
#include "query/sqlite_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct engine {
	sqlite3 *db;
	struct sqlite_state state;
	struct sqlite_tables tables;
};

static void engine_fini(struct engine *e)
{
	sqlite3_close(e->db);
	for (size_t i = 0; i < e->tables.n; i++) {
		free(e->tables.items[i].name);
		scope_fini(&e->tables.items[i].own);
	}
	err_free(e->state.failed); /* another failure was told */
}

#define AUTO_ENGINE __attribute__((cleanup(engine_fini)))

struct err *sqlite_err(sqlite3 *db, struct sqlite_state *state)
{
	if (state->failed)
		return TAKE(state->failed);
	int code = sqlite3_errcode(db) == SQLITE_NOMEM	? ENOMEM
		   : sqlite3_errcode(db) == SQLITE_FULL ? ENOSPC
							: EINVAL;
	return err_new(code, "%s", sqlite3_errmsg(db));
}

/* Only reading. */
static int authorize(void *ctx, int action, const char *a, const char *b, const char *c,
		     const char *d)
{
	const struct sqlite_state *state = ctx;
	(void)a;
	(void)c;
	(void)d;
	if (state->is_declaring)
		return SQLITE_OK;
	if (action == SQLITE_FUNCTION)
		return b && strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	return action == SQLITE_SELECT || action == SQLITE_READ ||
			       action == SQLITE_RECURSIVE
		       ? SQLITE_OK
		       : SQLITE_DENY;
}

static struct err *engine_open(struct engine *e)
{
	if (sqlite3_open_v2(":memory:", &e->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY |
				    SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return err_new(ENOMEM, "SQLite does not start");
	/* LIKE is the same in both engines; what does not fit in memory is sorted in
	 * files */
	if (sqlite3_exec(e->db, "PRAGMA case_sensitive_like=ON; PRAGMA temp_store=FILE",
			 NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_err(e->db, &e->state);
	TRY(sqlite_add_functions(e->db));
	return NULL;
}

/* --- tables that a statement names --- */

/* The X of "no such table: X", NULL if it is another complaint. */
static const char *missing_table(sqlite3 *db)
{
	static const char begin[] = "no such table: ";
	const char *message = sqlite3_errmsg(db);
	return str_starts(message, begin) ? message + sizeof(begin) - 1 : NULL;
}

const struct scope *sqlite_find_table(const struct sqlite_tables *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (sqlite3_stricmp(t->items[i].name, name) == 0)
			return t->items[i].scope;
	return NULL;
}

static struct err *add_missing(struct engine *e, const struct query_env *env,
			       const char *missing)
{
	struct sqlite_tables *t = &e->tables;
	AUTO_MEM char *name = NULL;
	/* a name with a point, without quotes, is two names to SQLite */
	if (sqlite_find_table(t, missing))
		return err_new(EINVAL, "put the table's name in quotes: '%s'", missing);
	if (t->n == MAX_TABLES)
		return err_new(EINVAL, "more than %d tables", MAX_TABLES);
	TRY(str_dup(missing, &name));
	TRY(find_table(env, name, &t->items[t->n].own, &t->items[t->n].scope));
	const struct scope *scope = t->items[t->n].scope;
	t->items[t->n++].name = name;
	return sqlite_add_table(e->db, TAKE(name), scope, &e->state);
}

/* Under the place that SQLite means. */
static struct err *syntax_err(struct engine *e, const char *sql)
{
	AUTO_BUF struct buf b = {0};
	int at = sqlite3_error_offset(e->db);
	struct err *err = sqlite_err(e->db, &e->state);
	if (at < 0 || strchr(sql, '\n'))
		return err;
	buf_printf(&b, "  %s\n  %*s^", sql, at, "");
	buf_byte(&b, 0);
	AUTO_ERR struct err *full = buf_check(&b);
	return full ? err : err_with_detail(err, (char *)b.data);
}

static struct err *prepare(struct engine *e, const struct query_env *env,
			   const char *sql, sqlite3_stmt **ret)
{
	const char *tail = "";
	for (;;) {
		int rc = sqlite3_prepare_v2(e->db, sql, -1, ret, &tail);
		const char *missing = rc == SQLITE_OK ? NULL : missing_table(e->db);
		if (rc == SQLITE_OK)
			break;
		if (rc == SQLITE_AUTH)
			return err_new(EINVAL, "a query only reads: write a SELECT");
		if (!missing)
			return syntax_err(e, sql);
		TRY(add_missing(e, env, missing));
	}
	if (!*ret)
		return err_new(EINVAL, "no statement");
	if (tail[strspn(tail, " \t\r\n;")])
		return err_new(EINVAL, "one statement at a time: '%.40s'", tail);
	return sqlite3_column_count(*ret) ? NULL : err_new(EINVAL, "write a SELECT");
}

static void finalize(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

static struct err *run(struct engine *e, sqlite3_stmt *stmt, struct result *r)
{
	for (;;) {
		int rc = sqlite3_step(stmt);
		if (rc == SQLITE_DONE)
			return result_finish(r);
		if (rc != SQLITE_ROW)
			return sqlite_err(e->db, &e->state);
		TRY(result_add(r));
	}
}

struct err *sqlite_run(const struct query_env *env, const char *sql,
		       const struct query_sink *sink)
{
	AUTO_ENGINE struct engine e = {0};
	__attribute__((cleanup(finalize))) sqlite3_stmt *stmt = NULL;
	AUTO(result) struct result *r = NULL;
	TRY(engine_open(&e));
	sqlite3_set_authorizer(e.db, authorize, &e.state);
	TRY(prepare(&e, env, sql, &stmt));
	TRY(result_open(stmt, &e.tables, sink, &r));
	return run(&e, stmt, r);
}
