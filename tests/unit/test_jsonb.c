// SPDX-License-Identifier: Apache-2.0
/* jsonb.c: binary JSON as text, and what is no JSON at all. */
#include "format/format_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CHECK(text, ...)                                                               \
	check(text, (const uint8_t[]){__VA_ARGS__},                                    \
	      sizeof((const uint8_t[]){__VA_ARGS__}))

static void check(const char *text, const uint8_t *p, size_t len)
{
	AUTO_BUF struct buf out = {0};
	AUTO_ERR struct err *err = jsonb_render(p, len, &out);
	if (!text) {
		assert_non_null(err);
		return;
	}
	assert_null(err);
	buf_byte(&out, 0);
	assert_string_equal((const char *)out.data, text);
}

static void test_scalars(void **state)
{
	(void)state;
	CHECK("null", 0x20, 0, 0, 0, 0, 0, 0, 0);
	CHECK("true", 0x20, 0, 0, 0, 0x40, 0, 0, 0);
	CHECK("\"hi\"", 0x20, 0, 0, 0, 0x10, 0, 0, 2, 'h', 'i');
	CHECK("0", 0x20, 0, 0, 0, 0x20, 0, 0, 1, 0);
	CHECK("-2", 0x20, 0, 0, 0, 0x20, 0, 0, 2, 0x40, 0xfe);
	CHECK("258", 0x20, 0, 0, 0, 0x20, 0, 0, 3, 0x50, 1, 2);
	CHECK("1.5", 0x20, 0, 0, 0, 0x20, 0, 0, 9, 0x60, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0);
	CHECK("-0.12", 0x20, 0, 0, 0, 0x20, 0, 0, 10, 0x70, 0xff, 0xff, 0xff, 0xff,
	      0xff, 0xff, 0xff, 0xf4, 2);
}

static void test_containers(void **state)
{
	(void)state;
	CHECK("[]", 0x80, 0, 0, 0);
	CHECK("[true,0]", 0x80, 0, 0, 2, 0x40, 0, 0, 0, 0x20, 0, 0, 1, 0);
	CHECK("{\"a\":null,\"b\":[]}", 0x40, 0, 0, 2, 0x10, 0, 0, 1, 0x10, 0, 0, 1, 0,
	      0, 0, 0, 0x50, 0, 0, 4, 'a', 'b', 0x80, 0, 0, 0);
}

static void test_broken(void **state)
{
	(void)state;
	CHECK(NULL, 0x80, 0, 0);			/* cut off */
	CHECK(NULL, 0x9f, 0xff, 0xff, 0xff);		/* 2^29 items of none */
	CHECK(NULL, 0x20, 0, 0, 0, 0x10, 0, 0, 9, 'h'); /* a string too long */
	CHECK(NULL, 0x40, 0, 0, 1, 0x20, 0, 0, 1, 0, 0, 0, 0,
	      0); /* a key of a number */
	CHECK(NULL, 0x20, 0, 0, 0, 0x20, 0, 0, 4, 0x40, 1, 2, 3); /* 3 bytes */
	CHECK(NULL, 0x20, 0, 0, 0, 0x20, 0, 0, 0);		  /* no kind */
	CHECK(NULL, 0, 0, 0, 0);
}

static void test_depth(void **state)
{
	uint8_t bytes[8 * 400];
	size_t n = sizeof(bytes) / 8;
	(void)state;
	for (size_t i = 0; i < n; i++) { /* an array in an array in ... */
		uint32_t left = (uint32_t)((n - i - 1) * 8);
		const uint8_t level[] = {0x80,
					 0,
					 0,
					 1,
					 0x50,
					 (uint8_t)(left >> 16),
					 (uint8_t)(left >> 8),
					 (uint8_t)left};
		memcpy(bytes + i * 8, level, 8);
	}
	check(NULL, bytes, sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
