// SPDX-License-Identifier: Apache-2.0
/*
 * update_cost.c: what an update in place writes, and what moving its rows would.
 *
 * In place is better where both are small: the order of the rows stays, and so does
 * what indices on other columns cover.
 */
#include "job/rows_priv.h"

#include <errno.h>

/* Rows are moved if the other way writes so many times more, and so much. */
#define FAR_CHEAPER 4
#define WORTH_BYTES ((uint64_t)64 << 20)

/* Blobs are kept in files of their own, which nothing here writes. */
struct err *check_rows_move(const struct version *v)
{
	for (size_t i = 0; i < version_n_fields(v); i++)
		if (field_is_blob(version_field(v, i)))
			return err_new(
				EOPNOTSUPP,
				"column '%s' holds blobs, which do not move; use "
				"--mode=columns",
				version_field(v, i)->name);
	return NULL;
}

/* Rows of the fragments that have any of the chosen ones, and of all. */
static void count_rows(const struct version *v, const struct row_choice *rows,
		       uint64_t *ret_touched, uint64_t *ret_all)
{
	*ret_touched = *ret_all = 0;
	for (size_t i = 0; i < version_n_fragments(v); i++) {
		struct fragment_info f;
		version_fragment(v, i, &f);
		*ret_all += f.physical_rows;
		if (row_choice_count_in(rows, i))
			*ret_touched += f.physical_rows;
	}
}

struct err *rows_are_cheaper(struct version *v, const struct row_choice *rows,
			     struct field *const *fields, size_t n, bool *ret)
{
	uint64_t touched, all, bytes;
	double in_place = 0, moved = 0;
	AUTO_ERR struct err *cannot = check_rows_move(v);
	*ret = false;
	if (cannot)
		return NULL;
	count_rows(v, rows, &touched, &all);
	for (size_t i = 0; i < n; i++) {
		TRY(version_column_bytes(v, fields[i], &bytes));
		in_place += (double)bytes * (double)touched / (double)all;
	}
	if (in_place < (double)WORTH_BYTES)
		return NULL;
	for (size_t i = 0; i < version_n_fields(v); i++) {
		TRY(version_column_bytes(v, version_field(v, i), &bytes));
		moved += (double)bytes * (double)row_choice_count(rows) / (double)all;
	}
	*ret = in_place > moved * FAR_CHEAPER + (double)WORTH_BYTES;
	return NULL;
}
