// SPDX-License-Identifier: Apache-2.0
/*
 * dictionaries.c: values of dictionary-typed columns of 0.1 files.
 *
 * They are the same for all files of a version, and lie in front of the manifest.
 * Source: file.proto, Field.dictionary.
 */
#include "table/table_priv.h"

#include <inttypes.h>

static struct field *find_field(struct field *const *fields, size_t n, int32_t id)
{
	for (size_t i = 0; i < n; i++) {
		const struct type *t = fields[i]->type;
		struct field *found =
			fields[i]->id == id
				? fields[i]
				: find_field(t->children, t->n_children, id);
		if (found)
			return found;
	}
	return NULL;
}

static struct err *read_one(struct version *v, const Lance__File__Field *p)
{
	const struct field *f = find_field(v->fields, v->n_fields, p->id);
	struct field_dictionary *d = &v->dictionaries[v->n_dictionaries];
	if (!f || f->type->id != TYPE_DICTIONARY || p->dictionary->offset < 0 ||
	    p->dictionary->length < 0)
		return NULL;
	TRY_CTX(v01_dictionary(f->type->children[0]->type, v->raw,
			       (uint64_t)p->dictionary->offset,
			       (uint64_t)p->dictionary->length, &d->values),
		"version %" PRIu64 ": the dictionary of %s", v->number, f->name);
	d->field_id = f->id;
	v->n_dictionaries++;
	return NULL;
}

struct err *dictionaries_read(struct version *v)
{
	const Lance__Table__Manifest *m = v->manifest;
	if (v->storage != LANCE_0_1)
		return NULL;
	TRY(mem_array(m->n_fields, sizeof(*v->dictionaries), &v->dictionaries));
	for (size_t i = 0; i < m->n_fields; i++) {
		struct err *err =
			m->fields[i]->dictionary ? read_one(v, m->fields[i]) : NULL;
		if (err)
			log_line(v->table->log, LEVEL_WARN, "%s", err->msg);
		err_free(err); /* the column says so when it is read */
	}
	return NULL;
}

void dictionaries_free(struct version *v)
{
	for (size_t i = 0; i < v->n_dictionaries; i++)
		array_unref(v->dictionaries[i].values);
	free(v->dictionaries);
}
