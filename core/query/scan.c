// SPDX-License-Identifier: Apache-2.0
/*
 * scan.c: expressions over the live rows of a version.
 *
 * Rows are cut into batches; a round of batches is computed by several threads and
 * handed on in order.  The first batches are small, so that a LIMIT is met early; later
 * ones grow to some MiB of input.
 */
#include "query/query.h"

#include <errno.h>
#include <string.h>

#define FIRST_ROWS ((uint64_t)2048)
#define MOST_ROWS ((uint64_t)32768)
#define BATCH_BYTES ((uint64_t)4 << 20)
#define MOST_BATCHES 64
/* Of a batch's rows fewer than one in so many are read one run after the other. */
#define SPARSE 16
/* Rows between two selected ones that are read with them. */
#define RUN_GAP 32

/* --- the columns of a batch --- */

/* Columns as they were read, by field of the scope; NULL: not read. */
struct columns {
	struct array **items; /* owned */
	size_t n;
};

static void columns_fini(struct columns *c)
{
	for (size_t i = 0; c->items && i < c->n; i++)
		array_unref(c->items[i]);
	free(c->items);
}

#define AUTO_COLUMNS __attribute__((cleanup(columns_fini)))

static struct err *columns_new(const struct scope *s, struct columns *ret)
{
	ret->n = s->n;
	return mem_array(s->n, sizeof(struct array *), &ret->items);
}

/* Selected rows of a range, a run of neighbours at a time. */
static struct err *read_runs(const struct scope *s, struct expr_input input,
			     uint64_t base, const uint64_t *rows, uint64_t n,
			     struct array **ret)
{
	struct array **runs;
	size_t n_runs = 0;
	struct err *err = NULL;
	AUTO_MEM uint64_t *keep = NULL;
	uint64_t at = 0, n_read = 0;
	TRY(mem_array((size_t)n, sizeof(*keep), &keep));
	TRY(mem_array((size_t)n, sizeof(*runs), &runs));
	while (at < n && !err) {
		uint64_t end = at + 1;
		while (end < n && rows[end] - rows[end - 1] <= RUN_GAP)
			end++;
		for (uint64_t i = at; i < end; i++)
			keep[i] = n_read + rows[i] - rows[at];
		n_read += rows[end - 1] + 1 - rows[at];
		err = scope_read(s, input.field, input.is_nulls_only, base + rows[at],
				 base + rows[end - 1] + 1, &runs[n_runs]);
		n_runs += !err;
		at = end;
	}
	AUTO(array) struct array *all = NULL;
	if (!err)
		err = array_concat(runs, n_runs, &all);
	if (!err)
		err = array_take(all, keep, n, ret);
	for (size_t i = 0; i < n_runs; i++)
		array_unref(runs[i]);
	free(runs);
	return err;
}

/* --- one batch --- */

struct batch {
	const struct scan *scan;
	uint64_t first, end; /* live rows */
	uint64_t *rows;	     /* owned; NULL: all of them */
	uint64_t n_rows;
	struct array **outputs; /* owned */
	uint64_t bytes;		/* of what was read */
};

static void batch_fini(struct batch *b)
{
	for (size_t i = 0; b->outputs && i < b->scan->n_outputs; i++)
		array_unref(b->outputs[i]);
	free(b->outputs);
	free(b->rows);
}

static struct err *eval_with(const struct expr *e, const struct columns *columns,
			     uint64_t first_row, uint64_t n_rows, uint64_t *rows,
			     uint64_t *ret_n, struct array **ret)
{
	struct array **inputs;
	size_t n = expr_n_inputs(e);
	TRY(mem_array(n, sizeof(struct array *), &inputs));
	for (size_t i = 0; i < n; i++)
		inputs[i] = columns->items[expr_input(e, i).field];
	struct expr_batch in = {inputs, n_rows, first_row};
	struct err *err =
		rows ? expr_select(e, &in, rows, ret_n) : expr_eval(e, &in, ret);
	free(inputs);
	return err;
}

static struct err *run_filter(struct batch *b, struct columns *columns)
{
	const struct expr *e = b->scan->filter;
	uint64_t n = b->end - b->first;
	for (size_t i = 0; i < expr_n_inputs(e); i++) {
		struct expr_input input = expr_input(e, i);
		struct array **a = &columns->items[input.field];
		TRY(scope_read(b->scan->scope, input.field, input.is_nulls_only,
			       b->first, b->end, a));
		b->bytes += array_bytes(*a);
	}
	TRY(mem_array((size_t)n, sizeof(*b->rows), &b->rows));
	return eval_with(e, columns, b->first, n, b->rows, &b->n_rows, NULL);
}

/* The filter read the nulls of a column alone, and an output wants its values. */
static bool lacks_values(const struct batch *b, struct expr_input input)
{
	const struct expr *e = b->scan->filter;
	for (size_t i = 0; e && !input.is_nulls_only && i < expr_n_inputs(e); i++)
		if (expr_input(e, i).field == input.field)
			return expr_input(e, i).is_nulls_only;
	return false;
}

/* An input of the outputs, for the selected rows. */
static struct err *select_input(struct batch *b, struct expr_input input,
				struct columns *all, struct columns *selected)
{
	const struct scope *s = b->scan->scope;
	uint64_t n = b->end - b->first;
	bool is_all = !b->rows || b->n_rows == n;
	struct array **have = &all->items[input.field];
	struct array **want = &selected->items[input.field];
	if (*want)
		return NULL;
	if (*have && lacks_values(b, input)) {
		array_unref(*have);
		*have = NULL;
	}
	if (!*have && !is_all && b->n_rows < n / SPARSE) {
		TRY(read_runs(s, input, b->first, b->rows, b->n_rows, want));
		b->bytes += array_bytes(*want);
		return NULL;
	}
	if (!*have) {
		TRY(scope_read(s, input.field, input.is_nulls_only, b->first, b->end,
			       have));
		b->bytes += array_bytes(*have);
	}
	if (is_all)
		*want = array_ref(*have);
	else
		TRY(array_take(*have, b->rows, b->n_rows, want));
	return NULL;
}

/* Values of selected rows as those of all rows, null elsewhere. */
static struct err *spread(const struct batch *b, struct array **values)
{
	AUTO(array) struct array *null = NULL;
	AUTO(array) struct array *both = NULL;
	AUTO(array) struct array *out = NULL;
	AUTO_MEM uint64_t *from = NULL;
	uint64_t n = b->end - b->first;
	TRY(mem_array((size_t)n, sizeof(*from), &from));
	TRY(array_new_null((*values)->type, 1, &null));
	struct array *parts[] = {*values, null};
	TRY(array_concat(parts, 2, &both));
	for (uint64_t i = 0; i < n; i++)
		from[i] = b->n_rows;
	for (uint64_t i = 0; i < b->n_rows; i++)
		from[b->rows[i]] = i;
	TRY(array_take(both, from, n, &out));
	array_unref(*values);
	*values = TAKE(out);
	return NULL;
}

static bool is_kept(const struct batch *b)
{
	return b->n_rows || b->scan->keeps_rows;
}

static struct err *run_outputs(struct batch *b, struct columns *all)
{
	const struct scan *s = b->scan;
	AUTO_COLUMNS struct columns selected = {0};
	TRY(columns_new(s->scope, &selected));
	TRY(mem_array(s->n_outputs, sizeof(struct array *), &b->outputs));
	for (size_t i = 0; i < s->n_outputs && is_kept(b); i++) {
		const struct expr *e = s->outputs[i];
		for (size_t k = 0; k < expr_n_inputs(e) && b->n_rows; k++)
			TRY(select_input(b, expr_input(e, k), all, &selected));
		TRY(eval_with(e, &selected, b->first, b->n_rows, NULL, NULL,
			      &b->outputs[i]));
		if (s->keeps_rows && b->n_rows < b->end - b->first)
			TRY(spread(b, &b->outputs[i]));
	}
	return NULL;
}

/* Of the rows that are left those whose bits are set. */
static struct err *run_only(struct batch *b)
{
	uint64_t n = b->n_rows, kept = 0;
	if (!b->rows)
		TRY(mem_array((size_t)n, sizeof(*b->rows), &b->rows));
	for (uint64_t i = 0; i < n; i++) {
		uint64_t row = b->scan->filter ? b->rows[i] : i;
		if (bit_get(b->scan->only, b->first + row))
			b->rows[kept++] = row;
	}
	b->n_rows = kept;
	return NULL;
}

static struct err *run_batch(void *ctx, size_t i)
{
	struct batch *b = (struct batch *)ctx + i;
	AUTO_COLUMNS struct columns all = {0};
	TRY(columns_new(b->scan->scope, &all));
	b->n_rows = b->end - b->first;
	if (b->scan->only && !bitmap_count(b->scan->only, b->first, b->end))
		b->n_rows = 0;
	if (b->scan->filter && b->n_rows)
		TRY(run_filter(b, &all));
	if (b->scan->only && b->n_rows)
		TRY(run_only(b));
	return run_outputs(b, &all);
}

/* --- rounds of batches --- */

struct scanner {
	struct scan scan;
	uint64_t row;	     /* the next one */
	uint64_t left;	     /* rows wanted still */
	uint64_t batch_rows; /* of the next batches */
	unsigned n_threads;
	size_t n_batches;		    /* of the next round */
	struct batch batches[MOST_BATCHES]; /* the round at hand */
	size_t n, at;			    /* batches in it, the next one to hand on */
};

static void drop_round(struct scanner *sc)
{
	for (size_t i = 0; i < sc->n; i++)
		batch_fini(&sc->batches[i]);
	memset(sc->batches, 0, sc->n * sizeof(sc->batches[0]));
	sc->n = sc->at = 0;
}

void scanner_close(struct scanner *sc)
{
	if (!sc)
		return;
	drop_round(sc);
	free(sc);
}

/* Bytes that an expression's columns take in the files; what is computed takes none. */
static struct err *add_input_bytes(const struct scope *s, const struct expr *e,
				   uint64_t *total)
{
	for (size_t i = 0; i < expr_n_inputs(e); i++) {
		struct expr_input input = expr_input(e, i);
		uint64_t bytes;
		if (input.is_nulls_only || input.field >= s->n_own)
			continue;
		TRY(version_column_bytes(s->version, s->fields[input.field], &bytes));
		if (ckd_add(total, *total, bytes))
			*total = UINT64_MAX;
	}
	return NULL;
}

/* Rows of the first batch: few, fewer if they are wide. */
static struct err *first_rows(const struct scan *s, uint64_t *ret)
{
	uint64_t bytes = 0;
	*ret = FIRST_ROWS;
	if (!s->scope->version || !s->scope->n_rows)
		return NULL;
	if (s->filter)
		TRY(add_input_bytes(s->scope, s->filter, &bytes));
	for (size_t i = 0; i < s->n_outputs; i++)
		TRY(add_input_bytes(s->scope, s->outputs[i], &bytes));
	uint64_t fit = BATCH_BYTES / (bytes / s->scope->n_rows + 1);
	*ret = MIN_OF(MAX_OF(fit, (uint64_t)1), FIRST_ROWS);
	return NULL;
}

struct err *scanner_open(const struct scan *s, struct scanner **ret)
{
	uint64_t rows;
	TRY(first_rows(s, &rows));
	TRY(mem_new(ret));
	**ret = (struct scanner){
		.scan = *s,
		.row = s->first,
		.left = s->limit,
		.batch_rows = rows,
		.n_threads = MIN_OF(thread_cpus(), (unsigned)MOST_BATCHES / 4),
		.n_batches = 1};
	return NULL;
}

/* Rows that bring some MiB, from what a round took. */
static void adapt(struct scanner *sc, uint64_t rows, uint64_t bytes)
{
	uint64_t row_bytes = bytes / MAX_OF(rows, (uint64_t)1) + 1;
	uint64_t fit = MAX_OF(BATCH_BYTES / row_bytes, (uint64_t)1);
	sc->batch_rows = MIN_OF(MIN_OF(sc->batch_rows * 4, fit), MOST_ROWS);
	sc->n_batches = MIN_OF(sc->n_batches * 2, (size_t)sc->n_threads * 4);
}

static struct err *run_round(struct scanner *sc)
{
	uint64_t n_rows = sc->scan.scope->n_rows, first = sc->row, bytes = 0;
	drop_round(sc);
	for (; sc->n < sc->n_batches && sc->row < n_rows; sc->n++) {
		uint64_t end = MIN_OF(sc->row + sc->batch_rows, n_rows);
		sc->batches[sc->n] =
			(struct batch){.scan = &sc->scan, .first = sc->row, .end = end};
		sc->row = end;
	}
	TRY(parallel_for(sc->n_threads, sc->n, run_batch, sc->batches));
	for (size_t i = 0; i < sc->n; i++)
		bytes += sc->batches[i].bytes;
	adapt(sc, sc->row - first, bytes);
	return NULL;
}

/* The next batch that has rows; NULL: there is none. */
static struct err *next_batch(struct scanner *sc, struct batch **ret)
{
	*ret = NULL;
	while (sc->left && !*ret) {
		while (sc->at < sc->n && !*ret) {
			struct batch *b = &sc->batches[sc->at++];
			*ret = is_kept(b) ? b : NULL;
		}
		if (*ret || sc->row == sc->scan.scope->n_rows)
			return NULL;
		TRY(run_round(sc));
	}
	return NULL;
}

/* The numbers of a batch's rows. */
static struct err *number_rows(struct batch *b)
{
	bool is_all = !b->rows || b->scan->keeps_rows;
	uint64_t n = is_all ? b->end - b->first : b->n_rows;
	if (!b->rows)
		TRY(mem_array((size_t)n, sizeof(*b->rows), &b->rows));
	for (uint64_t i = 0; i < n; i++)
		b->rows[i] = b->first + (is_all ? i : b->rows[i]);
	b->n_rows = n;
	return NULL;
}

static struct err *cut_outputs(struct batch *b, uint64_t n_rows)
{
	for (size_t i = 0; i < b->scan->n_outputs; i++) {
		struct array *cut;
		TRY(array_slice(b->outputs[i], 0, n_rows, &cut));
		array_unref(b->outputs[i]);
		b->outputs[i] = cut;
	}
	b->n_rows = n_rows;
	return NULL;
}

struct err *scanner_next(struct scanner *sc, struct scan_batch *ret, bool *ret_more)
{
	struct batch *b;
	TRY(next_batch(sc, &b));
	*ret_more = b != NULL;
	if (!b)
		return NULL;
	TRY(number_rows(b));
	if (b->n_rows > sc->left)
		TRY(cut_outputs(b, sc->left));
	sc->left -= sc->left == SCAN_ALL ? 0 : b->n_rows;
	*ret = (struct scan_batch){b->outputs, b->n_rows, b->rows, b->end};
	return NULL;
}

struct err *scan_run(const struct scan *s,
		     struct err *(*batch)(void *ctx, const struct scan_batch *batch),
		     void *ctx)
{
	AUTO(scanner) struct scanner *sc = NULL;
	struct scan_batch b;
	bool more;
	TRY(scanner_open(s, &sc));
	for (;;) {
		TRY(scanner_next(sc, &b, &more));
		if (!more)
			return NULL;
		TRY(batch(ctx, &b));
	}
}

struct err *scan_count(const struct scope *scope, const struct expr *filter,
		       uint64_t *ret)
{
	struct scan s = {.scope = scope, .filter = filter, .limit = SCAN_ALL};
	AUTO(scanner) struct scanner *sc = NULL;
	struct batch *b;
	*ret = 0;
	TRY(scanner_open(&s, &sc));
	for (;;) {
		TRY(next_batch(sc, &b));
		if (!b)
			return NULL;
		*ret += b->n_rows;
	}
}
