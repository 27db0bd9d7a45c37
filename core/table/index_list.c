// SPDX-License-Identifier: Apache-2.0
/*
 * index_list.c: what indices there are, for people: of which columns, how much of the
 * table they answer for, how large they are and how old.
 *
 * An index of one name may have several segments, each of some fragments.  What a
 * vector index is made of is told by its details, in older releases by its file.
 * Source: table.proto, IndexMetadata; index.proto, VectorIndexDetails; index files as
 * observed with pylance 0.20 to 14.0.2.
 */
#include "table/index_cover_priv.h"

#include <errno.h>
#include <json-c/json.h>

#define INDICES_DIR "_indices/"
#define SUFFIX "IndexDetails"

/* --- where its files are --- */

void index_uuid_text(const Lance__Table__IndexMetadata *index, char *ret)
{
	const Lance__Table__UUID *u = index->uuid;
	*ret = 0;
	for (unsigned i = 0; u && u->uuid.len == 16 && i < 16; i++) {
		bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
		ret += snprintf(ret, 4, "%s%02x", has_dash ? "-" : "", u->uuid.data[i]);
	}
}

struct err *index_place(const struct version *v,
			const Lance__Table__IndexMetadata *index, const char *file,
			struct file_place *ret)
{
	AUTO_MEM char *path = NULL;
	char uuid[UUID_TEXT_LEN + 1];
	index_uuid_text(index, uuid);
	TRY(str_printf(&path, INDICES_DIR "%s%s%s", uuid, *file ? "/" : "", file));
	if (index->opt_base_id_case)
		return base_place(v, index->base_id, path, ret);
	ret->store = v->table->store;
	ret->path = TAKE(path);
	return NULL;
}

static struct err *add_file(struct index_segment *s, const char *name, uint64_t bytes)
{
	TRY(mem_grow(s->n_files + 1, sizeof(*s->files), &s->files_cap, &s->files));
	s->files[s->n_files] = (struct index_file){NULL, bytes};
	TRY(str_dup(name, &s->files[s->n_files].name));
	s->n_files++;
	s->bytes += bytes;
	return NULL;
}

static struct err *add_entry(void *ctx, const struct io_entry *e)
{
	return e->is_file ? add_file(ctx, e->name, e->size) : NULL;
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct index_file *)a)->name,
		      ((const struct index_file *)b)->name);
}

/* As the manifest says, or as they lie there. */
static struct err *find_files(const struct version *v,
			      const Lance__Table__IndexMetadata *index,
			      struct index_segment *s)
{
	AUTO_PLACE struct file_place dir = {0};
	for (size_t i = 0; i < index->n_files; i++)
		TRY(add_file(s, index->files[i]->path, index->files[i]->size_bytes));
	if (!index->n_files && *s->uuid) {
		struct err *err = index_place(v, index, "", &dir);
		if (!err)
			err = io_scan(dir.store, dir.path, add_entry, s);
		if (err && err->code == ENOMEM)
			return err;
		err_free(err); /* then none are shown */
	}
	if (s->n_files)
		qsort(s->files, s->n_files, sizeof(*s->files), compare_files);
	return NULL;
}

/* --- what it is --- */

/* What the file of a vector index calls itself. */
static struct err *vector_type_of_file(const struct version *v,
				       const Lance__Table__IndexMetadata *index,
				       char **ret)
{
	AUTO_PLACE struct file_place place = {0};
	AUTO(io_file) struct io_file *file = NULL;
	AUTO(file_reader) struct file_reader *r = NULL;
	AUTO_MEM char *text = NULL;
	TRY(index_place(v, index, "index.idx", &place));
	TRY(io_open(place.store, place.path, &file));
	TRY(file_reader_open(file, &r));
	TRY(file_reader_metadata(r, "lance:index", &text));
	struct json_object *json = text ? json_tokener_parse(text) : NULL, *type;
	struct err *err = NULL;
	if (json_object_object_get_ex(json, "type", &type) &&
	    json_object_is_type(type, json_type_string))
		err = str_dup(json_object_get_string(type), ret);
	json_object_put(json);
	return err;
}

static const char *const metrics[] = {"l2", "cosine", "dot", "hamming"};

static struct err *vector_type_of_details(const Lance__Table__IndexMetadata *index,
					  struct index_segment *s)
{
	AUTO_PROTO Lance__Index__Pb__VectorIndexDetails *d = NULL;
	const ProtobufCBinaryData *bytes = &index->index_details->value;
	if (!bytes->len)
		return NULL;
	TRY(PROTO_UNPACK(lance__index__pb__vector_index_details, bytes->data,
			 bytes->len, &d));
	const char *kind = NULL;
	switch (d->compression_case) {
	case LANCE__INDEX__PB__VECTOR_INDEX_DETAILS__COMPRESSION_PQ:
		kind = "PQ";
		break;
	case LANCE__INDEX__PB__VECTOR_INDEX_DETAILS__COMPRESSION_SQ:
		kind = "SQ";
		break;
	case LANCE__INDEX__PB__VECTOR_INDEX_DETAILS__COMPRESSION_RQ:
		kind = "RQ";
		break;
	case LANCE__INDEX__PB__VECTOR_INDEX_DETAILS__COMPRESSION_FLAT:
		kind = "FLAT";
		break;
	default:
		return NULL;
	}
	if (d->metric_type < sizeof(metrics) / sizeof(metrics[0]))
		s->metric = metrics[d->metric_type];
	return str_printf(&s->type, "IVF_%s%s", d->hnsw_index_config ? "HNSW_" : "",
			  kind);
}

static bool has_file(const struct index_segment *s, const char *name)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (strcmp(s->files[i].name, name) == 0)
			return true;
	return false;
}

/* By its files, of which each kind has its own: releases before details. */
static const char *type_of_files(const struct index_segment *s)
{
	static const struct {
		const char *file, *type;
	} kinds[] = {
		{"index.idx", "Vector"},
		{"page_lookup.lance", "BTree"},
		{"bitmap_page_lookup.lance", "Bitmap"},
		{"tokens.lance", "Inverted"},
		{"metadata.lance", "Inverted"},
		{"ngram_postings.lance", "NGram"},
		{"zonemap.lance", "ZoneMap"},
		{"bloomfilter.lance", "BloomFilter"},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (has_file(s, kinds[i].file))
			return kinds[i].type;
	return "unknown";
}

/* "/lance.table.BTreeIndexDetails" is a BTree index. */
static struct err *type_of_details(const Lance__Table__IndexMetadata *index, char **ret)
{
	const char *url = index->index_details ? index->index_details->type_url : "";
	const char *name = strrchr(url, '.');
	name = name ? name + 1 : url;
	size_t len = strlen(name);
	if (str_ends(name, SUFFIX))
		len -= strlen(SUFFIX);
	return len ? str_dup_len(name, len, ret) : NULL;
}

static struct err *find_type(const struct version *v,
			     const Lance__Table__IndexMetadata *index,
			     struct index_segment *s)
{
	AUTO_MEM char *type = NULL;
	TRY(type_of_details(index, &type));
	if (!type)
		TRY(str_dup(type_of_files(s), &type));
	if (strcmp(type, "Vector") == 0) {
		struct err *err =
			index->index_details ? vector_type_of_details(index, s) : NULL;
		if (!err && !s->type)
			err = vector_type_of_file(v, index, &s->type);
		if (err && err->code == ENOMEM)
			return err;
		err_free(err); /* then it is a vector index */
	}
	if (!s->type)
		s->type = TAKE(type);
	return NULL;
}

/* --- its columns --- */

static const Lance__File__Field *find_field(const Lance__Table__Manifest *m, int32_t id)
{
	for (size_t i = 0; i < m->n_fields; i++)
		if (m->fields[i]->id == id)
			return m->fields[i];
	return NULL;
}

/* "a.b" of a member; "" if it is not there any more. */
static struct err *field_path(const Lance__Table__Manifest *m, int32_t id, char **ret)
{
	AUTO_MEM char *path = NULL;
	const Lance__File__Field *f = find_field(m, id);
	TRY(str_dup(f ? f->name : "", &path));
	for (unsigned depth = 0; f && f->parent_id >= 0 && depth < LIMIT_NESTING;
	     depth++) {
		AUTO_MEM char *below = TAKE(path);
		f = find_field(m, f->parent_id);
		TRY(str_printf(&path, "%s%s%s", f ? f->name : "", f ? "." : "", below));
	}
	*ret = TAKE(path);
	return NULL;
}

static struct err *find_columns(const struct version *v,
				const Lance__Table__IndexMetadata *index,
				struct index_segment *s)
{
	TRY(mem_array(index->n_fields, sizeof(*s->columns), &s->columns));
	for (; s->n_columns < index->n_fields; s->n_columns++)
		TRY(field_path(v->manifest, index->fields[s->n_columns],
			       &s->columns[s->n_columns]));
	return NULL;
}

/* --- the list --- */

static struct err *fill_segment(struct index_cover *cover,
				const Lance__Table__IndexMetadata *index,
				struct index_segment *s)
{
	const struct version *v = cover->version;
	TRY(str_dup(index->name, &s->name));
	index_uuid_text(index, s->uuid);
	s->version = index->dataset_version;
	s->created_ms = index->opt_created_at_case ? (int64_t)index->created_at : 0;
	TRY(find_files(v, index, s));
	TRY(find_type(v, index, s));
	TRY(find_columns(v, index, s));
	return index_cover_count(cover, index, s);
}

void index_segments_fini(struct index_segments *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct index_segment *s = &l->items[i];
		for (size_t k = 0; k < s->n_columns; k++)
			free(s->columns[k]);
		for (size_t k = 0; k < s->n_files; k++)
			free(s->files[k].name);
		free(s->columns);
		free(s->files);
		free(s->name);
		free(s->type);
	}
	free(l->items);
	*l = (struct index_segments){0};
}

struct err *version_index_segments(struct version *v, const char *name,
				   struct index_segments *ret)
{
	AUTO_PROTO Lance__Table__IndexSection *section = NULL;
	AUTO_COVER struct index_cover cover = {.version = v};
	TRY(version_indices(v, &section));
	size_t n = section ? section->n_indices : 0;
	if (n == 0)
		return NULL;
	TRY(index_cover_init(&cover, section));
	TRY(mem_array(n, sizeof(*ret->items), &ret->items));
	for (size_t i = 0; i < n; i++)
		if (!name || strcmp(section->indices[i]->name, name) == 0)
			TRY_CTX(fill_segment(&cover, section->indices[i],
					     &ret->items[ret->n++]),
				"index %s", section->indices[i]->name);
	return NULL;
}
