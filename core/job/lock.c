// SPDX-License-Identifier: Apache-2.0
/*
 * lock.c: flock(2) on a file that goes when the work ends.
 *
 * The lock ends with its process, whatever becomes of the file.  Who finds that the
 * file it has locked is no longer the one of that name looks again.
 */
#include "job/lock_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT_TEXT 200 /* bytes of the holder's sentence that are shown */
#define MOST_TRIES 100 /* to open a file whose directory others remove */

/* Who holds it: whoever may write the dataset may have written the text. */
static struct err *in_use(const struct job_lock *l)
{
	char text[LIMIT_TEXT + 1] = "";
	AUTO_MEM char *shown = NULL;
	ssize_t n = pread(l->fd, text, LIMIT_TEXT, 0);
	text[n > 0 ? n : 0] = 0;
	for (char *p = text; *p; p++)
		*p = (unsigned char)*p < ' ' ? 0 : *p;
	TRY(str_dup_utf8(text, &shown));
	if (!*shown)
		return err_new(EBUSY, "%s is locked; try again when its owner is done",
			       l->path);
	return err_new(EBUSY, "%s; wait for it, or cancel it", shown);
}

static bool is_of_that_name(const struct job_lock *l)
{
	struct stat have, want;
	return fstat(l->fd, &have) == 0 &&
	       fstatat(l->dir, l->path, &want, AT_SYMLINK_NOFOLLOW) == 0 &&
	       have.st_ino == want.st_ino && have.st_dev == want.st_dev;
}

/* The directory of the file, a new string. */
static struct err *parent_of(const char *path, char **ret)
{
	return str_dup_len(path, (size_t)(strrchr(path, '/') - path), ret);
}

/* Who ends meanwhile removes the directory if nothing is left in it. */
static struct err *open_file(struct io_store *s, struct job_lock *l)
{
	AUTO_MEM char *parent = NULL;
	TRY(parent_of(l->path, &parent));
	for (unsigned i = 0; l->fd < 0 && i < MOST_TRIES; i++) {
		TRY(io_mkdir(s, "_lancefs"));
		TRY(io_mkdir(s, parent));
		l->fd = openat(l->dir, l->path,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (l->fd < 0 && errno != ENOENT)
			break;
	}
	return l->fd < 0 ? err_errno(errno, "%s", l->path) : NULL;
}

static struct err *take(struct io_store *s, struct job_lock *l, const char *what)
{
	size_t len = strlen(what);
	while (!l->is_held) {
		TRY(open_file(s, l));
		if (flock(l->fd, LOCK_EX | LOCK_NB) != 0)
			return errno == EWOULDBLOCK ? in_use(l)
						    : err_errno(errno, "%s", l->path);
		l->is_held = is_of_that_name(l);
		if (!l->is_held) {
			close(l->fd); /* its owner has just ended */
			l->fd = -1;
		}
	}
	/* on a full disk it is locked without a word */
	if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, what, len, 0) != (ssize_t)len)
		return errno == ENOSPC || errno == EDQUOT
			       ? NULL
			       : err_errno(errno, "%s", l->path);
	return NULL;
}

struct err *job_lock_take(struct io_store *s, const char *name, const char *what,
			  struct job_lock *ret)
{
	*ret = (struct job_lock){.fd = -1, .dir = io_store_fd(s)};
	if (ret->dir < 0)
		return err_new(EOPNOTSUPP, "%s: it needs a local directory", name);
	TRY(str_dup(name, &ret->path));
	return take(s, ret, what);
}

void job_lock_release(struct job_lock *l)
{
	char *slash = l->is_held ? strrchr(l->path, '/') : NULL;
	if (l->is_held)
		unlinkat(l->dir, l->path, 0);
	if (slash) {
		*slash = 0;
		unlinkat(l->dir, l->path, AT_REMOVEDIR); /* if it is empty */
	}
	if (l->path && l->fd >= 0)
		close(l->fd);
	free(l->path);
	*l = (struct job_lock){.fd = -1};
}
