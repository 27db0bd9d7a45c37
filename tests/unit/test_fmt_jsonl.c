// SPDX-License-Identifier: Apache-2.0
/*
 * test_fmt_jsonl.c: JSON lines out and in again, columns and tables, and what types
 * they teach.
 */
#include "parse_help.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const types[] = {
	"null",
	"bool",
	"int8",
	"uint64",
	"int64",
	"float16",
	"float32",
	"float64",
	"decimal(20,3)",
	"decimal(38,0)",
	"decimal(60,10)",
	"date32",
	"date64",
	"time32[ms]",
	"time64[ns]",
	"timestamp[us, UTC]",
	"timestamp[ns]",
	"duration[s]",
	"string",
	"large_string",
	"binary",
	"large_binary",
	"fixed_size_binary[5]",
	"float32[3]",
	"int16[2][2]",
	"list<string>",
	"large_list<list<float64>>",
	"binary[2]",
	"struct<a: int32, b: struct<c: list<bool>, d: string>>",
	"list<struct<x: decimal(20,2), y: binary>>",
	"map<string, int64>"};

static void check_round_trip(const char *suffix, const char *type, unsigned nulls)
{
	uint64_t seed = nulls + 3;
	AUTO(type) struct type *t = type_of(type);
	AUTO(array) struct array *a = random_array(t, 300, nulls, &seed);
	AUTO(view) struct view *v = view_of(suffix, a, "a\"b");
	AUTO_BUF struct buf file = {0};
	view_bytes(v, 4096, &file);
	static const size_t steps[] = {0, 1, 7};
	for (size_t i = 0; i < 3; i++) {
		AUTO(array) struct array *back = NULL;
		AUTO_ERR struct err *err = parse_bytes(suffix, t, 300, file.data,
						       file.len, steps[i], &back);
		if (err || !array_equal(a, back))
			fail_msg("%s of %s with %u%% nulls, pushed by %zu: %s", suffix,
				 type, nulls, steps[i], err ? err->msg : "differs");
	}
}

/* Objects have each key once, and so lose entries of a random map. */
static void test_fmt_jsonl__round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_starts(types[i], "map"))
			continue;
		check_round_trip("jsonl", types[i], 0);
		check_round_trip("jsonl", types[i], 25);
	}
	check_round_trip("jsonl", "map<int32, list<string>>", 20);
}

static void test_fmt_txt__nested_values_round_trip(void **state)
{
	(void)state;
	static const char *const nested[] = {
		"list<string>",
		"large_list<list<float64>>",
		"struct<a: int32, b: struct<c: list<bool>, d: string>>",
		"list<struct<x: decimal(20,2), y: binary>>",
		"string[2]",
		"map<date32, string>"};
	for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
		check_round_trip("txt", nested[i], 0);
		check_round_trip("txt", nested[i], 25);
	}
	expect_rows("txt", "list<int64>", 3, false, "[1,null]\n\\N\n[]\n",
		    "list<int64> [1,null] \\N []");
	expect_rows("txt", "struct<s: string>", 1, false, "{\"s\":\"a\\\\nb\"}",
		    "struct<s: string> {\"s\":\"a\\\\nb\"}");
	expect_rows("txt", "list<int64>", 1, false, "null",
		    "line 1: null is written \\N");
	expect_rows("txt", "list<int64>", 1, false, "5",
		    "line 1: a number is not list<int64>");
}

static void expect_column(const char *type, const char *text, const char *expected)
{
	expect_rows("jsonl", type, PARSE_ANY_ROWS, false, text, expected);
}

static void expect_table(const char *type, const char *text, const char *expected)
{
	expect_rows("jsonl", type, PARSE_ANY_ROWS, true, text, expected);
}

static void test_fmt_jsonl__numbers_keep_every_digit(void **state)
{
	(void)state;
	expect_column("uint64",
		      "{\"c\":18446744073709551615}\n{\"c\":9223372036854775808}\n"
		      "{\"c\":-0}\n{\"c\":7.0}\n{\"c\":\"12\"}",
		      "uint64 18446744073709551615 9223372036854775808 0 7 12");
	expect_column("uint64", "{\"c\":18446744073709551616}\n",
		      "line 1: '18446744073709551616' is not uint64");
	expect_column("int64", "{\"c\":-9223372036854775809}\n",
		      "line 1: '-9223372036854775809' is not int64");
	expect_column("int8", "{\"c\":1.5}\n", "line 1: '1.5' is not int8");
	expect_column("decimal(38,0)", "{\"c\":99999999999999999999999999999999999999}",
		      "decimal(38,0) 99999999999999999999999999999999999999");
	expect_column("decimal(20,2)", "{\"c\":-0.10}\n{\"c\":\"1.25\"}",
		      "decimal(20,2) -0.10 1.25");
	expect_column("float64",
		      "{\"c\":-0}\n{\"c\":NaN}\n{\"c\":-Infinity}\n{\"c\":1e300}\n"
		      "{\"c\":100000000000000000000000}",
		      "float64 -0.0 nan -inf 1e+300 1e+23");
}

static void test_fmt_jsonl__strings(void **state)
{
	(void)state;
	expect_column("string", "{\"c\":\"\\ud83d\\ude00\\u00e9\\\"\\\\\"}\r\n\n  \n",
		      "string \xf0\x9f\x98\x80\xc3\xa9\"\\\\");
	expect_column("string", "{\"c\":\"-0 12345678901234567890\"}",
		      "string -0 12345678901234567890");
	expect_column("string", "{\"c\":\"\xff\"}", "line 1: the line is not UTF-8");
	expect_column("string", "{\"c\":\"\xed\xa0\x80\"}",
		      "line 1: the line is not UTF-8");
	expect_column("string", "{\"c\":5}", "line 1: a number is not string");
	expect_column("binary", "{\"c\":\"aGk=\"}\n{\"c\":\"\"}\n{\"c\":\"YWJj\"}",
		      "binary hi  abc");
}

static void test_fmt_jsonl__what_is_wrong_is_told(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"{\"c\":1}\n{\"d\":1}", "line 2: the key is 'd' and was 'c' before"},
		{"{\"c\":1,\"d\":1}",
		 "line 1: an object of 2 members; a column's have one"},
		{"{}", "line 1: an object of 0 members; a column's have one"},
		{"[1]", "line 1: no JSON object"},
		{"null", "line 1: no JSON object"},
		{"{\"c\":1", "line 1: the JSON value does not end"},
		{"{\"c\":1} x",
		 "line 1: not JSON at character 9: unexpected character"},
		{"{\"c\":[1,]}",
		 "line 1: not JSON at character 9: unexpected character"},
		{"{c:1}", "line 1: not JSON at character 2: quoted object property "
			  "name expected"},
		{"{\"c\":01}", "line 1: not JSON at character 8: number expected"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_column("int64", cases[i][0], cases[i][1]);
	expect_column("list<int8>", "{\"c\":[1,300]}",
		      "line 1: item 2: '300' is not int8");
	expect_column("int8[2]", "{\"c\":[1]}", "line 1: 1 items, wanted 2");
	expect_column("struct<a: int8>", "{\"c\":{\"a\":1,\"bb\":2}}",
		      "line 1: there is no member 'bb'");
	expect_column("binary", "{\"c\":\"AAE\"}",
		      "line 1: base64 of 3 characters, not a multiple of 4");
	expect_column("binary", "{\"c\":\"AA-=\"}",
		      "line 1: character 3 is not of base64");
	expect_rows("jsonl", "int8", 1, false, "{\"c\":1}\n\n{\"c\":1}\n",
		    "line 3: the table has 1 rows");
	expect_rows("jsonl", "int8", 2, false, "{\"c\":1}\n", "expected 2 rows, got 1");
}

static void test_fmt_jsonl__depth_is_bounded(void **state)
{
	(void)state;
	AUTO_BUF struct buf text = {0};
	AUTO(array) struct array *a = NULL;
	AUTO(type) struct type *t = type_of("list<int8>");
	buf_str(&text, "{\"c\":");
	for (int i = 0; i < 100000; i++)
		buf_byte(&text, '[');
	AUTO_ERR struct err *err =
		parse_bytes("jsonl", t, 1, text.data, text.len, 0, &a);
	assert_non_null(err);
	assert_non_null(strstr(err->msg, "nesting too deep"));
	AUTO_ERR struct err *untyped =
		parse_bytes("jsonl", NULL, 1, text.data, text.len, 0, &a);
	assert_non_null(untyped);
}

static void test_fmt_jsonl__learns_the_type(void **state)
{
	(void)state;
	expect_column(NULL, "{\"c\":1}\n{\"c\":null}\n", "int64 1 \\N");
	expect_column(NULL, "{\"c\":9223372036854775807}\n",
		      "int64 9223372036854775807");
	expect_column(NULL, "{\"c\":1}\n{\"c\":2.5}", "float64 1.0 2.5");
	expect_column(NULL, "{\"c\":NaN}", "float64 nan");
	expect_column(NULL, "{\"c\":true}", "bool true");
	expect_column(NULL, "{\"c\":\"1\"}", "string 1");
	expect_column(NULL, "{\"c\":[]}\n{\"c\":[1,null]}\n{\"c\":[2.5]}",
		      "list<float64> [] [1.0,null] [2.5]");
	expect_column(NULL, "{\"c\":{\"a\":1}}\n{\"c\":{\"b\":[\"x\"]}}",
		      "struct<a: int64, b: list<string>> {\"a\":1,\"b\":null} "
		      "{\"a\":null,\"b\":[\"x\"]}");
	expect_column(NULL, "{\"c\":1}\n{\"c\":\"x\"}",
		      "line 2: a string where a number was before");
	expect_column(NULL, "{\"c\":[1,true]}",
		      "line 1: item 2: true or false where a number was before");
	expect_column(NULL, "{\"c\":9223372036854775808}",
		      "line 1: 9223372036854775808 is no int64; state the type");
	expect_column(NULL, "{\"c\":null}",
		      "no value tells the type; state it in the name: c.TYPE.jsonl");
}

static void test_fmt_jsonl__tables(void **state)
{
	(void)state;
	expect_table(
		NULL, "{\"a\":1,\"b\":\"x\"}\n{\"c\":null,\"a\":2.5}\n",
		"struct<a: float64, b: string, c: null> "
		"{\"a\":1.0,\"b\":\"x\",\"c\":null} {\"a\":2.5,\"b\":null,\"c\":null}");
	expect_table("struct<a: int32, name: string>", "{\"name\":\"x\"}\n{}",
		     "struct<a: int32, name: string> {\"a\":null,\"name\":\"x\"} "
		     "{\"a\":null,\"name\":null}");
	expect_table("struct<a: int32, name: string>",
		     "{\"a\":1}\n{\"a\":1,\"nam\":\"x\"}",
		     "line 2: the table has no column 'nam' (did you mean 'name'?)");
	expect_table("struct<a: int32, l: list<int8>>", "{\"l\":[1,\"x\"]}",
		     "line 1: column 'l': item 2: 'x' is not int8");
	expect_table(NULL, "{\"a\":1}\n{\"a\":{}}",
		     "line 2: 'a': an object where a number was before");
	AUTO(type) struct type *t = type_of("struct<a: int32, b: string>");
	AUTO(array) struct array *a = NULL;
	t->children[1]->nullable = false;
	AUTO_ERR struct err *err = parse_table("jsonl", t, 1, "{\"a\":1}", 7, 0, &a);
	assert_non_null(err);
	assert_string_equal(err->msg,
			    "line 1: column 'b': null, which is not allowed there");
}

static void test_fmt_jsonl__tables_round_trip(void **state)
{
	(void)state;
	uint64_t seed = 5;
	AUTO(type)
	struct type *t = type_of("struct<s: string, l: list<float32>, i: int64, v: "
				 "float32[4], b: binary>");
	AUTO(array) struct array *a = random_array(t, 40000, 0, &seed);
	AUTO(view) struct view *v = view_of_table("jsonl", a);
	AUTO_BUF struct buf file = {0};
	view_bytes(v, 1 << 20, &file);
	static const size_t steps[] = {0, 4099};
	for (size_t i = 0; i < 2; i++) {
		AUTO(array) struct array *back = NULL;
		must(parse_table("jsonl", t, PARSE_ANY_ROWS, file.data, file.len,
				 steps[i], &back));
		assert_true(array_equal(a, back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_jsonl__round_trips),
		cmocka_unit_test(test_fmt_txt__nested_values_round_trip),
		cmocka_unit_test(test_fmt_jsonl__numbers_keep_every_digit),
		cmocka_unit_test(test_fmt_jsonl__strings),
		cmocka_unit_test(test_fmt_jsonl__what_is_wrong_is_told),
		cmocka_unit_test(test_fmt_jsonl__depth_is_bounded),
		cmocka_unit_test(test_fmt_jsonl__learns_the_type),
		cmocka_unit_test(test_fmt_jsonl__tables),
		cmocka_unit_test(test_fmt_jsonl__tables_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
