// SPDX-License-Identifier: Apache-2.0
/*
 * parser.c: what the parsers of all formats have in common.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *open_options(struct parser *p, const struct parse_options *options)
{
	p->options = *options;
	p->options.name = NULL;
	p->options.type = type_ref(options->type);
	p->options.prefer = type_ref(options->prefer);
	char *name = NULL;
	TRY(str_dup(options->name ? options->name : "", &name));
	p->options.name = name;
	if (!p->ops->open)
		return err_new(EOPNOTSUPP,
			       "column %s: %s files can be read but not yet written; "
			       "write npy, "
			       "txt or csv",
			       name, p->ops->suffix);
	if (options->is_table && !p->ops->parses_tables)
		return err_new(EOPNOTSUPP,
			       "%s files hold one column; a table comes as csv, jsonl "
			       "or arrow",
			       p->ops->suffix);
	if (options->type && options->is_table && options->type->id != TYPE_STRUCT)
		return err_new(EINVAL, "a table's type must be a struct");
	if (options->type && !options->is_table && !p->ops->parses(options->type)) {
		AUTO_MEM char *type = NULL;
		TRY(type_format(options->type, &type));
		return err_new(EINVAL,
			       "column %s: a column of type %s cannot be written as %s",
			       name, type, p->ops->suffix);
	}
	return p->ops->open(p);
}

struct err *parser_open(const struct format_ops *format,
			const struct parse_options *options, struct parser **ret)
{
	AUTO(parser) struct parser *p = NULL;
	TRY(mem_new(&p));
	p->ops = format;
	TRY(open_options(p, options));
	*ret = TAKE(p);
	return NULL;
}

void parser_close(struct parser *p)
{
	if (!p)
		return;
	if (p->ops->close)
		p->ops->close(p);
	type_unref(p->options.type);
	type_unref(p->options.prefer);
	type_unref(p->type);
	void *name = (void *)(uintptr_t)p->options.name;
	free(name);
	free(p->column_name);
	free(p->spoiler_text);
	err_free(p->failed);
	free(p);
}

static struct err *repeat(const struct parser *p)
{
	return err_new(EINVAL, "%s", p->failed->msg);
}

/* Remember a failure, so that later calls repeat it. */
static struct err *latch(struct parser *p, struct err *err)
{
	if (err)
		p->failed = err_new(err->code, "%s", err->msg);
	return err;
}

struct err *parser_push(struct parser *p, const void *bytes, size_t len)
{
	if (p->failed)
		return repeat(p);
	return len ? latch(p, p->ops->push(p, bytes, len)) : NULL;
}

struct err *parser_finish(struct parser *p)
{
	return p->failed ? repeat(p) : latch(p, p->ops->finish(p));
}

bool parser_is_complete(const struct parser *p)
{
	return !p->failed && p->ops->is_complete(p);
}

bool parser_knows_type(const struct parser *p)
{
	return p->type != NULL;
}

struct type *parser_type(const struct parser *p)
{
	return p->type;
}

uint64_t parser_rows(const struct parser *p)
{
	return p->n_rows;
}

bool parser_has_rows(const struct parser *p)
{
	return p->n_rows || (p->ops->has_row_bytes && p->ops->has_row_bytes(p));
}

const char *parser_column_name(const struct parser *p)
{
	return p->column_name;
}

bool parser_spoiler(const struct parser *p, uint64_t *ret_line, const char **ret_text)
{
	if (!p->spoiler_line)
		return false;
	*ret_line = p->spoiler_line;
	*ret_text = p->spoiler_text ? p->spoiler_text : "";
	return true;
}

struct err *parser_emit(struct parser *p, struct array *batch)
{
	return p->options.rows ? p->options.rows(p->options.ctx, batch) : NULL;
}

bool parser_rows_fit(const struct parser *p, uint64_t n_rows)
{
	return p->options.n_rows == PARSE_ANY_ROWS || n_rows == p->options.n_rows;
}

struct err *parser_rows_error(const struct parser *p, uint64_t got)
{
	return err_new(EINVAL, "expected %" PRIu64 " rows, got %" PRIu64,
		       p->options.n_rows, got);
}

struct err *parser_type_error(const struct parser *p, const struct type *got)
{
	AUTO_MEM char *have = NULL;
	AUTO_MEM char *want = NULL;
	TRY(type_format(got, &have));
	TRY(type_format(p->options.type, &want));
	return err_new(
		EINVAL,
		"the file holds %s, the column is %s; convert it or state another "
		"type",
		have, want);
}
