// SPDX-License-Identifier: Apache-2.0
/*
 * parked.c: reads that wait for something to happen.
 *
 * A waiting request is a list entry and holds no thread.  It is answered by the
 * watcher when its file has something to tell, by an interrupt, or by the end of
 * the mount.  Whoever takes the entry off the list answers it.
 */
#include "fs.h"

#include <errno.h>

struct parked {
	struct parked *next;
	fuse_req_t req;
	struct handle *handle; /* borrowed: it is open while a read waits */
	size_t len;
	struct buf text; /* owned; the answer, once it is off the list */
};

/* Bring h->reply up to date and move at most len bytes of it to text; the list's lock
 * is held, for two reads may share a handle. */
static struct err *gather(struct handle *h, size_t len, struct buf *text)
{
	TRY(h->node->ops->gather(h->node->mount, h));
	size_t n = MIN_OF(len, h->reply.len);
	if (n == 0)
		return NULL;
	buf_append(text, h->reply.data, n);
	TRY(buf_check(text));
	memmove(h->reply.data, h->reply.data + n, h->reply.len - n);
	h->reply.len -= n;
	return NULL;
}

/* Take entries off the list: the one of a request, or (NULL) those that have
 * something to tell, or (all) every one; .lock held. */
static struct parked *take(struct parked_list *l, fuse_req_t req, bool all)
{
	struct parked *taken = NULL, **at = &l->first;
	while (*at) {
		struct parked *p = *at;
		bool is_due = all || p->req == req;
		if (!req && !all) {
			struct err *err = gather(p->handle, p->len, &p->text);
			is_due = err || p->text.len || p->handle->is_over;
			err_free(err); /* nothing to tell: the read ends */
		}
		if (!is_due) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		p->next = taken;
		taken = p;
	}
	return taken;
}

static void finish(struct server *s, struct parked *p, int code)
{
	while (p) {
		struct parked *next = p->next;
		if (code)
			fuse_reply_err(p->req, code);
		else
			fuse_reply_buf(p->req, (const char *)p->text.data, p->text.len);
		atomic_fetch_sub(&s->metrics.n_parked, 1);
		buf_fini(&p->text);
		free(p);
		p = next;
	}
}

static void on_interrupt(fuse_req_t req, void *data)
{
	struct server *s = data;
	pthread_mutex_lock(&s->parked.lock);
	struct parked *p = take(&s->parked, req, false);
	pthread_mutex_unlock(&s->parked.lock);
	finish(s, p, EINTR);
}

/* Put it on the list, unless there is something to tell: then that is in text, which is
 * empty at the end of the file. */
static struct err *park(fuse_req_t req, struct server *s, struct handle *h, size_t len,
			struct buf *text, bool *ret_is_over)
{
	struct parked *p;
	LOCK_SCOPE(&s->parked.lock);
	TRY(gather(h, len, text));
	*ret_is_over = h->is_over;
	if (text->len || h->is_over)
		return NULL;
	/* an interrupt from here on finds it in the list */
	if (fuse_req_interrupted(req))
		return err_new(EINTR, "interrupted");
	TRY(mem_new(&p));
	*p = (struct parked){
		.next = s->parked.first, .req = req, .handle = h, .len = len};
	s->parked.first = p;
	atomic_fetch_add(&s->metrics.n_parked, 1);
	return NULL;
}

void parked_read(fuse_req_t req, struct server *s, struct handle *h, size_t len)
{
	AUTO_BUF struct buf text = {0};
	fuse_req_interrupt_func(req, on_interrupt, s);
	bool is_over = false;
	struct err *err = park(req, s, h, len, &text, &is_over);
	if (err)
		fuse_reply_err(req, err->code);
	else if (text.len || is_over)
		fuse_reply_buf(req, (const char *)text.data, text.len);
	err_free(err); /* told */
}

void parked_answer(struct server *s)
{
	pthread_mutex_lock(&s->parked.lock);
	struct parked *p = take(&s->parked, NULL, false);
	pthread_mutex_unlock(&s->parked.lock);
	finish(s, p, 0);
}

void parked_cancel(struct server *s)
{
	pthread_mutex_lock(&s->parked.lock);
	struct parked *p = take(&s->parked, NULL, true);
	pthread_mutex_unlock(&s->parked.lock);
	finish(s, p, ENODEV);
}
