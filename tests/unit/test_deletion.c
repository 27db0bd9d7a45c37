// SPDX-License-Identifier: Apache-2.0
/*
 * test_deletion.c: deletion vectors: Roaring bitmaps of every container kind,
 * damaged ones, and the mapping from live rows to offsets.
 */
#include "table/table_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>
#include <roaring/roaring.h>

#define N_ROWS 200000

/* Deletes every `step`-th row of [first, end). */
static roaring_bitmap_t *some_rows(uint32_t first, uint32_t end, uint32_t step)
{
	roaring_bitmap_t *r = roaring_bitmap_create();
	for (uint32_t i = first; i < end; i += step)
		roaring_bitmap_add(r, i);
	return r;
}

static uint8_t *serialize(roaring_bitmap_t *r, size_t *ret_len)
{
	*ret_len = roaring_bitmap_portable_size_in_bytes(r);
	uint8_t *p = malloc(*ret_len);
	assert_non_null(p);
	roaring_bitmap_portable_serialize(r, (char *)p);
	return p;
}

static void check_same(roaring_bitmap_t *r)
{
	size_t len;
	uint8_t *p = serialize(r, &len);
	uint8_t *bits = calloc(1, bitmap_bytes(N_ROWS) + 8);
	assert_null(roaring_read(cursor_of(p, len), N_ROWS, bits));
	for (uint32_t i = 0; i < N_ROWS; i++)
		if (bit_get(bits, i) != roaring_bitmap_contains(r, i))
			fail_msg("row %u", i);
	free(bits);
	free(p);
	roaring_bitmap_free(r);
}

static void test_roaring__array_bitset_and_run_containers(void **state)
{
	(void)state;
	check_same(roaring_bitmap_create());
	check_same(some_rows(0, 1, 1));
	check_same(some_rows(3, N_ROWS, 7919));
	check_same(some_rows(0, N_ROWS, 2));
	check_same(some_rows(1000, 150000, 1));
	for (int runs = 0; runs < 2; runs++) {
		roaring_bitmap_t *r = some_rows(0, 70000, 1);
		roaring_bitmap_add(r, 199999);
		roaring_bitmap_add_range(r, 140000, 140100);
		if (runs)
			assert_true(roaring_bitmap_run_optimize(r));
		check_same(r);
	}
}

static void test_roaring__rows_outside_are_refused(void **state)
{
	roaring_bitmap_t *r = some_rows(N_ROWS, N_ROWS + 1, 1);
	uint8_t *bits = calloc(1, bitmap_bytes(N_ROWS) + 8);
	size_t len;
	uint8_t *p = serialize(r, &len);
	(void)state;
	struct err *err = roaring_read(cursor_of(p, len), N_ROWS, bits);
	assert_non_null(err);
	err_free(err); /* expected */
	free(bits);
	free(p);
	roaring_bitmap_free(r);
}

static void test_roaring__cut_short_anywhere(void **state)
{
	roaring_bitmap_t *r = some_rows(0, 120000, 3);
	uint8_t *bits = calloc(1, bitmap_bytes(N_ROWS) + 8);
	size_t len;
	(void)state;
	roaring_bitmap_add_range(r, 130000, 131000);
	roaring_bitmap_run_optimize(r);
	uint8_t *p = serialize(r, &len);
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* sanitizers see its end */
		memcpy(copy, p, n);
		struct err *err = roaring_read(cursor_of(copy, n), N_ROWS, bits);
		if (!err)
			fail_msg("%zu of %zu bytes were accepted", n, len);
		err_free(err); /* expected */
		free(copy);
	}
	free(p);
	free(bits);
	roaring_bitmap_free(r);
}

static void test_ipc__garbage_is_refused(void **state)
{
	uint8_t bytes[256], bits[64] = {0};
	(void)state;
	for (unsigned seed = 0; seed < 2000; seed++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] =
				(uint8_t)(hash_mix(seed, i) & (seed % 2 ? 0x1f : 0xff));
		memcpy(bytes, "ARROW1\0\0", 8);
		memcpy(bytes + sizeof(bytes) - 6, "ARROW1", 6);
		store_u32le(bytes + sizeof(bytes) - 10, seed % 256);
		err_free(ipc_offsets_read(cursor_of(bytes, sizeof(bytes)), 100, bits));
	}
}

static void test_select_live__is_the_inverse_of_counting(void **state)
{
	char dir[] = "/tmp/lancefs-test-XXXXXX";
	static const uint32_t steps[] = {1000000, 2, 3, 511, 512, 513};
	struct io_store *store;
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_null(io_store_open_local(dir, &store));
	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
		struct deletion_vector *d;
		roaring_bitmap_t *r = some_rows(0, 5000, steps[k]);
		size_t len;
		uint8_t *p = serialize(r, &len);
		assert_null(io_put(store, "d.bin", p, len));
		assert_null(deletion_load(store, "d.bin", true, 5000, &d));
		assert_int_equal(d->n_deleted, roaring_bitmap_get_cardinality(r));
		uint64_t live = 0;
		for (uint32_t row = 0; row < 5000; row++)
			if (!roaring_bitmap_contains(r, row))
				assert_int_equal(deletion_select_live(d, live++), row);
		assert_int_equal(live, 5000 - d->n_deleted);
		deletion_free(d);
		assert_null(io_remove(store, "d.bin"));
		free(p);
		roaring_bitmap_free(r);
	}
	io_store_unref(store);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roaring__array_bitset_and_run_containers),
		cmocka_unit_test(test_roaring__rows_outside_are_refused),
		cmocka_unit_test(test_roaring__cut_short_anywhere),
		cmocka_unit_test(test_ipc__garbage_is_refused),
		cmocka_unit_test(test_select_live__is_the_inverse_of_counting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
