// SPDX-License-Identifier: Apache-2.0
/*
 * backfill_lock.c: one run at a time over the same columns, of whatever process.
 *
 * The lock is flock(2)'s on a file that goes when the run ends; who finds that the file
 * it has locked is no longer the one of that name looks again.
 */
#include "job/backfill_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "_lancefs/checkpoints"

static struct err *in_use(int fd)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	return err_new(EBUSY,
		       "job %s is filling these columns; wait for it, or cancel it",
		       *text ? text : "of somebody");
}

static bool is_of_that_name(int dir, const char *path, int fd)
{
	struct stat have, want;
	return fstat(fd, &have) == 0 &&
	       fstatat(dir, path, &want, AT_SYMLINK_NOFOLLOW) == 0 &&
	       have.st_ino == want.st_ino && have.st_dev == want.st_dev;
}

static struct err *take(struct run_lock *l, uint64_t job)
{
	char text[32];
	for (;;) {
		l->fd = openat(l->dir, l->path,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (l->fd < 0)
			return err_errno(errno, "%s", l->path);
		if (flock(l->fd, LOCK_EX | LOCK_NB) != 0)
			return errno == EWOULDBLOCK ? in_use(l->fd)
						    : err_errno(errno, "%s", l->path);
		if (is_of_that_name(l->dir, l->path, l->fd))
			break;
		close(l->fd); /* its owner has just ended */
	}
	l->is_held = true;
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", job);
	if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, text, (size_t)n, 0) != n)
		return err_errno(errno, "%s", l->path);
	return NULL;
}

struct err *run_lock_take(struct io_store *s, int32_t field_id, uint64_t job,
			  struct run_lock *ret)
{
	*ret = (struct run_lock){.fd = -1, .dir = io_store_fd(s)};
	if (ret->dir < 0)
		return err_new(EOPNOTSUPP, "a backfill needs a local directory");
	TRY(io_mkdir(s, "_lancefs"));
	TRY(io_mkdir(s, DIRECTORY));
	TRY(str_printf(&ret->path, DIRECTORY "/column-%" PRId32 ".lock", field_id));
	return take(ret, job);
}

void run_lock_drop(struct run_lock *l)
{
	if (l->is_held) {
		unlinkat(l->dir, l->path, 0);
		unlinkat(l->dir, DIRECTORY, AT_REMOVEDIR); /* if it is empty */
	}
	if (l->path && l->fd >= 0)
		close(l->fd);
	free(l->path);
	*l = (struct run_lock){.fd = -1};
}
