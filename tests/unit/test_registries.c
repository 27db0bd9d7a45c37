// SPDX-License-Identifier: Apache-2.0
/*
 * test_registries.c: every row of the registry of column file formats.
 */
#include "random_array.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_registries__suffixes_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; format_at(i); i++)
		assert_ptr_equal(format_find(format_suffix(format_at(i))),
				 format_at(i));
	assert_null(format_find("doc"));
}

static void test_registries__natural_formats(void **state)
{
	(void)state;
	static const char *const cases[][2] = {{"string", "txt"},
					       {"int64", "txt"},
					       {"float32[768]", "npy"},
					       {"list<int8>", "txt"},
					       {"string[3]", "txt"},
					       {"binary", NULL},
					       {"dictionary<int8, string>", "txt"},
					       {"dictionary<int8, binary>", NULL}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(type) struct type *t = type_of(cases[i][0]);
		const struct format_ops *f = format_natural(t);
		assert_ptr_equal(f, cases[i][1] ? format_find(cases[i][1]) : NULL);
	}
}

/* What a format says it renders it renders, and what it can parse it opens. */
static void test_registries__claims_hold(void **state)
{
	(void)state;
	static const char *const types[] = {
		"null",	      "bool",	      "int64",	      "string", "binary",
		"float32[2]", "list<string>", "decimal(5,1)", "date64"};
	uint64_t seed = 1, size;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		AUTO(type) struct type *t = type_of(types[i]);
		AUTO(array) struct array *a = random_array(t, 5, 20, &seed);
		for (size_t k = 0; format_at(k); k++) {
			if (format_renders(format_at(k), t)) {
				AUTO(view)
				struct view *v =
					view_of(format_suffix(format_at(k)), a, "c");
				must(view_size(v, &size));
			}
			AUTO(parser) struct parser *p = NULL;
			struct parse_options options = {.type = t, .name = "c"};
			struct err *err = parser_open(format_at(k), &options, &p);
			assert_true(format_parses(format_at(k), t) == !err);
			err_free(err);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registries__suffixes_are_unique),
		cmocka_unit_test(test_registries__natural_formats),
		cmocka_unit_test(test_registries__claims_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
