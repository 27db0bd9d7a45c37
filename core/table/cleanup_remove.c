// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_remove.c: out of sight, and away.
 *
 * A version is out of sight when its manifest has the name of a staging file; it may be
 * brought back for as long as its files are there.  One file that cannot be removed
 * does not keep the others.
 */
#include "table/cleanup_priv.h"

#include <errno.h>
#include <inttypes.h>

/* --- manifests --- */

static struct err *hide(struct cleanup *c, struct cleanup_version *v)
{
	AUTO_MEM char *path = NULL;
	AUTO_MEM char *aside = NULL;
	TRY(manifest_path(c->table->naming, v->number, &path));
	TRY(hidden_path(v->number, &aside));
	TRY(io_remove(c->table->store, aside)); /* of one who died while he did this */
	v->is_hidden = true; /* also if that is said to have failed */
	struct err *err = io_publish(c->table->store, path, aside);
	v->is_visible = err && err->code != ENOENT;
	if (v->is_visible)
		return err;
	err_free(err); /* it is gone: somebody else cleans up */
	return NULL;
}

struct err *cleanup_hide(struct cleanup *c)
{
	bool is_any = false;
	for (size_t i = 0; i < c->versions.n; i++) {
		struct cleanup_version *v = &c->versions.items[i];
		if (v->fate != FATE_EXPIRES || !v->is_visible)
			continue;
		TRY(cleanup_step(c, i, c->versions.n));
		TRY(hide(c, v));
		is_any = true;
	}
	return is_any ? io_sync_dir(c->table->store, "_versions") : NULL;
}

struct err *cleanup_check_hidden(const struct cleanup *c)
{
	for (size_t i = 0; i < c->versions.n; i++)
		if (c->versions.items[i].fate == FATE_EXPIRES &&
		    c->versions.items[i].is_visible)
			return err_new(
				EIO,
				"version %" PRIu64
				" cannot be put out of sight: nothing is removed",
				c->versions.items[i].number);
	return NULL;
}

static struct err *bring_back(struct cleanup *c, struct cleanup_version *v)
{
	AUTO_MEM char *path = NULL;
	AUTO_MEM char *aside = NULL;
	TRY(manifest_path(c->table->naming, v->number, &path));
	TRY(hidden_path(v->number, &aside));
	struct err *err = io_publish(c->table->store, aside, path);
	if (err && err->code == EEXIST) {
		err_free(err); /* it never went */
		err = io_remove(c->table->store, aside);
	} else if (err && err->code == ENOENT) {
		err_free(err); /* there is nothing to bring back */
		err = NULL;
	}
	v->is_visible = v->is_visible || !err;
	v->is_hidden = err != NULL;
	return err;
}

struct err *cleanup_bring_back(struct cleanup *c, bool all)
{
	struct err *first = NULL;
	for (size_t i = 0; i < c->versions.n; i++) {
		struct cleanup_version *v = &c->versions.items[i];
		if (!v->is_hidden || !(all || v->fate == FATE_STAYS))
			continue;
		struct err *err = bring_back(c, v);
		if (first)
			err_free(err); /* one is told */
		else
			first = err;
	}
	return first;
}

/* --- files --- */

/* Takes the error. */
static void failed(struct cleanup *c, struct err *err)
{
	c->result->n_failed++;
	if (c->failure)
		err_free(err); /* they are counted, and the first is told */
	else
		c->failure = err;
}

static bool goes(const struct cleanup *c, const struct cleanup_name *n)
{
	int64_t age;
	return !n->is_kept &&
	       (n->is_expired || (!ckd_sub(&age, c->now_ns, n->newest_ns) &&
				  age > c->options->unreferenced_ns));
}

static void count(struct cleanup_count *n, uint64_t bytes)
{
	n->n++;
	n->bytes += bytes;
}

/* A directory counts nothing; what others put into it meanwhile keeps it. */
static void remove_file(struct cleanup *c, const struct cleanup_file *f)
{
	bool is_gone = true;
	struct err *err = f->is_dir ? io_remove_dir(c->table->store, f->path, &is_gone)
				    : io_remove(c->table->store, f->path);
	if (err)
		failed(c, err);
	else if (!f->is_dir)
		count(&c->result->removed[f->kind], f->bytes);
}

static struct err *remove_files(struct cleanup *c)
{
	const struct cleanup_list *l = &c->list;
	for (size_t i = 0; i < l->n_files; i++) {
		const struct cleanup_file *f = &l->files[i];
		if (!goes(c, &l->names[f->name]))
			continue;
		TRY(cleanup_step(c, i, l->n_files));
		remove_file(c, f);
	}
	return NULL;
}

/* The manifest goes last: as long as it is there, the next cleanup knows that its files
 * were committed. */
static void remove_hidden(struct cleanup *c)
{
	for (size_t i = 0; i < c->versions.n; i++) {
		struct cleanup_version *v = &c->versions.items[i];
		AUTO_MEM char *path = NULL;
		if (!v->is_hidden || v->fate != FATE_EXPIRES)
			continue;
		struct err *err = hidden_path(v->number, &path);
		if (!err)
			err = io_remove(c->table->store, path);
		if (err)
			failed(c, err);
		else
			count(&c->result->removed[CLEANUP_VERSIONS], v->bytes);
	}
}

static struct err *sync_dir(struct cleanup *c, const char *dir)
{
	struct err *err = io_sync_dir(c->table->store, dir);
	if (err && err->code == ENOENT) {
		err_free(err); /* there is none */
		return NULL;
	}
	return err;
}

struct err *cleanup_remove(struct cleanup *c)
{
	static const char *const dirs[] = {"data", "_deletions", "_transactions",
					   "_indices"};
	TRY(remove_files(c));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		TRY(sync_dir(c, dirs[i]));
	if (!c->failure)
		remove_hidden(c);
	return sync_dir(c, "_versions");
}

void cleanup_count(struct cleanup *c)
{
	const struct cleanup_list *l = &c->list;
	for (size_t i = 0; i < l->n_files; i++) {
		const struct cleanup_file *f = &l->files[i];
		const struct cleanup_name *n = &l->names[f->name];
		if (!f->is_dir && goes(c, n))
			count(&c->result->removed[f->kind], f->bytes);
	}
	for (size_t i = 0; i < c->versions.n; i++)
		if (c->versions.items[i].fate == FATE_EXPIRES)
			count(&c->result->removed[CLEANUP_VERSIONS],
			      c->versions.items[i].bytes);
}
