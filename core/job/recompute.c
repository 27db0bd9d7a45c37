// SPDX-License-Identifier: Apache-2.0
/*
 * recompute.c: a sample of a UDF's rows, computed again and compared.
 */
#include "job/backfill_priv.h"

#include <errno.h>
#include <inttypes.h>

struct recompute {
	const struct recompute_spec *spec; /* borrowed, as the next two */
	struct version *version;
	const struct udf_columns *columns;
	pthread_mutex_t lock;
	uint64_t n_rows, n_wrong; /* guarded by .lock */
};

/* --- the sample --- */

#define CHUNK_ROWS ((uint64_t)65536)

/* A reservoir: every row that has been offered is in it with the same chance. */
struct sample {
	uint64_t *rows; /* owned */
	uint64_t n, want, n_offered, seed;
};

static void offer(struct sample *s, uint64_t row)
{
	uint64_t k = s->n_offered++;
	if (s->n < s->want)
		s->rows[s->n++] = row;
	else if ((k = hash_mix(s->seed, k) % (k + 1)) < s->want)
		s->rows[k] = row;
}

/* Live rows [first, end) that have a value. */
static struct err *offer_rows(struct version *v, const struct field *f, uint64_t first,
			      uint64_t end, struct sample *s)
{
	AUTO_MEM uint8_t *is_null = NULL;
	TRY(mem_array((size_t)(end - first), 1, &is_null));
	TRY(version_read_nulls(v, f, first, end, is_null));
	for (uint64_t i = first; i < end; i++)
		if (!is_null[i - first])
			offer(s, i);
	return NULL;
}

/* Live rows that have a value, at random, a bit each; *ret_n of them. */
static struct err *choose_rows(struct version *v, const struct field *f, uint64_t want,
			       uint8_t *bits, uint64_t *ret_n)
{
	uint64_t n = version_rows(v);
	struct sample s = {.want = MIN_OF(want, n)};
	struct err *err = random_bytes(&s.seed, sizeof(s.seed));
	if (!err)
		err = mem_array((size_t)s.want, sizeof(*s.rows), &s.rows);
	for (uint64_t at = 0; !err && at < n; at += CHUNK_ROWS)
		err = offer_rows(v, f, at, MIN_OF(at + CHUNK_ROWS, n), &s);
	for (uint64_t i = 0; !err && i < s.n; i++)
		bit_set(bits, s.rows[i]);
	*ret_n = s.n;
	free(s.rows);
	return err;
}

/* --- comparing --- */

static struct err *tell_wrong(struct recompute *r, const struct field *f,
			      const struct array *has, const struct array *gives,
			      uint64_t row)
{
	AUTO_BUF struct buf text = {0};
	if (++r->n_wrong > r->spec->most_told)
		return NULL;
	buf_printf(&text, "column '%s', row %" PRIu64, f->name, row);
	if (text_fits(f->type)) {
		buf_str(&text, ": has ");
		TRY(text_render(has, &text));
		text.len -= text.len && text.data[text.len - 1] == '\n';
		buf_str(&text, ", its UDF gives ");
		TRY(text_render(gives, &text));
		text.len -= text.len && text.data[text.len - 1] == '\n';
	} else {
		buf_str(&text, ": its UDF gives another value");
	}
	buf_byte(&text, 0);
	TRY(buf_check(&text));
	r->spec->found(r->spec->ctx, (char *)text.data);
	return NULL;
}

static struct err *compare_row(struct recompute *r, const struct batch *b, uint64_t i,
			       size_t k, const struct array *values)
{
	struct field *f = r->columns->outputs[k];
	AUTO(array) struct array *has = NULL;
	AUTO(array) struct array *gives = NULL;
	uint64_t row = b->numbers[i];
	TRY(version_read(r->version, f, row, row + 1, &has));
	TRY(array_slice(values, i, i + 1, &gives));
	return array_equal(has, gives) ? NULL : tell_wrong(r, f, has, gives, row);
}

static struct err *done(void *ctx, const struct batch *b, struct array *const *values,
			const uint64_t *failed, size_t n_failed)
{
	struct recompute *r = ctx;
	size_t at = 0;
	LOCK_SCOPE(&r->lock);
	for (uint64_t i = 0; i < b->n_rows; i++) {
		r->n_rows++;
		if (at < n_failed && failed[at] == i) { /* told by row_failed */
			at++;
			continue;
		}
		for (size_t k = 0; k < r->columns->n_outputs; k++)
			TRY(compare_row(r, b, i, k, values[k]));
	}
	return NULL;
}

static struct err *row_failed(void *ctx, const struct failed_row *row)
{
	struct recompute *r = ctx;
	AUTO_MEM char *text = NULL;
	TRY(str_printf(&text, "column '%s', row %" PRIu64 ": its UDF fails: %s%s%s",
		       r->columns->outputs[0]->name, row->number, row->reason,
		       *row->text ? ": " : "", row->text));
	LOCK_SCOPE(&r->lock);
	if (++r->n_wrong <= r->spec->most_told)
		r->spec->found(r->spec->ctx, text);
	return NULL;
}

static void say_nothing(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* --- running --- */

static struct err *compute(struct recompute *r, const struct udf_run *run,
			   const uint8_t *rows)
{
	AUTO(source) struct source *source = NULL;
	struct crew *crew;
	TRY(udf_check_types(run));
	TRY(source_open(r->version, run->inputs, rows, &source));
	struct crew_spec spec = {.run = run,
				 .source = source,
				 .n_workers = 1,
				 .retries = BACKFILL_RETRIES,
				 .done = done,
				 .failed = row_failed,
				 .tell = say_nothing,
				 .ctx = r};
	TRY(crew_start(&spec, &crew));
	return crew_end(crew);
}

static struct err *run(struct recompute *r, const struct udf *u, const uint8_t *rows)
{
	const struct udf_columns *c = r->columns;
	AUTO(field) struct field *inputs = NULL;
	AUTO_MEM struct type **types = NULL;
	TRY(mem_array(c->n_outputs, sizeof(struct type *), &types));
	for (size_t i = 0; i < c->n_outputs; i++)
		types[i] = c->outputs[i]->type;
	TRY(inputs_table(c->inputs, c->n_inputs, &inputs));
	struct udf_run run = {.store = table_store(r->spec->table),
			      .udf = u,
			      .inputs = inputs,
			      .outputs = types,
			      .n_outputs = c->n_outputs,
			      .min_batch = BACKFILL_MIN_BATCH,
			      .max_batch = BACKFILL_MAX_BATCH,
			      .limits = r->spec->limits};
	return compute(r, &run, rows);
}

static struct err *recompute(struct recompute *r)
{
	const struct udf_columns *c = r->columns;
	AUTO(udf) struct udf *u = NULL;
	AUTO_MEM uint8_t *rows = NULL;
	uint64_t n;
	TRY_CTX(udf_load(table_store(r->spec->table), c->hash, &u),
		"the UDF of column '%s'", c->outputs[0]->name);
	TRY(udf_check_models(u));
	if (!r->spec->limits.is_unsandboxed)
		TRY(udf_check_sandbox());
	TRY(mem_array(bitmap_bytes(version_rows(r->version)) + 1, 1, &rows));
	TRY(choose_rows(r->version, c->outputs[0], r->spec->n_rows, rows, &n));
	return n ? run(r, u, rows) : NULL;
}

struct err *udf_recompute(const struct recompute_spec *spec, struct version *v,
			  const char *column, uint64_t *ret_rows, uint64_t *ret_wrong)
{
	struct udf_columns c = {0};
	struct recompute r = {.spec = spec, .version = v, .columns = &c};
	TRY(udf_columns_find(v, column, &c));
	pthread_mutex_init(&r.lock, NULL);
	struct err *err = recompute(&r);
	pthread_mutex_destroy(&r.lock);
	udf_columns_fini(&c);
	*ret_rows = r.n_rows;
	*ret_wrong = r.n_wrong;
	return err;
}
