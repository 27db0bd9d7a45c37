// SPDX-License-Identifier: Apache-2.0
/*
 * writer.c: who writes a command, and files opened with that one's rights.
 *
 * Relative names start at the writer's working directory, taken when the request
 * comes.  A file is opened by a thread that has the writer's ids for its file
 * accesses: the system calls themselves work on one thread, unlike the C library's.
 * Where lancefs is not root it can only act as itself.
 *
 * A name may lead into this mount.  That is found out without asking it (O_PATH,
 * AT_STATX_DONT_SYNC), and such a file is read through its node, which the kernel
 * holds as long as the descriptor is open: never through the kernel.
 * Source: setfsuid(2), statx(2), path_resolution(7).
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_GROUPS 65536

struct writer {
	struct server *server; /* borrowed */
	pid_t pid;	       /* of the process */
	uid_t uid;
	gid_t gid;
	size_t n_groups;
	gid_t *groups;	   /* owned */
	int cwd;	   /* -1: not known */
	bool has_our_root; /* absolute names mean the same for both */
};

/* --- who --- */

static struct err *read_groups(fuse_req_t req, struct writer *w)
{
	gid_t some[64];
	int n = fuse_req_getgroups(req, 64, some);
	if (n <= 0) /* not known: none */
		return NULL;
	size_t count = MIN_OF((size_t)n, (size_t)MAX_GROUPS);
	TRY(mem_array(count, sizeof(*w->groups), &w->groups));
	int again = fuse_req_getgroups(req, (int)count, w->groups);
	w->n_groups = MIN_OF((size_t)MAX_OF(again, 0), count);
	return NULL;
}

static bool is_our_root(pid_t pid)
{
	char path[40];
	struct stat ours, theirs;
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	return stat("/", &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

struct err *writer_new(fuse_req_t req, struct server *s, struct writer **ret)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	AUTO(writer) struct writer *w = NULL;
	char path[40];
	TRY(mem_new(&w));
	w->server = s;
	w->pid = process_of(ctx->pid);
	w->uid = ctx->uid;
	w->gid = ctx->gid;
	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)w->pid);
	w->cwd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->has_our_root = is_our_root(w->pid);
	TRY(read_groups(req, w));
	*ret = TAKE(w);
	return NULL;
}

void writer_free(struct writer *w)
{
	if (w->cwd >= 0)
		close(w->cwd);
	free(w->groups);
	free(w);
}

pid_t writer_pid(const struct writer *w)
{
	return w->pid;
}

bool writer_is_owner(const struct writer *w)
{
	return w->uid == geteuid();
}

/* --- acting as the writer --- */

struct ids {
	bool is_changed;
	int n_groups;
	gid_t *groups; /* owned */
};

/* false: not all of them are so. */
static bool set_ids(uid_t uid, gid_t gid, size_t n_groups, const gid_t *groups)
{
	bool has_groups = syscall(SYS_setgroups, n_groups, groups) == 0;
	setfsgid(gid);
	setfsuid(uid);
	/* these two tell what was before, and take no id that is none */
	return has_groups && (uid_t)setfsuid((uid_t)-1) == uid &&
	       (gid_t)setfsgid((gid_t)-1) == gid;
}

static void become_self(struct ids *own)
{
	if (own->is_changed) /* by the user's effective id, which stayed */
		set_ids(geteuid(), getegid(), (size_t)MAX_OF(own->n_groups, 0),
			own->groups);
	free(own->groups);
	*own = (struct ids){0};
}

static struct err *become(const struct writer *w, struct ids *own)
{
	if (w->uid == geteuid())
		return NULL;
	own->n_groups = getgroups(0, NULL);
	TRY(mem_array((size_t)MAX_OF(own->n_groups, 0), sizeof(gid_t), &own->groups));
	own->n_groups = getgroups(own->n_groups, own->groups);
	own->is_changed = true;
	if (set_ids(w->uid, w->gid, w->n_groups, w->groups))
		return NULL;
	become_self(own);
	return err_new(EPERM, "lancefs may not open files as user %u", w->uid);
}

/* A descriptor, or -1 and errno. */
static int open_from(const struct writer *w, const char *file, int flags)
{
	return openat(*file == '/' ? AT_FDCWD : w->cwd, file, flags | O_CLOEXEC, 0666);
}

/* What needs no look at the file. */
static struct err *check_start(const struct writer *w, const char *file)
{
	if (w->uid != geteuid() && geteuid() != 0)
		return err_new(EPERM,
			       "lancefs runs as user %u and cannot open files as user "
			       "%u; write the column by cp, or run lancectl",
			       geteuid(), w->uid);
	if (*file != '/' && w->cwd < 0)
		return err_new(EPERM,
			       "%s: the writer's working directory is not known; give "
			       "an absolute path",
			       file);
	if (!w->has_our_root)
		return err_new(EPERM,
			       "%s: the writer's root directory is another one; write "
			       "the column by cp",
			       file);
	return NULL;
}

/* --- files of this mount --- */

static bool statx_quietly(int at, const char *path, struct statx *st)
{
	return statx(at, path, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, st) == 0;
}

dev_t mount_device(const char *mountpoint)
{
	struct statx st;
	if (!statx_quietly(AT_FDCWD, mountpoint, &st))
		return 0;
	return makedev(st.stx_dev_major, st.stx_dev_minor);
}

/* The inode number within this mount; 0: it is elsewhere. */
static uint64_t number_here(const struct server *s, int fd)
{
	struct statx st;
	if (!s->device || !statx_quietly(fd, "", &st) ||
	    makedev(st.stx_dev_major, st.stx_dev_minor) != s->device)
		return 0;
	return st.stx_ino;
}

struct node_file {
	int fd; /* holds the node */
	struct view *view;
};

static struct err *node_read(void *ctx, uint64_t off, size_t len, void *dst,
			     size_t *ret_len)
{
	const struct node_file *f = ctx;
	return view_pread(f->view, off, len, dst, ret_len);
}

static void node_close(void *ctx)
{
	struct node_file *f = ctx;
	view_unref(f->view);
	close(f->fd);
	free(f);
}

static struct err *open_node_view(struct node *n, int *fd, struct command_file *ret)
{
	AUTO(view) struct view *view = NULL;
	struct node_file *f;
	uint64_t size = 0;
	TRY(node_view(n->mount, n, &view));
	TRY(mem_new(&f));
	view_size_known(view, &size);
	*f = (struct node_file){*fd, TAKE(view)};
	*fd = -1;
	*ret = (struct command_file){node_read, node_close, f, size};
	return NULL;
}

/* fd is taken if it is needed any longer. */
static struct err *open_here(struct server *s, uint64_t ino, const char *file, int *fd,
			     struct command_file *ret)
{
	struct node *n = inodes_get(&s->inodes, ino);
	int rejected;
	if (n && n->ops->view)
		return open_node_view(n, fd, ret);
	if (n && n->ops == &rejected_file_ops) {
		TRY(rejected_open(n->mount, n->name, &rejected));
		return command_file_of_fd(rejected, file, ret);
	}
	return err_new(EPERM,
		       "%s: of the files of the mount itself only those of columns/, "
		       "table/ and rejected/ are read here; copy it elsewhere",
		       file);
}

/* --- opening --- */

/* An O_PATH descriptor as one for reading. */
static int reopen(int path_fd)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	/* a FIFO must not make us wait; it is refused */
	return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct err *writer_open(const struct writer *w, const char *file,
			struct command_file *ret)
{
	struct ids own = {0};
	TRY(check_start(w, file));
	TRY(become(w, &own));
	AUTO_FD int at = open_from(w, file, O_PATH);
	int code = errno;
	uint64_t ino = at < 0 ? 0 : number_here(w->server, at);
	int fd = at < 0 || ino ? -1 : reopen(at);
	code = at < 0 ? code : errno;
	become_self(&own);
	if (ino)
		return open_here(w->server, ino, file, &at, ret);
	if (fd < 0)
		return err_errno(code, "%s", file);
	return command_file_of_fd(fd, file, ret);
}

struct err *writer_open_fd(const struct writer *w, const char *path, int *ret_fd)
{
	struct ids own = {0};
	TRY(check_start(w, path));
	TRY(become(w, &own));
	AUTO_FD int at = open_from(w, path, O_PATH);
	int code = errno;
	bool is_here = at >= 0 && number_here(w->server, at);
	int fd = at < 0 || is_here ? -1 : reopen(at);
	code = at < 0 ? code : errno;
	become_self(&own);
	if (is_here)
		return err_new(EPERM, "%s lies in the mount itself; copy it elsewhere",
			       path);
	if (fd < 0)
		return err_errno(code, "%s", path);
	*ret_fd = fd;
	return NULL;
}

/* --- programs --- */

/* Is the user in udf-users=, by name or by number? */
static bool is_udf_user(const struct server *s, uid_t uid)
{
	char number[16], space[4096];
	struct passwd entry, *found = NULL;
	const char *users = s->options.udf_users;
	snprintf(number, sizeof(number), "%u", uid);
	if (!users)
		return false;
	if (list_has(users, number))
		return true;
	return getpwuid_r(uid, &entry, space, sizeof(space), &found) == 0 && found &&
	       list_has(users, found->pw_name);
}

struct err *server_check_programs(const struct server *s, uid_t uid)
{
	if (uid == geteuid() || is_udf_user(s, uid))
		return NULL;
	return err_new(EPERM,
		       "functions run as the user who mounted, who registers them; "
		       "others are named in udf-users= of the mount's configuration");
}

struct err *writer_check_programs(const struct writer *w)
{
	return server_check_programs(w->server, w->uid);
}

/* --- creating --- */

/* The directory that a new file is to be in, and its name there (borrowed). */
static struct err *split_path(const char *file, char **ret_dir, const char **ret_name)
{
	const char *slash = strrchr(file, '/');
	*ret_name = slash ? slash + 1 : file;
	if (!**ret_name)
		return err_new(EISDIR, "--output=%s", file);
	if (!slash)
		return str_dup(".", ret_dir);
	return str_dup_len(file, MAX_OF((size_t)(slash - file), (size_t)1), ret_dir);
}

struct err *writer_create(const struct writer *w, const char *file, int *ret_fd)
{
	AUTO_MEM char *dir = NULL;
	const char *name;
	if (w->uid != geteuid())
		return err_new(
			EPERM,
			"--output is for the user who mounted; read the column's "
			"file in columns/");
	TRY(check_start(w, file));
	TRY(split_path(file, &dir, &name));
	AUTO_FD int at = open_from(w, dir, O_PATH | O_DIRECTORY);
	int code = errno;
	bool is_here = at >= 0 && number_here(w->server, at);
	int fd = at < 0 || is_here ? -1
				   : openat(at, name,
					    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
						    O_NONBLOCK | O_CLOEXEC,
					    0666);
	code = at < 0 ? code : errno;
	if (is_here)
		return err_new(EPERM, "--output=%s lies in the mount itself", file);
	if (fd < 0)
		return err_errno(code, "--output=%s", file);
	*ret_fd = fd;
	return NULL;
}
