// SPDX-License-Identifier: Apache-2.0
/*
 * test_as_job.c: a command line survives being written down, and a command that is a
 * job ends as its function does.
 */
#include "command/command.h"
#include "store_copy.h"

#include "tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char dir[32];
	struct io_store *store;
	struct table *table;
	struct version *version;
	uint64_t started, waited, began;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct io_store *demo;
	snprintf(p->dir, sizeof(p->dir), "/tmp/lancefs-as-job-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_null(io_store_open_local(TEST_DATA "/demo/photos.lance", &demo));
	assert_null(io_store_open_local(p->dir, &p->store));
	assert_null(store_copy(demo, ".", p->store));
	io_store_unref(demo);
	assert_null(table_open(p->store, NULL, &p->table));
	p->version = table_latest(p->table);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	version_unref(p->version);
	table_unref(p->table);
	io_store_unref(p->store);
	assert_int_equal(tree_remove(p->dir), 0);
	free(p);
	return 0;
}

static void expect(struct err *err, int code, const char *text)
{
	assert_non_null(err);
	assert_int_equal(err->code, code);
	if (!strstr(err->msg, text))
		fail_msg("'%s' does not say '%s'", err->msg, text);
	err_free(err);
}

/* --- lines --- */

static void test_words__joined_are_split_again(void **state)
{
	char *argv[] = {
		(char *)(uintptr_t) "backfill",
		(char *)(uintptr_t) "two words",
		(char *)(uintptr_t) "--where=caption = 'it''s' \\ \"x\"",
		(char *)(uintptr_t) "--dry-run",
		(char *)(uintptr_t) "--wait",
		(char *)(uintptr_t) "--",
		(char *)(uintptr_t) "--not-an-option",
		(char *)(uintptr_t) "",
		(char *)(uintptr_t) "a\nb\tc#d",
		(char *)(uintptr_t) "Ümläut",
		(char *)(uintptr_t) "#",
	};
	int n = (int)(sizeof(argv) / sizeof(argv[0]));
	struct words before, after;
	char *line;
	(void)state;
	assert_null(words_from_argv(n, argv, &before));
	assert_null(words_join(&before, "wait", &line));
	assert_null(words_split(line, strlen(line), &after));
	assert_int_equal(after.n_args, before.n_args);
	for (size_t i = 0; i < after.n_args; i++)
		assert_string_equal(after.args[i], before.args[i]);
	assert_int_equal(after.n_options, 2);
	assert_string_equal(words_option(&after, "where"), argv[2] + 8);
	assert_string_equal(words_option(&after, "dry-run"), "");
	words_fini(&before);
	words_fini(&after);
	free(line);
}

/* --- jobs --- */

static struct err *start(void *ctx, uint64_t id)
{
	((struct place *)ctx)->started = id;
	return NULL;
}

static struct err *wait_for(void *ctx, uint64_t id)
{
	((struct place *)ctx)->waited = id;
	return NULL;
}

static void began(void *ctx, uint64_t id)
{
	((struct place *)ctx)->began = id;
}

static struct command_env env_of(struct place *p)
{
	return (struct command_env){
		.table = p->table, .version = p->version, .job_began = began, .ctx = p};
}

/* Make a job of a line whose command is in the registry under that name. */
static struct err *as_job(const struct command_env *env, const struct command *c,
			  const char *line, struct buf *out)
{
	struct words w = {0};
	TRY(words_split(line, strlen(line), &w));
	struct err *err = command_as_job(env, c, &w, out);
	words_fini(&w);
	return err;
}

static const struct command plain = {.name = "tag"};

static void expect_state(struct place *p, uint64_t id, enum job_state state,
			 const char *command, const char *message)
{
	struct job_status s;
	assert_null(job_read(p->store, id, &s));
	assert_int_equal(s.state, state);
	assert_string_equal(s.command, command);
	assert_string_equal(s.message ? s.message : "", message);
	job_status_fini(&s);
}

static void test_as_job__is_run_here(void **state)
{
	struct place *p = *state;
	struct command_env env = env_of(p);
	AUTO_BUF struct buf out = {0};
	assert_null(as_job(&env, &plain, "'tag' a.b --wait", &out));
	assert_memory_equal(out.data, "tag a.b: version 1\n", out.len);
	assert_int_equal(p->began, 1);
	expect_state(p, 1, JOB_DONE, "tag a.b", "tag a.b: version 1");
}

static void test_as_job__fails(void **state)
{
	struct place *p = *state;
	struct command_env env = env_of(p);
	AUTO_BUF struct buf out = {0};
	expect(as_job(&env, &plain, "tag x 99", &out), ENOENT, "job 1: tag: ");
	struct job_status s;
	assert_null(job_read(p->store, 1, &s));
	assert_int_equal(s.state, JOB_FAILED);
	assert_int_equal(s.code, ENOENT);
	expect(command_job_result(&s, &out), ENOENT, "job 1: tag: ");
	job_status_fini(&s);
}

static void test_as_job__is_handed_over(void **state)
{
	struct place *p = *state;
	struct command_env env = env_of(p);
	AUTO_BUF struct buf out = {0};
	env.start_job = start;
	env.wait_job = wait_for;
	assert_null(as_job(&env, &plain, "tag x", &out));
	buf_byte(&out, 0);
	assert_string_equal((char *)out.data, "job 1: tag x (cat jobs/1/status; echo "
					      "\"cancel 1\" > control)\n");
	assert_int_equal(p->started, 1);
	assert_int_equal(p->waited, 0);
	expect_state(p, 1, JOB_PENDING, "tag x", "");
	out.len = 0;
	assert_null(as_job(&env, &plain, "tag x --wait", &out));
	assert_int_equal(p->waited, 2);
}

static struct err *refuse(const struct command_env *env, const struct words *w)
{
	(void)env;
	return err_new(EINVAL, "not %s", w->args[1]);
}

static void test_as_job__is_refused_before(void **state)
{
	static const struct command checked = {.name = "tag", .check = refuse};
	struct place *p = *state;
	struct command_env env = env_of(p);
	AUTO_BUF struct buf out = {0};
	struct job_status s;
	expect(as_job(&env, &checked, "tag x", &out), EINVAL, "tag: not x");
	expect(job_read(p->store, 1, &s), ENOENT, "no job 1");
}

static void test_run_job__is_claimed(void **state)
{
	struct place *p = *state;
	struct command_env env = env_of(p);
	AUTO_BUF struct buf out = {0};
	struct job *job;
	uint64_t id;
	expect(command_run_job(&env, 1, &out), ENOENT, "no job 1");
	assert_null(job_create(p->store, "tag x", NULL, &id));
	assert_null(job_claim(p->store, id, &job));
	expect(command_run_job(&env, id, &out), EBUSY, "job 1 is being run");
	job_release(job);
	assert_null(command_run_job(&env, id, &out));
	expect(command_run_job(&env, id, &out), EINVAL, "job 1 is DONE");
}

static void test_run_job__of_jobs(void **state)
{
	static const char *const lines[] = {"wait 1", "resume 1", "nonsense", "tag 'x"};
	struct place *p = *state;
	struct command_env env = env_of(p);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		AUTO_BUF struct buf out = {0};
		uint64_t id;
		assert_null(job_create(p->store, lines[i], NULL, &id));
		expect(command_run_job(&env, id, &out), EINVAL, "job ");
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words__joined_are_split_again),
		TEST(test_as_job__is_run_here),
		TEST(test_as_job__fails),
		TEST(test_as_job__is_handed_over),
		TEST(test_as_job__is_refused_before),
		TEST(test_run_job__is_claimed),
		TEST(test_run_job__of_jobs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
