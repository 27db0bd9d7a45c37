// SPDX-License-Identifier: Apache-2.0
/*
 * dir_fragments.c: fragments/, fragments/ID/ and its files/: the parts that a
 * version is made of, frozen: columns of one fragment, its deleted offsets, and
 * the data files' own bytes.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>

/* Nodes below fragments/ belong to one version. */
static uint64_t fragment_key(const struct version *v, size_t i, uint64_t salt)
{
	return hash_mix(hash_mix(version_number(v), i), salt);
}

static struct err *part_node(struct mount *m, const struct node_ops *ops,
			     struct version *v, size_t i, uint64_t salt,
			     struct node **ret)
{
	TRY(node_new(m, ops, fragment_key(v, i, salt), v, ret));
	(*ret)->is_frozen = true;
	(*ret)->fragment = i + 1;
	(*ret)->entry_timeout = 1.0;
	return NULL;
}

/* --- fragments/ --- */

static struct err *fragments_lookup(struct mount *m, struct node *dir, const char *name,
				    struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	uint64_t id;
	struct fragment_info f;
	if (!str_to_u64(name, &id))
		return NULL;
	size_t lo = 0, hi = version_n_fragments(v);
	while (lo < hi) { /* they are sorted by id */
		size_t mid = lo + (hi - lo) / 2;
		version_fragment(v, mid, &f);
		if (f.id == id) {
			TRY(part_node(m, &fragment_ops, v, mid, 0, ret));
			if (!dir->version) /* a compaction replaces it */
				(*ret)->entry_timeout = 0;
			return NULL;
		}
		if (f.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static struct err *fragments_list(struct mount *m, struct handle *h, uint64_t off,
				  const struct list_sink *sink)
{
	for (size_t i = off; i < version_n_fragments(h->version); i++) {
		char name[24];
		struct fragment_info f;
		version_fragment(h->version, i, &f);
		snprintf(name, sizeof(name), "%" PRIu64, f.id);
		uint64_t ino =
			node_ino(m, &fragment_ops, fragment_key(h->version, i, 0));
		if (sink->fn(sink->ctx, name, ino, S_IFDIR, i + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops fragments_ops = {
	.kind = "fragments",
	.mode = S_IFDIR | 0555,
	.lookup = fragments_lookup,
	.list = fragments_list,
};

/* --- fragments/ID/ --- */

static const struct {
	const char *name;
	const struct node_ops *ops;
} dirs[] = {{"columns", &columns_ops}, {"files", &data_files_ops}};

#define N_DIRS (sizeof(dirs) / sizeof(dirs[0]))

static struct err *fragment_lookup(struct mount *m, struct node *dir, const char *name,
				   struct node **ret)
{
	for (size_t i = 0; i < N_DIRS; i++)
		if (strcmp(dirs[i].name, name) == 0)
			return part_node(m, dirs[i].ops, dir->version,
					 dir->fragment - 1, i + 1, ret);
	return text_lookup(m, dir, name, ret);
}

static struct err *fragment_list(struct mount *m, struct handle *h, uint64_t off,
				 const struct list_sink *sink)
{
	struct node *dir = h->node;
	const char *name;
	uint64_t ino;
	for (size_t i = off; i < N_DIRS; i++) {
		ino = node_ino(m, dirs[i].ops,
			       fragment_key(dir->version, dir->fragment - 1, i + 1));
		if (sink->fn(sink->ctx, dirs[i].name, ino, S_IFDIR, i + 1))
			return NULL;
	}
	for (size_t i = off > N_DIRS ? off - N_DIRS : 0;
	     text_entry(m, dir, h->version, i, &name, &ino); i++)
		if (sink->fn(sink->ctx, name, ino, S_IFREG, N_DIRS + i + 1))
			return NULL;
	return NULL;
}

const struct node_ops fragment_ops = {
	.kind = "fragment",
	.mode = S_IFDIR | 0555,
	.lookup = fragment_lookup,
	.list = fragment_list,
};

/* --- fragments/ID/files/ --- */

/* The name of data file k, borrowed from *place. */
static struct err *file_name(const struct node *dir, size_t k, struct file_place *place,
			     const char **ret)
{
	TRY(version_data_file(dir->version, dir->fragment - 1, k, place));
	const char *slash = strrchr(place->path, '/');
	*ret = slash ? slash + 1 : place->path;
	return NULL;
}

/* A branch's own file may have the name of one that it began with, or of one outside.
 */
static uint64_t file_key(const struct mount *m, const struct file_place *place)
{
	bool is_own = place->store == m->store;
	return hash_str(place->path,
			is_own ? 0 : hash_str(io_store_name(place->store), 1));
}

static size_t n_files(const struct node *dir)
{
	struct fragment_info f;
	version_fragment(dir->version, dir->fragment - 1, &f);
	return f.n_files;
}

static struct err *files_lookup(struct mount *m, struct node *dir, const char *name,
				struct node **ret)
{
	for (size_t k = 0; k < n_files(dir); k++) {
		AUTO_PLACE struct file_place place = {0};
		const char *known;
		TRY(file_name(dir, k, &place, &known));
		if (strcmp(known, name) != 0)
			continue;
		TRY(node_new(m, &data_file_ops, file_key(m, &place), dir->version,
			     ret));
		(*ret)->is_frozen = true;
		(*ret)->entry_timeout = TIMEOUT_IMMUTABLE;
		(*ret)->fragment = dir->fragment;
		(*ret)->row = k;
		return NULL;
	}
	return NULL;
}

static struct err *files_list(struct mount *m, struct handle *h, uint64_t off,
			      const struct list_sink *sink)
{
	for (size_t k = off; k < n_files(h->node); k++) {
		AUTO_PLACE struct file_place place = {0};
		const char *name;
		TRY(file_name(h->node, k, &place, &name));
		if (sink->fn(sink->ctx, name,
			     node_ino(m, &data_file_ops, file_key(m, &place)), S_IFREG,
			     k + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops data_files_ops = {
	.kind = "data files",
	.mode = S_IFDIR | 0555,
	.lookup = files_lookup,
	.list = files_list,
};

static struct err *gone(const struct file_place *place)
{
	return err_new(ESTALE, "%s: the version was cleaned up", place->path);
}

static struct err *data_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *ret_timeout)
{
	AUTO_PLACE struct file_place place = {0};
	bool found;
	struct io_stat real;
	(void)m;
	(void)is_exact;
	TRY(version_data_file(n->version, n->fragment - 1, (size_t)n->row, &place));
	TRY(io_stat(place.store, place.path, &found, &real));
	if (!found)
		return gone(&place);
	st->st_size = (off_t)real.size;
	st->st_mtim.tv_sec = real.mtime_ns / 1000000000;
	st->st_mtim.tv_nsec = real.mtime_ns % 1000000000;
	*ret_timeout = TIMEOUT_IMMUTABLE;
	return NULL;
}

static struct err *data_read(struct mount *m, struct handle *h, uint64_t off,
			     size_t len, uint8_t *dst, size_t *ret_len)
{
	AUTO(io_file) struct io_file *f = NULL;
	AUTO_PLACE struct file_place place = {0};
	const struct node *n = h->node;
	(void)m;
	TRY(version_data_file(n->version, n->fragment - 1, (size_t)n->row, &place));
	struct err *err = io_open(place.store, place.path, &f);
	if (err && err->code == ENOENT) {
		err_free(err); /* said in other words */
		return gone(&place);
	}
	TRY(err);
	*ret_len = 0;
	if (off >= io_size(f))
		return NULL;
	*ret_len = (size_t)MIN_OF(len, io_size(f) - off);
	return io_read(f, off, *ret_len, dst);
}

static struct err *data_open(struct mount *m, struct handle *h,
			     struct fuse_file_info *fi)
{
	(void)m;
	(void)h;
	fi->keep_cache = 1;
	return NULL;
}

const struct node_ops data_file_ops = {
	.kind = "data file",
	.mode = S_IFREG | 0444,
	.attr = data_attr,
	.open = data_open,
	.read = data_read,
};
