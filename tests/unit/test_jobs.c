// SPDX-License-Identifier: Apache-2.0
/*
 * test_jobs.c: jobs outlive who runs them, are run by one at a time, heed what is asked
 * of them, and believe nothing that lies in their directories.
 */
#include "job/jobs.h"

#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char dir[32];
	struct io_store *store;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/lancefs-jobs-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_null(io_store_open_local(p->dir, &p->store));
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
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

static uint64_t make(struct place *p, const char *command)
{
	uint64_t id = 0;
	assert_null(job_create(p->store, command, "a test", &id));
	return id;
}

static enum job_state state_of(struct place *p, uint64_t id)
{
	struct job_status s;
	assert_null(job_read(p->store, id, &s));
	enum job_state state = s.state;
	job_status_fini(&s);
	return state;
}

/* The file of a job, read whole. */
static char *file_of(struct place *p, uint64_t id, const char *name)
{
	static char text[65536];
	char path[128];
	snprintf(path, sizeof(path), "%s/_lancefs/jobs/%d/%s", p->dir, (int)id, name);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

/* Write a file into _lancefs/jobs, with its directory. */
static void put(struct place *p, const char *dir, const char *name, const char *text)
{
	char path[160];
	assert_null(io_mkdir(p->store, "_lancefs"));
	assert_null(io_mkdir(p->store, "_lancefs/jobs"));
	snprintf(path, sizeof(path), "_lancefs/jobs/%s", dir);
	assert_null(io_mkdir(p->store, path));
	snprintf(path, sizeof(path), "%s/_lancefs/jobs/%s/%s", p->dir, dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* --- one job --- */

static void test_job__from_begin_to_end(void **state)
{
	struct place *p = *state;
	struct job *job;
	struct job_status s;
	uint64_t id = make(p, "backfill 'a b' --where=true");
	assert_int_equal(id, 1);
	assert_int_equal(make(p, "another"), 2);
	assert_int_equal(state_of(p, id), JOB_PENDING);
	assert_string_equal(file_of(p, id, "command"), "backfill 'a b' --where=true\n");

	assert_null(job_claim(p->store, id, &job));
	assert_int_equal(job_id(job), id);
	assert_int_equal(state_of(p, id), JOB_RUNNING);
	job_tell(job, 10, 1000, 2);
	job_tell_progress(job, 20, 1000);
	job_tell_version(job, 7);
	job_tell_partial(job);
	assert_null(job_end(job, JOB_DONE, "column x: version 7\n", NULL));

	assert_null(job_read(p->store, id, &s));
	assert_int_equal(s.state, JOB_DONE);
	assert_string_equal(s.command, "backfill 'a b' --where=true");
	assert_string_equal(s.what, "a test");
	assert_string_equal(s.message, "column x: version 7");
	assert_int_equal(s.done, 20);
	assert_int_equal(s.total, 1000);
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.version, 7);
	assert_int_equal(s.attempts, 1);
	assert_int_equal(s.pid, getpid());
	assert_true(s.is_partial);
	assert_true(s.created_ns <= s.started_ns && s.started_ns <= s.ended_ns);
	job_status_fini(&s);
	assert_non_null(strstr(file_of(p, id, "log"), "Z run 1 begins: host="));
	assert_non_null(strstr(file_of(p, id, "log"),
			       "Z run 1 ends: DONE: column x: version 7\n"));
	expect(job_claim(p->store, id, &job), EINVAL, "job 1 is DONE");
	expect(job_claim(p->store, 3, &job), ENOENT, "no job 3");
}

static void test_job__fails_and_is_tried_again(void **state)
{
	struct place *p = *state;
	struct job *job;
	struct job_status s;
	uint64_t id = make(p, "x");
	assert_null(job_claim(p->store, id, &job));
	struct err *err = err_new(ENOSPC, "no room");
	assert_null(job_end(job, JOB_FAILED, "not this", err));
	err_free(err);
	assert_null(job_read(p->store, id, &s));
	assert_int_equal(s.state, JOB_FAILED);
	assert_int_equal(s.code, ENOSPC);
	assert_string_equal(s.message, "no room");
	job_status_fini(&s);

	expect(job_claim(p->store, id, &job), EINVAL, "resume it first");
	assert_null(job_ask(p->store, id, JOB_GO_ON));
	assert_null(job_claim(p->store, id, &job));
	job_release(job);
	assert_null(job_read(p->store, id, &s));
	assert_int_equal(s.state, JOB_PENDING);
	assert_int_equal(s.attempts, 2);
	assert_int_equal(s.code, 0);
	assert_int_equal(s.ended_ns, 0);
	assert_null(s.message);
	job_status_fini(&s);
}

static void test_job__rate_and_eta(void **state)
{
	struct place *p = *state;
	struct job *job;
	struct job_status s;
	uint64_t id = make(p, "x");
	assert_null(job_claim(p->store, id, &job));
	job_tell(job, 1000, 2000, 0); /* done before: no part of the rate */
	usleep(400000);
	job_tell(job, 1100, 2000, 0);
	assert_null(job_read(p->store, id, &s));
	assert_true(s.rows_per_s > 50 && s.rows_per_s < 260);
	assert_true(s.eta_s > 3 && s.eta_s < 19);
	assert_true(s.busy_s > 0.3);
	job_status_fini(&s);
	job_tell(job, 5, 2000, 0); /* begun anew */
	assert_null(job_end(job, JOB_PAUSED, NULL, NULL));
	assert_null(job_read(p->store, id, &s));
	assert_true(s.rows_per_s >= 0 && s.rows_per_s < 1e-9);
	job_status_fini(&s);
}

static void count(void *ctx, uint64_t done, uint64_t total)
{
	uint64_t *sum = ctx;
	*sum += done + total;
}

static void test_job__tells_an_observer(void **state)
{
	struct place *p = *state;
	struct job *job;
	uint64_t sum = 0;
	assert_null(job_claim(p->store, make(p, "x"), &job));
	job_observe(job, count, &sum);
	for (uint64_t i = 0; i < 1000; i++)
		job_tell(job, i, 0, 0);
	assert_int_equal(sum, 499500);
	job_release(job);
}

static void test_job__log_is_bounded_and_of_lines(void **state)
{
	struct place *p = *state;
	struct job *job;
	struct io_stat st;
	bool found;
	char line[4001];
	uint64_t id = make(p, "x");
	assert_null(job_claim(p->store, id, &job));
	job_log(job, "two\nlines\tof %d", 1);
	assert_non_null(strstr(file_of(p, id, "log"), "Z two lines\tof 1\n"));
	memset(line, 'x', 4000);
	line[4000] = 0;
	for (int i = 0; i < 3000; i++)
		job_log(job, "%s", line);
	job_release(job);
	assert_null(io_stat(p->store, "_lancefs/jobs/1/log", &found, &st));
	assert_true(st.size > 8000000 && st.size < 9000000);
}

static void test_job__errors_are_escaped(void **state)
{
	struct place *p = *state;
	struct job *job;
	uint64_t id = make(p, "x");
	struct job_row_error e = {5, 1, 2, 3, "exit status 3", "a\tb\\c\nd"};
	assert_null(job_claim(p->store, id, &job));
	assert_null(job_put_error(job, &e));
	job_release(job);
	put(p, "1", "errors.tsv",
	    "row\taddress\tfragment\toffset\tattempt\treason\ttext\n"
	    "5\t4294967298\t1\t2\t3\texit status 3\ta\\tb\\\\c\\nd\n5\t42");
	e.text = NULL;
	assert_null(job_claim(p->store, id, &job));
	assert_null(job_put_error(job, &e));
	job_release(job);
	assert_string_equal(file_of(p, id, "errors.tsv"),
			    "row\taddress\tfragment\toffset\tattempt\treason\ttext\n"
			    "5\t4294967298\t1\t2\t3\texit status 3\ta\\tb\\\\c\\nd\n"
			    "5\t42\n"
			    "5\t4294967298\t1\t2\t3\texit status 3\t\\N\n");
}

/* --- who runs it --- */

static void test_claim__one_at_a_time(void **state)
{
	struct place *p = *state;
	struct job *job, *other;
	uint64_t id = make(p, "x");
	assert_null(job_claim(p->store, id, &job));
	expect(job_claim(p->store, id, &other), EBUSY, "job 1 is being run");
	pid_t pid = fork();
	if (pid == 0) {
		struct io_store *store;
		struct err *err = io_store_open_local(p->dir, &store);
		if (!err)
			err = job_claim(store, id, &other);
		_exit(err && err->code == EBUSY ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	job_release(job);
	assert_null(job_claim(p->store, id, &other));
	job_release(other);
}

/* A child that runs the job until it is killed. */
static pid_t run_in_child(struct place *p, uint64_t id)
{
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct io_store *store;
		struct job *job;
		struct err *err = io_store_open_local(p->dir, &store);
		if (!err)
			err = job_claim(store, id, &job);
		if (err)
			_exit(1);
		job_tell(job, 3, 9, 0);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	int status;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void test_claim__killed_is_pending(void **state)
{
	struct place *p = *state;
	struct job *job;
	uint64_t id = make(p, "x");
	pid_t pid = run_in_child(p, id);
	assert_int_equal(state_of(p, id), JOB_RUNNING);
	expect(job_claim(p->store, id, &job), EBUSY, "job 1");
	end_child(pid);
	assert_non_null(strstr(file_of(p, id, "status.json"), "\"RUNNING\""));
	assert_int_equal(state_of(p, id), JOB_PENDING);
	assert_null(job_claim(p->store, id, &job));
	assert_null(job_end(job, JOB_DONE, "", NULL));
	assert_int_equal(state_of(p, id), JOB_DONE);
}

static void test_claim__killed_heeds_what_was_asked(void **state)
{
	struct place *p = *state;
	struct job *job;
	uint64_t id = make(p, "x");
	pid_t pid = run_in_child(p, id);
	assert_null(job_ask(p->store, id, JOB_PAUSE));
	assert_int_equal(state_of(p, id), JOB_RUNNING);
	end_child(pid);
	assert_int_equal(state_of(p, id), JOB_PAUSED);
	expect(job_claim(p->store, id, &job), EINVAL, "PAUSED");
	assert_null(job_ask(p->store, id, JOB_GO_ON));
	pid = run_in_child(p, id);
	assert_null(job_ask(p->store, id, JOB_CANCEL));
	end_child(pid);
	assert_int_equal(state_of(p, id), JOB_CANCELLED);
}

/* A lock that cannot be seen from here: a host is believed for a while. */
static void test_claim__of_another_host(void **state)
{
	struct place *p = *state;
	struct job *job;
	struct timespec old[2] = {{1000, 0}, {1000, 0}};
	char path[80];
	put(p, "1", "command", "x\n");
	put(p, "1", "status.json",
	    "{\"state\":\"RUNNING\",\"host\":\"elsewhere\",\"boot\":\"b\",\"pid\":7}");
	assert_int_equal(state_of(p, 1), JOB_RUNNING);
	expect(job_claim(p->store, 1, &job), EBUSY, "runs on elsewhere as process 7");
	expect(job_ask(p->store, 1, JOB_CANCEL), EBUSY, "runs on elsewhere");
	snprintf(path, sizeof(path), "%s/_lancefs/jobs/1/status.json", p->dir);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_int_equal(state_of(p, 1), JOB_PENDING);
	assert_null(job_claim(p->store, 1, &job));
	job_release(job);
}

/* --- what is asked --- */

static void test_ask__one_that_nobody_runs(void **state)
{
	struct place *p = *state;
	uint64_t id = make(p, "x");
	assert_null(job_ask(p->store, id, JOB_PAUSE));
	assert_int_equal(state_of(p, id), JOB_PAUSED);
	assert_null(job_ask(p->store, id, JOB_GO_ON));
	assert_int_equal(state_of(p, id), JOB_PENDING);
	assert_null(job_ask(p->store, id, JOB_CANCEL));
	assert_int_equal(state_of(p, id), JOB_CANCELLED);
	expect(job_ask(p->store, id, JOB_PAUSE), EINVAL,
	       "is CANCELLED: it cannot be paused");
	assert_null(job_ask(p->store, id, JOB_GO_ON));
	assert_int_equal(state_of(p, id), JOB_PENDING);
	expect(job_ask(p->store, 9, JOB_PAUSE), ENOENT, "no job 9");
}

/* What is seen at the latest after the time between two looks. */
static enum job_request request_seen(struct job *job)
{
	usleep(120000);
	return job_requested(job);
}

static void test_ask__one_that_runs(void **state)
{
	struct place *p = *state;
	struct job *job;
	uint64_t id = make(p, "x");
	assert_null(job_claim(p->store, id, &job));
	assert_int_equal(job_requested(job), JOB_GO_ON);
	expect(job_ask(p->store, id, JOB_GO_ON), EINVAL, "is running");
	assert_null(job_ask(p->store, id, JOB_PAUSE));
	assert_int_equal(request_seen(job), JOB_PAUSE);
	assert_null(job_ask(p->store, id, JOB_GO_ON));
	assert_int_equal(request_seen(job), JOB_GO_ON);
	assert_null(job_ask(p->store, id, JOB_CANCEL));
	assert_null(job_ask(p->store, id, JOB_PAUSE)); /* is less */
	assert_int_equal(request_seen(job), JOB_CANCEL);
	expect(job_ask(p->store, id, JOB_GO_ON), EBUSY, "about to be cancelled");
	assert_false(job_is_ending(job));
	job_interrupt(job);
	assert_true(job_is_ending(job));
	assert_null(job_end(job, JOB_CANCELLED, NULL, NULL));
	assert_int_equal(state_of(p, id), JOB_CANCELLED);
	assert_string_equal(file_of(p, id, "request"), "");
}

static void test_ask__a_pause_is_taken_back(void **state)
{
	struct place *p = *state;
	struct job *job;
	uint64_t id = make(p, "x");
	assert_null(job_claim(p->store, id, &job));
	assert_false(job_is_resumed(job));
	assert_null(job_ask(p->store, id, JOB_PAUSE));
	assert_int_equal(request_seen(job), JOB_PAUSE);
	assert_false(job_is_resumed(job)); /* it is still asked for */
	usleep(120000);
	assert_int_equal(job_requested(job), JOB_PAUSE);
	assert_null(job_ask(p->store, id, JOB_GO_ON));
	assert_int_equal(job_requested(job), JOB_PAUSE); /* as seen a moment ago */
	assert_true(job_is_resumed(job));
	assert_int_equal(job_requested(job), JOB_GO_ON);
	assert_false(job_is_resumed(job));
	job_release(job);
}

static void test_ask__the_process_ends(void **state)
{
	struct place *p = *state;
	struct job *job;
	uint64_t id = make(p, "x");
	assert_null(job_claim(p->store, id, &job));
	job_interrupt(job);
	assert_int_equal(job_requested(job), JOB_PAUSE);
	job_release(job);
	assert_int_equal(state_of(p, id), JOB_PENDING);
}

/* --- what others have left --- */

static void test_read__torn_status(void **state)
{
	static const char *const torn[] = {
		"",
		"{",
		"{\"state\":\"RUNN",
		"[1,2]",
		"{\"state\":7}",
		"{\"state\":\"SLEEPING\"}",
		"null",
		"{\"state\":\"RUNNING\"}",
		("{\"state\":\"PENDING\",\"done\":-5,\"total\":1e400,\"eta_s\":\"x\","
		 "\"created\":[],\"started\":\"2026-13-77\",\"pid\":99999999999999}"),
	};
	struct place *p = *state;
	struct job *job;
	put(p, "1", "command", "tag x 1\n");
	for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
		struct job_status s;
		put(p, "1", "status.json", torn[i]);
		assert_null(job_read(p->store, 1, &s));
		assert_int_equal(s.state, JOB_PENDING);
		assert_string_equal(s.command, "tag x 1");
		assert_int_equal(s.done, 0);
		assert_true(s.created_ns > 0);
		job_status_fini(&s);
	}
	assert_null(job_claim(p->store, 1, &job));
	job_release(job);
}

static void make_link(struct place *p, const char *to, const char *name)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/_lancefs/jobs/%s", p->dir, name);
	assert_int_equal(symlink(to, path), 0);
}

static void test_list__hostile_directory(void **state)
{
	struct place *p = *state;
	struct job_status *jobs;
	size_t n;
	char path[80];
	AUTO_MEM char *huge = malloc((2 << 20) + 1);
	memset(huge, ' ', 2 << 20);
	huge[2 << 20] = 0;
	put(p, "2", "command", "tag x\n");
	put(p, "2", "status.json", huge);
	put(p, "3", "command", huge);
	put(p, "4", "status.json", "{}");
	put(p, "05", "command", "tag x\n");
	put(p, "0", "command", "tag x\n");
	put(p, "-1", "command", "tag x\n");
	put(p, "x", "command", "tag x\n");
	put(p, "6", "command", "");
	put(p, "18446744073709551616", "command", "tag x\n");
	put(p, ".", "7", "a file");
	put(p, "8", "real", "tag x\n");
	make_link(p, "real", "8/command");
	make_link(p, "2", "9");
	put(p, "10", "x", "");
	snprintf(path, sizeof(path), "%s/_lancefs/jobs/10/command", p->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(jobs_list(p->store, &jobs, &n));
	assert_int_equal(n, 1);
	assert_int_equal(jobs[0].id, 2);
	assert_int_equal(jobs[0].state, JOB_PENDING);
	jobs_free(jobs, n);
	assert_int_equal(make(p, "x"), 11);
}

static void test_claim__files_that_are_links(void **state)
{
	struct place *p = *state;
	struct job *job;
	char outside[64];
	snprintf(outside, sizeof(outside), "%s/outside", p->dir);
	put(p, "1", "command", "x\n");
	make_link(p, outside, "1/lock");
	expect(job_claim(p->store, 1, &job), ELOOP, "lock");
	put(p, "2", "command", "x\n");
	make_link(p, outside, "2/log");
	expect(job_claim(p->store, 2, &job), ELOOP, "log");
	put(p, "3", "command", "x\n");
	make_link(p, outside, "3/status.json");
	make_link(p, outside, "3/errors.tsv");
	make_link(p, outside, "3/.status.json.new");
	assert_null(
		job_claim(p->store, 3, &job)); /* a link is replaced, not followed */
	struct job_row_error e = {.reason = "x"};
	expect(job_put_error(job, &e), ELOOP, "errors.tsv");
	job_release(job);
	assert_int_not_equal(access(outside, F_OK), 0);
}

static void test_list__none(void **state)
{
	struct place *p = *state;
	struct job_status *jobs;
	size_t n;
	struct io_store *memory;
	uint64_t id;
	assert_null(jobs_list(p->store, &jobs, &n));
	assert_int_equal(n, 0);
	jobs_free(jobs, n);
	assert_null(jobs_expire(p->store, 1));
	assert_null(io_store_new_memory(&memory));
	expect(job_create(memory, "x", NULL, &id), EOPNOTSUPP, "local directory");
	io_store_unref(memory);
}

static void test_expire__old_ones(void **state)
{
	static const char done[] = "{\"state\":\"DONE\",\"ended\":\"%s\"}";
	struct place *p = *state;
	struct job_status *jobs;
	size_t n;
	char text[100];
	snprintf(text, sizeof(text), done, "2020-01-02T03:04:05.678Z");
	for (int i = 1; i <= 5; i++) {
		char id[4];
		snprintf(id, sizeof(id), "%d", i);
		put(p, id, "command", "x\n");
		put(p, id, "status.json", i == 2 ? "{}" : text);
	}
	snprintf(text, sizeof(text), done, "2090-01-02T03:04:05.678Z");
	put(p, "3", "status.json", text);
	assert_null(jobs_expire(p->store, 86400));
	assert_null(jobs_list(p->store, &jobs, &n));
	assert_int_equal(n, 3);
	assert_int_equal(jobs[0].id, 2); /* not ended */
	assert_int_equal(jobs[1].id, 3); /* not old */
	assert_int_equal(jobs[2].id, 5); /* the last: its number does not come again */
	jobs_free(jobs, n);
}

static void test_render__both_ways(void **state)
{
	struct job_status s = {.id = 12,
			       .state = JOB_RUNNING,
			       .command = (char *)(uintptr_t) "backfill \"q\"",
			       .message = (char *)(uintptr_t) "one\ntwo\n",
			       .done = 5,
			       .total = 10,
			       .failed = 1,
			       .rows_per_s = 2.5,
			       .eta_s = 2};
	AUTO_BUF struct buf out = {0};
	(void)state;
	job_render(&s, false, &out);
	buf_byte(&out, 0);
	assert_string_equal((char *)out.data,
			    "job: 12\nstate: RUNNING\ncommand: backfill \"q\"\n"
			    "progress: 5 of 10 rows (50.0%)\n"
			    "failed rows: 1 (see errors.tsv)\nrows/s: 2.5\neta: 2 s\n"
			    "message: one\n  two\n");
	out.len = 0;
	job_render(&s, true, &out);
	buf_byte(&out, 0);
	assert_string_equal((char *)out.data,
			    "{\"id\":12,\"state\":\"RUNNING\",\"command\":\"backfill "
			    "\\\"q\\\"\",\"message\":\"one\\ntwo\\n\",\"done\":5,"
			    "\"total\":10,\"failed\":1,\"is_partial\":false,"
			    "\"rows_per_s\":2.5,\"eta_s\":2,\"busy_s\":0.000,"
			    "\"attempts\":0}\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_job__from_begin_to_end),
		TEST(test_job__fails_and_is_tried_again),
		TEST(test_job__rate_and_eta),
		TEST(test_job__tells_an_observer),
		TEST(test_job__log_is_bounded_and_of_lines),
		TEST(test_job__errors_are_escaped),
		TEST(test_claim__one_at_a_time),
		TEST(test_claim__killed_is_pending),
		TEST(test_claim__killed_heeds_what_was_asked),
		TEST(test_claim__of_another_host),
		TEST(test_ask__one_that_nobody_runs),
		TEST(test_ask__one_that_runs),
		TEST(test_ask__a_pause_is_taken_back),
		TEST(test_ask__the_process_ends),
		TEST(test_read__torn_status),
		TEST(test_list__hostile_directory),
		TEST(test_claim__files_that_are_links),
		TEST(test_list__none),
		TEST(test_expire__old_ones),
		TEST(test_render__both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
