// SPDX-License-Identifier: Apache-2.0
/*
 * places.c: the directories that files are dropped into, and what becomes of them.
 */
#include "staging_priv.h"

#include <errno.h>

const char *place_name(const struct drop_place *place)
{
	return place->name;
}

/* --- columns/ --- */

static struct err *begin_column(struct staged *s, const char *name)
{
	AUTO_MEM char *column = NULL;
	AUTO(type) struct type *type = NULL;
	struct import_spec spec = {.kind = IMPORT_COLUMN, .text = name};
	TRY(column_file_parse(s->base, name, &column, &type, &spec.format));
	if (list_has(s->mount->server->options.protect, column) &&
	    version_find_field(s->base, column))
		return err_new(EPERM,
			       "column '%s' is protected (protect= in the mount's "
			       "configuration)",
			       column);
	spec.name = column;
	spec.type = s->type ? s->type : type;
	TRY(import_open(s->mount->table, s->base, &spec, &s->import));
	s->replaces = version_find_field(s->base, column) != NULL;
	free(s->column);
	s->column = TAKE(column);
	return NULL;
}

const struct drop_place place_columns = {
	.name = "columns",
	.holds_columns = true,
	.begin = begin_column,
};

/* --- append/ --- */

static struct err *begin_rows(struct staged *s, const char *name)
{
	struct import_spec spec = {.kind = IMPORT_ROWS, .name = name, .text = name};
	TRY(rows_file_parse(name, &spec.format));
	return import_open(s->mount->table, s->base, &spec, &s->import);
}

const struct drop_place place_append = {
	.name = "append",
	.begin = begin_rows,
};

static struct err *append_list(struct mount *m, struct handle *h, uint64_t off,
			       const struct list_sink *sink)
{
	(void)h;
	staging_list(m, &place_append, 0, off, sink);
	return NULL;
}

/* Files that were appended are gone: only what is being written is there. */
const struct node_ops append_ops = {
	.kind = "append",
	.mode = S_IFDIR | 0755,
	.drops = &place_append,
	.list = append_list,
};
