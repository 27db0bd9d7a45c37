// SPDX-License-Identifier: Apache-2.0
/*
 * branches.c: finding and opening branches.
 *
 * A branch is there when _refs/branches/NAME.json is, with the '/' of its name
 * percent-encoded; its directory is tree/NAME/, also for a branch of a branch.
 * Source: Lance's docs, "Branches"; observed with pylance 14.0.2.
 */
#include "table/branches_priv.h"

#include <errno.h>

/* --- names --- */

static bool is_name_char(char c, bool is_ascii)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '/' ||
	       (!is_ascii && (c & 0x80));
}

bool branch_name_is_valid(const char *name, bool is_ascii)
{
	size_t len = strlen(name);
	bool ok = len > 0 && len <= 200 && name[0] != '/' && name[len - 1] != '/' &&
		  !strstr(name, "//") && !strstr(name, "..") &&
		  !str_ends(name, ".lock") && strcmp(name, "main") != 0;
	for (const char *p = name; *p; p++)
		ok = ok && is_name_char(*p, is_ascii);
	/* "." alone would be the directory itself */
	for (const char *p = name; p; p = strchr(p, '/')) {
		p += *p == '/';
		ok = ok && !(p[0] == '.' && (!p[1] || p[1] == '/'));
	}
	return ok;
}

struct err *branch_name_check(const char *name)
{
	if (branch_name_is_valid(name, true))
		return NULL;
	return err_new(EINVAL,
		       "'%s': a branch is letters, digits, '.', '-' and '_', with '/' "
		       "between parts, no '..', no '.lock' at its end, and not 'main'",
		       name);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* "feat%2Fx.json" is "feat/x"; NULL if the file is no branch's. */
static struct err *name_of_file(const char *file, char **ret)
{
	AUTO_BUF struct buf out = {0};
	AUTO_MEM char *name = NULL;
	size_t len = strlen(file);
	if (!str_ends(file, ".json") || str_starts(file, ".tmp_"))
		return NULL;
	for (size_t i = 0; i < len - strlen(".json"); i++) {
		int hi = file[i] == '%' ? hex_digit(file[i + 1]) : -1;
		int lo = hi >= 0 ? hex_digit(file[i + 2]) : -1;
		buf_byte(&out, lo >= 0 ? (uint8_t)(hi * 16 + lo) : (uint8_t)file[i]);
		i += lo >= 0 ? 2 : 0;
	}
	size_t name_len = out.len;
	TRY(buf_take_str(&out, &name));
	if (strlen(name) == name_len && branch_name_is_valid(name, false))
		*ret = TAKE(name);
	return NULL;
}

struct err *branch_file(const char *name, char **ret)
{
	AUTO_BUF struct buf out = {0};
	for (const char *p = name; *p; p++) {
		if (*p == '/' || (*p & 0x80))
			buf_printf(&out, "%%%02X", (uint8_t)*p);
		else
			buf_byte(&out, (uint8_t)*p);
	}
	buf_str(&out, ".json");
	return buf_take_str(&out, ret);
}

/* --- the list --- */

void branches_free(struct table_branch *branches, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(branches[i].name);
		free(branches[i].parent);
	}
	free(branches);
}

struct err *branch_need_root(const struct table *t)
{
	if (t->root)
		return NULL;
	return err_new(EOPNOTSUPP,
		       "%s is branch '%s', but not where its dataset has it (tree/%s)",
		       io_store_name(t->store), t->branch, t->branch);
}

struct err *branch_read(struct table *t, const char *file, struct json_object **ret)
{
	AUTO_MEM char *path = NULL;
	AUTO(bytes) struct bytes *text = NULL;
	int64_t unused;
	TRY(str_printf(&path, BRANCH_REFS "/%s", file));
	TRY(io_read_all(t->root, path, LIMIT_REF_BYTES, &text));
	AUTO(json_object) struct json_object *json = ref_json(text);
	if (!ref_integer(json, "parentVersion", &unused))
		return err_new(EIO, "%s: not a branch", path);
	*ret = TAKE(json);
	return NULL;
}

/* What was made when; the last part of the identifier is as good as unique. */
static uint64_t branch_key(struct json_object *json, int64_t seconds)
{
	struct json_object *mapping =
		ref_member(ref_member(json, "identifier"), "version_mapping");
	size_t n = json_object_is_type(mapping, json_type_array)
			   ? json_object_array_length(mapping)
			   : 0;
	struct json_object *uuid = n ? ref_item(ref_item(mapping, n - 1), 1) : NULL;
	bool is_text = json_object_is_type(uuid, json_type_string);
	return hash_str(is_text ? json_object_get_string(uuid) : "", (uint64_t)seconds);
}

static struct err *from_json(struct json_object *json, struct table_branch *b)
{
	int64_t seconds, version;
	const char *parent = ref_string(json, "parentBranch");
	ref_integer(json, "createAt", &seconds);
	ref_integer(json, "parentVersion", &version);
	b->parent_version = (uint64_t)version;
	if (ckd_mul(&b->time_ns, seconds, INT64_C(1000000000)))
		b->time_ns = 0;
	b->key = branch_key(json, seconds);
	return parent && strcmp(parent, "main") != 0 ? str_dup(parent, &b->parent)
						     : NULL;
}

struct branch_list {
	struct table *table;
	struct table_branch *items; /* owned */
	size_t n, cap;
};

static struct err *add_branch(void *ctx, const char *file)
{
	struct branch_list *l = ctx;
	AUTO_MEM char *name = NULL;
	AUTO(json_object) struct json_object *json = NULL;
	TRY(name_of_file(file, &name));
	if (!name)
		return NULL;
	TRY(mem_grow(l->n + 1, sizeof(*l->items), &l->cap, &l->items));
	TRY(branch_read(l->table, file, &json));
	struct table_branch b = {0};
	TRY(from_json(json, &b));
	b.name = TAKE(name);
	l->items[l->n++] = b;
	return NULL;
}

static int compare_branches(const void *a, const void *b)
{
	return strcmp(((const struct table_branch *)a)->name,
		      ((const struct table_branch *)b)->name);
}

struct err *table_list_branches(struct table *t, struct table_branch **ret,
				size_t *ret_n)
{
	struct branch_list l = {.table = t};
	TRY(branch_need_root(t));
	struct err *err = io_list(t->root, BRANCH_REFS, add_branch, &l);
	if (err) {
		branches_free(l.items, l.n);
		return err;
	}
	if (l.n)
		qsort(l.items, l.n, sizeof(*l.items), compare_branches);
	*ret = l.items;
	*ret_n = l.n;
	return NULL;
}

/* --- opening --- */

struct err *branch_exists(struct table *t, const char *name, bool *ret)
{
	AUTO_MEM char *file = NULL;
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	TRY(branch_file(name, &file));
	TRY(str_printf(&path, BRANCH_REFS "/%s", file));
	return io_stat(t->root, path, ret, &st);
}

struct err *branch_table_new(struct table *t, struct io_store *store, const char *name,
			     struct table **ret)
{
	AUTO(table) struct table *b = NULL;
	TRY(table_new(store, &(struct table_options){.log = t->log, .roots = t->roots},
		      &b));
	TRY(str_dup(name, &b->branch));
	b->root = io_store_ref(t->root);
	b->is_placed = true;
	*ret = TAKE(b);
	return NULL;
}

struct err *table_open_branch(struct table *t, const char *name, struct table **ret)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *b = NULL;
	AUTO_MEM char *dir = NULL;
	bool found = false;
	TRY(branch_need_root(t));
	if (branch_name_is_valid(name, false))
		TRY(branch_exists(t, name, &found));
	if (!found)
		return err_new(ENOENT, "no branch '%s'", name);
	TRY(str_printf(&dir, "tree/%s", name));
	TRY(io_store_open_dir(t->root, dir, &store));
	TRY(branch_table_new(t, store, name, &b));
	TRY(table_refresh(b));
	AUTO(version) struct version *v = table_latest(b);
	const Lance__Table__Manifest *m = v->manifest;
	if (m->opt_branch_case != LANCE__TABLE__MANIFEST__OPT_BRANCH_BRANCH ||
	    strcmp(m->branch, name) != 0)
		return err_new(EIO, "%s does not hold versions of branch '%s'", dir,
			       name);
	*ret = TAKE(b);
	return NULL;
}
