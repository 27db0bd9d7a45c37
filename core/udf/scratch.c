// SPDX-License-Identifier: Apache-2.0
/*
 * scratch.c: a worker's private directory, in memory if the system has one there.
 *
 * It is locked as long as its owner lives; those that a killed process has left behind
 * are found by their locks being free, and removed by whoever makes the next one.
 */
#include "udf/worker_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "lancefs-udf-"

static const char *const places[] = {"/dev/shm", "/tmp"};

/* Remove all files of a directory. */
static void empty(int fd)
{
	int copy = dup(fd);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d && copy >= 0)
		close(copy);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		unlinkat(fd, e->d_name, 0);
	if (d)
		closedir(d);
}

static void remove_if_left(int place, const char *name)
{
	struct stat st;
	AUTO_FD int fd =
		openat(place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
	    flock(fd, LOCK_EX | LOCK_NB) != 0)
		return;
	empty(fd);
	unlinkat(place, name, AT_REMOVEDIR);
}

static void sweep(const char *place)
{
	DIR *d = opendir(place);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		if (str_starts(e->d_name, PREFIX))
			remove_if_left(dirfd(d), e->d_name);
	if (d)
		closedir(d);
}

/* Made and locked; false, and errno. */
static bool make(char *path, int *ret_fd)
{
	struct stat have, want;
	if (!mkdtemp(path))
		return false;
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* somebody may have swept it away in between */
	if (*ret_fd >= 0 && flock(*ret_fd, LOCK_EX | LOCK_NB) == 0 &&
	    fstat(*ret_fd, &have) == 0 && stat(path, &want) == 0 &&
	    have.st_ino == want.st_ino)
		return true;
	if (*ret_fd >= 0)
		close(*ret_fd);
	rmdir(path);
	errno = EBUSY;
	return false;
}

struct err *scratch_make(char **ret_path, int *ret_fd)
{
	int code = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		sweep(places[i]);
		for (unsigned attempt = 0; attempt < 4; attempt++) {
			AUTO_MEM char *path = NULL;
			TRY(str_printf(&path, "%s/" PREFIX "XXXXXX", places[i]));
			if (make(path, ret_fd)) {
				*ret_path = TAKE(path);
				return NULL;
			}
			code = errno;
		}
	}
	return err_errno(code,
			 "a directory for the values of UDFs in /dev/shm or /tmp");
}

void scratch_remove(const char *path, int fd)
{
	empty(fd);
	rmdir(path);
	close(fd);
}
