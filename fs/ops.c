// SPDX-License-Identifier: Apache-2.0
/*
 * ops.c: FUSE requests, each handed to the node it concerns: lookups and
 * attributes; ops_file.c has open files, ops_name.c names.
 */
#include "ops_priv.h"

#include <errno.h>
#include <fcntl.h>

void reply_err(fuse_req_t req, struct mount *m, const char *path, struct err *err)
{
	if (err)
		atomic_fetch_add(&server_of(req)->metrics.n_errors, 1);
	fuse_reply_err(req, report(m, caller(req), path, err));
}

void reply_err_in(fuse_req_t req, const struct node *dir, const char *name,
		  struct err *err)
{
	char path[512];
	const struct drop_place *place = node_drops(dir);
	snprintf(path, sizeof(path), "%s%s%s", place ? place_name(place) : "",
		 place ? "/" : "", name);
	reply_err(req, dir->mount, path, err);
}

const char *node_label(const struct node *n)
{
	return n->field ? n->field->name : n->ops->kind;
}

struct node *node_at(fuse_req_t req, fuse_ino_t ino)
{
	struct node *n = inodes_get(&server_of(req)->inodes, ino);
	if (!n)
		fuse_reply_err(req, ESTALE);
	return n;
}

/* --- attributes --- */

static struct err *fill_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *timeout)
{
	AUTO(version) struct version *v = m->table ? node_version(m, n) : NULL;
	int64_t ns = v ? version_time_ns(v) : 0;
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

void reply_entry(fuse_req_t req, const char *name, struct node *n,
		 struct fuse_file_info *fi)
{
	struct mount *m = n->mount;
	struct inode_table *inodes = &m->server->inodes;
	struct fuse_entry_param e = {0};
	struct err *err = fill_attr(m, n, false, &e.attr, &e.attr_timeout);
	uint64_t ino = e.ino = n->ino;
	e.entry_timeout = n->entry_timeout;
	if (err) {
		reply_err(req, m, name, err);
		inodes_forget(inodes, ino, 1);
	} else if (fi ? fuse_reply_create(req, &e, fi) : fuse_reply_entry(req, &e)) {
		inodes_forget(inodes, ino, 1); /* interrupted: not counted */
	}
}

/* Where files are dropped, what is being written comes before what is there. */
static struct err *lookup_node(struct mount *m, pid_t tid, struct node *dir,
			       const char *name, struct node **ret)
{
	AUTO(staged) struct staged *s = NULL;
	AUTO(node) struct node *n = NULL;
	const struct drop_place *place = node_drops(dir);
	if (place && (s = staging_find(m, place, name, tid)))
		return staged_node(s, ret);
	if (dir->ops->lookup)
		TRY(dir->ops->lookup(m, dir, name, &n));
	if (n && place && n->ops->is_replaced && staging_expected(m, n->ino, tid)) {
		TRY(staging_create(m, place, name, tid, &s));
		if (n->field)
			TRY(staged_show(s, n));
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
	*ret = inodes_add(&m->server->inodes, TAKE(n));
	return NULL;
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	TIMED(req, METRIC_LOOKUP);
	struct node *n, *dir = node_at(req, parent);
	if (!dir)
		return;
	struct err *err = lookup(dir->mount, caller(req), dir, name, &n);
	if (err)
		reply_err_in(req, dir, name, err);
	else if (!n)
		fuse_reply_err(req, ENOENT);
	else
		reply_entry(req, name, n, NULL);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n_lookup)
{
	inodes_forget(&server_of(req)->inodes, ino, n_lookup);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		inodes_forget(&server_of(req)->inodes, forgets[i].ino,
			      forgets[i].nlookup);
	fuse_reply_none(req);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	TIMED(req, METRIC_GETATTR);
	struct stat st;
	double timeout;
	struct node *n = node_at(req, ino);
	(void)fi;
	if (!n)
		return;
	struct err *err = fill_attr(n->mount, n, true, &st, &timeout);
	if (err)
		reply_err(req, n->mount, node_label(n), err);
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
				n->is_frozen || !m->is_writable ? EROFS : EOPNOTSUPP,
				"a column cannot be truncated; write a whole new "
				"one (cp, or >)");
		TRY(staged_truncate(m, n->staged, (uint64_t)attr->st_size));
	}
	if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
		int64_t ns = time_to_set(attr, to_set);
		if (n->ops->touch)
			TRY(n->ops->touch(m, n));
		else if (n->staged)
			staged_touch(n->staged, ns);
		else if (n->field)
			memo_put(m->memo, MEMO_TOUCHED,
				 version_column_key(n->version, n->field),
				 (uint64_t)ns);
	}
	return NULL; /* modes and owners are accepted and not kept */
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err = set_attr(n->mount, n, attr, to_set);
	if (err)
		reply_err(req, n->mount, node_label(n), err);
	else
		op_getattr(req, ino, fi);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	AUTO_MEM char *target = NULL;
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	if (!n->ops->readlink) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	struct err *err = n->ops->readlink(n->mount, n, &target);
	if (err)
		reply_err(req, n->mount, node_label(n), err);
	else
		fuse_reply_readlink(req, target);
}

/* --- the rest --- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	struct node *n = node_at(req, ino);
	if (!n)
		return;
	struct err *err = io_statvfs(n->mount->store, &st);
	if (err) {
		reply_err(req, n->mount, NULL, err);
		return;
	}
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct server *s = userdata;
	s->max_write = conn->max_write;
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
	.removexattr = op_removexattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.create = op_create,
};
