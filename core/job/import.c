// SPDX-License-Identifier: Apache-2.0
/*
 * import.c: a file's bytes into a table.
 *
 * If the type is known before the values (stated, of the replaced column, of the
 * table, or in the file's header), rows go on to a writer while the bytes come.
 * Otherwise the file is read twice: once to learn the type, at the commit to write it.
 * What becomes of the rows is the import's kind.
 */
#include "job/import_priv.h"

#include <errno.h>
#include <inttypes.h>

/* Of a text that is kept whole. */
#define LIMIT_TEXT_BYTES ((size_t)1 << 20)
#define REREAD_BYTES ((size_t)1 << 20)
/* From so many bytes on a thread is worth it. */
#define STAGE_AFTER_BYTES ((uint64_t)8 << 20)

static const struct import_kind_ops *const kinds[] = {
	[IMPORT_COLUMN] = &import_one_column, [IMPORT_COLUMNS] = &import_columns,
	[IMPORT_ROWS] = &import_rows,	      [IMPORT_JOIN] = &import_join,
	[IMPORT_TEXT] = &import_text,	      [IMPORT_FILE] = &import_file,
};

void import_close(struct import *im)
{
	if (!im)
		return;
	stage_abort(im->stage);
	parser_close(im->parser);
	if (im->ops->abort)
		im->ops->abort(im);
	buf_fini(&im->bytes);
	field_unref(im->described);
	free(im->name);
	free(im->text);
	free(im->where);
	version_unref(im->base);
	table_unref(im->table);
	free(im);
}

static struct err *open_kind(struct import *im, struct type *type)
{
	if (im->is_open)
		return NULL;
	im->is_open = true;
	return im->ops->open(im, type);
}

static struct err *stage_run(void *ctx, void *item)
{
	AUTO(array) struct array *batch = item;
	struct import *im = ctx;
	return im->ops->push(im, batch);
}

static void stage_drop(void *item)
{
	array_unref(item);
}

static const struct stage_ops stage_ops = {stage_run, stage_drop};

static struct err *take_rows(void *ctx, struct array *batch)
{
	struct import *im = ctx;
	if (im->infers)
		return NULL; /* the second pass takes them */
	TRY(open_kind(im, batch->type));
	if (!im->stage && im->n_pushed >= STAGE_AFTER_BYTES)
		TRY(stage_new(&stage_ops, im, &im->stage));
	if (im->stage)
		return stage_push(im->stage, array_ref(batch));
	return im->ops->push(im, batch);
}

/* All rows that were handed on are written. */
static struct err *end_stage(struct import *im)
{
	return im->stage ? stage_finish(TAKE(im->stage)) : NULL;
}

static struct err *open_parser(struct import *im, struct type *type)
{
	const struct field *old = version_find_field(im->base, im->name);
	struct parse_options options = {
		.type = type,
		.prefer = old && !im->ops->is_table ? old->type : NULL,
		.name = im->name,
		.n_rows = im->ops->takes_any_rows ? PARSE_ANY_ROWS
						  : version_rows(im->base),
		.is_table = im->ops->is_table,
		.needs = im->join.key ? im->join.key->name : NULL,
		.rows = take_rows,
		.ctx = im,
	};
	parser_close(TAKE(im->parser));
	return parser_open(im->format, &options, &im->parser);
}

static struct err *begin(struct import *im, struct type *stated)
{
	AUTO(type) struct type *type = NULL;
	if (im->ops->wanted_type)
		TRY(im->ops->wanted_type(im, stated, &type));
	im->infers = !type && (format_is_text(im->format) || im->ops->settle_type);
	return open_parser(im, type);
}

static struct err *tell_where(const struct import *im, char **ret)
{
	AUTO_MEM char *key = NULL;
	if (!im->join.key)
		return str_printf(ret, "%s/%s", im->ops->place, im->text);
	TRY(name_encode(im->join.key->name, &key));
	return str_printf(ret, "%s/%s/%s", im->ops->place, key, im->text);
}

struct err *import_open(struct table *t, struct version *base,
			const struct import_spec *spec, struct import **ret)
{
	AUTO(import) struct import *im = NULL;
	if (!kinds[spec->kind]->is_text)
		TRY(version_check_writable(base));
	TRY(mem_new(&im));
	im->ops = kinds[spec->kind];
	im->table = table_ref(t);
	im->base = version_ref(base);
	im->format = spec->format;
	TRY(str_dup(spec->name, &im->name));
	im->join = spec->join;
	TRY(str_dup(spec->text ? spec->text : spec->name, &im->text));
	TRY(tell_where(im, &im->where));
	im->taker = spec->taker;
	im->bytes.limit = LIMIT_TEXT_BYTES;
	if (!im->ops->is_text)
		TRY(begin(im, spec->type));
	*ret = TAKE(im);
	return NULL;
}

static struct err *name_it(const struct import *im, struct err *err)
{
	return err ? err_wrap(err, "%s", im->where) : NULL;
}

static struct err *failed_before(const struct import *im)
{
	return err_new(EINVAL, "%s: an earlier write failed", im->where);
}

/* The first pass over a file that says its type ends there. */
static bool knows_enough(const struct import *im)
{
	return im->infers && format_brings_type(im->format) &&
	       parser_knows_type(im->parser);
}

static struct err *push_text(struct import *im, const void *p, size_t len)
{
	if (im->ops->is_kept)
		return NULL;
	buf_append(&im->bytes, p, len);
	im->failed = im->bytes.failed || memchr(p, 0, len);
	if (!im->failed)
		return NULL;
	return err_new(EINVAL, "%s: it is no text of at most %zu bytes", im->where,
		       LIMIT_TEXT_BYTES);
}

struct err *import_push(struct import *im, const void *p, size_t len)
{
	if (im->failed)
		return failed_before(im);
	im->n_pushed += len;
	if (im->ops->is_text)
		return push_text(im, p, len);
	if (knows_enough(im))
		return NULL;
	struct err *err = name_it(im, parser_push(im->parser, p, len));
	im->failed = err != NULL;
	return err;
}

bool import_is_complete(const struct import *im)
{
	if (im->ops->is_text)
		return !im->failed && im->n_pushed > 0;
	return !im->failed && parser_is_complete(im->parser);
}

bool import_is_header_only(const struct import *im)
{
	if (im->ops->is_text)
		return false;
	bool has_header = format_is_text(im->format) && !im->ops->is_table
				  ? parser_column_name(im->parser) != NULL
				  : parser_knows_type(im->parser);
	bool wants_rows = im->ops->takes_any_rows || version_rows(im->base) > 0;
	return !im->failed && has_header && !parser_has_rows(im->parser) && wants_rows;
}

bool import_needs_bytes(const struct import *im)
{
	return im->infers || im->ops->is_kept;
}

bool import_has_no_end(const struct import *im)
{
	return im->ops->takes_any_rows;
}

uint64_t import_pushed(const struct import *im)
{
	return im->n_pushed;
}

struct err *import_check_complete(struct import *im)
{
	if (import_is_complete(im))
		return NULL;
	if (im->failed)
		return failed_before(im);
	if (im->ops->is_text)
		return err_new(EINVAL, "%s: it is empty", im->where);
	/* with all its rows it lacks something else: its end, a value to tell the type
	 */
	uint64_t n_rows = version_rows(im->base);
	if (im->ops->takes_any_rows || parser_rows(im->parser) == n_rows)
		TRY(name_it(im, parser_finish(im->parser)));
	return err_new(EINVAL, "%s: expected %" PRIu64 " rows, got %" PRIu64, im->where,
		       n_rows, parser_rows(im->parser));
}

struct err *import_describe(struct import *im, const char *key, const void *value,
			    size_t len)
{
	AUTO(type) struct type *any = NULL;
	if (!im->described) {
		TRY(type_new(TYPE_NULL, &any));
		TRY(field_new(im->name, any, true, &im->described));
	}
	return field_set_metadata(im->described, key, value, len);
}

/* --- the commit --- */

static struct err *type_to_write(const struct import *im, struct type **ret)
{
	struct type *own = parser_type(im->parser);
	if (im->ops->settle_type)
		return im->ops->settle_type(im, own, ret);
	*ret = type_ref(own);
	return NULL;
}

static struct err *second_pass(struct import *im, const struct import_bytes *bytes)
{
	AUTO_MEM uint8_t *buf = NULL;
	AUTO(type) struct type *type = NULL;
	TRY(type_to_write(im, &type));
	im->infers = false;
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
static struct err *explain_spoiler(const struct import *im, char **ret)
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

static struct err *commit(struct import *im, const struct import_bytes *reread,
			  struct version **ret)
{
	AUTO_MEM char *note = NULL;
	if (im->ops->is_text)
		return im->ops->commit(im, NULL, ret);
	if (!knows_enough(im))
		TRY(parser_finish(im->parser));
	TRY(explain_spoiler(im, &note));
	if (im->infers)
		TRY(second_pass(im, reread));
	TRY(end_stage(im));
	TRY(open_kind(im, parser_type(im->parser))); /* if there are no rows */
	return im->ops->commit(im, TAKE(note), ret);
}

struct err *import_commit(struct import *im, const struct import_bytes *reread,
			  struct version **ret)
{
	struct err *err = name_it(im, commit(im, reread, ret));
	import_close(im);
	return err;
}
