// SPDX-License-Identifier: Apache-2.0
/*
 * join.c: columns whose values a file has by key.
 *
 * The file's rows are kept, its keys in a table; then the rows of the version go by in
 * batches, and each column is gathered from the rows of the file that their keys name.
 * As in SQL a null is equal to nothing: a row of the file without a key is not used, a
 * row of the version without one is not found.
 */
#include "job/join_priv.h"
#include "job/part_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Of the file's values; more than that is spilled. */
#define MEMORY_BYTES ((uint64_t)64 << 20)
/* Rows joined at once: bounded by their bytes as well as by their number. */
#define BATCH_ROWS ((uint64_t)8192)
#define BATCH_BYTES ((uint64_t)8 << 20)
/* Fewer from a spill: around each the kernel maps 64 KiB, until spill_rest(). */
#define SPILL_ROWS ((uint64_t)1024)
/* Keys that a message names. */
#define N_NAMED 3

struct join_column {
	size_t member;		  /* of the file's rows */
	const char *name;	  /* borrowed from .type_of_file */
	struct type *type;	  /* owned reference; its values' */
	struct field *present;	  /* borrowed from base; NULL: the column is new */
	bool carries;		  /* present values where the file has none */
	struct array *null_value; /* owned; one row */
};

/* Rows of the file. */
struct join_batch {
	uint32_t first;
	struct array **columns; /* owned, each a reference */
};

/* Keys that a failure is about. */
struct named_keys {
	struct buf text; /* the first of them */
	uint64_t n;
};

struct join {
	struct io_store *store; /* borrowed */
	struct version *base;	/* borrowed */
	struct field *key;	/* borrowed */
	enum join_missing on_missing;
	struct type *type_of_file; /* owned reference */
	size_t key_member;
	bool mixes_signs;	     /* of the keys in the table and in the file */
	struct join_column *columns; /* owned */
	size_t n;
	struct key_table keys;
	uint64_t n_keyless; /* rows of the file */
	struct named_keys twice;
	struct join_batch *batches; /* owned */
	size_t n_batches, cap_batches;
	uint64_t bytes;			 /* of values in memory */
	struct spill *spill;		 /* owned; NULL: not needed so far */
	uint8_t *used;			 /* owned; a bit a row of the file */
	uint64_t n_matched, n_unmatched; /* rows of base */
};

static void batch_free(struct join_batch *b, size_t n)
{
	for (size_t i = 0; b->columns && i < n; i++)
		array_unref(b->columns[i]);
	free(b->columns);
}

void join_free(struct join *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->n_batches; i++)
		batch_free(&j->batches[i], j->n);
	for (size_t i = 0; i < j->n; i++) {
		type_unref(j->columns[i].type);
		array_unref(j->columns[i].null_value);
	}
	spill_close(j->spill);
	key_table_fini(&j->keys);
	buf_fini(&j->twice.text);
	type_unref(j->type_of_file);
	free(j->batches);
	free(j->columns);
	free(j->used);
	free(j);
}

/* --- opening --- */

static struct err *find_key(struct join *j)
{
	const struct type *file = j->type_of_file;
	AUTO_MEM char *have = NULL;
	AUTO_MEM char *want = NULL;
	while (j->key_member < file->n_children &&
	       strcmp(file->children[j->key_member]->name, j->key->name) != 0)
		j->key_member++;
	if (j->key_member == file->n_children)
		return err_new(EINVAL,
			       "the file has no column '%s', which it is to be joined "
			       "on",
			       j->key->name);
	const struct type *own = file->children[j->key_member]->type;
	bool is_signed = type_is_signed(own->id);
	j->mixes_signs = type_is_integer(own->id) &&
			 type_is_integer(j->key->type->id) &&
			 is_signed != type_is_signed(j->key->type->id);
	if (own->id == TYPE_NULL || key_types_match(own, j->key->type))
		return NULL;
	TRY(type_format(own, &have));
	TRY(type_format(j->key->type, &want));
	return err_new(EINVAL, "column '%s' is %s in the file and %s in the table",
		       j->key->name, have, want);
}

/* What is there keeps its type; of a dictionary new columns get the values. */
static struct err *column_type(const struct join_column *c, struct type *own,
			       struct type **ret)
{
	AUTO(array) struct array *none = NULL;
	AUTO(array) struct array *plain = NULL;
	if (c->present || !type_has_dictionary(own)) {
		*ret = type_ref(c->present ? c->present->type : own);
		return NULL;
	}
	TRY(array_new_null(own, 0, &none));
	TRY(array_expand(none, &plain));
	*ret = type_ref(plain->type);
	return NULL;
}

static struct err *add_column(struct join *j, size_t member)
{
	const struct field *f = j->type_of_file->children[member];
	struct join_column *c = &j->columns[j->n];
	c->member = member;
	c->name = f->name;
	c->present = version_find_field(j->base, f->name);
	if (c->present && c->present->type->id == TYPE_NULL)
		c->present = NULL; /* there is no value to keep, nor a type */
	c->carries = c->present && (j->on_missing == JOIN_MISSING_DEFAULT ||
				    j->on_missing == JOIN_MISSING_CARRY);
	TRY(column_type(c, f->type, &c->type));
	j->n++;
	return array_new_null(c->type, 1, &c->null_value);
}

static struct err *add_columns(struct join *j)
{
	size_t n = j->type_of_file->n_children;
	if (n < 2)
		return err_new(EINVAL, "the file has no column besides '%s'",
			       j->key->name);
	TRY(mem_array(n - 1, sizeof(*j->columns), &j->columns));
	for (size_t i = 0; i < n; i++)
		if (i != j->key_member)
			TRY(add_column(j, i));
	return NULL;
}

struct err *join_new(struct table *t, struct version *base,
		     const struct join_options *options, struct join **ret)
{
	AUTO(join) struct join *j = NULL;
	TRY(mem_new(&j));
	j->store = table_store(t);
	j->base = base;
	j->key = options->key;
	j->on_missing = options->on_missing;
	j->type_of_file = type_ref(options->file);
	TRY(find_key(j));
	TRY(add_columns(j));
	*ret = TAKE(j);
	return NULL;
}

size_t join_n_columns(const struct join *j)
{
	return j->n;
}

void join_column(const struct join *j, size_t i, struct column_spec *ret)
{
	ret->name = j->columns[i].name;
	ret->type = j->columns[i].type;
}

/* --- the rows of the file --- */

static struct err *name_key(struct named_keys *named, const struct array *keys,
			    uint64_t row)
{
	AUTO(array) struct array *one = NULL;
	AUTO_BUF struct buf text = {0};
	TRY(array_slice(keys, row, row + 1, &one));
	TRY(text_render(one, &text));
	TRY(buf_check(&text));
	buf_printf(&named->text, "%s%.*s", named->text.len ? ", " : "",
		   (int)MIN_OF(text.len - 1, (size_t)60), (char *)text.data);
	return NULL;
}

static struct err *tell_twice(struct join *j, const struct array *keys, uint64_t row,
			      uint32_t first)
{
	if (j->twice.n++ >= N_NAMED)
		return NULL;
	TRY(name_key(&j->twice, keys, row));
	buf_printf(&j->twice.text, " (rows %" PRIu64 " and %zu)", (uint64_t)first + 1,
		   j->keys.n_rows);
	return NULL;
}

static struct err *add_keys(struct join *j, struct array *own)
{
	AUTO(array) struct array *keys = NULL;
	struct key k;
	uint32_t same;
	TRY(array_expand(own, &keys));
	for (uint64_t row = 0; row < keys->n_rows; row++) {
		if (array_is_null(keys, row)) {
			TRY(key_table_add_null(&j->keys));
			j->n_keyless++;
			continue;
		}
		key_of(keys, row, &k);
		TRY(key_table_add(&j->keys, &k, &same));
		if (same != NO_ROW)
			TRY(tell_twice(j, keys, row, same));
	}
	return NULL;
}

/* Values as the column's, in memory or in the spill. */
static struct err *keep_values(struct join *j, const struct join_column *c,
			       struct array *own, uint64_t first_row,
			       struct array **ret)
{
	AUTO(array) struct array *values = NULL;
	TRY_CTX(array_cast(own, c->type, first_row, &values), "column '%s'", c->name);
	if (!j->spill && j->bytes > MEMORY_BYTES)
		TRY(spill_open(j->store, &j->spill));
	if (j->spill)
		return spill_array(j->spill, values, ret);
	j->bytes += array_bytes(values);
	*ret = TAKE(values);
	return NULL;
}

struct err *join_push(struct join *j, const struct array *batch)
{
	TRY(mem_grow(j->n_batches + 1, sizeof(*j->batches), &j->cap_batches,
		     &j->batches));
	struct join_batch *b = &j->batches[j->n_batches];
	*b = (struct join_batch){.first = (uint32_t)j->keys.n_rows};
	TRY(mem_array(j->n, sizeof(struct array *), &b->columns));
	j->n_batches++;
	TRY(add_keys(j, batch->children[j->key_member]));
	for (size_t i = 0; i < j->n; i++)
		TRY(keep_values(j, &j->columns[i],
				batch->children[j->columns[i].member],
				(uint64_t)b->first + 1, &b->columns[i]));
	return NULL;
}

/* --- finding --- */

/* Rows [first, end) of base, and the rows of the file that they match. */
struct found {
	uint64_t first, end;
	struct array *keys; /* owned */
	uint32_t *rows;	    /* owned; NO_ROW: none */
};

static void auto_found(struct found *f)
{
	array_unref(f->keys);
	free(f->rows);
}
#define AUTO_FOUND __attribute__((cleanup(auto_found)))

static uint32_t find_row(const struct join *j, const struct array *keys, uint64_t row)
{
	struct key k;
	if (array_is_null(keys, row))
		return NO_ROW;
	key_of(keys, row, &k);
	if (j->mixes_signs && k.p[7] >> 7)
		return NO_ROW; /* what one type holds and the other does not */
	return key_table_find(&j->keys, &k);
}

static struct err *find_rows(const struct join *j, uint64_t first, uint64_t end,
			     struct found *ret)
{
	AUTO(array) struct array *own = NULL;
	ret->first = first;
	ret->end = end;
	TRY(version_read(j->base, j->key, first, end, &own));
	TRY(array_expand(own, &ret->keys));
	TRY(mem_array((size_t)(end - first), sizeof(*ret->rows), &ret->rows));
	for (uint64_t row = 0; row < end - first; row++)
		ret->rows[row] = find_row(j, ret->keys, row);
	return NULL;
}

static struct err *check_twice(struct join *j)
{
	AUTO_MEM char *text = NULL;
	uint64_t n = j->twice.n;
	if (!n)
		return NULL;
	TRY(buf_take_str(&j->twice.text, &text));
	return err_new(
		EINVAL,
		"a key may come once, but %" PRIu64 " row%s of the file repeat%s "
		"one: %s%s",
		n, n > 1 ? "s" : "", n > 1 ? "" : "s", text, n > N_NAMED ? ", …" : "");
}

static struct err *name_missing(struct named_keys *missing, const struct found *f)
{
	for (uint64_t row = 0; row < f->end - f->first; row++) {
		if (f->rows[row] != NO_ROW || missing->n++ >= N_NAMED)
			continue;
		TRY(name_key(missing, f->keys, row));
		buf_printf(&missing->text, " (row %" PRIu64 ")", f->first + row);
	}
	return NULL;
}

static struct err *missing_error(struct named_keys *missing)
{
	AUTO_MEM char *text = NULL;
	TRY(buf_take_str(&missing->text, &text));
	return err_new(EINVAL,
		       "the file has nothing for %" PRIu64 " row%s of the table: %s%s",
		       missing->n, missing->n > 1 ? "s" : "", text,
		       missing->n > N_NAMED ? ", …" : "");
}

static struct err *check_missing(const struct join *j)
{
	struct named_keys missing = {0};
	struct err *err = NULL;
	uint64_t n_rows = version_rows(j->base);
	for (uint64_t row = 0; !err && row < n_rows; row += BATCH_ROWS) {
		AUTO_FOUND struct found f = {0};
		err = find_rows(j, row, MIN_OF(row + BATCH_ROWS, n_rows), &f);
		if (!err)
			err = name_missing(&missing, &f);
	}
	if (!err && missing.n)
		err = missing_error(&missing);
	buf_fini(&missing.text);
	return err;
}

/* --- joining --- */

/* Ranges of rows that become one array. */
struct ranges {
	struct array_rows *items; /* owned; with room for all */
	size_t n;
};

static void auto_ranges(struct ranges *r)
{
	free(r->items);
}

static void add_row(struct ranges *r, const struct array *a, uint64_t row)
{
	struct array_rows *last = r->n ? &r->items[r->n - 1] : NULL;
	if (last && last->a == a && last->end == row)
		last->end++;
	else
		r->items[r->n++] = (struct array_rows){a, row, row + 1};
}

/* The batch of a row; most often it is the one of the row before. */
static const struct join_batch *batch_of(const struct join *j, uint32_t row,
					 const struct join_batch *last)
{
	const struct join_batch *end = j->batches + j->n_batches;
	if (last && row >= last->first && (last + 1 == end || row < last[1].first))
		return last;
	size_t low = 0, high = j->n_batches;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (j->batches[mid].first <= row)
			low = mid;
		else
			high = mid;
	}
	return &j->batches[low];
}

static struct err *gather_column(const struct join *j, size_t column,
				 const struct found *f, struct array **ret)
{
	const struct join_column *c = &j->columns[column];
	const struct join_batch *b = NULL;
	AUTO(array) struct array *present = NULL;
	__attribute__((cleanup(auto_ranges))) struct ranges ranges = {0};
	uint64_t n = f->end - f->first;
	TRY(mem_array((size_t)n, sizeof(*ranges.items), &ranges.items));
	if (c->carries)
		TRY(version_read(j->base, c->present, f->first, f->end, &present));
	for (uint64_t row = 0; row < n; row++) {
		uint32_t from = f->rows[row];
		if (from != NO_ROW) {
			b = batch_of(j, from, b);
			add_row(&ranges, b->columns[column], from - b->first);
		} else if (present) {
			add_row(&ranges, present, row);
		} else {
			add_row(&ranges, c->null_value, 0);
		}
	}
	return array_gather(ranges.items, ranges.n, ret);
}

static void count(struct join *j, const struct found *f)
{
	for (uint64_t row = 0; row < f->end - f->first; row++) {
		uint32_t from = f->rows[row];
		if (from == NO_ROW) {
			j->n_unmatched++;
		} else {
			j->n_matched++;
			bit_set(j->used, from);
		}
	}
}

/* *ret_bytes: what the rows take. */
static struct err *join_rows(struct join *j, uint64_t first, uint64_t end,
			     struct column_writer *w, uint64_t *ret_bytes)
{
	AUTO_FOUND struct found f = {0};
	AUTO_PART struct part rows = {0};
	*ret_bytes = 0;
	TRY(find_rows(j, first, end, &f));
	TRY(part_new(j->n, &rows));
	for (size_t i = 0; i < j->n; i++) {
		TRY(gather_column(j, i, &f, &rows.arrays[i]));
		*ret_bytes += array_bytes(rows.arrays[i]);
	}
	count(j, &f);
	if (j->spill)
		spill_rest(j->spill);
	return column_writer_push(w, rows.arrays);
}

struct err *join_run(struct join *j, struct column_writer *w)
{
	uint64_t n_rows = version_rows(j->base), n = 64, bytes;
	TRY(check_twice(j));
	if (j->on_missing == JOIN_MISSING_ERROR)
		TRY(check_missing(j));
	TRY(mem_array(bitmap_bytes(j->keys.n_rows), 1, &j->used));
	for (uint64_t row = 0; row < n_rows;) {
		uint64_t end = MIN_OF(row + n, n_rows);
		TRY(join_rows(j, row, end, w, &bytes));
		n = BATCH_BYTES / (bytes / (end - row) + 1);
		n = MAX_OF((uint64_t)1, MIN_OF(n, j->spill ? SPILL_ROWS : BATCH_ROWS));
		row = end;
	}
	return NULL;
}

void join_count(const struct join *j, struct join_counts *ret)
{
	*ret = (struct join_counts){
		.n_matched = j->n_matched,
		.n_unmatched = j->n_unmatched,
		.n_unused = j->keys.n_keys - bitmap_count(j->used, 0, j->keys.n_rows),
		.n_keyless = j->n_keyless,
	};
}
