// SPDX-License-Identifier: Apache-2.0
/*
 * mem.c: checked allocation and shared byte runs.
 */
#include "base/base.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

#define KEEP_BYTES (32 << 20) /* the most that M_MMAP_THRESHOLD takes */

void auto_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

void mem_keep_freed(void)
{
	mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
	mallopt(M_ARENA_MAX, 4);
}

struct err *mem_array(size_t n, size_t size, void *ret)
{
	size_t total;
	if (ckd_mul(&total, n, size))
		return err_nomem();
	void *p = calloc(total ? total : 1, 1);
	if (!p)
		return err_nomem();
	*(void **)ret = p;
	return NULL;
}

struct err *mem_resize(size_t n, size_t size, void *ptr)
{
	size_t total;
	if (ckd_mul(&total, n, size))
		return err_nomem();
	void *p = realloc(*(void **)ptr, total ? total : 1);
	if (!p)
		return err_nomem();
	*(void **)ptr = p;
	return NULL;
}

struct err *mem_grow(size_t n, size_t size, size_t *cap, void *ptr)
{
	if (n <= *cap)
		return NULL;
	size_t want = *cap < 8 ? 8 : *cap;
	while (want < n)
		if (ckd_add(&want, want, want / 2 + 1))
			return err_nomem();
	TRY(mem_resize(want, size, ptr));
	*cap = want;
	return NULL;
}

#define BYTES_ALIGN 64

static struct err *bytes_alloc(size_t len, struct bytes **ret)
{
	size_t total;
	if (ckd_add(&total, len, (size_t)3 * BYTES_ALIGN))
		return err_nomem();
	total -= total % BYTES_ALIGN;
	uint8_t *p = aligned_alloc(BYTES_ALIGN, total);
	if (!p)
		return err_nomem();
	struct bytes *b = (struct bytes *)(void *)p;
	atomic_init(&b->refs, 1);
	b->len = len;
	b->data = p + BYTES_ALIGN;
	*ret = b;
	return NULL;
}

struct err *bytes_new(size_t len, struct bytes **ret)
{
	TRY(bytes_alloc(len, ret));
	memset((*ret)->data + len, 0, BYTES_ALIGN);
	return NULL;
}

struct err *bytes_new_zero(size_t len, struct bytes **ret)
{
	TRY(bytes_alloc(len, ret));
	memset((*ret)->data, 0, len + BYTES_ALIGN);
	return NULL;
}

struct err *bytes_borrow(void *data, size_t len, struct bytes **ret)
{
	struct bytes *b = malloc(sizeof(*b));
	if (!b)
		return err_nomem();
	atomic_init(&b->refs, 1);
	b->len = len;
	b->data = data;
	*ret = b;
	return NULL;
}

struct bytes *bytes_ref(struct bytes *b)
{
	if (b)
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void bytes_unref(struct bytes *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}
