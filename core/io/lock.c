// SPDX-License-Identifier: Apache-2.0
/*
 * lock.c: waiting in line, among programs that are polite.
 *
 * An advisory lock on a directory (flock) keeps writers of ours from losing races
 * against each other for ever.  Nothing depends on it: other writers know nothing of
 * it, and whoever waits too long goes ahead without.
 */
#include "io/io.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define POLL_US_MIN 100
#define POLL_US_MAX 2000

int io_lock_dir(struct io_store *s, const char *dir, int64_t timeout_ns)
{
	int64_t end = monotonic_ns() + timeout_ns;
	unsigned pause = POLL_US_MIN;
	int root = io_store_fd(s);
	int fd = root < 0 ? -1 : openat(root, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (monotonic_ns() >= end) {
			close(fd);
			return -1;
		}
		usleep(pause);
		pause = MIN_OF(pause * 2, (unsigned)POLL_US_MAX);
	}
	return fd;
}
