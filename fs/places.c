// SPDX-License-Identifier: Apache-2.0
/*
 * places.c: the directories that files are dropped into, and what becomes of them.
 */
#include "staging_priv.h"

#include <errno.h>

const char *place_name(const struct drop_place *place)
{
	return place->name;
}

static struct err *check_protected(void *staged, const char *column)
{
	const struct staged *s = staged;
	if (!list_has(s->mount->server->options.protect, column) ||
	    !version_find_field(s->base, column))
		return NULL;
	return err_new(EPERM,
		       "column '%s' is protected (protect= in the mount's "
		       "configuration)",
		       column);
}

/* --- columns/ --- */

static struct err *begin_column(struct staged *s, const char *name)
{
	AUTO_MEM char *column = NULL;
	AUTO(type) struct type *type = NULL;
	struct import_spec spec = {.kind = IMPORT_COLUMN, .text = name};
	TRY(column_file_parse(s->base, name, &column, &type, &spec.format));
	TRY(check_protected(s, column));
	spec.name = column;
	spec.type = s->type ? s->type : type;
	TRY(import_open(s->mount->table, s->base, &spec, &s->import));
	s->replaces = version_find_field(s->base, column) != NULL;
	free(s->column);
	s->column = TAKE(column);
	return NULL;
}

const struct drop_place place_columns = {
	.name = "columns",
	.holds_columns = true,
	.begin = begin_column,
};

/* --- append/ --- */

static struct err *begin_rows(struct staged *s, const char *name)
{
	struct import_spec spec = {.kind = IMPORT_ROWS, .name = name, .text = name};
	TRY(rows_file_parse(name, &spec.format));
	return import_open(s->mount->table, s->base, &spec, &s->import);
}

const struct drop_place place_append = {
	.name = "append",
	.begin = begin_rows,
};

/* Files that were taken in are gone: only what is being written is there. */
static struct err *place_list(struct mount *m, struct handle *h, uint64_t off,
			      const struct list_sink *sink)
{
	staging_list(m, node_drops(h->node), 0, off, sink);
	return NULL;
}

const struct node_ops append_ops = {
	.kind = "append",
	.mode = S_IFDIR | 0755,
	.drops = &place_append,
	.list = place_list,
};

/* --- joins/KEY/ --- */

static struct err *begin_join(struct staged *s, const char *name)
{
	struct import_spec spec = {.kind = IMPORT_JOIN, .name = name, .text = name};
	TRY(rows_file_parse(name, &spec.format));
	TRY(join_key(s->base, s->place->key, &spec.join.key));
	spec.join.check = check_protected;
	spec.join.ctx = s;
	return import_open(s->mount->table, s->base, &spec, &s->import);
}

static struct err *place_new(const char *key, struct drop_place **ret)
{
	struct drop_place *p;
	AUTO_MEM char *encoded = NULL;
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *copy = NULL;
	TRY(name_encode(key, &encoded));
	TRY(str_printf(&name, "joins/%s", encoded));
	TRY(str_dup(key, &copy));
	TRY(mem_new(&p));
	p->name = TAKE(name);
	p->key = TAKE(copy);
	p->begin = begin_join;
	*ret = p;
	return NULL;
}

void place_free(struct drop_place *first)
{
	while (first) {
		struct drop_place *next = first->next;
		void *name = (void *)(uintptr_t)first->name;
		free(name);
		free(first->key);
		free(first);
		first = next;
	}
}

struct err *place_of_key(struct mount *m, const char *key,
			 const struct drop_place **ret)
{
	struct drop_place *p;
	LOCK_SCOPE(&m->keys_lock);
	for (p = m->keys; p; p = p->next) {
		if (strcmp(p->key, key) == 0) {
			*ret = p;
			return NULL;
		}
	}
	TRY(place_new(key, &p));
	p->next = m->keys;
	m->keys = p;
	*ret = p;
	return NULL;
}

const struct node_ops join_ops = {
	.kind = "join",
	.mode = S_IFDIR | 0755,
	.list = place_list,
};
