// SPDX-License-Identifier: Apache-2.0
/*
 * moved.c: fragments that updated rows were moved to.
 *
 * A moved row takes the values of all columns along, also of those that somebody
 * computed from what it held before.  The transaction lists the columns that were set;
 * one that lists none may have set any.
 * Source: transaction.proto, Update; what pylance 14.0.2 puts into
 * fields_for_preserving_frag_bitmap.
 */
#include "table/table_priv.h"

#include <errno.h>

#define MOST_VERSIONS 1000 /* that are looked at */

struct moved {
	uint64_t *ids; /* owned */
	size_t n, cap;
};

/* Fragments of v that the version before it does not have. */
static struct err *add_new(const struct version *before, const struct version *v,
			   struct moved *m)
{
	for (size_t i = 0; i < v->n_fragments; i++) {
		size_t unused;
		if (version_find_fragment(before, v->fragments[i].id, &unused))
			continue;
		TRY(mem_grow(m->n + 1, sizeof(*m->ids), &m->cap, &m->ids));
		m->ids[m->n++] = v->fragments[i].id;
	}
	return NULL;
}

static bool sets_any(const Lance__Table__OpUpdate *u, struct field *const *fields,
		     size_t n)
{
	for (size_t i = 0; i < u->n_fields_for_preserving_frag_bitmap; i++)
		for (size_t k = 0; k < n; k++)
			if (field_has_id(
				    fields[k],
				    (int32_t)u->fields_for_preserving_frag_bitmap[i]))
				return true;
	return false;
}

/* Whoever sets the outputs as well knows what they are to be. */
static bool leaves_behind(const Lance__Table__OpUpdate *u,
			  const struct computed_columns *c)
{
	if (!u->n_fields_for_preserving_frag_bitmap)
		return true;
	return sets_any(u, c->inputs, c->n_inputs) &&
	       !sets_any(u, c->outputs, c->n_outputs);
}

static struct err *look_at(struct table *t, uint64_t number,
			   const struct computed_columns *c, struct moved *m)
{
	AUTO(version) struct version *v = NULL;
	AUTO(version) struct version *before = NULL;
	AUTO_PROTO Lance__Table__Transaction *tx = NULL;
	TRY(table_peek(t, number, &v));
	TRY(version_transaction(v, &tx));
	if (!tx || tx->operation_case != LANCE__TABLE__TRANSACTION__OPERATION_UPDATE ||
	    !tx->update->n_new_fragments || !leaves_behind(tx->update, c))
		return NULL;
	TRY(table_peek(t, number - 1, &before));
	return add_new(before, v, m);
}

struct err *table_moved_fragments(struct table *t, uint64_t from,
				  const struct version *v,
				  const struct computed_columns *c, uint64_t **ret,
				  size_t *ret_n)
{
	struct moved m = {0};
	uint64_t first = from + 1;
	if (v->number > MOST_VERSIONS)
		first = MAX_OF(first, v->number - MOST_VERSIONS);
	for (uint64_t number = first; number <= v->number; number++) {
		struct err *err = look_at(t, number, c, &m);
		if (err && err->code == ENOMEM) {
			free(m.ids);
			return err;
		}
		err_free(err); /* the version is gone: what it did is not known */
	}
	*ret = m.ids;
	*ret_n = m.n;
	return NULL;
}
