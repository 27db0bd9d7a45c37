// SPDX-License-Identifier: Apache-2.0
/*
 * test_worker.c: small programs as workers: what they answer, and every way in which
 * they do not.
 */
#include "run_worker.h"
#include "udf/lines_priv.h"
#include "udf/pace_priv.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* --- nothing is left behind --- */

static size_t count_in(const char *path, const char *prefix)
{
	DIR *dir = opendir(path);
	size_t n = 0;
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += str_starts(e->d_name, prefix);
	if (dir)
		closedir(dir);
	return n;
}

static size_t count_left(void)
{
	return count_in("/proc/self/fd", "") + count_in("/dev/shm", "lancefs-udf-") +
	       count_in("/tmp", "lancefs-udf-") + count_in("/var/tmp", "test_worker.");
}

static int before(void **state)
{
	*state = (void *)count_left();
	return 0;
}

static int after(void **state)
{
	assert_int_equal(count_left(), (size_t)*state);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie */
	assert_int_equal(errno, ECHILD);
	return 0;
}

/* --- rows and values --- */

#define LONG_TEXT 3000
#define N_LONG 1500 /* of them: more than any pipe takes */

static void long_text(uint64_t row, struct buf *out)
{
	buf_printf(out, "%" PRIu64 ":", row);
	for (unsigned i = 0; i < LONG_TEXT; i++)
		buf_byte(out, (uint8_t)('a' + (row + i) % 26));
}

/* The first is null, and each has a byte more than that before. */
static void growing(uint64_t row, struct buf *out)
{
	if (row == 0)
		buf_str(out, "\\N");
	for (uint64_t i = 1; i < row; i++)
		buf_byte(out, (uint8_t)(i % 3 ? 'x' : '\n'));
}

static int64_t number_at(const struct array *a, uint64_t row)
{
	return (int64_t)load_u64le(a->data->data + 8 * row);
}

static void expect_answer(const struct outcome *o, uint64_t n)
{
	if (o->is_lost)
		print_error("%s: %s\n", o->failure.reason, o->failure.text);
	assert_false(o->is_lost);
	assert_non_null(o->values[0]);
	assert_int_equal(o->values[0]->n_rows, n);
}

/* Numbers times factor, none of them null. */
static void expect_numbers(const struct outcome *o, uint64_t n, int64_t factor)
{
	expect_answer(o, n);
	assert_int_equal(o->n_failed, 0);
	for (uint64_t i = 0; i < n; i++) {
		assert_false(array_is_null(o->values[0], i));
		assert_int_equal(number_at(o->values[0], i), (int64_t)i * factor);
	}
}

static void expect_lost(const struct outcome *o, enum udf_failure_kind kind,
			const char *part)
{
	assert_true(o->is_lost);
	if (o->failure.kind != kind || !strstr(o->failure.reason, part))
		print_error("expected %d '%s', got %d '%s'\n", kind, part,
			    o->failure.kind, o->failure.reason);
	assert_int_equal(o->failure.kind, kind);
	assert_non_null(strstr(o->failure.reason, part));
}

static void compute(enum udf_shape shape, const char *inputs, const char *outputs,
		    const char *script, int64_t timeout_ns, uint64_t n,
		    void (*make)(uint64_t row, struct buf *out), struct outcome *ret)
{
	struct program p;
	program_new(&p, shape, inputs, outputs, script);
	p.run.limits.timeout_ns = timeout_ns;
	program_compute(&p, n, make, ret);
	if (ret->is_lost)
		assert_int_equal(udf_worker_in_flight(p.worker), 0);
	program_free(&p);
}

/* --- lines --- */

static void test_lines__numbers(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "int64", "int64", "exec awk '{print $1 * 2}'\n", 0, 20000,
		NULL, &o);
	expect_numbers(&o, 20000, 2);
	outcome_fini(&o);
}

static void test_lines__a_byte_at_a_time(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "int64", "int64",
		"exec awk '{n = $1 * 3; for (i = 1; i <= length(n); i++) "
		"{printf \"%s\", substr(n, i, 1); fflush()} print \"\"}'\n",
		0, 200, NULL, &o);
	expect_numbers(&o, 200, 3);
	outcome_fini(&o);
}

static void test_lines__last_one_does_not_end(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "int64", "int64",
		"exec awk '{printf \"%s%s\", (NR > 1 ? \"\\n\" : \"\"), $1}'\n", 0, 100,
		NULL, &o);
	expect_numbers(&o, 100, 1);
	outcome_fini(&o);
}

static void test_lines__both_pipes_are_full(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "large_string", "large_string", "exec cat\n", 0, N_LONG,
		long_text, &o);
	expect_answer(&o, N_LONG);
	for (uint64_t i = 0; i < N_LONG; i++) {
		AUTO_BUF struct buf want = {0};
		uint64_t len;
		long_text(i, &want);
		const uint8_t *p = array_var(o.values[0], i, &len);
		assert_int_equal(len, want.len);
		assert_memory_equal(p, want.data, want.len);
	}
	outcome_fini(&o);
}

static void test_lines__answers_are_much_longer(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "int64", "string",
		"exec awk '{s = sprintf(\"%5000s\", $1); print s}'\n", 0, 2000, NULL,
		&o);
	expect_answer(&o, 2000);
	outcome_fini(&o);
}

static void test_lines__nothing_before_the_end(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "large_string", "int64",
		"exec awk '{n[NR] = length($0)} END {for (i = 1; i <= NR; i++) print "
		"n[i]}'\n",
		0, N_LONG, long_text, &o);
	expect_answer(&o, N_LONG);
	outcome_fini(&o);
}

/* It answers without having read. */
static void test_lines__input_is_not_read(void **state)
{
	static const char script[] =
		"awk 'BEGIN {for (i = 0; i < 32; i++) print i}'\n%s";
	static const char *const ends[] = {"", "exec cat >/dev/null\n", "exec 0<&-\n"};
	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct outcome o;
		char text[128];
		snprintf(text, sizeof(text), script, ends[i]);
		compute(UDF_LINES, "int64 large_string", "int64", text, 0, 32,
			long_text, &o);
		expect_numbers(&o, 32, 1);
		outcome_fini(&o);
	}
}

static void test_lines__a_value_that_is_none(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "int64", "int64",
		"exec awk '$1 == 5 {print \"five\"; next} $1 == 7 {print \"\\\\N\"; "
		"next} $1 == 70 {print 1.5; next} 1'\n",
		0, 100, NULL, &o);
	expect_answer(&o, 100);
	assert_int_equal(o.n_failed, 2);
	assert_int_equal(o.failed[0], 5);
	assert_int_equal(o.failed[1], 70);
	assert_non_null(strstr(o.reason, "1.5"));
	for (uint64_t i = 0; i < 100; i++) {
		bool is_null = i == 5 || i == 7 || i == 70;
		assert_int_equal(array_is_null(o.values[0], i), is_null);
		if (!is_null)
			assert_int_equal(number_at(o.values[0], i), i);
	}
	outcome_fini(&o);
}

static void test_lines__two_outputs(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "int64", "int64 string",
		"exec awk -v OFS='\\t' '$1 == 3 {print \"x\", \"y\"; next} {print $1, "
		"\"v\" $1}'\n",
		0, 300, NULL, &o);
	expect_answer(&o, 300);
	assert_int_equal(o.n_failed, 1);
	assert_int_equal(o.failed[0], 3);
	assert_true(array_is_null(o.values[0], 3));
	assert_true(array_is_null(o.values[1], 3));
	assert_int_equal(o.values[1]->n_nulls, 1);
	assert_int_equal(number_at(o.values[0], 299), 299);
	outcome_fini(&o);
}

static const struct {
	const char *script, *part;
	enum udf_failure_kind kind;
} bad_lines[] = {
	{"exec awk 'NR != 5'\n", "it ends after 31 lines", UDF_WRONG_ANSWER},
	{"exec awk '1; 1'\n", "more lines than", UDF_WRONG_ANSWER},
	{"cat; echo 1\n", "more lines than", UDF_WRONG_ANSWER},
	{"cat; echo why >&2; exit 3\n", "exit status 3", UDF_CRASHED},
	{"exit 3\n", "exit status 3", UDF_CRASHED},
	{"exit 127\n", "exit status 127", UDF_NOT_STARTED},
	{"cat; kill -SEGV $$\n", "signal 11", UDF_CRASHED},
	{"kill -KILL $$\n", "signal 9", UDF_CRASHED},
	{"read a; echo $a; exit 0\n", "it ends", UDF_WRONG_ANSWER},
	{"exec sleep 100\n", "no sign of life", UDF_TIMED_OUT},
	{"read a; echo $a; exec sleep 100\n", "no sign of life", UDF_TIMED_OUT},
	{"cat; exec sleep 100\n", "no sign of life", UDF_TIMED_OUT},
	{"cat; exec >&-; exec sleep 100\n", "does not end", UDF_TIMED_OUT},
	{"exec >&- 0<&-; exec sleep 100\n", "does not end", UDF_TIMED_OUT},
};

static void test_lines__failures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
		struct outcome o;
		compute(UDF_LINES, "int64", "int64", bad_lines[i].script,
			INT64_C(300000000), 32, NULL, &o);
		expect_lost(&o, bad_lines[i].kind, bad_lines[i].part);
		if (strstr(bad_lines[i].script, "why"))
			assert_string_equal(o.failure.text, "why");
		outcome_fini(&o);
	}
}

static void test_lines__wrong_number_of_cells(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_LINES, "int64", "int64 int64", "exec cat\n", 0, 32, NULL, &o);
	expect_lost(&o, UDF_WRONG_ANSWER, "a line with 1 value between tabs, not 2");
	outcome_fini(&o);
}

/* What it leaves running holds the pipes, and is not waited for. */
static void test_lines__grandchild_keeps_the_pipe(void **state)
{
	static const char *const scripts[] = {"sleep 100 &\nexec cat\n",
					      "setsid sleep 3 &\nexec cat\n"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct outcome o;
		int64_t begun = monotonic_ns();
		compute(UDF_LINES, "int64", "int64", scripts[i], 0, 500, NULL, &o);
		expect_numbers(&o, 500, 1);
		assert_true(monotonic_ns() - begun < INT64_C(2000000000));
		outcome_fini(&o);
	}
}

/* Several processes, one after the other; the second of them fails. */
static void test_lines__goes_on_after_a_failure(void **state)
{
	struct program p;
	struct outcome o;
	char script[256], flag[96];
	(void)state;
	snprintf(flag, sizeof(flag), "/var/tmp/test_flag.%d", (int)getpid());
	snprintf(script, sizeof(script),
		 "test -e %s || { touch %s; printf half; exit 5; }\nexec cat\n", flag,
		 flag);
	program_new(&p, UDF_LINES, "int64", "int64", script);
	program_compute(&p, 32, NULL, &o);
	expect_lost(&o, UDF_CRASHED, "exit status 5");
	outcome_fini(&o);
	for (unsigned i = 0; i < 3; i++) {
		program_compute(&p, 4000, NULL, &o);
		expect_numbers(&o, 4000, 1);
		outcome_fini(&o);
	}
	program_free(&p);
	unlink(flag);
}

static struct err *ignore(void *ctx, struct udf_answer *a)
{
	(void)ctx;
	udf_answer_fini(a);
	return NULL;
}

/* A line that was too long is not held against the next process. */
static void test_lines__too_long(void **state)
{
	struct program p;
	struct line_reader r;
	static const uint8_t text[200] = "1\n2\n";
	(void)state;
	program_new(&p, UDF_LINES, "int64", "int64", "exec cat\n");
	struct coder c = {.run = &p.run, .wanted = 2, .answer = ignore};
	must(line_reader_open(&r, &p.run));
	r.rest.limit = 100;
	line_reader_begin(&r);
	AUTO_ERR struct err *err = line_reader_push(&r, &c, text + 5, 150);
	assert_non_null(err);
	line_reader_begin(&r);
	must(line_reader_push(&r, &c, text, 1));
	must(line_reader_push(&r, &c, text + 1, 3));
	assert_int_equal(r.n_batches, 1);
	line_reader_close(&r);
	program_free(&p);
}

static void count_line(void *ctx, unsigned worker, const char *line)
{
	unsigned *n = ctx;
	(void)worker;
	assert_string_equal(line, "a line");
	(*n)++;
}

static void test_lines__stderr(void **state)
{
	struct program p;
	struct outcome o;
	unsigned n = 0;
	(void)state;
	program_new(&p, UDF_LINES, "int64", "int64",
		    "exec awk '{print; print \"a line\" >\"/dev/stderr\"}'\n");
	p.run.tell = count_line;
	p.run.ctx = &n;
	program_compute(&p, 3000, NULL, &o);
	expect_numbers(&o, 3000, 1);
	assert_int_equal(n, 3000);
	outcome_fini(&o);
	program_free(&p);
}

static void test_free__while_busy(void **state)
{
	static const char *const scripts[] = {
		"exec sleep 100\n", "sleep 100 &\nexec cat\n",
		"trap '' TERM INT HUP\nwhile :; do sleep 1; done\n"};
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct program p;
		int64_t begun = monotonic_ns();
		program_new(&p, i == 2 ? UDF_ARROW : UDF_LINES, "int64", "int64",
			    scripts[i]);
		must(udf_worker_new(&p.run, 0, &p.worker));
		AUTO(array) struct array *rows = program_rows(&p, 0, 10, NULL);
		must(udf_worker_send(p.worker, rows));
		assert_int_equal(udf_worker_in_flight(p.worker), 1);
		program_free(&p);
		assert_true(monotonic_ns() - begun < INT64_C(2000000000));
	}
}

/* --- files --- */

static void test_files__sizes(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_FILES, "binary", "int64",
		"while read -r f; do if test \"$f\" = '\\N'; then echo -1; else wc -c "
		"<\"$f\"; fi; done\n",
		0, 70, growing, &o);
	expect_answer(&o, 70);
	for (uint64_t i = 0; i < 70; i++)
		assert_int_equal(number_at(o.values[0], i), (int64_t)i - 1);
	outcome_fini(&o);
}

static void test_files__fails_and_is_freed(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_FILES, "binary int64", "int64", "read -r f; exit 9\n", 0, 70,
		growing, &o);
	expect_lost(&o, UDF_CRASHED, "exit status 9");
	outcome_fini(&o);
}

/* --- arrow --- */

static void test_arrow__gives_back(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_ARROW, "int64", "int64", "exec cat\n", 0, 50000, NULL, &o);
	expect_numbers(&o, 50000, 1);
	assert_true(o.n_batches > 2);
	outcome_fini(&o);
}

static void test_arrow__both_pipes_are_full(void **state)
{
	struct program p;
	struct outcome o;
	(void)state;
	program_new(&p, UDF_ARROW, "large_string", "large_string", "exec cat\n");
	program_compute(&p, N_LONG, long_text, &o);
	AUTO(array) struct array *want = program_rows(&p, 0, N_LONG, long_text);
	expect_answer(&o, N_LONG);
	assert_true(array_equal(o.values[0], want->children[0]));
	outcome_fini(&o);
	program_free(&p);
}

static void test_arrow__cast(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_ARROW, "int64", "float64", "exec cat\n", 0, 100, NULL, &o);
	expect_answer(&o, 100);
	assert_int_equal(o.values[0]->type->id, TYPE_FLOAT64);
	outcome_fini(&o);
	compute(UDF_ARROW, "int64", "int8", "exec cat\n", 0, 1000, NULL, &o);
	expect_lost(&o, UDF_WRONG_ANSWER, "output 1");
	outcome_fini(&o);
}

static void odd_reasons(uint64_t row, struct buf *out)
{
	if (row % 2)
		buf_printf(out, "no %" PRIu64, row);
	else
		buf_str(out, "\\N");
}

/* What says an error has no value, whatever stands there. */
static void test_arrow__errors_of_rows(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_ARROW, "int64 string", "int64", "exec cat\n", 0, 1000, odd_reasons,
		&o);
	expect_answer(&o, 1000);
	assert_int_equal(o.n_failed, 500);
	assert_int_equal(o.failed[1], 3);
	assert_string_equal(o.reason, "no 999");
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(array_is_null(o.values[0], i), i % 2);
		if (i % 2 == 0)
			assert_int_equal(number_at(o.values[0], i), i);
	}
	outcome_fini(&o);
}

static const struct {
	const char *script, *part;
	enum udf_failure_kind kind;
} bad_streams[] = {
	{"echo hello, how are you, this is no stream; exec cat >/dev/null\n", "",
	 UDF_WRONG_ANSWER},
	{"head -c 300\n", "it ends before a batch of 32 rows", UDF_WRONG_ANSWER},
	{"head -c 300; exit 4\n", "exit status 4", UDF_CRASHED},
	{"exit 0\n", "it ends before a batch", UDF_WRONG_ANSWER},
	{"exec sleep 100\n", "no sign of life", UDF_TIMED_OUT},
	{"exec >&-; exec sleep 100\n", "does not end", UDF_TIMED_OUT},
	{"exec kill -BUS $$\n", "signal 7", UDF_CRASHED},
};

static void test_arrow__failures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_streams) / sizeof(bad_streams[0]); i++) {
		struct outcome o;
		compute(UDF_ARROW, "int64", "int64", bad_streams[i].script,
			INT64_C(300000000), 32, NULL, &o);
		expect_lost(&o, bad_streams[i].kind, bad_streams[i].part);
		outcome_fini(&o);
	}
}

static void test_arrow__wrong_number_of_columns(void **state)
{
	struct outcome o;
	(void)state;
	compute(UDF_ARROW, "int64 int64", "int64", "exec cat\n", 0, 32, NULL, &o);
	expect_lost(&o, UDF_WRONG_ANSWER, "it answers with 2 columns, not 1");
	outcome_fini(&o);
	compute(UDF_ARROW, "int64", "int64 int64", "exec cat\n", 0, 32, NULL, &o);
	expect_lost(&o, UDF_WRONG_ANSWER, "it answers with 1 columns, not 2");
	outcome_fini(&o);
}

/* A status behind everything that was asked for harms nobody. */
static void test_arrow__status_when_idle(void **state)
{
	struct program p;
	struct outcome o;
	(void)state;
	program_new(&p, UDF_ARROW, "int64", "int64", "cat; exit 3\n");
	for (unsigned i = 0; i < 3; i++) {
		program_compute(&p, 500, NULL, &o);
		expect_numbers(&o, 500, 1);
		outcome_fini(&o);
	}
	program_free(&p);
}

/* --- pace --- */

static void test_pace__grows_and_shrinks(void **state)
{
	struct pace p;
	(void)state;
	pace_begin(&p, 32, 8192);
	assert_int_equal(p.rows, 32);
	pace_saw(&p, 32, 1, 1000000);
	assert_int_equal(p.rows, 256); /* no more than eight times */
	pace_saw(&p, 256, 1, 1000000);
	pace_saw(&p, 2048, 1, 1000000);
	assert_int_equal(p.rows, 8192);
	pace_saw(&p, 8192, 8192000, 1000000);
	assert_int_equal(p.rows, 1000); /* what takes as long as it shall */
	pace_saw(&p, 1000, INT64_MAX, 1);
	assert_int_equal(p.rows, 32);
}

static void test_pace__reaches_its_most(void **state)
{
	static const uint64_t most[] = {1, 5, 7, 33, 100, 8191, 8192, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		struct pace p;
		pace_begin(&p, 1, most[i]);
		for (unsigned k = 0; k < 25; k++) {
			pace_saw(&p, p.rows, 0, INT64_MAX);
			assert_true(p.rows >= 1 && p.rows <= most[i]);
		}
		assert_true(p.rows == most[i] || most[i] == UINT64_MAX);
	}
	struct pace p;
	pace_begin(&p, 100, 10);
	assert_int_equal(p.rows, 10);
}

static void test_pace__runs(void **state)
{
	struct pace p;
	(void)state;
	pace_begin(&p, 32, UINT64_MAX);
	for (unsigned i = 0; i < 12; i++) /* 10 ms to start, 1 us a row */
		pace_saw_run(&p, p.rows, INT64_C(10000000) + (int64_t)p.rows * 1000);
	assert_true(p.rows > 400000 && p.rows < 600000); /* half a second */
}

/* --- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines__numbers),
		TEST(test_lines__a_byte_at_a_time),
		TEST(test_lines__last_one_does_not_end),
		TEST(test_lines__both_pipes_are_full),
		TEST(test_lines__answers_are_much_longer),
		TEST(test_lines__nothing_before_the_end),
		TEST(test_lines__input_is_not_read),
		TEST(test_lines__a_value_that_is_none),
		TEST(test_lines__two_outputs),
		TEST(test_lines__failures),
		TEST(test_lines__wrong_number_of_cells),
		TEST(test_lines__grandchild_keeps_the_pipe),
		TEST(test_lines__goes_on_after_a_failure),
		TEST(test_lines__too_long),
		TEST(test_lines__stderr),
		TEST(test_free__while_busy),
		TEST(test_files__sizes),
		TEST(test_files__fails_and_is_freed),
		TEST(test_arrow__gives_back),
		TEST(test_arrow__both_pipes_are_full),
		TEST(test_arrow__cast),
		TEST(test_arrow__errors_of_rows),
		TEST(test_arrow__failures),
		TEST(test_arrow__wrong_number_of_columns),
		TEST(test_arrow__status_when_idle),
		cmocka_unit_test(test_pace__grows_and_shrinks),
		cmocka_unit_test(test_pace__reaches_its_most),
		cmocka_unit_test(test_pace__runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
