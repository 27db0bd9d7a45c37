// SPDX-License-Identifier: Apache-2.0
/*
 * bundle.c: a bundle while it is made.
 *
 * Its files go into a directory with a passing name, hashed on their way; at last the
 * list of the digests is written, and the directory gets the name that this gives.
 * So a bundle is there as a whole or not at all.
 */
#include "udf/udf_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct err *bundle_begin(struct io_store *s, struct bundle *ret)
{
	uint8_t raw[16];
	char text[UUID_TEXT_LEN + 1];
	if (!io_store_writable(s))
		return err_new(EROFS, "%s cannot be written", io_store_name(s));
	TRY(uuid_new(raw, text));
	*ret = (struct bundle){.store = s};
	return str_printf(&ret->dir, UDF_DIR "/.tmp-%s", text);
}

/* --- what may be in it --- */

/* A path as sha256sum and the shell take it without tricks. */
static struct err *check_path(const char *path)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f || path[i] == '\\')
			return err_new(EINVAL, "a file's name has a control byte or a "
					       "backslash");
	if (len == 0 || len > MAX_BUNDLE_PATH || !utf8_valid(path, len))
		return err_new(EINVAL,
			       "a file's path is not UTF-8 or over %d bytes long",
			       MAX_BUNDLE_PATH);
	return NULL;
}

static struct err *add_bytes(struct bundle *b, size_t n)
{
	b->n_bytes += n;
	if (b->n_bytes > MAX_BUNDLE_BYTES)
		return err_new(EFBIG,
			       "a bundle has at most 256 MiB; declare large files as "
			       "models=/absolute/path");
	return NULL;
}

const struct bundle_file *bundle_find(const struct bundle *b, const char *path)
{
	for (size_t i = 0; i < b->n_files; i++)
		if (strcmp(b->files[i].path, path) == 0)
			return &b->files[i];
	return NULL;
}

static struct err *begin_file(struct bundle *b, const char *path,
			      struct io_writer **ret)
{
	AUTO_MEM char *full = NULL;
	TRY(check_path(path));
	if (b->n_files >= MAX_BUNDLE_FILES)
		return err_new(EFBIG, "a bundle has at most %d files",
			       MAX_BUNDLE_FILES);
	TRY(mem_grow(b->n_files + 1, sizeof(*b->files), &b->cap, &b->files));
	b->files[b->n_files] = (struct bundle_file){0};
	TRY(str_dup(path, &b->files[b->n_files].path));
	b->n_files++;
	TRY(str_printf(&full, "%s/%s", b->dir, path));
	return io_create(b->store, full, ret);
}

/* Whatever the umask says: others may have to run it. */
static struct err *set_mode(const struct bundle *b, const struct bundle_file *f)
{
	AUTO_MEM char *full = NULL;
	int dir = io_store_fd(b->store);
	TRY(str_printf(&full, "%s/%s", b->dir, f->path));
	if (dir >= 0 && fchmodat(dir, full, f->is_executable ? 0755 : 0644, 0) != 0)
		return err_errno(errno, "%s: chmod", full);
	return NULL;
}

static struct err *end_file(struct bundle *b, struct io_writer *w, struct sha256 *h)
{
	struct err *err = io_writer_finish(w);
	TRY(err);
	TRY(sha256_end(h, b->files[b->n_files - 1].hash));
	return set_mode(b, &b->files[b->n_files - 1]);
}

static struct err *copy(struct bundle *b, int fd, const char *path, struct io_writer *w,
			struct sha256 *h)
{
	uint8_t part[65536];
	off_t at = 0;
	for (;;) {
		ssize_t n = pread(fd, part, sizeof(part), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno, "%s", path);
		if (n == 0)
			return NULL;
		TRY(add_bytes(b, (size_t)n));
		TRY(sha256_add(h, part, (size_t)n));
		TRY(io_write(w, part, (size_t)n));
		at += n;
	}
}

struct err *bundle_add_fd(struct bundle *b, int fd, const char *path,
			  bool is_executable)
{
	AUTO(io_writer) struct io_writer *w = NULL;
	AUTO_SHA256 struct sha256 h = {0};
	TRY(sha256_begin(&h));
	TRY(begin_file(b, path, &w));
	b->files[b->n_files - 1].is_executable = is_executable;
	TRY(copy(b, fd, path, w, &h));
	return end_file(b, TAKE(w), &h);
}

struct err *bundle_add_bytes(struct bundle *b, const char *path, const void *p,
			     size_t len)
{
	AUTO(io_writer) struct io_writer *w = NULL;
	AUTO_SHA256 struct sha256 h = {0};
	TRY(sha256_begin(&h));
	TRY(add_bytes(b, len));
	TRY(begin_file(b, path, &w));
	TRY(sha256_add(&h, p, len));
	TRY(io_write(w, p, len));
	return end_file(b, TAKE(w), &h);
}

struct err *bundle_read(const struct bundle *b, const char *path, uint64_t limit,
			bool is_whole, struct bytes **ret)
{
	AUTO_MEM char *full = NULL;
	AUTO(io_file) struct io_file *f = NULL;
	TRY(str_printf(&full, "%s/%s", b->dir, path));
	TRY(io_open(b->store, full, &f));
	if (is_whole && io_size(f) > limit)
		return err_new(EFBIG, "%s: over %llu bytes", path,
			       (unsigned long long)limit);
	return io_read_bytes(f, 0, (size_t)MIN_OF(io_size(f), limit), ret);
}

/* --- its name --- */

static int compare_files(const void *a, const void *b)
{
	const struct bundle_file *x = a, *y = b;
	return strcmp(x->path, y->path);
}

void bundle_sort(struct bundle *b)
{
	if (b->n_files)
		qsort(b->files, b->n_files, sizeof(*b->files), compare_files);
}

/* Is what has the name whole? */
static bool is_whole(struct bundle *b, const char *hash)
{
	AUTO(udf) struct udf *there = NULL;
	AUTO_ERR struct err *no = bundle_load(b->store, hash, &there); /* damaged */
	return !no;
}

/* Out of the way, to a name that cleaning up knows. */
static struct err *set_aside(struct bundle *b, const char *path)
{
	uint8_t raw[16];
	char text[UUID_TEXT_LEN + 1];
	AUTO_MEM char *aside = NULL;
	TRY(uuid_new(raw, text));
	TRY(str_printf(&aside, UDF_DIR "/.tmp-%s", text));
	return io_publish(b->store, path, aside);
}

/* A bundle that is there is as good, unless somebody has damaged it. */
static struct err *give_name(struct bundle *b, const char *hash)
{
	AUTO_MEM char *to = NULL;
	TRY(str_printf(&to, UDF_DIR "/%s", hash));
	struct err *err = io_publish(b->store, b->dir, to);
	if (err && (err->code == EEXIST || err->code == ENOTEMPTY)) {
		err_free(err);
		if (is_whole(b, hash))
			return NULL;
		TRY(set_aside(b, to));
		err = io_publish(b->store, b->dir, to);
	}
	TRY(err);
	free(TAKE(b->dir));
	return NULL;
}

static struct err *sync_dirs(struct bundle *b)
{
	for (size_t i = 0; i < b->n_files; i++) {
		AUTO_MEM char *dir = NULL;
		const char *slash = strrchr(b->files[i].path, '/');
		if (!slash)
			continue;
		TRY(str_printf(&dir, "%s/%.*s", b->dir, (int)(slash - b->files[i].path),
			       b->files[i].path));
		TRY(io_sync_dir(b->store, dir));
	}
	return io_sync_dir(b->store, b->dir);
}

struct err *bundle_publish(struct bundle *b, char hash[UDF_HASH_LEN + 1])
{
	AUTO_BUF struct buf sums = {0};
	bundle_sort(b);
	for (size_t i = 0; i < b->n_files; i++)
		buf_printf(&sums, "%s  %s\n", b->files[i].hash, b->files[i].path);
	TRY(buf_check(&sums));
	TRY(sha256_bytes(sums.data, sums.len, hash));
	TRY(bundle_add_bytes(b, UDF_SUMS, sums.data, sums.len));
	TRY(sync_dirs(b));
	TRY(give_name(b, hash));
	return io_sync_dir(b->store, UDF_DIR);
}

/* --- its end --- */

/* The directories of a path, the innermost first; those that still hold something
 * stay. */
static void remove_dirs(int at, char *path, size_t keep)
{
	for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
		*slash = 0;
		if (strlen(path) < keep || unlinkat(at, path, AT_REMOVEDIR) != 0)
			return;
	}
}

void bundle_fini(struct bundle *b)
{
	for (size_t i = 0; i < b->n_files; i++) {
		char full[sizeof(UDF_DIR) + 64 + MAX_BUNDLE_PATH];
		if (b->dir) {
			snprintf(full, sizeof(full), "%s/%s", b->dir, b->files[i].path);
			/* what stays has a name that cleaning up knows */
			err_free(io_remove(b->store, full));
			if (io_store_fd(b->store) >= 0)
				remove_dirs(io_store_fd(b->store), full,
					    strlen(b->dir));
		}
		free(b->files[i].path);
	}
	free(b->files);
	free(b->dir);
	*b = (struct bundle){0};
}
