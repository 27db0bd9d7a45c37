// SPDX-License-Identifier: Apache-2.0
/*
 * record.h: a store that writes down what is done to it, and the states in which a
 * crash after each step may leave a disk.
 */
#ifndef LANCEFS_TEST_RECORD_H
#define LANCEFS_TEST_RECORD_H

#include "io/io.h"

enum step_kind {
	STEP_CREATE,
	STEP_WRITE,
	STEP_SYNC,
	STEP_PUBLISH,
	STEP_REPLACE,
	STEP_SYNC_DIR,
	STEP_REMOVE
};

struct step {
	enum step_kind kind;
	char *path, *to;     /* owned; to: of publish and replace */
	struct bytes *bytes; /* owned; of writes */
};

struct recording {
	struct step *steps; /* owned */
	size_t n, cap;
};

/* A store over another; r is borrowed for its life. */
MUST_CHECK struct err *record_store_new(struct io_store *under, struct recording *r,
					struct io_store **ret);
void recording_fini(struct recording *r);

/* What a crash keeps of what was not synced. */
enum crash {
	CRASH_KEEPS_ALL,      /* all that was done is there */
	CRASH_LOSES_BYTES,    /* files that were not synced are empty */
	CRASH_LOSES_NAMES,    /* names in directories that were not synced are gone */
	CRASH_KEEPS_MANIFEST, /* as before, but names in _versions/ are there */
	N_CRASHES,
};
/* Do the first n steps to a store. */
MUST_CHECK struct err *recording_replay(const struct recording *r, size_t n,
					enum crash crash, struct io_store *to);

#endif
