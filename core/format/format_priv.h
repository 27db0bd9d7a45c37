// SPDX-License-Identifier: Apache-2.0
/*
 * format_priv.h: what a column file format is to the format layer, and what
 * the formats share: text of single values, building arrays from text.
 */
#ifndef LANCEFS_FORMAT_FORMAT_PRIV_H
#define LANCEFS_FORMAT_FORMAT_PRIV_H

#include "format/format.h"

/* Bytes that a block aims at: rendered when one of its bytes is read. */
#define VIEW_BLOCK_BYTES ((uint64_t)512 << 10)

/* A rendered block: owns one of bytes and heap, data points into it. */
struct chunk {
	struct bytes *bytes;
	uint8_t *heap;
	const uint8_t *data;
	size_t len;
};

void chunk_fini(struct chunk *c);
/* Take a filled buffer as a chunk; the errors of buf_check. */
MUST_CHECK struct err *chunk_of_buf(struct buf *b, struct chunk *ret);

/* Where the blocks of a view lie in the file, for footers. */
struct view_layout {
	const struct field *field;
	uint64_t n_rows, block_rows, n_blocks;
	uint64_t (*block_offset)(const struct view_layout *l, uint64_t block);
	const void *ctx;
};

/* Which rows an array holds of a view's. */
struct view_rows {
	uint64_t first;
	uint64_t n_rows; /* of the view */
};

/*
 * A column file format.
 *
 * To add one:
 * 1. write fmt_<suffix>.c with a struct format_ops named fmt_<suffix>;
 * 2. declare it below and add it to the table in registry.c;
 * 3. give it a golden case, a fuzz seed and a line in the man page, which
 *    tests/unit/test_registries.c asks for.
 */
struct format_ops {
	const char *suffix;
	const char *mime; /* media type */
	bool (*renders)(const struct type *t);
	bool (*parses)(const struct type *t);

	/* Many columns may stand in one file: out, and in (parse_options.is_table). */
	bool holds_tables;
	bool parses_tables;

	/* Out.  All may be called from any thread; f is borrowed. */

	/* The bytes before the first block.  NULL: none. */
	struct err *(*header)(const struct field *f, uint64_t n_rows, struct buf *out);
	/* The bytes after the last block.  NULL: none. */
	struct err *(*footer)(const struct view_layout *l, struct buf *out);
	/* Its length, which depends on nothing but the number of blocks. */
	struct err *(*footer_bytes)(const struct view_layout *l, uint64_t *ret);
	/* Bytes of n_rows rows if that is the same for all values, else false. */
	bool (*fixed_bytes)(const struct field *f, uint64_t n_rows, uint64_t *ret);
	/* Bytes of a block of rows [first, end) of an array. */
	struct err *(*measure)(const struct field *f, const struct array *a,
			       uint64_t first, uint64_t end, uint64_t *ret);
	/* The block that holds exactly the rows of a. */
	struct err *(*render)(const struct field *f, const struct array *a,
			      const struct view_rows *rows, struct chunk *ret);

	/* In.  NULL where parses() is never true. */

	struct err *(*open)(struct parser *p);
	struct err *(*push)(struct parser *p, const uint8_t *bytes, size_t len);
	struct err *(*finish)(struct parser *p);
	bool (*is_complete)(const struct parser *p);
	/* Bytes of rows came, though none is complete.  NULL: never. */
	bool (*has_row_bytes)(const struct parser *p);
	void (*close)(struct parser *p);
};

/* The field is a table: its members are columns of their own. */
bool field_is_table(const struct field *f);

extern const struct format_ops fmt_txt, fmt_npy, fmt_csv, fmt_arrow, fmt_jsonl, fmt_bin,
	fmt_tar;

/* --- parsers --- */

struct parser {
	const struct format_ops *ops;
	struct parse_options options; /* its types and name are owned here */
	struct type *type;	      /* owned reference; NULL while unknown */
	uint64_t n_rows;	      /* rows completed */
	char *column_name;	      /* owned or NULL */
	uint64_t spoiler_line;	      /* 0: none */
	char *spoiler_text;	      /* owned or NULL */
	struct err *failed;	      /* owned: what every later push repeats */
	void *state;		      /* the format's own */
};

/* Hand a batch to the receiver, if there is one. */
MUST_CHECK struct err *parser_emit(struct parser *p, struct array *batch);
/* So many rows are as many as there must be. */
bool parser_rows_fit(const struct parser *p, uint64_t n_rows);
/* EINVAL "expected N rows, got M". */
MUST_CHECK struct err *parser_rows_error(const struct parser *p, uint64_t got);
/* EINVAL unless this type suffices for options->type. */
MUST_CHECK struct err *parser_type_error(const struct parser *p,
					 const struct type *got);

/* --- text of values (text_value.c) --- */

/* The array and row that hold the value of a row of a dictionary. */
const struct array *text_resolve(const struct array *a, uint64_t *row);

/* Append as JSON, nulls included. */
void json_value(const struct array *a, uint64_t row, struct buf *out);

/* --- values of text (cell.c) --- */

/* A canonical integer of the int64 range. */
bool cell_int64(const char *text, size_t len, int64_t *ret);
/* A decimal number without leading zeros, nan or inf; not an integer outside
 * int64. */
bool cell_is_number(const char *text, size_t len);
/* For messages: at most 40 bytes of text, with other bytes than print as '?'. */
#define CELL_QUOTE_LEN 48
const char *cell_quote(const char *text, size_t len, char dst[CELL_QUOTE_LEN]);

/* --- builders --- */

/* builder_text of a fixed-size list of plain values (builder_vector.c). */
MUST_CHECK struct err *vector_text(struct builder *b, const char *text, size_t len);

/* --- columns of a table by name (members.c) --- */

/*
 * Which member of a struct each of n columns of a file is (t NULL: all, in order).
 * EINVAL: a name that is there twice or that t lacks, and a member that the file lacks
 * though it must not be null.
 */
MUST_CHECK struct err *members_match(const struct type *t, const char *const *names,
				     size_t n, size_t *ret);
/* EINVAL unless a file with these columns has what it needs, by its options. */
MUST_CHECK struct err *members_need(const struct parser *p, const char *const *names,
				    size_t n);
/* Nulls for the members of a struct array that are not there. */
MUST_CHECK struct err *members_fill(struct array *a);

/* --- rows of text: what txt and csv share (text_rows.c) --- */

struct text_column {
	struct type *type;	 /* borrowed; NULL while it is learnt */
	struct builder *builder; /* NULL while learning the type */
	size_t member;		 /* of a table's struct */
	uint64_t null_bytes;	 /* that a null takes, about */
	bool nullable;
	bool can_int, can_double, can_bool;
	uint64_t n_values; /* that are not null */
	uint64_t n_numbers;
	uint64_t n_quoted_empty;   /* "" in csv: null to all but strings */
	uint64_t first_other_line; /* the first value that is no number */
	char *first_other;
};

/* A column, or the columns of a table. */
struct text_rows {
	struct text_column *columns; /* owned */
	size_t n_columns;
	uint64_t n_rows, n_bytes; /* since the last batch */
};

/* The columns with these names; of one column that is no table they may be NULL. */
MUST_CHECK struct err *text_rows_open(struct text_rows *r, const struct parser *p,
				      const char *const *names, size_t n);
void text_rows_close(struct text_rows *r);
/* One cell, each column in turn.  EINVAL without position. */
MUST_CHECK struct err *text_rows_value(struct text_rows *r, size_t column,
				       const char *text, size_t len, uint64_t line);
MUST_CHECK struct err *text_rows_null(struct text_rows *r, size_t column);
/* All cells of a row are there; hands on a batch when there is enough. */
MUST_CHECK struct err *text_rows_end(struct text_rows *r, struct parser *p);
MUST_CHECK struct err *text_rows_finish(struct text_rows *r, struct parser *p,
					const char *const *names);
/* True if finish would find a type and this many rows are right. */
bool text_rows_complete(const struct text_rows *r, const struct parser *p,
			uint64_t n_rows);

/* --- jsonb.c --- */

/* Append binary JSON as text; EIO if it is broken. */
MUST_CHECK struct err *jsonb_render(const uint8_t *p, size_t len, struct buf *out);

#endif
