// SPDX-License-Identifier: Apache-2.0
/*
 * test_lease.c: versions that a process has open outlive cleanups, and only as long as
 * it has them open.
 */
#include "operations.h"
#include "store_copy.h"
#include "table/lease_priv.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATASET TEST_DATA OPERATIONS_ON

/* --- a dataset of three versions and more, on disk --- */

struct place {
	char dir[32];
	struct io_store *store;
	uint64_t latest;
};

static int set_up(void **state)
{
	AUTO(io_store) struct io_store *from = NULL;
	AUTO(table) struct table *t = NULL;
	struct place *p;
	must(mem_new(&p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/lancefs-unit.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	must(io_store_open_local(DATASET, &from));
	must(io_store_open_local(p->dir, &p->store));
	must(store_copy(from, ".", p->store));
	must(table_open(p->store, NULL, &t));
	for (size_t i = 0; i < 3; i++)
		must(operations[i].run(t));
	AUTO(version) struct version *v = table_latest(t);
	p->latest = version_number(v);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	io_store_unref(p->store);
	tree_remove(p->dir);
	free(p);
	return 0;
}

static struct table *open_held(const struct place *p)
{
	struct table *t;
	must(table_open(p->store, NULL, &t));
	must(table_hold_leases(t));
	return t;
}

/* How many versions are in use, after everything else went. */
static uint64_t clean(const struct place *p)
{
	AUTO(table) struct table *t = NULL;
	struct cleanup_options o = {0};
	struct cleanup_result r;
	must(table_open(p->store, NULL, &t));
	must(table_cleanup(t, &o, &r));
	assert_int_equal(r.kept[CLEANUP_RECENT], 1);
	return r.kept[CLEANUP_IN_USE];
}

static bool is_leased(const struct place *p, uint64_t number)
{
	struct numbers l = {0};
	bool found = false;
	must(leases_read(p->store, &l));
	for (size_t i = 0; i < l.n; i++)
		found = found || l.items[i] == number;
	free(l.items);
	return found;
}

static struct err *count_entry(void *ctx, const struct io_entry *e)
{
	(void)e;
	(*(size_t *)ctx)++;
	return NULL;
}

static size_t count_leases(const struct place *p)
{
	size_t n = 0;
	must(io_scan(p->store, LEASES_DIR, count_entry, &n));
	return n;
}

/* --- this process --- */

static void test_lease__version_that_is_held_stays(void **state)
{
	const struct place *p = *state;
	AUTO(table) struct table *t = open_held(p);
	AUTO(version) struct version *v = NULL;
	AUTO(version) struct version *other = NULL;
	struct version_hold hold = {0};
	must(table_version(t, 2, &v));
	must(version_hold(v, &hold));
	uint64_t key = fingerprint(v);
	assert_int_equal(clean(p), 1);
	assert_int_equal(fingerprint(v), key);
	version_let_go(&hold);
	must(table_refresh(t));
	assert_int_equal(clean(p), 0);
	AUTO_ERR struct err *err = table_version(t, 2, &other);
	assert_non_null(err);
	assert_int_equal(err->code, ENOENT);
}

/* Who was given one has a moment to begin with it. */
static void test_lease__version_that_was_just_handed_out_stays(void **state)
{
	const struct place *p = *state;
	AUTO(table) struct table *t = open_held(p);
	AUTO(version) struct version *v = NULL;
	must(table_version(t, 2, &v));
	must(table_refresh(t));
	assert_int_equal(clean(p), 1);
	assert_true(is_leased(p, p->latest));
	must(operations[3].run(t)); /* a rename: the latest is so no more */
	assert_int_equal(clean(p), 2);
	assert_true(is_leased(p, p->latest));
}

static void test_lease__looking_holds_nothing(void **state)
{
	const struct place *p = *state;
	AUTO(table) struct table *t = open_held(p);
	for (uint64_t i = 1; i <= p->latest; i++) {
		struct version_summary s;
		must(table_summary(t, i, &s));
		version_summary_fini(&s);
	}
	assert_false(is_leased(p, 1));
	assert_int_equal(clean(p), 0);
}

/* Another version has the same files; which one nobody knows. */
static void test_lease__version_that_is_gone_holds_all(void **state)
{
	const struct place *p = *state;
	AUTO(table) struct table *t = NULL;
	AUTO(version) struct version *v = NULL;
	AUTO(version) struct version *old = NULL;
	struct version_hold hold = {0}, held = {0};
	must(table_open(p->store, NULL, &t));
	must(table_version(t, 1, &old));
	must(io_remove(p->store, "_versions/18446744073709551614.manifest"));
	must(table_hold_leases(t));
	must(table_version(t, 2, &v));
	must(version_hold(v, &held));
	must(version_hold(old, &hold));
	version_let_go(&held);
	must(table_refresh(t));
	assert_int_equal(clean(p), 1);
	version_let_go(&hold);
}

static void test_lease__file_comes_and_goes(void **state)
{
	const struct place *p = *state;
	struct table *t = open_held(p);
	assert_int_equal(count_leases(p), 1);
	assert_true(is_leased(p, p->latest));
	AUTO_MEM char *dir = NULL;
	must(str_printf(&dir, "%s/" LEASES_DIR, p->dir));
	assert_int_equal(tree_remove(dir), 0); /* somebody did */
	assert_false(is_leased(p, p->latest));
	must(table_refresh(t));
	assert_true(is_leased(p, p->latest));
	table_unref(t);
	assert_int_equal(count_leases(p), 0);
}

static void test_lease__not_where_nothing_can_be_written(void **state)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	const struct place *p = *state;
	must(io_store_new_memory(&s));
	must(store_copy(p->store, ".", s));
	must(table_open(s, NULL, &t));
	must(table_hold_leases(t));
	AUTO(version) struct version *v = table_latest(t);
	struct version_hold hold = {0};
	must(version_hold(v, &hold));
	version_let_go(&hold);
}

/* --- others --- */

/* Holds version 2 until it is told to end; byte by byte through the pipes. */
static void hold_in_child(const struct place *p, int begun, int end)
{
	struct table *t = open_held(p);
	struct version *v;
	struct version_hold hold = {0};
	char byte = 0;
	if (table_version(t, 2, &v) || version_hold(v, &hold) ||
	    write(begun, &byte, 1) != 1 || read(end, &byte, 1) != 0)
		_exit(1);
	_exit(0); /* as if it were killed: nothing is put away */
}

static void test_lease__of_another_process(void **state)
{
	const struct place *p = *state;
	int begun[2], end[2], status = -1;
	char byte;
	assert_int_equal(pipe2(begun, O_CLOEXEC) | pipe2(end, O_CLOEXEC), 0);
	pid_t child = fork();
	if (child == 0) {
		close(end[1]);
		hold_in_child(p, begun[1], end[0]);
	}
	assert_int_equal(read(begun[0], &byte, 1), 1);
	assert_int_equal(clean(p), 1);
	assert_int_equal(count_leases(p), 1);
	close(end[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(count_leases(p), 1); /* a dead one's */
	assert_int_equal(clean(p), 0);
	assert_int_equal(count_leases(p), 0);
	close(begun[0]);
	close(begun[1]);
	close(end[0]);
}

static void put_lease(const struct place *p, const char *name, int64_t age_s,
		      const char *text)
{
	AUTO_MEM char *path = NULL;
	struct timespec when[2] = {{.tv_sec = time(NULL) - age_s}};
	when[1] = when[0];
	must(str_printf(&path, LEASES_DIR "/%s", name));
	must(io_put(p->store, path, text, strlen(text)));
	assert_int_equal(utimensat(io_store_fd(p->store), path, when, 0), 0);
}

static void test_lease__of_other_hosts(void **state)
{
	const struct place *p = *state;
	put_lease(p, "far-away-17-abc", 3600, "2\n1");
	put_lease(p, "gone-17-abc", 2 * 86400, "1\n");
	put_lease(p, ".tmp-x", 0, "1\n");
	assert_int_equal(clean(p), 1);
	assert_true(is_leased(p, 2));
	assert_int_equal(count_leases(p), 2);
	AUTO_MEM char *path = NULL;
	must(str_printf(&path, "%s/" LEASES_DIR "/far-away-17-abc", p->dir));
	struct timespec long_ago[2] = {{0}};
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(clean(p), 1); /* its lock is seen here */
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(clean(p), 0);
}

struct replacing {
	struct io_store *store; /* borrowed */
	struct lease *lease;	/* owned; the last one */
	atomic_bool is_over;
};

static void *replace_leases(void *ctx)
{
	struct replacing *r = ctx;
	for (unsigned i = 0; i < 300; i++) {
		struct lease *l;
		bool unused;
		if (lease_new(r->store, NULL, &l))
			break; /* out of memory */
		lease_use(l, 77, &unused);
		lease_free(r->lease);
		r->lease = l;
	}
	atomic_store(&r->is_over, true);
	return NULL;
}

/* A lease is replaced by another before it goes: who reads meanwhile sees one. */
static void test_lease__is_never_missed(void **state)
{
	const struct place *p = *state;
	struct replacing r = {.store = p->store};
	pthread_t thread;
	bool unused, is_missed = false;
	must(lease_new(p->store, NULL, &r.lease));
	lease_use(r.lease, 77, &unused);
	assert_int_equal(pthread_create(&thread, NULL, replace_leases, &r), 0);
	while (!atomic_load(&r.is_over))
		is_missed = is_missed || !is_leased(p, 77);
	pthread_join(thread, NULL);
	lease_free(r.lease);
	assert_false(is_missed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lease__version_that_is_held_stays),
		TEST(test_lease__version_that_was_just_handed_out_stays),
		TEST(test_lease__looking_holds_nothing),
		TEST(test_lease__version_that_is_gone_holds_all),
		TEST(test_lease__file_comes_and_goes),
		TEST(test_lease__not_where_nothing_can_be_written),
		TEST(test_lease__of_another_process),
		TEST(test_lease__of_other_hosts),
		TEST(test_lease__is_never_missed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
