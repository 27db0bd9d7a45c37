// SPDX-License-Identifier: Apache-2.0
/*
 * mem.h: allocation that cannot overflow, and locals that release themselves.
 *
 * AUTO(kind) struct kind *x = NULL;   released by kind_free at scope end
 * *ret = TAKE(x);                     hands over, leaves NULL behind
 *
 * Each object that wants AUTO declares DEFINE_AUTO(kind, release_function).
 */
#ifndef LANCEFS_BASE_MEM_H
#define LANCEFS_BASE_MEM_H

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define DEFINE_AUTO(kind, release)                                                     \
	static inline void auto_##kind(struct kind **p)                                \
	{                                                                              \
		if (*p)                                                                \
			release(*p);                                                   \
	}

#define AUTO(kind) __attribute__((cleanup(auto_##kind)))

static inline void auto_mem(void *p)
{
	free(*(void **)p);
}
#define AUTO_MEM __attribute__((cleanup(auto_mem)))

static inline void auto_err(struct err **p)
{
	err_free(*p);
}
#define AUTO_ERR __attribute__((cleanup(auto_err)))

void auto_fd(const int *fd);
#define AUTO_FD __attribute__((cleanup(auto_fd)))

#define TAKE(p)                                                                        \
	({                                                                             \
		__typeof__(p) take_ = (p);                                             \
		(p) = NULL;                                                            \
		take_;                                                                 \
	})

/* For main: keep freed memory for the next batch instead of giving it back and
 * faulting it in again, up to some tens of MiB; a scan is twice as fast. */
void mem_keep_freed(void);

/* n * size bytes, zeroed; n * size == 0 gives a non-NULL pointer.  ENOMEM,
 * also when the product overflows.  ret receives memory the caller owns. */
MUST_CHECK struct err *mem_array(size_t n, size_t size, void *ret);

/* One zeroed object. */
#define mem_new(ret) mem_array(1, sizeof(**(ret)), (ret))

/* Grow *ptr to hold n items; new items are not initialised.  On failure *ptr
 * is as it was. */
MUST_CHECK struct err *mem_resize(size_t n, size_t size, void *ptr);

/* Amortised growth: make *ptr hold at least n items, *cap its capacity. */
MUST_CHECK struct err *mem_grow(size_t n, size_t size, size_t *cap, void *ptr);

/*
 * A shared run of bytes: reference counted, immutable once a second reference
 * exists.  64-byte aligned, with 64 readable zero bytes behind len so that
 * kernels may load whole words.
 */
struct bytes {
	atomic_int refs;
	size_t len;
	uint8_t *data;
};

/* len bytes, zeroed only in the padding.  ret: the caller owns a reference. */
MUST_CHECK struct err *bytes_new(size_t len, struct bytes **ret);
MUST_CHECK struct err *bytes_new_zero(size_t len, struct bytes **ret);
/* A run of somebody's memory, which outlives it and has 64 zero bytes behind it. */
MUST_CHECK struct err *bytes_borrow(void *data, size_t len, struct bytes **ret);
struct bytes *bytes_ref(struct bytes *b); /* accepts NULL */
void bytes_unref(struct bytes *b);	  /* accepts NULL */
DEFINE_AUTO(bytes, bytes_unref)

#endif
