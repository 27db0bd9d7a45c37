// SPDX-License-Identifier: Apache-2.0
/*
 * dir_versions.c: versions/ (N and latest) and tags/ (links into it).
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>

/* --- versions/ --- */

static struct err *versions_lookup(struct mount *m, struct node *dir, const char *name,
				   struct node **ret)
{
	AUTO(version) struct version *v = NULL;
	uint64_t number;
	(void)dir;
	if (strcmp(name, "latest") == 0)
		return node_new(m, &latest_link_ops, 0, NULL, ret);
	if (!str_to_u64(name, &number))
		return NULL;
	struct err *err = table_version(m->table, number, &v);
	if (err && err->code == ENOENT) {
		err_free(err); /* no such name */
		return NULL;
	}
	TRY(err);
	TRY(node_new(m, &version_dir_ops, number, v, ret));
	(*ret)->is_frozen = true;
	(*ret)->entry_timeout = 1.0; /* others may clean it up */
	return NULL;
}

static struct err *versions_list(struct mount *m, struct handle *h, uint64_t off,
				 const struct list_sink *sink)
{
	AUTO_MEM uint64_t *numbers = NULL;
	size_t n;
	(void)h;
	TRY(table_list_versions(m->table, &numbers, &n));
	if (off == 0 &&
	    sink->fn(sink->ctx, "latest", node_ino(m, &latest_link_ops, 0), S_IFLNK, 1))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		/* offsets are version numbers, so that they outlive commits */
		char name[24];
		if (numbers[i] + 1 <= off && off > 1)
			continue;
		snprintf(name, sizeof(name), "%" PRIu64, numbers[i]);
		if (sink->fn(sink->ctx, name, node_ino(m, &version_dir_ops, numbers[i]),
			     S_IFDIR, numbers[i] + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops versions_ops = {
	.kind = "versions",
	.mode = S_IFDIR | 0555,
	.lookup = versions_lookup,
	.list = versions_list,
};

static struct err *latest_readlink(struct mount *m, struct node *n, char **ret)
{
	AUTO(version) struct version *v = table_latest(m->table);
	(void)n;
	return str_printf(ret, "%" PRIu64, version_number(v));
}

static struct err *link_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *ret_timeout)
{
	AUTO_MEM char *target = NULL;
	(void)is_exact;
	TRY(n->ops->readlink(m, n, &target));
	st->st_size = (off_t)strlen(target);
	*ret_timeout = 0;
	return NULL;
}

const struct node_ops latest_link_ops = {
	.kind = "latest",
	.mode = S_IFLNK | 0777,
	.attr = link_attr,
	.readlink = latest_readlink,
};

/* --- tags/ --- */

struct tags {
	struct table_tag *items; /* owned */
	size_t n;
};

static void auto_tags(struct tags *t)
{
	tags_free(t->items, t->n);
}
#define AUTO_TAGS __attribute__((cleanup(auto_tags)))

static uint64_t tag_key(const struct table_tag *t)
{
	uint64_t key = hash_str(t->name, t->version);
	return t->branch ? hash_str(t->branch, key) : key;
}

static struct err *tags_lookup(struct mount *m, struct node *dir, const char *name,
			       struct node **ret)
{
	AUTO_TAGS struct tags t = {0};
	(void)dir;
	TRY(table_list_tags(m->table, &t.items, &t.n));
	for (size_t i = 0; i < t.n; i++) {
		if (strcmp(t.items[i].name, name) != 0)
			continue;
		TRY(node_new(m, &tag_link_ops, tag_key(&t.items[i]), NULL, ret));
		(*ret)->row = t.items[i].version;
		(*ret)->name = TAKE(t.items[i].branch);
		return NULL;
	}
	return NULL;
}

static struct err *tags_list(struct mount *m, struct handle *h, uint64_t off,
			     const struct list_sink *sink)
{
	AUTO_TAGS struct tags t = {0};
	(void)h;
	TRY(table_list_tags(m->table, &t.items, &t.n));
	for (size_t i = off; i < t.n; i++) {
		uint64_t ino = node_ino(m, &tag_link_ops, tag_key(&t.items[i]));
		if (sink->fn(sink->ctx, t.items[i].name, ino, S_IFLNK, i + 1))
			return NULL;
	}
	return NULL;
}

const struct node_ops tags_ops = {
	.kind = "tags",
	.mode = S_IFDIR | 0755,
	.lookup = tags_lookup,
	.list = tags_list,
};

static struct err *tag_readlink(struct mount *m, struct node *n, char **ret)
{
	AUTO_MEM char *branch = NULL;
	(void)m;
	if (!n->name)
		return str_printf(ret, "../versions/%" PRIu64, n->row);
	TRY(name_encode(n->name, &branch));
	return str_printf(ret, "../branches/%s/versions/%" PRIu64, branch, n->row);
}

const struct node_ops tag_link_ops = {
	.kind = "tag",
	.mode = S_IFLNK | 0777,
	.attr = link_attr,
	.readlink = tag_readlink,
};
