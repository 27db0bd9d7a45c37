// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include "io/io_priv.h"

struct record_store {
	struct io_store base;
	struct io_store *under; /* owned reference */
	struct recording *recording;
};

struct record_writer {
	struct io_writer base;
	struct io_writer *under; /* owned */
};

static struct record_store *store_of(const struct io_store *s)
{
	return (struct record_store *)(uintptr_t)s;
}

static struct io_store *under(const struct io_store *s)
{
	return store_of(s)->under;
}

static struct record_writer *writer_of(struct io_writer *w)
{
	return (struct record_writer *)w;
}

static struct err *add(struct io_store *s, enum step_kind kind, const char *path,
		       const char *to, const void *p, size_t len)
{
	struct recording *r = store_of(s)->recording;
	struct step step = {.kind = kind};
	TRY(mem_grow(r->n + 1, sizeof(*r->steps), &r->cap, &r->steps));
	TRY(str_dup(path, &step.path));
	if (to)
		TRY(str_dup(to, &step.to));
	if (p) {
		TRY(bytes_new(len, &step.bytes));
		memcpy(step.bytes->data, p, len);
	}
	r->steps[r->n++] = step;
	return NULL;
}

static struct err *record_open(struct io_store *s, const char *path,
			       struct io_file **ret)
{
	return under(s)->ops->open(under(s), path, ret);
}

static struct err *record_stat(struct io_store *s, const char *path, bool *ret_found,
			       struct io_stat *ret)
{
	return under(s)->ops->stat(under(s), path, ret_found, ret);
}

static struct err *record_list(struct io_store *s, const char *dir,
			       struct err *(*fn)(void *ctx, const char *name),
			       void *ctx)
{
	return under(s)->ops->list(under(s), dir, fn, ctx);
}

static struct err *record_create(struct io_store *s, const char *path,
				 struct io_writer **ret)
{
	struct record_writer *w;
	TRY(mem_new(&w));
	TRY(io_writer_init(&w->base, s, path));
	TRY(under(s)->ops->create(under(s), path, &w->under));
	*ret = &w->base;
	return add(s, STEP_CREATE, path, NULL, NULL, 0);
}

static struct err *record_write(struct io_writer *w, const void *p, size_t len)
{
	TRY(add(w->store, STEP_WRITE, w->path, NULL, p, len));
	return under(w->store)->ops->write(writer_of(w)->under, p, len);
}

static void record_discard(struct io_writer *w)
{
	under(w->store)->ops->discard(writer_of(w)->under);
	io_writer_fini(w);
	free(writer_of(w));
}

static struct err *record_finish(struct io_writer *w)
{
	struct err *err = add(w->store, STEP_SYNC, w->path, NULL, NULL, 0);
	struct err *real = under(w->store)->ops->finish(writer_of(w)->under);
	io_writer_fini(w);
	free(writer_of(w));
	return err ? err : real;
}

static struct err *record_publish(struct io_store *s, const char *from, const char *to)
{
	TRY(under(s)->ops->publish(under(s), from, to));
	return add(s, STEP_PUBLISH, from, to, NULL, 0);
}

static struct err *record_replace(struct io_store *s, const char *from, const char *to)
{
	TRY(under(s)->ops->replace(under(s), from, to));
	return add(s, STEP_REPLACE, from, to, NULL, 0);
}

static struct err *record_sync_dir(struct io_store *s, const char *dir)
{
	TRY(add(s, STEP_SYNC_DIR, dir, NULL, NULL, 0));
	return under(s)->ops->sync_dir(under(s), dir);
}

static struct err *record_remove(struct io_store *s, const char *path)
{
	TRY(add(s, STEP_REMOVE, path, NULL, NULL, 0));
	return under(s)->ops->remove(under(s), path);
}

static struct err *record_mkdir(struct io_store *s, const char *dir)
{
	return under(s)->ops->mkdir(under(s), dir);
}

static struct err *record_statvfs(struct io_store *s, struct statvfs *ret)
{
	return under(s)->ops->statvfs(under(s), ret);
}

static bool record_writable(struct io_store *s)
{
	return under(s)->ops->writable(under(s));
}

static int record_fd(const struct io_store *s)
{
	return under(s)->ops->fd(under(s));
}

static void record_free(struct io_store *s)
{
	io_store_unref(under(s));
	free(store_of(s));
}

static const struct io_ops record_ops = {
	.open = record_open,
	.stat = record_stat,
	.list = record_list,
	.create = record_create,
	.write = record_write,
	.finish = record_finish,
	.discard = record_discard,
	.publish = record_publish,
	.replace = record_replace,
	.sync_dir = record_sync_dir,
	.remove = record_remove,
	.mkdir = record_mkdir,
	.statvfs = record_statvfs,
	.writable = record_writable,
	.fd = record_fd,
	.free = record_free,
};

struct err *record_store_new(struct io_store *store, struct recording *r,
			     struct io_store **ret)
{
	struct record_store *s;
	TRY(mem_new(&s));
	TRY(io_store_init(&s->base, &record_ops, "recorded"));
	s->under = io_store_ref(store);
	s->recording = r;
	*ret = &s->base;
	return NULL;
}

void recording_fini(struct recording *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->steps[i].path);
		free(r->steps[i].to);
		bytes_unref(r->steps[i].bytes);
	}
	free(r->steps);
	*r = (struct recording){0};
}

/* --- what a crash leaves --- */

/* The name that a path came to have by step n, or the path itself. */
static const char *last_name(const struct recording *r, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &r->steps[i];
		if ((s->kind == STEP_PUBLISH || s->kind == STEP_REPLACE) &&
		    strcmp(s->path, path) == 0)
			return s->to;
	}
	return path;
}

static bool is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Was there, among steps [first, n), a sync of this file, or of its directory? */
static bool is_synced(const struct recording *r, size_t first, size_t n,
		      const char *path, enum step_kind kind)
{
	for (size_t i = first; i < n; i++) {
		const struct step *s = &r->steps[i];
		if (s->kind == kind && (kind == STEP_SYNC_DIR ? is_in(path, s->path)
							      : !strcmp(s->path, path)))
			return true;
	}
	return false;
}

/* All bytes written to the file that was created at step i, before step n. */
static struct err *bytes_of(const struct recording *r, size_t i, size_t n,
			    struct buf *out)
{
	for (size_t k = i + 1; k < n; k++)
		if (r->steps[k].kind == STEP_WRITE &&
		    strcmp(r->steps[k].path, r->steps[i].path) == 0)
			buf_append(out, r->steps[k].bytes->data,
				   r->steps[k].bytes->len);
	return buf_check(out);
}

/* The step from which the file made at step i has the name that it has at last. */
static size_t naming_step(const struct recording *r, size_t i, size_t n)
{
	for (size_t k = i; k < n; k++)
		if ((r->steps[k].kind == STEP_PUBLISH ||
		     r->steps[k].kind == STEP_REPLACE) &&
		    strcmp(r->steps[k].path, r->steps[i].path) == 0)
			return k;
	return i;
}

static struct err *replay_file(const struct recording *r, size_t i, size_t n,
			       enum crash crash, struct io_store *to)
{
	AUTO_BUF struct buf bytes = {0};
	const char *path = r->steps[i].path, *name = last_name(r, n, path);
	bool loses_names = crash == CRASH_LOSES_NAMES || crash == CRASH_KEEPS_MANIFEST;
	bool is_manifest = is_in(name, "_versions");
	if (loses_names && !(crash == CRASH_KEEPS_MANIFEST && is_manifest) &&
	    !is_synced(r, naming_step(r, i, n), n, name, STEP_SYNC_DIR))
		return NULL;
	if (crash == CRASH_KEEPS_ALL || is_synced(r, i, n, path, STEP_SYNC))
		TRY(bytes_of(r, i, n, &bytes));
	TRY(io_remove(to, name)); /* replace(2) may have one there */
	return io_put(to, name, bytes.data, bytes.len);
}

static bool is_removed(const struct recording *r, size_t i, size_t n)
{
	for (size_t k = i + 1; k < n; k++)
		if (r->steps[k].kind == STEP_REMOVE &&
		    strcmp(r->steps[k].path, r->steps[i].path) == 0)
			return true;
	return false;
}

struct err *recording_replay(const struct recording *r, size_t n, enum crash crash,
			     struct io_store *to)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &r->steps[i];
		if (s->kind == STEP_CREATE && !is_removed(r, i, n))
			TRY(replay_file(r, i, n, crash, to));
		if (s->kind == STEP_REMOVE)
			TRY(io_remove(to, s->path));
	}
	return NULL;
}
