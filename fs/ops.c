// SPDX-License-Identifier: Apache-2.0
/*
 * ops.c: FUSE requests, each handed to the node it concerns.
 *
 * Handlers reply exactly once; report() is where their errors end.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>

#define OPEN_WRITES(flags) (((flags)&O_ACCMODE) != O_RDONLY)

static struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static pid_t caller(fuse_req_t req)
{
	return fuse_req_ctx(req)->pid;
}

/* Reply with an error; 0 is success. */
static void reply_err(fuse_req_t req, const char *path, struct err *err)
{
	fuse_reply_err(req, report(mount_of(req), caller(req), path, err));
}

/* The same about a name in a directory. */
static void reply_err_in(fuse_req_t req, const struct node *dir, const char *name,
			 struct err *err)
{
	char path[512];
	bool is_column = dir->ops == &columns_ops && !dir->is_frozen;
	snprintf(path, sizeof(path), "%s%s", is_column ? "columns/" : "", name);
	reply_err(req, path, err);
}

static struct node *node_at(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n = inodes_get(&mount_of(req)->inodes, ino);
	if (!n)
		fuse_reply_err(req, ESTALE);
	return n;
}

/* --- attributes --- */

static struct err *fill_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *timeout)
{
	AUTO(version) struct version *v = node_version(m, n);
	int64_t ns = version_time_ns(v);
	*st = (struct stat){
		.st_ino = n->ino,
		.st_mode = n->ops->mode,
		.st_nlink = S_ISDIR(n->ops->mode) ? 2 : 1,
		.st_uid = m->uid,
		.st_gid = m->gid,
		.st_blksize = 1 << 20,
	};
	st->st_mtim.tv_sec = ns / 1000000000;
	st->st_mtim.tv_nsec = ns % 1000000000;
	*timeout = S_ISDIR(n->ops->mode) && !n->is_frozen ? 1.0 : TIMEOUT_IMMUTABLE;
	if (n->is_frozen || !m->is_writable)
		st->st_mode &= ~(mode_t)0222;
	if (n->ops->attr)
		TRY(n->ops->attr(m, n, is_exact, st, timeout));
	st->st_atim = st->st_ctim = st->st_mtim;
	st->st_blocks = (st->st_size + 511) / 512;
	return NULL;
}

static void reply_entry(fuse_req_t req, const char *name, struct node *n,
			struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e = {0};
	struct err *err = fill_attr(m, n, false, &e.attr, &e.attr_timeout);
	e.ino = n->ino;
	e.entry_timeout = n->entry_timeout;
	if (err) {
		inodes_forget(&m->inodes, n->ino, 1);
		reply_err(req, name, err);
	} else if (fi ? fuse_reply_create(req, &e, fi) : fuse_reply_entry(req, &e)) {
		inodes_forget(&m->inodes, n->ino, 1); /* interrupted: not counted */
	}
}

/* In columns/, what is being written comes before what is there. */
static struct err *lookup_node(struct mount *m, pid_t tid, struct node *dir,
			       const char *name, struct node **ret)
{
	AUTO(staged) struct staged *s = NULL;
	AUTO(node) struct node *n = NULL;
	bool takes_files = dir->ops == &columns_ops && !dir->is_frozen;
	if (takes_files && (s = staging_find(m, name, tid)))
		return staged_node(s, ret);
	if (dir->ops->lookup)
		TRY(dir->ops->lookup(m, dir, name, &n));
	if (n && takes_files && n->ops == &column_file_ops &&
	    staging_expected(m, n->ino, tid)) {
		TRY(staging_create(m, name, tid, &s));
		return staged_node(s, ret);
	}
	*ret = TAKE(n);
	return NULL;
}

static struct err *lookup(struct mount *m, pid_t tid, struct node *dir,
			  const char *name, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	*ret = NULL;
	if (!dir->is_frozen)
		watch_poll(m);
	TRY(lookup_node(m, tid, dir, name, &n));
	if (!n)
		return NULL;
	*ret = inodes_add(&m->inodes, TAKE(n));
	return NULL;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *n, *dir = node_at(req, parent);
	if (!dir)
		return;
	struct err *err = lookup(mount_of(req), caller(req), dir, name, &n);
	if (err)
		reply_err_in(req, dir, name, err);
	else if (!n)
		fuse_reply_err(req, ENOENT);
	else
		reply_entry(req, name, n, NULL);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n_lookup)
{
	inodes_forget(&mount_of(req)->inodes, ino, n_lookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		inodes_forget(&mount_of(req)->inodes, forgets[i].ino,
			      forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	double timeout;
	struct node *n = node_at(req, ino);
	(void)fi;
	if (!n)
		return;
	struct err *err = fill_attr(mount_of(req), n, true, &st, &timeout);
	if (err)
		reply_err(req, n->field ? n->field->name : n->ops->kind, err);
	else
		fuse_reply_attr(req, &st, timeout);
}

static int64_t time_to_set(const struct stat *attr, int to_set)
{
	struct timespec now = attr->st_mtim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct err *set_attr(struct mount *m, struct node *n, const struct stat *attr,
			    int to_set)
{
	if (to_set & FUSE_SET_ATTR_SIZE) {
		if (!n->staged)
			return err_new(
				n->is_frozen ? EROFS : EOPNOTSUPP,
				"a column cannot be truncated; write a whole new "
				"one (cp, or >)");
		TRY(staged_truncate(m, n->staged, (uint64_t)attr->st_size));
	}
	if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
		int64_t ns = time_to_set(attr, to_set);
		if (n->staged)
			staged_touch(n->staged, ns);
		else if (n->field)
			memo_put(m->memo, MEMO_TOUCHED,
				 version_column_key(n->version, n->field),
				 (uint64_t)ns);
	}
	return NULL; /* modes and owners are accepted and not kept */
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err = set_attr(mount_of(req), n, attr, to_set);
	if (err)
		reply_err(req, n->field ? n->field->name : n->ops->kind, err);
	else
		op_getattr(req, ino, fi);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	AUTO_MEM char *target = NULL;
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	if (!n->ops->readlink) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	struct err *err = n->ops->readlink(mount_of(req), n, &target);
	if (err)
		reply_err(req, n->ops->kind, err);
	else
		fuse_reply_readlink(req, target);
}

/* --- open files --- */

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static void handle_free(struct handle *h)
{
	if (!h)
		return;
	version_unref(h->version);
	bytes_unref(h->text);
	blob_fini(&h->blob);
	buf_fini(&h->reply);
	free(h);
}
DEFINE_AUTO(handle, handle_free)

static struct err *open_node(fuse_req_t req, struct node *n, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	AUTO(handle) struct handle *h = NULL;
	TRY(mem_new(&h));
	h->node = n;
	h->can_write = OPEN_WRITES(fi->flags);
	if (h->can_write && n->is_frozen)
		return err_new(EROFS, "old versions cannot be written");
	if (h->can_write && !m->is_writable)
		return err_new(EROFS, "mounted read-only: %s",
			       m->why_read_only ? m->why_read_only : "-o ro");
	if (h->can_write && (n->ops == &value_file_ops || n->ops == &text_file_ops))
		return err_new(EROFS, "this part of the tree is read-only; write "
				      "columns in columns/");
	if (n->ops->open)
		TRY(n->ops->open(m, h, fi));
	fi->fh = (uint64_t)(uintptr_t)TAKE(h);
	return NULL;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err = open_node(req, n, fi);
	if (err && err->code == ESTALE && n->ops == &column_file_ops &&
	    OPEN_WRITES(fi->flags)) {
		err_free(err); /* the kernel looks up again: not a failure */
		staging_expect(mount_of(req), n->ino, caller(req));
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (err)
		reply_err(req, n->field ? n->field->name : n->ops->kind, err);
	else if (fuse_reply_open(req, fi) != 0 && n->ops->release)
		n->ops->release(mount_of(req), handle_of(fi)),
			handle_free(handle_of(fi));
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	(void)ino;
	if (h->node->ops->release)
		h->node->ops->release(mount_of(req), h);
	handle_free(h);
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

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
		    struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	AUTO_MEM uint8_t *copy = NULL;
	/* the release may come before the reply's system call returns */
	AUTO(bytes) struct bytes *text = bytes_ref(h->text);
	const uint8_t *p = NULL;
	size_t n = 0;
	struct err *err;
	(void)ino;
	if (text) {
		err = read_text(text, (uint64_t)off, len, &p, &n);
	} else if (h->node->ops->read) {
		copy = malloc(len ? len : 1);
		err = copy ? h->node->ops->read(mount_of(req), h, (uint64_t)off, len,
						copy, &n)
			   : err_nomem();
		p = copy;
	} else {
		err = err_new(EINVAL, "not readable");
	}
	if (err)
		reply_err(req,
			  h->node->field ? h->node->field->name : h->node->ops->kind,
			  err);
	else
		fuse_reply_buf(req, (const char *)p, n);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *p, size_t len,
		     off_t off, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	struct err *err =
		h->node->ops->write
			? h->node->ops->write(mount_of(req), h, (uint64_t)off, p, len)
			: err_new(EBADF, "not writable");
	(void)ino;
	if (err)
		reply_err(req, NULL, err);
	else
		fuse_reply_write(req, len);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	struct err *err = NULL;
	(void)ino;
	if (h->node->ops->flush && h->can_write)
		err = h->node->ops->flush(mount_of(req), h, caller(req), false);
	reply_err(req, NULL, err);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	struct err *err = NULL;
	(void)ino;
	(void)datasync;
	if (h->node->ops->flush && h->can_write)
		err = h->node->ops->flush(mount_of(req), h, caller(req), true);
	reply_err(req, NULL, err);
}

/* --- directories --- */

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h;
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	if (!n->is_frozen)
		watch_poll(m);
	struct err *err = mem_new(&h);
	if (err) {
		reply_err(req, n->ops->kind, err);
		return;
	}
	h->node = n;
	h->version = node_version(m, n);
	fi->fh = (uint64_t)(uintptr_t)h;
	if (fuse_reply_open(req, fi) != 0)
		handle_free(h);
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

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct handle *h = handle_of(fi);
	AUTO_MEM char *buf = malloc(size);
	struct dir_buf b = {req, buf, 0, size};
	(void)ino;
	struct err *err = buf ? list(mount_of(req), h, (uint64_t)off, &b) : err_nomem();
	if (err && b.len == 0)
		reply_err(req, h->node->ops->kind, err);
	else
		fuse_reply_buf(req, buf, b.len);
	if (err && b.len)
		err_free(err); /* told when the listing reaches it */
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_free(handle_of(fi));
	fuse_reply_err(req, 0);
}

/* --- names --- */

static struct err *check_place(struct mount *m, const struct node *dir)
{
	if (!m->is_writable)
		return err_new(EROFS, "mounted read-only: %s",
			       m->why_read_only ? m->why_read_only : "-o ro");
	if (dir->is_frozen || dir->ops == &rows_ops || dir->ops == &row_ops ||
	    dir->ops == &versions_ops)
		return err_new(EROFS,
			       "this part of the tree is read-only; write columns "
			       "in columns/");
	if (dir->ops != &columns_ops)
		return err_new(EPERM, "files are made in columns/ only");
	return NULL;
}

static struct err *create(fuse_req_t req, struct node *dir, const char *name,
			  struct fuse_file_info *fi, struct node **ret)
{
	struct mount *m = mount_of(req);
	AUTO(staged) struct staged *s = NULL;
	AUTO(node) struct node *n = NULL;
	TRY(check_place(m, dir));
	TRY(staging_create(m, name, caller(req), &s));
	TRY(staged_node(s, &n));
	*ret = inodes_add(&m->inodes, TAKE(n));
	struct err *err = open_node(req, *ret, fi);
	if (err)
		inodes_forget(&m->inodes, (*ret)->ino, 1);
	return err;
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct node *n, *dir = node_at(req, parent);
	(void)mode;
	if (!dir)
		return;
	struct err *err = create(req, dir, name, fi, &n);
	if (err)
		reply_err_in(req, dir, name, err);
	else
		reply_entry(req, name, n, fi);
}

static struct err *unlink_name(struct mount *m, struct node *dir, const char *name)
{
	AUTO(node) struct node *n = NULL;
	if (dir->ops == &rejected_ops)
		return rejected_remove(m, name);
	if (dir->ops == &columns_ops && !dir->is_frozen && staging_remove(m, name))
		return NULL;
	if (dir->ops->lookup)
		TRY(dir->ops->lookup(m, dir, name, &n));
	if (!n)
		return err_new(ENOENT, "%s", name);
	TRY(check_place(m, dir));
	return err_new(EPERM, "columns are not dropped by rm here (allow-drop=no)");
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = node_at(req, parent);
	if (dir)
		reply_err_in(req, dir, name, unlink_name(mount_of(req), dir, name));
}

static struct err *rename_name(struct mount *m, struct node *from_dir, const char *from,
			       struct node *to_dir, const char *to, unsigned flags,
			       pid_t pid)
{
	if (flags & RENAME_EXCHANGE)
		return err_new(EINVAL, "names cannot be exchanged");
	if (to_dir != from_dir && to_dir->ops != &columns_ops)
		return err_new(EXDEV, "columns do not move out of columns/; copy them");
	TRY(check_place(m, to_dir));
	if (from_dir->ops == &rejected_ops)
		return staging_retry(m, from, to, pid);
	if (from_dir->ops != &columns_ops)
		return err_new(EXDEV, "only files of columns/ and rejected/ move here");
	return staging_rename(m, from, to, pid);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname, unsigned flags)
{
	struct node *from = node_at(req, parent);
	struct node *to = from ? node_at(req, newparent) : NULL;
	if (to)
		reply_err_in(req, to, newname,
			     rename_name(mount_of(req), from, name, to, newname, flags,
					 caller(req)));
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node *dir = node_at(req, parent);
	(void)mode;
	if (!dir)
		return;
	struct err *err = check_place(mount_of(req), dir);
	if (!err)
		err = err_new(EOPNOTSUPP, "no directories here; binary columns are "
					  "written as NAME.tar");
	reply_err(req, name, err);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	reply_err(req, name, err_new(EPERM, "directories of the tree are not removed"));
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t dev)
{
	(void)parent;
	(void)mode;
	(void)dev;
	reply_err(req, name, err_new(EOPNOTSUPP, "no special files here"));
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	(void)parent;
	reply_err(req, name, err_new(EOPNOTSUPP, "no hard links here; copy the file"));
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	(void)target;
	(void)parent;
	reply_err(req, name, err_new(EOPNOTSUPP, "no symbolic links here"));
}

/* --- the rest --- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	(void)ino;
	struct err *err = io_statvfs(mount_of(req)->store, &st);
	if (err) {
		reply_err(req, NULL, err);
		return;
	}
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}

/* size 0 asks for the length */
static void reply_xattr(fuse_req_t req, const struct buf *value, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, value->len);
	else if (value->len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)value->data, value->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	AUTO_BUF struct buf value = {0};
	bool found = false;
	if (!str_starts(name, "user.")) { /* asked for at every write */
		fuse_reply_err(req, ENODATA);
		return;
	}
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err = NULL;
	if (n->ops->xattr_get)
		err = n->ops->xattr_get(mount_of(req), n, name, &value, &found);
	if (!err)
		err = buf_check(&value);
	if (err)
		reply_err(req, name, err);
	else if (!found)
		fuse_reply_err(req, ENODATA);
	else
		reply_xattr(req, &value, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	AUTO_BUF struct buf names = {0};
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err = n->ops->xattr_list
				  ? n->ops->xattr_list(mount_of(req), n, &names)
				  : NULL;
	if (err)
		reply_err(req, NULL, err);
	else
		reply_xattr(req, &names, size);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	struct node *n = node_at(req, ino);
	(void)flags;
	if (!n)
		return;
	if (n->staged)
		reply_err(req, name, staged_set_xattr(n->staged, name, value, size));
	else
		reply_err(req, name,
			  err_new(EOPNOTSUPP, "attributes are set while a column is "
					      "written"));
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* truncation arrives with the open, so that > is one decision */
	if (conn->capable & FUSE_CAP_ATOMIC_O_TRUNC)
		conn->want |= FUSE_CAP_ATOMIC_O_TRUNC;
	/* an error of write must be write(2)'s */
	conn->want &= ~(unsigned)FUSE_CAP_WRITEBACK_CACHE;
	/* an inode is its content: pages never go stale by time */
	conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
	/* a listing of a million rows must not look each one up */
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
	conn->max_readahead = 1 << 20;
	conn->time_gran = 1;
}

const struct fuse_lowlevel_ops lancefs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.create = op_create,
};
