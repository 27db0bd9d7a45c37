// SPDX-License-Identifier: Apache-2.0
/*
 * file_text.c: files whose text is generated: info, schema, history, last_error.
 *
 * A node stands for one state (a version, a number of failures), so its text is
 * made once and never changes.
 */
#include "fs.h"

static struct err *render_info_text(struct mount *m, struct version *v, struct buf *out)
{
	(void)m;
	return render_info(v, false, out);
}

static struct err *render_schema_text(struct mount *m, struct version *v,
				      struct buf *out)
{
	(void)m;
	return render_schema(v, false, out);
}

static struct err *render_history_text(struct mount *m, struct version *v,
				       struct buf *out)
{
	return render_history(m->table, version_number(v), false, out);
}

static struct err *render_last_error(struct mount *m, struct version *v,
				     struct buf *out)
{
	(void)v;
	failures_render(m, out);
	return buf_check(out);
}

static const struct text_kind {
	const char *name;
	bool only_live;
	struct err *(*render)(struct mount *m, struct version *v, struct buf *out);
} kinds[] = {
	{"info", false, render_info_text},
	{"schema", false, render_schema_text},
	{"history", true, render_history_text},
	{"last_error", true, render_last_error},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint64_t text_key(struct mount *m, const struct node *dir,
			 const struct version *v, size_t i)
{
	uint64_t key = hash_str(kinds[i].name, version_number(v));
	if (kinds[i].render == render_last_error)
		key = hash_mix(key, failures_count(m));
	return hash_mix(key, dir->is_frozen);
}

bool text_entry(struct mount *m, struct node *dir, struct version *v, size_t i,
		const char **ret_name, uint64_t *ret_ino)
{
	if (i >= N_KINDS || (kinds[i].only_live && dir->version))
		return false; /* those of live directories stand last */
	*ret_name = kinds[i].name;
	*ret_ino = node_ino(&text_file_ops, text_key(m, dir, v, i));
	return true;
}

struct err *text_lookup(struct mount *m, struct node *dir, const char *name,
			struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	for (size_t i = 0; i < N_KINDS; i++) {
		AUTO(node) struct node *n = NULL;
		if (strcmp(kinds[i].name, name) != 0 ||
		    (kinds[i].only_live && dir->version))
			continue;
		TRY(node_new(&text_file_ops, text_key(m, dir, v, i), v, &n));
		n->is_frozen = dir->is_frozen;
		n->row = i;
		n->entry_timeout = dir->is_frozen ? TIMEOUT_IMMUTABLE : 1.0;
		if (kinds[i].render == render_last_error)
			n->entry_timeout = 0;
		*ret = TAKE(n);
		return NULL;
	}
	return NULL;
}

static struct err *text_of(struct mount *m, struct node *n, struct bytes **ret)
{
	AUTO_BUF struct buf out = {0};
	LOCK_SCOPE(&n->lock);
	if (!n->text) {
		TRY(kinds[n->row].render(m, n->version, &out));
		TRY(bytes_new(out.len, &n->text));
		if (out.len)
			memcpy(n->text->data, out.data, out.len);
	}
	*ret = bytes_ref(n->text);
	return NULL;
}

static struct err *text_attr(struct mount *m, struct node *n, bool is_exact,
			     struct stat *st, double *ret_timeout)
{
	AUTO(bytes) struct bytes *text = NULL;
	*ret_timeout = is_exact ? TIMEOUT_IMMUTABLE : 0;
	if (is_exact) {
		TRY(text_of(m, n, &text));
		st->st_size = (off_t)text->len;
	}
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
