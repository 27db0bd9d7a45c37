// SPDX-License-Identifier: Apache-2.0
/*
 * dir_database.c: the root of a database and its namespaces: one directory a
 * table, one a namespace.
 *
 * A table is opened when it is first looked up, and anew if another one has taken
 * its place; so tables that come and go show.  A namespace that has the name of a
 * table beside it is shown with a '$' at the end, which no name has.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

/* A table that was looked up. */
struct opened {
	char *location;	     /* owned */
	struct mount *mount; /* owned reference */
};

struct database {
	struct catalog *catalog; /* owned */
	pthread_mutex_t lock;
	struct opened *tables; /* guarded by .lock; owned */
	size_t n, cap;	       /* guarded by .lock */
};

struct err *database_found(struct io_store *store, bool *ret)
{
	return catalog_found(store, ret);
}

struct err *database_new(struct mount *m, struct database **ret)
{
	AUTO(database) struct database *d = NULL;
	TRY(mem_new(&d));
	pthread_mutex_init(&d->lock, NULL);
	TRY(catalog_open(m->store, &m->server->log, &d->catalog));
	*ret = TAKE(d);
	return NULL;
}

void database_free(struct database *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++) {
		mount_unref(d->tables[i].mount);
		free(d->tables[i].location);
	}
	free(d->tables);
	catalog_free(d->catalog);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* --- opening tables --- */

static struct err *open_table(struct mount *m, struct io_store *store,
			      const char *location, struct mount **ret)
{
	AUTO_MEM char *source = NULL;
	struct stat st;
	struct err *err = str_printf(&source, "%s/%s", m->source, location);
	if (!err && fstat(io_store_fd(store), &st) != 0)
		err = err_errno(errno, "%s", location);
	if (err) {
		io_store_unref(store);
		return err;
	}
	/* another table of that name has other numbers */
	uint64_t salt = hash_mix(hash_str(location, st.st_dev), st.st_ino) | 1;
	return mount_open(m->server, store, source, salt, ret);
}

/* The mount of a table; .lock held. */
static struct err *find_table(struct mount *m, struct database *d, const char *location,
			      struct mount **ret)
{
	struct opened *o = d->tables;
	struct io_store *store;
	struct mount *fresh;
	TRY(io_store_open_dir(m->store, location, &store));
	while (o < d->tables + d->n && strcmp(o->location, location) != 0)
		o++;
	if (o < d->tables + d->n && io_store_is_same(o->mount->store, store)) {
		io_store_unref(store);
		*ret = mount_ref(o->mount);
		return NULL;
	}
	size_t at = (size_t)(o - d->tables);
	TRY(open_table(m, store, location, &fresh));
	if (at < d->n) {
		mount_unref(d->tables[at].mount);
		d->tables[at].mount = mount_ref(fresh);
	} else {
		AUTO(mount) struct mount *held = fresh;
		TRY(mem_grow(d->n + 1, sizeof(*d->tables), &d->cap, &d->tables));
		TRY(str_dup(location, &d->tables[d->n].location));
		d->tables[d->n++].mount = mount_ref(TAKE(held));
	}
	*ret = fresh;
	return NULL;
}

static struct err *table_node(struct mount *m, const char *location, struct node **ret)
{
	AUTO(mount) struct mount *table = NULL;
	struct database *d = m->database;
	pthread_mutex_lock(&d->lock);
	struct err *err = find_table(m, d, location, &table);
	pthread_mutex_unlock(&d->lock);
	TRY(err);
	TRY(mount_root(table, ret));
	(*ret)->entry_timeout = 1.0; /* it may be dropped */
	return NULL;
}

/* Its directory, NULL if there is no such table; the caller's. */
static struct err *find_location(struct database *d, const char *name, char **ret)
{
	struct catalog_list l = {0};
	struct err *err = catalog_list(d->catalog, "", &l);
	for (size_t i = 0; i < l.n && !err && !*ret; i++)
		if (l.items[i].location && strcmp(l.items[i].name, name) == 0)
			err = str_dup(l.items[i].location, ret);
	catalog_list_fini(&l);
	return err;
}

struct err *server_find_table(struct server *s, const char *name, struct table **ret)
{
	struct mount *root = s->mount;
	AUTO(mount) struct mount *found = NULL;
	AUTO_MEM char *location = NULL;
	struct database *d = root->database;
	*ret = NULL;
	if (!d)
		return NULL;
	TRY(find_location(d, name, &location));
	if (!location)
		return NULL;
	pthread_mutex_lock(&d->lock);
	struct err *err = find_table(root, d, location, &found);
	pthread_mutex_unlock(&d->lock);
	TRY(err);
	TRY(table_refresh(found->table));
	*ret = table_ref(found->table);
	return NULL;
}

/* --- jobs --- */

static struct err *has_jobs(struct mount *m, const char *location, bool *ret)
{
	AUTO(io_store) struct io_store *store = NULL;
	struct job_status *jobs;
	size_t n;
	TRY(io_store_open_dir(m->store, location, &store));
	TRY(jobs_list(store, &jobs, &n));
	for (size_t i = 0; i < n; i++)
		*ret |= jobs[i].state == JOB_PENDING;
	jobs_free(jobs, n);
	return NULL;
}

static struct err *adopt_table(struct mount *m, const char *location)
{
	AUTO(mount) struct mount *found = NULL;
	bool has = false;
	TRY(has_jobs(m, location, &has));
	if (!has)
		return NULL;
	LOCK_SCOPE(&m->database->lock);
	return find_table(m, m->database, location, &found);
}

/* A table that cannot be opened does not keep the jobs of others from being run; one
 * that is declared and not there has none. */
static void adopt_or_tell(struct mount *m, const char *location)
{
	struct err *err = adopt_table(m, location);
	if (err && err->code == ENOENT)
		err_free(err);
	else
		report(m, getpid(), NULL, err);
}

static struct err *adopt_all(struct mount *m, const char *namespace, unsigned depth)
{
	struct catalog_list l = {0};
	struct err *err = catalog_list(m->database->catalog, namespace, &l);
	for (size_t i = 0; i < l.n && !err; i++) {
		AUTO_MEM char *path = NULL;
		const struct catalog_entry *e = &l.items[i];
		if (e->location)
			adopt_or_tell(m, e->location);
		else if (depth)
			err = str_printf(&path, "%s%s%s", namespace,
					 *namespace ? "$" : "", e->name);
		if (path)
			err = adopt_all(m, path, depth - 1);
	}
	catalog_list_fini(&l);
	return err;
}

#define MOST_NAMESPACES 16 /* within each other */

struct err *database_adopt(struct mount *m)
{
	return adopt_all(m, "", MOST_NAMESPACES);
}

/* --- names --- */

static const char *namespace_of(const struct node *dir)
{
	return dir->name ? dir->name : "";
}

/* The name of entry i as a directory. */
static struct err *dir_name(const struct catalog_list *l, size_t i, char **ret)
{
	AUTO_MEM char *name = NULL;
	const struct catalog_entry *e = &l->items[i];
	bool is_taken = !e->location && i && strcmp(l->items[i - 1].name, e->name) == 0;
	TRY(name_encode(e->name, &name));
	return str_printf(ret, "%s%s", name, is_taken ? "$" : "");
}

static struct err *namespace_path(const struct node *dir, const char *name, char **ret)
{
	const char *parent = namespace_of(dir);
	return str_printf(ret, "%s%s%s", parent, *parent ? "$" : "", name);
}

static struct err *namespace_node(struct node *dir, const char *name, struct node **ret)
{
	AUTO_MEM char *path = NULL;
	TRY(namespace_path(dir, name, &path));
	TRY(node_new(dir->mount, &namespace_ops, hash_str(path, 0), NULL, ret));
	(*ret)->name = TAKE(path);
	(*ret)->entry_timeout = 1.0;
	return NULL;
}

static struct err *find_entry(struct mount *m, struct node *dir, const char *name,
			      const struct catalog_list *l, struct node **ret)
{
	for (size_t i = 0; i < l->n; i++) {
		AUTO_MEM char *known = NULL;
		TRY(dir_name(l, i, &known));
		if (strcmp(known, name) != 0)
			continue;
		if (!l->items[i].location)
			return namespace_node(dir, l->items[i].name, ret);
		return table_node(m, l->items[i].location, ret);
	}
	return NULL;
}

static struct err *database_lookup(struct mount *m, struct node *dir, const char *name,
				   struct node **ret)
{
	struct catalog_list l;
	TRY(catalog_list(m->database->catalog, namespace_of(dir), &l));
	struct err *err = find_entry(m, dir, name, &l, ret);
	catalog_list_fini(&l);
	return err;
}

/* --- listings --- */

/* A table's number is known when it is opened; until then any will do. */
static struct err *entry_ino(struct mount *m, struct node *dir,
			     const struct catalog_entry *e, uint64_t *ret)
{
	AUTO_MEM char *path = NULL;
	TRY(namespace_path(dir, e->name, &path));
	*ret = node_ino(m, &namespace_ops, hash_str(path, e->location != NULL));
	LOCK_SCOPE(&m->database->lock);
	for (size_t i = 0; e->location && i < m->database->n; i++)
		if (strcmp(m->database->tables[i].location, e->location) == 0)
			*ret = m->database->tables[i].mount->root_ino;
	return NULL;
}

static struct err *list_entries(struct mount *m, struct node *dir, uint64_t off,
				const struct catalog_list *l,
				const struct list_sink *sink)
{
	for (size_t i = off; i < l->n; i++) {
		AUTO_MEM char *name = NULL;
		uint64_t ino;
		TRY(dir_name(l, i, &name));
		TRY(entry_ino(m, dir, &l->items[i], &ino));
		if (sink->fn(sink->ctx, name, ino, S_IFDIR, i + 1))
			return NULL;
	}
	return NULL;
}

static struct err *database_list(struct mount *m, struct handle *h, uint64_t off,
				 const struct list_sink *sink)
{
	struct catalog_list l;
	TRY(catalog_list(m->database->catalog, namespace_of(h->node), &l));
	struct err *err = list_entries(m, h->node, off, &l, sink);
	catalog_list_fini(&l);
	return err;
}

static struct err *database_attr(struct mount *m, struct node *n, bool is_exact,
				 struct stat *st, double *ret_timeout)
{
	struct stat real;
	(void)n;
	(void)is_exact;
	if (fstat(io_store_fd(m->store), &real) == 0)
		st->st_mtim = real.st_mtim;
	*ret_timeout = 1.0;
	return NULL;
}

const struct node_ops database_ops = {
	.kind = "database",
	.mode = S_IFDIR | 0555,
	.attr = database_attr,
	.lookup = database_lookup,
	.list = database_list,
};

const struct node_ops namespace_ops = {
	.kind = "namespace",
	.mode = S_IFDIR | 0555,
	.attr = database_attr,
	.lookup = database_lookup,
	.list = database_list,
};
