// SPDX-License-Identifier: Apache-2.0
/*
 * overlays.c: newer values of some cells, without a rewrite of their column.
 *
 * An overlay is a data file of a fragment with values for the row offsets that a
 * Roaring bitmap has, densely and in order: a cell's value is at its rank in the
 * bitmap.  One bitmap is for all its fields, or each has its own.  Where several
 * overlays have a cell the one of the newest version has it, of one version the last.
 * What is replaced is a leaf of nested structs, with all that is below it; the nulls of
 * the structs stay as they are.  Deleted rows stay deleted.
 * Source: table.proto, DataOverlayFile; Lance's docs, "Data Overlay Files"; observed
 * with pylance 14.0.2.
 */
#include "table/scan_priv.h"

#include <errno.h>

struct overlay {
	const Lance__Table__DataOverlayFile *proto; /* borrowed from the manifest */
	size_t at;				    /* in the manifest's list */
	struct row_set *coverage; /* owned; one for all fields, or one each */
	size_t n_coverage;
};

/* Those of a fragment, the newest first; immutable. */
struct overlay_set {
	struct overlay *items; /* owned */
	size_t n;
};

void overlay_set_free(struct overlay_set *s)
{
	for (size_t i = 0; s && i < s->n; i++) {
		struct overlay *o = &s->items[i];
		for (size_t k = 0; o->coverage && k < o->n_coverage; k++)
			row_set_fini(&o->coverage[k]);
		free(o->coverage);
	}
	if (s)
		free(s->items);
	free(s);
}

/* Which of the overlay's fields is the field or below it: n_fields if none is. */
static size_t find_id(const Lance__Table__DataOverlayFile *o, const struct field *field)
{
	size_t n = o->data_file ? o->data_file->n_fields : 0, i = 0;
	while (i < n && (o->data_file->fields[i] < 0 ||
			 !field_has_id(field, o->data_file->fields[i])))
		i++;
	return i;
}

bool overlay_has_field(const Lance__Table__DataOverlayFile *o,
		       const struct field *field)
{
	return o->data_file && find_id(o, field) < o->data_file->n_fields;
}

bool fragment_is_overlaid(const struct fragment *f, const struct field *field)
{
	for (size_t i = 0; i < f->proto->n_overlays; i++)
		if (overlay_has_field(f->proto->overlays[i], field))
			return true;
	return false;
}

uint64_t overlays_key(const struct version *v, const struct fragment *f,
		      const struct field *field, uint64_t key)
{
	for (size_t i = 0; i < f->proto->n_overlays; i++) {
		const Lance__Table__DataOverlayFile *o = f->proto->overlays[i];
		if (overlay_has_field(o, field))
			key = hash_mix(data_file_key(v, o->data_file, key),
				       o->committed_version);
	}
	return key;
}

/* --- which cells they have --- */

static struct err *read_bitmap(const ProtobufCBinaryData *bitmap, uint64_t n_rows,
			       struct row_set *ret)
{
	TRY(row_set_init(ret, n_rows));
	TRY_CTX(row_set_read(ret, cursor_of(bitmap->data, bitmap->len)),
		"the rows of an overlay");
	return NULL;
}

static struct err *read_coverage(const struct fragment *f, struct overlay *o)
{
	const Lance__Table__DataOverlayFile *p = o->proto;
	const ProtobufCBinaryData *bitmaps = &p->shared_offset_bitmap;
	size_t n = 1;
	if (p->coverage_case ==
	    LANCE__TABLE__DATA_OVERLAY_FILE__COVERAGE_FIELD_COVERAGE) {
		n = p->field_coverage->n_offset_bitmaps;
		bitmaps = p->field_coverage->offset_bitmaps;
		if (n != p->data_file->n_fields)
			return err_new(EIO, "an overlay has %zu bitmaps for %zu fields",
				       n, p->data_file->n_fields);
	} else if (p->coverage_case !=
		   LANCE__TABLE__DATA_OVERLAY_FILE__COVERAGE_SHARED_OFFSET_BITMAP) {
		return err_new(EIO, "an overlay does not say which rows it has");
	}
	TRY(mem_array(n, sizeof(*o->coverage), &o->coverage));
	o->n_coverage = n;
	for (size_t i = 0; i < n; i++)
		TRY(read_bitmap(&bitmaps[i], f->physical_rows, &o->coverage[i]));
	return NULL;
}

static int compare_overlays(const void *a, const void *b)
{
	const struct overlay *x = a, *y = b;
	uint64_t p = x->proto->committed_version, q = y->proto->committed_version;
	if (p != q)
		return p < q ? 1 : -1;
	return x->at < y->at ? 1 : -1;
}

static struct err *set_new(const struct fragment *f, struct overlay_set **ret)
{
	AUTO(overlay_set) struct overlay_set *s = NULL;
	TRY(mem_new(&s));
	TRY(mem_array(f->proto->n_overlays, sizeof(*s->items), &s->items));
	for (size_t i = 0; i < f->proto->n_overlays; i++) {
		struct overlay *o = &s->items[s->n++];
		o->proto = f->proto->overlays[i];
		o->at = i;
		if (o->proto->data_file)
			TRY(read_coverage(f, o));
	}
	qsort(s->items, s->n, sizeof(*s->items), compare_overlays);
	*ret = TAKE(s);
	return NULL;
}

static struct err *fragment_overlays(struct version *v, struct fragment *f,
				     const struct overlay_set **ret)
{
	AUTO(overlay_set) struct overlay_set *s = NULL;
	*ret = atomic_load(&f->overlays);
	if (*ret)
		return NULL;
	TRY(set_new(f, &s));
	LOCK_SCOPE(&v->lock);
	if (!atomic_load(&f->overlays)) /* another thread may have been first */
		atomic_store(&f->overlays, TAKE(s));
	*ret = atomic_load(&f->overlays);
	return NULL;
}

/* --- their values --- */

/* Rows [first, end) of a top-level field, and the way from it to one below it. */
struct request {
	struct version *v;
	const struct overlay_set *overlays;
	const struct field *top;
	uint64_t first, end;
	size_t path[LIMIT_NESTING];
	unsigned depth;
};

/* Is the id that of a struct that leads to other leaves? */
static bool is_inner(const struct field *field, int32_t id)
{
	if (field->type->id != TYPE_STRUCT)
		return false;
	if (field->id == id)
		return true;
	for (size_t i = 0; i < field->type->n_children; i++)
		if (is_inner(field->type->children[i], id))
			return true;
	return false;
}

/* Values [first, first + n) of one leaf in the overlay's file, whose other columns may
 * have fewer. */
static struct err *read_values(const struct request *q, const struct overlay *o,
			       const struct field *leaf, uint64_t first, uint64_t n,
			       struct array **ret)
{
	AUTO(file_reader) struct file_reader *r = NULL;
	AUTO(array) struct array *a = NULL;
	AUTO_MEM int32_t *fields = NULL;
	struct file_map map;
	TRY(fragment_open_file(q->v, o->proto->data_file, &r, &map));
	TRY(mem_array(map.n, sizeof(*fields), &fields));
	for (size_t i = 0; i < map.n; i++) {
		bool is_wanted = field_has_id(leaf, map.field_ids[i]) ||
				 is_inner(q->top, map.field_ids[i]);
		fields[i] = is_wanted ? map.field_ids[i] : -2;
	}
	map.field_ids = fields;
	TRY(file_read(r, q->top, &map, first, first + n, &a));
	const struct array *found = a;
	for (unsigned i = 0; i < q->depth; i++)
		found = found->children[q->path[i]];
	*ret = array_ref((struct array *)(uintptr_t)found);
	return NULL;
}

/* Add one overlay's values to parts, which hold n_before rows; from says where each row
 * comes from, UINT64_MAX: no newer overlay has it. */
static struct err *add_values(const struct request *q, const struct overlay *o,
			      const struct field *leaf, struct array_parts *parts,
			      uint64_t n_before, uint64_t *from)
{
	struct array **part;
	size_t at = o->n_coverage > 1 ? find_id(o->proto, leaf) : 0;
	const struct row_set *rows = &o->coverage[at];
	uint64_t n = row_set_count_in(rows, q->first, q->end), k = 0;
	if (n == 0)
		return NULL;
	TRY(array_parts_room(parts, &part));
	TRY_CTX(read_values(q, o, leaf, row_set_count_in(rows, 0, q->first), n, part),
		"overlay %s", o->proto->data_file->path);
	parts->n++;
	for (uint64_t row = q->first; row < q->end; row++) {
		if (!row_set_has(rows, row))
			continue;
		if (from[row - q->first] == UINT64_MAX)
			from[row - q->first] = n_before + k;
		k++;
	}
	return NULL;
}

static struct err *replace_leaf(const struct request *q, const struct field *leaf,
				struct array **a)
{
	AUTO_ARRAY_PARTS struct array_parts parts = {0};
	AUTO_MEM uint64_t *from = NULL;
	AUTO(array) struct array *all = NULL;
	struct array **part;
	uint64_t n = q->end - q->first, n_before = n;
	TRY(mem_array((size_t)n, sizeof(*from), &from));
	memset(from, 0xff, (size_t)n * sizeof(*from));
	TRY(array_parts_room(&parts, &part));
	*part = array_ref(*a);
	parts.n = 1;
	for (size_t i = 0; i < q->overlays->n; i++) {
		const struct overlay *o = &q->overlays->items[i];
		size_t n_parts = parts.n;
		if (!overlay_has_field(o->proto, leaf))
			continue;
		TRY(add_values(q, o, leaf, &parts, n_before, from));
		if (parts.n > n_parts)
			n_before += parts.items[n_parts]->n_rows;
	}
	if (parts.n == 1)
		return NULL;
	for (uint64_t i = 0; i < n; i++)
		if (from[i] == UINT64_MAX)
			from[i] = i;
	TRY(array_parts_join(&parts, &all));
	array_unref(TAKE(*a));
	return array_take(all, from, n, a);
}

static bool has_any(const struct overlay_set *s, const struct field *field)
{
	for (size_t i = 0; i < s->n; i++)
		if (overlay_has_field(s->items[i].proto, field))
			return true;
	return false;
}

static struct err *replace(struct request *q, const struct field *field,
			   struct array **a);

/* A struct array with the same nulls, and other members. */
static struct err *replace_members(struct request *q, const struct field *field,
				   struct array **a)
{
	AUTO(array) struct array *made = NULL;
	if (q->depth == LIMIT_NESTING)
		return err_new(EIO, "nested too deeply");
	TRY(array_new((*a)->type, (*a)->n_rows, &made));
	made->n_nulls = (*a)->n_nulls;
	made->validity = bytes_ref((*a)->validity);
	q->depth++;
	for (size_t i = 0; i < made->n_children; i++) {
		made->children[i] = array_ref((*a)->children[i]);
		q->path[q->depth - 1] = i;
		TRY(replace(q, field->type->children[i], &made->children[i]));
	}
	q->depth--;
	array_unref(*a);
	*a = TAKE(made);
	return NULL;
}

static struct err *replace(struct request *q, const struct field *field,
			   struct array **a)
{
	if (!has_any(q->overlays, field))
		return NULL;
	if (field->type->id == TYPE_STRUCT)
		return replace_members(q, field, a);
	return replace_leaf(q, field, a);
}

struct err *overlays_apply(struct version *v, struct fragment *f,
			   const struct field *field, uint64_t first, uint64_t end,
			   struct array **a)
{
	struct request q = {.v = v, .top = field, .first = first, .end = end};
	if (!fragment_is_overlaid(f, field))
		return NULL;
	TRY(fragment_overlays(v, f, &q.overlays));
	return replace(&q, field, a);
}
