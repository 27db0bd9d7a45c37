// SPDX-License-Identifier: Apache-2.0
/*
 * checkpoint_priv.h: values that were computed and are in no version yet.
 *
 * _lancefs/checkpoints/KEY/ holds logs, one for each time that somebody computed; KEY
 * stands for the function, what it reads and what it gives.  A record is the values of
 * rows of one fragment, with the content (version_fragment_key) of the inputs that they
 * were computed from; it is written as soon as the rows are done and is found again
 * whenever the fragment still has these inputs, whatever the version.  A record that
 * was cut short, or whose bytes are not what they were, is as if it were not there.
 *
 * Any thread may add records; the rest is one thread's.
 */
#ifndef LANCEFS_JOB_CHECKPOINT_PRIV_H
#define LANCEFS_JOB_CHECKPOINT_PRIV_H

#include "job/job.h"

struct checkpoint;

struct checkpoint_spec {
	struct io_store *store; /* borrowed for its life */
	const char *key;	/* hexadecimal; names the directory */
	/* Whose failed rows count as computed; other jobs' are tried again. */
	uint64_t owner;
	uint64_t most_rows; /* of a fragment; what logs say of further ones is left */
	struct type *const *outputs;
	size_t n_outputs;
	uint64_t sync_rows; /* rows after which the log is made durable; 0: it is not */
	/* Something was lost and will be computed again.  May be NULL. */
	void (*tell)(void *ctx, const char *text);
	void *ctx;
};

/* Find what there is.  ENOSPC, EROFS … of the state's directory. */
MUST_CHECK struct err *checkpoint_open(const struct checkpoint_spec *spec,
				       struct checkpoint **ret);
void checkpoint_close(struct checkpoint *c); /* accepts NULL */
DEFINE_AUTO(checkpoint, checkpoint_close)
/* Everything has been committed: remove the logs that this one knows.  Closes it. */
void checkpoint_remove(struct checkpoint *c);

/* Values of some rows of a fragment. */
struct computed_rows {
	uint64_t fragment, inputs_key;
	const uint64_t *offsets; /* ascending; n_rows of them */
	uint64_t n_rows;
	struct array *const *outputs;
	const uint64_t *failed; /* places in .offsets of rows that have no value */
	size_t n_failed;
};
/* Add them.  Thread-safe. */
MUST_CHECK struct err *checkpoint_put(struct checkpoint *c,
				      const struct computed_rows *rows);

/* Rows without a value of this owner, in what there was at the beginning. */
uint64_t checkpoint_n_failed(const struct checkpoint *c);

/* Make the log durable if enough has come, or it is time.  To be called now and then,
 * by a thread that may wait for the disk: those that add do not. */
MUST_CHECK struct err *checkpoint_sync(struct checkpoint *c);

/* Is the row's value there?  Not while others add. */
bool checkpoint_has(const struct checkpoint *c, uint64_t fragment, uint64_t inputs_key,
		    uint64_t offset);

/* Of a fragment: its values are in a version that gives the columns this content.
 * Thread-safe. */
MUST_CHECK struct err *checkpoint_put_committed(struct checkpoint *c, uint64_t fragment,
						uint64_t inputs_key,
						uint64_t outputs_key);
/* Were all rows that are there committed, and are they still what the columns hold? */
bool checkpoint_is_committed(const struct checkpoint *c, uint64_t fragment,
			     uint64_t inputs_key, uint64_t outputs_key);

/*
 * Values of rows: for each of n ascending offsets of a fragment *ret_from tells the row
 * of ret's arrays, or CHECKPOINT_FAILED for one that has no value.  Thread-safe.
 * ESTALE if a record is broken: it is forgotten, and its rows are to be computed again;
 * or if a row is not there.
 */
#define CHECKPOINT_FAILED UINT64_MAX
MUST_CHECK struct err *checkpoint_get(struct checkpoint *c, uint64_t fragment,
				      uint64_t inputs_key, const uint64_t *offsets,
				      uint64_t n, uint64_t *ret_from,
				      struct array **ret);

#endif
