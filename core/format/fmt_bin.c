// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_bin.c: the values alone, little-endian, as npy without its header.
 *
 * There is no room for nulls: a column that has one is refused where it is read,
 * because a number in its place would be a wrong value.
 */
#include "format/npy_priv.h"

#include <errno.h>

static bool bin_parses(const struct type *t)
{
	(void)t;
	return false;
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
			      struct chunk *ret)
{
	if (has_null(a))
		return err_new(EINVAL,
			       "column %s has nulls, which bin cannot hold; read it as "
			       "npy, txt or arrow",
			       f->name);
	return fmt_npy.render(f, a, ret);
}

const struct format_ops fmt_bin = {
	.suffix = "bin",
	.mime = "application/octet-stream",
	.renders = npy_fits,
	.parses = bin_parses,
	.fixed_bytes = bin_fixed_bytes,
	.render = bin_render,
};
