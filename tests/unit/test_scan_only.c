// SPDX-License-Identifier: Apache-2.0
/*
 * test_scan_only.c: scans of some rows, told by bits, against a naive answer.
 */
#include "query/query.h"
#include "random_array.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define N_ROWS ((uint64_t)150000) /* several rounds of batches */

/* --- rows: their numbers, modulo something, some of them null --- */

static struct array *numbers; /* of all tests */

static bool is_null(uint64_t row)
{
	return row % 11 == 3;
}

static int make_numbers(void **state)
{
	AUTO(type) struct type *t = NULL;
	AUTO(type) struct type *item = type_of("int64");
	AUTO(builder) struct builder *b = NULL;
	(void)state;
	must(type_new_nested(TYPE_STRUCT, 1, &t));
	must(field_new("i", item, true, &t->children[0]));
	must(builder_new(item, &b));
	for (uint64_t row = 0; row < N_ROWS; row++) {
		char text[24];
		int len = snprintf(text, sizeof(text), "%" PRIu64, row);
		must(is_null(row) ? builder_null(b)
				  : builder_text(b, text, (size_t)len));
	}
	must(array_new(t, N_ROWS, &numbers));
	must(builder_take(b, &numbers->children[0]));
	return 0;
}

static int drop_numbers(void **state)
{
	(void)state;
	array_unref(numbers);
	return 0;
}

/* --- one scan --- */

struct a_case {
	const char *filter; /* NULL: none */
	uint64_t modulo;    /* of what the filter lets through; 0: all */
	uint64_t first, limit;
	bool keeps_rows;
	const uint8_t *only;
};

struct seen {
	const struct a_case *c;
	uint64_t next, n; /* the row that comes next at the earliest; how many came */
};

static bool is_selected(const struct a_case *c, uint64_t row)
{
	if (c->only && !bit_get(c->only, row))
		return false;
	return !c->modulo || (!is_null(row) && row % c->modulo == 0);
}

/* The rows of a batch are the next ones, with their values. */
static struct err *check_batch(void *ctx, const struct scan_batch *b)
{
	struct seen *s = ctx;
	const struct array *a = b->outputs[0];
	assert_true(b->n_rows > 0);
	assert_int_equal(a->n_rows, b->n_rows);
	for (uint64_t i = 0; i < b->n_rows; i++) {
		while (!s->c->keeps_rows && !is_selected(s->c, s->next))
			s->next++;
		uint64_t row = s->next++;
		bool has_value = is_selected(s->c, row) && !is_null(row);
		assert_int_equal(b->rows[i], row);
		assert_int_equal(array_is_null(a, i), !has_value);
		if (has_value)
			assert_int_equal(load_u64le(a->data->data + 8 * i), row);
		s->n++;
	}
	return NULL;
}

static uint64_t count_naively(const struct a_case *c)
{
	uint64_t n = 0;
	for (uint64_t row = c->first; row < N_ROWS && n < c->limit; row++)
		n += c->keeps_rows || is_selected(c, row);
	return n;
}

static void run(const struct a_case *c)
{
	AUTO_SCOPE struct scope scope = {0};
	AUTO(expr) struct expr *filter = NULL;
	AUTO(expr) struct expr *column = NULL;
	struct seen seen = {.c = c, .next = c->first};
	must(scope_of_array(numbers, &scope));
	if (c->filter)
		must(scope_compile(&scope, c->filter, EXPR_FILTER, &filter));
	must(scope_compile_column(&scope, 0, &column));
	struct scan scan = {.scope = &scope,
			    .filter = filter,
			    .outputs = (const struct expr *const *)&column,
			    .n_outputs = 1,
			    .only = c->only,
			    .first = c->first,
			    .limit = c->limit,
			    .keeps_rows = c->keeps_rows};
	must(scan_run(&scan, check_batch, &seen));
	assert_int_equal(seen.n, count_naively(c));
}

/* --- all of them --- */

enum { NONE, ALL, HALF, FEW, RUNS, LAST, N_KINDS };

static void set_bits(uint8_t *bits, unsigned kind, uint64_t *seed)
{
	memset(bits, 0, bitmap_bytes(N_ROWS));
	for (uint64_t row = 0; row < N_ROWS; row++) {
		bool is_set = false;
		switch (kind) {
		case ALL:
			is_set = true;
			break;
		case HALF:
			is_set = random_next(seed) % 2;
			break;
		case FEW:
			is_set = random_next(seed) % 5000 == 0;
			break;
		case RUNS:
			is_set = row / 7000 % 3 == 1;
			break;
		case LAST:
			is_set = row == N_ROWS - 1 || row == 0;
			break;
		default:
			break;
		}
		if (is_set)
			bit_set(bits, row);
	}
}

static void run_all(const uint8_t *only)
{
	static const struct {
		const char *text;
		uint64_t modulo;
	} filters[] = {{NULL, 0}, {"i % 3 = 0", 3}, {"i % 6000 = 0", 6000}};
	static const uint64_t limits[] = {SCAN_ALL, 1, 5000};
	static const uint64_t firsts[] = {0, 12345, N_ROWS};
	for (size_t i = 0; i < 3 * 3 * 3 * 2; i++) {
		struct a_case c = {.filter = filters[i % 3].text,
				   .modulo = filters[i % 3].modulo,
				   .limit = limits[i / 3 % 3],
				   .first = firsts[i / 9 % 3],
				   .keeps_rows = i / 27,
				   .only = only};
		run(&c);
	}
}

static void test_only__none_given(void **state)
{
	(void)state;
	run_all(NULL);
}

static void test_only__bits(void **state)
{
	AUTO_MEM uint8_t *bits = NULL;
	uint64_t seed = 3;
	(void)state;
	must(mem_array(bitmap_bytes(N_ROWS), 1, &bits));
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		set_bits(bits, kind, &seed);
		run_all(bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only__none_given),
		cmocka_unit_test(test_only__bits),
	};
	return cmocka_run_group_tests(tests, make_numbers, drop_numbers);
}
