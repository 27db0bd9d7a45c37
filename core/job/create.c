// SPDX-License-Identifier: Apache-2.0
/*
 * create.c: a new table, of the rows of a file or of a part of another table.
 */
#include "job/part_priv.h"

#include <errno.h>
#include <inttypes.h>

#define BATCH_ROWS ((uint64_t)8192)
#define BATCH_BYTES ((uint64_t)8 << 20)

static struct err *open_writer(const struct create_spec *spec, struct field **fields,
			       size_t n, struct row_writer **ret)
{
	struct row_target target = {
		.store = spec->store,
		.log = spec->log,
		.storage = spec->storage,
		.fields = fields,
		.n_fields = n,
	};
	if (!n)
		return err_new(EINVAL, "a table has one column at least");
	return row_writer_open(&target, ret);
}

static void tell(const struct create_spec *spec, uint64_t done, uint64_t total)
{
	if (spec->progress.tell)
		spec->progress.tell(spec->progress.ctx, done, total);
}

/* --- from a file --- */

struct file_rows {
	const struct create_spec *spec;
	struct row_writer *writer; /* owned */
};

static void auto_file_rows(struct file_rows *f)
{
	row_writer_abort(f->writer);
}

static struct err *begin_rows(void *ctx, struct type *type)
{
	struct file_rows *f = ctx;
	int32_t next = 0;
	for (size_t i = 0; i < type->n_children; i++)
		TRY(field_number(type->children[i], &next));
	return open_writer(f->spec, type->children, type->n_children, &f->writer);
}

static struct err *take_rows(void *ctx, struct array *batch)
{
	struct file_rows *f = ctx;
	return row_writer_push(f->writer, batch->children);
}

struct err *create_from_file(const struct create_spec *spec,
			     const struct format_ops *format,
			     const struct import_bytes *bytes, struct table **ret)
{
	__attribute__((cleanup(auto_file_rows))) struct file_rows f = {.spec = spec};
	struct rows_file file = {.format = format,
				 .bytes = *bytes,
				 .total = spec->total,
				 .progress = spec->progress,
				 .begin = begin_rows,
				 .rows = take_rows,
				 .ctx = &f};
	TRY(rows_file_read(&file));
	return row_writer_create(TAKE(f.writer), ret);
}

/* --- from another table --- */

struct columns {
	const struct field **from; /* owned array of borrowed fields */
	struct field **to;	   /* owned, each a reference */
	size_t n;
};

static void auto_columns(struct columns *c)
{
	for (size_t i = 0; c->to && i < c->n; i++)
		field_unref(c->to[i]);
	free(c->to);
	free(c->from);
}

static struct err *add_column(struct columns *c, const struct field *f, int32_t *next)
{
	if (field_is_blob(f))
		return err_new(
			EOPNOTSUPP,
			"column '%s' holds blobs, which are not copied; name the "
			"other columns in --columns",
			f->name);
	TRY(field_copy(f, next, &c->to[c->n]));
	c->from[c->n++] = f;
	return NULL;
}

static struct err *choose_columns(const struct version *v, const char *const *names,
				  size_t n, struct columns *ret)
{
	size_t n_all = names ? n : version_n_fields(v);
	int32_t next = 0;
	TRY(mem_array(n_all, sizeof(struct field *), &ret->to));
	TRY(mem_array(n_all, sizeof(const struct field *), &ret->from));
	for (size_t i = 0; i < n_all; i++) {
		const struct field *f =
			names ? version_find_field(v, names[i]) : version_field(v, i);
		if (!f)
			return err_new(ENOENT, "no column '%s'", names[i]);
		TRY(add_column(ret, f, &next));
	}
	return NULL;
}

/* Rows [first, end) of all columns; *ret_bytes: what they take. */
static struct err *copy_rows(struct version *v, const struct columns *c, uint64_t first,
			     uint64_t end, struct row_writer *w, uint64_t *ret_bytes)
{
	AUTO_PART struct part rows = {0};
	*ret_bytes = 0;
	TRY(part_new(c->n, &rows));
	for (size_t i = 0; i < c->n; i++) {
		TRY(version_read(v, c->from[i], first, end, &rows.arrays[i]));
		*ret_bytes += array_bytes(rows.arrays[i]);
	}
	return row_writer_push(w, rows.arrays);
}

struct err *create_from_version(const struct create_spec *spec, struct version *from,
				const char *const *names, size_t n, uint64_t limit,
				struct table **ret)
{
	__attribute__((cleanup(auto_columns))) struct columns c = {0};
	AUTO(row_writer) struct row_writer *w = NULL;
	uint64_t n_rows = MIN_OF(limit, version_rows(from)), batch = 64;
	TRY(choose_columns(from, names, n, &c));
	TRY(open_writer(spec, c.to, c.n, &w));
	for (uint64_t row = 0; row < n_rows;) {
		uint64_t end = MIN_OF(row + batch, n_rows), bytes;
		TRY(copy_rows(from, &c, row, end, w, &bytes));
		batch = BATCH_BYTES / (bytes / (end - row) + 1);
		batch = MAX_OF((uint64_t)1, MIN_OF(batch, BATCH_ROWS));
		row = end;
		tell(spec, row, n_rows);
	}
	return row_writer_create(TAKE(w), ret);
}
