// SPDX-License-Identifier: Apache-2.0
/*
 * scope.c: the columns that expressions may name.
 */
#include "query/query.h"

struct err *scope_of(struct version *v, struct scope *ret)
{
	AUTO_SCOPE struct scope s = {.version = version_ref(v),
				     .n_rows = version_rows(v)};
	size_t n_system = 0;
	while (system_field_name(n_system))
		n_system++;
	TRY(mem_array(version_n_fields(v) + n_system, sizeof(*s.fields), &s.fields));
	for (size_t i = 0; i < version_n_fields(v); i++)
		s.fields[s.n++] = field_ref(version_field(v, i));
	s.n_own = s.n;
	for (size_t i = 0; i < n_system; i++) {
		struct field *f = version_system_field(v, system_field_name(i));
		if (f && !version_find_field(v, f->name))
			s.fields[s.n++] = field_ref(f);
	}
	*ret = s;
	s = (struct scope){0};
	return NULL;
}

struct err *scope_of_array(struct array *rows, struct scope *ret)
{
	AUTO_SCOPE struct scope s = {.n_rows = rows->n_rows};
	size_t n = rows->n_children;
	TRY(mem_array(n, sizeof(*s.fields), &s.fields));
	TRY(mem_array(n, sizeof(*s.arrays), &s.arrays));
	for (; s.n < n; s.n++) {
		s.fields[s.n] = field_ref(rows->type->children[s.n]);
		s.arrays[s.n] = array_ref(rows->children[s.n]);
	}
	s.n_own = n;
	*ret = s;
	s = (struct scope){0};
	return NULL;
}

void scope_fini(struct scope *s)
{
	for (size_t i = 0; i < s->n; i++) {
		field_unref(s->fields[i]);
		if (s->arrays)
			array_unref(s->arrays[i]);
	}
	if (s->version)
		version_unref(s->version);
	if (s->table)
		table_unref(s->table);
	free(s->fields);
	free(s->arrays);
	*s = (struct scope){0};
}

struct err *scope_compile(const struct scope *s, const char *text, enum expr_use use,
			  struct expr **ret)
{
	return expr_compile(text, s->fields, s->n, use, ret);
}

/* Nulls without values: an array of bool. */
static struct err *read_nulls(const struct scope *s, size_t field, uint64_t first,
			      uint64_t end, struct array **ret)
{
	AUTO_MEM uint8_t *is_null = NULL;
	AUTO(type) struct type *t = NULL;
	AUTO(array) struct array *a = NULL;
	uint64_t n = end - first;
	TRY(mem_array((size_t)n, 1, &is_null));
	TRY(version_read_nulls(s->version, s->fields[field], first, end, is_null));
	TRY(type_new(TYPE_BOOL, &t));
	TRY(array_new_null(t, n, &a));
	for (uint64_t i = 0; i < n; i++)
		a->validity->data[i / 8] |= (uint8_t)(!is_null[i] << i % 8);
	a->n_nulls = n - bitmap_count(a->validity->data, 0, n);
	*ret = TAKE(a);
	return NULL;
}

struct err *scope_read(const struct scope *s, size_t field, bool nulls_only,
		       uint64_t first, uint64_t end, struct array **ret)
{
	if (!s->version)
		return array_slice(s->arrays[field], first, end, ret);
	if (nulls_only && !field_is_system(s->fields[field]))
		return read_nulls(s, field, first, end, ret);
	return version_read(s->version, s->fields[field], first, end, ret);
}

void scope_put_name(const struct field *f, struct buf *out)
{
	buf_byte(out, '`');
	for (const char *p = f->name; *p; p++)
		buf_str(out, *p == '`' ? "``" : (char[]){*p, 0});
	buf_byte(out, '`');
}

struct err *scope_compile_column(const struct scope *s, size_t i, struct expr **ret)
{
	AUTO_BUF struct buf name = {0};
	scope_put_name(s->fields[i], &name);
	buf_byte(&name, 0);
	TRY(buf_check(&name));
	return scope_compile(s, (char *)name.data, EXPR_VALUE, ret);
}
