// SPDX-License-Identifier: Apache-2.0
/*
 * capture.c: a short program's output, in bounded time and space.
 *
 * It gets a process group of its own, so that its children go with it.
 */
#include "udf/udf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends of two pipes; -1 once closed. */
struct ends {
	int out[2], err[2];
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void ends_close(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		close_end(&e->out[i]);
		close_end(&e->err[i]);
	}
}

static struct err *ends_open(struct ends *e)
{
	if (pipe2(e->out, O_CLOEXEC) != 0)
		return err_errno(errno, "pipe");
	if (pipe2(e->err, O_CLOEXEC) == 0)
		return NULL;
	int code = errno;
	ends_close(e);
	return err_errno(code, "pipe");
}

static int set_actions(posix_spawn_file_actions_t *a, const struct ends *e)
{
	int code = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0);
	if (!code)
		code = posix_spawn_file_actions_adddup2(a, e->out[1], 1);
	return code ? code : posix_spawn_file_actions_adddup2(a, e->err[1], 2);
}

static int set_attributes(posix_spawnattr_t *a)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int code = posix_spawnattr_setsigmask(a, &none);
	if (!code)
		code = posix_spawnattr_setsigdefault(a, &all);
	if (!code)
		code = posix_spawnattr_setpgroup(a, 0);
	return code ? code
		    : posix_spawnattr_setflags(a, POSIX_SPAWN_SETPGROUP |
							  POSIX_SPAWN_SETSIGMASK |
							  POSIX_SPAWN_SETSIGDEF);
}

static struct err *start(char *const *argv, char *const *env, const struct ends *e,
			 pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	int code = set_actions(&actions, e);
	if (!code)
		code = set_attributes(&attributes);
	if (!code)
		code = posix_spawn(ret, argv[0], &actions, &attributes, argv, env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return code ? err_errno(code, "%s", argv[0]) : NULL;
}

/* Closes *fd at its end. */
static struct err *take(int *fd, size_t limit, struct buf *into)
{
	uint8_t part[4096];
	ssize_t n = read(*fd, part, sizeof(part));
	if (n < 0 && errno == EINTR)
		return NULL;
	if (n < 0)
		return err_errno(errno, "read");
	if (n == 0)
		close_end(fd);
	if (into->len + (size_t)n > limit)
		return err_new(EFBIG, "it writes over %zu bytes", limit);
	buf_append(into, part, (size_t)n);
	return buf_check(into);
}

static struct err *gather(struct ends *e, int64_t deadline, size_t limit,
			  struct buf *out, struct buf *complaints)
{
	while (e->out[0] >= 0 || e->err[0] >= 0) {
		struct pollfd fds[] = {{e->out[0], POLLIN, 0}, {e->err[0], POLLIN, 0}};
		int64_t left = deadline - monotonic_ns();
		if (left <= 0)
			return err_new(ETIMEDOUT, "it takes too long");
		int n = poll(fds, 2, (int)MIN_OF(left / 1000000 + 1, (int64_t)60000));
		if (n < 0 && errno != EINTR)
			return err_errno(errno, "poll");
		if (n > 0 && fds[0].revents)
			TRY(take(&e->out[0], limit, out));
		if (n > 0 && fds[1].revents)
			TRY(take(&e->err[0], limit, complaints));
	}
	return NULL;
}

/* What closed its outputs may go on: it gets until the deadline, too. */
static struct err *await(pid_t pid, int64_t deadline, int *ret_status)
{
	for (;;) {
		pid_t got = waitpid(pid, ret_status, WNOHANG);
		if (got == pid)
			return NULL;
		if (got < 0 && errno != EINTR)
			return err_errno(errno, "wait");
		if (monotonic_ns() > deadline)
			return err_new(ETIMEDOUT, "it takes too long");
		poll(NULL, 0, 2);
	}
}

struct err *run_once(char *const *argv, char *const *env, int64_t timeout_ns,
		     size_t limit, struct buf *out, struct buf *complaints,
		     int *ret_status)
{
	struct ends e = {{-1, -1}, {-1, -1}};
	int64_t deadline = monotonic_ns() + timeout_ns;
	pid_t pid;
	int status = 0;
	TRY(ends_open(&e));
	struct err *err = start(argv, env, &e, &pid);
	if (err) {
		ends_close(&e);
		return err;
	}
	close_end(&e.out[1]);
	close_end(&e.err[1]);
	err = gather(&e, deadline, limit, out, complaints);
	ends_close(&e);
	if (!err)
		err = await(pid, deadline, &status);
	kill(-pid, SIGKILL); /* what it left behind, or itself */
	if (err)
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	*ret_status = status;
	return err;
}
