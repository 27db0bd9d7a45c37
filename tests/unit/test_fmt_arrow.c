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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_arrow__frames),
		cmocka_unit_test(test_fmt_arrow__round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
