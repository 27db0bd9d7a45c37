// SPDX-License-Identifier: Apache-2.0
#include "fill_column.h"

#include "job/part_priv.h"

struct files {
	struct column_file *items; /* owned */
	size_t n;
};

static struct err *make_values(struct type *t, const char *text, uint64_t n,
			       struct array **ret)
{
	AUTO(builder) struct builder *b = NULL;
	TRY(builder_new(t, &b));
	for (uint64_t i = 0; i < n; i++)
		TRY(builder_text(b, text, strlen(text)));
	return builder_take(b, ret);
}

static struct err *write_file(struct table *t, struct version *base, struct field *f,
			      const char *text, struct column_file *file)
{
	AUTO_MEM char *path = NULL;
	AUTO(file_writer) struct file_writer *w = NULL;
	AUTO(array) struct array *values = NULL;
	TRY(data_file_name(&file->name));
	TRY(new_file_path(file->name, &path));
	TRY(make_values(f->type, text, file->physical_rows, &values));
	TRY(file_writer_open(table_store(t), path, version_storage(base), &f, 1, &w));
	TRY(file_writer_write(w, &values));
	return file_writer_finish(TAKE(w), &file->written);
}

static struct err *write_files(struct table *t, struct version *base, struct field *f,
			       const char *text, struct files *files)
{
	size_t n = version_n_fragments(base);
	TRY(mem_array(n, sizeof(*files->items), &files->items));
	for (size_t i = 0; i < n; i++) {
		struct fragment_info info;
		struct column_file *file = &files->items[i];
		version_fragment(base, i, &info);
		*file = (struct column_file){.fragment_id = info.id,
					     .physical_rows = info.physical_rows};
		struct err *err = write_file(t, base, f, text, file);
		if (err)
			free(file->name);
		TRY(err);
		files->n++;
	}
	return NULL;
}

static struct err *commit(struct table *t, struct version *base, struct field *f,
			  struct field *input, struct files *files,
			  struct fill_result *counts, struct version **ret)
{
	struct column_fill fill = {.base = base,
				   .fields = &f,
				   .n_fields = 1,
				   .inputs = &input,
				   .n_inputs = input != NULL,
				   .files = files->items,
				   .n_files = files->n,
				   .message = "filled"};
	struct err *err = table_fill_columns(t, &fill, ret);
	counts->n_files = files->n;
	for (size_t i = 0; i < files->n; i++) {
		struct column_file *file = &files->items[i];
		counts->n_unused += !err && file->is_unused;
		if (err ? !fill.is_published : file->is_unused)
			new_file_remove(table_store(t), table_log(t), file->name);
	}
	return err;
}

struct err *fill_column(struct table *t, struct version *base, const char *column,
			const char *input, const char *text,
			struct fill_result *ret_counts, struct version **ret)
{
	struct files files = {0};
	struct field *f = version_find_field(base, column);
	struct field *from = input ? version_find_field(base, input) : NULL;
	struct fill_result counts = {0};
	struct err *err = write_files(t, base, f, text, &files);
	for (size_t i = 0; err && i < files.n; i++)
		new_file_remove(table_store(t), table_log(t), files.items[i].name);
	if (!err)
		err = commit(t, base, f, from, &files, &counts, ret);
	new_files_free(files.items, files.n);
	if (!err && ret_counts)
		*ret_counts = counts;
	return err;
}
