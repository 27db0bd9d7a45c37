// SPDX-License-Identifier: Apache-2.0
/*
 * dir_table.c: table/: the whole table in one file, table.arrow, table.jsonl and
 * table.csv, of the columns that each format holds.
 */
#include "fs.h"

static const char *const suffixes[] = {"arrow", "jsonl", "csv"};

#define N_SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* Sizes are remembered by it, so it stands for the content of all columns. */
static uint64_t file_key(const struct node *dir, const struct version *v, size_t i)
{
	uint64_t key = hash_str(suffixes[i], version_number(v));
	for (size_t k = 0; k < version_n_fields(v); k++)
		key = hash_mix(
			hash_mix(key, version_column_key(v, version_field(v, k))),
			field_shape_key(version_field(v, k)));
	return hash_mix(key, dir->is_frozen);
}

static struct err *table_lookup(struct mount *m, struct node *dir, const char *name,
				struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	for (size_t i = 0; i < N_SUFFIXES; i++) {
		if (!str_starts(name, "table.") || strcmp(name + 6, suffixes[i]) != 0)
			continue;
		TRY(node_new(m, &table_file_ops, file_key(dir, v, i), v, ret));
		(*ret)->is_frozen = dir->is_frozen;
		(*ret)->format = format_find(suffixes[i]);
		(*ret)->entry_timeout = dir->is_frozen ? TIMEOUT_IMMUTABLE : 0;
		return NULL;
	}
	return NULL;
}

static struct err *table_list(struct mount *m, struct handle *h, uint64_t off,
			      const struct list_sink *sink)
{
	for (size_t i = off; i < N_SUFFIXES; i++) {
		char name[16];
		snprintf(name, sizeof(name), "table.%s", suffixes[i]);
		if (sink->fn(sink->ctx, name,
			     node_ino(m, &table_file_ops,
				      file_key(h->node, h->version, i)),
			     S_IFREG, i + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops table_dir_ops = {
	.kind = "table directory",
	.mode = S_IFDIR | 0555,
	.lookup = table_lookup,
	.list = table_list,
};

static struct err *make_view(struct node *n, struct view **ret)
{
	return table_view(n->version, n->format, ret);
}

static struct err *table_open_file(struct mount *m, struct handle *h,
				   struct fuse_file_info *fi)
{
	(void)m;
	(void)h;
	fi->keep_cache = 1;
	return NULL;
}

const struct node_ops table_file_ops = {
	.kind = "table",
	.mode = S_IFREG | 0444,
	.attr = view_attr,
	.open = table_open_file,
	.read = view_read,
	.view = make_view,
};
