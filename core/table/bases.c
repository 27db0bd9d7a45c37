// SPDX-License-Identifier: Apache-2.0
/*
 * bases.c: where the files of a version lie.
 *
 * A manifest lists base paths, and a file that names one lies there and not in the
 * table's own directory: so a branch shows the files of what it was made of, and a
 * clone those of another dataset.  A base path is the absolute path, or the URI, that
 * its writer saw.  It is never opened as such: if it spells the root of this dataset or
 * a branch of it, files are read below the root's descriptor, else below that of one of
 * the directories that the user allows.  How the root was spelled when a branch was
 * made is told by the transaction that made it, so that a dataset may be moved, or
 * reached by a link.
 * Source: table.proto, BasePath; Lance's docs, "Branches".
 */
#include "table/table_priv.h"

#include <errno.h>
#include <inttypes.h>

#define BRANCHES_DIR "/tree/"
#define DELETIONS_DIR "_deletions/"

/* --- the root --- */

/* The path without the branch's part at its end; NULL if it does not end in it. */
static struct err *strip_branch(const char *path, const char *branch, char **ret)
{
	AUTO_MEM char *end = NULL;
	TRY(str_printf(&end, BRANCHES_DIR "%s", branch));
	if (str_ends(path, end) && strlen(path) > strlen(end))
		return str_dup_len(path, strlen(path) - strlen(end), ret);
	return NULL;
}

/* The directory that t is tree/BRANCH of, NULL if it is not in such a place. */
static struct err *open_root(struct table *t, struct io_store **ret)
{
	AUTO_MEM char *path = NULL;
	AUTO_MEM char *root_path = NULL;
	AUTO_MEM char *below = NULL;
	AUTO(io_store) struct io_store *root = NULL;
	AUTO(io_store) struct io_store *again = NULL;
	TRY(io_store_real_path(t->store, &path));
	TRY(strip_branch(path, t->branch, &root_path));
	if (!root_path || io_store_fd(t->store) < 0)
		return NULL;
	TRY(io_store_open_local(root_path, &root));
	TRY(str_printf(&below, "tree/%s", t->branch));
	TRY(io_store_open_dir(root, below, &again));
	if (io_store_is_same(again, t->store))
		*ret = TAKE(root);
	return NULL;
}

struct err *table_find_root(struct table *t, const Lance__Table__Manifest *m)
{
	if (t->is_placed) /* while it is opened: by one thread */
		return NULL;
	t->is_placed = true;
	if (m->opt_branch_case != LANCE__TABLE__MANIFEST__OPT_BRANCH_BRANCH) {
		t->root = io_store_ref(t->store);
		return NULL;
	}
	TRY(str_dup(m->branch, &t->branch));
	struct err *err =
		branch_name_is_valid(m->branch, false) ? open_root(t, &t->root) : NULL;
	if (err)
		log_line(t->log, LEVEL_WARN, "the dataset of branch %s: %s", m->branch,
			 err->msg);
	err_free(err); /* told; its own files can be read */
	return NULL;
}

/* --- how the root was spelled --- */

static struct err *oldest_number(void *ctx, const char *name)
{
	uint64_t *oldest = ctx, number;
	if (manifest_name_parse(name, &number) != NAMING_NONE)
		*oldest = MIN_OF(*oldest, number);
	return NULL;
}

/* A dataset's path, and the branch of it that was copied. */
static struct err *root_of(const char *path, const char *branch, char **ret)
{
	if (!branch || !*branch)
		return str_dup(path, ret);
	return strip_branch(path, branch, ret);
}

/* What the transaction of the first version says; NULL if it is no longer there. */
static struct err *ask_transaction(struct table *t, char **ret)
{
	AUTO(version) struct version *first = NULL;
	Lance__Table__Transaction *tx AUTO_PROTO = NULL;
	uint64_t oldest = UINT64_MAX;
	TRY(io_list(t->store, "_versions", oldest_number, &oldest));
	TRY(version_load_message(t, t->naming, oldest, &first));
	TRY(version_transaction(first, &tx));
	if (!tx || tx->operation_case != LANCE__TABLE__TRANSACTION__OPERATION_CLONE)
		return NULL;
	const Lance__Table__OpClone *c = tx->clone;
	if (c->opt_branch_name_case !=
		    LANCE__TABLE__OP_CLONE__OPT_BRANCH_NAME_BRANCH_NAME ||
	    strcmp(c->branch_name, t->branch) != 0)
		return NULL;
	bool has_name =
		c->opt_ref_name_case == LANCE__TABLE__OP_CLONE__OPT_REF_NAME_REF_NAME;
	return root_of(c->ref_path, has_name ? c->ref_name : NULL, ret);
}

/* Making a branch adds one base path, and none is ever removed: a single one is what
 * the branch was made of. */
static struct err *ask_bases(const Lance__Table__Manifest *m, char **ret)
{
	if (m->n_base_paths != 1 || !m->base_paths[0]->is_dataset_root)
		return NULL;
	const Lance__Table__BasePath *b = m->base_paths[0];
	bool has_name = b->opt_name_case == LANCE__TABLE__BASE_PATH__OPT_NAME_NAME;
	return root_of(b->path, has_name ? b->name : NULL, ret);
}

/* "" if nobody knows; borrowed. */
static struct err *recorded_root(struct version *v, const char **ret)
{
	struct table *t = v->table;
	AUTO_MEM char *found = NULL;
	pthread_mutex_lock(&t->lock);
	*ret = t->recorded_root;
	pthread_mutex_unlock(&t->lock);
	if (*ret)
		return NULL;
	if (t->branch) {
		struct err *err = ask_transaction(t, &found);
		if (err && err->code == ENOMEM)
			return err;
		err_free(err); /* then nobody knows, which is told where it matters */
		if (!found)
			TRY(ask_bases(v->manifest, &found));
	}
	if (!found)
		TRY(str_dup("", &found));
	LOCK_SCOPE(&t->lock);
	if (!t->recorded_root)
		t->recorded_root = TAKE(found);
	*ret = t->recorded_root;
	return NULL;
}

/* --- bases --- */

/* If path is root or a branch below it: where that is within the root. */
static struct err *within(const char *path, const char *root, char **ret)
{
	size_t len = strlen(root), path_len = strlen(path);
	while (len && root[len - 1] == '/')
		len--;
	while (path_len && path[path_len - 1] == '/')
		path_len--;
	if (!len || path_len < len || strncmp(path, root, len) != 0)
		return NULL;
	if (path_len == len)
		return str_dup("", ret);
	AUTO_MEM char *rest = NULL;
	TRY(str_dup_len(path + len, path_len - len, &rest));
	if (!str_starts(rest, BRANCHES_DIR) ||
	    !branch_name_is_valid(rest + strlen(BRANCHES_DIR), false))
		return NULL;
	return str_printf(ret, "%s/", rest + 1);
}

/* The prefix of a base in this dataset. */
static struct err *find_inside(struct version *v, const char *path, char **ret)
{
	const char *recorded;
	AUTO_MEM char *root = NULL;
	if (!v->table->root)
		return NULL;
	TRY(io_store_real_path(v->table->root, &root));
	TRY(within(path, root, ret));
	if (*ret)
		return NULL;
	TRY(recorded_root(v, &recorded));
	return within(path, recorded, ret);
}

/* A base that is not in this dataset, if it is in one of the roots. */
static struct err *find_outside(const struct version *v, const char *path,
				struct file_place *ret)
{
	AUTO_MEM char *local = NULL;
	if (path_is_relative(path))
		return roots_find_relative(v->table->roots, path, ret);
	TRY(uri_local_path(path, &local));
	return roots_find(v->table->roots, local, ret);
}

static struct err *base_read(struct version *v, const Lance__Table__BasePath *b,
			     struct base *ret)
{
	AUTO_MEM char *path = NULL;
	ret->id = b->id;
	ret->is_root = b->is_dataset_root;
	ret->path = b->path;
	struct err *err = uri_local_path(b->path, &path);
	if (err && err->code == ENOMEM)
		return err;
	err_free(err); /* told when a file of it is needed */
	TRY(find_inside(v, path ? path : b->path, &ret->prefix));
	if (ret->prefix)
		return NULL;
	err = find_outside(v, b->path, &ret->outside);
	if (err && err->code == ENOMEM)
		return err;
	err_free(err); /* as well */
	return NULL;
}

static int compare_bases(const void *a, const void *b)
{
	uint32_t x = ((const struct base *)a)->id, y = ((const struct base *)b)->id;
	return (x > y) - (x < y);
}

struct err *bases_read(struct version *v)
{
	const Lance__Table__Manifest *m = v->manifest;
	TRY(mem_array(m->n_base_paths, sizeof(*v->bases), &v->bases));
	v->n_bases = m->n_base_paths;
	for (size_t i = 0; i < v->n_bases; i++)
		TRY(base_read(v, m->base_paths[i], &v->bases[i]));
	qsort(v->bases, v->n_bases, sizeof(*v->bases), compare_bases);
	return NULL;
}

void bases_free(struct version *v)
{
	for (size_t i = 0; v->bases && i < v->n_bases; i++) {
		free(v->bases[i].prefix);
		free(v->bases[i].outside.path);
	}
	free(v->bases);
}

const struct base *base_find(const struct version *v, uint32_t id)
{
	struct base key = {.id = id};
	return bsearch(&key, v->bases, v->n_bases, sizeof(key), compare_bases);
}

/* The base of a file; what says of which for messages. */
static struct err *need_base(const struct version *v, uint32_t id, const char *what,
			     const struct base **ret)
{
	const struct base *b = base_find(v, id);
	if (!b)
		return err_new(EIO,
			       "%s is in base path %" PRIu32
			       ", which the manifest does not have",
			       what, id);
	*ret = b;
	return NULL;
}

/* A file in dir of a base ("": right in it). */
static struct err *place_in(const struct version *v, const struct base *b,
			    const char *dir, const char *path, struct file_place *ret)
{
	AUTO_MEM char *spelled = NULL;
	if (b->prefix) {
		ret->store = v->table->root;
		return str_printf(&ret->path, "%s%s%s", b->prefix, dir, path);
	}
	if (b->outside.store) {
		const char *base = b->outside.path;
		ret->store = b->outside.store;
		return str_printf(&ret->path, "%s%s%s%s", base, *base ? "/" : "", dir,
				  path);
	}
	if (path_is_relative(b->path))
		return err_new(EOPNOTSUPP,
			       "%s is outside of the dataset, in '%s' of a directory "
			       "that is not recorded; name that directory in the "
			       "option roots",
			       path, b->path);
	TRY_CTX(uri_local_path(b->path, &spelled), "%s", path);
	return err_new(EOPNOTSUPP, "%s: " NOT_ALLOWED, path, b->path,
		       *spelled ? spelled : "/");
}

struct err *base_place(const struct version *v, uint32_t id, const char *path,
		       struct file_place *ret)
{
	const struct base *b;
	TRY(need_base(v, id, path, &b));
	return place_in(v, b, "", path, ret);
}

struct err *data_file_place(const struct version *v, const Lance__Table__DataFile *f,
			    struct file_place *ret)
{
	const struct base *b;
	if (!f->opt_base_id_case) {
		ret->store = v->table->store;
		return str_printf(&ret->path, "data/%s", f->path);
	}
	TRY(need_base(v, f->base_id, f->path, &b));
	return place_in(v, b, b->is_root ? "data/" : "", f->path, ret);
}

struct err *deletion_place(const struct version *v, const struct fragment *f,
			   struct file_place *ret)
{
	const Lance__Table__DeletionFile *d = f->proto->deletion_file;
	const struct base *b;
	AUTO_MEM char *name = NULL;
	if (d->file_type > 1)
		return err_new(EOPNOTSUPP, "deletion file of type %" PRIu32,
			       d->file_type);
	TRY(str_printf(&name, "%" PRIu64 "-%" PRIu64 "-%" PRIu64 ".%s", f->id,
		       d->read_version, d->id, d->file_type == 1 ? "bin" : "arrow"));
	if (!d->opt_base_id_case) {
		ret->store = v->table->store;
		return str_printf(&ret->path, DELETIONS_DIR "%s", name);
	}
	TRY(need_base(v, d->base_id, "a deletion file", &b));
	if (!b->is_root)
		return err_new(
			EIO, "a deletion file is in %s, which is said to be no dataset",
			b->path);
	return place_in(v, b, DELETIONS_DIR, name, ret);
}

struct err *data_file_open(const struct version *v, const Lance__Table__DataFile *f,
			   struct file_reader **ret)
{
	AUTO_PLACE struct file_place place = {0};
	TRY(data_file_place(v, f, &place));
	return file_cache_get(v->table->files, &place, ret);
}

/* --- keys --- */

/* A file has one key in all branches; those of the main branch have none of these. */
static uint64_t place_key(const struct version *v, bool has_base, uint32_t id,
			  uint64_t key)
{
	const struct base *b = has_base ? base_find(v, id) : NULL;
	if (b && b->prefix && *b->prefix) /* tree/NAME/ */
		return hash_bytes(b->prefix + strlen("tree/"),
				  strlen(b->prefix) - strlen("tree//"), key);
	if (has_base)
		return b && b->prefix ? key : hash_str(b ? b->path : "?", key);
	return v->table->branch ? hash_str(v->table->branch, key) : key;
}

uint64_t data_file_key(const struct version *v, const Lance__Table__DataFile *f,
		       uint64_t key)
{
	return place_key(v, f->opt_base_id_case != 0, f->base_id,
			 hash_str(f->path, key));
}

uint64_t deletion_key(const struct version *v, const Lance__Table__DeletionFile *d,
		      uint64_t key)
{
	key = hash_mix(hash_mix(key, d->id), d->read_version);
	return place_key(v, d->opt_base_id_case != 0, d->base_id, key);
}
