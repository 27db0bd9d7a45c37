// SPDX-License-Identifier: Apache-2.0
/*
 * cursor.c: the one place that advances a pointer into untrusted bytes.
 */
#include "base/base.h"

#include <errno.h>
#include <inttypes.h>

static struct err *cursor_need(const struct cursor *c, uint64_t len)
{
	if (len > cursor_left(c))
		return err_new(EIO, "cut short: %" PRIu64 " bytes wanted, %zu left",
			       len, cursor_left(c));
	return NULL;
}

struct err *cursor_read(struct cursor *c, uint64_t len, void *dst)
{
	TRY(cursor_need(c, len));
	memcpy(dst, c->p, (size_t)len);
	c->p += len;
	return NULL;
}

struct err *cursor_u8(struct cursor *c, uint8_t *ret)
{
	return cursor_read(c, sizeof(*ret), ret);
}

struct err *cursor_u16le(struct cursor *c, uint16_t *ret)
{
	return cursor_read(c, sizeof(*ret), ret);
}

struct err *cursor_u32le(struct cursor *c, uint32_t *ret)
{
	return cursor_read(c, sizeof(*ret), ret);
}

struct err *cursor_u64le(struct cursor *c, uint64_t *ret)
{
	return cursor_read(c, sizeof(*ret), ret);
}

struct err *cursor_varint(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;
		TRY(cursor_u8(c, &byte));
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return NULL;
		}
	}
	return err_new(EIO, "varint longer than 64 bits");
}

struct err *cursor_skip(struct cursor *c, uint64_t len)
{
	TRY(cursor_need(c, len));
	c->p += len;
	return NULL;
}

struct err *cursor_sub(struct cursor *c, uint64_t len, struct cursor *ret)
{
	TRY(cursor_need(c, len));
	*ret = (struct cursor){c->p, c->p + len};
	c->p += len;
	return NULL;
}
