// SPDX-License-Identifier: Apache-2.0
/*
 * control.c: the control file.
 *
 * Each line written is a command; its error is the write's errno.  The lines of a
 * write are run in order by a task, which answers the write when they are done.  An
 * interrupted writer is let go at once: the line that runs goes on, the others are
 * not begun, and the reply is kept as the table's last.  A line may wait for a job: the
 * task is parked then, and goes on with the next line when the job has ended.
 *
 * Reading gives the last reply of this handle, or of the table if this one has
 * written nothing.  Every lookup gives a fresh node, because the kernel lets one
 * writer at a time into an inode.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define LIMIT_LONG_LINE ((size_t)16 << 20)

/* What a handle and its tasks share: the handle may be closed while a task runs. */
struct control {
	atomic_int refs;
	pthread_mutex_t lock;
	struct buf reply; /* guarded by .lock; of the last write */
	struct buf rest;  /* guarded by .lock; of a line that the next write goes on
			   * with */
};

static struct control *control_ref(struct control *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

static void control_unref(struct control *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	buf_fini(&c->reply);
	buf_fini(&c->rest);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
DEFINE_AUTO(control, control_unref)

static struct err *control_open(struct mount *m, struct handle *h,
				struct fuse_file_info *fi)
{
	AUTO(control) struct control *c = NULL;
	TRY(mem_new(&c));
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->lock, NULL);
	fi->direct_io = 1;
	LOCK_SCOPE(&m->reply_lock);
	buf_append(&c->reply, m->reply.data, m->reply.len);
	TRY(buf_check(&c->reply));
	h->control = TAKE(c);
	return NULL;
}

static void control_release(struct mount *m, struct handle *h)
{
	(void)m;
	control_unref(h->control);
}

/* --- running --- */

struct control_task {
	struct task task;	 /* first */
	struct mount *mount;	 /* owned reference */
	struct control *control; /* owned reference */
	struct writer *writer;	 /* owned */
	struct buf lines;
	size_t at;	    /* of the line to be run next */
	unsigned line;	    /* its number, from 1 */
	uint64_t waits_for; /* the job whose end is waited for; 0: none */
	struct buf reply;
	size_t n_kept;	/* bytes of it that readers see */
	size_t written; /* bytes that the write is answered with */
};

static struct err *open_file(void *ctx, const char *file, struct command_file *ret)
{
	const struct control_task *t = ctx;
	return writer_open(t->writer, file, ret);
}

static struct err *create_file(void *ctx, const char *file, int *ret_fd)
{
	const struct control_task *t = ctx;
	return writer_create(t->writer, file, ret_fd);
}

static struct err *open_fd(void *ctx, const char *path, int *ret_fd)
{
	const struct control_task *t = ctx;
	return writer_open_fd(t->writer, path, ret_fd);
}

static struct err *check_programs(void *ctx)
{
	const struct control_task *t = ctx;
	return writer_check_programs(t->writer);
}

static struct err *find_table(void *ctx, const char *name, struct table **ret)
{
	const struct control_task *t = ctx;
	return server_find_table(t->mount->server, name, ret);
}

/* Who may write the dataset's directory may put a job there; it is not run with the
 * rights of the user who mounted because somebody else says so. */
static struct err *check_owner(const struct control_task *t, uint64_t id)
{
	struct job_status s;
	if (writer_is_owner(t->writer))
		return NULL;
	TRY(job_read(t->mount->store, id, &s));
	uid_t uid = s.uid;
	job_status_fini(&s);
	if (uid == geteuid())
		return NULL;
	return err_new(EPERM, "job %" PRIu64 " was made by user %u, not by the mount",
		       id, uid);
}

static struct err *start_job(void *ctx, uint64_t id)
{
	const struct control_task *t = ctx;
	TRY(check_owner(t, id));
	return runner_submit(t->mount, id);
}

static struct err *wait_job(void *ctx, uint64_t id)
{
	struct control_task *t = ctx;
	t->waits_for = id;
	return NULL;
}

static struct err *run_line(struct control_task *t, const char *line, size_t len)
{
	struct words words = {0};
	AUTO(version) struct version *v = table_latest(t->mount->table);
	struct command_env env = {
		.table = t->mount->table,
		.version = v,
		.name = mount_table_name(t->mount),
		.mountpoint = t->mount->server->mountpoint,
		.roots = t->mount->server->roots,
		.find_table = find_table,
		.open = open_file,
		.create = create_file,
		.open_fd = open_fd,
		.check_programs = check_programs,
		.start_job = start_job,
		.wait_job = wait_job,
		.ctx = t,
	};
	TRY(words_split(line, len, &words));
	struct err *err = words.n_args ? command_run(&env, &words, &t->reply) : NULL;
	words_fini(&words);
	if (!err)
		watch_wake(t->mount->server);
	return err;
}

/* The job that is waited for: *ret_is_over false if it goes on. */
static struct err *look_at_job(struct control_task *t, bool *ret_is_over)
{
	struct job_status s;
	TRY(job_read(t->mount->store, t->waits_for, &s));
	*ret_is_over = job_state_is_final(s.state);
	struct err *err = *ret_is_over ? command_job_result(&s, &t->reply) : NULL;
	job_status_fini(&s);
	return err;
}

/* The next line, to its end; *ret_is_over false if it waits. */
static struct err *run_next(struct control_task *t, bool *ret_is_over)
{
	const char *p = (const char *)t->lines.data + t->at;
	size_t len = t->lines.len - t->at;
	const char *newline = memchr(p, '\n', len);
	size_t n = newline ? (size_t)(newline - p) : len;
	if (atomic_load(&t->task.is_interrupted))
		return err_new(EINTR, "not begun: the writer was interrupted");
	if (!t->waits_for)
		TRY(run_line(t, p, n));
	if (t->waits_for)
		TRY(look_at_job(t, ret_is_over));
	if (!*ret_is_over)
		return NULL;
	t->waits_for = 0;
	t->at += n + (newline != NULL);
	t->line++;
	return NULL;
}

/* *ret_is_over false if a line waits. */
static struct err *run_lines(struct control_task *t, bool *ret_is_over)
{
	while (t->at < t->lines.len && *ret_is_over) {
		struct err *err = run_next(t, ret_is_over);
		if (!err)
			continue;
		buf_printf(&t->reply, "line %u: %s\n", t->line, err->msg);
		if (err->detail)
			buf_printf(&t->reply, "%s\n", err->detail);
		*ret_is_over = true;
		return err;
	}
	return NULL;
}

static void keep_reply(pthread_mutex_t *lock, struct buf *kept, const struct buf *reply)
{
	LOCK_SCOPE(lock);
	buf_fini(kept);
	buf_append(kept, reply->data, reply->len);
	if (kept->failed) /* out of memory: there is none */
		buf_fini(kept);
}

/* A task that waits has shown its reply when it began to. */
static void show_reply(struct control_task *t)
{
	struct mount *m = t->mount;
	if (t->reply.len == t->n_kept && t->waits_for)
		return;
	t->n_kept = t->reply.len;
	keep_reply(&m->reply_lock, &m->reply, &t->reply);
	keep_reply(&t->control->lock, &t->control->reply, &t->reply);
}

/* What a job failed with is told where it is run. */
static int errno_of(const struct control_task *t, struct err *err)
{
	if (!err || !t->waits_for)
		return report(t->mount, writer_pid(t->writer), NULL, err);
	int code = err->code;
	err_free(err);
	return code;
}

static void control_run(struct task *task)
{
	struct control_task *t = (struct control_task *)task;
	struct mount *m = t->mount;
	bool is_over = true;
	struct err *err = run_lines(t, &is_over);
	show_reply(t);
	if (!is_over) {
		task_park(task);
		return;
	}
	if (err)
		atomic_fetch_add(&m->server->metrics.n_errors, 1);
	task_answer(task, errno_of(t, err), t->written);
}

static void control_free(struct task *task)
{
	struct control_task *t = (struct control_task *)task;
	mount_unref(t->mount);
	control_unref(t->control);
	if (t->writer)
		writer_free(t->writer);
	buf_fini(&t->lines);
	buf_fini(&t->reply);
	free(t);
}

/* --- writing --- */

/* How many of the bytes are to be run now.  A write that does not fit into one request
 * comes as several, which are full but for what is lost to the alignment of its
 * pages: the last line of such a one goes on in the next. */
static size_t whole_lines(const struct server *s, const struct buf *b, size_t len)
{
	size_t n = b->len;
	if (len + 4096 <= s->max_write)
		return n;
	while (n && b->data[n - 1] != '\n')
		n--;
	return n;
}

/* The lines to run now go to lines, the rest of what was written stays. */
static struct err *take_lines(struct server *s, struct control *c, const void *p,
			      size_t len, struct buf *lines)
{
	LOCK_SCOPE(&c->lock);
	buf_fini(&c->reply);
	buf_append(&c->rest, p, len);
	TRY(buf_check(&c->rest));
	size_t n = whole_lines(s, &c->rest, len);
	buf_append(lines, c->rest.data, n);
	TRY(buf_check(lines));
	memmove(c->rest.data, c->rest.data + n, c->rest.len - n);
	c->rest.len -= n;
	if (c->rest.len <= LIMIT_LONG_LINE)
		return NULL;
	c->rest.len = 0;
	return err_new(EINVAL, "a line of more than %zu bytes", LIMIT_LONG_LINE);
}

static struct err *make_task(fuse_req_t req, struct handle *h, const void *p,
			     size_t len, struct control_task **ret)
{
	struct mount *m = h->node->mount;
	struct control_task *t;
	if (fuse_req_ctx(req)->uid != h->uid)
		return err_new(EPERM, "control was opened by another user");
	TRY(mem_new(&t));
	t->task = (struct task){
		.server = m->server, .run = control_run, .free = control_free};
	t->mount = mount_ref(m);
	t->control = control_ref(h->control);
	t->written = len;
	t->line = 1;
	struct err *err = take_lines(m->server, h->control, p, len, &t->lines);
	if (!err)
		err = writer_new(req, m->server, &t->writer);
	if (err)
		control_free(&t->task);
	else
		*ret = t;
	return err;
}

static void control_write(fuse_req_t req, struct handle *h, const void *p, size_t len)
{
	struct control_task *t;
	struct err *err = make_task(req, h, p, len, &t);
	if (err)
		fuse_reply_err(
			req, report(h->node->mount, fuse_req_ctx(req)->pid, NULL, err));
	else
		task_submit(req, &t->task);
}

/* What is cut off must not be run. */
static struct err *control_flush(struct mount *m, struct handle *h, pid_t pid,
				 bool is_fsync)
{
	LOCK_SCOPE(&h->control->lock);
	size_t len = h->control->rest.len;
	(void)m;
	(void)pid;
	(void)is_fsync;
	h->control->rest.len = 0;
	if (len)
		return err_new(EINVAL,
			       "the last line, of %zu bytes, was not run: a line that "
			       "long must end",
			       len);
	return NULL;
}

/* --- the rest --- */

static struct err *control_read(struct mount *m, struct handle *h, uint64_t off,
				size_t len, uint8_t *dst, size_t *ret_len)
{
	struct control *c = h->control;
	LOCK_SCOPE(&c->lock);
	(void)m;
	*ret_len = 0;
	if (off >= c->reply.len)
		return NULL;
	*ret_len = MIN_OF(len, c->reply.len - (size_t)off);
	memcpy(dst, c->reply.data + off, *ret_len);
	return NULL;
}

const struct node_ops control_ops = {
	.kind = "control",
	.mode = S_IFREG | 0600,
	.is_fresh = true,
	.attr = live_attr,
	.open = control_open,
	.read = control_read,
	.write_later = control_write,
	.flush = control_flush,
	.release = control_release,
};
