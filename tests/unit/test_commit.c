// SPDX-License-Identifier: Apache-2.0
/*
 * test_commit.c: a column is committed once or not at all, whatever the store
 * answers when the manifest is published.
 */
#include "io/io_priv.h"
#include "job/job.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

/* How the store misbehaves when a manifest is published. */
struct faults {
	const struct io_ops *real;
	bool publishes; /* the link is made, whatever is answered */
	int answer;	/* errno; 0: the real answer */
	bool is_blind;	/* nothing can be opened afterwards */
	bool loses;	/* another commit comes first, once */
	int sync_fails;
};

static struct faults faults;
static struct io_ops broken;

struct place {
	char dir[64];
	struct io_store *store;
	struct table *table;
	struct version *base;
	size_t n_files;
};

static void must(struct err *err)
{
	if (err)
		fail_msg("%s", err->msg);
}

static void run(const char *const *argv)
{
	pid_t pid;
	int status;
	char *args[8] = {NULL};
	for (size_t i = 0; argv[i]; i++)
		must(str_dup(argv[i], &args[i]));
	assert_int_equal(posix_spawnp(&pid, args[0], NULL, NULL, args, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (size_t i = 0; args[i]; i++)
		free(args[i]);
}

static size_t count_files(const struct place *p, const char *folder)
{
	char path[128];
	size_t n = 0;
	snprintf(path, sizeof(path), "%s/t.lance/%s", p->dir, folder);
	DIR *d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static struct err *commit_column(struct table *t, struct version *base,
				 const char *name, struct version **ret)
{
	AUTO(type) struct type *type = NULL;
	AUTO(column_writer) struct column_writer *w = NULL;
	AUTO(array) struct array *rows = NULL;
	must(type_parse("int32", &type));
	struct column_spec spec = {.name = name, .type = type, .source = "file"};
	must(array_new_null(type, version_rows(base), &rows));
	must(column_writer_open(t, base, &spec, 1, &w));
	must(column_writer_push(w, &rows));
	return column_writer_commit(TAKE(w), ret);
}

static struct table *open_table(const struct place *p)
{
	AUTO(io_store) struct io_store *store = NULL;
	struct table *t;
	char path[128];
	snprintf(path, sizeof(path), "%s/t.lance", p->dir);
	must(io_store_open_local(path, &store));
	must(table_open(store, NULL, &t));
	return t;
}

/* --- the store --- */

static const struct place *the_place; /* of the test that runs */

static void commit_as_another(void)
{
	AUTO(table) struct table *t = open_table(the_place);
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	faults.loses = false;
	must(commit_column(t, base, "theirs", &v));
}

static struct err *broken_publish(struct io_store *s, const char *from, const char *to)
{
	if (faults.loses)
		commit_as_another();
	struct err *err = faults.publishes ? faults.real->publish(s, from, to) : NULL;
	if (!faults.answer)
		return err;
	err_free(err); /* another answer is given */
	return err_new(faults.answer, "publish %s", to);
}

static struct err *broken_open(struct io_store *s, const char *path,
			       struct io_file **ret)
{
	if (faults.is_blind)
		return err_new(EIO, "%s: cannot be opened", path);
	return faults.real->open(s, path, ret);
}

static struct err *broken_sync(struct io_store *s, const char *dir)
{
	if (faults.sync_fails && strcmp(dir, "_versions") == 0)
		return err_new(EIO, "%s: fsync", dir);
	return faults.real->sync_dir(s, dir);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char path[128];
	assert_non_null(p);
	snprintf(p->dir, sizeof(p->dir), "/tmp/lancefs-commit-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(path, sizeof(path), "%s/t.lance", p->dir);
	run((const char *[]){"cp", "-r", TEST_DATA "/demo/photos.lance", path, NULL});
	p->table = open_table(p);
	p->store = table_store(p->table);
	p->base = table_latest(p->table);
	p->n_files = count_files(p, "data");
	faults = (struct faults){.real = p->store->ops, .publishes = true};
	broken = *faults.real;
	broken.publish = broken_publish;
	broken.open = broken_open;
	broken.sync_dir = broken_sync;
	p->store->ops = &broken;
	the_place = p;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	p->store->ops = faults.real;
	version_unref(p->base);
	table_unref(p->table);
	run((const char *[]){"rm", "-rf", p->dir, NULL});
	free(p);
	return 0;
}

/* --- what another process sees afterwards --- */

static void expect_version(const struct place *p, uint64_t number, const char *column)
{
	AUTO(table) struct table *t = open_table(p);
	AUTO(version) struct version *v = table_latest(t);
	AUTO(array) struct array *rows = NULL;
	assert_int_equal(version_number(v), number);
	struct field *f = version_find_field(v, column);
	assert_int_equal(f != NULL, number > 1);
	if (f)
		must(version_read(v, f, 0, version_rows(v), &rows));
	assert_int_equal(count_files(p, "_versions"), number + 1); /* and the hint */
}

static void expect_failure(const struct place *p, int code)
{
	AUTO(version) struct version *v = NULL;
	struct err *err = commit_column(p->table, p->base, "ours", &v);
	assert_non_null(err);
	assert_int_equal(err->code, code);
	assert_null(v);
	err_free(err); /* expected */
}

static void expect_success(const struct place *p, uint64_t number)
{
	AUTO(version) struct version *v = NULL;
	must(commit_column(p->table, p->base, "ours", &v));
	assert_int_equal(version_number(v), number);
	expect_version(p, number, "ours");
}

static void commit__without_faults(void **state)
{
	expect_success(*state, 2);
}

static void commit__refused_leaves_nothing(void **state)
{
	struct place *p = *state;
	faults.publishes = false;
	faults.answer = EACCES;
	expect_failure(p, EACCES);
	expect_version(p, 1, "ours");
	assert_int_equal(count_files(p, "data"), p->n_files);
	assert_int_equal(count_files(p, "_transactions"), 1);
}

static void commit__with_a_lost_answer_is_a_commit(void **state)
{
	faults.answer = EIO;
	expect_success(*state, 2);
}

static void commit__that_seems_to_exist_is_ours(void **state)
{
	faults.answer = EEXIST;
	expect_success(*state, 2);
}

static void commit__of_unknown_outcome_keeps_its_files(void **state)
{
	struct place *p = *state;
	faults.answer = EIO;
	faults.is_blind = true;
	expect_failure(p, EIO);
	faults.is_blind = false;
	expect_version(p, 2, "ours");
}

/* What was published is known without reading it. */
static void commit__that_cannot_be_read_back_stands(void **state)
{
	faults.is_blind = true;
	expect_success(*state, 2);
}

static void commit__whose_last_fsync_fails_stands(void **state)
{
	faults.sync_fails = true;
	expect_success(*state, 2);
}

static void commit__that_loses_a_race_comes_next(void **state)
{
	faults.loses = true;
	expect_success(*state, 3);
	expect_version(*state, 3, "theirs");
}

/* --- names --- */

static void names__that_lance_reserves_are_refused(void **state)
{
	static const char *const names[] = {"_rowid.txt", "_rowaddr.int64.npy",
					    "_row_last_updated_at_version.csv"};
	struct place *p = *state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO_MEM char *name = NULL;
		AUTO(type) struct type *type = NULL;
		const struct format_ops *format;
		struct err *err =
			column_file_parse(p->base, names[i], &name, &type, &format);
		assert_non_null(err);
		assert_int_equal(err->code, EINVAL);
		err_free(err); /* expected */
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit__without_faults),
		TEST(commit__refused_leaves_nothing),
		TEST(commit__with_a_lost_answer_is_a_commit),
		TEST(commit__that_seems_to_exist_is_ours),
		TEST(commit__of_unknown_outcome_keeps_its_files),
		TEST(commit__that_cannot_be_read_back_stands),
		TEST(commit__whose_last_fsync_fails_stands),
		TEST(commit__that_loses_a_race_comes_next),
		TEST(names__that_lance_reserves_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
