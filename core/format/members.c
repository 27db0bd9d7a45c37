// SPDX-License-Identifier: Apache-2.0
/*
 * members.c: the columns of a file that holds a table, by name.
 *
 * Names are sorted once, so that a table of many columns costs no more than its
 * names.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <string.h>

struct named {
	const char *name;
	size_t i;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct err *sort_names(const char *const *names, size_t n, struct named **ret)
{
	AUTO_MEM struct named *sorted = NULL;
	TRY(mem_array(n, sizeof(*sorted), &sorted));
	for (size_t i = 0; i < n; i++)
		sorted[i] = (struct named){names[i], i};
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
			return err_new(EINVAL, "column '%s' is there twice",
				       sorted[i].name);
	*ret = TAKE(sorted);
	return NULL;
}

static struct err *no_member(const struct type *t, const char *name)
{
	const char *near = NULL;
	size_t best = 3;
	for (size_t i = 0; i < t->n_children; i++) {
		size_t d = str_distance(name, t->children[i]->name);
		if (d < best) {
			best = d;
			near = t->children[i]->name;
		}
	}
	if (near)
		return err_new(EINVAL,
			       "the table has no column '%s' (did you mean '%s'?)",
			       name, near);
	return err_new(EINVAL, "the table has no column '%s'", name);
}

/* What the file lacks is null. */
static struct err *check_rest(const struct type *t, const bool *given)
{
	for (size_t i = 0; i < t->n_children; i++)
		if (!given[i] && !t->children[i]->nullable)
			return err_new(EINVAL,
				       "column '%s' is missing, and it has no nulls",
				       t->children[i]->name);
	return NULL;
}

static struct err *match_sorted(const struct type *t, const struct named *columns,
				size_t n, size_t *ret)
{
	AUTO_MEM struct named *members = NULL;
	AUTO_MEM const char **names = NULL;
	AUTO_MEM bool *given = NULL;
	TRY(mem_array(t->n_children, sizeof(*names), &names));
	TRY(mem_array(t->n_children, sizeof(*given), &given));
	for (size_t i = 0; i < t->n_children; i++)
		names[i] = t->children[i]->name;
	TRY(sort_names(names, t->n_children, &members));
	for (size_t i = 0; i < n; i++) {
		const struct named *m = bsearch(&columns[i], members, t->n_children,
						sizeof(*members), by_name);
		if (!m)
			return no_member(t, columns[i].name);
		ret[columns[i].i] = m->i;
		given[m->i] = true;
	}
	return check_rest(t, given);
}

struct err *members_need(const struct parser *p, const char *const *names, size_t n)
{
	const char *needs = p->options.needs;
	for (size_t i = 0; needs && i < n; i++)
		if (strcmp(names[i], needs) == 0)
			needs = NULL;
	if (needs)
		return err_new(EINVAL, "the file has no column '%s'", needs);
	return NULL;
}

struct err *members_match(const struct type *t, const char *const *names, size_t n,
			  size_t *ret)
{
	AUTO_MEM struct named *columns = NULL;
	TRY(sort_names(names, n, &columns));
	for (size_t i = 0; i < n; i++)
		ret[i] = i;
	return t ? match_sorted(t, columns, n, ret) : NULL;
}

struct err *members_fill(struct array *a)
{
	for (size_t i = 0; i < a->n_children; i++)
		if (!a->children[i])
			TRY(array_new_null(a->type->children[i]->type, a->n_rows,
					   &a->children[i]));
	return NULL;
}
