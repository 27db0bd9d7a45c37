// SPDX-License-Identifier: Apache-2.0
/*
 * view_file.c: what files that are views share: columns, their parts, tables.
 *
 * A kind says by its .view how to make one; it is made once a node, when first
 * needed, and its size is remembered by the node's content.
 */
#include "fs.h"

struct err *node_view(struct mount *m, struct node *n, struct view **ret)
{
	uint64_t size;
	LOCK_SCOPE(&n->lock);
	if (!n->view) {
		TRY(n->ops->view(n, &n->view));
		if (memo_get(m->memo, MEMO_SIZE, n->ino, &size))
			view_set_size(n->view, size);
	}
	*ret = view_ref(n->view);
	return NULL;
}

struct err *view_attr(struct mount *m, struct node *n, bool is_exact, struct stat *st,
		      double *ret_timeout)
{
	AUTO(view) struct view *view = NULL;
	uint64_t size = 0;
	TRY(node_view(m, n, &view));
	bool known = view_size_known(view, &size);
	if (!known && is_exact) {
		TRY(view_size(view, &size));
		memo_put(m->memo, MEMO_SIZE, n->ino, size);
		known = true;
	}
	st->st_size = (off_t)size;
	*ret_timeout = known ? TIMEOUT_IMMUTABLE : 0;
	return NULL;
}

struct err *view_read(struct mount *m, struct handle *h, uint64_t off, size_t len,
		      uint8_t *dst, size_t *ret_len)
{
	AUTO(view) struct view *view = NULL;
	TRY(node_view(m, h->node, &view));
	return view_pread(view, off, len, dst, ret_len);
}
