// SPDX-License-Identifier: Apache-2.0
/*
 * field.c: a named type with metadata.
 */
#include "array/array.h"

#include <string.h>

struct err *field_new(const char *name, struct type *type, bool nullable,
		      struct field **ret)
{
	AUTO(field) struct field *f = NULL;
	TRY(mem_new(&f));
	atomic_init(&f->refs, 1);
	f->id = -1;
	f->nullable = nullable;
	TRY(str_dup(name, &f->name));
	f->type = type_ref(type);
	*ret = TAKE(f);
	return NULL;
}

struct field *field_ref(struct field *f)
{
	if (f)
		atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

void field_unref(struct field *f)
{
	if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < f->n_metadata; i++) {
		free(f->metadata[i].key);
		free(f->metadata[i].value);
	}
	free(f->metadata);
	free(f->name);
	type_unref(f->type);
	free(f);
}

static struct metadata_entry *find_entry(const struct field *f, const char *key)
{
	for (size_t i = 0; i < f->n_metadata; i++)
		if (strcmp(f->metadata[i].key, key) == 0)
			return &f->metadata[i];
	return NULL;
}

const char *field_metadata(const struct field *f, const char *key)
{
	const struct metadata_entry *e = find_entry(f, key);
	return e ? e->value : NULL;
}

struct err *field_set_metadata(struct field *f, const char *key, const void *value,
			       size_t value_len)
{
	AUTO_MEM char *value_copy = NULL;
	AUTO_MEM char *key_copy = NULL;
	TRY(str_dup_len(value, value_len, &value_copy));
	struct metadata_entry *e = find_entry(f, key);
	if (!e) {
		TRY(str_dup(key, &key_copy));
		TRY(mem_resize(f->n_metadata + 1, sizeof(*f->metadata), &f->metadata));
		e = &f->metadata[f->n_metadata++];
		*e = (struct metadata_entry){.key = TAKE(key_copy)};
	}
	free(e->value);
	e->value = TAKE(value_copy);
	e->value_len = value_len;
	return NULL;
}
