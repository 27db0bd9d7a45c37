// SPDX-License-Identifier: Apache-2.0
/*
 * test_lock.c: one at a time at work that two would spoil for each other.
 */
#include "job/lock_priv.h"

#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define NAME "_lancefs/deeper/work.lock"

struct place {
	char path[64];
	struct io_store *store; /* owned reference */
};

static struct place make(void)
{
	struct place p = {.path = "/tmp/lancefs-test-lock-XXXXXX"};
	assert_non_null(mkdtemp(p.path));
	assert_null(io_store_open_local(p.path, &p.store));
	return p;
}

static void drop(struct place *p)
{
	io_store_unref(p->store);
	tree_remove(p->path);
}

static bool is_there(const struct place *p, const char *name)
{
	bool found;
	struct io_stat st;
	assert_null(io_stat(p->store, name, &found, &st));
	return found;
}

static void assert_busy(const struct place *p, const char *message)
{
	struct job_lock l;
	struct err *err = job_lock_take(p->store, NAME, "another", &l);
	assert_non_null(err);
	assert_int_equal(err->code, EBUSY);
	assert_string_equal(err->msg, message);
	err_free(err);
	job_lock_release(&l);
}

static void test_lock__second_is_told_of_the_first(void **state)
{
	struct place p = make();
	struct job_lock l, again;
	(void)state;
	assert_null(job_lock_take(p.store, NAME, "job 7 is at work", &l));
	assert_busy(&p, "job 7 is at work; wait for it, or cancel it");
	assert_true(is_there(&p, NAME));
	job_lock_release(&l);
	assert_false(is_there(&p, "_lancefs/deeper"));
	assert_null(job_lock_take(p.store, NAME, "job 8 is at work", &again));
	assert_busy(&p, "job 8 is at work; wait for it, or cancel it");
	job_lock_release(&again);
	job_lock_release(&again);
	drop(&p);
}

/* What a killed process left is nobody's. */
static void test_lock__left_file_is_free(void **state)
{
	struct place p = make();
	struct job_lock l;
	(void)state;
	assert_null(io_put(p.store, NAME, "job 1 was at work, and for long", 31));
	assert_null(job_lock_take(p.store, NAME, "job 2", &l));
	assert_busy(&p, "job 2; wait for it, or cancel it");
	job_lock_release(&l);
	drop(&p);
}

static void test_lock__text_is_not_trusted(void **state)
{
	struct place p = make();
	struct job_lock l;
	(void)state;
	assert_null(job_lock_take(p.store, NAME, "odd \xff, more\nlines", &l));
	assert_busy(&p, "odd ?, more; wait for it, or cancel it");
	assert_int_equal(ftruncate(l.fd, 0), 0);
	assert_busy(&p, NAME " is locked; try again when its owner is done");
	job_lock_release(&l);
	drop(&p);
}

static void test_lock__follows_no_link(void **state)
{
	struct place p = make();
	struct job_lock l;
	(void)state;
	assert_null(io_mkdir(p.store, "_lancefs"));
	assert_null(io_mkdir(p.store, "_lancefs/deeper"));
	assert_int_equal(symlinkat("/etc/hostname", io_store_fd(p.store), NAME), 0);
	struct err *err = job_lock_take(p.store, NAME, "me", &l);
	assert_non_null(err);
	assert_int_equal(err->code, ELOOP);
	err_free(err);
	job_lock_release(&l);
	drop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock__second_is_told_of_the_first),
		cmocka_unit_test(test_lock__left_file_is_free),
		cmocka_unit_test(test_lock__text_is_not_trusted),
		cmocka_unit_test(test_lock__follows_no_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
