// SPDX-License-Identifier: Apache-2.0
/*
 * limits.h: the ceilings.  A size that comes from a file passes one of these
 * before it reaches the allocator.
 */
#ifndef LANCEFS_BASE_LIMITS_H
#define LANCEFS_BASE_LIMITS_H

#include <stdint.h>

#define LIMIT_MANIFEST_BYTES ((uint64_t)1 << 30)      /* one manifest file */
#define LIMIT_COLUMN_META_BYTES ((uint64_t)256 << 20) /* one column's metadata */
#define LIMIT_COLUMNS ((uint32_t)1 << 20)	      /* columns of a data file */
#define LIMIT_PAGE_ROWS ((uint64_t)1 << 32)	      /* rows one page may claim */
#define LIMIT_BUFFER_BYTES ((uint64_t)4 << 30)	      /* one decoded buffer */
#define LIMIT_VALUE_BYTES ((uint64_t)2 << 30)	      /* one value of a row */
#define LIMIT_ROW_BYTES ((uint64_t)64 << 20)	      /* a null row */
#define LIMIT_CATALOG_ROWS ((uint64_t)1 << 22) /* objects in a directory of tables */
#define LIMIT_DICTIONARY_BYTES ((uint64_t)256 << 20) /* one page's dictionary */
#define LIMIT_CHUNK_BYTES ((uint64_t)64 << 20)	     /* one mini-block, expanded */
#define LIMIT_NESTING 64			     /* depth of types and encodings */
#define LIMIT_NAME_BYTES 65536			     /* a column name */
#define LIMIT_LINE_BYTES ((uint64_t)1 << 30)	     /* one line of a text file */

#endif
