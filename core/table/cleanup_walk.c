// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_walk.c: all of a dataset's directory: its bytes, and where branches are.
 *
 * Branches are looked for where their versions lie and not in _refs/branches/ alone:
 * one that is being made has no file there yet, and needs its parent's files all the
 * same.
 */
#include "table/cleanup_priv.h"

#include <errno.h>

#define MOST_DEPTH 200 /* a branch's name has 200 letters at most */
#define BRANCHES "tree/"

void cleanup_names_fini(struct cleanup_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct cleanup_names){0};
}

struct walk {
	struct io_store *store; /* borrowed, as all here */
	const char *dir;
	unsigned depth;
	uint64_t *bytes;
	struct cleanup_names *branches; /* NULL: not asked */
};

/* dir is tree/NAME: it has versions. */
static struct err *add_branch(const struct walk *w)
{
	struct cleanup_names *l = w->branches;
	TRY(mem_grow(l->n + 1, sizeof(*l->items), &l->cap, &l->items));
	TRY(str_dup(w->dir + strlen(BRANCHES), &l->items[l->n]));
	l->n++;
	return NULL;
}

static struct err *walk_entry(void *ctx, const struct io_entry *e);

static struct err *walk_dir(const struct walk *above, const char *name)
{
	AUTO_MEM char *dir = NULL;
	bool is_top = strcmp(above->dir, ".") == 0;
	TRY(str_printf(&dir, "%s%s%s", is_top ? "" : above->dir, is_top ? "" : "/",
		       name));
	struct walk w = {above->store, dir, above->depth + 1, above->bytes,
			 above->branches};
	if (w.depth > MOST_DEPTH)
		return err_new(EOPNOTSUPP, "%s: directories nest too deeply", dir);
	struct err *err = io_scan(w.store, dir, walk_entry, &w);
	if (err && err->code == EACCES && !str_starts(dir, BRANCHES)) {
		err_free(err); /* somebody else's: its bytes are not counted */
		return NULL;
	}
	return err;
}

static struct err *walk_entry(void *ctx, const struct io_entry *e)
{
	const struct walk *w = ctx;
	*w->bytes += e->size;
	/* a branch may have that name */
	if (!e->is_dir || (!w->branches && strcmp(e->name, "_lancefs") == 0))
		return NULL;
	if (w->branches && str_starts(w->dir, BRANCHES) &&
	    strcmp(e->name, "_versions") == 0)
		TRY(add_branch(w));
	return walk_dir(w, e->name);
}

struct err *cleanup_bytes(struct io_store *s, uint64_t *ret)
{
	uint64_t bytes = 0;
	struct walk w = {s, ".", 0, &bytes, NULL};
	TRY(io_scan(s, ".", walk_entry, &w));
	*ret = bytes;
	return NULL;
}

struct err *cleanup_branches(struct io_store *root, struct cleanup_names *ret)
{
	uint64_t unused = 0;
	struct walk w = {root, "tree", 0, &unused, ret};
	return io_scan(root, "tree", walk_entry, &w);
}
