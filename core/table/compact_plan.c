// SPDX-License-Identifier: Apache-2.0
/*
 * compact_plan.c: which fragments to put together.
 *
 * Fragments are walked in order.  Neighbours that are small, or of which many rows are
 * deleted, go into a bin, which is closed as soon as it is large enough: what it
 * becomes is then no candidate any more.  A bin never has fragments that different
 * indices cover, because whoever builds indices could not tell what the new one has;
 * and one small fragment alone stays as it is. Source: Lance's docs, "Compaction"; the
 * planner's defaults are pylance 14.0.2's.
 */
#include "table/compact_priv.h"

#include <errno.h>

void compact_plan_fini(struct compact_plan *p)
{
	free(p->groups);
	*p = (struct compact_plan){0};
}

/* --- what a fragment is --- */

enum candidate {
	STAYS,
	IS_SMALL, /* with neighbours */
	IS_DIRTY, /* alone, too */
};

struct planner {
	struct version *v;		 /* borrowed */
	const struct compact_options *o; /* borrowed */
	uint64_t *coverage;		 /* owned; by fragment: what indices cover it */
	bool has_only_taken;		 /* some field's values cannot be encoded */
	struct compact_group bin;
	bool bin_is_dirty;
	struct compact_plan *plan; /* borrowed */
};

bool field_must_stay(const struct field *f)
{
	const struct type *t = f->type;
	bool is_list = t->id == TYPE_FIXED_LIST;
	if (field_is_blob(f) || (is_list && t->children[0]->type->id == TYPE_STRUCT))
		return true;
	for (size_t i = 0; i < t->n_children; i++)
		if (field_must_stay(t->children[i]))
			return true;
	return false;
}

bool file_must_stay(const struct version *v, const Lance__Table__DataFile *file)
{
	for (size_t k = 0; k < file->n_fields; k++)
		if (file->fields[k] < -2)
			return true; /* lineage that was spilled */
	for (size_t i = 0; i < v->n_fields; i++) {
		if (!field_must_stay(v->fields[i]))
			continue;
		for (size_t k = 0; k < file->n_fields; k++)
			if (field_has_id(v->fields[i], file->fields[k]))
				return true;
	}
	return false;
}

static size_t movable_files(const struct version *v, const struct fragment *f,
			    uint64_t *ret_bytes)
{
	size_t n = 0;
	*ret_bytes = 0;
	for (size_t i = 0; i < f->proto->n_files; i++) {
		if (file_must_stay(v, f->proto->files[i]))
			continue;
		n++;
		*ret_bytes += f->proto->files[i]->file_size_bytes;
	}
	return n;
}

/* Can all its rows move?  Values that are only taken come as whole pages. */
static bool can_move(const struct planner *p, const struct fragment *f)
{
	const struct version *v = p->v;
	const Lance__Table__DataFile *file;
	for (size_t i = 0; i < f->proto->n_files; i++)
		if (file_must_stay(v, f->proto->files[i]))
			return false;
	for (size_t i = 0; p->has_only_taken && i < v->n_fields; i++)
		if (!field_must_stay(v->fields[i]) &&
		    field_is_only_taken(v->fields[i]) &&
		    (f->n_deleted || fragment_files(f, v->fields[i], &file, 1) == 0))
			return false;
	return true;
}

static enum candidate judge(const struct planner *p, const struct fragment *f,
			    uint64_t bytes)
{
	uint64_t n_live = f->physical_rows - f->n_deleted;
	if ((double)f->n_deleted > p->o->max_deleted * (double)f->physical_rows)
		return IS_DIRTY;
	return n_live < p->o->target_rows && bytes < p->o->target_bytes ? IS_SMALL
									: STAYS;
}

/* --- indices --- */

static struct err *cover_by(struct planner *p, const Lance__Table__IndexMetadata *index,
			    uint64_t mark)
{
	struct row_set covered AUTO_ROW_SET = {0};
	TRY(row_set_init(&covered, ROW_SET_MAX));
	struct cursor c =
		cursor_of(index->fragment_bitmap.data, index->fragment_bitmap.len);
	AUTO_ERR struct err *unreadable = row_set_read(&covered, c);
	for (size_t i = 0; !unreadable && i < p->v->n_fragments; i++)
		if (row_set_has(&covered, p->v->fragments[i].id))
			p->coverage[i] = hash_mix(p->coverage[i], mark);
	return NULL;
}

static struct err *find_coverage(struct planner *p)
{
	AUTO_PROTO Lance__Table__IndexSection *s = NULL;
	TRY(mem_array(p->v->n_fragments, sizeof(*p->coverage), &p->coverage));
	TRY(version_indices(p->v, &s));
	for (size_t i = 0; s && i < s->n_indices; i++)
		TRY(cover_by(p, s->indices[i], hash_str(s->indices[i]->name, i)));
	return NULL;
}

/* --- bins --- */

static struct err *add_group(struct planner *p, const struct compact_group *g)
{
	struct compact_plan *plan = p->plan;
	TRY(mem_grow(plan->n + 1, sizeof(*plan->groups), &plan->cap, &plan->groups));
	plan->groups[plan->n++] = *g;
	return NULL;
}

/* The files of one fragment, if there are more than max. */
static struct err *add_files(struct planner *p, size_t i, size_t max)
{
	const struct fragment *f = &p->v->fragments[i];
	struct compact_group g = {
		.first = i,
		.n_fragments = 1,
		.keeps_rows = true,
		.n_rows = f->physical_rows - f->n_deleted,
		.n_deleted = f->n_deleted,
	};
	g.n_files = movable_files(p->v, f, &g.bytes);
	return g.n_files > MAX_OF(max, (size_t)1) ? add_group(p, &g) : NULL;
}

static struct err *close_bin(struct planner *p)
{
	struct compact_group g = p->bin;
	bool is_worth_it = g.n_fragments > 1 || p->bin_is_dirty;
	p->bin = (struct compact_group){0};
	p->bin_is_dirty = false;
	if (g.n_fragments == 0)
		return NULL;
	return is_worth_it ? add_group(p, &g) : add_files(p, g.first, p->o->max_files);
}

static void put_in_bin(struct planner *p, size_t i, uint64_t bytes, bool is_dirty)
{
	const struct fragment *f = &p->v->fragments[i];
	if (p->bin.n_fragments++ == 0)
		p->bin.first = i;
	p->bin.n_rows += f->physical_rows - f->n_deleted;
	p->bin.n_deleted += f->n_deleted;
	p->bin.n_files += f->proto->n_files;
	p->bin.bytes += bytes;
	p->bin_is_dirty |= is_dirty;
}

static struct err *plan_fragment(struct planner *p, size_t i)
{
	const struct version *v = p->v;
	const struct fragment *f = &v->fragments[i];
	uint64_t bytes;
	movable_files(p->v, f, &bytes);
	enum candidate is = judge(p, f, bytes);
	bool stays = is == STAYS || !can_move(p, f);
	p->plan->n_left +=
		stays && (is == IS_DIRTY || (is == IS_SMALL && v->n_fragments > 1));
	if (stays || (p->bin.n_fragments && p->coverage[i] != p->coverage[i - 1]))
		TRY(close_bin(p));
	if (stays)
		return add_files(p, i, p->o->max_files);
	put_in_bin(p, i, bytes, is == IS_DIRTY);
	if (p->bin.n_rows >= p->o->target_rows || p->bin.bytes >= p->o->target_bytes)
		TRY(close_bin(p));
	return NULL;
}

static struct err *plan_all(struct planner *p)
{
	for (size_t i = 0; i < p->v->n_fields; i++)
		p->has_only_taken |= field_is_only_taken(p->v->fields[i]);
	TRY(find_coverage(p));
	for (size_t i = 0; i < p->v->n_fragments; i++)
		TRY(p->o->only_files ? add_files(p, i, 1) : plan_fragment(p, i));
	return close_bin(p);
}

struct err *version_plan_compaction(struct version *v, const struct compact_options *o,
				    struct compact_plan *ret)
{
	struct compact_plan plan = {0};
	struct planner p = {.v = v, .o = o, .plan = &plan};
	struct err *err = plan_all(&p);
	free(p.coverage);
	if (err)
		compact_plan_fini(&plan);
	*ret = plan;
	return err;
}
