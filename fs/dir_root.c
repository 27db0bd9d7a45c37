// SPDX-License-Identifier: Apache-2.0
/*
 * dir_root.c: the root of the tree and versions/N: a fixed set of directories
 * and generated files, over the latest version or a numbered one.
 */
#include "fs.h"

enum place { EVERYWHERE, LIVE, UNLISTED /* and live */ };

static const struct {
	const char *name;
	const struct node_ops *ops;
	enum place place;
} dirs[] = {
	{"columns", &columns_ops, EVERYWHERE},
	{"rows", &rows_ops, EVERYWHERE},
	{"fragments", &fragments_ops, EVERYWHERE},
	{"indices", &indices_ops, EVERYWHERE},
	{"table", &table_dir_ops, EVERYWHERE},

	{"versions", &versions_ops, LIVE},
	{"tags", &tags_ops, LIVE},
	{"append", &append_ops, LIVE},
	{"rejected", &rejected_ops, LIVE},
	{"control", &control_ops, LIVE},
	{"metrics", &metrics_ops, LIVE},
	{"events", &events_ops, UNLISTED},
};

#define N_DIRS (sizeof(dirs) / sizeof(dirs[0]))

static uint64_t dir_key(const struct version *v)
{
	return v ? version_number(v) : 0;
}

static struct err *root_lookup(struct mount *m, struct node *dir, const char *name,
			       struct node **ret)
{
	for (size_t i = 0; i < N_DIRS; i++) {
		if (strcmp(dirs[i].name, name) != 0 ||
		    (dirs[i].place != EVERYWHERE && dir->version))
			continue;
		TRY(node_new(m, dirs[i].ops, dir_key(dir->version), dir->version, ret));
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
		if (dirs[i].place == UNLISTED ||
		    (dirs[i].place == LIVE && dir->version))
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

const struct node_ops version_dir_ops = {
	.kind = "version",
	.mode = S_IFDIR | 0555,
	.lookup = root_lookup,
	.list = root_list,
};
