// SPDX-License-Identifier: Apache-2.0
/*
 * test_fmt_arrow.c: the frame of Arrow files, and back; pyarrow reads and writes them
 * in interop.
 */
#include "parse_help.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const types[] = {
	"int8",
	"bool",
	"string",
	"large_binary",
	"float32[3]",
	"list<string>",
	"null",
	"struct<a: int64, b: list<bool>>",
	"map<string, int64>",
	"dictionary<int8, string>",
	"struct<a: list<dictionary<int8, string>>, b: bool>",
	"decimal(50,3)",
	"timestamp[us, UTC]",
	"fixed_size_binary[5]"};

static void check_frame(const struct buf *file)
{
	assert_memory_equal(file->data, "ARROW1\0\0\xff\xff\xff\xff", 12);
	assert_memory_equal(file->data + file->len - 6, "ARROW1", 6);
	uint32_t footer = load_u32le(file->data + file->len - 10);
	assert_true(footer < file->len - 10);
	size_t start = file->len - 10 - footer;
	assert_int_equal(start % 8, 0);
	assert_memory_equal(file->data + start - 8, "\xff\xff\xff\xff\0\0\0\0", 8);
	assert_int_equal((start - 8) % 64, 0);
}

/* Messages follow each other, each aligned, until the end mark. */
static size_t count_messages(const struct buf *file)
{
	size_t at = 8, n = 0;
	uint32_t footer = load_u32le(file->data + file->len - 10);
	size_t end = file->len - 10 - footer - 8;
	while (at < end) {
		assert_int_equal(load_u32le(file->data + at), UINT32_MAX);
		uint32_t len = load_u32le(file->data + at + 4);
		const uint8_t *root = file->data + at + 8;
		const uint8_t *table = root + load_u32le(root);
		const uint8_t *vtable = table - load_u32le(table);
		at += 8 + len + load_u64le(table + load_u16le(vtable + 10));
		n++;
		assert_int_equal(at % 64, 0);
	}
	assert_int_equal(at, end);
	return n;
}

static void test_fmt_arrow__frames(void **state)
{
	(void)state;
	static const uint64_t rows[] = {0, 1, 1000, 70000};
	uint64_t seed = 1, size;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		AUTO(type) struct type *t = type_of(types[i]);
		for (size_t k = 0; k < 4; k++) {
			AUTO(array)
			struct array *a = random_array(t, rows[k], 20, &seed);
			AUTO(view) struct view *v = view_of("arrow", a, "c");
			AUTO_BUF struct buf file = {0};
			must(view_size(v, &size));
			view_bytes(v, 65536, &file);
			assert_int_equal(file.len, size);
			check_frame(&file);
			size_t n = count_messages(&file);
			assert_true(rows[k] ? n >= 2 : n == 1);
		}
	}
}

/* What we render is what we parse, however it is cut. */
static void test_fmt_arrow__round_trip(void **state)
{
	static const size_t pieces[] = {1, 7, 1000, 0};
	uint64_t seed = 5, size;
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		AUTO(type) struct type *t = type_of(types[i]);
		AUTO(array) struct array *a = random_array(t, 3000, 20, &seed);
		AUTO(view) struct view *v = view_of("arrow", a, "c");
		AUTO_BUF struct buf file = {0};
		if (type_has_dictionary(t))
			continue; /* it comes back as its values */
		must(view_size(v, &size));
		view_bytes(v, 65536, &file);
		for (size_t k = 0; k < 4; k++) {
			AUTO(array) struct array *got = NULL;
			must(parse_bytes("arrow", NULL, 3000, file.data, file.len,
					 pieces[k], &got));
			assert_true(array_equal(got, a));
		}
	}
}

/* --- tables, and types that differ in the width of their offsets --- */

static struct array *random_table(const char *type, struct buf *file)
{
	uint64_t seed = 9;
	AUTO(type) struct type *t = type_of(type);
	struct array *a = random_array(t, 2000, 0, &seed);
	for (size_t i = 0; i < a->n_children; i++) {
		array_unref(a->children[i]);
		a->children[i] =
			random_array(t->children[i]->type, a->n_rows, 15, &seed);
	}
	AUTO(view) struct view *v = view_of_table("arrow", a);
	view_bytes(v, 1 << 20, file);
	return a;
}

#define TABLE "struct<s: string, l: list<binary>, i: int8, n: null, f: float32[2]>"

static void test_fmt_arrow__tables_round_trip(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	AUTO(array) struct array *a = random_table(TABLE, &file);
	static const size_t steps[] = {0, 1, 1000};
	for (size_t i = 0; i < 6; i++) {
		AUTO(array) struct array *got = NULL;
		must(parse_table("arrow", i % 2 ? a->type : NULL, PARSE_ANY_ROWS,
				 file.data, file.len, steps[i / 2], &got));
		assert_true(array_equal(got, a));
	}
}

static void test_fmt_arrow__tables_find_columns_by_name(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	AUTO(array) struct array *a = random_table(TABLE, &file);
	AUTO(array) struct array *got = NULL;
	AUTO(type)
	struct type *t =
		type_of("struct<f: float32[2], more: int64[3], n: int32, i: int8, s: "
			"large_string, l: large_list<large_binary>>");
	must(parse_table("arrow", t, 2000, file.data, file.len, 0, &got));
	assert_true(array_equal(got->children[0], a->children[4]));
	assert_int_equal(got->children[1]->n_nulls, 2000);
	assert_int_equal(got->children[2]->n_nulls, 2000);
	assert_true(array_equal(got->children[3], a->children[2]));
	for (uint64_t i = 0; i < 2000; i++) {
		uint64_t n, m;
		const uint8_t *p = array_var(a->children[0], i, &n);
		const uint8_t *q = array_var(got->children[4], i, &m);
		assert_int_equal(n, m);
		assert_memory_equal(p, q, n);
	}
	assert_int_equal(array_offset(got->children[5], 2000),
			 array_offset(a->children[1], 2000));
}

static void test_fmt_arrow__tables_refuse(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"struct<ss: string, l: list<binary>, i: int8, n: null, f: float32[2]>",
		 "the table has no column 's' (did you mean 'ss'?)"},
		{"struct<s: string, l: list<string>, i: int8, n: null, f: float32[2]>",
		 "column 'l': the file holds list<binary>, the table's is "
		 "list<string>"},
		{"struct<s: string, l: list<binary>, i: int16, n: null, f: float32[2]>",
		 "column 'i': the file holds int8, the table's is int16"}};
	AUTO_BUF struct buf file = {0};
	AUTO(array) struct array *a = random_table(TABLE, &file);
	AUTO(array) struct array *got = NULL;
	for (size_t i = 0; i < 3; i++) {
		AUTO(type) struct type *t = type_of(cases[i][0]);
		AUTO_ERR struct err *err = parse_table("arrow", t, PARSE_ANY_ROWS,
						       file.data, file.len, 0, &got);
		assert_non_null(err);
		assert_string_equal(err->msg, cases[i][1]);
	}
	a->type->children[0]->nullable = false;
	AUTO_ERR struct err *err = parse_table("arrow", a->type, PARSE_ANY_ROWS,
					       file.data, file.len, 0, &got);
	assert_non_null(err);
	assert_string_equal(err->msg,
			    "column 's' has nulls, which the table's does not allow");
}

static void test_fmt_arrow__a_column_keeps_its_width(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"string", "large_string"},
					       {"large_binary", "binary"},
					       {"list<string>", "large_list<string>"}};
	uint64_t seed = 4;
	for (size_t i = 0; i < 3; i++) {
		AUTO(type) struct type *t = type_of(pairs[i][0]);
		AUTO(type) struct type *wanted = type_of(pairs[i][1]);
		AUTO(array) struct array *a = random_array(t, 900, 20, &seed);
		AUTO(view) struct view *v = view_of("arrow", a, "c");
		AUTO_BUF struct buf file = {0};
		AUTO(array) struct array *got = NULL;
		view_bytes(v, 65536, &file);
		must(parse_bytes("arrow", wanted, 900, file.data, file.len, 0, &got));
		assert_true(type_equal(got->type, wanted));
		AUTO_BUF struct buf before = {0};
		AUTO_BUF struct buf after = {0};
		for (uint64_t row = 0; row < 900; row++) {
			must(value_render(a, row, &before));
			must(value_render(got, row, &after));
		}
		assert_int_equal(before.len, after.len);
		assert_memory_equal(before.data, after.data, before.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_arrow__frames),
		cmocka_unit_test(test_fmt_arrow__round_trip),
		cmocka_unit_test(test_fmt_arrow__tables_round_trip),
		cmocka_unit_test(test_fmt_arrow__tables_find_columns_by_name),
		cmocka_unit_test(test_fmt_arrow__tables_refuse),
		cmocka_unit_test(test_fmt_arrow__a_column_keeps_its_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
