// SPDX-License-Identifier: Apache-2.0
/*
 * extension.c: extension types that mean something else than what they are kept as.
 *
 * A format shows such a field as another one: lance.json, binary in the file, as
 * JSON text; lance.bfloat16, two bytes, as float32 (but in arrow, where the
 * reader knows the extension).  Other extension types are shown as their storage.
 *
 * To add one: a row in extensions.
 */
#include "format/format_priv.h"

#include <errno.h>

#define NAME_KEY "ARROW:extension:name"

static struct err *json_to_text(const struct array *a, struct type *type,
				struct array **ret)
{
	AUTO(array) struct array *text = NULL;
	AUTO_BUF struct buf out = {0};
	TRY(array_new(type, a->n_rows, &text));
	TRY(bytes_new((size_t)(a->n_rows + 1) * sizeof(int32_t), &text->offsets));
	int32_t *offsets = (int32_t *)(void *)text->offsets->data;
	offsets[0] = 0;
	for (uint64_t row = 0; row < a->n_rows; row++) {
		uint64_t len;
		if (!array_is_null(a, row)) {
			const uint8_t *p = array_var(a, row, &len);
			TRY(jsonb_render(p, (size_t)len, &out));
		}
		if (out.len > INT32_MAX)
			return err_new(EOVERFLOW, "JSON: too much text for one array");
		offsets[row + 1] = (int32_t)out.len;
	}
	TRY(buf_check(&out));
	TRY(bytes_new(out.len, &text->data));
	if (out.len)
		memcpy(text->data->data, out.data, out.len);
	text->validity = bytes_ref(a->validity);
	text->n_nulls = a->n_nulls;
	*ret = TAKE(text);
	return NULL;
}

/* The upper half of a float32. */
static struct err *bfloat16_to_float(const struct array *a, struct type *type,
				     struct array **ret)
{
	AUTO(array) struct array *wide = NULL;
	TRY(array_new(type, a->n_rows, &wide));
	TRY(bytes_new((size_t)a->n_rows * 4, &wide->data));
	for (uint64_t row = 0; row < a->n_rows; row++)
		store_u32le(wide->data->data + row * 4,
			    (uint32_t)load_u16le(a->data->data + row * 2) << 16);
	wide->validity = bytes_ref(a->validity);
	wide->n_nulls = a->n_nulls;
	*ret = TAKE(wide);
	return NULL;
}

static const struct extension {
	const char *name;
	enum type_id storage, shown;
	int32_t byte_width;	/* of storage, if it is fixed */
	const char *arrow_name; /* in arrow; NULL: shown there as its storage */
	struct err *(*convert)(const struct array *a, struct type *type,
			       struct array **ret);
} extensions[] = {
	{"lance.json", TYPE_LARGE_BINARY, TYPE_STRING, 0, "arrow.json", json_to_text},
	{"lance.json", TYPE_BINARY, TYPE_STRING, 0, "arrow.json", json_to_text},
	{"lance.bfloat16", TYPE_FIXED_BINARY, TYPE_FLOAT32, 2, NULL, bfloat16_to_float},
};

static const struct extension *find(const struct field *f)
{
	const char *name = field_metadata(f, NAME_KEY);
	for (size_t i = 0; name && i < sizeof(extensions) / sizeof(extensions[0]); i++)
		if (strcmp(extensions[i].name, name) == 0 &&
		    extensions[i].storage == f->type->id &&
		    extensions[i].byte_width == f->type->byte_width)
			return &extensions[i];
	return NULL;
}

static bool shows_another(const struct format_ops *format, const struct field *f)
{
	const struct extension *e = find(f);
	if (e)
		return format != &fmt_arrow || e->arrow_name;
	for (size_t i = 0; i < f->type->n_children; i++)
		if (shows_another(format, f->type->children[i]))
			return true;
	return false;
}

/* --- fields --- */

static struct err *with_type(const struct field *f, struct type *type,
			     const char *extension, struct field **ret)
{
	AUTO(field) struct field *shown = NULL;
	TRY(field_new(f->name, type, f->nullable, &shown));
	shown->id = f->id;
	for (size_t i = 0; i < f->n_metadata; i++) {
		const struct metadata_entry *m = &f->metadata[i];
		if (extension && strcmp(m->key, NAME_KEY) == 0)
			TRY(field_set_metadata(shown, m->key, extension,
					       strlen(extension)));
		else
			TRY(field_set_metadata(shown, m->key, m->value, m->value_len));
	}
	*ret = TAKE(shown);
	return NULL;
}

static struct err *show(const struct format_ops *format, struct field *f,
			struct field **ret);

static struct err *show_nested(const struct format_ops *format, const struct field *f,
			       struct field **ret)
{
	AUTO(type) struct type *type = NULL;
	const struct type *t = f->type;
	TRY(type_new_nested(t->id, t->n_children, &type));
	type->list_size = t->list_size;
	type->index_id = t->index_id;
	for (size_t i = 0; i < t->n_children; i++)
		TRY(show(format, t->children[i], &type->children[i]));
	return with_type(f, type, NULL, ret);
}

static struct err *show(const struct format_ops *format, struct field *f,
			struct field **ret)
{
	const struct extension *e = find(f);
	AUTO(type) struct type *type = NULL;
	if (!shows_another(format, f)) {
		*ret = field_ref(f);
		return NULL;
	}
	if (!e)
		return show_nested(format, f, ret);
	TRY(type_new(e->shown, &type));
	return with_type(f, type, e->arrow_name, ret);
}

struct err *format_field(const struct format_ops *format, struct field *f,
			 struct field **ret)
{
	return show(format, f, ret);
}

/* --- arrays --- */

static struct err *convert_nested(const struct array *a, const struct field *from,
				  const struct field *to, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(to->type, a->n_rows, &out));
	out->validity = bytes_ref(a->validity);
	out->offsets = bytes_ref(a->offsets);
	out->data = bytes_ref(a->data);
	out->n_nulls = a->n_nulls;
	for (size_t i = 0; i < a->n_children; i++)
		TRY(format_array(a->children[i], from->type->children[i],
				 to->type->children[i], &out->children[i]));
	*ret = TAKE(out);
	return NULL;
}

struct err *format_array(struct array *a, const struct field *from,
			 const struct field *to, struct array **ret)
{
	const struct extension *e = find(from);
	if (from->type == to->type) {
		*ret = array_ref(a);
		return NULL;
	}
	if (e)
		return e->convert(a, to->type, ret);
	return convert_nested(a, from, to, ret);
}

/* --- what callers ask of a field --- */

bool format_renders_field(const struct format_ops *format, struct field *f)
{
	AUTO(field) struct field *shown = NULL;
	struct err *err = format_field(format, f, &shown);
	bool renders = !err && format_renders(format, shown->type);
	err_free(err); /* out of memory: not shown now */
	return renders;
}

const struct format_ops *format_natural_field(struct field *f)
{
	AUTO(field) struct field *shown = NULL;
	struct err *err = format_field(&fmt_txt, f, &shown);
	const struct format_ops *natural = err ? NULL : format_natural(shown->type);
	err_free(err); /* out of memory: not shown now */
	return natural;
}
