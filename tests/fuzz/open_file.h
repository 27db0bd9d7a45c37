// SPDX-License-Identifier: Apache-2.0
/*
 * open_file.h: bytes as a data file, opened and read by its own schema.
 *
 * Whatever opens must give arrays that hold their invariants, or errors, and a
 * part must equal the slice of the whole.  Files may claim any number of rows, so
 * only the first few are read, and fewer of wide values.
 */
#ifndef LANCEFS_FUZZ_OPEN_FILE_H
#define LANCEFS_FUZZ_OPEN_FILE_H

#include "file/file.h"

#include "input.h"

#define ALL_FIELDS SIZE_MAX
#define MAX_ROW_BYTES ((uint64_t)16 << 20)

static inline struct err *read_range(struct file_reader *r, const struct field *f,
				     const struct file_map *map, uint64_t first,
				     uint64_t end, struct array **ret)
{
	TRY(file_read(r, f, map, first, end, ret));
	must(array_validate(*ret));
	MUST_HOLD((*ret)->n_rows == end - first);
	return NULL;
}

static inline struct err *read_field(struct file_reader *r, const struct field *f,
				     const struct file_map *map, uint64_t n_rows)
{
	AUTO(array) struct array *whole = NULL;
	AUTO(array) struct array *part = NULL;
	AUTO(array) struct array *slice = NULL;
	struct blob_place place;
	uint64_t row_bytes = type_row_bits(f->type) / 8;
	n_rows = MIN_OF(n_rows, MAX_ROW_BYTES / MAX_OF(row_bytes, 1u));
	uint64_t n_bytes, first = n_rows / 2, end = n_rows - n_rows / 3;
	err_free(file_field_bytes(r, f, map, &n_bytes)); /* any error will do */
	if (field_is_blob(f) && n_rows) {
		struct err *err = file_blob_place(r, f, map, first, &place);
		blob_place_fini(&place);
		return err;
	}
	TRY(read_range(r, f, map, 0, n_rows, &whole));
	TRY(read_range(r, f, map, first, end, &part));
	must(array_slice(whole, first, end, &slice));
	MUST_HOLD(array_equal(slice, part));
	return NULL;
}

static inline void read_fields(struct file_reader *r, struct field **fields, size_t n,
			       uint64_t max_rows, size_t only)
{
	struct file_columns columns;
	uint64_t n_rows;
	must(file_columns_of(file_reader_version(r), fields, n, &columns));
	must(file_reader_rows(r, &n_rows));
	n_rows = MIN_OF(n_rows, max_rows);
	for (size_t i = 0; i < n; i++) /* errors are what damaged files should give */
		if (only == ALL_FIELDS || i == only % n)
			err_free(read_field(r, fields[i], &columns.map, n_rows));
	file_columns_fini(&columns);
}

/* only: the number of the field to read, modulo how many there are. */
static inline struct err *open_file(const void *p, size_t len, uint64_t max_rows,
				    size_t only)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(io_file) struct io_file *file = NULL;
	AUTO(file_reader) struct file_reader *r = NULL;
	struct field **fields;
	size_t n;
	must(io_store_new_memory(&store));
	must(io_put(store, "fuzz.lance", p, len));
	must(io_open(store, "fuzz.lance", &file));
	TRY(file_reader_open(file, &r));
	TRY(file_reader_schema(r, &fields, &n));
	read_fields(r, fields, n, max_rows, only);
	fields_free(fields, n);
	return NULL;
}

#endif
