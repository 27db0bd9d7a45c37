// SPDX-License-Identifier: Apache-2.0
/*
 * import_rows.c: the rows of a file are appended.
 *
 * The file's columns are those of the table, by name; what it lacks is null.
 */
#include "job/import_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Blobs are kept in files of their own, which nothing here writes. */
static bool is_taken(const struct field *f)
{
	return !field_is_blob(f);
}

static struct err *wanted_type(const struct import *im, struct type *stated,
			       struct type **ret)
{
	AUTO(type) struct type *type = NULL;
	size_t n = 0;
	(void)stated;
	for (size_t i = 0; i < version_n_fields(im->base); i++)
		n += is_taken(version_field(im->base, i));
	TRY(type_new_nested(TYPE_STRUCT, n, &type));
	n = 0;
	for (size_t i = 0; i < version_n_fields(im->base); i++)
		if (is_taken(version_field(im->base, i)))
			type->children[n++] = field_ref(version_field(im->base, i));
	*ret = TAKE(type);
	return NULL;
}

static struct err *open_rows(struct import *im, struct type *type)
{
	struct row_target target = {
		.store = table_store(im->table),
		.log = table_log(im->table),
		.storage = version_storage(im->base),
		.fields = type->children,
		.n_fields = type->n_children,
	};
	return row_writer_open(&target, &im->rows);
}

static struct err *push(struct import *im, struct array *batch)
{
	return row_writer_push(im->rows, batch->children);
}

static struct err *commit(struct import *im, char *note, struct version **ret)
{
	AUTO_MEM char *message = NULL;
	free(note); /* it is of a column */
	if (!row_writer_rows(im->rows))
		return err_new(EINVAL, "there are no rows to append");
	TRY(str_printf(&message, "appended %" PRIu64 " rows of %s",
		       row_writer_rows(im->rows), im->text));
	return row_writer_append(TAKE(im->rows), im->table, im->base, message, ret);
}

static void abort_rows(struct import *im)
{
	row_writer_abort(TAKE(im->rows));
}

const struct import_kind_ops import_rows = {
	.place = "append",
	.is_table = true,
	.takes_any_rows = true,
	.wanted_type = wanted_type,
	.open = open_rows,
	.push = push,
	.commit = commit,
	.abort = abort_rows,
};
