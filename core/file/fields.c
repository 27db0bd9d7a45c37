// SPDX-License-Identifier: Apache-2.0
/*
 * fields.c: trees of fields from the flat list in manifests and files, and back.
 *
 * A field names its parent by id, -1 at the top; 0 is a real id.  Parents come
 * before their children.  A type that we do not know must not make the whole
 * table unreadable: such a field is null and remembers its name.
 * Source: Lance's file.proto, message Field.
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

#define NONE SIZE_MAX
#define UNKNOWN_KEY "lancefs:unknown-type"
#define LOGICAL_KEY "lancefs:logical-type"
#define JSON "lance.json"

/* The list as a tree of indices. */
struct tree {
	Lance__File__Field *const *protos;
	size_t n;
	size_t *first_child, *last_child, *next; /* owned */
	size_t first, last;			 /* top level */
};

struct by_id {
	int32_t id;
	size_t index;
};

static int compare_ids(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* The first field of this id, or NONE. */
static size_t find_id(const struct by_id *ids, size_t n, int32_t id)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ids[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && ids[low].id == id ? ids[low].index : NONE;
}

static void link_node(struct tree *t, size_t *first, size_t *last, size_t i)
{
	if (*last == NONE)
		*first = i;
	else
		t->next[*last] = i;
	*last = i;
}

static struct err *link_all(struct tree *t)
{
	AUTO_MEM struct by_id *ids = NULL;
	TRY(mem_array(t->n, sizeof(*ids), &ids));
	for (size_t i = 0; i < t->n; i++) {
		ids[i] = (struct by_id){t->protos[i]->id, i};
		t->first_child[i] = t->last_child[i] = t->next[i] = NONE;
	}
	qsort(ids, t->n, sizeof(*ids), compare_ids);
	for (size_t i = 0; i < t->n; i++) {
		int32_t parent_id = t->protos[i]->parent_id;
		if (parent_id == -1) {
			link_node(t, &t->first, &t->last, i);
			continue;
		}
		size_t parent = find_id(ids, t->n, parent_id);
		if (parent == NONE || parent >= i)
			return err_new(EIO, "field %d: no parent %d before it",
				       t->protos[i]->id, parent_id);
		link_node(t, &t->first_child[parent], &t->last_child[parent], i);
	}
	return NULL;
}

static struct err *build(const struct tree *t, size_t i, int depth, struct field **ret);

static struct err *build_children(const struct tree *t, size_t i, int depth,
				  enum type_id id, struct type **ret)
{
	AUTO(type) struct type *type = NULL;
	size_t n = 0, k = 0;
	for (size_t c = t->first_child[i]; c != NONE; c = t->next[c])
		n++;
	if (id != TYPE_STRUCT && n != 1)
		return err_new(EIO, "field %d: %s with %zu children", t->protos[i]->id,
			       t->protos[i]->logical_type, n);
	TRY(type_new_nested(id, n, &type));
	for (size_t c = t->first_child[i]; c != NONE; c = t->next[c])
		TRY(build(t, c, depth + 1, &type->children[k++]));
	*ret = TAKE(type);
	return NULL;
}

static struct err *build_struct_list(const struct tree *t, size_t i, int depth,
				     struct type **ret)
{
	const char *size = strrchr(t->protos[i]->logical_type, ':') + 1;
	uint64_t n;
	if (!str_to_u64(size, &n) || n == 0 || n > INT32_MAX)
		return err_new(EIO, "field %d: list size %s", t->protos[i]->id, size);
	TRY(build_children(t, i, depth, TYPE_FIXED_LIST, ret));
	(*ret)->list_size = (int32_t)n;
	return NULL;
}

static struct err *build_type(const struct tree *t, size_t i, int depth,
			      struct type **ret)
{
	const char *name = t->protos[i]->logical_type;
	if (strcmp(name, "struct") == 0)
		return build_children(t, i, depth, TYPE_STRUCT, ret);
	if (strcmp(name, "list") == 0 || strcmp(name, "list.struct") == 0)
		return build_children(t, i, depth, TYPE_LIST, ret);
	if (strcmp(name, "large_list") == 0 || strcmp(name, "large_list.struct") == 0)
		return build_children(t, i, depth, TYPE_LARGE_LIST, ret);
	if (strcmp(name, "map") == 0)
		return build_children(t, i, depth, TYPE_MAP, ret);
	if (str_starts(name, "fixed_size_list:struct:"))
		return build_struct_list(t, i, depth, ret);
	return logical_type_parse(name, ret);
}

/* Bytes that a row takes even if it is null, at most one more than the limit: lists of
 * a fixed size are told in a few characters. */
static uint64_t row_bytes(const struct type *t)
{
	uint64_t n = 1 + type_bits(t) / 8;
	if (t->id == TYPE_FIXED_BINARY)
		n += (uint64_t)t->byte_width;
	if (t->id != TYPE_STRUCT && t->id != TYPE_FIXED_LIST)
		return MIN_OF(n, LIMIT_ROW_BYTES + 1);
	for (size_t i = 0; i < t->n_children; i++)
		n += row_bytes(t->children[i]->type);
	if (t->id == TYPE_FIXED_LIST)
		n *= (uint64_t)t->list_size; /* below 2^31 and 2^27 */
	return MIN_OF(n, LIMIT_ROW_BYTES + 1);
}

static struct err *check_width(const struct type *t)
{
	if (row_bytes(t) <= LIMIT_ROW_BYTES)
		return NULL;
	return err_new(EOPNOTSUPP, "over %" PRIu64 " MiB a row", LIMIT_ROW_BYTES >> 20);
}

static struct err *copy_metadata(const Lance__File__Field *p, struct field *f)
{
	for (size_t i = 0; i < p->n_metadata; i++) {
		const Lance__File__BytesEntry *e = p->metadata[i];
		TRY(field_set_metadata(f, e->key, e->value.data, e->value.len));
	}
	if (p->extension_name[0] && !field_metadata(f, EXTENSION_KEY))
		TRY(field_set_metadata(f, EXTENSION_KEY, p->extension_name,
				       strlen(p->extension_name)));
	return NULL;
}

/*
 * A blob is bytes to whoever reads it, whatever type describes it: from 2.2 on a
 * struct of what writers are given ("data", "uri").  Only the manifest's own
 * messages keep that struct, so such a field cannot be written from the tree.
 */
static struct err *show_blob(struct field *f)
{
	enum type_id id = f->type->id;
	if (!field_is_blob(f) || id == TYPE_LARGE_BINARY)
		return NULL;
	type_unref(f->type);
	f->type = NULL;
	return type_new(TYPE_LARGE_BINARY, &f->type);
}

static struct err *build(const struct tree *t, size_t i, int depth, struct field **ret)
{
	const Lance__File__Field *p = t->protos[i];
	AUTO(type) struct type *type = NULL;
	AUTO(field) struct field *f = NULL;
	const char *remember = NULL;
	if (depth > LIMIT_NESTING / 2)
		return err_new(EIO, "field %d nests too deeply", p->id);
	struct err *err = build_type(t, i, depth, &type);
	if (!err)
		err = check_width(type);
	if (err && err->code != EOPNOTSUPP)
		return err;
	if (err) {
		/* not lost: the field's metadata says so to whoever asks */
		err_free(err);
		type_unref(TAKE(type));
		TRY(type_new(TYPE_NULL, &type));
		remember = UNKNOWN_KEY;
	} else if (strcmp(p->logical_type, "json") == 0 ||
		   strcmp(p->logical_type, "blob") == 0) {
		remember = LOGICAL_KEY;
	}
	TRY(field_new(p->name, type, p->nullable, &f));
	f->id = p->id;
	TRY(copy_metadata(p, f));
	/* pylance 1.0 may name the extension as Arrow does; the values are Lance's */
	if (strcmp(p->logical_type, "json") == 0)
		TRY(field_set_metadata(f, EXTENSION_KEY, JSON, strlen(JSON)));
	TRY(show_blob(f));
	if (remember)
		TRY(field_set_metadata(f, remember, p->logical_type,
				       strlen(p->logical_type)));
	*ret = TAKE(f);
	return NULL;
}

void fields_free(struct field **fields, size_t n)
{
	for (size_t i = 0; fields && i < n; i++)
		field_unref(fields[i]);
	free(fields);
}

static struct err *build_all(const struct tree *t, struct field ***ret, size_t *ret_n)
{
	size_t n = 0, k = 0;
	struct field **fields;
	for (size_t i = t->first; i != NONE; i = t->next[i])
		n++;
	TRY(mem_array(n, sizeof(*fields), &fields));
	for (size_t i = t->first; i != NONE; i = t->next[i]) {
		struct err *err = build(t, i, 0, &fields[k++]);
		if (err) {
			fields_free(fields, k - 1);
			return err;
		}
	}
	*ret = fields;
	*ret_n = n;
	return NULL;
}

struct err *fields_from_proto(Lance__File__Field *const *protos, size_t n,
			      struct field ***ret_fields, size_t *ret_n)
{
	AUTO_MEM size_t *links = NULL;
	if (n > LIMIT_COLUMNS)
		return err_new(EIO, "%zu fields", n);
	TRY(mem_array(3 * n, sizeof(*links), &links));
	struct tree t = {.protos = protos,
			 .n = n,
			 .first_child = links,
			 .last_child = links + n,
			 .next = links + 2 * n,
			 .first = NONE,
			 .last = NONE};
	TRY(link_all(&t));
	return build_all(&t, ret_fields, ret_n);
}

/* --- the reverse --- */

struct proto_list {
	Lance__File__Field **items;
	size_t n, cap;
};

static char *copy_str(const char *s)
{
	return strdup(s);
}

static bool is_own_key(const char *key)
{
	return strcmp(key, UNKNOWN_KEY) == 0 || strcmp(key, LOGICAL_KEY) == 0;
}

static struct err *add_entry(Lance__File__Field *p, const struct metadata_entry *e)
{
	Lance__File__BytesEntry *m;
	TRY(mem_resize(p->n_metadata + 1, sizeof(*p->metadata), &p->metadata));
	TRY(mem_new(&m));
	lance__file__bytes_entry__init(m);
	p->metadata[p->n_metadata++] = m;
	m->key = copy_str(e->key);
	m->value.data = malloc(e->value_len + 1);
	if (!m->key || !m->value.data)
		return err_nomem();
	memcpy(m->value.data, e->value, e->value_len);
	m->value.len = e->value_len;
	return NULL;
}

static struct err *set_type(Lance__File__Field *p, const struct field *f)
{
	const char *extension = field_metadata(f, EXTENSION_KEY);
	const char *known = field_metadata(f, UNKNOWN_KEY);
	if (!known)
		known = field_metadata(f, LOGICAL_KEY);
	if (!known && f->type->id == TYPE_LARGE_BINARY && extension &&
	    strcmp(extension, JSON) == 0)
		known = "json";
	if (extension)
		p->extension_name = copy_str(extension);
	if (!known)
		return logical_type_format(f->type, &p->logical_type);
	p->logical_type = copy_str(known);
	return p->logical_type ? NULL : err_nomem();
}

static struct err *add_field(struct proto_list *list, const struct field *f,
			     int32_t parent_id, int depth)
{
	Lance__File__Field *p;
	const struct type *t = f->type;
	if (depth > LIMIT_NESTING)
		return err_new(EIO, "fields nest too deeply");
	TRY(mem_grow(list->n + 1, sizeof(*list->items), &list->cap, &list->items));
	TRY(mem_new(&p));
	lance__file__field__init(p);
	list->items[list->n++] = p;
	p->id = f->id;
	p->parent_id = parent_id;
	p->nullable = f->nullable;
	p->name = copy_str(f->name);
	if (!p->name)
		return err_nomem();
	TRY(set_type(p, f));
	for (size_t i = 0; i < f->n_metadata; i++) {
		if (!is_own_key(f->metadata[i].key))
			TRY(add_entry(p, &f->metadata[i]));
	}
	if (t->id == TYPE_DICTIONARY ||
	    (t->id == TYPE_FIXED_LIST && t->children[0]->type->id != TYPE_STRUCT))
		return NULL;
	for (size_t i = 0; i < t->n_children; i++)
		TRY(add_field(list, t->children[i], f->id, depth + 1));
	return NULL;
}

struct err *fields_to_proto(struct field *const *fields, size_t n,
			    Lance__File__Field ***ret, size_t *ret_n)
{
	struct proto_list list = {0};
	for (size_t i = 0; i < n; i++) {
		struct err *err = add_field(&list, fields[i], -1, 0);
		if (!err)
			continue;
		for (size_t k = 0; k < list.n; k++)
			proto_free(&list.items[k]->base);
		free(list.items);
		return err;
	}
	*ret = list.items;
	*ret_n = list.n;
	return NULL;
}

/* --- what a field means for columns --- */

static bool is_true(const char *s)
{
	return s && strcasecmp(s, "true") == 0;
}

bool field_is_packed(const struct field *f)
{
	return f->type->id == TYPE_STRUCT &&
	       (is_true(field_metadata(f, "lance-encoding:packed")) ||
		is_true(field_metadata(f, "packed")));
}

bool field_is_blob_v2(const struct field *f)
{
	const char *extension = field_metadata(f, EXTENSION_KEY);
	return field_is_blob(f) && extension && strcmp(extension, "lance.blob.v2") == 0;
}

bool field_is_blob(const struct field *f)
{
	const char *extension = field_metadata(f, EXTENSION_KEY);
	enum type_id id = f->type->id;
	if (!type_is_binary(id) && id != TYPE_STRUCT)
		return false;
	return field_metadata(f, "lance-encoding:blob") ||
	       (extension && strcmp(extension, "lance.blob.v2") == 0);
}

bool field_is_leaf(const struct field *f)
{
	const struct type *t = f->type;
	if (t->n_children == 0 || field_is_packed(f) || field_is_blob(f))
		return true;
	if (t->id == TYPE_FIXED_LIST)
		return t->children[0]->type->id != TYPE_STRUCT;
	return t->id == TYPE_DICTIONARY;
}
