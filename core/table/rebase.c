// SPDX-License-Identifier: Apache-2.0
/*
 * rebase.c: does a new column still fit after what others committed?
 *
 * The files of a column hold a value for each physical row of each fragment,
 * so they fit as long as the fragments are the same: rows deleted meanwhile keep
 * their offsets, fragments appended meanwhile lack the column.  A fragment is
 * the same if it still has one of its data files; its id alone would not tell
 * after an overwrite.  A fragment that is gone may have lost all its rows, or
 * have been compacted into another: the transactions tell.
 * Source: Lance's docs, "Transactions".
 */
#include "table/conflict_priv.h"

#include <errno.h>
#include <inttypes.h>

Lance__Table__DataFragment *manifest_fragment(const Lance__Table__Manifest *m,
					      uint64_t id)
{
	for (size_t i = 0; i < m->n_fragments; i++)
		if (m->fragments[i]->id == id)
			return m->fragments[i];
	return NULL;
}

static bool has_file(const Lance__Table__DataFragment *f, const char *path)
{
	for (size_t i = 0; i < f->n_files; i++)
		if (strcmp(f->files[i]->path, path) == 0)
			return true;
	return false;
}

static bool is_same(const Lance__Table__DataFragment *a,
		    const Lance__Table__DataFragment *b)
{
	if (a->physical_rows != b->physical_rows)
		return false;
	for (size_t i = 0; i < a->n_files; i++)
		if (has_file(b, a->files[i]->path))
			return true;
	return false;
}

/* Operations after which a missing fragment has lost its rows, not moved them
 * out of reach. */
static bool only_drops_rows(Lance__Table__Transaction__OperationCase op)
{
	switch (op) {
	case LANCE__TABLE__TRANSACTION__OPERATION_APPEND:
	case LANCE__TABLE__TRANSACTION__OPERATION_DELETE:
	case LANCE__TABLE__TRANSACTION__OPERATION_MERGE:
	case LANCE__TABLE__TRANSACTION__OPERATION_PROJECT:
	case LANCE__TABLE__TRANSACTION__OPERATION_CREATE_INDEX:
	case LANCE__TABLE__TRANSACTION__OPERATION_UPDATE_CONFIG:
	case LANCE__TABLE__TRANSACTION__OPERATION_DATA_REPLACEMENT:
		return true;
	default:
		return false;
	}
}

/* Rows that moved would have no values. */
static struct err *check_moved_rows(struct table *t, const struct column_commit *c,
				    const struct version *latest)
{
	for (uint64_t number = c->base->number + 1; number <= latest->number;
	     number++) {
		AUTO_PROTO Lance__Table__Transaction *tx = NULL;
		TRY(transaction_of(t, number, &tx));
		if (tx &&
		    tx->operation_case == LANCE__TABLE__TRANSACTION__OPERATION_UPDATE &&
		    (tx->update->n_new_fragments || tx->update->n_removed_fragment_ids))
			return err_new(EBUSY,
				       "version %" PRIu64
				       " updated rows, which moved, meanwhile; write "
				       "the column again",
				       number);
	}
	return NULL;
}

/* A new type is a new field: what others appended to the old one would be lost. */
static struct err *check_appended(const struct column_commit *c,
				  const struct new_column *column,
				  const struct version *latest)
{
	if (!column->replaces ||
	    type_equal(column->replaces->type, column->field->type))
		return NULL;
	for (size_t i = 0; i < latest->n_fragments; i++)
		if (!manifest_fragment(c->base->manifest, latest->fragments[i].id))
			return err_new(
				EBUSY,
				"rows were appended meanwhile, whose values of "
				"the old type would be lost; write the column again");
	return NULL;
}

static bool rows_were_dropped(struct table *t, uint64_t first, uint64_t last)
{
	for (uint64_t number = first; number <= last; number++) {
		AUTO_PROTO Lance__Table__Transaction *tx = NULL;
		AUTO_ERR struct err *err = transaction_of(t, number, &tx);
		if (err || !tx || !only_drops_rows(tx->operation_case))
			return false; /* not known to be harmless */
	}
	return true;
}

static struct err *check_fragments(struct table *t, struct column_commit *c,
				   const struct version *latest)
{
	for (size_t i = 0; i < c->n_files; i++) {
		struct column_file *file = &c->files[i];
		const Lance__Table__DataFragment *was, *is;
		was = manifest_fragment(c->base->manifest, file->fragment_id);
		is = manifest_fragment(latest->manifest, file->fragment_id);
		file->is_unused = false;
		if (was && is && is_same(was, is))
			continue;
		file->is_unused = !is && rows_were_dropped(t, c->base->number + 1,
							   latest->number);
		if (!file->is_unused)
			return err_new(EBUSY,
				       "fragment %" PRIu64
				       " was rewritten or removed by another commit; "
				       "write the column again",
				       file->fragment_id);
	}
	return NULL;
}

static struct err *check_name(const struct new_column *c, const struct version *latest)
{
	const char *name = c->field->name;
	const struct field *now = version_find_field(latest, name);
	if (!c->replaces && now)
		return err_new(EBUSY,
			       "another commit added a column '%s' meanwhile; write it "
			       "again to replace that one",
			       name);
	if (c->replaces && (!now || now->id != c->replaces->id))
		return err_new(
			EBUSY,
			"another commit dropped or replaced column '%s' meanwhile",
			name);
	if (c->replaces && c->field->nullable && !now->nullable)
		return err_new(
			EBUSY,
			"another commit declared column '%s' not null meanwhile; "
			"write it again",
			name);
	return NULL;
}

struct err *rebase_check(struct table *t, struct column_commit *c,
			 const struct version *latest)
{
	for (size_t i = 0; i < c->n_columns; i++)
		TRY(check_name(&c->columns[i], latest));
	if (c->n_files)
		TRY(check_moved_rows(t, c, latest));
	for (size_t i = 0; i < c->n_columns; i++)
		TRY(check_appended(c, &c->columns[i], latest));
	return check_fragments(t, c, latest);
}
