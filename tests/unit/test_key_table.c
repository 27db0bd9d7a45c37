// SPDX-License-Identifier: Apache-2.0
/*
 * test_key_table.c: keys of a join: found by value, whatever the width of their type.
 */
#include "job/join_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct key text_key(const char *s)
{
	return (struct key){.p = (const uint8_t *)s, .len = strlen(s)};
}

static void test_key_table__of_many_keys(void **state)
{
	struct key_table t = {0};
	uint32_t same;
	char text[32];
	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "%u", i);
		struct key k = text_key(i ? text : "");
		assert_null(i % 7 == 3 ? key_table_add_null(&t)
				       : key_table_add(&t, &k, &same));
		assert_true(i % 7 == 3 || same == NO_ROW);
	}
	assert_int_equal(t.n_rows, 20000);
	for (uint32_t i = 0; i < 20002; i++) {
		snprintf(text, sizeof(text), "%u", i);
		struct key k = text_key(i ? text : "");
		bool is_there = i < 20000 && i % 7 != 3;
		assert_int_equal(key_table_find(&t, &k), is_there ? i : NO_ROW);
	}
	key_table_fini(&t);
}

static void test_key_table__same_key_again(void **state)
{
	static const struct {
		const char *key;
		uint32_t same;
	} rows[] = {{"a", NO_ROW},  {"", NO_ROW}, {"a", 0},
		    {"aa", NO_ROW}, {"", 1},	  {"a", 0}};
	struct key_table t = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key k = text_key(rows[i].key);
		uint32_t same;
		assert_null(key_table_add(&t, &k, &same));
		assert_int_equal(same, rows[i].same);
	}
	assert_int_equal(t.n_keys, 3);
	key_table_fini(&t);
}

static void test_key_table__that_is_empty(void **state)
{
	struct key_table t = {0};
	struct key k = text_key("a");
	(void)state;
	assert_int_equal(key_table_find(&t, &k), NO_ROW);
	key_table_fini(&t);
}

/* The key of -3 or 253 as a value of a type of one byte, and of all wider ones. */
static void test_key_of__integers_of_all_widths(void **state)
{
	static const struct {
		const char *type;
		int64_t value;
	} cases[] = {{"int8", -3},   {"int16", -3},   {"int32", -3},   {"int64", -3},
		     {"uint8", 253}, {"uint16", 253}, {"uint32", 253}, {"uint64", 253}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(type) struct type *type = NULL;
		AUTO(array) struct array *a = NULL;
		struct key k;
		assert_null(type_parse(cases[i].type, &type));
		assert_null(array_new(type, 2, &a));
		assert_null(bytes_new_zero(16, &a->data));
		memcpy(a->data->data + type_bits(type) / 8, &cases[i].value,
		       type_bits(type) / 8);
		key_of(a, 1, &k);
		assert_int_equal(k.len, 8);
		assert_int_equal((int64_t)load_u64le(k.p), cases[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_table__of_many_keys),
		cmocka_unit_test(test_key_table__same_key_again),
		cmocka_unit_test(test_key_table__that_is_empty),
		cmocka_unit_test(test_key_of__integers_of_all_widths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
