// SPDX-License-Identifier: Apache-2.0
/*
 * import_priv.h: what the bytes of a file can become.
 *
 * To add a kind: write its struct import_kind_ops in a file of its own, and a row in
 * import.c for its enum import_kind.
 */
#ifndef LANCEFS_JOB_IMPORT_PRIV_H
#define LANCEFS_JOB_IMPORT_PRIV_H

#include "job/job.h"

struct join;

struct import_kind_ops {
	bool is_text; /* the bytes are kept as they are: there are no rows, and of the
		       * functions below there is .commit alone */
	bool is_kept; /* of those: elsewhere, by the taker */
	const char *place;   /* where such files go, for messages: "columns" */
	bool is_table;	     /* rows are structs, a member a column */
	bool takes_any_rows; /* else as many as base has */
	/* The type to parse as, a reference; *ret NULL: the file's own, or learnt. */
	struct err *(*wanted_type)(const struct import *im, struct type *stated,
				   struct type **ret);
	/* The type to parse as once the file's own is known; NULL: that one. */
	struct err *(*settle_type)(const struct import *im, struct type *own,
				   struct type **ret);
	/* Rows of a type are about to come, or none at all. */
	struct err *(*open)(struct import *im, struct type *type);
	struct err *(*push)(struct import *im, struct array *batch);
	/* Takes the note, what history says; NULL: nothing. */
	struct err *(*commit)(struct import *im, char *note, struct version **ret);
	void (*abort)(struct import *im); /* also without open */
};

struct import {
	const struct import_kind_ops *ops;
	struct table *table;  /* owned reference */
	struct version *base; /* owned reference */
	const struct format_ops *format;
	char *name;  /* owned */
	char *text;  /* owned; the file's name */
	char *where; /* owned; the same as a path, for messages */
	struct import_join join;
	struct parser *parser;	 /* owned */
	struct field *described; /* owned; NULL or what carries more metadata */
	bool infers;		 /* a second pass writes */
	bool is_open;		 /* .ops->open was called */
	bool failed;
	uint64_t n_pushed;
	struct stage *stage; /* owned; of large files: encodes and writes rows while
			      * more come; NULL: that is done at once */
	/* Of the kinds; owned. */
	struct buf bytes;
	struct import_taker taker; /* borrowed */
	struct column_writer *columns;
	struct row_writer *rows;
	struct join *joined;
};

extern const struct import_kind_ops import_one_column, import_columns, import_rows,
	import_join, import_text, import_file;

#endif
