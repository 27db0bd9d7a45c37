// SPDX-License-Identifier: Apache-2.0
/*
 * writer_priv.h: a data file being written, and its columns being filled.
 */
#ifndef LANCEFS_FILE_WRITER_PRIV_H
#define LANCEFS_FILE_WRITER_PRIV_H

#include "file/file_priv.h"

#define WRITER_MAX_DEPTH (LIMIT_NESTING / 2)

enum column_kind { COLUMN_LEAF, COLUMN_V20_LIST, COLUMN_V20_STRUCT };

/* A column's rows since its last page. */
struct out_column {
	enum column_kind kind;
	const struct field *field; /* borrowed from the writer's fields */
	bool is_only_taken;	   /* its values cannot be encoded, only pages taken */
	/* leaves of 2.1 and later: children to take from the top to the leaf */
	size_t path[WRITER_MAX_DEPTH];
	struct leaf_shape shape; /* owned */
	struct slots slots;	 /* owned: leaves */
	struct grow ends;	 /* lists of 2.0: uint64 a row */
	struct grow is_null;	 /* lists of 2.0: bool a row */
	uint64_t n_items;	 /* lists of 2.0: items so far in the page */
	uint64_t n_rows, first_row;
	struct buf pages; /* the Page messages so far, as fields of ColumnMetadata */
};

struct file_writer {
	struct io_writer *out; /* owned */
	char *path;	       /* owned, for messages */
	enum lance_version version;
	struct field **fields; /* owned references */
	size_t n_fields;
	struct out_column *columns; /* owned */
	size_t n_columns;
	size_t *first_column; /* owned; of each field, and the end */
	uint64_t *field_rows; /* owned; rows so far, one a field */
	bool takes_pages;     /* columns that cannot be encoded are let in */
	atomic_bool failed;   /* only abort is possible */
	pthread_mutex_t lock; /* the file's end; held while a page is written */
};

/* The column of a file that a column of the writer can be taken out of; NULL: none, its
 * values must be decoded. */
MUST_CHECK struct err *take_source(const struct out_column *c, struct file_reader *r,
				   const struct file_map *map, struct column **ret);
/* Append bytes of a file. */
MUST_CHECK struct err *take_bytes(struct file_writer *w, struct io_file *from,
				  uint64_t off, uint64_t len);
/* Can the field's own values not be encoded? */
bool column_is_only_read(const struct field *f);
/* The columns of one top-level field, [first, end). */
struct out_columns {
	struct out_column *first, *end; /* borrowed from the writer */
};
struct out_columns writer_columns(struct file_writer *w, size_t top);
/* Append rows [first, end) of a top-level array to a column of its field. */
MUST_CHECK struct err *shred(struct out_column *c, struct array *top, uint64_t first,
			     uint64_t end);
/* The same for all columns of a field of a 2.0 file; *next is the first of them and
 * becomes the one behind the last. */
MUST_CHECK struct err *shred_v20(struct out_column **next, const struct array *a,
				 uint64_t first, uint64_t end);
/* Bytes waiting for a page. */
uint64_t out_column_bytes(const struct out_column *c);
/* Write what waits as a page; nothing if no row does. */
MUST_CHECK struct err *out_column_flush(struct file_writer *w, struct out_column *c);
/* Append a page's message to a column's metadata.  encoding: that of the page. */
MUST_CHECK struct err *out_column_put_page(const struct file_writer *w,
					   struct out_column *c,
					   Lance__File__Page *page);
/* The same of an encoded page, whose buffers lie there. */
MUST_CHECK struct err *out_column_put(const struct file_writer *w, struct out_column *c,
				      struct encoded_page *e, uint64_t n_rows,
				      uint64_t *offsets, uint64_t *sizes);
/* Align the file to 64 bytes. */
MUST_CHECK struct err *writer_align(struct file_writer *w);

#endif
