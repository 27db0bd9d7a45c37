// SPDX-License-Identifier: Apache-2.0
/*
 * schema_change.c: renaming and dropping columns, and their metadata.
 *
 * A schema is a flat list of fields in pre-order; a path "a.b" names the field b
 * whose parent is a.  These changes touch no data: a rename and a drop are a
 * Project, metadata is an UpdateConfig.  They are said by name and looked up in
 * the version that they go on top of.
 * Source: transaction.proto, Project and UpdateConfig; Lance's docs, "Schema".
 */
#include "table/commit_priv.h"
#include "table/indices_priv.h"

#include <errno.h>

typedef Lance__File__Field pb_field;

/* --- paths --- */

static size_t find_child(const Lance__Table__Manifest *m, int32_t parent,
			 const char *name, size_t len)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		const pb_field *f = m->fields[i];
		bool is_child = parent < 0 ? f->parent_id < 0 : f->parent_id == parent;
		if (is_child && strlen(f->name) == len && !memcmp(f->name, name, len))
			return i;
	}
	return m->n_fields;
}

/* The field of a path; m->n_fields if there is none. */
static size_t find_path(const Lance__Table__Manifest *m, const char *path)
{
	int32_t parent = -1;
	size_t at = find_child(m, -1, path, strlen(path));
	for (const char *p = path; at == m->n_fields;) {
		size_t len = strcspn(p, ".");
		size_t i = find_child(m, parent, p, len);
		if (i == m->n_fields || !p[len])
			return i;
		parent = m->fields[i]->id;
		p += len + 1;
	}
	return at;
}

static struct err *get_path(const Lance__Table__Manifest *m, const char *path,
			    size_t *ret)
{
	*ret = find_path(m, path);
	return *ret < m->n_fields ? NULL : err_new(ENOENT, "no column '%s'", path);
}

static void describe_project(struct attempt *a)
{
	const Lance__Table__Manifest *m = a->manifest;
	lance__table__op_project__init(&a->op.project);
	a->op.project.n_schema = m->n_fields;
	a->op.project.schema = m->fields;
	a->op.project.preserves_nullability = true;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_PROJECT;
	a->tx.project = &a->op.project;
}

/* --- rename --- */

struct rename {
	const char *path, *name;
};

static struct err *check_name(const char *name)
{
	if (strchr(name, '.'))
		return err_new(EINVAL, "'%s': Lance allows no dot in a name", name);
	for (size_t i = 0; system_field_name(i); i++)
		if (strcmp(name, system_field_name(i)) == 0)
			return err_new(EINVAL, "'%s' is a name that Lance reserves",
				       name);
	return NULL;
}

static struct err *apply_rename(void *ctx, struct attempt *a)
{
	const struct rename *r = ctx;
	Lance__Table__Manifest *m = a->manifest;
	size_t i;
	TRY(get_path(m, r->path, &i));
	a->is_unchanged = strcmp(m->fields[i]->name, r->name) == 0;
	if (!a->is_unchanged && find_child(m, m->fields[i]->parent_id, r->name,
					   strlen(r->name)) < m->n_fields)
		return err_new(EEXIST, "there is a column '%s' already", r->name);
	TRY(proto_set_string(&m->fields[i]->name, r->name));
	describe_project(a);
	return NULL;
}

struct err *table_rename_field(struct table *t, const char *path, const char *name,
			       const char *message, struct version **ret)
{
	struct rename r = {path, name};
	struct change c = {.apply = apply_rename, .ctx = &r, .message = message};
	TRY(check_name(name));
	return change_commit(t, &c, ret);
}

/* --- drop --- */

struct drop {
	const char *const *paths;
	size_t n;
};

static bool has_parent(const bool *gone, const Lance__Table__Manifest *m, size_t i)
{
	for (size_t k = 0; k < m->n_fields; k++)
		if (gone[k] && m->fields[k]->id == m->fields[i]->parent_id)
			return true;
	return false;
}

static struct err *mark(const struct drop *d, const Lance__Table__Manifest *m,
			bool *gone)
{
	for (size_t k = 0; k < d->n; k++) {
		size_t i;
		TRY(get_path(m, d->paths[k], &i));
		gone[i] = true;
	}
	for (size_t i = 0; i < m->n_fields; i++) /* parents come before children */
		if (m->fields[i]->parent_id >= 0 && has_parent(gone, m, i))
			gone[i] = true;
	return NULL;
}

/* Columns that own no bytes stay behind as nothing: pylance cannot read a fragment
 * without any file. */
static struct err *check_left(const struct attempt *a)
{
	const Lance__Table__Manifest *m = a->manifest;
	bool any = false;
	for (size_t i = 0; i < m->n_fields; i++)
		any = any || m->fields[i]->parent_id < 0;
	if (!any)
		return err_new(EINVAL, "a table keeps one column at least");
	for (size_t i = 0; i < m->n_fragments; i++)
		if (m->fragments[i]->n_files == 0)
			return err_new(
				EINVAL,
				"the columns that would be left are all null and "
				"hold nothing that says how many rows there are");
	return NULL;
}

static bool is_empty_struct(const Lance__Table__Manifest *m, size_t i)
{
	if (strcmp(m->fields[i]->logical_type, "struct") != 0)
		return false;
	for (size_t k = i + 1; k < m->n_fields; k++)
		if (m->fields[k]->parent_id == m->fields[i]->id)
			return false;
	return true;
}

static struct err *remove_fields(Lance__Table__Manifest *m, const bool *gone)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n_fields; i++) {
		if (gone[i])
			proto_free(&m->fields[i]->base);
		else
			m->fields[n++] = m->fields[i];
	}
	m->n_fields = n;
	for (size_t i = 0; i < n; i++)
		if (is_empty_struct(m, i))
			return err_new(EINVAL,
				       "struct '%s' would have no member left; drop it "
				       "as a whole",
				       m->fields[i]->name);
	return NULL;
}

static struct err *apply_drop(void *ctx, struct attempt *a)
{
	const struct drop *d = ctx;
	Lance__Table__Manifest *m = a->manifest;
	AUTO_MEM bool *gone = NULL;
	TRY(mem_array(m->n_fields, sizeof(*gone), &gone));
	TRY(mark(d, m, gone));
	TRY(remove_fields(m, gone));
	for (size_t i = 0; i < m->n_fragments; i++)
		fragment_drop_dead_files(m->fragments[i], m);
	TRY(check_left(a));
	indices_drop_orphans(a->indices, m);
	describe_project(a);
	return NULL;
}

struct err *table_drop_fields(struct table *t, const char *const *paths, size_t n,
			      const char *message, struct version **ret)
{
	struct drop d = {paths, n};
	struct change c = {.apply = apply_drop, .ctx = &d, .message = message};
	return change_commit(t, &c, ret);
}

/* --- metadata --- */

struct describe {
	const char *path;
	const struct metadata_change *changes; /* borrowed */
	size_t n;
	Lance__Table__UpdateMapEntry *entries;	 /* owned, .n of them */
	Lance__Table__UpdateMapEntry **pointers; /* owned */
	Lance__Table__UpdateMap map;
	Lance__Table__FieldMetadataEntry field;
	Lance__Table__FieldMetadataEntry *fields[1];
};

/* Keys that change what the column's bytes mean, or that Lance keeps elsewhere too. */
static struct err *check_key(const char *key)
{
	static const char *const reserved[] = {
		"ARROW:extension:", "lance-schema:", "lance-encoding:blob",
		"lance-encoding:packed"};
	if (!*key)
		return err_new(EINVAL, "an empty key");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (str_starts(key, reserved[i]))
			return err_new(EINVAL,
				       "'%s' is set when a column is written, not "
				       "afterwards",
				       key);
	return NULL;
}

static size_t find_entry(const pb_field *f, const char *key)
{
	size_t i = 0;
	while (i < f->n_metadata && strcmp(f->metadata[i]->key, key) != 0)
		i++;
	return i;
}

static struct err *put_entry(pb_field *f, size_t i, const struct metadata_change *c)
{
	AUTO_MEM char *value = NULL;
	size_t len = strlen(c->value);
	TRY(str_dup(c->value, &value));
	if (i == f->n_metadata) {
		AUTO_PROTO Lance__File__BytesEntry *e = malloc(sizeof(*e));
		if (!e)
			return err_nomem();
		lance__file__bytes_entry__init(e);
		TRY(proto_set_string(&e->key, c->key));
		TRY(mem_resize(i + 1, sizeof(struct Lance__File__BytesEntry *),
			       &f->metadata));
		f->metadata[f->n_metadata++] = TAKE(e);
	}
	free(f->metadata[i]->value.data);
	f->metadata[i]->value.data = (uint8_t *)TAKE(value);
	f->metadata[i]->value.len = len;
	return NULL;
}

/* *ret_changed stays if the field has it so already. */
static struct err *change_entry(pb_field *f, const struct metadata_change *c,
				bool *ret_changed)
{
	size_t i = find_entry(f, c->key);
	if (!c->value) {
		if (i == f->n_metadata)
			return NULL;
		proto_free(&f->metadata[i]->base);
		memmove(f->metadata + i, f->metadata + i + 1,
			(f->n_metadata - i - 1) * sizeof(*f->metadata));
		f->n_metadata--;
		*ret_changed = true;
		return NULL;
	}
	size_t len = strlen(c->value);
	if (i < f->n_metadata && f->metadata[i]->value.len == len &&
	    memcmp(f->metadata[i]->value.data, c->value, len) == 0)
		return NULL;
	*ret_changed = true;
	return put_entry(f, i, c);
}

static void describe_update(struct describe *d, int32_t id, struct attempt *a)
{
	lance__table__update_map__init(&d->map);
	for (size_t i = 0; i < d->n; i++) {
		Lance__Table__UpdateMapEntry *e = &d->entries[i];
		lance__table__update_map_entry__init(e);
		e->key = (char *)(uintptr_t)d->changes[i].key; /* only packed */
		if (d->changes[i].value) {
			e->opt_value_case =
				LANCE__TABLE__UPDATE_MAP_ENTRY__OPT_VALUE_VALUE;
			e->value = (char *)(uintptr_t)d->changes[i].value;
		}
		d->pointers[i] = e;
	}
	d->map.n_update_entries = d->n;
	d->map.update_entries = d->pointers;
	lance__table__field_metadata_entry__init(&d->field);
	d->field.key = id;
	d->field.value = &d->map;
	d->fields[0] = &d->field;
	lance__table__op_update_config__init(&a->op.config);
	a->op.config.n_field_metadata_updates = 1;
	a->op.config.field_metadata_updates = d->fields;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_UPDATE_CONFIG;
	a->tx.update_config = &a->op.config;
}

static struct err *apply_describe(void *ctx, struct attempt *a)
{
	struct describe *d = ctx;
	bool changed = false;
	size_t i;
	TRY(get_path(a->manifest, d->path, &i));
	pb_field *f = a->manifest->fields[i];
	for (size_t k = 0; k < d->n; k++)
		TRY(change_entry(f, &d->changes[k], &changed));
	a->is_unchanged = !changed;
	describe_update(d, f->id, a);
	return NULL;
}

struct err *table_describe_field(struct table *t, const char *path,
				 const struct metadata_change *changes, size_t n,
				 struct version **ret)
{
	struct describe d = {.path = path, .changes = changes, .n = n};
	struct change c = {.apply = apply_describe, .ctx = &d};
	for (size_t i = 0; i < n; i++)
		TRY(check_key(changes[i].key));
	TRY(mem_array(n, sizeof(*d.entries), &d.entries));
	struct err *err = mem_array(n, sizeof(*d.pointers), &d.pointers);
	if (!err)
		err = change_commit(t, &c, ret);
	free(d.entries);
	free(d.pointers);
	return err;
}
