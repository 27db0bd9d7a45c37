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
#include "job/job.h"

#include "record.h"
#include "store_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#define DATASET TEST_DATA "/golden/captions-2.2/t.lance"

static void must(struct err *err)
{
	if (err)
		fail_msg("%s", err->msg);
}

/* --- operations --- */

static struct err *write_column(struct table *t, const char *name, const char *as)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	AUTO(column_writer) struct column_writer *w = NULL;
	AUTO(array) struct array *rows = NULL;
	must(type_parse(as, &type));
	struct column_spec spec = {.name = name, .type = type, .source = "file"};
	must(array_new_null(type, version_rows(base), &rows));
	TRY(column_writer_open(t, base, &spec, 1, &w));
	TRY(column_writer_push(w, &rows));
	return column_writer_commit(TAKE(w), &v);
}

static struct err *add_column(struct table *t)
{
	return write_column(t, "new", "int32");
}

static struct err *replace_column(struct table *t)
{
	return write_column(t, "caption", "string");
}

static struct err *retype_column(struct table *t)
{
	return write_column(t, "caption", "int64");
}

/* Two columns in one file a fragment, one of them a replacement. */
static struct err *write_columns(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	AUTO(column_writer) struct column_writer *w = NULL;
	AUTO(array) struct array *rows = NULL;
	must(type_parse("string", &type));
	struct column_spec specs[] = {
		{.name = "caption", .type = type, .source = "file"},
		{.name = "new", .type = type, .source = "file"},
	};
	must(array_new_null(type, version_rows(base), &rows));
	TRY(column_writer_open(t, base, specs, 2, &w));
	TRY(column_writer_push(w, (struct array *[]){rows, rows}));
	return column_writer_commit(TAKE(w), &v);
}

static struct err *cast_column(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(type) struct type *type = NULL;
	struct field *f = version_find_field(base, "width");
	struct job_progress silent = {0};
	must(type_parse("string", &type));
	return column_cast(t, base, f, type, &silent, &v);
}

/* The first rows once more. */
static struct err *append_rows(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	AUTO(row_writer) struct row_writer *w = NULL;
	struct field *fields[16];
	struct array *rows[16] = {NULL};
	size_t n = version_n_fields(base);
	struct err *err = NULL;
	assert_true(n <= 16);
	for (size_t i = 0; i < n; i++)
		fields[i] = version_field(base, i);
	for (size_t i = 0; !err && i < n; i++)
		err = version_read(base, fields[i], 0, 3, &rows[i]);
	struct row_target target = {
		.store = table_store(t),
		.storage = version_storage(base),
		.fields = fields,
		.n_fields = n,
	};
	if (!err)
		err = row_writer_open(&target, &w);
	if (!err)
		err = row_writer_push(w, rows);
	for (size_t i = 0; i < n; i++)
		array_unref(rows[i]);
	TRY(err);
	return row_writer_append(TAKE(w), t, base, "more", &v);
}

static struct err *rename_column(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_rename_field(t, "caption", "text", NULL, &v);
}

static struct err *drop_column(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	return table_drop_fields(t, (const char *[]){"area"}, 1, "gone", &v);
}

static struct err *describe_column(struct table *t)
{
	AUTO(version) struct version *v = NULL;
	struct metadata_change c = {"unit", "px"};
	return table_describe_field(t, "width", &c, 1, &v);
}

static struct err *restore_first(struct table *t)
{
	AUTO(version) struct version *base = table_latest(t);
	AUTO(version) struct version *v = NULL;
	return table_restore(t, base, 1, &v);
}

static const struct operation {
	const char *name;
	struct err *(*run)(struct table *t);
} operations[] = {
	{"add", add_column},	    {"replace", replace_column},
	{"retype", retype_column},  {"rename", rename_column},
	{"drop", drop_column},	    {"describe", describe_column},
	{"restore", restore_first}, {"columns", write_columns},
	{"cast", cast_column},	    {"append", append_rows},
};

#define N_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* --- states --- */

static struct io_store *original; /* of all tests */

static struct io_store *fresh_copy(void)
{
	struct io_store *s;
	must(io_store_new_memory(&s));
	must(store_copy(original, ".", s));
	return s;
}

/* What there is to see: every value, every name. */
static uint64_t fingerprint(struct version *v)
{
	uint64_t key = version_rows(v);
	for (size_t i = 0; i < version_n_fields(v); i++) {
		const struct field *f = version_field(v, i);
		AUTO(array) struct array *a = NULL;
		AUTO_BUF struct buf text = {0};
		must(version_read(v, f, 0, version_rows(v), &a));
		must(array_validate(a));
		must(text_render(a, &text));
		key = hash_bytes(text.data, text.len, hash_str(f->name, key));
	}
	return key;
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
	if (err) /* only one file may be left, whose removal it is that failed */
		assert_true(count_files(s, "data") <=
			    count_files(original, "data") + 1);
	/* what is left does not stand in the way */
	if (err)
		must(run_on(s, op));
	assert_true(check_state(s, states));
}

static void test_every_call_fails(void **state)
{
	static const int codes[] = {EIO, ENOSPC, EINTR, EACCES, EDQUOT};
	(void)state;
	for (size_t i = 0; i < N_OPERATIONS; i++) {
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
	for (size_t i = 0; i < N_OPERATIONS; i++) {
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
