// SPDX-License-Identifier: Apache-2.0
/*
 * index_cover.c: which rows indices answer for.
 *
 * A segment names the fragments that it was made of.  Where compactions leave indices
 * as they are, an entry of the index section tells which fragments became which, step
 * by step; a segment that has all the sources of a step has what they became.  One that
 * has some of them has none of what they became, and by the newer, tagged form of the
 * history it is of no use at all.
 * Source: table.proto, FragmentReuseIndexDetails; Lance's docs, "Fragment Reuse Index".
 */
#include "table/index_cover_priv.h"

#include <errno.h>

typedef Lance__Table__FragmentReuseIndexDetails__FragmentDigest digest;

/* --- the history --- */

static struct err *read_external(struct index_cover *c,
				 const Lance__Table__IndexMetadata *index,
				 const Lance__Table__ExternalFile *e)
{
	AUTO_PLACE struct file_place place = {0};
	AUTO(io_file) struct io_file *file = NULL;
	AUTO(bytes) struct bytes *b = NULL;
	TRY(index_place(c->version, index, e->path, &place));
	TRY(io_open(place.store, place.path, &file));
	uint64_t size = io_size(file);
	if (e->offset > size || e->size > size - e->offset ||
	    e->size > LIMIT_MANIFEST_BYTES)
		return err_new(EIO, "%s: not of that size", place.path);
	TRY(io_read_bytes(file, e->offset, (size_t)e->size, &b));
	return PROTO_UNPACK(lance__table__fragment_reuse_index_details__inline_content,
			    b->data, b->len, &c->history);
}

static struct err *read_history(struct index_cover *c,
				const Lance__Table__IndexMetadata *index)
{
	AUTO_PROTO Lance__Table__FragmentReuseIndexDetails *d = NULL;
	if (!index->index_details)
		return NULL;
	TRY(PROTO_UNPACK(lance__table__fragment_reuse_index_details,
			 index->index_details->value.data,
			 index->index_details->value.len, &d));
	if (d->content_case ==
	    LANCE__TABLE__FRAGMENT_REUSE_INDEX_DETAILS__CONTENT_EXTERNAL)
		return read_external(c, index, d->external);
	if (d->content_case ==
	    LANCE__TABLE__FRAGMENT_REUSE_INDEX_DETAILS__CONTENT_INLINE) {
		c->history = TAKE(d->inline_);
		d->content_case = 0;
	}
	return NULL;
}

struct err *index_cover_init(struct index_cover *c, const Lance__Table__IndexSection *s)
{
	for (size_t i = 0; i < s->n_indices && !c->history; i++) {
		if (strcmp(s->indices[i]->name, FRAGMENT_REUSE_INDEX) != 0)
			continue;
		struct err *err = read_history(c, s->indices[i]);
		if (err && err->code == ENOMEM)
			return err;
		if (err)
			log_line(c->version->table->log, LEVEL_WARN,
				 "what compactions did to indices: %s", err->msg);
		err_free(err); /* then less is covered than might be */
	}
	return NULL;
}

void index_cover_fini(struct index_cover *c)
{
	proto_free((ProtobufCMessage *)c->history);
	c->history = NULL;
}

/* --- one segment --- */

static size_t count_had(const struct row_set *covered, digest *const *from, size_t n)
{
	size_t n_had = 0;
	for (size_t i = 0; i < n; i++)
		n_had += row_set_has(covered, from[i]->id);
	return n_had;
}

static struct err *follow(struct row_set *covered, digest *const *from, size_t n_from,
			  digest *const *to, size_t n_to)
{
	size_t n_had = count_had(covered, from, n_from);
	if (n_had == 0)
		return NULL;
	for (size_t i = 0; i < n_from; i++)
		row_set_remove(covered, from[i]->id);
	for (size_t i = 0; n_had == n_from && i < n_to; i++)
		TRY(row_set_add(covered, to[i]->id));
	return NULL;
}

static struct err *follow_history(const struct index_cover *c, struct row_set *covered)
{
	for (size_t i = 0; c->history && i < c->history->n_legacy_versions; i++) {
		const Lance__Table__FragmentReuseIndexDetails__Version *v =
			c->history->legacy_versions[i];
		for (size_t k = 0; k < v->n_groups; k++)
			TRY(follow(covered, v->groups[k]->old_fragments,
				   v->groups[k]->n_old_fragments,
				   v->groups[k]->new_fragments,
				   v->groups[k]->n_new_fragments));
	}
	for (size_t i = 0; c->history && i < c->history->n_transitions; i++) {
		const Lance__Table__FragmentReuseIndexDetails__Transition *t =
			c->history->transitions[i];
		size_t n_had = count_had(covered, t->sources, t->n_sources);
		if (n_had && n_had < t->n_sources) {
			row_set_fini(covered);
			return NULL;
		}
		TRY(follow(covered, t->sources, t->n_sources, t->destinations,
			   t->n_destinations));
	}
	return NULL;
}

static struct err *read_covered(const struct index_cover *c,
				const Lance__Table__IndexMetadata *index,
				struct row_set *ret)
{
	TRY(row_set_init(ret, ROW_SET_MAX));
	TRY(row_set_read(ret, cursor_of(index->fragment_bitmap.data,
					index->fragment_bitmap.len)));
	return follow_history(c, ret);
}

struct err *index_cover_count(const struct index_cover *c,
			      const Lance__Table__IndexMetadata *index,
			      struct index_segment *ret)
{
	const struct version *v = c->version;
	struct row_set covered AUTO_ROW_SET = {0};
	struct err *err = read_covered(c, index, &covered);
	if (err && err->code == ENOMEM)
		return err;
	ret->is_covered_known = !err;
	err_free(err); /* an unreadable bitmap covers nothing that we know */
	for (size_t i = 0; ret->is_covered_known && i < v->n_fragments; i++) {
		if (!row_set_has(&covered, v->fragments[i].id))
			continue;
		ret->n_fragments++;
		ret->n_rows +=
			v->fragments[i].physical_rows - v->fragments[i].n_deleted;
	}
	return NULL;
}
