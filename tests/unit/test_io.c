// SPDX-License-Identifier: Apache-2.0
/*
 * test_io.c: stores, local and in memory: nothing outside, exact reads, publishing
 * once.
 */
#include "io/io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char dir[32];
	struct io_store *store;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/lancefs-io-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_null(io_store_open_local(p->dir, &p->store));
	*state = p;
	return 0;
}

static struct err *remove_name(void *ctx, const char *name)
{
	struct place *p = ctx;
	char path[300];
	snprintf(path, sizeof(path), "sub/%s", name);
	return io_remove(p->store, path);
}

static int teardown(void **state)
{
	struct place *p = *state;
	err_free(io_list(p->store, "sub", remove_name, p));
	io_store_unref(p->store);
	char path[64];
	snprintf(path, sizeof(path), "%s/sub", p->dir);
	rmdir(path);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static int setup_memory(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	assert_null(io_store_new_memory(&p->store));
	*state = p;
	return 0;
}

static int teardown_memory(void **state)
{
	struct place *p = *state;
	io_store_unref(p->store);
	free(p);
	return 0;
}

static void expect(struct err *err, int code)
{
	assert_non_null(err);
	if (err->code != code)
		fail_msg("errno %d, expected %d: %s", err->code, code, err->msg);
	err_free(err); /* expected */
}

static void test_paths__stay_inside(void **state)
{
	struct place *p = *state;
	struct io_file *f;
	static const char *const bad[] = {"../x", "a/../../x", "/etc/passwd", "", ".."};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(io_open(p->store, bad[i], &f), EIO);
	char link[64];
	assert_null(io_put(p->store, "sub/x", "1", 1));
	snprintf(link, sizeof(link), "%s/sub/link", p->dir);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	expect(io_open(p->store, "sub/link", &f), EIO);
}

static void test_reads__are_exact(void **state)
{
	struct place *p = *state;
	struct io_file *f;
	char got[8] = {0};
	assert_null(io_put(p->store, "sub/f", "0123456789", 10));
	assert_null(io_open(p->store, "sub/f", &f));
	assert_int_equal(io_size(f), 10);
	assert_null(io_read(f, 3, 4, got));
	assert_string_equal(got, "3456");
	expect(io_read(f, 7, 4, got), EIO);
	expect(io_read(f, UINT64_MAX, 4, got), EIO);
	const struct io_stats *stats = io_store_stats(p->store);
	assert_int_equal(atomic_load(&stats->n_reads), 1);
	assert_int_equal(atomic_load(&stats->read_bytes), 4);
	io_file_unref(f);
	expect(io_open(p->store, "sub/none", &f), ENOENT);
	expect(io_open(p->store, "sub", &f), EISDIR);
}

static void test_create__never_overwrites(void **state)
{
	struct place *p = *state;
	struct io_writer *w;
	assert_null(io_put(p->store, "sub/f", "old", 3));
	expect(io_create(p->store, "sub/f", &w), EEXIST);
}

static void test_abort__leaves_nothing(void **state)
{
	struct place *p = *state;
	struct io_writer *w;
	struct io_stat st;
	bool found;
	assert_null(io_create(p->store, "sub/f", &w));
	assert_null(io_write(w, "abc", 3));
	assert_int_equal(io_written(w), 3);
	io_writer_abort(w);
	assert_null(io_stat(p->store, "sub/f", &found, &st));
	assert_false(found);
}

static void test_publish__only_once(void **state)
{
	struct place *p = *state;
	struct bytes *b;
	assert_null(io_put(p->store, "sub/tmp1", "first", 5));
	assert_null(io_put(p->store, "sub/tmp2", "second", 6));
	assert_null(io_publish(p->store, "sub/tmp1", "sub/final"));
	expect(io_publish(p->store, "sub/tmp2", "sub/final"), EEXIST);
	assert_null(io_read_all(p->store, "sub/final", 100, &b));
	assert_memory_equal(b->data, "first", 5);
	bytes_unref(b);
	expect(io_read_all(p->store, "sub/final", 4, &b), EFBIG);
}

static void test_large_writes__mix_with_small_ones(void **state)
{
	struct place *p = *state;
	struct io_writer *w;
	struct bytes *b;
	size_t total = 0, sizes[] = {1, 300000, 7, 262144, 262143, 2, 1000000};
	uint8_t *data = malloc(1000000);
	assert_null(io_create(p->store, "sub/f", &w));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(data, (int)i + 1, sizes[i]);
		assert_null(io_write(w, data, sizes[i]));
		total += sizes[i];
	}
	assert_null(io_writer_finish(w));
	assert_null(io_read_all(p->store, "sub/f", 10000000, &b));
	assert_int_equal(b->len, total);
	size_t at = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizes[i]; k++)
			if (b->data[at++] != i + 1)
				fail_msg("byte %zu", at - 1);
	bytes_unref(b);
	free(data);
}

static struct err *count_name(void *ctx, const char *name)
{
	unsigned *n = ctx;
	*n += strcmp(name, "a") == 0 || strcmp(name, "b") == 0 ? 1 : 100;
	return NULL;
}

static void test_list__names_each_once(void **state)
{
	struct place *p = *state;
	unsigned n = 0;
	bool found;
	struct io_stat st;
	assert_null(io_put(p->store, "sub/a", "1", 1));
	assert_null(io_put(p->store, "sub/b", "22", 2));
	assert_null(io_list(p->store, "sub", count_name, &n));
	assert_int_equal(n, 2);
	assert_null(io_stat(p->store, "sub", &found, &st));
	assert_true(found && st.is_dir);
	assert_null(io_stat(p->store, "sub/b", &found, &st));
	assert_true(found && !st.is_dir && st.size == 2);
	assert_null(io_list(p->store, "none", count_name, &n));
	assert_int_equal(n, 2);
}

static void test_open_file__outlives_its_name(void **state)
{
	struct place *p = *state;
	struct io_file *f;
	char got[4] = {0};
	assert_null(io_put(p->store, "sub/f", "old", 3));
	assert_null(io_open(p->store, "sub/f", &f));
	assert_null(io_replace(p->store, "sub/f", "new", 3));
	assert_null(io_read(f, 0, 3, got));
	assert_string_equal(got, "old");
	io_file_unref(f);
	assert_null(io_open(p->store, "sub/f", &f));
	assert_null(io_read(f, 0, 3, got));
	assert_string_equal(got, "new");
	io_file_unref(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define MEMORY(f) cmocka_unit_test_setup_teardown(f, setup_memory, teardown_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_paths__stay_inside),
		TEST(test_reads__are_exact),
		TEST(test_create__never_overwrites),
		TEST(test_abort__leaves_nothing),
		TEST(test_publish__only_once),
		TEST(test_large_writes__mix_with_small_ones),
		TEST(test_list__names_each_once),
		TEST(test_open_file__outlives_its_name),
		MEMORY(test_create__never_overwrites),
		MEMORY(test_abort__leaves_nothing),
		MEMORY(test_publish__only_once),
		MEMORY(test_large_writes__mix_with_small_ones),
		MEMORY(test_list__names_each_once),
		MEMORY(test_open_file__outlives_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
