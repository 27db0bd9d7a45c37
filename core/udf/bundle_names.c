// SPDX-License-Identifier: Apache-2.0
/*
 * bundle_names.c: the names that point to bundles, each a small file.
 */
#include "udf/udf_priv.h"

#include <errno.h>

#define LEAST_DIGITS 8

static struct err *name_path(const char *name, char **ret)
{
	return str_printf(ret, UDF_NAMES "/%s", name);
}

struct err *udf_find(struct io_store *s, const char *name, bool *ret_found,
		     char hash[UDF_HASH_LEN + 1])
{
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *text = NULL;
	struct io_stat st;
	struct err *err = udf_check_name(name);
	if (err) {
		err_free(err); /* so nothing has it */
		*ret_found = false;
		return NULL;
	}
	TRY(name_path(name, &path));
	TRY(io_stat(s, path, ret_found, &st));
	if (!*ret_found)
		return NULL;
	TRY(io_read_all(s, path, 4096, &text));
	if (text->len < UDF_HASH_LEN ||
	    !sha256_is_hex((const char *)text->data, UDF_HASH_LEN))
		return err_new(EIO, "%s: not a bundle's hash", path);
	memcpy(hash, text->data, UDF_HASH_LEN);
	hash[UDF_HASH_LEN] = 0;
	return NULL;
}

/* --- all of them --- */

struct names {
	char **names; /* owned */
	size_t n, cap;
};

static void auto_names(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
}

static struct err *collect(void *ctx, const char *name)
{
	struct names *l = ctx;
	if (*name == '.')
		return NULL; /* on its way */
	TRY(mem_grow(l->n + 1, sizeof(*l->names), &l->cap, &l->names));
	TRY(str_dup(name, &l->names[l->n]));
	l->n++;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct err *udf_list(struct io_store *s, char ***ret, size_t *ret_n)
{
	__attribute__((cleanup(auto_names))) struct names l = {0};
	TRY(io_list(s, UDF_NAMES, collect, &l));
	if (l.n)
		qsort(l.names, l.n, sizeof(*l.names), compare);
	else
		TRY(mem_array(1, sizeof(*l.names), &l.names));
	*ret = TAKE(l.names);
	*ret_n = l.n;
	l.n = 0;
	return NULL;
}

/* ENOENT, with the name that was meant. */
static struct err *no_function(struct io_store *s, const char *name)
{
	__attribute__((cleanup(auto_names))) struct names l = {0};
	TRY(io_list(s, UDF_NAMES, collect, &l));
	for (size_t i = 0; i < l.n; i++)
		if (str_distance(name, l.names[i]) <= 2)
			return err_new(ENOENT, "no function '%s' (did you mean '%s'?)",
				       name, l.names[i]);
	return err_new(ENOENT, "no function '%s'%s", name,
		       l.n ? "; udf list shows them" : "; none is registered");
}

struct err *udf_remove(struct io_store *s, const char *name)
{
	char hash[UDF_HASH_LEN + 1];
	AUTO_MEM char *path = NULL;
	bool found;
	TRY(udf_find(s, name, &found, hash));
	if (!found)
		return no_function(s, name);
	TRY(name_path(name, &path));
	TRY(io_remove(s, path));
	return io_sync_dir(s, UDF_NAMES);
}

/* --- by its hash --- */

struct search {
	const char *prefix;
	size_t n_found;
	char hash[UDF_HASH_LEN + 1];
};

static struct err *match(void *ctx, const char *name)
{
	struct search *search = ctx;
	if (!sha256_is_hex(name, strlen(name)) || !str_starts(name, search->prefix))
		return NULL;
	search->n_found++;
	memcpy(search->hash, name, UDF_HASH_LEN + 1);
	return NULL;
}

static struct err *find_hash(struct io_store *s, const char *text, bool *ret_found,
			     char hash[UDF_HASH_LEN + 1])
{
	struct search search = {text, 0, {0}};
	size_t len = strlen(text);
	*ret_found = false;
	if (len < LEAST_DIGITS || strspn(text, "0123456789abcdef") != len)
		return NULL;
	TRY(io_list(s, UDF_DIR, match, &search));
	if (search.n_found > 1)
		return err_new(EINVAL, "several bundles' hashes begin with %s", text);
	*ret_found = search.n_found == 1;
	memcpy(hash, search.hash, UDF_HASH_LEN + 1);
	return NULL;
}

struct err *udf_load(struct io_store *s, const char *name_or_hash, struct udf **ret)
{
	char hash[UDF_HASH_LEN + 1];
	AUTO(udf) struct udf *u = NULL;
	bool found, is_name;
	TRY(udf_find(s, name_or_hash, &is_name, hash));
	found = is_name;
	if (!is_name)
		TRY(find_hash(s, name_or_hash, &found, hash));
	if (!found)
		return no_function(s, name_or_hash);
	TRY(bundle_load(s, hash, &u));
	if (is_name)
		TRY(str_dup(name_or_hash, &u->name));
	*ret = TAKE(u);
	return NULL;
}
