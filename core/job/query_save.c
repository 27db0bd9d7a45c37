// SPDX-License-Identifier: Apache-2.0
/*
 * query_save.c: the rows of a SELECT, kept as a table.
 */
#include "job/part_priv.h"

#include <stdio.h>

struct saving {
	struct io_store *store;	   /* borrowed */
	struct row_writer *writer; /* owned; NULL before the rows begin */
};

static struct err *saved_field(const struct field *from, size_t i, int32_t *next,
			       struct field **ret)
{
	AUTO(field) struct field *f = NULL;
	char name[24];
	snprintf(name, sizeof(name), "c%zu", i);
	TRY(field_new(name, from->type, true, &f));
	TRY(field_copy_metadata(f, from));
	TRY(field_set_metadata(f, QUERY_NAME_KEY, from->name, strlen(from->name)));
	/* a type is shared with the table it comes from: members get ids in a copy */
	return field_copy(f, next, ret);
}

static struct err *begin(void *ctx, struct field *rows)
{
	struct saving *s = ctx;
	size_t n = rows->type->n_children;
	struct field **fields;
	struct err *err = NULL;
	int32_t next = 0;
	TRY(mem_array(n, sizeof(struct field *), &fields));
	for (size_t i = 0; i < n && !err; i++)
		err = saved_field(rows->type->children[i], i, &next, &fields[i]);
	struct row_target target = {.store = s->store,
				    .storage = LANCE_2_2,
				    .fields = fields,
				    .n_fields = n};
	if (!err)
		err = row_writer_open(&target, &s->writer);
	for (size_t i = 0; i < n; i++)
		if (fields[i])
			field_unref(fields[i]);
	free(fields);
	return err;
}

static struct err *take_rows(void *ctx, struct array *rows)
{
	struct saving *s = ctx;
	return row_writer_push(s->writer, rows->children);
}

struct err *query_save(const struct query_env *env, const char *sql,
		       struct io_store *store, struct table **ret)
{
	struct saving s = {.store = store};
	struct query_sink sink = {begin, take_rows, &s};
	struct err *err = query_run(env, sql, &sink);
	if (!err)
		return row_writer_create(s.writer, ret);
	row_writer_abort(s.writer);
	return err;
}
