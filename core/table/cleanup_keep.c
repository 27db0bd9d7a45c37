// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_keep.c: which versions stay, and what they name.
 *
 * A look may be taken again: manifests that were read are not read again, unless their
 * version was to expire and is wanted now.
 */
#include "table/cleanup_priv.h"
#include "table/lease_priv.h"

#include <errno.h>
#include <inttypes.h>

/* --- what is wanted --- */

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static bool has_number(const struct numbers *l, uint64_t n)
{
	return l->n && bsearch(&n, l->items, l->n, sizeof(n), compare_u64);
}

static void sort_numbers(struct numbers *l)
{
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare_u64);
}

static bool is_of_branch(const struct table_tag *tag, const struct table *t)
{
	return tag->branch && t->branch ? strcmp(tag->branch, t->branch) == 0
					: !tag->branch && !t->branch;
}

static struct err *read_tags(struct table *t, struct numbers *ret)
{
	struct table_tag *tags;
	size_t n;
	struct err *err = NULL;
	TRY(table_list_tags(t, &tags, &n));
	for (size_t i = 0; i < n && !err; i++)
		if (is_of_branch(&tags[i], t))
			err = numbers_add(ret, tags[i].version);
	tags_free(tags, n);
	sort_numbers(ret);
	return err;
}

/* What one cannot read is not known to need nothing. */
static struct err *check_branches(struct table *t)
{
	struct table_branch *branches;
	size_t n;
	TRY(table_list_branches(t, &branches, &n));
	branches_free(branches, n);
	return NULL;
}

/* --- versions that are there --- */

struct hidden_name {
	uint64_t number;
	bool is_one;
};

static struct hidden_name parse_hidden(const char *name)
{
	struct hidden_name h = {0};
	if (str_starts(name, HIDDEN_PREFIX))
		h.is_one = str_to_u64(name + strlen(HIDDEN_PREFIX), &h.number);
	return h;
}

struct err *hidden_path(uint64_t number, char **ret)
{
	return str_printf(ret, "_versions/" HIDDEN_PREFIX "%" PRIu64, number);
}

static bool is_detached(const char *name)
{
	return name[0] == 'd' && str_ends(name, ".manifest");
}

struct listing {
	struct cleanup
		*cleanup; /* borrowed, as .table; NULL: hidden ones are left out */
	struct table *table;
	struct cleanup_versions found; /* owned */
	struct cleanup_names detached; /* owned */
	enum naming naming;
};

static void auto_listing(struct listing *l)
{
	free(l->found.items);
	cleanup_names_fini(&l->detached);
}
#define AUTO_LISTING __attribute__((cleanup(auto_listing)))

static struct err *add_version(struct cleanup_versions *l,
			       const struct cleanup_version *v)
{
	TRY(mem_grow(l->n + 1, sizeof(*l->items), &l->cap, &l->items));
	l->items[l->n++] = *v;
	return NULL;
}

static struct err *list_one(void *ctx, const struct io_entry *e)
{
	struct listing *l = ctx;
	struct hidden_name hidden = parse_hidden(e->name);
	struct cleanup_version v = {.bytes = e->size};
	enum naming naming = manifest_name_parse(e->name, &v.number);
	if (is_detached(e->name)) {
		struct cleanup_names *d = &l->detached;
		TRY(mem_grow(d->n + 1, sizeof(*d->items), &d->cap, &d->items));
		TRY(str_dup(e->name, &d->items[d->n]));
		d->n++;
		return NULL;
	}
	if (hidden.is_one && l->cleanup) {
		v.number = hidden.number;
		v.is_hidden = true;
		return add_version(&l->found, &v);
	}
	if (naming == NAMING_NONE)
		return NULL;
	if (l->naming != NAMING_NONE && l->naming != naming)
		return err_new(EIO, "_versions/ mixes two manifest naming schemes");
	l->naming = naming;
	v.is_visible = true;
	return add_version(&l->found, &v);
}

static int compare_versions(const void *a, const void *b)
{
	const struct cleanup_version *x = a, *y = b;
	return (x->number > y->number) - (x->number < y->number);
}

/* A version of two names is one. */
static void sort_versions(struct cleanup_versions *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare_versions);
	for (size_t i = 0; i < l->n; i++) {
		if (n && l->items[n - 1].number == l->items[i].number) {
			l->items[n - 1].is_visible |= l->items[i].is_visible;
			l->items[n - 1].is_hidden |= l->items[i].is_hidden;
		} else {
			l->items[n++] = l->items[i];
		}
	}
	l->n = n;
}

static struct err *list_versions(struct listing *l)
{
	TRY(io_scan(l->table->store, "_versions", list_one, l));
	sort_versions(&l->found);
	if (l->naming != NAMING_NONE)
		l->table->naming = l->naming;
	return NULL;
}

/* --- reading --- */

/* *ret_read false: it is gone. */
static struct err *read_manifest(struct cleanup *c, struct table *t, const char *path,
				 uint64_t number, bool *ret_read, struct version **ret)
{
	struct err *err = version_load_files(t, path, ret);
	*ret_read = !err;
	if (err && err->code == ENOENT) {
		err_free(err); /* somebody else cleans up */
		return NULL;
	}
	if (!err && number && (*ret)->number != number)
		err = err_new(EIO, "%s says that it is version %" PRIu64, path,
			      (*ret)->number);
	if (err && t != c->table && t->branch)
		err = err_wrap(err, "branch %s", t->branch);
	return err;
}

static struct err *mark_file(struct cleanup *c, struct table *t, const char *path,
			     uint64_t number)
{
	AUTO(version) struct version *v = NULL;
	bool is_there;
	TRY(read_manifest(c, t, path, number, &is_there, &v));
	struct err *err = is_there ? cleanup_mark(c, v, true) : NULL;
	if (err)
		err = err_wrap(err, "%s", path);
	return err && t->branch ? err_wrap(err, "branch %s", t->branch) : err;
}

static struct err *mark_detached(struct cleanup *c, struct listing *l)
{
	for (size_t i = 0; i < l->detached.n; i++) {
		AUTO_MEM char *path = NULL;
		AUTO_MEM char *key = NULL;
		bool is_new;
		TRY(str_printf(&path, "_versions/%s", l->detached.items[i]));
		TRY(str_printf(&key, "%s:%s", l->table->branch ? l->table->branch : "",
			       path));
		TRY(cleanup_list_add(&c->others, key, &is_new));
		if (is_new)
			TRY(mark_file(c, l->table, path, 0));
	}
	return NULL;
}

/* --- versions of other branches --- */

static struct err *look_at_versions(struct cleanup *c, struct table *t)
{
	AUTO_LISTING struct listing l = {.table = t};
	TRY(list_versions(&l));
	for (size_t i = 0; i < l.found.n; i++) {
		AUTO_MEM char *path = NULL;
		AUTO_MEM char *key = NULL;
		bool is_new;
		TRY(manifest_path(t->naming, l.found.items[i].number, &path));
		TRY(str_printf(&key, "%s:%s", t->branch ? t->branch : "", path));
		TRY(cleanup_list_add(&c->others, key, &is_new));
		if (!is_new)
			continue;
		TRY(cleanup_step(c, i, l.found.n));
		TRY(mark_file(c, t, path, l.found.items[i].number));
	}
	return mark_detached(c, &l);
}

static struct err *look_at_branch(struct cleanup *c, const char *name)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *b = NULL;
	AUTO_MEM char *dir = NULL;
	if (c->table->branch && strcmp(name, c->table->branch) == 0)
		return NULL;
	TRY(str_printf(&dir, "tree/%s", name));
	TRY(io_store_open_dir(c->table->root, dir, &store));
	TRY(branch_table_new(c->table, store, name, &b));
	return look_at_versions(c, b);
}

static struct err *look_at_main(struct cleanup *c)
{
	AUTO(table) struct table *main = NULL;
	if (!c->table->branch)
		return NULL;
	TRY(table_new(c->table->root, &(struct table_options){.log = c->table->log},
		      &main));
	main->root = io_store_ref(c->table->root);
	main->is_placed = true;
	return look_at_versions(c, main);
}

/* The main branch first: what its bases are is known then. */
static struct err *look_at_others(struct cleanup *c)
{
	struct cleanup_names names = {0};
	TRY(look_at_main(c));
	struct err *err = cleanup_branches(c->table->root, &names);
	for (size_t i = 0; i < names.n && !err; i++)
		err = look_at_branch(c, names.items[i]);
	cleanup_names_fini(&names);
	return err;
}

/* --- versions of this one --- */

struct wanted {
	struct numbers tagged, leased; /* sorted */
	uint64_t newest;	       /* numbers from here on are among the newest */
};

/* Whether a version whose time is known stays. */
static bool stays(const struct cleanup *c, const struct wanted *w,
		  struct cleanup_version *v)
{
	int64_t age;
	bool is_young = ckd_sub(&age, c->now_ns, v->time_ns) ||
			age <= c->options->older_than_ns;
	if (v->is_visible && (v->number >= w->newest || is_young))
		v->reason = CLEANUP_RECENT;
	else if (has_number(&w->tagged, v->number))
		v->reason = CLEANUP_TAGGED;
	else if (has_number(&w->leased, v->number))
		v->reason = CLEANUP_IN_USE;
	else
		return false;
	return true;
}

static struct err *look_at_version(struct cleanup *c, const struct wanted *w,
				   struct cleanup_version *v)
{
	AUTO(version) struct version *read = NULL;
	AUTO_MEM char *path = NULL;
	bool is_there;
	if (v->fate != FATE_UNKNOWN && (v->fate == FATE_STAYS || !stays(c, w, v)))
		return NULL;
	TRY(v->is_visible ? manifest_path(c->table->naming, v->number, &path)
			  : hidden_path(v->number, &path));
	TRY(read_manifest(c, c->table, path, v->number, &is_there, &read));
	if (!is_there) {
		v->is_visible = v->is_hidden = false;
		return NULL;
	}
	v->time_ns = version_time_ns(read);
	v->fate = stays(c, w, v) ? FATE_STAYS : FATE_EXPIRES;
	TRY_CTX(cleanup_mark(c, read, v->fate == FATE_STAYS), "%s", path);
	return NULL;
}

/* What is known of versions from the look before. */
static void carry_over(const struct cleanup_versions *old, struct cleanup_versions *new)
{
	for (size_t i = 0; i < new->n && old->n; i++) {
		struct cleanup_version *v = &new->items[i];
		const struct cleanup_version *o =
			bsearch(v, old->items, old->n, sizeof(*v), compare_versions);
		if (!o)
			continue;
		v->fate = o->fate;
		v->reason = o->reason;
		v->time_ns = o->time_ns;
	}
}

/* From which number on versions are the newest of those that are seen. */
static struct err *find_newest(struct cleanup *c, struct wanted *w)
{
	const struct cleanup_versions *l = &c->versions;
	uint64_t keep = MAX_OF(c->options->keep, (uint64_t)1), n = 0, latest = 0;
	for (size_t i = l->n; i-- > 0 && n < keep;) {
		if (!l->items[i].is_visible)
			continue;
		latest = n++ ? latest : l->items[i].number;
		w->newest = l->items[i].number;
	}
	if (!n)
		return err_new(ENOENT, "there is no manifest in _versions/");
	if (!c->first_latest)
		c->first_latest = latest;
	w->newest = MIN_OF(w->newest, c->first_latest);
	return NULL;
}

static struct err *look_at_own(struct cleanup *c, struct wanted *w)
{
	AUTO_LISTING struct listing l = {.cleanup = c, .table = c->table};
	TRY(list_versions(&l));
	carry_over(&c->versions, &l.found);
	free(c->versions.items);
	c->versions = l.found;
	l.found = (struct cleanup_versions){0};
	TRY(find_newest(c, w));
	TRY(mark_detached(c, &l));
	for (size_t i = 0; i < c->versions.n; i++) {
		if (c->versions.items[i].fate == FATE_UNKNOWN)
			TRY(cleanup_step(c, i, c->versions.n));
		TRY(look_at_version(c, w, &c->versions.items[i]));
	}
	return NULL;
}

static struct err *look(struct cleanup *c, struct wanted *w)
{
	TRY(read_tags(c->table, &w->tagged));
	TRY(check_branches(c->table));
	TRY(leases_read(c->table->store, &w->leased));
	sort_numbers(&w->leased);
	TRY(look_at_own(c, w));
	return look_at_others(c);
}

struct err *cleanup_look(struct cleanup *c)
{
	struct wanted w = {.newest = UINT64_MAX};
	struct err *err = look(c, &w);
	free(w.tagged.items);
	free(w.leased.items);
	return err;
}
