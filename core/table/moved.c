// SPDX-License-Identifier: Apache-2.0
/*
 * moved.c: fragments that updated rows were moved to.
 *
 * A moved row takes the values of all columns along, also of those that somebody
 * computed from what it held before.
 * Source: transaction.proto, Update.
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

static struct err *look_at(struct table *t, uint64_t number, struct moved *m)
{
	AUTO(version) struct version *v = NULL;
	AUTO(version) struct version *before = NULL;
	AUTO_PROTO Lance__Table__Transaction *tx = NULL;
	TRY(table_version(t, number, &v));
	TRY(version_transaction(v, &tx));
	if (!tx || tx->operation_case != LANCE__TABLE__TRANSACTION__OPERATION_UPDATE ||
	    !tx->update->n_new_fragments)
		return NULL;
	TRY(table_version(t, number - 1, &before));
	return add_new(before, v, m);
}

struct err *table_moved_fragments(struct table *t, uint64_t from,
				  const struct version *v, uint64_t **ret,
				  size_t *ret_n)
{
	struct moved m = {0};
	uint64_t first = from + 1;
	if (v->number > MOST_VERSIONS)
		first = MAX_OF(first, v->number - MOST_VERSIONS);
	for (uint64_t number = first; number <= v->number; number++) {
		struct err *err = look_at(t, number, &m);
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
