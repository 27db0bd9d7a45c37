// SPDX-License-Identifier: Apache-2.0
/*
 * part.c: row ranges of several columns, fields of files, and data files that come to
 * nothing.
 */
#include "job/part_priv.h"

struct err *part_new(size_t n, struct part *ret)
{
	ret->n = n;
	return mem_array(n, sizeof(struct array *), &ret->arrays);
}

struct err *part_cut(struct array *const *columns, size_t n, uint64_t first,
		     uint64_t n_rows, struct part *ret)
{
	TRY(part_new(n, ret));
	for (size_t i = 0; i < n; i++)
		if (n_rows == columns[i]->n_rows)
			ret->arrays[i] = array_ref(columns[i]);
		else
			TRY(array_slice(columns[i], first, first + n_rows,
					&ret->arrays[i]));
	return NULL;
}

void part_fini(struct part *p)
{
	for (size_t i = 0; p->arrays && i < p->n; i++)
		array_unref(p->arrays[i]);
	free(p->arrays);
}

struct err *new_file_path(const char *name, char **ret)
{
	return str_printf(ret, "data/%s", name);
}

void new_files_free(struct column_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(files[i].name);
		file_written_fini(&files[i].written);
	}
	free(files);
}

void new_file_remove(struct io_store *store, const struct log *log, const char *name)
{
	AUTO_MEM char *path = NULL;
	struct err *err = new_file_path(name, &path);
	if (!err)
		err = io_remove(store, path);
	if (err)
		log_line(log, LEVEL_WARN, "left behind: %s", err->msg);
	err_free(err); /* unreferenced: cleanup finds it */
}

/* --- fields --- */

struct err *field_copy_metadata(struct field *to, const struct field *from)
{
	for (size_t i = 0; i < from->n_metadata; i++)
		TRY(field_set_metadata(to, from->metadata[i].key,
				       from->metadata[i].value,
				       from->metadata[i].value_len));
	return NULL;
}

struct err *field_number(struct field *f, int32_t *next)
{
	AUTO(type) struct type *own = NULL;
	f->id = (*next)++;
	if (f->type->n_children == 0 || f->type->id == TYPE_DICTIONARY)
		return NULL;
	TRY(type_new_nested(f->type->id, f->type->n_children, &own));
	own->list_size = f->type->list_size;
	for (size_t i = 0; i < own->n_children; i++)
		TRY(field_copy(f->type->children[i], next, &own->children[i]));
	type_unref(f->type);
	f->type = TAKE(own);
	return NULL;
}

struct err *field_copy(const struct field *f, int32_t *next, struct field **ret)
{
	AUTO(field) struct field *copy = NULL;
	TRY(field_new(f->name, f->type, f->nullable, &copy));
	TRY(field_copy_metadata(copy, f));
	TRY(field_number(copy, next));
	*ret = TAKE(copy);
	return NULL;
}
