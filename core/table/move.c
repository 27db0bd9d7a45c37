// SPDX-License-Identifier: Apache-2.0
/*
 * move.c: rows with new values, which are deleted where they were and come as new
 * fragments.
 *
 * The transaction is an Update that rewrites rows.  With stable row ids a row keeps its
 * own, and the version that made it.  Indices do not claim the new fragments: readers
 * scan them.
 * Source: transaction.proto, Update; Lance's docs, "Transactions", "Row Lineage".
 */
#include "table/delete_priv.h"
#include "table/lineage_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Rows on their way to the end. */
struct move_change {
	struct row_move *spec; /* borrowed */
	struct deletions deletions;
	struct lineage lineage; /* owned; of the rows; none without stable ids */
	uint32_t *fields;	/* owned; ids of what has new values, and below */
	size_t n_fields, cap_fields;
};

static void change_fini(struct move_change *c)
{
	deletions_fini(&c->deletions, c->spec->is_published);
	lineage_fini(&c->lineage);
	free(c->fields);
}

/* Items of fixed-size lists have none. */
static struct err *add_ids(struct move_change *c, const struct field *f)
{
	if (f->id < 0)
		return NULL;
	TRY(mem_grow(c->n_fields + 1, sizeof(*c->fields), &c->cap_fields, &c->fields));
	c->fields[c->n_fields++] = (uint32_t)f->id;
	for (size_t i = 0; f->type->id != TYPE_DICTIONARY && i < f->type->n_children;
	     i++)
		TRY(add_ids(c, f->type->children[i]));
	return NULL;
}

static struct err *read_lineage(struct move_change *c)
{
	const struct row_choice *rows = c->spec->rows;
	const struct version *v = rows->version;
	if (!(v->manifest->reader_feature_flags & FLAG_STABLE_ROW_IDS))
		return NULL;
	for (size_t i = 0; i < v->n_fragments; i++)
		if (rows->counts[i])
			TRY(lineage_add(&c->lineage, &v->fragments[i],
					&rows->fragments[i], true));
	return NULL;
}

static struct err *add_fragments(struct move_change *c, struct attempt *a)
{
	Lance__Table__Manifest *m = a->manifest;
	uint64_t at = 0;
	for (size_t i = 0; i < c->spec->n_files; i++) {
		const struct column_file *file = &c->spec->files[i];
		Lance__Table__DataFragment *f;
		TRY(manifest_add_fragment(m, file, a->latest->storage, &f));
		if (c->lineage.n)
			TRY(fragment_set_lineage(f, &c->lineage, at, m->version));
		at += file->physical_rows;
	}
	return NULL;
}

static void describe(struct move_change *c, struct attempt *a)
{
	Lance__Table__OpUpdate *u = &a->op.update;
	lance__table__op_update__init(u);
	u->n_removed_fragment_ids = c->deletions.n_removed;
	u->removed_fragment_ids = c->deletions.removed;
	u->n_updated_fragments = c->deletions.n_updated;
	u->updated_fragments = c->deletions.updated;
	u->n_new_fragments = c->spec->n_files;
	u->new_fragments =
		a->manifest->fragments + a->manifest->n_fragments - c->spec->n_files;
	u->n_fields_for_preserving_frag_bitmap = c->n_fields;
	u->fields_for_preserving_frag_bitmap = c->fields;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_UPDATE;
	a->tx.update = u;
}

static struct err *apply(void *ctx, struct attempt *a)
{
	struct move_change *c = ctx;
	TRY(rows_check_fields(c->spec->rows->version, &c->spec->files[0], a->latest));
	TRY(deletions_apply(&c->deletions, a));
	TRY(add_fragments(c, a));
	describe(c, a);
	return NULL;
}

static struct err *prepare(struct move_change *c, struct table *t)
{
	uint64_t n_rows = 0;
	for (size_t i = 0; i < c->spec->n_files; i++)
		n_rows += c->spec->files[i].physical_rows;
	if (!n_rows || n_rows != c->spec->rows->n)
		return err_new(EINVAL, "%" PRIu64 " rows of %" PRIu64 " to be moved",
			       n_rows, c->spec->rows->n);
	TRY(deletions_init(&c->deletions, t, c->spec->rows));
	for (size_t i = 0; i < c->spec->n_changed; i++)
		TRY(add_ids(c, c->spec->changed[i]));
	TRY(read_lineage(c));
	return io_sync_dir(t->store, "data");
}

struct err *table_move_rows(struct table *t, struct row_move *move,
			    struct version **ret)
{
	struct move_change rows = {.spec = move};
	struct change change = {
		.apply = apply,
		.ctx = &rows,
		.message = move->message,
		.base = move->rows->version,
	};
	struct err *err = prepare(&rows, t);
	if (!err)
		err = change_commit(t, &change, ret);
	move->is_published = change.is_published;
	change_fini(&rows);
	return err;
}
