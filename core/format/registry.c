// SPDX-License-Identifier: Apache-2.0
/*
 * registry.c: the table of column file formats.
 */
#include "format/arrow_priv.h"

#include <string.h>

static const struct format_ops *const formats[] = {
	&fmt_txt, &fmt_npy, &fmt_arrow, &fmt_csv, &fmt_jsonl, &fmt_bin, &fmt_tar};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct format_ops *format_find(const char *suffix)
{
	for (size_t i = 0; i < N_FORMATS; i++)
		if (strcmp(formats[i]->suffix, suffix) == 0)
			return formats[i];
	return NULL;
}

const struct format_ops *format_at(size_t i)
{
	return i < N_FORMATS ? formats[i] : NULL;
}

const char *format_suffix(const struct format_ops *f)
{
	return f->suffix;
}

const char *format_mime(const struct format_ops *f)
{
	return f->mime;
}

bool format_renders(const struct format_ops *f, const struct type *t)
{
	return f->renders(t);
}

bool format_parses(const struct format_ops *f, const struct type *t)
{
	return f->parses(t);
}

bool format_parses_tables(const struct format_ops *f)
{
	return f->parses_tables;
}

const struct format_ops *format_natural(const struct type *t)
{
	if (t->id == TYPE_DICTIONARY)
		return format_natural(t->children[0]->type);
	if (type_is_binary(t->id) || t->id == TYPE_FIXED_BINARY)
		return NULL;
	if (t->id == TYPE_FIXED_LIST && fmt_npy.renders(t))
		return &fmt_npy;
	return fmt_txt.renders(t) ? &fmt_txt : &fmt_arrow;
}

bool format_is_text(const struct format_ops *f)
{
	return f == &fmt_txt || f == &fmt_csv || f == &fmt_jsonl;
}

bool format_brings_type(const struct format_ops *f)
{
	return f == &fmt_npy || f == &fmt_arrow;
}

/* Text can be of any type that the format parses; what has a type of its own stays it,
 * but for the width of offsets. */
bool format_keeps_type(const struct format_ops *f, const struct type *own,
		       const struct type *wanted)
{
	return format_brings_type(f) ? arrow_converts(own, wanted) : f->parses(wanted);
}

bool format_renders_in_table(const struct format_ops *f, const struct type *t)
{
	return f->holds_tables && f->renders(t);
}

bool format_holds_tables(const struct format_ops *f)
{
	return f->holds_tables;
}

bool field_is_table(const struct field *f)
{
	return f->type->id == TYPE_STRUCT && field_metadata(f, FORMAT_TABLE_KEY);
}
