// SPDX-License-Identifier: Apache-2.0
/*
 * io_mem.c: a store in memory, for tests and for bytes that came from elsewhere.
 *
 * Files are a list; an open file holds its bytes, whatever becomes of its name.
 * A directory is there while a file lies in it.
 */
#include "io/io_priv.h"

#include <errno.h>
#include <inttypes.h>

struct mem_entry {
	struct mem_entry *next; /* owned */
	struct bytes *bytes;	/* owned reference; never changed, only replaced */
	char path[];
};

struct mem_store {
	struct io_store base;
	pthread_mutex_t lock;
	struct mem_entry *entries; /* owned; guarded by .lock */
};

struct mem_file {
	struct io_file base;
	struct bytes *bytes; /* owned reference */
};

struct mem_writer {
	struct io_writer base;
	struct buf buf;
};

static struct mem_store *store_of(const struct io_store *s)
{
	return (struct mem_store *)(uintptr_t)s;
}

static struct mem_file *file_of(struct io_file *f)
{
	return (struct mem_file *)f;
}

static struct mem_writer *writer_of(struct io_writer *w)
{
	return (struct mem_writer *)w;
}

/* Where the entry of a path hangs; what hangs there is NULL if there is none. */
static struct mem_entry **find(struct mem_store *s, const char *path)
{
	struct mem_entry **at = &s->entries;
	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	return at;
}

static void drop(struct mem_entry **at)
{
	struct mem_entry *e = *at;
	*at = e->next;
	bytes_unref(e->bytes);
	free(e);
}

/* A new entry of no bytes in front of the others. */
static struct err *add(struct mem_store *s, const char *path)
{
	size_t len = strlen(path) + 1;
	AUTO(bytes) struct bytes *empty = NULL;
	struct mem_entry *e;
	TRY(bytes_new(0, &empty));
	TRY(mem_array(1, sizeof(*e) + len, &e));
	memcpy(e->path, path, len);
	e->bytes = TAKE(empty);
	e->next = s->entries;
	s->entries = e;
	return NULL;
}

/* The path of e below the directory, NULL if it is not. */
static const char *below(const struct mem_entry *e, const char *dir)
{
	size_t len = strlen(dir);
	if (strcmp(dir, ".") == 0)
		return e->path;
	if (strncmp(e->path, dir, len) != 0 || e->path[len] != '/')
		return NULL;
	return e->path + len + 1;
}

/* --- reading --- */

static struct err *mem_open(struct io_store *base, const char *path,
			    struct io_file **ret)
{
	struct mem_store *s = store_of(base);
	AUTO(bytes) struct bytes *bytes = NULL;
	AUTO_MEM struct mem_file *f = NULL;
	{
		LOCK_SCOPE(&s->lock);
		struct mem_entry *e = *find(s, path);
		if (e)
			bytes = bytes_ref(e->bytes);
	}
	if (!bytes)
		return err_new(ENOENT, "%s: no such file", path);
	TRY(mem_new(&f));
	TRY(io_file_init(&f->base, base, path, bytes->len));
	f->bytes = TAKE(bytes);
	*ret = &TAKE(f)->base;
	return NULL;
}

static struct err *mem_read(struct io_file *f, uint64_t off, size_t len, void *dst)
{
	if (len)
		memcpy(dst, file_of(f)->bytes->data + off, len);
	return NULL;
}

static void mem_close(struct io_file *base)
{
	struct mem_file *f = file_of(base);
	bytes_unref(f->bytes);
	io_file_fini(base);
	free(f);
}

static struct err *mem_stat(struct io_store *base, const char *path, bool *ret_found,
			    struct io_stat *ret)
{
	struct mem_store *s = store_of(base);
	LOCK_SCOPE(&s->lock);
	*ret_found = false;
	for (const struct mem_entry *e = s->entries; e; e = e->next) {
		bool is_dir = below(e, path);
		if (!is_dir && strcmp(e->path, path) != 0)
			continue;
		*ret_found = true;
		*ret = (struct io_stat){.size = e->bytes->len, .is_dir = is_dir};
	}
	return NULL;
}

struct name_list {
	char **names; /* owned */
	size_t n, cap;
};

static void auto_names(struct name_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
}

static struct err *add_name(struct name_list *l, const char *path)
{
	size_t len = strcspn(path, "/");
	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->names[i]) == len && memcmp(l->names[i], path, len) == 0)
			return NULL;
	TRY(mem_grow(l->n + 1, sizeof(*l->names), &l->cap, &l->names));
	TRY(str_dup_len(path, len, &l->names[l->n]));
	l->n++;
	return NULL;
}

static struct err *collect(struct mem_store *s, const char *dir, struct name_list *l)
{
	LOCK_SCOPE(&s->lock);
	for (const struct mem_entry *e = s->entries; e; e = e->next)
		if (below(e, dir))
			TRY(add_name(l, below(e, dir)));
	return NULL;
}

/* Names are collected first: fn may use the store. */
static struct err *mem_list(struct io_store *base, const char *dir,
			    struct err *(*fn)(void *ctx, const char *name), void *ctx)
{
	__attribute__((cleanup(auto_names))) struct name_list l = {0};
	TRY(collect(store_of(base), dir, &l));
	for (size_t i = 0; i < l.n; i++)
		TRY(fn(ctx, l.names[i]));
	return NULL;
}

struct scan {
	struct io_store *store; /* borrowed, as all here */
	const char *dir;
	struct err *(*fn)(void *ctx, const struct io_entry *e);
	void *ctx;
};

static struct err *scan_name(void *ctx, const char *name)
{
	const struct scan *s = ctx;
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	bool found;
	TRY(str_printf(&path, "%s/%s", s->dir, name));
	TRY(mem_stat(s->store, strcmp(s->dir, ".") ? path : name, &found, &st));
	struct io_entry e = {name, st.is_dir, !st.is_dir, st.size, st.mtime_ns};
	return found ? s->fn(s->ctx, &e) : NULL;
}

static struct err *mem_scan(struct io_store *base, const char *dir,
			    struct err *(*fn)(void *ctx, const struct io_entry *e),
			    void *ctx)
{
	struct scan s = {base, dir, fn, ctx};
	return mem_list(base, dir, scan_name, &s);
}

/* --- writing --- */

static struct err *mem_create(struct io_store *base, const char *path,
			      struct io_writer **ret)
{
	struct mem_store *s = store_of(base);
	AUTO_MEM struct mem_writer *w = NULL;
	TRY(mem_new(&w));
	LOCK_SCOPE(&s->lock);
	if (*find(s, path))
		return err_new(EEXIST, "create %s: it exists", path);
	TRY(add(s, path));
	struct err *err = io_writer_init(&w->base, base, path);
	if (err) {
		drop(find(s, path));
		return err;
	}
	*ret = &TAKE(w)->base;
	return NULL;
}

static struct err *mem_write(struct io_writer *w, const void *p, size_t len)
{
	buf_append(&writer_of(w)->buf, p, len);
	return buf_check(&writer_of(w)->buf);
}

static void mem_discard(struct io_writer *base)
{
	buf_fini(&writer_of(base)->buf);
	io_writer_fini(base);
	free(writer_of(base));
}

static struct err *install(struct mem_store *s, struct mem_writer *w)
{
	AUTO(bytes) struct bytes *b = NULL;
	TRY(bytes_new(w->buf.len, &b));
	if (w->buf.len)
		memcpy(b->data, w->buf.data, w->buf.len);
	LOCK_SCOPE(&s->lock);
	struct mem_entry *e = *find(s, w->base.path);
	if (!e)
		return err_new(ENOENT, "%s: removed while it was written",
			       w->base.path);
	bytes_unref(e->bytes);
	e->bytes = TAKE(b);
	return NULL;
}

static struct err *mem_finish(struct io_writer *w)
{
	struct err *err = install(store_of(w->store), writer_of(w));
	mem_discard(w);
	return err;
}

static struct err *move(struct mem_store *s, const char *from, const char *to)
{
	struct mem_entry *e = *find(s, from);
	if (!e)
		return err_new(ENOENT, "%s: no such file", from);
	TRY(add(s, to));
	bytes_unref(s->entries->bytes);
	s->entries->bytes = bytes_ref(e->bytes);
	drop(find(s, from));
	return NULL;
}

static bool is_dir(const struct mem_store *s, const char *path)
{
	const struct mem_entry *e = s->entries;
	while (e && !below(e, path))
		e = e->next;
	return e != NULL;
}

/* What lies below the one name afterwards lies below the other. */
static struct err *move_dir(struct mem_store *s, const char *from, const char *to)
{
	for (struct mem_entry *e = s->entries, *next; e; e = next) {
		AUTO_MEM char *old = NULL, *new = NULL;
		next = e->next;
		if (!below(e, from))
			continue;
		TRY(str_dup(e->path, &old));
		TRY(str_printf(&new, "%s/%s", to, below(e, from)));
		TRY(move(s, old, new));
	}
	return NULL;
}

static struct err *mem_publish(struct io_store *base, const char *from, const char *to)
{
	struct mem_store *s = store_of(base);
	LOCK_SCOPE(&s->lock);
	if (*find(s, to) || is_dir(s, to))
		return err_new(EEXIST, "publish %s: it exists", to);
	return is_dir(s, from) ? move_dir(s, from, to) : move(s, from, to);
}

static struct err *mem_replace(struct io_store *base, const char *from, const char *to)
{
	struct mem_store *s = store_of(base);
	LOCK_SCOPE(&s->lock);
	if (*find(s, to))
		drop(find(s, to));
	return move(s, from, to);
}

static struct err *mem_remove(struct io_store *base, const char *path)
{
	struct mem_store *s = store_of(base);
	LOCK_SCOPE(&s->lock);
	if (*find(s, path))
		drop(find(s, path));
	return NULL;
}

/* Nobody can tell a directory with nothing in it from none. */
static struct err *mem_remove_dir(struct io_store *base, const char *dir,
				  bool *ret_gone)
{
	struct mem_store *s = store_of(base);
	LOCK_SCOPE(&s->lock);
	*ret_gone = !is_dir(s, dir);
	return NULL;
}

static struct err *mem_nothing(struct io_store *s, const char *dir)
{
	(void)s;
	(void)dir;
	return NULL;
}

/* --- the store --- */

static struct err *mem_statvfs(struct io_store *s, struct statvfs *ret)
{
	(void)s;
	*ret = (struct statvfs){.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
	return NULL;
}

static bool mem_writable(struct io_store *s)
{
	(void)s;
	return true;
}

static int mem_fd(const struct io_store *s)
{
	(void)s;
	return -1;
}

static void mem_free(struct io_store *base)
{
	struct mem_store *s = store_of(base);
	while (s->entries)
		drop(&s->entries);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct io_ops mem_ops = {
	.open = mem_open,
	.read = mem_read,
	.close = mem_close,
	.stat = mem_stat,
	.list = mem_list,
	.scan = mem_scan,
	.create = mem_create,
	.write = mem_write,
	.finish = mem_finish,
	.discard = mem_discard,
	.publish = mem_publish,
	.replace = mem_replace,
	.sync_dir = mem_nothing,
	.remove = mem_remove,
	.remove_dir = mem_remove_dir,
	.mkdir = mem_nothing,
	.statvfs = mem_statvfs,
	.writable = mem_writable,
	.fd = mem_fd,
	.free = mem_free,
};

struct err *io_store_new_memory(struct io_store **ret)
{
	AUTO_MEM struct mem_store *s = NULL;
	TRY(mem_new(&s));
	TRY(io_store_init(&s->base, &mem_ops, "memory"));
	pthread_mutex_init(&s->lock, NULL);
	*ret = &TAKE(s)->base;
	return NULL;
}
