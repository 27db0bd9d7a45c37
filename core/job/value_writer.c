// SPDX-License-Identifier: Apache-2.0
/*
 * value_writer.c: columns of fragments written anew, with new values for some rows.
 *
 * Rows come in order.  What lies between them is read and goes with them to the
 * fragment's file; fragments without any are passed over.
 */
#include "job/part_priv.h"
#include "job/rows_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Old values copied at once: bounded by their bytes as well as by their number. */
#define BATCH_ROWS ((uint64_t)8192)
#define BATCH_BYTES ((uint64_t)8 << 20)

struct value_writer {
	struct table *table;	 /* owned reference */
	struct version *base;	 /* owned reference */
	struct row_choice *rows; /* owned */
	struct field **fields;	 /* owned, each a reference */
	size_t n;
	size_t fragment;	  /* the one being written */
	uint64_t next;		  /* live row of base to be written next */
	uint64_t copy_rows;	  /* how many old ones go at once */
	struct file_writer *file; /* owned; NULL between fragments */
	char *file_name;	  /* owned; of .file */
	struct column_file *done; /* owned, room for each fragment */
	size_t n_done;
};

static void writer_free(struct value_writer *w)
{
	file_writer_abort(w->file);
	new_files_free(w->done, w->n_done);
	free(w->file_name);
	fields_free(w->fields, w->n);
	row_choice_free(w->rows);
	version_unref(w->base);
	table_unref(w->table);
	free(w);
}

void value_writer_abort(struct value_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_done; i++)
		new_file_remove(table_store(w->table), table_log(w->table),
				w->done[i].name);
	writer_free(w);
}

struct err *value_writer_open(struct table *t, struct version *base,
			      struct field *const *fields, size_t n,
			      struct value_writer **ret)
{
	AUTO(value_writer) struct value_writer *w = NULL;
	TRY(mem_new(&w));
	w->table = table_ref(t);
	w->base = version_ref(base);
	w->copy_rows = 64;
	TRY(row_choice_new(base, &w->rows));
	TRY(mem_array(version_n_fragments(base), sizeof(*w->done), &w->done));
	TRY(mem_array(n, sizeof(struct field *), &w->fields));
	for (; w->n < n; w->n++)
		w->fields[w->n] = field_ref(fields[w->n]);
	*ret = TAKE(w);
	return NULL;
}

uint64_t value_writer_rows(const struct value_writer *w)
{
	return row_choice_count(w->rows);
}

/* --- the file of a fragment --- */

static uint64_t end_row(const struct fragment_info *f)
{
	return f->first_row + f->physical_rows - f->n_deleted;
}

static struct err *begin_fragment(struct value_writer *w, uint64_t row)
{
	AUTO_MEM char *path = NULL;
	struct fragment_info f;
	version_fragment(w->base, w->fragment, &f);
	while (row >= end_row(&f))
		version_fragment(w->base, ++w->fragment, &f);
	w->next = f.first_row;
	free(TAKE(w->file_name));
	TRY(data_file_name(&w->file_name));
	TRY(new_file_path(w->file_name, &path));
	return file_writer_open(table_store(w->table), path, version_storage(w->base),
				w->fields, w->n, &w->file);
}

/* Values of the next live rows. */
static struct err *write_rows(struct value_writer *w, const struct fragment_info *f,
			      struct array *const *values)
{
	AUTO_PART struct part physical = {0};
	uint64_t n_rows = values[0]->n_rows;
	if (!n_rows)
		return NULL;
	TRY(part_new(w->n, &physical));
	for (size_t i = 0; i < w->n; i++)
		TRY(version_expand(w->base, w->fragment, w->next - f->first_row,
				   values[i], &physical.arrays[i]));
	w->next += n_rows;
	return file_writer_write(w->file, physical.arrays);
}

/* The old values of rows up to `end`. */
static struct err *copy_rows(struct value_writer *w, const struct fragment_info *f,
			     uint64_t end)
{
	while (w->next < end) {
		AUTO_PART struct part old = {0};
		uint64_t n = MIN_OF(end - w->next, w->copy_rows), bytes = 0;
		TRY(part_new(w->n, &old));
		for (size_t i = 0; i < w->n; i++) {
			TRY(version_read(w->base, w->fields[i], w->next, w->next + n,
					 &old.arrays[i]));
			bytes += array_bytes(old.arrays[i]);
		}
		TRY(write_rows(w, f, old.arrays));
		w->copy_rows = BATCH_BYTES / (bytes / n + 1);
		w->copy_rows = MAX_OF((uint64_t)1, MIN_OF(w->copy_rows, BATCH_ROWS));
	}
	return NULL;
}

static struct err *end_fragment(struct value_writer *w)
{
	struct fragment_info f;
	struct column_file *done = &w->done[w->n_done];
	if (!w->file)
		return NULL;
	version_fragment(w->base, w->fragment, &f);
	TRY(copy_rows(w, &f, end_row(&f)));
	TRY(file_writer_finish(TAKE(w->file), &done->written));
	done->fragment_id = f.id;
	done->physical_rows = f.physical_rows;
	done->name = TAKE(w->file_name);
	w->n_done++;
	w->fragment++;
	if (done->written.n_rows != f.physical_rows)
		return err_new(EIO,
			       "fragment %" PRIu64 ": wrote %" PRIu64 " of %" PRIu64
			       " rows",
			       f.id, done->written.n_rows, f.physical_rows);
	return NULL;
}

/* --- rows --- */

/* Old and new values of column i, from the next row on up to the last of the new ones.
 */
static struct err *mix(const struct value_writer *w, size_t i, const uint64_t *rows,
		       uint64_t n_rows, const struct array *values, struct array **ret)
{
	AUTO(array) struct array *old = NULL;
	AUTO_MEM struct array_rows *ranges = NULL;
	uint64_t row = w->next, end = rows[n_rows - 1] + 1;
	size_t n = 0;
	if (end - row == n_rows)
		return array_slice(values, 0, n_rows, ret);
	TRY(version_read(w->base, w->fields[i], row, end, &old));
	TRY(mem_array((size_t)n_rows * 2, sizeof(*ranges), &ranges));
	for (uint64_t k = 0; k < n_rows; k++) {
		if (rows[k] > row)
			ranges[n++] = (struct array_rows){old, row - w->next,
							  rows[k] - w->next};
		ranges[n++] = (struct array_rows){values, k, k + 1};
		row = rows[k] + 1;
	}
	return array_gather(ranges, n, ret);
}

/* New values of rows that lie near each other in the fragment that is written. */
static struct err *write_mixed(struct value_writer *w, const struct fragment_info *f,
			       const uint64_t *rows, uint64_t n_rows,
			       struct array *const *values)
{
	AUTO_PART struct part mixed = {0};
	TRY(part_new(w->n, &mixed));
	for (size_t i = 0; i < w->n; i++)
		TRY(mix(w, i, rows, n_rows, values[i], &mixed.arrays[i]));
	return write_rows(w, f, mixed.arrays);
}

/* How many of the rows belong to the fragment and are no further off than what is
 * copied at once. */
static uint64_t count_near(const struct value_writer *w, const struct fragment_info *f,
			   const uint64_t *rows, uint64_t n_rows)
{
	uint64_t n = 1, end = MIN_OF(end_row(f), rows[0] + w->copy_rows);
	while (n < n_rows && rows[n] < end)
		n++;
	return n;
}

struct err *value_writer_push(struct value_writer *w, const uint64_t *rows,
			      uint64_t n_rows, struct array *const *values)
{
	TRY(row_choice_add(w->rows, rows, (size_t)n_rows));
	for (uint64_t done = 0, n; done < n_rows; done += n) {
		AUTO_PART struct part part = {0};
		struct fragment_info f;
		version_fragment(w->base, w->fragment, &f);
		if (w->file && rows[done] >= end_row(&f))
			TRY(end_fragment(w));
		if (!w->file)
			TRY(begin_fragment(w, rows[done]));
		version_fragment(w->base, w->fragment, &f);
		TRY(copy_rows(w, &f, rows[done]));
		n = count_near(w, &f, rows + done, n_rows - done);
		TRY(part_cut(values, w->n, done, n, &part));
		TRY(write_mixed(w, &f, rows + done, n, part.arrays));
	}
	return NULL;
}

/* --- the end --- */

struct err *value_writer_commit(struct value_writer *w, const char *message,
				struct version **ret)
{
	struct column_rewrite c = {.rows = w->rows, .message = message};
	struct err *err = end_fragment(w);
	if (!err) {
		c.files = w->done;
		c.n_files = w->n_done;
		err = table_rewrite_columns(w->table, &c, ret);
	}
	if (c.is_published)
		writer_free(w);
	else
		value_writer_abort(w);
	return err;
}
