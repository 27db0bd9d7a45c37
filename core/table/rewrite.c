// SPDX-License-Identifier: Apache-2.0
/*
 * rewrite.c: new values of columns for some rows, which stay where they are.
 *
 * Each fragment with such rows gains a file with all its values of those columns, old
 * and new; other fragments are not touched.  The transaction is an Update that rewrites
 * columns: it tells the fields, and with stable row ids the rows.
 * Source: transaction.proto, Update; Lance's docs, "Transactions".
 */
#include "table/commit_priv.h"
#include "table/indices_priv.h"
#include "table/row_choice_priv.h"

#include <errno.h>
#include <inttypes.h>

#define REWRITE_COLUMNS 1 /* Update.update_mode */

/* New values on their way in, and what the present attempt has made. */
struct rewrite_change {
	struct column_rewrite *spec;	      /* borrowed */
	Lance__Table__DataFragment **updated; /* owned; borrowed from the manifest */
	size_t n_updated;
	uint32_t *fields; /* owned; the ids in the files */
	Lance__Table__OffsetBitmapEntry *entries,
		**offsets;   /* owned; a fragment each */
	struct buf *bitmaps; /* owned; theirs */
	size_t n_offsets;
};

static void start_over(struct rewrite_change *c)
{
	for (size_t i = 0; i < c->n_offsets; i++)
		buf_fini(&c->bitmaps[i]);
	c->n_updated = c->n_offsets = 0;
}

static void change_fini(struct rewrite_change *c)
{
	start_over(c);
	free(c->updated);
	free(c->fields);
	free(c->entries);
	free(c->offsets);
	free(c->bitmaps);
}

/* The index of a fragment of the version that was looked at. */
static size_t index_of(const struct version *v, uint64_t id)
{
	size_t i = 0;
	while (i < v->n_fragments && v->fragments[i].id != id)
		i++;
	return i;
}

/* --- one fragment --- */

static struct err *check_fragment(const struct rewrite_change *c, struct attempt *a,
				  size_t i)
{
	const struct row_choice *rows = c->spec->rows;
	const struct fragment *was = &rows->version->fragments[i];
	size_t k = index_of(a->latest, was->id);
	const struct deletion_vector *deleted;
	if (k == a->latest->n_fragments ||
	    !fragment_has_same_files(was->proto, a->latest->fragments[k].proto))
		return err_new(EBUSY,
			       "fragment %" PRIu64
			       " was changed by another commit meanwhile; do it again",
			       was->id);
	TRY(fragment_deleted(a->latest, &a->latest->fragments[k], &deleted));
	if (deleted && row_set_meets(&deleted->deleted, &rows->fragments[i]))
		return err_new(EBUSY,
			       "rows of fragment %" PRIu64
			       " were deleted by another commit meanwhile; do it again",
			       was->id);
	return NULL;
}

/* Say which rows are new, to readers and to other writers. */
static struct err *tell_rows(struct rewrite_change *c, Lance__Table__Manifest *m,
			     Lance__Table__DataFragment *f, const struct row_set *rows)
{
	Lance__Table__OffsetBitmapEntry *e = &c->entries[c->n_offsets];
	struct buf *bitmap = &c->bitmaps[c->n_offsets];
	if (!(m->reader_feature_flags & FLAG_STABLE_ROW_IDS))
		return NULL;
	*bitmap = (struct buf){0};
	c->offsets[c->n_offsets++] = e;
	TRY(row_set_write(rows, bitmap));
	lance__table__offset_bitmap_entry__init(e);
	e->key = f->id;
	e->value.data = bitmap->data;
	e->value.len = bitmap->len;
	return fragment_set_rows_updated(f, rows, m->version);
}

static struct err *rewrite_in(struct rewrite_change *c, struct attempt *a,
			      const struct column_file *file)
{
	size_t i = index_of(c->spec->rows->version, file->fragment_id);
	Lance__Table__DataFile *d = NULL;
	TRY(check_fragment(c, a, i));
	Lance__Table__DataFragment *f =
		manifest_fragment(a->manifest, file->fragment_id);
	struct err *err = data_file_new(file, a->latest->storage, &d);
	if (err) {
		proto_free((ProtobufCMessage *)d);
		return err;
	}
	TRY(fragment_put_file(f, d, a->manifest));
	c->updated[c->n_updated++] = f;
	return tell_rows(c, a->manifest, f, &c->spec->rows->fragments[i]);
}

/* --- the whole --- */

static bool in_schema(const Lance__Table__Manifest *m, uint32_t id)
{
	for (size_t i = 0; i < m->n_fields; i++)
		if ((uint32_t)m->fields[i]->id == id)
			return true;
	return false;
}

static struct err *check_fields(const struct rewrite_change *c, const struct attempt *a)
{
	for (size_t i = 0; i < c->spec->files[0].written.n_columns; i++)
		if (!in_schema(a->manifest, c->fields[i]))
			return err_new(EBUSY, "a column was dropped or replaced by "
					      "another commit meanwhile; do it again");
	return NULL;
}

/* No index claims the rows of these fragments any more, where it is of these fields. */
static struct err *forget(const struct rewrite_change *c, struct attempt *a)
{
	AUTO_MEM uint64_t *ids = NULL;
	TRY(mem_array(c->spec->n_files, sizeof(*ids), &ids));
	for (size_t i = 0; i < c->spec->n_files; i++)
		ids[i] = c->spec->files[i].fragment_id;
	for (size_t i = 0; i < c->spec->files[0].written.n_columns; i++)
		TRY(indices_forget(a->indices, (int32_t)c->fields[i], ids,
				   c->spec->n_files));
	return NULL;
}

static void describe(const struct rewrite_change *c, struct attempt *a)
{
	Lance__Table__OpUpdate *u = &a->op.update;
	lance__table__op_update__init(u);
	u->n_updated_fragments = c->n_updated;
	u->updated_fragments = c->updated;
	u->n_fields_modified = c->spec->files[0].written.n_columns;
	u->fields_modified = c->fields;
	u->update_mode = REWRITE_COLUMNS;
	u->n_updated_fragment_offset_bitmaps = c->n_offsets;
	u->updated_fragment_offset_bitmaps = c->offsets;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_UPDATE;
	a->tx.update = u;
}

static struct err *apply(void *ctx, struct attempt *a)
{
	struct rewrite_change *c = ctx;
	start_over(c);
	TRY(check_fields(c, a));
	for (size_t i = 0; i < c->spec->n_files; i++)
		TRY(rewrite_in(c, a, &c->spec->files[i]));
	TRY(forget(c, a));
	describe(c, a);
	return NULL;
}

static struct err *make_room(struct rewrite_change *c)
{
	size_t n = c->spec->n_files;
	const struct file_written *w = &c->spec->files[0].written;
	TRY(mem_array(n, sizeof(struct Lance__Table__DataFragment *), &c->updated));
	TRY(mem_array(n, sizeof(*c->entries), &c->entries));
	TRY(mem_array(n, sizeof(struct Lance__Table__OffsetBitmapEntry *),
		      &c->offsets));
	TRY(mem_array(n, sizeof(*c->bitmaps), &c->bitmaps));
	TRY(mem_array(w->n_columns, sizeof(*c->fields), &c->fields));
	for (size_t i = 0; i < w->n_columns; i++)
		c->fields[i] = (uint32_t)w->field_ids[i];
	return NULL;
}

struct err *table_rewrite_columns(struct table *t, struct column_rewrite *rewrite,
				  struct version **ret)
{
	struct rewrite_change columns = {.spec = rewrite};
	struct change change = {
		.apply = apply,
		.ctx = &columns,
		.message = rewrite->message,
		.base = rewrite->rows->version,
	};
	struct err *err = NULL;
	if (!rewrite->n_files)
		return err_new(EINVAL, "there are no values to write");
	err = make_room(&columns);
	if (!err)
		err = io_sync_dir(t->store, "data");
	if (!err)
		err = change_commit(t, &change, ret);
	rewrite->is_published = change.is_published;
	change_fini(&columns);
	return err;
}
