// SPDX-License-Identifier: Apache-2.0
/*
 * import_text.c: a file whose text somebody takes, a query, or whose bytes: a program.
 */
#include "job/import_priv.h"

static struct err *commit(struct import *im, char *note, struct version **ret)
{
	free(note); /* it is of a column */
	buf_byte(&im->bytes, 0);
	TRY(buf_check(&im->bytes));
	TRY(im->taker.take(im->taker.ctx, (const char *)im->bytes.data));
	*ret = version_ref(im->base);
	return NULL;
}

const struct import_kind_ops import_text = {
	.is_text = true,
	.place = "queries",
	.takes_any_rows = true,
	.commit = commit,
};

const struct import_kind_ops import_file = {
	.is_text = true,
	.is_kept = true,
	.place = "udfs",
	.takes_any_rows = true,
	.commit = commit,
};
