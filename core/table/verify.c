// SPDX-License-Identifier: Apache-2.0
/*
 * verify.c: is a version what its manifest says?
 *
 * Each finding is a sentence that says where, what, and what it means; checking
 * goes on after it.  The cheap checks read footers and deletion files; the deep
 * ones decode every value of every column.
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>

#define DEEP_ROWS ((uint64_t)65536)
#define SMALL_ROWS ((uint64_t)256) /* of columns whose values may be large */

struct check {
	struct version *v;
	const struct verify_options *options;
	uint64_t n_found;
};

/* Takes the error: it becomes a finding. */
static void found(struct check *c, struct err *err)
{
	if (!err)
		return;
	c->n_found++;
	c->options->found(c->options->ctx, err->msg);
	err_free(err); /* told */
}

/* --- the manifest --- */

static struct err *check_ids(const struct version *v)
{
	const Lance__Table__Manifest *m = v->manifest;
	for (size_t i = 0; i < m->n_fields; i++)
		for (size_t k = 0; k < i; k++)
			if (m->fields[i]->id == m->fields[k]->id)
				return err_new(
					EIO,
					"fields '%s' and '%s' share id %d: values of "
					"one may be shown as the other's",
					m->fields[k]->name, m->fields[i]->name,
					m->fields[i]->id);
	return NULL;
}

static struct err *check_high_water(const struct version *v)
{
	const Lance__Table__Manifest *m = v->manifest;
	if (!v->n_fragments || !m->opt_max_fragment_id_case)
		return NULL;
	uint64_t last = v->fragments[v->n_fragments - 1].id;
	if (last > m->max_fragment_id)
		return err_new(EIO,
			       "fragment %" PRIu64 " is above max_fragment_id %" PRIu32
			       ": a new fragment may get its number again",
			       last, m->max_fragment_id);
	return NULL;
}

static struct err *check_flags(const struct version *v)
{
	uint64_t reader = v->manifest->reader_feature_flags;
	if (v->n_deleted && !(reader & FLAG_DELETION_FILES))
		return err_new(EIO,
			       "rows are deleted but the feature flag for it is not "
			       "set: old readers would show them");
	return NULL;
}

/* --- data files --- */

static struct err *check_size(const Lance__Table__DataFile *file,
			      const struct file_place *place)
{
	const char *path = place->path;
	bool exists;
	struct io_stat st;
	TRY(io_stat(place->store, path, &exists, &st));
	if (!exists)
		return err_new(ENOENT, "%s is missing: its columns cannot be read",
			       path);
	/* of 0.1 files Lance 0.30 and later told the size without the metadata */
	if (data_file_is_v01(file) && file->file_size_bytes < st.size)
		return NULL;
	if (file->file_size_bytes && file->file_size_bytes != st.size)
		return err_new(EIO,
			       "%s has %" PRIu64 " bytes, the manifest says %" PRIu64
			       ": cut short or exchanged",
			       path, st.size, file->file_size_bytes);
	return NULL;
}

static struct err *check_columns(const Lance__Table__DataFile *file,
				 const struct file_reader *r, const char *path)
{
	if (data_file_is_v01(file))
		return NULL; /* its columns are its fields */
	if (file->n_fields != file->n_column_indices)
		return err_new(EIO, "%s: %zu fields but %zu column indices", path,
			       file->n_fields, file->n_column_indices);
	for (size_t i = 0; i < file->n_fields; i++)
		if (file->column_indices[i] >= (int64_t)file_reader_n_columns(r))
			return err_new(EIO, "%s: column %d of %" PRIu32, path,
				       file->column_indices[i],
				       file_reader_n_columns(r));
	return NULL;
}

static struct err *check_file(struct version *v, const struct fragment *f,
			      const Lance__Table__DataFile *file)
{
	AUTO_PLACE struct file_place place = {0};
	AUTO(file_reader) struct file_reader *r = NULL;
	uint64_t n_rows;
	TRY(data_file_place(v, file, &place));
	TRY(check_size(file, &place));
	TRY(data_file_open(v, file, &r));
	TRY(check_columns(file, r, place.path));
	TRY(file_reader_rows(r, &n_rows));
	if (n_rows != f->physical_rows)
		return err_new(EIO,
			       "%s has %" PRIu64 " rows, its fragment %" PRIu64
			       ": values are missing or shifted",
			       place.path, n_rows, f->physical_rows);
	return NULL;
}

/* A live field in two files of a fragment: which one counts? */
static struct err *check_twice(const struct fragment *f)
{
	const Lance__Table__DataFragment *p = f->proto;
	for (size_t a = 0; a < p->n_files; a++)
		for (size_t i = 0; i < p->files[a]->n_fields; i++)
			for (size_t b = 0; b < a; b++)
				for (size_t k = 0; k < p->files[b]->n_fields; k++)
					if (p->files[a]->fields[i] >= 0 &&
					    p->files[a]->fields[i] ==
						    p->files[b]->fields[k])
						return err_new(
							EIO,
							"field %d is in %s and in %s",
							p->files[a]->fields[i],
							p->files[b]->path,
							p->files[a]->path);
	return NULL;
}

static void check_fragment(struct check *c, struct fragment *f)
{
	const struct deletion_vector *d;
	struct err *err;
	for (size_t i = 0; i < f->proto->n_files; i++) {
		err = check_file(c->v, f, f->proto->files[i]);
		if (err)
			found(c, err_wrap(err, "fragment %" PRIu64, f->id));
	}
	err = check_twice(f);
	if (!err)
		err = fragment_deleted(c->v, f, &d);
	if (err)
		found(c, err_wrap(err, "fragment %" PRIu64, f->id));
}

/* --- every value --- */

static struct err *decode(struct version *v, const struct field *field, uint64_t first,
			  uint64_t end)
{
	AUTO(array) struct array *a = NULL;
	TRY(version_read(v, field, first, end, &a));
	TRY_CTX(array_validate(a), "column %s: rows %" PRIu64 " to %" PRIu64,
		field->name, first, end);
	if (!field->nullable && a->n_nulls)
		return err_new(EIO,
			       "column %s: nulls in rows %" PRIu64 " to %" PRIu64
			       ", but it is declared not null",
			       field->name, first, end);
	return NULL;
}

/* Blobs are not read, but each must lie within its file. */
static void check_blobs(struct check *c, const struct field *field)
{
	for (uint64_t row = 0; row < c->v->n_rows; row++) {
		struct blob blob;
		struct err *err = version_blob(c->v, field, row, &blob);
		blob_fini(&blob);
		if (!err)
			continue;
		found(c, err);
		return; /* one finding a column */
	}
}

static void check_values(struct check *c, const struct field *field)
{
	if (field_is_blob(field)) {
		check_blobs(c, field);
		return;
	}
	uint64_t step = type_is_var(field->type->id) ? SMALL_ROWS : DEEP_ROWS;
	for (uint64_t row = 0; row < c->v->n_rows; row += step) {
		uint64_t end = MIN_OF(row + step, c->v->n_rows);
		struct err *err = decode(c->v, field, row, end);
		if (!err)
			continue;
		found(c, err);
		return; /* one finding a column */
	}
}

/* --- files that no version names --- */

struct listing {
	char **names; /* owned */
	size_t n, cap;
};

static struct err *collect(void *ctx, const char *name)
{
	struct listing *l = ctx;
	if (!str_ends(name, ".lance"))
		return NULL;
	TRY(mem_grow(l->n + 1, sizeof(char *), &l->cap, &l->names));
	TRY(str_dup(name, &l->names[l->n]));
	l->n++;
	return NULL;
}

static void auto_listing(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void mark_file(const struct listing *l, const Lance__Table__DataFile *f,
		      bool *used)
{
	char **at = bsearch(&f->path, l->names, l->n, sizeof(char *), compare_names);
	if (at)
		used[at - l->names] = true;
}

/* Mark what a version refers to. */
static void mark_used(const struct listing *l, const struct version *v, bool *used)
{
	for (size_t i = 0; i < v->n_fragments; i++) {
		const Lance__Table__DataFragment *p = v->fragments[i].proto;
		for (size_t k = 0; k < p->n_files; k++)
			mark_file(l, p->files[k], used);
		for (size_t k = 0; k < p->n_overlays; k++)
			if (p->overlays[k]->data_file)
				mark_file(l, p->overlays[k]->data_file, used);
	}
}

static struct err *mark_versions(const struct listing *l, struct table *t, bool *used)
{
	AUTO_MEM uint64_t *numbers = NULL;
	size_t n;
	TRY(table_list_versions(t, &numbers, &n));
	for (size_t i = 0; i < n; i++) {
		AUTO(version) struct version *v = NULL;
		TRY(table_peek(t, numbers[i], &v));
		mark_used(l, v, used);
	}
	return NULL;
}

static struct err *mark_branch(const struct listing *l, struct table *t,
			       const char *name, bool *used)
{
	AUTO(table) struct table *branch = NULL;
	TRY(table_open_branch(t, name, &branch));
	return mark_versions(l, branch, used);
}

/* Branches go on using files after the versions they began as are gone. */
static struct err *mark_branches(const struct listing *l, struct table *t, bool *used)
{
	struct table_branch *branches;
	struct err *err = NULL;
	size_t n;
	if (!t->root)
		return NULL;
	TRY(table_list_branches(t, &branches, &n));
	for (size_t i = 0; i < n && !err; i++) {
		err = mark_branch(l, t, branches[i].name, used);
		if (err)
			err = err_wrap(err, "branch %s", branches[i].name);
	}
	branches_free(branches, n);
	return err;
}

static struct err *check_unreferenced(struct check *c)
{
	__attribute__((cleanup(auto_listing))) struct listing l = {0};
	struct table *t = c->v->table;
	AUTO_MEM bool *used = NULL;
	TRY(io_list(t->store, "data", collect, &l));
	if (!l.n)
		return NULL;
	qsort(l.names, l.n, sizeof(char *), compare_names);
	TRY(mem_array(l.n, sizeof(*used), &used));
	TRY(mark_versions(&l, t, used));
	TRY(mark_branches(&l, t, used));
	for (size_t i = 0; i < l.n; i++)
		if (!used[i])
			c->options->note(c->options->ctx, l.names[i]);
	return NULL;
}

struct err *version_verify(struct version *v, const struct verify_options *options,
			   uint64_t *ret_n_found)
{
	struct check c = {v, options, 0};
	found(&c, check_ids(v));
	found(&c, check_high_water(v));
	found(&c, check_flags(v));
	for (size_t i = 0; i < v->n_fragments; i++)
		check_fragment(&c, &v->fragments[i]);
	for (size_t i = 0; options->is_deep && i < v->n_fields; i++)
		check_values(&c, v->fields[i]);
	TRY(check_unreferenced(&c));
	*ret_n_found = c.n_found;
	return NULL;
}
