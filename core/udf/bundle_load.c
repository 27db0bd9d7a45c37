// SPDX-License-Identifier: Apache-2.0
/*
 * bundle_load.c: reading a bundle back, and proving that it is the one of its name.
 *
 * The name is the digest of the list of digests; each file must be as this list says,
 * and there must be no other: a module beside a script could stand in for one of the
 * interpreter's own.
 */
#include "udf/udf_priv.h"

#include <errno.h>

struct loading {
	struct io_store *store; /* borrowed */
	char *dir;		/* owned; "_udfs/HASH" */
	struct bytes *sums;	/* owned reference */
	struct bundle files;	/* its .dir stays NULL: nothing is removed */
};

static void loading_fini(struct loading *l)
{
	bundle_fini(&l->files);
	bytes_unref(l->sums);
	free(l->dir);
}

static inline void auto_loading(struct loading *l)
{
	loading_fini(l);
}
#define AUTO_LOADING __attribute__((cleanup(auto_loading)))

/* --- the list --- */

static struct err *take_sum(struct loading *l, const char *line, size_t len)
{
	struct bundle *b = &l->files;
	if (len < UDF_HASH_LEN + 3 || !sha256_is_hex(line, UDF_HASH_LEN) ||
	    line[UDF_HASH_LEN] != ' ' || line[UDF_HASH_LEN + 1] != ' ' ||
	    b->n_files == MAX_BUNDLE_FILES + 1 || memchr(line, 0, len))
		return err_new(EIO, UDF_SUMS ": line %zu is damaged", b->n_files + 1);
	TRY(mem_grow(b->n_files + 1, sizeof(*b->files), &b->cap, &b->files));
	struct bundle_file *f = &b->files[b->n_files];
	*f = (struct bundle_file){0};
	memcpy(f->hash, line, UDF_HASH_LEN);
	TRY(str_dup_len(line + UDF_HASH_LEN + 2, len - UDF_HASH_LEN - 2, &f->path));
	b->n_files++;
	return NULL;
}

static struct err *read_sums(struct loading *l, const char *hash)
{
	AUTO_MEM char *path = NULL;
	char real[UDF_HASH_LEN + 1];
	TRY(str_printf(&path, "%s/" UDF_SUMS, l->dir));
	TRY(io_read_all(l->store, path,
			(MAX_BUNDLE_PATH + UDF_HASH_LEN + 3) * MAX_BUNDLE_FILES,
			&l->sums));
	TRY(sha256_bytes(l->sums->data, l->sums->len, real));
	if (strcmp(real, hash) != 0)
		return err_new(EIO, UDF_SUMS " is not what its bundle's name says");
	const char *p = (const char *)l->sums->data, *end = p + l->sums->len;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		TRY(take_sum(l, p, (size_t)((newline ? newline : end) - p)));
		p = newline ? newline + 1 : end;
	}
	return NULL;
}

/* --- each file --- */

#define PART_BYTES ((size_t)1 << 20)

static struct err *hash_file(struct io_file *f, char hex[UDF_HASH_LEN + 1])
{
	AUTO_SHA256 struct sha256 h = {0};
	AUTO_MEM uint8_t *part = NULL;
	TRY(sha256_begin(&h));
	TRY(mem_array(MIN_OF((size_t)io_size(f), PART_BYTES), 1, &part));
	for (uint64_t at = 0; at < io_size(f); at += PART_BYTES) {
		size_t n = (size_t)MIN_OF(io_size(f) - at, (uint64_t)PART_BYTES);
		TRY(io_read(f, at, n, part));
		TRY(sha256_add(&h, part, n));
	}
	return sha256_end(&h, hex);
}

static struct err *verify_file(struct loading *l, const struct bundle_file *f)
{
	AUTO_MEM char *path = NULL;
	AUTO(io_file) struct io_file *file = NULL;
	char real[UDF_HASH_LEN + 1];
	TRY(str_printf(&path, "%s/%s", l->dir, f->path));
	struct err *err = io_open(l->store, path, &file);
	if (err && err->code == ENOENT) {
		err_free(err); /* told in its place */
		return err_new(EIO, "%s: missing", f->path);
	}
	TRY(err);
	if (io_size(file) > MAX_BUNDLE_BYTES)
		return err_new(EIO, "%s: larger than a bundle can be", f->path);
	TRY(hash_file(file, real));
	if (strcmp(real, f->hash) != 0)
		return err_new(EIO, "%s: not what was registered", f->path);
	return NULL;
}

/* --- nothing else --- */

struct visit {
	struct loading *l;
	const char *below; /* "" or "DIR/" */
	int depth;
};

static struct err *visit(void *ctx, const char *name)
{
	const struct visit *v = ctx;
	AUTO_MEM char *path = NULL, *full = NULL, *below = NULL;
	struct io_stat st;
	bool found;
	TRY(str_printf(&path, "%s%s", v->below, name));
	if (strcmp(path, UDF_SUMS) == 0 || bundle_find(&v->l->files, path))
		return NULL;
	TRY(str_printf(&full, "%s/%s", v->l->dir, path));
	TRY(io_stat(v->l->store, full, &found, &st));
	if (!found || !st.is_dir || v->depth > 64)
		return err_new(EIO, "%s: not of the bundle", path);
	TRY(str_printf(&below, "%s/", path));
	struct visit sub = {v->l, below, v->depth + 1};
	return io_list(v->l->store, full, visit, &sub);
}

/* --- as a whole --- */

static struct err *verify(struct loading *l)
{
	struct visit root = {l, "", 0};
	for (size_t i = 0; i < l->files.n_files; i++)
		TRY(verify_file(l, &l->files.files[i]));
	return io_list(l->store, l->dir, visit, &root);
}

static struct err *read_spec(struct loading *l, struct spec *ret)
{
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *text = NULL;
	TRY(str_printf(&path, "%s/" UDF_INI, l->dir));
	TRY(io_read_all(l->store, path, MAX_INI_BYTES, &text));
	return spec_read_ini((const char *)text->data, text->len, UDF_INI, ret);
}

static struct err *find_lock(struct loading *l, const struct spec *spec, struct udf *u)
{
	char **words = NULL;
	const char *text = spec->values[KEY_LOCK].text;
	if (!text)
		return NULL;
	TRY(shell_words(text, " \t", &words));
	const struct bundle_file *f =
		words[0] ? bundle_find(&l->files, words[0]) : NULL;
	struct err *err = f ? str_dup(f->hash, &u->lock) : NULL;
	udf_words_free(words);
	return err;
}

/* Where it was registered last; not a part of it, and may be missing. */
static struct err *read_version(struct io_store *s, struct udf *u)
{
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *text = NULL;
	bool found;
	struct io_stat st;
	TRY(str_printf(&path, UDF_INTERPRETERS "/%s", u->hash));
	TRY(io_stat(s, path, &found, &st));
	if (!found)
		return NULL;
	TRY(io_read_all(s, path, 4096, &text));
	size_t len = text->len;
	while (len && text->data[len - 1] == '\n')
		len--;
	AUTO_MEM char *version = NULL;
	TRY(str_dup_len(text->data, len, &version));
	return str_dup_utf8(version, &u->interpreter_version);
}

static struct err *load(struct loading *l, const char *hash, struct udf **ret)
{
	AUTO_SPEC struct spec spec = {0};
	AUTO(udf) struct udf *u = NULL;
	TRY(read_sums(l, hash));
	TRY(verify(l));
	TRY(read_spec(l, &spec));
	TRY(mem_new(&u));
	memcpy(u->hash, hash, UDF_HASH_LEN + 1);
	TRY(spec_to_udf(&spec, u));
	TRY(find_lock(l, &spec, u));
	TRY(read_version(l->store, u));
	*ret = TAKE(u);
	return NULL;
}

struct err *udf_open_file(struct io_store *s, const char *hash, const char *path,
			  struct io_file **ret)
{
	AUTO_MEM char *full = NULL;
	struct io_stat st;
	bool found;
	TRY(str_printf(&full, UDF_DIR "/%s/%s", hash, path));
	TRY(io_stat(s, full, &found, &st));
	return found && !st.is_dir ? io_open(s, full, ret) : NULL;
}

struct err *bundle_load(struct io_store *s, const char *hash, struct udf **ret)
{
	AUTO_LOADING struct loading l = {.store = s};
	l.files.store = s;
	TRY(str_printf(&l.dir, UDF_DIR "/%s", hash));
	TRY_CTX(load(&l, hash, ret), "%s", l.dir);
	return NULL;
}
