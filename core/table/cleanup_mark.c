// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_mark.c: what a version names, of the files of the table that is cleaned.
 *
 * What cannot be understood ends the cleanup: a file that a manifest names in a way
 * that is not known here must not be taken for one that none names.
 */
#include "table/cleanup_priv.h"
#include "table/index_cover_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct marking {
	struct cleanup *cleanup; /* borrowed, as all here */
	const struct version *version;
	char *own_prefix; /* owned; the place of the version's table in the dataset */
	bool stays;
};

static void mark_name(const struct marking *m, const char *name)
{
	struct cleanup_name *n = cleanup_list_find(&m->cleanup->list, name);
	if (n && m->stays)
		n->is_kept = true;
	else if (n)
		n->is_expired = true;
}

/* Spelled as the listing has it, in one way only. */
static bool is_plain(const char *path)
{
	const char *p = path;
	for (bool more = true; more; p++) {
		size_t len = strcspn(p, "/");
		if (len == 0 || (len == 1 && *p == '.') ||
		    (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += len;
		more = *p == '/';
	}
	return true;
}

/* A file or directory below dir/ ("" for none) of a place in the dataset. */
static struct err *mark_path(const struct marking *m, const char *prefix,
			     const char *dir, const char *path)
{
	AUTO_MEM char *whole = NULL;
	const char *here = m->cleanup->prefix;
	if (!is_plain(path))
		return err_new(EIO, "'%s' is no file's name", path);
	TRY(str_printf(&whole, "%s%s%s", prefix, dir, path));
	if (str_starts(whole, here))
		mark_name(m, whole + strlen(here));
	return NULL;
}

/* --- places --- */

/*
 * Bases that are not in this dataset, as far as their paths tell.  The main branch, if
 * it is a clone, has such, and its branches have the same; any other of a branch may be
 * this dataset, moved.
 */
static struct err *check_bases(struct cleanup *c, const struct version *v)
{
	for (size_t i = 0; i < v->n_bases; i++) {
		const char *path = v->bases[i].path;
		bool is_new;
		if (v->bases[i].prefix)
			continue;
		if (!v->table->branch)
			TRY(cleanup_list_add(&c->foreign, path, &is_new));
		else if (v->table != c->table && !cleanup_list_find(&c->foreign, path))
			return err_new(EOPNOTSUPP,
				       "its files are said to be in %s, which may be "
				       "this dataset by another path: clean up where "
				       "it has that path, or delete the branch",
				       path);
	}
	return NULL;
}

/* Where in the dataset a file lies: NULL if in another one. */
static struct err *place_of(const struct marking *m, bool has_base, uint32_t id,
			    const struct base **ret_base, const char **ret_prefix)
{
	*ret_base = NULL;
	*ret_prefix = m->own_prefix;
	if (!has_base)
		return NULL;
	*ret_base = base_find(m->version, id);
	if (!*ret_base)
		return err_new(EIO, "there is no base path %" PRIu32, id);
	*ret_prefix = (*ret_base)->prefix;
	return NULL;
}

/* --- what a manifest names --- */

static struct err *mark_data_file(const struct marking *m,
				  const Lance__Table__DataFile *f)
{
	const struct base *b;
	const char *prefix;
	TRY(place_of(m, f->opt_base_id_case != 0, f->base_id, &b, &prefix));
	if (!prefix)
		return NULL;
	return mark_path(m, prefix, b && !b->is_root ? "" : "data/", f->path);
}

static struct err *mark_deletions(const struct marking *m,
				  const Lance__Table__DataFragment *f)
{
	const Lance__Table__DeletionFile *d = f->deletion_file;
	const struct base *b;
	const char *prefix;
	char name[80];
	if (d->file_type > 1)
		return err_new(EOPNOTSUPP, "a deletion file of type %" PRIu32,
			       d->file_type);
	TRY(place_of(m, d->opt_base_id_case != 0, d->base_id, &b, &prefix));
	if (!prefix)
		return NULL;
	snprintf(name, sizeof(name), "%" PRIu64 "-%" PRIu64 "-%" PRIu64 ".%s", f->id,
		 d->read_version, d->id, d->file_type == 1 ? "bin" : "arrow");
	return mark_path(m, prefix, "_deletions/", name);
}

static struct err *mark_overlay(const struct marking *m,
				const Lance__Table__DataOverlayFile *o)
{
	if (o->base.n_unknown_fields)
		return err_new(EOPNOTSUPP, "an overlay has what this lancefs does not "
					   "know");
	return o->data_file ? mark_data_file(m, o->data_file) : NULL;
}

static struct err *mark_fragment(const struct marking *m,
				 const Lance__Table__DataFragment *f)
{
	if (f->base.n_unknown_fields)
		return err_new(EOPNOTSUPP, "it has what this lancefs does not know");
	for (size_t i = 0; i < f->n_files; i++)
		TRY(mark_data_file(m, f->files[i]));
	for (size_t i = 0; i < f->n_overlays; i++)
		TRY(mark_overlay(m, f->overlays[i]));
	return f->deletion_file ? mark_deletions(m, f) : NULL;
}

static struct err *mark_index(const struct marking *m,
			      const Lance__Table__IndexMetadata *index)
{
	const struct base *b;
	const char *prefix;
	char text[UUID_TEXT_LEN + 1];
	index_uuid_text(index, text);
	if (!*text)
		return err_new(EIO, "index %s has no UUID", index->name);
	TRY(place_of(m, index->opt_base_id_case != 0, index->base_id, &b, &prefix));
	return prefix ? mark_path(m, prefix, "_indices/", text) : NULL;
}

static struct err *mark_indices(const struct marking *m)
{
	AUTO_PROTO Lance__Table__IndexSection *s = NULL;
	TRY(version_indices(m->version, &s));
	for (size_t i = 0; s && i < s->n_indices; i++)
		TRY(mark_index(m, s->indices[i]));
	return NULL;
}

static struct err *tell_fields(const struct marking *m)
{
	const struct cleanup_options *o = m->cleanup->options;
	const Lance__Table__Manifest *manifest = m->version->manifest;
	for (size_t i = 0; o->field && i < manifest->n_fields; i++) {
		const Lance__File__Field *f = manifest->fields[i];
		TRY(o->field(o->ctx, f->id, NULL, 0));
		for (size_t k = 0; k < f->n_metadata; k++)
			TRY(o->field(o->ctx, f->id, f->metadata[k]->value.data,
				     f->metadata[k]->value.len));
	}
	return NULL;
}

static struct err *mark_all(const struct marking *m)
{
	const Lance__Table__Manifest *manifest = m->version->manifest;
	const char *transaction = manifest->transaction_file;
	TRY(check_bases(m->cleanup, m->version));
	for (size_t i = 0; i < manifest->n_fragments; i++)
		TRY_CTX(mark_fragment(m, manifest->fragments[i]), "fragment %" PRIu64,
			manifest->fragments[i]->id);
	if (*transaction)
		TRY(mark_path(m, m->own_prefix, "_transactions/", transaction));
	TRY(mark_indices(m));
	return m->stays ? tell_fields(m) : NULL;
}

struct err *cleanup_mark(struct cleanup *c, struct version *v, bool stays)
{
	const char *branch = v->table->branch;
	struct marking m = {c, v, NULL, stays};
	TRY(str_printf(&m.own_prefix, "%s%s%s", branch ? "tree/" : "",
		       branch ? branch : "", branch ? "/" : ""));
	struct err *err = mark_all(&m);
	free(m.own_prefix);
	return err;
}
