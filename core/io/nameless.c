// SPDX-License-Identifier: Apache-2.0
/*
 * nameless.c: files that vanish with their last descriptor.
 */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Where a file system has no O_TMPFILE, a name that goes at once. */
static int open_and_unlink(int dir, mode_t mode)
{
	uint8_t raw[16];
	char name[UUID_TEXT_LEN + 1];
	struct err *err = uuid_new(raw, name);
	if (err) {
		err_free(err); /* errno tells as much */
		return -1;
	}
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd >= 0)
		unlinkat(dir, name, 0);
	return fd;
}

int io_open_nameless(int dir, mode_t mode)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		fd = open_and_unlink(dir, mode);
	return fd;
}
