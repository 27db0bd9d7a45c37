// SPDX-License-Identifier: Apache-2.0
/*
 * catalog.c: a directory of tables, as LanceDB keeps one.
 *
 * A table outside of any namespace is a directory NAME.lance.  The catalogue is a
 * Lance dataset, __manifest, with a row for each namespace and for each table in
 * one; its columns are object_id (path and name, joined by '$'), object_type
 * ("namespace", "table") and location (relative to the directory).
 * Source: Lance's docs, "Directory Catalog".
 */
#include "table/table.h"

#include <errno.h>
#include <inttypes.h>

#define CATALOG_DIR "__manifest"
#define TABLE_SUFFIX ".lance"
#define SEPARATOR '$'
#define READ_ROWS 4096

struct catalog {
	struct io_store *store; /* owned reference */
	const struct log *log;	/* borrowed, may be NULL */
	pthread_mutex_t lock;
	struct table *table;	 /* guarded by .lock; owned reference; NULL: none yet */
	struct version *version; /* guarded by .lock; owned; what .rows are of */
	struct catalog_list rows; /* guarded by .lock; whole object ids as names */
};

/* --- lists --- */

void catalog_list_fini(struct catalog_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].name);
		free(l->items[i].location);
	}
	free(l->items);
	*l = (struct catalog_list){0};
}

static struct err *add(struct catalog_list *l, const char *name, const char *location)
{
	AUTO_MEM char *name_copy = NULL;
	AUTO_MEM char *location_copy = NULL;
	TRY(str_dup(name, &name_copy));
	if (location)
		TRY(str_dup(location, &location_copy));
	TRY(mem_grow(l->n + 1, sizeof(*l->items), &l->cap, &l->items));
	l->items[l->n++] = (struct catalog_entry){TAKE(name_copy), TAKE(location_copy)};
	return NULL;
}

/* By name; of equal names tables come first. */
static int compare(const void *a, const void *b)
{
	const struct catalog_entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : (x->location == NULL) - (y->location == NULL);
}

/* The same table may be listed by the directory and by the catalogue. */
static void sort(struct catalog_list *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare);
	for (size_t i = 0; i < l->n; i++) {
		if (n && compare(&l->items[n - 1], &l->items[i]) == 0) {
			free(l->items[i].name);
			free(l->items[i].location);
		} else {
			l->items[n++] = l->items[i];
		}
	}
	l->n = n;
}

/* --- tables in the directory --- */

struct listing {
	struct io_store *store; /* borrowed */
	struct catalog_list *list;
};

static struct err *is_table(struct io_store *s, const char *dir, bool *ret)
{
	AUTO_MEM char *path = NULL;
	struct io_stat st;
	TRY(str_printf(&path, "%s/_versions", dir));
	TRY(io_stat(s, path, ret, &st));
	*ret = *ret && st.is_dir;
	return NULL;
}

static struct err *add_dir(void *ctx, const char *file)
{
	struct listing *l = ctx;
	AUTO_MEM char *name = NULL;
	bool found;
	if (!str_ends(file, TABLE_SUFFIX))
		return NULL;
	TRY(is_table(l->store, file, &found));
	if (!found)
		return NULL;
	TRY(str_dup_len(file, strlen(file) - strlen(TABLE_SUFFIX), &name));
	return add(l->list, name, file);
}

struct err *catalog_found(struct io_store *store, bool *ret)
{
	struct catalog_list list = {0};
	struct listing l = {store, &list};
	bool is_dataset;
	struct io_stat st;
	*ret = false;
	TRY(io_stat(store, "_versions", &is_dataset, &st));
	if (is_dataset)
		return NULL;
	TRY(is_table(store, CATALOG_DIR, ret));
	if (*ret)
		return NULL;
	struct err *err = io_list(store, ".", add_dir, &l);
	*ret = list.n > 0;
	catalog_list_fini(&list);
	return err;
}

/* --- the catalogue's rows --- */

static struct err *text_at(const struct array *a, uint64_t row, char **ret)
{
	uint64_t len;
	const uint8_t *p = array_var(a, row, &len);
	return str_dup_len(p, (size_t)len, ret);
}

static struct err *add_row(struct catalog_list *l, struct array *const *columns,
			   uint64_t row)
{
	AUTO_MEM char *id = NULL;
	AUTO_MEM char *type = NULL;
	AUTO_MEM char *location = NULL;
	if (array_is_null(columns[0], row) || array_is_null(columns[1], row))
		return NULL;
	TRY(text_at(columns[0], row, &id));
	TRY(text_at(columns[1], row, &type));
	if (!array_is_null(columns[2], row))
		TRY(text_at(columns[2], row, &location));
	if (strcmp(type, "namespace") == 0)
		return add(l, id, NULL);
	return strcmp(type, "table") == 0 && location ? add(l, id, location) : NULL;
}

#define N_COLUMNS 3

static struct err *read_batch(struct version *v, struct field *const *fields,
			      uint64_t first, uint64_t end, struct catalog_list *ret)
{
	struct array *columns[N_COLUMNS] = {0};
	struct err *err = NULL;
	for (size_t i = 0; i < N_COLUMNS && !err; i++)
		err = version_read(v, fields[i], first, end, &columns[i]);
	for (uint64_t row = 0; row < end - first && !err; row++)
		err = add_row(ret, columns, row);
	for (size_t i = 0; i < N_COLUMNS; i++)
		array_unref(columns[i]);
	return err;
}

static struct err *read_rows(struct version *v, struct catalog_list *ret)
{
	static const char *const names[N_COLUMNS] = {"object_id", "object_type",
						     "location"};
	struct field *fields[N_COLUMNS];
	for (size_t i = 0; i < N_COLUMNS; i++) {
		fields[i] = version_find_field(v, names[i]);
		if (!fields[i] || !type_is_string(fields[i]->type->id))
			return err_new(EIO,
				       CATALOG_DIR ": no column '%s' of strings: not a "
						   "catalogue",
				       names[i]);
	}
	if (version_rows(v) > LIMIT_CATALOG_ROWS)
		return err_new(EFBIG, CATALOG_DIR ": %" PRIu64 " rows",
			       version_rows(v));
	for (uint64_t row = 0; row < version_rows(v); row += READ_ROWS)
		TRY(read_batch(v, fields, row, MIN_OF(row + READ_ROWS, version_rows(v)),
			       ret));
	return NULL;
}

static struct err *open_table(struct catalog *c)
{
	AUTO(io_store) struct io_store *store = NULL;
	bool found;
	TRY(is_table(c->store, CATALOG_DIR, &found));
	if (!found)
		return NULL;
	TRY(io_store_open_dir(c->store, CATALOG_DIR, &store));
	return table_open(store, c->log, &c->table);
}

/* Bring .rows up to date; .lock held. */
static struct err *refresh(struct catalog *c)
{
	struct catalog_list rows = {0};
	if (!c->table)
		TRY(open_table(c));
	if (!c->table)
		return NULL;
	TRY(table_refresh(c->table));
	AUTO(version) struct version *v = table_latest(c->table);
	if (c->version && version_number(c->version) == version_number(v))
		return NULL;
	struct err *err = read_rows(v, &rows);
	if (err) {
		catalog_list_fini(&rows);
		return err_wrap(err, CATALOG_DIR);
	}
	version_unref(c->version);
	catalog_list_fini(&c->rows);
	c->version = TAKE(v);
	c->rows = rows;
	return NULL;
}

/* --- the catalogue --- */

struct err *catalog_open(struct io_store *store, const struct log *log,
			 struct catalog **ret)
{
	TRY(mem_new(ret));
	pthread_mutex_init(&(*ret)->lock, NULL);
	(*ret)->store = io_store_ref(store);
	(*ret)->log = log;
	return NULL;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	catalog_list_fini(&c->rows);
	version_unref(c->version);
	table_unref(c->table);
	io_store_unref(c->store);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The name of an object that lies right in a namespace, else NULL. */
static const char *name_in(const char *id, const char *namespace)
{
	size_t len = strlen(namespace);
	if (len && (strncmp(id, namespace, len) != 0 || id[len] != SEPARATOR))
		return NULL;
	const char *name = id + (len ? len + 1 : 0);
	return *name && !strchr(name, SEPARATOR) ? name : NULL;
}

static struct err *collect(struct catalog *c, const char *namespace,
			   struct catalog_list *ret)
{
	struct listing l = {c->store, ret};
	LOCK_SCOPE(&c->lock);
	TRY(refresh(c));
	if (!*namespace)
		TRY(io_list(c->store, ".", add_dir, &l));
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct catalog_entry *e = &c->rows.items[i];
		const char *name = name_in(e->name, namespace);
		bool there = !e->location;
		if (name && !there)
			TRY(is_table(c->store, e->location, &there));
		if (name && there)
			TRY(add(ret, name, e->location));
	}
	return NULL;
}

struct err *catalog_list(struct catalog *c, const char *namespace,
			 struct catalog_list *ret)
{
	*ret = (struct catalog_list){0};
	struct err *err = collect(c, namespace, ret);
	if (err) {
		catalog_list_fini(ret);
		return err;
	}
	sort(ret);
	return NULL;
}
