// SPDX-License-Identifier: Apache-2.0
/*
 * branch_create.c: making a branch.
 *
 * First tree/NAME/ gets a manifest of the same version number, whose files say that
 * they lie where the branch began, then _refs/branches/NAME.json says that there is
 * a branch.  A crash between the two leaves a directory that nobody lists and that
 * stands in the way of another branch of its name, as with pylance.
 * Source: lance's Branches::create and Manifest::shallow_clone (facts only); observed
 * with pylance 14.0.2.
 */
#include "table/branches_priv.h"
#include "table/commit_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

/* --- the manifest --- */

static struct err *free_base_id(const struct version *v, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < v->n_bases && v->bases[i].id <= *ret; i++) {
		if (v->bases[i].id == UINT32_MAX)
			return err_new(EOPNOTSUPP, "there is no base path id left");
		if (v->bases[i].id == *ret)
			++*ret;
	}
	return NULL;
}

static struct err *add_base(Lance__Table__Manifest *m, uint32_t id, const char *path,
			    const char *branch)
{
	Lance__Table__BasePath *b;
	TRY(mem_resize(m->n_base_paths + 1, sizeof(*m->base_paths), &m->base_paths));
	TRY(mem_new(&b));
	lance__table__base_path__init(b);
	m->base_paths[m->n_base_paths++] = b; /* goes with m from here on */
	b->id = id;
	b->is_dataset_root = true;
	TRY(str_dup(path, &b->path));
	if (!branch)
		return NULL;
	TRY(str_dup(branch, &b->name));
	b->opt_name_case = LANCE__TABLE__BASE_PATH__OPT_NAME_NAME;
	return NULL;
}

/* Where the dataset is now, for bases that were recorded before it was moved. */
static struct err *update_bases(Lance__Table__Manifest *m, const struct version *v,
				const char *root)
{
	for (size_t i = 0; i < m->n_base_paths; i++) {
		const struct base *b = base_find(v, m->base_paths[i]->id);
		AUTO_MEM char *path = NULL;
		if (!b || !b->prefix)
			continue;
		TRY(str_printf(&path, "%s%s%s", root, *b->prefix ? "/" : "",
			       b->prefix));
		if (*b->prefix)
			path[strlen(path) - 1] = 0; /* the slash at its end */
		TRY(proto_set_string(&m->base_paths[i]->path, path));
	}
	return NULL;
}

/* What says nothing lies where the branch begins. */
static void point_files(Lance__Table__Manifest *m, uint32_t id)
{
	for (size_t i = 0; i < m->n_fragments; i++) {
		Lance__Table__DataFragment *f = m->fragments[i];
		for (size_t k = 0; k < f->n_files; k++) {
			if (f->files[k]->opt_base_id_case)
				continue;
			f->files[k]->base_id = id;
			f->files[k]->opt_base_id_case =
				LANCE__TABLE__DATA_FILE__OPT_BASE_ID_BASE_ID;
		}
		if (!f->deletion_file || f->deletion_file->opt_base_id_case)
			continue;
		f->deletion_file->base_id = id;
		f->deletion_file->opt_base_id_case =
			LANCE__TABLE__DELETION_FILE__OPT_BASE_ID_BASE_ID;
	}
}

static void point_indices(Lance__Table__IndexSection *s, uint32_t id)
{
	for (size_t i = 0; s && i < s->n_indices; i++) {
		if (s->indices[i]->opt_base_id_case)
			continue;
		s->indices[i]->base_id = id;
		s->indices[i]->opt_base_id_case =
			LANCE__TABLE__INDEX_METADATA__OPT_BASE_ID_BASE_ID;
	}
}

static struct err *become_branch(Lance__Table__Manifest *m, const char *name,
				 const char *transaction_file)
{
	uint64_t gone = FLAG_V2_FILES | FLAG_NO_TRANSACTION_FILES;
	m->reader_feature_flags = (m->reader_feature_flags & ~gone) | FLAG_BASE_PATHS;
	m->writer_feature_flags = (m->writer_feature_flags & ~gone) | FLAG_BASE_PATHS;
	TRY(proto_set_string(&m->transaction_file, transaction_file));
	TRY(proto_set_string(&m->tag, ""));
	TRY(manifest_set_time(m));
	if (m->opt_branch_case != LANCE__TABLE__MANIFEST__OPT_BRANCH_BRANCH)
		m->branch = NULL;
	m->opt_branch_case = LANCE__TABLE__MANIFEST__OPT_BRANCH_BRANCH;
	return proto_set_string(&m->branch, name);
}

/* --- the directory --- */

/* Make tree/NAME/ one step at a time, never through a link that leads outside. */
static struct err *make_dir(struct io_store *root, const char *name,
			    struct io_store **ret)
{
	AUTO(io_store) struct io_store *at = io_store_ref(root);
	AUTO_MEM char *path = NULL;
	char *rest;
	TRY(str_printf(&path, "tree/%s", name));
	for (char *part = strtok_r(path, "/", &rest); part;
	     part = strtok_r(NULL, "/", &rest)) {
		struct io_store *below;
		TRY(io_mkdir(at, part));
		TRY(io_sync_dir(at, "."));
		TRY(io_store_open_dir(at, part, &below));
		io_store_unref(at);
		at = below;
	}
	*ret = TAKE(at);
	return NULL;
}

static struct err *any_manifest(void *ctx, const char *name)
{
	uint64_t number;
	bool *found = ctx;
	*found = *found || manifest_name_parse(name, &number) != NAMING_NONE;
	return NULL;
}

static struct err *check_absent(struct table *t, const char *name)
{
	AUTO_MEM char *dir = NULL;
	bool found;
	TRY(branch_exists(t, name, &found));
	if (found)
		return err_new(EEXIST, "there is a branch '%s' already", name);
	TRY(str_printf(&dir, "tree/%s/_versions", name));
	TRY(io_list(t->root, dir, any_manifest, &found));
	if (found)
		return err_new(EEXIST,
			       "tree/%s was left behind by a branch that was not made "
			       "to the end, or removed; remove that directory",
			       name);
	return NULL;
}

/* --- the reference --- */

/* Add a member; takes value.  False if there was no memory. */
static bool add(struct json_object *o, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(o, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* The steps that led to the parent, none for the main branch. */
static struct err *parent_mapping(struct table *t, struct json_object **ret)
{
	AUTO(json_object) struct json_object *parent = NULL;
	AUTO_MEM char *file = NULL;
	if (!t->branch) {
		*ret = json_object_new_array();
		return *ret ? NULL : err_nomem();
	}
	TRY(branch_file(t->branch, &file));
	TRY(branch_read(t, file, &parent));
	struct json_object *mapping =
		ref_member(ref_member(parent, "identifier"), "version_mapping");
	if (!json_object_is_type(mapping, json_type_array))
		return err_new(EOPNOTSUPP,
			       "branch '%s' was made by a Lance that gave branches no "
			       "identifier; branch from another one",
			       t->branch);
	*ret = json_object_get(mapping);
	return NULL;
}

/* [version, uuid] as one more step. */
static bool add_step(struct json_object *mapping, uint64_t version, const char *uuid)
{
	AUTO(json_object) struct json_object *step = json_object_new_array();
	struct json_object *number = json_object_new_uint64(version);
	struct json_object *text = json_object_new_string(uuid);
	if (!step || !number || json_object_array_add(step, number) != 0) {
		json_object_put(number);
		json_object_put(text);
		return false;
	}
	if (!text || json_object_array_add(step, text) != 0) {
		json_object_put(text);
		return false;
	}
	if (json_object_array_add(mapping, step) != 0)
		return false;
	TAKE(step);
	return true;
}

/* The parent's identifier and one more step. */
static struct err *make_identifier(struct table *t, uint64_t version,
				   struct json_object **ret)
{
	uint8_t raw[16];
	char uuid[UUID_TEXT_LEN + 1], hex[33];
	AUTO(json_object) struct json_object *mapping = NULL;
	AUTO(json_object) struct json_object *identifier = json_object_new_object();
	TRY(uuid_new(raw, uuid));
	for (int i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
	TRY(parent_mapping(t, &mapping));
	if (!identifier || !add_step(mapping, version, hex) ||
	    !add(identifier, "version_mapping", TAKE(mapping)))
		return err_nomem();
	*ret = TAKE(identifier);
	return NULL;
}

static struct err *ref_text(struct table *t, const struct version *v, struct buf *out)
{
	AUTO(json_object) struct json_object *identifier = NULL;
	AUTO(json_object) struct json_object *json = json_object_new_object();
	TRY(make_identifier(t, v->number, &identifier));
	bool made =
		json &&
		(t->branch
			 ? add(json, "parentBranch", json_object_new_string(t->branch))
			 : json_object_object_add(json, "parentBranch", NULL) == 0) &&
		add(json, "identifier", TAKE(identifier)) &&
		add(json, "parentVersion", json_object_new_uint64(v->number)) &&
		add(json, "createAt", json_object_new_int64(time(NULL))) &&
		add(json, "manifestSize", json_object_new_uint64(v->raw->len)) &&
		add(json, "metadata", json_object_new_object());
	const char *text =
		made ? json_object_to_json_string_ext(
			       json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					     JSON_C_TO_STRING_NOSLASHESCAPE)
		     : NULL;
	if (!text)
		return err_nomem();
	buf_str(out, text);
	return buf_check(out);
}

static struct err *write_ref(struct table *t, const struct version *v, const char *name)
{
	AUTO_BUF struct buf text = {0};
	AUTO_MEM char *file = NULL;
	TRY(ref_text(t, v, &text));
	TRY(branch_file(name, &file));
	struct err *err = ref_publish(t->root, BRANCH_REFS, file, &text);
	if (!err || err->code != EEXIST)
		return err;
	err_free(err); /* told in other words */
	return err_new(EEXIST, "there is a branch '%s' already", name);
}

/* --- all of it --- */

static struct err *write_manifest(struct table *branch, const struct version *v,
				  Lance__Table__Manifest *m,
				  const Lance__Table__Transaction *tx, uint32_t base_id)
{
	Lance__Table__IndexSection *indices AUTO_PROTO = NULL;
	AUTO(bytes) struct bytes *raw = NULL;
	enum publish_result result;
	TRY(version_indices(v, &indices));
	point_indices(indices, base_id);
	point_files(m, base_id);
	TRY(manifest_publish(branch, m, tx, indices, &result, &raw));
	if (result == PUBLISH_LOST)
		return err_new(EEXIST, "branch '%s' is being made by someone else",
			       branch->branch);
	return io_sync_dir(branch->store, ".");
}

static struct err *copy_version(struct table *t, const struct version *v,
				struct table *branch)
{
	Lance__Table__Manifest *m AUTO_PROTO = NULL;
	Lance__Table__Transaction tx = LANCE__TABLE__TRANSACTION__INIT;
	Lance__Table__OpClone op = LANCE__TABLE__OP_CLONE__INIT;
	AUTO_MEM char *root = NULL;
	AUTO_MEM char *path = NULL; /* where the branch begins */
	AUTO_MEM char *file = NULL;
	uint8_t raw[16];
	char uuid[UUID_TEXT_LEN + 1];
	uint32_t base_id;
	TRY(free_base_id(v, &base_id));
	TRY(io_store_real_path(t->root, &root));
	TRY(str_printf(&path, "%s%s%s", root, t->branch ? "/tree/" : "",
		       t->branch ? t->branch : ""));
	TRY(uuid_new(raw, uuid));
	TRY(str_printf(&file, "%" PRIu64 "-%s.txn", v->number, uuid));
	TRY(PROTO_UNPACK(lance__table__manifest, v->raw->data + v->manifest_off,
			 v->manifest_len, &m));
	TRY(update_bases(m, v, root));
	TRY(add_base(m, base_id, path, t->branch));
	TRY(become_branch(m, branch->branch, file));
	op.is_shallow = true;
	op.ref_version = v->number;
	op.ref_path = path;
	op.branch_name = branch->branch;
	op.opt_branch_name_case = LANCE__TABLE__OP_CLONE__OPT_BRANCH_NAME_BRANCH_NAME;
	if (t->branch) {
		op.ref_name = t->branch;
		op.opt_ref_name_case = LANCE__TABLE__OP_CLONE__OPT_REF_NAME_REF_NAME;
	}
	tx.read_version = v->number;
	tx.uuid = uuid;
	tx.clone = &op;
	tx.operation_case = LANCE__TABLE__TRANSACTION__OPERATION_CLONE;
	return write_manifest(branch, v, m, &tx, base_id);
}

struct err *table_create_branch(struct table *t, const char *name, uint64_t version)
{
	AUTO(version) struct version *v = NULL;
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *branch = NULL;
	TRY(branch_name_check(name));
	TRY(branch_need_root(t));
	TRY(table_version(t, version, &v));
	TRY(version_check_writable(v));
	TRY(check_absent(t, name));
	TRY(make_dir(t->root, name, &store));
	TRY(branch_table_new(t, store, name, &branch));
	TRY(copy_version(t, v, branch));
	return write_ref(t, v, name);
}
