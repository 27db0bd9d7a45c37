// SPDX-License-Identifier: Apache-2.0
/*
 * test_fmt_tar.c: archives of binary values out and in again, and what archives of
 * others may hold.
 */
#include "parse_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void check_round_trip(const char *type, unsigned nulls)
{
	uint64_t seed = nulls + 3;
	AUTO(type) struct type *t = type_of(type);
	AUTO(array) struct array *a = random_array(t, 300, nulls, &seed);
	AUTO(view) struct view *v = view_of("tar", a, "c");
	AUTO_BUF struct buf file = {0};
	uint64_t size;
	must(view_size(v, &size));
	view_bytes(v, 4096, &file);
	assert_int_equal(size, file.len);
	assert_int_equal(size % 512, 0);
	static const size_t steps[] = {0, 1, 7, 513};
	for (size_t i = 0; i < 4; i++) {
		AUTO(array) struct array *back = NULL;
		must(parse_bytes("tar", t, 300, file.data, file.len, steps[i], &back));
		if (!array_equal(a, back))
			fail_msg("%s with %u%% nulls, pushed by %zu", type, nulls,
				 steps[i]);
	}
}

static void test_fmt_tar__round_trips(void **state)
{
	(void)state;
	static const char *const types[] = {"binary", "large_binary",
					    "fixed_size_binary[5]"};
	for (size_t i = 0; i < 3; i++) {
		check_round_trip(types[i], 0);
		check_round_trip(types[i], 25);
		check_round_trip(types[i], 100);
	}
}

static void test_fmt_tar__blocks(void **state)
{
	(void)state;
	uint64_t seed = 1;
	AUTO(type) struct type *t = type_of("fixed_size_binary[600]");
	AUTO(array) struct array *a = random_array(t, 2, 0, &seed);
	AUTO(view) struct view *v = view_of("tar", a, "c");
	AUTO_BUF struct buf file = {0};
	view_bytes(v, 4096, &file);
	assert_int_equal(file.len, 2 * (512 + 1024) + 1024);
	const char *second = (const char *)file.data + 1536;
	assert_string_equal(second, "0000001.bin");
	assert_string_equal(second + 100, "0000644");
	assert_string_equal(second + 124, "00000001130");
	assert_memory_equal(second + 257, "ustar\00000", 8);
	assert_memory_equal(second + 512, a->data->data + 600, 600);
}

/* --- archives made here --- */

static void put_member(struct buf *out, const char *name, char type, const char *data)
{
	char h[512] = {0};
	unsigned sum = 8 * ' ';
	size_t len = strlen(data);
	snprintf(h, 100, "%s", name);
	snprintf(h + 124, 12, "%011o", (unsigned)len);
	h[156] = type;
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (uint8_t)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_append(out, h, sizeof(h));
	buf_append(out, data, len);
	buf_zero(out, (512 - len % 512) % 512);
}

static void put_end(struct buf *out)
{
	buf_zero(out, 10240);
}

static void expect_values(const struct buf *file, uint64_t n_rows, const char *expected)
{
	static const size_t steps[] = {0, 1, 100};
	for (size_t i = 0; i < 3; i++) {
		AUTO_BUF struct buf got = {0};
		AUTO(array) struct array *a = NULL;
		AUTO_ERR struct err *err = parse_bytes("tar", NULL, n_rows, file->data,
						       file->len, steps[i], &a);
		if (err)
			buf_str(&got, err->msg);
		for (uint64_t row = 0; a && row < a->n_rows; row++) {
			if (array_is_null(a, row))
				buf_str(&got, "null");
			else
				must(value_render(a, row, &got));
			buf_byte(&got, ' ');
		}
		buf_byte(&got, 0);
		assert_string_equal((char *)got.data, expected);
	}
}

static void test_fmt_tar__names_tell_the_rows(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	put_member(&file, "PaxHeader", 'g', "30 comment=of another program\n");
	put_member(&file, "./", '5', "");
	put_member(&file, "./0000001.jpg", '0', "one");
	put_member(&file, "old/", 0, "");
	put_member(&file, "././@LongLink", 'L', "a/b/3.txt");
	put_member(&file, "x", '0', "three");
	put_member(&file, "x", 'x', "14 path=d/004\n16 mtime=1.2345\n");
	put_member(&file, "x", '0', "");
	put_member(&file, "17", '7', "last");
	put_end(&file);
	expect_values(&file, 19,
		      "null one null three  null null null null null null null null "
		      "null null null null last null ");
	expect_values(&file, PARSE_ANY_ROWS,
		      "null one null three  null null null null null null null null "
		      "null null null null last ");
}

static void test_fmt_tar__refuses(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		char type;
		const char *data, *expected;
	} cases[] = {
		{"a.jpg", '0', "x",
		 "member 'a.jpg': its name must be a row number, as in 0000017.jpg"},
		{"1a.jpg", '0', "x",
		 "member '1a.jpg': its name must be a row number, as in 0000017.jpg"},
		{"0000020.jpg", '0', "x",
		 "member '0000020.jpg': the table has 20 rows, counted from 0"},
		{"99999999999999999999999", '0', "x",
		 "member '99999999999999999999999': the table has 20 rows, counted "
		 "from 0"},
		{"5.jpg", '0', "x",
		 "member '5.jpg' is not behind row 5; make the archive with tar "
		 "--sort=name"},
		{"6.jpg", '2', "", "member '6.jpg' is no plain file (type '2')"},
		{"6.jpg", 'S', "", "member '6.jpg' is no plain file (type 'S')"},
		{"6.jpg", 'x', "22 GNU.sparse.major=1\n",
		 "a sparse member; make the archive without tar --sparse"},
		{"6.jpg", 'x', "99 path=x\n", "a pax header that is malformed"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf file = {0};
		put_member(&file, "5.jpg", '0', "five");
		put_member(&file, cases[i].name, cases[i].type, cases[i].data);
		put_end(&file);
		expect_values(&file, 20, cases[i].expected);
	}
}

static void test_fmt_tar__a_cut_archive_is_not_nulls(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	put_member(&file, "0", '0', "a");
	put_member(&file, "1", '0', "b");
	expect_values(&file, 3,
		      "the archive is cut short behind row 2: it has no end block");
	expect_values(&file, 2, "a b "); /* nothing can be missing */
	file.len -= 512;
	expect_values(&file, 2,
		      "the archive is cut short behind row 2: it has no end block");
	file.data[600] ^= 1;
	file.data[3] ^= 1;
	expect_values(&file, 2, "not a tar archive: a header's checksum is wrong");
	file.len = 0;
	put_end(&file);
	buf_byte(&file, 'x');
	expect_values(&file, 2, "bytes behind the end of the archive");
}

static void test_fmt_tar__fixed_sizes_and_gaps(void **state)
{
	(void)state;
	AUTO_BUF struct buf file = {0};
	AUTO(array) struct array *a = NULL;
	AUTO(type) struct type *t = type_of("fixed_size_binary[3]");
	put_member(&file, "0", '0', "abc");
	put_member(&file, "1", '0', "ab");
	AUTO_ERR struct err *err = parse_bytes("tar", t, 2, file.data, file.len, 0, &a);
	assert_non_null(err);
	assert_string_equal(err->msg, "member '1' has 2 bytes, wanted 3");
	put_member(&file, "99999999999", '0', "abc");
	expect_values(&file, PARSE_ANY_ROWS,
		      "member '99999999999': 99999999997 rows are missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fmt_tar__round_trips),
		cmocka_unit_test(test_fmt_tar__blocks),
		cmocka_unit_test(test_fmt_tar__names_tell_the_rows),
		cmocka_unit_test(test_fmt_tar__refuses),
		cmocka_unit_test(test_fmt_tar__a_cut_archive_is_not_nulls),
		cmocka_unit_test(test_fmt_tar__fixed_sizes_and_gaps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
