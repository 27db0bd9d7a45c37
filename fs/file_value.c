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
	struct value_info info;
	*ret = NULL;
	TRY(value_info(v, f, row, &info));
	if (info.is_null)
		return NULL;
	TRY(node_new(m, &value_file_ops, value_key(v, f, row, is_frozen), v, ret));
	(*ret)->is_frozen = is_frozen;
	(*ret)->field = f;
	(*ret)->row = row;
	(*ret)->size = info.size;
	(*ret)->entry_timeout = is_frozen ? TIMEOUT_IMMUTABLE : 1.0;
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

const struct node_ops value_file_ops = {
	.kind = "value",
	.mode = S_IFREG | 0444,
	.attr = value_attr,
	.open = value_open,
	.read = value_read,
};

/* --- the extension of binary values --- */

static const struct {
	const char *extension;
	unsigned at;
	const char *magic;
	size_t len;
} magics[] = {
	{"jpg", 0, "\xff\xd8\xff", 3},
	{"png", 0, "\x89PNG", 4},
	{"gif", 0, "GIF8", 4},
	{"webp", 8, "WEBP", 4},
	{"pdf", 0, "%PDF-", 5},
	{"mp4", 4, "ftyp", 4},
	{"wav", 8, "WAVE", 4},
	{"flac", 0, "fLaC", 4},
	{"mp3", 0, "ID3", 3},
	{"ogg", 0, "OggS", 4},
	{"zst", 0, "\x28\xb5\x2f\xfd", 4},
	{"gz", 0, "\x1f\x8b", 2},
	{"zip", 0, "PK\x03\x04", 4},
	{"tiff", 0, "II*\0", 4},
	{"tiff", 0, "MM\0*", 4},
	{"bmp", 0, "BM", 2},
};

#define N_MAGICS (sizeof(magics) / sizeof(magics[0]))
#define SNIFF_ROWS 16

static size_t sniff(const uint8_t *p, uint64_t len)
{
	for (size_t i = 0; i < N_MAGICS; i++)
		if (len >= magics[i].at + magics[i].len &&
		    memcmp(p + magics[i].at, magics[i].magic, magics[i].len) == 0)
			return i;
	return N_MAGICS;
}

static struct err *sniff_blob(struct version *v, struct field *f, uint64_t row,
			      bool *ret_null, size_t *ret)
{
	uint8_t head[16];
	struct blob blob;
	size_t len;
	TRY(version_blob(v, f, row, &blob));
	*ret_null = !blob.file;
	struct err *err = blob_read(&blob, 0, sizeof(head), head, &len);
	blob_fini(&blob);
	*ret = err ? N_MAGICS : sniff(head, len);
	return err;
}

static struct err *sniff_value(struct version *v, struct field *f, uint64_t row,
			       bool *ret_null, size_t *ret)
{
	AUTO(array) struct array *one = NULL;
	uint64_t len;
	if (field_is_blob(f))
		return sniff_blob(v, f, row, ret_null, ret);
	TRY(version_read(v, f, row, row + 1, &one));
	*ret_null = array_is_null(one, 0);
	const uint8_t *p = array_var(one, 0, &len);
	*ret = sniff(p, len);
	return NULL;
}

/* N_MAGICS if the first values do not tell. */
static size_t sniff_column(struct version *v, struct field *f)
{
	uint64_t n = MIN_OF(version_rows(v), (uint64_t)SNIFF_ROWS);
	for (uint64_t row = 0; row < n; row++) {
		bool is_null;
		size_t i;
		struct err *err = sniff_value(v, f, row, &is_null, &i);
		if (err) {
			err_free(err); /* reading the value will tell it */
			break;
		}
		if (!is_null)
			return i;
	}
	return N_MAGICS;
}

static const char *stated_extension(const struct field *f)
{
	const char *said = field_metadata(f, "lancefs:extension");
	const char *mime = field_metadata(f, "mime");
	if (said && *said && !strpbrk(said, "/%"))
		return said;
	if (!mime)
		return NULL;
	if (strcmp(mime, "image/jpeg") == 0)
		return "jpg";
	const char *slash = strrchr(mime, '/');
	for (size_t i = 0; slash && i < N_MAGICS; i++)
		if (strcmp(slash + 1, magics[i].extension) == 0)
			return magics[i].extension;
	return NULL;
}

const char *value_extension(struct mount *m, struct version *v, struct field *f)
{
	const char *said = stated_extension(f);
	uint64_t key = version_column_key(v, f), i;
	if (said)
		return said;
	if (!memo_get(m->memo, MEMO_EXTENSION, key, &i)) {
		i = f->type->id == TYPE_FIXED_BINARY ? N_MAGICS : sniff_column(v, f);
		memo_put(m->memo, MEMO_EXTENSION, key, i);
	}
	return i < N_MAGICS ? magics[i].extension : "bin";
}
