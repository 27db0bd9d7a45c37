// SPDX-License-Identifier: Apache-2.0
/*
 * file_value.c: one value alone: rows/17/caption.txt, columns/image/0000017.jpg.
 *
 * The lookup reads the value, because a null is a missing file; so its size is
 * known from then on.
 */
#include "fs.h"

static uint64_t value_key(const struct version *v, const struct field *f, uint64_t row,
			  bool is_frozen)
{
	return hash_mix(hash_mix(version_column_key(v, f), row), is_frozen);
}

uint64_t value_ino(const struct version *v, const struct field *f, uint64_t row,
		   bool is_frozen)
{
	return node_ino(&value_file_ops, value_key(v, f, row, is_frozen));
}

/* The value's bytes; *ret is NULL for a null. */
static struct err *read_value(struct version *v, struct field *f, uint64_t row,
			      struct bytes **ret)
{
	AUTO(array) struct array *a = NULL;
	AUTO_BUF struct buf out = {0};
	*ret = NULL;
	TRY(version_read(v, f, row, row + 1, &a));
	if (array_is_null(a, 0))
		return NULL;
	TRY(value_render(a, 0, &out));
	TRY(buf_check(&out));
	TRY(bytes_new(out.len, ret));
	if (out.len)
		memcpy((*ret)->data, out.data, out.len);
	return NULL;
}

struct err *value_node(struct version *v, struct field *f, uint64_t row, bool is_frozen,
		       struct node **ret)
{
	AUTO(bytes) struct bytes *value = NULL;
	*ret = NULL;
	TRY(read_value(v, f, row, &value));
	if (!value)
		return NULL;
	TRY(node_new(&value_file_ops, value_key(v, f, row, is_frozen), v, ret));
	(*ret)->is_frozen = is_frozen;
	(*ret)->field = f;
	(*ret)->row = row;
	(*ret)->size = value->len;
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
	(void)m;
	fi->keep_cache = 1;
	return read_value(h->node->version, h->node->field, h->node->row, &h->text);
}

const struct node_ops value_file_ops = {
	.kind = "value",
	.mode = S_IFREG | 0444,
	.attr = value_attr,
	.open = value_open,
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

/* N_MAGICS if the first values do not tell. */
static size_t sniff_column(struct version *v, struct field *f)
{
	uint64_t len;
	for (uint64_t row = 0; row < MIN_OF(version_rows(v), (uint64_t)SNIFF_ROWS);
	     row++) {
		AUTO(array) struct array *one = NULL;
		struct err *err = version_read(v, f, row, row + 1, &one);
		if (err) {
			err_free(err); /* reading the value will tell it */
			break;
		}
		if (array_is_null(one, 0))
			continue;
		const uint8_t *p = array_var(one, 0, &len);
		return sniff(p, len);
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
