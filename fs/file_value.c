// SPDX-License-Identifier: Apache-2.0
/*
 * file_value.c: one value alone: rows/17/caption.txt, columns/image/0000017.jpg.
 *
 * The lookup reads the value, because a null is a missing file; so its size is
 * known from then on.  Of a blob it reads the descriptor, and what is read of the
 * file is all that is read of the blob.
 */
#include "fs.h"

static uint64_t value_key(const struct version *v, const struct field *f, uint64_t row,
			  bool is_frozen)
{
	uint64_t key = hash_mix(version_column_key(v, f), field_shape_key(f));
	return hash_mix(hash_mix(key, row), is_frozen);
}

uint64_t value_ino(const struct mount *m, const struct version *v,
		   const struct field *f, uint64_t row, bool is_frozen)
{
	return node_ino(m, &value_file_ops, value_key(v, f, row, is_frozen));
}

/* --- the value's bytes --- */

/* *ret is NULL for a null. */
static struct err *read_value(struct version *v, struct field *f, uint64_t row,
			      struct bytes **ret)
{
	AUTO(array) struct array *stored = NULL;
	AUTO(array) struct array *a = NULL;
	AUTO(field) struct field *shown = NULL;
	AUTO_BUF struct buf out = {0};
	*ret = NULL;
	TRY(version_read(v, f, row, row + 1, &stored));
	if (array_is_null(stored, 0))
		return NULL;
	TRY(format_field(format_find("txt"), f, &shown));
	TRY(format_array(stored, f, shown, &a));
	TRY(value_render(a, 0, &out));
	TRY(buf_check(&out));
	TRY(bytes_new(out.len, ret));
	if (out.len)
		memcpy((*ret)->data, out.data, out.len);
	return NULL;
}

/* What a value is without its bytes. */
struct value_info {
	bool is_null;
	uint64_t size;
};

static struct err *value_info(struct version *v, struct field *f, uint64_t row,
			      struct value_info *ret)
{
	AUTO(bytes) struct bytes *value = NULL;
	struct blob blob;
	if (field_is_blob(f)) {
		TRY(version_blob(v, f, row, &blob));
		*ret = (struct value_info){!blob.file, blob.size};
		blob_fini(&blob);
		return NULL;
	}
	TRY(read_value(v, f, row, &value));
	*ret = (struct value_info){!value, value ? value->len : 0};
	return NULL;
}

struct err *value_node(struct mount *m, struct version *v, struct field *f,
		       uint64_t row, bool is_frozen, struct node **ret)
{
	struct value_info info = {0};
	*ret = NULL;
	/* who looks again for one that is there need not read it again */
	if (!inodes_size(&m->server->inodes, value_ino(m, v, f, row, is_frozen),
			 &info.size))
		TRY(value_info(v, f, row, &info));
	if (info.is_null)
		return NULL;
	TRY(node_new(m, &value_file_ops, value_key(v, f, row, is_frozen), v, ret));
	(*ret)->is_frozen = is_frozen;
	(*ret)->field = f;
	(*ret)->row = row;
	(*ret)->size = info.size;
	(*ret)->entry_timeout = is_frozen ? TIMEOUT_IMMUTABLE : 0;
	return NULL;
}

static struct err *value_attr(struct mount *m, struct node *n, bool is_exact,
			      struct stat *st, double *ret_timeout)
{
	int64_t ns;
	(void)is_exact;
	TRY(column_time(m, n->version, n->field, &ns));
	st->st_mtim.tv_sec = ns / 1000000000;
	st->st_mtim.tv_nsec = ns % 1000000000;
	st->st_size = (off_t)n->size;
	*ret_timeout = TIMEOUT_IMMUTABLE;
	return NULL;
}

static struct err *value_open(struct mount *m, struct handle *h,
			      struct fuse_file_info *fi)
{
	const struct node *n = h->node;
	(void)m;
	fi->keep_cache = 1;
	if (field_is_blob(n->field))
		return version_blob(n->version, n->field, n->row, &h->blob);
	return read_value(n->version, n->field, n->row, &h->text);
}

/* Of blobs; other values are the handle's text. */
static struct err *value_read(struct mount *m, struct handle *h, uint64_t off,
			      size_t len, uint8_t *dst, size_t *ret_len)
{
	(void)m;
	return blob_read(&h->blob, off, len, dst, ret_len);
}

#define MIME_NAME "user.mime_type"

static struct err *value_xattr_list(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	(void)n;
	buf_append(out, MIME_NAME, sizeof(MIME_NAME));
	return buf_check(out);
}

static struct err *value_xattr_get(struct mount *m, struct node *n, const char *name,
				   struct buf *out, bool *ret_found)
{
	*ret_found = strcmp(name, MIME_NAME) == 0;
	if (*ret_found)
		buf_str(out, value_mime(m, n->version, n->field));
	return NULL;
}

const struct node_ops value_file_ops = {
	.kind = "value",
	.mode = S_IFREG | 0444,
	.attr = value_attr,
	.open = value_open,
	.read = value_read,
	.xattr_list = value_xattr_list,
	.xattr_get = value_xattr_get,
};
