// SPDX-License-Identifier: Apache-2.0
/*
 * checkpoint_log_priv.h: the records of a checkpoint, as bytes.
 *
 * A record is a header of 80 bytes, little-endian, the runs of its rows, and its values
 * as an Arrow IPC file:
 *
 *    0 u32 magic          4 u32 kind           8 u64 fragment
 *   16 u64 inputs' key   24 u64 rows          32 u64 bytes of the runs
 *   40 u64 bytes of the values                48, 56 u64 their hashes (XXH64)
 *   64 u64 outputs' key  72 u64 hash of the 72 bytes before
 *
 * Runs are u64 pairs, first offset and length, ascending; then the places of the rows
 * that have no value, as u64.
 */
#ifndef LANCEFS_JOB_CHECKPOINT_LOG_PRIV_H
#define LANCEFS_JOB_CHECKPOINT_LOG_PRIV_H

#include "job/checkpoint_priv.h"

#define RECORD_HEADER 80

enum record_kind { RECORD_ROWS = 1, RECORD_COMMITTED = 2 };

struct record {
	enum record_kind kind;
	uint64_t fragment, inputs_key, n_rows, outputs_key;
	uint64_t runs_len, data_len, runs_hash, data_hash;
};

/* A whole record of rows. */
MUST_CHECK struct err *record_render(const struct computed_rows *rows,
				     struct field *table, struct buf *out);
void record_render_committed(uint64_t fragment, uint64_t inputs_key,
			     uint64_t outputs_key, struct buf *out);
/* false: it is none. */
bool record_parse(const uint8_t header[RECORD_HEADER], struct record *ret);

/* The rows of a record. */
struct record_rows {
	uint64_t *runs; /* owned; pairs of first offset and length */
	size_t n_runs;
	uint64_t *failed; /* owned */
	size_t n_failed;
};
/* false: they are not what the header says, or out of memory. */
bool record_rows_parse(const struct record *r, const uint8_t *p,
		       struct record_rows *ret);
void record_rows_fini(struct record_rows *r);
/* Its values. */
MUST_CHECK struct err *record_values(const struct record *r, const uint8_t *p,
				     struct type *const *outputs, size_t n_outputs,
				     struct array **ret);

#endif
