// SPDX-License-Identifier: Apache-2.0
/*
 * compact_rebase.c: rows that others deleted while their fragments were compacted.
 *
 * A compaction may take minutes, and deletes need not wait for it nor it for them: live
 * row i of the fragments that were read is row i of the new file, so what has been
 * deleted since is deleted there.
 */
#include "table/compact_priv.h"

#include <errno.h>
#include <inttypes.h>

static bool same_file(const Lance__Table__DeletionFile *a,
		      const Lance__Table__DeletionFile *b)
{
	if (!a || !b)
		return a == b;
	return a->id == b->id && a->read_version == b->read_version &&
	       a->file_type == b->file_type;
}

static struct err *changed(const struct fragment *was)
{
	return err_new(EBUSY,
		       "fragment %" PRIu64 " was changed by another commit meanwhile",
		       was->id);
}

/* One fragment, whose first live row is row `first` of the new file. */
struct deleted_since {
	const struct deletion_vector *was, *now; /* NULL: none */
	uint64_t n_rows;			 /* physical */
	uint64_t first;
};

static struct err *add_deleted(const struct deleted_since *d, struct row_set *ret,
			       uint64_t *ret_n)
{
	uint64_t row = d->first;
	for (uint64_t off = 0; off < d->n_rows; off++) {
		if (d->was && deletion_has(d->was, off))
			continue;
		if (deletion_has(d->now, off)) {
			TRY(row_set_add(ret, row));
			++*ret_n;
		}
		row++;
	}
	return NULL;
}

static struct err *compare(struct version *base, struct fragment *was,
			   struct version *latest, uint64_t first, struct row_set *ret)
{
	struct deleted_since d = {.n_rows = was->physical_rows, .first = first};
	size_t i;
	uint64_t n = 0;
	if (!version_find_fragment(latest, was->id, &i))
		return changed(was);
	struct fragment *now = &latest->fragments[i];
	if (!fragment_has_same_files(was->proto, now->proto))
		return changed(was);
	if (same_file(was->proto->deletion_file, now->proto->deletion_file))
		return NULL;
	TRY(fragment_deleted(base, was, &d.was));
	TRY(fragment_deleted(latest, now, &d.now));
	if (!d.now)
		return changed(was);
	TRY(add_deleted(&d, ret, &n));
	/* what was deleted must still be */
	return d.now->n_deleted == was->n_deleted + n ? NULL : changed(was);
}

struct err *compact_find_deleted(const struct compact_run *run, struct version *latest,
				 uint64_t n_rows, struct row_set *ret)
{
	struct version *base = run->base;
	const struct compact_group *g = run->group;
	uint64_t first = 0;
	TRY(row_set_init(ret, n_rows));
	for (size_t i = g->first; i < g->first + g->n_fragments; i++) {
		struct fragment *was = &base->fragments[i];
		TRY(compare(base, was, latest, first, ret));
		first += was->physical_rows - was->n_deleted;
	}
	return NULL;
}
