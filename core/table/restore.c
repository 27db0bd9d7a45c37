// SPDX-License-Identifier: Apache-2.0
/*
 * restore.c: an old version as the newest one.
 *
 * The new manifest is the old one, with its schema, fragments, indices and
 * config; only what must never go back is the latest's: ids that were given out.
 * Source: transaction.proto, Restore; Lance's docs, "Transactions".
 */
#include "table/commit_priv.h"

#include <errno.h>
#include <inttypes.h>

struct restore {
	struct version *base; /* borrowed; what the user looked at */
	struct version *old;  /* borrowed */
};

/* Rows would lose their ids, or fields share one. */
static struct err *check_flags(const Lance__Table__Manifest *old,
			       const Lance__Table__Manifest *latest)
{
	uint64_t lost = latest->writer_feature_flags & ~old->writer_feature_flags;
	if (lost & FLAG_STABLE_ROW_IDS)
		return err_new(EOPNOTSUPP,
			       "version %" PRIu64 " is from before stable row ids were "
			       "switched on",
			       old->version);
	if (lost & FLAG_FIELD_IDS)
		return err_new(EOPNOTSUPP,
			       "version %" PRIu64 " is from before field ids were made "
			       "unique for ever",
			       old->version);
	return NULL;
}

static void keep_ids(Lance__Table__Manifest *m, const Lance__Table__Manifest *latest)
{
	if (latest->opt_max_fragment_id_case) {
		m->max_fragment_id =
			m->opt_max_fragment_id_case
				? MAX_OF(m->max_fragment_id, latest->max_fragment_id)
				: latest->max_fragment_id;
		m->opt_max_fragment_id_case = latest->opt_max_fragment_id_case;
	}
	m->next_row_id = MAX_OF(m->next_row_id, latest->next_row_id);
	if (latest->opt_max_allocated_field_id_case) {
		m->max_allocated_field_id =
			m->opt_max_allocated_field_id_case
				? MAX_OF(m->max_allocated_field_id,
					 latest->max_allocated_field_id)
				: latest->max_allocated_field_id;
		m->opt_max_allocated_field_id_case =
			latest->opt_max_allocated_field_id_case;
	}
}

/* A cleanup may have come between; from here on none does. */
static struct err *check_is_there(const struct version *old)
{
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	bool found;
	TRY(manifest_path(old->naming, old->number, &path));
	TRY(io_stat(old->table->store, path, &found, &st));
	return found ? NULL
		     : err_new(ENOENT, "version %" PRIu64 " was cleaned up",
			       old->number);
}

static struct err *apply_restore(void *ctx, struct attempt *a)
{
	const struct restore *r = ctx;
	if (a->latest->number != r->base->number)
		return err_new(EBUSY,
			       "version %" PRIu64
			       " was committed meanwhile and would be "
			       "lost from sight; look at it, and restore again",
			       a->latest->number);
	TRY(check_flags(r->old->manifest, a->latest->manifest));
	TRY(check_is_there(r->old));
	proto_free((ProtobufCMessage *)TAKE(a->manifest));
	proto_free((ProtobufCMessage *)TAKE(a->indices));
	TRY(PROTO_UNPACK(lance__table__manifest,
			 r->old->raw->data + r->old->manifest_off, r->old->manifest_len,
			 &a->manifest));
	TRY(version_indices(r->old, &a->indices));
	TRY(attempt_set_header(a));
	keep_ids(a->manifest, a->latest->manifest);
	lance__table__op_restore__init(&a->op.restore);
	a->op.restore.version = r->old->number;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_RESTORE;
	a->tx.restore = &a->op.restore;
	return NULL;
}

struct err *table_restore(struct table *t, struct version *base, uint64_t number,
			  struct version **ret)
{
	AUTO(version) struct version *old = NULL;
	TRY(table_version(t, number, &old));
	if (number == base->number) {
		*ret = version_ref(base);
		return NULL;
	}
	struct restore r = {base, old};
	struct change c = {.apply = apply_restore, .ctx = &r};
	return change_commit(t, &c, ret);
}
