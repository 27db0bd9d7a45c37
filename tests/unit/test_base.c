// SPDX-License-Identifier: Apache-2.0
/*
 * test_base.c: errors, cursors, buffers, bitmaps, UTF-8, the parallel loop.
 */
#include "base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_err__context_goes_in_front(void **state)
{
	(void)state;
	struct err *err = err_new(EIO, "40 runs in %d bytes", 12);
	err = err_wrap(err, "page %d", 3);
	err = err_wrap(err, "line\nbreak");
	assert_int_equal(err->code, EIO);
	assert_string_equal(err->msg, "line break: page 3: 40 runs in 12 bytes");
	err_free(err);
}

static void test_err__out_of_memory_stays_what_it_is(void **state)
{
	(void)state;
	struct err *err = err_wrap(err_nomem(), "context");
	assert_ptr_equal(err, err_nomem());
	assert_int_equal(err->code, ENOMEM);
	err_free(err);
}

static void test_cursor__never_passes_the_end(void **state)
{
	uint8_t bytes[7] = {1, 2, 3, 4, 5, 6, 7};
	struct cursor c = cursor_of(bytes, sizeof(bytes)), sub;
	uint32_t v32;
	uint64_t v64;
	(void)state;
	assert_null(cursor_u32le(&c, &v32));
	assert_int_equal(v32, 0x04030201);
	struct err *err = cursor_u32le(&c, &v32);
	assert_non_null(err);
	assert_string_equal(err->msg, "cut short: 4 bytes wanted, 3 left");
	err_free(err);
	assert_int_equal(cursor_left(&c), 3);
	err = cursor_sub(&c, UINT64_MAX, &sub);
	assert_non_null(err);
	err_free(err);
	err = cursor_u64le(&c, &v64);
	assert_non_null(err);
	err_free(err);
	assert_null(cursor_skip(&c, 3));
	assert_int_equal(cursor_left(&c), 0);
}

static void test_cursor__varints(void **state)
{
	static const struct {
		uint8_t bytes[11];
		size_t len;
		bool ok;
		uint64_t value;
	} cases[] = {
		{{0}, 1, true, 0},
		{{0x7f}, 1, true, 127},
		{{0x80, 1}, 2, true, 128},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		 10,
		 true,
		 UINT64_MAX},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2},
		 10,
		 false,
		 0},
		{{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1},
		 11,
		 false,
		 0},
		{{0x80}, 1, false, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cursor c = cursor_of(cases[i].bytes, cases[i].len);
		uint64_t v = 0;
		struct err *err = cursor_varint(&c, &v);
		if ((err == NULL) != cases[i].ok || v != cases[i].value)
			fail_msg("case %zu: %llu", i, (unsigned long long)v);
		err_free(err);
	}
}

static void test_buf__latches_at_its_limit(void **state)
{
	struct buf b = {.limit = 10};
	(void)state;
	buf_str(&b, "12345678");
	assert_null(buf_check(&b));
	buf_str(&b, "90a");
	buf_str(&b, "x");
	assert_int_equal(b.len, 8);
	struct err *err = buf_check(&b);
	assert_non_null(err);
	assert_int_equal(err->code, EFBIG);
	err_free(err);
	buf_fini(&b);
}

static void test_buf__times(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{INT64_C(1763826546692999999), "2025-11-22T15:49:06.692Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854Z"},
		{INT64_MIN, "1677-09-21T00:12:43.145Z"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf b = {0};
		buf_time(&b, cases[i].ns);
		buf_byte(&b, 0);
		assert_string_equal((char *)b.data, cases[i].text);
	}
}

static void test_buf__json_strings(void **state)
{
	struct buf b = {0};
	char *text;
	(void)state;
	buf_json_string(&b, "a\"\\\n\x01\xff\xc3\xa9", 8);
	assert_null(buf_take_str(&b, &text));
	assert_string_equal(text, "\"a\\\"\\\\\\n\\u0001\\ufffd\xc3\xa9\"");
	free(text);
}

static void test_utf8__by_the_rules(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{"", true},
		{"plain ascii text", true},
		{"\xc3\xa9", true},
		{"\xe2\x82\xac", true},
		{"\xf0\x9f\x8c\x85", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\xc0\x80", false},
		{"\xc1\xbf", false},
		{"\xe0\x9f\xbf", false},
		{"\xed\xa0\x80", false},
		{"\xf0\x8f\xbf\xbf", false},
		{"\xf4\x90\x80\x80", false},
		{"\x80", false},
		{"\xc3", false},
		{"\xe2\x82", false},
		{"12345678\xff", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (utf8_valid(cases[i].text, strlen(cases[i].text)) != cases[i].valid)
			fail_msg("case %zu", i);
}

static void test_bitmaps__against_single_bits(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		uint8_t src[48], dst[48], want[48];
		uint64_t first = hash_mix(seed, 1) % 100, n = hash_mix(seed, 2) % 200;
		uint64_t to = hash_mix(seed, 3) % 100, ones = 0;
		for (size_t i = 0; i < sizeof(src); i++) {
			src[i] = (uint8_t)hash_mix(seed, 10 + i);
			dst[i] = want[i] = (uint8_t)hash_mix(seed, 100 + i);
		}
		for (uint64_t i = 0; i < n; i++) {
			ones += bit_get(src, first + i);
			if (bit_get(src, first + i))
				bit_set(want, to + i);
			else
				bit_clear(want, to + i);
		}
		assert_int_equal(bitmap_count(src, first, first + n), ones);
		bitmap_copy(dst, to, src, first, n);
		assert_memory_equal(dst, want, sizeof(dst));
		bitmap_set_range(dst, to, to + n);
		assert_int_equal(bitmap_count(dst, to, to + n), n);
	}
}

static void test_str_to_u64__canonical_only(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", "01", " 1", "1 ", "18446744073709551616"};
	uint64_t v;
	(void)state;
	assert_true(str_to_u64("18446744073709551615", &v));
	assert_true(v == UINT64_MAX);
	assert_true(str_to_u64("0", &v));
	assert_int_equal(v, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_to_u64(bad[i], &v));
}

static struct err *add(void *ctx, size_t i)
{
	atomic_fetch_add((atomic_size_t *)ctx, i + 1);
	return NULL;
}

static struct err *fail_at_50(void *ctx, size_t i)
{
	(void)ctx;
	return i == 50 ? err_new(EIO, "item %zu", i) : NULL;
}

static void test_parallel_for__runs_each_once(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads < 5; threads++) {
		atomic_size_t sum = 0;
		assert_null(parallel_for(threads, 1000, add, &sum));
		assert_int_equal(atomic_load(&sum), 1000 * 1001 / 2);
	}
}

static void test_parallel_for__tells_the_failure(void **state)
{
	(void)state;
	struct err *err = parallel_for(4, 100, fail_at_50, NULL);
	assert_non_null(err);
	assert_string_equal(err->msg, "item 50");
	err_free(err);
}

static void test_mem__products_that_overflow(void **state)
{
	void *p = NULL;
	struct bytes *b = NULL;
	(void)state;
	assert_non_null(mem_array(SIZE_MAX / 2, 3, &p));
	assert_non_null(mem_resize(SIZE_MAX / 2, 3, &p));
	assert_non_null(bytes_new(SIZE_MAX - 10, &b));
	assert_null(p);
	assert_null(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err__context_goes_in_front),
		cmocka_unit_test(test_err__out_of_memory_stays_what_it_is),
		cmocka_unit_test(test_cursor__never_passes_the_end),
		cmocka_unit_test(test_cursor__varints),
		cmocka_unit_test(test_buf__latches_at_its_limit),
		cmocka_unit_test(test_buf__times),
		cmocka_unit_test(test_buf__json_strings),
		cmocka_unit_test(test_utf8__by_the_rules),
		cmocka_unit_test(test_bitmaps__against_single_bits),
		cmocka_unit_test(test_str_to_u64__canonical_only),
		cmocka_unit_test(test_parallel_for__runs_each_once),
		cmocka_unit_test(test_parallel_for__tells_the_failure),
		cmocka_unit_test(test_mem__products_that_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
