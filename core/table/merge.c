// SPDX-License-Identifier: Apache-2.0
/*
 * merge.c: a nested column whose parts lie in several data files.
 *
 * A nested field that was added later has a file of its own, which tells the
 * outer structure again; each file gives the column with the parts that it has
 * and nulls elsewhere.  The parts are put together along the tree: structure and
 * validity from the first file that has any of it.
 * Source: Lance's docs, "Schema evolution"; observed with pylance 14.0.2.
 */
#include "table/table_priv.h"

#include <errno.h>

size_t fragment_files(const struct fragment *f, const struct field *field,
		      const Lance__Table__DataFile **ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < f->proto->n_files && n < max; i++)
		if (data_file_has(f->proto->files[i], field))
			ret[n++] = f->proto->files[i];
	return n;
}

/* Child `i` of those parts whose file has any of it. */
static struct err *merge_child(const struct field *child, size_t i,
			       const struct column_part *parts, size_t n,
			       struct array **ret)
{
	struct column_part some[MAX_PARTS];
	size_t n_some = 0;
	for (size_t k = 0; k < n; k++)
		if (data_file_has(parts[k].file, child))
			some[n_some++] = (struct column_part){
				parts[k].file, parts[k].array->children[i]};
	if (n_some == 0) { /* in no file: null, as each part says */
		*ret = array_ref(parts[0].array->children[i]);
		return NULL;
	}
	return parts_merge(child, some, n_some, ret);
}

struct err *parts_merge(const struct field *field, const struct column_part *parts,
			size_t n, struct array **ret)
{
	const struct array *outer = parts[0].array;
	AUTO(array) struct array *a = NULL;
	if (n == 1 || outer->n_children == 0 || outer->type->id == TYPE_FIXED_LIST ||
	    outer->type->id == TYPE_DICTIONARY) {
		*ret = array_ref(parts[0].array);
		return NULL;
	}
	for (size_t k = 1; k < n; k++)
		if (parts[k].array->n_rows != outer->n_rows)
			return err_new(
				EIO,
				"column %s: its files disagree on the number of items",
				field->name);
	TRY(array_new(outer->type, outer->n_rows, &a));
	a->n_nulls = outer->n_nulls;
	a->validity = bytes_ref(outer->validity);
	a->offsets = bytes_ref(outer->offsets);
	for (size_t i = 0; i < a->n_children; i++)
		TRY(merge_child(field->type->children[i], i, parts, n,
				&a->children[i]));
	*ret = TAKE(a);
	return NULL;
}
