// SPDX-License-Identifier: Apache-2.0
/*
 * file_live.c: files that tell what happens now: events and metrics.
 *
 * They have no size and are read past the page cache.  A read of events waits
 * for the next commit or change of a job and then gives a line of history a version, a
 * line a job, for as long as one goes on reading.
 */
#include "fs.h"

#include <errno.h>

struct err *live_attr(struct mount *m, struct node *n, bool is_exact, struct stat *st,
		      double *ret_timeout)
{
	(void)is_exact;
	if (n->ops->is_fresh) /* one file to those who compare: cp, tar */
		st->st_ino = node_ino(m, n->ops, 0);
	st->st_size = 0;
	*ret_timeout = 0;
	return NULL;
}

/* --- events --- */

static struct err *events_open(struct mount *m, struct handle *h,
			       struct fuse_file_info *fi)
{
	AUTO(version) struct version *v = table_latest(m->table);
	h->seen = version_number(v);
	h->seen_jobs = board_join(m);
	fi->direct_io = 1;
	return NULL;
}

static struct err *events_gather(struct mount *m, struct handle *h)
{
	AUTO(version) struct version *v = table_latest(m->table);
	uint64_t seen = h->seen;
	board_read(m, &h->seen_jobs, &h->reply);
	if (version_number(v) <= seen)
		return NULL;
	h->seen = version_number(v);
	return render_commits(m->table, seen, h->seen, &h->reply);
}

static void events_release(struct mount *m, struct handle *h)
{
	(void)h;
	board_leave(m);
}

const struct node_ops events_ops = {
	.kind = "events",
	.mode = S_IFREG | 0444,
	.attr = live_attr,
	.open = events_open,
	.gather = events_gather,
	.release = events_release,
};

/* --- metrics --- */

static struct err *metrics_open(struct mount *m, struct handle *h,
				struct fuse_file_info *fi)
{
	AUTO_BUF struct buf out = {0};
	metrics_render(m, &out);
	TRY(buf_check(&out));
	TRY(bytes_new(out.len, &h->text));
	memcpy(h->text->data, out.data, out.len);
	fi->direct_io = 1;
	return NULL;
}

const struct node_ops metrics_ops = {
	.kind = "metrics",
	.mode = S_IFREG | 0444,
	.attr = live_attr,
	.open = metrics_open,
};
