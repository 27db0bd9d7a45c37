// SPDX-License-Identifier: Apache-2.0
/*
 * file_part.c: columns/A.B.FORMAT, a member of a struct, and
 * columns/A.mask.FORMAT, the nulls of a column; found by name, not listed.
 */
#include "fs.h"

#include <errno.h>

struct err *part_lookup(const struct node *dir, struct version *v, const char *stem,
			const struct format_ops *format, struct node **ret)
{
	struct column_part_of part;
	AUTO(field) struct field *f = NULL;
	AUTO(node) struct node *n = NULL;
	bool found;
	if (dir->fragment)
		return NULL;
	TRY(part_find(v, stem, &found, &part));
	if (!found)
		return NULL;
	TRY(part_field(&part, &f));
	if (!format_renders_field(format, f))
		return NULL;
	uint64_t key = hash_str(stem, version_column_key(v, part.column));
	key = hash_mix(hash_str(format_suffix(format), key),
		       field_shape_key(part.column));
	TRY(node_new(dir->mount, &part_file_ops, hash_mix(key, dir->is_frozen), v, &n));
	TRY(str_dup(stem, &n->name));
	n->is_frozen = dir->is_frozen;
	n->field = part.column;
	n->format = format;
	n->entry_timeout = dir->is_frozen ? TIMEOUT_IMMUTABLE : 0;
	*ret = TAKE(n);
	return NULL;
}

static struct err *make_view(struct node *n, struct view **ret)
{
	struct column_part_of part;
	bool found;
	TRY(part_find(n->version, n->name, &found, &part));
	return part_view(n->version, &part, n->format, ret);
}

static struct err *part_open(struct mount *m, struct handle *h,
			     struct fuse_file_info *fi)
{
	(void)m;
	fi->keep_cache = 1;
	if (h->can_write)
		return err_new(EOPNOTSUPP,
			       "'%s' is a part of a column; write the whole "
			       "column",
			       h->node->name);
	return NULL;
}

const struct node_ops part_file_ops = {
	.kind = "part",
	.mode = S_IFREG | 0444,
	.attr = column_attr,
	.open = part_open,
	.read = view_read,
	.view = make_view,
};
