// SPDX-License-Identifier: Apache-2.0
/*
 * test_array.c: slices, takes, concatenations and exports of arrays of all types.
 */
#include "random_array.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const types[] = {"null",
				    "bool",
				    "int8",
				    "uint64",
				    "float32",
				    "decimal(10,2)",
				    "string",
				    "large_binary",
				    "float32[3]",
				    "bool[3]",
				    "float32[3][2]",
				    "list<int32>",
				    "large_list<string>",
				    "struct<a: int64, b: string>",
				    "map<string, bool>",
				    "dictionary<int8, string>",
				    "struct<a: int8, b: dictionary<int32, string>>",
				    "list<dictionary<uint16, string>>",
				    "string[2]",
				    "timestamp[us, UTC]",
				    "fixed_size_binary[5]"};

#define N_TYPES (sizeof(types) / sizeof(types[0]))
#define ROWS 1003

static void with_each_type(void (*check)(struct array *a))
{
	uint64_t seed = 1;
	for (size_t i = 0; i < N_TYPES; i++) {
		AUTO(type) struct type *t = type_of(types[i]);
		for (unsigned nulls = 0; nulls <= 30; nulls += 30) {
			AUTO(array)
			struct array *a = random_array(t, ROWS, nulls, &seed);
			must(array_validate(a));
			check(a);
		}
	}
}

static void check_pieces(struct array *a)
{
	static const uint64_t cuts[] = {0, 0, 1, 8, 64, 65, 500, 1000, ROWS};
	struct array *pieces[8], *whole = NULL;
	for (size_t i = 0; i < 8; i++) {
		must(array_slice(a, cuts[i], cuts[i + 1], &pieces[i]));
		must(array_validate(pieces[i]));
	}
	must(array_concat(pieces, 8, &whole));
	must(array_validate(whole));
	assert_true(array_equal(a, whole));
	assert_int_equal(a->n_nulls, whole->n_nulls);
	for (size_t i = 0; i < 8; i++)
		array_unref(pieces[i]);
	array_unref(whole);
}

static void test_array__slices_join(void **state)
{
	(void)state;
	with_each_type(check_pieces);
}

static void check_take(struct array *a)
{
	uint64_t rows[500], seed = 3, back[ROWS];
	AUTO(array) struct array *taken = NULL;
	AUTO(array) struct array *reversed = NULL;
	AUTO(array) struct array *again = NULL;
	for (size_t i = 0; i < 500; i++)
		rows[i] = random_next(&seed) % ROWS;
	must(array_take(a, rows, 500, &taken));
	must(array_validate(taken));
	for (size_t i = 0; i < 500; i++) {
		AUTO(array) struct array *x = NULL;
		AUTO(array) struct array *y = NULL;
		must(array_slice(taken, i, i + 1, &x));
		must(array_slice(a, rows[i], rows[i] + 1, &y));
		assert_true(array_equal(x, y));
	}
	for (size_t i = 0; i < ROWS; i++)
		back[i] = ROWS - 1 - i;
	must(array_take(a, back, ROWS, &reversed));
	must(array_take(reversed, back, ROWS, &again));
	assert_true(array_equal(a, again));
}

static void test_array__take(void **state)
{
	(void)state;
	with_each_type(check_take);
}

static void test_array__joins_different_dictionaries(void **state)
{
	(void)state;
	uint64_t seed = 9;
	AUTO(type) struct type *t = type_of("dictionary<int8, string>");
	AUTO(array) struct array *a = random_array(t, 100, 10, &seed);
	AUTO(array) struct array *b = random_array(t, 50, 10, &seed);
	AUTO(array) struct array *joined = NULL;
	AUTO(array) struct array *tail = NULL;
	struct array *both[] = {a, b};
	must(array_concat(both, 2, &joined));
	must(array_validate(joined));
	must(array_slice(joined, 100, 150, &tail));
	assert_true(array_equal(tail, b));
}

static void check_null(struct array *a)
{
	AUTO(array) struct array *null = NULL;
	must(array_new_null(a->type, 77, &null));
	must(array_validate(null));
	assert_int_equal(null->n_nulls, 77);
	assert_true(array_is_null(null, 76));
	assert_false(array_equal(null, a));
}

/* Each value as before, and nothing in the slots of nulls: then a block of rows has one
 * size, however the dictionary it was read with is numbered. */
static void check_expand(struct array *a)
{
	AUTO(array) struct array *plain = NULL;
	AUTO(array) struct array *again = NULL;
	must(array_expand(a, &plain));
	must(array_validate(plain));
	assert_false(type_has_dictionary(plain->type));
	assert_int_equal(plain->n_rows, a->n_rows);
	if (!type_has_dictionary(a->type)) {
		assert_true(array_equal(plain, a));
		return;
	}
	for (uint64_t row = 0; a->type->id == TYPE_DICTIONARY && row < ROWS; row++) {
		uint64_t len = 0;
		assert_true(array_is_null(plain, row) || !array_is_null(a, row));
		if (array_is_null(plain, row))
			array_var(plain, row, &len);
		assert_int_equal(len, 0);
	}
	must(array_expand(plain, &again));
	assert_true(array_equal(plain, again));
}

static void test_array__expand(void **state)
{
	(void)state;
	with_each_type(check_expand);
}

static void test_array__expand_checks_indices(void **state)
{
	(void)state;
	AUTO(type) struct type *t = type_of("dictionary<int8, string>");
	AUTO(array) struct array *plain = NULL;
	uint64_t seed = 5;
	AUTO(array) struct array *a = random_array(t, 9, 0, &seed);
	a->data->data[4] = 0x80;
	struct err *err = array_expand(a, &plain);
	assert_non_null(err);
	assert_int_equal(err->code, EIO);
	err_free(err);
}

static void test_array__all_null(void **state)
{
	(void)state;
	with_each_type(check_null);
}

static void check_export(struct array *a)
{
	struct ArrowArray out;
	struct ArrowSchema schema;
	AUTO(field) struct field *f = NULL;
	must(field_new("x", a->type, true, &f));
	must(field_set_metadata(f, "k", "v", 1));
	must(field_export(f, &schema));
	must(array_export(a, &out));
	assert_int_equal(out.length, ROWS);
	assert_int_equal(schema.flags, ARROW_FLAG_NULLABLE);
	assert_int_equal(schema.n_children, out.n_children);
	assert_true(!schema.dictionary == !out.dictionary);
	out.release(&out);
	schema.release(&schema);
	assert_null(out.release);
}

static void test_array__export(void **state)
{
	(void)state;
	with_each_type(check_export);
}

static void test_array__hostile_row_counts(void **state)
{
	(void)state;
	AUTO(type) struct type *t = type_of("int64[1000]");
	struct array *a = NULL;
	struct err *err = array_new_null(t, UINT64_MAX / 8, &a);
	assert_non_null(err);
	err_free(err);
}

static void test_array__validate_finds_bad_offsets(void **state)
{
	(void)state;
	uint64_t seed = 5;
	AUTO(type) struct type *t = type_of("string");
	AUTO(array) struct array *a = random_array(t, 10, 0, &seed);
	store_u32le(a->offsets->data + 20, UINT32_MAX);
	struct err *err = array_validate(a);
	assert_non_null(err);
	err_free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array__slices_join),
		cmocka_unit_test(test_array__take),
		cmocka_unit_test(test_array__joins_different_dictionaries),
		cmocka_unit_test(test_array__expand),
		cmocka_unit_test(test_array__expand_checks_indices),
		cmocka_unit_test(test_array__all_null),
		cmocka_unit_test(test_array__export),
		cmocka_unit_test(test_array__hostile_row_counts),
		cmocka_unit_test(test_array__validate_finds_bad_offsets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
