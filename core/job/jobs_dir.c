// SPDX-License-Identifier: Apache-2.0
/*
 * jobs_dir.c: the directories and small files of jobs.
 *
 * A lock is one of an open file description (fcntl): it ends with the process, and
 * whether it is held can be seen without taking it, so that who looks at a job never
 * gets in the way of who wants to run it.
 * Source: fcntl(2), "Open file description locks".
 */
#include "job/jobs_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

struct err *jobs_dir_open(struct io_store *s, int *ret_fd)
{
	int root = io_store_fd(s);
	*ret_fd = -1;
	if (root < 0)
		return NULL;
	AUTO_FD int state = open_dir(root, "_lancefs");
	if (state < 0 && errno == ENOENT)
		return NULL;
	int fd = state < 0 ? -1 : open_dir(state, "jobs");
	if (fd < 0 && errno != ENOENT)
		return err_errno(errno, JOBS_PATH);
	*ret_fd = fd;
	return NULL;
}

struct err *jobs_dir_make(struct io_store *s, int *ret_fd)
{
	if (io_store_fd(s) < 0)
		return err_new(EOPNOTSUPP, "%s: jobs need a local directory",
			       io_store_name(s));
	if (!io_store_writable(s))
		return err_new(EROFS, "%s: no permission to write the dataset",
			       io_store_name(s));
	TRY(io_mkdir(s, "_lancefs"));
	TRY(io_mkdir(s, JOBS_PATH));
	TRY(io_sync_dir(s, "."));
	TRY(io_sync_dir(s, "_lancefs"));
	TRY(jobs_dir_open(s, ret_fd));
	return *ret_fd < 0 ? err_errno(ENOENT, JOBS_PATH) : NULL;
}

struct err *job_dir_open(struct io_store *s, uint64_t id, int *ret_fd)
{
	AUTO_FD int jobs = -1;
	char name[24];
	TRY(jobs_dir_open(s, &jobs));
	snprintf(name, sizeof(name), "%" PRIu64, id);
	int fd = jobs < 0 ? -1 : open_dir(jobs, name);
	if (fd < 0)
		return err_new(ENOENT, "no job %" PRIu64, id);
	*ret_fd = fd;
	return NULL;
}

/* --- which there are --- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static struct err *read_ids(DIR *d, uint64_t **ids, size_t *n)
{
	size_t cap = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		uint64_t id;
		if (!str_to_u64(e->d_name, &id) || id == 0)
			continue;
		TRY(mem_grow(*n + 1, sizeof(**ids), &cap, ids));
		(*ids)[(*n)++] = id;
	}
	return NULL;
}

struct err *job_ids(struct io_store *s, uint64_t **ret, size_t *ret_n)
{
	AUTO_MEM uint64_t *ids = NULL;
	size_t n = 0;
	int fd = -1;
	TRY(jobs_dir_open(s, &fd));
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		close(fd);
	struct err *err = d ? read_ids(d, &ids, &n) : NULL;
	if (d)
		closedir(d);
	TRY(err);
	if (n)
		qsort(ids, n, sizeof(*ids), compare);
	if (n > LIMIT_JOBS) {
		memmove(ids, ids + n - LIMIT_JOBS, LIMIT_JOBS * sizeof(*ids));
		n = LIMIT_JOBS;
	}
	*ret = TAKE(ids);
	*ret_n = n;
	return NULL;
}

/* Files first; a directory in it, which is none of ours, keeps it. */
void job_dir_remove(int jobs, uint64_t id)
{
	char name[24];
	snprintf(name, sizeof(name), "%" PRIu64, id);
	int fd = open_dir(jobs, name);
	if (fd < 0)
		return;
	unlinkat(fd, "command", 0); /* what is left from here on is no job */
	DIR *d = fdopendir(fd);
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		unlinkat(fd, e->d_name, 0);
	if (d)
		closedir(d);
	else
		close(fd);
	unlinkat(jobs, name, AT_REMOVEDIR);
}

/* --- files --- */

/* -1 and errno; a FIFO does not make us wait, and is refused. */
static int open_file(int dir, const char *name, int flags)
{
	struct stat st;
	int fd = openat(dir, name,
			flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	errno = EIO;
	return -1;
}

int job_file_open(int dir, const char *name)
{
	return open_file(dir, name, O_RDONLY);
}

struct err *job_file_read(int dir, const char *name, struct buf *out, bool *ret_found)
{
	AUTO_FD int fd = job_file_open(dir, name);
	*ret_found = false;
	if (fd < 0)
		return NULL;
	for (;;) {
		uint8_t some[4096];
		ssize_t n = read(fd, some, sizeof(some));
		if (n < 0 && errno == EINTR)
			continue;
		*ret_found = n == 0;
		if (n <= 0 || out->len + (size_t)n > LIMIT_JOB_FILE)
			return NULL;
		buf_append(out, some, (size_t)n);
		TRY(buf_check(out));
	}
}

struct err *job_file_write(int fd, const char *name, const void *p, size_t len)
{
	const uint8_t *at = p;
	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno != EINTR)
			return err_errno(errno, JOBS_PATH ": %s", name);
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return NULL;
}

static struct err *write_temporary(int dir, const char *name, const void *p, size_t len,
				   bool is_durable)
{
	if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
		return err_errno(errno, JOBS_PATH ": %s", name);
	AUTO_FD int fd = open_file(dir, name, O_WRONLY | O_CREAT | O_EXCL);
	if (fd < 0)
		return err_errno(errno, JOBS_PATH ": %s", name);
	TRY(job_file_write(fd, name, p, len));
	if (is_durable && fdatasync(fd) != 0)
		return err_errno(errno, JOBS_PATH ": %s: fdatasync", name);
	return NULL;
}

struct err *job_file_replace(int dir, const char *name, const void *p, size_t len,
			     bool is_durable)
{
	char temporary[32];
	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	TRY(write_temporary(dir, temporary, p, len, is_durable));
	if (renameat(dir, temporary, dir, name) != 0)
		return err_errno(errno, JOBS_PATH ": %s", name);
	if (is_durable && fsync(dir) != 0)
		return err_errno(errno, JOBS_PATH ": fsync");
	return NULL;
}

struct err *job_file_append(int dir, const char *name, int *ret_fd)
{
	int fd = open_file(dir, name, O_WRONLY | O_APPEND | O_CREAT);
	if (fd < 0)
		return err_errno(errno, JOBS_PATH ": %s", name);
	*ret_fd = fd;
	return NULL;
}

/* --- who runs it --- */

static const struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

struct err *job_dir_lock(int dir, int *ret_fd)
{
	struct flock lock = whole_file;
	AUTO_FD int fd = open_file(dir, "lock", O_RDWR | O_CREAT);
	*ret_fd = -1;
	if (fd < 0)
		return err_errno(errno, JOBS_PATH ": lock");
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
		*ret_fd = fd;
		fd = -1;
		return NULL;
	}
	if (errno != EAGAIN && errno != EACCES)
		return err_errno(errno, JOBS_PATH ": lock");
	return NULL;
}

bool job_dir_is_locked(int dir)
{
	struct flock lock = whole_file;
	AUTO_FD int fd = open_file(dir, "lock", O_RDONLY);
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* --- what is asked of it --- */

static const char *const requests[] = {
	[JOB_PAUSE] = "pause\n",
	[JOB_CANCEL] = "cancel\n",
};

enum job_request job_request_read(int dir)
{
	char text[16] = "";
	AUTO_FD int fd = open_file(dir, "request", O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return JOB_GO_ON;
	if (str_starts(text, "cancel"))
		return JOB_CANCEL;
	return str_starts(text, "pause") ? JOB_PAUSE : JOB_GO_ON;
}

/* Any number of programs may ask at a time, so it is written in place: who reads half
 * of it looks again soon. */
struct err *job_request_write(int dir, enum job_request what)
{
	AUTO_FD int fd = open_file(dir, "request", O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return err_errno(errno, JOBS_PATH ": request");
	TRY(job_file_write(fd, "request", requests[what], strlen(requests[what])));
	if (fdatasync(fd) != 0 || fsync(dir) != 0)
		return err_errno(errno, JOBS_PATH ": request: fsync");
	return NULL;
}

bool job_request_clear(int dir)
{
	return unlinkat(dir, "request", 0) == 0;
}
