// SPDX-License-Identifier: Apache-2.0
/*
 * files.c: data files that are open, shared by all versions of a table.
 *
 * Bounded by their number, least recently used go first; whoever reads from
 * one holds a reference, so closing an entry never disturbs a reader.
 */
#include "table/table_priv.h"

#define N_SLOTS 256

struct slot {
	char *path;		      /* owned; NULL: free */
	const struct io_store *store; /* that the path is in */
	struct file_reader *reader;
	uint64_t used; /* tick of the last use */
};

struct file_cache {
	pthread_mutex_t lock;
	uint64_t tick;		    /* guarded by .lock */
	struct slot slots[N_SLOTS]; /* guarded by .lock */
};

struct err *file_cache_new(struct file_cache **ret)
{
	struct file_cache *c;
	TRY(mem_new(&c));
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return NULL;
}

static void slot_clear(struct slot *s)
{
	free(s->path);
	file_reader_unref(s->reader);
	*s = (struct slot){0};
}

void file_cache_free(struct file_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < N_SLOTS; i++)
		slot_clear(&c->slots[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static struct file_reader *lookup(struct file_cache *c, const struct file_place *place)
{
	LOCK_SCOPE(&c->lock);
	for (size_t i = 0; i < N_SLOTS; i++) {
		struct slot *s = &c->slots[i];
		if (!s->path || s->store != place->store ||
		    strcmp(s->path, place->path) != 0)
			continue;
		s->used = ++c->tick;
		return file_reader_ref(s->reader);
	}
	return NULL;
}

static void insert(struct file_cache *c, const struct io_store *store, char *path,
		   struct file_reader *r)
{
	LOCK_SCOPE(&c->lock);
	struct slot *oldest = &c->slots[0];
	for (size_t i = 1; i < N_SLOTS; i++)
		if (c->slots[i].used < oldest->used)
			oldest = &c->slots[i];
	slot_clear(oldest);
	*oldest = (struct slot){path, store, file_reader_ref(r), ++c->tick};
}

struct err *file_cache_get(struct file_cache *c, const struct file_place *place,
			   struct file_reader **ret)
{
	AUTO(io_file) struct io_file *file = NULL;
	AUTO_MEM char *key = NULL;
	*ret = lookup(c, place);
	if (*ret)
		return NULL;
	TRY(str_dup(place->path, &key));
	TRY(io_open(place->store, place->path, &file));
	TRY(file_reader_open(file, ret));
	insert(c, place->store, TAKE(key), *ret);
	return NULL;
}
