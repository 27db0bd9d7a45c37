// SPDX-License-Identifier: Apache-2.0
/*
 * import_column.c: a file becomes a column, or each of its columns one.
 *
 * A column that is replaced keeps its type where the file leaves a choice.
 */
#include "job/import_priv.h"

static struct err *describe_column(struct import *im)
{
	const struct field *f = im->described;
	for (size_t i = 0; f && i < f->n_metadata; i++)
		TRY(column_writer_describe(im->columns, 0, f->metadata[i].key,
					   f->metadata[i].value,
					   f->metadata[i].value_len));
	return NULL;
}

static struct err *commit(struct import *im, char *note, struct version **ret)
{
	column_writer_note(im->columns, note);
	TRY(describe_column(im));
	return column_writer_commit(TAKE(im->columns), ret);
}

static void abort_columns(struct import *im)
{
	column_writer_abort(TAKE(im->columns));
}

/* --- one column --- */

/* Binary formats bring their type; a replacement of another type is taken. */
static struct err *wanted_type(const struct import *im, struct type *stated,
			       struct type **ret)
{
	const struct field *f = version_find_field(im->base, im->name);
	bool keeps = !stated && f && !format_brings_type(im->format) &&
		     format_parses(im->format, f->type);
	struct type *type = keeps ? f->type : stated;
	*ret = type ? type_ref(type) : NULL;
	return NULL;
}

static struct err *open_one(struct import *im, struct type *type)
{
	struct column_spec spec = {
		.name = im->name,
		.type = type,
		.source = "file",
		.text = im->text,
	};
	return column_writer_open(im->table, im->base, &spec, 1, &im->columns);
}

static struct err *push_one(struct import *im, struct array *batch)
{
	return column_writer_push(im->columns, &batch);
}

const struct import_kind_ops import_one_column = {
	.place = "columns",
	.wanted_type = wanted_type,
	.open = open_one,
	.push = push_one,
	.commit = commit,
	.abort = abort_columns,
};

/* --- each column of the file --- */

/* A file of one column is named as a file is; more have their own names. */
static const char *column_name(const struct import *im, const struct type *table,
			       size_t i)
{
	bool is_one = table->n_children == 1 && !strchr(im->name, '.');
	return is_one ? im->name : table->children[i]->name;
}

/* What is there already keeps its type, if values of the file's can be of it. */
static struct err *settle_type(const struct import *im, struct type *own,
			       struct type **ret)
{
	AUTO(type) struct type *type = NULL;
	TRY(type_new_nested(TYPE_STRUCT, own->n_children, &type));
	for (size_t i = 0; i < own->n_children; i++) {
		struct field *f = own->children[i];
		const struct field *now =
			version_find_field(im->base, column_name(im, own, i));
		bool keeps = now && format_keeps_type(im->format, f->type, now->type);
		TRY(field_new(f->name, keeps ? now->type : f->type, true,
			      &type->children[i]));
	}
	*ret = TAKE(type);
	return NULL;
}

static struct err *open_all(struct import *im, struct type *type)
{
	AUTO_MEM struct column_spec *specs = NULL;
	TRY(mem_array(type->n_children, sizeof(*specs), &specs));
	for (size_t i = 0; i < type->n_children; i++)
		specs[i] = (struct column_spec){
			.name = column_name(im, type, i),
			.type = type->children[i]->type,
			.source = "file",
			.text = im->text,
		};
	return column_writer_open(im->table, im->base, specs, type->n_children,
				  &im->columns);
}

static struct err *push_all(struct import *im, struct array *batch)
{
	return column_writer_push(im->columns, batch->children);
}

const struct import_kind_ops import_columns = {
	.place = "columns",
	.is_table = true,
	.settle_type = settle_type,
	.open = open_all,
	.push = push_all,
	.commit = commit,
	.abort = abort_columns,
};
