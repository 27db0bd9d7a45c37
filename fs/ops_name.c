// SPDX-License-Identifier: Apache-2.0
/*
 * ops_name.c: requests that make, move and remove names, and attributes.
 */
#include "ops_priv.h"
#include "staging_priv.h"

#include <errno.h>
#include <fcntl.h>

static struct err *check_place(struct mount *m, const struct node *dir)
{
	if (!m->table)
		return err_new(EPERM, "this is a database's directory; columns are "
				      "written in TABLE/columns/");
	if (!m->is_writable)
		return err_new(EROFS, "mounted read-only: %s",
			       m->why_read_only ? m->why_read_only : "-o ro");
	if (dir->is_frozen || dir->ops == &rows_ops || dir->ops == &row_ops ||
	    dir->ops == &versions_ops)
		return err_new(EROFS,
			       "this part of the tree is read-only; write columns "
			       "in columns/");
	if (!node_drops(dir))
		return err_new(EPERM,
			       "files are made in columns/, append/, joins/KEY/, "
			       "queries/ and udfs/ only");
	return NULL;
}

/* May who asks bring what is made in a directory? */
static struct err *check_user(fuse_req_t req, const struct node *dir)
{
	const struct drop_place *place = node_drops(dir);
	if (!place || !place->brings_programs)
		return NULL;
	return server_check_programs(dir->mount->server, fuse_req_ctx(req)->uid);
}

static struct err *create(fuse_req_t req, struct node *dir, const char *name,
			  struct fuse_file_info *fi, struct node **ret)
{
	struct mount *m = dir->mount;
	AUTO(staged) struct staged *s = NULL;
	AUTO(node) struct node *n = NULL;
	TRY(check_place(m, dir));
	TRY(check_user(req, dir));
	TRY(staging_create(m, node_drops(dir), name, caller(req), &s));
	TRY(staged_node(s, &n));
	*ret = inodes_add(&m->server->inodes, TAKE(n));
	struct err *err = open_node(req, *ret, fi);
	if (err)
		inodes_forget(&m->server->inodes, (*ret)->ino, 1);
	return err;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	TIMED(req, METRIC_CREATE);
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

static struct err *unlink_name(fuse_req_t req, struct mount *m, struct node *dir,
			       const char *name)
{
	AUTO(node) struct node *n = NULL;
	if (dir->ops == &rejected_ops)
		return rejected_remove(m, name);
	TRY(check_user(req, dir));
	if (node_drops(dir) && staging_remove(m, node_drops(dir), name))
		return NULL;
	if (dir->ops == &queries_ops)
		return query_remove(m, name);
	if (dir->ops == &udfs_ops) {
		TRY(check_place(m, dir));
		return udf_unlink(m, name);
	}
	if (dir->ops->lookup)
		TRY(dir->ops->lookup(m, dir, name, &n));
	if (!n)
		return err_new(ENOENT, "%s", name);
	if (dir->ops != &tags_ops)
		TRY(check_place(m, dir));
	else if (!m->is_writable)
		return err_new(EROFS, "mounted read-only: %s", m->why_read_only);
	return dir->ops == &tags_ops ? gesture_untag(m, name) : gesture_drop(m, name);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	TIMED(req, METRIC_UNLINK);
	struct node *dir = node_at(req, parent);
	if (dir)
		reply_err_in(req, dir, name, unlink_name(req, dir->mount, dir, name));
}

static struct err *rename_name(struct mount *m, struct node *from_dir, const char *from,
			       struct node *to_dir, const char *to, unsigned flags,
			       pid_t pid)
{
	if (flags & RENAME_EXCHANGE)
		return err_new(EINVAL, "names cannot be exchanged");
	if (to_dir->mount != from_dir->mount)
		return err_new(EXDEV, "columns do not move between tables; copy them");
	if (to_dir != from_dir && !node_drops(to_dir))
		return err_new(EXDEV, "columns do not move out of columns/; copy them");
	TRY(check_place(m, to_dir));
	if (from_dir->ops == &rejected_ops)
		return staging_retry(m, node_drops(to_dir), from, to, pid);
	if (from_dir != to_dir)
		return err_new(EXDEV, "only files of rejected/ move here; copy others");
	if (to_dir->ops == &queries_ops && query_exists(m, from))
		return query_rename(m, from, to, flags);
	return staging_rename(m, node_drops(to_dir), from, to, pid);
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t newparent, const char *newname, unsigned flags)
{
	TIMED(req, METRIC_RENAME);
	struct node *from = node_at(req, parent);
	struct node *to = from ? node_at(req, newparent) : NULL;
	if (!to)
		return;
	struct err *err = check_user(req, to);
	if (!err)
		err = rename_name(from->mount, from, name, to, newname, flags,
				  caller(req));
	reply_err_in(req, to, newname, err);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node *dir = node_at(req, parent);
	(void)mode;
	if (!dir)
		return;
	struct err *err = check_place(dir->mount, dir);
	if (!err && dir->ops == &udfs_ops)
		err = err_new(EOPNOTSUPP,
			      "a directory is registered by its path: echo 'udf add "
			      "DIR' > control");
	else if (!err)
		err = err_new(EOPNOTSUPP, "no directories here; binary columns are "
					  "written as NAME.tar");
	reply_err_in(req, dir, name, err);
}

/* What the tree has no place for. */
static void refuse(fuse_req_t req, fuse_ino_t parent, const char *name, int code,
		   const char *why)
{
	struct node *dir = node_at(req, parent);
	if (dir)
		reply_err_in(req, dir, name, err_new(code, "%s", why));
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	refuse(req, parent, name, EPERM, "directories of the tree are not removed");
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t dev)
{
	(void)mode;
	(void)dev;
	refuse(req, parent, name, EOPNOTSUPP, "no special files here");
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino;
	refuse(req, parent, name, EOPNOTSUPP, "no hard links here; copy the file");
}

static struct err *make_tag(struct node *dir, const char *target, const char *name,
			    struct node **ret)
{
	struct mount *m = dir->mount;
	AUTO(node) struct node *n = NULL;
	if (dir->ops != &tags_ops)
		return err_new(EOPNOTSUPP, "symbolic links are made in tags/ only");
	if (!m->is_writable)
		return err_new(EROFS, "mounted read-only: %s", m->why_read_only);
	TRY(gesture_tag(m, name, target));
	TRY(tags_ops.lookup(m, dir, name, &n));
	if (!n)
		return err_new(ENOENT, "tag '%s' was removed at once", name);
	*ret = inodes_add(&m->server->inodes, TAKE(n));
	return NULL;
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct node *n, *dir = node_at(req, parent);
	if (!dir)
		return;
	struct err *err = make_tag(dir, target, name, &n);
	if (err)
		reply_err_in(req, dir, name, err);
	else
		reply_entry(req, name, n, NULL);
}

/* --- attributes --- */

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

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	TIMED(req, METRIC_XATTR);
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
		err = n->ops->xattr_get(n->mount, n, name, &value, &found);
	if (!err)
		err = buf_check(&value);
	if (err)
		reply_err(req, n->mount, name, err);
	else if (!found)
		fuse_reply_err(req, ENODATA);
	else
		reply_xattr(req, &value, size);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	AUTO_BUF struct buf names = {0};
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err =
		n->ops->xattr_list ? n->ops->xattr_list(n->mount, n, &names) : NULL;
	if (err)
		reply_err(req, n->mount, NULL, err);
	else
		reply_xattr(req, &names, size);
}

#define METADATA "user.lance.metadata."

/* value NULL removes it. */
static struct err *set_attribute(struct mount *m, const struct node *n,
				 const char *name, const void *value, size_t len)
{
	bool is_column = n->ops == &column_file_ops || n->ops == &binary_dir_ops;
	if (n->staged)
		return value ? staged_set_xattr(n->staged, name, value, len) : NULL;
	if (!is_column || !str_starts(name, METADATA))
		return err_new(EOPNOTSUPP,
			       "of a column, user.lance.metadata.KEY can be set; the "
			       "rest is set while it is written");
	if (n->is_frozen)
		return err_new(EROFS, "old versions cannot be written");
	if (!m->is_writable)
		return err_new(EROFS, "mounted read-only: %s", m->why_read_only);
	return gesture_describe(m, n, name + strlen(METADATA), value, len);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		 size_t size, int flags)
{
	struct node *n = node_at(req, ino);
	(void)flags;
	if (n && !str_starts(name, "user.")) /* access lists: nobody's failure */
		fuse_reply_err(req, EOPNOTSUPP);
	else if (n)
		reply_err(req, n->mount, name,
			  set_attribute(n->mount, n, name, value, size));
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct node *n = node_at(req, ino);
	if (n)
		reply_err(req, n->mount, name,
			  set_attribute(n->mount, n, name, NULL, 0));
}
