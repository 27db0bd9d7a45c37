// SPDX-License-Identifier: Apache-2.0
/*
 * dir_rows.c: rows/ with one directory a row, rows/N/ with one file a value, and
 * columns/BINARY/ with one file a row.
 *
 * Listings stream: an offset is a row or a column, nothing is held a row.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>

/* --- rows/ --- */

static uint64_t row_key(const struct version *frozen, uint64_t row)
{
	return hash_mix(frozen ? version_number(frozen) : 0, row);
}

static struct err *rows_lookup(struct mount *m, struct node *dir, const char *name,
			       struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	uint64_t row;
	if (!str_to_u64(name, &row) || row >= version_rows(v))
		return NULL;
	TRY(node_new(m, &row_ops, row_key(dir->version, row), dir->version, ret));
	(*ret)->row = row;
	(*ret)->is_frozen = dir->is_frozen;
	/* a delete renumbers the rows behind it */
	(*ret)->entry_timeout = dir->is_frozen ? TIMEOUT_IMMUTABLE : 0;
	return NULL;
}

static struct err *rows_list(struct mount *m, struct handle *h, uint64_t off,
			     const struct list_sink *sink)
{
	for (uint64_t row = off; row < version_rows(h->version); row++) {
		char name[24];
		snprintf(name, sizeof(name), "%" PRIu64, row);
		if (sink->fn(sink->ctx, name,
			     node_ino(m, &row_ops, row_key(h->node->version, row)),
			     S_IFDIR, row + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops rows_ops = {
	.kind = "rows",
	.mode = S_IFDIR | 0555,
	.lookup = rows_lookup,
	.list = rows_list,
};

/* --- rows/N/ --- */

static const char *extension(struct mount *m, struct version *v, struct field *f)
{
	return column_is_binary(f) ? value_extension(m, v, f) : "txt";
}

static struct err *row_lookup(struct mount *m, struct node *dir, const char *name,
			      struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	AUTO_MEM char *stem = NULL;
	TRY(str_dup(name, &stem));
	char *dot = strrchr(stem, '.');
	if (!dot || dir->row >= version_rows(v))
		return NULL;
	*dot = 0;
	struct field *f = name_find(v, stem);
	if (!f || strcmp(dot + 1, extension(m, v, f)) != 0)
		return NULL;
	return value_node(m, v, f, dir->row, dir->is_frozen, ret);
}

static struct err *list_value(struct mount *m, struct handle *h, size_t i,
			      const struct list_sink *sink, bool *ret_full)
{
	struct version *v = h->version;
	struct field *f = version_field(v, i);
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *file = NULL;
	uint64_t row = h->node->row;
	uint8_t is_null;
	*ret_full = false;
	struct err *err = version_read_nulls(v, f, row, row + 1, &is_null);
	if (!err && is_null)
		return NULL;
	err_free(err); /* reading the value will tell it */
	TRY(name_encode(f->name, &name));
	TRY(str_printf(&file, "%s.%s", name, extension(m, v, f)));
	*ret_full =
		sink->fn(sink->ctx, file, value_ino(m, v, f, row, h->node->is_frozen),
			 S_IFREG, i + 1);
	return NULL;
}

static struct err *row_list(struct mount *m, struct handle *h, uint64_t off,
			    const struct list_sink *sink)
{
	bool full = false;
	if (h->node->row >= version_rows(h->version))
		return NULL;
	for (size_t i = off; i < version_n_fields(h->version) && !full; i++)
		TRY(list_value(m, h, i, sink, &full));
	return NULL;
}

const struct node_ops row_ops = {
	.kind = "row",
	.mode = S_IFDIR | 0555,
	.lookup = row_lookup,
	.list = row_list,
};

/* --- columns/BINARY/ --- */

#define LIST_BATCH_ROWS 1024

static struct field *column_of(const struct version *v, const struct node *dir)
{
	struct field *f = NULL;
	for (size_t i = 0; i < version_n_fields(v) && !f; i++) /* it may be renamed */
		if ((uint32_t)version_field(v, i)->id == dir->row)
			f = version_field(v, i);
	if (!f)
		f = version_find_field(v, dir->name);
	return f && column_is_binary(f) ? f : NULL;
}

static struct err *binary_lookup(struct mount *m, struct node *dir, const char *name,
				 struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	struct field *f = column_of(v, dir);
	char digits[24];
	uint64_t row;
	const char *p = name + strspn(name, "0");
	size_t n = strspn(p, "0123456789");
	if (!f || n >= sizeof(digits) || (n == 0 && p == name) || p[n] != '.')
		return NULL;
	memcpy(digits, n ? p : "0", n ? n : 1);
	digits[n ? n : 1] = 0;
	if (!str_to_u64(digits, &row) || row >= version_rows(v) ||
	    strcmp(p + n + 1, value_extension(m, v, f)) != 0)
		return NULL;
	return value_node(m, v, f, row, dir->is_frozen, ret);
}

static int row_digits(uint64_t n_rows)
{
	int n = 7;
	for (uint64_t v = n_rows / 10000000; v; v /= 10)
		n++;
	return n;
}

static struct err *binary_list(struct mount *m, struct handle *h, uint64_t off,
			       const struct list_sink *sink)
{
	struct version *v = h->version;
	struct field *f = column_of(v, h->node);
	int width = row_digits(version_rows(v));
	if (!f)
		return NULL;
	const char *ext = value_extension(m, v, f);
	for (uint64_t first = off; first < version_rows(v); first += LIST_BATCH_ROWS) {
		uint8_t is_null[LIST_BATCH_ROWS];
		uint64_t end = MIN_OF(first + LIST_BATCH_ROWS, version_rows(v));
		TRY(version_read_nulls(v, f, first, end, is_null));
		for (uint64_t row = first; row < end; row++) {
			AUTO_MEM char *name = NULL;
			if (is_null[row - first])
				continue;
			TRY(str_printf(&name, "%0*" PRIu64 ".%s", width, row, ext));
			if (sink->fn(sink->ctx, name,
				     value_ino(m, v, f, row, h->node->is_frozen),
				     S_IFREG, row + 1))
				return NULL;
		}
	}
	return NULL;
}

const struct node_ops binary_dir_ops = {
	.kind = "binary",
	.mode = S_IFDIR | 0555,
	.lookup = binary_lookup,
	.list = binary_list,
};
