// SPDX-License-Identifier: Apache-2.0
/*
 * gpus_priv.h: GPUs, by the names that CUDA_VISIBLE_DEVICES has for them.
 */
#ifndef LANCEFS_JOB_GPUS_PRIV_H
#define LANCEFS_JOB_GPUS_PRIV_H

#include "base/base.h"

struct gpu_list {
	char **names; /* owned */
	size_t n;
};
/* Those of this machine that we may use.  ret is zeroed. */
MUST_CHECK struct err *gpus_find(struct gpu_list *ret);
void gpus_fini(struct gpu_list *l);
/* A worker's, `each` of them.  EINVAL if there are fewer at all.  The caller's. */
MUST_CHECK struct err *gpus_for_worker(const struct gpu_list *l, unsigned worker,
				       unsigned each, char **ret);

#endif
