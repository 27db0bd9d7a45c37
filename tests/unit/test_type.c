// SPDX-License-Identifier: Apache-2.0
/*
 * test_type.c: names of types, both ways.
 */
#include "random_array.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_type__names_round_trip(void **state)
{
	(void)state;
	static const char *const names[] = {"bool",
					    "int8",
					    "uint64",
					    "float16",
					    "float32",
					    "float64",
					    "string",
					    "large_string",
					    "binary",
					    "large_binary",
					    "date32",
					    "date64",
					    "time32[s]",
					    "time64[ns]",
					    "timestamp[us]",
					    "timestamp[ns, Europe/Zurich]",
					    "duration[ms]",
					    "decimal(10,2)",
					    "decimal(50,3)",
					    "decimal256(10,2)",
					    "float32[768]",
					    "float32[3][2]",
					    "list<string>",
					    "large_list<list<int8>>",
					    "struct<a: int64, \"b \"\"c\": string[2]>",
					    "map<string, int64>",
					    "dictionary<int8, string>",
					    "fixed_size_binary[16]",
					    "null",
					    "struct<>"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO(type) struct type *t = type_of(names[i]);
		AUTO_MEM char *text = NULL;
		must(type_format(t, &text));
		assert_string_equal(text, names[i]);
		AUTO(type) struct type *again = type_of(text);
		assert_true(type_equal(t, again));
	}
}

static void test_type__sql_names(void **state)
{
	(void)state;
	static const char *const names[][2] = {{"INT", "int32"},
					       {"BIGINT", "int64"},
					       {"VARCHAR", "string"},
					       {"varchar(20)", "string"},
					       {"DOUBLE", "float64"},
					       {"float", "float32"},
					       {"halffloat", "float16"},
					       {"DATE", "date32"},
					       {"TIMESTAMP", "timestamp[us]"},
					       {"NUMERIC(10, 2)", "decimal(10,2)"},
					       {"BOOLEAN", "bool"},
					       {"BLOB", "binary"},
					       {" float [ 4 ] ", "float32[4]"},
					       {"decimal(40)", "decimal(40,0)"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO(type) struct type *t = type_of(names[i][0]);
		AUTO_MEM char *text = NULL;
		must(type_format(t, &text));
		assert_string_equal(text, names[i][1]);
	}
}

static void test_type__bad_names(void **state)
{
	(void)state;
	static const char *const names[] = {"",
					    "in",
					    "int33",
					    "int32 x",
					    "float32[",
					    "float32[x]",
					    "float32[99999999999]",
					    "list",
					    "list<",
					    "list<int8",
					    "struct<a>",
					    "struct<\"a: int8>",
					    "decimal(0,0)",
					    "decimal(10,11)",
					    "decimal(77)",
					    "timestamp[h]",
					    "time32[us]",
					    "time64[s]",
					    "timestamp[us,]",
					    "dictionary<string, string>",
					    "map<int8>"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct type *t = NULL;
		struct err *err = type_parse(names[i], &t);
		assert_non_null(err);
		assert_int_equal(err->code, 22);
		err_free(err);
	}
}

static void test_type__nesting_is_bounded(void **state)
{
	(void)state;
	AUTO_BUF struct buf deep = {0};
	AUTO_MEM char *text = NULL;
	for (int i = 0; i < 10000; i++)
		buf_str(&deep, "list<");
	must(buf_take_str(&deep, &text));
	struct type *t = NULL;
	struct err *err = type_parse(text, &t);
	assert_non_null(err);
	err_free(err);
}

static void test_type__row_bits(void **state)
{
	(void)state;
	AUTO(type) struct type *vector = type_of("float32[3][2]");
	AUTO(type) struct type *text = type_of("string[3]");
	assert_int_equal(type_row_bits(vector), 192);
	assert_int_equal(type_row_bits(text), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_type__names_round_trip),
		cmocka_unit_test(test_type__sql_names),
		cmocka_unit_test(test_type__bad_names),
		cmocka_unit_test(test_type__nesting_is_bounded),
		cmocka_unit_test(test_type__row_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
