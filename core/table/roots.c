// SPDX-License-Identifier: Apache-2.0
/*
 * roots.c: files outside of a dataset that it names.
 *
 * A base path or the URI of a blob is whatever somebody wrote into the dataset.  It is
 * followed only if it spells a place within a directory that the user has allowed, and
 * then it is opened beneath that directory's descriptor: no link and no mounted file
 * system leads out of it, and none back into a mount of ours.
 * Source: table.proto, BasePath; Lance's docs, "Blob Columns", external blobs.
 */
#include "table/table_priv.h"

#include <errno.h>

struct root {
	char *spelled;		/* owned; as it was given, without what means nothing */
	char *real;		/* owned; with no link in it */
	struct io_store *store; /* owned reference */
};

struct roots {
	atomic_int refs;
	struct root *items; /* owned */
	size_t n, cap;
};

/* --- paths --- */

/* Append to out a path whose parts are between slashes, without empty parts and ".". */
static struct err *put_parts(const char *path, struct buf *out)
{
	while (*path) {
		size_t len = strcspn(path, "/");
		bool is_dot = len == 1 && *path == '.';
		if (len == 2 && memcmp(path, "..", 2) == 0)
			return err_new(EIO, "a path with '..' in it, which is not "
					    "followed");
		if (len && !is_dot) {
			buf_byte(out, '/');
			buf_append(out, path, len);
		}
		path += len + (path[len] == '/');
	}
	return NULL;
}

/* "/a//b/./c/" is "/a/b/c", and "/" is "".  EIO for "..". */
static struct err *normalise(const char *path, char **ret)
{
	AUTO_BUF struct buf out = {0};
	TRY(put_parts(path, &out));
	return buf_take_str(&out, ret);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct err *percent_decode(const char *text, char **ret)
{
	AUTO_BUF struct buf out = {0};
	for (const char *p = text; *p; p++) {
		char c = *p;
		if (c == '%') {
			int high = hex_digit(p[1]);
			int low = high < 0 ? -1 : hex_digit(p[2]);
			if (low < 0 || (high | low) == 0)
				return err_new(EIO, "not a URI: '%%' without the "
						    "number of a character");
			c = (char)(high << 4 | low);
			p += 2;
		}
		buf_byte(&out, (uint8_t)c);
	}
	return buf_take_str(&out, ret);
}

struct err *uri_local_path(const char *uri, char **ret)
{
	AUTO_MEM char *decoded = NULL;
	const char *path = uri;
	if (str_starts(uri, "file://")) {
		path += strlen("file://");
		if (str_starts(path, "localhost/"))
			path += strlen("localhost");
		TRY_CTX(percent_decode(path, &decoded), "%s", uri);
		path = decoded;
	}
	if (*path != '/')
		return err_new(EOPNOTSUPP,
			       "%s is not read: it is neither an absolute path nor the "
			       "URI of a local file",
			       uri);
	TRY_CTX(normalise(path, ret), "%s", uri);
	return NULL;
}

/* What follows root in path, without its slash; NULL if it is not within. */
static const char *below(const char *path, const char *root)
{
	size_t len = strlen(root);
	if (strncmp(path, root, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + (path[len] == '/');
}

/* --- roots --- */

static void root_fini(struct root *r)
{
	free(r->spelled);
	free(r->real);
	io_store_unref(r->store);
}

/* What was given, if it spells an absolute path. */
static struct err *spell(const char *path, char **ret)
{
	struct err *err = *path == '/' ? normalise(path, ret) : NULL;
	if (err && err->code == ENOMEM)
		return err;
	err_free(err); /* then its real path alone is known */
	return NULL;
}

static struct err *add_root(struct roots *roots, const char *path)
{
	AUTO_MEM char *real = NULL;
	TRY(mem_grow(roots->n + 1, sizeof(*roots->items), &roots->cap, &roots->items));
	struct root *r = &roots->items[roots->n];
	*r = (struct root){0};
	roots->n++; /* what there is of it is released with the others */
	TRY(spell(path, &r->spelled));
	TRY(io_store_open_confined(path, &r->store));
	TRY(io_store_real_path(r->store, &real));
	return normalise(real, &r->real);
}

static struct err *add_roots(struct roots *roots, const char *list)
{
	AUTO_MEM char *copy = NULL;
	TRY(str_dup(list, &copy));
	for (char *save, *p = strtok_r(copy, ":", &save); p;
	     p = strtok_r(NULL, ":", &save))
		TRY_CTX(add_root(roots, p), "roots");
	return NULL;
}

struct err *roots_open(const char *list, struct roots **ret)
{
	AUTO(roots) struct roots *roots = NULL;
	TRY(mem_new(&roots));
	atomic_init(&roots->refs, 1);
	TRY(add_roots(roots, list));
	*ret = TAKE(roots);
	return NULL;
}

struct roots *roots_ref(struct roots *r)
{
	if (r)
		atomic_fetch_add(&r->refs, 1);
	return r;
}

void roots_unref(struct roots *r)
{
	if (!r || atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	for (size_t i = 0; i < r->n; i++)
		root_fini(&r->items[i]);
	free(r->items);
	free(r);
}

struct err *roots_find(const struct roots *roots, const char *path,
		       struct file_place *ret)
{
	for (size_t i = 0; roots && i < roots->n; i++) {
		const struct root *r = &roots->items[i];
		const char *rest = r->spelled ? below(path, r->spelled) : NULL;
		if (!rest)
			rest = below(path, r->real);
		if (!rest)
			continue;
		TRY(str_dup(rest, &ret->path));
		ret->store = r->store;
		return NULL;
	}
	return NULL;
}

bool path_is_relative(const char *path)
{
	return *path != '/' && !strstr(path, "://");
}

struct err *roots_find_relative(const struct roots *roots, const char *path,
				struct file_place *ret)
{
	AUTO_MEM char *clean = NULL;
	TRY(normalise(path, &clean));
	for (size_t i = 0; *clean && roots && i < roots->n; i++) {
		bool found;
		struct io_stat st;
		TRY(io_stat(roots->items[i].store, clean + 1, &found, &st));
		if (!found || !st.is_dir)
			continue;
		TRY(str_dup(clean + 1, &ret->path));
		ret->store = roots->items[i].store;
		return NULL;
	}
	return NULL;
}
