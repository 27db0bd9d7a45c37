// SPDX-License-Identifier: Apache-2.0
/*
 * files.c: the files that commands name.
 */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct fd_file {
	int fd;
	char *name; /* owned */
};

static struct err *fd_read(void *ctx, uint64_t off, size_t len, void *dst,
			   size_t *ret_len)
{
	const struct fd_file *f = ctx;
	ssize_t n;
	do
		n = pread(f->fd, dst, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(errno, "%s", f->name);
	*ret_len = (size_t)n;
	return NULL;
}

static void fd_close(void *ctx)
{
	struct fd_file *f = ctx;
	close(f->fd);
	free(f->name);
	free(f);
}

struct err *command_file_of_fd(int fd, const char *name, struct command_file *ret)
{
	AUTO_FD int held = fd;
	AUTO_MEM char *copy = NULL;
	struct fd_file *f;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_new(EINVAL, "%s is not a regular file", name);
	TRY(str_dup(name, &copy));
	TRY(mem_new(&f));
	*f = (struct fd_file){fd, TAKE(copy)};
	held = -1;
	*ret = (struct command_file){fd_read, fd_close, f, (uint64_t)st.st_size};
	return NULL;
}

void command_file_close(struct command_file *f)
{
	if (f->close)
		f->close(f->ctx);
	*f = (struct command_file){0};
}

struct err *command_open(const struct command_env *env, const char *file,
			 struct command_file *ret)
{
	if (env->open)
		return env->open(env->ctx, file, ret);
	/* a FIFO must not make us wait; it is refused */
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(errno, "%s", file);
	return command_file_of_fd(fd, file, ret);
}

struct err *command_create(const struct command_env *env, const char *file, int *ret_fd)
{
	if (env->create)
		return env->create(env->ctx, file, ret_fd);
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_errno(errno, "--output=%s", file);
	*ret_fd = fd;
	return NULL;
}

struct err *command_open_fd(const struct command_env *env, const char *path,
			    int *ret_fd)
{
	if (env->open_fd)
		return env->open_fd(env->ctx, path, ret_fd);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(errno, "%s", path);
	*ret_fd = fd;
	return NULL;
}

struct err *command_check_programs(const struct command_env *env)
{
	return env->check_programs ? env->check_programs(env->ctx) : NULL;
}
