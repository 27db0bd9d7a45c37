// SPDX-License-Identifier: Apache-2.0
/*
 * control.c: the control file.
 *
 * Each line written is a command; its error is the write's errno.  Reading gives
 * the last reply of this handle, or of the table if this one has written nothing. Every
 * lookup gives a fresh node, because the kernel lets one writer at a time into an
 * inode.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>

static struct err *control_open(struct mount *m, struct handle *h,
				struct fuse_file_info *fi)
{
	fi->direct_io = 1;
	LOCK_SCOPE(&m->reply_lock);
	buf_append(&h->reply, m->reply.data, m->reply.len);
	return buf_check(&h->reply);
}

static struct err *run_line(struct mount *m, const char *line, size_t len,
			    struct buf *reply)
{
	struct words words = {0};
	AUTO(version) struct version *v = table_latest(m->table);
	struct command_env env = {
		.table = m->table,
		.version = v,
		.dir_fd = AT_FDCWD,
	};
	TRY(words_split(line, len, &words));
	struct err *err = words.n_args ? command_run(&env, &words, reply) : NULL;
	words_fini(&words);
	if (!err)
		watch_wake(m->server);
	return err;
}

static void keep_reply(struct mount *m, const struct buf *reply)
{
	LOCK_SCOPE(&m->reply_lock);
	buf_fini(&m->reply);
	buf_append(&m->reply, reply->data, reply->len);
	if (m->reply.failed) /* out of memory: there is none */
		buf_fini(&m->reply);
}

static struct err *control_write(struct mount *m, struct handle *h, uint64_t off,
				 const void *bytes, size_t len)
{
	const char *p = bytes, *end = p + len;
	unsigned line = 0;
	(void)off;
	buf_fini(&h->reply);
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = newline ? (size_t)(newline - p) : (size_t)(end - p);
		line++;
		struct err *err = run_line(m, p, n, &h->reply);
		if (err) {
			buf_printf(&h->reply, "line %u: %s\n", line, err->msg);
			keep_reply(m, &h->reply);
			return err;
		}
		p += n + (newline != NULL);
	}
	keep_reply(m, &h->reply);
	return NULL;
}

static struct err *control_read(struct mount *m, struct handle *h, uint64_t off,
				size_t len, uint8_t *dst, size_t *ret_len)
{
	(void)m;
	*ret_len = 0;
	if (off >= h->reply.len)
		return NULL;
	*ret_len = MIN_OF(len, h->reply.len - (size_t)off);
	memcpy(dst, h->reply.data + off, *ret_len);
	return NULL;
}

static struct err *control_attr(struct mount *m, struct node *n, bool is_exact,
				struct stat *st, double *ret_timeout)
{
	(void)m;
	(void)n;
	(void)is_exact;
	st->st_size = 0;
	*ret_timeout = 0;
	return NULL;
}

const struct node_ops control_ops = {
	.kind = "control",
	.mode = S_IFREG | 0600,
	.attr = control_attr,
	.open = control_open,
	.read = control_read,
	.write = control_write,
};
