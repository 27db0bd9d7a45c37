// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_priv.h: the metadata messages of Arrow IPC files.
 *
 * Source: Arrow's Schema.fbs, Message.fbs and File.fbs; metadata version 5.
 */
#ifndef LANCEFS_FORMAT_ARROW_PRIV_H
#define LANCEFS_FORMAT_ARROW_PRIV_H

#include "format/flat_priv.h"
#include "format/format_priv.h"

#define ARROW_ALIGN 64

/* Row counts of an array, in the order of a walk through the type. */
struct arrow_node {
	uint64_t n_rows, n_nulls;
};

/* A buffer of a record batch; p NULL: len bytes of ones. */
struct arrow_part {
	const uint8_t *p;
	uint64_t len;
};

struct arrow_batch {
	uint64_t n_rows;
	size_t n_nodes, n_parts;
	size_t nodes_cap, parts_cap;
	struct arrow_node *nodes; /* owned */
	struct arrow_part *parts; /* owned array of borrowed bytes */
};

/* Where a record batch lies, for the footer. */
struct arrow_block {
	uint64_t offset, body_bytes;
	uint32_t meta_bytes;
};

/* A whole schema message, prefix and padding included. */
MUST_CHECK struct err *arrow_schema_message(const struct field *f, struct buf *out);
/* The metadata of a record batch, likewise; body_bytes: of all padded parts. */
MUST_CHECK struct err *arrow_batch_message(const struct arrow_batch *b,
					   uint64_t body_bytes, struct buf *out);
/* The Footer table alone; blocks NULL: n_blocks is 0. */
MUST_CHECK struct err *arrow_footer(const struct field *f,
				    const struct arrow_block *blocks, uint32_t n_blocks,
				    struct buf *out);
/* --- reading what is written to us: arrow_schema.c, arrow_body.c, arrow_columns.c,
 * arrow_convert.c, arrow_parse.c --- */

/* A field of a schema, and what its type does not tell of how it is laid out. */
struct arrow_column {
	struct field *
		field; /* owned reference; NULL: the root, whose children are columns */
	bool is_view;  /* binary_view, string_view */
	bool has_dictionary; /* the field's type is that of the values */
	int64_t dictionary;  /* its id */
	enum type_id index_id;
	size_t n_children;
	struct arrow_column **children; /* owned */
};
void arrow_column_free(struct arrow_column *c); /* accepts NULL */
DEFINE_AUTO(arrow_column, arrow_column_free)
/* EINVAL, naming the column, for types that Lance has no column for. */
MUST_CHECK struct err *arrow_schema_read(const struct fb_table *schema,
					 struct arrow_column **ret);

struct arrow_dictionaries;
/* Values of a dictionary, NULL if it has not come yet; borrowed. */
struct array *arrow_dictionary(const struct arrow_dictionaries *d, int64_t id);
/* Columns [first, end) of a record batch, dictionaries expanded; ret: room for them,
 * NULL; what is there after a failure is the caller's too. */
MUST_CHECK struct err *
arrow_batch_read(const struct fb_table *batch, struct cursor body,
		 const struct arrow_column *root, size_t first, size_t end,
		 const struct arrow_dictionaries *dictionaries, struct array **ret);
/* Values of column c's dictionary. */
MUST_CHECK struct err *arrow_dictionary_read(
	const struct fb_table *batch, struct cursor body, const struct arrow_column *c,
	const struct arrow_dictionaries *dictionaries, struct array **ret);

/* Values of the type that a file has, as another one: whether, and how. */
bool arrow_converts(const struct type *from, const struct type *to);
MUST_CHECK struct err *arrow_convert(struct array *a, struct type *to,
				     struct array **ret);

/* Columns [first, end) of a file are wanted. */
struct arrow_choice {
	const struct arrow_column *schema; /* borrowed */
	size_t first, end;
	size_t *members; /* owned: which of the table's each is; NULL: a column */
};
/* Choose by name and tell the parser its type; EINVAL if it cannot be had. */
MUST_CHECK struct err *arrow_choose(struct parser *p, const struct arrow_column *schema,
				    struct arrow_choice *c);
/* The rows of a record batch, as the parser's type. */
MUST_CHECK struct err *arrow_batch(const struct parser *p, const struct arrow_choice *c,
				   const struct fb_table *header, struct cursor body,
				   const struct arrow_dictionaries *dictionaries,
				   struct array **ret);

/* The parser's side of fmt_arrow. */
MUST_CHECK struct err *arrow_open(struct parser *p);
MUST_CHECK struct err *arrow_push(struct parser *p, const uint8_t *bytes, size_t len);
MUST_CHECK struct err *arrow_finish(struct parser *p);
bool arrow_is_complete(const struct parser *p);
bool arrow_has_row_bytes(const struct parser *p);
void arrow_close(struct parser *p);

#endif
