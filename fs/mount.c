// SPDX-License-Identifier: Apache-2.0
/*
 * mount.c: one table of the tree, or the directory of a database.
 *
 * A mount lives as long as the server names it or the kernel holds one of its
 * nodes: a table that was dropped meanwhile answers ESTALE until then.
 */
#include "fs.h"

#include <errno.h>

static struct err *decide_writable(struct mount *m)
{
	AUTO(version) struct version *v = table_latest(m->table);
	struct server *s = m->server;
	if (s->options.read_only)
		return str_dup("-o ro", &m->why_read_only);
	if (!io_store_writable(m->store)) {
		log_line(&s->log, LEVEL_WARN,
			 "no permission to write %s: mounted read-only", m->source);
		return str_dup("no permission to write the dataset", &m->why_read_only);
	}
	struct err *err = version_check_writable(v);
	if (err) {
		log_line(&s->log, LEVEL_WARN, "%s", err->msg);
		struct err *nomem = str_dup(err->msg, &m->why_read_only);
		err_free(err); /* kept as text */
		return nomem;
	}
	m->is_writable = true;
	return NULL;
}

static struct err *open_table(struct mount *m)
{
	TRY(table_open(m->store, &m->server->log, &m->table));
	TRY(decide_writable(m));
	TRY(memo_open(m, &m->memo));
	TRY(staging_new(m, &m->staging));
	watch_add(m);
	return NULL;
}

static struct err *open_what_is_there(struct mount *m)
{
	struct stat st;
	bool is_database;
	if (fstat(io_store_fd(m->store), &st) != 0)
		return err_errno(errno, "%s", m->source);
	m->uid = st.st_uid;
	m->gid = st.st_gid;
	TRY(database_found(m->store, &is_database));
	if (is_database)
		return database_new(m, &m->database);
	return open_table(m);
}

struct err *mount_open(struct server *s, struct io_store *store, const char *source,
		       uint64_t salt, struct mount **ret)
{
	AUTO(mount) struct mount *m = NULL;
	struct err *err = mem_new(&m);
	if (err) {
		io_store_unref(store);
		return err;
	}
	atomic_init(&m->refs, 1);
	m->server = s;
	m->salt = salt;
	m->store = store;
	m->watched.wd = -1;
	pthread_mutex_init(&m->failures_lock, NULL);
	pthread_mutex_init(&m->reply_lock, NULL);
	pthread_mutex_init(&m->watched.lock, NULL);
	TRY(str_dup(source, &m->source));
	TRY(open_what_is_there(m));
	m->root_ino = salt ? node_ino(m, &root_ops, 0) : FUSE_ROOT_ID;
	*ret = TAKE(m);
	return NULL;
}

struct mount *mount_ref(struct mount *m)
{
	atomic_fetch_add(&m->refs, 1);
	return m;
}

bool mount_revive(struct mount *m)
{
	int refs = atomic_load(&m->refs);
	while (refs > 0)
		if (atomic_compare_exchange_weak(&m->refs, &refs, refs + 1))
			return true;
	return false;
}

void mount_unref(struct mount *m)
{
	if (!m || atomic_fetch_sub(&m->refs, 1) != 1)
		return;
	if (m->table && m->memo) {
		watch_remove(m);
		memo_save(m);
	}
	database_free(m->database);
	staging_free(m->staging);
	memo_free(m->memo);
	table_unref(m->table);
	io_store_unref(m->store);
	for (size_t i = 0; i < N_LAST_ERRORS; i++) {
		free(m->failures[i].path);
		free(m->failures[i].text);
	}
	pthread_mutex_destroy(&m->failures_lock);
	pthread_mutex_destroy(&m->reply_lock);
	buf_fini(&m->reply);
	pthread_mutex_destroy(&m->watched.lock);
	free(m->watched.warned);
	free(m->why_read_only);
	free(m->source);
	free(m);
}

struct err *mount_root(struct mount *m, struct node **ret)
{
	TRY(node_new(m, m->database ? &database_ops : &root_ops, 0, NULL, ret));
	(*ret)->ino = m->root_ino;
	return NULL;
}
