// SPDX-License-Identifier: Apache-2.0
/*
 * ops_priv.h: what the handlers of FUSE requests share.
 *
 * Handlers reply exactly once; reply_err() is where their errors end.
 */
#ifndef LANCEFS_OPS_PRIV_H
#define LANCEFS_OPS_PRIV_H

#include "fs.h"

#define OPEN_WRITES(flags) (((flags)&O_ACCMODE) != O_RDONLY)

static inline struct server *server_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline pid_t caller(fuse_req_t req)
{
	return fuse_req_ctx(req)->pid;
}

static inline void auto_timer(struct timer *t)
{
	timer_stop(t);
}
/* Count this request and its time, from here to the end of the handler. */
#define TIMED(req, op)                                                                 \
	__attribute__((cleanup(auto_timer), unused)) struct timer timer_ =             \
		timer_start(&server_of(req)->metrics, op)

/* --- ops.c --- */

/* Reply with an error about a file of mount m; NULL is success. */
void reply_err(fuse_req_t req, struct mount *m, const char *path, struct err *err);
/* The same about a name in a directory. */
void reply_err_in(fuse_req_t req, const struct node *dir, const char *name,
		  struct err *err);
/* What a message calls a node; borrowed. */
const char *node_label(const struct node *n);
/* NULL: ESTALE was replied. */
struct node *node_at(fuse_req_t req, fuse_ino_t ino);
/* Reply to a lookup or, with fi, a create; gives n's lookup back on failure. */
void reply_entry(fuse_req_t req, const char *name, struct node *n,
		 struct fuse_file_info *fi);

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n_lookup);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);
void op_readlink(fuse_req_t req, fuse_ino_t ino);

/* --- ops_file.c: open files and directories --- */

MUST_CHECK struct err *open_node(fuse_req_t req, struct node *n,
				 struct fuse_file_info *fi);
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off,
	     struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *p, size_t len, off_t off,
	      struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* --- ops_name.c: names and attributes that are set --- */

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t newparent, const char *newname, unsigned flags);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t dev);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		const char *name);
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		 size_t size, int flags);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

#endif
