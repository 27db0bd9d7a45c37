// SPDX-License-Identifier: Apache-2.0
/*
 * origin.c: what a column's files were before a compaction wrote them anew.
 *
 * The commit that made them is found by times: files come before the manifest that
 * names them.  Where times say nothing (a copied dataset), or that commit was cleaned
 * up, a compaction is not told from a change.
 */
#include "table/table_priv.h"

#include <errno.h>

#define MOST_COMMITS 1024 /* of one compaction */

struct versions {
	uint64_t *numbers; /* owned; ascending */
	size_t n;
};

static void auto_versions(struct versions *v)
{
	free(v->numbers);
}
#define AUTO_VERSIONS __attribute__((cleanup(auto_versions)))

/* When the manifest was written; 0: it is gone. */
static struct err *manifest_time(const struct version *v, uint64_t number, int64_t *ret)
{
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	bool found;
	TRY(manifest_path(v->naming, number, &path));
	TRY(io_stat(v->table->store, path, &found, &st));
	*ret = found ? st.mtime_ns : 0;
	return NULL;
}

/* The first of the versions whose manifest is not older than that. */
static struct err *first_since(const struct version *v, const struct versions *all,
			       int64_t ns, size_t *ret)
{
	size_t lo = 0, hi = all->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int64_t time;
		TRY(manifest_time(v, all->numbers[mid], &time));
		if (time < ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret = lo;
	return NULL;
}

static struct field *field_of_id(const struct version *v, int32_t id)
{
	for (size_t i = 0; i < v->n_fields; i++) /* it may be renamed */
		if (v->fields[i]->id == id)
			return v->fields[i];
	return NULL;
}

static struct err *has_same(struct version *v, const struct field *f, uint64_t number,
			    bool *ret)
{
	AUTO(version) struct version *other = NULL;
	TRY(table_peek(v->table, number, &other));
	const struct field *there = field_of_id(other, f->id);
	*ret = there && version_column_key(other, there) == version_column_key(v, f);
	return NULL;
}

/* The version that brought the column's files, as far as times tell. */
static struct err *find_maker(struct version *v, const struct field *f, int64_t ns,
			      struct version **ret)
{
	AUTO_VERSIONS struct versions all = {0};
	size_t lo, hi = 0;
	TRY(table_list_versions(v->table, &all.numbers, &all.n));
	TRY(first_since(v, &all, ns, &lo));
	while (hi < all.n && all.numbers[hi] < v->number)
		hi++;
	for (unsigned probes = 0; lo < hi; probes++) {
		/* it is the first mostly, or stands behind few commits of others */
		size_t mid = probes < 2 ? lo : lo + (hi - lo) / 2;
		bool is_same;
		TRY(has_same(v, f, all.numbers[mid], &is_same));
		if (is_same)
			hi = mid;
		else
			lo = mid + 1;
	}
	return table_peek(v->table, hi < all.n ? all.numbers[hi] : v->number, ret);
}

/* A compaction, or what pylance commits in the course of one. */
static struct err *only_rewrites(const struct version *v, bool *ret)
{
	AUTO_PROTO Lance__Table__Transaction *tx = NULL;
	TRY(version_transaction(v, &tx));
	*ret = tx &&
	       (tx->operation_case == LANCE__TABLE__TRANSACTION__OPERATION_REWRITE ||
		tx->operation_case ==
			LANCE__TABLE__TRANSACTION__OPERATION_RESERVE_FRAGMENTS);
	return NULL;
}

/* Back over one compaction's commits; *ret stays NULL if v is none. */
static struct err *step_back(struct version *v, struct version **ret)
{
	AUTO(version) struct version *at = version_ref(v);
	for (unsigned i = 0; i < MOST_COMMITS && at->number > 1; i++) {
		AUTO(version) struct version *before = NULL;
		bool rewrites;
		TRY(only_rewrites(at, &rewrites));
		if (!rewrites)
			break;
		TRY(table_peek(v->table, at->number - 1, &before));
		version_unref(at);
		at = TAKE(before);
	}
	if (at->number != v->number)
		*ret = TAKE(at);
	return NULL;
}

struct err *version_before_compaction(struct version *v, const struct field *f,
				      int64_t ns, struct version **ret,
				      struct field **ret_field)
{
	AUTO(version) struct version *maker = NULL;
	AUTO(version) struct version *before = NULL;
	*ret = NULL;
	struct err *err = find_maker(v, f, ns, &maker);
	if (!err)
		err = step_back(maker, &before);
	if (err && err->code == ENOENT) {
		err_free(err); /* cleaned up meanwhile: then it is not known */
		return NULL;
	}
	TRY(err);
	*ret_field = before ? field_of_id(before, f->id) : NULL;
	if (*ret_field &&
	    version_column_key(before, *ret_field) != version_column_key(v, f))
		*ret = TAKE(before);
	return NULL;
}
