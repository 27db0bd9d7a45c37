// SPDX-License-Identifier: Apache-2.0
/*
 * file_text.c: files whose text is generated: info, schema, history, last_error
 * and the like.
 *
 * A node stands for one state (a version, a fragment of it, a number of
 * failures), so its text is made once and never changes.
 *
 * To add one: write its render function and give it a row in kinds.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>

static struct err *info_text(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	return render_info(n->version, false, out);
}

static struct err *schema_text(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	return render_schema(n->version, false, out);
}

static struct err *schema_json(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	return render_schema(n->version, true, out);
}

static struct err *history_text(struct mount *m, struct node *n, struct buf *out)
{
	return render_history(m->table, version_number(n->version), false, out);
}

static struct err *changes_text(struct mount *m, struct node *n, struct buf *out)
{
	return render_changes(m->table, version_number(n->version), out);
}

static struct err *index_text(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	return render_index(n->version, n->name, out);
}

static struct err *failures_text(struct mount *m, struct node *n, struct buf *out)
{
	(void)n;
	failures_render(m, out);
	return buf_check(out);
}

static struct err *fragment_text(struct mount *m, struct node *n, struct buf *out)
{
	struct fragment_info f;
	(void)m;
	version_fragment(n->version, n->fragment - 1, &f);
	buf_printf(out,
		   "fragment: %" PRIu64 "\nfirst row: %" PRIu64 "\nrows: %" PRIu64
		   "\nphysical rows: %" PRIu64 "\ndeleted rows: %" PRIu64
		   "\ndata files: %zu\n",
		   f.id, f.first_row, f.physical_rows - f.n_deleted, f.physical_rows,
		   f.n_deleted, f.n_files);
	return buf_check(out);
}

static struct err *deleted_text(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	return version_deleted_rows(n->version, n->fragment - 1, out);
}

enum place { LIVE = 1, NUMBERED = 2, FRAGMENT = 4, BRANCH = 8 };

static const struct text_kind {
	const char *name;
	unsigned places;
	struct err *(*render)(struct mount *m, struct node *n, struct buf *out);
} kinds[] = {
	{"info", LIVE | NUMBERED | BRANCH, info_text},
	{"schema", LIVE | NUMBERED | BRANCH, schema_text},
	{"schema.json", LIVE | NUMBERED | BRANCH, schema_json},
	{"history", LIVE, history_text},
	{"last_error", LIVE, failures_text},
	{"changes", NUMBERED | BRANCH, changes_text},
	{"info", FRAGMENT, fragment_text},
	{"deleted", FRAGMENT, deleted_text},
	{NULL, 0, index_text}, /* named by the index: see index_node */
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static unsigned place_of(const struct node *dir)
{
	if (dir->fragment)
		return FRAGMENT;
	return dir->version ? NUMBERED : dir->mount->main ? BRANCH : LIVE;
}

static uint64_t text_key(struct mount *m, const struct node *dir,
			 const struct version *v, size_t i)
{
	uint64_t key = hash_str(kinds[i].name, version_number(v));
	if (kinds[i].render == failures_text)
		key = hash_mix(key, failures_count(m));
	return hash_mix(key, (uint64_t)dir->fragment << 1 | dir->is_frozen);
}

bool text_entry(struct mount *m, struct node *dir, struct version *v, size_t i,
		const char **ret_name, uint64_t *ret_ino)
{
	for (size_t k = 0; k < N_KINDS; k++) {
		if (!(kinds[k].places & place_of(dir)) || i-- != 0)
			continue;
		*ret_name = kinds[k].name;
		*ret_ino = node_ino(m, &text_file_ops, text_key(m, dir, v, k));
		return true;
	}
	return false;
}

struct err *text_lookup(struct mount *m, struct node *dir, const char *name,
			struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	for (size_t i = 0; i < N_KINDS; i++) {
		if (!(kinds[i].places & place_of(dir)) ||
		    strcmp(kinds[i].name, name) != 0)
			continue;
		TRY(node_new(m, &text_file_ops, text_key(m, dir, v, i), v, ret));
		(*ret)->is_frozen = dir->is_frozen;
		(*ret)->fragment = dir->fragment;
		(*ret)->row = i;
		/* who has just committed reads the new version here */
		(*ret)->entry_timeout = dir->is_frozen ? TIMEOUT_IMMUTABLE : 0;
		return NULL;
	}
	return NULL;
}

#define INDEX_KIND (N_KINDS - 1)

uint64_t index_ino(const struct node *dir, const struct version *v, const char *name)
{
	uint64_t key = hash_mix(hash_str(name, version_number(v)), dir->is_frozen);
	return node_ino(dir->mount, &text_file_ops, hash_mix(key, INDEX_KIND));
}

struct err *index_node(const struct node *dir, struct version *v, const char *name,
		       struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	TRY(node_new(dir->mount, &text_file_ops, 0, v, &n));
	TRY(str_dup(name, &n->name));
	n->ino = index_ino(dir, v, name);
	n->is_frozen = dir->is_frozen;
	n->row = INDEX_KIND;
	n->entry_timeout = dir->is_frozen ? TIMEOUT_IMMUTABLE : 0;
	*ret = TAKE(n);
	return NULL;
}

/* What a text needs is there as long as the version is. */
static struct err *render(struct mount *m, struct node *n, struct buf *out)
{
	struct err *err = kinds[n->row].render(m, n, out);
	if (!err || err->code != ENOENT)
		return err;
	struct err *stale = err_new(ESTALE, "version %" PRIu64 " was cleaned up: %s",
				    version_number(n->version), err->msg);
	err_free(err);
	return stale;
}

static struct err *text_of(struct mount *m, struct node *n, struct bytes **ret)
{
	AUTO_BUF struct buf out = {0};
	LOCK_SCOPE(&n->lock);
	if (!n->text) {
		TRY(render(m, n, &out));
		TRY(bytes_new(out.len, &n->text));
		if (out.len)
			memcpy(n->text->data, out.data, out.len);
	}
	*ret = bytes_ref(n->text);
	return NULL;
}

static bool is_rendered(struct node *n)
{
	LOCK_SCOPE(&n->lock);
	return n->text != NULL;
}

/* A lookup that said 0 of a text that others are reading would end their reads. */
static struct err *text_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *ret_timeout)
{
	AUTO(bytes) struct bytes *text = NULL;
	*ret_timeout = 0;
	if (!is_exact && !is_rendered(n))
		return NULL;
	TRY(text_of(m, n, &text));
	st->st_size = (off_t)text->len;
	*ret_timeout = TIMEOUT_IMMUTABLE;
	return NULL;
}

static struct err *text_open(struct mount *m, struct handle *h,
			     struct fuse_file_info *fi)
{
	fi->keep_cache = 1;
	return text_of(m, h->node, &h->text);
}

const struct node_ops text_file_ops = {
	.kind = "text",
	.mode = S_IFREG | 0444,
	.attr = text_attr,
	.open = text_open,
};
