// SPDX-License-Identifier: Apache-2.0
/*
 * indices.c: keeping indices truthful.
 *
 * lancefs does not write index files.  An index must not claim rows that it no
 * longer describes: a fragment whose indexed column was rewritten leaves the
 * index's fragment bitmap (readers then scan it), an index on a field that is
 * gone goes.  A bitmap that becomes empty is written as an empty Roaring
 * bitmap, because an absent one means "coverage unknown".
 * Source: table.proto, IndexMetadata.fragment_bitmap; observed with pylance
 * 14.0.2 over BTREE, BITMAP, INVERTED, ZONEMAP and IVF_PQ.
 */
#include "table/indices_priv.h"

#include <errno.h>

#define SYSTEM_PREFIX "__lance_"

static bool has_field(const Lance__Table__IndexMetadata *index, int32_t id)
{
	for (size_t i = 0; i < index->n_fields; i++)
		if (index->fields[i] == id)
			return true;
	return false;
}

static bool has_reuse_index(const Lance__Table__IndexSection *s)
{
	for (size_t i = 0; i < s->n_indices; i++)
		if (strcmp(s->indices[i]->name, FRAGMENT_REUSE_INDEX) == 0)
			return true;
	return false;
}

static struct err *set_bitmap(Lance__Table__IndexMetadata *index,
			      const struct row_set *fragments)
{
	AUTO_BUF struct buf bitmap = {0};
	TRY(row_set_write(fragments, &bitmap));
	free(index->fragment_bitmap.data);
	index->fragment_bitmap.data = TAKE(bitmap.data);
	index->fragment_bitmap.len = bitmap.len;
	return NULL;
}

/* The fragments of an index less the given ones.  Unreadable ones, and those
 * whose ids a fragment-reuse index translates, end up claiming nothing. */
static struct err *subtract(Lance__Table__IndexMetadata *index,
			    const uint64_t *fragments, size_t n, bool keep_rest)
{
	struct row_set rest AUTO_ROW_SET = {0};
	TRY(row_set_init(&rest, ROW_SET_MAX));
	struct cursor c =
		cursor_of(index->fragment_bitmap.data, index->fragment_bitmap.len);
	AUTO_ERR struct err *unreadable = row_set_read(&rest, c);
	for (size_t i = 0; i < n; i++)
		row_set_remove(&rest, fragments[i]);
	if (!keep_rest || unreadable)
		row_set_fini(&rest);
	return set_bitmap(index, &rest);
}

static bool claims_nothing(const Lance__Table__IndexMetadata *index)
{
	struct row_set claimed AUTO_ROW_SET = {0};
	struct cursor c =
		cursor_of(index->fragment_bitmap.data, index->fragment_bitmap.len);
	AUTO_ERR struct err *err = row_set_init(&claimed, ROW_SET_MAX);
	AUTO_ERR struct err *unreadable = err ? NULL : row_set_read(&claimed, c);
	return !err && !unreadable && index->fragment_bitmap.len &&
	       row_set_count(&claimed) == 0;
}

static bool has_other_segment(const Lance__Table__IndexSection *s, size_t i)
{
	for (size_t k = 0; k < s->n_indices; k++)
		if (k != i && s->indices[k] &&
		    strcmp(s->indices[k]->name, s->indices[i]->name) == 0)
			return true;
	return false;
}

/* Segments that claim nothing go, but the last of a name, which tells what there was to
 * be indexed: the rows in their files may come back under another segment. */
static void drop_empty(Lance__Table__IndexSection *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_indices; i++) {
		if (!has_other_segment(s, i) || !claims_nothing(s->indices[i]))
			continue;
		proto_free(&s->indices[i]->base);
		s->indices[i] = NULL;
	}
	for (size_t i = 0; i < s->n_indices; i++)
		if (s->indices[i])
			s->indices[n++] = s->indices[i];
	s->n_indices = n;
}

struct err *indices_forget(Lance__Table__IndexSection *s, int32_t field_id,
			   const uint64_t *fragments, size_t n)
{
	if (!s || n == 0)
		return NULL;
	bool translated = has_reuse_index(s);
	for (size_t i = 0; i < s->n_indices; i++)
		if (has_field(s->indices[i], field_id))
			TRY(subtract(s->indices[i], fragments, n, !translated));
	if (!translated)
		drop_empty(s);
	return NULL;
}

/* --- rows that move --- */

/* Of a table with stable row ids: does the index hold addresses nevertheless? */
static bool is_by_address(const Lance__Table__IndexMetadata *index)
{
	const char *url = index->index_details ? index->index_details->type_url : "";
	return str_ends(url, "ZoneMapIndexDetails") ||
	       str_ends(url, "BloomFilterIndexDetails") ||
	       str_ends(url, "FMIndexDetails") ||
	       (str_ends(url, "BTreeIndexDetails") && index->index_version >= 1);
}

static size_t count_claimed(const struct row_set *claimed, const struct moved_rows *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++)
		n += row_set_has(claimed, m->from[i]);
	return n;
}

static struct err *move_in(Lance__Table__IndexMetadata *index,
			   const struct moved_rows *m)
{
	struct row_set claimed AUTO_ROW_SET = {0};
	bool follows = m->keep_ids && !is_by_address(index);
	struct cursor c =
		cursor_of(index->fragment_bitmap.data, index->fragment_bitmap.len);
	TRY(row_set_init(&claimed, ROW_SET_MAX));
	AUTO_ERR struct err *unreadable = row_set_read(&claimed, c);
	if (unreadable)
		return subtract(index, m->from, m->n, false);
	size_t n = count_claimed(&claimed, m);
	if (n == 0)
		return NULL;
	if (follows && n < m->n)
		return err_new(EBUSY,
			       "index %s was made of some of these fragments "
			       "meanwhile; do it again",
			       index->name);
	for (size_t i = 0; i < m->n; i++)
		row_set_remove(&claimed, m->from[i]);
	if (follows && m->has_new)
		TRY(row_set_add(&claimed, m->to));
	return set_bitmap(index, &claimed);
}

struct err *indices_move_rows(Lance__Table__IndexSection *s, const struct moved_rows *m)
{
	/* bitmaps that a fragment-reuse index translates have older ids: those of
	 * fragments that are gone do no harm */
	if (!s || m->n == 0 || has_reuse_index(s))
		return NULL;
	for (size_t i = 0; i < s->n_indices; i++)
		if (s->indices[i]->fragment_bitmap.len)
			TRY(move_in(s->indices[i], m));
	drop_empty(s);
	return NULL;
}

static bool in_schema(const Lance__Table__Manifest *m, int32_t id)
{
	for (size_t i = 0; i < m->n_fields; i++)
		if (m->fields[i]->id == id)
			return true;
	return false;
}

static bool is_orphan(const Lance__Table__IndexMetadata *index,
		      const Lance__Table__Manifest *m)
{
	if (str_starts(index->name, SYSTEM_PREFIX))
		return false;
	for (size_t i = 0; i < index->n_fields; i++)
		if (!in_schema(m, index->fields[i]))
			return true;
	return false;
}

void indices_drop_orphans(Lance__Table__IndexSection *s,
			  const Lance__Table__Manifest *m)
{
	size_t n = 0;
	for (size_t i = 0; s && i < s->n_indices; i++) {
		if (is_orphan(s->indices[i], m))
			proto_free(&s->indices[i]->base);
		else
			s->indices[n++] = s->indices[i];
	}
	if (s)
		s->n_indices = n;
}

/* --- their names --- */

struct segment {
	const char *name; /* borrowed */
	size_t at;
};

static int compare_segments(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Which segments are the first of their name. */
static struct err *find_first(const Lance__Table__IndexSection *s, bool *is_first)
{
	AUTO_MEM struct segment *sorted = NULL;
	TRY(mem_array(s->n_indices, sizeof(*sorted), &sorted));
	for (size_t i = 0; i < s->n_indices; i++)
		sorted[i] = (struct segment){s->indices[i]->name, i};
	qsort(sorted, s->n_indices, sizeof(*sorted), compare_segments);
	for (size_t i = 0; i < s->n_indices; i++)
		is_first[sorted[i].at] =
			i == 0 || strcmp(sorted[i].name, sorted[i - 1].name) != 0;
	return NULL;
}

void index_names_fini(struct index_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct index_names){0};
}

static struct err *add_names(const Lance__Table__IndexSection *s,
			     struct index_names *ret)
{
	AUTO_MEM bool *is_first = NULL;
	TRY(mem_array(s->n_indices, sizeof(*is_first), &is_first));
	TRY(find_first(s, is_first));
	TRY(mem_array(s->n_indices, sizeof(*ret->names), &ret->names));
	for (size_t i = 0; i < s->n_indices; i++) {
		if (!is_first[i])
			continue;
		TRY(str_dup(s->indices[i]->name, &ret->names[ret->n]));
		ret->n++;
	}
	return NULL;
}

/* The section is unpacked once: a listing asks for one name after the other. */
static struct err *load_names(const struct version *v, struct index_names *ret)
{
	AUTO_PROTO Lance__Table__IndexSection *s = NULL;
	TRY(version_indices(v, &s));
	struct err *err = s && s->n_indices ? add_names(s, ret) : NULL;
	if (err)
		index_names_fini(ret);
	ret->is_known = !err;
	return err;
}

struct err *version_index_name(struct version *v, size_t i, char **ret)
{
	LOCK_SCOPE(&v->lock);
	if (!v->index_names.is_known)
		TRY(load_names(v, &v->index_names));
	*ret = NULL;
	return i < v->index_names.n ? str_dup(v->index_names.names[i], ret) : NULL;
}
