// SPDX-License-Identifier: Apache-2.0
/*
 * dir_jobs.c: jobs/: a directory a job, of those that this process runs and of all
 * others.
 *
 * Another process may write a job's files at any time, so nothing of them is kept: a
 * status is rendered when it is opened, the others are read where they lie, past the
 * page cache, so that who follows a log sees its end.  A read of wait is answered when
 * the job has ended.
 */
#include "fs.h"

#include <errno.h>
#include <unistd.h>

enum { STATUS, STATUS_JSON, WAIT, COMMAND, LOG, ERRORS };

static const struct {
	const char *name;
	const struct node_ops *ops;
	bool is_unlisted;
} files[] = {
	[COMMAND] = {"command", &job_file_ops, false},
	[STATUS] = {"status", &job_status_ops, false},
	[STATUS_JSON] = {"status.json", &job_status_ops, false},
	[LOG] = {"log", &job_file_ops, false},
	[ERRORS] = {"errors.tsv", &job_file_ops, false},
	[WAIT] = {"wait", &job_wait_ops, true},
};

#define N_FILES (sizeof(files) / sizeof(files[0]))

/* A node has the job's number in .row and the kind of its file in .size. */
static uint64_t job_of(const struct node *n)
{
	return n->row;
}

/* --- jobs/ --- */

static struct err *jobs_lookup(struct mount *m, struct node *dir, const char *name,
			       struct node **ret)
{
	struct job_status s;
	uint64_t id;
	(void)dir;
	if (!str_to_u64(name, &id) || id == 0)
		return NULL;
	struct err *err = job_read(m->store, id, &s);
	if (err && err->code == ENOENT) {
		err_free(err); /* no such name */
		return NULL;
	}
	TRY(err);
	job_status_fini(&s);
	TRY(node_new(m, &job_dir_ops, id, NULL, ret));
	(*ret)->row = id;
	return NULL;
}

/* The offset behind a job is its number, so that others may come and go meanwhile. */
static struct err *jobs_list_dir(struct mount *m, struct handle *h, uint64_t off,
				 const struct list_sink *sink)
{
	struct job_status *jobs;
	size_t n;
	bool is_full = false;
	(void)h;
	TRY(jobs_list(m->store, &jobs, &n));
	for (size_t i = 0; i < n && !is_full; i++) {
		char name[24];
		if (jobs[i].id <= off || jobs[i].id > INT64_MAX / 2)
			continue;
		snprintf(name, sizeof(name), "%llu", (unsigned long long)jobs[i].id);
		is_full =
			sink->fn(sink->ctx, name, node_ino(m, &job_dir_ops, jobs[i].id),
				 S_IFDIR, jobs[i].id);
	}
	jobs_free(jobs, n);
	return NULL;
}

const struct node_ops jobs_ops = {
	.kind = "jobs",
	.mode = S_IFDIR | 0755,
	.lookup = jobs_lookup,
	.list = jobs_list_dir,
};

/* --- jobs/ID/ --- */

static uint64_t file_key(uint64_t id, size_t i)
{
	return hash_mix(id, i);
}

static struct err *job_lookup(struct mount *m, struct node *dir, const char *name,
			      struct node **ret)
{
	size_t i = 0;
	while (i < N_FILES && strcmp(files[i].name, name) != 0)
		i++;
	if (i == N_FILES)
		return NULL;
	uint64_t key = file_key(job_of(dir), i);
	if (files[i].ops->is_fresh)
		key = hash_mix(key, atomic_fetch_add(&m->server->n_fresh, 1) + 1);
	TRY(node_new(m, files[i].ops, key, NULL, ret));
	(*ret)->row = job_of(dir);
	(*ret)->size = i;
	(*ret)->entry_timeout = 0;
	return NULL;
}

static struct err *job_list(struct mount *m, struct handle *h, uint64_t off,
			    const struct list_sink *sink)
{
	for (size_t i = off; i < N_FILES; i++) {
		uint64_t ino = node_ino(m, files[i].ops, file_key(job_of(h->node), i));
		if (!files[i].is_unlisted &&
		    sink->fn(sink->ctx, files[i].name, ino, files[i].ops->mode, i + 1))
			break;
	}
	return NULL;
}

const struct node_ops job_dir_ops = {
	.kind = "job",
	.mode = S_IFDIR | 0555,
	.lookup = job_lookup,
	.list = job_list,
};

static struct err *check_open(const struct handle *h)
{
	if (h->can_write)
		return err_new(EPERM, "what is to become of a job is written to "
				      "control: pause ID, resume ID, cancel ID");
	return NULL;
}

/* --- command, log, errors.tsv --- */

static struct err *open_file(struct mount *m, const struct node *n, int *ret_fd)
{
	return job_open_file(m->store, job_of(n), files[n->size].name, ret_fd);
}

static struct err *file_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *ret_timeout)
{
	AUTO_FD int fd = -1;
	struct stat real;
	(void)is_exact;
	*ret_timeout = 0;
	TRY(open_file(m, n, &fd));
	if (fd < 0 || fstat(fd, &real) != 0)
		return NULL; /* nothing is in it yet */
	st->st_size = real.st_size;
	st->st_mtim = real.st_mtim;
	return NULL;
}

static struct err *file_open(struct mount *m, struct handle *h,
			     struct fuse_file_info *fi)
{
	(void)m;
	fi->direct_io = 1;
	return check_open(h);
}

static struct err *lines_read(struct mount *m, struct handle *h, uint64_t off,
			      size_t len, uint8_t *dst, size_t *ret_len)
{
	AUTO_FD int fd = -1;
	TRY(open_file(m, h->node, &fd));
	ssize_t n = fd < 0 ? 0 : pread(fd, dst, len, (off_t)off);
	if (n < 0)
		return err_errno(errno, "jobs: %s", files[h->node->size].name);
	*ret_len = (size_t)n;
	return NULL;
}

const struct node_ops job_file_ops = {
	.kind = "job file",
	.mode = S_IFREG | 0444,
	.attr = file_attr,
	.open = file_open,
	.read = lines_read,
};

/* --- status, status.json --- */

static struct err *render(struct mount *m, const struct node *n, struct buf *out)
{
	struct job_status s;
	TRY(job_read(m->store, job_of(n), &s));
	job_render(&s, n->size == STATUS_JSON, out);
	job_status_fini(&s);
	return buf_check(out);
}

static struct err *status_attr(struct mount *m, struct node *n, bool is_exact,
			       struct stat *st, double *ret_timeout)
{
	AUTO_BUF struct buf out = {0};
	*ret_timeout = 0;
	if (is_exact)
		TRY(render(m, n, &out));
	st->st_size = (off_t)out.len;
	return NULL;
}

static struct err *status_open(struct mount *m, struct handle *h,
			       struct fuse_file_info *fi)
{
	AUTO_BUF struct buf out = {0};
	TRY(check_open(h));
	TRY(render(m, h->node, &out));
	TRY(bytes_new(out.len, &h->text));
	memcpy(h->text->data, out.data, out.len);
	fi->direct_io = 1;
	return NULL;
}

const struct node_ops job_status_ops = {
	.kind = "job status",
	.mode = S_IFREG | 0444,
	.attr = status_attr,
	.open = status_open,
};

/* --- wait --- */

static struct err *wait_open(struct mount *m, struct handle *h,
			     struct fuse_file_info *fi)
{
	(void)m;
	fi->direct_io = 1;
	return check_open(h);
}

static struct err *wait_gather(struct mount *m, struct handle *h)
{
	struct job_status s;
	if (h->is_over)
		return NULL;
	TRY(job_read(m->store, job_of(h->node), &s));
	h->is_over = job_state_is_final(s.state);
	if (h->is_over)
		job_render(&s, false, &h->reply);
	job_status_fini(&s);
	return buf_check(&h->reply);
}

const struct node_ops job_wait_ops = {
	.kind = "job wait",
	.mode = S_IFREG | 0444,
	.is_fresh = true,
	.attr = live_attr,
	.open = wait_open,
	.gather = wait_gather,
};
