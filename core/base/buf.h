// SPDX-License-Identifier: Apache-2.0
/*
 * buf.h: a growing byte buffer with a named ceiling.
 *
 * Appending is infallible to write and checked once: a failed append latches
 * and every later one is a no-op, so renderers append freely and ask
 * buf_check() at the end.
 */
#ifndef LANCEFS_BASE_BUF_H
#define LANCEFS_BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* owned */
	size_t len, cap;
	uint64_t limit; /* 0: no ceiling of its own */
	bool failed;
};

void buf_fini(struct buf *b);
static inline void auto_buf(struct buf *b)
{
	buf_fini(b);
}
#define AUTO_BUF __attribute__((cleanup(auto_buf)))

/* Room for n more bytes: a pointer to them, or NULL (and latched failure). */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_append(struct buf *b, const void *p, size_t n);
void buf_byte(struct buf *b, uint8_t byte);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_zero(struct buf *b, size_t n);
void buf_u16le(struct buf *b, uint16_t v);
void buf_u32le(struct buf *b, uint32_t v);
void buf_u64le(struct buf *b, uint64_t v);
/* s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void buf_json_string(struct buf *b, const char *s, size_t len);
/* Nanoseconds since the epoch as a time of RFC 3339, in UTC, to the millisecond. */
void buf_time(struct buf *b, int64_t ns);
/* NULL, or ENOMEM / EFBIG if any append failed. */
MUST_CHECK struct err *buf_check(const struct buf *b);
/* NUL-terminate and hand over as a string; the buffer is empty afterwards. */
MUST_CHECK struct err *buf_take_str(struct buf *b, char **ret);

#endif
