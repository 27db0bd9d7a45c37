// SPDX-License-Identifier: Apache-2.0
/*
 * rows.c: what a program over the installed library looks like: opens a dataset
 * and prints the first rows of its captions.
 */
#include <inttypes.h>
#include <lancefs.h>

static struct err *run(const char *path)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	TRY(io_store_open_local(path, &store));
	TRY(table_open(store, NULL, &table));
	AUTO(version) struct version *v = table_latest(table);
	AUTO(array) struct array *rows = NULL;
	TRY(version_read(v, version_find_field(v, "caption"), 0, 3, &rows));
	for (uint64_t i = 0, len; i < rows->n_rows; i++) {
		const uint8_t *text = array_var(rows, i, &len);
		printf("%" PRIu64 ": %.*s\n", i, (int)len, (const char *)text);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct err *err = run(argc > 1 ? argv[1] : ".");
	if (!err)
		return 0;
	fprintf(stderr, "%s\n", err->msg);
	err_free(err);
	return 1;
}
