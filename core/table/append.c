// SPDX-License-Identifier: Apache-2.0
/*
 * append.c: new rows as new fragments, and the first version of a table.
 *
 * The files hold fields by id, so they fit whatever columns others add, rename or
 * drop meanwhile; fragment ids, row ids and row versions are given out on top of the
 * latest version, at each attempt anew.
 * Source: transaction.proto, Append and Overwrite; Lance's docs, "Transactions".
 */
#include "table/commit_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *fragment_new(const struct column_file *file,
				enum lance_version storage,
				Lance__Table__DataFragment **ret)
{
	AUTO_PROTO Lance__Table__DataFragment *f = malloc(sizeof(*f));
	if (!f)
		return err_nomem();
	lance__table__data_fragment__init(f);
	TRY(mem_array(1, sizeof(struct Lance__Table__DataFile *), &f->files));
	f->physical_rows = file->physical_rows;
	struct err *err = data_file_new(file, storage, &f->files[0]);
	f->n_files = f->files[0] != NULL;
	TRY(err);
	*ret = TAKE(f);
	return NULL;
}

/* The next fragment id; the first of a table is 0. */
static struct err *next_id(Lance__Table__Manifest *m, uint64_t *ret)
{
	uint32_t max = m->max_fragment_id;
	if (!m->opt_max_fragment_id_case) {
		max = 0;
		for (size_t i = 0; i < m->n_fragments; i++)
			max = MAX_OF(max, (uint32_t)m->fragments[i]->id);
	}
	bool is_first = !m->opt_max_fragment_id_case && m->n_fragments == 0;
	if (!is_first && ckd_add(&max, max, 1u))
		return err_new(EOPNOTSUPP, "no fragment ids are left");
	m->max_fragment_id = max;
	m->opt_max_fragment_id_case =
		LANCE__TABLE__MANIFEST__OPT_MAX_FRAGMENT_ID_MAX_FRAGMENT_ID;
	*ret = max;
	return NULL;
}

static struct err *give_lineage(Lance__Table__Manifest *m,
				Lance__Table__DataFragment *f)
{
	if (!(m->reader_feature_flags & FLAG_STABLE_ROW_IDS))
		return NULL;
	TRY(fragment_set_row_ids(f, m->next_row_id));
	TRY(fragment_set_created(f, m->version));
	TRY(fragment_set_updated(f, m->version));
	if (ckd_add(&m->next_row_id, m->next_row_id, f->physical_rows))
		return err_new(EOPNOTSUPP, "no row ids are left");
	return NULL;
}

struct err *manifest_add_fragment(Lance__Table__Manifest *m,
				  const struct column_file *file,
				  enum lance_version storage,
				  Lance__Table__DataFragment **ret)
{
	TRY(mem_resize(m->n_fragments + 1, sizeof(struct Lance__Table__DataFragment *),
		       &m->fragments));
	TRY(fragment_new(file, storage, ret));
	m->fragments[m->n_fragments++] = *ret;
	return next_id(m, &(*ret)->id);
}

static struct err *add_fragments(Lance__Table__Manifest *m,
				 const struct column_file *files, size_t n,
				 enum lance_version storage)
{
	for (size_t i = 0; i < n; i++) {
		Lance__Table__DataFragment *f;
		TRY(manifest_add_fragment(m, &files[i], storage, &f));
		TRY(give_lineage(m, f));
	}
	return NULL;
}

/* --- appending --- */

static bool file_has(const struct column_file *file, const struct field *f)
{
	for (size_t i = 0; i < file->written.n_columns; i++)
		if (field_has_id(f, file->written.field_ids[i]))
			return true;
	return false;
}

struct err *rows_check_fields(const struct version *base,
			      const struct column_file *file,
			      const struct version *latest)
{
	if (latest->number == base->number)
		return NULL;
	for (size_t i = 0; i < version_n_fields(latest); i++) {
		const struct field *f = version_field(latest, i);
		const struct field *was = version_find_field(base, f->name);
		bool is_stricter = !f->nullable && (!was || was->nullable);
		if (is_stricter || (!f->nullable && !file_has(file, f)))
			return err_new(EBUSY,
				       "column '%s' was declared not null meanwhile; "
				       "write the rows again",
				       f->name);
	}
	return NULL;
}

static struct err *apply_append(void *ctx, struct attempt *a)
{
	const struct row_commit *c = ctx;
	size_t n_old = a->manifest->n_fragments;
	TRY(rows_check_fields(c->base, &c->files[0], a->latest));
	TRY(add_fragments(a->manifest, c->files, c->n_files, a->latest->storage));
	lance__table__op_append__init(&a->op.append);
	a->op.append.n_fragments = c->n_files;
	a->op.append.fragments = a->manifest->fragments + n_old;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_APPEND;
	a->tx.append = &a->op.append;
	return NULL;
}

struct err *table_commit_rows(struct table *t, struct row_commit *commit,
			      struct version **ret)
{
	struct change c = {
		.apply = apply_append,
		.ctx = commit,
		.message = commit->message,
		.base = commit->base,
	};
	if (!commit->n_files)
		return err_new(EINVAL, "there are no rows to append");
	TRY(io_sync_dir(t->store, "data"));
	struct err *err = change_commit(t, &c, ret);
	commit->is_published = c.is_published;
	return err;
}

/* --- a new table --- */

static struct err *manifest_new(const struct new_table *spec, const char *uuid,
				Lance__Table__Manifest **ret)
{
	AUTO_PROTO Lance__Table__Manifest *m = malloc(sizeof(*m));
	if (!m)
		return err_nomem();
	lance__table__manifest__init(m);
	TRY(manifest_set_header(m, 0, uuid));
	TRY(manifest_set_storage(m, spec->storage));
	TRY(fields_to_proto(spec->fields, spec->n_fields, &m->fields, &m->n_fields));
	TRY(add_fragments(m, spec->files, spec->n_files, spec->storage));
	*ret = TAKE(m);
	return NULL;
}

static struct err *publish_first(struct table *t, Lance__Table__Manifest *m, char *uuid,
				 bool *ret_published)
{
	AUTO(bytes) struct bytes *raw = NULL;
	enum publish_result result;
	Lance__Table__OpOverwrite op = LANCE__TABLE__OP_OVERWRITE__INIT;
	Lance__Table__Transaction tx = LANCE__TABLE__TRANSACTION__INIT;
	op.n_fragments = m->n_fragments;
	op.fragments = m->fragments;
	op.n_schema = m->n_fields;
	op.schema = m->fields;
	tx.uuid = uuid;
	tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_OVERWRITE;
	tx.overwrite = &op;
	struct err *err = manifest_publish(t, m, &tx, NULL, &result, &raw);
	*ret_published = result != PUBLISH_LOST;
	if (!err && result == PUBLISH_LOST)
		return err_new(EEXIST, "there is a dataset already");
	return err;
}

struct err *table_create(struct io_store *store, const struct log *log,
			 struct new_table *spec, struct table **ret)
{
	AUTO(table) struct table *t = NULL;
	AUTO_PROTO Lance__Table__Manifest *m = NULL;
	char uuid[UUID_TEXT_LEN + 1];
	uint8_t raw[16];
	spec->is_published = false;
	TRY(uuid_new(raw, uuid));
	TRY(manifest_new(spec, uuid, &m));
	TRY(table_new(store, &(struct table_options){.log = log}, &t));
	if (spec->n_files)
		TRY(io_sync_dir(store, "data"));
	TRY(publish_first(t, m, uuid, &spec->is_published));
	TRY(table_refresh(t));
	*ret = TAKE(t);
	return NULL;
}
