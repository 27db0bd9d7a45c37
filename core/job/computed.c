// SPDX-License-Identifier: Apache-2.0
/*
 * computed.c: what the values of a UDF's columns were computed from.
 */
#include "job/computed_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define DIRECTORY "_lancefs/computed"
#define LIMIT_BYTES ((uint64_t)256 << 20)

static struct err *path_of(int32_t field_id, char **ret)
{
	return str_printf(ret, DIRECTORY "/%" PRId32 ".tsv", field_id);
}

void computed_fini(struct computed *c)
{
	free(c->items);
	*c = (struct computed){0};
}

static size_t place_of(const struct computed *c, uint64_t id)
{
	size_t first = 0, end = c->n;
	while (first < end) {
		size_t mid = first + (end - first) / 2;
		if (c->items[mid].id < id)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

const struct computed_fragment *computed_find(const struct computed *c, uint64_t id)
{
	size_t i = place_of(c, id);
	return i < c->n && c->items[i].id == id ? &c->items[i] : NULL;
}

static struct err *put(struct computed *c, const struct computed_fragment *f)
{
	size_t i = place_of(c, f->id);
	if (i < c->n && c->items[i].id == f->id) {
		c->items[i] = *f;
		return NULL;
	}
	TRY(mem_grow(c->n + 1, sizeof(*c->items), &c->cap, &c->items));
	memmove(c->items + i + 1, c->items + i, (c->n - i) * sizeof(*c->items));
	c->items[i] = *f;
	c->n++;
	return NULL;
}

/* A line that is none is left out: the fragment is not known then. */
static struct err *take_line(struct computed *c, const char *line, const char *hash)
{
	struct computed_fragment f;
	char udf[UDF_HASH_LEN + 1];
	if (sscanf(line, "%" SCNu64 "\t%" SCNx64 "\t%" SCNx64 "\t%64s", &f.id,
		   &f.inputs_key, &f.outputs_key, udf) != 4)
		return NULL;
	f.is_current = strcmp(udf, hash) == 0;
	return put(c, &f);
}

struct err *computed_load(struct io_store *s, int32_t field_id, const char *udf_hash,
			  struct computed *ret)
{
	AUTO_MEM char *path = NULL;
	AUTO_MEM char *text = NULL;
	AUTO(bytes) struct bytes *bytes = NULL;
	*ret = (struct computed){0};
	TRY(path_of(field_id, &path));
	struct err *err = io_read_all(s, path, LIMIT_BYTES, &bytes);
	if (err && err->code == ENOENT) {
		err_free(err); /* nothing is known */
		return NULL;
	}
	TRY(err);
	TRY(str_dup_len(bytes->data, bytes->len, &text));
	char *rest = text;
	for (char *line; !err && (line = strsep(&rest, "\n"));)
		err = take_line(ret, line, udf_hash);
	if (err)
		computed_fini(ret);
	return err;
}

struct err *computed_add(struct io_store *s, int32_t field_id,
			 const struct computed_fragment *f, const char *udf_hash)
{
	AUTO_MEM char *path = NULL;
	AUTO_MEM char *line = NULL;
	TRY(path_of(field_id, &path));
	TRY(str_printf(&line, "%" PRIu64 "\t%" PRIx64 "\t%" PRIx64 "\t%s\n", f->id,
		       f->inputs_key, f->outputs_key, udf_hash ? udf_hash : "-"));
	TRY(io_mkdir(s, "_lancefs"));
	TRY(io_mkdir(s, DIRECTORY));
	AUTO_FD int fd =
		openat(io_store_fd(s), path,
		       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_errno(errno, "%s", path);
	if (write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		return err_errno(errno, "%s", path);
	return NULL;
}

/* --- columns in a version --- */

void column_state_fini(struct column_state *s)
{
	computed_fini(&s->computed);
	free(s->moved);
	*s = (struct column_state){0};
}

struct err *column_state_open(struct table *t, struct version *v,
			      const struct udf_columns *c, const char *udf_hash,
			      uint64_t since, struct column_state *ret)
{
	const struct field *first = c->outputs[0];
	const char *text = field_metadata(first, "lancefs:version");
	struct column_state s = {.version = v, .columns = c};
	struct computed_columns columns = {c->outputs, c->inputs, c->n_outputs,
					   c->n_inputs};
	TRY(computed_load(table_store(t), first->id, udf_hash, &s.computed));
	struct err *err = NULL;
	if (since || (text && str_to_u64(text, &since)))
		err = table_moved_fragments(t, since, v, &columns, &s.moved,
					    &s.n_moved);
	if (err)
		column_state_fini(&s);
	else
		*ret = s;
	return err;
}

static bool is_moved(const struct column_state *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_moved; i++)
		if (s->moved[i] == id)
			return true;
	return false;
}

static bool has_values(const struct column_state *s, size_t i)
{
	for (size_t k = 0; k < s->columns->n_outputs; k++)
		if (version_fragment_has(s->version, i, s->columns->outputs[k]))
			return true;
	return false;
}

/* Of the fragment's values, if they are still those that were committed. */
static const struct computed_fragment *known(const struct column_state *s, size_t i,
					     uint64_t id)
{
	const struct udf_columns *c = s->columns;
	const struct computed_fragment *f = computed_find(&s->computed, id);
	if (f && f->outputs_key != columns_key(s->version, i, c->outputs, c->n_outputs))
		return NULL; /* somebody else's */
	return f;
}

/* Rows that were appended with a null for whoever computes it. */
static bool has_nulls(const struct column_state *s, const struct fragment_info *f)
{
	uint64_t n = f->physical_rows - f->n_deleted;
	AUTO_MEM uint8_t *is_null = NULL;
	struct err *err = mem_array((size_t)n, 1, &is_null);
	if (!err)
		err = version_read_nulls(s->version, s->columns->outputs[0],
					 f->first_row, f->first_row + n, is_null);
	bool found = !err && memchr(is_null, 1, (size_t)n);
	err_free(err); /* a backfill will meet it */
	return found;
}

enum freshness column_state_of(const struct column_state *s, size_t i)
{
	const struct udf_columns *c = s->columns;
	struct fragment_info info;
	version_fragment(s->version, i, &info);
	const struct computed_fragment *f = known(s, i, info.id);
	if (!f && !has_values(s, i))
		return MISSING;
	if (!f && is_moved(s, info.id))
		return STALE;
	if (!f)
		return has_nulls(s, &info) ? MISSING : FRESH;
	uint64_t inputs_key = columns_key(s->version, i, c->inputs, c->n_inputs);
	return f->is_current && f->inputs_key == inputs_key ? FRESH : STALE;
}

bool column_state_is_moved(const struct column_state *s, size_t i)
{
	struct fragment_info info;
	version_fragment(s->version, i, &info);
	return !known(s, i, info.id) && is_moved(s, info.id);
}

bool column_state_is_whole(const struct column_state *s, size_t i)
{
	struct fragment_info info;
	version_fragment(s->version, i, &info);
	return !has_values(s, i) ||
	       (known(s, i, info.id) && column_state_of(s, i) == FRESH);
}

/* The hash that the UDF's name stands for now, else that of the columns. */
struct err *current_hash(struct io_store *s, const struct udf_columns *c,
			 char ret[UDF_HASH_LEN + 1])
{
	bool found = false;
	if (c->name && strcmp(c->name, c->hash) != 0)
		TRY(udf_find(s, c->name, &found, ret));
	if (!found)
		snprintf(ret, UDF_HASH_LEN + 1, "%s", c->hash);
	return NULL;
}

static struct err *worst(struct table *t, struct version *v,
			 const struct udf_columns *c, bool *ret_stale,
			 bool *ret_missing)
{
	char hash[UDF_HASH_LEN + 1];
	struct column_state s = {0};
	*ret_stale = *ret_missing = false;
	TRY(current_hash(table_store(t), c, hash));
	TRY(column_state_open(t, v, c, hash, 0, &s));
	for (size_t i = 0; i < version_n_fragments(v); i++) {
		struct fragment_info f;
		version_fragment(v, i, &f);
		enum freshness how = column_state_of(&s, i);
		if (f.n_deleted < f.physical_rows) {
			*ret_stale |= how == STALE;
			*ret_missing |= how == MISSING;
		}
	}
	column_state_fini(&s);
	return NULL;
}

struct err *udf_column_state(struct table *t, struct version *v, const struct field *f,
			     bool *ret_stale, bool *ret_missing)
{
	struct udf_columns c = {0};
	struct err *err = udf_columns_find(v, f->name, &c);
	if (err && (err->code == ENOENT || err->code == EINVAL)) {
		err_free(err); /* an input is gone: it cannot be made again */
		*ret_stale = true;
		*ret_missing = false;
		return NULL;
	}
	TRY(err);
	err = worst(t, v, &c, ret_stale, ret_missing);
	udf_columns_fini(&c);
	return err;
}
