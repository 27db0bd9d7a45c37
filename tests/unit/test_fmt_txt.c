// SPDX-License-Identifier: Apache-2.0
/*
 * test_fmt_txt.c: text columns out and in again, learning types, early errors.
 */
#include "parse_help.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const types[] = {"string",
				    "large_string",
				    "bool",
				    "int8",
				    "uint8",
				    "int64",
				    "uint64",
				    "float16",
				    "float32",
				    "float64",
				    "decimal(20,3)",
				    "decimal(50,3)",
				    "date32",
				    "date64",
				    "time32[s]",
				    "time64[us]",
				    "timestamp[s]",
				    "timestamp[us]",
				    "timestamp[ns, UTC]",
				    "duration[ms]",
				    "float32[3]",
				    "float32[3][2]",
				    "int64[4]",
				    "date32[2]",
				    "bool[2]"};

static void check_round_trip(const char *type, unsigned nulls)
{
	uint64_t seed = nulls;
	AUTO(type) struct type *t = type_of(type);
	AUTO(array) struct array *a = random_array(t, 700, nulls, &seed);
	AUTO_BUF struct buf text = {0};
	must(text_render(a, &text));
	static const size_t steps[] = {0, 1, 7, 4096};
	for (size_t i = 0; i < 4; i++) {
		AUTO(array) struct array *back = NULL;
		must(parse_bytes("txt", t, 700, text.data, text.len, steps[i], &back));
		if (!array_equal(a, back))
			fail_msg("%s with %u%% nulls, pushed by %zu", type, nulls,
				 steps[i]);
	}
}

static void test_fmt_txt__round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		check_round_trip(types[i], 0);
		check_round_trip(types[i], 25);
	}
}

static void test_fmt_txt__learns_the_type(void **state)
{
	(void)state;
	static const struct {
		const char *text, *type;
	} cases[] = {
		{"1\n2\n3\n", "int64"},
		{"1\n2\n3", "int64"},
		{"-1\n0\n\\N\n", "int64"},
		{"9223372036854775807\n-9223372036854775808\n0\n", "int64"},
		{"1\n2\n9223372036854775808\n", "string"},
		{"1\n2.5\n3\n", "float64"},
		{"1\n1e5\nnan\n", "float64"},
		{"inf\n-inf\n-0\n", "float64"},
		{"1\n2\n03\n", "string"},
		{"1\n2\n+3\n", "string"},
		{"1\n2\n-\n", "string"},
		{"1.\n2\n3\n", "string"},
		{".5\n2\n3\n", "string"},
		{"1\n2\n 3\n", "string"},
		{"1\n2\n\n", "string"},
		{"0.5\n00.5\n3\n", "string"},
		{"true\nfalse\n\\N\n", "bool"},
		{"true\nFalse\n\\N\n", "string"},
		{"true\n1\n\\N\n", "string"},
		{"a\nb\\tc\n\\\\N\n", "string"},
		{"1\r\n2\r\n3\r\n", "string"},
		{"\\N\n\\N\n\\N\n",
		 "no value tells the type; state it in the name: c.TYPE.txt"},
		{"1\n2\n", "expected 3 rows, got 2"},
		{"1\n2\n3\n4\n", "line 4: the table has 3 rows"},
		{"1\n2\n3\nx", "line 4: the table has 3 rows"},
		{"1\n2\n3\n\n", "line 4: the table has 3 rows"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_MEM char *type = learned_type("txt", 3, cases[i].text);
		assert_string_equal(type, cases[i].type);
	}
}

static void test_fmt_txt__tells_the_spoiler(void **state)
{
	(void)state;
	AUTO_BUF struct buf text = {0};
	AUTO(parser) struct parser *p = NULL;
	for (int i = 0; i < 1000; i++)
		buf_str(&text, i == 700 ? "n/a\n" : "17\n");
	struct parse_options options = {.name = "c", .n_rows = 1000};
	must(parser_open(format_find("txt"), &options, &p));
	must(parser_push(p, text.data, text.len));
	must(parser_finish(p));
	uint64_t line;
	const char *spoiler;
	assert_true(parser_spoiler(p, &line, &spoiler));
	assert_int_equal(line, 701);
	assert_string_equal(spoiler, "n/a");
}

static void test_fmt_txt__early_errors(void **state)
{
	(void)state;
	static const char *const cases[][3] = {
		{"int32", "1\nx\n", "line 2: 'x' is not int32"},
		{"int8", "128\n", "line 1: '128' is not int8"},
		{"uint8", "-1\n", "line 1"},
		{"float32", "1e39\n", "line 1"},
		{"float64", "1e999\n", "line 1"},
		{"bool", "yes\n", "line 1"},
		{"date32", "2024-02-30\n", "line 1: '2024-02-30' is not date32"},
		{"timestamp[us]", "2024-01-01T00:00:00Z\n", "line 1"},
		{"timestamp[s]", "2024-01-01T00:00:00.5\n", "line 1"},
		{"decimal(5,2)", "1234.5\n", "line 1"},
		{"decimal(5,2)", "1.234\n", "line 1"},
		{"string", "a\nb\\x\n", "line 2: column 2: a backslash"},
		{"string", "a\nb\\\n", "line 2: column 2: a backslash"},
		{"string", "a\n\xff\n", "line 2: byte 0xff at 1"},
		{"float32[3]", "[1,2]\n", "line 1: 2 items, wanted 3"},
		{"float32[3]", "[1,2,3,4]\n", "line 1: 4 items, wanted 3"},
		{"float32[3]", "[1,2,x]\n", "line 1: item 3: 'x' is not float32"},
		{"float32[3]", "[1,2,3\n", "line 1: ',' or ']' expected"},
		{"float32[3]", "1,2,3\n", "line 1: '[' expected at character 1"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_parse_error("txt", cases[i][0], 9, cases[i][1], cases[i][2]);
}

static void test_fmt_txt__errors_repeat(void **state)
{
	(void)state;
	AUTO(parser) struct parser *p = NULL;
	struct parse_options options = {.name = "c", .n_rows = 1};
	must(parser_open(format_find("txt"), &options, &p));
	struct err *first = parser_push(p, "1\n2", 3);
	struct err *second = parser_push(p, "\n", 1);
	struct err *last = parser_finish(p);
	assert_non_null(first);
	assert_non_null(second);
	assert_string_equal(first->msg, second->msg);
	assert_non_null(last);
	err_free(first);
	err_free(second);
	err_free(last);
}

static void test_fmt_txt__carriage_returns(void **state)
{
	(void)state;
	AUTO(type) struct type *number = type_of("int64");
	AUTO(type) struct type *string = type_of("string");
	AUTO(array) struct array *a = NULL;
	AUTO(array) struct array *b = NULL;
	must(parse_bytes("txt", number, 3, "1\r\n\\N\r\n3\r", 9, 0, &a));
	assert_int_equal(load_u64le(a->data->data + 16), 3);
	assert_int_equal(a->n_nulls, 1);
	must(parse_bytes("txt", string, 1, "a\r\n", 3, 0, &b));
	assert_int_equal(array_offset(b, 1), 2);
}

static void expect_reads_as(const char *type, const char *text, const char *want)
{
	AUTO(type) struct type *t = type_of(type);
	AUTO(array) struct array *a = NULL;
	AUTO_BUF struct buf out = {0};
	must(parse_bytes("txt", t, 1, text, strlen(text), 0, &a));
	must(text_render(a, &out));
	buf_byte(&out, 0);
	assert_string_equal((const char *)out.data, want);
}

static void test_fmt_txt__spellings(void **state)
{
	(void)state;
	expect_reads_as("float64", "1e5", "100000.0\n");
	expect_reads_as("float64", "1e16", "1e+16\n");
	expect_reads_as("float64", "0.00001", "1e-05\n");
	expect_reads_as("float64", "+Infinity", "inf\n");
	expect_reads_as("float32", "0.1", "0.1\n");
	expect_reads_as("float32", "16777217", "16777216.0\n");
	expect_reads_as("float16", "0.1", "0.1\n");
	expect_reads_as("float16", "65504", "65500.0\n");
	expect_reads_as("timestamp[us, UTC]", "2024-01-31 12:34:56.5+02:00",
			"2024-01-31T10:34:56.500000Z\n");
	expect_reads_as("timestamp[s]", "1969-12-31", "1969-12-31T00:00:00\n");
	expect_reads_as("date32", "-0001-03-01", "-0001-03-01\n");
	expect_reads_as("date64", "2024-02-29", "2024-02-29\n");
	expect_reads_as("decimal(5,2)", "-1.5", "-1.50\n");
	expect_reads_as("decimal(5,2)", "-0.05", "-0.05\n");
	expect_reads_as("float32[2]", " [ 1 , null ] ", "[1.0,null]\n");
	expect_reads_as("float32[2]", "[NaN, -Infinity]", "[NaN,-Infinity]\n");
	expect_reads_as("string", "\\\\N", "\\\\N\n");
}

static void test_fmt_txt__no_rows(void **state)
{
	(void)state;
	AUTO(type) struct type *t = type_of("int64");
	AUTO(array) struct array *a = NULL;
	must(parse_bytes("txt", t, 0, "", 0, 0, &a));
	expect_parse_error("txt", NULL, 0, "", "no value tells the type");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_txt__round_trips),
		cmocka_unit_test(test_fmt_txt__learns_the_type),
		cmocka_unit_test(test_fmt_txt__tells_the_spoiler),
		cmocka_unit_test(test_fmt_txt__early_errors),
		cmocka_unit_test(test_fmt_txt__errors_repeat),
		cmocka_unit_test(test_fmt_txt__carriage_returns),
		cmocka_unit_test(test_fmt_txt__spellings),
		cmocka_unit_test(test_fmt_txt__no_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
