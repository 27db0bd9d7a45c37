// SPDX-License-Identifier: Apache-2.0
/*
 * test_compact.c: compactions: what is planned, that nothing but the files changes, and
 * what stands beside what others did meanwhile.
 */
#include "check_version.h"
#include "operations.h"
#include "store_copy.h"

#include <errno.h>

#define GOLDEN TEST_DATA "/golden/"

/* Everything is a candidate. */
static const struct compact_options eager = {
	.target_rows = UINT64_MAX, .target_bytes = UINT64_MAX, .max_files = 1};
static const struct compact_options eager_for_files = {.target_rows = UINT64_MAX,
						       .target_bytes = UINT64_MAX,
						       .max_files = 1,
						       .only_files = true};

static void open_copy(const char *name, struct io_store **ret_s, struct table **ret)
{
	AUTO(io_store) struct io_store *original = NULL;
	AUTO_MEM char *path = NULL;
	must(str_printf(&path, GOLDEN "%s/t.lance", name));
	must(io_store_open_local(path, &original));
	must(io_store_new_memory(ret_s));
	must(store_copy(original, ".", *ret_s));
	must(table_open(*ret_s, NULL, ret));
}

/* --- nothing else changes --- */

static uint64_t add_text(const struct field *f, struct array *a, uint64_t key)
{
	AUTO_BUF struct buf text = {0};
	must(array_validate(a));
	must(text_render(a, &text));
	return hash_bytes(text.data, text.len, hash_str(f->name, key));
}

/* Values of all columns but blobs. */
static uint64_t values_of(struct version *v)
{
	uint64_t key = version_rows(v);
	for (size_t i = 0; i < version_n_fields(v); i++) {
		const struct field *f = version_field(v, i);
		AUTO(array) struct array *a = NULL;
		if (field_is_blob(f))
			continue;
		must(version_read(v, f, 0, version_rows(v), &a));
		key = add_text(f, a, key);
	}
	return key;
}

static uint64_t addresses_of(struct version *v)
{
	const struct field *f = version_system_field(v, "_rowaddr");
	AUTO(array) struct array *a = NULL;
	must(version_read(v, f, 0, version_rows(v), &a));
	return add_text(f, a, 0);
}

/* All groups of a plan; how many of them could not be written. */
static size_t compact_all(struct table *t, const struct compact_options *o,
			  size_t *ret_left)
{
	AUTO(version) struct version *base = table_latest(t);
	struct compact_plan plan = {0};
	size_t n_done = 0;
	must(version_plan_compaction(base, o, &plan));
	*ret_left = plan.n_left;
	for (size_t i = 0; i < plan.n; i++) {
		AUTO(version) struct version *v = NULL;
		struct compact_run run = {.base = base, .group = &plan.groups[i]};
		must(table_compact_group(t, &run, &v));
		n_done++;
	}
	compact_plan_fini(&plan);
	return n_done;
}

/* The first ones can be written anew; the others have dictionaries and packed structs.
 */
static const char *const golden[] = {
	"captions-2.0",	     "captions-2.1",	  "captions-2.2",
	"flat-2.0",	     "flat-2.1",	  "flat-2.2",
	"nested-2.1",	     "nested-2.2",	  "release-1.0.4-2.0",
	"release-1.0.4-2.1", "release-4.0.2-2.0", "release-4.0.2-2.1",
};
#define N_WRITABLE 8

static void test_compact__rows_stay_what_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_WRITABLE; i++) {
		AUTO(io_store) struct io_store *s = NULL;
		AUTO(table) struct table *t = NULL;
		size_t n_left;
		open_copy(golden[i], &s, &t);
		AUTO(version) struct version *before = table_latest(t);
		if (compact_all(t, &eager, &n_left) != 1)
			fail_msg("%s: not one group", golden[i]);
		AUTO(version) struct version *after = table_latest(t);
		assert_int_equal(n_left, 0);
		assert_int_equal(version_n_fragments(after), 1);
		assert_int_equal(version_n_files(after), 1);
		assert_int_equal(version_deleted(after), 0);
		assert_int_equal(values_of(after), values_of(before));
	}
}

static void test_compact__files_become_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		AUTO(io_store) struct io_store *s = NULL;
		AUTO(table) struct table *t = NULL;
		size_t n_left;
		open_copy(golden[i], &s, &t);
		AUTO(version) struct version *before = table_latest(t);
		size_t n = version_n_fragments(before);
		size_t n_more = version_n_files(before) - n;
		assert_int_equal(compact_all(t, &eager_for_files, &n_left),
				 n_more ? n : 0);
		AUTO(version) struct version *after = table_latest(t);
		assert_int_equal(version_n_files(after), n);
		assert_int_equal(version_deleted(after), version_deleted(before));
		assert_int_equal(values_of(after), values_of(before));
		assert_int_equal(addresses_of(after), addresses_of(before));
	}
}

/* Dictionaries, packed structs and blobs are not written. */
static void test_compact__what_cannot_move_stays(void **state)
{
	static const char *const names[] = {"special-2.0", "special-2.1",
					    "special-2.2"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO(io_store) struct io_store *s = NULL;
		AUTO(table) struct table *t = NULL;
		size_t n_left;
		open_copy(names[i], &s, &t);
		assert_int_equal(compact_all(t, &eager, &n_left), 0);
		assert_int_equal(n_left, 1);
	}
}

/* --- plans --- */

struct plan_case {
	uint64_t target_rows;
	double max_deleted;
	size_t max_files;
	const char *expected; /* a letter a group: how many fragments, f: its files */
};

/* captions: fragments with 68 of 120 rows, 77 of 120 and 38 of 60; 2 files each. */
static const struct plan_case plan_cases[] = {
	{1000, 0.9, 8, "3"}, {78, 0.9, 8, "2"},	   {69, 0.9, 8, ""},
	{60, 0.9, 8, ""},    {60, 0.9, 1, "fff"},  {60, 0.4, 8, "1"},
	{60, 0.36, 8, "11"}, {60, 0.3, 8, "111"},  {100, 0.3, 8, "21"},
	{1000, 0.3, 8, "3"}, {60, 0.36, 1, "1f1"},
};

static void describe_plan(const struct compact_plan *plan, char *ret)
{
	for (size_t i = 0; i < plan->n; i++)
		*ret++ = plan->groups[i].keeps_rows
				 ? 'f'
				 : (char)('0' + plan->groups[i].n_fragments);
	*ret = 0;
}

static void test_plan(void **state)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	(void)state;
	open_copy("captions-2.2", &s, &t);
	AUTO(version) struct version *v = table_latest(t);
	for (size_t i = 0; i < sizeof(plan_cases) / sizeof(plan_cases[0]); i++) {
		const struct plan_case *c = &plan_cases[i];
		struct compact_options o = {.target_rows = c->target_rows,
					    .target_bytes = UINT64_MAX,
					    .max_deleted = c->max_deleted,
					    .max_files = c->max_files};
		struct compact_plan plan = {0};
		char text[8];
		must(version_plan_compaction(v, &o, &plan));
		describe_plan(&plan, text);
		compact_plan_fini(&plan);
		if (strcmp(text, c->expected) != 0)
			fail_msg("case %zu: %s, not %s", i, text, c->expected);
	}
}

/* --- beside others --- */

/* Letters for rows and for files: '.' both are there, 'B' EBUSY. */
static const struct {
	const char *name, *ours;
} beside[] = {
	{"append", ".."}, {"delete", ".."},  {"emptied", "BB"},	 {"update", "BB"},
	{"moved", ".."},  {"add", "BB"},     {"replace", "BB"},	 {"retype", "BB"},
	{"rename", ".."}, {"drop", "BB"},    {"describe", ".."}, {"declare", ".."},
	{"fill", "BB"},	  {"compact", "BB"}, {"merge", "BB"},
};

static void check_beside(const char *theirs, bool only_files, char expected)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	AUTO(version) struct version *v = NULL;
	struct compact_plan plan = {0};
	open_copy("captions-2.2", &s, &t);
	AUTO(version) struct version *base = table_latest(t);
	must(version_plan_compaction(base, only_files ? &eager_for_files : &eager,
				     &plan));
	must(operation_run(t, theirs));
	AUTO(version) struct version *between = table_latest(t);
	size_t n_files = count_files(s, "data");
	struct compact_run run = {.base = base, .group = plan.groups};
	AUTO_ERR struct err *err = table_compact_group(t, &run, &v);
	compact_plan_fini(&plan);
	bool is_refused = err && err->code == EBUSY;
	if (expected != (is_refused ? 'B' : err ? '?' : '.'))
		fail_msg("%s, %d: %s", theirs, only_files, err ? err->msg : "success");
	AUTO(version) struct version *latest = table_latest(t);
	assert_int_equal(version_number(latest), version_number(between) + !err);
	assert_int_equal(count_files(s, "data"), n_files + !err);
	if (version_n_fragments(latest) == 1 || only_files)
		assert_int_equal(values_of(latest), values_of(between));
	check_whole(latest, theirs);
}

static void test_compact__beside_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		for (int k = 0; k < 2; k++)
			check_beside(beside[i].name, k, beside[i].ours[k]);
}

/* A fragment between two of a group came back by a restore: it is none of the group. */
static void test_compact__one_between_came_back(void **state)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	AUTO(version) struct version *without = NULL;
	AUTO(version) struct version *restored = NULL;
	AUTO(version) struct version *v = NULL;
	struct compact_plan plan = {0};
	uint64_t n;
	(void)state;
	open_copy("captions-2.2", &s, &t);
	AUTO(version) struct version *whole = table_latest(t);
	const struct delete_spec second = {
		.where = "_rowaddr >= 4294967296 AND _rowaddr < 8589934592"};
	must(rows_delete(t, whole, &second, &n, &without));
	assert_int_equal(version_n_fragments(without), 2);
	must(version_plan_compaction(without, &eager, &plan));
	assert_int_equal(plan.groups[0].n_fragments, 2);
	must(table_restore(t, without, version_number(whole), &restored));
	struct compact_run run = {.base = without, .group = plan.groups};
	must(table_compact_group(t, &run, &v));
	compact_plan_fini(&plan);
	assert_int_equal(version_n_fragments(v), 2);
	assert_int_equal(version_rows(v), version_rows(whole));
	check_whole(v, "restored");
}

/* --- it can be stopped --- */

static struct err *stop(void *ctx, uint64_t n_rows)
{
	(void)ctx;
	return n_rows ? err_new(ECANCELED, "cancelled") : NULL;
}

static void test_compact__stopped(void **state)
{
	AUTO(io_store) struct io_store *s = NULL;
	AUTO(table) struct table *t = NULL;
	AUTO(version) struct version *v = NULL;
	struct compact_plan plan = {0};
	(void)state;
	open_copy("captions-2.2", &s, &t);
	AUTO(version) struct version *base = table_latest(t);
	size_t n_files = count_files(s, "data");
	must(version_plan_compaction(base, &eager, &plan));
	struct compact_run run = {.base = base, .group = plan.groups, .tell = stop};
	AUTO_ERR struct err *err = table_compact_group(t, &run, &v);
	compact_plan_fini(&plan);
	assert_non_null(err);
	assert_int_equal(err->code, ECANCELED);
	assert_int_equal(count_files(s, "data"), n_files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compact__rows_stay_what_they_are),
		cmocka_unit_test(test_compact__files_become_one),
		cmocka_unit_test(test_compact__what_cannot_move_stays),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_compact__beside_others),
		cmocka_unit_test(test_compact__one_between_came_back),
		cmocka_unit_test(test_compact__stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
