// SPDX-License-Identifier: Apache-2.0
/*
 * backfill_keep.c: what workers give: values, and rows without one.
 */
#include "job/backfill_run_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Rows that may fail: a hundredth of all, but not less than so many. */
#define FEW_FAILURES 100

/* Of values those that are there. */
static struct err *without_failed(const struct computed_rows *rows,
				  struct computed_rows *ret, uint64_t *offsets,
				  struct array **outputs, size_t n_outputs)
{
	AUTO_MEM uint64_t *keep = NULL;
	size_t failed = 0;
	uint64_t n = 0;
	TRY(mem_array((size_t)rows->n_rows, sizeof(*keep), &keep));
	for (uint64_t i = 0; i < rows->n_rows; i++) {
		if (failed < rows->n_failed && rows->failed[failed] == i) {
			failed++;
			continue;
		}
		offsets[n] = rows->offsets[i];
		keep[n++] = i;
	}
	for (size_t i = 0; i < n_outputs; i++)
		TRY(array_take(rows->outputs[i], keep, n, &outputs[i]));
	*ret = *rows;
	ret->offsets = offsets;
	ret->n_rows = n;
	ret->outputs = outputs;
	ret->n_failed = 0;
	return NULL;
}

static struct err *keep_good(struct backfill *b, const struct computed_rows *rows)
{
	struct computed_rows good = {0};
	AUTO_PART struct part outputs = {0};
	AUTO_MEM uint64_t *offsets = NULL;
	TRY(part_new(b->n_types, &outputs));
	TRY(mem_array((size_t)rows->n_rows, sizeof(*offsets), &offsets));
	TRY(without_failed(rows, &good, offsets, outputs.arrays, b->n_types));
	return good.n_rows ? checkpoint_put(b->checkpoint, &good) : NULL;
}

/* Rows of one fragment. */
static struct err *keep_rows(struct backfill *b, const struct computed_rows *rows)
{
	struct pass *p = b->pass;
	struct fragment_work *w = pass_fragment(p, rows->fragment);
	/* where a row that fails ends it all, the next run shall try it again */
	bool drops = rows->n_failed && b->spec->on_error == ON_ERROR_FAIL;
	TRY(drops ? keep_good(b, rows) : checkpoint_put(b->checkpoint, rows));
	LOCK_SCOPE(&p->lock);
	w->n_todo -= drops ? rows->n_rows - rows->n_failed : rows->n_rows;
	if (!w->n_todo)
		pthread_cond_signal(&p->changed);
	return NULL;
}

/* The rows of a batch that are of one fragment: [first, end). */
static struct err *keep_part(struct backfill *b, const struct batch *batch,
			     struct array *const *values, const uint64_t *failed,
			     size_t n_failed, uint64_t first, uint64_t end)
{
	AUTO_PART struct part part = {0};
	AUTO_MEM uint64_t *offsets = NULL;
	AUTO_MEM uint64_t *places = NULL;
	uint64_t id = batch->addresses[first] >> 32;
	size_t n_places = 0;
	TRY(mem_array((size_t)(end - first), sizeof(*offsets), &offsets));
	TRY(mem_array(n_failed, sizeof(*places), &places));
	for (uint64_t i = first; i < end; i++)
		offsets[i - first] = batch->addresses[i] & UINT32_MAX;
	for (size_t i = 0; i < n_failed; i++)
		if (failed[i] >= first && failed[i] < end)
			places[n_places++] = failed[i] - first;
	TRY(part_cut(values, b->n_types, first, end - first, &part));
	struct computed_rows rows = {.fragment = id,
				     .inputs_key =
					     pass_fragment(b->pass, id)->inputs_key,
				     .offsets = offsets,
				     .n_rows = end - first,
				     .outputs = part.arrays,
				     .failed = places,
				     .n_failed = n_places};
	return keep_rows(b, &rows);
}

struct err *run_keep(void *ctx, const struct batch *batch, struct array *const *values,
		     const uint64_t *failed, size_t n_failed)
{
	struct backfill *b = ctx;
	for (uint64_t first = 0; first < batch->n_rows;) {
		uint64_t end = first + 1;
		while (end < batch->n_rows &&
		       batch->addresses[end] >> 32 == batch->addresses[first] >> 32)
			end++;
		TRY(keep_part(b, batch, values, failed, n_failed, first, end));
		first = end;
	}
	atomic_fetch_add(&b->n_rows, batch->n_rows);
	return NULL;
}

/* --- rows that fail --- */

static struct err *row_error(const struct failed_row *row, const char *what)
{
	return err_new(EINVAL,
		       "%srow %" PRIu64 " (fragment %" PRIu64 ", offset %" PRIu64
		       "): %s%s%s",
		       what, row->number, row->address >> 32, row->address & UINT32_MAX,
		       row->reason, *row->text ? ": " : "", row->text);
}

static uint64_t most_failures(const struct backfill *b)
{
	if (b->spec->max_skip != UINT64_MAX)
		return b->spec->max_skip;
	return MAX_OF(b->pass->n_want / 100, (uint64_t)FEW_FAILURES);
}

struct err *run_row_failed(void *ctx, const struct failed_row *row)
{
	struct backfill *b = ctx;
	struct job_row_error e = {.row = row->number,
				  .fragment = row->address >> 32,
				  .offset = row->address & UINT32_MAX,
				  .attempt = row->attempt,
				  .reason = row->reason,
				  .text = row->text};
	TRY(job_put_error(b->job, &e));
	uint64_t n = atomic_fetch_add(&b->n_failed, 1) + 1;
	if (b->spec->on_error == ON_ERROR_FAIL)
		return row_error(row, "");
	if (n > most_failures(b)) {
		AUTO_MEM char *what = NULL;
		TRY(str_printf(&what,
			       "%" PRIu64 " rows failed, more than --max-skip=%" PRIu64
			       "; the last is ",
			       n, most_failures(b)));
		return row_error(row, what);
	}
	return NULL;
}
