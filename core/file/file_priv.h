// SPDX-License-Identifier: Apache-2.0
/*
 * file_priv.h: shared inside core/file: the open reader, its columns, and the
 * facts about fields that decide which columns there are.
 */
#ifndef LANCEFS_FILE_FILE_PRIV_H
#define LANCEFS_FILE_FILE_PRIV_H

#include "encoding/encoding.h"
#include "file/file.h"

#define EXTENSION_KEY "ARROW:extension:name"
#define LANCE_FOOTER_LEN 40
#define LANCE_MAGIC "LANC"

/* --- versions, types, fields --- */

void version_numbers(enum lance_version v, uint16_t *ret_major, uint16_t *ret_minor);
/* EOPNOTSUPP for names of nested or unknown types. */
MUST_CHECK struct err *logical_type_parse(const char *name, struct type **ret);

/* One column in 2.1 and later, none for its children. */
bool field_is_leaf(const struct field *f);

/* --- v01.c: files of version 0.1 --- */

struct v01_file;
/* Read the metadata of an open file. */
MUST_CHECK struct err *v01_open(struct io_file *file, struct v01_file **ret);
void v01_free(struct v01_file *f); /* accepts NULL */
uint64_t v01_rows(const struct v01_file *f);
/* file_read. */
MUST_CHECK struct err *read_v01(struct file_reader *r, const struct field *field,
				const struct file_map *map, uint64_t first,
				uint64_t end, struct array **ret);
/* Add the bytes of a field's pages. */
MUST_CHECK struct err *v01_field_bytes(struct file_reader *r, const struct field *field,
				       const struct file_map *map, uint64_t *total);

/* --- columns of an open file --- */

/* The pages of a column opened for one shape. */
struct column_view {
	struct column_view *next;
	struct leaf_shape shape; /* owned */
	struct page **pages;	 /* owned references; guarded by the reader's lock */
};

struct column {
	Lance__File__ColumnMetadata *meta; /* owned */
	uint64_t *first_row;		   /* owned: n_pages + 1 */
	struct column_view *views;	   /* owned; guarded by the reader's lock */
};

struct file_reader {
	atomic_int refs;
	struct io_file *file; /* owned reference */
	enum lance_version version;
	uint32_t n_columns, n_globals;
	uint64_t meta_offsets, global_offsets; /* file positions of the tables */
	pthread_mutex_t lock;
	struct column **columns; /* owned; NULL: not read yet; guarded by .lock */
	uint64_t page_bytes;	 /* of open pages; guarded by .lock */
	bool has_rows;		 /* guarded by .lock */
	uint64_t n_rows;	 /* guarded by .lock */
	struct v01_file *v01;	 /* owned; NULL: another version */
	struct field **schema;	 /* owned; NULL: not read yet; guarded by .lock */
	size_t n_schema;	 /* guarded by .lock */
};

/* Column i with its metadata, read on the first call; borrowed from r. */
MUST_CHECK struct err *column_get(struct file_reader *r, uint32_t i,
				  struct column **ret);
void column_free(struct column *c);
/* The page of row; row < all rows. */
size_t column_find_page(const struct column *c, uint64_t row);
/* The descriptor of a page: the value of its Any, whose type must be named type. */
MUST_CHECK struct err *page_descriptor(const Lance__File__Encoding *e, const char *type,
				       Lance__File__Any **ret);
/* Bytes of a page's buffers; ctx of a page_source is a struct page_io. */
struct page_io {
	struct io_file *file;
	const uint64_t *offsets;
};
MUST_CHECK struct err *page_io_read(void *ctx, unsigned buffer, uint64_t off,
				    size_t len, void *dst);
/* Rows [first, end) of a leaf column of a file from 2.1 on, appended. */
MUST_CHECK struct err *column_read(struct file_reader *r, uint32_t column,
				   const struct leaf_shape *shape, uint64_t first,
				   uint64_t end, struct slots *out);
/* page_nulls over the pages of a range. */
MUST_CHECK struct err *column_nulls(struct file_reader *r, uint32_t column,
				    const struct leaf_shape *shape, uint64_t first,
				    uint64_t end, uint8_t *is_null, bool *ret_known);
/* Column of a field id, -1 if the map does not name it. */
int64_t map_column(const struct file_map *map, int32_t id);

/* file_read_nulls of a blob field, from its descriptors. */
MUST_CHECK struct err *blob_nulls(struct file_reader *r, const struct field *field,
				  const struct file_map *map, uint64_t first,
				  uint64_t end, uint8_t *ret);

/* The type whose values the leaf column of f holds: f's own, or of a packed struct the
 * one with the members that it was written with; borrowed from f or r. */
MUST_CHECK struct err *packed_type(struct file_reader *r, const struct field *f,
				   struct type **ret);
/* An array of packed_type as one of the field's type: members by their ids, null
 * where the file has none. */
MUST_CHECK struct err *packed_select(struct array *a, struct type *wanted,
				     struct array **ret);

/* Values as a dictionary array of type t, equal ones once. */
MUST_CHECK struct err *dictionary_make(struct values *v, struct type *t,
				       struct bytes *validity, struct array **ret);

/* file_read from 2.1 on, and for 2.0. */
MUST_CHECK struct err *read_leaves(struct file_reader *r, const struct field *field,
				   const struct file_map *map, uint64_t first,
				   uint64_t end, struct array **ret);
MUST_CHECK struct err *read_v20(struct file_reader *r, const struct field *field,
				const struct file_map *map, uint64_t first,
				uint64_t end, struct array **ret);

#endif
