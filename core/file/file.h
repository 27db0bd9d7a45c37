// SPDX-License-Identifier: Apache-2.0
/*
 * file.h: one Lance data file, read and written.
 *
 * A data file holds columns, each cut into pages of its own; there are no row
 * groups.  Which physical columns make up a field is said by the manifest
 * (struct file_map), not by the file.  Readers open lazily: the footer at
 * open, a column's metadata when that column is first read, a page's index
 * when a row of it is.
 *
 * File versions 2.0, 2.1 and 2.2 are read and written, 0.1 and 2.3 are only read.  In
 * 2.0 a page is a tree of array encodings and lists and structs have columns of their
 * own; from 2.1 on only leaves have columns, and nesting is told by repetition and
 * definition levels or, in 2.3, by sparse structure.
 *
 * A reader is internally locked: any thread.  A writer: one thread at a
 * time, but for what says otherwise.
 * Source: file2.proto; Lance's docs, "File Format".
 */
#ifndef LANCEFS_FILE_FILE_H
#define LANCEFS_FILE_FILE_H

#include "array/array.h"
#include "io/io.h"
#include "proto/proto.h"

/* --- types and their names in the format --- */

enum lance_version {
	LANCE_0_1,
	LANCE_2_0,
	LANCE_2_1,
	LANCE_2_2,
	LANCE_2_3,
};

/* "2.1"; for messages and manifests. */
const char *lance_version_name(enum lance_version v);
/* From a manifest's data_format.version.  EOPNOTSUPP, naming it. */
MUST_CHECK struct err *lance_version_parse(const char *name, enum lance_version *ret);

/* From the two numbers of a footer or a manifest's DataFile.  EOPNOTSUPP, naming them.
 */
MUST_CHECK struct err *lance_version_of_numbers(uint32_t major, uint32_t minor,
						enum lance_version *ret);

/*
 * Fields from the flat list in which manifests and files keep them, pre-order
 * with parent ids.  protos are borrowed.  ret_fields receives an array of
 * *ret_n top-level fields that the caller owns; a field whose logical type is
 * unknown, or takes over LIMIT_ROW_BYTES a row, becomes TYPE_NULL with metadata
 * "lancefs:unknown-type".
 * EIO: no parent, absurd nesting.
 */
MUST_CHECK struct err *fields_from_proto(Lance__File__Field *const *protos, size_t n,
					 struct field ***ret_fields, size_t *ret_n);
void fields_free(struct field **fields, size_t n);
/*
 * The reverse, for manifests and file descriptors: ids, parent ids, logical
 * types and metadata of the tree, pre-order.  ret receives *ret_n messages, each
 * to be freed with proto_free, in an array to be freed with free.
 */
MUST_CHECK struct err *fields_to_proto(struct field *const *fields, size_t n,
				       Lance__File__Field ***ret, size_t *ret_n);
/* The logical type string of a type ("fixed_size_list:float:768").  EOPNOTSUPP
 * if the format has none. */
MUST_CHECK struct err *logical_type_format(const struct type *t, char **ret);

/* --- reading --- */

struct file_reader;

/* The values of a dictionary-typed field of 0.1 files, which lie in the manifest. */
struct field_dictionary {
	int32_t field_id;
	struct array *values; /* owned by who keeps them */
};
/* Read one: n values of a type at an offset of the manifest file. */
MUST_CHECK struct err *v01_dictionary(struct type *t, struct bytes *manifest,
				      uint64_t at, uint64_t n, struct array **ret);

/* Which physical column holds which field id, as DataFile.fields and
 * .column_indices say.  Borrowed by every call that takes it. */
struct file_map {
	const int32_t *field_ids;
	const int32_t *columns; /* NULL: of a 0.1 file, which has none */
	size_t n;
	const struct field_dictionary *dictionaries; /* of 0.1 files */
	size_t n_dictionaries;
};

/* The map of a file that holds all of some fields, in order: what writers do. */
struct file_columns {
	struct file_map map; /* points to the two below */
	int32_t *field_ids;  /* owned */
	int32_t *columns;    /* owned */
};
MUST_CHECK struct err *file_columns_of(enum lance_version version,
				       struct field *const *fields, size_t n,
				       struct file_columns *ret);
void file_columns_fini(struct file_columns *c);

/*
 * Open a data file: reads its footer.  The file is referenced, not taken.
 * Errors: EIO not a data file or cut short, EOPNOTSUPP other versions; the
 * message names the file.
 */
MUST_CHECK struct err *file_reader_open(struct io_file *file, struct file_reader **ret);
struct file_reader *file_reader_ref(struct file_reader *r);
void file_reader_unref(struct file_reader *r);
DEFINE_AUTO(file_reader, file_reader_unref)

enum lance_version file_reader_version(const struct file_reader *r);
uint32_t file_reader_n_columns(const struct file_reader *r);

/* The value of a key of the schema's metadata, the caller's; *ret stays NULL without
 * one.  Reads the descriptor. */
MUST_CHECK struct err *file_reader_metadata(struct file_reader *r, const char *key,
					    char **ret);
/* Rows of the file, from its descriptor (read on the first call). */
MUST_CHECK struct err *file_reader_rows(struct file_reader *r, uint64_t *ret);

/* The schema in the file itself, for files without a manifest: *ret_n top-level
 * fields, freed with fields_free.  Reads the descriptor. */
MUST_CHECK struct err *file_reader_schema(struct file_reader *r,
					  struct field ***ret_fields, size_t *ret_n);

/*
 * Rows [first, end) of one top-level field, deleted rows included.
 *
 * field  its ids are looked up in map; children that map does not name are
 *        null; the field itself must be there (or have a child that is)
 * ret    an array of field->type that the caller owns
 *
 * Reads only what the range needs: chunks of mini-blocks that overlap it, the
 * row index and the bytes of full-zip rows.  EIO names file, column, page.
 */
MUST_CHECK struct err *file_read(struct file_reader *r, const struct field *field,
				 const struct file_map *map, uint64_t first,
				 uint64_t end, struct array **ret);

/*
 * Which of rows [first, end) of a field are null: a byte a row, 1 for null.
 * Reads no large values: a million images cost their row index.
 */
MUST_CHECK struct err *file_read_nulls(struct file_reader *r, const struct field *field,
				       const struct file_map *map, uint64_t first,
				       uint64_t end, uint8_t *is_null);

/*
 * Blobs: values of any size that lie outside their column.  The type of such a
 * field is large_binary; file_read refuses it with EOPNOTSUPP, because an array
 * would hold them all.
 */
bool field_is_blob(const struct field *f);

/* Is it a struct whose members lie together, in one column of its own? */
bool field_is_packed(const struct field *f);

/* Is it one of the extension type that 2.2 came with? */
bool field_is_blob_v2(const struct field *f);

/* Where the bytes of one blob lie. */
enum blob_where {
	BLOB_IN_DATA_FILE,
	BLOB_BESIDE,   /* in a file beside the data file: .path, as the data file's */
	BLOB_AT_URI,   /* .path is an absolute URI */
	BLOB_IN_BASE,  /* .path is relative to base path .base of the manifest */
	BLOB_IN_TABLE, /* .path is relative to the table that the data file is of */
};
struct blob_place {
	bool is_null;
	bool is_to_end; /* .size is not told: up to the end of the file */
	enum blob_where where;
	uint32_t base;
	uint64_t offset, size;
	char *path; /* owned; NULL: the data file */
};
void blob_place_fini(struct blob_place *p);
/*
 * The place of one row of a blob field; reads its descriptor.  Neither offset
 * nor size is checked against the file, nor who may read what .path says.
 */
MUST_CHECK struct err *file_blob_place(struct file_reader *r, const struct field *field,
				       const struct file_map *map, uint64_t row,
				       struct blob_place *ret);
/* The file that is read; borrowed. */
struct io_file *file_reader_file(const struct file_reader *r);

/* Bytes on disk of a field's pages; those of blobs are not counted. */
MUST_CHECK struct err *file_field_bytes(struct file_reader *r,
					const struct field *field,
					const struct file_map *map, uint64_t *ret);

/* --- writing --- */

struct file_writer;

/* What a finished file says of itself, for a manifest's DataFile. */
struct file_written {
	uint64_t size_bytes;
	uint64_t n_rows;
	size_t n_columns;
	int32_t *field_ids; /* owned; parallel to columns */
	int32_t *columns;   /* owned */
};
void file_written_fini(struct file_written *w);

/*
 * A new data file at path (relative to the store; must not exist) for the
 * given top-level fields, whose ids are set.  fields are referenced.
 */
MUST_CHECK struct err *file_writer_open(struct io_store *store, const char *path,
					enum lance_version version,
					struct field *const *fields, size_t n_fields,
					struct file_writer **ret);

/*
 * Append rows: one array a field, all of the same length, in any batch size.
 * Pages are cut at about 8 MiB a column and written as they fill, so memory
 * stays bounded.  EOPNOTSUPP if the version cannot hold a value (null structs
 * in 2.0, maps before 2.2).
 */
MUST_CHECK struct err *file_writer_write(struct file_writer *w,
					 struct array *const *columns);

/* The same of one top-level field, by its index; at the end all have as many rows.
 * Different fields may be written by threads at the same time. */
MUST_CHECK struct err *file_writer_write_field(struct file_writer *w, size_t top,
					       struct array *a);

/*
 * A new data file, as by file_writer_open, that takes pages out of others too.  It may
 * have fields whose values cannot be encoded, but not blobs: values of theirs can only
 * be taken.
 */
MUST_CHECK struct err *file_writer_open_taking(struct io_store *store, const char *path,
					       enum lance_version version,
					       struct field *const *fields,
					       size_t n_fields,
					       struct file_writer **ret);
/* Rows [first, end) of a file, whose pages can be taken as they are. */
struct page_span {
	uint64_t first, end;
	uint64_t bytes; /* of the pages' buffers */
};
/*
 * The spans that a top-level field of w can be taken in from a file of n_rows rows: a
 * page each, or one with all rows if it has several columns.  Ascending, without
 * gaps; *ret_n is 0 if values must be decoded, for the file is of another version or
 * holds other members.  The caller frees the array.
 */
MUST_CHECK struct err *file_writer_spans(struct file_writer *w, size_t top,
					 struct file_reader *r,
					 const struct file_map *map, uint64_t n_rows,
					 struct page_span **ret, size_t *ret_n);
/* Append the rows of a span, encoded as they are: a copy of bytes. */
MUST_CHECK struct err *file_writer_take(struct file_writer *w, size_t top,
					struct file_reader *r,
					const struct file_map *map,
					const struct page_span *span);
/* A run of rows. */
struct row_run {
	uint64_t first, end;
};
/*
 * The same of some rows of a span, in ascending runs: a page of their bytes. *ret_taken
 * is false, and nothing is done, if they must be decoded: they do not lie in the page
 * as runs of bytes.
 */
MUST_CHECK struct err *
file_writer_take_runs(struct file_writer *w, size_t top, struct file_reader *r,
		      const struct file_map *map, const struct page_span *span,
		      const struct row_run *runs, size_t n, bool *ret_taken);
/* Does every version of the field's values have to be taken?  Blobs cannot even be. */
bool field_is_only_taken(const struct field *f);

/* Write what is left, the metadata and the footer; fsync; close.  Takes w,
 * also on failure (the file is then removed). */
MUST_CHECK struct err *file_writer_finish(struct file_writer *w,
					  struct file_written *ret);
/* Remove the file.  Accepts NULL. */
void file_writer_abort(struct file_writer *w);
DEFINE_AUTO(file_writer, file_writer_abort)

#endif
