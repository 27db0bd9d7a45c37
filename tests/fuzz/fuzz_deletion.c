// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_deletion.c: any bytes as a deletion file of either kind.
 *
 * The input: the kind, the fragment's rows (u16) and how far to shift them left (if
 * that is not too far), the file.  What loads must count and select as its bits say.
 */
#include "table/table_priv.h"

#include "input.h"

#define MAX_CHECKED 3000
#define MAX_SHIFT 16

static void check(const struct deletion_vector *d)
{
	uint64_t n = MIN_OF(d->n_rows, (uint64_t)MAX_CHECKED), live = 0;
	MUST_HOLD(d->n_deleted <= d->n_rows);
	for (uint64_t row = 0; row < n; row++) {
		if (deletion_has(d, row))
			continue;
		if (live % 97 == 0 || row < 100)
			MUST_HOLD(deletion_select_live(d, live) == row);
		live++;
	}
	if (n == d->n_rows)
		MUST_HOLD(d->n_deleted == n - live);
	else if (d->n_deleted < d->n_rows)
		MUST_HOLD(deletion_select_live(d, d->n_rows - d->n_deleted - 1) <
			  d->n_rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	AUTO(deletion_vector) struct deletion_vector *d = NULL;
	bool is_bitmap = take_u8(&in) & 1;
	uint64_t n_rows = take_u16(&in);
	unsigned shift = take_u8(&in) % 64;
	n_rows <<= shift <= MAX_SHIFT ? shift : 0;
	struct run file AUTO_RUN = take_run(&in, in.left);
	struct err *err =
		deletion_read(cursor_of(file.p, file.len), is_bitmap, n_rows, &d);
	if (!err)
		check(d);
	err_free(err); /* what damaged files should give */
	return 0;
}
