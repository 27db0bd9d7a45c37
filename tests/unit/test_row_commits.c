// SPDX-License-Identifier: Apache-2.0
/*
 * test_row_commits.c: rows that were deleted, changed or moved on a version which is no
 * longer the latest: what stands beside what others did, and what is refused.
 */
#include "check_version.h"
#include "job/rows_priv.h"
#include "operations.h"
#include "store_copy.h"

#include <errno.h>

#define DATASET TEST_DATA OPERATIONS_ON
#define ROW ((uint64_t)10) /* ours: of the first fragment */

/* --- what others do --- */

static struct err *delete_where(struct table *t, const char *where)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	struct delete_spec spec = {.where = where};
	uint64_t n;
	TRY(rows_delete(t, base, &spec, &n, &v));
	assert_true(n > 0);
	return NULL;
}

static struct err *update_where(struct table *t, const char *where,
				enum update_mode mode)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	static const struct assignment set = {"height", "-1"};
	struct update_spec spec = {.set = &set, .n = 1, .where = where, .mode = mode};
	uint64_t n;
	TRY(rows_update(t, base, &spec, &n, &v));
	assert_true(n > 0);
	return NULL;
}

static struct err *delete_beside(struct table *t)
{
	return delete_where(t, "_rowoffset = 12");
}

static struct err *delete_same(struct table *t)
{
	return delete_where(t, "_rowoffset = 10 OR _rowoffset = 12");
}

static struct err *delete_all_of_it(struct table *t)
{
	return delete_where(t, "_rowaddr < 4294967296");
}

static struct err *delete_elsewhere(struct table *t)
{
	return delete_where(t, "_rowaddr >= 4294967296");
}

static struct err *change_beside(struct table *t)
{
	return update_where(t, "_rowoffset = 12", UPDATE_COLUMNS);
}

static struct err *change_elsewhere(struct table *t)
{
	return update_where(t, "_rowaddr >= 4294967296", UPDATE_COLUMNS);
}

static struct err *move_beside(struct table *t)
{
	return update_where(t, "_rowoffset = 12", UPDATE_ROWS);
}

static struct err *move_same(struct table *t)
{
	return update_where(t, "_rowoffset = 10", UPDATE_ROWS);
}

static struct err *rename_width(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_rename_field(t, "width", "w", NULL, &v);
}

static struct err *drop_width(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_drop_fields(t, (const char *[]){"width"}, 1, NULL, &v);
}

static struct err *append(struct table *t)
{
	return operation_run(t, "append");
}

static struct err *add(struct table *t)
{
	return operation_run(t, "add");
}

static struct err *describe(struct table *t)
{
	return operation_run(t, "describe");
}

static struct err *restore(struct table *t)
{
	return operation_run(t, "restore");
}

/* --- ours, made from base --- */

static struct err *delete_row(struct table *t, struct version *base,
			      struct version **ret)
{
	AUTO(row_choice) struct row_choice *rows = NULL;
	must(row_choice_new(base, &rows));
	must(row_choice_add(rows, &(uint64_t){ROW}, 1));
	struct row_deletion deletion = {.rows = rows};
	return table_delete_rows(t, &deletion, ret);
}

static struct array *a_null(struct type *type)
{
	struct array *a;
	must(array_new_null(type, 1, &a));
	return a;
}

static struct err *change_row(struct table *t, struct version *base,
			      struct version **ret)
{
	AUTO(value_writer) struct value_writer *w = NULL;
	struct field *f = version_find_field(base, "width");
	AUTO(array) struct array *value = a_null(f->type);
	must(value_writer_open(t, base, &f, 1, &w));
	must(value_writer_push(w, &(uint64_t){ROW}, 1, &value));
	return value_writer_commit(TAKE(w), NULL, ret);
}

static struct err *move_row(struct table *t, struct version *base, struct version **ret)
{
	AUTO(row_mover) struct row_mover *m = NULL;
	struct field *f = version_find_field(base, "width");
	AUTO(array) struct array *value = a_null(f->type);
	must(row_mover_open(t, base, &f, 1, &m));
	must(row_mover_push(m, &(uint64_t){ROW}, 1, &value));
	return row_mover_commit(TAKE(m), NULL, ret);
}

/* --- the pairs --- */

/* Letters for delete, change, move: '.' both are there, 'B' EBUSY. */
static const struct {
	const char *name;
	struct err *(*run)(struct table *t);
	const char *ours;
} theirs[] = {
	{"append", append, "..."},
	{"delete a row beside", delete_beside, "..."},
	{"delete the same row", delete_same, "BBB"},
	{"delete the fragment", delete_all_of_it, "BBB"},
	{"delete elsewhere", delete_elsewhere, "..."},
	{"change a row beside", change_beside, "BBB"},
	{"change rows elsewhere", change_elsewhere, "..."},
	{"move a row beside", move_beside, "..."},
	{"move the same row", move_same, "BBB"},
	{"add a column", add, "BBB"},
	{"rename the column", rename_width, "..."},
	{"drop the column", drop_width, ".B."},
	{"describe a column", describe, "..."},
	{"restore", restore, "BBB"},
};

static struct err *(*const ours[])(struct table *t, struct version *base,
				   struct version **ret) = {
	delete_row,
	change_row,
	move_row,
};

static struct io_store *original; /* of all tests */

static void check_pair(size_t i, size_t k)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	AUTO(version) struct version *v = NULL;
	must(io_store_new_memory(&s));
	must(store_copy(original, ".", s));
	must(table_open(s, NULL, &t));
	AUTO(version) struct version *base = table_latest(t);
	must(theirs[i].run(t));
	AUTO(version) struct version *between = table_latest(t);
	size_t n_files = count_files(s, "data") + count_files(s, "_deletions");
	AUTO_ERR struct err *err = ours[k](t, base, &v);
	bool is_refused = err && err->code == EBUSY;
	if (theirs[i].ours[k] != (is_refused ? 'B' : err ? '?' : '.'))
		fail_msg("%s, %zu: %s", theirs[i].name, k, err ? err->msg : "success");
	AUTO(version) struct version *latest = table_latest(t);
	check_whole(latest, theirs[i].name);
	if (err) {
		assert_int_equal(version_number(latest), version_number(between));
		assert_int_equal(count_files(s, "data") + count_files(s, "_deletions"),
				 n_files);
		return;
	}
	assert_int_equal(version_number(latest), version_number(between) + 1);
	assert_int_equal(version_rows(latest), version_rows(between) - (k == 0));
}

static void test_row_commits__beside_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
			check_pair(i, k);
}

static int setup(void **state)
{
	(void)state;
	must(io_store_open_local(DATASET, &original));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	io_store_unref(original);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row_commits__beside_others),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
