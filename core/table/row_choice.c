// SPDX-License-Identifier: Apache-2.0
/*
 * row_choice.c: live rows of a version, kept as offsets of its fragments.
 */
#include "table/row_choice_priv.h"

#include <errno.h>
#include <inttypes.h>

struct err *row_choice_new(struct version *v, struct row_choice **ret)
{
	AUTO(row_choice) struct row_choice *c = NULL;
	TRY(mem_new(&c));
	c->version = version_ref(v);
	TRY(mem_array(v->n_fragments, sizeof(*c->counts), &c->counts));
	TRY(mem_array(v->n_fragments, sizeof(*c->fragments), &c->fragments));
	for (size_t i = 0; i < v->n_fragments; i++)
		TRY(row_set_init(&c->fragments[i], v->fragments[i].physical_rows));
	*ret = TAKE(c);
	return NULL;
}

void row_choice_free(struct row_choice *c)
{
	if (!c)
		return;
	for (size_t i = 0; c->fragments && i < c->version->n_fragments; i++)
		row_set_fini(&c->fragments[i]);
	free(c->fragments);
	free(c->counts);
	version_unref(c->version);
	free(c);
}

static bool has_row(const struct fragment *f, uint64_t row)
{
	return row >= f->first_row &&
	       row - f->first_row < f->physical_rows - f->n_deleted;
}

/* The fragment of a live row; most often it is the last one's. */
static struct err *find_fragment(struct row_choice *c, uint64_t row)
{
	const struct version *v = c->version;
	size_t low = 0, high = v->n_fragments;
	if (row >= v->n_rows)
		return err_new(EINVAL, "row %" PRIu64 " of %" PRIu64, row, v->n_rows);
	if (has_row(&v->fragments[c->last], row))
		return NULL;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (v->fragments[mid].first_row <= row)
			low = mid;
		else
			high = mid;
	}
	c->last = low;
	return NULL;
}

static struct err *add_row(struct row_choice *c, uint64_t row)
{
	const struct deletion_vector *deleted;
	TRY(find_fragment(c, row));
	struct fragment *f = &c->version->fragments[c->last];
	struct row_set *set = &c->fragments[c->last];
	TRY(fragment_deleted(c->version, f, &deleted));
	uint64_t offset = row - f->first_row;
	if (deleted)
		offset = deletion_select_live(deleted, offset);
	if (row_set_has(set, offset))
		return NULL;
	TRY(row_set_add(set, offset));
	c->counts[c->last]++;
	c->n++;
	return NULL;
}

struct err *row_choice_add(struct row_choice *c, const uint64_t *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		TRY(add_row(c, rows[i]));
	return NULL;
}

uint64_t row_choice_count(const struct row_choice *c)
{
	return c->n;
}

uint64_t row_choice_count_in(const struct row_choice *c, size_t i)
{
	return c->counts[i];
}
