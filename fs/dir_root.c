// SPDX-License-Identifier: Apache-2.0
/*
 * dir_root.c: the root of the tree, versions/N and branches/NAME: a fixed set of
 * directories and generated files, over the latest version or a numbered one.
 */
#include "fs.h"

enum place {
	ROOT = 1,
	NUMBERED = 2, /* versions/N */
	BRANCH = 4,
	EVERYWHERE = ROOT | NUMBERED | BRANCH,
	UNLISTED = 8, /* found by name */
};

static const struct {
	const char *name;
	const struct node_ops *ops;
	unsigned places;
} dirs[] = {
	{"columns", &columns_ops, EVERYWHERE},
	{"rows", &rows_ops, EVERYWHERE},
	{"fragments", &fragments_ops, EVERYWHERE},
	{"indices", &indices_ops, EVERYWHERE},
	{"table", &table_dir_ops, EVERYWHERE},

	{"versions", &versions_ops, ROOT | BRANCH},
	{"tags", &tags_ops, ROOT},
	{"branches", &branches_ops, ROOT},
	{"append", &append_ops, ROOT},
	{"joins", &joins_ops, ROOT},
	{"queries", &queries_ops, ROOT},
	{"jobs", &jobs_ops, ROOT},
	{"udfs", &udfs_ops, ROOT},
	{"rejected", &rejected_ops, ROOT},
	{"control", &control_ops, ROOT},
	{"metrics", &metrics_ops, ROOT},
	{"events", &events_ops, ROOT | UNLISTED},
};

#define N_DIRS (sizeof(dirs) / sizeof(dirs[0]))

static enum place place_of(const struct node *dir)
{
	return dir->version ? NUMBERED : dir->mount->main ? BRANCH : ROOT;
}

static uint64_t dir_key(const struct version *v)
{
	return v ? version_number(v) : 0;
}

static uint64_t child_key(const struct node *dir, const struct node_ops *ops)
{
	if (ops->is_fresh)
		return atomic_fetch_add(&dir->mount->server->n_fresh, 1) + 1;
	return dir_key(dir->version);
}

static struct err *root_lookup(struct mount *m, struct node *dir, const char *name,
			       struct node **ret)
{
	for (size_t i = 0; i < N_DIRS; i++) {
		if (strcmp(dirs[i].name, name) != 0 ||
		    !(dirs[i].places & place_of(dir)))
			continue;
		TRY(node_new(m, dirs[i].ops, child_key(dir, dirs[i].ops), dir->version,
			     ret));
		(*ret)->is_frozen = dir->is_frozen;
		(*ret)->entry_timeout = TIMEOUT_IMMUTABLE;
		if (!S_ISDIR(dirs[i].ops->mode))
			(*ret)->entry_timeout = 0;
		return NULL;
	}
	return text_lookup(m, dir, name, ret);
}

static struct err *root_list(struct mount *m, struct handle *h, uint64_t off,
			     const struct list_sink *sink)
{
	struct node *dir = h->node;
	const char *name;
	uint64_t ino;
	for (size_t i = off; i < N_DIRS; i++) {
		if ((dirs[i].places & UNLISTED) || !(dirs[i].places & place_of(dir)))
			continue;
		ino = node_ino(m, dirs[i].ops, dir_key(dir->version));
		if (sink->fn(sink->ctx, dirs[i].name, ino, dirs[i].ops->mode, i + 1))
			return NULL;
	}
	for (size_t i = off > N_DIRS ? off - N_DIRS : 0;
	     text_entry(m, dir, h->version, i, &name, &ino); i++)
		if (sink->fn(sink->ctx, name, ino, text_file_ops.mode, N_DIRS + i + 1))
			return NULL;
	return NULL;
}

const struct node_ops root_ops = {
	.kind = "root",
	.mode = S_IFDIR | 0755,
	.lookup = root_lookup,
	.list = root_list,
};

const struct node_ops branch_dir_ops = {
	.kind = "branch",
	.mode = S_IFDIR | 0555,
	.lookup = root_lookup,
	.list = root_list,
};

const struct node_ops version_dir_ops = {
	.kind = "version",
	.mode = S_IFDIR | 0555,
	.lookup = root_lookup,
	.list = root_list,
};
