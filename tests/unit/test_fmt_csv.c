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

/* --- tables --- */

static void expect_table(const char *type, const char *text, const char *expected)
{
	expect_rows("csv", type, PARSE_ANY_ROWS, true, text, expected);
}

static void test_fmt_csv__tables_learn_their_columns(void **state)
{
	(void)state;
	expect_table(NULL, "a,b,c,d,e\n1,x,1.5,true,\n,,,,\n",
		     "struct<a: int64, b: string, c: float64, d: bool, e: null> "
		     "{\"a\":1,\"b\":\"x\",\"c\":1.5,\"d\":true,\"e\":null} "
		     "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null}");
	expect_table(NULL, "\xef\xbb\xbf\"a\",\"b,\"\"\"\r\n7,\"x\ny\"\r\n8,\"\"\"\"",
		     "struct<a: int64, \"b,\"\"\": string> "
		     "{\"a\":7,\"b,\\\\\"\":\"x\\\\ny\"} "
		     "{\"a\":8,\"b,\\\\\"\":\"\\\\\"\"}");
	expect_table(NULL, "a\n1\n\n", "struct<a: int64> {\"a\":1} {\"a\":null}");
	expect_table(NULL, "a,b\n", "struct<a: null, b: null>");
	expect_table(NULL, "a,b\n1,", "struct<a: int64, b: null> {\"a\":1,\"b\":null}");
}

static void test_fmt_csv__tables_find_columns_by_name(void **state)
{
	(void)state;
	static const char type[] = "struct<a: int32, long_name: string, v: float32[2]>";
	expect_table(type, "long_name,a\nx,1\n\"\",\"\"\n",
		     "struct<a: int32, long_name: string, v: float32[2]> "
		     "{\"a\":1,\"long_name\":\"x\",\"v\":null} "
		     "{\"a\":null,\"long_name\":\"\",\"v\":null}");
	expect_table(type, "a,long_nam\n1,x\n",
		     "line 1: the table has no column 'long_nam' (did you mean "
		     "'long_name'?)");
	expect_table(type, "a,other\n", "line 1: the table has no column 'other'");
	expect_table(type, "a,a\n1,2\n", "line 1: column 'a' is there twice");
	expect_table(NULL, "a,b,a\n1,2,3\n", "line 1: column 'a' is there twice");
	expect_table(type, "a,v\n1,2\n",
		     "line 1: column 'v': float32[2] cannot be written as csv");
}

static void test_fmt_csv__tables_say_where(void **state)
{
	(void)state;
	static const char type[] = "struct<a: int32, b: string>";
	expect_table(type, "a,b\n1,x\n\"1\n2\",y\n",
		     "line 3, column 'a': '1?2' is not int32");
	expect_table(type, "a,b\n1,\"x\ny\"\nz,2\n",
		     "line 4, column 'a': 'z' is not int32");
	expect_table(type, "b,a\nx,300\nx,9999999999",
		     "line 3, column 'a': '9999999999' is not int32");
	expect_table(type, "a,b\n1\n",
		     "line 2: a record of 1 fields, the header has 2");
	expect_table(type, "a,b\n1,x\n\n",
		     "line 3: a record of 1 fields, the header has 2");
	expect_table(type, "a,b\n1,2,3\n",
		     "line 2: a record of more fields than the header's 2");
	expect_table(NULL, "a,b\n1,\"2\"x\n",
		     "line 2, column 'b': text after the closing quote");
	expect_table(
		NULL, "a,b\n1,2\"\n",
		"line 2, column 'b': a quote within a field that has none around it");
	expect_table(NULL, "a,b\n1,\"2", "line 2: the quoted field does not end");
	expect_table(NULL, "", "the header line with the column's name is missing");
	expect_rows("csv", type, 1, true, "a\n1\n2\n", "line 3: the table has 1 rows");
	expect_rows("csv", type, 3, true, "a\n1\n2\n", "expected 3 rows, got 2");
}

static void test_fmt_csv__tables_keep_what_must_not_be_null(void **state)
{
	(void)state;
	AUTO(type) struct type *t = type_of("struct<a: int32, b: string>");
	AUTO(array) struct array *a = NULL;
	t->children[1]->nullable = false;
	static const char *const cases[][2] = {
		{"a\n1\n", "line 1: column 'b' is missing, and it has no nulls"},
		{"a,b\n1,\n",
		 "line 2, column 'b': null, which the column does not allow"},
		{"a,b\n1,",
		 "line 2, column 'b': null, which the column does not allow"}};
	for (size_t i = 0; i < 3; i++) {
		AUTO_ERR struct err *err =
			parse_table("csv", t, PARSE_ANY_ROWS, cases[i][0],
				    strlen(cases[i][0]), 0, &a);
		assert_non_null(err);
		assert_string_equal(err->msg, cases[i][1]);
	}
	must(parse_table("csv", t, 1, "b\n\"\"", 4, 0, &a));
	assert_int_equal(a->n_rows, 1);
}

/* What is written as csv reads back equal, in batches. */
static void test_fmt_csv__tables_round_trip(void **state)
{
	(void)state;
	AUTO(type)
	struct type *t =
		type_of("struct<s: string, i: int64, d: decimal(20,3), f: float64, b: "
			"bool, t: timestamp[us, UTC], l: large_string>");
	uint64_t seed = 5;
	AUTO(array) struct array *a = random_array(t, 100000, 0, &seed);
	for (size_t i = 0; i < a->n_children; i++) {
		array_unref(a->children[i]);
		a->children[i] =
			random_array(t->children[i]->type, a->n_rows, 15, &seed);
	}
	AUTO(view) struct view *v = view_of_table("csv", a);
	AUTO_BUF struct buf file = {0};
	view_bytes(v, 1 << 20, &file);
	static const size_t steps[] = {0, 1, 4099};
	for (size_t i = 0; i < 3; i++) {
		AUTO(array) struct array *back = NULL;
		must(parse_table("csv", t, PARSE_ANY_ROWS, file.data, file.len,
				 steps[i], &back));
		assert_true(array_equal(a, back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_csv__round_trips),
		cmocka_unit_test(test_fmt_csv__learns_the_type),
		cmocka_unit_test(test_fmt_csv__lines_count_newlines_in_fields),
		cmocka_unit_test(test_fmt_csv__column_name),
		cmocka_unit_test(test_fmt_csv__null_and_empty),
		cmocka_unit_test(test_fmt_csv__tables_learn_their_columns),
		cmocka_unit_test(test_fmt_csv__tables_find_columns_by_name),
		cmocka_unit_test(test_fmt_csv__tables_say_where),
		cmocka_unit_test(test_fmt_csv__tables_keep_what_must_not_be_null),
		cmocka_unit_test(test_fmt_csv__tables_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
