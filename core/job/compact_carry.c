// SPDX-License-Identifier: Apache-2.0
/*
 * compact_carry.c: values of UDFs' columns stay as stale, or as fresh, as they were.
 *
 * What is known is kept by the id of a fragment, and by what its files are; both are
 * others after a compaction.  A fragment of which any part was stale is stale.
 */
#include "job/compact_priv.h"
#include "job/computed_priv.h"

#include <errno.h>

struct carry {
	struct table *table; /* borrowed, as all here */
	struct version *base, *now;
	const struct compact_group *group;
	size_t at; /* the index of the new fragment in now */
};

/* The worst of the group; *ret_known: something is known of each. */
static enum freshness state_of(const struct carry *c, const struct column_state *s,
			       bool *ret_known)
{
	enum freshness worst = FRESH;
	*ret_known = true;
	for (size_t i = 0; i < c->group->n_fragments; i++) {
		enum freshness how = column_state_of(s, c->group->first + i);
		*ret_known &= column_state_is_whole(s, c->group->first + i);
		worst = MAX_OF(worst, how);
	}
	return worst;
}

static struct err *write_down(const struct carry *c, const struct udf_columns *columns,
			      bool is_stale, const char *hash)
{
	struct fragment_info info;
	struct udf_columns now = {0};
	version_fragment(c->now, c->at, &info);
	TRY(udf_columns_find(c->now, columns->outputs[0]->name, &now));
	struct computed_fragment f = {
		.id = info.id,
		.inputs_key = columns_key(c->now, c->at, now.inputs, now.n_inputs),
		.outputs_key = columns_key(c->now, c->at, now.outputs, now.n_outputs),
	};
	f.inputs_key ^= is_stale; /* the key of no inputs */
	struct err *err = computed_add(table_store(c->table), now.outputs[0]->id, &f,
				       is_stale ? NULL : hash);
	udf_columns_fini(&now);
	return err;
}

static struct err *carry_columns(const struct carry *c,
				 const struct udf_columns *columns)
{
	char hash[UDF_HASH_LEN + 1];
	struct column_state s = {0};
	bool is_known;
	TRY(current_hash(table_store(c->table), columns, hash));
	TRY(column_state_open(c->table, c->base, columns, hash, 0, &s));
	enum freshness how = state_of(c, &s, &is_known);
	column_state_fini(&s);
	if (how == STALE)
		return write_down(c, columns, true, hash);
	/* nulls of what is not known are looked for as before */
	return how == FRESH && is_known ? write_down(c, columns, false, hash) : NULL;
}

/* Nothing is known of what is no such column, or whose inputs are gone. */
static struct err *carry_field(const struct carry *c, const struct field *f)
{
	struct udf_columns columns = {0};
	if (!field_metadata(f, "virtual_column"))
		return NULL;
	struct err *err = udf_columns_find(c->base, f->name, &columns);
	if (err && err->code != ENOMEM) {
		err_free(err);
		return NULL;
	}
	TRY(err);
	bool is_first = columns.outputs[0]->id == f->id;
	err = is_first ? carry_columns(c, &columns) : NULL;
	udf_columns_fini(&columns);
	return err;
}

struct err *compact_carry_computed(struct table *t, const struct compact_run *run,
				   struct version *v)
{
	struct carry c = {t, run->base, v, run->group, 0};
	if (!run->has_new || !version_find_fragment(v, run->new_id, &c.at))
		return NULL;
	for (size_t i = 0; i < version_n_fields(run->base); i++)
		TRY(carry_field(&c, version_field(run->base, i)));
	return NULL;
}
