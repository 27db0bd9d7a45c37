// SPDX-License-Identifier: Apache-2.0
/*
 * test_staging_rules.c: when a written file becomes a column, which names are
 * scratch names, and which bytes of a file were written.
 */
#include "staging_priv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* --- the decision --- */

/* One letter a fact, so that a row of the table is one line. */
static struct flush_facts facts(const char *text)
{
	struct flush_facts f = {0};
	for (const char *p = text; *p; p++) {
		f.is_release |= *p == 'R';
		f.is_fsync |= *p == 'Y';
		f.is_scratch |= *p == 's';
		f.is_settled |= *p == 'x';
		f.has_bytes |= *p == 'b';
		f.is_header_only |= *p == 'h';
		f.is_complete |= *p == 'c';
		f.has_holes |= *p == 'o';
		f.by_opener |= *p == 'p';
		f.opener_lives |= *p == 'l';
		f.writer_failed |= *p == 'f';
		f.has_no_end |= *p == 'e';
		f.is_held |= *p == 'H';
	}
	return f;
}

static const struct {
	const char *what, *facts;
	enum flush_verdict verdict;
} decisions[] = {
	{"the shell's dup2 before the first byte", "pl", FLUSH_NOTHING},
	{"a command's own close", "bcpl", FLUSH_COMMIT},
	{"a command's close with rows missing", "bpl", FLUSH_INCOMPLETE},
	{"the second close of a committed file", "bcplx", FLUSH_NOTHING},
	{"a child closes with half of the rows", "bl", FLUSH_NOTHING},
	{"a child closes with all rows", "bcl", FLUSH_NOTHING},
	{"a child whose parent is gone closes with all rows", "bc", FLUSH_COMMIT},
	{"a child whose parent is gone closes too early", "b", FLUSH_INCOMPLETE},
	{"fsync with half of the rows", "bplY", FLUSH_NOTHING},
	{"fsync with all rows", "bcplY", FLUSH_COMMIT},
	{"fsync that leaves holes", "bcoplY", FLUSH_NOTHING},
	{"close with holes: pages may still come", "bcopl", FLUSH_NOTHING},
	{"an empty file is closed", "pl", FLUSH_NOTHING},
	{"a header alone is closed", "bhpl", FLUSH_NOTHING},
	{"a scratch file is closed", "bcpls", FLUSH_NOTHING},
	{"a killed writer's files are closed", "bcplf", FLUSH_NOTHING},
	{"rows to append, the only descriptor is closed", "bcple", FLUSH_COMMIT},
	{"rows to append, another descriptor is left", "bcpleH", FLUSH_NOTHING},
	{"rows to append, fsync", "bcpleY", FLUSH_NOTHING},
	{"rows to append, the last close", "Rbce", FLUSH_COMMIT},
	{"rows to append, cut short", "bple", FLUSH_INCOMPLETE},
	{"the last close of nothing", "R", FLUSH_NOTHING},
	{"the last close of a header", "Rbh", FLUSH_NOTHING},
	{"the last close after a child wrote all", "Rbc", FLUSH_COMMIT},
	{"the last close with holes: zeros", "Rbco", FLUSH_COMMIT},
	{"the last close with rows missing", "Rb", FLUSH_REJECT},
	{"the last close after a killed writer", "Rbcf", FLUSH_REJECT},
	{"the last close of a committed file", "Rbcx", FLUSH_NOTHING},
	{"the last close of a scratch file", "Rbcs", FLUSH_NOTHING},
};

static void flush_decide__follows_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
		struct flush_facts f = facts(decisions[i].facts);
		if (flush_decide(&f) != decisions[i].verdict)
			fail_msg("%s: %d", decisions[i].what, flush_decide(&f));
	}
}

/* Over all 2048 combinations of facts. */
static void flush_decide__never_commits_what_must_not_be(void **state)
{
	static const char letters[] = "RYsxbhcoplf";
	(void)state;
	for (unsigned bits = 0; bits < 1u << (sizeof(letters) - 1); bits++) {
		char text[sizeof(letters)] = "";
		size_t n = 0;
		for (size_t i = 0; i < sizeof(letters) - 1; i++)
			if (bits >> i & 1)
				text[n++] = letters[i];
		struct flush_facts f = facts(text);
		enum flush_verdict v = flush_decide(&f);
		if (f.is_settled || f.is_scratch || !f.has_bytes)
			assert_int_equal(v, FLUSH_NOTHING);
		if (v == FLUSH_COMMIT)
			assert_true(f.is_complete && !f.writer_failed &&
				    !f.is_header_only);
		if (v == FLUSH_INCOMPLETE)
			assert_true(!f.is_release && !f.is_fsync && !f.is_complete);
		if (v == FLUSH_REJECT)
			assert_true(f.is_release);
	}
}

/* --- names --- */

static void name_is_scratch__knows_what_programs_use(void **state)
{
	static const char *const scratch[] = {
		".x.txt.Ab12Cd", ".x.npy",    "#x.txt#",    "x.txt~",
		"x.npy.tmp",	 "x.part",    ".x.txt.swp", "x.swx",
		"x.txt.bak",	 "sedAb12Cd", "XXE4EKvk",   "4913",
	};
	static const char *const columns[] = {
		"x.txt",     "sed.txt",	 "sediment.txt", "sedAb.txt", "4913.txt",
		"tmp_x.npy", "part.txt", "tmp.npy",	 "x~.txt",    "a#b.csv",
		"swp.arrow", "sedAb12C", "XXL",		 "XXabc.txt",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(scratch) / sizeof(scratch[0]); i++)
		if (!name_is_scratch(scratch[i]))
			fail_msg("%s is a scratch name", scratch[i]);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (name_is_scratch(columns[i]))
			fail_msg("%s is a column's name", columns[i]);
}

/* --- extents --- */

#define MAP_BYTES 300u

static uint32_t random_below(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*state * n) >> 32);
}

static void check_shape(const struct extents *e, const bool *map)
{
	bool seen[MAP_BYTES] = {false};
	for (size_t i = 0; i < e->n; i++) {
		assert_true(e->items[i].first < e->items[i].end);
		if (i)
			assert_true(e->items[i - 1].end < e->items[i].first);
		for (uint64_t k = e->items[i].first; k < e->items[i].end; k++)
			seen[k] = true;
	}
	assert_memory_equal(seen, map, sizeof(seen));
}

static bool covers(const bool *map, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		if (!map[i])
			return false;
	return true;
}

static void change(struct extents *e, bool *map, uint32_t *seed)
{
	uint32_t first = random_below(seed, MAP_BYTES);
	uint32_t end = first + random_below(seed, MAP_BYTES - first + 1);
	if (random_below(seed, 10) == 0) {
		extents_cut(e, first);
		memset(map + first, 0, MAP_BYTES - first);
		return;
	}
	if (random_below(seed, 3))
		end = MIN_OF(end, first + 9);
	assert_null(extents_add(e, first, end));
	memset(map + first, 1, end - first);
}

static void extents__equal_a_bitmap(void **state)
{
	uint32_t seed = 7;
	(void)state;
	for (int round = 0; round < 300; round++) {
		struct extents e = {0};
		bool map[MAP_BYTES] = {false};
		for (int step = 0; step < 60; step++) {
			uint64_t size = random_below(&seed, MAP_BYTES + 1);
			change(&e, map, &seed);
			check_shape(&e, map);
			assert_int_equal(extents_cover(&e, size), covers(map, size));
		}
		extents_fini(&e);
	}
}

static void extents__of_a_sequential_file_are_one(void **state)
{
	struct extents e = {0};
	(void)state;
	for (uint64_t off = 0; off < 1000000; off += 1000)
		assert_null(extents_add(&e, off, off + 1000));
	assert_int_equal(e.n, 1);
	assert_true(extents_cover(&e, 1000000));
	assert_false(extents_cover(&e, 1000001));
	extents_fini(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flush_decide__follows_the_table),
		cmocka_unit_test(flush_decide__never_commits_what_must_not_be),
		cmocka_unit_test(name_is_scratch__knows_what_programs_use),
		cmocka_unit_test(extents__equal_a_bitmap),
		cmocka_unit_test(extents__of_a_sequential_file_are_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
