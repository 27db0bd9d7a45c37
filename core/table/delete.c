// SPDX-License-Identifier: Apache-2.0
/*
 * delete.c: rows are deleted: new deletion files, and fragments that go with their
 * last row.
 *
 * A deletion file holds all that is deleted of a fragment, so each attempt writes them
 * anew, on top of what others deleted meanwhile, as long as no row is the same and the
 * fragment's data is what it was.  They are Roaring bitmaps, whatever their number.
 * Source: transaction.proto, Delete; table.proto, DeletionFile; Lance's docs,
 * "Transactions".
 */
#include "table/delete_priv.h"

#include <errno.h>
#include <inttypes.h>

#define ROARING_FILE 1 /* DeletionFile.file_type */

/* Forget an attempt; its files are of no use to the next one. */
static void start_over(struct deletions *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		struct err *err = io_remove(c->store, c->files[i]);
		if (err)
			log_line(c->log, LEVEL_WARN, "left behind: %s", err->msg);
		err_free(err); /* unreferenced: cleanup finds it */
		free(c->files[i]);
	}
	c->n_files = c->n_updated = c->n_removed = 0;
}

void deletions_fini(struct deletions *c, bool is_published)
{
	for (size_t i = 0; is_published && i < c->n_files; i++)
		free(c->files[i]);
	if (is_published)
		c->n_files = 0;
	start_over(c);
	free(c->files);
	free(c->updated);
	free(c->removed);
}

/* --- one fragment --- */

static struct err *find_latest(const struct version *latest, uint64_t id,
			       struct fragment **ret)
{
	for (size_t i = 0; i < latest->n_fragments; i++) {
		*ret = &latest->fragments[i];
		if ((*ret)->id == id)
			return NULL;
	}
	return err_new(EBUSY, "fragment %" PRIu64 " was removed meanwhile; do it again",
		       id);
}

/* All that is to be deleted of fragment i of the version that was looked at. */
static struct err *unite(const struct deletions *c, struct version *latest,
			 struct fragment *f, size_t i, struct row_set *ret)
{
	const struct row_choice *rows = c->rows;
	const struct fragment *was = &rows->version->fragments[i];
	const struct deletion_vector *deleted;
	if (!fragment_has_same_files(was->proto, f->proto))
		return err_new(EBUSY,
			       "fragment %" PRIu64
			       " was changed by another commit meanwhile; do it again",
			       f->id);
	TRY(fragment_deleted(latest, f, &deleted));
	if (deleted && row_set_meets(&deleted->deleted, &rows->fragments[i]))
		return err_new(EBUSY,
			       "rows of fragment %" PRIu64
			       " were deleted by another commit meanwhile; do it again",
			       f->id);
	TRY(row_set_init(ret, f->physical_rows));
	if (deleted)
		TRY(row_set_unite(ret, &deleted->deleted));
	return row_set_unite(ret, &rows->fragments[i]);
}

static struct err *put_rows(struct io_store *s, const struct row_set *rows,
			    const char *path)
{
	AUTO_BUF struct buf bytes = {0};
	TRY(row_set_write(rows, &bytes));
	return io_put(s, path, bytes.data, bytes.len);
}

struct err *deletion_file_put(struct io_store *s, const struct deletion_spec *spec,
			      char **ret_path, Lance__Table__DeletionFile **ret)
{
	AUTO_PROTO Lance__Table__DeletionFile *d = malloc(sizeof(*d));
	if (!d)
		return err_nomem();
	lance__table__deletion_file__init(d);
	d->file_type = ROARING_FILE;
	d->read_version = spec->read_version;
	d->num_deleted_rows = row_set_count(spec->rows);
	TRY(random_bytes(&d->id, sizeof(d->id)));
	TRY(str_printf(ret_path, "_deletions/%" PRIu64 "-%" PRIu64 "-%" PRIu64 ".bin",
		       spec->fragment_id, d->read_version, d->id));
	TRY(put_rows(s, spec->rows, *ret_path));
	*ret = TAKE(d);
	return NULL;
}

static struct err *new_deletion_file(struct deletions *c, struct attempt *a,
				     Lance__Table__DataFragment *f,
				     const struct row_set *rows)
{
	const struct deletion_spec spec = {f->id, a->latest->number, rows};
	char **path = &c->files[c->n_files];
	Lance__Table__DeletionFile *d = NULL;
	*path = NULL;
	struct err *err = deletion_file_put(c->store, &spec, path, &d);
	c->n_files += *path != NULL;
	TRY(err);
	proto_free((ProtobufCMessage *)f->deletion_file);
	f->deletion_file = d;
	c->updated[c->n_updated++] = f;
	return NULL;
}

static struct err *delete_in(struct deletions *c, struct attempt *a, size_t i)
{
	const struct row_choice *rows = c->rows;
	uint64_t id = rows->version->fragments[i].id;
	struct row_set all AUTO_ROW_SET = {0};
	struct fragment *f;
	TRY(find_latest(a->latest, id, &f));
	TRY_CTX(unite(c, a->latest, f, i, &all), "fragment %" PRIu64, id);
	if (row_set_count(&all) == f->physical_rows) {
		c->removed[c->n_removed++] = id;
		return NULL;
	}
	return new_deletion_file(c, a, manifest_fragment(a->manifest, id), &all);
}

/* --- the whole --- */

static void remove_fragments(const struct deletions *c, Lance__Table__Manifest *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n_fragments; i++) {
		size_t k = 0;
		while (k < c->n_removed && c->removed[k] != m->fragments[i]->id)
			k++;
		if (k == c->n_removed)
			m->fragments[n++] = m->fragments[i];
		else
			proto_free(&m->fragments[i]->base);
	}
	m->n_fragments = n;
}

struct err *deletions_apply(struct deletions *c, struct attempt *a)
{
	const struct row_choice *rows = c->rows;
	start_over(c);
	for (size_t i = 0; i < rows->version->n_fragments; i++)
		if (rows->counts[i])
			TRY(delete_in(c, a, i));
	if (c->n_files)
		TRY(io_sync_dir(c->store, "_deletions"));
	remove_fragments(c, a->manifest);
	manifest_flag_deletions(a->manifest);
	return NULL;
}

struct err *deletions_init(struct deletions *c, struct table *t,
			   const struct row_choice *rows)
{
	size_t n = rows->version->n_fragments;
	*c = (struct deletions){.rows = rows, .store = t->store, .log = t->log};
	TRY(mem_array(n, sizeof(*c->files), &c->files));
	TRY(mem_array(n, sizeof(struct Lance__Table__DataFragment *), &c->updated));
	return mem_array(n, sizeof(*c->removed), &c->removed);
}

/* --- deleting --- */

struct delete_change {
	struct deletions deletions;
	char *predicate; /* owned */
};

static struct err *apply(void *ctx, struct attempt *a)
{
	struct delete_change *c = ctx;
	struct deletions *d = &c->deletions;
	TRY(deletions_apply(d, a));
	lance__table__op_delete__init(&a->op.delete_);
	a->op.delete_.n_updated_fragments = d->n_updated;
	a->op.delete_.updated_fragments = d->updated;
	a->op.delete_.n_deleted_fragment_ids = d->n_removed;
	a->op.delete_.deleted_fragment_ids = d->removed;
	a->op.delete_.predicate = c->predicate;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_DELETE;
	a->tx.delete_ = &a->op.delete_;
	return NULL;
}

struct err *table_delete_rows(struct table *t, const struct row_deletion *deletion,
			      struct version **ret)
{
	struct delete_change rows = {0};
	struct change change = {
		.apply = apply,
		.ctx = &rows,
		.message = deletion->message,
		.base = deletion->rows->version,
	};
	struct err *err = NULL;
	if (!deletion->rows->n)
		return err_new(EINVAL, "there are no rows to delete");
	err = deletions_init(&rows.deletions, t, deletion->rows);
	if (!err)
		err = str_dup_utf8(deletion->predicate ? deletion->predicate : "",
				   &rows.predicate);
	if (!err)
		err = change_commit(t, &change, ret);
	deletions_fini(&rows.deletions, change.is_published);
	free(rows.predicate);
	return err;
}
