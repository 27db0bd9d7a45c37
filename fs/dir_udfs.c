// SPDX-License-Identifier: Apache-2.0
/*
 * dir_udfs.c: udfs/: functions that are programs.
 *
 * NAME tells what is registered.  A program that is dropped here is registered when it
 * is closed, under its name without a suffix; under the name that it came with it is
 * still found, not listed, so that an editor or rsync meets what it has written.
 */
#include "staging_priv.h"

#include <errno.h>
#include <sys/stat.h>

static struct io_store *store_of(const struct mount *m)
{
	return table_store(m->table);
}

/* --- a program is written --- */

/* Whatever its mode: who drops a program here wants it to run, and many tools set
 * modes after they have written. */
static struct err *take(void *ctx, const char *text)
{
	struct staged *s = ctx;
	AUTO(udf) struct udf *u = NULL;
	(void)text;
	if (s->fd < 0)
		return err_new(EINVAL, "it is empty");
	if (fchmod(s->fd, 0755) != 0)
		return err_errno(errno, "spool file");
	return udf_register_file(store_of(s->mount), s->fd, s->name, NULL, &u);
}

static struct err *begin(struct staged *s, const char *name)
{
	struct import_spec spec = {
		.kind = IMPORT_FILE, .name = name, .text = name, .taker = {take, s}};
	return import_open(s->mount->table, s->base, &spec, &s->import);
}

static const struct drop_place place_udfs = {
	.name = "udfs",
	.brings_programs = true,
	.begin = begin,
};

/* --- names --- */

/* "score.py" is score; without a suffix "" is returned. */
static struct err *stem_of(const char *name, char **ret)
{
	const char *dot = strrchr(name, '.');
	return str_dup_len(name, dot ? (size_t)(dot - name) : 0, ret);
}

/* What node->name holds: the bundle's hash, a slash, and the name or the file. */
static const char *name_in(const struct node *n)
{
	return n->name + UDF_HASH_LEN + 1;
}

static struct err *load(const struct node *n, struct udf **ret)
{
	char hash[UDF_HASH_LEN + 1] = "";
	AUTO(udf) struct udf *u = NULL;
	memcpy(hash, n->name, UDF_HASH_LEN);
	TRY(udf_load(store_of(n->mount), hash, &u));
	TRY(str_dup(name_in(n), &u->name));
	*ret = TAKE(u);
	return NULL;
}

/* The program itself, as it came; *ret stays NULL if the bundle has no such file. */
static struct err *open_program(struct mount *m, const char *name, char *hash,
				struct io_file **ret)
{
	AUTO_MEM char *stem = NULL;
	bool found;
	TRY(stem_of(name, &stem));
	TRY(udf_find(store_of(m), stem, &found, hash));
	return found ? udf_open_file(store_of(m), hash, name, ret) : NULL;
}

static struct err *make_node(struct mount *m, const struct node_ops *ops,
			     const char *hash, const char *name, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	TRY(node_new(m, ops, hash_str(name, hash_str(hash, 0)), NULL, &n));
	TRY(str_printf(&n->name, "%s/%s", hash, name));
	n->entry_timeout = 0;
	*ret = TAKE(n);
	return NULL;
}

static struct err *udfs_lookup(struct mount *m, struct node *dir, const char *name,
			       struct node **ret)
{
	char hash[UDF_HASH_LEN + 1];
	AUTO(io_file) struct io_file *program = NULL;
	bool found;
	(void)dir;
	TRY(udf_find(store_of(m), name, &found, hash));
	if (found)
		return make_node(m, &udf_ops, hash, name, ret);
	TRY(open_program(m, name, hash, &program));
	return program ? make_node(m, &udf_program_ops, hash, name, ret) : NULL;
}

static struct err *list_names(struct mount *m, char **names, size_t n, uint64_t off,
			      const struct list_sink *sink, bool *ret_is_full)
{
	for (size_t i = off; i < n && !*ret_is_full; i++) {
		uint64_t ino = node_ino(m, &udf_ops, hash_str(names[i], 0));
		*ret_is_full = sink->fn(sink->ctx, names[i], ino, S_IFREG, i + 1);
	}
	return NULL;
}

static struct err *udfs_list(struct mount *m, struct handle *h, uint64_t off,
			     const struct list_sink *sink)
{
	char **names;
	size_t n;
	bool is_full = false;
	TRY(udf_list(store_of(m), &names, &n));
	struct err *err = list_names(m, names, n, off, sink, &is_full);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	if (!err && !is_full)
		staging_list(m, node_drops(h->node), n, MAX_OF(off, (uint64_t)n), sink);
	return err;
}

struct err *udf_unlink(struct mount *m, const char *name)
{
	char hash[UDF_HASH_LEN + 1];
	AUTO(io_file) struct io_file *program = NULL;
	AUTO_MEM char *stem = NULL;
	bool found;
	TRY(udf_find(store_of(m), name, &found, hash));
	if (!found)
		TRY(open_program(m, name, hash, &program));
	if (program)
		TRY(stem_of(name, &stem));
	return command_remove_udf(m->table, stem ? stem : name, false);
}

const struct node_ops udfs_ops = {
	.kind = "udfs",
	.mode = S_IFDIR | 0755,
	.drops = &place_udfs,
	.lookup = udfs_lookup,
	.list = udfs_list,
};

/* --- what is registered --- */

static struct err *text_of(const struct node *n, struct bytes **ret)
{
	AUTO_BUF struct buf out = {0};
	AUTO(udf) struct udf *u = NULL;
	TRY(load(n, &u));
	udf_render(u, false, &out);
	TRY(buf_check(&out));
	TRY(bytes_new(out.len, ret));
	memcpy((*ret)->data, out.data, out.len);
	return NULL;
}

/* The program's own bytes. */
static struct err *program_of(const struct node *n, struct bytes **ret)
{
	char hash[UDF_HASH_LEN + 1] = "";
	AUTO(io_file) struct io_file *f = NULL;
	memcpy(hash, n->name, UDF_HASH_LEN);
	TRY(udf_open_file(store_of(n->mount), hash, name_in(n), &f));
	if (!f)
		return err_new(EIO, "udfs/%s is gone", name_in(n));
	return io_read_bytes(f, 0, (size_t)io_size(f), ret);
}

static struct err *shown(struct node *n, struct bytes **ret)
{
	LOCK_SCOPE(&n->lock);
	if (!n->text)
		TRY((n->ops == &udf_ops ? text_of : program_of)(n, &n->text));
	*ret = bytes_ref(n->text);
	return NULL;
}

static struct err *udf_attr(struct mount *m, struct node *n, bool is_exact,
			    struct stat *st, double *ret_timeout)
{
	AUTO(bytes) struct bytes *text = NULL;
	(void)m;
	*ret_timeout = 0;
	if (!is_exact)
		return NULL;
	TRY(shown(n, &text));
	st->st_size = (off_t)text->len;
	return NULL;
}

static struct err *udf_open(struct mount *m, struct handle *h,
			    struct fuse_file_info *fi)
{
	if (!h->can_write) {
		fi->keep_cache = 1;
		return shown(h->node, &h->text);
	}
	TRY(server_check_programs(m->server, h->uid));
	/* the kernel looks the name up again and gets a staging node */
	return err_new(ESTALE, "udfs/%s is replaced by a new file", name_in(h->node));
}

static struct err *udf_xattr_list(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	(void)n;
	static const char names[] = "user.lance.hash\0user.lance.shape";
	buf_append(out, names, sizeof(names));
	return NULL;
}

static struct err *udf_xattr_get(struct mount *m, struct node *n, const char *name,
				 struct buf *out, bool *ret_found)
{
	AUTO(udf) struct udf *u = NULL;
	(void)m;
	*ret_found = true;
	if (strcmp(name, "user.lance.hash") == 0) {
		buf_append(out, n->name, UDF_HASH_LEN);
	} else if (strcmp(name, "user.lance.shape") == 0) {
		TRY(load(n, &u));
		buf_str(out, udf_shape_name(u->shape));
	} else {
		*ret_found = false;
	}
	return NULL;
}

const struct node_ops udf_ops = {
	.kind = "udf",
	.mode = S_IFREG | 0644,
	.is_replaced = true,
	.attr = udf_attr,
	.open = udf_open,
	.xattr_list = udf_xattr_list,
	.xattr_get = udf_xattr_get,
};

const struct node_ops udf_program_ops = {
	.kind = "udf program",
	.mode = S_IFREG | 0755,
	.is_replaced = true,
	.attr = udf_attr,
	.open = udf_open,
	.xattr_list = udf_xattr_list,
	.xattr_get = udf_xattr_get,
};
