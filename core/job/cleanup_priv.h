// SPDX-License-Identifier: Apache-2.0
/*
 * cleanup_priv.h: cleaning up what lancefs itself keeps in a dataset.
 */
#ifndef LANCEFS_JOB_CLEANUP_PRIV_H
#define LANCEFS_JOB_CLEANUP_PRIV_H

#include "job/job.h"

/* A bundle of a function. */
struct kept_bundle {
	char hash[UDF_HASH_LEN + 1];
	bool is_used;
};

/* What versions that stay refer to of it. */
struct state_uses {
	struct kept_bundle *bundles; /* owned; all there are */
	size_t n_bundles, bundles_cap;
	int32_t *ids; /* owned; of fields, sorted, each once */
	size_t n_ids, ids_cap;
};
/* What there is. */
MUST_CHECK struct err *state_uses_read(struct io_store *s, struct state_uses *ret);
void state_uses_fini(struct state_uses *u); /* accepts zeroed */
/* As cleanup_options.field; ctx is a struct state_uses. */
MUST_CHECK struct err *state_uses_field(void *ctx, int32_t id, const void *value,
					size_t len);

/* Remove what nothing uses and nobody has touched for that long, or count it. */
MUST_CHECK struct err *state_cleanup(struct io_store *s, struct state_uses *uses,
				     const struct cleanup_spec *spec,
				     struct cleanup_count *ret);

#endif
