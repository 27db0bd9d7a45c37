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

#endif
