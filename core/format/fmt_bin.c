// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_bin.c: the values alone, little-endian, as npy without its header.
 *
 * There is no room for nulls: a column that has one is refused where it is read,
 * because a number in its place would be a wrong value.  Nor is there one for the
 * type: who writes a bin file states it, as in NAME.float32.bin.
 */
#include "format/npy_priv.h"

#include <errno.h>

static bool bin_parses(const struct type *t)
{
	return npy_fits(t) && fmt_npy.parses(t);
}

static bool has_null(const struct array *a)
{
	for (; a; a = a->n_children ? a->children[0] : NULL)
		if (a->n_nulls)
			return true;
	return false;
}

static bool bin_fixed_bytes(const struct field *f, uint64_t n_rows, uint64_t *ret)
{
	return fmt_npy.fixed_bytes(f, n_rows, ret);
}

static struct err *bin_render(const struct field *f, const struct array *a,
			      const struct view_rows *rows, struct chunk *ret)
{
	if (has_null(a))
		return err_new(EINVAL,
			       "column %s has nulls, which bin cannot hold; read it as "
			       "npy, txt or arrow",
			       f->name);
	return fmt_npy.render(f, a, rows, ret);
}

/* The parser is npy's, which is told the header that the type would have. */
static struct err *bin_open(struct parser *p)
{
	AUTO(field) struct field *f = NULL;
	AUTO_BUF struct buf header = {0};
	if (!p->options.type)
		return err_new(
			EINVAL,
			"column %s: a bin file does not tell its type; state it, as "
			"in %s.float32.bin",
			p->options.name, p->options.name);
	TRY(field_new(p->options.name, p->options.type, false, &f));
	TRY(fmt_npy.open(p));
	TRY(fmt_npy.header(f, p->options.n_rows, &header));
	TRY(buf_check(&header));
	return fmt_npy.push(p, header.data, header.len);
}

static struct err *bin_push(struct parser *p, const uint8_t *bytes, size_t len)
{
	return fmt_npy.push(p, bytes, len);
}

static struct err *bin_finish(struct parser *p)
{
	return fmt_npy.finish(p);
}

static bool bin_is_complete(const struct parser *p)
{
	return fmt_npy.is_complete(p);
}

static bool bin_has_row_bytes(const struct parser *p)
{
	return fmt_npy.has_row_bytes(p);
}

static void bin_close(struct parser *p)
{
	fmt_npy.close(p);
}

const struct format_ops fmt_bin = {
	.suffix = "bin",
	.mime = "application/octet-stream",
	.renders = npy_fits,
	.parses = bin_parses,
	.fixed_bytes = bin_fixed_bytes,
	.render = bin_render,
	.open = bin_open,
	.push = bin_push,
	.finish = bin_finish,
	.is_complete = bin_is_complete,
	.has_row_bytes = bin_has_row_bytes,
	.close = bin_close,
};
