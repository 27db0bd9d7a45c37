// SPDX-License-Identifier: Apache-2.0
/*
 * scan.c: live rows of a column.
 *
 * A range of rows is cut into the fragments it overlaps.  In a fragment without
 * deletions rows are offsets; else the range is widened to the offsets that
 * enclose it, read once, and the deleted rows are taken out; where there are many
 * of those, in several reads.  A fragment whose
 * files do not hold the column gives nulls.
 */
#include "table/scan_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Deleted rows that are read among others: any number, if fewer than of those. */
#define MAX_DELETED_READ ((uint64_t)65536)

struct err *fragment_open_file(struct version *v, const Lance__Table__DataFile *file,
			       struct file_reader **ret, struct file_map *ret_map)
{
	bool is_v01 = data_file_is_v01(file);
	if (file->n_fields != file->n_column_indices && !is_v01)
		return err_new(EIO, "%s: %zu fields but %zu column indices", file->path,
			       file->n_fields, file->n_column_indices);
	*ret_map =
		(struct file_map){file->fields, is_v01 ? NULL : file->column_indices,
				  file->n_fields, v->dictionaries, v->n_dictionaries};
	return data_file_open(v, file, ret);
}

static void parts_fini(struct column_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		array_unref(parts[i].array);
}

static struct err *read_parts_of(struct version *v, const struct field *field,
				 const Lance__Table__DataFile *const *files, size_t n,
				 uint64_t first, uint64_t end,
				 struct column_part *parts)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(file_reader) struct file_reader *r = NULL;
		struct file_map map;
		TRY(fragment_open_file(v, files[i], &r, &map));
		parts[i].file = files[i];
		TRY(file_read(r, field, &map, first, end, &parts[i].array));
	}
	return NULL;
}

static struct err *read_system(struct version *v, const struct fragment *f,
			       const struct field *field, uint64_t first, uint64_t end,
			       struct array **ret)
{
	const Lance__Table__DataFile *file = system_field_file(f, field);
	AUTO(file_reader) struct file_reader *r = NULL;
	struct file_map map;
	if (!file)
		return system_field_read(f, field, first, end, ret);
	TRY(fragment_open_file(v, file, &r, &map));
	return file_read(r, field, &map, first, end, ret);
}

static struct err *read_base(struct version *v, const struct fragment *f,
			     const struct field *field, uint64_t first, uint64_t end,
			     struct array **ret)
{
	const Lance__Table__DataFile *files[MAX_PARTS];
	struct column_part parts[MAX_PARTS] = {0};
	size_t n = fragment_files(f, field, files, MAX_PARTS);
	if (n == 0)
		return array_new_null(field->type, end - first, ret);
	struct err *err = read_parts_of(v, field, files, n, first, end, parts);
	if (!err)
		err = parts_merge(field, parts, n, ret);
	parts_fini(parts, n);
	return err;
}

struct err *fragment_read(struct version *v, struct fragment *f,
			  const struct field *field, uint64_t first, uint64_t end,
			  struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	if (field_is_system(field))
		return read_system(v, f, field, first, end, ret);
	TRY(read_base(v, f, field, first, end, &a));
	TRY(overlays_apply(v, f, field, first, end, &a));
	*ret = TAKE(a);
	return NULL;
}

/* Lower *end until what lies between live rows [first, *end) may be read with them:
 * a deletion file of a few bytes can delete 2^32 rows. */
static struct err *limit_deleted(struct version *v, struct fragment *f, uint64_t first,
				 uint64_t *end)
{
	const struct deletion_vector *d;
	TRY(fragment_deleted(v, f, &d));
	while (d && *end - first > 1) {
		uint64_t n = *end - first;
		uint64_t n_offsets = deletion_select_live(d, *end - 1) + 1 -
				     deletion_select_live(d, first);
		if (n_offsets - n <= MAX_OF(n, MAX_DELETED_READ))
			break;
		*end = first + n / 2;
	}
	return NULL;
}

/* Live rows [first, end) of one fragment, counted within it. */
static struct err *read_live(struct version *v, struct fragment *f,
			     const struct field *field, uint64_t first, uint64_t end,
			     struct array **ret)
{
	const struct deletion_vector *d;
	AUTO(array) struct array *all = NULL;
	AUTO_MEM uint64_t *keep = NULL;
	TRY(fragment_deleted(v, f, &d));
	if (!d)
		return fragment_read(v, f, field, first, end, ret);
	uint64_t first_off = deletion_select_live(d, first);
	uint64_t end_off = deletion_select_live(d, end - 1) + 1;
	TRY(fragment_read(v, f, field, first_off, end_off, &all));
	if (end_off - first_off == end - first) {
		*ret = TAKE(all);
		return NULL;
	}
	TRY(mem_array((size_t)(end - first), sizeof(*keep), &keep));
	uint64_t n = 0;
	for (uint64_t off = first_off; off < end_off && n < end - first; off++)
		if (!deletion_has(d, off))
			keep[n++] = off - first_off;
	return array_take(all, keep, n, ret);
}

size_t version_fragment_of_row(const struct version *v, uint64_t row)
{
	size_t lo = 0, hi = v->n_fragments;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (v->fragments[mid].first_row <= row)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

/* Live rows [first, end) of one fragment, as any number of parts. */
static struct err *read_fragment(struct version *v, struct fragment *f,
				 const struct field *field, uint64_t first,
				 uint64_t end, struct array_parts *parts)
{
	while (first < end) {
		struct array **part;
		uint64_t stop = end;
		TRY(limit_deleted(v, f, first, &stop));
		TRY(array_parts_room(parts, &part));
		TRY(read_live(v, f, field, first, stop, part));
		parts->n++;
		first = stop;
	}
	return NULL;
}

static struct err *read_parts(struct version *v, const struct field *field,
			      uint64_t first, uint64_t end, struct array_parts *parts)
{
	for (size_t i = version_fragment_of_row(v, first); first < end; i++) {
		struct fragment *f = &v->fragments[i];
		uint64_t n_live = f->physical_rows - f->n_deleted;
		uint64_t stop = MIN_OF(end, f->first_row + n_live);
		if (first < stop) /* else its rows are all deleted */
			TRY_CTX(read_fragment(v, f, field, first - f->first_row,
					      stop - f->first_row, parts),
				"fragment %" PRIu64, f->id);
		first = MAX_OF(first, stop);
	}
	return NULL;
}

struct err *explain_read(struct version *v, const struct field *field, struct err *err)
{
	if (err->code != ENOENT)
		return err_wrap(err, "version %" PRIu64 ": column %s", v->number,
				field->name);
	struct err *stale = err_new(ESTALE,
				    "version %" PRIu64
				    ": column %s: a data file is gone, the version "
				    "was cleaned up: %s",
				    v->number, field->name, err->msg);
	err_free(err);
	return stale;
}

struct err *version_read(struct version *v, const struct field *field, uint64_t first,
			 uint64_t end, struct array **ret)
{
	AUTO_ARRAY_PARTS struct array_parts parts = {0};
	if (first > end || end > v->n_rows)
		return err_new(EINVAL,
			       "rows %" PRIu64 " to %" PRIu64 " of a table of %" PRIu64,
			       first, end, v->n_rows);
	if (field_is_blob(field))
		return err_new(EOPNOTSUPP,
			       "column %s holds blobs, which are read one by one: as "
			       "columns/%s/ROW and rows/ROW/%s",
			       field->name, field->name, field->name);
	if (first == end)
		return array_new_null(field->type, 0, ret);
	if (field == v->system_fields[SYSTEM_ROWOFFSET])
		return row_offsets_new(field, first, end, ret);
	struct err *err = read_parts(v, field, first, end, &parts);
	if (err)
		return explain_read(v, field, err);
	return array_parts_join(&parts, ret);
}

/* The nulls of rows [first, end), by their offsets. */
static struct err *offset_nulls(struct version *v, struct fragment *f,
				const struct field *field, uint64_t first, uint64_t end,
				uint8_t *is_null)
{
	AUTO(file_reader) struct file_reader *r = NULL;
	AUTO(array) struct array *a = NULL;
	struct file_map map;
	const Lance__Table__DataFile *file = fragment_file(f, field);
	if (fragment_is_overlaid(f, field)) {
		TRY(fragment_read(v, f, field, first, end, &a));
		for (uint64_t i = 0; i < end - first; i++)
			is_null[i] = array_is_null(a, i);
		return NULL;
	}
	if (!file) {
		memset(is_null, 1, (size_t)(end - first));
		return NULL;
	}
	TRY(fragment_open_file(v, file, &r, &map));
	return file_read_nulls(r, field, &map, first, end, is_null);
}

/* The nulls of live rows [first, end) of one fragment, counted within it. */
static struct err *live_nulls(struct version *v, struct fragment *f,
			      const struct field *field, uint64_t first, uint64_t end,
			      uint8_t *is_null)
{
	const struct deletion_vector *d;
	AUTO_MEM uint8_t *all = NULL;
	TRY(fragment_deleted(v, f, &d));
	uint64_t first_off = d ? deletion_select_live(d, first) : first;
	uint64_t end_off = d ? deletion_select_live(d, end - 1) + 1 : end;
	TRY(mem_array((size_t)(end_off - first_off), 1, &all));
	TRY(offset_nulls(v, f, field, first_off, end_off, all));
	for (uint64_t off = first_off; off < end_off; off++)
		if (!d || !deletion_has(d, off))
			*is_null++ = all[off - first_off];
	return NULL;
}

static struct err *fragment_nulls(struct version *v, struct fragment *f,
				  const struct field *field, uint64_t first,
				  uint64_t end, uint8_t *is_null)
{
	while (first < end) {
		uint64_t stop = end;
		TRY(limit_deleted(v, f, first, &stop));
		TRY(live_nulls(v, f, field, first, stop, is_null));
		is_null += stop - first;
		first = stop;
	}
	return NULL;
}

static struct err *read_nulls(struct version *v, const struct field *field,
			      uint64_t first, uint64_t end, uint8_t *is_null)
{
	for (size_t i = version_fragment_of_row(v, first); first < end; i++) {
		struct fragment *f = &v->fragments[i];
		uint64_t n_live = f->physical_rows - f->n_deleted;
		uint64_t stop = MIN_OF(end, f->first_row + n_live);
		if (first >= stop)
			continue; /* a fragment whose rows are all deleted */
		TRY_CTX(fragment_nulls(v, f, field, first - f->first_row,
				       stop - f->first_row, is_null),
			"fragment %" PRIu64, f->id);
		is_null += stop - first;
		first = stop;
	}
	return NULL;
}

struct err *version_read_nulls(struct version *v, const struct field *field,
			       uint64_t first, uint64_t end, uint8_t *is_null)
{
	if (first > end || end > v->n_rows)
		return err_new(EINVAL,
			       "rows %" PRIu64 " to %" PRIu64 " of a table of %" PRIu64,
			       first, end, v->n_rows);
	if (field_is_system(field)) {
		memset(is_null, 0, (size_t)(end - first));
		return NULL;
	}
	struct err *err = read_nulls(v, field, first, end, is_null);
	return err ? explain_read(v, field, err) : NULL;
}

/* Values of deleted rows: zeros and not nulls, which a column may refuse. */
static struct err *fillers(struct type *type, uint64_t n_rows, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new_null(type, n_rows, &a));
	if (type->id != TYPE_NULL) {
		bytes_unref(TAKE(a->validity));
		a->n_nulls = 0;
	}
	*ret = TAKE(a);
	return NULL;
}

struct err *version_expand(struct version *v, size_t i, uint64_t first_live,
			   struct array *values, struct array **ret)
{
	struct fragment *f = &v->fragments[i];
	const struct deletion_vector *d;
	AUTO_MEM uint64_t *from = NULL;
	uint64_t end_live = first_live + values->n_rows;
	TRY_CTX(fragment_deleted(v, f, &d), "fragment %" PRIu64, f->id);
	if (!d) {
		*ret = array_ref(values);
		return NULL;
	}
	if (f->n_deleted == f->physical_rows)
		return fillers(values->type, f->physical_rows, ret);
	uint64_t first = first_live ? deletion_select_live(d, first_live) : 0;
	uint64_t end = end_live < f->physical_rows - f->n_deleted
			       ? deletion_select_live(d, end_live)
			       : f->physical_rows;
	TRY(mem_array((size_t)(end - first), sizeof(*from), &from));
	uint64_t next = 0;
	for (uint64_t off = first; off < end; off++) {
		from[off - first] = MIN_OF(next, values->n_rows - 1);
		next += !deletion_has(d, off);
	}
	return array_take(values, from, end - first, ret);
}
