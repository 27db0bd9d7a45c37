// SPDX-License-Identifier: Apache-2.0
/*
 * format.h: column file formats, both ways.
 *
 * Out: a view is one column of one pinned version as a file of known size,
 * a list of segments (header, blocks of rows, footer).  A block is rendered
 * when a byte of it is read and kept in a bounded cache; the sparse index of
 * block offsets is computed once, by arithmetic where rows have a fixed width,
 * else by measuring without rendering.  Memory does not grow with the table.
 *
 * In: a parser is pushed bytes as they are written and hands on arrays of
 * rows; a bad value or a row too many fails the push that brings it, with line
 * and column.
 *
 * To add a format: write fmt_<suffix>.c with a struct format_ops and add a row
 * to registry.c.  It then appears in listings, create, export, and the tests
 * that walk the registry.
 *
 * Formats know arrays only: no tables, no files.  Views are internally locked,
 * parsers belong to one thread at a time.
 */
#ifndef LANCEFS_FORMAT_FORMAT_H
#define LANCEFS_FORMAT_FORMAT_H

#include "array/array.h"

struct format_ops;

/* --- registry --- */

/* The format of that suffix ("txt", "npy", "arrow", "csv"), NULL if none. */
const struct format_ops *format_find(const char *suffix);
/* Row i of the registry, NULL past its end. */
const struct format_ops *format_at(size_t i);
const char *format_suffix(const struct format_ops *f);
const char *format_mime(const struct format_ops *f); /* "text/csv" */
/* A column of this type can be read in this format. */
bool format_renders(const struct format_ops *f, const struct type *t);
/* A column of this type can be written in this format. */
bool format_parses(const struct format_ops *f, const struct type *t);
/* A file in this format may hold a table, whose columns come in. */
bool format_parses_tables(const struct format_ops *f);
/* Tables can be read in this format. */
bool format_holds_tables(const struct format_ops *f);
/* The format a column of this type is listed in; NULL for binary ones, which
 * are directories. */
const struct format_ops *format_natural(const struct type *t);
/* Text: without a stated type it is learnt from all values (see parser_open). */
bool format_is_text(const struct format_ops *f);
/* Values of `own`, the type that a file has or that was learnt of it, can be parsed as
 * `wanted` instead. */
bool format_keeps_type(const struct format_ops *f, const struct type *own,
		       const struct type *wanted);
/* A file says the type of its values. */
bool format_brings_type(const struct format_ops *f);

/*
 * The field that a format shows for f: another one where an extension type means
 * something else than its storage (JSON as text, bfloat16 as float32), else f.  The
 * caller owns a reference.
 */
MUST_CHECK struct err *format_field(const struct format_ops *format, struct field *f,
				    struct field **ret);
/* Values of `from` as values of `to`, the field that is shown for it. */
MUST_CHECK struct err *format_array(struct array *a, const struct field *from,
				    const struct field *to, struct array **ret);
/* format_renders and format_natural of the type that is shown. */
bool format_renders_field(const struct format_ops *format, struct field *f);
const struct format_ops *format_natural_field(struct field *f);

/* --- views: column to bytes --- */

/* A column of a pinned version: rows are live rows, counted from 0. */
struct view_source {
	/* Rows [first, end) as an array of field->type.  Any thread. */
	struct err *(*read)(void *ctx, uint64_t first, uint64_t end,
			    struct array **ret);
	void (*release)(void *ctx); /* called once when the view goes; may be NULL */
	void *ctx;
	uint64_t n_rows;
	struct field *field; /* borrowed until release */
};

/*
 * A view of several columns in one file: the source's field is a struct with the
 * metadata FORMAT_TABLE_KEY, its members are the columns.
 */
#define FORMAT_TABLE_KEY "lancefs:table"
/* A column of this type can be part of a table in this format. */
bool format_renders_in_table(const struct format_ops *f, const struct type *t);

struct view;

/*
 * Make a view.  Takes source->ctx (released also on failure).  Costs nothing:
 * no data is read.  EINVAL if the format does not render the type.
 */
MUST_CHECK struct err *view_open(const struct format_ops *format,
				 const struct view_source *source, struct view **ret);
struct view *view_ref(struct view *v);
void view_unref(struct view *v);
DEFINE_AUTO(view, view_unref)

/* The size in bytes if it is known without reading data. */
bool view_size_known(struct view *v, uint64_t *ret);
/* The size; measures the column once, with several threads, if need be. */
MUST_CHECK struct err *view_size(struct view *v, uint64_t *ret);
/* Tell a size remembered from elsewhere (a cache file).  Trusted only for
 * view_size; reads check it. */
void view_set_size(struct view *v, uint64_t size);

/* Up to len bytes at off into dst; *ret_len is less only at the end. */
MUST_CHECK struct err *view_pread(struct view *v, uint64_t off, size_t len, void *dst,
				  size_t *ret_len);

/* --- streams: rows to bytes as they come --- */

struct stream_sink {
	struct err *(*write)(void *ctx, const void *p, size_t len);
	void *ctx;
};

struct format_stream;

/* Begin a file of rows of a table: field is one as FORMAT_TABLE_KEY has it
 * (referenced). EINVAL if the format holds no tables, or not the type of a column. */
MUST_CHECK struct err *format_stream_open(const struct format_ops *format,
					  struct field *field,
					  const struct stream_sink *sink,
					  struct format_stream **ret);
/* The next rows, a struct array of field's type. */
MUST_CHECK struct err *format_stream_push(struct format_stream *s, struct array *rows);
/* The end of the file. */
MUST_CHECK struct err *format_stream_finish(struct format_stream *s);
void format_stream_close(struct format_stream *s); /* accepts NULL */
DEFINE_AUTO(format_stream, format_stream_close)

/* --- one value alone, for rows/N/ --- */

/* Append the value of a non-null row: exact bytes for text and binary, text
 * and a newline for the rest. */
MUST_CHECK struct err *value_render(const struct array *a, uint64_t row,
				    struct buf *out);
/* Append a non-null value as plain text, without escapes: a string as it is,
 * nested values as JSON. */
void text_value(const struct array *a, uint64_t row, struct buf *out);
/* A type that text_value can write. */
bool text_fits(const struct type *t);
/* Append rows as txt lines, without any header: what rows look like in messages,
 * queries and UDFs. */
MUST_CHECK struct err *text_render(const struct array *a, struct buf *out);
/* A txt cell without its escapes, in the place of what out held.  EINVAL, with the
 * column. */
MUST_CHECK struct err *text_unescape(const char *line, size_t len, struct buf *out);

/* --- numbers and times as text, both ways --- */

/* Shortest decimal text that reads back as the same number; no NUL; returns its
 * length, at most NUMBER_TEXT_MAX. */
#define NUMBER_TEXT_MAX 48
size_t text_double(char *dst, double v);
size_t text_float(char *dst, float v);
size_t text_half(char *dst, uint16_t bits);
size_t text_u64(char *dst, uint64_t v);
size_t text_i64(char *dst, int64_t v);
/* Append a decimal of `words` 64-bit little-endian words. */
void text_decimal(const uint8_t *p, unsigned words, int32_t scale, struct buf *out);
/* A date, time or timestamp, or a duration as its integer; as text_double. */
size_t text_time(char *dst, const struct type *t, int64_t v);
/* Any number or time, from its little-endian bytes; as text_double. */
size_t text_number(char *dst, const struct type *t, const uint8_t *p);
/* A type of which text_number writes the values. */
bool text_is_number(const struct type *t);

/* IEEE half precision, by hand: compilers differ in having a type for it. */
float half_to_float(uint16_t bits);
uint16_t half_from_double(double v);

/* Parse text as one value of type t, to its little-endian bytes (bool: 0 or 1,
 * a byte).  EINVAL without position. */
MUST_CHECK struct err *cell_parse(const struct type *t, const char *text, size_t len,
				  uint8_t *dst);
/* A date, time or timestamp: its integer. */
MUST_CHECK struct err *cell_time(const struct type *t, const char *text, size_t len,
				 int64_t *ret);

/* --- growing an array of one type from values --- */

struct builder;
void builder_free(struct builder *b);
DEFINE_AUTO(builder, builder_free)
MUST_CHECK struct err *builder_new(struct type *t, struct builder **ret);
/* A type that can be built: all without dictionaries. */
bool builder_fits(const struct type *t);
/* Borrowed from the builder. */
struct type *builder_type(const struct builder *b);
struct builder *builder_child(const struct builder *b, size_t i);

/* The value that the text stands for: strings and binary these bytes, nested values
 * JSON. */
MUST_CHECK struct err *builder_text(struct builder *b, const char *text, size_t len);
MUST_CHECK struct err *builder_null(struct builder *b);
/* A value of strings (checked for UTF-8), binary or fixed_size_binary. */
MUST_CHECK struct err *builder_bytes(struct builder *b, const void *p, size_t len);
/* A nested value, whose items or members were added to the children. */
MUST_CHECK struct err *builder_end(struct builder *b);
uint64_t builder_rows(const struct builder *b);
/* Memory that a null of the type takes, about. */
uint64_t builder_null_bytes(const struct type *t);
/* All rows as an array; the builder is empty afterwards. */
MUST_CHECK struct err *builder_take(struct builder *b, struct array **ret);

/* --- other types --- */

/*
 * The rows of an array as another type: numbers by value (floats to integers towards
 * zero), times in another unit, text and bytes of another width, nested values member
 * by member, and whatever has a text through that.  EINVAL naming the first row,
 * counted from first_row, whose value does not fit.  ret is the caller's.
 */
MUST_CHECK struct err *array_cast(struct array *a, struct type *to, uint64_t first_row,
				  struct array **ret);

/* --- parsers: bytes to rows --- */

#define PARSE_ANY_ROWS UINT64_MAX /* as many rows as there are */

struct parse_options {
	struct type *type; /* borrowed; NULL: the format's own or inferred */
	/* Borrowed or NULL; without .type, the one to take if the file's own differs
	 * from it in no more than the width of offsets. */
	struct type *prefer;
	const char *name; /* the column's name, for messages; borrowed */
	uint64_t n_rows;  /* rows that the table has; one more is an error */
	/*
	 * The file holds a table: rows are a struct, its members are columns.  Of a
	 * type that was given columns are found by name; those that the file lacks are
	 * null (EINVAL if they must not be), one that the type lacks is EINVAL. Without
	 * a type members stand in the file's order; one without any value has the null
	 * type.  EOPNOTSUPP if the format holds one column only.
	 */
	bool is_table;
	/* A column that the file of a table must have, EINVAL as soon as it is seen to
	 * lack it; NULL: any will do.  Borrowed for the parser's life. */
	const char *needs;
	/*
	 * Receives rows as they complete, in batches of at most some MiB; the
	 * array is borrowed for the call.  An error stops the parse and is
	 * returned by the push.  May be NULL to only check.
	 */
	struct err *(*rows)(void *ctx, struct array *batch);
	void *ctx;
};

struct parser;

/*
 * A parser.  For txt, csv and jsonl without a type nothing is handed to rows: the
 * parser only counts, checks the escapes and learns the type (int64, double, bool,
 * string; of jsonl also lists and structs of these); after parser_finish, parser_type
 * says it, and the caller parses the bytes again with that type.  npy and arrow carry
 * their type and fail with EINVAL if options->type is given and cannot be had from it;
 * tar without a type is binary.
 */
MUST_CHECK struct err *parser_open(const struct format_ops *format,
				   const struct parse_options *options,
				   struct parser **ret);
void parser_close(struct parser *p); /* accepts NULL */
DEFINE_AUTO(parser, parser_close)

/*
 * The next bytes of the file.  EINVAL with "line L, column C: …" for text;
 * after an error every push returns EINVAL again.
 */
MUST_CHECK struct err *parser_push(struct parser *p, const void *bytes, size_t len);
/*
 * No more bytes.  EINVAL if the structure does not end here or rows are
 * missing ("expected 5000 rows, got 4999"), or if no value tells the type.
 */
MUST_CHECK struct err *parser_finish(struct parser *p);
/* True if parser_finish would succeed now; for deciding at flush. */
bool parser_is_complete(const struct parser *p);
/* True once the bytes so far tell the type (npy, arrow, or options->type). */
bool parser_knows_type(const struct parser *p);
/* The column's type; borrowed from the parser; NULL while unknown. */
struct type *parser_type(const struct parser *p);
uint64_t parser_rows(const struct parser *p); /* rows completed so far */
/* Anything of a row came, not a header alone. */
bool parser_has_rows(const struct parser *p);
/* The name in a csv header or arrow schema (of a table: its first), NULL if none
 * yet; borrowed. */
const char *parser_column_name(const struct parser *p);
/* If nearly all values were numbers but the type became string: the first line
 * that decided (from 1) and its text; else false. */
bool parser_spoiler(const struct parser *p, uint64_t *ret_line, const char **ret_text);

#endif
