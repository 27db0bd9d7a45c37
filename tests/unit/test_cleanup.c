// SPDX-License-Identifier: Apache-2.0
/*
 * test_cleanup.c: what no version needs goes, all else stays, whatever fails on the
 * way.
 */
#include "operations.h"
#include "store_copy.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATASET TEST_DATA OPERATIONS_ON
#define DAY (86400 * INT64_C(1000000000))

/* --- a dataset with a history, on disk --- */

struct place {
	char dir[32];
	struct io_store *store;
	uint64_t keys[32]; /* fingerprints of its versions, by number */
	uint64_t latest;
};

static void copy_to(const char *from, struct place *p)
{
	AUTO(io_store) struct io_store *source = NULL;
	/* in memory: there are thousands of copies */
	snprintf(p->dir, sizeof(p->dir), "%s/lancefs-unit.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p->dir));
	must(io_store_open_local(from, &source));
	must(io_store_open_local(p->dir, &p->store));
	must(store_copy(source, ".", p->store));
}

static void drop(struct place *p)
{
	io_store_unref(p->store);
	tree_remove(p->dir);
}

static void run(struct table *t, const char *name)
{
	for (size_t i = 0; i < n_operations; i++)
		if (strcmp(operations[i].name, name) == 0)
			must(operations[i].run(t));
}

static void note_versions(struct place *p)
{
	AUTO(table) struct table *t = NULL;
	AUTO_MEM uint64_t *numbers = NULL;
	size_t n;
	must(table_open(p->store, NULL, &t));
	must(table_list_versions(t, &numbers, &n));
	for (size_t i = 0; i < n; i++) {
		AUTO(version) struct version *v = NULL;
		must(table_version(t, numbers[i], &v));
		p->keys[numbers[i]] = fingerprint(v);
		p->latest = numbers[i];
	}
}

static struct place original; /* of all tests; only read */

static int make_original(void **state)
{
	static const char *const names[] = {"delete", "add", "moved", "append"};
	AUTO(table) struct table *t = NULL;
	(void)state;
	copy_to(DATASET, &original);
	must(table_open(original.store, NULL, &t));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		run(t, names[i]);
	note_versions(&original);
	assert_true(original.latest >= 5);
	return 0;
}

static int drop_original(void **state)
{
	(void)state;
	drop(&original);
	return 0;
}

static struct place fresh(void)
{
	struct place p = original;
	copy_to(original.dir, &p);
	return p;
}

/* --- looking at it --- */

static bool is_there(const struct place *p, const char *name)
{
	bool found;
	struct io_stat st;
	must(io_stat(p->store, name, &found, &st));
	return found;
}

/* Each version that is to be seen is what it was, and the latest is there. */
static size_t check_versions(const struct place *p)
{
	AUTO(table) struct table *t = NULL;
	AUTO_MEM uint64_t *numbers = NULL;
	size_t n;
	must(table_open(p->store, NULL, &t));
	must(table_list_versions(t, &numbers, &n));
	assert_int_equal(numbers[n - 1], p->latest);
	for (size_t i = 0; i < n; i++) {
		AUTO(version) struct version *v = NULL;
		must(table_version(t, numbers[i], &v));
		assert_int_equal(fingerprint(v), p->keys[numbers[i]]);
	}
	return n;
}

struct sum {
	struct io_store *store;
	const char *dir;
	uint64_t key, bytes;
	size_t n;
};

static struct err *add_up(void *ctx, const struct io_entry *e)
{
	struct sum *s = ctx;
	AUTO_MEM char *path = NULL;
	must(str_printf(&path, "%s%s%s", s->dir, *s->dir ? "/" : "", e->name));
	if (e->is_dir && strcmp(e->name, "_lancefs") != 0) {
		struct sum below = {.store = s->store, .dir = path};
		must(io_scan(s->store, path, add_up, &below));
		s->key += below.key;
		s->bytes += below.bytes;
		s->n += below.n;
	} else if (e->is_file) {
		s->key += hash_str(path, e->size); /* in any order */
		s->bytes += e->size;
		s->n++;
	}
	return NULL;
}

static struct sum files_of(const struct place *p)
{
	struct sum s = {.store = p->store, .dir = ""};
	must(io_scan(p->store, ".", add_up, &s));
	return s;
}

/* --- cleaning it up --- */

static struct err *clean(struct io_store *s, const struct cleanup_options *o,
			 struct cleanup_result *ret)
{
	AUTO(table) struct table *t = NULL;
	*ret = (struct cleanup_result){0};
	TRY(table_open(s, NULL, &t));
	return table_cleanup(t, o, ret);
}

static const struct cleanup_options all_old = {.unreferenced_ns = 7 * DAY};

static uint64_t n_kept(const struct cleanup_result *r)
{
	return r->kept[CLEANUP_RECENT] + r->kept[CLEANUP_TAGGED] +
	       r->kept[CLEANUP_IN_USE];
}

static void set_tag(const struct place *p, const char *name, uint64_t version)
{
	AUTO(table) struct table *t = NULL;
	must(table_open(p->store, NULL, &t));
	must(table_set_tag(t, name, version));
}

static void test_cleanup__policies(void **state)
{
	const uint64_t n = original.latest;
	const struct {
		int64_t older_than_ns;
		uint64_t keep, tagged, want;
	} cases[] = {
		{0, 0, 0, 1},	{0, 1, 0, 1},  {0, 3, 0, 3},   {0, 99, 0, n},
		{DAY, 0, 0, n}, {0, 0, 2, 2},  {0, 2, 2, 3},   {0, 3, n - 1, 3},
		{0, 0, n, 1},	{0, 0, 99, 1}, {DAY, 1, 2, n},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place p = fresh();
		struct cleanup_result r;
		struct cleanup_options o = {.older_than_ns = cases[i].older_than_ns,
					    .keep = cases[i].keep,
					    .unreferenced_ns = 7 * DAY};
		if (cases[i].tagged && cases[i].tagged <= n)
			set_tag(&p, "t", cases[i].tagged);
		must(clean(p.store, &o, &r));
		assert_int_equal(n_kept(&r), cases[i].want);
		assert_int_equal(check_versions(&p), cases[i].want);
		assert_int_equal(r.removed[CLEANUP_VERSIONS].n, n - cases[i].want);
		assert_int_equal(r.bytes_after, files_of(&p).bytes);
		drop(&p);
	}
}

static void test_cleanup__dry_run_tells_and_does_nothing(void **state)
{
	struct place p = fresh();
	struct cleanup_options o = all_old;
	struct cleanup_result dry, wet;
	struct sum before = files_of(&p);
	(void)state;
	o.is_dry_run = true;
	must(clean(p.store, &o, &dry));
	assert_int_equal(files_of(&p).key, before.key);
	assert_int_equal(dry.bytes_before, before.bytes);
	must(clean(p.store, &all_old, &wet));
	assert_memory_equal(&dry, &wet, sizeof(dry));
	assert_int_equal(wet.bytes_after, files_of(&p).bytes);
	must(clean(p.store, &all_old, &wet));
	assert_int_equal(wet.bytes_before, wet.bytes_after);
	assert_int_equal(wet.removed[CLEANUP_VERSIONS].n, 0);
	drop(&p);
}

/* --- what stays --- */

static void put(const struct place *p, const char *name, int64_t age_days)
{
	struct timespec when[2] = {{.tv_sec = time(NULL) - age_days * 86400}};
	when[1] = when[0];
	must(io_put(p->store, name, "bytes", 5));
	assert_int_equal(utimensat(io_store_fd(p->store), name, when, 0), 0);
}

static void test_cleanup__files_of_no_version(void **state)
{
	static const struct {
		const char *name;
		int64_t age_days;
		bool stays;
	} cases[] = {
		{"data/on_its_way.lance", 0, true},
		{"data/left.lance", 8, false},
		{"data/blobs/1.blob", 8, false},
		{"data/blobs2/1.blob", 8, true}, /* for the other one */
		{"data/blobs2/2.blob", 0, true},
		{"data/notes.txt", 8, true},
		{"data/foreign/x.lance", 8, true},
		{"data/.tmp1", 8, false},
		{"data/.tmp2", 6, true},
		{"data/blobs3/.tmp1", 8, false},
		{"_deletions/1-2-3.arrow", 8, false},
		{"_deletions/1-2-3.txt", 8, true},
		{"_transactions/1-x.txn", 8, false},
		{"_transactions/2-x.txn", 6, true},
		{"_indices/01234567-89ab-cdef-0123-456789abcdef/a/b.idx", 8, false},
		{"_indices/11234567-89ab-cdef-0123-456789abcdef/a.idx", 8, true},
		{"_indices/11234567-89ab-cdef-0123-456789abcdef/b.idx", 0, true},
		{"_indices/not-one/b.idx", 8, true},
		{"_versions/.tmp_1", 8, false},
		{"_versions/.tmp_2", 6, true},
		{"_versions/readme", 8, true},
		{"_refs/tags/.tmp_1", 8, false},
		{"elsewhere/left.lance", 8, true},
		{"left.lance", 8, true},
	};
	struct place p = fresh();
	struct cleanup_options o = {.older_than_ns = DAY, .unreferenced_ns = 7 * DAY};
	struct cleanup_result r;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		put(&p, cases[i].name, cases[i].age_days);
	must(clean(p.store, &o, &r));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (is_there(&p, cases[i].name) != cases[i].stays)
			fail_msg("%s %s", cases[i].name,
				 cases[i].stays ? "is gone" : "stays");
	check_versions(&p);
	assert_false(is_there(&p, "_indices/01234567-89ab-cdef-0123-456789abcdef"));
	assert_false(is_there(&p, "data/blobs"));
	o.unreferenced_ns = 0;
	must(clean(p.store, &o, &r));
	assert_false(is_there(&p, "_indices/11234567-89ab-cdef-0123-456789abcdef"));
	assert_false(is_there(&p, "data/on_its_way.lance"));
	assert_false(is_there(&p, "data/blobs2"));
	assert_true(is_there(&p, "data/foreign/x.lance"));
	check_versions(&p);
	drop(&p);
}

static void test_cleanup__links_are_not_followed(void **state)
{
	struct place p = fresh();
	struct cleanup_result r;
	(void)state;
	must(io_put(p.store, "elsewhere/a.lance", "x", 1));
	assert_int_equal(symlinkat("../elsewhere", io_store_fd(p.store), "data/blobs"),
			 0);
	assert_int_equal(symlinkat("../elsewhere/a.lance", io_store_fd(p.store),
				   "data/link.lance"),
			 0);
	struct cleanup_options o = {0};
	must(clean(p.store, &o, &r));
	assert_true(is_there(&p, "elsewhere/a.lance"));
	assert_true(is_there(&p, "data/link.lance"));
	check_versions(&p);
	must(io_mkdir(p.store, "aside"));
	assert_int_equal(renameat(io_store_fd(p.store), "data", io_store_fd(p.store),
				  "aside/data"),
			 0);
	assert_int_equal(symlinkat("aside/data", io_store_fd(p.store), "data"), 0);
	struct sum before = files_of(&p);
	AUTO_ERR struct err *err = clean(p.store, &o, &r);
	assert_non_null(err);
	assert_int_equal(err->code, EOPNOTSUPP);
	assert_int_equal(files_of(&p).key, before.key);
	drop(&p);
}

/* --- what is not understood --- */

static void replace(const struct place *p, const char *name, const char *text)
{
	must(io_remove(p->store, name));
	must(io_put(p->store, name, text, strlen(text)));
}

static void test_cleanup__refuses_what_it_cannot_read(void **state)
{
	static const struct {
		const char *name, *text, *message;
	} cases[] = {
		{"_versions/18446744073709551613.manifest", "broken", "cut short"},
		{"_versions/d9223372036854775900.manifest", "broken", "cut short"},
		{"_refs/tags/a.json", "broken", "not a tag"},
		{"_refs/tags/b.json", "{\"version\":1,\"branch\":7}", "not a tag"},
		{"_refs/branches/b.json", "{}", "not a branch"},
		{"tree/b/_versions/18446744073709551613.manifest", "x", "cut short"},
		{"tree/a/b/_versions/d1.manifest", "x", "cut short"},
		{"_lancefs/leases/other-1-a", "many\n", "no version"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place p = fresh();
		struct cleanup_result r;
		replace(&p, cases[i].name, cases[i].text);
		struct sum before = files_of(&p);
		AUTO_ERR struct err *err = clean(p.store, &all_old, &r);
		assert_non_null(err);
		if (!strstr(err->msg, cases[i].message))
			fail_msg("%s: %s", cases[i].name, err->msg);
		assert_int_equal(files_of(&p).key, before.key);
		drop(&p);
	}
}

/* --- whatever fails --- */

static unsigned count_calls(struct sum *ret_after)
{
	struct place p = fresh();
	AUTO(io_store) struct io_store *counting = NULL;
	struct io_faults none = {.at = UINT32_MAX};
	struct cleanup_result r;
	must(io_store_new_faulty(p.store, &none, &counting));
	must(clean(counting, &all_old, &r));
	*ret_after = files_of(&p);
	drop(&p);
	return atomic_load(&none.n_calls);
}

/* A table to read, and the next cleanup finishes the job: also for files that are
 * young. */
static void check_after(struct place *p, const struct sum *clean_one)
{
	struct cleanup_result r;
	check_versions(p);
	must(clean(p->store, &all_old, &r));
	assert_int_equal(check_versions(p), 1);
	assert_int_equal(files_of(p).key, clean_one->key);
	drop(p);
}

static void test_cleanup__every_call_fails(void **state)
{
	struct sum after;
	unsigned n = count_calls(&after);
	(void)state;
	for (unsigned k = 0; k < 2 * n; k++) {
		struct place p = fresh();
		AUTO(io_store) struct io_store *faulty = NULL;
		struct cleanup_result r;
		struct io_faults faults = {.at = k % n,
					   .code = k % 2 ? EACCES : EIO,
					   .publishes = k / n == 1};
		must(io_store_new_faulty(p.store, &faults, &faulty));
		AUTO_ERR struct err *err = clean(faulty, &all_old, &r);
		if (!err) /* nothing was left undone */
			assert_int_equal(files_of(&p).key, after.key);
		check_after(&p, &after);
	}
}

static void die(void *ctx)
{
	(void)ctx;
	_exit(0);
}

static void test_cleanup__dies_at_every_call(void **state)
{
	struct sum after;
	unsigned n = count_calls(&after);
	(void)state;
	for (unsigned k = 0; k < n; k++) {
		struct place p = fresh();
		struct io_faults faults = {.at = k, .die = die};
		pid_t child = fork();
		if (child == 0) {
			struct io_store *faulty;
			struct cleanup_result r;
			err_free(io_store_new_faulty(p.store, &faults, &faulty));
			err_free(clean(faulty, &all_old, &r));
			_exit(1);
		}
		int status = -1;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		check_after(&p, &after);
	}
}

static struct err *stop(void *ctx, uint64_t done, uint64_t total)
{
	unsigned *left = ctx;
	assert_true(done <= total);
	return (*left)-- ? NULL : err_new(ECANCELED, "stop");
}

static void test_cleanup__stops_at_every_step(void **state)
{
	struct sum after;
	struct cleanup_result r;
	(void)state;
	count_calls(&after);
	for (unsigned k = 0, is_done = 0; !is_done; k++) {
		struct place p = fresh();
		unsigned left = k;
		struct cleanup_options o = all_old;
		o.step = stop;
		o.ctx = &left;
		AUTO_ERR struct err *err = clean(p.store, &o, &r);
		is_done = !err;
		check_after(&p, &after);
	}
}

/* One that was put out of sight by a process that died is brought back if it is wanted
 * by now. */
static void test_cleanup__hidden_version_that_is_tagged(void **state)
{
	struct place p = fresh();
	struct cleanup_result r;
	(void)state;
	set_tag(&p, "t", 2);
	must(io_publish(p.store, "_versions/18446744073709551613.manifest",
			"_versions/.tmp_expired_2"));
	assert_int_equal(check_versions(&p), p.latest - 1);
	must(clean(p.store, &all_old, &r));
	assert_int_equal(r.kept[CLEANUP_TAGGED], 1);
	assert_int_equal(check_versions(&p), 2);
	assert_false(is_there(&p, "_versions/.tmp_expired_2"));
	drop(&p);
}

/* A file that cannot be removed does not keep the others, and is told. */
static void test_cleanup__a_file_that_stays(void **state)
{
	struct place p = fresh();
	struct cleanup_result r;
	(void)state;
	must(io_put(p.store, "_transactions/0-left.txn", "x", 1));
	must(io_mkdir(p.store, "_indices"));
	must(io_mkdir(p.store, "_indices/01234567-89ab-cdef-0123-456789abcdef"));
	must(io_put(p.store, "_indices/01234567-89ab-cdef-0123-456789abcdef/a", "x",
		    1));
	assert_int_equal(fchmodat(io_store_fd(p.store),
				  "_indices/01234567-89ab-cdef-0123-456789abcdef", 0500,
				  0),
			 0);
	struct cleanup_options o = {0};
	AUTO_ERR struct err *err = clean(p.store, &o, &r);
	if (geteuid() != 0) {
		assert_non_null(err);
		assert_int_equal(err->code, EACCES);
		assert_true(r.n_failed > 0);
		assert_false(is_there(&p, "_transactions/0-left.txn"));
	}
	assert_int_equal(check_versions(&p), 1);
	fchmodat(io_store_fd(p.store), "_indices/01234567-89ab-cdef-0123-456789abcdef",
		 0700, 0);
	drop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cleanup__policies),
		cmocka_unit_test(test_cleanup__dry_run_tells_and_does_nothing),
		cmocka_unit_test(test_cleanup__files_of_no_version),
		cmocka_unit_test(test_cleanup__links_are_not_followed),
		cmocka_unit_test(test_cleanup__refuses_what_it_cannot_read),
		cmocka_unit_test(test_cleanup__every_call_fails),
		cmocka_unit_test(test_cleanup__dies_at_every_call),
		cmocka_unit_test(test_cleanup__stops_at_every_step),
		cmocka_unit_test(test_cleanup__hidden_version_that_is_tagged),
		cmocka_unit_test(test_cleanup__a_file_that_stays),
	};
	return cmocka_run_group_tests(tests, make_original, drop_original);
}
