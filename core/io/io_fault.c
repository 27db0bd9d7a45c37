// SPDX-License-Identifier: Apache-2.0
/*
 * io_fault.c: a store over another one in which the n-th call goes wrong: it fails,
 * writes a part and fails, or never returns because the process dies there.
 *
 * Every call that changes the store counts, and every call that looks something up.
 * What is torn, lost or done when a call fails is what a file system may leave: a
 * failing write may have written a part, a failing publish may have made the name.
 */
#include "io/io_priv.h"

#include <errno.h>

struct fault_store {
	struct io_store base;
	struct io_store *under;	  /* owned reference */
	struct io_faults *faults; /* borrowed */
};

struct fault_writer {
	struct io_writer base;
	struct io_writer *under; /* owned */
};

static struct fault_store *store_of(const struct io_store *s)
{
	return (struct fault_store *)(uintptr_t)s;
}

static struct fault_writer *writer_of(struct io_writer *w)
{
	return (struct fault_writer *)w;
}

static struct io_store *under(const struct io_store *s)
{
	return store_of(s)->under;
}

/* Count a call; true: it is the one, or (a full disk stays full) one after it. */
static bool is_hit(const struct io_store *s, bool may_stay)
{
	struct io_faults *f = store_of(s)->faults;
	unsigned n = atomic_fetch_add(&f->n_calls, 1);
	bool hit = n == f->at || (f->stays && may_stay && n > f->at);
	if (hit && f->die)
		f->die(f->ctx);
	return hit;
}

static struct err *fault(const struct io_store *s, const char *what, const char *path)
{
	int code = store_of(s)->faults->code;
	return err_errno(code, "%s %s", what, path);
}

#define FAULT(s, may_stay, what, path)                                                 \
	do {                                                                           \
		if (is_hit(s, may_stay))                                               \
			return fault(s, what, path);                                   \
	} while (0)

/* --- looking --- */

static struct err *fault_open(struct io_store *s, const char *path,
			      struct io_file **ret)
{
	FAULT(s, false, "open", path);
	return under(s)->ops->open(under(s), path, ret);
}

static struct err *fault_stat(struct io_store *s, const char *path, bool *ret_found,
			      struct io_stat *ret)
{
	FAULT(s, false, "stat", path);
	return under(s)->ops->stat(under(s), path, ret_found, ret);
}

static struct err *fault_list(struct io_store *s, const char *dir,
			      struct err *(*fn)(void *ctx, const char *name), void *ctx)
{
	FAULT(s, false, "list", dir);
	return under(s)->ops->list(under(s), dir, fn, ctx);
}

static struct err *fault_scan(struct io_store *s, const char *dir,
			      struct err *(*fn)(void *ctx, const struct io_entry *e),
			      void *ctx)
{
	FAULT(s, false, "scan", dir);
	return under(s)->ops->scan(under(s), dir, fn, ctx);
}

/* --- changing --- */

static struct err *fault_create(struct io_store *s, const char *path,
				struct io_writer **ret)
{
	AUTO_MEM struct fault_writer *w = NULL;
	FAULT(s, true, "create", path);
	TRY(mem_new(&w));
	TRY(io_writer_init(&w->base, s, path));
	struct err *err = under(s)->ops->create(under(s), path, &w->under);
	if (err) {
		io_writer_fini(&w->base);
		return err;
	}
	*ret = &TAKE(w)->base;
	return NULL;
}

static struct err *fault_write(struct io_writer *base, const void *p, size_t len)
{
	struct io_writer *w = writer_of(base)->under;
	struct io_store *s = base->store;
	if (!is_hit(s, true))
		return w->store->ops->write(w, p, len);
	TRY(w->store->ops->write(w, p, len / 2)); /* a part may get there */
	return fault(s, "write", base->path);
}

static void fault_discard(struct io_writer *base)
{
	struct io_writer *w = writer_of(base)->under;
	w->store->ops->discard(w);
	io_writer_fini(base);
	free(writer_of(base));
}

static struct err *fault_finish(struct io_writer *base)
{
	AUTO(io_store) struct io_store *s = io_store_ref(base->store);
	struct io_writer *w = TAKE(writer_of(base)->under);
	bool hit = is_hit(s, true);
	AUTO_MEM char *path = NULL;
	struct err *err = str_dup(base->path, &path);
	/* the bytes are there; whether they are durable nobody knows */
	struct err *real = w->store->ops->finish(w);
	io_writer_fini(base);
	free(writer_of(base));
	if (!err && hit)
		err = fault(s, "fdatasync", path);
	if (!err)
		return real;
	err_free(real); /* one error is told */
	return err;
}

static struct err *fault_publish(struct io_store *s, const char *from, const char *to)
{
	bool hit = is_hit(s, true);
	if (hit && !store_of(s)->faults->publishes)
		return fault(s, "publish", to);
	TRY(under(s)->ops->publish(under(s), from, to));
	return hit ? fault(s, "publish", to) : NULL;
}

static struct err *fault_replace(struct io_store *s, const char *from, const char *to)
{
	FAULT(s, true, "replace", to);
	return under(s)->ops->replace(under(s), from, to);
}

static struct err *fault_sync_dir(struct io_store *s, const char *dir)
{
	FAULT(s, false, "fsync", dir);
	return under(s)->ops->sync_dir(under(s), dir);
}

static struct err *fault_remove(struct io_store *s, const char *path)
{
	FAULT(s, false, "remove", path);
	return under(s)->ops->remove(under(s), path);
}

static struct err *fault_remove_dir(struct io_store *s, const char *dir, bool *ret_gone)
{
	FAULT(s, false, "rmdir", dir);
	return under(s)->ops->remove_dir(under(s), dir, ret_gone);
}

static struct err *fault_mkdir(struct io_store *s, const char *dir)
{
	FAULT(s, true, "mkdir", dir);
	return under(s)->ops->mkdir(under(s), dir);
}

/* --- the store --- */

static struct err *fault_statvfs(struct io_store *s, struct statvfs *ret)
{
	return under(s)->ops->statvfs(under(s), ret);
}

static bool fault_writable(struct io_store *s)
{
	return under(s)->ops->writable(under(s));
}

static int fault_fd(const struct io_store *s)
{
	return under(s)->ops->fd(under(s));
}

static void fault_free(struct io_store *s)
{
	io_store_unref(under(s));
	free(store_of(s));
}

/* Open files are the other store's own: reads of them are not counted. */
static const struct io_ops fault_ops = {
	.open = fault_open,
	.stat = fault_stat,
	.list = fault_list,
	.scan = fault_scan,
	.create = fault_create,
	.write = fault_write,
	.finish = fault_finish,
	.discard = fault_discard,
	.publish = fault_publish,
	.replace = fault_replace,
	.sync_dir = fault_sync_dir,
	.remove = fault_remove,
	.remove_dir = fault_remove_dir,
	.mkdir = fault_mkdir,
	.statvfs = fault_statvfs,
	.writable = fault_writable,
	.fd = fault_fd,
	.free = fault_free,
};

struct err *io_store_new_faulty(struct io_store *store, struct io_faults *faults,
				struct io_store **ret)
{
	struct fault_store *s;
	TRY(mem_new(&s));
	struct err *err = io_store_init(&s->base, &fault_ops, io_store_name(store));
	if (err) {
		free(s);
		return err;
	}
	s->under = io_store_ref(store);
	s->faults = faults;
	*ret = &s->base;
	return NULL;
}
