// SPDX-License-Identifier: Apache-2.0
/*
 * cast.c: a column's values as another type's.
 */
#include "job/job.h"

/* Rows cast at once: bounded by their bytes as well as by their number. */
#define BATCH_ROWS ((uint64_t)8192)
#define BATCH_BYTES ((uint64_t)8 << 20)

static struct err *open_writer(struct table *t, struct version *base,
			       const struct field *f, struct type *to,
			       struct column_writer **ret)
{
	AUTO_MEM char *from = NULL;
	AUTO_MEM char *text = NULL;
	TRY(type_format(f->type, &from));
	TRY(str_printf(&text, "cast from %s", from));
	struct column_spec spec = {
		.name = f->name,
		.type = to,
		.source = "cast",
		.text = text,
		.keeps_rules = true,
	};
	return column_writer_open(t, base, &spec, 1, ret);
}

/* Rows for the next batch, from what the last one took. */
static uint64_t next_batch(const struct array *last)
{
	uint64_t row_bytes = array_bytes(last) / MAX_OF(last->n_rows, (uint64_t)1) + 1;
	return MAX_OF((uint64_t)1, MIN_OF(BATCH_ROWS, BATCH_BYTES / row_bytes));
}

struct err *column_cast(struct table *t, struct version *base, struct field *f,
			struct type *to, const struct job_progress *progress,
			struct version **ret)
{
	AUTO(column_writer) struct column_writer *w = NULL;
	uint64_t n_rows = version_rows(base), n = 64;
	TRY(open_writer(t, base, f, to, &w));
	for (uint64_t row = 0; row < n_rows;) {
		AUTO(array) struct array *values = NULL;
		AUTO(array) struct array *cast = NULL;
		uint64_t end = MIN_OF(row + n, n_rows);
		TRY(version_read(base, f, row, end, &values));
		TRY(array_cast(values, to, row, &cast));
		TRY(column_writer_push(w, &cast));
		n = next_batch(values);
		row = end;
		if (progress->tell)
			progress->tell(progress->ctx, row, n_rows);
	}
	return column_writer_commit(TAKE(w), ret);
}
