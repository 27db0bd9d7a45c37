// SPDX-License-Identifier: Apache-2.0
/*
 * table.c: an open dataset: finding versions, caching the recent ones.
 *
 * One readdir of _versions/ is authoritative, but costs as much as there are versions.
 * Between two of them, a second apart, the next number is probed: versions are
 * contiguous upwards from the newest that was seen, as long as that is there.  The hint
 * file is never trusted: one that says more only makes us list.
 * Source: Lance's docs, "Table Format", manifest naming schemes.
 */
#include "table/lease_priv.h"

#include <errno.h>
#include <inttypes.h>

struct listing {
	uint64_t *numbers; /* owned; NULL if only the newest is wanted */
	size_t n, cap;
	bool collect;
	enum naming naming, other;
	uint64_t newest;
};

static struct err *list_one(void *ctx, const char *name)
{
	struct listing *l = ctx;
	uint64_t number;
	enum naming naming = manifest_name_parse(name, &number);
	if (naming == NAMING_NONE)
		return NULL;
	if (l->naming != NAMING_NONE && naming != l->naming)
		return err_new(EIO, "_versions/ mixes two manifest naming schemes");
	l->naming = naming;
	l->newest = MAX_OF(l->newest, number);
	if (!l->collect)
		return NULL;
	TRY(mem_grow(l->n + 1, sizeof(*l->numbers), &l->cap, &l->numbers));
	l->numbers[l->n++] = number;
	return NULL;
}

static struct err *find_newest(struct table *t, struct listing *l)
{
	TRY(io_list(t->store, "_versions", list_one, l));
	if (l->naming == NAMING_NONE)
		return err_new(ENOENT,
			       "%s is not a Lance dataset: no manifest in _versions/",
			       io_store_name(t->store));
	return NULL;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

struct err *table_list_versions(struct table *t, uint64_t **ret, size_t *ret_n)
{
	struct listing l = {.collect = true};
	struct err *err = find_newest(t, &l);
	if (err) {
		free(l.numbers);
		return err;
	}
	qsort(l.numbers, l.n, sizeof(*l.numbers), compare_u64);
	*ret = l.numbers;
	*ret_n = l.n;
	return NULL;
}

void table_set_latest(struct table *t, struct version *v)
{
	struct version *old = NULL;
	bool unused;
	lease_use(t->lease, v->number, &unused);
	pthread_mutex_lock(&t->lock);
	if (!t->latest || t->latest->number < v->number) {
		old = t->latest;
		t->latest = version_ref(v);
	}
	pthread_mutex_unlock(&t->lock);
	if (old) /* it was in use until now */
		lease_use(t->lease, old->number, &unused);
	version_unref(old);
}

/* --- probing --- */

#define LIST_NS INT64_C(1000000000) /* at least so often _versions/ is listed */
#define MAX_PROBES 16		    /* versions that are caught up without */
#define LIMIT_HINT_BYTES 64

static struct err *exists(struct table *t, uint64_t number, bool *ret)
{
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	TRY(manifest_path(t->naming, number, &path));
	return io_stat(t->store, path, ret, &st);
}

/* The hint file knows of a later version than that. */
static bool hint_says_more(struct table *t, uint64_t number)
{
	AUTO(bytes) struct bytes *text = NULL;
	unsigned long long said = 0;
	char copy[LIMIT_HINT_BYTES + 1] = "";
	struct err *err =
		io_read_all(t->store, VERSION_HINT_FILE, LIMIT_HINT_BYTES, &text);
	if (err) {
		err_free(err); /* there may be none */
		return false;
	}
	memcpy(copy, text->data, MIN_OF(text->len, (size_t)LIMIT_HINT_BYTES));
	return sscanf(copy, "{\"version\":%llu}", &said) == 1 && said > number;
}

/* Follow the versions behind the latest one; *ret_done: that is as good as listing. */
static struct err *probe(struct table *t, bool *ret_done)
{
	*ret_done = false;
	if (monotonic_ns() - t->listed_ns > LIST_NS)
		return NULL;
	for (unsigned i = 0; i < MAX_PROBES; i++) {
		AUTO(version) struct version *now = table_latest(t);
		AUTO(version) struct version *next = NULL;
		bool found;
		TRY(exists(t, now->number, &found));
		if (!found)
			return NULL;
		TRY(exists(t, now->number + 1, &found));
		if (!found) {
			*ret_done = !hint_says_more(t, now->number);
			return NULL;
		}
		TRY(version_load(t, t->naming, now->number + 1, &next));
		table_set_latest(t, next);
	}
	return NULL;
}

static struct err *refresh(struct table *t)
{
	struct listing l = {0};
	bool is_done = false;
	AUTO(version) struct version *v = NULL;
	AUTO(version) struct version *old = table_latest(t);
	if (old)
		TRY(probe(t, &is_done));
	if (is_done)
		return NULL;
	TRY(find_newest(t, &l));
	t->listed_ns = monotonic_ns();
	t->naming = l.naming; /* a migration keeps the number */
	if (old && l.newest <= old->number)
		return NULL;
	TRY(version_load(t, l.naming, l.newest, &v));
	table_set_latest(t, v);
	return NULL;
}

struct err *table_refresh(struct table *t)
{
	LOCK_SCOPE(&t->refresh_lock);
	TRY(refresh(t));
	if (t->lease) {
		AUTO(version) struct version *v = table_latest(t);
		lease_renew(t->lease, v->number);
	}
	return NULL;
}

struct err *table_new(struct io_store *store, const struct table_options *options,
		      struct table **ret)
{
	AUTO(table) struct table *t = NULL;
	TRY(mem_new(&t));
	atomic_init(&t->refs, 1);
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->refresh_lock, NULL);
	t->store = io_store_ref(store);
	t->log = options->log;
	t->roots = roots_ref(options->roots);
	t->naming = NAMING_V2;
	TRY(file_cache_new(&t->files));
	*ret = TAKE(t);
	return NULL;
}

struct err *table_open_with(struct io_store *store, const struct table_options *options,
			    struct table **ret)
{
	AUTO(table) struct table *t = NULL;
	TRY(table_new(store, options, &t));
	TRY(table_refresh(t));
	if (options->branch)
		return table_open_branch(t, options->branch, ret);
	*ret = TAKE(t);
	return NULL;
}

struct err *table_open(struct io_store *store, const struct log *log,
		       struct table **ret)
{
	return table_open_with(store, &(struct table_options){.log = log}, ret);
}

struct table *table_ref(struct table *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void table_unref(struct table *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	for (size_t i = 0; i < VERSION_CACHE; i++)
		version_unref(t->recent[i]);
	version_unref(t->latest);
	lease_free(t->lease);
	file_cache_free(t->files);
	io_store_unref(t->store);
	io_store_unref(t->root);
	roots_unref(t->roots);
	free(t->branch);
	free(t->recorded_root);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->refresh_lock);
	free(t);
}

const char *table_branch_name(const struct table *t)
{
	return t->branch;
}

struct io_store *table_store(struct table *t)
{
	return t->store;
}

const struct log *table_log(struct table *t)
{
	return t->log;
}

struct roots *table_roots(const struct table *t)
{
	return t->roots;
}

struct version *table_latest(struct table *t)
{
	LOCK_SCOPE(&t->lock);
	return t->latest ? version_ref(t->latest) : NULL;
}

static struct version *find_recent(struct table *t, uint64_t number)
{
	LOCK_SCOPE(&t->lock);
	if (t->latest->number == number)
		return version_ref(t->latest);
	for (size_t i = 0; i < VERSION_CACHE; i++)
		if (t->recent[i] && t->recent[i]->number == number)
			return version_ref(t->recent[i]);
	return NULL;
}

static void remember(struct table *t, struct version *v)
{
	struct version *old;
	pthread_mutex_lock(&t->lock);
	old = t->recent[t->next_recent];
	t->recent[t->next_recent] = version_ref(v);
	t->next_recent = (t->next_recent + 1) % VERSION_CACHE;
	pthread_mutex_unlock(&t->lock);
	version_unref(old);
}

static struct err *check_is_there(struct table *t, uint64_t number)
{
	bool found;
	TRY(exists(t, number, &found)); /* someone may have cleaned up */
	return found ? NULL : err_new(ENOENT, "no version %" PRIu64, number);
}

struct err *table_peek(struct table *t, uint64_t number, struct version **ret)
{
	TRY(check_is_there(t, number));
	*ret = find_recent(t, number);
	if (*ret)
		return NULL;
	TRY(version_load(t, t->naming, number, ret));
	remember(t, *ret);
	return NULL;
}

struct err *table_version(struct table *t, uint64_t number, struct version **ret)
{
	AUTO(version) struct version *v = NULL;
	bool is_new = false;
	TRY(table_peek(t, number, &v));
	lease_use(t->lease, number, &is_new);
	if (is_new) /* a cleanup reads leases after it has put versions away */
		TRY(check_is_there(t, number));
	*ret = TAKE(v);
	return NULL;
}

/* --- versions in use --- */

struct err *table_hold_leases(struct table *t)
{
	bool unused, found = false;
	if (t->lease || io_store_fd(t->store) < 0 || !io_store_writable(t->store))
		return NULL;
	TRY(lease_new(t->store, t->log, &t->lease));
	for (unsigned i = 0; !found && i < MAX_PROBES; i++) {
		AUTO(version) struct version *v = table_latest(t);
		lease_use(t->lease, v->number, &unused);
		TRY(exists(t, v->number, &found));
		if (!found)
			TRY(table_refresh(t));
	}
	return NULL;
}

struct err *version_hold(struct version *v, struct version_hold *ret)
{
	struct table *t = v->table;
	bool is_new, found = true;
	if (!t->lease)
		return NULL;
	lease_use(t->lease, v->number, &is_new);
	if (is_new)
		TRY(exists(t, v->number, &found));
	if (!found)
		lease_is_gone(t->lease, v->number);
	*ret = (struct version_hold){t, lease_hold(t->lease, v->number)};
	return NULL;
}

void version_let_go(struct version_hold *h)
{
	if (h->table)
		lease_let_go(h->table->lease, h->number);
	h->table = NULL;
}
