// SPDX-License-Identifier: Apache-2.0
/*
 * file_column.c: columns/NAME.FORMAT, a view of a column.
 *
 * The inode stands for content: data files, deletion files, field, format.  The
 * size is told only when it is asked for, because it may cost a scan; it is
 * remembered by content.
 */
#include "fs.h"

#include <errno.h>
#include <inttypes.h>

static uint64_t content_key(const struct node *dir, const struct version *v,
			    const struct field *f, const struct format_ops *format)
{
	uint64_t key = version_column_key(v, f);
	key = hash_str(format_suffix(format), key);
	key = hash_mix(key, field_shape_key(f)); /* some formats tell it */
	return hash_mix(key, (uint64_t)dir->fragment << 1 | dir->is_frozen);
}

uint64_t column_ino(const struct node *dir, const struct version *v,
		    const struct field *f, const struct format_ops *format)
{
	return node_ino(dir->mount, &column_file_ops, content_key(dir, v, f, format));
}

struct err *column_node(const struct node *dir, struct version *v, struct field *f,
			const struct format_ops *format, struct node **ret)
{
	TRY(node_new(dir->mount, &column_file_ops, content_key(dir, v, f, format), v,
		     ret));
	(*ret)->is_frozen = dir->is_frozen;
	(*ret)->fragment = dir->fragment;
	(*ret)->field = f;
	(*ret)->format = format;
	/* another format of a column that was just replaced shows the new one */
	(*ret)->entry_timeout = dir->is_frozen ? TIMEOUT_IMMUTABLE : 0;
	return NULL;
}

static bool known_time(struct mount *m, const struct version *v, const struct field *f,
		       enum memo_kind kind, int64_t *ret_ns)
{
	uint64_t value;
	if (!memo_get(m->memo, kind, version_column_key(v, f), &value))
		return false;
	*ret_ns = (int64_t)value;
	return true;
}

#define MOST_COMPACTIONS 64

/* What was set, or known, before compactions wrote the same values anew, counts. */
static struct err *find_time(struct mount *m, struct version *v, const struct field *f,
			     enum memo_kind *ret_kind, int64_t *ret_ns)
{
	AUTO(version) struct version *at = version_ref(v);
	*ret_kind = MEMO_TIME;
	for (unsigned i = 0; i < MOST_COMPACTIONS; i++) {
		AUTO(version) struct version *before = NULL;
		struct field *was;
		if (known_time(m, at, f, MEMO_TOUCHED, ret_ns)) {
			*ret_kind = MEMO_TOUCHED;
			return NULL;
		}
		if (known_time(m, at, f, MEMO_TIME, ret_ns))
			return NULL;
		TRY(version_column_time(at, f, ret_ns));
		TRY(version_before_compaction(at, f, *ret_ns, &before, &was));
		if (!before)
			break;
		version_unref(at);
		at = TAKE(before);
		f = was;
	}
	return NULL;
}

struct err *column_time(struct mount *m, struct version *v, const struct field *f,
			int64_t *ret_ns)
{
	enum memo_kind kind;
	if (known_time(m, v, f, MEMO_TOUCHED, ret_ns) ||
	    known_time(m, v, f, MEMO_TIME, ret_ns))
		return NULL;
	TRY(find_time(m, v, f, &kind, ret_ns));
	memo_put(m->memo, kind, version_column_key(v, f), (uint64_t)*ret_ns);
	return NULL;
}

static void fragment_rows(const struct version *v, size_t i, uint64_t *ret_first,
			  uint64_t *ret_end)
{
	struct fragment_info f;
	version_fragment(v, i, &f);
	*ret_first = f.first_row;
	*ret_end = f.first_row + f.physical_rows - f.n_deleted;
}

static struct err *make_view(struct node *n, struct view **ret)
{
	uint64_t first = 0, end = version_rows(n->version);
	if (n->fragment)
		fragment_rows(n->version, n->fragment - 1, &first, &end);
	return column_view(n->version, n->field, n->format, first, end, ret);
}

struct err *column_attr(struct mount *m, struct node *n, bool is_exact, struct stat *st,
			double *ret_timeout)
{
	int64_t ns;
	TRY(column_time(m, n->version, n->field, &ns));
	st->st_mtim.tv_sec = ns / 1000000000;
	st->st_mtim.tv_nsec = ns % 1000000000;
	return view_attr(m, n, is_exact, st, ret_timeout);
}

bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, ",:");
		if (n == len && memcmp(p, word, n) == 0)
			return true;
		p += n + (p[n] != 0);
	}
	return false;
}

static struct err *column_open(struct mount *m, struct handle *h,
			       struct fuse_file_info *fi)
{
	const struct node *n = h->node;
	(void)m;
	fi->keep_cache = 1;
	if (!h->can_write)
		return NULL;
	if (field_is_system(n->field))
		return err_new(EINVAL, "'%s' is a name that Lance reserves",
			       n->field->name);
	if (list_has(m->server->options.protect, n->field->name))
		return err_new(EPERM,
			       "column '%s' is protected (protect= in the mount's "
			       "configuration)",
			       n->field->name);
	bool is_partial = (fi->flags & O_ACCMODE) == O_RDWR && !(fi->flags & O_TRUNC);
	if (is_partial || (fi->flags & O_APPEND))
		return err_new(
			EOPNOTSUPP,
			"column '%s' cannot be changed in place; write the whole "
			"column (cp, or > without >>)",
			n->field->name);
	if (!format_parses(n->format, n->field->type))
		return err_new(EOPNOTSUPP,
			       "column '%s' cannot be written as .%s; write another "
			       "format",
			       n->field->name, format_suffix(n->format));
	/* the kernel looks the name up again and gets a staging node */
	return err_new(ESTALE, "column '%s' is replaced by a new file", n->field->name);
}

/* --- extended attributes --- */

static struct err *xattr_nulls(struct mount *m, struct version *v, struct field *f,
			       struct buf *out)
{
	(void)m;
	uint64_t n = 0, step = 65536;
	AUTO_MEM uint8_t *is_null = NULL;
	TRY(mem_array((size_t)step, 1, &is_null));
	for (uint64_t row = 0; row < version_rows(v); row += step) {
		uint64_t end = MIN_OF(row + step, version_rows(v));
		TRY(version_read_nulls(v, f, row, end, is_null));
		for (uint64_t i = 0; i < end - row; i++)
			n += is_null[i];
	}
	buf_printf(out, "%" PRIu64, n);
	return NULL;
}

static struct err *xattr_bytes(struct mount *m, struct version *v, struct field *f,
			       struct buf *out)
{
	(void)m;
	uint64_t n;
	TRY(version_column_bytes(v, f, &n));
	buf_printf(out, "%" PRIu64, n);
	return NULL;
}

static struct err *xattr_type(struct mount *m, struct version *v, struct field *f,
			      struct buf *out)
{
	(void)m;
	AUTO_MEM char *name = NULL;
	(void)v;
	TRY(type_format(f->type, &name));
	buf_str(out, name);
	return NULL;
}

static struct err *xattr_field_id(struct mount *m, struct version *v, struct field *f,
				  struct buf *out)
{
	(void)m;
	(void)v;
	buf_printf(out, "%d", f->id);
	return NULL;
}

static struct err *xattr_nullable(struct mount *m, struct version *v, struct field *f,
				  struct buf *out)
{
	(void)m;
	(void)v;
	buf_str(out, f->nullable ? "true" : "false");
	return NULL;
}

static struct err *xattr_rows(struct mount *m, struct version *v, struct field *f,
			      struct buf *out)
{
	(void)m;
	(void)f;
	buf_printf(out, "%" PRIu64, version_rows(v));
	return NULL;
}

static struct err *xattr_version(struct mount *m, struct version *v, struct field *f,
				 struct buf *out)
{
	(void)m;
	(void)f;
	buf_printf(out, "%" PRIu64, version_number(v));
	return NULL;
}

/* Whether what made it has changed since; only UDFs' columns are not made at once. */
static struct err *xattr_stale(struct mount *m, struct version *v, struct field *f,
			       struct buf *out)
{
	bool is_stale = false, is_missing;
	if (field_is_udf(f))
		TRY(udf_column_state(m->table, v, f, &is_stale, &is_missing));
	buf_str(out, is_stale ? "1" : "0");
	return NULL;
}

static const struct {
	const char *name;
	struct err *(*get)(struct mount *m, struct version *v, struct field *f,
			   struct buf *out);
} xattrs[] = {
	{"user.lance.type", xattr_type},
	{"user.lance.field_id", xattr_field_id},
	{"user.lance.nullable", xattr_nullable},
	{"user.lance.rows", xattr_rows},
	{"user.lance.version", xattr_version},
	{"user.lance.bytes", xattr_bytes},
	{"user.lance.nulls", xattr_nulls},
	{"user.lance.stale", xattr_stale},
};

#define XATTR_METADATA "user.lance.metadata."
#define XATTR_MIME "user.mime_type"
#define XATTR_EXTENSION "user.lance.extension"

static const char *extension_name(const struct field *f)
{
	return field_metadata(f, "ARROW:extension:name");
}

static struct err *column_xattr_list(struct mount *m, struct node *n, struct buf *out)
{
	(void)m;
	for (size_t i = 0; i < sizeof(xattrs) / sizeof(xattrs[0]); i++)
		buf_append(out, xattrs[i].name, strlen(xattrs[i].name) + 1);
	buf_append(out, XATTR_MIME, sizeof(XATTR_MIME));
	if (extension_name(n->field))
		buf_append(out, XATTR_EXTENSION, sizeof(XATTR_EXTENSION));
	for (size_t i = 0; i < n->field->n_metadata; i++) {
		const char *key = n->field->metadata[i].key;
		if (strlen(key) + strlen(XATTR_METADATA) > 255)
			continue;
		buf_str(out, XATTR_METADATA);
		buf_append(out, key, strlen(key) + 1);
	}
	return buf_check(out);
}

static struct err *column_xattr_get(struct mount *m, struct node *n, const char *name,
				    struct buf *out, bool *ret_found)
{
	*ret_found = true;
	for (size_t i = 0; i < sizeof(xattrs) / sizeof(xattrs[0]); i++)
		if (strcmp(xattrs[i].name, name) == 0)
			return xattrs[i].get(m, n->version, n->field, out);
	if (strcmp(name, XATTR_MIME) == 0) {
		buf_str(out, format_mime(n->format));
		return NULL;
	}
	if (strcmp(name, XATTR_EXTENSION) == 0 && extension_name(n->field)) {
		buf_str(out, extension_name(n->field));
		return NULL;
	}
	if (str_starts(name, XATTR_METADATA)) {
		const char *value =
			field_metadata(n->field, name + strlen(XATTR_METADATA));
		if (value) {
			buf_str(out, value);
			return NULL;
		}
	}
	*ret_found = false;
	return NULL;
}

const struct node_ops column_file_ops = {
	.kind = "column",
	.mode = S_IFREG | 0644,
	.is_replaced = true,
	.attr = column_attr,
	.open = column_open,
	.read = view_read,
	.view = make_view,
	.xattr_list = column_xattr_list,
	.xattr_get = column_xattr_get,
};
