// SPDX-License-Identifier: Apache-2.0
/*
 * npy_priv.h: dtypes and headers of npy files, for reading and writing.
 *
 * Source: numpy.lib.format, "NumPy format specification", versions 1.0 to 3.0.
 */
#ifndef LANCEFS_FORMAT_NPY_PRIV_H
#define LANCEFS_FORMAT_NPY_PRIV_H

#include "format/format_priv.h"

#define NPY_MAX_DIMS 32

struct npy_header {
	bool big_endian, fortran;
	uint32_t item_bytes; /* of a value in the file */
	struct type *item;   /* owned: the type of one value */
	int n_dims;
	uint64_t dims[NPY_MAX_DIMS];
};

/* The values at the bottom of fixed-size lists; ret_items: how many a row. */
const struct type *npy_leaf(const struct type *t, uint64_t *ret_items);
/* Fixed width throughout, of a type that NumPy has. */
bool npy_fits(const struct type *t);
/* dtype text of a leaf ("<f4"), its bytes a value. */
void npy_descr(const struct type *leaf, char dst[16], uint32_t *ret_bytes);

/* The dictionary text behind the length.  EINVAL says what NumPy should do. */
MUST_CHECK struct err *npy_parse_header(const char *text, size_t len,
					struct npy_header *ret);

/*
 * Values of one dtype to the data and validity of an array of another type.
 *
 * npy_converts  whether that is possible without loss
 * npy_convert   src: n values; out: an array of n rows without buffers
 */
bool npy_converts(const struct type *from, const struct type *to);
MUST_CHECK struct err *npy_convert(const struct npy_header *h, const uint8_t *src,
				   uint64_t n, struct array *out);

#endif
