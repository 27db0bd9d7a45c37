// SPDX-License-Identifier: Apache-2.0
/*
 * dir_indices.c: indices/NAME.json: what indices there are and what they cover.
 */
#include "fs.h"

#define SUFFIX ".json"

/* An index may be called anything; as a file it is spelled like a column. */
static struct err *file_name(const char *index, char **ret)
{
	AUTO_MEM char *encoded = NULL;
	TRY(name_encode(index, &encoded));
	return str_printf(ret, "%s" SUFFIX, encoded);
}

static struct err *indices_lookup(struct mount *m, struct node *dir, const char *name,
				  struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	for (size_t i = 0;; i++) {
		AUTO_MEM char *index = NULL;
		AUTO_MEM char *file = NULL;
		TRY(version_index_name(v, i, &index));
		if (!index)
			return NULL;
		TRY(file_name(index, &file));
		if (strcmp(file, name) == 0)
			return index_node(dir, v, index, ret);
	}
}

static struct err *indices_list(struct mount *m, struct handle *h, uint64_t off,
				const struct list_sink *sink)
{
	(void)m;
	for (size_t i = off;; i++) {
		AUTO_MEM char *index = NULL;
		AUTO_MEM char *file = NULL;
		TRY(version_index_name(h->version, i, &index));
		if (!index)
			return NULL;
		TRY(file_name(index, &file));
		if (sink->fn(sink->ctx, file, index_ino(h->node, h->version, index),
			     S_IFREG, i + 1))
			return NULL;
	}
}

const struct node_ops indices_ops = {
	.kind = "indices",
	.mode = S_IFDIR | 0555,
	.lookup = indices_lookup,
	.list = indices_list,
};
