// SPDX-License-Identifier: Apache-2.0
/*
 * lines_priv.h: lines that come back, a row each, its values between tabs.
 */
#ifndef LANCEFS_UDF_LINES_PRIV_H
#define LANCEFS_UDF_LINES_PRIV_H

#include "udf/worker_priv.h"

/* The values of a batch as its lines come. */
struct line_reader {
	struct builder **builders; /* owned; one for each output */
	size_t n;
	uint64_t n_rows;	  /* of the batch so far */
	uint64_t n_batches;	  /* that this process has answered */
	struct buf rest;	  /* the beginning of a line */
	struct buf plain;	  /* a cell without its escapes */
	struct udf_answer answer; /* rows of the batch that failed */
};

MUST_CHECK struct err *line_reader_open(struct line_reader *r,
					const struct udf_run *run);
void line_reader_close(struct line_reader *r);
/* A process begins: what its predecessor left is forgotten. */
void line_reader_begin(struct line_reader *r);
/* As decode and finish of shape_ops. */
MUST_CHECK struct err *line_reader_push(struct line_reader *r, struct coder *c,
					const uint8_t *p, size_t len);
MUST_CHECK struct err *line_reader_finish(struct line_reader *r, struct coder *c);
/* A type of which a cell of a line can be a value. */
bool line_gives(const struct type *t);

#endif
