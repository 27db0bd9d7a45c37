// SPDX-License-Identifier: Apache-2.0
/*
 * io.c: what all backends share: references, path checks, counters, and the
 * operations made of others.
 */
#include "io/io_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

/* --- stores --- */

struct err *io_store_init(struct io_store *s, const struct io_ops *ops,
			  const char *name)
{
	s->ops = ops;
	atomic_init(&s->refs, 1);
	return str_dup(name, &s->name);
}

struct io_store *io_store_ref(struct io_store *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void io_store_unref(struct io_store *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	free(s->name);
	s->ops->free(s);
}

const char *io_store_name(const struct io_store *s)
{
	return s->name;
}

bool io_store_writable(struct io_store *s)
{
	return s->ops->writable(s);
}

const struct io_stats *io_store_stats(const struct io_store *s)
{
	return &s->stats;
}

int io_store_fd(const struct io_store *s)
{
	return s->ops->fd(s);
}

struct err *io_store_real_path(const struct io_store *s, char **ret)
{
	char link[40];
	AUTO_MEM char *path = NULL;
	if (io_store_fd(s) < 0)
		return str_dup(s->name, ret);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", io_store_fd(s));
	path = realpath(link, NULL);
	if (!path)
		return err_errno(errno, "%s", s->name);
	*ret = TAKE(path);
	return NULL;
}

bool io_store_is_same(const struct io_store *a, const struct io_store *b)
{
	struct stat x, y;
	if (io_store_fd(a) < 0 || io_store_fd(b) < 0)
		return a == b;
	return fstat(io_store_fd(a), &x) == 0 && fstat(io_store_fd(b), &y) == 0 &&
	       x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

struct err *io_statvfs(struct io_store *s, struct statvfs *ret)
{
	return s->ops->statvfs(s, ret);
}

/* A path from a manifest is hostile: it must stay inside the store. */
static struct err *path_check(const char *path)
{
	const char *p = path;
	if (!*p || *p == '/')
		return err_new(EIO, "path '%s' does not lie inside the dataset", path);
	while (*p) {
		size_t len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.')
			return err_new(EIO, "path '%s' leads outside the dataset",
				       path);
		p += len;
		while (*p == '/')
			p++;
	}
	return NULL;
}

struct err *io_store_open_dir(struct io_store *s, const char *path,
			      struct io_store **ret)
{
	TRY(path_check(path));
	if (!s->ops->open_dir)
		return err_new(EOPNOTSUPP, "%s: no directories here", path);
	return s->ops->open_dir(s, path, ret);
}

/* --- reading --- */

struct err *io_file_init(struct io_file *f, struct io_store *s, const char *path,
			 uint64_t size)
{
	TRY(str_dup(path, &f->path));
	atomic_init(&f->refs, 1);
	f->store = io_store_ref(s);
	f->size = size;
	return NULL;
}

void io_file_fini(struct io_file *f)
{
	free(f->path);
	io_store_unref(f->store);
}

struct err *io_open(struct io_store *s, const char *path, struct io_file **ret)
{
	TRY(path_check(path));
	return s->ops->open(s, path, ret);
}

struct io_file *io_file_ref(struct io_file *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

void io_file_unref(struct io_file *f)
{
	if (f && atomic_fetch_sub(&f->refs, 1) == 1)
		f->store->ops->close(f);
}

uint64_t io_size(const struct io_file *f)
{
	return f->size;
}

const char *io_file_path(const struct io_file *f)
{
	return f->path;
}

struct err *io_read(struct io_file *f, uint64_t off, size_t len, void *dst)
{
	uint64_t end;
	if (ckd_add(&end, off, len) || end > f->size)
		return err_new(EIO,
			       "%s: %zu bytes at offset %" PRIu64
			       " lie past the end of the file (%" PRIu64 " bytes)",
			       f->path, len, off, f->size);
	atomic_fetch_add_explicit(&f->store->stats.n_reads, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&f->store->stats.read_bytes, len,
				  memory_order_relaxed);
	return f->store->ops->read(f, off, len, dst);
}

struct err *io_read_bytes(struct io_file *f, uint64_t off, size_t len,
			  struct bytes **ret)
{
	uint64_t end;
	if (ckd_add(&end, off, len) || end > f->size)
		return io_read(f, off, len, NULL); /* for its message */
	AUTO(bytes) struct bytes *b = NULL;
	TRY(bytes_new(len, &b));
	TRY(io_read(f, off, len, b->data));
	*ret = TAKE(b);
	return NULL;
}

struct err *io_read_all(struct io_store *s, const char *path, uint64_t limit,
			struct bytes **ret)
{
	AUTO(io_file) struct io_file *f = NULL;
	TRY(io_open(s, path, &f));
	if (f->size > limit)
		return err_new(EFBIG,
			       "%s: %" PRIu64 " bytes, over the limit of %" PRIu64,
			       path, f->size, limit);
	return io_read_bytes(f, 0, (size_t)f->size, ret);
}

struct err *io_stat(struct io_store *s, const char *path, bool *ret_found,
		    struct io_stat *ret)
{
	TRY(path_check(path));
	return s->ops->stat(s, path, ret_found, ret);
}

struct err *io_list(struct io_store *s, const char *dir,
		    struct err *(*fn)(void *ctx, const char *name), void *ctx)
{
	TRY(path_check(dir));
	return s->ops->list(s, dir, fn, ctx);
}

struct err *io_scan(struct io_store *s, const char *dir,
		    struct err *(*fn)(void *ctx, const struct io_entry *e), void *ctx)
{
	TRY(path_check(dir));
	return s->ops->scan(s, dir, fn, ctx);
}

/* --- writing --- */

struct err *io_writer_init(struct io_writer *w, struct io_store *s, const char *path)
{
	TRY(str_dup(path, &w->path));
	w->store = io_store_ref(s);
	return NULL;
}

void io_writer_fini(struct io_writer *w)
{
	free(w->path);
	io_store_unref(w->store);
}

struct err *io_create(struct io_store *s, const char *path, struct io_writer **ret)
{
	TRY(path_check(path));
	return s->ops->create(s, path, ret);
}

struct err *io_write(struct io_writer *w, const void *p, size_t len)
{
	if (len == 0)
		return NULL;
	TRY(w->store->ops->write(w, p, len));
	w->written += len;
	atomic_fetch_add_explicit(&w->store->stats.write_bytes, len,
				  memory_order_relaxed);
	return NULL;
}

uint64_t io_written(const struct io_writer *w)
{
	return w->written;
}

struct err *io_writer_finish(struct io_writer *w)
{
	AUTO(io_store) struct io_store *s = io_store_ref(w->store);
	AUTO_MEM char *path = NULL;
	struct err *err = str_dup(w->path, &path);
	if (err) {
		io_writer_abort(w);
		return err;
	}
	err = s->ops->finish(w);
	if (err)
		err_free(s->ops->remove(s, path)); /* the first error is told */
	return err;
}

void io_writer_abort(struct io_writer *w)
{
	if (!w)
		return;
	/* what cannot be removed is unreferenced, and cleanup finds it */
	err_free(w->store->ops->remove(w->store, w->path));
	w->store->ops->discard(w);
}

struct err *io_put(struct io_store *s, const char *path, const void *p, size_t len)
{
	AUTO(io_writer) struct io_writer *w = NULL;
	TRY(io_create(s, path, &w));
	TRY(io_write(w, p, len));
	return io_writer_finish(TAKE(w));
}

struct err *io_replace(struct io_store *s, const char *path, const void *p, size_t len)
{
	uint8_t raw[16];
	char text[UUID_TEXT_LEN + 1];
	AUTO_MEM char *from = NULL;
	TRY(uuid_new(raw, text));
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash + 1 - path) : 0;
	TRY(str_printf(&from, "%.*s.tmp_%s", dir_len, path, text));
	TRY(io_put(s, from, p, len));
	struct err *err = s->ops->replace(s, from, path);
	if (err)
		err_free(s->ops->remove(s, from)); /* the first error is told */
	return err;
}

struct err *io_publish(struct io_store *s, const char *from, const char *to)
{
	return s->ops->publish(s, from, to);
}

struct err *io_sync_dir(struct io_store *s, const char *dir)
{
	return s->ops->sync_dir(s, dir);
}

struct err *io_remove(struct io_store *s, const char *path)
{
	TRY(path_check(path));
	return s->ops->remove(s, path);
}

struct err *io_remove_dir(struct io_store *s, const char *dir, bool *ret_gone)
{
	TRY(path_check(dir));
	return s->ops->remove_dir(s, dir, ret_gone);
}

struct err *io_mkdir(struct io_store *s, const char *dir)
{
	TRY(path_check(dir));
	return s->ops->mkdir(s, dir);
}
