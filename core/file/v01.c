// SPDX-License-Identifier: Apache-2.0
/*
 * v01.c: data files of version 0.1, the first format, which are only read.
 *
 * Rows lie in batches, and of each batch every field has one page.  The page table is
 * an array: for each field id from the file's first one on, for each batch, where the
 * page lies and how many values it has.  What a page is follows from the type:
 *
 *   fixed width, bool  values, one after the other; of fixed-size lists their items
 *   string, binary     length + 1 positions in the file, of the bytes of each value;
 *                      empty is null where the field may be null
 *   list               offsets, one more than lists, into the items of the same batch
 *   dictionary         indices; the values are in the manifest
 *   struct             nothing: its members have pages
 *   null               nothing
 *
 * Other nulls were lost when the file was written.
 * Source: file.proto, message Metadata; Lance's docs, "Legacy format"; pylance 14.0.2.
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

#define FOOTER_LEN 16
#define LIMIT_METADATA_BYTES ((uint64_t)64 << 20)
#define MAX_BATCH_ROWS INT32_MAX

/* --- the file --- */

struct v01_file {
	uint64_t page_table; /* its position */
	size_t n_batches;
	uint64_t *first_row; /* owned; n_batches + 1 */
};

void v01_free(struct v01_file *f)
{
	if (!f)
		return;
	free(f->first_row);
	free(f);
}

static struct err *read_rows(const Lance__File__Metadata *m, struct v01_file *f)
{
	f->n_batches = m->n_batch_offsets ? m->n_batch_offsets - 1 : 0;
	TRY(mem_array(f->n_batches + 1, sizeof(*f->first_row), &f->first_row));
	for (size_t i = 0; i <= f->n_batches && m->n_batch_offsets; i++) {
		int32_t row = m->batch_offsets[i];
		if (row < 0 || (i && (uint64_t)row < f->first_row[i - 1]))
			return err_new(EIO, "batch %zu begins at row %" PRId32, i, row);
		f->first_row[i] = (uint64_t)row;
	}
	return f->first_row[0]
		       ? err_new(EIO, "it begins with row %" PRIu64, f->first_row[0])
		       : NULL;
}

static struct err *load(struct io_file *file, struct v01_file *f)
{
	AUTO_PROTO Lance__File__Metadata *m = NULL;
	AUTO(bytes) struct bytes *b = NULL;
	uint8_t footer[FOOTER_LEN], head[4];
	uint64_t size = io_size(file);
	TRY(io_read(file, size - FOOTER_LEN, FOOTER_LEN, footer));
	uint64_t at = load_u64le(footer);
	if (at > size - FOOTER_LEN || size - FOOTER_LEN - at < sizeof(head))
		return err_new(EIO, "metadata at %" PRIu64 " of %" PRIu64, at, size);
	TRY(io_read(file, at, sizeof(head), head));
	uint64_t len = load_u32le(head);
	if (len > size - FOOTER_LEN - at - sizeof(head) || len > LIMIT_METADATA_BYTES)
		return err_new(EIO, "metadata of %" PRIu64 " bytes", len);
	TRY(io_read_bytes(file, at + sizeof(head), (size_t)len, &b));
	TRY(PROTO_UNPACK(lance__file__metadata, b->data, b->len, &m));
	f->page_table = m->page_table_position;
	return read_rows(m, f);
}

struct err *v01_open(struct io_file *file, struct v01_file **ret)
{
	struct v01_file *f;
	TRY(mem_new(&f));
	struct err *err = load(file, f);
	if (err)
		v01_free(f);
	else
		*ret = f;
	return err;
}

uint64_t v01_rows(const struct v01_file *f)
{
	return f->first_row[f->n_batches];
}

/* --- pages --- */

/* What is read of: a batch of a file, or, of a dictionary, a manifest. */
struct v01_batch {
	void *ctx;
	struct err *(*read)(void *ctx, uint64_t off, size_t len, void *dst);
	uint64_t size;
	const struct v01_file *file;
	const struct file_map *map;
	size_t number;
};

struct v01_page {
	uint64_t at, n_values;
};

static struct err *read_bytes(const struct v01_batch *b, uint64_t off, uint64_t len,
			      void *dst)
{
	if (off > b->size || len > b->size - off)
		return err_new(EIO, "%" PRIu64 " bytes at %" PRIu64 " of %" PRIu64, len,
			       off, b->size);
	return len ? b->read(b->ctx, off, (size_t)len, dst) : NULL;
}

static struct err *check_page(const struct v01_batch *b, const struct v01_page *p,
			      const struct field *f, uint64_t end)
{
	if (end <= p->n_values && p->n_values <= MAX_BATCH_ROWS + UINT64_C(1))
		return NULL;
	return err_new(EIO, "field %s: batch %zu: values to %" PRIu64 " of %" PRIu64,
		       f->name, b->number, end, p->n_values);
}

/* The page of a field; its first `end` values are wanted. */
static struct err *find_page(const struct v01_batch *b, const struct field *f,
			     uint64_t end, struct v01_page *ret)
{
	uint8_t entry[16];
	uint64_t i, off;
	int32_t first = b->map->n ? b->map->field_ids[0] : 0;
	if (f->id < first)
		return err_new(EIO, "field %s is not in the file", f->name);
	if (ckd_mul(&i, (uint64_t)(f->id - first), b->file->n_batches) ||
	    ckd_add(&i, i, b->number) || ckd_mul(&off, i, sizeof(entry)) ||
	    ckd_add(&off, off, b->file->page_table))
		return err_new(EIO, "field %s: a page table of that size", f->name);
	TRY(read_bytes(b, off, sizeof(entry), entry));
	*ret = (struct v01_page){load_u64le(entry), load_u64le(entry + 8)};
	return check_page(b, ret, f, end);
}

/* --- values --- */

static struct err *read_array(const struct v01_batch *b, const struct field *f,
			      uint64_t first, uint64_t end, struct array **ret);

static struct err *read_bits(const struct v01_batch *b, uint64_t at, uint64_t first,
			     uint64_t end, struct array *a)
{
	AUTO_MEM uint8_t *bits = NULL;
	uint64_t from = first / 8, len = div_ceil(end, 8) - from;
	if (at > b->size || from > b->size - at || len > b->size - at - from)
		return err_new(EIO, "values past the end of the file");
	TRY(mem_array((size_t)len, 1, &bits));
	TRY(read_bytes(b, at + from, len, bits));
	TRY(bytes_new_zero(bitmap_bytes(end - first), &a->data));
	bitmap_copy(a->data->data, 0, bits, first % 8, end - first);
	return NULL;
}

/* Values of a type that begin at a position; items of fixed-size lists too. */
static struct err *read_fixed(const struct v01_batch *b, struct type *t, uint64_t at,
			      uint64_t first, uint64_t end, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	uint64_t size = t->id == TYPE_FIXED_LIST ? (uint64_t)t->list_size : 0;
	uint64_t width = t->id == TYPE_DICTIONARY
				 ? type_bits(&(struct type){.id = t->index_id}) / 8
				 : type_bits(t) / 8;
	uint64_t len, off;
	TRY(array_new(t, end - first, &a));
	if (t->id == TYPE_FIXED_LIST) {
		if (ckd_mul(&len, end, size) || ckd_mul(&off, first, size))
			return err_new(EIO, "fixed-size lists of that size");
		TRY(read_fixed(b, t->children[0]->type, at, off, len, &a->children[0]));
	} else if (t->id == TYPE_BOOL) {
		TRY(read_bits(b, at, first, end, a));
	} else {
		if (width == 0 || ckd_mul(&len, end - first, width) ||
		    ckd_mul(&off, first, width) || ckd_add(&off, off, at))
			return err_new(EOPNOTSUPP, "values of no fixed width");
		if (off > b->size || len > b->size - off)
			return err_new(EIO, "values past the end of the file");
		TRY(bytes_new((size_t)len, &a->data));
		TRY(read_bytes(b, off, len, a->data->data));
	}
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_positions(const struct v01_batch *b, uint64_t at,
				  unsigned width, uint64_t first, uint64_t end,
				  uint64_t **ret)
{
	AUTO_MEM uint8_t *raw = NULL;
	uint64_t n = end - first + 1;
	if (at > b->size || n > b->size / width || first > b->size / width)
		return err_new(EIO, "positions past the end of the file");
	TRY(mem_array((size_t)n, width, &raw));
	TRY(mem_array((size_t)n, sizeof(**ret), ret));
	TRY(read_bytes(b, at + first * width, n * width, raw));
	for (uint64_t i = 0; i < n; i++) {
		(*ret)[i] =
			width == 4 ? load_u32le(raw + i * 4) : load_u64le(raw + i * 8);
		if (i && (*ret)[i] < (*ret)[i - 1])
			return err_new(EIO, "positions that go back");
	}
	return NULL;
}

/* Offsets from positions, beginning at 0. */
static struct err *set_offsets(const uint64_t *positions, struct array *a)
{
	bool is_large = type_is_large(a->type->id);
	uint64_t n = a->n_rows;
	if (!is_large && positions[n] - positions[0] > INT32_MAX)
		return err_new(EOVERFLOW, "values of more than 2 GiB");
	TRY(bytes_new((size_t)(n + 1) * (is_large ? 8 : 4), &a->offsets));
	for (uint64_t i = 0; i <= n; i++) {
		uint64_t off = positions[i] - positions[0];
		if (is_large)
			store_u64le(a->offsets->data + i * 8, off);
		else
			store_u32le(a->offsets->data + i * 4, (uint32_t)off);
	}
	return NULL;
}

static struct err *set_nulls(const uint64_t *positions, struct array *a)
{
	for (uint64_t i = 0; i < a->n_rows; i++)
		a->n_nulls += positions[i] == positions[i + 1];
	if (!a->n_nulls)
		return NULL;
	TRY(bytes_new_zero(bitmap_bytes(a->n_rows), &a->validity));
	for (uint64_t i = 0; i < a->n_rows; i++)
		if (positions[i] != positions[i + 1])
			bit_set(a->validity->data, i);
	return NULL;
}

static struct err *read_var(const struct v01_batch *b, struct type *t, bool nullable,
			    uint64_t at, uint64_t first, uint64_t end,
			    struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	AUTO_MEM uint64_t *positions = NULL;
	TRY(array_new(t, end - first, &a));
	TRY(read_positions(b, at, 8, first, end, &positions));
	uint64_t len = positions[a->n_rows] - positions[0];
	if (positions[0] > b->size || len > b->size - positions[0])
		return err_new(EIO, "values past the end of the file");
	TRY(set_offsets(positions, a));
	TRY(bytes_new((size_t)len, &a->data));
	TRY(read_bytes(b, positions[0], len, a->data->data));
	if (nullable)
		TRY(set_nulls(positions, a));
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_list(const struct v01_batch *b, const struct field *f,
			     uint64_t first, uint64_t end, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	AUTO_MEM uint64_t *offsets = NULL;
	struct v01_page p;
	unsigned width = type_is_large(f->type->id) ? 8 : 4;
	TRY(find_page(b, f, end + 1, &p));
	TRY(array_new(f->type, end - first, &a));
	TRY(read_positions(b, p.at, width, first, end, &offsets));
	TRY(set_offsets(offsets, a));
	TRY(read_array(b, f->type->children[0], offsets[0], offsets[a->n_rows],
		       &a->children[0]));
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_struct(const struct v01_batch *b, const struct field *f,
			       uint64_t first, uint64_t end, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	TRY(array_new(f->type, end - first, &a));
	for (size_t i = 0; i < f->type->n_children; i++)
		TRY(read_array(b, f->type->children[i], first, end, &a->children[i]));
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_dictionary(const struct v01_batch *b, const struct field *f,
				   uint64_t first, uint64_t end, struct array **ret)
{
	AUTO(array) struct array *a = NULL;
	struct v01_page p;
	TRY(find_page(b, f, end, &p));
	TRY(read_fixed(b, f->type, p.at, first, end, &a));
	for (size_t i = 0; i < b->map->n_dictionaries; i++)
		if (b->map->dictionaries[i].field_id == f->id)
			a->children[0] = array_ref(b->map->dictionaries[i].values);
	if (!a->children[0])
		return err_new(EIO, "field %s: there is no dictionary", f->name);
	TRY_CTX(array_validate(a), "field %s", f->name); /* the indices */
	*ret = TAKE(a);
	return NULL;
}

static struct err *read_leaf(const struct v01_batch *b, const struct field *f,
			     uint64_t first, uint64_t end, struct array **ret)
{
	struct v01_page p;
	TRY(find_page(b, f, end, &p));
	if (type_is_var(f->type->id))
		return read_var(b, f->type, f->nullable, p.at, first, end, ret);
	return read_fixed(b, f->type, p.at, first, end, ret);
}

static bool is_in_file(const struct file_map *map, int32_t id)
{
	for (size_t i = 0; i < map->n; i++)
		if (map->field_ids[i] == id)
			return true;
	return false;
}

/* Is it, or a member of it, in the file?  Structs need not be named. */
static bool has_part(const struct file_map *map, const struct field *f)
{
	bool has_members = f->type->id != TYPE_FIXED_LIST;
	if (is_in_file(map, f->id))
		return true;
	for (size_t i = 0; has_members && i < f->type->n_children; i++)
		if (has_part(map, f->type->children[i]))
			return true;
	return false;
}

static struct err *read_array(const struct v01_batch *b, const struct field *f,
			      uint64_t first, uint64_t end, struct array **ret)
{
	enum type_id id = f->type->id;
	if (id == TYPE_NULL || !has_part(b->map, f))
		return array_new_null(f->type, end - first, ret);
	if (id == TYPE_STRUCT)
		return read_struct(b, f, first, end, ret);
	if (id == TYPE_LIST || id == TYPE_LARGE_LIST)
		return read_list(b, f, first, end, ret);
	if (id == TYPE_DICTIONARY)
		return read_dictionary(b, f, first, end, ret);
	return read_leaf(b, f, first, end, ret);
}

/* --- ranges of rows --- */

static struct err *read_file(void *ctx, uint64_t off, size_t len, void *dst)
{
	return io_read(ctx, off, len, dst);
}

static size_t find_batch(const struct v01_file *f, uint64_t row)
{
	size_t low = 0, high = f->n_batches;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (f->first_row[middle] <= row)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static struct err *read_batches(struct v01_batch *b, const struct field *field,
				uint64_t first, uint64_t end, struct array_parts *parts)
{
	const struct v01_file *f = b->file;
	for (b->number = find_batch(f, first); first < end; b->number++) {
		struct array **part;
		uint64_t base = f->first_row[b->number];
		uint64_t stop = MIN_OF(end, f->first_row[b->number + 1]);
		if (stop <= first)
			continue;
		TRY(array_parts_room(parts, &part));
		TRY(read_array(b, field, first - base, stop - base, part));
		parts->n++;
		first = stop;
	}
	return NULL;
}

struct err *read_v01(struct file_reader *r, const struct field *field,
		     const struct file_map *map, uint64_t first, uint64_t end,
		     struct array **ret)
{
	AUTO_ARRAY_PARTS struct array_parts parts = {0};
	struct v01_batch b = {r->file, read_file, io_size(r->file), r->v01, map, 0};
	if (end > v01_rows(r->v01))
		return err_new(EIO, "rows to %" PRIu64 " of %" PRIu64, end,
			       v01_rows(r->v01));
	if (field_is_blob(field))
		return err_new(EOPNOTSUPP, "blobs of version 0.1");
	if (first == end)
		return array_new_null(field->type, 0, ret);
	TRY(read_batches(&b, field, first, end, &parts));
	return array_parts_join(&parts, ret);
}

/* --- dictionaries --- */

static struct err *read_memory(void *ctx, uint64_t off, size_t len, void *dst)
{
	const struct bytes *b = ctx;
	memcpy(dst, b->data + off, len);
	return NULL;
}

struct err *v01_dictionary(struct type *t, struct bytes *manifest, uint64_t at,
			   uint64_t n, struct array **ret)
{
	struct v01_batch b = {manifest, read_memory, manifest->len, NULL, NULL, 0};
	if (n > MAX_BATCH_ROWS)
		return err_new(EIO, "a dictionary of %" PRIu64 " values", n);
	if (type_is_var(t->id))
		return read_var(&b, t, true, at, 0, n, ret);
	return read_fixed(&b, t, at, 0, n, ret);
}

/* --- bytes --- */

static struct err *page_size(const struct v01_batch *b, const struct field *f,
			     uint64_t *ret)
{
	AUTO_MEM uint64_t *positions = NULL;
	struct v01_page p;
	*ret = 0;
	if (f->type->id == TYPE_STRUCT || f->type->id == TYPE_NULL)
		return NULL;
	TRY(find_page(b, f, 0, &p));
	if (type_is_var(f->type->id) && p.n_values) {
		TRY(read_positions(b, p.at, 8, 0, 0, &positions));
		uint64_t first = positions[0];
		free(TAKE(positions));
		TRY(read_positions(b, p.at, 8, p.n_values, p.n_values, &positions));
		*ret = positions[0] - first + 8 * (p.n_values + 1);
		return NULL;
	}
	uint64_t bits = f->type->id == TYPE_DICTIONARY
				? type_bits(&(struct type){.id = f->type->index_id})
				: type_row_bits(f->type);
	if (f->type->id == TYPE_LIST || f->type->id == TYPE_LARGE_LIST)
		bits = type_is_large(f->type->id) ? 64 : 32;
	*ret = div_ceil(p.n_values * bits, 8);
	return NULL;
}

struct err *v01_field_bytes(struct file_reader *r, const struct field *f,
			    const struct file_map *map, uint64_t *total)
{
	struct v01_batch b = {r->file, read_file, io_size(r->file), r->v01, map, 0};
	bool has_items =
		f->type->id != TYPE_FIXED_LIST && f->type->id != TYPE_DICTIONARY;
	for (; is_in_file(map, f->id) && b.number < r->v01->n_batches; b.number++) {
		uint64_t bytes;
		TRY(page_size(&b, f, &bytes));
		*total += bytes;
	}
	for (size_t i = 0; has_items && i < f->type->n_children; i++)
		TRY(v01_field_bytes(r, f->type->children[i], map, total));
	return NULL;
}
