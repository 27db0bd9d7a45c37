// SPDX-License-Identifier: Apache-2.0
/*
 * test_crew_call.c: how many workers a job is worth.
 */
#include "job/batch_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

/* Begun some time ago; the first rows came after a start, others since. */
static void story(struct crew_call *c, uint64_t n_rows, int64_t start, int64_t since,
		  uint64_t n_since)
{
	crew_call_begin(c, n_rows);
	c->begun_ns = monotonic_ns() - start - since;
	if (n_since == UINT64_MAX)
		return; /* nothing has come */
	atomic_store(&c->first_ns, c->begun_ns + start);
	atomic_store(&c->n_first, 32);
	atomic_store(&c->n_done, 32 + n_since);
}

static void test_call__small_job_is_left_to_one(void **state)
{
	struct crew_call c;
	(void)state;
	story(&c, 200000, S / 2, S / 4, 100000); /* as much again */
	assert_false(crew_call_wants(&c, 1));
	assert_false(crew_call_wants(&c, 7));
}

static void test_call__long_job_is_worth_all(void **state)
{
	struct crew_call c;
	(void)state;
	story(&c, 200000, S / 2, S / 4, 32);
	assert_true(crew_call_wants(&c, 1));
	assert_true(crew_call_wants(&c, 7));
}

static void test_call__the_second_may_be_worth_it_and_not_the_third(void **state)
{
	struct crew_call c;
	(void)state;
	story(&c, 42 * 1000 + 32, S, 10 * S, 32 * 1000); /* three seconds are left */
	assert_true(crew_call_wants(&c, 1));
	assert_false(crew_call_wants(&c, 7));
}

static void test_call__it_is_watched_before(void **state)
{
	struct crew_call c;
	(void)state;
	story(&c, 200000, 100 * S, S, 1);
	assert_false(crew_call_wants(&c, 1));
}

static void test_call__silence(void **state)
{
	struct crew_call c;
	(void)state;
	story(&c, 200000, 0, S / 2, UINT64_MAX);
	assert_false(crew_call_wants(&c, 1));
	story(&c, 200000, 0, 2 * S, UINT64_MAX);
	assert_true(crew_call_wants(&c, 1));
	assert_true(crew_call_wants(&c, 7));
}

static void test_call__nothing_left(void **state)
{
	struct crew_call c;
	(void)state;
	story(&c, 32, S, S, 0);
	assert_false(crew_call_wants(&c, 1));
}

static void test_call__the_first_rows_are_remembered(void **state)
{
	struct crew_call c;
	(void)state;
	crew_call_begin(&c, 1000);
	crew_call_saw(&c, 32);
	int64_t first = atomic_load(&c.first_ns);
	assert_true(first >= c.begun_ns);
	crew_call_saw(&c, 64);
	assert_true(atomic_load(&c.first_ns) == first);
	assert_int_equal(atomic_load(&c.n_first), 32);
	assert_int_equal(atomic_load(&c.n_done), 96);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call__small_job_is_left_to_one),
		cmocka_unit_test(test_call__long_job_is_worth_all),
		cmocka_unit_test(
			test_call__the_second_may_be_worth_it_and_not_the_third),
		cmocka_unit_test(test_call__it_is_watched_before),
		cmocka_unit_test(test_call__silence),
		cmocka_unit_test(test_call__nothing_left),
		cmocka_unit_test(test_call__the_first_rows_are_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
