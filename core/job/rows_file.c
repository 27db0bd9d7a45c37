// SPDX-License-Identifier: Apache-2.0
/*
 * rows_file.c: all rows of a file of rows.
 *
 * Text is read twice: once to learn the types of its columns, once for the values.
 */
#include "job/part_priv.h"

#include <errno.h>

#define READ_BYTES ((size_t)1 << 20)

/* The whole file through a new parser; without a type only as far as it takes to tell
 * that. */
static struct err *parse(const struct rows_file *f, struct type *type,
			 struct parser **ret)
{
	AUTO(parser) struct parser *p = NULL;
	AUTO_MEM uint8_t *buf = NULL;
	struct parse_options options = {.type = type,
					.n_rows = PARSE_ANY_ROWS,
					.is_table = true,
					.rows = type ? f->rows : NULL,
					.ctx = f->ctx};
	bool is_brief = !type && format_brings_type(f->format), is_end = false;
	TRY(parser_open(f->format, &options, &p));
	TRY(mem_array(READ_BYTES, 1, &buf));
	for (uint64_t off = 0; !is_end && !(is_brief && parser_knows_type(p));) {
		size_t n;
		TRY(f->bytes.read(f->bytes.ctx, off, READ_BYTES, buf, &n));
		is_end = n == 0;
		TRY(is_end ? parser_finish(p) : parser_push(p, buf, n));
		off += n;
		if (f->progress.tell)
			f->progress.tell(f->progress.ctx, off, f->total);
	}
	*ret = TAKE(p);
	return NULL;
}

/* A column without any value could be anything: text holds whatever comes. */
static struct err *settle(const struct type *own, struct type **ret)
{
	AUTO(type) struct type *type = NULL;
	AUTO(type) struct type *text = NULL;
	TRY(type_new(TYPE_STRING, &text));
	TRY(type_new_nested(TYPE_STRUCT, own->n_children, &type));
	for (size_t i = 0; i < own->n_children; i++) {
		const struct field *f = own->children[i];
		TRY(field_new(f->name, f->type->id == TYPE_NULL ? text : f->type,
			      f->nullable, &type->children[i]));
		TRY(field_copy_metadata(type->children[i], f));
	}
	*ret = TAKE(type);
	return NULL;
}

struct err *rows_file_read(const struct rows_file *f)
{
	AUTO(parser) struct parser *learner = NULL;
	AUTO(parser) struct parser *reader = NULL;
	AUTO(type) struct type *type = NULL;
	TRY(parse(f, NULL, &learner));
	TRY(settle(parser_type(learner), &type));
	TRY(f->begin(f->ctx, type));
	return parse(f, type, &reader);
}

/* --- into memory --- */

struct kept_rows {
	struct type *type;     /* owned reference */
	struct array **arrays; /* owned, with references */
	size_t n;
	uint64_t bytes, max_bytes;
};

static void auto_kept_rows(struct kept_rows *k)
{
	type_unref(k->type);
	for (size_t i = 0; i < k->n; i++)
		array_unref(k->arrays[i]);
	free(k->arrays);
}

static struct err *keep_type(void *ctx, struct type *type)
{
	struct kept_rows *k = ctx;
	k->type = type_ref(type);
	return NULL;
}

static struct err *keep_rows(void *ctx, struct array *batch)
{
	struct kept_rows *k = ctx;
	k->bytes += array_bytes(batch);
	if (k->bytes > k->max_bytes)
		return err_new(EFBIG, "the file's rows take more than %llu MiB",
			       (unsigned long long)(k->max_bytes >> 20));
	TRY(mem_resize(k->n + 1, sizeof(struct array *), &k->arrays));
	k->arrays[k->n++] = array_ref(batch);
	return NULL;
}

struct err *rows_file_load(const struct format_ops *format,
			   const struct import_bytes *bytes, uint64_t max_bytes,
			   struct array **ret)
{
	__attribute__((cleanup(auto_kept_rows))) struct kept_rows k = {
		.max_bytes = max_bytes};
	struct rows_file f = {.format = format,
			      .bytes = *bytes,
			      .begin = keep_type,
			      .rows = keep_rows,
			      .ctx = &k};
	TRY(rows_file_read(&f));
	return k.n ? array_concat(k.arrays, k.n, ret) : array_new_null(k.type, 0, ret);
}
