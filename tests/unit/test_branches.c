// SPDX-License-Identifier: Apache-2.0
/*
 * test_branches.c: branches are made whole, of the main branch and of others, and
 * listed; what is half made is not.
 */
#include "table/table.h"

#include "store_copy.h"

#include "tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define DATASET TEST_DATA "/golden/captions-2.2/t.lance"

static void must(struct err *err)
{
	if (err)
		fail_msg("%s", err->msg);
}

static void refused(struct err *err, int code)
{
	assert_non_null(err);
	assert_int_equal(err->code, code);
	err_free(err); /* as it should be */
}

/* --- a copy of a dataset, on disk --- */

struct fixture {
	char dir[32];
	struct io_store *store;
	struct table *table;
};

static int set_up(void **state)
{
	AUTO(io_store) struct io_store *from = NULL;
	struct fixture *f;
	must(mem_new(&f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/lancefs-unit.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	must(io_store_open_local(DATASET, &from));
	must(io_store_open_local(f->dir, &f->store));
	must(store_copy(from, ".", f->store));
	must(table_open(f->store, NULL, &f->table));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	table_unref(f->table);
	io_store_unref(f->store);
	tree_remove(f->dir);
	free(f);
	return 0;
}

static uint64_t column_key(struct table *t)
{
	AUTO(version) struct version *v = table_latest(t);
	return version_column_key(v, version_find_field(v, "caption"));
}

/* --- */

static void test_create__same_content(void **state)
{
	const struct fixture *f = *state;
	AUTO(table) struct table *branch = NULL;
	AUTO(table) struct table *child = NULL;
	AUTO(version) struct version *v = table_latest(f->table);
	struct table_branch *list;
	size_t n;
	must(table_create_branch(f->table, "feat/x", version_number(v)));
	must(table_open_branch(f->table, "feat/x", &branch));
	assert_string_equal(table_branch_name(branch), "feat/x");
	must(table_create_branch(branch, "y", version_number(v)));
	must(table_open_branch(branch, "y", &child));
	assert_int_equal(column_key(branch), column_key(f->table));
	assert_int_equal(column_key(child), column_key(f->table));
	must(table_list_branches(child, &list, &n));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].name, "feat/x");
	assert_null(list[0].parent);
	assert_string_equal(list[1].parent, "feat/x");
	assert_int_equal(list[1].parent_version, version_number(v));
	branches_free(list, n);
}

static void test_create__rows_are_read(void **state)
{
	const struct fixture *f = *state;
	AUTO(table) struct table *branch = NULL;
	AUTO(version) struct version *main = table_latest(f->table);
	must(table_create_branch(f->table, "b", version_number(main)));
	must(table_open_branch(f->table, "b", &branch));
	AUTO(version) struct version *v = table_latest(branch);
	assert_int_equal(version_rows(v), version_rows(main));
	for (size_t i = 0; i < version_n_fields(v); i++) {
		AUTO(array) struct array *a = NULL;
		AUTO(array) struct array *b = NULL;
		must(version_read(main, version_field(main, i), 0, version_rows(v),
				  &a));
		must(version_read(v, version_field(v, i), 0, version_rows(v), &b));
		assert_true(array_equal(a, b));
	}
}

static void test_create__refuses(void **state)
{
	static const char *const names[] = {"",	    "main",   "/a",   "a/",
					    "a//b", "..",     "a..b", ".",
					    "a/.",  "x.lock", "a b",  "\xc3\xbc"};
	const struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refused(table_create_branch(f->table, names[i], 1), EINVAL);
	refused(table_create_branch(f->table, "b", 99), ENOENT);
	must(table_create_branch(f->table, "b", 1));
	refused(table_create_branch(f->table, "b", 1), EEXIST);
	must(table_create_branch(f->table, "b/c", 1));
}

static void test_half_made__is_not_there(void **state)
{
	const struct fixture *f = *state;
	struct table_branch *list;
	struct table *branch;
	size_t n;
	must(table_create_branch(f->table, "b", 1));
	must(io_remove(f->store, "_refs/branches/b.json"));
	must(table_list_branches(f->table, &list, &n));
	assert_int_equal(n, 0);
	branches_free(list, n);
	refused(table_open_branch(f->table, "b", &branch), ENOENT);
	refused(table_create_branch(f->table, "b", 1), EEXIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create__same_content, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_create__rows_are_read, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_create__refuses, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_half_made__is_not_there, set_up,
						tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
