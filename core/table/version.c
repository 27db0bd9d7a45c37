// SPDX-License-Identifier: Apache-2.0
/*
 * version.c: what a version says of itself and of its columns.
 */
#include "table/compact_priv.h"

#include <errno.h>
#include <inttypes.h>

struct version *version_ref(struct version *v)
{
	atomic_fetch_add(&v->refs, 1);
	return v;
}

void version_unref(struct version *v)
{
	if (!v || atomic_fetch_sub(&v->refs, 1) != 1)
		return;
	for (size_t i = 0; v->fragments && i < v->n_fragments; i++) {
		deletion_free(atomic_load(&v->fragments[i].deleted));
		overlay_set_free(atomic_load(&v->fragments[i].overlays));
	}
	free(v->fragments);
	bases_free(v);
	fields_free(v->fields, v->n_fields);
	for (size_t i = 0; i < N_SYSTEM_FIELDS; i++)
		field_unref(v->system_fields[i]);
	proto_free((ProtobufCMessage *)v->manifest);
	bytes_unref(v->raw);
	index_names_fini(&v->index_names);
	free(v->writer);
	dictionaries_free(v);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

uint64_t version_number(const struct version *v)
{
	return v->number;
}

int64_t version_time_ns(const struct version *v)
{
	const Lance__Table__Timestamp *t = v->manifest->timestamp;
	int64_t ns;
	if (!t || ckd_mul(&ns, t->seconds, INT64_C(1000000000)) ||
	    ckd_add(&ns, ns, (int64_t)t->nanos))
		return 0;
	return ns;
}

enum lance_version version_storage(const struct version *v)
{
	return v->storage;
}

uint64_t version_rows(const struct version *v)
{
	return v->n_rows;
}

uint64_t version_deleted(const struct version *v)
{
	return v->n_deleted;
}

uint64_t version_bytes(const struct version *v)
{
	uint64_t total = 0;
	for (size_t i = 0; i < v->n_fragments; i++) {
		const Lance__Table__DataFragment *f = v->fragments[i].proto;
		for (size_t k = 0; k < f->n_files; k++)
			total += f->files[k]->file_size_bytes;
		for (size_t k = 0; k < f->n_overlays; k++)
			if (f->overlays[k]->data_file)
				total += f->overlays[k]->data_file->file_size_bytes;
	}
	return total;
}

size_t version_n_files(const struct version *v)
{
	size_t n = 0;
	for (size_t i = 0; i < v->n_fragments; i++)
		n += v->fragments[i].proto->n_files;
	return n;
}

size_t version_n_fields(const struct version *v)
{
	return v->n_fields;
}

struct field *version_field(const struct version *v, size_t i)
{
	return v->fields[i];
}

struct field *version_find_field(const struct version *v, const char *name)
{
	for (size_t i = 0; i < v->n_fields; i++)
		if (strcmp(v->fields[i]->name, name) == 0)
			return v->fields[i];
	return NULL;
}

struct field *version_system_field(const struct version *v, const char *name)
{
	for (size_t i = 0; system_field_name(i); i++)
		if (strcmp(system_field_name(i), name) == 0)
			return v->system_fields[i];
	return NULL;
}

struct err *version_check_writable(const struct version *v)
{
	int32_t twice;
	TRY(flags_check_write(v->manifest->writer_feature_flags));
	if (!v->manifest->writer_version)
		return err_new(EOPNOTSUPP,
			       "read-only: the dataset was written before Lance "
			       "0.8; migrate it to a new table: lancectl create NEW "
			       "--from=TABLE");
	if (v->is_disordered)
		return err_new(
			EOPNOTSUPP,
			"read-only: ids of fragments come twice or out of order; "
			"copy the table with a current Lance to migrate it");
	TRY(version_field_twice(v, &twice));
	if (twice >= 0)
		return err_new(EOPNOTSUPP,
			       "read-only: field %" PRId32
			       " is in two files of a fragment; migrate it to a new "
			       "table: lancectl create NEW --from=TABLE",
			       twice);
	if (version_has_v01_files(v) && v->storage != LANCE_0_1)
		return err_new(
			EOPNOTSUPP,
			"read-only: some files are of version 0.1; migrate it to "
			"a new table: lancectl create NEW --from=TABLE");
	if (v->storage != LANCE_2_0 && v->storage != LANCE_2_1 &&
	    v->storage != LANCE_2_2)
		return err_new(
			EOPNOTSUPP,
			"read-only: files of version %s are not written; migrate it "
			"to a new table: lancectl create NEW --from=TABLE",
			lance_version_name(v->storage));
	return NULL;
}

const char *version_writer(const struct version *v)
{
	return v->writer;
}

size_t version_n_fragments(const struct version *v)
{
	return v->n_fragments;
}

void version_fragment(const struct version *v, size_t i, struct fragment_info *ret)
{
	const struct fragment *f = &v->fragments[i];
	*ret = (struct fragment_info){f->id, f->first_row, f->physical_rows,
				      f->n_deleted, f->proto->n_files};
}

/* --- fragments and their files --- */

struct err *fragment_deleted(struct version *v, struct fragment *f,
			     const struct deletion_vector **ret)
{
	AUTO(deletion_vector) struct deletion_vector *d = NULL;
	AUTO_PLACE struct file_place place = {0};
	*ret = atomic_load(&f->deleted);
	if (*ret || !f->proto->deletion_file)
		return NULL;
	TRY(deletion_place(v, f, &place));
	bool is_bitmap = f->proto->deletion_file->file_type == 1;
	bool clips = fragment_has_foreign_deletions(v, f);
	if (clips)
		TRY(deletion_load_clipped(place.store, place.path, is_bitmap,
					  f->physical_rows, &d));
	else
		TRY(deletion_load(place.store, place.path, is_bitmap, f->physical_rows,
				  &d));
	uint64_t told = f->proto->deletion_file->num_deleted_rows;
	if (!clips && told && told != d->n_deleted)
		return err_new(
			EIO, "%s: %" PRIu64 " deleted rows, the manifest says %" PRIu64,
			place.path, d->n_deleted, told);
	LOCK_SCOPE(&v->lock);
	if (!atomic_load(&f->deleted)) /* another thread may have been first */
		atomic_store(&f->deleted, TAKE(d));
	*ret = atomic_load(&f->deleted);
	return NULL;
}

bool field_has_id(const struct field *field, int32_t id)
{
	if (field->id == id)
		return true;
	for (size_t i = 0; i < field->type->n_children; i++)
		if (field_has_id(field->type->children[i], id))
			return true;
	return false;
}

/* Packed structs have one column, with an id of its own: a file that names only
 * members, as of an unfinished 2.1, has none of it. */
static bool field_stored_as(const struct field *field, int32_t id)
{
	if (field->id == id)
		return true;
	for (size_t i = 0; i < field->type->n_children && !field_is_packed(field); i++)
		if (field_stored_as(field->type->children[i], id))
			return true;
	return false;
}

bool data_file_has(const Lance__Table__DataFile *file, const struct field *field)
{
	for (size_t i = 0; i < file->n_fields; i++)
		if (file->fields[i] >= 0 && field_stored_as(field, file->fields[i]))
			return true;
	return false;
}

const Lance__Table__DataFile *fragment_file(const struct fragment *f,
					    const struct field *field)
{
	for (size_t i = 0; i < f->proto->n_files; i++)
		if (data_file_has(f->proto->files[i], field))
			return f->proto->files[i];
	return NULL;
}

/* --- columns --- */

static uint64_t field_key(const struct field *f, uint64_t key)
{
	const struct type *t = f->type;
	key = hash_mix(key, (uint64_t)(uint32_t)f->id);
	key = hash_mix(key, (uint64_t)t->id << 32 | (uint64_t)t->unit);
	key = hash_mix(key,
		       (uint64_t)(uint32_t)t->list_size << 32 | (uint32_t)t->scale);
	for (size_t i = 0; i < t->n_children; i++)
		key = field_key(t->children[i], key);
	return key;
}

uint64_t field_shape_key(const struct field *f)
{
	uint64_t key = hash_str(f->name, f->nullable), metadata = 0;
	for (size_t i = 0; i < f->n_metadata; i++) /* in any order */
		metadata += hash_bytes(f->metadata[i].value, f->metadata[i].value_len,
				       hash_str(f->metadata[i].key, 0));
	key = hash_mix(key, metadata);
	for (size_t i = 0; i < f->type->n_children; i++)
		key = hash_mix(key, field_shape_key(f->type->children[i]));
	return key;
}

uint64_t version_column_key(const struct version *v, const struct field *field)
{
	uint64_t key = field_key(field, 0);
	for (size_t i = 0; i < v->n_fragments; i++) {
		const struct fragment *f = &v->fragments[i];
		const Lance__Table__DataFile *files[MAX_PARTS];
		size_t n = fragment_files(f, field, files, MAX_PARTS);
		const Lance__Table__DeletionFile *d = f->proto->deletion_file;
		key = hash_mix(key, f->physical_rows);
		if (field_is_system(field))
			key = hash_mix(key, system_field_key(f, field));
		for (size_t k = 0; k < n; k++)
			key = data_file_key(v, files[k], key);
		key = overlays_key(v, f, field, key);
		if (d)
			key = deletion_key(v, d, key);
	}
	return key;
}

static struct err *newest(const struct file_place *place, int64_t *ns)
{
	bool found;
	struct io_stat st;
	TRY(io_stat(place->store, place->path, &found, &st));
	if (found && st.mtime_ns > *ns)
		*ns = st.mtime_ns;
	return NULL;
}

static struct err *overlays_time(struct version *v, const struct fragment *f,
				 const struct field *field, int64_t *ns)
{
	for (size_t i = 0; i < f->proto->n_overlays; i++) {
		const Lance__Table__DataOverlayFile *o = f->proto->overlays[i];
		AUTO_PLACE struct file_place place = {0};
		if (!overlay_has_field(o, field))
			continue;
		TRY(data_file_place(v, o->data_file, &place));
		TRY(newest(&place, ns));
	}
	return NULL;
}

static struct err *fragment_time(struct version *v, const struct fragment *f,
				 const struct field *field, int64_t *ns)
{
	const Lance__Table__DataFile *files[MAX_PARTS];
	size_t n = fragment_files(f, field, files, MAX_PARTS);
	AUTO_PLACE struct file_place deletions = {0};
	for (size_t k = 0; k < n; k++) {
		AUTO_PLACE struct file_place place = {0};
		TRY(data_file_place(v, files[k], &place));
		TRY(newest(&place, ns));
	}
	TRY(overlays_time(v, f, field, ns));
	if (f->proto->deletion_file) {
		TRY(deletion_place(v, f, &deletions));
		TRY(newest(&deletions, ns));
	}
	return NULL;
}

struct err *version_column_time(struct version *v, const struct field *field,
				int64_t *ret)
{
	int64_t ns = 0;
	for (size_t i = 0; i < v->n_fragments; i++)
		TRY(fragment_time(v, &v->fragments[i], field, &ns));
	*ret = ns ? ns : version_time_ns(v);
	return NULL;
}

static struct err *fragment_bytes(struct version *v, const struct fragment *f,
				  const struct field *field, uint64_t *total)
{
	const Lance__Table__DataFile *files[MAX_PARTS];
	size_t n_files = fragment_files(f, field, files, MAX_PARTS);
	for (size_t k = 0; k < n_files; k++) {
		AUTO(file_reader) struct file_reader *r = NULL;
		uint64_t n;
		struct file_map map;
		TRY(fragment_open_file(v, files[k], &r, &map));
		TRY(file_field_bytes(r, field, &map, &n));
		*total += n;
	}
	return NULL;
}

struct err *version_column_bytes(struct version *v, const struct field *field,
				 uint64_t *ret)
{
	uint64_t total = 0;
	for (size_t i = 0; i < v->n_fragments; i++)
		TRY(fragment_bytes(v, &v->fragments[i], field, &total));
	*ret = total;
	return NULL;
}

struct err *version_data_file(const struct version *v, size_t i, size_t k,
			      struct file_place *ret)
{
	return data_file_place(v, v->fragments[i].proto->files[k], ret);
}

struct err *version_deleted_rows(struct version *v, size_t i, struct buf *out)
{
	const struct deletion_vector *d;
	TRY_CTX(fragment_deleted(v, &v->fragments[i], &d), "fragment %" PRIu64,
		v->fragments[i].id);
	for (size_t k = 0; d && k < d->deleted.n_chunks; k++) {
		uint64_t base = k * ROW_SET_CHUNK;
		for (uint64_t r = 0; d->deleted.chunks[k] && r < ROW_SET_CHUNK; r++)
			if (bit_get(d->deleted.chunks[k], r))
				buf_printf(out, "%" PRIu64 "\n", base + r);
	}
	return buf_check(out);
}
