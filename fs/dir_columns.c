// SPDX-License-Identifier: Apache-2.0
/*
 * dir_columns.c: columns/: one file a column, a directory for binary ones, and
 * (in the live one) what is being written.
 */
#include "fs.h"

#include <errno.h>

static bool is_listed(const struct mount *m, struct field *f,
		      const struct format_ops *format)
{
	return !field_is_blob(f) && format_renders_field(format, f) &&
	       (format == format_natural_field(f) ||
		list_has(m->server->options.formats, format_suffix(format)));
}

static uint64_t binary_key(const struct version *v, const struct field *f,
			   bool is_frozen)
{
	return hash_str(f->name, is_frozen ? version_number(v) : 0);
}

/* --- lookup --- */

static struct err *binary_node(struct mount *m, struct version *v, struct field *f,
			       bool is_frozen, struct node **ret)
{
	AUTO(node) struct node *n = NULL;
	TRY(node_new(m, &binary_dir_ops, binary_key(v, f, is_frozen),
		     is_frozen ? v : NULL, &n));
	TRY(str_dup(f->name, &n->name));
	n->row = (uint64_t)(uint32_t)f->id;
	n->is_frozen = is_frozen;
	n->entry_timeout = is_frozen ? TIMEOUT_IMMUTABLE : 1.0;
	*ret = TAKE(n);
	return NULL;
}

/* NAME, or NAME.TYPE where the column has just that type */
static struct field *find_stem(struct version *v, char *stem)
{
	struct field *f = name_find(v, stem);
	char *dot = strrchr(stem, '.');
	AUTO(type) struct type *type = NULL;
	if (f || !dot)
		return f;
	struct err *err = type_parse(dot + 1, &type);
	if (err) {
		err_free(err); /* then it is no such name */
		return NULL;
	}
	*dot = 0;
	f = name_find(v, stem);
	return f && type_equal(f->type, type) ? f : NULL;
}

static struct err *find_file(const struct node *dir, struct version *v,
			     const char *name, struct node **ret)
{
	AUTO_MEM char *stem = NULL;
	struct field *f = name_find(v, name);
	if (f && column_is_binary(f) && !dir->fragment)
		return binary_node(dir->mount, v, f, dir->is_frozen, ret);
	TRY(str_dup(name, &stem));
	char *dot = strrchr(stem, '.');
	const struct format_ops *format = dot ? format_find(dot + 1) : NULL;
	if (!format)
		return NULL;
	*dot = 0;
	AUTO_MEM char *whole = NULL;
	TRY(str_dup(stem, &whole));
	f = find_stem(v, stem);
	if (!f)
		return part_lookup(dir, v, whole, format, ret);
	if (!format_renders_field(format, f))
		return NULL;
	if (field_is_blob(f))
		return err_new(EOPNOTSUPP,
			       "column '%s' holds blobs: they are one file each, in "
			       "columns/%s/, and not replaced",
			       f->name, f->name);
	return column_node(dir, v, f, format, ret);
}

static struct err *columns_lookup(struct mount *m, struct node *dir, const char *name,
				  struct node **ret)
{
	AUTO(version) struct version *v = node_version(m, dir);
	return find_file(dir, v, name, ret);
}

/* --- list --- */

/* Offsets: field * (formats + 1) + format + 1; then the staged files. */
static size_t slots(void)
{
	size_t n = 0;
	while (format_at(n))
		n++;
	return n + 1;
}

static struct err *list_slot(struct mount *m, struct handle *h, size_t field,
			     size_t slot, uint64_t next, const struct list_sink *sink,
			     bool *ret_full)
{
	AUTO_MEM char *name = NULL;
	AUTO_MEM char *file = NULL;
	struct field *f = version_field(h->version, field);
	const struct format_ops *format = format_at(slot);
	bool is_frozen = h->node->is_frozen;
	*ret_full = false;
	if (format ? !is_listed(m, f, format)
		   : !column_is_binary(f) || h->node->fragment)
		return NULL;
	TRY(name_encode(f->name, &name));
	if (!format) {
		*ret_full = sink->fn(sink->ctx, name,
				     node_ino(m, &binary_dir_ops,
					      binary_key(h->version, f, is_frozen)),
				     S_IFDIR, next);
		return NULL;
	}
	TRY(str_printf(&file, "%s.%s", name, format_suffix(format)));
	*ret_full = sink->fn(sink->ctx, file,
			     column_ino(h->node, h->version, f, format), S_IFREG, next);
	return NULL;
}

static struct err *columns_list(struct mount *m, struct handle *h, uint64_t off,
				const struct list_sink *sink)
{
	size_t n_slots = slots(), n = version_n_fields(h->version) * n_slots;
	for (size_t i = off; i < n; i++) {
		bool full;
		TRY(list_slot(m, h, i / n_slots, i % n_slots, i + 1, sink, &full));
		if (full)
			return NULL;
	}
	if (!h->node->is_frozen)
		staging_list(m, &place_columns, n, off, sink);
	return NULL;
}

const struct node_ops columns_ops = {
	.kind = "columns",
	.mode = S_IFDIR | 0755,
	.drops = &place_columns,
	.lookup = columns_lookup,
	.list = columns_list,
};
