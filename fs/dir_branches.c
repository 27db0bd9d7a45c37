// SPDX-License-Identifier: Apache-2.0
/*
 * dir_branches.c: branches/: a directory a branch, named as columns are ('/' is
 * %2F).  A branch is a mount of its own: its latest version, and its versions/.
 */
#include "fs.h"

void branch_fini(struct table_branch *b)
{
	free(b->name);
	free(b->parent);
	*b = (struct table_branch){0};
}

struct branches {
	struct table_branch *items; /* owned */
	size_t n;
};

static void auto_branches(struct branches *b)
{
	branches_free(b->items, b->n);
}
#define AUTO_BRANCHES __attribute__((cleanup(auto_branches)))

struct err *branch_find(struct mount *m, const char *name, bool *ret_found,
			struct table_branch *ret)
{
	AUTO_BRANCHES struct branches b = {0};
	TRY(table_list_branches(m->table, &b.items, &b.n));
	*ret_found = false;
	for (size_t i = 0; i < b.n && !*ret_found; i++) {
		AUTO_MEM char *known = NULL;
		TRY(name_encode(b.items[i].name, &known));
		if (strcmp(known, name) != 0)
			continue;
		*ret = b.items[i];
		b.items[i] = (struct table_branch){0};
		*ret_found = true;
	}
	return NULL;
}

static struct err *branches_lookup(struct mount *m, struct node *dir, const char *name,
				   struct node **ret)
{
	AUTO(mount) struct mount *branch = NULL;
	struct table_branch b = {0};
	bool found;
	(void)dir;
	TRY(branch_find(m, name, &found, &b));
	if (!found)
		return NULL;
	struct err *err = mount_branch(m, &b, &branch);
	branch_fini(&b);
	TRY(err);
	TRY(mount_root(branch, ret));
	(*ret)->entry_timeout = 1.0; /* it may be removed */
	return NULL;
}

static struct err *branches_list(struct mount *m, struct handle *h, uint64_t off,
				 const struct list_sink *sink)
{
	AUTO_BRANCHES struct branches b = {0};
	(void)h;
	TRY(table_list_branches(m->table, &b.items, &b.n));
	for (size_t i = off; i < b.n; i++) {
		AUTO_MEM char *name = NULL;
		uint64_t ino = mount_branch_ino(m, &b.items[i]);
		TRY(name_encode(b.items[i].name, &name));
		if (sink->fn(sink->ctx, name, ino, S_IFDIR, i + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops branches_ops = {
	.kind = "branches",
	.mode = S_IFDIR | 0555,
	.lookup = branches_lookup,
	.list = branches_list,
};
