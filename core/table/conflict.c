// SPDX-License-Identifier: Apache-2.0
/*
 * conflict.c: which operations stand beside which.
 *
 * One table says it for each pair: a row is what we are about to commit, a column
 * what another writer committed since the version that ours was made from.  A cell
 * is a word: '.' is compatible, 'R' to be made anew, 'X' fatal, any other letter a
 * condition that looks at the two (`conditions` below); the worst answer counts.
 * Where a condition would need to look into data, it answers R.
 *
 * To add an operation: a row, a column, and its message in transaction.proto.
 * Source: Lance's docs, "Transactions", "Conflict resolution"; the table was compared
 * with what pylance 14.0.2 answers (tests/interop/test_conflicts.py).
 */
#include "table/conflict_priv.h"

#include <errno.h>
#include <inttypes.h>

typedef Lance__Table__Transaction tx_t;

#define FIRST_OPERATION LANCE__TABLE__TRANSACTION__OPERATION_APPEND
#define N_OPERATIONS                                                                   \
	(LANCE__TABLE__TRANSACTION__OPERATION_DATA_OVERLAY - FIRST_OPERATION + 1)
#define OP(name) (LANCE__TABLE__TRANSACTION__OPERATION_##name - FIRST_OPERATION)
#define IS(tx, name)                                                                   \
	((tx)->operation_case == LANCE__TABLE__TRANSACTION__OPERATION_##name)

enum {
	APP = OP(APPEND),
	DEL = OP(DELETE),
	OVW = OP(OVERWRITE),
	IDX = OP(CREATE_INDEX),
	REW = OP(REWRITE),
	MRG = OP(MERGE),
	RST = OP(RESTORE),
	RSV = OP(RESERVE_FRAGMENTS),
	UPD = OP(UPDATE),
	PRJ = OP(PROJECT),
	CFG = OP(UPDATE_CONFIG),
	DRP = OP(DATA_REPLACEMENT),
	WAL = OP(UPDATE_MEM_WAL_STATE),
	CLN = OP(CLONE),
	BAS = OP(UPDATE_BASES),
	DOV = OP(DATA_OVERLAY),
};

/* clang-format off */
static const char *const matrix[N_OPERATIONS][N_OPERATIONS] = {
[APP] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = "X", [IDX] = ".", [REW] = ".", [MRG] = "p",
	 [PRJ] = "p", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = ".", [DOV] = ".", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[DEL] = {[APP] = ".", [DEL] = "f", [UPD] = "f", [OVW] = "X", [IDX] = ".", [REW] = "f", [MRG] = "R",
	 [PRJ] = ".", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = "f", [DOV] = ".", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[UPD] = {[APP] = "k", [DEL] = "f", [UPD] = "fk", [OVW] = "X", [IDX] = ".", [REW] = "f", [MRG] = "R",
	 [PRJ] = "dp", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = "f", [DOV] = "f", [WAL] = "w", [CLN] = ".", [BAS] = "."},
[OVW] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = "Rc", [IDX] = ".", [REW] = ".", [MRG] = ".",
	 [PRJ] = ".", [RST] = ".", [RSV] = ".", [CFG] = "c", [DRP] = ".", [DOV] = ".", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[IDX] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = "X", [IDX] = "n", [REW] = "g", [MRG] = ".",
	 [PRJ] = ".", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = "h", [DOV] = ".", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[REW] = {[APP] = ".", [DEL] = "f", [UPD] = "f", [OVW] = "X", [IDX] = "g", [REW] = "f", [MRG] = "R",
	 [PRJ] = ".", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = "f", [DOV] = "f", [WAL] = ".", [CLN] = ".", [BAS] = "."},
[MRG] = {[APP] = "R", [DEL] = "R", [UPD] = "R", [OVW] = "X", [IDX] = ".", [REW] = "R", [MRG] = "R",
	 [PRJ] = "X", [RST] = "X", [RSV] = ".", [CFG] = "m", [DRP] = "R", [DOV] = "R", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[PRJ] = {[APP] = "p", [DEL] = ".", [UPD] = "p", [OVW] = "X", [IDX] = ".", [REW] = ".", [MRG] = "R",
	 [PRJ] = "R", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = "p", [DOV] = "p", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[RST] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = ".", [IDX] = ".", [REW] = ".", [MRG] = ".",
	 [PRJ] = ".", [RST] = ".", [RSV] = ".", [CFG] = "M", [DRP] = ".", [DOV] = ".", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[RSV] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = "X", [IDX] = ".", [REW] = ".", [MRG] = ".",
	 [PRJ] = ".", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = ".", [DOV] = ".", [WAL] = ".", [CLN] = ".", [BAS] = "."},
[CFG] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = "Mc", [IDX] = ".", [REW] = ".", [MRG] = "m",
	 [PRJ] = ".", [RST] = "M", [RSV] = ".", [CFG] = "cu", [DRP] = ".", [DOV] = ".", [WAL] = ".", [CLN] = ".", [BAS] = "."},
[DRP] = {[APP] = ".", [DEL] = "r", [UPD] = "s", [OVW] = "X", [IDX] = "h", [REW] = "f", [MRG] = "R",
	 [PRJ] = "Dp", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = "t", [DOV] = ".", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[DOV] = {[APP] = ".", [DEL] = "q", [UPD] = "f", [OVW] = "X", [IDX] = ".", [REW] = "f", [MRG] = "R",
	 [PRJ] = "p", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = ".", [DOV] = ".", [WAL] = "X", [CLN] = ".", [BAS] = "."},
[WAL] = {[APP] = "X", [DEL] = "X", [UPD] = "w", [OVW] = "X", [IDX] = "w", [REW] = ".", [MRG] = "X",
	 [PRJ] = "X", [RST] = "X", [RSV] = ".", [CFG] = ".", [DRP] = "X", [DOV] = "X", [WAL] = "w", [CLN] = "X", [BAS] = "."},
[CLN] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = ".", [IDX] = ".", [REW] = ".", [MRG] = ".",
	 [PRJ] = ".", [RST] = ".", [RSV] = ".", [CFG] = ".", [DRP] = ".", [DOV] = ".", [WAL] = ".", [CLN] = ".", [BAS] = "."},
[BAS] = {[APP] = ".", [DEL] = ".", [UPD] = ".", [OVW] = ".", [IDX] = ".", [REW] = ".", [MRG] = ".",
	 [PRJ] = ".", [RST] = ".", [RSV] = ".", [CFG] = ".", [DRP] = ".", [DOV] = ".", [WAL] = ".", [CLN] = ".", [BAS] = "b"},
};
/* clang-format on */

/* --- which fragments and fields a transaction touches --- */

/* Fragment i that it changes or removes, in any order; false past the last. */
static bool touched_fragment(const tx_t *tx, size_t i, uint64_t *ret)
{
	if (IS(tx, DELETE)) {
		const Lance__Table__OpDelete *d = tx->delete_;
		size_t n = d->n_updated_fragments;
		if (i < n)
			*ret = d->updated_fragments[i]->id;
		else if (i - n < d->n_deleted_fragment_ids)
			*ret = d->deleted_fragment_ids[i - n];
		return i < n + d->n_deleted_fragment_ids;
	}
	if (IS(tx, UPDATE)) {
		const Lance__Table__OpUpdate *u = tx->update;
		size_t n = u->n_updated_fragments;
		if (i < n)
			*ret = u->updated_fragments[i]->id;
		else if (i - n < u->n_removed_fragment_ids)
			*ret = u->removed_fragment_ids[i - n];
		return i < n + u->n_removed_fragment_ids;
	}
	if (IS(tx, REWRITE)) {
		for (size_t g = 0; g < tx->rewrite->n_groups; g++) {
			const Lance__Table__RewriteGroup *group =
				tx->rewrite->groups[g];
			if (i < group->n_old_fragments)
				*ret = group->old_fragments[i]->id;
			if (i < group->n_old_fragments)
				return true;
			i -= group->n_old_fragments;
		}
		return false;
	}
	if (IS(tx, DATA_REPLACEMENT)) {
		if (i < tx->data_replacement->n_replacements)
			*ret = tx->data_replacement->replacements[i]->fragment_id;
		return i < tx->data_replacement->n_replacements;
	}
	if (IS(tx, DATA_OVERLAY)) {
		if (i < tx->data_overlay->n_groups)
			*ret = tx->data_overlay->groups[i]->fragment_id;
		return i < tx->data_overlay->n_groups;
	}
	return false;
}

static bool touches(const tx_t *tx, uint64_t fragment)
{
	uint64_t id;
	for (size_t i = 0; touched_fragment(tx, i, &id); i++)
		if (id == fragment)
			return true;
	return false;
}

static bool removes(const tx_t *tx, uint64_t fragment)
{
	size_t n = 0;
	const uint64_t *ids = NULL;
	if (IS(tx, DELETE)) {
		n = tx->delete_->n_deleted_fragment_ids;
		ids = tx->delete_->deleted_fragment_ids;
	} else if (IS(tx, UPDATE)) {
		n = tx->update->n_removed_fragment_ids;
		ids = tx->update->removed_fragment_ids;
	}
	for (size_t i = 0; i < n; i++)
		if (ids[i] == fragment)
			return true;
	return false;
}

static bool removes_one_of(const tx_t *theirs, const tx_t *ours)
{
	uint64_t id;
	for (size_t i = 0; touched_fragment(ours, i, &id); i++)
		if (removes(theirs, id))
			return true;
	return false;
}

static bool has_i32(const int32_t *items, size_t n, int64_t wanted)
{
	for (size_t i = 0; i < n; i++)
		if (items[i] == wanted)
			return true;
	return false;
}

static bool has_field(Lance__File__Field *const *fields, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (fields[i]->id == id)
			return true;
	return false;
}

/* --- conditions --- */

/* a fragment of ours is among those of theirs */
static enum conflict common_fragment(const tx_t *ours, const tx_t *theirs)
{
	uint64_t id;
	for (size_t i = 0; touched_fragment(ours, i, &id); i++)
		if (touches(theirs, id))
			return CONFLICT_RETRY;
	return CONFLICT_NONE;
}

static bool keeps_nullability(const tx_t *tx)
{
	if (IS(tx, MERGE))
		return tx->merge->preserves_nullability;
	return !IS(tx, PROJECT) || tx->project->preserves_nullability;
}

static enum conflict nullability(const tx_t *ours, const tx_t *theirs)
{
	bool kept = keeps_nullability(ours) && keeps_nullability(theirs);
	return kept ? CONFLICT_NONE : CONFLICT_RETRY;
}

/* keys inserted by both */
static enum conflict inserted_keys(const tx_t *ours, const tx_t *theirs)
{
	(void)theirs;
	return ours->update->inserted_rows.len ? CONFLICT_RETRY : CONFLICT_NONE;
}

/* a field that ours changes is gone */
static enum conflict modified_field_gone(const tx_t *ours, const tx_t *theirs)
{
	const Lance__Table__OpProject *p = theirs->project;
	for (size_t i = 0; i < ours->update->n_fields_modified; i++)
		if (!has_field(p->schema, p->n_schema,
			       ours->update->fields_modified[i]))
			return CONFLICT_RETRY;
	return CONFLICT_NONE;
}

static enum conflict replaced_field_gone(const tx_t *ours, const tx_t *theirs)
{
	const Lance__Table__OpDataReplacement *r = ours->data_replacement;
	const Lance__Table__OpProject *p = theirs->project;
	for (size_t i = 0; i < r->n_replacements; i++) {
		const Lance__Table__DataFile *file = r->replacements[i]->new_file;
		for (size_t k = 0; file && k < file->n_fields; k++)
			if (!has_field(p->schema, p->n_schema, file->fields[k]))
				return CONFLICT_FATAL;
	}
	return CONFLICT_NONE;
}

static enum conflict fragment_removed_fatally(const tx_t *ours, const tx_t *theirs)
{
	return removes_one_of(theirs, ours) ? CONFLICT_FATAL : CONFLICT_NONE;
}

static enum conflict fragment_removed(const tx_t *ours, const tx_t *theirs)
{
	return removes_one_of(theirs, ours) ? CONFLICT_RETRY : CONFLICT_NONE;
}

static bool replaces_one_of(const Lance__Table__DataReplacementGroup *group,
			    const Lance__Table__OpUpdate *u)
{
	for (size_t i = 0; group->new_file && i < u->n_fields_modified; i++)
		if (has_i32(group->new_file->fields, group->new_file->n_fields,
			    u->fields_modified[i]))
			return true;
	return false;
}

/* rows moved out of a fragment whose column ours replaces, or that column changed */
static enum conflict replaced_in_update(const tx_t *ours, const tx_t *theirs)
{
	const Lance__Table__OpDataReplacement *r = ours->data_replacement;
	const Lance__Table__OpUpdate *u = theirs->update;
	bool moves = u->n_new_fragments && u->update_mode == 0;
	enum conflict worst = CONFLICT_NONE;
	for (size_t i = 0; i < r->n_replacements; i++) {
		uint64_t id = r->replacements[i]->fragment_id;
		if (removes(theirs, id))
			return CONFLICT_FATAL;
		if (touches(theirs, id) &&
		    (moves || replaces_one_of(r->replacements[i], u)))
			worst = CONFLICT_RETRY;
	}
	return worst;
}

static bool share_a_field(const Lance__Table__DataFile *a,
			  const Lance__Table__DataFile *b)
{
	for (size_t i = 0; a && b && i < a->n_fields; i++)
		if (has_i32(b->fields, b->n_fields, a->fields[i]))
			return true;
	return false;
}

/* both replace a column of one fragment */
static enum conflict replaced_twice(const tx_t *ours, const tx_t *theirs)
{
	const Lance__Table__OpDataReplacement *a = ours->data_replacement;
	const Lance__Table__OpDataReplacement *b = theirs->data_replacement;
	for (size_t i = 0; i < a->n_replacements; i++)
		for (size_t k = 0; k < b->n_replacements; k++)
			if (a->replacements[i]->fragment_id ==
				    b->replacements[k]->fragment_id &&
			    share_a_field(a->replacements[i]->new_file,
					  b->replacements[k]->new_file))
				return CONFLICT_RETRY;
	return CONFLICT_NONE;
}

/* indices: a name twice, or a segment that one removes and the other makes */
static enum conflict common_index(const tx_t *ours, const tx_t *theirs)
{
	const Lance__Table__OpCreateIndex *a = ours->create_index;
	const Lance__Table__OpCreateIndex *b = theirs->create_index;
	for (size_t i = 0; i < a->n_new_indices; i++)
		for (size_t k = 0; k < b->n_new_indices; k++)
			if (!strcmp(a->new_indices[i]->name, b->new_indices[k]->name))
				return CONFLICT_RETRY;
	return a->n_removed_indices && b->n_removed_indices ? CONFLICT_RETRY
							    : CONFLICT_NONE;
}

/* an index is made while fragments that it covers are rewritten; which, its bitmap
 * tells: not looked at, for lancefs makes no indices */
static enum conflict index_over_rewrite(const tx_t *ours, const tx_t *theirs)
{
	const tx_t *index = IS(ours, CREATE_INDEX) ? ours : theirs;
	return index->create_index->n_new_indices ? CONFLICT_RETRY : CONFLICT_NONE;
}

/* a field of the index is replaced */
static enum conflict index_over_replacement(const tx_t *ours, const tx_t *theirs)
{
	bool is_ours = IS(ours, CREATE_INDEX);
	const Lance__Table__OpCreateIndex *c = (is_ours ? ours : theirs)->create_index;
	const Lance__Table__OpDataReplacement *r =
		(is_ours ? theirs : ours)->data_replacement;
	for (size_t i = 0; i < c->n_new_indices; i++)
		for (size_t k = 0; k < r->n_replacements; k++) {
			const Lance__Table__DataFile *f = r->replacements[k]->new_file;
			const Lance__Table__IndexMetadata *x = c->new_indices[i];
			for (size_t j = 0; f && j < f->n_fields; j++)
				if (has_i32(x->fields, x->n_fields, f->fields[j]))
					return CONFLICT_RETRY;
		}
	return CONFLICT_NONE;
}

/* --- configuration --- */

static bool map_is_empty(const Lance__Table__UpdateMap *m)
{
	return !m || (!m->n_update_entries && !m->replace);
}

static bool maps_meet(const Lance__Table__UpdateMap *a,
		      const Lance__Table__UpdateMap *b)
{
	if (map_is_empty(a) || map_is_empty(b))
		return false;
	if (a->replace || b->replace)
		return true;
	for (size_t i = 0; i < a->n_update_entries; i++)
		for (size_t k = 0; k < b->n_update_entries; k++)
			if (!strcmp(a->update_entries[i]->key,
				    b->update_entries[k]->key))
				return true;
	return false;
}

/* Entry i of what a transaction sets or removes in the config; NULL past the last. */
static const char *config_key(const tx_t *tx, size_t i)
{
	if (IS(tx, OVERWRITE))
		return i < tx->overwrite->n_config_upsert_values
			       ? tx->overwrite->config_upsert_values[i]->key
			       : NULL;
	const Lance__Table__OpUpdateConfig *c = tx->update_config;
	size_t n = c->config_updates ? c->config_updates->n_update_entries : 0;
	if (i < n)
		return c->config_updates->update_entries[i]->key;
	i -= n;
	if (i < c->n_upsert_values)
		return c->upsert_values[i]->key;
	i -= c->n_upsert_values;
	return i < c->n_delete_keys ? c->delete_keys[i] : NULL;
}

static bool replaces_config(const tx_t *tx)
{
	return IS(tx, UPDATE_CONFIG) && tx->update_config->config_updates &&
	       tx->update_config->config_updates->replace;
}

static enum conflict common_config(const tx_t *ours, const tx_t *theirs)
{
	if ((replaces_config(ours) &&
	     (replaces_config(theirs) || config_key(theirs, 0))) ||
	    (replaces_config(theirs) && config_key(ours, 0)))
		return CONFLICT_FATAL;
	for (size_t i = 0; config_key(ours, i); i++)
		for (size_t k = 0; config_key(theirs, k); k++)
			if (!strcmp(config_key(ours, i), config_key(theirs, k)))
				return CONFLICT_FATAL;
	return CONFLICT_NONE;
}

static bool changes_schema_metadata(const tx_t *tx)
{
	return !map_is_empty(tx->update_config->schema_metadata_updates) ||
	       tx->update_config->n_schema_metadata;
}

static bool changes_metadata(const tx_t *tx)
{
	return changes_schema_metadata(tx) ||
	       tx->update_config->n_field_metadata_updates ||
	       tx->update_config->n_field_metadata;
}

static enum conflict metadata_changed(const tx_t *ours, const tx_t *theirs)
{
	const tx_t *config = IS(ours, UPDATE_CONFIG) ? ours : theirs;
	return changes_metadata(config) ? CONFLICT_RETRY : CONFLICT_NONE;
}

static enum conflict metadata_changed_fatally(const tx_t *ours, const tx_t *theirs)
{
	return metadata_changed(ours, theirs) ? CONFLICT_FATAL : CONFLICT_NONE;
}

static enum conflict common_metadata(const tx_t *ours, const tx_t *theirs)
{
	const Lance__Table__OpUpdateConfig *a = ours->update_config;
	const Lance__Table__OpUpdateConfig *b = theirs->update_config;
	if (maps_meet(a->table_metadata_updates, b->table_metadata_updates) ||
	    (changes_schema_metadata(ours) && changes_schema_metadata(theirs)) ||
	    (a->n_field_metadata && b->n_field_metadata))
		return CONFLICT_FATAL;
	for (size_t i = 0; i < a->n_field_metadata_updates; i++)
		for (size_t k = 0; k < b->n_field_metadata_updates; k++)
			if (a->field_metadata_updates[i]->key ==
			    b->field_metadata_updates[k]->key)
				return CONFLICT_FATAL;
	return CONFLICT_NONE;
}

/* --- bases, write-ahead logs --- */

static enum conflict common_base(const tx_t *ours, const tx_t *theirs)
{
	const Lance__Table__OpUpdateBases *a = ours->update_bases;
	const Lance__Table__OpUpdateBases *b = theirs->update_bases;
	for (size_t i = 0; i < a->n_new_bases; i++)
		for (size_t k = 0; k < b->n_new_bases; k++) {
			const Lance__Table__BasePath *x = a->new_bases[i];
			const Lance__Table__BasePath *y = b->new_bases[k];
			bool named = x->opt_name_case && y->opt_name_case;
			if ((x->id && x->id == y->id) || !strcmp(x->path, y->path) ||
			    (named && !strcmp(x->name, y->name)))
				return CONFLICT_FATAL;
		}
	return CONFLICT_NONE;
}

/* One log each, which nothing here looks into. */
static enum conflict common_log(const tx_t *ours, const tx_t *theirs)
{
	(void)ours;
	(void)theirs;
	return CONFLICT_RETRY;
}

static const struct {
	char letter;
	enum conflict (*judge)(const tx_t *ours, const tx_t *theirs);
} conditions[] = {
	{'b', common_base},
	{'c', common_config},
	{'d', modified_field_gone},
	{'D', replaced_field_gone},
	{'f', common_fragment},
	{'g', index_over_rewrite},
	{'h', index_over_replacement},
	{'k', inserted_keys},
	{'m', metadata_changed},
	{'M', metadata_changed_fatally},
	{'n', common_index},
	{'p', nullability},
	{'q', fragment_removed},
	{'r', fragment_removed_fatally},
	{'s', replaced_in_update},
	{'t', replaced_twice},
	{'u', common_metadata},
	{'w', common_log},
};

static enum conflict judge(char letter, const tx_t *ours, const tx_t *theirs)
{
	if (letter == '.')
		return CONFLICT_NONE;
	if (letter == 'R')
		return CONFLICT_RETRY;
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
		if (conditions[i].letter == letter)
			return conditions[i].judge(ours, theirs);
	return CONFLICT_FATAL;
}

static bool is_known(const tx_t *tx)
{
	return tx->operation_case != LANCE__TABLE__TRANSACTION__OPERATION__NOT_SET;
}

enum conflict conflict_between(const tx_t *ours, const tx_t *theirs)
{
	enum conflict worst = CONFLICT_NONE;
	if (!is_known(ours) || !is_known(theirs))
		return CONFLICT_FATAL;
	const char *rule = matrix[ours->operation_case - FIRST_OPERATION]
				 [theirs->operation_case - FIRST_OPERATION];
	for (; *rule; rule++)
		worst = MAX_OF(worst, judge(*rule, ours, theirs));
	return worst;
}

struct err *transaction_of(struct table *t, uint64_t number, tx_t **ret)
{
	AUTO(version) struct version *v = NULL;
	struct err *err = table_peek(t, number, &v);
	if (err && err->code == ENOENT) {
		err_free(err); /* told in other words */
		return err_new(EBUSY,
			       "version %" PRIu64
			       " came and went meanwhile; do it again",
			       number);
	}
	TRY(err);
	return version_transaction(v, ret);
}

const char *transaction_deed(const tx_t *tx)
{
	static const char *const deeds[N_OPERATIONS] = {
		[APP] = "appended rows",
		[DEL] = "deleted rows",
		[OVW] = "overwrote the table",
		[IDX] = "changed indices",
		[REW] = "compacted fragments",
		[MRG] = "added or replaced a column",
		[RST] = "restored an old version",
		[RSV] = "reserved fragments",
		[UPD] = "updated rows",
		[PRJ] = "renamed or dropped columns",
		[CFG] = "changed metadata",
		[DRP] = "replaced values of a column",
		[WAL] = "changed its write-ahead log",
		[CLN] = "cloned the table",
		[BAS] = "added places for data",
		[DOV] = "laid values over a column",
	};
	return is_known(tx) ? deeds[tx->operation_case - FIRST_OPERATION]
			    : "did something that this lancefs does not know";
}
