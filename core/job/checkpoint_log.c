// SPDX-License-Identifier: Apache-2.0
/*
 * checkpoint_log.c: the records of a checkpoint, as bytes.
 */
#include "job/checkpoint_log_priv.h"

#include <errno.h>

#define MAGIC 0x50434c46u /* "FLCP" */
#define SEED 0

/* --- out --- */

static void put_header(const struct record *r, struct buf *out)
{
	size_t at = out->len;
	buf_u32le(out, MAGIC);
	buf_u32le(out, r->kind);
	buf_u64le(out, r->fragment);
	buf_u64le(out, r->inputs_key);
	buf_u64le(out, r->n_rows);
	buf_u64le(out, r->runs_len);
	buf_u64le(out, r->data_len);
	buf_u64le(out, r->runs_hash);
	buf_u64le(out, r->data_hash);
	buf_u64le(out, r->outputs_key);
	if (!out->failed)
		buf_u64le(out, hash_bytes(out->data + at, out->len - at, SEED));
}

static void put_runs(const struct computed_rows *rows, struct buf *out)
{
	for (uint64_t i = 0; i < rows->n_rows;) {
		uint64_t n = 1;
		while (i + n < rows->n_rows &&
		       rows->offsets[i + n] == rows->offsets[i] + n)
			n++;
		buf_u64le(out, rows->offsets[i]);
		buf_u64le(out, n);
		i += n;
	}
	for (size_t i = 0; i < rows->n_failed; i++)
		buf_u64le(out, rows->failed[i]);
	buf_u64le(out, rows->n_failed);
}

static struct err *to_buf(void *ctx, const void *p, size_t len)
{
	struct buf *out = ctx;
	buf_append(out, p, len);
	return buf_check(out);
}

static struct err *put_values(const struct computed_rows *rows, struct field *table,
			      struct buf *out)
{
	AUTO(array) struct array *all = NULL;
	AUTO(format_stream) struct format_stream *s = NULL;
	struct stream_sink sink = {to_buf, out};
	TRY(array_new(table->type, rows->n_rows, &all));
	for (size_t i = 0; i < table->type->n_children; i++)
		all->children[i] = array_ref(rows->outputs[i]);
	TRY(format_stream_open(format_find("arrow"), table, &sink, &s));
	TRY(format_stream_push(s, all));
	return format_stream_finish(s);
}

struct err *record_render(const struct computed_rows *rows, struct field *table,
			  struct buf *out)
{
	AUTO_BUF struct buf runs = {0};
	AUTO_BUF struct buf data = {0};
	put_runs(rows, &runs);
	TRY(buf_check(&runs));
	TRY(put_values(rows, table, &data));
	struct record r = {.kind = RECORD_ROWS,
			   .fragment = rows->fragment,
			   .inputs_key = rows->inputs_key,
			   .n_rows = rows->n_rows,
			   .runs_len = runs.len,
			   .data_len = data.len,
			   .runs_hash = hash_bytes(runs.data, runs.len, SEED),
			   .data_hash = hash_bytes(data.data, data.len, SEED)};
	put_header(&r, out);
	buf_append(out, runs.data, runs.len);
	buf_append(out, data.data, data.len);
	return buf_check(out);
}

void record_render_committed(uint64_t fragment, uint64_t inputs_key,
			     uint64_t outputs_key, struct buf *out)
{
	struct record r = {.kind = RECORD_COMMITTED,
			   .fragment = fragment,
			   .inputs_key = inputs_key,
			   .outputs_key = outputs_key};
	put_header(&r, out);
}

/* --- in --- */

bool record_parse(const uint8_t h[RECORD_HEADER], struct record *ret)
{
	if (load_u32le(h) != MAGIC || load_u64le(h + 72) != hash_bytes(h, 72, SEED))
		return false;
	*ret = (struct record){.kind = (enum record_kind)load_u32le(h + 4),
			       .fragment = load_u64le(h + 8),
			       .inputs_key = load_u64le(h + 16),
			       .n_rows = load_u64le(h + 24),
			       .runs_len = load_u64le(h + 32),
			       .data_len = load_u64le(h + 40),
			       .runs_hash = load_u64le(h + 48),
			       .data_hash = load_u64le(h + 56),
			       .outputs_key = load_u64le(h + 64)};
	return true;
}

void record_rows_fini(struct record_rows *r)
{
	free(r->runs);
	free(r->failed);
	*r = (struct record_rows){0};
}

/* Ascending, without overlap, as many rows as the header says. */
static bool runs_are_sound(const struct record *r, const struct record_rows *rows)
{
	uint64_t n = 0, end = 0;
	for (size_t i = 0; i < rows->n_runs; i++) {
		uint64_t first = rows->runs[2 * i], len = rows->runs[2 * i + 1], last;
		if (first < end || !len || ckd_add(&last, first, len) ||
		    ckd_add(&n, n, len))
			return false;
		end = last;
	}
	for (size_t i = 0; i < rows->n_failed; i++)
		if (rows->failed[i] >= r->n_rows ||
		    (i && rows->failed[i] <= rows->failed[i - 1]))
			return false;
	return n == r->n_rows && n > 0;
}

static bool read_words(const uint8_t *p, size_t n, uint64_t **ret)
{
	struct err *err = mem_array(n, sizeof(**ret), ret);
	for (size_t i = 0; !err && i < n; i++)
		(*ret)[i] = load_u64le(p + 8 * i);
	bool good = !err;
	err_free(err); /* out of memory: as if it were broken */
	return good;
}

bool record_rows_parse(const struct record *r, const uint8_t *p,
		       struct record_rows *ret)
{
	struct record_rows rows = {0};
	uint64_t len = r->runs_len;
	if (len < 24 || len % 8 || hash_bytes(p, (size_t)len, SEED) != r->runs_hash)
		return false;
	uint64_t n_failed = load_u64le(p + len - 8), words = len / 8 - 1;
	if (n_failed > words || (words - n_failed) % 2)
		return false;
	rows.n_runs = (size_t)(words - n_failed) / 2;
	rows.n_failed = (size_t)n_failed;
	if (read_words(p, rows.n_runs * 2, &rows.runs) &&
	    read_words(p + rows.n_runs * 16, rows.n_failed, &rows.failed) &&
	    runs_are_sound(r, &rows)) {
		*ret = rows;
		return true;
	}
	record_rows_fini(&rows);
	return false;
}

/* It is one record batch. */
static struct err *keep_batch(void *ctx, struct array *batch)
{
	struct array **kept = ctx;
	if (*kept)
		return err_new(EIO, "it has more than one batch");
	*kept = array_ref(batch);
	return NULL;
}

static struct err *parse_values(const uint8_t *p, size_t len, struct array **ret)
{
	AUTO(parser) struct parser *parser = NULL;
	AUTO(array) struct array *a = NULL;
	struct parse_options options = {.n_rows = PARSE_ANY_ROWS,
					.is_table = true,
					.rows = keep_batch,
					.ctx = &a};
	TRY(parser_open(format_find("arrow"), &options, &parser));
	TRY(parser_push(parser, p, len));
	TRY(parser_finish(parser));
	if (!a)
		return err_new(EIO, "it has no values");
	*ret = TAKE(a);
	return NULL;
}

struct err *record_values(const struct record *r, const uint8_t *p,
			  struct type *const *outputs, size_t n_outputs,
			  struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	if (hash_bytes(p, (size_t)r->data_len, SEED) != r->data_hash)
		return err_new(EIO, "its bytes are not what they were");
	TRY(parse_values(p, (size_t)r->data_len, &a));
	bool fits = a->n_rows == r->n_rows && a->n_children == n_outputs;
	for (size_t i = 0; fits && i < n_outputs; i++)
		fits = type_equal(a->children[i]->type, outputs[i]);
	if (!fits)
		return err_new(EIO, "its values are others");
	*ret = TAKE(a);
	return NULL;
}
