// SPDX-License-Identifier: Apache-2.0
/*
 * import_join.c: the columns of a file are joined to the rows that have its keys.
 */
#include "job/import_priv.h"
#include "job/join_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Integers stay what they are, so that a key which the table's type does not hold is
 * one that is not found. */
static bool keeps_type(const struct import *im, const struct field *f,
		       const struct field *now, bool is_key)
{
	bool are_integers =
		type_is_integer(f->type->id) && now && type_is_integer(now->type->id);
	return now && !(is_key && are_integers) &&
	       format_keeps_type(im->format, f->type, now->type);
}

static struct err *settle_type(const struct import *im, struct type *own,
			       struct type **ret)
{
	AUTO(type) struct type *type = NULL;
	TRY(type_new_nested(TYPE_STRUCT, own->n_children, &type));
	for (size_t i = 0; i < own->n_children; i++) {
		struct field *f = own->children[i];
		bool is_key = strcmp(f->name, im->join.key->name) == 0;
		const struct field *now =
			is_key ? im->join.key : version_find_field(im->base, f->name);
		TRY(field_new(f->name,
			      keeps_type(im, f, now, is_key) ? now->type : f->type,
			      true, &type->children[i]));
	}
	*ret = TAKE(type);
	return NULL;
}

static struct err *check_column(const struct import *im, const char *name)
{
	const struct import_join *o = &im->join;
	return o->check ? o->check(o->ctx, name) : NULL;
}

static struct err *open_writer(struct import *im)
{
	size_t n = join_n_columns(im->joined);
	AUTO_MEM struct column_spec *specs = NULL;
	AUTO_MEM char *text = NULL;
	TRY(mem_array(n, sizeof(*specs), &specs));
	TRY(str_printf(&text, "%s on %s", im->text, im->join.key->name));
	for (size_t i = 0; i < n; i++) {
		specs[i] = (struct column_spec){.source = "join", .text = text};
		join_column(im->joined, i, &specs[i]);
		TRY(check_column(im, specs[i].name));
	}
	return column_writer_open(im->table, im->base, specs, n, &im->columns);
}

static struct err *open_join(struct import *im, struct type *type)
{
	struct join_options options = {
		.key = im->join.key,
		.on_missing = im->join.on_missing,
		.file = type,
	};
	TRY(join_new(im->table, im->base, &options, &im->joined));
	return open_writer(im);
}

static struct err *push(struct import *im, struct array *batch)
{
	return join_push(im->joined, batch);
}

static struct err *commit(struct import *im, char *note, struct version **ret)
{
	struct join_counts counts;
	AUTO_MEM char *text = NULL;
	free(note); /* it is of a column */
	TRY(join_run(im->joined, im->columns));
	join_count(im->joined, &counts);
	if (im->join.counts)
		*im->join.counts = counts;
	TRY(str_printf(
		&text, "joined %s on %s: %" PRIu64 " rows matched, %" PRIu64 " did not",
		im->text, im->join.key->name, counts.n_matched, counts.n_unmatched));
	column_writer_note(im->columns, TAKE(text));
	return column_writer_commit(TAKE(im->columns), ret);
}

static void abort_join(struct import *im)
{
	column_writer_abort(TAKE(im->columns));
	join_free(TAKE(im->joined));
}

const struct import_kind_ops import_join = {
	.place = "joins",
	.is_table = true,
	.takes_any_rows = true,
	.settle_type = settle_type,
	.open = open_join,
	.push = push,
	.commit = commit,
	.abort = abort_join,
};

/* --- keys --- */

bool column_is_key(const struct field *f)
{
	return type_is_key(f->type) && !field_is_blob(f);
}

struct err *join_key(const struct version *v, const char *name, struct field **ret)
{
	AUTO_MEM char *type = NULL;
	struct field *f = version_find_field(v, name);
	if (!f)
		f = version_system_field(v, name);
	if (!f)
		return err_new(ENOENT, "no column '%s'", name);
	TRY(type_format(f->type, &type));
	if (!column_is_key(f))
		return err_new(EINVAL,
			       "column '%s' of type %s cannot be a key: those are "
			       "integers, text, times and bytes",
			       name, type);
	*ret = f;
	return NULL;
}
