// SPDX-License-Identifier: Apache-2.0
/*
 * test_crash.c: whatever call of a commit fails, and after whatever step the machine
 * stops, a dataset is the old version or the new one, whole.
 *
 * Each operation is run once to count its calls, then once for every call and every
 * way in which that fails; and it is recorded, and every prefix of its steps is put
 * on a fresh copy, with what was not synced lost or kept.
 *
 * With LANCEFS_CRASH_DIR set the states after crashes are kept there as well, for
 * others to read.
 */
#include "operations.h"
#include "record.h"
#include "store_copy.h"

#include <errno.h>
#include <sys/stat.h>

#define DATASET TEST_DATA OPERATIONS_ON

/* --- states --- */

static struct io_store *original; /* of all tests */

static struct io_store *fresh_copy(void)
{
	struct io_store *s;
	must(io_store_new_memory(&s));
	must(store_copy(original, ".", s));
	return s;
}

/* Opened anew, whole: its latest version's number, and what it shows. */
static uint64_t look(struct io_store *s, uint64_t *ret_number)
{
	AUTO(table) struct table *t = NULL;
	must(table_open(s, NULL, &t));
	AUTO(version) struct version *v = table_latest(t);
	*ret_number = version_number(v);
	return fingerprint(v);
}

static struct err *count_name(void *ctx, const char *name)
{
	size_t *n = ctx;
	(void)name;
	(*n)++;
	return NULL;
}

static size_t count_files(struct io_store *s, const char *dir)
{
	size_t n = 0;
	must(io_list(s, dir, count_name, &n));
	return n;
}

struct states {
	uint64_t old_number, old_key, new_key;
};

/* The old version or the new one; true: the new one. */
static bool check_state(struct io_store *s, const struct states *states)
{
	uint64_t number, key = look(s, &number);
	if (number == states->old_number) {
		assert_int_equal(key, states->old_key);
		return false;
	}
	assert_int_equal(number, states->old_number + 1);
	assert_int_equal(key, states->new_key);
	return true;
}

static struct err *run_on(struct io_store *s, const struct operation *op)
{
	AUTO(table) struct table *t = NULL;
	TRY(table_open(s, NULL, &t));
	return op->run(t);
}

/* The states before and after; *ret_calls: how many calls it takes. */
static struct states measure(const struct operation *op, unsigned *ret_calls)
{
	AUTO(io_store) struct io_store *s = fresh_copy();
	AUTO(io_store) struct io_store *counting = NULL;
	struct io_faults none = {.at = UINT32_MAX};
	struct states states;
	uint64_t number;
	states.old_key = look(s, &states.old_number);
	must(io_store_new_faulty(s, &none, &counting));
	must(run_on(counting, op));
	states.new_key = look(s, &number);
	assert_int_equal(number, states.old_number + 1);
	*ret_calls = atomic_load(&none.n_calls);
	return states;
}

/* --- a call fails --- */

static void fail_once(const struct operation *op, const struct states *states,
		      struct io_faults *faults)
{
	AUTO(io_store) struct io_store *s = fresh_copy();
	AUTO(io_store) struct io_store *faulty = NULL;
	must(io_store_new_faulty(s, faults, &faulty));
	AUTO_ERR struct err *err = run_on(faulty, op);
	bool is_new = check_state(s, states);
	if (is_new != !err)
		fail_msg("%s: call %u, errno %d: %s, but the version is %s", op->name,
			 faults->at, faults->code, err ? err->msg : "success",
			 is_new ? "new" : "old");
	if (err) { /* only one file may be left, whose removal it is that failed */
		assert_true(count_files(s, "data") <=
			    count_files(original, "data") + 1);
		assert_true(count_files(s, "_deletions") <=
			    count_files(original, "_deletions") + 1);
	}
	/* what is left does not stand in the way */
	if (err)
		must(run_on(s, op));
	assert_true(check_state(s, states));
}

static void test_every_call_fails(void **state)
{
	static const int codes[] = {EIO, ENOSPC, EINTR, EACCES, EDQUOT};
	(void)state;
	for (size_t i = 0; i < n_operations; i++) {
		unsigned n;
		struct states states = measure(&operations[i], &n);
		for (unsigned k = 0; k < n * 6;
		     k++) { /* the last time round: it was made */
			struct io_faults faults = {
				.at = k % n,
				.code = codes[k / n % 5],
				.stays = codes[k / n % 5] == ENOSPC,
				.publishes = k / n == 5,
			};
			fail_once(&operations[i], &states, &faults);
		}
	}
}

/* --- the machine stops --- */

static void keep_state(struct io_store *s, const struct operation *op, size_t step,
		       int crash)
{
	const char *dir = getenv("LANCEFS_CRASH_DIR");
	AUTO(io_store) struct io_store *to = NULL;
	AUTO_MEM char *path = NULL;
	if (!dir)
		return;
	must(str_printf(&path, "%s/%s-%zu-%d.lance", dir, op->name, step, crash));
	assert_int_equal(mkdir(path, 0777), 0);
	must(io_store_open_local(path, &to));
	must(store_copy(s, ".", to));
}

static void stop_after(const struct operation *op, const struct states *states,
		       const struct recording *r, size_t n)
{
	bool is_new = false;
	for (int crash = 0; crash < N_CRASHES; crash++) {
		AUTO(io_store) struct io_store *s = fresh_copy();
		must(recording_replay(r, n, (enum crash)crash, s));
		is_new = check_state(s, states);
		keep_state(s, op, n, crash);
	}
	if (n == r->n) /* what returned is durable, however little was kept */
		assert_true(is_new);
}

static void test_every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_operations; i++) {
		AUTO(io_store) struct io_store *s = fresh_copy();
		AUTO(io_store) struct io_store *recorded = NULL;
		struct recording r = {0};
		unsigned n_calls;
		struct states states = measure(&operations[i], &n_calls);
		must(record_store_new(s, &r, &recorded));
		must(run_on(recorded, &operations[i]));
		for (size_t n = 0; n <= r.n; n++)
			stop_after(&operations[i], &states, &r, n);
		recording_fini(&r);
	}
}

/* --- */

static int load_original(void **state)
{
	AUTO(io_store) struct io_store *local = NULL;
	(void)state;
	must(io_store_open_local(DATASET, &local));
	must(io_store_new_memory(&original));
	must(store_copy(local, ".", original));
	return 0;
}

static int drop_original(void **state)
{
	(void)state;
	io_store_unref(original);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_every_prefix),
	};
	const struct CMUnitTest kept[] = {cmocka_unit_test(test_every_prefix)};
	if (getenv("LANCEFS_CRASH_DIR"))
		return cmocka_run_group_tests(kept, load_original, drop_original);
	return cmocka_run_group_tests(tests, load_original, drop_original);
}
