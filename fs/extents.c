// SPDX-License-Identifier: Apache-2.0
/*
 * extents.c: the written ranges of a file, to know its holes.
 */
#include "staging_priv.h"

void extents_fini(struct extents *e)
{
	free(e->items);
	*e = (struct extents){0};
}

/* The first extent that ends at or behind pos. */
static size_t find(const struct extents *e, uint64_t pos)
{
	size_t lo = 0, hi = e->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (e->items[mid].end < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct err *extents_add(struct extents *e, uint64_t first, uint64_t end)
{
	size_t at = find(e, first), stop = at;
	if (first == end)
		return NULL;
	while (stop < e->n && e->items[stop].first <= end)
		stop++; /* these merge with the new one */
	if (stop > at) {
		first = MIN_OF(first, e->items[at].first);
		end = MAX_OF(end, e->items[stop - 1].end);
	} else {
		TRY(mem_grow(e->n + 1, sizeof(*e->items), &e->cap, &e->items));
	}
	memmove(e->items + at + 1, e->items + stop, (e->n - stop) * sizeof(*e->items));
	e->items[at] = (struct extent){first, end};
	e->n = e->n - (stop - at) + 1;
	return NULL;
}

void extents_cut(struct extents *e, uint64_t size)
{
	size_t n = find(e, size);
	if (n < e->n && e->items[n].first < size) {
		e->items[n].end = MIN_OF(e->items[n].end, size);
		n++;
	}
	e->n = MIN_OF(e->n, n);
}

bool extents_cover(const struct extents *e, uint64_t size)
{
	return size == 0 || (e->n && e->items[0].first == 0 && e->items[0].end >= size);
}
