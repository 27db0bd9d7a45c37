// SPDX-License-Identifier: Apache-2.0
/*
 * mount.c: one table of the tree, a branch of one, or the directory of a database.
 *
 * A mount lives as long as the server names it or the kernel holds one of its
 * nodes: a table that was dropped meanwhile answers ESTALE until then.  A branch is
 * held by its nodes alone.
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
	const struct table_options options = {.log = &m->server->log,
					      .roots = m->server->roots};
	TRY(table_open_with(m->store, &options, &m->table));
	TRY(table_hold_leases(m->table));
	TRY(decide_writable(m));
	TRY(memo_open(m, &m->memo));
	TRY(staging_new(m, &m->staging));
	TRY(board_new(&m->board));
	watch_add(m);
	runner_adopt(m);
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
	if (!is_database)
		return open_table(m);
	TRY(database_new(m, &m->database));
	runner_adopt(m);
	return NULL;
}

/* store is taken, also on failure. */
/* Where the path of the dataset ends in m->source, which may be that of a branch. */
static struct err *dataset_end(const struct mount *m, const char **ret)
{
	const char *branch = m->server->options.branch;
	AUTO_MEM char *below = NULL;
	*ret = m->source + strlen(m->source);
	if (!branch)
		return NULL;
	TRY(str_printf(&below, "/tree/%s", branch));
	if (str_ends(m->source, below))
		*ret -= strlen(below);
	return NULL;
}

/* /data/photos.lance is "photos" in queries. */
static struct err *name_table(struct mount *m)
{
	const char *end, *start;
	TRY(dataset_end(m, &end));
	while (end > m->source && end[-1] == '/')
		end--;
	for (start = end; start > m->source && start[-1] != '/';)
		start--;
	size_t len = (size_t)(end - start);
	if (len > 6 && memcmp(end - 6, ".lance", 6) == 0)
		len -= 6;
	return str_dup_len(start, len, &m->table_name);
}

const char *mount_table_name(const struct mount *m)
{
	return m->table_name;
}

static struct err *mount_new(struct server *s, struct io_store *store,
			     const char *source, uint64_t salt, struct mount **ret)
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
	pthread_mutex_init(&m->keys_lock, NULL);
	pthread_mutex_init(&m->failures_lock, NULL);
	pthread_mutex_init(&m->reply_lock, NULL);
	pthread_mutex_init(&m->branches_lock, NULL);
	pthread_mutex_init(&m->watched.lock, NULL);
	TRY(str_dup(source, &m->source));
	TRY(name_table(m));
	*ret = TAKE(m);
	return NULL;
}

struct err *mount_open(struct server *s, struct io_store *store, const char *source,
		       uint64_t salt, struct mount **ret)
{
	AUTO(mount) struct mount *m = NULL;
	TRY(mount_new(s, store, source, salt, &m));
	TRY(open_what_is_there(m));
	m->root_ino = salt ? node_ino(m, &root_ops, 0) : FUSE_ROOT_ID;
	*ret = TAKE(m);
	return NULL;
}

/* --- branches --- */

/* Another branch of that name has other numbers. */
static uint64_t branch_salt(const struct mount *main, const struct table_branch *b)
{
	return hash_mix(hash_str(b->name, main->salt), b->key) | 1;
}

uint64_t mount_branch_ino(const struct mount *main, const struct table_branch *b)
{
	return salted_ino(branch_salt(main, b), &branch_dir_ops, 0);
}

static struct err *open_branch(struct mount *main, const struct table_branch *b,
			       struct mount **ret)
{
	AUTO(table) struct table *t = NULL;
	AUTO(mount) struct mount *m = NULL;
	AUTO_MEM char *source = NULL;
	TRY(str_printf(&source, "%s/tree/%s", main->source, b->name));
	TRY(table_open_branch(main->table, b->name, &t));
	TRY(mount_new(main->server, io_store_ref(table_store(t)), source,
		      branch_salt(main, b), &m));
	m->main = mount_ref(main);
	m->table = TAKE(t);
	TRY(table_hold_leases(m->table));
	m->memo = main->memo; /* by content, which they share */
	m->uid = main->uid;
	m->gid = main->gid;
	m->root_ino = node_ino(m, &branch_dir_ops, 0);
	TRY(str_dup("a branch is shown here as old versions are; to write to it, mount "
		    "it with -o branch=NAME",
		    &m->why_read_only));
	TRY(staging_new(m, &m->staging));
	watch_add(m);
	*ret = TAKE(m);
	return NULL;
}

struct err *mount_branch(struct mount *main, const struct table_branch *b,
			 struct mount **ret)
{
	LOCK_SCOPE(&main->branches_lock);
	for (struct mount *m = main->branches; m; m = m->next_branch) {
		if (m->salt == branch_salt(main, b) && mount_revive(m)) {
			*ret = m;
			return NULL;
		}
	}
	TRY(open_branch(main, b, ret));
	(*ret)->next_branch = main->branches;
	main->branches = *ret;
	(*ret)->is_listed = true;
	return NULL;
}

static void leave_main(struct mount *m)
{
	LOCK_SCOPE(&m->main->branches_lock);
	struct mount **at = &m->main->branches;
	while (*at && *at != m)
		at = &(*at)->next_branch;
	if (*at)
		*at = m->next_branch;
}

/* --- references --- */

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

static void mount_free(struct mount *m)
{
	if (m->table && m->memo) {
		watch_remove(m);
		memo_save(m);
	}
	database_free(m->database);
	board_free(m->board);
	staging_free(m->staging);
	place_free(m->keys);
	if (!m->main)
		memo_free(m->memo);
	table_unref(m->table);
	io_store_unref(m->store);
	for (size_t i = 0; i < N_LAST_ERRORS; i++) {
		free(m->failures[i].path);
		free(m->failures[i].text);
	}
	pthread_mutex_destroy(&m->keys_lock);
	pthread_mutex_destroy(&m->failures_lock);
	pthread_mutex_destroy(&m->reply_lock);
	buf_fini(&m->reply);
	pthread_mutex_destroy(&m->branches_lock);
	pthread_mutex_destroy(&m->watched.lock);
	free(m->watched.warned);
	free(m->why_read_only);
	free(m->source);
	free(m->table_name);
	free(m);
}

void mount_unref(struct mount *m)
{
	if (!m || atomic_fetch_sub(&m->refs, 1) != 1)
		return;
	struct mount *main = m->main;
	if (main && m->is_listed)
		leave_main(m);
	mount_free(m);
	mount_unref(main);
}

struct err *mount_root(struct mount *m, struct node **ret)
{
	const struct node_ops *ops = m->database ? &database_ops
				     : m->main	 ? &branch_dir_ops
						 : &root_ops;
	TRY(node_new(m, ops, 0, NULL, ret));
	(*ret)->ino = m->root_ino;
	return NULL;
}
