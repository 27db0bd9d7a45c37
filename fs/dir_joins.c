// SPDX-License-Identifier: Apache-2.0
/*
 * dir_joins.c: joins/, a directory for each column that a file can be joined on.
 */
#include "fs.h"

static uint64_t key_of(const struct field *f)
{
	return hash_str(f->name, 0);
}

static struct err *joins_lookup(struct mount *m, struct node *dir, const char *name,
				struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	AUTO(node) struct node *n = NULL;
	const struct field *f = name_find(v, name);
	if (!f || !column_is_key(f))
		return NULL;
	TRY(node_new(m, &join_ops, key_of(f), NULL, &n));
	TRY(place_of_key(m, f->name, &n->drops));
	n->entry_timeout = 1.0;
	*ret = TAKE(n);
	return NULL;
}

static struct err *joins_list(struct mount *m, struct handle *h, uint64_t off,
			      const struct list_sink *sink)
{
	for (size_t i = off; i < version_n_fields(h->version); i++) {
		const struct field *f = version_field(h->version, i);
		AUTO_MEM char *name = NULL;
		if (!column_is_key(f))
			continue;
		TRY(name_encode(f->name, &name));
		if (sink->fn(sink->ctx, name, node_ino(m, &join_ops, key_of(f)),
			     S_IFDIR, i + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops joins_ops = {
	.kind = "joins",
	.mode = S_IFDIR | 0555,
	.lookup = joins_lookup,
	.list = joins_list,
};
