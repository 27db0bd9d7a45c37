// SPDX-License-Identifier: Apache-2.0
/*
 * backfill_fill.c: computed fragments become data files, and files versions.
 *
 * A file has all rows of its fragment: new values where they are wanted, elsewhere what
 * the columns hold.  Before a value is written it is looked up: a row without one stops
 * the file, so that nothing is committed that was not computed.
 */
#include "job/computed_priv.h"

#include <errno.h>
#include <inttypes.h>

#define CHUNK_ROWS ((uint64_t)8192)

/* Live rows [first, end) of a fragment, counted over the version. */
struct part_of {
	const struct filling *filling;
	const struct fragment_work *work;
	size_t fragment; /* its index */
	uint64_t first, end;
	uint64_t *offsets; /* owned; of the rows that are wanted */
	uint64_t *places;  /* owned; which rows of the part they are */
	uint64_t *from;	   /* owned; where their values are, see checkpoint_get */
	uint64_t n;
	struct array *values; /* owned reference; a struct of the outputs */
	bool has_changes;     /* out */
};

static void part_of_fini(struct part_of *p)
{
	free(p->offsets);
	free(p->places);
	free(p->from);
	array_unref(p->values);
}

/* Which rows are wanted, and where they are in their fragment. */
static struct err *find_wanted(struct part_of *p)
{
	const struct pass *pass = p->filling->pass;
	struct field *address = version_system_field(pass->version, "_rowaddr");
	AUTO(array) struct array *addresses = NULL;
	size_t n = (size_t)(p->end - p->first);
	TRY(mem_array(n, sizeof(*p->offsets), &p->offsets));
	TRY(mem_array(n, sizeof(*p->places), &p->places));
	TRY(mem_array(n, sizeof(*p->from), &p->from));
	if (!bitmap_count(pass->want, p->first, p->end))
		return NULL;
	TRY(version_read(pass->version, address, p->first, p->end, &addresses));
	for (uint64_t i = 0; i < n; i++) {
		if (!bit_get(pass->want, p->first + i))
			continue;
		p->places[p->n] = i;
		p->offsets[p->n++] =
			load_u64le(addresses->data->data + 8 * i) & UINT32_MAX;
	}
	return checkpoint_get(p->filling->checkpoint, p->work->id, p->work->inputs_key,
			      p->offsets, p->n, p->from, &p->values);
}

/* What a column holds now, and behind it a null. */
static struct err *read_present(const struct part_of *p, struct field *f,
				struct array **ret)
{
	AUTO(array) struct array *present = NULL;
	AUTO(array) struct array *null = NULL;
	TRY(version_read(p->filling->pass->version, f, p->first, p->end, &present));
	TRY(array_new_null(f->type, 1, &null));
	return array_concat((struct array *[]){present, null}, 2, ret);
}

static struct err *choose(const struct part_of *p, uint64_t **ret)
{
	uint64_t n = p->end - p->first;
	AUTO_MEM uint64_t *from = NULL;
	TRY(mem_array((size_t)n, sizeof(*from), &from));
	for (uint64_t i = 0; i < n; i++)
		from[i] = i;
	for (uint64_t i = 0; i < p->n; i++) {
		uint64_t *to = &from[p->places[i]];
		if (p->from[i] != CHECKPOINT_FAILED)
			*to = n + 1 + p->from[i];
		else if (!p->filling->keeps_failed)
			*to = n; /* the null */
	}
	*ret = TAKE(from);
	return NULL;
}

/* Output k of the part. */
static struct err *put_together(struct part_of *p, size_t k, struct array **ret)
{
	struct field *f = p->filling->pass->columns.outputs[k];
	AUTO(array) struct array *present = NULL;
	AUTO(array) struct array *all = NULL;
	AUTO_MEM uint64_t *from = NULL;
	TRY(read_present(p, f, &present));
	if (!p->n)
		return array_slice(present, 0, p->end - p->first, ret);
	TRY(choose(p, &from));
	TRY(array_concat((struct array *[]){present, p->values->children[k]}, 2, &all));
	TRY(array_take(all, from, p->end - p->first, ret));
	AUTO(array) struct array *was = NULL;
	TRY(array_slice(present, 0, p->end - p->first, &was));
	if (!array_equal(was, *ret))
		p->has_changes = true;
	return NULL;
}

static struct err *write_part(struct part_of *p, const struct fragment_info *info,
			      struct file_writer *w)
{
	const struct pass *pass = p->filling->pass;
	AUTO_PART struct part physical = {0};
	TRY(find_wanted(p));
	TRY(part_new(pass->columns.n_outputs, &physical));
	for (size_t k = 0; k < pass->columns.n_outputs; k++) {
		AUTO(array) struct array *values = NULL;
		TRY(put_together(p, k, &values));
		TRY(version_expand(pass->version, p->fragment,
				   p->first - info->first_row, values,
				   &physical.arrays[k]));
	}
	return file_writer_write(w, physical.arrays);
}

static struct err *write_rows(const struct filling *f, size_t i, struct file_writer *w,
			      bool *ret_changes)
{
	struct fragment_info info;
	version_fragment(f->pass->version, i, &info);
	uint64_t end = info.first_row + info.physical_rows - info.n_deleted;
	for (uint64_t at = info.first_row; at < end; at += CHUNK_ROWS) {
		__attribute__((cleanup(part_of_fini))) struct part_of p = {
			.filling = f,
			.work = &f->pass->fragments[i],
			.fragment = i,
			.first = at,
			.end = MIN_OF(at + CHUNK_ROWS, end)};
		TRY(write_part(&p, &info, w));
		*ret_changes |= p.has_changes;
	}
	return NULL;
}

/* --- files --- */

static void remove_file(const struct filling *f, const char *name)
{
	new_file_remove(table_store(f->table), table_log(f->table), name);
}

static struct err *keep_file(struct filling *f, size_t i, char *name,
			     struct file_written *written)
{
	struct fragment_info info;
	AUTO_MEM char *own = name;
	TRY(mem_grow(f->n_files + 1, sizeof(*f->files), &f->cap, &f->files));
	version_fragment(f->pass->version, i, &info);
	if (!f->n_files)
		f->first_ns = monotonic_ns();
	f->files[f->n_files++] =
		(struct column_file){.fragment_id = info.id,
				     .physical_rows = info.physical_rows,
				     .name = TAKE(own),
				     .written = *written};
	return NULL;
}

/* What the columns were before: it takes reading, and is looked at once a pass. */
static struct err *open_state(struct filling *f)
{
	struct column_state *state;
	if (f->state)
		return NULL;
	TRY(mem_new(&state));
	struct err *err = column_state_open(f->table, f->pass->version,
					    &f->pass->columns, f->udf_hash, 0, state);
	if (err)
		free(state);
	else
		f->state = state;
	return err;
}

/* Are all values of the fragment this UDF's now? */
static struct err *is_whole(struct filling *f, const struct fragment_work *w, bool *ret)
{
	const struct pass *p = f->pass;
	size_t i = (size_t)(w - p->fragments);
	struct fragment_info info;
	version_fragment(p->version, i, &info);
	*ret = w->n_want == info.physical_rows - info.n_deleted;
	if (*ret)
		return NULL;
	TRY(open_state(f));
	*ret = column_state_is_whole(f->state, i);
	return NULL;
}

/* What is committed holds the values that are there. */
static struct err *mark_committed(struct filling *f, const struct fragment_work *w,
				  uint64_t outputs_key)
{
	struct io_store *store = table_store(f->table);
	struct computed_fragment done = {w->id, w->inputs_key, outputs_key, true};
	bool whole;
	TRY(is_whole(f, w, &whole));
	TRY(checkpoint_put_committed(f->checkpoint, w->id, w->inputs_key, outputs_key));
	return computed_add(store, f->pass->columns.outputs[0]->id, &done,
			    whole ? f->udf_hash : NULL);
}

static struct err *finish_file(struct filling *f, size_t i, const char *name,
			       struct file_writer *w)
{
	struct file_written written = {0};
	AUTO(file_writer) struct file_writer *own = w;
	AUTO_MEM char *copy = NULL;
	TRY(str_dup(name, &copy));
	TRY(file_writer_finish(TAKE(own), &written));
	struct err *err = keep_file(f, i, TAKE(copy), &written);
	if (err) {
		file_written_fini(&written);
		remove_file(f, name);
	}
	return err;
}

struct err *filling_add(struct filling *f, size_t i)
{
	const struct pass *p = f->pass;
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *path = NULL;
	AUTO(file_writer) struct file_writer *w = NULL;
	bool has_changes = false;
	TRY(data_file_name(&name));
	TRY(new_file_path(name, &path));
	TRY(file_writer_open(table_store(f->table), path, version_storage(p->version),
			     p->columns.outputs, p->columns.n_outputs, &w));
	TRY(write_rows(f, i, w, &has_changes));
	if (!has_changes)
		return mark_committed(f, &p->fragments[i], p->fragments[i].outputs_key);
	return finish_file(f, i, name, TAKE(w));
}

/* --- commits --- */

static struct err *after_commit(struct filling *f, const struct column_file *file,
				const struct version *v)
{
	const struct pass *p = f->pass;
	const struct udf_columns *c = &p->columns;
	size_t i;
	if (file->is_unused || !version_find_fragment(v, file->fragment_id, &i))
		return NULL;
	/* the fields are an older version's, but a column's id stays */
	return mark_committed(f, pass_fragment(p, file->fragment_id),
			      columns_key(v, i, c->outputs, c->n_outputs));
}

/* Before anything else can fail. */
static void drop_unused(struct filling *f)
{
	for (size_t i = 0; i < f->n_files; i++) {
		const struct column_file *file = &f->files[i];
		f->n_fragments += !file->is_unused;
		f->is_outdated |= file->is_unused;
		if (file->is_unused)
			remove_file(f, file->name);
	}
}

static void forget_files(struct filling *f)
{
	new_files_free(f->files, f->n_files);
	f->files = NULL;
	f->n_files = f->cap = 0;
}

struct err *filling_commit(struct filling *f)
{
	const struct udf_columns *c = &f->pass->columns;
	AUTO(version) struct version *v = NULL;
	struct column_fill fill = {.base = f->pass->version,
				   .fields = c->outputs,
				   .n_fields = c->n_outputs,
				   .inputs = c->inputs,
				   .n_inputs = c->n_inputs,
				   .files = f->files,
				   .n_files = f->n_files,
				   .message = f->message};
	uint64_t before = f->n_fragments;
	if (!f->n_files)
		return NULL;
	struct err *err = table_fill_columns(f->table, &fill, &v);
	if (err && fill.is_published)
		forget_files(f); /* they are, or may be, part of a version */
	TRY(err);
	drop_unused(f);
	for (size_t i = 0; i < f->n_files && !err; i++)
		err = after_commit(f, &f->files[i], v);
	forget_files(f);
	if (f->n_fragments > before) {
		f->n_commits++;
		f->version = version_number(v);
	}
	return err;
}

void filling_fini(struct filling *f)
{
	for (size_t i = 0; i < f->n_files; i++)
		remove_file(f, f->files[i].name);
	forget_files(f);
	if (f->state)
		column_state_fini(f->state);
	free(TAKE(f->state));
}
