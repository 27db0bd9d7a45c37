// SPDX-License-Identifier: Apache-2.0
/*
 * blobs.c: values that lie outside their column, opened one at a time.
 *
 * A blob is a range of the data file, of a file beside it, of a file elsewhere in the
 * dataset, or of a file of the user's that the dataset names by a URI or below one of
 * its base paths.  Those are opened only within the directories that are allowed.
 */
#include "table/scan_priv.h"

#include <errno.h>
#include <inttypes.h>

static void auto_blob_place(struct blob_place *p)
{
	blob_place_fini(p);
}
#define AUTO_BLOB_PLACE __attribute__((cleanup(auto_blob_place)))

/* --- which file --- */

/* The file of a URI in this dataset itself, if it is. */
static struct err *find_own(const struct version *v, const char *path,
			    struct file_place *ret)
{
	AUTO_MEM char *root = NULL;
	if (!v->table->root)
		return NULL;
	TRY(io_store_real_path(v->table->root, &root));
	size_t len = strlen(root);
	if (strncmp(path, root, len) != 0 || path[len] != '/')
		return NULL;
	ret->store = v->table->root;
	return str_dup(path + len + 1, &ret->path);
}

static struct err *place_of_uri(const struct version *v, const char *uri,
				struct file_place *ret)
{
	AUTO_MEM char *path = NULL;
	TRY(uri_local_path(uri, &path));
	TRY(roots_find(v->table->roots, path, ret));
	if (!ret->store)
		TRY(find_own(v, path, ret));
	if (ret->store)
		return NULL;
	return err_new(EOPNOTSUPP, NOT_ALLOWED, uri, *path ? path : "/");
}

/* A path that is relative to a base, or to the table. */
static struct err *check_relative(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		size_t len = strcspn(p, "/");
		if (len == 2 && memcmp(p, "..", 2) == 0)
			return err_new(EIO,
				       "a blob lies at '%s', which leads out of its "
				       "directory",
				       path);
	}
	return NULL;
}

static struct err *place_of_blob(const struct version *v, const struct blob_place *b,
				 const Lance__Table__DataFile *file,
				 struct file_place *ret)
{
	bool has_base = b->where == BLOB_IN_BASE || file->opt_base_id_case;
	uint32_t base = b->where == BLOB_IN_BASE ? b->base : file->base_id;
	switch (b->where) {
	case BLOB_AT_URI:
		return place_of_uri(v, b->path, ret);
	case BLOB_IN_BASE:
	case BLOB_IN_TABLE:
		TRY(check_relative(b->path));
		if (has_base)
			return base_place(v, base, b->path, ret);
		ret->store = v->table->store;
		return str_dup(b->path, &ret->path);
	case BLOB_IN_DATA_FILE:
	case BLOB_BESIDE:
		break;
	}
	TRY(data_file_place(v, file, ret));
	if (b->where == BLOB_BESIDE) {
		free(ret->path);
		ret->path = NULL;
		TRY(str_dup(b->path, &ret->path));
	}
	return NULL;
}

/* --- opening --- */

/* A range within the file; *ret_size is up to its end if the blob does not tell. */
static struct err *check_range(const struct blob_place *b, const struct io_file *file,
			       uint64_t *ret_size)
{
	uint64_t end, size = io_size(file);
	*ret_size = b->size;
	if (b->is_to_end && b->offset <= size)
		*ret_size = size - b->offset;
	if (ckd_add(&end, b->offset, *ret_size) || end > size)
		return err_new(EIO,
			       "%s: a blob of %" PRIu64 " bytes at offset %" PRIu64
			       " lies past the end of the file (%" PRIu64 " bytes)",
			       io_file_path(file), *ret_size, b->offset, size);
	return NULL;
}

static struct err *open_file(const struct blob_place *b, const struct file_place *at,
			     const struct file_reader *r, struct io_file **ret)
{
	bool is_named = b->where == BLOB_AT_URI || b->where == BLOB_IN_BASE;
	if (b->where == BLOB_IN_DATA_FILE) {
		*ret = io_file_ref(file_reader_file(r));
		return NULL;
	}
	struct err *err = io_open(at->store, at->path, ret);
	if (!err || !is_named)
		return err;
	/* what others do with the user's files is not a cleanup */
	struct err *told = err_new(err->code == ENOENT ? EIO : err->code, "%s: %s",
				   b->path, err->msg);
	err_free(err);
	return told;
}

static struct err *open_blob(const struct version *v, const struct blob_place *b,
			     const Lance__Table__DataFile *data_file,
			     const struct file_reader *r, struct blob *ret)
{
	AUTO(io_file) struct io_file *file = NULL;
	AUTO_PLACE struct file_place at = {0};
	uint64_t size;
	bool is_empty = b->size == 0 && !b->is_to_end;
	if (is_empty) { /* it may have no file */
		*ret = (struct blob){io_file_ref(file_reader_file(r)), 0, 0};
		return NULL;
	}
	TRY(place_of_blob(v, b, data_file, &at));
	TRY(open_file(b, &at, r, &file));
	TRY(check_range(b, file, &size));
	*ret = (struct blob){TAKE(file), b->offset, size};
	return NULL;
}

/* The blob of a live row of one fragment, counted within it. */
static struct err *live_blob(struct version *v, struct fragment *f,
			     const struct field *field, uint64_t row, struct blob *ret)
{
	const struct deletion_vector *d;
	AUTO(file_reader) struct file_reader *r = NULL;
	AUTO_BLOB_PLACE struct blob_place place = {0};
	struct file_map map;
	const Lance__Table__DataFile *file = fragment_file(f, field);
	if (!file)
		return NULL;
	TRY(fragment_deleted(v, f, &d));
	TRY(fragment_open_file(v, file, &r, &map));
	TRY(file_blob_place(r, field, &map, d ? deletion_select_live(d, row) : row,
			    &place));
	return place.is_null ? NULL : open_blob(v, &place, file, r, ret);
}

struct err *version_blob(struct version *v, const struct field *field, uint64_t row,
			 struct blob *ret)
{
	*ret = (struct blob){0};
	if (row >= v->n_rows)
		return err_new(EINVAL, "row %" PRIu64 " of a table of %" PRIu64, row,
			       v->n_rows);
	struct fragment *f = &v->fragments[version_fragment_of_row(v, row)];
	struct err *err = live_blob(v, f, field, row - f->first_row, ret);
	if (!err)
		return NULL;
	return explain_read(
		v, field,
		err_wrap(err, "row %" PRIu64 ": fragment %" PRIu64, row, f->id));
}

struct err *blob_read(const struct blob *b, uint64_t off, size_t len, void *dst,
		      size_t *ret_len)
{
	*ret_len = off < b->size ? (size_t)MIN_OF((uint64_t)len, b->size - off) : 0;
	return *ret_len ? io_read(b->file, b->offset + off, *ret_len, dst) : NULL;
}

void blob_fini(struct blob *b)
{
	io_file_unref(b->file);
	*b = (struct blob){0};
}
