// SPDX-License-Identifier: Apache-2.0
/*
 * import.c: a file's bytes into a column.
 *
 * If the type is known before the values (stated, of the replaced column, or
 * in the file's header), rows go on to the column writer while the bytes come.
 * Text without a type is read twice: once to learn the type, at the commit to
 * write it.
 */
#include "job/job.h"

#include <errno.h>
#include <inttypes.h>

#define REREAD_BYTES ((size_t)1 << 20)

struct column_import {
	struct table *table;  /* owned reference */
	struct version *base; /* owned reference */
	const struct format_ops *format;
	char *name;		      /* owned */
	char *text;		      /* owned; may be NULL */
	struct parser *parser;	      /* owned */
	struct column_writer *writer; /* owned; NULL until the first rows */
	struct field *described;      /* owned; NULL or what carries more metadata */
	bool infers;		      /* a second pass writes */
	bool failed;
	uint64_t n_pushed;
};

void import_close(struct column_import *im)
{
	if (!im)
		return;
	parser_close(im->parser);
	column_writer_abort(im->writer);
	field_unref(im->described);
	free(im->name);
	free(im->text);
	version_unref(im->base);
	table_unref(im->table);
	free(im);
}

static struct err *open_writer(struct column_import *im, struct type *type)
{
	struct column_spec spec = {
		.name = im->name,
		.type = type,
		.source = "file",
		.text = im->text,
	};
	return column_writer_open(im->table, im->base, &spec, 1, &im->writer);
}

static struct err *take_rows(void *ctx, struct array *batch)
{
	struct column_import *im = ctx;
	if (!im->writer)
		TRY(open_writer(im, batch->type));
	return column_writer_push(im->writer, &batch);
}

static struct err *open_parser(struct column_import *im, struct type *type)
{
	struct parse_options options = {
		.type = type,
		.name = im->name,
		.n_rows = version_rows(im->base),
		.rows = take_rows,
		.ctx = im,
	};
	parser_close(TAKE(im->parser));
	return parser_open(im->format, &options, &im->parser);
}

/* Binary formats bring their type; a replacement of another type is taken. */
static struct type *wanted_type(const struct column_import *im,
				const struct import_spec *spec)
{
	struct field *f = version_find_field(im->base, spec->name);
	if (spec->type || !f || format_brings_type(spec->format) ||
	    !format_parses(spec->format, f->type))
		return spec->type;
	return f->type;
}

struct err *import_open(struct table *t, struct version *base,
			const struct import_spec *spec, struct column_import **ret)
{
	AUTO(column_import) struct column_import *im = NULL;
	TRY(version_check_writable(base));
	TRY(mem_new(&im));
	im->table = table_ref(t);
	im->base = version_ref(base);
	im->format = spec->format;
	TRY(str_dup(spec->name, &im->name));
	if (spec->text)
		TRY(str_dup(spec->text, &im->text));
	struct type *type = wanted_type(im, spec);
	TRY(open_parser(im, type));
	im->infers = !type && format_is_text(spec->format);
	*ret = TAKE(im);
	return NULL;
}

static struct err *name_it(const struct column_import *im, struct err *err)
{
	return err ? err_wrap(err, "columns/%s", im->text ? im->text : im->name) : NULL;
}

struct err *import_push(struct column_import *im, const void *p, size_t len)
{
	if (im->failed)
		return err_new(EINVAL, "columns/%s: an earlier write failed", im->name);
	struct err *err = name_it(im, parser_push(im->parser, p, len));
	im->failed = err != NULL;
	im->n_pushed += len;
	return err;
}

bool import_is_complete(const struct column_import *im)
{
	return !im->failed && parser_is_complete(im->parser);
}

bool import_is_header_only(const struct column_import *im)
{
	bool has_header = format_is_text(im->format)
				  ? parser_column_name(im->parser) != NULL
				  : parser_knows_type(im->parser);
	return !im->failed && has_header && !parser_has_rows(im->parser) &&
	       version_rows(im->base) > 0;
}

bool import_needs_bytes(const struct column_import *im)
{
	return im->infers;
}

uint64_t import_pushed(const struct column_import *im)
{
	return im->n_pushed;
}

struct err *import_check_complete(struct column_import *im)
{
	if (import_is_complete(im))
		return NULL;
	if (im->failed)
		return err_new(EINVAL, "columns/%s: an earlier write failed", im->name);
	/* with all its rows it lacks something else: its end, a value to tell the type
	 */
	if (parser_rows(im->parser) == version_rows(im->base))
		TRY(name_it(im, parser_finish(im->parser)));
	return err_new(EINVAL, "columns/%s: expected %" PRIu64 " rows, got %" PRIu64,
		       im->text ? im->text : im->name, version_rows(im->base),
		       parser_rows(im->parser));
}

struct err *import_describe(struct column_import *im, const char *key,
			    const void *value, size_t len)
{
	AUTO(type) struct type *any = NULL;
	if (!im->described) {
		TRY(type_new(TYPE_NULL, &any));
		TRY(field_new(im->name, any, true, &im->described));
	}
	return field_set_metadata(im->described, key, value, len);
}

/* --- the commit --- */

static struct err *describe_column(struct column_import *im)
{
	const struct field *f = im->described;
	for (size_t i = 0; f && i < f->n_metadata; i++)
		TRY(column_writer_describe(im->writer, 0, f->metadata[i].key,
					   f->metadata[i].value,
					   f->metadata[i].value_len));
	return NULL;
}

static struct err *second_pass(struct column_import *im,
			       const struct import_bytes *bytes)
{
	AUTO_MEM uint8_t *buf = NULL;
	AUTO(type) struct type *type = type_ref(parser_type(im->parser));
	TRY(mem_array(REREAD_BYTES, 1, &buf));
	TRY(open_parser(im, type));
	for (uint64_t off = 0; off < im->n_pushed;) {
		size_t n;
		size_t want = (size_t)MIN_OF(im->n_pushed - off, REREAD_BYTES);
		TRY(bytes->read(bytes->ctx, off, want, buf, &n));
		if (n == 0)
			return err_new(EIO, "the spooled bytes end at %" PRIu64, off);
		TRY(parser_push(im->parser, buf, n));
		off += n;
	}
	return parser_finish(im->parser);
}

#define SPOILER_BYTES ((size_t)60)

/* Why a column of nearly only numbers is a string, for the log and history; NULL if
 * it is not one.  Text in a transaction must be UTF-8: cut between characters. */
static struct err *explain_spoiler(const struct column_import *im, char **ret)
{
	uint64_t line;
	const char *text;
	*ret = NULL;
	if (!parser_spoiler(im->parser, &line, &text))
		return NULL;
	size_t n = MIN_OF(strlen(text), SPOILER_BYTES);
	while (n && !utf8_valid(text, n))
		n--;
	TRY(str_printf(ret, "%s became a string because of line %" PRIu64 ": %.*s",
		       im->name, line, (int)n, text));
	for (char *p = *ret; *p; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	log_line(table_log(im->table), LEVEL_WARN, "%s", *ret);
	return NULL;
}

static struct err *commit(struct column_import *im, const struct import_bytes *reread,
			  struct version **ret)
{
	TRY(parser_finish(im->parser));
	AUTO_MEM char *note = NULL;
	TRY(explain_spoiler(im, &note));
	if (im->infers)
		TRY(second_pass(im, reread));
	if (!im->writer) /* a table without rows */
		TRY(open_writer(im, parser_type(im->parser)));
	TRY(describe_column(im));
	column_writer_note(im->writer, TAKE(note));
	return column_writer_commit(TAKE(im->writer), ret);
}

struct err *import_commit(struct column_import *im, const struct import_bytes *reread,
			  struct version **ret)
{
	struct err *err = name_it(im, commit(im, reread, ret));
	import_close(im);
	return err;
}
