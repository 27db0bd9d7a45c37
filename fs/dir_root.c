// SPDX-License-Identifier: Apache-2.0
/*
 * dir_root.c: the root of the tree and versions/N: a fixed set of directories
 * and generated files, over the latest version or a numbered one.
 */
#include "fs.h"

static const struct {
	const char *name;
	const struct node_ops *ops;
	bool only_live;
} dirs[] = {
	{"columns", &columns_ops, false},     {"rows", &rows_ops, false},
	{"fragments", &fragments_ops, false}, {"indices", &indices_ops, false},
	{"table", &table_dir_ops, false},

	{"versions", &versions_ops, true},    {"tags", &tags_ops, true},
	{"rejected", &rejected_ops, true},    {"control", &control_ops, true},
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
		    (dirs[i].only_live && dir->version))
			continue;
		TRY(node_new(dirs[i].ops, dir_key(dir->version), dir->version, ret));
		(*ret)->is_frozen = dir->is_frozen;
		(*ret)->entry_timeout = TIMEOUT_IMMUTABLE;
		if (dirs[i].ops == &control_ops)
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
		if (dirs[i].only_live && dir->version)
			continue;
		ino = node_ino(dirs[i].ops, dir_key(dir->version));
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
