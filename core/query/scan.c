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

/* --- scopes --- */

struct err *scope_of(struct version *v, struct scope *ret)
{
	struct scope s = {0};
	size_t n_system = 0;
	while (system_field_name(n_system))
		n_system++;
	TRY(mem_array(version_n_fields(v) + n_system, sizeof(*s.fields), &s.fields));
	for (size_t i = 0; i < version_n_fields(v); i++)
		s.fields[s.n++] = version_field(v, i);
	for (size_t i = 0; i < n_system; i++) {
		struct field *f = version_system_field(v, system_field_name(i));
		if (f && !version_find_field(v, f->name))
			s.fields[s.n++] = f;
	}
	s.version = version_ref(v);
	*ret = s;
	return NULL;
}

void scope_fini(struct scope *s)
{
	if (s->version)
		version_unref(s->version);
	free(s->fields);
	*s = (struct scope){0};
}

struct err *scope_compile(const struct scope *s, const char *text, enum expr_use use,
			  struct expr **ret)
{
	return expr_compile(text, s->fields, s->n, use, ret);
}

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

/* Nulls without values: an array of bool. */
static struct err *read_nulls(const struct scope *s, size_t field, uint64_t first,
			      uint64_t end, struct array **ret)
{
	AUTO_MEM uint8_t *is_null = NULL;
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	uint64_t n = end - first;
	TRY(mem_array((size_t)n, 1, &is_null));
	TRY(version_read_nulls(s->version, s->fields[field], first, end, is_null));
	TRY(type_new(TYPE_BOOL, &t));
	TRY(array_new_null(t, n, &a));
	for (uint64_t i = 0; i < n; i++)
		if (!is_null[i]) {
			bit_set(a->validity->data, i);
			a->n_nulls--;
		}
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_column(const struct scope *s, struct expr_input input,
			       uint64_t first, uint64_t end, struct array **ret)
{
	struct field *f = s->fields[input.field];
	if (input.is_nulls_only && !field_is_system(f))
		return read_nulls(s, input.field, first, end, ret);
	return version_read(s->version, f, first, end, ret);
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
		err = read_column(s, input, base + rows[at], base + rows[end - 1] + 1,
				  &runs[n_runs]);
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
		TRY(read_column(b->scan->scope, input, b->first, b->end, a));
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
		TRY(read_column(s, input, b->first, b->end, have));
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

static struct err *run_batch(void *ctx, size_t i)
{
	struct batch *b = (struct batch *)ctx + i;
	AUTO_COLUMNS struct columns all = {0};
	TRY(columns_new(b->scan->scope, &all));
	b->n_rows = b->end - b->first;
	if (b->scan->filter)
		TRY(run_filter(b, &all));
	return run_outputs(b, &all);
}

/* --- rounds of batches --- */

struct progress {
	uint64_t row;	     /* the next one */
	uint64_t left;	     /* rows wanted still */
	uint64_t batch_rows; /* of the next batches */
	unsigned n_threads;
	size_t n_batches; /* of the next round */
};

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

static struct err *deliver(struct batch *b, struct progress *p)
{
	const struct scan *s = b->scan;
	if (!s->batch)
		return NULL;
	TRY(number_rows(b));
	if (b->n_rows > p->left)
		TRY(cut_outputs(b, p->left));
	p->left -= p->left == SCAN_ALL ? 0 : b->n_rows;
	struct scan_batch out = {b->outputs, b->n_rows, b->rows, b->end};
	return b->n_rows ? s->batch(s->ctx, &out) : NULL;
}

/* Rows that bring some MiB, from what a round took. */
static void adapt(struct progress *p, uint64_t rows, uint64_t bytes)
{
	uint64_t row_bytes = bytes / MAX_OF(rows, (uint64_t)1) + 1;
	uint64_t fit = MAX_OF(BATCH_BYTES / row_bytes, (uint64_t)1);
	p->batch_rows = MIN_OF(MIN_OF(p->batch_rows * 4, fit), MOST_ROWS);
	p->n_batches = MIN_OF(p->n_batches * 2, (size_t)p->n_threads * 4);
}

static struct err *run_round(const struct scan *s, struct progress *p, uint64_t *count)
{
	struct batch batches[MOST_BATCHES] = {0};
	uint64_t n_rows = version_rows(s->scope->version), first = p->row, bytes = 0;
	size_t n = 0;
	for (; n < p->n_batches && p->row < n_rows; n++) {
		uint64_t end = MIN_OF(p->row + p->batch_rows, n_rows);
		batches[n] = (struct batch){.scan = s, .first = p->row, .end = end};
		p->row = end;
	}
	struct err *err = parallel_for(p->n_threads, n, run_batch, batches);
	for (size_t i = 0; i < n && !err && p->left; i++) {
		*count += batches[i].n_rows;
		bytes += batches[i].bytes;
		err = deliver(&batches[i], p);
	}
	for (size_t i = 0; i < n; i++)
		batch_fini(&batches[i]);
	adapt(p, p->row - first, bytes);
	return err;
}

static struct err *run(const struct scan *s, uint64_t *count)
{
	unsigned n_threads = MIN_OF(thread_cpus(), (unsigned)MOST_BATCHES / 4);
	struct progress p = {.row = s->first,
			     .left = s->limit,
			     .batch_rows = FIRST_ROWS,
			     .n_threads = n_threads,
			     .n_batches = 1};
	while (p.row < version_rows(s->scope->version) && p.left)
		TRY(run_round(s, &p, count));
	return NULL;
}

struct err *scan_run(const struct scan *s)
{
	uint64_t count = 0;
	return run(s, &count);
}

struct err *scan_count(const struct scope *scope, const struct expr *filter,
		       uint64_t *ret)
{
	struct scan s = {.scope = scope, .filter = filter, .limit = SCAN_ALL};
	*ret = 0;
	return run(&s, ret);
}
