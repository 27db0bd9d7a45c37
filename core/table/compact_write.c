// SPDX-License-Identifier: Apache-2.0
/*
 * compact_write.c: the new file of a group, column after column, a few at a time.
 *
 * Pages of which every row stays are taken as they are.  Pages that are too small for
 * that, and what is left of pages with deleted rows, are decoded a few MiB at a time
 * and gathered into pages of the usual size.
 */
#include "table/compact_priv.h"

#include <errno.h>
#include <inttypes.h>

/* A page is taken if it has this many bytes, or the column would have so many pages
 * that finding a row among them takes long. */
#define TAKEN_BYTES_MIN ((uint64_t)16 << 10)
#define TAKEN_BYTES_MAX ((uint64_t)1 << 20)
#define COLUMN_PAGES 1024

#define BATCH_BYTES ((uint64_t)4 << 20)
#define BATCH_ROWS ((uint64_t)1 << 16)
#define FIRST_BATCH_ROWS ((uint64_t)64)
/* Each holds a batch and a page, decoded and encoded. */
#define MOST_THREADS 4u
#define LITTLE_BYTES ((uint64_t)1 << 20)

struct writing {
	struct compact_run *run; /* borrowed */
	struct version *v;	 /* borrowed */
	struct field **fields;	 /* owned; borrowed from v */
	size_t n_fields;
	struct file_writer *out; /* owned */
	pthread_mutex_t lock;
	uint64_t n_done; /* rows of columns; guarded by .lock */
};

/* A column of it: one thread's. */
struct column_writing {
	struct writing *all;
	size_t top; /* the field's index */
	const struct field *field;
	uint64_t taken_bytes; /* smallest page that is taken */
	uint64_t batch;	      /* rows to be decoded at once */
};

static void writing_fini(struct writing *w)
{
	file_writer_abort(w->out);
	free(w->fields);
	pthread_mutex_destroy(&w->lock);
}

void compacted_fini(struct compacted *c)
{
	free(c->file.name);
	file_written_fini(&c->file.written);
	*c = (struct compacted){0};
}

static struct err *tell(const struct column_writing *c, uint64_t n_rows)
{
	struct writing *w = c->all;
	LOCK_SCOPE(&w->lock);
	w->n_done += n_rows;
	return w->run->tell ? w->run->tell(w->run->ctx, w->n_done / w->n_fields) : NULL;
}

/* --- values --- */

/* Where a fragment's rows come from. */
struct rows_from {
	struct fragment *f;
	bool is_all;			       /* deleted ones too */
	const struct deletion_vector *deleted; /* NULL: none, or they stay */
	uint64_t done; /* that are written: offsets if .is_all, else live rows */
};

/* The next n rows, decoded. */
static struct err *read_rows(struct column_writing *c, struct rows_from *from,
			     uint64_t n, struct array **ret)
{
	uint64_t first = from->done;
	if (from->is_all)
		return fragment_read(c->all->v, from->f, c->field, first, first + n,
				     ret);
	first += from->f->first_row;
	return version_read(c->all->v, c->field, first, first + n, ret);
}

static struct err *write_rows(struct column_writing *c, struct rows_from *from,
			      uint64_t n)
{
	AUTO(array) struct array *a = NULL;
	TRY(read_rows(c, from, n, &a));
	TRY(file_writer_write_field(c->all->out, c->top, a));
	uint64_t per_row = array_bytes(a) / n + 1;
	c->batch = MAX_OF((uint64_t)1, MIN_OF(BATCH_BYTES / per_row, BATCH_ROWS));
	from->done += n;
	return tell(c, n);
}

/* Rows up to `end`, decoded. */
static struct err *decode_until(struct column_writing *c, struct rows_from *from,
				uint64_t end)
{
	while (from->done < end)
		TRY(write_rows(c, from, MIN_OF(end - from->done, c->batch)));
	return NULL;
}

/* --- pages --- */

static uint64_t live_in(const struct rows_from *from, const struct page_span *s)
{
	uint64_t n = s->end - s->first;
	if (from->deleted)
		n -= row_set_count_in(&from->deleted->deleted, s->first, s->end);
	return n;
}

/* The data file that the column can be taken out of, open; *ret NULL: from none. */
static struct err *open_source(struct column_writing *c, const struct fragment *f,
			       struct file_reader **ret, struct file_map *ret_map)
{
	const Lance__Table__DataFile *files[2];
	if (fragment_files(f, c->field, files, 2) != 1)
		return NULL;
	return fragment_open_file(c->all->v, files[0], ret, ret_map);
}

/* The live rows of a span. */
static struct err *live_runs(const struct rows_from *from, const struct page_span *s,
			     struct row_run **ret, size_t *ret_n)
{
	size_t cap = 0;
	bool was_live = false;
	*ret_n = 0;
	for (uint64_t row = s->first; row < s->end; row++) {
		bool is_live = !deletion_has(from->deleted, row);
		if (is_live && !was_live) {
			TRY(mem_grow(*ret_n + 1, sizeof(**ret), &cap, ret));
			(*ret)[(*ret_n)++].first = row;
		}
		if (is_live)
			(*ret)[*ret_n - 1].end = row + 1;
		was_live = is_live;
	}
	return NULL;
}

/* The file that a column of a fragment is taken out of. */
struct source {
	struct file_reader *reader;
	struct file_map map;
};

/* Take what is live of a page; *ret is false if it must be decoded. */
static struct err *take_span(struct column_writing *c, struct rows_from *from,
			     const struct source *source, const struct page_span *s,
			     uint64_t n_live, bool *ret)
{
	AUTO_MEM struct row_run *runs = NULL;
	size_t n;
	if (n_live == s->end - s->first) {
		*ret = true;
		return file_writer_take(c->all->out, c->top, source->reader,
					&source->map, s);
	}
	TRY(live_runs(from, s, &runs, &n));
	return file_writer_take_runs(c->all->out, c->top, source->reader, &source->map,
				     s, runs, n, ret);
}

/* Is a page's part that stays large enough for a page of its own? */
static bool is_worth_taking(const struct column_writing *c, const struct page_span *s,
			    uint64_t n_live)
{
	double share = (double)n_live / (double)(s->end - s->first);
	return field_is_only_taken(c->field) ||
	       (double)s->bytes * share >= (double)c->taken_bytes;
}

static struct err *write_spans(struct column_writing *c, struct rows_from *from,
			       const struct source *source,
			       const struct page_span *spans, size_t n)
{
	uint64_t pending = from->done; /* rows up to here are to be decoded */
	for (size_t i = 0; i < n; i++) {
		uint64_t n_live = live_in(from, &spans[i]);
		bool is_taken = n_live > 0 && is_worth_taking(c, &spans[i], n_live);
		if (is_taken)
			TRY(decode_until(c, from, pending));
		if (is_taken)
			TRY(take_span(c, from, source, &spans[i], n_live, &is_taken));
		pending += n_live;
		if (!is_taken)
			continue;
		from->done = pending;
		TRY(tell(c, n_live));
	}
	return decode_until(c, from, pending);
}

static struct err *write_fragment(struct column_writing *c, struct fragment *f)
{
	AUTO(file_reader) struct file_reader *r = NULL;
	AUTO_MEM struct page_span *spans = NULL;
	struct rows_from from = {.f = f, .is_all = c->all->run->group->keeps_rows};
	struct source source = {0};
	size_t n = 0;
	if (!from.is_all)
		TRY(fragment_deleted(c->all->v, f, &from.deleted));
	TRY(open_source(c, f, &r, &source.map));
	source.reader = r;
	if (r)
		TRY(file_writer_spans(c->all->out, c->top, r, &source.map,
				      f->physical_rows, &spans, &n));
	if (n)
		return write_spans(c, &from, &source, spans, n);
	return decode_until(c, &from,
			    f->physical_rows - (from.is_all ? 0 : f->n_deleted));
}

/* --- columns --- */

static struct err *field_bytes(struct column_writing *c, uint64_t *ret)
{
	const struct compact_group *g = c->all->run->group;
	*ret = 0;
	for (size_t i = g->first; i < g->first + g->n_fragments; i++) {
		AUTO(file_reader) struct file_reader *r = NULL;
		struct file_map map;
		uint64_t bytes = 0;
		TRY(open_source(c, &c->all->v->fragments[i], &r, &map));
		if (r)
			TRY(file_field_bytes(r, c->field, &map, &bytes));
		*ret += bytes;
	}
	return NULL;
}

static struct err *write_fragments(struct column_writing *c)
{
	const struct compact_group *g = c->all->run->group;
	uint64_t bytes;
	TRY(field_bytes(c, &bytes));
	bytes /= COLUMN_PAGES;
	c->taken_bytes = MAX_OF(TAKEN_BYTES_MIN, MIN_OF(bytes, TAKEN_BYTES_MAX));
	for (size_t i = g->first; i < g->first + g->n_fragments; i++)
		TRY_CTX(write_fragment(c, &c->all->v->fragments[i]),
			"fragment %" PRIu64, c->all->v->fragments[i].id);
	return NULL;
}

static struct err *write_column(void *ctx, size_t top)
{
	struct writing *w = ctx;
	struct column_writing c = {.all = w,
				   .top = top,
				   .field = w->fields[top],
				   .batch = FIRST_BATCH_ROWS};
	TRY_CTX(write_fragments(&c), "column '%s'", c.field->name);
	return NULL;
}

/* --- the file --- */

/* Does some fragment of the group have the field in files that go? */
static bool is_there(const struct version *v, const struct compact_group *g,
		     const struct field *f)
{
	for (size_t i = g->first; i < g->first + g->n_fragments; i++) {
		const Lance__Table__DataFile *files[MAX_PARTS];
		size_t n = fragment_files(&v->fragments[i], f, files, MAX_PARTS);
		bool all_go = n > 0;
		for (size_t k = 0; k < n; k++)
			all_go = all_go && !file_must_stay(v, files[k]);
		if (all_go)
			return true;
	}
	return false;
}

/* Columns that are null in all of the group stay without a file, unless there would be
 * none at all. */
static struct err *choose_fields(struct writing *w)
{
	const struct compact_group *g = w->run->group;
	TRY(mem_array(w->v->n_fields, sizeof(struct field *), &w->fields));
	for (size_t i = 0; i < w->v->n_fields; i++)
		if (is_there(w->v, g, w->v->fields[i]))
			w->fields[w->n_fields++] = w->v->fields[i];
	if (w->n_fields)
		return NULL;
	memcpy(w->fields, w->v->fields, w->v->n_fields * sizeof(*w->fields));
	w->n_fields = w->v->n_fields;
	return NULL;
}

/* Little is done before a thread has begun. */
static unsigned n_threads(const struct writing *w)
{
	bool is_little = w->run->group->bytes < LITTLE_BYTES;
	return is_little ? 1 : MIN_OF(thread_cpus(), MOST_THREADS);
}

static struct err *write_file(struct writing *w, struct table *t, struct column_file *f)
{
	AUTO_MEM char *path = NULL;
	TRY(choose_fields(w));
	TRY(data_file_name(&f->name));
	TRY(str_printf(&path, "data/%s", f->name));
	TRY(file_writer_open_taking(t->store, path, w->v->storage, w->fields,
				    w->n_fields, &w->out));
	TRY(parallel_for(n_threads(w), w->n_fields, write_column, w));
	TRY(file_writer_finish(TAKE(w->out), &f->written));
	f->physical_rows = f->written.n_rows;
	return NULL;
}

struct err *compact_write(struct table *t, struct compact_run *run,
			  struct compacted *ret)
{
	const struct compact_group *g = run->group;
	struct writing w = {.run = run, .v = run->base};
	struct compacted out = {0};
	struct err *err = NULL;
	pthread_mutex_init(&w.lock, NULL);
	out.file.fragment_id = run->base->fragments[g->first].id;
	if (g->n_rows || g->keeps_rows)
		err = write_file(&w, t, &out.file);
	writing_fini(&w);
	if (err)
		compacted_fini(&out);
	run->n_bytes = out.file.written.size_bytes;
	*ret = out;
	return err;
}
