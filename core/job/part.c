// SPDX-License-Identifier: Apache-2.0
/*
 * part.c: row ranges of several columns, and data files that come to nothing.
 */
#include "job/part_priv.h"

struct err *part_new(size_t n, struct part *ret)
{
	ret->n = n;
	return mem_array(n, sizeof(struct array *), &ret->arrays);
}

struct err *part_cut(struct array *const *columns, size_t n, uint64_t first,
		     uint64_t n_rows, struct part *ret)
{
	TRY(part_new(n, ret));
	for (size_t i = 0; i < n; i++)
		if (n_rows == columns[i]->n_rows)
			ret->arrays[i] = array_ref(columns[i]);
		else
			TRY(array_slice(columns[i], first, first + n_rows,
					&ret->arrays[i]));
	return NULL;
}

void part_fini(struct part *p)
{
	for (size_t i = 0; p->arrays && i < p->n; i++)
		array_unref(p->arrays[i]);
	free(p->arrays);
}

struct err *new_file_path(const char *name, char **ret)
{
	return str_printf(ret, "data/%s", name);
}

void new_file_remove(struct io_store *store, const struct log *log, const char *name)
{
	AUTO_MEM char *path = NULL;
	struct err *err = new_file_path(name, &path);
	if (!err)
		err = io_remove(store, path);
	if (err)
		log_line(log, LEVEL_WARN, "left behind: %s", err->msg);
	err_free(err); /* unreferenced: cleanup finds it */
}
