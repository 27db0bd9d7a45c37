// SPDX-License-Identifier: Apache-2.0
/*
 * array_priv.h: what the files of the array layer share.
 */
#ifndef LANCEFS_ARRAY_ARRAY_PRIV_H
#define LANCEFS_ARRAY_ARRAY_PRIV_H

#include "array/array.h"

/* How the rows of a type are stored. */
enum layout {
	LAYOUT_NULL,
	LAYOUT_FIXED, /* data: array_value_bits() a row, dictionary indices too */
	LAYOUT_VAR,
	LAYOUT_LIST, /* list, large_list, map */
	LAYOUT_FIXED_LIST,
	LAYOUT_STRUCT,
};

enum layout type_layout(const struct type *t);

/* Bits a row in the data buffer: type_bits(), or the width of the indices of a
 * dictionary. */
uint32_t array_value_bits(const struct type *t);

/* Bytes of a data buffer of n_rows; EOVERFLOW if that is out of reach. */
MUST_CHECK struct err *array_data_bytes(const struct type *t, uint64_t n_rows,
					size_t *ret);

/* Bytes of an offsets buffer of n_rows; EOVERFLOW as above. */
MUST_CHECK struct err *array_offsets_bytes(const struct type *t, uint64_t n_rows,
					   size_t *ret);

/* The index a dictionary array holds in a row; negative ones become huge. */
uint64_t array_index(const struct array *a, uint64_t row);

/* The largest index that a dictionary's index type can hold. */
uint64_t type_index_max(const struct type *t);

#endif
