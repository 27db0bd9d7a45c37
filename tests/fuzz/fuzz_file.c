// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_file.c: any bytes as a data file: footer, descriptor, and all fields.
 *
 * Whatever opens must give arrays that hold their invariants, or errors.  Files
 * may claim any number of rows, so only the first few thousand are read.
 */
#include "file/file.h"

#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ROWS 5000
#define NAME "fuzz.lance"

static struct io_store *open_store(void)
{
	char dir[] = "/tmp/lancefs-fuzz-XXXXXX";
	struct io_store *store;
	if (!mkdtemp(dir) || io_store_open_local(dir, &store))
		abort();
	return store;
}

static struct err *read_field(struct file_reader *r, const struct field *f,
			      const struct file_map *map, uint64_t first, uint64_t end)
{
	AUTO(array) struct array *a = NULL;
	TRY(file_read(r, f, map, first, end, &a));
	struct err *err = array_validate(a);
	if (err || a->n_rows != end - first)
		abort();
	return NULL;
}

static void read_fields(struct file_reader *r, struct field **fields, size_t n)
{
	struct file_columns columns;
	uint64_t n_rows;
	struct err *err = file_columns_of(file_reader_version(r), fields, n, &columns);
	if (err)
		abort();
	err = file_reader_rows(r, &n_rows);
	if (err)
		abort();
	n_rows = MIN_OF(n_rows, (uint64_t)MAX_ROWS);
	for (size_t i = 0; i < n; i++) {
		/* errors are what damaged files should give */
		err_free(read_field(r, fields[i], &columns.map, 0, n_rows));
		err_free(read_field(r, fields[i], &columns.map, n_rows / 2,
				    n_rows - n_rows / 3));
	}
	file_columns_fini(&columns);
}

static struct err *read_all(struct io_store *store)
{
	AUTO(io_file) struct io_file *file = NULL;
	AUTO(file_reader) struct file_reader *r = NULL;
	struct field **fields;
	size_t n;
	TRY(io_open(store, NAME, &file));
	TRY(file_reader_open(file, &r));
	TRY(file_reader_schema(r, &fields, &n));
	read_fields(r, fields, n);
	fields_free(fields, n);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct io_store *store = open_store();
	char link[64], dir[64] = {0};
	snprintf(link, sizeof(link), "/proc/self/fd/%d", io_store_fd(store));
	if (readlink(link, dir, sizeof(dir) - 1) < 0 || io_put(store, NAME, data, size))
		abort();
	err_free(read_all(store)); /* any error will do */
	err_free(io_remove(store, NAME));
	io_store_unref(store);
	rmdir(dir);
	return 0;
}
