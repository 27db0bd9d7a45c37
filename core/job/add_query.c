// SPDX-License-Identifier: Apache-2.0
/*
 * add_query.c: a column of a SELECT.
 *
 * Windows hand rows on in the order of their partitions: the number of each row is
 * selected with it where that is possible, and the values are put in order.  Where it
 * is not, the SELECT must say an order.
 */
#include "job/job.h"

#include <errno.h>
#include <inttypes.h>

#define BATCH_ROWS ((uint64_t)8192)

struct taken {
	struct array **values; /* owned, with references: batches as they came */
	struct array **ids;    /* the same; NULL: rows come in order */
	size_t n;
	uint64_t n_rows;
	bool wants_ids, has_begun;
};

static void taken_fini(struct taken *t)
{
	for (size_t i = 0; i < t->n; i++) {
		array_unref(t->values[i]);
		array_unref(t->ids[i]);
	}
	free(t->values);
	free(t->ids);
	*t = (struct taken){0};
}

#define AUTO_TAKEN __attribute__((cleanup(taken_fini)))

static struct err *begin(void *ctx, struct field *rows)
{
	struct taken *t = ctx;
	size_t n = rows->type->n_children - t->wants_ids;
	t->has_begun = true;
	if (n != 1)
		return err_new(EINVAL, "a SELECT of one column makes one; this has %zu",
			       n);
	return NULL;
}

static struct err *take_rows(void *ctx, struct array *rows)
{
	struct taken *t = ctx;
	TRY(mem_resize(t->n + 1, sizeof(struct array *), &t->values));
	TRY(mem_resize(t->n + 1, sizeof(struct array *), &t->ids));
	t->values[t->n] = array_ref(rows->children[t->wants_ids]);
	t->ids[t->n] = t->wants_ids ? array_ref(rows->children[0]) : NULL;
	t->n++;
	t->n_rows += rows->n_rows;
	return NULL;
}

/* One way to ask; *ret_done is false if the SELECT does not have the row ids. */
static struct err *try_query(const struct query_env *env, const char *sql,
			     const char *row_id, struct taken *t, bool *ret_done)
{
	AUTO_MEM char *with_id = NULL;
	struct query_sink sink = {begin, take_rows, t};
	*ret_done = false;
	if (row_id)
		TRY(sql_select_with(sql, row_id, &with_id));
	if (row_id && !with_id)
		return NULL;
	t->wants_ids = row_id != NULL;
	struct err *err = query_run(env, with_id ? with_id : sql, &sink);
	if (err && row_id && !t->has_begun && err->code == EINVAL) {
		err_free(err); /* it is asked in another way */
		return NULL;
	}
	*ret_done = true;
	return err;
}

static struct err *run(const struct query_env *env, const char *sql, struct taken *t)
{
	static const char *const ways[] = {"t._rowid_", "_rowid_"};
	AUTO_SELECT struct sql_select s = {0};
	bool in_order, done = false;
	/* a scan hands rows on in order */
	TRY(sql_select_parse(sql, &s, &in_order));
	for (size_t i = 0; i < 2 && !in_order && !done; i++)
		TRY(try_query(env, sql, ways[i], t, &done));
	if (done)
		return NULL;
	if (!in_order)
		TRY(sql_select_is_ordered(sql, &in_order));
	TRY(try_query(env, sql, NULL, t, &done));
	return in_order || t->n_rows < 2
		       ? NULL
		       : err_new(EINVAL,
				 "which row each value is for is not known; end "
				 "the SELECT with ORDER BY rowid of the table");
}

/* Where the value of each row of the table is. */
static struct err *order_rows(const struct taken *t, uint64_t *from)
{
	uint64_t at = 0;
	AUTO_MEM uint8_t *seen = NULL;
	TRY(mem_array(bitmap_bytes(t->n_rows), 1, &seen));
	for (size_t i = 0; i < t->n; i++)
		for (uint64_t k = 0; k < t->values[i]->n_rows; k++, at++) {
			uint64_t row = at;
			if (t->ids[i])
				row = load_u64le(t->ids[i]->data->data + k * 8);
			if (row >= t->n_rows || bit_get(seen, row))
				return err_new(
					EINVAL,
					"row %" PRIu64 " has more than one value", row);
			bit_set(seen, row);
			from[row] = at;
		}
	return NULL;
}

static struct err *write_rows(struct column_writer *w, struct array *values,
			      const uint64_t *from)
{
	for (uint64_t row = 0; row < values->n_rows; row += BATCH_ROWS) {
		AUTO(array) struct array *part = NULL;
		uint64_t n = MIN_OF(BATCH_ROWS, values->n_rows - row);
		TRY(array_take(values, from + row, n, &part));
		TRY(column_writer_push(w, &part));
	}
	return NULL;
}

static struct err *join_values(const struct taken *t, struct type *type,
			       struct array **ret)
{
	AUTO(array) struct array *all = NULL;
	TRY(array_concat(t->values, t->n, &all));
	return sql_cast(all, type ? type : all->type, false, 0, ret);
}

struct err *column_add_query(struct table *t, struct version *base,
			     const struct query_env *env, const char *name,
			     const char *sql, struct type *type, struct version **ret)
{
	AUTO_TAKEN struct taken taken = {0};
	AUTO(column_writer) struct column_writer *w = NULL;
	AUTO(array) struct array *values = NULL;
	AUTO_MEM uint64_t *from = NULL;
	TRY(added_name_check(base, name));
	TRY(run(env, sql, &taken));
	if (taken.n_rows != version_rows(base))
		return err_new(EINVAL,
			       "the SELECT has %" PRIu64 " rows, the table %" PRIu64,
			       taken.n_rows, version_rows(base));
	if (!taken.n)
		return err_new(EINVAL, "the table has no rows to tell the type by");
	TRY(mem_array((size_t)taken.n_rows, sizeof(*from), &from));
	TRY(order_rows(&taken, from));
	TRY(join_values(&taken, type, &values));
	struct column_spec spec = {
		.name = name, .type = values->type, .source = "sql", .text = sql};
	TRY(column_writer_open(t, base, &spec, 1, &w));
	TRY(write_rows(w, values, from));
	return column_writer_commit(TAKE(w), ret);
}
