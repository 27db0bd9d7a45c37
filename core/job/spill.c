// SPDX-License-Identifier: Apache-2.0
/*
 * spill.c: arrays in a file without a name.
 *
 * Their buffers are written one after the other and mapped, each with the zero bytes
 * behind it that readers of arrays count on.  Written, not stored through the mapping:
 * a full disk is an error then, and no signal.
 */
#include "job/join_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGN ((uint64_t)64)
#define PAD ((uint64_t)64)
#define PAGE ((uint64_t)65536) /* a multiple of every machine's */
/* A fault maps as much around it as was written at once. */
#define WRITE_BYTES ((size_t)65536)

struct spill {
	int fd;
	uint64_t end;
	struct segment {
		uint8_t *p; /* mapped */
		size_t len;
	} * segments; /* owned */
	size_t n, cap;
};

void spill_close(struct spill *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		munmap(s->segments[i].p, s->segments[i].len);
	free(s->segments);
	close(s->fd);
	free(s);
}

struct err *spill_open(struct io_store *store, struct spill **ret)
{
	AUTO_MEM struct spill *s = NULL;
	int dir = io_store_fd(store);
	*ret = NULL;
	if (dir < 0)
		return NULL;
	TRY(mem_new(&s));
	s->fd = io_open_nameless(dir, 0600);
	if (s->fd < 0)
		return err_errno(errno, "a temporary file in %s", io_store_name(store));
	*ret = TAKE(s);
	return NULL;
}

void spill_rest(struct spill *s)
{
	for (size_t i = 0; i < s->n; i++)
		madvise(s->segments[i].p, s->segments[i].len, MADV_DONTNEED);
}

/* --- one array --- */

static uint64_t buffer_bytes(const struct bytes *b)
{
	return b ? (b->len + PAD + ALIGN - 1) / ALIGN * ALIGN : 0;
}

static uint64_t all_bytes(const struct array *a)
{
	uint64_t n = buffer_bytes(a->validity) + buffer_bytes(a->offsets) +
		     buffer_bytes(a->data);
	for (size_t i = 0; i < a->n_children; i++)
		n += all_bytes(a->children[i]);
	return n;
}

static struct err *write_all(int fd, const uint8_t *p, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, p, MIN_OF(len, WRITE_BYTES), (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno, "temporary file");
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return NULL;
}

/* The buffer at *off of the segment that begins at s->end. */
static struct err *put_buffer(struct spill *s, const struct segment *to, uint64_t *off,
			      const struct bytes *b, struct bytes **ret)
{
	if (!b)
		return NULL;
	TRY(write_all(s->fd, b->data, b->len, s->end + *off));
	TRY(bytes_borrow(to->p + *off, b->len, ret));
	*off += buffer_bytes(b);
	return NULL;
}

static struct err *put_array(struct spill *s, const struct segment *to, uint64_t *off,
			     const struct array *a, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(a->type, a->n_rows, &out));
	out->n_nulls = a->n_nulls;
	TRY(put_buffer(s, to, off, a->validity, &out->validity));
	TRY(put_buffer(s, to, off, a->offsets, &out->offsets));
	TRY(put_buffer(s, to, off, a->data, &out->data));
	for (size_t i = 0; i < a->n_children; i++)
		TRY(put_array(s, to, off, a->children[i], &out->children[i]));
	*ret = TAKE(out);
	return NULL;
}

static struct err *map_more(struct spill *s, size_t len, struct segment **ret)
{
	TRY(mem_grow(s->n + 1, sizeof(*s->segments), &s->cap, &s->segments));
	if (ftruncate(s->fd, (off_t)(s->end + len)) != 0)
		return err_errno(errno, "temporary file");
	void *p = mmap(NULL, len, PROT_READ, MAP_SHARED, s->fd, (off_t)s->end);
	if (p == MAP_FAILED)
		return err_errno(errno, "mmap of a temporary file");
	s->segments[s->n] = (struct segment){p, len};
	*ret = &s->segments[s->n++];
	return NULL;
}

struct err *spill_array(struct spill *s, const struct array *a, struct array **ret)
{
	struct segment *to;
	uint64_t off = 0;
	uint64_t len = (all_bytes(a) + PAGE - 1) / PAGE * PAGE;
	if (!len)
		return array_slice(a, 0, a->n_rows, ret);
	TRY(map_more(s, (size_t)len, &to));
	TRY(put_array(s, to, &off, a, ret));
	s->end += len;
	return NULL;
}
