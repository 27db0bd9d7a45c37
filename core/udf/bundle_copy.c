// SPDX-License-Identifier: Apache-2.0
/*
 * bundle_copy.c: a directory's files into a bundle.
 *
 * The directory is opened once; everything in it is opened beneath it, so that links
 * that lead out of it fail.  Links to files within are followed, and what they point to
 * is copied.
 * Source: openat2(2), RESOLVE_BENEATH.
 */
#include "udf/udf_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_DEPTH 32

struct copying {
	struct bundle *bundle;
	int root; /* borrowed */
};

/* What version control, Python and editors leave behind says nothing of a function,
 * and differs from one place to the next. */
static bool is_left_out(const char *path, const char *name)
{
	static const char *const names[] = {".git",	 "__pycache__",
					    ".hg",	 ".svn",
					    ".DS_Store", ".ipynb_checkpoints"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strcmp(path, UDF_SUMS) == 0 || strcmp(path, UDF_INI) == 0 ||
	       str_ends(name, ".pyc") || str_ends(name, "~") || str_ends(name, ".swp");
}

static struct err *open_beneath(const struct copying *c, const char *path, int *ret)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH,
	};
	long fd;
	do
		fd = syscall(SYS_openat2, c->root, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0 && errno == EXDEV)
		return err_new(EINVAL, "%s: a link that leads out of the bundle", path);
	if (fd < 0 && (errno == ELOOP || errno == ENOENT))
		return err_new(EINVAL, "%s: a link that leads nowhere", path);
	if (fd < 0 && (errno == ENXIO || errno == ENODEV))
		return err_new(EINVAL, "%s: neither a file nor a directory", path);
	if (fd < 0)
		return err_errno(errno, "%s", path);
	*ret = (int)fd;
	return NULL;
}

static struct err *copy_dir(struct copying *c, int fd, const char *path, int depth);

static struct err *copy_entry(struct copying *c, const char *path, bool is_link,
			      int depth)
{
	AUTO_FD int fd = -1;
	struct stat st;
	TRY(open_beneath(c, path, &fd));
	if (fstat(fd, &st) != 0)
		return err_errno(errno, "%s", path);
	if (S_ISDIR(st.st_mode) && is_link)
		return err_new(EINVAL, "%s: a link to a directory", path);
	if (S_ISDIR(st.st_mode) && depth == MAX_DEPTH)
		return err_new(EINVAL, "%s: over %d directories deep", path, MAX_DEPTH);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, fd, path, depth + 1);
	if (!S_ISREG(st.st_mode))
		return err_new(EINVAL, "%s: neither a file nor a directory", path);
	return bundle_add_fd(c->bundle, fd, path, (st.st_mode & 0111) != 0);
}

static bool is_link(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

static void auto_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* A stream over a directory, with a position of its own. */
static struct err *open_stream(int fd, const char *path, DIR **ret)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret = own < 0 ? NULL : fdopendir(own);
	if (*ret)
		return NULL;
	int code = errno;
	if (own >= 0)
		close(own);
	return err_errno(code, "%s", *path ? path : "the directory");
}

static struct err *copy_dir(struct copying *c, int fd, const char *path, int depth)
{
	__attribute__((cleanup(auto_dir))) DIR *d = NULL;
	TRY(open_stream(fd, path, &d));
	for (;;) {
		AUTO_MEM char *sub = NULL;
		errno = 0;
		const struct dirent *e = readdir(d);
		if (!e && errno)
			return err_errno(errno, "%s", *path ? path : "the directory");
		if (!e)
			return NULL;
		TRY(str_printf(&sub, "%s%s%s", path, *path ? "/" : "", e->d_name));
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    is_left_out(sub, e->d_name))
			continue;
		TRY(copy_entry(c, sub, is_link(fd, e->d_name), depth));
	}
}

struct err *bundle_add_dir(struct bundle *b, int dir_fd)
{
	struct copying c = {b, dir_fd};
	return copy_dir(&c, dir_fd, "", 0);
}
