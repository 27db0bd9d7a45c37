// SPDX-License-Identifier: Apache-2.0
/*
 * fill.c: values of columns for some fragments, whatever others do to the rest.
 *
 * The operation is a DataReplacement: it names the fragments that it touches and
 * carries no schema, so that appends, deletes and other columns' commits stand beside
 * it.  The files are looked at again on top of what is there when they are committed:
 * one whose fragment is gone, or of whose fragment the columns or what they were
 * computed from have changed, is left out, and the caller computes it anew.
 * Source: transaction.proto, DataReplacement; Lance's docs, "Transactions".
 */
#include "table/commit_priv.h"
#include "table/indices_priv.h"
#include "table/scan_priv.h"

#include <errno.h>

uint64_t version_fragment_key(const struct version *v, size_t i, const struct field *f)
{
	const struct fragment *fragment = &v->fragments[i];
	const Lance__Table__DataFile *files[MAX_PARTS];
	size_t n = fragment_files(fragment, f, files, MAX_PARTS);
	uint64_t key = hash_mix((uint64_t)(uint32_t)f->id, fragment->physical_rows);
	if (field_is_system(f))
		key = hash_mix(key, system_field_key(fragment, f));
	for (size_t k = 0; k < n; k++)
		key = data_file_key(v, files[k], key);
	return overlays_key(v, fragment, f, key);
}

bool version_fragment_has(const struct version *v, size_t i, const struct field *f)
{
	const Lance__Table__DataFile *file;
	return fragment_files(&v->fragments[i], f, &file, 1) > 0 ||
	       fragment_is_overlaid(&v->fragments[i], f);
}

bool version_find_fragment(const struct version *v, uint64_t id, size_t *ret)
{
	size_t first = 0, end = v->n_fragments;
	while (first < end) { /* they are sorted by id */
		size_t mid = first + (end - first) / 2;
		if (v->fragments[mid].id < id)
			first = mid + 1;
		else
			end = mid;
	}
	*ret = first;
	return first < v->n_fragments && v->fragments[first].id == id;
}

/* Files on their way in, and what the present attempt says of them. */
struct fill_change {
	struct column_fill *spec;			 /* borrowed */
	Lance__Table__DataReplacementGroup *groups;	 /* owned */
	Lance__Table__DataReplacementGroup **group_list; /* owned; of .groups */
	size_t n_groups;
};

/* --- what has changed --- */

static struct err *find_field(const struct version *v, const struct field *was,
			      const struct field **ret)
{
	for (size_t i = 0; i < v->n_fields; i++) {
		if (v->fields[i]->id == was->id) {
			*ret = v->fields[i];
			return NULL;
		}
	}
	return err_new(ENOENT, "column '%s' was dropped or replaced by another commit",
		       was->name);
}

static struct err *same_values(const struct fill_change *c, const struct version *now,
			       size_t was_i, size_t now_i, struct field *const *fields,
			       size_t n, bool *ret)
{
	for (size_t i = 0; i < n && *ret; i++) {
		const struct field *f;
		TRY(find_field(now, fields[i], &f));
		*ret = version_fragment_key(c->spec->base, was_i, fields[i]) ==
		       version_fragment_key(now, now_i, f);
	}
	return NULL;
}

/* Does a file still fit? */
static struct err *still_fits(const struct fill_change *c, const struct version *now,
			      const struct column_file *file, bool *ret)
{
	const struct column_fill *s = c->spec;
	size_t was_i, now_i;
	*ret = version_find_fragment(s->base, file->fragment_id, &was_i) &&
	       version_find_fragment(now, file->fragment_id, &now_i) &&
	       now->fragments[now_i].physical_rows == file->physical_rows;
	if (!*ret)
		return NULL;
	TRY(same_values(c, now, was_i, now_i, s->fields, s->n_fields, ret));
	return same_values(c, now, was_i, now_i, s->inputs, s->n_inputs, ret);
}

/* --- the change --- */

static struct err *fill_fragment(struct fill_change *c, struct attempt *a,
				 const struct column_file *file)
{
	Lance__Table__DataFragment *f =
		manifest_fragment(a->manifest, file->fragment_id);
	Lance__Table__DataReplacementGroup *group = &c->groups[c->n_groups];
	Lance__Table__DataFile *d = NULL;
	struct err *err = data_file_new(file, a->latest->storage, &d);
	if (err) {
		proto_free((ProtobufCMessage *)d);
		return err;
	}
	TRY(fragment_put_file(f, d, a->manifest));
	lance__table__data_replacement_group__init(group);
	group->fragment_id = file->fragment_id;
	group->new_file = d; /* the manifest's */
	c->group_list[c->n_groups++] = group;
	if (a->manifest->reader_feature_flags & FLAG_STABLE_ROW_IDS)
		TRY(fragment_set_updated(f, a->manifest->version));
	return NULL;
}

/* No index claims these values any more. */
static struct err *forget(const struct fill_change *c, struct attempt *a)
{
	const struct file_written *w = &c->spec->files[0].written;
	AUTO_MEM uint64_t *ids = NULL;
	TRY(mem_array(c->n_groups, sizeof(*ids), &ids));
	for (size_t i = 0; i < c->n_groups; i++)
		ids[i] = c->groups[i].fragment_id;
	for (size_t i = 0; i < w->n_columns; i++)
		TRY(indices_forget(a->indices, w->field_ids[i], ids, c->n_groups));
	for (size_t i = 0; i < c->spec->n_fields; i++)
		TRY(indices_forget(a->indices, c->spec->fields[i]->id, ids,
				   c->n_groups));
	return NULL;
}

static struct err *apply(void *ctx, struct attempt *a)
{
	struct fill_change *c = ctx;
	c->n_groups = 0;
	for (size_t i = 0; i < c->spec->n_files; i++) {
		struct column_file *file = &c->spec->files[i];
		bool fits;
		TRY(still_fits(c, a->latest, file, &fits));
		file->is_unused = !fits;
		if (fits)
			TRY(fill_fragment(c, a, file));
	}
	a->is_unchanged = c->n_groups == 0;
	TRY(forget(c, a));
	lance__table__op_data_replacement__init(&a->op.data_replacement);
	a->op.data_replacement.n_replacements = c->n_groups;
	a->op.data_replacement.replacements = c->group_list;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_DATA_REPLACEMENT;
	a->tx.data_replacement = &a->op.data_replacement;
	return NULL;
}

struct err *table_fill_columns(struct table *t, struct column_fill *fill,
			       struct version **ret)
{
	struct fill_change files = {.spec = fill};
	struct change change = {
		.apply = apply, .ctx = &files, .message = fill->message};
	struct err *err = NULL;
	if (!fill->n_files)
		return err_new(EINVAL, "there are no values to write");
	err = mem_array(fill->n_files, sizeof(*files.groups), &files.groups);
	if (!err)
		err = mem_array(fill->n_files,
				sizeof(struct Lance__Table__DataReplacementGroup *),
				&files.group_list);
	if (!err)
		err = io_sync_dir(t->store, "data");
	if (!err)
		err = change_commit(t, &change, ret);
	fill->is_published = change.is_published;
	free(files.groups);
	free(files.group_list);
	return err;
}
