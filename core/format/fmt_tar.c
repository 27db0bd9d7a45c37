// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_tar.c: binary values as the members of an archive, 0000017.jpg.
 *
 * What tar x makes of it is the column's directory: a null is no member.  The suffix
 * is the field's metadata, else bin; values are not looked at.
 */
#include "format/tar_priv.h"

#include <inttypes.h>
#include <stdio.h>

#define EXTENSION_MAX 16
#define END_BLOCKS 2

static bool is_binary(const struct type *t)
{
	return type_is_binary(t->id) || t->id == TYPE_FIXED_BINARY;
}

uint32_t tar_checksum(const struct tar_header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	const uint8_t *own = (const uint8_t *)h->checksum;
	uint32_t sum = 0;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += p + i >= own && p + i < own + sizeof(h->checksum) ? ' ' : p[i];
	return sum;
}

/* --- names --- */

/* Letters and digits, so that it is one everywhere. */
static bool is_extension(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "0123456789");
	return n && n <= EXTENSION_MAX && !s[n];
}

static const char *extension(const struct field *f)
{
	const char *said = field_metadata(f, "lancefs:extension");
	const char *mime = field_metadata(f, "mime");
	const char *slash = mime ? strchr(mime, '/') : NULL;
	if (said && is_extension(said))
		return said;
	if (mime && strcmp(mime, "image/jpeg") == 0)
		return "jpg";
	return slash && is_extension(slash + 1) ? slash + 1 : "bin";
}

/* As many digits as the directory's names have. */
static int row_digits(uint64_t n_rows)
{
	int n = 7;
	for (uint64_t v = n_rows / 10000000; v; v /= 10)
		n++;
	return n;
}

/* --- out --- */

static const uint8_t *value_at(const struct array *a, uint64_t row, uint64_t *ret_len)
{
	if (type_is_var(a->type->id))
		return array_var(a, row, ret_len);
	*ret_len = (uint64_t)a->type->byte_width;
	return a->data->data + row * *ret_len;
}

static uint64_t padded(uint64_t len)
{
	return div_ceil(len, (uint64_t)TAR_BLOCK) * TAR_BLOCK;
}

static struct err *tar_measure(const struct field *f, const struct array *a,
			       uint64_t first, uint64_t end, uint64_t *ret)
{
	(void)f;
	*ret = 0;
	for (uint64_t row = first; row < end; row++) {
		uint64_t len;
		if (array_is_null(a, row))
			continue;
		value_at(a, row, &len);
		*ret += TAR_BLOCK + padded(len);
	}
	return NULL;
}

static void put_header(const char *name, uint64_t len, struct buf *out)
{
	struct tar_header h = {.mode = "0000644",
			       .uid = "0000000",
			       .gid = "0000000",
			       .mtime = "00000000000",
			       .type = '0',
			       .magic = "ustar",
			       .version = {'0', '0'}};
	memcpy(h.name, name, strlen(name));
	snprintf(h.size, sizeof(h.size), "%011" PRIo64, len);
	snprintf(h.checksum, sizeof(h.checksum), "%06o", tar_checksum(&h));
	h.checksum[7] = ' ';
	buf_append(out, &h, sizeof(h));
}

static struct err *tar_render(const struct field *f, const struct array *a,
			      const struct view_rows *rows, struct chunk *ret)
{
	AUTO_BUF struct buf out = {0};
	int digits = row_digits(rows->n_rows);
	for (uint64_t row = 0; row < a->n_rows; row++) {
		char name[64];
		uint64_t len;
		if (array_is_null(a, row))
			continue;
		const uint8_t *p = value_at(a, row, &len);
		snprintf(name, sizeof(name), "%0*" PRIu64 ".%s", digits,
			 rows->first + row, extension(f));
		put_header(name, len, &out);
		buf_append(&out, p, len);
		buf_zero(&out, padded(len) - len);
	}
	return chunk_of_buf(&out, ret);
}

static struct err *tar_footer(const struct view_layout *l, struct buf *out)
{
	(void)l;
	buf_zero(out, (size_t)END_BLOCKS * TAR_BLOCK);
	return buf_check(out);
}

static struct err *tar_footer_bytes(const struct view_layout *l, uint64_t *ret)
{
	(void)l;
	*ret = (uint64_t)END_BLOCKS * TAR_BLOCK;
	return NULL;
}

const struct format_ops fmt_tar = {
	.suffix = "tar",
	.mime = "application/x-tar",
	.renders = is_binary,
	.parses = is_binary,
	.footer = tar_footer,
	.footer_bytes = tar_footer_bytes,
	.measure = tar_measure,
	.render = tar_render,
	.open = tar_open,
	.push = tar_push,
	.finish = tar_finish,
	.is_complete = tar_is_complete,
	.has_row_bytes = tar_has_row_bytes,
	.close = tar_close,
};
