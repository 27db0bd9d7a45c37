// SPDX-License-Identifier: Apache-2.0
#include "store_copy.h"

struct copy {
	struct io_store *from, *to;
	const char *dir;
};

static struct err *copy_entry(void *ctx, const char *name)
{
	const struct copy *c = ctx;
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *b = NULL;
	struct io_stat st;
	bool found;
	if (strcmp(c->dir, ".") == 0)
		TRY(str_dup(name, &path));
	else
		TRY(str_printf(&path, "%s/%s", c->dir, name));
	TRY(io_stat(c->from, path, &found, &st));
	if (st.is_dir)
		return store_copy(c->from, path, c->to);
	TRY(io_read_all(c->from, path, UINT32_MAX, &b));
	return io_put(c->to, path, b->data, b->len);
}

struct err *store_copy(struct io_store *from, const char *dir, struct io_store *to)
{
	struct copy c = {from, to, dir};
	return io_list(from, dir, copy_entry, &c);
}
