// SPDX-License-Identifier: Apache-2.0
/*
 * media.c: what binary values are, by their column's metadata or by how the first
 * of them begin.
 *
 * To add a kind: a row in media.
 */
#include "fs.h"

static const struct {
	const char *extension, *mime;
	unsigned at;
	const char *magic;
	size_t len;
} media[] = {
	{"jpg", "image/jpeg", 0, "\xff\xd8\xff", 3},
	{"png", "image/png", 0, "\x89PNG", 4},
	{"gif", "image/gif", 0, "GIF8", 4},
	{"webp", "image/webp", 8, "WEBP", 4},
	{"pdf", "application/pdf", 0, "%PDF-", 5},
	{"mp4", "video/mp4", 4, "ftyp", 4},
	{"wav", "audio/wav", 8, "WAVE", 4},
	{"flac", "audio/flac", 0, "fLaC", 4},
	{"mp3", "audio/mpeg", 0, "ID3", 3},
	{"ogg", "audio/ogg", 0, "OggS", 4},
	{"zst", "application/zstd", 0, "\x28\xb5\x2f\xfd", 4},
	{"gz", "application/gzip", 0, "\x1f\x8b", 2},
	{"zip", "application/zip", 0, "PK\x03\x04", 4},
	{"tiff", "image/tiff", 0, "II*\0", 4},
	{"tiff", "image/tiff", 0, "MM\0*", 4},
	{"bmp", "image/bmp", 0, "BM", 2},
};

#define N_MEDIA (sizeof(media) / sizeof(media[0]))
#define SNIFF_ROWS 16

static size_t sniff(const uint8_t *p, uint64_t len)
{
	for (size_t i = 0; i < N_MEDIA; i++)
		if (len >= media[i].at + media[i].len &&
		    memcmp(p + media[i].at, media[i].magic, media[i].len) == 0)
			return i;
	return N_MEDIA;
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
	*ret = err ? N_MEDIA : sniff(head, len);
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

/* N_MEDIA if the first values do not tell; false: they cannot be read now. */
static bool sniff_column(struct version *v, struct field *f, uint64_t *ret)
{
	uint64_t n = MIN_OF(version_rows(v), (uint64_t)SNIFF_ROWS);
	*ret = N_MEDIA;
	for (uint64_t row = 0; row < n; row++) {
		bool is_null;
		size_t i;
		struct err *err = sniff_value(v, f, row, &is_null, &i);
		if (err) {
			err_free(err); /* reading the value will tell it */
			return false;
		}
		if (!is_null) {
			*ret = i;
			return true;
		}
	}
	return true;
}

/* What the column's metadata says, NULL if nothing that can be a file's. */
static const char *stated_extension(const struct field *f)
{
	const char *said = field_metadata(f, "lancefs:extension");
	const char *mime = field_metadata(f, "mime");
	if (said && *said && !strpbrk(said, "/%"))
		return said;
	for (size_t i = 0; mime && i < N_MEDIA; i++)
		if (strcmp(mime, media[i].mime) == 0)
			return media[i].extension;
	return NULL;
}

const char *value_extension(struct mount *m, struct version *v, struct field *f)
{
	const char *said = stated_extension(f);
	uint64_t key = version_column_key(v, f), i = N_MEDIA;
	if (said)
		return said;
	if (f->type->id != TYPE_FIXED_BINARY &&
	    !memo_get(m->memo, MEMO_EXTENSION, key, &i) && sniff_column(v, f, &i))
		memo_put(m->memo, MEMO_EXTENSION, key, i);
	return i < N_MEDIA ? media[i].extension : "bin";
}

const char *value_mime(struct mount *m, struct version *v, struct field *f)
{
	const char *said = field_metadata(f, "mime");
	if (said && strchr(said, '/'))
		return said;
	if (!column_is_binary(f))
		return "text/plain";
	const char *extension = value_extension(m, v, f);
	for (size_t i = 0; i < N_MEDIA; i++)
		if (strcmp(media[i].extension, extension) == 0)
			return media[i].mime;
	return "application/octet-stream";
}
