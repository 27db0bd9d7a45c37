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

/* What is written of a set is the bitmap, to CRoaring too. */
static void check_written(const struct row_set *s, const roaring_bitmap_t *r)
{
	AUTO_BUF struct buf out = {0};
	assert_null(row_set_write(s, &out));
	assert_int_equal(row_set_count(s), roaring_bitmap_get_cardinality(r));
	roaring_bitmap_t *read = roaring_bitmap_portable_deserialize_safe(
		(const char *)out.data, out.len);
	assert_non_null(read);
	assert_int_equal(roaring_bitmap_portable_size_in_bytes(read), out.len);
	assert_true(roaring_bitmap_equals(read, r));
	roaring_bitmap_free(read);
}

static void check_same(roaring_bitmap_t *r)
{
	size_t len;
	uint8_t *p = serialize(r, &len);
	struct row_set s;
	assert_null(row_set_init(&s, N_ROWS));
	assert_null(row_set_read(&s, cursor_of(p, len)));
	for (uint32_t i = 0; i < N_ROWS; i++)
		if (row_set_has(&s, i) != roaring_bitmap_contains(r, i))
			fail_msg("row %u", i);
	check_written(&s, r);
	row_set_fini(&s);
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
	check_same(some_rows(70000, N_ROWS, 16)); /* 4096 in a container, */
	check_same(some_rows(70000, N_ROWS, 15)); /* and more */
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
	struct row_set s;
	size_t len;
	uint8_t *p = serialize(r, &len);
	(void)state;
	assert_null(row_set_init(&s, N_ROWS));
	struct err *err = row_set_read(&s, cursor_of(p, len));
	assert_non_null(err);
	err_free(err); /* expected */
	row_set_fini(&s);
	free(p);
	roaring_bitmap_free(r);
}

static void test_roaring__cut_short_anywhere(void **state)
{
	roaring_bitmap_t *r = some_rows(0, 120000, 3);
	struct row_set s;
	size_t len;
	(void)state;
	assert_null(row_set_init(&s, N_ROWS));
	roaring_bitmap_add_range(r, 130000, 131000);
	roaring_bitmap_run_optimize(r);
	uint8_t *p = serialize(r, &len);
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* sanitizers see its end */
		memcpy(copy, p, n);
		struct err *err = row_set_read(&s, cursor_of(copy, n));
		if (!err)
			fail_msg("%zu of %zu bytes were accepted", n, len);
		err_free(err); /* expected */
		free(copy);
	}
	free(p);
	row_set_fini(&s);
	roaring_bitmap_free(r);
}

static void test_ipc__garbage_is_refused(void **state)
{
	uint8_t bytes[256];
	struct row_set s;
	(void)state;
	assert_null(row_set_init(&s, 100));
	for (unsigned seed = 0; seed < 2000; seed++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] =
				(uint8_t)(hash_mix(seed, i) & (seed % 2 ? 0x1f : 0xff));
		memcpy(bytes, "ARROW1\0\0", 8);
		memcpy(bytes + sizeof(bytes) - 6, "ARROW1", 6);
		store_u32le(bytes + sizeof(bytes) - 10, seed % 256);
		err_free(ipc_offsets_read(cursor_of(bytes, sizeof(bytes)), &s));
	}
	row_set_fini(&s);
}

static void test_select_live__is_the_inverse_of_counting(void **state)
{
	static const uint32_t steps[] = {1000000, 2, 3, 511, 512, 513, 70000};
	struct io_store *store;
	(void)state;
	assert_null(io_store_new_memory(&store));
	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
		struct deletion_vector *d;
		roaring_bitmap_t *r = some_rows(0, N_ROWS, steps[k]);
		size_t len;
		roaring_bitmap_add_range(r, 65000, 65700);
		uint8_t *p = serialize(r, &len);
		assert_null(io_put(store, "d.bin", p, len));
		assert_null(deletion_load(store, "d.bin", true, N_ROWS, &d));
		assert_int_equal(d->n_deleted, roaring_bitmap_get_cardinality(r));
		uint64_t live = 0;
		for (uint32_t row = 0; row < N_ROWS; row++)
			if (!roaring_bitmap_contains(r, row))
				assert_int_equal(deletion_select_live(d, live++), row);
		assert_int_equal(live, N_ROWS - d->n_deleted);
		deletion_free(d);
		assert_null(io_remove(store, "d.bin"));
		free(p);
		roaring_bitmap_free(r);
	}
	io_store_unref(store);
}

/* A fragment's rows are a claim: what one costs must follow the file. */
static void test_read__of_few_rows_among_billions(void **state)
{
	struct deletion_vector *d;
	roaring_bitmap_t *r = some_rows(UINT32_MAX - 10, UINT32_MAX - 5, 1);
	size_t len;
	uint8_t *p = serialize(r, &len);
	(void)state;
	assert_null(deletion_read(cursor_of(p, len), true, UINT32_MAX, &d));
	assert_int_equal(d->n_deleted, 5);
	assert_int_equal(deletion_select_live(d, 4000000000u), 4000000000u);
	assert_int_equal(deletion_select_live(d, UINT32_MAX - 10), UINT32_MAX - 5);
	size_t n_chunks = 0;
	for (size_t i = 0; i < d->deleted.n_chunks; i++)
		n_chunks += d->deleted.chunks[i] != NULL;
	assert_int_equal(n_chunks, 1);
	deletion_free(d);
	free(p);
	roaring_bitmap_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roaring__array_bitset_and_run_containers),
		cmocka_unit_test(test_roaring__rows_outside_are_refused),
		cmocka_unit_test(test_roaring__cut_short_anywhere),
		cmocka_unit_test(test_ipc__garbage_is_refused),
		cmocka_unit_test(test_select_live__is_the_inverse_of_counting),
		cmocka_unit_test(test_read__of_few_rows_among_billions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
