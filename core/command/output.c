// SPDX-License-Identifier: Apache-2.0
/*
 * output.c: where a command's data goes.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <unistd.h>

/* Of an answer that is kept in memory. */
#define ANSWER_BYTES ((size_t)64 << 20)

struct err *output_open(const struct command_env *env, const struct words *w,
			struct buf *out, struct output *ret)
{
	const char *file = words_option(w, "output");
	*ret = (struct output){env, out, -1};
	return file ? command_create(env, file, &ret->fd) : NULL;
}

static struct err *write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno, "--output");
		p += n;
		len -= (size_t)n;
	}
	return NULL;
}

struct err *output_write(void *output, const void *p, size_t len)
{
	const struct output *o = output;
	if (o->fd >= 0)
		return write_all(o->fd, p, len);
	if (o->env->write)
		return o->env->write(o->env->ctx, p, len);
	if (o->out->len + len > ANSWER_BYTES)
		return err_new(EFBIG,
			       "the answer has more than %zu MiB; say --output=FILE",
			       ANSWER_BYTES >> 20);
	buf_append(o->out, p, len);
	return buf_check(o->out);
}

struct err *output_close(struct output *o, struct err *err)
{
	if (o->fd < 0)
		return err;
	if (!err && fsync(o->fd) != 0 && errno != EINVAL && errno != EROFS)
		err = err_errno(errno, "--output");
	if (close(o->fd) != 0 && !err)
		err = err_errno(errno, "--output");
	return err;
}
