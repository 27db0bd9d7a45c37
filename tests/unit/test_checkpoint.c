// SPDX-License-Identifier: Apache-2.0
/*
 * test_checkpoint.c: what was put is found again, and what is damaged is not found.
 *
 * A value says which row it is of, so that any that is found can be told to be right,
 * whichever record it comes from.
 */
#include "job/checkpoint_log_priv.h"
#include "random_array.h"

#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LOGS "_lancefs/checkpoints/k"
#define MOST_ROWS 4096

static struct {
	char root[64];
	struct io_store *store;
	struct type *outputs[2];
	unsigned n_told;
} place;

/* --- places --- */

static int set_up(void **state)
{
	(void)state;
	snprintf(place.root, sizeof(place.root), "/var/tmp/test_checkpoint.XXXXXX");
	assert_non_null(mkdtemp(place.root));
	must(io_store_open_local(place.root, &place.store));
	place.outputs[0] = type_of("int64");
	place.outputs[1] = type_of("string");
	place.n_told = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	io_store_unref(place.store);
	type_unref(place.outputs[0]);
	type_unref(place.outputs[1]);
	tree_remove(place.root);
	return 0;
}

static void count_told(void *ctx, const char *text)
{
	(void)ctx;
	assert_non_null(strstr(text, "checkpoint " LOGS));
	place.n_told++;
}

static struct checkpoint *open_as(uint64_t owner)
{
	struct checkpoint *c;
	struct checkpoint_spec spec = {.store = place.store,
				       .key = "k",
				       .owner = owner,
				       .most_rows = MOST_ROWS,
				       .outputs = place.outputs,
				       .n_outputs = 2,
				       .tell = count_told};
	must(checkpoint_open(&spec, &c));
	return c;
}

static struct err *take_name(void *ctx, const char *name)
{
	char *path = ctx;
	snprintf(path, 128, LOGS "/%s", name);
	return NULL;
}

/* The only log, read and written. */
static struct bytes *read_log(char path[128])
{
	struct bytes *b;
	must(io_list(place.store, LOGS, take_name, path));
	must(io_read_all(place.store, path, 1 << 20, &b));
	return b;
}

static void write_log(const char *path, const void *p, size_t len)
{
	int fd = openat(io_store_fd(place.store), path,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	close(fd);
}

/* --- values --- */

static int64_t number_of(uint64_t fragment, uint64_t key, uint64_t offset)
{
	return (int64_t)(fragment * 1000003 + key * 10007 + offset * 7);
}

static struct array *values_of(uint64_t fragment, uint64_t key, const uint64_t *offsets,
			       uint64_t n, size_t output)
{
	AUTO(builder) struct builder *b = NULL;
	struct array *a;
	must(builder_new(place.outputs[output], &b));
	for (uint64_t i = 0; i < n; i++) {
		char text[32];
		int len = snprintf(text, sizeof(text), "%" PRId64,
				   number_of(fragment, key, offsets[i]));
		must(builder_text(b, text, (size_t)len));
	}
	must(builder_take(b, &a));
	return a;
}

static void put(struct checkpoint *c, uint64_t fragment, uint64_t key,
		const uint64_t *offsets, uint64_t n, const uint64_t *failed,
		size_t n_failed)
{
	struct array *outputs[2];
	for (size_t i = 0; i < 2; i++)
		outputs[i] = values_of(fragment, key, offsets, n, i);
	struct computed_rows rows = {fragment, key,    offsets, n,
				     outputs,  failed, n_failed};
	must(checkpoint_put(c, &rows));
	array_unref(outputs[0]);
	array_unref(outputs[1]);
}

/* Fail unless the value at that place is the row's. */
static void check_value(const struct array *values, uint64_t at, uint64_t fragment,
			uint64_t key, uint64_t offset)
{
	uint64_t len;
	char want[32];
	assert_true(at < values->n_rows);
	int64_t got = (int64_t)load_u64le(values->children[0]->data->data + 8 * at);
	assert_int_equal(got, number_of(fragment, key, offset));
	const uint8_t *p = array_var(values->children[1], at, &len);
	snprintf(want, sizeof(want), "%" PRId64, got);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(p, want, len);
}

/* --- against a model --- */

#define FRAGMENTS 3
#define KEYS 2
#define OFFSETS 600
#define OWNERS 2

/* What was put of a row. */
struct known {
	bool is_good;		 /* a value, by anybody */
	bool has_failed[OWNERS]; /* at least once */
};
typedef struct known model[FRAGMENTS][KEYS][OFFSETS];

static size_t random_offsets(uint64_t *seed, uint64_t *offsets)
{
	size_t n = 0;
	uint64_t at = random_next(seed) % OFFSETS, step = 1 + random_next(seed) % 9;
	for (uint64_t most = 1 + random_next(seed) % 90; n < most && at < OFFSETS;) {
		offsets[n++] = at;
		at += random_next(seed) % 3 ? 1 : step;
	}
	return n;
}

static void put_random(struct checkpoint *c, unsigned owner, uint64_t *seed, model m)
{
	uint64_t offsets[100], failed[100];
	size_t n = random_offsets(seed, offsets), n_failed = 0;
	uint64_t fragment = random_next(seed) % FRAGMENTS,
		 key = random_next(seed) % KEYS;
	for (size_t i = 0; i < n; i++) {
		struct known *k = &m[fragment][key][offsets[i]];
		if (random_next(seed) % 11 == 0) {
			failed[n_failed++] = i;
			k->has_failed[owner] = true;
		} else {
			k->is_good = true;
		}
	}
	put(c, fragment, key, offsets, n, failed, n_failed);
}

static void check_found(struct checkpoint *c, unsigned owner, uint64_t fragment,
			uint64_t key, const struct known *rows)
{
	uint64_t offsets[OFFSETS], from[OFFSETS], n = 0;
	AUTO(array) struct array *values = NULL;
	for (uint64_t o = 0; o < OFFSETS; o++) {
		const struct known *k = &rows[o];
		bool has = checkpoint_has(c, fragment, key, o);
		assert_int_equal(has, k->is_good || k->has_failed[owner]);
		if (has)
			offsets[n++] = o;
	}
	if (!n)
		return;
	must(checkpoint_get(c, fragment, key, offsets, n, from, &values));
	for (uint64_t i = 0; i < n; i++) {
		const struct known *k = &rows[offsets[i]];
		if (from[i] == CHECKPOINT_FAILED)
			assert_true(k->has_failed[owner]);
		else
			check_value(values, from[i], fragment, key, offsets[i]);
		if (from[i] != CHECKPOINT_FAILED)
			assert_true(k->is_good);
	}
}

static void check_all(struct checkpoint *c, unsigned owner, model m)
{
	for (uint64_t f = 0; f < FRAGMENTS; f++)
		for (uint64_t k = 0; k < KEYS; k++)
			check_found(c, owner, f, k, m[f][k]);
	assert_false(checkpoint_has(c, FRAGMENTS, 0, 0));
	assert_false(checkpoint_has(c, 0, KEYS, 0));
	assert_false(checkpoint_has(c, 0, 0, MOST_ROWS * 2));
}

static void test_checkpoint__random_rows(void **state)
{
	static model m;
	uint64_t seed = 7;
	(void)state;
	memset(m, 0, sizeof(m));
	for (unsigned round = 0; round < 12; round++) {
		unsigned owner = random_next(&seed) % OWNERS;
		AUTO(checkpoint) struct checkpoint *c = open_as(owner);
		check_all(c, owner, m);
		for (unsigned i = 0; i < round; i++)
			put_random(c, owner, &seed, m);
		check_all(c, owner, m);
	}
	assert_int_equal(place.n_told, 0);
	checkpoint_remove(open_as(0));
	assert_int_equal(access(place.root, F_OK), 0);
	assert_int_equal(
		faccessat(io_store_fd(place.store), "_lancefs/checkpoints", F_OK, 0),
		-1);
}

/* --- failed rows --- */

static void test_checkpoint__failed_rows_of_others(void **state)
{
	static const uint64_t offsets[] = {3, 4, 5, 9}, failed[] = {1, 3};
	uint64_t from[4];
	AUTO(array) struct array *values = NULL;
	(void)state;
	struct checkpoint *c = open_as(1);
	put(c, 0, 0, offsets, 4, failed, 2);
	assert_int_equal(checkpoint_n_failed(c), 0); /* of what there was */
	checkpoint_close(c);
	c = open_as(1);
	assert_int_equal(checkpoint_n_failed(c), 2);
	assert_true(checkpoint_has(c, 0, 0, 4));
	must(checkpoint_get(c, 0, 0, offsets, 4, from, &values));
	assert_int_equal(from[1], CHECKPOINT_FAILED);
	assert_int_equal(from[3], CHECKPOINT_FAILED);
	check_value(values, from[2], 0, 0, 5);
	checkpoint_close(c);
	c = open_as(2);
	assert_int_equal(checkpoint_n_failed(c), 0);
	assert_true(checkpoint_has(c, 0, 0, 3));
	assert_false(checkpoint_has(c, 0, 0, 4));
	assert_false(checkpoint_has(c, 0, 0, 9));
	AUTO(array) struct array *none = NULL;
	AUTO_ERR struct err *err = checkpoint_get(c, 0, 0, offsets, 4, from, &none);
	assert_non_null(err);
	assert_int_equal(err->code, ESTALE);
	checkpoint_close(c);
}

/* --- committed --- */

static void test_checkpoint__committed(void **state)
{
	static const uint64_t a[] = {0, 1, 2}, b[] = {7};
	(void)state;
	for (unsigned again = 0; again < 2; again++) {
		struct checkpoint *c = open_as(1);
		assert_int_equal(checkpoint_is_committed(c, 0, 5, 77), again);
		put(c, 0, 5, a, 3, NULL, 0);
		must(checkpoint_put_committed(c, 0, 5, 77));
		assert_true(checkpoint_is_committed(c, 0, 5, 77));
		assert_false(checkpoint_is_committed(c, 0, 5, 78));
		assert_false(checkpoint_is_committed(c, 0, 6, 77));
		assert_false(checkpoint_is_committed(c, 1, 5, 77));
		checkpoint_close(c);
	}
	struct checkpoint *c = open_as(2);
	assert_true(checkpoint_is_committed(c, 0, 5, 77));
	put(c, 0, 5, b, 1, NULL, 0);
	assert_false(checkpoint_is_committed(c, 0, 5, 77));
	checkpoint_close(c);
}

/* --- damage --- */

/* Two records, what they are committed as, and one that overlaps them. */
static void make_small_log(void)
{
	static const uint64_t a[] = {0, 1, 2, 10}, b[] = {4, 5}, d[] = {2, 3, 4};
	static const uint64_t failed[] = {1};
	struct checkpoint *c = open_as(1);
	put(c, 0, 1, a, 4, failed, 1);
	put(c, 0, 1, b, 2, NULL, 0);
	must(checkpoint_put_committed(c, 0, 1, 9));
	put(c, 0, 1, d, 3, NULL, 0);
	checkpoint_close(c);
}

/* What is found, row by row, is what was put; how much of it: a bit a row. */
static unsigned look(void)
{
	AUTO(checkpoint) struct checkpoint *c = open_as(1);
	unsigned found = 0;
	for (uint64_t o = 0; o < 64; o++) {
		AUTO(array) struct array *values = NULL;
		uint64_t from;
		if (!checkpoint_has(c, 0, 1, o))
			continue;
		assert_true(o < 6 || o == 10);
		struct err *err = checkpoint_get(c, 0, 1, &o, 1, &from, &values);
		if (!err && from == CHECKPOINT_FAILED)
			assert_int_equal(o, 1);
		else if (!err)
			check_value(values, from, 0, 1, o);
		if (err) {
			assert_int_equal(err->code, ESTALE);
			assert_false(checkpoint_has(c, 0, 1, o));
		} else {
			found |= 1U << o;
		}
		err_free(err);
	}
	return found;
}

static void test_damage__cut_at_every_byte(void **state)
{
	char path[128];
	unsigned had = 0;
	(void)state;
	make_small_log();
	AUTO(bytes) struct bytes *whole = read_log(path);
	for (size_t len = 0; len <= whole->len; len++) {
		write_log(path, whole->data, len);
		unsigned found = look();
		assert_true((found & had) == had); /* only more, as it gets longer */
		had = found;
	}
	assert_int_equal(had, 0x43f);
}

static void test_damage__flipped_at_every_byte(void **state)
{
	char path[128];
	uint64_t seed = 1;
	(void)state;
	make_small_log();
	AUTO(bytes) struct bytes *whole = read_log(path);
	for (size_t i = 0; i < whole->len; i++) {
		uint8_t was = whole->data[i];
		whole->data[i] ^= (uint8_t)(1U << random_next(&seed) % 8);
		write_log(path, whole->data, whole->len);
		whole->data[i] = was;
		look();
	}
	assert_true(place.n_told > 0);
}

/* --- hostile records --- */

/* A record whose header's own hash is right. */
static void put_hostile(uint64_t n_rows, const uint64_t *words, size_t n_words,
			uint64_t runs_len, uint64_t data_len)
{
	AUTO_BUF struct buf runs = {0};
	AUTO_BUF struct buf log = {0};
	for (size_t i = 0; i < n_words; i++)
		buf_u64le(&runs, words[i]);
	buf_u32le(&log, 0x50434c46);
	buf_u32le(&log, RECORD_ROWS);
	for (unsigned i = 0; i < 2; i++) /* the fragment, the inputs' key */
		buf_u64le(&log, i);
	buf_u64le(&log, n_rows);
	buf_u64le(&log, runs_len);
	buf_u64le(&log, data_len);
	buf_u64le(&log, hash_bytes(runs.data, runs.len, 0));
	buf_u64le(&log, hash_bytes(NULL, 0, 0));
	buf_u64le(&log, 0);
	buf_u64le(&log, hash_bytes(log.data, log.len, 0));
	buf_append(&log, runs.data, runs.len);
	must(buf_check(&log));
	assert_int_equal(log.len, RECORD_HEADER + 8 * n_words);
	write_log(LOGS "/1-x.log", log.data, log.len);
}

static void test_hostile__records(void **state)
{
	static const struct {
		uint64_t n_rows, words[5], runs_len, data_len;
		size_t n_words;
	} cases[] = {
		{1, {0}, UINT64_MAX, 2, 0},
		{1, {0}, UINT64_MAX, UINT64_MAX, 0},
		{1, {0}, 1, UINT64_MAX, 0},
		{1, {0}, UINT64_MAX - RECORD_HEADER, 0, 0},
		{1, {0}, (uint64_t)1 << 62, (uint64_t)1 << 62, 0},
		{0, {0}, 8, 0, 1},
		{0, {UINT64_MAX}, 8, 0, 1},
		{1, {0, 1, 0}, 24, 0, 3},	   /* no values */
		{1, {0, 1, UINT64_MAX}, 24, 0, 3}, /* failed rows */
		{1, {0, 1, 5, 1}, 32, 0, 4},	   /* one of no row */
		{UINT64_MAX, {0, UINT64_MAX, 0}, 24, 0, 3},
		{2, {UINT64_MAX, 2, 0}, 24, 0, 3},
		{(uint64_t)1 << 35, {0, (uint64_t)1 << 35, 0}, 24, 0, 3},
		{1, {UINT32_MAX, 1, 0}, 24, 0, 3},
		{2, {5, 1, 5, 1, 0}, 40, 0, 5}, /* twice */
		{2, {5, 1, 4, 1, 0}, 40, 0, 5}, /* not ascending */
		{MOST_ROWS + 1, {0, MOST_ROWS + 1, 0}, 24, 0, 3},
	};
	(void)state;
	must(io_mkdir(place.store, "_lancefs"));
	must(io_mkdir(place.store, "_lancefs/checkpoints"));
	must(io_mkdir(place.store, LOGS));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_hostile(cases[i].n_rows, cases[i].words, cases[i].n_words,
			    cases[i].runs_len, cases[i].data_len);
		assert_int_equal(look(), 0);
	}
}

/* What is no file does not stop it. */
static void test_hostile__names(void **state)
{
	int dir = io_store_fd(place.store);
	(void)state;
	must(io_mkdir(place.store, "_lancefs"));
	must(io_mkdir(place.store, "_lancefs/checkpoints"));
	must(io_mkdir(place.store, LOGS));
	must(io_mkdir(place.store, LOGS "/1-d.log"));
	assert_int_equal(mkfifoat(dir, LOGS "/1-f.log", 0644), 0);
	assert_int_equal(symlinkat("/dev/zero", dir, LOGS "/1-l.log"), 0);
	assert_int_equal(symlinkat("/nowhere", dir, LOGS "/-.log"), 0);
	assert_int_equal(look(), 0);
	make_small_log();
	assert_int_equal(look(), 0x43f);
}

/* --- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_checkpoint__random_rows),
		TEST(test_checkpoint__failed_rows_of_others),
		TEST(test_checkpoint__committed),
		TEST(test_damage__cut_at_every_byte),
		TEST(test_damage__flipped_at_every_byte),
		TEST(test_hostile__records),
		TEST(test_hostile__names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
