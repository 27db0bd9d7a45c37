// SPDX-License-Identifier: Apache-2.0
/*
 * cursor.h: reading untrusted bytes.  A cursor borrows its bytes; every read
 * is checked against the end and fails with EIO, "N bytes wanted, M left".
 * Only cursor.c and loops that checked once for n items advance raw pointers.
 */
#ifndef LANCEFS_BASE_CURSOR_H
#define LANCEFS_BASE_CURSOR_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *p, *end;
};

static inline struct cursor cursor_of(const void *p, size_t len)
{
	/* no bytes may be nowhere; adding even 0 to NULL is undefined */
	return (struct cursor){p, p ? (const uint8_t *)p + len : NULL};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

MUST_CHECK struct err *cursor_u8(struct cursor *c, uint8_t *ret);
MUST_CHECK struct err *cursor_u16le(struct cursor *c, uint16_t *ret);
MUST_CHECK struct err *cursor_u32le(struct cursor *c, uint32_t *ret);
MUST_CHECK struct err *cursor_u64le(struct cursor *c, uint64_t *ret);
MUST_CHECK struct err *cursor_varint(struct cursor *c, uint64_t *ret); /* LEB128 */
MUST_CHECK struct err *cursor_skip(struct cursor *c, uint64_t len);
/* The next len bytes as a cursor of their own. */
MUST_CHECK struct err *cursor_sub(struct cursor *c, uint64_t len, struct cursor *ret);
/* Copy the next len bytes. */
MUST_CHECK struct err *cursor_read(struct cursor *c, uint64_t len, void *dst);

/* Unaligned little-endian loads and stores; the caller has checked the bounds. */
#define DEFINE_LE(bits)                                                                \
	static inline uint##bits##_t load_u##bits##le(const void *p)                   \
	{                                                                              \
		uint##bits##_t v;                                                      \
		memcpy(&v, p, sizeof(v));                                              \
		return v;                                                              \
	}                                                                              \
	static inline void store_u##bits##le(void *p, uint##bits##_t v)                \
	{                                                                              \
		memcpy(p, &v, sizeof(v));                                              \
	}
DEFINE_LE(16)
DEFINE_LE(32)
DEFINE_LE(64)
#undef DEFINE_LE

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");

#endif
