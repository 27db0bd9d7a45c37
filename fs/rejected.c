// SPDX-License-Identifier: Apache-2.0
/*
 * rejected.c: rejected/, what was written and could not be committed.
 *
 * Real files in SOURCE/_lancefs/rejected, each with NAME.error beside it; shared
 * by all mounts, bounded by rejected-size, the oldest go first.
 */
#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define ERROR_SUFFIX ".error"

static struct err *make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0777) != 0 && errno != EEXIST)
		return err_errno(errno, "_lancefs: mkdir %s", name);
	return NULL;
}

struct err *state_dir(struct mount *m, const char *name, int *ret_fd)
{
	int root = io_store_fd(m->store);
	TRY(make_dir(root, "_lancefs"));
	AUTO_FD int state =
		openat(root, "_lancefs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state < 0)
		return err_errno(errno, "_lancefs");
	TRY(make_dir(state, name));
	int fd = openat(state, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(errno, "_lancefs/%s", name);
	*ret_fd = fd;
	return NULL;
}

void state_tidy(struct mount *m)
{
	static const char *const dirs[] = {"_lancefs/spool", "_lancefs/rejected",
					   "_lancefs/queries", "_lancefs"};
	for (size_t i = 0; m->is_writable && i < sizeof(dirs) / sizeof(dirs[0]); i++)
		unlinkat(io_store_fd(m->store), dirs[i], AT_REMOVEDIR);
}

/* Without making it: -1 if it is not there. */
static int existing_dir(struct mount *m)
{
	return openat(io_store_fd(m->store), "_lancefs/rejected",
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct err *check_name(const char *name)
{
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_new(EINVAL, "rejected/%s", name);
	return NULL;
}

struct err *rejected_open(struct mount *m, const char *name, int *ret_fd)
{
	AUTO_FD int dir = existing_dir(m);
	TRY(check_name(name));
	int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(dir < 0 ? ENOENT : errno, "rejected/%s", name);
	*ret_fd = fd;
	return NULL;
}

struct err *rejected_remove(struct mount *m, const char *name)
{
	AUTO_FD int dir = existing_dir(m);
	AUTO_MEM char *error = NULL;
	TRY(check_name(name));
	TRY(str_printf(&error, "%s" ERROR_SUFFIX, name));
	if (dir < 0 || unlinkat(dir, name, 0) != 0)
		return err_errno(dir < 0 ? ENOENT : errno, "rejected/%s", name);
	if (unlinkat(dir, error, 0) != 0 && errno != ENOENT)
		return err_errno(errno, "rejected/%s", error);
	return NULL;
}

/* --- keeping --- */

/* Where the spool file cannot be linked, its bytes are copied. */
static struct err *copy_file(int from, int dir, const char *name)
{
	off_t off = 0;
	AUTO_FD int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(errno, "rejected/%s", name);
	for (;;) {
		ssize_t n = sendfile(fd, from, &off, 1 << 30);
		if (n < 0)
			return err_errno(errno, "rejected/%s", name);
		if (n == 0)
			return NULL;
	}
}

static struct err *write_reason(int dir, const struct drop_place *place,
				const char *name, bool is_kept, const char *why)
{
	char next[320];
	if (is_kept)
		snprintf(next, sizeof(next), "To try again: mv rejected/%.200s %s/",
			 name, place_name(place));
	else
		snprintf(next, sizeof(next), "It was too large to be kept here.");
	AUTO_MEM char *error = NULL;
	TRY(str_printf(&error, "%s" ERROR_SUFFIX, name));
	AUTO_FD int fd =
		openat(dir, error, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%s\n%s\n", why, next) < 0)
		return err_errno(errno, "rejected/%s", error);
	return NULL;
}

void rejected_explain(struct mount *m, const struct drop_place *place, const char *name,
		      const char *why)
{
	AUTO_FD int dir = existing_dir(m);
	struct err *err = dir < 0 ? NULL : write_reason(dir, place, name, true, why);
	err_free(err); /* the reason itself is being told */
}

struct oldest {
	char name[NAME_MAX + 1];
	struct timespec mtime;
	uint64_t total;
};

static struct err *find_oldest(int dir, const char *spare, struct oldest *ret)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	*ret = (struct oldest){0};
	if (!d) {
		if (fd >= 0)
			close(fd);
		return err_errno(errno, "rejected/");
	}
	while ((e = readdir(d))) {
		if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		ret->total += (uint64_t)st.st_size;
		if (str_ends(e->d_name, ERROR_SUFFIX) || !strcmp(e->d_name, spare))
			continue;
		if (!*ret->name || st.st_mtim.tv_sec < ret->mtime.tv_sec) {
			snprintf(ret->name, sizeof(ret->name), "%s", e->d_name);
			ret->mtime = st.st_mtim;
		}
	}
	closedir(d);
	return NULL;
}

static struct err *make_room(struct mount *m, int dir, const char *spare)
{
	struct oldest oldest;
	for (;;) {
		TRY(find_oldest(dir, spare, &oldest));
		if (oldest.total <= m->server->options.rejected_size || !*oldest.name)
			return NULL;
		TRY(rejected_remove(m, oldest.name));
	}
}

struct err *rejected_keep(struct mount *m, const struct drop_place *place,
			  const char *name, int spool_fd, const char *why)
{
	AUTO_FD int dir = -1;
	char proc[64];
	TRY(check_name(name));
	TRY(state_dir(m, "rejected", &dir));
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", spool_fd);
	if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
		return err_errno(errno, "rejected/%s", name);
	if (spool_fd >= 0 && linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW) != 0)
		TRY(copy_file(spool_fd, dir, name));
	TRY(write_reason(dir, place, name, spool_fd >= 0, why));
	return make_room(m, dir, name);
}

/* --- the directory --- */

static struct err *rejected_lookup(struct mount *m, struct node *dir, const char *name,
				   struct node **ret)
{
	AUTO_FD int fd = -1;
	AUTO(node) struct node *n = NULL;
	struct stat st;
	(void)dir;
	struct err *err = rejected_open(m, name, &fd);
	if (err && err->code == ENOENT) {
		err_free(err); /* no such name */
		return NULL;
	}
	TRY(err);
	if (fstat(fd, &st) != 0)
		return err_errno(errno, "rejected/%s", name);
	if (!S_ISREG(st.st_mode))
		return NULL;
	TRY(node_new(m, &rejected_file_ops, st.st_ino, NULL, &n));
	TRY(str_dup(name, &n->name));
	*ret = TAKE(n);
	return NULL;
}

static struct err *rejected_list(struct mount *m, struct handle *h, uint64_t off,
				 const struct list_sink *sink)
{
	int fd = existing_dir(m);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint64_t i = 0;
	(void)h;
	if (!d) {
		if (fd >= 0)
			close(fd);
		return NULL; /* nothing was rejected yet */
	}
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || i++ < off)
			continue;
		if (sink->fn(sink->ctx, e->d_name,
			     node_ino(m, &rejected_file_ops, e->d_ino), S_IFREG, i))
			break;
	}
	closedir(d);
	return NULL;
}

const struct node_ops rejected_ops = {
	.kind = "rejected",
	.mode = S_IFDIR | 0755,
	.lookup = rejected_lookup,
	.list = rejected_list,
};

static struct err *file_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *ret_timeout)
{
	AUTO_FD int fd = -1;
	struct stat real;
	(void)is_exact;
	TRY(rejected_open(m, n->name, &fd));
	if (fstat(fd, &real) != 0)
		return err_errno(errno, "rejected/%s", n->name);
	st->st_size = real.st_size;
	st->st_mtim = real.st_mtim;
	*ret_timeout = 0;
	return NULL;
}

static struct err *file_open(struct mount *m, struct handle *h,
			     struct fuse_file_info *fi)
{
	(void)m;
	(void)fi;
	if (h->can_write)
		return err_new(EPERM, "rejected files are read, removed or moved");
	return NULL;
}

static struct err *rejected_read(struct mount *m, struct handle *h, uint64_t off,
				 size_t len, uint8_t *dst, size_t *ret_len)
{
	AUTO_FD int fd = -1;
	TRY(rejected_open(m, h->node->name, &fd));
	ssize_t n = pread(fd, dst, len, (off_t)off);
	if (n < 0)
		return err_errno(errno, "rejected/%s", h->node->name);
	*ret_len = (size_t)n;
	return NULL;
}

const struct node_ops rejected_file_ops = {
	.kind = "rejected file",
	.mode = S_IFREG | 0444,
	.attr = file_attr,
	.open = file_open,
	.read = rejected_read,
};
