// SPDX-License-Identifier: Apache-2.0
/*
 * test_fill.c: columns filled on a version which is no longer the latest: what stands
 * beside what others did, and which files are left out.
 *
 * What faults and crashes leave behind is test_crash.c's, which has the operations
 * declare and fill.
 */
#include "check_version.h"
#include "fill_column.h"
#include "operations.h"
#include "store_copy.h"

#include <errno.h>

#define DATASET TEST_DATA OPERATIONS_ON
#define VALUE "4242"

static struct io_store *original; /* of all tests */

/* --- what others do --- */

static struct err *delete_where(struct table *t, const char *where)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	struct delete_spec spec = {.where = where};
	uint64_t n;
	return rows_delete(t, base, &spec, &n, &v);
}

static struct err *update_where(struct table *t, const char *column, const char *where,
				enum update_mode mode)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	struct assignment set = {column, "NULL"};
	struct update_spec spec = {.set = &set, .n = 1, .where = where, .mode = mode};
	uint64_t n;
	return rows_update(t, base, &spec, &n, &v);
}

static struct err *nothing(struct table *t)
{
	(void)t;
	return NULL;
}

static struct err *delete_row(struct table *t)
{
	return delete_where(t, "_rowoffset = 12");
}

static struct err *delete_fragment(struct table *t)
{
	return delete_where(t, "_rowaddr < 4294967296");
}

static struct err *change_input(struct table *t)
{
	return update_where(t, "caption", "_rowaddr >= 4294967296", UPDATE_COLUMNS);
}

static struct err *change_other(struct table *t)
{
	return update_where(t, "height", "_rowaddr >= 4294967296", UPDATE_COLUMNS);
}

static struct err *change_output(struct table *t)
{
	return update_where(t, "width", "_rowaddr < 4294967296", UPDATE_COLUMNS);
}

static struct err *move_rows(struct table *t)
{
	return update_where(t, "caption", "_rowoffset < 5", UPDATE_ROWS);
}

static struct err *fill_elsewhere(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	return fill_column(t, base, "height", NULL, "7", NULL, &v);
}

static struct err *fill_same(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	return fill_column(t, base, "width", NULL, "7", NULL, &v);
}

static struct err *rename_output(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_rename_field(t, "width", "w", NULL, &v);
}

static struct err *rename_input(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_rename_field(t, "caption", "c", NULL, &v);
}

static struct err *drop(struct table *t, const char *name)
{
	AUTO(version) struct version *v = NULL;
	return table_drop_fields(t, &name, 1, NULL, &v);
}

static struct err *drop_output(struct table *t)
{
	return drop(t, "width");
}

static struct err *drop_input(struct table *t)
{
	return drop(t, "caption");
}

static struct err *drop_other(struct table *t)
{
	return drop(t, "height");
}

static struct err *append(struct table *t)
{
	return operation_run(t, "append");
}

static struct err *replace_input(struct table *t)
{
	return operation_run(t, "retype");
}

static struct err *declare(struct table *t)
{
	return operation_run(t, "declare");
}

/* What becomes of the files of the three fragments: '.' they stand, '-' left out; or
 * "gone": ENOENT. */
static const struct {
	const char *name;
	struct err *(*run)(struct table *t);
	const char *files;
} theirs[] = {
	{"nothing", nothing, "..."},
	{"append", append, "..."},
	{"delete a row", delete_row, "..."},
	{"delete a fragment", delete_fragment, "-.."},
	{"change the input", change_input, ".--"},
	{"change another column", change_other, "..."},
	{"change the output", change_output, "-.."},
	{"move rows", move_rows, "..."},
	{"fill another column", fill_elsewhere, "..."},
	{"fill the same column", fill_same, "---"},
	{"rename the output", rename_output, "..."},
	{"rename the input", rename_input, "..."},
	{"replace the input", replace_input, "gone"},
	{"drop the output", drop_output, "gone"},
	{"drop the input", drop_input, "gone"},
	{"drop another column", drop_other, "..."},
	{"declare a column", declare, "..."},
};

/* --- what is there afterwards --- */

/* A fragment's values of width, whatever its name is now: all of them are the one that
 * was filled in, or they are what they were. */
static void check_fragment(struct version *v, struct version *was, uint64_t id,
			   bool is_filled, const char *name)
{
	struct fragment_info f;
	struct field *column = version_find_field(v, "width");
	AUTO(array) struct array *values = NULL;
	size_t i;
	if (!column)
		column = version_find_field(v, "w");
	if (!version_find_fragment(v, id, &i))
		return;
	version_fragment(v, i, &f);
	uint64_t n = f.physical_rows - f.n_deleted;
	must(version_read(v, column, f.first_row, f.first_row + n, &values));
	if (is_filled) {
		for (uint64_t row = 0; row < n; row++)
			if (load_u64le(values->data->data + 8 * row) != 4242)
				fail_msg("%s: fragment %zu, row %zu", name, (size_t)id,
					 (size_t)row);
		return;
	}
	AUTO(array) struct array *before = NULL;
	must(version_read(was, column, f.first_row, f.first_row + n, &before));
	assert_true(array_equal(values, before));
}

static void check_fragments(struct version *base, struct version *between,
			    struct version *v, size_t at)
{
	for (size_t i = 0; i < version_n_fragments(base); i++) {
		struct fragment_info f;
		version_fragment(base, i, &f);
		check_fragment(v, between, f.id, theirs[at].files[i] == '.',
			       theirs[at].name);
	}
}

/* --- the pairs --- */

static void check_pair(size_t at)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	AUTO(version) struct version *v = NULL;
	struct fill_result counts = {0};
	const char *files = theirs[at].files;
	bool is_gone = strcmp(files, "gone") == 0;
	must(io_store_new_memory(&s));
	must(store_copy(original, ".", s));
	must(table_open(s, NULL, &t));
	AUTO(version) struct version *base = table_latest(t);
	must(theirs[at].run(t));
	AUTO(version) struct version *between = table_latest(t);
	size_t before = count_files(s, "data"), n_unused = 0;
	AUTO_ERR struct err *err =
		fill_column(t, base, "width", "caption", VALUE, &counts, &v);
	AUTO(version) struct version *latest = table_latest(t);
	check_whole(latest, theirs[at].name);
	if (is_gone != (err && err->code == ENOENT))
		fail_msg("%s: %s", theirs[at].name, err ? err->msg : "success");
	if (is_gone) {
		assert_int_equal(count_files(s, "data"), before);
		assert_int_equal(version_number(latest), version_number(between));
		return;
	}
	for (size_t i = 0; files[i]; i++)
		n_unused += files[i] == '-';
	if (counts.n_unused != n_unused)
		fail_msg("%s: %zu left out", theirs[at].name, counts.n_unused);
	assert_int_equal(version_number(v),
			 version_number(between) + (n_unused < counts.n_files));
	assert_int_equal(version_number(v), version_number(latest));
	assert_int_equal(version_rows(v), version_rows(between));
	assert_int_equal(count_files(s, "data"), before + counts.n_files - n_unused);
	check_fragments(base, between, v, at);
}

static void test_fill__beside_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		check_pair(i);
}

/* A column without values gets some, and keeps them beside those that come later. */
static void test_fill__declared(void **state)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	AUTO(version) struct version *v = NULL;
	AUTO(array) struct array *values = NULL;
	struct fill_result counts;
	(void)state;
	must(io_store_new_memory(&s));
	must(store_copy(original, ".", s));
	must(table_open(s, NULL, &t));
	must(declare(t));
	AUTO(version) struct version *base = table_latest(t);
	uint64_t n = version_rows(base);
	must(append(t));
	must(delete_row(t));
	must(fill_column(t, base, "computed", "caption", VALUE, &counts, &v));
	assert_int_equal(counts.n_unused, 0);
	check_whole(v, "declared");
	struct field *f = version_find_field(v, "computed");
	must(version_read(v, f, 0, version_rows(v), &values));
	for (uint64_t i = 0; i < version_rows(v); i++)
		assert_int_equal(array_is_null(values, i), i >= n - 1);
}

/* --- */

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
		cmocka_unit_test(test_fill__beside_others),
		cmocka_unit_test(test_fill__declared),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
