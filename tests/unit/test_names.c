// SPDX-License-Identifier: Apache-2.0
/*
 * test_names.c: manifest names, column names as file names, data file names.
 */
#include "job/job.h"
#include "table/table_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_manifest_name__both_schemes(void **state)
{
	static const struct {
		const char *name;
		enum naming naming;
		uint64_t version;
	} cases[] = {
		{"1.manifest", NAMING_V1, 1},
		{"12345.manifest", NAMING_V1, 12345},
		{"18446744073709551614.manifest", NAMING_V2, 1},
		{"18446744073709551605.manifest", NAMING_V2, 10},
		{"00000000000000000000.manifest", NAMING_V2, UINT64_MAX},
		{"01.manifest", NAMING_NONE, 0},
		{"d9223372036854775809.manifest", NAMING_NONE, 0},
		{".manifest", NAMING_NONE, 0},
		{"x.manifest", NAMING_NONE, 0},
		{"1.manifest.tmp", NAMING_NONE, 0},
		{"1.manifest#1", NAMING_NONE, 0},
		{"99999999999999999999.manifest", NAMING_NONE, 0},
		{"latest_version_hint.json", NAMING_NONE, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t version = 0;
		enum naming naming = manifest_name_parse(cases[i].name, &version);
		if (naming != cases[i].naming ||
		    (naming != NAMING_NONE && version != cases[i].version))
			fail_msg("%s: scheme %d, version %llu", cases[i].name, naming,
				 (unsigned long long)version);
	}
}

static void test_manifest_path__is_parsed_back(void **state)
{
	static const uint64_t versions[] = {1, 9, 10, 4294967296, UINT64_MAX - 1};
	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		for (int n = NAMING_V1; n <= NAMING_V2; n++) {
			char *path;
			uint64_t version;
			assert_null(manifest_path((enum naming)n, versions[i], &path));
			if (n == NAMING_V1 && versions[i] == UINT64_MAX - 1) {
				free(path); /* 20 digits read as V2 */
				continue;
			}
			assert_int_equal(
				manifest_name_parse(strchr(path, '/') + 1, &version),
				n);
			assert_int_equal(version, versions[i]);
			free(path);
		}
	}
}

static void test_data_file_name__is_unlike_others(void **state)
{
	char *a, *b;
	(void)state;
	assert_null(data_file_name(&a));
	assert_null(data_file_name(&b));
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 24 + 26 + strlen(".lance"));
	assert_int_equal(strspn(a, "01"), 24 + strspn(a + 24, "01"));
	free(a);
	free(b);
}

static void test_name_encode__round_trips(void **state)
{
	static const struct {
		const char *name, *encoded;
	} cases[] = {
		{"caption", "caption"}, {"a/b", "a%2Fb"},
		{"50%", "50%25"},	{"", "%"},
		{".x", "%2Ex"},		{"#x", "%23x"},
		{"a.b", "a.b"},		{"l\nb", "l%0Ab"},
		{"\x7f", "%7F"},	{"ünï", "ünï"},
		{"x y", "x y"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *encoded, *back;
		assert_null(name_encode(cases[i].name, &encoded));
		assert_string_equal(encoded, cases[i].encoded);
		assert_null(name_decode(encoded, &back));
		assert_string_equal(back, cases[i].name);
		free(encoded);
		free(back);
	}
}

static void test_name_encode__long_names_end_in_a_hash(void **state)
{
	char a[301], b[301], *ea, *eb;
	(void)state;
	memset(a, 'x', 300);
	memset(b, 'x', 300);
	a[300] = b[300] = 0;
	b[299] = 'y';
	assert_null(name_encode(a, &ea));
	assert_null(name_encode(b, &eb));
	assert_true(strlen(ea) <= 200);
	assert_string_not_equal(ea, eb);
	free(ea);
	free(eb);
}

static void test_name_decode__refuses_other_spellings(void **state)
{
	static const char *const bad[] = {"a%2fb", "%61", "%", "%2", "a%", ".x", "%00"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *name = NULL;
		struct err *err = name_decode(bad[i], &name);
		if (strcmp(bad[i], "%") == 0) { /* the empty name */
			assert_null(err);
			free(name);
			continue;
		}
		if (!err)
			fail_msg("%s was accepted", bad[i]);
		err_free(err); /* expected */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_name__both_schemes),
		cmocka_unit_test(test_manifest_path__is_parsed_back),
		cmocka_unit_test(test_data_file_name__is_unlike_others),
		cmocka_unit_test(test_name_encode__round_trips),
		cmocka_unit_test(test_name_encode__long_names_end_in_a_hash),
		cmocka_unit_test(test_name_decode__refuses_other_spellings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
