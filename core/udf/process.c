// SPDX-License-Identifier: Apache-2.0
/*
 * process.c: a child with three pipes and limits, that ends with us.
 *
 * It is made by vfork(2), which costs the same however large we are; between that and
 * execve(2) nothing is called but what is plain system calls.  It leads a session of
 * its own, so that what it starts can be killed with it and a terminal's signals do not
 * reach it.
 */
#include "udf/worker_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 18)

/* --- pipes --- */

struct pipes {
	int in[2], out[2], err[2];
};

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void pipes_close(struct pipes *p)
{
	int *fds[] = {p->in, p->in + 1, p->out, p->out + 1, p->err, p->err + 1};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close_one(fds[i]);
}

/* Ours does not block; the other end is the program's, which expects that it does. */
static struct err *pipe_open(int fds[2], int ours)
{
	if (pipe2(fds, O_CLOEXEC) != 0) {
		fds[0] = fds[1] = -1;
		return err_errno(errno, "pipe");
	}
	(void)fcntl(fds[ours], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one works too */
	if (fcntl(fds[ours], F_SETFL, O_NONBLOCK) != 0)
		return err_errno(errno, "pipe");
	return NULL;
}

static struct err *pipes_open(struct pipes *p)
{
	*p = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
	struct err *err = pipe_open(p->in, 1);
	if (!err)
		err = pipe_open(p->out, 0);
	if (!err)
		err = pipe_open(p->err, 0);
	if (err)
		pipes_close(p);
	return err;
}

/* --- the child --- */

static void limit(__rlimit_resource_t resource, uint64_t n)
{
	struct rlimit r = {n, n};
	setrlimit(resource, &r);
}

/* In the child, which shares our memory until it is another program. */
static void become(char *const *argv, char *const *env, uint64_t memory,
		   const struct pipes *p, volatile int *failed)
{
	sigset_t none;
	sigemptyset(&none);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(p->in[0], 0);
	dup2(p->out[1], 1);
	dup2(p->err[1], 2);
	syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
	limit(RLIMIT_CORE, 0);
	if (memory)
		limit(RLIMIT_DATA, memory);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execve(argv[0], argv, env);
	*failed = errno;
	_exit(127);
}

static pid_t spawn(char *const *argv, char *const *env, uint64_t memory,
		   const struct pipes *p, int *ret_failed)
{
	volatile int failed = 0;
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* no handler runs in the child */
	pid_t pid = vfork();
	if (pid == 0)
		become(argv, env, memory, p, &failed);
	if (pid < 0)
		failed = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	*ret_failed = failed;
	return pid;
}

struct err *process_start(char *const *argv, char *const *env, uint64_t memory,
			  struct process *ret)
{
	struct pipes p;
	int failed;
	TRY(pipes_open(&p));
	pid_t pid = spawn(argv, env, memory, &p, &failed);
	if (failed) {
		if (pid > 0)
			waitpid(pid, NULL, 0);
		pipes_close(&p);
		return err_errno(failed, "cannot run %s", argv[0]);
	}
	*ret = (struct process){.pid = pid,
				.pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
				.in = p.in[1],
				.out = p.out[0],
				.err = p.err[0]};
	p.in[1] = p.out[0] = p.err[0] = -1;
	pipes_close(&p);
	return NULL;
}

/* --- its end --- */

bool process_ended(struct process *p, int *ret_status)
{
	if (!p->pid || waitpid(p->pid, ret_status, WNOHANG) != p->pid)
		return false;
	kill(-p->pid, SIGKILL); /* what it has left running */
	p->pid = 0;
	return true;
}

void process_stop(struct process *p)
{
	if (p->pid) {
		kill(-p->pid, SIGKILL);
		kill(p->pid, SIGKILL); /* it may not have led its group yet */
		waitpid(p->pid, NULL, 0);
	}
	close_one(&p->pidfd);
	close_one(&p->in);
	close_one(&p->out);
	close_one(&p->err);
	*p = PROCESS_NONE;
}

void process_describe(int status, bool is_sandboxed, char *dst, size_t size)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (is_sandboxed && code > 128)
		signal = code - 128;
	if (signal)
		snprintf(dst, size, "signal %d (%s)", signal, strsignal(signal));
	else
		snprintf(dst, size, "exit status %d", code);
}
