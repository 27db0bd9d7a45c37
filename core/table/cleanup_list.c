// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_list.c: the files that are there, and what manifests call them.
 *
 * They are listed before any manifest is read: what comes later is not in the list, and
 * so is never removed.
 *
 *   data/X.lance        itself, and all of data/X/ that ends in .blob
 *   _deletions/X        itself, if it ends in .arrow or .bin
 *   _transactions/X     itself, if it ends in .txn
 *   _indices/UUID/      with all that is in it
 *   .tmp* in _versions/, data/, data/X/, _refs/tags/, _refs/branches/
 *                       no manifest's
 */
#include "table/cleanup_priv.h"

#include <errno.h>

#define MOST_DEPTH 16		  /* of directories below an index's */
#define MOST_FILES UINT32_MAX / 2 /* indices are 32 bits */

/* --- names --- */

void cleanup_list_fini(struct cleanup_list *l)
{
	for (size_t i = 0; i < l->n_files; i++)
		free(l->files[i].path);
	for (size_t i = 0; i < l->n_texts; i++)
		free(l->texts[i]);
	free(l->files);
	free(l->names);
	free(l->slots);
	free(l->texts);
	*l = (struct cleanup_list){0};
}

/* The slot of a name, or the free one where it would be. */
static uint32_t *slot_of(const struct cleanup_list *l, const char *text)
{
	size_t i = (size_t)hash_str(text, 0) & (l->n_slots - 1);
	while (l->slots[i] && strcmp(l->names[l->slots[i] - 1].text, text) != 0)
		i = (i + 1) & (l->n_slots - 1);
	return &l->slots[i];
}

struct cleanup_name *cleanup_list_find(const struct cleanup_list *l, const char *text)
{
	uint32_t at = l->n_slots ? *slot_of(l, text) : 0;
	return at ? &l->names[at - 1] : NULL;
}

/* At most half of the slots are taken. */
static struct err *make_room(struct cleanup_list *l)
{
	size_t n = MAX_OF(l->n_slots * 2, (size_t)64);
	if (l->n_names * 2 < l->n_slots)
		return NULL;
	if (l->n_names >= MOST_FILES)
		return err_new(EFBIG, "more than %u files", (unsigned)MOST_FILES);
	free(TAKE(l->slots));
	l->n_slots = 0;
	TRY(mem_array(n, sizeof(*l->slots), &l->slots));
	l->n_slots = n;
	for (size_t i = 0; i < l->n_names; i++)
		*slot_of(l, l->names[i].text) = (uint32_t)i + 1;
	return NULL;
}

/* text lives as long as the list. */
static struct err *need_name(struct cleanup_list *l, const char *text, uint32_t *ret)
{
	TRY(make_room(l));
	uint32_t *slot = slot_of(l, text);
	if (!*slot) {
		TRY(mem_grow(l->n_names + 1, sizeof(*l->names), &l->names_cap,
			     &l->names));
		l->names[l->n_names++] =
			(struct cleanup_name){.text = text, .newest_ns = INT64_MIN};
		*slot = (uint32_t)l->n_names;
	}
	*ret = *slot - 1;
	return NULL;
}

/* The same for a text that is copied if it is new. */
static struct err *need_text(struct cleanup_list *l, const char *text, uint32_t *ret)
{
	AUTO_MEM char *copy = NULL;
	const struct cleanup_name *found = cleanup_list_find(l, text);
	if (found) {
		*ret = (uint32_t)(found - l->names);
		return NULL;
	}
	TRY(str_dup(text, &copy));
	TRY(mem_grow(l->n_texts + 1, sizeof(*l->texts), &l->texts_cap, &l->texts));
	TRY(need_name(l, copy, ret));
	l->texts[l->n_texts++] = TAKE(copy);
	return NULL;
}

struct err *cleanup_list_add(struct cleanup_list *l, const char *text, bool *ret_is_new)
{
	uint32_t unused;
	*ret_is_new = !cleanup_list_find(l, text);
	return need_text(l, text, &unused);
}

/* --- files --- */

struct listing {
	struct cleanup_list *list;
	struct io_store *store; /* borrowed, as all here */
	const char *dir;	/* that is scanned */
	const char *name;	/* what all in it belongs to; NULL: a name each */
	unsigned depth;
	size_t n_blobs;
};

/* Takes path. */
static struct err *add(const struct listing *ls, char *path, const struct io_entry *e,
		       enum cleanup_kind kind, const char *name)
{
	AUTO_MEM char *own = path;
	struct cleanup_list *l = ls->list;
	uint32_t at;
	TRY(mem_grow(l->n_files + 1, sizeof(*l->files), &l->files_cap, &l->files));
	TRY(name ? need_text(l, name, &at) : need_name(l, path, &at));
	struct cleanup_name *n = &l->names[at];
	/* a directory becomes young when a file in it goes */
	if (!e->is_dir || n->newest_ns == INT64_MIN)
		n->newest_ns = MAX_OF(n->newest_ns, e->mtime_ns);
	l->files[l->n_files++] =
		(struct cleanup_file){TAKE(own), at, e->is_dir, kind, e->size};
	return NULL;
}

static struct err *add_entry(const struct listing *ls, const struct io_entry *e,
			     enum cleanup_kind kind, const char *name)
{
	char *path;
	TRY(str_printf(&path, "%s/%s", ls->dir, e->name));
	return add(ls, path, e, kind, name);
}

static bool is_staging(const struct io_entry *e)
{
	return e->is_file && str_starts(e->name, ".tmp");
}

static struct err *in_versions(void *ctx, const struct io_entry *e)
{
	const struct listing *ls = ctx;
	if (!is_staging(e) || str_starts(e->name, HIDDEN_PREFIX))
		return NULL;
	return add_entry(ls, e, CLEANUP_STAGING, NULL);
}

static struct err *in_refs(void *ctx, const struct io_entry *e)
{
	return is_staging(e) ? add_entry(ctx, e, CLEANUP_STAGING, NULL) : NULL;
}

static struct err *in_deletions(void *ctx, const struct io_entry *e)
{
	const struct listing *ls = ctx;
	if (!e->is_file || !(str_ends(e->name, ".arrow") || str_ends(e->name, ".bin")))
		return NULL;
	return add_entry(ls, e, CLEANUP_DELETIONS, NULL);
}

static struct err *in_transactions(void *ctx, const struct io_entry *e)
{
	const struct listing *ls = ctx;
	if (!e->is_file || !str_ends(e->name, ".txn"))
		return NULL;
	return add_entry(ls, e, CLEANUP_TRANSACTIONS, NULL);
}

/* --- data/ --- */

static struct err *in_blobs(void *ctx, const struct io_entry *e)
{
	struct listing *ls = ctx;
	if (is_staging(e))
		return add_entry(ls, e, CLEANUP_STAGING, NULL);
	if (!e->is_file || !str_ends(e->name, ".blob"))
		return NULL;
	ls->n_blobs++;
	return add_entry(ls, e, CLEANUP_DATA, ls->name);
}

/* A directory may be one of blobs. */
static struct err *add_blobs(const struct listing *data, const struct io_entry *e)
{
	AUTO_MEM char *dir = NULL;
	AUTO_MEM char *name = NULL;
	TRY(str_printf(&dir, "%s/%s", data->dir, e->name));
	TRY(str_printf(&name, "%s.lance", dir));
	struct listing ls = {data->list, data->store, dir, name, 0, 0};
	TRY(io_scan(ls.store, dir, in_blobs, &ls));
	return ls.n_blobs ? add(&ls, TAKE(dir), e, CLEANUP_DATA, name) : NULL;
}

static struct err *in_data(void *ctx, const struct io_entry *e)
{
	const struct listing *ls = ctx;
	if (e->is_dir)
		return add_blobs(ls, e);
	if (is_staging(e))
		return add_entry(ls, e, CLEANUP_STAGING, NULL);
	if (!e->is_file || !str_ends(e->name, ".lance"))
		return NULL;
	return add_entry(ls, e, CLEANUP_DATA, NULL);
}

/* --- _indices/ --- */

static struct err *in_index(void *ctx, const struct io_entry *e);

static struct err *add_dir(const struct listing *above, const struct io_entry *e,
			   const char *name)
{
	AUTO_MEM char *dir = NULL;
	TRY(str_printf(&dir, "%s/%s", above->dir, e->name));
	struct listing ls = {above->list,	above->store,	  dir,
			     name ? name : dir, above->depth + 1, 0};
	if (ls.depth > MOST_DEPTH)
		return err_new(EOPNOTSUPP, "%s: directories nest too deeply", dir);
	TRY(io_scan(ls.store, dir, in_index, &ls));
	return add_entry(above, e, CLEANUP_INDICES, ls.name);
}

static struct err *in_index(void *ctx, const struct io_entry *e)
{
	const struct listing *ls = ctx;
	if (e->is_dir)
		return add_dir(ls, e, ls->name);
	return e->is_file ? add_entry(ls, e, CLEANUP_INDICES, ls->name) : NULL;
}

static bool is_uuid(const char *name)
{
	bool ok = strlen(name) == UUID_TEXT_LEN;
	for (size_t i = 0; ok && i < UUID_TEXT_LEN; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		ok = is_dash == (name[i] == '-') &&
		     (is_dash || strchr("0123456789abcdef", name[i]));
	}
	return ok;
}

static struct err *in_indices(void *ctx, const struct io_entry *e)
{
	const struct listing *ls = ctx;
	return e->is_dir && is_uuid(e->name) ? add_dir(ls, e, NULL) : NULL;
}

struct err *cleanup_list_read(struct io_store *s, struct cleanup_list *ret)
{
	static const struct {
		const char *dir;
		struct err *(*fn)(void *ctx, const struct io_entry *e);
	} kinds[] = {
		{"_versions", in_versions},   {"data", in_data},
		{"_deletions", in_deletions}, {"_transactions", in_transactions},
		{"_indices", in_indices},     {"_refs/tags", in_refs},
		{"_refs/branches", in_refs},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct listing ls = {.list = ret, .store = s, .dir = kinds[i].dir};
		TRY(io_scan(s, ls.dir, kinds[i].fn, &ls));
	}
	return NULL;
}
