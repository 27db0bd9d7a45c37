// SPDX-License-Identifier: Apache-2.0
/*
 * source.c: rows of a version in batches of any size.
 *
 * A scan gives them in pieces that suit the files; batches are cut from one or put
 * together from several.  Blobs, which a scan does not read, are read one by one when
 * their batch is.
 */
#include "job/batch_priv.h"

#include <errno.h>

#define BATCH_BYTES ((uint64_t)32 << 20) /* at which a batch is large enough */

/* What a scan gave and is not handed on yet. */
struct piece {
	struct array **columns;	       /* owned, with references */
	uint64_t *numbers, *addresses; /* owned */
	uint64_t n_rows, at;
	uint64_t bytes;
	struct piece *next;
};

struct source {
	pthread_mutex_t lock;
	struct version *version; /* owned reference */
	struct scope scope;
	struct expr *
		*outputs; /* owned; inputs that are no blobs, then the row's address */
	size_t n_inputs, n_compiled;
	struct field *
		*blobs; /* owned; of each input the version's field if it is a blob */
	size_t *places; /* owned; of each other one which of the outputs it is */
	bool has_blobs;
	struct type *type;	    /* owned reference; of a batch's rows */
	struct scan scan;	    /* what the scanner borrows */
	struct scanner *scanner;    /* guarded by .lock; owned */
	struct piece *first, *last; /* guarded by .lock; owned */
	uint64_t n_rows, n_bytes;   /* guarded by .lock; in the pieces */
	bool is_end;		    /* guarded by .lock */
};

/* --- batches --- */

void batch_free(struct batch *b)
{
	if (!b)
		return;
	array_unref(b->rows);
	free(b->numbers);
	free(b->addresses);
	free(b);
}

static struct err *batch_new(uint64_t n, struct batch **ret)
{
	AUTO(batch) struct batch *b = NULL;
	TRY(mem_new(&b));
	b->n_rows = n;
	TRY(mem_array((size_t)n, sizeof(*b->numbers), &b->numbers));
	TRY(mem_array((size_t)n, sizeof(*b->addresses), &b->addresses));
	*ret = TAKE(b);
	return NULL;
}

struct err *batch_cut(const struct batch *b, uint64_t first, uint64_t end,
		      struct batch **ret)
{
	AUTO(batch) struct batch *cut = NULL;
	uint64_t n = end - first;
	TRY(batch_new(n, &cut));
	memcpy(cut->numbers, b->numbers + first, (size_t)n * sizeof(*b->numbers));
	memcpy(cut->addresses, b->addresses + first, (size_t)n * sizeof(*b->addresses));
	TRY(array_slice(b->rows, first, end, &cut->rows));
	cut->attempt = b->attempt;
	*ret = TAKE(cut);
	return NULL;
}

/* --- pieces --- */

static void piece_free(struct piece *p, size_t n_columns)
{
	for (size_t i = 0; p->columns && i < n_columns; i++)
		array_unref(p->columns[i]);
	free(p->columns);
	free(p->numbers);
	free(p->addresses);
	free(p);
}

static struct err *fill_piece(const struct source *s, const struct scan_batch *b,
			      struct piece *p)
{
	size_t n = (size_t)b->n_rows;
	size_t n_columns = s->n_compiled - 1;
	const struct array *addresses = b->outputs[n_columns];
	TRY(mem_array(n_columns, sizeof(struct array *), &p->columns));
	TRY(mem_array(n, sizeof(*p->numbers), &p->numbers));
	TRY(mem_array(n, sizeof(*p->addresses), &p->addresses));
	memcpy(p->numbers, b->rows, n * sizeof(*p->numbers));
	for (size_t i = 0; i < n; i++)
		p->addresses[i] = load_u64le(addresses->data->data + 8 * i);
	for (size_t i = 0; i < n_columns; i++) {
		p->columns[i] = array_ref(b->outputs[i]);
		p->bytes += array_bytes(b->outputs[i]);
	}
	p->n_rows = b->n_rows;
	return NULL;
}

static struct err *read_piece(struct source *s)
{
	struct scan_batch b;
	struct piece *p;
	bool more;
	TRY(scanner_next(s->scanner, &b, &more));
	s->is_end = !more;
	if (!more)
		return NULL;
	TRY(mem_new(&p));
	struct err *err = fill_piece(s, &b, p);
	if (err) {
		piece_free(p, s->n_compiled - 1);
		return err;
	}
	if (s->last)
		s->last->next = p;
	else
		s->first = p;
	s->last = p;
	s->n_rows += p->n_rows;
	s->n_bytes += p->bytes;
	return NULL;
}

static void drop_first(struct source *s)
{
	struct piece *p = s->first;
	s->first = p->next;
	if (!s->first)
		s->last = NULL;
	s->n_bytes -= p->bytes;
	piece_free(p, s->n_compiled - 1);
}

/* --- opening --- */

void source_close(struct source *s)
{
	if (!s)
		return;
	while (s->first)
		drop_first(s);
	scanner_close(s->scanner);
	for (size_t i = 0; i < s->n_compiled; i++)
		expr_unref(s->outputs[i]);
	free(s->outputs);
	free(s->blobs);
	free(s->places);
	scope_fini(&s->scope);
	type_unref(s->type);
	if (s->version)
		version_unref(s->version);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct err *compile(struct source *s, const char *name)
{
	for (size_t i = 0; i < s->scope.n; i++)
		if (strcmp(s->scope.fields[i]->name, name) == 0) {
			TRY(scope_compile_column(&s->scope, i,
						 &s->outputs[s->n_compiled]));
			s->n_compiled++;
			return NULL;
		}
	return err_new(ENOENT, "no column '%s'", name);
}

static struct err *compile_input(struct source *s, size_t i, const char *name)
{
	struct field *f = version_find_field(s->version, name);
	if (f && field_is_blob(f)) {
		s->blobs[i] = f;
		s->has_blobs = true;
		return NULL;
	}
	s->places[i] = s->n_compiled;
	return compile(s, name);
}

static struct err *compile_all(struct source *s, const struct field *inputs)
{
	s->n_inputs = inputs->type->n_children;
	TRY(mem_array(s->n_inputs + 1, sizeof(struct expr *), &s->outputs));
	TRY(mem_array(s->n_inputs, sizeof(struct field *), &s->blobs));
	TRY(mem_array(s->n_inputs, sizeof(*s->places), &s->places));
	for (size_t i = 0; i < s->n_inputs; i++)
		TRY(compile_input(s, i, inputs->type->children[i]->name));
	return compile(s, "_rowaddr");
}

struct err *source_open(struct version *v, const struct field *inputs,
			const uint8_t *only, struct source **ret)
{
	AUTO(source) struct source *s = NULL;
	TRY(mem_new(&s));
	pthread_mutex_init(&s->lock, NULL);
	s->version = version_ref(v);
	s->type = type_ref(inputs->type);
	TRY(scope_of(v, &s->scope));
	TRY(compile_all(s, inputs));
	s->scan = (struct scan){.scope = &s->scope,
				.outputs = (const struct expr *const *)s->outputs,
				.n_outputs = s->n_compiled,
				.limit = SCAN_ALL,
				.only = only};
	TRY(scanner_open(&s->scan, &s->scanner));
	*ret = TAKE(s);
	return NULL;
}

/* --- handing on --- */

/* The next n rows, which are in the pieces, as ranges of them. */
static size_t plan_ranges(const struct source *s, uint64_t n, uint64_t *firsts,
			  uint64_t *ends)
{
	size_t k = 0;
	for (const struct piece *p = s->first; n; p = p->next, k++) {
		uint64_t part = MIN_OF(n, p->n_rows - p->at);
		firsts[k] = p->at;
		ends[k] = p->at + part;
		n -= part;
	}
	return k;
}

static size_t count_pieces(const struct source *s)
{
	size_t n = 0;
	for (const struct piece *p = s->first; p; p = p->next)
		n++;
	return n;
}

static struct err *gather_columns(const struct source *s, const uint64_t *firsts,
				  const uint64_t *ends, size_t n_ranges,
				  struct batch *b)
{
	AUTO_MEM struct array_rows *from = NULL;
	TRY(mem_array(n_ranges, sizeof(*from), &from));
	TRY(array_new(s->type, b->n_rows, &b->rows));
	for (size_t i = 0; i < s->n_inputs; i++) {
		const struct piece *p = s->first;
		if (s->blobs[i])
			continue;
		for (size_t k = 0; k < n_ranges; k++, p = p->next)
			from[k] = (struct array_rows){p->columns[s->places[i]],
						      firsts[k], ends[k]};
		TRY(array_gather(from, n_ranges, &b->rows->children[i]));
	}
	return NULL;
}

static void take_numbers(struct source *s, struct batch *b)
{
	for (uint64_t done = 0; done < b->n_rows;) {
		struct piece *p = s->first;
		uint64_t n = MIN_OF(b->n_rows - done, p->n_rows - p->at);
		memcpy(b->numbers + done, p->numbers + p->at,
		       (size_t)n * sizeof(*b->numbers));
		memcpy(b->addresses + done, p->addresses + p->at,
		       (size_t)n * sizeof(*b->addresses));
		p->at += n;
		s->n_rows -= n;
		done += n;
		if (p->at == p->n_rows)
			drop_first(s);
	}
}

/* --- blobs --- */

static struct err *put_blob(struct builder *values, const struct blob *blob)
{
	AUTO_MEM uint8_t *p = NULL;
	size_t n = 0;
	if (!blob->file)
		return builder_null(values);
	if (blob->size > LIMIT_VALUE_BYTES)
		return err_new(EFBIG, "a value of %llu bytes",
			       (unsigned long long)blob->size);
	TRY(mem_array((size_t)blob->size, 1, &p));
	TRY(blob_read(blob, 0, (size_t)blob->size, p, &n));
	return builder_bytes(values, p, n);
}

static struct err *read_blobs(const struct source *s, const struct batch *b,
			      struct field *f, struct array **ret)
{
	AUTO(builder) struct builder *values = NULL;
	TRY(builder_new(f->type, &values));
	for (uint64_t i = 0; i < b->n_rows; i++) {
		struct blob blob = {0};
		struct err *err = version_blob(s->version, f, b->numbers[i], &blob);
		if (!err)
			err = put_blob(values, &blob);
		blob_fini(&blob);
		TRY(err);
	}
	return builder_take(values, ret);
}

static struct err *read_all_blobs(const struct source *s, struct batch *b)
{
	for (size_t i = 0; i < s->n_inputs; i++)
		if (s->blobs[i])
			TRY(read_blobs(s, b, s->blobs[i], &b->rows->children[i]));
	return NULL;
}

static struct err *blob_bytes(const struct source *s, uint64_t row, uint64_t *bytes)
{
	for (size_t i = 0; i < s->n_inputs; i++) {
		struct blob blob = {0};
		if (!s->blobs[i])
			continue;
		TRY(version_blob(s->version, s->blobs[i], row, &blob));
		*bytes += blob.file ? blob.size : 0;
		blob_fini(&blob);
	}
	return NULL;
}

/* Of the next n rows as many as bring some MiB, but one at least. */
static struct err *fit_blobs(const struct source *s, uint64_t *n)
{
	uint64_t bytes = 0, at = 0;
	for (const struct piece *p = s->first; p && s->has_blobs; p = p->next) {
		for (uint64_t i = p->at; i < p->n_rows; i++, at++) {
			if (at == *n)
				return NULL;
			TRY(blob_bytes(s, p->numbers[i], &bytes));
			if (bytes < BATCH_BYTES)
				continue;
			*n = MAX_OF(at, (uint64_t)1);
			return NULL;
		}
	}
	return NULL;
}

/* --- the next batch --- */

static struct err *take_rows(struct source *s, uint64_t n, struct batch **ret)
{
	AUTO(batch) struct batch *b = NULL;
	AUTO_MEM uint64_t *firsts = NULL;
	AUTO_MEM uint64_t *ends = NULL;
	size_t n_pieces = count_pieces(s);
	TRY(batch_new(n, &b));
	TRY(mem_array(n_pieces, sizeof(*firsts), &firsts));
	TRY(mem_array(n_pieces, sizeof(*ends), &ends));
	size_t n_ranges = plan_ranges(s, n, firsts, ends);
	TRY(gather_columns(s, firsts, ends, n_ranges, b));
	take_numbers(s, b);
	TRY(read_all_blobs(s, b));
	*ret = TAKE(b);
	return NULL;
}

struct err *source_next(struct source *s, uint64_t max, struct batch **ret)
{
	LOCK_SCOPE(&s->lock);
	*ret = NULL;
	while (!s->is_end && s->n_rows < max && s->n_bytes < BATCH_BYTES)
		TRY(read_piece(s));
	uint64_t n = MIN_OF(s->n_rows, max);
	TRY(fit_blobs(s, &n));
	return n ? take_rows(s, n, ret) : NULL;
}
