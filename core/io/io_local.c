// SPDX-License-Identifier: Apache-2.0
/*
 * io_local.c: a directory of a local file system.
 *
 * Held by a descriptor, so a mount over the path does not hide it.  Paths are
 * resolved with openat2(RESOLVE_BENEATH): a dataset cannot lead outside of
 * itself by symlinks.  Writers gather small writes and hand large ones to
 * write(2) as they come.
 */
#include "io/io_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GATHER_BYTES ((size_t)256 << 10)

/* The call once more for as long as signals end it.  Not for close(2): that has
 * closed. */
#define RESUMED(call)                                                                  \
	({                                                                             \
		long resumed_;                                                         \
		do                                                                     \
			resumed_ = (call);                                             \
		while (resumed_ < 0 && errno == EINTR);                                \
		resumed_;                                                              \
	})

struct local_store {
	struct io_store base;
	int dirfd;
	bool is_confined; /* to the file system of the directory, and never to less */
};

struct local_file {
	struct io_file base;
	int fd;
};

struct local_writer {
	struct io_writer base;
	int fd;
	uint64_t n_written, n_pushed; /* bytes; of them on their way to the disk */
	size_t n_gathered;
	uint8_t *gather; /* owned, GATHER_BYTES */
};

static struct local_store *store_of(const struct io_store *s)
{
	return (struct local_store *)(uintptr_t)s;
}

static struct local_file *file_of(struct io_file *f)
{
	return (struct local_file *)f;
}

static struct local_writer *writer_of(struct io_writer *w)
{
	return (struct local_writer *)w;
}

/* open as `resolve` says; -1 and errno */
static int open_resolved(struct io_store *s, const char *path, int flags, mode_t mode,
			 uint64_t resolve)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0u,
		.resolve = resolve,
	};
	int dirfd = store_of(s)->dirfd;
	long fd;
	do
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0 && errno == ENOSYS && !store_of(s)->is_confined)
		/* old kernels, some sandboxes */
		fd = RESUMED(openat(dirfd, path, flags | O_CLOEXEC, mode));
	return (int)fd;
}

/* open beneath the store; -1 and errno */
static int open_beneath(struct io_store *s, const char *path, int flags, mode_t mode)
{
	uint64_t resolve = RESOLVE_BENEATH;
	if (store_of(s)->is_confined)
		resolve |= RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
	return open_resolved(s, path, flags, mode, resolve);
}

/* Why something could not be opened beneath the store; reads errno. */
static struct err *beneath_error(const struct io_store *s, const char *path)
{
	if (errno != EXDEV)
		return err_errno(errno, "%s", path);
	return err_new(EIO,
		       "%s: a link or a mount leads out of %s there, which is not "
		       "followed",
		       path, s->name);
}

static struct err *local_open(struct io_store *s, const char *path,
			      struct io_file **ret)
{
	/* a FIFO must not make us wait; it is refused below */
	AUTO_FD int fd = open_beneath(s, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return beneath_error(s, path);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(errno, "%s: stat", path);
	if (!S_ISREG(st.st_mode))
		return err_new(EISDIR, "%s: not a regular file", path);
	AUTO_MEM struct local_file *f = NULL;
	TRY(mem_new(&f));
	TRY(io_file_init(&f->base, s, path, (uint64_t)st.st_size));
	f->fd = fd;
	fd = -1;
	*ret = &TAKE(f)->base;
	return NULL;
}

static struct err *local_read(struct io_file *base, uint64_t off, size_t len, void *dst)
{
	struct local_file *f = file_of(base);
	uint8_t *p = dst;
	while (len) {
		ssize_t n = RESUMED(pread(f->fd, p, len, (off_t)off));
		if (n < 0)
			return err_errno(errno, "%s: read of %zu bytes at %" PRIu64,
					 base->path, len, off);
		if (n == 0)
			return err_new(EIO, "%s: cut short at offset %" PRIu64,
				       base->path, off);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return NULL;
}

static void local_close(struct io_file *base)
{
	struct local_file *f = file_of(base);
	close(f->fd);
	io_file_fini(base);
	free(f);
}

static struct err *local_stat(struct io_store *s, const char *path, bool *ret_found,
			      struct io_stat *ret)
{
	AUTO_FD int fd = open_beneath(s, path, O_PATH, 0);
	struct stat st;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*ret_found = false;
		return NULL;
	}
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(errno, "%s: stat", path);
	*ret_found = true;
	ret->size = (uint64_t)st.st_size;
	ret->mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	ret->is_dir = S_ISDIR(st.st_mode);
	return NULL;
}

static void auto_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Takes fd, also on failure. */
static struct err *each_name(int fd, const char *dir,
			     struct err *(*fn)(void *ctx, const char *name), void *ctx)
{
	__attribute__((cleanup(auto_dir))) DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return err_errno(errno, "%s", dir);
	}
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(d);
		if (!e && errno)
			return err_errno(errno, "%s: readdir", dir);
		if (!e)
			return NULL;
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			TRY(fn(ctx, e->d_name));
	}
}

static struct err *local_list(struct io_store *s, const char *dir,
			      struct err *(*fn)(void *ctx, const char *name), void *ctx)
{
	int fd = open_beneath(s, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0)
		return err_errno(errno, "%s", dir);
	return each_name(fd, dir, fn, ctx);
}

struct scan {
	int fd; /* borrowed, as all here; of the directory */
	const char *dir;
	struct err *(*fn)(void *ctx, const struct io_entry *e);
	void *ctx;
};

/* One that vanished meanwhile is left out. */
static struct err *scan_name(void *ctx, const char *name)
{
	const struct scan *s = ctx;
	struct stat st;
	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? NULL : err_errno(errno, "%s/%s", s->dir, name);
	struct io_entry e = {
		.name = name,
		.is_dir = S_ISDIR(st.st_mode),
		.is_file = S_ISREG(st.st_mode),
		.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
		.mtime_ns =
			st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec,
	};
	return s->fn(s->ctx, &e);
}

static struct err *local_scan(struct io_store *base, const char *dir,
			      struct err *(*fn)(void *ctx, const struct io_entry *e),
			      void *ctx)
{
	int fd = open_resolved(base, dir, O_RDONLY | O_DIRECTORY, 0,
			       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0 && errno == ELOOP)
		return err_new(EOPNOTSUPP, "%s is a link, or is reached by one", dir);
	if (fd < 0)
		return err_errno(errno, "%s", dir);
	struct scan s = {fd, dir, fn, ctx};
	return each_name(fd, dir, scan_name, &s);
}

static struct err *local_mkdir(struct io_store *s, const char *dir)
{
	if (mkdirat(store_of(s)->dirfd, dir, 0777) != 0 && errno != EEXIST)
		return err_errno(errno, "mkdir %s", dir);
	return NULL;
}

static struct err *local_sync_dir(struct io_store *s, const char *dir)
{
	AUTO_FD int fd = open_beneath(s, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_errno(errno, "%s", dir);
	if (RESUMED(fsync(fd)) != 0)
		return err_errno(errno, "%s: fsync", dir);
	return NULL;
}

/* A new directory is durable only once the one that it is in is. */
static struct err *make_durable(struct io_store *s, char *dir)
{
	char *slash = strrchr(dir, '/');
	if (mkdirat(store_of(s)->dirfd, dir, 0777) != 0)
		return errno == EEXIST ? NULL : err_errno(errno, "mkdir %s", dir);
	if (!slash)
		return local_sync_dir(s, ".");
	*slash = 0;
	struct err *err = local_sync_dir(s, dir);
	*slash = '/';
	return err;
}

/* mkdir -p of everything before the last slash */
static struct err *make_parents(struct io_store *s, const char *path)
{
	AUTO_MEM char *dir = NULL;
	TRY(str_dup(path, &dir));
	for (char *slash = strchr(dir, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		TRY(make_durable(s, dir));
		*slash = '/';
	}
	return NULL;
}

static struct err *local_create(struct io_store *s, const char *path,
				struct io_writer **ret)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL;
	AUTO_FD int fd = open_beneath(s, path, flags, 0666);
	if (fd < 0 && errno == ENOENT) {
		TRY(make_parents(s, path));
		fd = open_beneath(s, path, flags, 0666);
	}
	if (fd < 0)
		return err_errno(errno, "create %s", path);
	AUTO_MEM struct local_writer *w = NULL;
	AUTO_MEM uint8_t *gather = NULL;
	TRY(mem_array(1, GATHER_BYTES, &gather));
	TRY(mem_new(&w));
	TRY(io_writer_init(&w->base, s, path));
	w->gather = TAKE(gather);
	w->fd = fd;
	fd = -1;
	*ret = &TAKE(w)->base;
	return NULL;
}

#define PUSH_BYTES ((uint64_t)16 << 20)

/* Large files begin to go to the disk while they are written, so that the sync at
 * their end is short.  Only a hint. */
static void push_out(struct local_writer *w)
{
	uint64_t n = w->n_written - w->n_pushed;
	if (n < PUSH_BYTES)
		return;
	sync_file_range(w->fd, (off_t)w->n_pushed, (off_t)n, SYNC_FILE_RANGE_WRITE);
	w->n_pushed = w->n_written;
}

static struct err *write_all(struct local_writer *w, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = RESUMED(write(w->fd, p, len));
		if (n < 0)
			return err_errno(errno, "%s: write", w->base.path);
		p += n;
		len -= (size_t)n;
		w->n_written += (uint64_t)n;
	}
	push_out(w);
	return NULL;
}

static struct err *flush(struct local_writer *w)
{
	size_t n = w->n_gathered;
	w->n_gathered = 0;
	return write_all(w, w->gather, n);
}

static struct err *local_write(struct io_writer *base, const void *p, size_t len)
{
	struct local_writer *w = writer_of(base);
	if (w->n_gathered + len > GATHER_BYTES)
		TRY(flush(w));
	if (len >= GATHER_BYTES)
		return write_all(w, p, len);
	memcpy(w->gather + w->n_gathered, p, len);
	w->n_gathered += len;
	return NULL;
}

static void local_discard(struct io_writer *base)
{
	struct local_writer *w = writer_of(base);
	if (w->fd >= 0)
		close(w->fd);
	free(w->gather);
	io_writer_fini(base);
	free(w);
}

static struct err *local_finish(struct io_writer *base)
{
	struct local_writer *w = writer_of(base);
	struct err *err = flush(w);
	if (!err && RESUMED(fdatasync(w->fd)) != 0)
		err = err_errno(errno, "%s: fdatasync", base->path);
	int fd = w->fd;
	w->fd = -1;
	if (close(fd) != 0 && errno != EINTR && !err) /* EINTR: closed, and synced */
		err = err_errno(errno, "%s: close", base->path);
	local_discard(base);
	return err;
}

static struct err *local_publish(struct io_store *s, const char *from, const char *to)
{
	int dirfd = store_of(s)->dirfd;
	if (linkat(dirfd, from, dirfd, to, 0) == 0) {
		if (unlinkat(dirfd, from, 0) != 0 && errno != ENOENT)
			return NULL; /* published; cleanup knows the temporary name */
		return NULL;
	}
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
		return err_errno(errno, "publish %s", to);
	if (renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) != 0)
		return err_errno(errno, "publish %s", to);
	return NULL;
}

static struct err *local_replace(struct io_store *s, const char *from, const char *to)
{
	int dirfd = store_of(s)->dirfd;
	if (renameat(dirfd, from, dirfd, to) != 0)
		return err_errno(errno, "rename %s", to);
	return NULL;
}

static struct err *local_remove(struct io_store *s, const char *path)
{
	if (unlinkat(store_of(s)->dirfd, path, 0) != 0 && errno != ENOENT)
		return err_errno(errno, "remove %s", path);
	return NULL;
}

static struct err *local_remove_dir(struct io_store *s, const char *dir, bool *ret_gone)
{
	*ret_gone =
		unlinkat(store_of(s)->dirfd, dir, AT_REMOVEDIR) == 0 || errno == ENOENT;
	if (!*ret_gone && errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
		return err_errno(errno, "remove %s", dir);
	return NULL;
}

static struct err *local_statvfs(struct io_store *s, struct statvfs *ret)
{
	if (fstatvfs(store_of(s)->dirfd, ret) != 0)
		return err_errno(errno, "%s: statvfs", s->name);
	return NULL;
}

static bool local_writable(struct io_store *s)
{
	return faccessat(store_of(s)->dirfd, ".", W_OK, AT_EACCESS) == 0;
}

static int local_fd(const struct io_store *s)
{
	return store_of(s)->dirfd;
}

static void local_free(struct io_store *s)
{
	close(store_of(s)->dirfd);
	free(store_of(s));
}

static struct err *local_open_dir(struct io_store *s, const char *path,
				  struct io_store **ret);

static const struct io_ops local_ops = {
	.open = local_open,
	.read = local_read,
	.close = local_close,
	.stat = local_stat,
	.list = local_list,
	.scan = local_scan,
	.create = local_create,
	.write = local_write,
	.finish = local_finish,
	.discard = local_discard,
	.publish = local_publish,
	.replace = local_replace,
	.sync_dir = local_sync_dir,
	.remove = local_remove,
	.remove_dir = local_remove_dir,
	.mkdir = local_mkdir,
	.open_dir = local_open_dir,
	.statvfs = local_statvfs,
	.writable = local_writable,
	.fd = local_fd,
	.free = local_free,
};

/* fd is taken, also on failure. */
static struct err *store_new(int fd, const char *name, struct io_store **ret)
{
	struct local_store *s;
	struct err *err = mem_new(&s);
	if (err) {
		close(fd);
		return err;
	}
	s->dirfd = fd;
	err = io_store_init(&s->base, &local_ops, name);
	if (err) {
		local_free(&s->base);
		return err;
	}
	*ret = &s->base;
	return NULL;
}

static struct err *local_open_dir(struct io_store *s, const char *path,
				  struct io_store **ret)
{
	AUTO_MEM char *name = NULL;
	TRY(str_printf(&name, "%s/%s", s->name, path));
	int fd = open_beneath(s, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return beneath_error(s, path);
	return store_new(fd, name, ret);
}

struct err *io_store_open_local(const char *path, struct io_store **ret)
{
	int fd = (int)RESUMED(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return err_errno(errno, "%s", path);
	return store_new(fd, path, ret);
}

struct err *io_store_open_confined(const char *path, struct io_store **ret)
{
	TRY(io_store_open_local(path, ret));
	store_of(*ret)->is_confined = true;
	return NULL;
}
