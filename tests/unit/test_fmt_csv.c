// SPDX-License-Identifier: Apache-2.0
/*
 * test_fmt_csv.c: csv columns out and in again.
 */
#include "parse_help.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check_round_trip(const char *type, unsigned nulls)
{
	uint64_t seed = nulls + 3;
	AUTO(type) struct type *t = type_of(type);
	AUTO(array) struct array *a = random_array(t, 700, nulls, &seed);
	AUTO(view) struct view *v = view_of("csv", a, "a,b");
	AUTO_BUF struct buf file = {0};
	view_bytes(v, 4096, &file);
	static const size_t steps[] = {0, 1, 7};
	for (size_t i = 0; i < 3; i++) {
		AUTO(array) struct array *back = NULL;
		must(parse_bytes("csv", t, 700, file.data, file.len, steps[i], &back));
		if (!array_equal(a, back))
			fail_msg("%s with %u%% nulls, pushed by %zu", type, nulls,
				 steps[i]);
	}
}

static void test_fmt_csv__round_trips(void **state)
{
	(void)state;
	static const char *const types[] = {
		"string",	 "large_string", "bool",
		"int64",	 "float32",	 "float64",
		"decimal(20,3)", "date32",	 "timestamp[us, UTC]"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		check_round_trip(types[i], 0);
		check_round_trip(types[i], 25);
	}
}

static void test_fmt_csv__learns_the_type(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"c\n1\n2\n", "int64"},
		{"c\r\n1\r\n2\r\n", "int64"},
		{"c\r\n1\r\n2", "int64"},
		{"c\n1\n\n", "int64"},
		{"c\n1.5\n\"\"\n", "float64"},
		{"c\n\"1\"\n2\n", "int64"},
		{"c\ntrue\nfalse\n", "bool"},
		{"c\n\"a\nb\"\n2\n", "string"},
		{"c\n\"\"\n\"\"\n", "string"},
		{"c\n\n\n",
		 "no value tells the type; state it in the name: c.TYPE.csv"},
		{"c\n1\n", "expected 2 rows, got 1"},
		{"c\n1\n2\n3\n", "line 4: the table has 2 rows"},
		{"c\n1\n2,3\n",
		 "line 3: a comma begins a second column; a column's csv has "
		 "one (quote the field if it is text)"},
		{"c\n\"1\n2\n", "line 2: the quoted field does not end"},
		{"c\n\"1\"x\n2\n", "line 2: text after the closing quote"},
		{"", "the header line with the column's name is missing"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_MEM char *type = learned_type("csv", 2, cases[i][0]);
		assert_string_equal(type, cases[i][1]);
	}
}

static void test_fmt_csv__lines_count_newlines_in_fields(void **state)
{
	(void)state;
	expect_parse_error("csv", "int64", 9, "c\n1\n\n2\nx\n",
			   "line 5: 'x' is not int64");
	expect_parse_error("csv", "string", 9, "c\n\"a\nb\"\nq\"\n",
			   "line 4: a quote within");
}

static void test_fmt_csv__column_name(void **state)
{
	(void)state;
	AUTO(parser) struct parser *p = NULL;
	struct parse_options options = {.name = "c", .n_rows = 9};
	must(parser_open(format_find("csv"), &options, &p));
	assert_null(parser_column_name(p));
	must(parser_push(p, "\xef\xbb\xbf\"a,\"\"b\"\n", 12));
	assert_string_equal(parser_column_name(p), "a,\"b");
}

static void test_fmt_csv__null_and_empty(void **state)
{
	(void)state;
	AUTO(type) struct type *t = type_of("string");
	AUTO(array) struct array *a = NULL;
	must(parse_bytes("csv", t, 3, "c\n\n\"\"\n\"\"\"\"", 10, 0, &a));
	assert_true(array_is_null(a, 0));
	assert_false(array_is_null(a, 1));
	assert_int_equal(array_offset(a, 3), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_csv__round_trips),
		cmocka_unit_test(test_fmt_csv__learns_the_type),
		cmocka_unit_test(test_fmt_csv__lines_count_newlines_in_fields),
		cmocka_unit_test(test_fmt_csv__column_name),
		cmocka_unit_test(test_fmt_csv__null_and_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
