// SPDX-License-Identifier: Apache-2.0
/*
 * reader.c: opening a data file, its footer and descriptor.
 *
 * The footer is the last 40 bytes; everything else is found from it when it
 * is wanted.  The version is looked at before any offset, because the footer
 * of 0.1 files has another shape in front of the same last 8 bytes.
 * Source: file2.proto; Lance's docs, "File Format", "Footer".
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *check_table(const struct file_reader *r, const char *what,
			       uint64_t off, uint64_t n)
{
	uint64_t size = io_size(r->file);
	if (off > size || n > (size - off) / 16)
		return err_new(EIO, "%s table of %" PRIu64 " entries at %" PRIu64, what,
			       n, off);
	return NULL;
}

static struct err *read_footer(struct file_reader *r)
{
	uint8_t footer[LANCE_FOOTER_LEN];
	uint64_t size = io_size(r->file);
	if (size < LANCE_FOOTER_LEN)
		return err_new(EIO, "not a data file: %" PRIu64 " bytes", size);
	TRY(io_read(r->file, size - LANCE_FOOTER_LEN, sizeof(footer), footer));
	if (memcmp(footer + 36, LANCE_MAGIC, 4) != 0)
		return err_new(EIO, "not a data file: no LANC at the end");
	TRY(lance_version_of_numbers(load_u16le(footer + 32), load_u16le(footer + 34),
				     &r->version));
	if (r->version == LANCE_0_1)
		return v01_open(r->file, &r->v01);
	r->meta_offsets = load_u64le(footer + 8);
	r->global_offsets = load_u64le(footer + 16);
	r->n_globals = load_u32le(footer + 24);
	r->n_columns = load_u32le(footer + 28);
	if (r->n_columns > LIMIT_COLUMNS)
		return err_new(EIO, "%u columns", r->n_columns);
	TRY(check_table(r, "column", r->meta_offsets, r->n_columns));
	return check_table(r, "global buffer", r->global_offsets, r->n_globals);
}

struct err *file_reader_open(struct io_file *file, struct file_reader **ret)
{
	AUTO(file_reader) struct file_reader *r = NULL;
	TRY(mem_new(&r));
	atomic_init(&r->refs, 1);
	pthread_mutex_init(&r->lock, NULL);
	r->file = io_file_ref(file);
	TRY_CTX(read_footer(r), "%s", io_file_path(file));
	TRY(mem_array(r->n_columns, sizeof(struct column *), &r->columns));
	*ret = TAKE(r);
	return NULL;
}

struct file_reader *file_reader_ref(struct file_reader *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void file_reader_unref(struct file_reader *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; r->columns && i < r->n_columns; i++)
		column_free(r->columns[i]);
	free(r->columns);
	fields_free(r->schema, r->n_schema);
	v01_free(r->v01);
	io_file_unref(r->file);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

enum lance_version file_reader_version(const struct file_reader *r)
{
	return r->version;
}

uint32_t file_reader_n_columns(const struct file_reader *r)
{
	return r->n_columns;
}

static struct err *read_descriptor(struct file_reader *r,
				   Lance__File__FileDescriptor **ret)
{
	uint8_t entry[16];
	AUTO(bytes) struct bytes *b = NULL;
	if (r->n_globals == 0)
		return err_new(EIO, "no file descriptor");
	TRY(io_read(r->file, r->global_offsets, sizeof(entry), entry));
	uint64_t off = load_u64le(entry), len = load_u64le(entry + 8);
	uint64_t size = io_size(r->file);
	if (off > size || len > size - off || len > LIMIT_MANIFEST_BYTES)
		return err_new(EIO, "file descriptor of %" PRIu64 " bytes at %" PRIu64,
			       len, off);
	TRY(io_read_bytes(r->file, off, (size_t)len, &b));
	return PROTO_UNPACK(lance__file__file_descriptor, b->data, b->len, ret);
}

struct err *file_reader_metadata(struct file_reader *r, const char *key, char **ret)
{
	AUTO_PROTO Lance__File__FileDescriptor *d = NULL;
	TRY_CTX(read_descriptor(r, &d), "%s", io_file_path(r->file));
	for (size_t i = 0; d->schema && i < d->schema->n_metadata; i++) {
		const Lance__File__BytesEntry *e = d->schema->metadata[i];
		if (strcmp(e->key, key) == 0)
			return str_dup_len((const char *)e->value.data, e->value.len,
					   ret);
	}
	return NULL;
}

struct err *file_reader_rows(struct file_reader *r, uint64_t *ret)
{
	AUTO_PROTO Lance__File__FileDescriptor *d = NULL;
	if (r->v01) {
		*ret = v01_rows(r->v01);
		return NULL;
	}
	{
		LOCK_SCOPE(&r->lock);
		if (r->has_rows) {
			*ret = r->n_rows;
			return NULL;
		}
	}
	TRY_CTX(read_descriptor(r, &d), "%s", io_file_path(r->file));
	LOCK_SCOPE(&r->lock);
	r->n_rows = d->length;
	r->has_rows = true;
	*ret = d->length;
	return NULL;
}

/* Number the columns of a field's tree, as writers do. */
static struct err *number_columns(enum lance_version version, const struct field *f,
				  struct file_columns *c)
{
	const struct type *t = f->type;
	bool leaf = field_is_leaf(f);
	bool owns = leaf || (version == LANCE_2_0 && t->id != TYPE_FIXED_LIST);
	if (owns) {
		TRY(mem_resize(c->map.n + 1, sizeof(int32_t), &c->field_ids));
		TRY(mem_resize(c->map.n + 1, sizeof(int32_t), &c->columns));
		c->field_ids[c->map.n] = f->id;
		c->columns[c->map.n] = (int32_t)c->map.n;
		c->map.n++;
	}
	for (size_t i = 0; !leaf && i < t->n_children; i++)
		TRY(number_columns(version, t->children[i], c));
	return NULL;
}

struct err *file_columns_of(enum lance_version version, struct field *const *fields,
			    size_t n, struct file_columns *ret)
{
	struct file_columns c = {0};
	for (size_t i = 0; i < n; i++) {
		struct err *err = number_columns(version, fields[i], &c);
		if (err) {
			file_columns_fini(&c);
			return err;
		}
	}
	c.map.field_ids = c.field_ids;
	c.map.columns = c.columns;
	*ret = c;
	return NULL;
}

void file_columns_fini(struct file_columns *c)
{
	free(c->field_ids);
	free(c->columns);
	*c = (struct file_columns){0};
}

struct err *file_reader_schema(struct file_reader *r, struct field ***ret_fields,
			       size_t *ret_n)
{
	AUTO_PROTO Lance__File__FileDescriptor *d = NULL;
	TRY_CTX(read_descriptor(r, &d), "%s", io_file_path(r->file));
	if (!d->schema)
		return err_new(EIO, "%s: no schema", io_file_path(r->file));
	TRY_CTX(fields_from_proto(d->schema->fields, d->schema->n_fields, ret_fields,
				  ret_n),
		"%s", io_file_path(r->file));
	return NULL;
}

struct err *file_read(struct file_reader *r, const struct field *field,
		      const struct file_map *map, uint64_t first, uint64_t end,
		      struct array **ret)
{
	if (first > end)
		return err_new(EINVAL, "rows [%" PRIu64 ", %" PRIu64 ")", first, end);
	if (field->type->id == TYPE_NULL)
		return array_new_null(field->type, end - first, ret);
	if (r->v01)
		TRY_CTX(read_v01(r, field, map, first, end, ret), "%s",
			io_file_path(r->file));
	else if (r->version == LANCE_2_0)
		TRY_CTX(read_v20(r, field, map, first, end, ret), "%s",
			io_file_path(r->file));
	else
		TRY_CTX(read_leaves(r, field, map, first, end, ret), "%s",
			io_file_path(r->file));
	return NULL;
}

static struct err *nulls_of_index(struct file_reader *r, const struct field *field,
				  const struct file_map *map, uint64_t first,
				  uint64_t end, uint8_t *is_null, bool *ret_known)
{
	struct leaf_shape shape = {.n_layers = 1};
	int64_t column = map_column(map, field->id);
	*ret_known = false;
	if (r->version == LANCE_2_0 || !type_is_var(field->type->id) || column < 0 ||
	    column > UINT32_MAX)
		return NULL;
	TRY(value_type_of(field->type, &shape.type));
	struct err *err = column_nulls(r, (uint32_t)column, &shape, first, end, is_null,
				       ret_known);
	value_type_fini(&shape.type);
	return err;
}

struct err *file_read_nulls(struct file_reader *r, const struct field *field,
			    const struct file_map *map, uint64_t first, uint64_t end,
			    uint8_t *is_null)
{
	AUTO(array) struct array *a = NULL;
	bool known;
	if (field_is_blob(field))
		return blob_nulls(r, field, map, first, end, is_null);
	TRY_CTX(nulls_of_index(r, field, map, first, end, is_null, &known), "%s",
		io_file_path(r->file));
	if (known)
		return NULL;
	TRY(file_read(r, field, map, first, end, &a));
	for (uint64_t i = 0; i < end - first; i++)
		is_null[i] = array_is_null(a, i);
	return NULL;
}

static struct err *add_bytes(struct file_reader *r, const struct field *f,
			     const struct file_map *map, uint64_t *total)
{
	int64_t i = map_column(map, f->id);
	struct column *c;
	if (i >= 0) {
		TRY(column_get(r, (uint32_t)i, &c));
		for (size_t p = 0; p < c->meta->n_pages; p++) {
			for (size_t b = 0; b < c->meta->pages[p]->n_buffer_sizes; b++)
				*total += c->meta->pages[p]->buffer_sizes[b];
		}
	}
	for (size_t k = 0; k < f->type->n_children; k++) {
		if (f->type->children[k]->id >= 0)
			TRY(add_bytes(r, f->type->children[k], map, total));
	}
	return NULL;
}

struct err *file_field_bytes(struct file_reader *r, const struct field *field,
			     const struct file_map *map, uint64_t *ret)
{
	uint64_t total = 0;
	if (r->v01) {
		*ret = 0;
		TRY_CTX(v01_field_bytes(r, field, map, ret), "%s",
			io_file_path(r->file));
		return NULL;
	}
	TRY_CTX(add_bytes(r, field, map, &total), "%s", io_file_path(r->file));
	*ret = total;
	return NULL;
}
