// SPDX-License-Identifier: Apache-2.0
/*
 * array_export.c: arrays and fields through the Arrow C data interface.
 *
 * Nothing is copied but names: an exported array holds a reference to ours.
 * Children are released with their parent unless the consumer moved them out,
 * in which case their release is NULL.
 * Source: Arrow C data interface specification.
 */
#include "array/array_priv.h"

#include <string.h>

/* --- schema --- */

struct schema_private {
	char *format, *name;
	uint8_t *metadata;
	struct ArrowSchema *nodes; /* the children */
};

static const char *const plain_formats[TYPE_N] = {
	[TYPE_NULL] = "n",	   [TYPE_BOOL] = "b",	      [TYPE_INT8] = "c",
	[TYPE_INT16] = "s",	   [TYPE_INT32] = "i",	      [TYPE_INT64] = "l",
	[TYPE_UINT8] = "C",	   [TYPE_UINT16] = "S",	      [TYPE_UINT32] = "I",
	[TYPE_UINT64] = "L",	   [TYPE_FLOAT16] = "e",      [TYPE_FLOAT32] = "f",
	[TYPE_FLOAT64] = "g",	   [TYPE_DATE32] = "tdD",     [TYPE_DATE64] = "tdm",
	[TYPE_STRING] = "u",	   [TYPE_LARGE_STRING] = "U", [TYPE_BINARY] = "z",
	[TYPE_LARGE_BINARY] = "Z", [TYPE_LIST] = "+l",	      [TYPE_LARGE_LIST] = "+L",
	[TYPE_STRUCT] = "+s",	   [TYPE_MAP] = "+m",
};

static MUST_CHECK struct err *export_format(const struct type *t, char **ret)
{
	static const char unit[] = "smun";
	switch (t->id) {
	case TYPE_DECIMAL128:
		return str_printf(ret, "d:%d,%d", t->precision, t->scale);
	case TYPE_DECIMAL256:
		return str_printf(ret, "d:%d,%d,256", t->precision, t->scale);
	case TYPE_TIME32:
	case TYPE_TIME64:
		return str_printf(ret, "tt%c", unit[t->unit]);
	case TYPE_TIMESTAMP:
		return str_printf(ret, "ts%c:%s", unit[t->unit],
				  t->timezone ? t->timezone : "");
	case TYPE_DURATION:
		return str_printf(ret, "tD%c", unit[t->unit]);
	case TYPE_FIXED_BINARY:
		return str_printf(ret, "w:%d", t->byte_width);
	case TYPE_FIXED_LIST:
		return str_printf(ret, "+w:%d", t->list_size);
	case TYPE_DICTIONARY:
		return str_dup(plain_formats[t->index_id], ret);
	default:
		return str_dup(plain_formats[t->id], ret);
	}
}

static MUST_CHECK struct err *export_metadata(const struct field *f, uint8_t **ret)
{
	AUTO_BUF struct buf out = {0};
	if (!f->n_metadata)
		return NULL;
	buf_u32le(&out, (uint32_t)f->n_metadata);
	for (size_t i = 0; i < f->n_metadata; i++) {
		const struct metadata_entry *e = &f->metadata[i];
		buf_u32le(&out, (uint32_t)strlen(e->key));
		buf_str(&out, e->key);
		buf_u32le(&out, (uint32_t)e->value_len);
		buf_append(&out, e->value, e->value_len);
	}
	TRY(buf_check(&out));
	*ret = TAKE(out.data);
	return NULL;
}

static void release_schema(struct ArrowSchema *s)
{
	struct schema_private *priv = s->private_data;
	for (int64_t i = 0; i < s->n_children; i++)
		if (s->children[i] && s->children[i]->release)
			s->children[i]->release(s->children[i]);
	if (s->dictionary && s->dictionary->release)
		s->dictionary->release(s->dictionary);
	free(priv->format);
	free(priv->name);
	free(priv->metadata);
	free(priv->nodes);
	free(s->children);
	free(priv);
	s->release = NULL;
}

static MUST_CHECK struct err *fill_schema(const struct field *f, struct ArrowSchema *s)
{
	struct schema_private *priv = s->private_data;
	const struct type *t = f->type;
	TRY(export_format(t, &priv->format));
	TRY(str_dup(f->name, &priv->name));
	TRY(export_metadata(f, &priv->metadata));
	s->format = priv->format;
	s->name = priv->name;
	s->metadata = (const char *)priv->metadata;
	s->flags = f->nullable ? ARROW_FLAG_NULLABLE : 0;
	if (!t->n_children)
		return NULL;
	TRY(mem_array(t->n_children, sizeof(*priv->nodes), &priv->nodes));
	if (t->id == TYPE_DICTIONARY) {
		s->dictionary = &priv->nodes[0];
		return field_export(t->children[0], s->dictionary);
	}
	TRY(mem_array(t->n_children, sizeof(*s->children), &s->children));
	s->n_children = (int64_t)t->n_children;
	for (size_t i = 0; i < t->n_children; i++) {
		s->children[i] = &priv->nodes[i];
		TRY(field_export(t->children[i], s->children[i]));
	}
	return NULL;
}

struct err *field_export(const struct field *f, struct ArrowSchema *ret)
{
	struct schema_private *priv = NULL;
	TRY(mem_new(&priv));
	struct ArrowSchema s = {.release = release_schema, .private_data = priv};
	struct err *err = fill_schema(f, &s);
	if (err) {
		release_schema(&s);
		return err;
	}
	*ret = s;
	return NULL;
}

/* --- array --- */

struct array_private {
	struct array *array; /* owned reference */
	const void *buffers[3];
	struct ArrowArray *nodes;
};

static void release_array(struct ArrowArray *a)
{
	struct array_private *priv = a->private_data;
	for (int64_t i = 0; i < a->n_children; i++)
		if (a->children[i] && a->children[i]->release)
			a->children[i]->release(a->children[i]);
	if (a->dictionary && a->dictionary->release)
		a->dictionary->release(a->dictionary);
	array_unref(priv->array);
	free(priv->nodes);
	free(a->children);
	free(priv);
	a->release = NULL;
}

static const void *buffer_of(const struct bytes *b)
{
	static const uint64_t zeros[8];
	return b ? (const void *)b->data : zeros;
}

static void fill_buffers(const struct array *a, struct ArrowArray *ret)
{
	struct array_private *priv = ret->private_data;
	enum layout layout = type_layout(a->type);
	size_t n = 0;
	if (layout != LAYOUT_NULL)
		priv->buffers[n++] = a->validity ? a->validity->data : NULL;
	if (layout == LAYOUT_VAR || layout == LAYOUT_LIST)
		priv->buffers[n++] = buffer_of(a->offsets);
	if (layout == LAYOUT_VAR || layout == LAYOUT_FIXED)
		priv->buffers[n++] = buffer_of(a->data);
	ret->buffers = priv->buffers;
	ret->n_buffers = (int64_t)n;
}

static MUST_CHECK struct err *fill_children(const struct array *a,
					    struct ArrowArray *ret)
{
	struct array_private *priv = ret->private_data;
	if (!a->n_children)
		return NULL;
	TRY(mem_array(a->n_children, sizeof(*priv->nodes), &priv->nodes));
	if (a->type->id == TYPE_DICTIONARY) {
		ret->dictionary = &priv->nodes[0];
		return array_export(a->children[0], ret->dictionary);
	}
	TRY(mem_array(a->n_children, sizeof(*ret->children), &ret->children));
	ret->n_children = (int64_t)a->n_children;
	for (size_t i = 0; i < a->n_children; i++) {
		ret->children[i] = &priv->nodes[i];
		TRY(array_export(a->children[i], ret->children[i]));
	}
	return NULL;
}

struct err *array_export(struct array *a, struct ArrowArray *ret)
{
	struct array_private *priv = NULL;
	TRY(mem_new(&priv));
	priv->array = array_ref(a);
	struct ArrowArray out = {.length = (int64_t)a->n_rows,
				 .null_count = (int64_t)a->n_nulls,
				 .release = release_array,
				 .private_data = priv};
	fill_buffers(a, &out);
	struct err *err = fill_children(a, &out);
	if (err) {
		release_array(&out);
		return err;
	}
	*ret = out;
	return NULL;
}
