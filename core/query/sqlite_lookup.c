// SPDX-License-Identifier: Apache-2.0
/*
 * sqlite_lookup.c: a virtual table that is searched for one value after the other.
 *
 * Its columns are loaded, and a hash table of the values of one is made.  A search may
 * find too many rows, SQLite tests them again.
 */
#include "query/sqlite_table_priv.h"

#include <string.h>

/* A table is loaded if it has no more bytes than this. */
#define LOAD_BYTES ((uint64_t)1 << 30)

static uint64_t hash_double(double d)
{
	uint64_t bits;
	d += 0.0; /* -0 is 0 */
	memcpy(&bits, &d, sizeof(bits));
	return hash_mix(0, bits);
}

static uint64_t hash_of(const struct array *a, uint64_t row, bool *ret_null)
{
	uint64_t len;
	*ret_null = array_is_null(a, row);
	if (*ret_null)
		return 0;
	if (type_is_string(a->type->id)) {
		const uint8_t *p = array_var(a, row, &len);
		return hash_bytes(p, (size_t)len, 0);
	}
	const uint8_t *p = a->data->data + row * 8;
	double d;
	memcpy(&d, p, sizeof(d));
	return a->type->id == TYPE_INT64 ? hash_mix(0, load_u64le(p)) : hash_double(d);
}

/* Keys as SQLite compares them: int64, double, or bytes. */
static struct err *index_keys(struct lookup *l, struct array *values)
{
	AUTO(type) struct type *t = NULL;
	enum type_id id = values->type->id;
	uint64_t n = values->n_rows, n_slots = 16;
	TRY(type_new(type_is_string(id)	   ? id
		     : type_is_integer(id) ? TYPE_INT64
					   : TYPE_FLOAT64,
		     &t));
	TRY(sql_cast(values, t, false, 0, &l->keys));
	while (n_slots < n * 2)
		n_slots *= 2;
	l->mask = n_slots - 1;
	TRY(mem_array((size_t)n_slots, sizeof(uint64_t), &l->heads));
	TRY(mem_array((size_t)n, sizeof(uint64_t), &l->chain));
	for (uint64_t row = n; row-- > 0;) {
		bool is_null;
		uint64_t slot = hash_of(l->keys, row, &is_null) & l->mask;
		if (is_null)
			continue;
		l->chain[row] = l->heads[slot];
		l->heads[slot] = row + 1;
	}
	return NULL;
}

struct loading {
	struct array ***parts; /* of each output: its batches */
	size_t n_outputs, n;
};

static struct err *take_part(void *ctx, const struct scan_batch *b)
{
	struct loading *l = ctx;
	for (size_t i = 0; i < l->n_outputs; i++) {
		TRY(mem_resize(l->n + 1, sizeof(struct array *), &l->parts[i]));
		l->parts[i][l->n] = array_ref(b->outputs[i]);
	}
	l->n++;
	return NULL;
}

static void loading_fini(struct loading *l)
{
	for (size_t i = 0; l->parts && i < l->n_outputs; i++) {
		for (size_t k = 0; l->parts[i] && k < l->n; k++)
			array_unref(l->parts[i][k]);
		free(l->parts[i]);
	}
	free(l->parts);
}

static struct err *load_columns(struct cursor_state *c)
{
	const struct scope *s = scope_at(c);
	__attribute__((cleanup(loading_fini))) struct loading l = {
		.n_outputs = c->scan.n_outputs};
	TRY(mem_array(l.n_outputs, sizeof(struct array **), &l.parts));
	c->scan.filter = NULL;
	TRY(scan_run(&c->scan, take_part, &l));
	TRY(mem_array(s->n, sizeof(struct array *), &c->loaded));
	for (size_t i = 0; i < s->n; i++)
		if (c->columns[i] && l.n)
			TRY(array_concat(l.parts[c->slots[i]], l.n, &c->loaded[i]));
	return NULL;
}

struct err *lookup_may_load(const struct cursor_state *c, bool *ret)
{
	const struct scope *s = scope_at(c);
	uint64_t total = 0;
	*ret = false;
	for (size_t i = 0; s->version && i < s->n_own; i++) {
		uint64_t bytes = 0;
		if (is_named(c->used, i) && !c->columns[i])
			return NULL; /* a wide one */
		if (c->columns[i])
			TRY(version_column_bytes(s->version, s->fields[i], &bytes));
		total += bytes;
	}
	*ret = total <= LOAD_BYTES && s->n_rows > 0;
	return NULL;
}

static bool key_matches(const struct cursor_state *c, uint64_t row)
{
	const struct array *keys = c->lookup.keys;
	uint64_t len;
	if (type_is_string(keys->type->id)) {
		const uint8_t *p = array_var(keys, row, &len);
		return (uint64_t)sqlite3_value_bytes(c->wanted) == len &&
		       (!len ||
			memcmp(sqlite3_value_blob(c->wanted), p, (size_t)len) == 0);
	}
	const uint8_t *p = keys->data->data + row * 8;
	double d;
	memcpy(&d, p, sizeof(d));
	return keys->type->id == TYPE_INT64
		       ? (int64_t)load_u64le(p) == sqlite3_value_int64(c->wanted)
		       : d == sqlite3_value_double(c->wanted);
}

static void skip_others(struct cursor_state *c)
{
	while (c->row && !key_matches(c, c->row - 1))
		c->row = c->lookup.chain[c->row - 1];
	c->is_end = c->row == 0;
}

/*
 * Whether the rows of a value are those of its slot.  Beside a column of numbers a text
 * is one if it looks like one; a number beside a column of texts may make numbers of
 * them all.
 */
static bool is_searchable(const struct field *f, sqlite3_value *v)
{
	int type = sqlite3_value_type(v);
	return type_is_string(f->type->id) ? type == SQLITE_TEXT : type != SQLITE_BLOB;
}

/* The slot of the value that is searched; false: no row can have it. */
static bool search_slot(struct cursor_state *c, sqlite3_value *v, uint64_t *ret)
{
	enum type_id id = c->lookup.keys->type->id;
	if (type_is_string(id)) {
		const void *p = sqlite3_value_text(v);
		*ret = hash_bytes(p, (size_t)sqlite3_value_bytes(v), 0);
		return true;
	}
	int type = sqlite3_value_numeric_type(v);
	if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
		return false;
	int64_t i = sqlite3_value_int64(v);
	double d = sqlite3_value_double(v);
	if (id == TYPE_INT64 && type == SQLITE_FLOAT && (double)i != d)
		return false;
	*ret = id == TYPE_INT64 ? hash_mix(0, (uint64_t)i) : hash_double(d);
	return true;
}

struct err *lookup_search(struct cursor_state *c, size_t column, sqlite3_value *v)
{
	uint64_t slot;
	cursor_end_scan(c);
	if (!c->loaded)
		TRY(load_columns(c));
	if (!c->lookup.keys) {
		c->lookup.column = column;
		TRY(index_keys(&c->lookup, c->loaded[column]));
	}
	c->wanted = sqlite3_value_dup(v);
	if (!c->wanted)
		return err_nomem();
	bool may_be = search_slot(c, c->wanted, &slot);
	c->row = may_be ? c->lookup.heads[slot & c->lookup.mask] : 0;
	skip_others(c);
	return NULL;
}

/* The first condition of equality of a plan, if it is the one that is indexed. */
bool lookup_find(const struct cursor_state *c, const char *plan, sqlite3_value **args,
		 size_t *ret_column, size_t *ret_arg)
{
	struct plan_item item;
	for (size_t i = 0; plan_next(&plan, &item); i++)
		if (strcmp(item.op, "=") == 0 && c->columns[item.column] &&
		    is_searchable(scope_at(c)->fields[item.column], args[i]) &&
		    (!c->lookup.keys || c->lookup.column == item.column)) {
			*ret_column = item.column;
			*ret_arg = i;
			return true;
		}
	return false;
}

void lookup_next(struct cursor_state *c)
{
	c->row = c->lookup.chain[c->row - 1];
	skip_others(c);
}

void lookup_fini(struct lookup *l)
{
	array_unref(l->keys);
	free(l->heads);
	free(l->chain);
}
