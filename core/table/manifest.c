// SPDX-License-Identifier: Apache-2.0
/*
 * manifest.c: from a manifest file to a version.
 *
 * The last 16 bytes say where the message begins; index and transaction
 * sections lie before it at positions that the message names.  Everything that
 * later code relies on is checked here: fragment order, row counts, versions.
 * Source: table.proto, Manifest; Lance's docs, "Table Format".
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>

#define MANIFEST_FOOTER_LEN 16
#define LANCE_MAGIC "LANC"

static struct err *find_message(struct version *v)
{
	const struct bytes *raw = v->raw;
	if (raw->len < MANIFEST_FOOTER_LEN + 4)
		return err_new(EIO, "manifest cut short (%zu bytes)", raw->len);
	const uint8_t *footer = raw->data + raw->len - MANIFEST_FOOTER_LEN;
	if (memcmp(footer + 12, LANCE_MAGIC, 4) != 0)
		return err_new(EIO, "manifest does not end in " LANCE_MAGIC
				    ": cut short or half written");
	uint64_t pos = load_u64le(footer);
	if (pos > raw->len - MANIFEST_FOOTER_LEN - 4)
		return err_new(EIO, "manifest position %" PRIu64 " past the end", pos);
	uint32_t len = load_u32le(raw->data + pos);
	if (len != raw->len - pos - 4 - MANIFEST_FOOTER_LEN)
		return err_new(EIO, "manifest length %" PRIu32 " does not fit", len);
	v->manifest_off = (size_t)pos + 4;
	v->manifest_len = len;
	return NULL;
}

static struct err *read_storage(struct version *v)
{
	const Lance__Table__Manifest *m = v->manifest;
	if (m->data_format && m->data_format->version && *m->data_format->version)
		return lance_version_parse(m->data_format->version, &v->storage);
	return old_storage(m, &v->storage);
}

static struct err *read_writer(struct version *v)
{
	const Lance__Table__WriterVersion *w = v->manifest->writer_version;
	if (!w)
		return str_dup("unknown", &v->writer);
	return str_printf(&v->writer, "%s %s", w->library, w->version);
}

/* A manifest that tells rows wrong is no rarity among those that do not tell its
 * writer. */
static void warn_rows(const struct version *v, const struct fragment *f)
{
	uint64_t told = f->proto->physical_rows;
	if (told && told != f->physical_rows)
		log_line(v->table->log, LEVEL_WARN,
			 "version %" PRIu64 ": fragment %" PRIu64 ": %" PRIu64
			 " rows, the manifest says %" PRIu64,
			 v->number, f->id, f->physical_rows, told);
}

static struct err *fragment_rows(struct version *v, struct fragment *f)
{
	if (f->proto->physical_rows && v->manifest->writer_version) {
		f->physical_rows = f->proto->physical_rows;
	} else if (f->proto->n_files) { /* old manifests do not tell, or tell wrong */
		AUTO(file_reader) struct file_reader *r = NULL;
		TRY(data_file_open(v, f->proto->files[0], &r));
		TRY(file_reader_rows(r, &f->physical_rows));
		warn_rows(v, f);
	}
	if (f->physical_rows > UINT32_MAX)
		return err_new(EIO, "%" PRIu64 " rows", f->physical_rows);
	if (!f->proto->deletion_file)
		return NULL;
	uint64_t told = f->n_deleted = f->proto->deletion_file->num_deleted_rows;
	if (told == 0 || fragment_has_foreign_deletions(v, f)) {
		const struct deletion_vector *d;
		TRY(fragment_deleted(v, f, &d));
		f->n_deleted = d->n_deleted;
	}
	if (told && told != f->n_deleted)
		log_line(v->table->log, LEVEL_WARN,
			 "version %" PRIu64 ": fragment %" PRIu64 ": %" PRIu64
			 " deleted rows, the manifest says %" PRIu64
			 ": rows of other fragments are passed over",
			 v->number, f->id, f->n_deleted, told);
	if (f->n_deleted > f->physical_rows)
		return err_new(EIO, "%" PRIu64 " of %" PRIu64 " rows deleted",
			       f->n_deleted, f->physical_rows);
	return NULL;
}

static struct err *read_fragments(struct version *v)
{
	const Lance__Table__Manifest *m = v->manifest;
	TRY(mem_array(m->n_fragments, sizeof(*v->fragments), &v->fragments));
	v->n_fragments = m->n_fragments;
	for (size_t i = 0; i < m->n_fragments; i++) {
		struct fragment *f = &v->fragments[i];
		f->proto = m->fragments[i];
		f->id = f->proto->id;
		f->first_row = v->n_rows;
		if (f->id > UINT32_MAX)
			return err_new(EIO, "fragment %" PRIu64, f->id);
		/* Lance 0.16 gave ids twice: their rows can be read */
		v->is_disordered |= i && f->id <= f[-1].id;
		TRY_CTX(fragment_rows(v, f), "fragment %" PRIu64, f->id);
		v->n_rows += f->physical_rows - f->n_deleted;
		v->n_deleted += f->n_deleted;
	}
	return NULL;
}

static struct err *unpack_any(struct version *v)
{
	TRY(find_message(v));
	return PROTO_UNPACK(lance__table__manifest, v->raw->data + v->manifest_off,
			    v->manifest_len, &v->manifest);
}

/* The message alone, which may be of a kind that we refuse. */
static struct err *unpack(struct version *v)
{
	TRY(unpack_any(v));
	if (v->manifest->version != v->number)
		return err_new(EIO, "the manifest says version %" PRIu64,
			       v->manifest->version);
	return NULL;
}

static struct err *parse(struct version *v)
{
	TRY(unpack(v));
	TRY(flags_check_read(v->manifest->reader_feature_flags));
	TRY(read_storage(v));
	TRY(read_writer(v));
	TRY(table_find_root(v->table, v->manifest));
	TRY(bases_read(v));
	TRY(system_fields_new(v->system_fields));
	TRY(fields_from_proto(v->manifest->fields, v->manifest->n_fields, &v->fields,
			      &v->n_fields));
	TRY(dictionaries_read(v));
	TRY(read_fragments(v));
	return old_writers_warn(v);
}

static struct err *version_new(struct table *t, enum naming naming, uint64_t number,
			       struct version **ret)
{
	struct version *v;
	TRY(mem_new(&v));
	atomic_init(&v->refs, 1);
	pthread_mutex_init(&v->lock, NULL);
	v->table = t;
	v->number = number;
	v->naming = naming;
	*ret = v;
	return NULL;
}

static struct err *read_raw(struct version *v)
{
	AUTO_MEM char *path = NULL;
	TRY(manifest_path(v->naming, v->number, &path));
	return io_read_all(v->table->store, path, LIMIT_MANIFEST_BYTES, &v->raw);
}

struct err *version_load(struct table *t, enum naming naming, uint64_t number,
			 struct version **ret)
{
	AUTO(version) struct version *v = NULL;
	TRY(version_new(t, naming, number, &v));
	TRY(read_raw(v));
	TRY_CTX(parse(v), "version %" PRIu64, number);
	*ret = TAKE(v);
	return NULL;
}

struct err *version_of_bytes(struct table *t, enum naming naming, uint64_t number,
			     struct bytes *raw, struct version **ret)
{
	AUTO(version) struct version *v = NULL;
	TRY(version_new(t, naming, number, &v));
	v->raw = bytes_ref(raw);
	TRY_CTX(parse(v), "version %" PRIu64, number);
	*ret = TAKE(v);
	return NULL;
}

struct err *version_load_message(struct table *t, enum naming naming, uint64_t number,
				 struct version **ret)
{
	AUTO(version) struct version *v = NULL;
	TRY(version_new(t, naming, number, &v));
	TRY(read_raw(v));
	TRY_CTX(unpack(v), "version %" PRIu64, number);
	*ret = TAKE(v);
	return NULL;
}

static struct err *parse_files(struct version *v)
{
	TRY(unpack_any(v));
	TRY(flags_check_read(v->manifest->reader_feature_flags));
	TRY(flags_check_write(v->manifest->writer_feature_flags));
	v->number = v->manifest->version;
	return bases_read(v);
}

struct err *version_load_files(struct table *t, const char *path, struct version **ret)
{
	AUTO(version) struct version *v = NULL;
	TRY(version_new(t, NAMING_NONE, 0, &v));
	TRY(io_read_all(t->store, path, LIMIT_MANIFEST_BYTES, &v->raw));
	TRY_CTX(parse_files(v), "%s", path);
	*ret = TAKE(v);
	return NULL;
}

struct err *version_names_transaction(struct table *t, enum naming naming,
				      uint64_t number, const char *file, bool *ret)
{
	AUTO(version) struct version *v = NULL;
	TRY(version_load_message(t, naming, number, &v));
	*ret = strcmp(v->manifest->transaction_file, file) == 0;
	return NULL;
}

/* A message that stands at `pos` of the manifest file behind its length. */
static struct err *section(const struct version *v, uint64_t pos, struct cursor *ret)
{
	struct cursor c = cursor_of(v->raw->data, v->raw->len);
	uint32_t len;
	TRY(cursor_skip(&c, pos));
	TRY(cursor_u32le(&c, &len));
	return cursor_sub(&c, len, ret);
}

struct err *version_indices(const struct version *v, Lance__Table__IndexSection **ret)
{
	struct cursor c;
	*ret = NULL;
	if (v->manifest->opt_index_section_case !=
	    LANCE__TABLE__MANIFEST__OPT_INDEX_SECTION_INDEX_SECTION)
		return NULL;
	TRY_CTX(section(v, v->manifest->index_section, &c), "index section");
	return PROTO_UNPACK(lance__table__index_section, c.p, cursor_left(&c), ret);
}

struct err *version_transaction(const struct version *v,
				Lance__Table__Transaction **ret)
{
	const Lance__Table__Manifest *m = v->manifest;
	bool found = false;
	struct io_stat st;
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *file = NULL;
	struct cursor c;
	*ret = NULL;
	if (m->opt_transaction_section_case ==
	    LANCE__TABLE__MANIFEST__OPT_TRANSACTION_SECTION_TRANSACTION_SECTION) {
		TRY_CTX(section(v, m->transaction_section, &c), "transaction section");
	} else if (
		m->opt_transaction_section_v1_case ==
		LANCE__TABLE__MANIFEST__OPT_TRANSACTION_SECTION_V1_TRANSACTION_SECTION_V1) {
		TRY_CTX(section(v, m->transaction_section_v1, &c),
			"transaction section");
	} else {
		if (!*m->transaction_file)
			return NULL;
		TRY(str_printf(&path, "_transactions/%s", m->transaction_file));
		TRY(io_stat(v->table->store, path, &found, &st));
		if (!found)
			return NULL;
		TRY(io_read_all(v->table->store, path, LIMIT_MANIFEST_BYTES, &file));
		c = cursor_of(file->data, file->len);
	}
	return PROTO_UNPACK(lance__table__transaction, c.p, cursor_left(&c), ret);
}
