// SPDX-License-Identifier: Apache-2.0
/*
 * test_roots.c: which files outside of a dataset are found, and what never leads there.
 */
#include "table/table_priv.h"

#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_uri__spells_a_path(void **state)
{
	static const struct {
		const char *uri, *path; /* NULL: refused */
		int code;
	} cases[] = {
		{"/a/b", "/a/b", 0},
		{"/a//b/./c/", "/a/b/c", 0},
		{"/", "", 0},
		{"//", "", 0},
		{"/a%20b", "/a%20b", 0}, /* a path, no URI */
		{"file:///a%20b/%C3%A9", "/a b/\xC3\xA9", 0},
		{"file:///a/%2e/b", "/a/b", 0},
		{"file://localhost/a", "/a", 0},
		{"/...", "/...", 0},
		{"/a/../b", NULL, EIO},
		{"/..", NULL, EIO},
		{"file:///a/%2e%2E/b", NULL, EIO},
		{"file:///a/%2e%2e%2fb", NULL, EIO},
		{"file:///a%00b", NULL, EIO},
		{"file:///a%", NULL, EIO},
		{"file:///a%4", NULL, EIO},
		{"file:///a%zz", NULL, EIO},
		{"file://host/a", NULL, EOPNOTSUPP},
		{"file:a", NULL, EOPNOTSUPP},
		{"s3://bucket/a", NULL, EOPNOTSUPP},
		{"http://host/a", NULL, EOPNOTSUPP},
		{"a/b", NULL, EOPNOTSUPP},
		{"../a", NULL, EOPNOTSUPP},
		{"", NULL, EOPNOTSUPP},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_MEM char *path = NULL;
		AUTO_ERR struct err *err = uri_local_path(cases[i].uri, &path);
		if ((err ? err->code : 0) != cases[i].code ||
		    (!err && strcmp(path, cases[i].path) != 0))
			fail_msg("'%s': %s", cases[i].uri, err ? err->msg : path);
	}
}

struct place {
	char path[64]; /* which has allowed/sub/file, a file outside, and links */
	struct roots *roots;
};

static void make_file(const struct place *p, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void make_link(const struct place *p, const char *to, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	assert_int_equal(symlink(to, path), 0);
}

static void make(struct place *p, const char *allowed)
{
	char path[192];
	*p = (struct place){.path = "/tmp/lancefs-test-roots-XXXXXX"};
	assert_non_null(mkdtemp(p->path));
	snprintf(path, sizeof(path), "%s/allowed", p->path);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/allowed/sub", p->path);
	assert_int_equal(mkdir(path, 0700), 0);
	make_file(p, "allowed/sub/file");
	make_file(p, "outside");
	make_link(p, "allowed", "link");
	make_link(p, "sub/file", "allowed/inner");
	make_link(p, "../outside", "allowed/out");
	make_link(p, "/etc/passwd", "allowed/absolute");
	snprintf(path, sizeof(path), "%s/%s", p->path, allowed);
	assert_null(roots_open(path, &p->roots));
}

static void drop(struct place *p)
{
	roots_unref(p->roots);
	tree_remove(p->path);
}

/* What opening it fails with; 0: it is opened; -1: it is in no root. */
static int try_open(const struct place *p, const char *name)
{
	char path[192];
	AUTO_PLACE struct file_place at = {0};
	AUTO(io_file) struct io_file *file = NULL;
	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	assert_null(roots_find(p->roots, path, &at));
	if (!at.store)
		return -1;
	AUTO_ERR struct err *err = io_open(at.store, at.path, &file);
	return err ? err->code : 0;
}

static void test_roots__hold_what_is_in_them(void **state)
{
	struct place p;
	(void)state;
	make(&p, "allowed");
	assert_int_equal(try_open(&p, "allowed/sub/file"), 0);
	assert_int_equal(try_open(&p, "allowed/inner"), 0);
	assert_int_equal(try_open(&p, "allowed/none"), ENOENT);
	assert_int_equal(try_open(&p, "allowed/sub"), EISDIR);
	assert_int_equal(try_open(&p, "outside"), -1);
	assert_int_equal(try_open(&p, "allowed2/file"), -1);
	assert_int_equal(try_open(&p, "link/sub/file"), -1);
	drop(&p);
}

static void test_links__do_not_lead_out(void **state)
{
	struct place p;
	(void)state;
	make(&p, "allowed/");
	assert_int_equal(try_open(&p, "allowed/out"), EIO);
	assert_int_equal(try_open(&p, "allowed/absolute"), EIO);
	drop(&p);
}

static void test_root_by_a_link__has_both_spellings(void **state)
{
	struct place p;
	(void)state;
	make(&p, "link");
	assert_int_equal(try_open(&p, "link/sub/file"), 0);
	assert_int_equal(try_open(&p, "allowed/sub/file"), 0);
	assert_int_equal(try_open(&p, "outside"), -1);
	drop(&p);
}

static void test_root__may_be_spelled_by_dots(void **state)
{
	struct place p;
	(void)state;
	make(&p, "allowed/sub/..");
	assert_int_equal(try_open(&p, "allowed/sub/file"), 0);
	assert_int_equal(try_open(&p, "outside"), -1);
	drop(&p);
}

static void test_list__is_checked(void **state)
{
	static const struct {
		const char *list;
		int code;
	} cases[] = {
		{"", 0},
		{":", 0},
		{"/tmp", 0},
		{"/tmp:/", 0},
		{".", 0},
		{"/tmp:no/such", ENOENT},
		{"/no/such", ENOENT},
		{"/etc/passwd", ENOTDIR},
		{"/tmp/../tmp", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(roots) struct roots *roots = NULL;
		AUTO_ERR struct err *err = roots_open(cases[i].list, &roots);
		if ((err ? err->code : 0) != cases[i].code)
			fail_msg("'%s': %s", cases[i].list, err ? err->msg : "taken");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri__spells_a_path),
		cmocka_unit_test(test_roots__hold_what_is_in_them),
		cmocka_unit_test(test_links__do_not_lead_out),
		cmocka_unit_test(test_root_by_a_link__has_both_spellings),
		cmocka_unit_test(test_root__may_be_spelled_by_dots),
		cmocka_unit_test(test_list__is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
