// SPDX-License-Identifier: Apache-2.0
/*
 * answer.c: the values of a batch.
 */
#include "udf/worker_priv.h"

void udf_answer_fini(struct udf_answer *a)
{
	for (size_t i = 0; a->outputs && i < a->n_outputs; i++)
		array_unref(a->outputs[i]);
	for (size_t i = 0; i < a->n_failed; i++)
		free(a->failed[i].reason);
	free(a->outputs);
	free(a->failed);
	*a = (struct udf_answer){0};
}

struct err *answer_new(const struct udf_run *run, uint64_t n_rows,
		       struct udf_answer *ret)
{
	*ret = (struct udf_answer){.n_rows = n_rows, .n_outputs = run->n_outputs};
	return mem_array(run->n_outputs, sizeof(struct array *), &ret->outputs);
}

struct err *answer_fail(struct udf_answer *a, uint64_t row, const char *reason)
{
	AUTO_MEM char *copy = NULL;
	TRY(str_dup_utf8(reason, &copy));
	TRY(mem_resize(a->n_failed + 1, sizeof(*a->failed), &a->failed));
	a->failed[a->n_failed++] = (struct udf_failed_row){row, TAKE(copy)};
	return NULL;
}
