// SPDX-License-Identifier: Apache-2.0
/*
 * buf.c: the growing byte buffer.
 */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.limit = b->limit};
}

static bool buf_reserve(struct buf *b, size_t n)
{
	size_t want;
	if (b->failed || ckd_add(&want, b->len, n) || (b->limit && want > b->limit)) {
		b->failed = true;
		return false;
	}
	struct err *err = mem_grow(want, 1, &b->cap, &b->data);
	if (err) {
		err_free(err); /* latched; buf_check makes a new one */
		b->failed = true;
		return false;
	}
	return true;
}

uint8_t *buf_room(struct buf *b, size_t n)
{
	if (!buf_reserve(b, n))
		return NULL;
	uint8_t *p = b->data + b->len;
	b->len += n;
	return p;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
	uint8_t *dst = n ? buf_room(b, n) : NULL;
	if (dst)
		memcpy(dst, p, n);
}

void buf_byte(struct buf *b, uint8_t byte)
{
	uint8_t *dst = buf_room(b, 1);
	if (dst)
		*dst = byte;
}

void buf_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !buf_reserve(b, (size_t)len + 1)) {
		b->failed = true;
		return;
	}
	va_start(args, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, args);
	va_end(args);
	b->len += (size_t)len;
}

void buf_zero(struct buf *b, size_t n)
{
	uint8_t *dst = n ? buf_room(b, n) : NULL;
	if (dst)
		memset(dst, 0, n);
}

void buf_u16le(struct buf *b, uint16_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_u32le(struct buf *b, uint32_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_u64le(struct buf *b, uint64_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_json_string(struct buf *b, const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s, *end = p + len;
	buf_byte(b, '"');
	while (p < end) {
		size_t n = utf8_sequence(p, (size_t)(end - p));
		if (n == 0) {
			buf_str(b, "\\ufffd");
			p++;
		} else if (*p == '"' || *p == '\\') {
			buf_byte(b, '\\');
			buf_byte(b, *p++);
		} else if (*p >= '\b' && *p <= '\r' && *p != '\v') {
			buf_byte(b, '\\');
			buf_byte(b, (uint8_t) "btn?fr"[*p++ - '\b']);
		} else if (*p < 0x20) {
			buf_printf(b, "\\u%04x", *p++);
		} else {
			buf_append(b, p, n);
			p += n;
		}
	}
	buf_byte(b, '"');
}

void buf_time(struct buf *b, int64_t ns)
{
	char text[40];
	struct tm tm;
	int64_t part = ns % 1000000000;
	time_t seconds = (time_t)(ns / 1000000000);
	if (part < 0) { /* of the second that began before */
		part += 1000000000;
		seconds--;
	}
	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		text[0] = 0;
	buf_printf(b, "%s.%03dZ", text, (int)(part / 1000000));
}

struct err *buf_check(const struct buf *b)
{
	if (!b->failed)
		return NULL;
	if (b->limit && b->len >= b->limit / 2)
		return err_new(EFBIG, "larger than the limit of %llu bytes",
			       (unsigned long long)b->limit);
	return err_nomem();
}

struct err *buf_take_str(struct buf *b, char **ret)
{
	buf_byte(b, 0);
	TRY(buf_check(b));
	*ret = (char *)b->data;
	*b = (struct buf){.limit = b->limit};
	return NULL;
}
