// SPDX-License-Identifier: Apache-2.0
/*
 * test_fmt_npy.c: NumPy files out and in again, what is refused and how.
 */
#include "parse_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void check_round_trip(const char *type, unsigned nulls)
{
	uint64_t seed = nulls;
	AUTO(type) struct type *t = type_of(type);
	AUTO(array) struct array *a = random_array(t, 300, nulls, &seed);
	AUTO(view) struct view *v = view_of("npy", a, "c");
	AUTO_BUF struct buf file = {0};
	view_bytes(v, 4096, &file);
	static const size_t steps[] = {0, 1, 4096};
	for (size_t i = 0; i < 3; i++) {
		AUTO(array) struct array *back = NULL;
		must(parse_bytes("npy", t, 300, file.data, file.len, steps[i], &back));
		if (!array_equal(a, back))
			fail_msg("%s with %u%% nulls, pushed by %zu", type, nulls,
				 steps[i]);
	}
}

static void test_fmt_npy__round_trips(void **state)
{
	(void)state;
	static const char *const types[] = {"bool",
					    "int8",
					    "int16",
					    "int32",
					    "int64",
					    "uint8",
					    "uint16",
					    "uint32",
					    "uint64",
					    "float16",
					    "float32",
					    "float64",
					    "float32[3]",
					    "bool[3]",
					    "int64[3][2]",
					    "time32[ms]",
					    "timestamp[us, UTC]"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		check_round_trip(types[i], 0);
}

/* Only times have a value that reads back as null. */
static void test_fmt_npy__null_times_round_trip(void **state)
{
	(void)state;
	static const char *const types[] = {"date32",	    "date64",
					    "timestamp[s]", "timestamp[ns]",
					    "duration[ms]", "date32"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		check_round_trip(types[i], 30);
}

static void test_fmt_npy__nulls_become_nan_or_zero(void **state)
{
	(void)state;
	AUTO(type) struct type *t = type_of("float32[2]");
	AUTO(type) struct type *n = type_of("int32");
	AUTO(array) struct array *a = NULL;
	AUTO(array) struct array *b = NULL;
	AUTO_BUF struct buf out = {0};
	must(array_new_null(t, 1, &a));
	must(array_new_null(n, 1, &b));
	AUTO(view) struct view *va = view_of("npy", a, "c");
	AUTO(view) struct view *vb = view_of("npy", b, "c");
	view_bytes(va, 1000, &out);
	assert_int_equal(out.len, 128 + 8);
	assert_int_equal(load_u32le(out.data + 128), 0x7fc00000);
	assert_int_equal(load_u32le(out.data + 132), 0x7fc00000);
	out.len = 0;
	view_bytes(vb, 1000, &out);
	assert_int_equal(load_u32le(out.data + 128), 0);
}

/* An npy file of that version with the dictionary and data. */
static void make_file(uint8_t version, const char *dict, const void *data, size_t len,
		      struct buf *out)
{
	out->len = 0;
	buf_append(out, "\x93NUMPY", 6);
	buf_byte(out, version);
	buf_byte(out, 0);
	if (version == 1)
		buf_u16le(out, (uint16_t)strlen(dict));
	else
		buf_u32le(out, (uint32_t)strlen(dict));
	buf_str(out, dict);
	buf_append(out, data, len);
	must(buf_check(out));
}

static void test_fmt_npy__foreign_headers(void **state)
{
	(void)state;
	static const struct {
		const char *dict, *want, *type;
	} cases[] = {
		{"{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", NULL,
		 "int16"},
		{"{'shape':(2,),'fortran_order':False,'descr':'<i2'}\n", NULL, "int16"},
		{"{'descr': '<i2', 'fortran_order': True, 'shape': (2,), }", NULL,
		 "int16"},
		{"{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }", "int32",
		 "int32"},
		{"{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", "float64",
		 "float64"},
		{"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }",
		 "uint8[2]", "uint8[2]"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (uint8_t version = 1; version <= 3; version++) {
			AUTO_BUF struct buf file = {0};
			AUTO(type)
			struct type *want =
				cases[i].want ? type_of(cases[i].want) : NULL;
			AUTO(type) struct type *type = type_of(cases[i].type);
			AUTO(array) struct array *a = NULL;
			make_file(version, cases[i].dict, "\1\2\3\4", 4, &file);
			must(parse_bytes("npy", want, 2, file.data, file.len, 1, &a));
			assert_true(type_equal(a->type, type));
		}
	}
}

static void test_fmt_npy__big_endian_values(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	AUTO(array) struct array *a = NULL;
	make_file(1, "{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }",
		  "\xff\xff\xff\xfe\0\0\1\2", 8, &file);
	AUTO(type) struct type *t = type_of("int64");
	must(parse_bytes("npy", t, 2, file.data, file.len, 0, &a));
	assert_int_equal(load_u64le(a->data->data), (uint64_t)-2);
	assert_int_equal(load_u64le(a->data->data + 8), 258);
}

static void check_refused(const char *dict, const char *type, uint64_t n_rows,
			  const char *part)
{
	AUTO_BUF struct buf file = {0};
	AUTO(type) struct type *t = type ? type_of(type) : NULL;
	AUTO(array) struct array *a = NULL;
	make_file(1, dict, "", 0, &file);
	struct err *err = parse_bytes("npy", t, n_rows, file.data, file.len, 0, &a);
	if (!err || !strstr(err->msg, part))
		fail_msg("%s: got '%s', wanted '%s'", dict, err ? err->msg : "success",
			 part);
	err_free(err);
}

#define DICT(descr, order, shape)                                                      \
	"{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void test_fmt_npy__refused(void **state)
{
	(void)state;
	check_refused(DICT("'|O'", "False", "(5,)"), NULL, 5, "Python objects");
	check_refused(DICT("'<U3'", "False", "(5,)"), NULL, 5, "write it as .txt");
	check_refused(DICT("'<c8'", "False", "(5,)"), NULL, 5, "complex");
	check_refused(DICT("[('a', '<i4')]", "False", "(5,)"), NULL, 5, "structure");
	check_refused(DICT("'<M8'", "False", "(5,)"), NULL, 5, "astype('M8[us]')");
	check_refused(DICT("'<f4'", "True", "(5, 2)"), NULL, 5, "ascontiguousarray");
	check_refused(DICT("'<f4'", "False", "()"), NULL, 5, "single value");
	check_refused(DICT("'<f4'", "False", "(5, 0)"), NULL, 5, "dimension of 0");
	check_refused(DICT("'<f4'", "False", "(4,)"), NULL, 5,
		      "expected 5 rows, got 4");
	check_refused(DICT("'<f4'", "False", "(1000000000000, 768)"), NULL, 5,
		      "expected 5 rows, got 1000000000000");
	check_refused(DICT("'<f4'", "False", "(5, 9999999999)"), NULL, 5,
		      "rows of more than");
	check_refused(DICT("'<f8'", "False", "(5,)"), "float32", 5,
		      "the file holds float64, the column is float32");
	check_refused(DICT("'<f4'", "False", "(5, 3)"), "float32[4]", 5, "float32[3]");
	check_refused(DICT("'<f4'", "False", "(5,)"), "float32[4]", 5, "float32");
	check_refused(DICT("'<f4'", "False", "(5,)"), NULL, 5,
		      "the file ends in row 1 of 5");
	check_refused("{'descr': '<f4'}", NULL, 5, "malformed");
	check_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (5", NULL, 5,
		      "malformed");
}

static void test_fmt_npy__bytes_behind_the_end(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	AUTO(array) struct array *a = NULL;
	make_file(1, DICT("'|i1'", "False", "(2,)"), "\1\2\3", 3, &file);
	struct err *err = parse_bytes("npy", NULL, 2, file.data, file.len, 0, &a);
	assert_non_null(err);
	assert_non_null(strstr(err->msg, "after the last row"));
	err_free(err);
}

static void test_fmt_npy__no_rows(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	AUTO(array) struct array *a = NULL;
	make_file(1, DICT("'<f4'", "False", "(0, 3)"), "", 0, &file);
	must(parse_bytes("npy", NULL, 0, file.data, file.len, 0, &a));
}

static void test_fmt_npy__wrong_magic_is_told_at_once(void **state)
{
	(void)state;
	expect_parse_error("npy", NULL, 5, "P", "not an npy file");
	expect_parse_error("npy", NULL, 5, "\x93NUM", "does not end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_npy__round_trips),
		cmocka_unit_test(test_fmt_npy__null_times_round_trip),
		cmocka_unit_test(test_fmt_npy__nulls_become_nan_or_zero),
		cmocka_unit_test(test_fmt_npy__foreign_headers),
		cmocka_unit_test(test_fmt_npy__big_endian_values),
		cmocka_unit_test(test_fmt_npy__refused),
		cmocka_unit_test(test_fmt_npy__bytes_behind_the_end),
		cmocka_unit_test(test_fmt_npy__no_rows),
		cmocka_unit_test(test_fmt_npy__wrong_magic_is_told_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
