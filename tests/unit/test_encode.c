// SPDX-License-Identifier: Apache-2.0
/*
 * test_encode.c: pages of text as the writer makes them, read back.
 */
#include "encoding/encode_priv.h"
#include "random_array.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum text {
	TEXT_WORDS,
	TEXT_EMPTY,
	TEXT_EQUAL,
	TEXT_NOISE,
	TEXT_HEX,
	TEXT_LONG,
	N_TEXTS
};

static struct err *read_buffer(void *ctx, unsigned buffer, uint64_t off, size_t len,
			       void *dst)
{
	const struct encoded_page *page = ctx;
	assert_in_range(off + len, 0, page->buffers[buffer].len);
	if (len)
		memcpy(dst, page->buffers[buffer].data + off, len);
	return NULL;
}

static void put_words(struct buf *b, uint64_t *seed, unsigned n)
{
	static const char *const words[] = {"a photograph", "of", "the",  "sunset",
					    "over",	    "my", "blue", "river"};
	for (; n; n--)
		buf_printf(b, "%s %u ", words[random_next(seed) % 8],
			   (unsigned)(random_next(seed) % 1000));
}

static void make_text(enum text kind, uint64_t *seed, struct buf *b)
{
	unsigned n = (unsigned)(random_next(seed) % 20);
	b->len = 0;
	switch (kind) {
	case TEXT_WORDS:
		put_words(b, seed, n / 3);
		break;
	case TEXT_EQUAL:
		buf_str(b, "all of them are the same");
		break;
	case TEXT_NOISE:
		for (unsigned i = 0; i < 2 * n; i++)
			buf_byte(b, (uint8_t)(random_next(seed) >> 32));
		break;
	case TEXT_HEX:
		buf_printf(b, "%016llx", (unsigned long long)random_next(seed));
		break;
	case TEXT_LONG:
		put_words(b, seed, 10 * n);
		break;
	default:
		break;
	}
	assert_null(buf_check(b));
}

/* n values of a kind; every sixth null if there are nulls. */
static void make_slots(struct slots *s, enum text kind, uint64_t n, bool has_nulls)
{
	struct buf b AUTO_BUF = {0};
	uint64_t seed = n * 10 + kind;
	for (uint64_t i = 0; i < n; i++) {
		bool is_null = has_nulls && random_next(&seed) % 6 == 0;
		make_text(is_null ? TEXT_EMPTY : kind, &seed, &b);
		assert_null(slots_push(s, false, 0, is_null ? SLOT_NULL(0) : 0));
		assert_null(values_append_var(&s->values, b.data, b.len));
	}
}

static void compare(const struct slots *want, uint64_t first, const struct slots *got)
{
	const uint16_t *a = slots_stop(want), *b = slots_stop(got);
	for (uint64_t i = 0; i < got->n; i++) {
		uint64_t a_len, b_len;
		assert_int_equal(a ? a[first + i] : 0, b ? b[i] : 0);
		if (a && a[first + i])
			continue;
		const uint8_t *p = value_bytes(&want->values, first + i, &a_len);
		const uint8_t *q = value_bytes(&got->values, i, &b_len);
		assert_int_equal(a_len, b_len);
		if (a_len)
			assert_memory_equal(p, q, (size_t)a_len);
	}
}

static void check_range(const struct page *page, const struct page_source *source,
			const struct slots *want, uint64_t first, uint64_t end)
{
	struct slots got = {0};
	assert_null(slots_init(&got, want->values.type));
	assert_null(page_read(page, source, first, end, &got));
	assert_int_equal(got.n, end - first);
	compare(want, first, &got);
	slots_fini(&got);
}

/* Bytes of the page, after reading it whole and in parts. */
static uint64_t check_page(const struct leaf_shape *shape, const struct slots *s,
			   enum page_dialect dialect)
{
	struct encoded_page out = {0};
	uint64_t sizes[PAGE_MAX_BUFFERS], bytes = 0;
	struct page *page = NULL;
	assert_null(page_encode(s, shape, s->n, dialect, &out));
	for (unsigned i = 0; i < out.n_buffers; i++)
		bytes += sizes[i] = out.buffers[i].len;
	struct page_source source = {&out, out.n_buffers, sizes, read_buffer};
	assert_null(page_open(out.descriptor.data, out.descriptor.len, s->n, shape,
			      &source, &page));
	check_range(page, &source, s, 0, s->n);
	check_range(page, &source, s, s->n / 2, s->n / 2 + 1);
	check_range(page, &source, s, s->n - 1, s->n);
	page_unref(page);
	encoded_page_fini(&out);
	return bytes;
}

static uint64_t check_text(enum text kind, uint64_t n, bool has_nulls,
			   unsigned offset_bytes, uint64_t *ret_plain)
{
	struct leaf_shape shape = {.n_layers = 1};
	struct slots s = {0};
	uint64_t bytes = 0;
	shape.type =
		(struct value_type){.kind = VALUE_VAR, .offset_bytes = offset_bytes};
	assert_null(slots_init(&s, &shape.type));
	make_slots(&s, kind, n, has_nulls);
	for (unsigned d = PAGE_2_1; d <= PAGE_2_2; d++)
		bytes = check_page(&shape, &s, (enum page_dialect)d);
	*ret_plain = s.values.data.len + s.values.offsets.len;
	slots_fini(&s);
	return bytes;
}

static void test_text__round_trip(void **state)
{
	static const uint64_t counts[] = {1,	2,    99,   100,  1023,
					  1024, 1025, 4095, 4096, 4097};
	uint64_t plain;
	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		for (int kind = 0; kind < N_TEXTS; kind++) {
			unsigned width = (i + (size_t)kind) % 2 ? 8 : 4;
			if (kind == TEXT_LONG && counts[i] > 1100)
				continue;
			check_text((enum text)kind, counts[i], i % 2, width, &plain);
		}
	}
}

/* Nulls in runs take fewer bytes at 2.2, where they are stored as runs. */
static void test_levels__runs(void **state)
{
	struct leaf_shape shape = {.n_layers = 1};
	struct slots s = {0};
	(void)state;
	shape.type = (struct value_type){.kind = VALUE_VAR, .offset_bytes = 4};
	assert_null(slots_init(&s, &shape.type));
	for (uint64_t i = 0; i < 20000; i++) {
		bool is_null = i / 1500 % 2;
		assert_null(slots_push(&s, false, 0, is_null ? SLOT_NULL(0) : 0));
		assert_null(values_append_var(&s.values, "same", is_null ? 0 : 4));
	}
	assert_null(slots_push(&s, false, 0, 0));
	assert_null(values_append_var(&s.values, "other", 5));
	uint64_t packed = check_page(&shape, &s, PAGE_2_1);
	assert_true(check_page(&shape, &s, PAGE_2_2) + 1500 < packed);
	slots_fini(&s);
}

/* --- 2.0 --- */

/* Bytes of the page, after reading it whole and a row of it. */
static uint64_t check_v20(const struct slots *s, bool is_text)
{
	struct encoded_page out = {0};
	uint64_t sizes[PAGE_MAX_BUFFERS], bytes = 0;
	const uint64_t ranges[][2] = {{0, s->n}, {s->n - 1, s->n}};
	assert_null(v20_encode_leaf(s, is_text, &out));
	for (unsigned i = 0; i < out.n_buffers; i++)
		bytes += sizes[i] = out.buffers[i].len;
	struct page_source source = {&out, out.n_buffers, sizes, read_buffer};
	for (size_t i = 0; i < 2; i++) {
		struct slots got = {0};
		assert_null(slots_init(&got, s->values.type));
		assert_null(v20_read_leaf(out.descriptor.data, out.descriptor.len,
					  &source, false, ranges[i][0], ranges[i][1],
					  &got));
		assert_int_equal(got.n, ranges[i][1] - ranges[i][0]);
		compare(s, ranges[i][0], &got);
		slots_fini(&got);
	}
	encoded_page_fini(&out);
	return bytes;
}

/* n values of so many kinds; every seventh null. */
static void make_kinds(struct slots *s, uint64_t n, uint64_t kinds)
{
	char text[24];
	for (uint64_t i = 0; i < n; i++) {
		bool is_null = i % 7 == 3;
		int len = i % kinds ? snprintf(text, sizeof(text), "kind %u",
					       (unsigned)(i % kinds))
				    : 0;
		assert_null(slots_push(s, false, 0, is_null ? SLOT_NULL(0) : 0));
		assert_null(
			values_append_var(&s->values, text, is_null ? 0 : (size_t)len));
	}
}

static void test_v20__dictionary(void **state)
{
	static const struct value_type string = {.kind = VALUE_VAR, .offset_bytes = 4};
	static const struct {
		uint64_t n, kinds;
		bool is_text, is_small;
	} cases[] = {{1, 1, true, false},     {99, 1, true, false},
		     {100, 1, true, true},    {5000, 3, true, true},
		     {5000, 255, true, true}, {5000, 256, true, false},
		     {5000, 3, false, false}, {255, 255, true, false}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slots s = {0};
		assert_null(slots_init(&s, &string));
		make_kinds(&s, cases[i].n, cases[i].kinds);
		uint64_t bytes = check_v20(&s, cases[i].is_text);
		assert_int_equal(bytes < 8 * s.n, cases[i].is_small);
		slots_fini(&s);
	}
}

static void test_text__size(void **state)
{
	static const struct {
		enum text kind;
		double most; /* bytes a plain byte */
	} cases[] = {{TEXT_WORDS, 0.6},
		     {TEXT_HEX, 0.7},
		     {TEXT_LONG, 0.5},
		     {TEXT_NOISE, 1.1},
		     {TEXT_EQUAL, 0.1}};
	uint64_t plain;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t bytes = check_text(cases[i].kind, 6000, false, 4, &plain);
		if ((double)bytes > cases[i].most * (double)plain)
			fail_msg("text %zu: %llu bytes of %llu", i,
				 (unsigned long long)bytes, (unsigned long long)plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text__round_trip),
		cmocka_unit_test(test_text__size),
		cmocka_unit_test(test_levels__runs),
		cmocka_unit_test(test_v20__dictionary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
