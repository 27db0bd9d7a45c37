// SPDX-License-Identifier: Apache-2.0
/*
 * flatbuf.h: reading FlatBuffers from untrusted bytes, as Arrow's IPC messages
 * use them.  A table is a position in a buffer; every access is checked, and an
 * absent field gives its default.
 * Source: the FlatBuffers internals document.
 */
#ifndef LANCEFS_BASE_FLATBUF_H
#define LANCEFS_BASE_FLATBUF_H

#include "base/cursor.h"

#include <stdbool.h>

struct fb_table {
	struct cursor all; /* the whole buffer; borrowed */
	uint64_t pos;	   /* of the table */
	uint64_t vtable;   /* of its vtable */
	uint16_t vtable_len;
};

struct fb_vector {
	const uint8_t *items; /* n * stride bytes, borrowed */
	uint32_t n;
};

MUST_CHECK struct err *fb_root(struct cursor all, struct fb_table *ret);
/* Scalar field number `field` of `size` (1, 2, 4, 8) bytes, sign-extended. */
MUST_CHECK struct err *fb_scalar(const struct fb_table *t, unsigned field,
				 unsigned size, int64_t absent, int64_t *ret);
MUST_CHECK struct err *fb_child(const struct fb_table *t, unsigned field,
				bool *ret_found, struct fb_table *ret);
/* A vector of structs or scalars of `stride` bytes; absent: n = 0. */
MUST_CHECK struct err *fb_vector(const struct fb_table *t, unsigned field,
				 size_t stride, struct fb_vector *ret);
/* Table i of a vector of tables, which was read with a stride of 4. */
MUST_CHECK struct err *fb_item(const struct fb_table *t, const struct fb_vector *v,
			       uint32_t i, struct fb_table *ret);

#endif
