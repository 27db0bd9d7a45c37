// SPDX-License-Identifier: Apache-2.0
/*
 * row_mover.c: whole rows written anew, with new values of some columns.
 */
#include "job/part_priv.h"
#include "job/rows_priv.h"

#include <errno.h>

/* Rows between two chosen ones that are read with them. */
#define RUN_GAP 32
/* Rows of which all columns are held at once: bounded by their bytes as well. */
#define BATCH_ROWS ((uint64_t)8192)
#define BATCH_BYTES ((uint64_t)8 << 20)

struct row_mover {
	struct table *table;	     /* owned reference */
	struct version *base;	     /* owned reference */
	struct row_choice *rows;     /* owned */
	struct field *const *fields; /* borrowed; those with new values */
	size_t n;
	struct row_writer *writer; /* owned */
	uint64_t batch;		   /* rows to be written at once */
};

void row_mover_abort(struct row_mover *m)
{
	if (!m)
		return;
	row_writer_abort(m->writer);
	row_choice_free(m->rows);
	version_unref(m->base);
	table_unref(m->table);
	free(m);
}

static struct err *open_writer(struct row_mover *m)
{
	AUTO_MEM struct field **fields = NULL;
	size_t n = version_n_fields(m->base);
	TRY(mem_array(n, sizeof(struct field *), &fields));
	for (size_t i = 0; i < n; i++)
		fields[i] = version_field(m->base, i);
	struct row_target target = {
		.store = table_store(m->table),
		.log = table_log(m->table),
		.storage = version_storage(m->base),
		.fields = fields,
		.n_fields = n,
	};
	return row_writer_open(&target, &m->writer);
}

struct err *row_mover_open(struct table *t, struct version *base,
			   struct field *const *fields, size_t n,
			   struct row_mover **ret)
{
	AUTO(row_mover) struct row_mover *m = NULL;
	TRY(check_rows_move(base));
	TRY(mem_new(&m));
	m->table = table_ref(t);
	m->base = version_ref(base);
	m->fields = fields;
	m->n = n;
	m->batch = 64;
	TRY(row_choice_new(base, &m->rows));
	TRY(open_writer(m));
	*ret = TAKE(m);
	return NULL;
}

uint64_t row_mover_rows(const struct row_mover *m)
{
	return row_choice_count(m->rows);
}

/* The end of the run that begins at rows[first]: rows so near that they are read
 * together. */
static uint64_t end_of_run(const uint64_t *rows, uint64_t first, uint64_t n_rows)
{
	uint64_t end = first + 1;
	while (end < n_rows && rows[end] - rows[end - 1] <= RUN_GAP)
		end++;
	return end;
}

/* Present values of rows, which are ascending. */
static struct err *read_run(const struct row_mover *m, const struct field *f,
			    const uint64_t *rows, uint64_t n_rows, struct array **ret)
{
	AUTO(array) struct array *all = NULL;
	AUTO_MEM uint64_t *at = NULL;
	uint64_t end = rows[n_rows - 1] + 1;
	TRY(version_read(m->base, f, rows[0], end, &all));
	if (end - rows[0] == n_rows) {
		*ret = TAKE(all);
		return NULL;
	}
	TRY(mem_array((size_t)n_rows, sizeof(*at), &at));
	for (uint64_t i = 0; i < n_rows; i++)
		at[i] = rows[i] - rows[0];
	return array_take(all, at, n_rows, ret);
}

static struct err *read_rows(const struct row_mover *m, const struct field *f,
			     const uint64_t *rows, uint64_t n_rows, struct array **ret)
{
	AUTO_PART struct part runs = {0};
	size_t n = 0;
	TRY(part_new((size_t)n_rows, &runs));
	for (uint64_t first = 0, end; first < n_rows; first = end) {
		end = end_of_run(rows, first, n_rows);
		TRY(read_run(m, f, rows + first, end - first, &runs.arrays[n]));
		n++;
	}
	return array_concat(runs.arrays, n, ret);
}

/* The index of a field among those with new values; n: it is not. */
static size_t changed(const struct row_mover *m, const struct field *f)
{
	size_t i = 0;
	while (i < m->n && m->fields[i] != f)
		i++;
	return i;
}

static struct err *write_rows(struct row_mover *m, const uint64_t *rows,
			      uint64_t n_rows, struct array *const *values)
{
	AUTO_PART struct part all = {0};
	uint64_t bytes = 0;
	TRY(part_new(version_n_fields(m->base), &all));
	for (size_t i = 0; i < all.n; i++) {
		const struct field *f = version_field(m->base, i);
		size_t k = changed(m, f);
		if (k < m->n)
			all.arrays[i] = array_ref(values[k]);
		else
			TRY(read_rows(m, f, rows, n_rows, &all.arrays[i]));
		bytes += array_bytes(all.arrays[i]);
	}
	m->batch = BATCH_BYTES / (bytes / n_rows + 1);
	m->batch = MAX_OF((uint64_t)1, MIN_OF(m->batch, BATCH_ROWS));
	return row_writer_push(m->writer, all.arrays);
}

struct err *row_mover_push(struct row_mover *m, const uint64_t *rows, uint64_t n_rows,
			   struct array *const *values)
{
	TRY(row_choice_add(m->rows, rows, (size_t)n_rows));
	for (uint64_t done = 0, n; done < n_rows; done += n) {
		AUTO_PART struct part part = {0};
		n = MIN_OF(n_rows - done, m->batch);
		TRY(part_cut(values, m->n, done, n, &part));
		TRY(write_rows(m, rows + done, n, part.arrays));
	}
	return NULL;
}

struct err *row_mover_commit(struct row_mover *m, const char *message,
			     struct version **ret)
{
	struct err *err = row_writer_move(TAKE(m->writer), m->table, m->rows, m->fields,
					  m->n, message, ret);
	row_mover_abort(m);
	return err;
}
