// SPDX-License-Identifier: Apache-2.0
/*
 * commit_column.c: adding or replacing columns.
 *
 * The operation is a Merge: every fragment gains one data file, the schema the new
 * fields.  The files do not depend on what others commit meanwhile, as long as
 * their fragments still exist, so a lost race is answered by building the same
 * change on the new latest version (rebase.c).
 * Source: transaction.proto, Merge; Lance's docs, "Transactions".
 */
#include "table/commit_priv.h"
#include "table/indices_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Columns on their way into one version. */
struct column_change {
	struct column_commit *commit; /* borrowed */
	int32_t first_new;	      /* ids in the files from this on are new */
	int32_t id_shift; /* new ids in the files + id_shift = ids in the manifest */
};

/* --- ids --- */

static int32_t max_id(const int32_t *ids, size_t n, int32_t max)
{
	for (size_t i = 0; i < n; i++)
		max = MAX_OF(max, ids[i]);
	return max;
}

struct err *version_next_field_id(const struct version *v, int32_t *ret)
{
	const Lance__Table__Manifest *m = v->manifest;
	AUTO_PROTO Lance__Table__IndexSection *indices = NULL;
	int32_t max = -1;
	if (m->opt_max_allocated_field_id_case)
		max = m->max_allocated_field_id;
	for (size_t i = 0; i < m->n_fields; i++)
		max = MAX_OF(max, m->fields[i]->id);
	for (size_t i = 0; i < m->n_fragments; i++)
		for (size_t k = 0; k < m->fragments[i]->n_files; k++)
			max = max_id(m->fragments[i]->files[k]->fields,
				     m->fragments[i]->files[k]->n_fields, max);
	TRY(version_indices(v, &indices));
	for (size_t i = 0; indices && i < indices->n_indices; i++)
		max = max_id(indices->indices[i]->fields, indices->indices[i]->n_fields,
			     max);
	if (ckd_add(ret, max, 1))
		return err_new(EOPNOTSUPP, "no field ids are left");
	return NULL;
}

/* --- the schema --- */

static bool keeps_id(const struct new_column *c)
{
	return c->replaces && type_equal(c->replaces->type, c->field->type);
}

static void shift_ids(Lance__File__Field **fields, size_t n, int32_t shift)
{
	for (size_t i = 0; i < n; i++) {
		fields[i]->id += shift;
		if (fields[i]->parent_id >= 0)
			fields[i]->parent_id += shift;
	}
}

/* How many of the flattened fields from `first` on are one top-level field. */
static size_t subtree(const Lance__Table__Manifest *m, size_t first)
{
	size_t n = 1;
	while (first + n < m->n_fields && m->fields[first + n]->parent_id >= 0)
		n++;
	return n;
}

static size_t find_top_level(const Lance__Table__Manifest *m, const char *name)
{
	size_t i = 0;
	while (i < m->n_fields &&
	       (m->fields[i]->parent_id >= 0 || strcmp(m->fields[i]->name, name) != 0))
		i++;
	return i;
}

/* Put the new field's messages where the old field's were, or at the end. */
static struct err *splice_fields(Lance__Table__Manifest *m, const char *name,
				 Lance__File__Field **fields, size_t n)
{
	size_t at = find_top_level(m, name);
	size_t n_old = at < m->n_fields ? subtree(m, at) : 0;
	size_t n_after = m->n_fields - at - n_old;
	Lance__File__Field **all;
	TRY(mem_array(m->n_fields - n_old + n, sizeof(struct Lance__File__Field *),
		      &all));
	if (at)
		memcpy(all, m->fields, at * sizeof(*all));
	memcpy(all + at, fields, n * sizeof(*all));
	if (n_after)
		memcpy(all + at + n, m->fields + at + n_old, n_after * sizeof(*all));
	for (size_t i = 0; i < n_old; i++)
		proto_free(&m->fields[at + i]->base);
	free(m->fields);
	m->fields = all;
	m->n_fields = at + n + n_after;
	return NULL;
}

static struct err *set_entry(Lance__File__Field *f, const struct metadata_entry *e)
{
	Lance__File__BytesEntry *entry = NULL;
	AUTO_MEM char *value = NULL;
	for (size_t i = 0; i < f->n_metadata; i++)
		if (strcmp(f->metadata[i]->key, e->key) == 0)
			entry = f->metadata[i];
	if (!entry) {
		TRY(mem_resize(f->n_metadata + 1, sizeof(*f->metadata), &f->metadata));
		entry = malloc(sizeof(*entry));
		if (!entry)
			return err_nomem();
		lance__file__bytes_entry__init(entry);
		f->metadata[f->n_metadata++] = entry;
		TRY(str_dup(e->key, &entry->key));
	}
	TRY(str_dup_len(e->value, e->value_len, &value));
	free(entry->value.data);
	entry->value.data = (uint8_t *)TAKE(value);
	entry->value.len = e->value_len;
	return NULL;
}

/* A column that keeps its type keeps its message, with all that others put there,
 * known or not; only the provenance is new. */
static struct err *keep_field(const struct new_column *c, struct attempt *a)
{
	size_t at = find_top_level(a->manifest, c->field->name);
	for (size_t i = 0; i < c->field->n_metadata; i++)
		if (str_starts(c->field->metadata[i].key, "lancefs:"))
			TRY(set_entry(a->manifest->fields[at], &c->field->metadata[i]));
	return NULL;
}

static struct err *add_field(const struct new_column *c, int32_t shift,
			     struct attempt *a)
{
	Lance__Table__Manifest *m = a->manifest;
	Lance__File__Field **fields;
	size_t n;
	TRY(fields_to_proto(&c->field, 1, &fields, &n));
	shift_ids(fields, n, shift);
	struct err *err = splice_fields(m, c->field->name, fields, n);
	if (!err && m->opt_max_allocated_field_id_case)
		m->max_allocated_field_id =
			MAX_OF(m->max_allocated_field_id, fields[n - 1]->id);
	for (size_t i = 0; err && i < n; i++)
		proto_free(&fields[i]->base);
	free(fields);
	return err;
}

static struct err *change_schema(struct column_change *change, struct attempt *a)
{
	const struct column_commit *c = change->commit;
	int32_t next;
	TRY(version_next_field_id(a->latest, &next));
	change->first_new = INT32_MAX;
	for (size_t i = 0; i < c->n_columns; i++)
		if (!keeps_id(&c->columns[i]))
			change->first_new =
				MIN_OF(change->first_new, c->columns[i].field->id);
	change->id_shift = next - change->first_new;
	for (size_t i = 0; i < c->n_columns; i++)
		TRY(keeps_id(&c->columns[i])
			    ? keep_field(&c->columns[i], a)
			    : add_field(&c->columns[i], change->id_shift, a));
	return NULL;
}

/* --- the fragments --- */

static struct err *add_file(const struct column_change *c, struct attempt *a,
			    const struct column_file *file)
{
	Lance__Table__DataFragment *f =
		manifest_fragment(a->manifest, file->fragment_id);
	AUTO_PROTO Lance__Table__DataFile *d = NULL;
	if (file->is_unused)
		return NULL;
	TRY(data_file_new(file, a->latest->storage, &d));
	for (size_t i = 0; i < d->n_fields; i++)
		if (d->fields[i] >= c->first_new)
			d->fields[i] += c->id_shift;
	TRY(fragment_put_file(f, TAKE(d), a->manifest));
	if (a->manifest->reader_feature_flags & FLAG_STABLE_ROW_IDS)
		TRY(fragment_set_updated(f, a->manifest->version));
	return NULL;
}

/* The same for indices on what is below a field that keeps its id. */
static struct err *forget_members(const struct column_change *change, struct attempt *a,
				  const uint64_t *fragments)
{
	const struct column_commit *c = change->commit;
	const struct file_written *w = c->n_files ? &c->files[0].written : NULL;
	for (size_t i = 0; w && i < w->n_columns; i++)
		if (w->field_ids[i] < change->first_new)
			TRY(indices_forget(a->indices, w->field_ids[i], fragments,
					   c->n_files));
	return NULL;
}

static struct err *change_fragments(const struct column_change *change,
				    struct attempt *a)
{
	const struct column_commit *c = change->commit;
	Lance__Table__Manifest *m = a->manifest;
	AUTO_MEM uint64_t *ids = NULL;
	TRY(mem_array(c->n_files, sizeof(*ids), &ids));
	for (size_t i = 0; i < c->n_files; i++) {
		TRY(add_file(change, a, &c->files[i]));
		ids[i] = c->files[i].fragment_id;
	}
	for (size_t i = 0; i < m->n_fragments; i++)
		fragment_drop_dead_files(m->fragments[i], m);
	for (size_t i = 0; i < c->n_columns; i++)
		if (keeps_id(&c->columns[i]))
			TRY(indices_forget(a->indices, c->columns[i].replaces->id, ids,
					   c->n_files));
	TRY(forget_members(change, a, ids));
	indices_drop_orphans(a->indices, m);
	return NULL;
}

/* --- the change --- */

/* The transaction borrows the manifest's fragments and schema. */
static void describe(struct attempt *a)
{
	const Lance__Table__Manifest *m = a->manifest;
	lance__table__op_merge__init(&a->op.merge);
	a->op.merge.n_fragments = m->n_fragments;
	a->op.merge.fragments = m->fragments;
	a->op.merge.n_schema = m->n_fields;
	a->op.merge.schema = m->fields;
	a->op.merge.n_schema_metadata = m->n_schema_metadata;
	a->op.merge.schema_metadata = m->schema_metadata;
	a->op.merge.preserves_nullability = true;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_MERGE;
	a->tx.merge = &a->op.merge;
}

static struct err *apply(void *ctx, struct attempt *a)
{
	struct column_change *c = ctx;
	TRY(rebase_check(a->table, c->commit, a->latest));
	TRY(change_schema(c, a));
	TRY(change_fragments(c, a));
	describe(a);
	return NULL;
}

/* Rows of fragments that came while the column was being written. */
static void tell_rows_without(struct table *t, const struct column_commit *c,
			      const struct version *v)
{
	uint64_t n = 0;
	for (size_t i = 0; i < version_n_fragments(v); i++) {
		struct fragment_info f;
		size_t k = 0;
		version_fragment(v, i, &f);
		while (k < c->n_files && c->files[k].fragment_id != f.id)
			k++;
		if (k == c->n_files)
			n += f.physical_rows - f.n_deleted;
	}
	if (n)
		log_line(t->log, LEVEL_WARN,
			 "column %s: %" PRIu64 " rows came from other commits "
			 "meanwhile and were not written",
			 c->columns[0].field->name, n);
}

struct err *table_commit_columns(struct table *t, struct column_commit *commit,
				 struct version **ret)
{
	struct column_change columns = {.commit = commit};
	struct change change = {
		.apply = apply,
		.ctx = &columns,
		.message = commit->message,
		.base = commit->base,
		.makes_schema_anew = true,
	};
	if (commit->n_files)
		TRY(io_sync_dir(t->store, "data"));
	struct err *err = change_commit(t, &change, ret);
	commit->is_published = change.is_published;
	TRY(err);
	if (commit->n_files)
		tell_rows_without(t, commit, *ret);
	return NULL;
}
