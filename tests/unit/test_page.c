// SPDX-License-Identifier: Apache-2.0
/*
 * test_page.c: pages made by hand, as no writer makes them today.
 */
#include "encoding/encoding.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define N_VALUES 16
#define CASE(which) LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_##which

typedef Lance__Enc__CompressiveEncoding ce;

/* A page in memory. */
struct memory {
	struct buf descriptor, buffers[3];
	uint64_t sizes[3];
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

static void finish(struct memory *m, unsigned n_buffers)
{
	for (unsigned i = 0; i < n_buffers; i++) {
		assert_null(buf_check(&m->buffers[i]));
		m->sizes[i] = m->buffers[i].len;
	}
	m->source = (struct page_source){m, n_buffers, m->sizes, read_buffer};
	m->shape = (struct leaf_shape){.n_layers = 2, .is_list = {false, true}};
	m->shape.type = (struct value_type){.kind = VALUE_FIXED, .bits = 64};
}

static void memory_fini(struct memory *m)
{
	buf_fini(&m->descriptor);
	for (unsigned i = 0; i < 3; i++)
		buf_fini(&m->buffers[i]);
}

static void init_ce(ce *m, int kind, void *value)
{
	lance__enc__compressive_encoding__init(m);
	m->compression_case = (Lance__Enc__CompressiveEncoding__CompressionCase)kind;
	m->flat = value;
}

/* --- a mini-block whose levels are runs --- */

struct run {
	uint16_t value;
	uint64_t n;
};

/* Levels as runs in block position. */
static void put_runs(struct buf *out, const struct run *runs, size_t n_runs)
{
	struct buf lengths = {0}, values = {0};
	for (size_t i = 0; i < n_runs; i++)
		for (uint64_t left = runs[i].n; left; left -= MIN_OF(left, 255u)) {
			buf_u16le(&values, runs[i].value);
			buf_byte(&lengths, (uint8_t)MIN_OF(left, 255u));
		}
	buf_u64le(out, values.len);
	buf_append(out, values.data, values.len);
	buf_append(out, lengths.data, lengths.len);
	buf_fini(&lengths);
	buf_fini(&values);
}

static void pad(struct buf *b)
{
	buf_zero(b, (size_t)(-b->len & 7));
}

static void put_chunk(struct memory *m, uint16_t n_levels, const struct buf *rep,
		      const struct buf *def)
{
	struct buf *out = &m->buffers[1];
	buf_u16le(out, n_levels);
	buf_u16le(out, (uint16_t)rep->len);
	buf_u16le(out, (uint16_t)def->len);
	buf_u16le(out, N_VALUES * 8);
	pad(out);
	buf_append(out, rep->data, rep->len);
	pad(out);
	buf_append(out, def->data, def->len);
	pad(out);
	for (uint64_t i = 0; i < N_VALUES; i++)
		buf_u64le(out, i);
	buf_u16le(&m->buffers[0], (uint16_t)((out->len / 8 - 1) << 4));
}

static void put_mini_block(struct memory *m)
{
	Lance__Enc__PageLayout page = LANCE__ENC__PAGE_LAYOUT__INIT;
	Lance__Enc__MiniBlockLayout mini = LANCE__ENC__MINI_BLOCK_LAYOUT__INIT;
	Lance__Enc__Flat flat = LANCE__ENC__FLAT__INIT, bytes = flat, values = flat;
	Lance__Enc__Rle rle = LANCE__ENC__RLE__INIT;
	ce flat_m, bytes_m, values_m, rle_m;
	int32_t layers[] = {1, 5}; /* items, lists that may be empty */
	init_ce(&flat_m, CASE(FLAT), &flat);
	init_ce(&bytes_m, CASE(FLAT), &bytes);
	init_ce(&values_m, CASE(FLAT), &values);
	init_ce(&rle_m, CASE(RLE), &rle);
	flat.bits_per_value = 16;
	bytes.bits_per_value = 8;
	values.bits_per_value = 64;
	rle.values = &flat_m;
	rle.run_lengths = &bytes_m;
	mini.rep_compression = mini.def_compression = &rle_m;
	mini.value_compression = &values_m;
	mini.layers = layers;
	mini.n_layers = 2;
	mini.num_buffers = 1;
	mini.num_items = N_VALUES;
	mini.repetition_index_depth = 1;
	page.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_MINI_BLOCK_LAYOUT;
	page.mini_block_layout = &mini;
	proto_pack(&page.base, &m->descriptor);
}

/* N_VALUES lists of one item each and then n_empty empty ones. */
static void make_lists(struct memory *m, uint64_t n_empty, uint16_t n_levels)
{
	struct buf rep = {0}, def = {0};
	struct run all = {1, N_VALUES + n_empty};
	struct run stops[] = {{0, N_VALUES}, {1, n_empty}};
	put_mini_block(m);
	put_runs(&rep, &all, 1);
	put_runs(&def, stops, 2);
	put_chunk(m, n_levels, &rep, &def);
	buf_u64le(&m->buffers[2], N_VALUES + n_empty);
	buf_u64le(&m->buffers[2], 0);
	buf_fini(&rep);
	buf_fini(&def);
	finish(m, 3);
}

static struct err *read_page(const struct memory *m, uint64_t n_rows, uint64_t first,
			     uint64_t end, struct slots *ret)
{
	AUTO(page) struct page *p = NULL;
	TRY(page_open(m->descriptor.data, m->descriptor.len, n_rows, &m->shape,
		      &m->source, &p));
	return page_read(p, &m->source, first, end, ret);
}

static void test_mini_block__levels_counted_modulo_65536(void **state)
{
	uint64_t n_rows = N_VALUES + 2 * 65536;
	struct memory m = {0};
	struct slots s;
	(void)state;
	make_lists(&m, 2 * 65536, N_VALUES);
	assert_null(slots_init(&s, &m.shape.type));
	assert_null(read_page(&m, n_rows, 0, n_rows, &s));
	assert_int_equal(s.n, n_rows);
	assert_int_equal(s.values.n, N_VALUES);
	slots_fini(&s);
	memory_fini(&m);
}

static void test_mini_block__other_counts_are_refused(void **state)
{
	struct memory m = {0};
	struct slots s;
	(void)state;
	make_lists(&m, 100, N_VALUES);
	assert_null(slots_init(&s, &m.shape.type));
	struct err *err = read_page(&m, N_VALUES + 100, 0, N_VALUES + 100, &s);
	assert_non_null(err);
	assert_int_equal(err->code, EIO);
	err_free(err); /* expected */
	slots_fini(&s);
	memory_fini(&m);
}

/* --- a constant page of lists --- */

#define N_LISTS 5000

/* List i has i % 3 items, all of them null. */
static uint64_t make_constant(struct memory *m)
{
	Lance__Enc__PageLayout page = LANCE__ENC__PAGE_LAYOUT__INIT;
	Lance__Enc__ConstantLayout constant = LANCE__ENC__CONSTANT_LAYOUT__INIT;
	int32_t layers[] = {3, 5}; /* items that may be null, lists that may be empty */
	uint64_t n_slots = 0;
	constant.layers = layers;
	constant.n_layers = 2;
	page.layout_case = LANCE__ENC__PAGE_LAYOUT__LAYOUT_CONSTANT_LAYOUT;
	page.constant_layout = &constant;
	proto_pack(&page.base, &m->descriptor);
	for (unsigned i = 0; i < N_LISTS; i++)
		for (unsigned k = 0; k < MAX_OF(i % 3, 1u); k++, n_slots++) {
			buf_u16le(&m->buffers[0], k == 0);
			buf_u16le(&m->buffers[1], i % 3 ? 1 : 2);
		}
	finish(m, 2);
	return n_slots;
}

static void test_constant__ranges_of_lists(void **state)
{
	static const uint64_t ends[] = {1, 1023, 1024, 1025, 2048, 4097, N_LISTS};
	struct memory m = {0};
	uint64_t n_slots = make_constant(&m), first = 0, total = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct slots s;
		uint64_t n = 0, n_items = 0;
		for (uint64_t row = first; row < ends[i]; row++) {
			n += MAX_OF(row % 3, 1u);
			n_items += row % 3;
		}
		assert_null(slots_init(&s, &m.shape.type));
		assert_null(read_page(&m, N_LISTS, first, ends[i], &s));
		assert_int_equal(s.n, n);
		assert_int_equal(s.values.n, n_items);
		total += s.n;
		slots_fini(&s);
		first = ends[i];
	}
	assert_int_equal(total, n_slots);
	memory_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mini_block__levels_counted_modulo_65536),
		cmocka_unit_test(test_mini_block__other_counts_are_refused),
		cmocka_unit_test(test_constant__ranges_of_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
