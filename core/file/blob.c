// SPDX-License-Identifier: Apache-2.0
/*
 * blob.c: where the bytes of blobs lie.
 *
 * The column of a blob field holds descriptors; the bytes lie elsewhere in the
 * data file, or in a file beside it.  So a value of any size costs the read of
 * some twenty bytes, and then what is asked of it.
 *
 *   2.0, 2.1  position and size within the data file.  Size 0 with another
 *             position than 0 is a null: 2.0 says 1, 2.1 the value's levels.
 *   2.2       kind, position, size, blob_id, blob_uri, and validity.  The
 *             position of an empty value means nothing, but for those that are
 *             external: there size 0 is all that the file has.  Lance 2.0 wrote
 *             those of 2.1 where the field does not have the extension type.
 *
 * Source: encodings_v2_0.proto, message Blob; encodings_v2_1.proto, message
 * BlobLayout; Lance's docs, "Blob Columns"; marks of nulls and names of side
 * files as observed with pylance 14.0.2.
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

#define LIMIT_URI_BYTES ((uint64_t)65536)

enum blob_kind {
	BLOB_INLINE = 0,    /* in the data file */
	BLOB_PACKED = 1,    /* a part of a side file */
	BLOB_DEDICATED = 2, /* a side file */
	BLOB_EXTERNAL = 3,  /* a file of the user's, by URI or in base path blob_id */
	BLOB_MANAGED = 4, /* a file elsewhere in the dataset that the data file is of */
	BLOB_MANAGED_BASE = 5, /* a file in base path blob_id */
};

struct member {
	const char *name;
	enum type_id type;
};

/* of 2.0 and 2.1 */
enum { V1_POSITION, V1_SIZE, N_V1 };
static const struct member members_v1[N_V1] = {
	{"position", TYPE_UINT64},
	{"size", TYPE_UINT64},
};

/* from 2.2 on */
enum { V2_KIND, V2_POSITION, V2_SIZE, V2_ID, V2_URI, N_V2 };
static const struct member members_v2[N_V2] = {
	{"kind", TYPE_UINT8},	  {"position", TYPE_UINT64}, {"size", TYPE_UINT64},
	{"blob_id", TYPE_UINT32}, {"blob_uri", TYPE_STRING},
};

static bool is_v1(const struct file_reader *r, const struct field *blob)
{
	return r->version < LANCE_2_2 || !field_is_blob_v2(blob);
}

/* The field that the column really holds: a packed struct of the members. */
static struct err *descriptor_field(const struct field *blob,
				    const struct member *members, size_t n,
				    struct field **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(field) struct field *f = NULL;
	TRY(type_new_nested(TYPE_STRUCT, n, &t));
	for (size_t i = 0; i < n; i++) {
		AUTO(type) struct type *member = NULL;
		TRY(type_new(members[i].type, &member));
		TRY(field_new(members[i].name, member, false, &t->children[i]));
		t->children[i]->id = -1;
	}
	TRY(field_new(blob->name, t, blob->nullable, &f));
	f->id = blob->id;
	TRY(field_set_metadata(f, "lance-encoding:packed", "true", strlen("true")));
	*ret = TAKE(f);
	return NULL;
}

static struct err *read_descriptors(struct file_reader *r, const struct field *blob,
				    const struct file_map *map, uint64_t first,
				    uint64_t end, struct array **ret)
{
	AUTO(field) struct field *f = NULL;
	if (is_v1(r, blob))
		TRY(descriptor_field(blob, members_v1, N_V1, &f));
	else
		TRY(descriptor_field(blob, members_v2, N_V2, &f));
	return file_read(r, f, map, first, end, ret);
}

static uint64_t member_u64(const struct array *a, size_t member, uint64_t row)
{
	return load_u64le(a->children[member]->data->data + 8 * row);
}

static bool is_null(const struct file_reader *r, const struct field *blob,
		    const struct array *a, uint64_t row)
{
	if (array_is_null(a, row))
		return true;
	return is_v1(r, blob) && member_u64(a, V1_SIZE, row) == 0 &&
	       member_u64(a, V1_POSITION, row) != 0;
}

struct err *blob_nulls(struct file_reader *r, const struct field *field,
		       const struct file_map *map, uint64_t first, uint64_t end,
		       uint8_t *ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(read_descriptors(r, field, map, first, end, &a));
	for (uint64_t i = 0; i < end - first; i++)
		ret[i] = is_null(r, field, a, i);
	return NULL;
}

/*
 * Side files lie in a directory beside the data file that is named as it is,
 * without the suffix.  Their numbers are written in binary, lowest bit first.
 */
static struct err *sidecar_path(const struct file_reader *r, uint32_t id, char **ret)
{
	char digits[33] = {0};
	const char *path = io_file_path(r->file);
	size_t len = strlen(path);
	if (str_ends(path, ".lance"))
		len -= strlen(".lance");
	for (unsigned i = 0; i < 32; i++)
		digits[i] = id >> i & 1 ? '1' : '0';
	return str_printf(ret, "%.*s/%s.blob", (int)len, path, digits);
}

/* A relative path that goes down only: "a/b". */
static bool is_managed_path(const char *path)
{
	if (!*path || strstr(path, "://") || strchr(path, '\\'))
		return false;
	while (true) {
		size_t len = strcspn(path, "/");
		if (len == 0 || (len == 1 && *path == '.') ||
		    (len == 2 && memcmp(path, "..", 2) == 0))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

static struct err *uri_of(const struct array *a, char **ret)
{
	uint64_t len;
	const uint8_t *uri = array_var(a->children[V2_URI], 0, &len);
	if (len > LIMIT_URI_BYTES || (len && memchr(uri, 0, (size_t)len)))
		return err_new(EIO, "the URI of a blob is not one");
	return str_dup_len((const char *)uri, (size_t)len, ret);
}

static struct err *place_external(uint32_t base, struct blob_place *ret)
{
	ret->where = base ? BLOB_IN_BASE : BLOB_AT_URI;
	ret->base = base;
	ret->is_to_end = ret->size == 0;
	return NULL;
}

static struct err *place_managed(bool has_base, uint32_t base, struct blob_place *ret)
{
	ret->where = has_base ? BLOB_IN_BASE : BLOB_IN_TABLE;
	ret->base = base;
	if (is_managed_path(ret->path))
		return NULL;
	return err_new(EIO, "a managed blob lies at '%s', which is no path within",
		       ret->path);
}

static struct err *place_v2(const struct file_reader *r, const struct array *a,
			    struct blob_place *ret)
{
	unsigned kind = a->children[V2_KIND]->data->data[0];
	uint32_t id = load_u32le(a->children[V2_ID]->data->data);
	ret->offset = member_u64(a, V2_POSITION, 0);
	ret->size = member_u64(a, V2_SIZE, 0);
	switch (kind) {
	case BLOB_INLINE:
		return NULL;
	case BLOB_DEDICATED:
	case BLOB_PACKED:
		if (kind == BLOB_DEDICATED)
			ret->offset = 0;
		ret->where = BLOB_BESIDE;
		return sidecar_path(r, id, &ret->path);
	case BLOB_EXTERNAL:
		TRY(uri_of(a, &ret->path));
		return place_external(id, ret);
	case BLOB_MANAGED:
	case BLOB_MANAGED_BASE:
		TRY(uri_of(a, &ret->path));
		return place_managed(kind == BLOB_MANAGED_BASE, id, ret);
	default:
		return err_new(EOPNOTSUPP, "blobs of kind %u are not known", kind);
	}
}

static struct err *find_place(struct file_reader *r, const struct field *field,
			      const struct file_map *map, uint64_t row,
			      struct blob_place *ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(read_descriptors(r, field, map, row, row + 1, &a));
	ret->is_null = is_null(r, field, a, 0);
	if (ret->is_null)
		return NULL;
	if (!is_v1(r, field))
		TRY_CTX(place_v2(r, a, ret), "%s: row %" PRIu64, io_file_path(r->file),
			row);
	else {
		ret->offset = member_u64(a, V1_POSITION, 0);
		ret->size = member_u64(a, V1_SIZE, 0);
	}
	return NULL;
}

struct err *file_blob_place(struct file_reader *r, const struct field *field,
			    const struct file_map *map, uint64_t row,
			    struct blob_place *ret)
{
	*ret = (struct blob_place){0};
	return find_place(r, field, map, row, ret);
}

void blob_place_fini(struct blob_place *p)
{
	free(p->path);
	*p = (struct blob_place){0};
}

struct io_file *file_reader_file(const struct file_reader *r)
{
	return r->file;
}
