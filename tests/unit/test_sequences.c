// SPDX-License-Identifier: Apache-2.0
/*
 * test_sequences.c: how 2.3 stores sequences of numbers: positions, counts, offsets,
 * indices.
 */
#include "encoding/encoding_priv.h"
#include "wire.h"

#include <errno.h>
#include <lz4.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct value_type u32_type = {.kind = VALUE_FIXED, .bits = 32};
static const struct value_type u64_type = {.kind = VALUE_FIXED, .bits = 64};

/* n values of one buffer; encoding is used up. */
static struct err *decode(struct buf encoding, const void *p, size_t len, uint64_t n,
			  struct values *ret)
{
	AUTO_PROTO ce *m = NULL;
	AUTO(codec) struct codec *c = NULL;
	struct err *err = PROTO_UNPACK(lance__enc__compressive_encoding, encoding.data,
				       encoding.len, &m);
	buf_fini(&encoding);
	TRY(err);
	TRY(codec_parse(m, 0, &c));
	return codec_block(c, cursor_of(p, len), n, ret);
}

static void expect_u64(struct buf encoding, const void *p, size_t len,
		       const uint64_t *want, uint64_t n)
{
	struct values v AUTO_VALUES = {.type = &u64_type};
	struct err *err = decode(encoding, p, len, n, &v);
	if (err)
		fail_msg("%s", err->msg);
	assert_int_equal(v.n, n);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(load_u64le(v.data.bytes->data + 8 * i), want[i]);
}

static void expect_u32(struct buf encoding, const void *p, size_t len,
		       const uint32_t *want, uint64_t n)
{
	struct values v AUTO_VALUES = {.type = &u32_type};
	struct err *err = decode(encoding, p, len, n, &v);
	if (err)
		fail_msg("%s", err->msg);
	assert_int_equal(v.n, n);
	assert_memory_equal(v.data.bytes->data, want, n * 4);
}

static void expect_bad(struct buf encoding, const void *p, size_t len, uint64_t n,
		       const char *part)
{
	struct values v AUTO_VALUES = {.type = &u64_type};
	struct err *err = decode(encoding, p, len, n, &v);
	assert_non_null(err);
	if (!strstr(err->msg, part))
		fail_msg("%s; expected ...%s...", err->msg, part);
	err_free(err); /* expected */
}

static void test_without_bytes(void **state)
{
	static const uint64_t same[] = {9, 9, 9}, even[] = {5, 8, 11},
			      growing[] = {4, 5, 7};
	static const uint32_t same32[] = {9, 9, 9}, even32[] = {5, 8, 11};
	(void)state;
	expect_u64(wire_constant(9, 8), NULL, 0, same, 3);
	expect_u32(wire_constant(9, 4), NULL, 0, same32, 3);
	expect_u64(wire_none(), NULL, 0, NULL, 0);
	expect_u64(wire_range(64, 5, 3), NULL, 0, even, 3);
	expect_u32(wire_range(32, 5, 3), NULL, 0, even32, 3);
	expect_u64(wire_delta(64, 5, wire_constant(3, 8)), NULL, 0, even, 3);
	expect_u64(wire_delta(64, 4, wire_range(64, 1, 1)), NULL, 0, growing, 3);
	expect_bad(wire_none(), NULL, 0, 1, "no value for 1");
	expect_bad(wire_constant(9, 3), NULL, 0, 1, "a value of 3 bytes");
	expect_bad(wire_constant(9, 4), NULL, 0, 1, "32 bits a value");
	expect_bad(wire_range(64, 5, 0), NULL, 0, 1, "no step");
	expect_bad(wire_range(16, 5, 1), NULL, 0, 1, "16 bits");
	expect_bad(wire_range(64, UINT64_MAX, 1), NULL, 0, 2, "2 values from");
	expect_bad(wire_range(64, 0, UINT64_MAX / 2), NULL, 0, 4, "4 values from");
	expect_bad(wire_delta(64, 1, wire_constant(UINT64_MAX, 8)), NULL, 0, 2,
		   "value 1 is over 2^64");
	expect_bad(wire_delta(64, 1, wire_constant(1, 4)), NULL, 0, 2,
		   "32 a difference");
}

static void test_delta(void **state)
{
	static const uint64_t deltas[] = {0, 7, 1}, want[] = {100, 100, 107, 108};
	static const uint32_t deltas32[] = {UINT32_MAX - 1, 1},
			      want32[] = {0, UINT32_MAX - 1, UINT32_MAX};
	(void)state;
	expect_u64(wire_delta(64, 100, wire_flat(64)), deltas, sizeof(deltas), want, 4);
	expect_u32(wire_delta(32, 0, wire_flat(32)), deltas32, sizeof(deltas32), want32,
		   3);
	expect_bad(wire_delta(64, 100, wire_flat(64)), deltas, 16, 4, "flat: 3 values");
	expect_bad(wire_delta(64, 100, wire_flat(64)), deltas, 16, 0, "first value");
}

/* Runs: what makes 7 7 7 9 9 of several forms of values and lengths. */
static void test_rle(void **state)
{
	static const uint64_t want[] = {7, 7, 7, 9, 9}, pairs[] = {7, 7, 9, 9};
	static const uint64_t growing[] = {7, 9, 9, 11, 11, 11};
	struct buf wide = {0}, counted = {0}, packed = {0};
	uint8_t bits[128] = {3, 2}; /* of 8 bits packed to 8: as they are */
	(void)state;
	buf_u64le(&wide, 16);
	buf_u64le(&wide, 7);
	buf_u64le(&wide, 9);
	buf_append(&counted, wide.data, wide.len);
	buf_append(&packed, wide.data, wide.len);
	buf_u32le(&wide, 3);
	buf_u32le(&wide, 2);
	buf_append(&packed, bits, 2);
	expect_u64(wire_rle(wire_flat(64), wire_flat(32)), wide.data, wide.len, want,
		   5);
	expect_u64(wire_rle(wire_flat(64), wire_constant(2, 4)), counted.data,
		   counted.len, pairs, 4);
	expect_u64(wire_rle(wire_flat(64), wire_packed(8, 8)), packed.data, packed.len,
		   want, 5);
	expect_u64(wire_rle(wire_range(64, 7, 2), wire_range(32, 1, 1)), NULL, 0,
		   growing, 6);
	expect_bad(wire_rle(wire_range(64, 7, 2), wire_range(32, 1, 1)), NULL, 0, 7,
		   "growing runs hold 6 of 7");
	expect_bad(wire_rle(wire_flat(64), wire_constant(2, 4)), counted.data,
		   counted.len, 5, "runs of 2 in 5 values");
	expect_bad(wire_rle(wire_flat(64), wire_constant(1, 4)), counted.data,
		   counted.len, 5, "5 runs in 16 bytes");
	expect_bad(wire_rle(wire_flat(64), wire_constant(0, 4)), counted.data,
		   counted.len, 5, "runs of 0");
	expect_bad(wire_rle(wire_flat(64), wire_flat(32)), wide.data, wide.len, 6,
		   "2 runs hold 5 of 6");
	expect_bad(wire_rle(wire_flat(64), wire_flat(64)), wide.data, wide.len, 6,
		   "lengths of 64 bits");
	expect_bad(wire_rle(wire_packed(64, 4), wire_packed(8, 8)), wide.data, wide.len,
		   5, "is not told");
	buf_fini(&wide);
	buf_fini(&counted);
	buf_fini(&packed);
}

/* A whole child may be compressed; then its size tells how many runs there are. */
static void test_rle__compressed(void **state)
{
	static const uint64_t values[] = {7, 9}, want[] = {7, 7, 7, 9, 9};
	char small[64];
	struct buf b = {0};
	int len = LZ4_compress_default((const char *)values, small, sizeof(values),
				       sizeof(small));
	(void)state;
	assert_true(len > 0);
	buf_u64le(&b, (uint64_t)len + 4);
	buf_u32le(&b, sizeof(values));
	buf_append(&b, small, (size_t)len);
	buf_u16le(&b, 3);
	buf_u16le(&b, 2);
	expect_u64(wire_rle(wire_lz4(wire_flat(64)), wire_flat(16)), b.data, b.len,
		   want, 5);
	buf_fini(&b);
}

static void test_dictionary(void **state)
{
	static const uint64_t want[] = {1000, 5, 1000, 5}, ascending[] = {5, 6, 7};
	struct buf b = {0}, short_b = {0};
	(void)state;
	buf_u64le(&b, 16);
	buf_u64le(&b, 16);
	for (uint32_t i = 0; i < 4; i++)
		buf_u32le(&b, (i + 1) % 2);
	buf_append(&short_b, b.data, b.len);
	buf_u64le(&b, 5);
	buf_u64le(&b, 1000);
	expect_u64(wire_dictionary(wire_flat(32), wire_flat(64), 2), b.data, b.len,
		   want, 4);
	expect_u64(wire_dictionary(wire_range(32, 0, 1), wire_range(64, 5, 1), 3), NULL,
		   0, ascending, 3);
	expect_bad(wire_dictionary(wire_range(32, 0, 1), wire_range(64, 5, 1), 3), NULL,
		   0, 4, "index 3 of 3 items");
	expect_bad(wire_dictionary(wire_flat(32), wire_flat(64), 2), short_b.data,
		   short_b.len, 4, "");
	expect_bad(wire_dictionary(wire_flat(32), wire_flat(64), 0), b.data, b.len, 4,
		   "0 items");
	expect_bad(wire_dictionary(wire_flat(32), wire_range(64, 0, 1), 1 << 20),
		   b.data, b.len, 4, "1048576 items");
	buf_fini(&b);
	buf_fini(&short_b);
}

/* --- offsets of strings in a mini-block --- */

static struct err *read_strings(struct buf offsets, const struct cursor *in,
				unsigned n_buffers, uint64_t first, struct values *ret)
{
	AUTO_PROTO ce *m = NULL;
	AUTO(codec) struct codec *c = NULL;
	struct buf encoding = wire_wrap(2, wire_wrap(1, offsets));
	struct err *err = PROTO_UNPACK(lance__enc__compressive_encoding, encoding.data,
				       encoding.len, &m);
	buf_fini(&encoding);
	TRY(err);
	TRY(codec_parse(m, 0, &c));
	assert_int_equal(c->n_buffers, n_buffers);
	return codec_mini(c, in, 3, first, 3, ret);
}

static void test_variable__offsets(void **state)
{
	static const struct value_type string_type = {.kind = VALUE_VAR,
						      .offset_bytes = 4};
	static const uint32_t deltas[] = {1, 3, 2};
	const struct cursor bytes = cursor_of("abbbcc", 6);
	const struct cursor both[] = {cursor_of(deltas, sizeof(deltas)), bytes};
	struct values even AUTO_VALUES = {.type = &string_type};
	struct values uneven AUTO_VALUES = {.type = &string_type};
	(void)state;
	assert_null(read_strings(wire_range(32, 0, 2), &bytes, 1, 0, &even));
	assert_int_equal(values_offset(&even, 1), 2);
	assert_int_equal(values_offset(&even, 3), 6);
	assert_null(
		read_strings(wire_delta(32, 0, wire_flat(32)), both, 2, 1, &uneven));
	assert_int_equal(uneven.n, 2);
	assert_int_equal(values_offset(&uneven, 1), 3);
	assert_memory_equal(uneven.data.bytes->data, "bbbcc", 5);
	struct err *err = read_strings(wire_range(32, 0, 3), &bytes, 1, 0, &even);
	assert_non_null(err);
	assert_non_null(strstr(err->msg, "value 2 is [6, 9) of 6 bytes"));
	err_free(err); /* expected */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_bytes),
		cmocka_unit_test(test_delta),
		cmocka_unit_test(test_rle),
		cmocka_unit_test(test_rle__compressed),
		cmocka_unit_test(test_dictionary),
		cmocka_unit_test(test_variable__offsets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
