// SPDX-License-Identifier: Apache-2.0
/*
 * row_writer.c: whole rows into data files, which become fragments at the commit.
 */
#include "job/part_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Rows of a fragment, as pylance cuts them. */
#define FILE_ROWS ((uint64_t)1 << 20)

struct row_writer {
	struct io_store *store; /* owned reference */
	const struct log *log;	/* borrowed; may be NULL */
	enum lance_version storage;
	struct field **fields; /* owned, each a reference */
	size_t n;
	uint64_t n_rows;	  /* taken */
	uint64_t file_rows;	  /* of the file that is being written */
	struct file_writer *file; /* owned; NULL between files */
	char *file_name;	  /* owned; of .file */
	struct column_file *done; /* owned */
	size_t n_done, cap_done;
};

static void writer_free(struct row_writer *w)
{
	file_writer_abort(w->file);
	new_files_free(w->done, w->n_done);
	free(w->file_name);
	fields_free(w->fields, w->n);
	io_store_unref(w->store);
	free(w);
}

void row_writer_abort(struct row_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_done; i++)
		new_file_remove(w->store, w->log, w->done[i].name);
	writer_free(w);
}

struct err *row_writer_open(const struct row_target *target, struct row_writer **ret)
{
	AUTO(row_writer) struct row_writer *w = NULL;
	TRY(mem_new(&w));
	w->store = io_store_ref(target->store);
	w->log = target->log;
	w->storage = target->storage;
	TRY(mem_array(target->n_fields, sizeof(struct field *), &w->fields));
	for (; w->n < target->n_fields; w->n++)
		w->fields[w->n] = field_ref(target->fields[w->n]);
	*ret = TAKE(w);
	return NULL;
}

static struct err *begin_file(struct row_writer *w)
{
	AUTO_MEM char *path = NULL;
	free(TAKE(w->file_name));
	TRY(data_file_name(&w->file_name));
	TRY(new_file_path(w->file_name, &path));
	w->file_rows = 0;
	return file_writer_open(w->store, path, w->storage, w->fields, w->n, &w->file);
}

static struct err *end_file(struct row_writer *w)
{
	if (!w->file)
		return NULL;
	TRY(mem_grow(w->n_done + 1, sizeof(*w->done), &w->cap_done, &w->done));
	struct column_file *done = &w->done[w->n_done];
	*done = (struct column_file){.physical_rows = w->file_rows};
	TRY(file_writer_finish(TAKE(w->file), &done->written));
	done->name = TAKE(w->file_name);
	w->n_done++;
	return NULL;
}

static struct err *check_nulls(const struct row_writer *w, struct array *const *columns)
{
	for (size_t i = 0; i < w->n; i++) {
		uint64_t row = 0;
		if (w->fields[i]->nullable || !columns[i]->n_nulls)
			continue;
		while (!array_is_null(columns[i], row))
			row++;
		return err_new(
			EINVAL,
			"column '%s' must not be null, but it is in row %" PRIu64,
			w->fields[i]->name, w->n_rows + row);
	}
	return NULL;
}

struct err *row_writer_push(struct row_writer *w, struct array *const *columns)
{
	uint64_t n_rows = columns[0]->n_rows;
	TRY(check_nulls(w, columns));
	for (uint64_t done = 0; done < n_rows;) {
		AUTO_PART struct part part = {0};
		if (!w->file)
			TRY(begin_file(w));
		uint64_t n = MIN_OF(n_rows - done, FILE_ROWS - w->file_rows);
		TRY(part_cut(columns, w->n, done, n, &part));
		TRY(file_writer_write(w->file, part.arrays));
		done += n;
		w->file_rows += n;
		w->n_rows += n;
		if (w->file_rows == FILE_ROWS)
			TRY(end_file(w));
	}
	return NULL;
}

uint64_t row_writer_rows(const struct row_writer *w)
{
	return w->n_rows;
}

/* Free w; its files stay if a version has, or may have, them. */
static void leave(struct row_writer *w, bool is_published)
{
	if (is_published)
		writer_free(w);
	else
		row_writer_abort(w);
}

struct err *row_writer_append(struct row_writer *w, struct table *t,
			      struct version *base, const char *message,
			      struct version **ret)
{
	struct row_commit c = {.base = base, .message = message};
	struct err *err = end_file(w);
	if (!err) {
		c.files = w->done;
		c.n_files = w->n_done;
		err = table_commit_rows(t, &c, ret);
	}
	leave(w, c.is_published);
	return err;
}

struct err *row_writer_move(struct row_writer *w, struct table *t,
			    struct row_choice *rows, struct field *const *changed,
			    size_t n, const char *message, struct version **ret)
{
	struct row_move m = {
		.rows = rows, .changed = changed, .n_changed = n, .message = message};
	struct err *err = end_file(w);
	if (!err) {
		m.files = w->done;
		m.n_files = w->n_done;
		err = table_move_rows(t, &m, ret);
	}
	leave(w, m.is_published);
	return err;
}

struct err *row_writer_create(struct row_writer *w, struct table **ret)
{
	struct new_table spec = {
		.fields = w->fields,
		.n_fields = w->n,
		.storage = w->storage,
	};
	struct err *err = end_file(w);
	if (!err) {
		spec.files = w->done;
		spec.n_files = w->n_done;
		err = table_create(w->store, w->log, &spec, ret);
	}
	leave(w, spec.is_published);
	return err;
}
