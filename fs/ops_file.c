// SPDX-License-Identifier: Apache-2.0
/*
 * ops_file.c: requests on open files and directories.
 *
 * The server knows every open handle, because at an unmount by force releases do
 * not arrive.
 */
#include "ops_priv.h"

#include <errno.h>
#include <fcntl.h>

/* --- open files --- */

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static void handle_free(struct handle *h)
{
	if (!h)
		return;
	version_let_go(&h->hold);
	version_unref(h->version);
	bytes_unref(h->text);
	blob_fini(&h->blob);
	buf_fini(&h->reply);
	free(h);
}
DEFINE_AUTO(handle, handle_free)

/* Takes h. */
static void handle_open(struct server *s, struct handle *h, struct fuse_file_info *fi)
{
	fi->fh = (uint64_t)(uintptr_t)h;
	atomic_fetch_add(&s->metrics.n_handles, 1);
	LOCK_SCOPE(&s->handles_lock);
	h->next = s->handles;
	if (h->next)
		h->next->prev = h;
	s->handles = h;
}

static void handle_unlink(struct server *s, struct handle *h)
{
	LOCK_SCOPE(&s->handles_lock);
	if (h->prev)
		h->prev->next = h->next;
	else
		s->handles = h->next;
	if (h->next)
		h->next->prev = h->prev;
}

static void handle_close(struct server *s, struct handle *h)
{
	handle_unlink(s, h);
	atomic_fetch_sub(&s->metrics.n_handles, 1);
	if (h->node->ops->release && !S_ISDIR(h->node->ops->mode))
		h->node->ops->release(h->node->mount, h);
	handle_free(h);
}

void handles_close_all(struct server *s)
{
	while (s->handles) /* no request is being served any more */
		handle_close(s, s->handles);
}

struct err *open_node(fuse_req_t req, struct node *n, struct fuse_file_info *fi)
{
	struct mount *m = n->mount;
	AUTO(handle) struct handle *h = NULL;
	TRY(mem_new(&h));
	h->node = n;
	h->can_write = OPEN_WRITES(fi->flags);
	h->uid = fuse_req_ctx(req)->uid;
	if (h->can_write && n->is_frozen)
		return err_new(EROFS, "old versions cannot be written");
	if (h->can_write && !m->is_writable)
		return err_new(EROFS, "mounted read-only: %s",
			       m->why_read_only ? m->why_read_only : "-o ro");
	if (h->can_write && (n->ops == &value_file_ops || n->ops == &text_file_ops))
		return err_new(EROFS, "this part of the tree is read-only; write "
				      "columns in columns/");
	if (n->version)
		TRY(version_hold(n->version, &h->hold));
	if (n->ops->open)
		TRY(n->ops->open(m, h, fi));
	handle_open(server_of(req), TAKE(h), fi);
	return NULL;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	TIMED(req, METRIC_OPEN);
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err = open_node(req, n, fi);
	bool looks_again = n->ops->is_replaced || n->staged;
	if (err && err->code == ESTALE && looks_again && OPEN_WRITES(fi->flags)) {
		err_free(err); /* the kernel looks up again: not a failure */
		if (!n->staged)
			staging_expect(n->mount, n->ino, caller(req));
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (err)
		reply_err(req, n->mount, node_label(n), err);
	else if (fuse_reply_open(req, fi) != 0)
		handle_close(n->mount->server, handle_of(fi));
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	TIMED(req, METRIC_RELEASE);
	(void)ino;
	handle_close(server_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

static struct err *read_text(const struct bytes *text, uint64_t off, size_t len,
			     const uint8_t **ret, size_t *ret_len)
{
	*ret = text->data;
	*ret_len = 0;
	if (off < text->len) {
		*ret = text->data + off;
		*ret_len = MIN_OF(len, text->len - (size_t)off);
	}
	return NULL;
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
	     struct fuse_file_info *fi)
{
	TIMED(req, METRIC_READ);
	struct handle *h = handle_of(fi);
	AUTO_MEM uint8_t *copy = NULL;
	/* the release may come before the reply's system call returns */
	AUTO(bytes) struct bytes *text = bytes_ref(h->text);
	const uint8_t *p = NULL;
	size_t n = 0;
	struct err *err;
	(void)ino;
	if (h->node->ops->gather) {
		parked_read(req, server_of(req), h, len);
		return;
	}
	if (text) {
		err = read_text(text, (uint64_t)off, len, &p, &n);
	} else if (h->node->ops->read) {
		copy = malloc(len ? len : 1);
		err = copy ? h->node->ops->read(h->node->mount, h, (uint64_t)off, len,
						copy, &n)
			   : err_nomem();
		p = copy;
	} else {
		err = err_new(EINVAL, "not readable");
	}
	atomic_fetch_add(&server_of(req)->metrics.read_bytes, err ? 0 : n);
	if (err)
		reply_err(req, h->node->mount, node_label(h->node), err);
	else
		fuse_reply_buf(req, (const char *)p, n);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *p, size_t len, off_t off,
	      struct fuse_file_info *fi)
{
	TIMED(req, METRIC_WRITE);
	struct handle *h = handle_of(fi);
	if (h->node->ops->write_later) {
		h->node->ops->write_later(req, h, p, len);
		return;
	}
	struct err *err =
		h->node->ops->write
			? h->node->ops->write(h->node->mount, h, (uint64_t)off, p, len)
			: err_new(EBADF, "not writable");
	(void)ino;
	atomic_fetch_add(&server_of(req)->metrics.written_bytes, err ? 0 : len);
	if (err)
		reply_err(req, h->node->mount, NULL, err);
	else
		fuse_reply_write(req, len);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	TIMED(req, METRIC_FLUSH);
	struct handle *h = handle_of(fi);
	struct err *err = NULL;
	(void)ino;
	if (h->node->ops->flush && h->can_write)
		err = h->node->ops->flush(h->node->mount, h, caller(req), false);
	reply_err(req, h->node->mount, NULL, err);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	TIMED(req, METRIC_FSYNC);
	struct handle *h = handle_of(fi);
	struct err *err = NULL;
	(void)ino;
	(void)datasync;
	if (h->node->ops->flush && h->can_write)
		err = h->node->ops->flush(h->node->mount, h, caller(req), true);
	reply_err(req, h->node->mount, NULL, err);
}

/* --- directories --- */

static struct err *open_dir(struct node *n, struct handle **ret)
{
	struct mount *m = n->mount;
	AUTO(handle) struct handle *h = NULL;
	TRY(mem_new(&h));
	h->node = n;
	h->version = m->table ? node_version(m, n) : NULL;
	if (h->version)
		TRY(version_hold(h->version, &h->hold));
	*ret = TAKE(h);
	return NULL;
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h;
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct mount *m = n->mount;
	if (!n->is_frozen)
		watch_poll(m);
	struct err *err = open_dir(n, &h);
	if (err) {
		reply_err(req, m, node_label(n), err);
		return;
	}
	handle_open(m->server, h, fi);
	if (fuse_reply_open(req, fi) != 0)
		handle_close(m->server, h);
}

struct dir_buf {
	fuse_req_t req;
	char *p; /* borrowed, size bytes */
	size_t len, size;
};

static bool add_entry(void *ctx, const char *name, uint64_t ino, mode_t mode,
		      uint64_t next_off)
{
	struct dir_buf *b = ctx;
	struct stat st = {.st_ino = ino, .st_mode = mode};
	/* offsets 1 and 2 are "." and ".." */
	size_t n = fuse_add_direntry(b->req, b->p + b->len, b->size - b->len, name, &st,
				     (off_t)(next_off + 2));
	if (n > b->size - b->len)
		return true;
	b->len += n;
	return false;
}

static struct err *list(struct mount *m, struct handle *h, uint64_t off,
			struct dir_buf *b)
{
	struct list_sink sink = {add_entry, b};
	/* next_off counts from 1, so that these two come out as 1 and 2 */
	if (off < 1 && add_entry(b, ".", h->node->ino, S_IFDIR, (uint64_t)-1))
		return NULL;
	if (off < 2 && add_entry(b, "..", FUSE_ROOT_ID, S_IFDIR, 0))
		return NULL;
	if (!h->node->ops->list)
		return NULL;
	return h->node->ops->list(m, h, off > 2 ? off - 2 : 0, &sink);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	TIMED(req, METRIC_READDIR);
	struct handle *h = handle_of(fi);
	AUTO_MEM char *buf = malloc(size);
	struct dir_buf b = {req, buf, 0, size};
	(void)ino;
	struct err *err =
		buf ? list(h->node->mount, h, (uint64_t)off, &b) : err_nomem();
	if (err && b.len == 0)
		reply_err(req, h->node->mount, node_label(h->node), err);
	else
		fuse_reply_buf(req, buf, b.len);
	if (err && b.len)
		err_free(err); /* told when the listing reaches it */
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_close(server_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}
