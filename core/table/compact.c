// SPDX-License-Identifier: Apache-2.0
/*
 * compact.c: a group of fragments becomes one, in a version.
 *
 * The operation is a Rewrite.  The new file depends on nothing but the group's own
 * fragments, so it fits on top of whatever others commit as long as these have the same
 * files; what is deleted of them meanwhile is deleted of what they become.  An index
 * keeps what it says of other fragments and says nothing of the new one, which readers
 * scan, unless it knows rows by their stable ids; where rows stay, it stays as it is.
 * Source: transaction.proto, Rewrite; Lance's docs, "Compaction", "Transactions".
 */
#include "table/compact_priv.h"
#include "table/delete_priv.h"
#include "table/indices_priv.h"
#include "table/lineage_priv.h"

#include <errno.h>
#include <inttypes.h>

/* A group on its way in, and what the present attempt has made. */
struct compact_change {
	struct compact_run *run;     /* borrowed */
	const struct compacted *out; /* borrowed */
	struct lineage lineage;	     /* owned; of the rows, if they have stable ids */
	struct io_store *store;	     /* borrowed, as log */
	const struct log *log;
	char *deletion_file;		  /* owned; of the new fragment; NULL: none */
	Lance__Table__DataFragment **old; /* owned; those that went, each owned */
	size_t n_old;
	Lance__Table__DataFragment *fresh[1]; /* borrowed from the manifest */
	uint64_t new_id;
	Lance__Table__RewriteGroup group, *groups[1];
};

/* A file that no version names. */
static void remove_file(const struct compact_change *c, const char *path)
{
	struct err *err = io_remove(c->store, path);
	if (err)
		log_line(c->log, LEVEL_WARN, "left behind: %s", err->msg);
	err_free(err); /* cleanup finds it */
}

static void start_over(struct compact_change *c)
{
	for (size_t i = 0; i < c->n_old; i++)
		proto_free(&c->old[i]->base);
	c->n_old = 0;
	if (c->deletion_file)
		remove_file(c, c->deletion_file);
	free(TAKE(c->deletion_file));
}

static void change_fini(struct compact_change *c, bool is_published)
{
	if (is_published)
		free(TAKE(c->deletion_file));
	start_over(c);
	free(c->old);
	lineage_fini(&c->lineage);
}

/* --- what has changed --- */

/* Where rows stay deletions stay with them. */
static struct err *check_files(const struct compact_change *c,
			       const struct version *latest)
{
	const struct fragment *was = &c->run->base->fragments[c->run->group->first];
	size_t i;
	if (version_find_fragment(latest, was->id, &i) &&
	    fragment_has_same_files(was->proto, latest->fragments[i].proto))
		return NULL;
	return err_new(EBUSY,
		       "fragment %" PRIu64 " was changed by another commit meanwhile",
		       was->id);
}

static struct err *check_fields(const struct compact_change *c,
				const struct version *latest)
{
	const struct version *base = c->run->base;
	for (size_t i = 0; i < latest->n_fields; i++) {
		const struct field *f = latest->fields[i];
		const struct field *was = version_find_field(base, f->name);
		if (!f->nullable && (!was || was->nullable))
			return err_new(EBUSY,
				       "column '%s' was declared not null meanwhile",
				       f->name);
	}
	return NULL;
}

/* --- rows that move --- */

static bool is_of_group(const struct compact_change *c,
			const Lance__Table__DataFragment *f)
{
	const struct compact_group *g = c->run->group;
	size_t i;
	/* by its id, not by its place: a restore may bring others back between them */
	return version_find_fragment(c->run->base, f->id, &i) && i >= g->first &&
	       i - g->first < g->n_fragments;
}

static void take_old(struct compact_change *c, Lance__Table__Manifest *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n_fragments; i++) {
		if (is_of_group(c, m->fragments[i]))
			c->old[c->n_old++] = m->fragments[i];
		else
			m->fragments[n++] = m->fragments[i];
	}
	m->n_fragments = n;
}

static struct err *move_in_indices(const struct compact_change *c, struct attempt *a)
{
	AUTO_MEM uint64_t *ids = NULL;
	struct moved_rows m = {
		.n = c->n_old,
		.has_new = c->group.n_new_fragments,
		.to = c->group.n_new_fragments ? c->fresh[0]->id : 0,
		.keep_ids = a->manifest->reader_feature_flags & FLAG_STABLE_ROW_IDS,
	};
	TRY(mem_array(c->n_old, sizeof(*ids), &ids));
	for (size_t i = 0; i < c->n_old; i++)
		ids[i] = c->old[i]->id;
	m.from = ids;
	return indices_move_rows(a->indices, &m);
}

static struct err *delete_in_new(struct compact_change *c, struct attempt *a,
				 const struct row_set *deleted)
{
	Lance__Table__DataFragment *f = c->fresh[0];
	const struct deletion_spec spec = {f->id, a->latest->number, deleted};
	TRY(deletion_file_put(c->store, &spec, &c->deletion_file, &f->deletion_file));
	return io_sync_dir(c->store, "_deletions");
}

static struct err *add_new(struct compact_change *c, struct attempt *a,
			   const struct row_set *deleted)
{
	uint64_t n = row_set_count(deleted);
	if (n == c->out->file.physical_rows)
		return NULL; /* no row is left */
	TRY(manifest_add_fragment(a->manifest, &c->out->file, a->latest->storage,
				  &c->fresh[0]));
	c->new_id = c->fresh[0]->id;
	c->group.n_new_fragments = 1;
	if (c->lineage.n)
		TRY(fragment_set_lineage(c->fresh[0], &c->lineage, 0, 0));
	return n ? delete_in_new(c, a, deleted) : NULL;
}

static struct err *replace_rows(struct compact_change *c, struct attempt *a)
{
	struct row_set deleted AUTO_ROW_SET = {0};
	TRY(compact_find_deleted(c->run, a->latest, c->out->file.physical_rows,
				 &deleted));
	take_old(c, a->manifest);
	TRY(add_new(c, a, &deleted));
	manifest_flag_deletions(a->manifest);
	return move_in_indices(c, a);
}

static struct err *read_lineage(struct compact_change *c)
{
	struct version *v = c->run->base;
	const struct compact_group *g = c->run->group;
	if (g->keeps_rows || !(v->manifest->reader_feature_flags & FLAG_STABLE_ROW_IDS))
		return NULL;
	for (size_t i = g->first; i < g->first + g->n_fragments; i++) {
		const struct deletion_vector *d;
		TRY(fragment_deleted(v, &v->fragments[i], &d));
		TRY_CTX(lineage_add(&c->lineage, &v->fragments[i],
				    d ? &d->deleted : NULL, false),
			"fragment %" PRIu64, v->fragments[i].id);
	}
	return NULL;
}

/* --- rows that stay --- */

static struct err *copy_fragment(const Lance__Table__DataFragment *f,
				 Lance__Table__DataFragment **ret)
{
	AUTO_BUF struct buf bytes = {0};
	proto_pack(&f->base, &bytes);
	TRY(buf_check(&bytes));
	return PROTO_UNPACK(lance__table__data_fragment, bytes.data, bytes.len, ret);
}

static struct err *replace_files(struct compact_change *c, struct attempt *a)
{
	TRY(check_files(c, a->latest));
	Lance__Table__DataFragment *f =
		manifest_fragment(a->manifest, c->out->file.fragment_id);
	Lance__Table__DataFile *d = NULL;
	TRY(copy_fragment(f, &c->old[0]));
	c->n_old = 1;
	struct err *err = data_file_new(&c->out->file, a->latest->storage, &d);
	if (err) {
		proto_free((ProtobufCMessage *)d);
		return err;
	}
	TRY(fragment_put_file(f, d, a->manifest));
	c->fresh[0] = f;
	c->new_id = f->id;
	c->group.n_new_fragments = 1;
	return NULL;
}

/* --- the change --- */

static void describe(struct compact_change *c, struct attempt *a)
{
	c->group.n_old_fragments = c->n_old;
	c->group.old_fragments = c->old;
	c->group.new_fragments = c->fresh;
	c->groups[0] = &c->group;
	lance__table__op_rewrite__init(&a->op.rewrite);
	a->op.rewrite.n_groups = 1;
	a->op.rewrite.groups = c->groups;
	a->tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_REWRITE;
	a->tx.rewrite = &a->op.rewrite;
}

static struct err *apply(void *ctx, struct attempt *a)
{
	struct compact_change *c = ctx;
	start_over(c);
	lance__table__rewrite_group__init(&c->group);
	TRY(check_fields(c, a->latest));
	TRY(c->run->group->keeps_rows ? replace_files(c, a) : replace_rows(c, a));
	describe(c, a);
	return NULL;
}

static struct err *commit(struct table *t, struct compact_change *c,
			  struct change *change, struct version **ret)
{
	TRY(mem_array(c->run->group->n_fragments,
		      sizeof(struct Lance__Table__DataFragment *), &c->old));
	TRY(read_lineage(c));
	if (c->out->file.name)
		TRY(io_sync_dir(t->store, "data"));
	return change_commit(t, change, ret);
}

static void remove_unused(struct compact_change *c, bool is_published)
{
	AUTO_MEM char *path = NULL;
	bool is_used = is_published && c->group.n_new_fragments;
	if (!c->out->file.name || is_used)
		return;
	AUTO_ERR struct err *err = str_printf(&path, "data/%s", c->out->file.name);
	if (!err)
		remove_file(c, path);
}

struct err *table_compact_group(struct table *t, struct compact_run *run,
				struct version **ret)
{
	struct compacted out = {0};
	struct compact_change c = {
		.run = run, .out = &out, .store = t->store, .log = t->log};
	struct change change = {.apply = apply, .ctx = &c, .message = run->message};
	TRY(version_check_writable(run->base));
	TRY(compact_write(t, run, &out));
	struct err *err = commit(t, &c, &change, ret);
	run->has_new = !err && c.group.n_new_fragments;
	run->new_id = c.new_id;
	remove_unused(&c, change.is_published);
	change_fini(&c, change.is_published);
	compacted_fini(&out);
	return err;
}
