// SPDX-License-Identifier: Apache-2.0
/*
 * test_encoding.c: kernels, and compressive encodings given bytes that lie.
 */
#include "encoding/encoding_priv.h"
#include "random_array.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void pack_and_unpack(unsigned bits, unsigned width, uint64_t *seed)
{
	uint64_t in[1024] = {0}, out[1024] = {0};
	uint8_t packed[1024 * 8];
	uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
	for (size_t i = 0; i < 1024; i++) {
		uint64_t v = random_next(seed) & mask;
		memcpy((uint8_t *)in + i * (bits / 8), &v, bits / 8);
	}
	assert_true(bitpack_width(bits, in, 1024) <= width);
	bitpack_pack(bits, width, in, packed);
	bitpack_unpack(bits, width, packed, out);
	assert_memory_equal(in, out, 128 * (size_t)bits);
}

static void test_bitpack__all_widths(void **state)
{
	uint64_t seed = 1;
	(void)state;
	for (unsigned bits = 8; bits <= 64; bits *= 2) {
		for (unsigned width = 0; width <= bits; width++)
			pack_and_unpack(bits, width, &seed);
	}
}

/* Neighbouring rows of a lane are 128 values apart. */
static void test_bitpack__order(void **state)
{
	uint8_t in[1024] = {0}, packed[1024];
	(void)state;
	in[128] = 1; /* row 1, lane 0: bit 1 of word 0 at one bit a value */
	bitpack_pack(8, 1, in, packed);
	assert_int_equal(packed[0], 2);
}

static const struct value_type int32_type = {.kind = VALUE_FIXED, .bits = 32};
static const struct value_type string_type = {.kind = VALUE_VAR, .offset_bytes = 4};

/* Decode n values of one buffer in block position; the error is the caller's. */
static struct err *decode(ce *m, const struct value_type *t, const void *p, size_t len,
			  uint64_t n)
{
	AUTO(codec) struct codec *c = NULL;
	struct values v AUTO_VALUES = {0};
	TRY(codec_parse(m, 0, &c));
	TRY(values_init(&v, t));
	return codec_block(c, cursor_of(p, len), n, &v);
}

static void expect(struct err *err, int code, const char *part)
{
	assert_non_null(err);
	assert_int_equal(err->code, code);
	if (!strstr(err->msg, part))
		fail_msg("%s; expected ...%s...", err->msg, part);
	err_free(err);
}

struct messages {
	Lance__Enc__Flat flat, lengths;
	Lance__Enc__Rle rle;
	Lance__Enc__Variable variable;
	Lance__Enc__Fsst fsst;
	ce flat_m, lengths_m, rle_m, variable_m, fsst_m;
};

#define CASE(which) LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_##which

static void init_ce(ce *m, int kind, void *value)
{
	lance__enc__compressive_encoding__init(m);
	m->compression_case = (Lance__Enc__CompressiveEncoding__CompressionCase)kind;
	m->flat = value;
}

static void init_messages(struct messages *m)
{
	lance__enc__flat__init(&m->flat);
	lance__enc__flat__init(&m->lengths);
	lance__enc__rle__init(&m->rle);
	lance__enc__variable__init(&m->variable);
	lance__enc__fsst__init(&m->fsst);
	m->flat.bits_per_value = 32;
	m->lengths.bits_per_value = 8;
	m->rle.values = &m->flat_m;
	m->rle.run_lengths = &m->lengths_m;
	m->variable.offsets = &m->flat_m;
	m->fsst.values = &m->variable_m;
	init_ce(&m->flat_m, CASE(FLAT), &m->flat);
	init_ce(&m->lengths_m, CASE(FLAT), &m->lengths);
	init_ce(&m->rle_m, CASE(RLE), &m->rle);
	init_ce(&m->variable_m, CASE(VARIABLE), &m->variable);
	init_ce(&m->fsst_m, CASE(FSST), &m->fsst);
}

static void test_flat__too_few_bytes(void **state)
{
	struct messages m;
	(void)state;
	init_messages(&m);
	expect(decode(&m.flat_m, &int32_type, "abcdefg", 7, 2), EIO,
	       "flat: 2 values of 32 bits in 7 bytes");
	expect(decode(&m.flat_m, &int32_type, "abcdefg", 7, UINT64_MAX / 8), EIO,
	       "flat: ");
	expect(decode(&m.flat_m, &string_type, "abcd", 4, 1), EIO, "32 bits a value");
}

static void test_rle__runs_do_not_reach(void **state)
{
	static const uint8_t runs[] = {8, 0, 0, 0, 0, 0, 0, 0, 1,
				       0, 0, 0, 2, 0, 0, 0, 3, 4};
	struct messages m;
	(void)state;
	init_messages(&m);
	must(decode(&m.rle_m, &int32_type, runs, sizeof(runs), 7));
	expect(decode(&m.rle_m, &int32_type, runs, sizeof(runs), 8), EIO,
	       "rle: 2 runs hold 7 of 8 values");
	expect(decode(&m.rle_m, &int32_type, runs, sizeof(runs) - 9, 3), EIO, "rle: ");
	expect(decode(&m.rle_m, &int32_type, runs, sizeof(runs), (uint64_t)1 << 40),
	       EIO, "rle: 2 runs for ");
}

static void test_variable__bad_offsets(void **state)
{
	uint32_t block[] = {32, 20, 0, 3, 2, 0x64636261};
	struct messages m;
	(void)state;
	init_messages(&m);
	expect(decode(&m.variable_m, &string_type, block, sizeof(block), 2), EIO,
	       "variable: value 1 is [3, 2) of 4 bytes");
	block[4] = 5;
	expect(decode(&m.variable_m, &string_type, block, sizeof(block), 2), EIO,
	       "variable: value 1 is [3, 5) of 4 bytes");
	block[4] = 4;
	must(decode(&m.variable_m, &string_type, block, sizeof(block), 2));
	expect(decode(&m.variable_m, &string_type, block, sizeof(block), 9), EIO,
	       "variable: 9 offsets");
}

static void test_fsst__bad_table(void **state)
{
	uint8_t table[2312] = {1, 0, 0, 1, 0x54, 0x53, 0x53, 0x46, 'a'};
	struct messages m;
	struct fsst_table *t = NULL;
	(void)state;
	init_messages(&m);
	m.fsst.symbol_table.data = table;
	m.fsst.symbol_table.len = 100;
	expect(decode(&m.fsst_m, &string_type, "", 0, 0), EIO,
	       "fsst: bad symbol table");
	expect(fsst_table_parse(table, sizeof(table), &t), EIO, "symbol 0 has 0 bytes");
	table[0] = 255;
	expect(fsst_table_parse(table, sizeof(table), &t), EIO, "symbol 0 has 0 bytes");
}

static void test_fsst__codes(void **state)
{
	uint8_t table[2312] = {1, 0, 0, 1, 0x54, 0x53, 0x53, 0x46, 'a', 'b'};
	AUTO(fsst_table) struct fsst_table *t = NULL;
	struct grow out = {0};
	(void)state;
	table[16] = 2;
	must(fsst_table_parse(table, sizeof(table), &t));
	must(fsst_expand(t, (struct span){(const uint8_t *)"\x00\xff!\x00", 4}, &out));
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.bytes->data, "ab!ab", 5);
	expect(fsst_expand(t, (struct span){(const uint8_t *)"\x01", 1}, &out), EIO,
	       "not one of 1 symbols");
	expect(fsst_expand(t, (struct span){(const uint8_t *)"\xff", 1}, &out), EIO,
	       "escape");
	grow_fini(&out);
}

static void test_codec__unknown_and_missing(void **state)
{
	ce m;
	struct codec *c = NULL;
	(void)state;
	lance__enc__compressive_encoding__init(&m);
	expect(codec_parse(NULL, 0, &c), EIO, "missing");
	expect(codec_parse(&m, 0, &c), EOPNOTSUPP, "not known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bitpack__all_widths),
		cmocka_unit_test(test_bitpack__order),
		cmocka_unit_test(test_flat__too_few_bytes),
		cmocka_unit_test(test_rle__runs_do_not_reach),
		cmocka_unit_test(test_variable__bad_offsets),
		cmocka_unit_test(test_fsst__bad_table),
		cmocka_unit_test(test_fsst__codes),
		cmocka_unit_test(test_codec__unknown_and_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
