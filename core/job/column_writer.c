// SPDX-License-Identifier: Apache-2.0
/*
 * column_writer.c: rows of new columns into one new data file a fragment.
 *
 * Values of deleted rows are filled in, because a data file holds every
 * physical row.  A replacement is compared with the present values as it
 * comes, until the first difference; if there is none, nothing is committed.
 */
#include "job/part_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

struct column_writer {
	struct table *table;	    /* owned reference */
	struct version *base;	    /* owned reference */
	struct new_column *columns; /* owned, each with a reference to its field */
	struct field **fields;	    /* owned; the same fields, borrowed */
	size_t n;
	uint64_t n_rows;	  /* live rows taken */
	bool is_same;		  /* equal to the replaced columns so far */
	size_t fragment;	  /* the one being written */
	struct file_writer *file; /* owned; NULL between fragments */
	char *file_name;	  /* owned; of .file */
	struct column_file *done; /* owned, room for each fragment */
	size_t n_done;
	char *note; /* owned; NULL: nothing to say in history */
};

static void remove_file(struct column_writer *w, const char *name)
{
	new_file_remove(table_store(w->table), table_log(w->table), name);
}

static void writer_free(struct column_writer *w)
{
	file_writer_abort(w->file);
	new_files_free(w->done, w->n_done);
	free(w->file_name);
	free(w->note);
	for (size_t i = 0; i < w->n; i++)
		field_unref(w->columns[i].field);
	free(w->columns);
	free(w->fields);
	version_unref(w->base);
	table_unref(w->table);
	free(w);
}

void column_writer_abort(struct column_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_done; i++)
		remove_file(w, w->done[i].name);
	writer_free(w);
}

/* --- opening --- */

static struct err *set_text(struct field *f, const char *key, const char *value)
{
	return value ? field_set_metadata(f, key, value, strlen(value)) : NULL;
}

/* What made the column, for people and for `schema`. */
static struct err *set_provenance(struct field *f, const struct column_spec *spec,
				  const struct version *base)
{
	char number[24], when[32];
	struct tm tm;
	time_t now = time(NULL);
	snprintf(number, sizeof(number), "%" PRIu64, version_number(base));
	if (!gmtime_r(&now, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm))
		when[0] = 0;
	TRY(set_text(f, "lancefs:source", spec->source));
	TRY(set_text(f, "lancefs:text", spec->text));
	TRY(set_text(f, "lancefs:version", number));
	return set_text(f, "lancefs:time", when);
}

struct err *check_replaced(const struct field *f)
{
	const char *computed = field_metadata(f, "computed_column");
	if (computed && strcmp(computed, "true") == 0)
		return err_new(EPERM,
			       "column '%s' is computed by LanceDB; refresh it "
			       "instead of writing it",
			       f->name);
	if (field_is_blob(f))
		return err_new(EOPNOTSUPP,
			       "column '%s' holds blobs, which are not replaced; "
			       "write another column",
			       f->name);
	return NULL;
}

static bool is_kept_out(const char *key)
{
	static const char *const prefixes[] = {
		"lancefs:",	    "computed_",     "virtual_column",
		"ARROW:extension:", "lance-schema:", "lance-encoding:"};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts(key, prefixes[i]))
			return true;
	return !*key;
}

/*
 * As LanceDB declares a column that it computes.  The signature of the rows that it was
 * computed of is LanceDB's own affair: an empty one makes it look for itself.
 * Source: metadata of columns that LanceDB 0.40 declares.
 */
static struct err *set_computed(struct field *f, const struct column_spec *spec)
{
	TRY(set_text(f, "computed_column", "true"));
	TRY(set_text(f, "computed_column.kind", "sql"));
	TRY(set_text(f, "computed_column.expression", spec->text));
	TRY(set_text(f, "computed_column.inputs", spec->computed_inputs));
	return set_text(f, "computed_refresh.source_signature", "{}");
}

/* What is not about the type stays. */
static struct err *keep_rules(struct field *f, const struct field *old)
{
	f->nullable = old->nullable;
	for (size_t i = 0; i < old->n_metadata; i++) {
		const struct metadata_entry *e = &old->metadata[i];
		if (!is_kept_out(e->key))
			TRY(field_set_metadata(f, e->key, e->value, e->value_len));
	}
	return NULL;
}

/* A column that keeps its type keeps its ids and metadata; else they come from next
 * on. */
static struct err *make_field(struct column_writer *w, struct new_column *c,
			      const struct column_spec *spec, int32_t *next)
{
	c->replaces = version_find_field(w->base, spec->name);
	if (c->replaces && !spec->computed_inputs)
		TRY(check_replaced(c->replaces));
	bool is_same_type = c->replaces && type_equal(c->replaces->type, spec->type);
	/* the members of the replaced column's type have their ids */
	TRY(field_new(spec->name, is_same_type ? c->replaces->type : spec->type, true,
		      &c->field));
	if (is_same_type) {
		c->field->id = c->replaces->id;
		c->field->nullable = c->replaces->nullable;
		TRY(field_copy_metadata(c->field, c->replaces));
	} else {
		w->is_same = false;
		if (c->replaces && spec->keeps_rules)
			TRY(keep_rules(c->field, c->replaces));
		TRY(field_number(c->field, next));
	}
	if (spec->computed_inputs)
		TRY(set_computed(c->field, spec));
	return set_provenance(c->field, spec, w->base);
}

static struct err *make_fields(struct column_writer *w, const struct column_spec *specs,
			       size_t n)
{
	int32_t next;
	TRY(version_next_field_id(w->base, &next));
	w->is_same = true;
	for (; w->n < n; w->n++) {
		for (size_t k = 0; k < w->n; k++)
			if (strcmp(specs[k].name, specs[w->n].name) == 0)
				return err_new(EINVAL, "column '%s' comes twice",
					       specs[k].name);
		struct err *err = make_field(w, &w->columns[w->n], &specs[w->n], &next);
		w->fields[w->n] = w->columns[w->n].field;
		if (err)
			w->n++; /* it may have a field, to be freed */
		TRY(err);
	}
	return NULL;
}

struct err *column_writer_open(struct table *t, struct version *base,
			       const struct column_spec *specs, size_t n,
			       struct column_writer **ret)
{
	AUTO(column_writer) struct column_writer *w = NULL;
	TRY(version_check_writable(base));
	TRY(mem_new(&w));
	w->table = table_ref(t);
	w->base = version_ref(base);
	TRY(mem_array(version_n_fragments(base), sizeof(*w->done), &w->done));
	TRY(mem_array(n, sizeof(*w->columns), &w->columns));
	TRY(mem_array(n, sizeof(struct field *), &w->fields));
	TRY(make_fields(w, specs, n));
	*ret = TAKE(w);
	return NULL;
}

struct err *column_writer_describe(struct column_writer *w, size_t i, const char *key,
				   const void *value, size_t len)
{
	if (is_kept_out(key))
		return NULL;
	return field_set_metadata(w->fields[i], key, value, len);
}

/* --- writing --- */

static struct err *begin_file(struct column_writer *w)
{
	AUTO_MEM char *path = NULL;
	free(TAKE(w->file_name));
	TRY(data_file_name(&w->file_name));
	TRY(new_file_path(w->file_name, &path));
	return file_writer_open(table_store(w->table), path, version_storage(w->base),
				w->fields, w->n, &w->file);
}

static struct err *end_file(struct column_writer *w, const struct fragment_info *f)
{
	struct column_file *done = &w->done[w->n_done];
	TRY(file_writer_finish(TAKE(w->file), &done->written));
	done->fragment_id = f->id;
	done->physical_rows = f->physical_rows;
	done->name = TAKE(w->file_name);
	w->n_done++;
	w->fragment++;
	if (done->written.n_rows != f->physical_rows)
		return err_new(EIO,
			       "fragment %" PRIu64 ": wrote %" PRIu64 " of %" PRIu64
			       " rows",
			       f->id, done->written.n_rows, f->physical_rows);
	return NULL;
}

/* Values of live rows [first, ...) of the current fragment. */
static struct err *write_part(struct column_writer *w, const struct fragment_info *f,
			      uint64_t first, struct array *const *columns)
{
	AUTO_PART struct part physical = {0};
	uint64_t n_rows = columns[0]->n_rows;
	if (!w->file)
		TRY(begin_file(w));
	TRY(part_new(w->n, &physical));
	for (size_t i = 0; i < w->n; i++)
		TRY(version_expand(w->base, w->fragment, first, columns[i],
				   &physical.arrays[i]));
	TRY(file_writer_write(w->file, physical.arrays));
	if (first + n_rows == f->physical_rows - f->n_deleted)
		TRY(end_file(w, f));
	return NULL;
}

/* Fragments whose rows are all deleted get their file of nulls. */
static struct err *skip_dead_fragments(struct column_writer *w)
{
	struct fragment_info f;
	AUTO_PART struct part none = {0};
	for (; w->fragment < version_n_fragments(w->base);) {
		version_fragment(w->base, w->fragment, &f);
		if (f.n_deleted < f.physical_rows)
			return NULL;
		if (!none.arrays) {
			TRY(part_new(w->n, &none));
			for (size_t i = 0; i < w->n; i++)
				TRY(array_new_null(w->fields[i]->type, 0,
						   &none.arrays[i]));
		}
		TRY(write_part(w, &f, 0, none.arrays));
	}
	return NULL;
}

static struct err *compare(struct column_writer *w, struct array *const *columns)
{
	for (size_t i = 0; w->is_same && i < w->n; i++) {
		AUTO(array) struct array *present = NULL;
		TRY(version_read(w->base, w->columns[i].replaces, w->n_rows,
				 w->n_rows + columns[i]->n_rows, &present));
		w->is_same = array_equal(present, columns[i]);
	}
	return NULL;
}

static struct err *check_rows(const struct column_writer *w,
			      struct array *const *columns)
{
	for (size_t i = 0; i < w->n; i++) {
		if (columns[i]->n_rows > version_rows(w->base) - w->n_rows)
			return err_new(EINVAL, "expected %" PRIu64 " rows, got more",
				       version_rows(w->base));
		if (!w->fields[i]->nullable && columns[i]->n_nulls)
			return err_new(
				EINVAL,
				"column '%s' is declared not null, but there is a null "
				"among its rows from %" PRIu64 " on",
				w->fields[i]->name, w->n_rows);
	}
	return NULL;
}

struct err *column_writer_push(struct column_writer *w, struct array *const *columns)
{
	uint64_t n_rows = columns[0]->n_rows;
	TRY(check_rows(w, columns));
	TRY(compare(w, columns));
	for (uint64_t done = 0; done < n_rows;) {
		struct fragment_info f;
		AUTO_PART struct part part = {0};
		TRY(skip_dead_fragments(w));
		version_fragment(w->base, w->fragment, &f);
		uint64_t first = w->n_rows - f.first_row;
		uint64_t n =
			MIN_OF(n_rows - done, f.physical_rows - f.n_deleted - first);
		TRY(part_cut(columns, w->n, done, n, &part));
		TRY(write_part(w, &f, first, part.arrays));
		done += n;
		w->n_rows += n;
	}
	return NULL;
}

void column_writer_note(struct column_writer *w, char *text)
{
	free(w->note);
	w->note = text;
}

/* --- the end --- */

static struct err *commit(struct column_writer *w, bool *ret_published,
			  struct version **ret)
{
	if (w->n_rows != version_rows(w->base))
		return err_new(EINVAL, "expected %" PRIu64 " rows, got %" PRIu64,
			       version_rows(w->base), w->n_rows);
	TRY(skip_dead_fragments(w));
	if (w->is_same) {
		log_line(table_log(w->table), LEVEL_INFO, "unchanged column=%s",
			 w->fields[0]->name);
		*ret = version_ref(w->base);
		return NULL;
	}
	struct column_commit c = {
		.base = w->base,
		.columns = w->columns,
		.n_columns = w->n,
		.files = w->done,
		.n_files = w->n_done,
		.message = w->note,
	};
	struct err *err = table_commit_columns(w->table, &c, ret);
	for (size_t i = 0; !err && i < w->n_done; i++)
		if (w->done[i].is_unused)
			remove_file(w, w->done[i].name);
	*ret_published = c.is_published;
	return err;
}

struct err *column_writer_commit(struct column_writer *w, struct version **ret)
{
	bool is_published = false;
	struct err *err = commit(w, &is_published, ret);
	if (is_published)
		writer_free(w);
	else
		column_writer_abort(w);
	return err;
}
