// SPDX-License-Identifier: Apache-2.0
/*
 * test_planar.c: pages of 2.3 made by hand: sparse structure over each kind of values,
 * and structure that lies.
 */
#include "encoding/encoding.h"
#include "wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAX_BUFFERS 8

/* --- descriptors --- */

enum { NULLS = 1, VALID = 2 };

static struct buf positions(unsigned meaning, uint64_t n, struct buf encoding)
{
	struct buf b = {0};
	wire_number(wire_part(wire_number(&b, 1, meaning), 2, encoding), 3, n);
	return b;
}

static struct buf all_valid(void)
{
	return positions(NULLS, 0, wire_none());
}

static struct buf list_layer(uint64_t n_items, uint64_t n, struct buf where,
			     struct buf counts, struct buf validity)
{
	struct buf b = {0};
	wire_part(wire_number(&b, 1, n_items), 2, where);
	wire_part(wire_part(wire_number(&b, 3, n), 4, counts), 5, validity);
	return wire_wrap(2, b);
}

static struct buf validity_layer(struct buf validity)
{
	return wire_wrap(1, validity);
}

static struct buf fixed_layer(uint64_t dimension, struct buf validity)
{
	struct buf b = {0};
	wire_part(wire_number(&b, 1, dimension), 2, validity);
	return wire_wrap(3, b);
}

static struct buf zipped_fixed(unsigned bits, uint64_t n)
{
	struct buf b = {0};
	wire_number(wire_part(&b, 1, wire_flat(bits)), 3, bits);
	wire_number(wire_number(&b, 5, n), 6, n);
	return b;
}

static struct buf zipped_strings(uint64_t n)
{
	struct buf b = {0};
	wire_number(wire_part(&b, 1, wire_wrap(2, wire_wrap(1, wire_flat(32)))), 4, 32);
	wire_number(wire_number(&b, 5, n), 6, n);
	return b;
}

/* --- pages --- */

struct memory {
	struct buf structure, descriptor, buffers[MAX_BUFFERS];
	uint64_t sizes[MAX_BUFFERS];
	struct page_source source;
	struct leaf_shape shape;
};

static struct err *read_buffer(void *ctx, unsigned buffer, uint64_t off, size_t len,
			       void *dst)
{
	const struct memory *m = ctx;
	memcpy(dst, m->buffers[buffer].data + off, len);
	return NULL;
}

static void put_layer(struct memory *m, struct buf layer)
{
	wire_part(&m->structure, 1, layer);
}

/* values: the plane, its field number and its message. */
static void finish(struct memory *m, unsigned plane, struct buf values,
		   unsigned n_buffers)
{
	wire_part(&m->descriptor, 1, wire_wrap(2, m->structure));
	wire_part(&m->descriptor, 2, wire_wrap(plane, values));
	m->structure = (struct buf){0};
	for (unsigned i = 0; i < n_buffers; i++)
		m->sizes[i] = m->buffers[i].len;
	m->source = (struct page_source){m, n_buffers, m->sizes, read_buffer};
}

static void memory_fini(struct memory *m)
{
	buf_fini(&m->descriptor);
	for (unsigned i = 0; i < MAX_BUFFERS; i++)
		buf_fini(&m->buffers[i]);
}

static struct err *read_page(const struct memory *m, uint64_t n_rows, uint64_t first,
			     uint64_t end, struct slots *ret)
{
	AUTO(page) struct page *p = NULL;
	TRY(page_open_planar(m->descriptor.data, m->descriptor.len, n_rows, &m->shape,
			     &m->source, &p));
	assert_true(page_bytes(p) > 0);
	return page_read(p, &m->source, first, end, ret);
}

static void expect_levels(const uint16_t *got, const uint16_t *want, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(got ? got[i] : 0, want ? want[i] : 0);
}

/* Slots of rows [first, end); rep and stop may be NULL for zeros. */
static void expect_slots(const struct memory *m, uint64_t n_rows, uint64_t first,
			 uint64_t end, uint64_t n, const uint16_t *rep,
			 const uint16_t *stop, const uint64_t *values,
			 uint64_t n_values)
{
	struct slots s;
	assert_null(slots_init(&s, &m->shape.type));
	struct err *err = read_page(m, n_rows, first, end, &s);
	if (err)
		fail_msg("%s", err->msg);
	assert_int_equal(s.n, n);
	expect_levels(slots_rep(&s), rep, n);
	expect_levels(slots_stop(&s), stop, n);
	assert_int_equal(s.values.n, n_values);
	for (uint64_t i = 0; i < n_values; i++)
		assert_int_equal(load_u64le(s.values.data.bytes->data + 8 * i),
				 values[i]);
	slots_fini(&s);
}

static void expect_refusal(const struct memory *m, uint64_t n_rows, const char *part)
{
	struct slots s;
	assert_null(slots_init(&s, &m->shape.type));
	struct err *err = read_page(m, n_rows, 0, n_rows, &s);
	assert_non_null(err);
	if (!strstr(err->msg, part))
		fail_msg("%s; expected ...%s...", err->msg, part);
	err_free(err); /* expected */
	slots_fini(&s);
}

static const struct value_type u64_type = {.kind = VALUE_FIXED, .bits = 64};

/* --- lists --- */

static const struct leaf_shape list_shape = {.n_layers = 2,
					     .is_list = {false, true},
					     .type = {.kind = VALUE_FIXED, .bits = 64}};

/* [7, 7], null, [], [null], [7]: lists 0, 3 and 4 have items, slot 2 is null. */
static void make_lists(struct memory *m)
{
	static const uint64_t where[] = {0, 3, 4}, counts[] = {2, 1, 1};
	uint64_t seven = 7;
	struct buf value = {0};
	m->shape = list_shape;
	for (unsigned i = 0; i < 3; i++) {
		buf_u64le(&m->buffers[0], where[i]);
		buf_u64le(&m->buffers[1], counts[i]);
	}
	put_layer(m, list_layer(4, 3, wire_flat(64), wire_flat(64),
				positions(NULLS, 1, wire_constant(1, 8))));
	put_layer(m, validity_layer(positions(NULLS, 1, wire_constant(2, 8))));
	wire_bytes(&value, 1, &seven, 8);
	finish(m, 3, value, 2);
}

static void test_sparse__lists(void **state)
{
	static const uint16_t rep[] = {1, 0, 1, 1, 1, 1};
	static const uint16_t stop[] = {0, 0, SLOT_NULL(1), SLOT_EMPTY(1), SLOT_NULL(0),
					0};
	static const uint64_t sevens[] = {7, 7, 7, 7};
	struct memory m = {0};
	(void)state;
	make_lists(&m);
	expect_slots(&m, 5, 0, 5, 6, rep, stop, sevens, 4);
	expect_slots(&m, 5, 1, 4, 3, rep + 2, stop + 2, sevens, 1);
	expect_slots(&m, 5, 4, 5, 1, rep + 5, stop + 5, sevens, 1);
	memory_fini(&m);
}

/* A null struct around lists that have items all the same: they are passed over. */
static void test_sparse__items_below_nulls(void **state)
{
	static const uint16_t rep[] = {1, 1, 0, 1, 0, 1};
	static const uint16_t stop[] = {SLOT_NULL(2), 0, 0, 0, 0, SLOT_NULL(2)};
	static const uint64_t values[] = {12, 13, 14, 15};
	struct memory m = {0};
	(void)state;
	m.shape = (struct leaf_shape){
		.n_layers = 3, .is_list = {false, true, false}, .type = u64_type};
	for (unsigned i = 0; i < 4; i++)
		buf_u64le(&m.buffers[0], values[i]);
	put_layer(&m, validity_layer(positions(VALID, 2, wire_range(64, 1, 1))));
	put_layer(&m, list_layer(8, 4, wire_range(64, 0, 1), wire_constant(2, 8),
				 all_valid()));
	put_layer(&m, validity_layer(all_valid()));
	finish(&m, 2, zipped_fixed(64, 4), 1);
	expect_slots(&m, 4, 0, 4, 6, rep, stop, values, 4);
	expect_slots(&m, 4, 2, 4, 3, rep + 3, stop + 3, values + 2, 2);
	expect_slots(&m, 4, 3, 4, 1, rep + 5, stop + 5, NULL, 0);
	memory_fini(&m);
}

/* [[1, 2], null], [], [[3, null]]: rows are counted in items. */
static void test_sparse__fixed_lists_in_lists(void **state)
{
	static const uint16_t rep[] = {1, 0, 0, 0, 1, 1, 0};
	static const uint16_t stop[] = {
		0, 0, SLOT_NULL(1), SLOT_NULL(1), SLOT_EMPTY(2), 0, SLOT_NULL(0)};
	static const uint64_t values[] = {1, 2, 0, 0, 3, 0};
	struct memory m = {0};
	(void)state;
	m.shape = (struct leaf_shape){.n_layers = 3,
				      .is_list = {false, false, true},
				      .list_size = {0, 2, 0},
				      .type = u64_type};
	for (uint64_t i = 1; i <= 3; i++)
		buf_u64le(&m.buffers[0], i);
	buf_u64le(&m.buffers[1], 2);
	buf_u64le(&m.buffers[1], 1);
	put_layer(&m,
		  list_layer(3, 2, wire_range(64, 0, 2), wire_flat(64), all_valid()));
	put_layer(&m, fixed_layer(2, positions(NULLS, 1, wire_constant(1, 8))));
	put_layer(&m, validity_layer(positions(NULLS, 1, wire_constant(5, 8))));
	finish(&m, 2, zipped_fixed(64, 3), 2);
	expect_slots(&m, 6, 0, 6, 7, rep, stop, values, 6);
	expect_slots(&m, 6, 2, 6, 3, rep + 4, stop + 4, values + 4, 2);
	expect_refusal(&m, 5, "5 rows in lists of 2");
	memory_fini(&m);
}

/* --- values --- */

/* Row i is i * 10, null where i % 3 is 1: the valid ones are stored, zipped. */
static void test_sparse__values_that_are_there(void **state)
{
	enum { ROWS = 5000 };
	static uint16_t stop[ROWS];
	static uint64_t values[ROWS];
	struct memory m = {0};
	uint64_t n = 0;
	(void)state;
	m.shape = (struct leaf_shape){.n_layers = 2, .type = u64_type};
	for (uint64_t i = 0; i < ROWS; i++) {
		stop[i] = i % 3 == 1 ? SLOT_NULL(0) : i % 5 == 0 ? SLOT_NULL(1) : 0;
		values[i] = stop[i] ? 0 : i * 10;
		if (!stop[i]) {
			buf_u64le(&m.buffers[0], i * 10);
			n++;
		}
		if (i % 5 == 0 && i % 3 == 1)
			stop[i] = SLOT_NULL(1);
	}
	put_layer(&m, validity_layer(positions(NULLS, 1000, wire_range(64, 0, 5))));
	put_layer(&m, validity_layer(positions(NULLS, 1667, wire_range(64, 1, 3))));
	finish(&m, 2, zipped_fixed(64, n), 1);
	expect_slots(&m, ROWS, 0, ROWS, ROWS, NULL, stop, values, ROWS);
	for (unsigned first = 0; first < ROWS; first += 613)
		expect_slots(&m, ROWS, first, ROWS, ROWS - first, NULL, stop + first,
			     values + first, ROWS - first);
	expect_slots(&m, ROWS, 1023, 1024, 1, NULL, stop + 1023, values + 1023, 1);
	memory_fini(&m);
}

/* "b", null, "a", "b" out of the items "a", "b", of which one is asked for. */
static void test_sparse__indexed(void **state)
{
	static const uint32_t indices[] = {1, 0, 0, 1}, starts[] = {0, 5, 10};
	struct memory m = {0};
	struct buf values = {0};
	struct slots s;
	(void)state;
	m.shape = (struct leaf_shape){.n_layers = 1,
				      .type = {.kind = VALUE_VAR, .offset_bytes = 4}};
	for (unsigned i = 0; i < 4; i++)
		buf_u32le(&m.buffers[0], indices[i]);
	for (unsigned i = 0; i < 2; i++) {
		buf_u32le(&m.buffers[1], 1);
		buf_byte(&m.buffers[1], (uint8_t)('a' + i));
	}
	for (unsigned i = 0; i < 3; i++)
		buf_u32le(&m.buffers[2], starts[i]);
	put_layer(&m, validity_layer(positions(NULLS, 1, wire_constant(1, 8))));
	wire_part(wire_part(&values, 1, wire_flat(32)), 2, zipped_strings(2));
	finish(&m, 5, values, 3);
	for (unsigned first = 0; first < 4; first++) {
		assert_null(slots_init(&s, &m.shape.type));
		assert_null(read_page(&m, 4, first, 4, &s));
		assert_int_equal(s.values.n, 4 - first);
		assert_memory_equal(s.values.data.bytes->data, &"baab"[first],
				    4 - first);
		slots_fini(&s);
	}
	m.buffers[0].data[0] = 2;
	expect_refusal(&m, 4, "index 2 of 2 items");
	memory_fini(&m);
}

static void test_sparse__nulls_without_values(void **state)
{
	struct memory m = {0};
	uint8_t is_null[9];
	bool known;
	AUTO(page) struct page *p = NULL;
	(void)state;
	m.shape = (struct leaf_shape){.n_layers = 1, .type = u64_type};
	put_layer(&m, validity_layer(positions(VALID, 0, wire_none())));
	finish(&m, 4, (struct buf){0}, 0);
	assert_null(page_open_planar(m.descriptor.data, m.descriptor.len, 9, &m.shape,
				     &m.source, &p));
	assert_null(page_nulls(p, &m.source, 2, 9, is_null, &known));
	assert_true(known);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(is_null[i], 1);
	memory_fini(&m);
}

/* --- structure that lies --- */

/* A page of one layer of lists of n_items, and no values. */
static void expect_bad_list(struct buf layer, uint64_t n_rows, uint64_t first,
			    uint64_t second, const char *part)
{
	struct memory m = {.shape = list_shape};
	buf_u64le(&m.buffers[0], first);
	buf_u64le(&m.buffers[0], second);
	put_layer(&m, layer);
	put_layer(&m, validity_layer(positions(VALID, 0, wire_none())));
	finish(&m, 4, (struct buf){0}, 1);
	expect_refusal(&m, n_rows, part);
	memory_fini(&m);
}

static void test_sparse__lists_that_lie(void **state)
{
	(void)state;
	expect_bad_list(
		list_layer(2, 2, wire_flat(64), wire_constant(1, 8), all_valid()), 9, 5,
		5, "position 1 is not past the one before");
	expect_bad_list(
		list_layer(2, 2, wire_flat(64), wire_constant(1, 8), all_valid()), 9, 5,
		9, "position 9 of 9");
	expect_bad_list(list_layer(2, 2, wire_range(64, 0, 9), wire_constant(1, 8),
				   all_valid()),
			9, 0, 0, "2 positions from 0 by 9 in 9 slots");
	expect_bad_list(list_layer(2, 2, wire_range(64, 1, UINT64_MAX),
				   wire_constant(1, 8), all_valid()),
			9, 0, 0, "positions from 1 by");
	expect_bad_list(
		list_layer(2, 2, wire_range(64, 0, 1), wire_flat(64), all_valid()), 9,
		2, 0, "list 1 of 0 items");
	expect_bad_list(
		list_layer(2, 2, wire_range(64, 0, 1), wire_flat(64), all_valid()), 9,
		UINT64_MAX, 3, "list 1 of 3 items");
	expect_bad_list(
		list_layer(5, 2, wire_range(64, 0, 1), wire_flat(64), all_valid()), 9,
		2, 2, "lists hold 4 items of 5");
	expect_bad_list(list_layer(2, 2, wire_range(64, 0, 1),
				   wire_constant(UINT64_MAX, 8), all_valid()),
			9, 0, 0, "2 lists of 18446744073709551615 items");
	expect_bad_list(list_layer(2, 10, wire_range(64, 0, 1), wire_constant(1, 8),
				   all_valid()),
			9, 0, 0, "10 positions in 9 slots");
	expect_bad_list(list_layer(2, 2, wire_range(64, 0, 1), wire_constant(1, 4),
				   all_valid()),
			9, 0, 0, "numbers of 32 bits");
	expect_bad_list(
		list_layer(2, 2, wire_range(64, 0, 1), wire_none(), all_valid()), 9, 0,
		0, "2 numbers as constant");
	expect_bad_list(list_layer(2, 2, wire_range(64, 0, 1), wire_constant(1, 8),
				   positions(3, 0, wire_none())),
			9, 0, 0, "validity of kind 3");
	expect_bad_list(fixed_layer(2, all_valid()), 9, 0, 0, "another one");
	expect_bad_list((struct buf){0}, 9, 0, 0, "of kind 0");
}

/* Few bytes that stand for much: nothing is made of them. */
static void test_sparse__absurd_sizes(void **state)
{
	uint64_t much = (uint64_t)1 << 30;
	(void)state;
	expect_bad_list(list_layer(much * 64, 64, wire_range(64, 0, 1),
				   wire_constant(much, 8), all_valid()),
			64, 0, 0, "slots");
	expect_bad_list(
		list_layer(much, 1, wire_flat(64), wire_constant(much, 8), all_valid()),
		1, 0, 0, "over 2097152 slots");
}

/* Values that are there are numbered when a page is opened, by a look at all slots. */
static void test_sparse__slots_without_end(void **state)
{
	uint64_t much = (uint64_t)1 << 24;
	struct memory m = {.shape = list_shape};
	(void)state;
	buf_u64le(&m.buffers[0], 1);
	put_layer(&m, list_layer(much, 1, wire_constant(0, 8), wire_constant(much, 8),
				 all_valid()));
	put_layer(&m, validity_layer(positions(VALID, 1, wire_constant(9, 8))));
	finish(&m, 2, zipped_fixed(64, 1), 1);
	expect_refusal(&m, 1, "16777216 slots in 8 bytes");
	memory_fini(&m);
}

static void test_sparse__buffers_and_counts(void **state)
{
	struct memory m = {0};
	(void)state;
	m.shape = (struct leaf_shape){.n_layers = 1, .type = u64_type};
	buf_u64le(&m.buffers[0], 1);
	put_layer(&m, validity_layer(positions(NULLS, 1, wire_constant(1, 8))));
	finish(&m, 2, zipped_fixed(64, 1), 1);
	expect_refusal(&m, 3, "1 values for 2 slots");
	m.source.n_buffers = 0;
	expect_refusal(&m, 2, "0 buffers");
	m.source.n_buffers = 2;
	expect_refusal(&m, 2, "1 buffers of 2");
	memory_fini(&m);
}

static void test_planar__planes_missing(void **state)
{
	struct memory m = {0};
	(void)state;
	m.shape = (struct leaf_shape){.n_layers = 1, .type = u64_type};
	m.source = (struct page_source){&m, 0, m.sizes, read_buffer};
	expect_refusal(&m, 1, "a page without structure");
	wire_part(&m.descriptor, 1, (struct buf){0});
	expect_refusal(&m, 1, "a page without values");
	wire_part(&m.descriptor, 2, (struct buf){0});
	expect_refusal(&m, 1, "structure of kind 0");
	memory_fini(&m);
}

/* --- dense structure --- */

static void test_dense__constant_and_none(void **state)
{
	static const uint64_t nines[] = {9, 9, 9}, zeros[] = {0, 0, 0};
	static const uint16_t stop[] = {1, 1, 1};
	static const uint8_t all_valid_layer[] = {1}, null_layer[] = {3};
	struct memory m = {0};
	struct buf layers = {0}, value = {0};
	(void)state;
	m.shape = (struct leaf_shape){.n_layers = 1, .type = u64_type};
	m.source = (struct page_source){&m, 0, m.sizes, read_buffer};
	wire_bytes(&layers, 1, all_valid_layer, 1);
	wire_bytes(&value, 1, nines, 8);
	wire_part(&m.descriptor, 1, wire_wrap(1, layers));
	wire_part(&m.descriptor, 2, wire_wrap(3, value));
	expect_slots(&m, 3, 0, 3, 3, NULL, NULL, nines, 3);
	buf_fini(&m.descriptor);
	m.descriptor = layers = (struct buf){0};
	wire_bytes(&layers, 1, null_layer, 1);
	wire_part(&m.descriptor, 1, wire_wrap(1, layers));
	wire_part(&m.descriptor, 2, wire_wrap(4, (struct buf){0}));
	expect_slots(&m, 3, 0, 3, 3, NULL, stop, zeros, 3);
	memory_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sparse__lists),
		cmocka_unit_test(test_sparse__items_below_nulls),
		cmocka_unit_test(test_sparse__fixed_lists_in_lists),
		cmocka_unit_test(test_sparse__values_that_are_there),
		cmocka_unit_test(test_sparse__indexed),
		cmocka_unit_test(test_sparse__nulls_without_values),
		cmocka_unit_test(test_sparse__lists_that_lie),
		cmocka_unit_test(test_sparse__absurd_sizes),
		cmocka_unit_test(test_sparse__slots_without_end),
		cmocka_unit_test(test_sparse__buffers_and_counts),
		cmocka_unit_test(test_planar__planes_missing),
		cmocka_unit_test(test_dense__constant_and_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
