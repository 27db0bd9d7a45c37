// SPDX-License-Identifier: Apache-2.0
/*
 * test_view.c: sizes, reads at any place, sharing between threads.
 */
#include "random_array.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const cases[][2] = {{"txt", "string"},
				       {"txt", "int64"},
				       {"txt", "list<string>"},
				       {"npy", "float32[3]"},
				       {"npy", "bool"},
				       {"npy", "date32"},
				       {"csv", "string"},
				       {"csv", "float64"},
				       {"arrow", "int32"},
				       {"arrow", "string"},
				       {"arrow", "list<string>"},
				       {"txt", "dictionary<int8, string>"},
				       {"arrow", "dictionary<int8, string>"}};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static void check_random_reads(struct view *v, const struct buf *whole, int n_reads,
			       uint64_t *seed)
{
	uint8_t dst[5000];
	for (int i = 0; i < n_reads; i++) {
		uint64_t off = random_next(seed) % (whole->len + 100);
		size_t len = random_next(seed) % sizeof(dst), got;
		must(view_pread(v, off, len, dst, &got));
		size_t want =
			off < whole->len ? MIN_OF(len, whole->len - (size_t)off) : 0;
		assert_int_equal(got, want);
		if (got)
			assert_memory_equal(dst, whole->data + off, got);
	}
}

static void check_view(const char *suffix, const char *type, uint64_t n_rows,
		       unsigned nulls)
{
	uint64_t seed = n_rows + nulls, size;
	AUTO(type) struct type *t = type_of(type);
	AUTO(array) struct array *a = random_array(t, n_rows, nulls, &seed);
	AUTO(view) struct view *v = view_of(suffix, a, "col,umn");
	AUTO_BUF struct buf whole = {0};
	view_bytes(v, 10007, &whole);
	must(view_size(v, &size));
	assert_int_equal(size, whole.len);
	check_random_reads(v, &whole, 200, &seed);
	AUTO(view) struct view *fresh = view_of(suffix, a, "col,umn");
	check_random_reads(fresh, &whole, 50, &seed);
	AUTO(view) struct view *sized = view_of(suffix, a, "col,umn");
	must(view_size(sized, &size));
	assert_int_equal(size, whole.len);
}

static void test_view__sizes_and_reads_agree(void **state)
{
	static const uint64_t rows[] = {0, 1, 63, 64, 1000, 60000};
	(void)state;
	for (size_t i = 0; i < N_CASES; i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			check_view(cases[i][0], cases[i][1], rows[k], k % 2 ? 20 : 0);
}

static void test_view__told_size_is_believed_until_measured(void **state)
{
	(void)state;
	uint64_t seed = 1, size;
	AUTO(type) struct type *t = type_of("string");
	AUTO(array) struct array *a = random_array(t, 100, 0, &seed);
	AUTO(view) struct view *v = view_of("txt", a, "c");
	assert_false(view_size_known(v, &size));
	view_set_size(v, 12345);
	assert_true(view_size_known(v, &size));
	assert_int_equal(size, 12345);
	AUTO_BUF struct buf whole = {0};
	view_bytes(v, 1000, &whole);
	must(view_size(v, &size));
	assert_int_equal(size, whole.len);
}

static void test_view__fixed_size_is_known_unread(void **state)
{
	(void)state;
	uint64_t seed = 1, size;
	AUTO(type) struct type *t = type_of("float32[4]");
	AUTO(array) struct array *a = random_array(t, 100, 0, &seed);
	AUTO(view) struct view *npy = view_of("npy", a, "c");
	AUTO(view) struct view *arrow = view_of("arrow", a, "c");
	assert_true(view_size_known(npy, &size));
	assert_int_equal(size, 128 + 1600);
	assert_true(view_size_known(arrow, &size));
}

struct shared {
	struct view *view;
	const struct buf *whole;
};

static struct err *read_shared(void *ctx, size_t i)
{
	struct shared *s = ctx;
	uint64_t seed = i;
	check_random_reads(s->view, s->whole, 50, &seed);
	return NULL;
}

static void test_view__many_threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CASES; i++) {
		uint64_t seed = 8;
		AUTO(type) struct type *t = type_of(cases[i][1]);
		AUTO(array) struct array *a = random_array(t, 60000, 10, &seed);
		AUTO(view) struct view *first = view_of(cases[i][0], a, "c");
		AUTO(view) struct view *second = view_of(cases[i][0], a, "c");
		AUTO_BUF struct buf whole = {0};
		view_bytes(first, 100000, &whole);
		struct shared s = {second, &whole};
		must(parallel_for(8, 16, read_shared, &s));
	}
}

static void test_view__refuses_what_does_not_fit(void **state)
{
	(void)state;
	AUTO(type) struct type *t = type_of("string");
	AUTO(field) struct field *f = NULL;
	must(field_new("c", t, true, &f));
	struct view_source source = {.n_rows = 3, .field = f};
	struct view *v = NULL;
	struct err *err = view_open(format_find("npy"), &source, &v);
	assert_non_null(err);
	assert_non_null(strstr(err->msg, "npy does not hold string"));
	err_free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view__sizes_and_reads_agree),
		cmocka_unit_test(test_view__told_size_is_believed_until_measured),
		cmocka_unit_test(test_view__fixed_size_is_known_unread),
		cmocka_unit_test(test_view__many_threads),
		cmocka_unit_test(test_view__refuses_what_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
