// SPDX-License-Identifier: Apache-2.0
/*
 * writer.c: writing a data file: rows in, pages as they fill, metadata last.
 *
 * Batches are fed to the columns in slices of about a mebibyte, so that a page
 * is cut near its size whatever the caller's batches are.
 * Source: file2.proto; Lance's docs, "File Format".
 */
#include "file/writer_priv.h"

#include <errno.h>
#include <inttypes.h>

#define PAGE_BYTES ((uint64_t)8 << 20) /* waiting bytes that make a page */
/* The same of wide values of one width: nothing is gained from having many of them in
 * a page, and what is written while it is in a processor's cache takes a third. */
#define WIDE_PAGE_BYTES ((uint64_t)1 << 20)
#define WIDE_BITS ((uint64_t)256 * 8)
#define SLICE_BYTES ((uint64_t)1 << 20) /* of a batch, fed at once */
#define PAGE_MAX_ROWS ((uint64_t)1 << 24)
#define PAGE_MAX_SLOTS ((uint64_t)1 << 24)

void file_written_fini(struct file_written *w)
{
	free(w->field_ids);
	free(w->columns);
	*w = (struct file_written){0};
}

void file_writer_abort(struct file_writer *w)
{
	if (!w)
		return;
	io_writer_abort(w->out);
	for (size_t i = 0; i < w->n_columns; i++) {
		struct out_column *c = &w->columns[i];
		slots_fini(&c->slots);
		value_type_fini(&c->shape.type);
		grow_fini(&c->ends);
		grow_fini(&c->is_null);
		buf_fini(&c->pages);
	}
	free(w->columns);
	free(w->field_rows);
	free(w->first_column);
	fields_free(w->fields, w->n_fields);
	pthread_mutex_destroy(&w->lock);
	free(w->path);
	free(w);
}

/* --- columns of the schema --- */

/* Fixed-size lists of nulls have no values; files of them are only read. */
static bool is_list_of_nulls(const struct type *t)
{
	bool is_list = t->id == TYPE_FIXED_LIST;
	while (t->id == TYPE_FIXED_LIST)
		t = t->children[0]->type;
	return is_list && t->id == TYPE_NULL;
}

bool column_is_only_read(const struct field *f)
{
	const struct type *t = f->type;
	return field_is_packed(f) || field_is_blob(f) || t->id == TYPE_DICTIONARY ||
	       (!field_is_leaf(f) && t->id == TYPE_FIXED_LIST) || is_list_of_nulls(t);
}

static struct err *count_columns(const struct file_writer *w, const struct field *f,
				 unsigned depth, size_t *n)
{
	const struct type *t = f->type;
	bool leaf = field_is_leaf(f);
	if (depth >= WRITER_MAX_DEPTH)
		return err_new(EOPNOTSUPP, "field %s nests too deeply", f->name);
	if (column_is_only_read(f) && (!w->takes_pages || field_is_blob(f)))
		return err_new(EOPNOTSUPP,
			       "field %s: fields of this kind are only read", f->name);
	if (t->id == TYPE_MAP && w->version < LANCE_2_2)
		return err_new(EOPNOTSUPP, "field %s: maps need file version 2.2",
			       f->name);
	*n += leaf || w->version == LANCE_2_0;
	for (size_t i = 0; !leaf && i < t->n_children; i++)
		TRY(count_columns(w, t->children[i], depth + 1, n));
	return NULL;
}

static bool type_is_list(const struct type *t)
{
	return t->id == TYPE_LIST || t->id == TYPE_LARGE_LIST || t->id == TYPE_MAP;
}

static struct err *init_leaf(struct out_column *c, const struct field *const *path,
			     unsigned depth)
{
	c->shape.n_layers = depth;
	for (unsigned i = 0; i < depth; i++)
		c->shape.is_list[i] = i > 0 && type_is_list(path[depth - 1 - i]->type);
	TRY(value_type_of(c->field->type, &c->shape.type));
	return slots_init(&c->slots, &c->shape.type);
}

/* The columns of the last field of a path, in pre-order. */
static struct err *add_columns(struct file_writer *w, const struct field **path,
			       size_t *steps, unsigned depth)
{
	const struct field *f = path[depth - 1];
	bool is_empty_struct = f->type->id == TYPE_STRUCT && !field_is_packed(f);
	bool leaf = field_is_leaf(f) && !(w->version == LANCE_2_0 && is_empty_struct);
	if (leaf || w->version == LANCE_2_0) {
		struct out_column *c = &w->columns[w->n_columns++];
		c->field = f;
		c->is_only_taken = column_is_only_read(f);
		c->kind = leaf			  ? COLUMN_LEAF
			  : type_is_list(f->type) ? COLUMN_V20_LIST
						  : COLUMN_V20_STRUCT;
		memcpy(c->path, steps, sizeof(c->path));
		if (leaf && w->version == LANCE_2_0)
			return init_leaf(c, path + depth - 1, 1);
		if (leaf)
			return init_leaf(c, path, depth);
	}
	for (size_t i = 0; i < f->type->n_children; i++) {
		path[depth] = f->type->children[i];
		steps[depth] = i;
		TRY(add_columns(w, path, steps, depth + 1));
	}
	return NULL;
}

static struct err *init_columns(struct file_writer *w)
{
	const struct field *path[WRITER_MAX_DEPTH + 1];
	size_t steps[WRITER_MAX_DEPTH + 1] = {0};
	size_t n = 0;
	for (size_t i = 0; i < w->n_fields; i++)
		TRY(count_columns(w, w->fields[i], 0, &n));
	TRY(mem_array(n, sizeof(*w->columns), &w->columns));
	TRY(mem_array(w->n_fields + 1, sizeof(*w->first_column), &w->first_column));
	for (size_t i = 0; i < w->n_fields; i++) {
		path[0] = w->fields[i];
		TRY(add_columns(w, path, steps, 1));
		w->first_column[i + 1] = w->n_columns;
	}
	return NULL;
}

static struct err *open_writer(struct io_store *store, const char *path,
			       enum lance_version version, struct field *const *fields,
			       size_t n_fields, bool takes_pages,
			       struct file_writer **ret)
{
	AUTO(file_writer) struct file_writer *w = NULL;
	if (version < LANCE_2_0 || version > LANCE_2_2)
		return err_new(EOPNOTSUPP, "file version %s cannot be written",
			       lance_version_name(version));
	TRY(mem_new(&w));
	pthread_mutex_init(&w->lock, NULL);
	w->version = version;
	w->takes_pages = takes_pages;
	TRY(str_dup(path, &w->path));
	TRY(mem_array(n_fields, sizeof(*w->fields), &w->fields));
	TRY(mem_array(n_fields, sizeof(*w->field_rows), &w->field_rows));
	for (; w->n_fields < n_fields; w->n_fields++)
		w->fields[w->n_fields] = field_ref(fields[w->n_fields]);
	TRY(init_columns(w));
	TRY(io_create(store, path, &w->out));
	*ret = TAKE(w);
	return NULL;
}

struct err *file_writer_open(struct io_store *store, const char *path,
			     enum lance_version version, struct field *const *fields,
			     size_t n_fields, struct file_writer **ret)
{
	return open_writer(store, path, version, fields, n_fields, false, ret);
}

struct err *file_writer_open_taking(struct io_store *store, const char *path,
				    enum lance_version version,
				    struct field *const *fields, size_t n_fields,
				    struct file_writer **ret)
{
	return open_writer(store, path, version, fields, n_fields, true, ret);
}

/* --- rows --- */

static bool is_wide(const struct out_column *c)
{
	return c->kind == COLUMN_LEAF && c->shape.type.kind != VALUE_VAR &&
	       c->shape.type.bits >= WIDE_BITS;
}

static bool is_full(const struct out_column *c)
{
	if (c->kind == COLUMN_V20_STRUCT)
		return false; /* readers take one page, which is empty, of any length */
	return out_column_bytes(c) >= (is_wide(c) ? WIDE_PAGE_BYTES : PAGE_BYTES) ||
	       c->n_rows >= PAGE_MAX_ROWS || c->slots.n >= PAGE_MAX_SLOTS;
}

/* Feed rows [first, end) of the field of columns [c, stop). */
static struct err *feed(struct file_writer *w, struct out_column *c,
			const struct out_column *stop, struct array *a, uint64_t first,
			uint64_t end)
{
	struct out_column *next = c;
	if (w->version == LANCE_2_0) {
		TRY(shred_v20(&next, a, first, end));
	} else {
		for (; next < stop; next++)
			TRY(shred(next, a, first, end));
	}
	for (; c < stop; c++) {
		if (is_full(c))
			TRY(out_column_flush(w, c));
	}
	return NULL;
}

struct out_columns writer_columns(struct file_writer *w, size_t top)
{
	return (struct out_columns){w->columns + w->first_column[top],
				    w->columns + w->first_column[top + 1]};
}

static struct err *write_field(struct file_writer *w, size_t top, struct array *a)
{
	struct out_columns of = writer_columns(w, top);
	for (struct out_column *c = of.first; c < of.end; c++)
		if (c->is_only_taken)
			return err_new(EOPNOTSUPP,
				       "field %s: fields of this kind are only read",
				       c->field->name);
	uint64_t per_row = array_bytes(a) / MAX_OF(a->n_rows, (uint64_t)1) + 1;
	uint64_t step = MAX_OF(SLICE_BYTES / per_row, (uint64_t)1);
	for (uint64_t i = 0; i < a->n_rows; i += MIN_OF(step, a->n_rows - i))
		TRY(feed(w, of.first, of.end, a, i, i + MIN_OF(step, a->n_rows - i)));
	w->field_rows[top] += a->n_rows;
	return NULL;
}

static struct err *check_batch(const struct file_writer *w,
			       struct array *const *columns)
{
	for (size_t i = 0; i < w->n_fields; i++) {
		if (columns[i]->n_rows != columns[0]->n_rows)
			return err_new(EINVAL,
				       "field %s: %" PRIu64 " rows, others %" PRIu64,
				       w->fields[i]->name, columns[i]->n_rows,
				       columns[0]->n_rows);
		if (!type_equal(columns[i]->type, w->fields[i]->type))
			return err_new(EINVAL, "field %s: an array of another type",
				       w->fields[i]->name);
	}
	return NULL;
}

static struct err *write_batch(struct file_writer *w, struct array *const *columns)
{
	TRY(check_batch(w, columns));
	for (size_t i = 0; i < w->n_fields; i++)
		TRY(write_field(w, i, columns[i]));
	return NULL;
}

/* Remember that nothing but abort is possible. */
static struct err *fail(struct file_writer *w, struct err *err)
{
	w->failed = true;
	return err_wrap(err, "%s", w->path);
}

struct err *file_writer_write(struct file_writer *w, struct array *const *columns)
{
	if (w->failed)
		return err_new(EIO, "%s: an earlier write failed", w->path);
	struct err *err = write_batch(w, columns);
	return err ? fail(w, err) : NULL;
}

struct err *file_writer_write_field(struct file_writer *w, size_t top, struct array *a)
{
	if (w->failed)
		return err_new(EIO, "%s: an earlier write failed", w->path);
	struct err *err =
		type_equal(a->type, w->fields[top]->type)
			? write_field(w, top, a)
			: err_new(EINVAL, "field %s: an array of another type",
				  w->fields[top]->name);
	return err ? fail(w, err) : NULL;
}

/* --- the end --- */

static uint64_t n_rows_of(const struct file_writer *w)
{
	return w->n_fields ? w->field_rows[0] : 0;
}

static struct err *check_lengths(const struct file_writer *w)
{
	for (size_t i = 0; i < w->n_fields; i++)
		if (w->field_rows[i] != w->field_rows[0])
			return err_new(
				EINVAL, "field %s: %" PRIu64 " rows, others %" PRIu64,
				w->fields[i]->name, w->field_rows[i], w->field_rows[0]);
	return NULL;
}

static struct err *write_descriptor(struct file_writer *w, uint64_t *ret_off,
				    uint64_t *ret_len)
{
	Lance__File__FileDescriptor d = LANCE__FILE__FILE_DESCRIPTOR__INIT;
	Lance__File__Schema schema = LANCE__FILE__SCHEMA__INIT;
	struct buf out AUTO_BUF = {0};
	TRY(fields_to_proto(w->fields, w->n_fields, &schema.fields, &schema.n_fields));
	d.schema = &schema;
	d.length = n_rows_of(w);
	proto_pack(&d.base, &out);
	for (size_t i = 0; i < schema.n_fields; i++)
		proto_free(&schema.fields[i]->base);
	free(schema.fields);
	TRY(buf_check(&out));
	TRY(writer_align(w));
	*ret_off = io_written(w->out);
	*ret_len = out.len;
	return io_write(w->out, out.data, out.len);
}

/* ColumnMetadata.encoding: an Any of ColumnEncoding with values set. */
static const uint8_t column_encoding[] = "\x0a\x29\x12\x27\x0a\x25"
					 "\x0a\x1f/lance.encodings.ColumnEncoding"
					 "\x12\x02\x0a\x00";

static struct err *write_tables(struct file_writer *w, const struct buf *entries,
				uint64_t first_column, uint64_t descriptor_off,
				uint64_t descriptor_len)
{
	struct buf out AUTO_BUF = {0};
	uint16_t major = 0, minor = 0;
	uint64_t at = io_written(w->out);
	buf_append(&out, entries->data, entries->len);
	buf_u64le(&out, descriptor_off);
	buf_u64le(&out, descriptor_len);
	buf_u64le(&out, first_column);
	buf_u64le(&out, at);
	buf_u64le(&out, at + entries->len);
	buf_u32le(&out, 1);
	buf_u32le(&out, (uint32_t)w->n_columns);
	version_numbers(w->version, &major, &minor);
	buf_u16le(&out, major);
	buf_u16le(&out, minor);
	buf_append(&out, LANCE_MAGIC, 4);
	TRY(buf_check(&out));
	return io_write(w->out, out.data, out.len);
}

static struct err *write_end(struct file_writer *w)
{
	struct buf entries AUTO_BUF = {0};
	uint64_t off, len;
	for (size_t i = 0; i < w->n_columns; i++)
		TRY(out_column_flush(w, &w->columns[i]));
	TRY(write_descriptor(w, &off, &len));
	uint64_t first_column = io_written(w->out);
	for (size_t i = 0; i < w->n_columns; i++) {
		const struct buf *pages = &w->columns[i].pages;
		buf_u64le(&entries, io_written(w->out));
		buf_u64le(&entries, sizeof(column_encoding) - 1 + pages->len);
		TRY(io_write(w->out, column_encoding, sizeof(column_encoding) - 1));
		TRY(io_write(w->out, pages->data, pages->len));
	}
	TRY(buf_check(&entries));
	return write_tables(w, &entries, first_column, off, len);
}

static struct err *describe(const struct file_writer *w, struct file_written *ret)
{
	struct file_written out = {.n_columns = w->n_columns, .n_rows = n_rows_of(w)};
	TRY(mem_array(w->n_columns, sizeof(int32_t), &out.field_ids));
	struct err *err = mem_array(w->n_columns, sizeof(int32_t), &out.columns);
	if (err) {
		file_written_fini(&out);
		return err;
	}
	for (size_t i = 0; i < w->n_columns; i++) {
		out.field_ids[i] = w->columns[i].field->id;
		out.columns[i] = (int32_t)i;
	}
	out.size_bytes = io_written(w->out);
	*ret = out;
	return NULL;
}

struct err *file_writer_finish(struct file_writer *w, struct file_written *ret)
{
	AUTO(file_writer) struct file_writer *owned = w;
	struct file_written out = {0};
	if (w->failed)
		return err_new(EIO, "%s: an earlier write failed", w->path);
	TRY_CTX(check_lengths(w), "%s", w->path);
	TRY_CTX(write_end(w), "%s", w->path);
	TRY(describe(w, &out));
	struct err *err = io_writer_finish(TAKE(w->out));
	if (err) {
		file_written_fini(&out);
		return err;
	}
	(void)owned;
	*ret = out;
	return NULL;
}
