// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_page.c: any bytes as a page: of each layout of 2.1 and 2.2, of 2.3, of a 2.0
 * leaf or of a 2.0 list column.
 *
 * The input: dialect, type, nesting, rows (u16), how far to shift those left,
 * where a part begins and ends (a byte each), number of buffers, their sizes (u16
 * each), the descriptor's size (u16), the descriptor, the buffers.  Rows of a
 * page are read whole and in part, and the part must equal the slice.
 */
#include "encoding/encoding.h"

#include "input.h"

#define MAX_ROWS 3000
#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

#define BLOB_DESCRIPTOR                                                                \
	"struct<kind: uint8, position: uint64, size: uint64, blob_id: uint32, "        \
	"blob_uri: string>"

static const char *const types[] = {
	"int64",	 "string",	 "large_binary",
	"bool",		 "float32[3]",	 "struct<a: int32, b: float64>",
	"int32",	 "uint8",	 "float64",
	"int16",	 "float32",	 "struct<a: int64, b: string>",
	"decimal(20,3)", "bool[2][3]",	 "float32[2][2]",
	"binary",	 "large_string", BLOB_DESCRIPTOR,
};

enum dialect { STRUCTURAL, PLANAR, V20_LEAF, V20_LISTS, N_DIALECTS };

/* Which layers are lists, innermost first. */
static const struct {
	unsigned n;
	bool is_list[4];
	uint64_t list_size[4];
} shapes[] = {
	{1, {false}, {0}},
	{2, {false, true}, {0}},
	{2, {false, false}, {0}},
	{3, {false, true, true}, {0}},
	{4, {false, false, true, false}, {0}},
	{3, {false, false, true}, {0, 2, 0}},
};

struct page_input {
	struct type *type;
	struct leaf_shape shape;
	uint64_t n_rows, first, end; /* [first, end): the part */
	struct run descriptor;
	uint64_t sizes[8];
	struct run buffers[8];
	struct page_source source;
};

static struct err *read_buffer(void *ctx, unsigned buffer, uint64_t off, size_t len,
			       void *dst)
{
	const struct page_input *in = ctx;
	MUST_HOLD(buffer < in->source.n_buffers);
	MUST_HOLD(off <= in->sizes[buffer] && len <= in->sizes[buffer] - off);
	if (len)
		memcpy(dst, in->buffers[buffer].p + off, len);
	return NULL;
}

static void take_input(struct input *in, struct page_input *ret)
{
	size_t shape, sizes[N_OF(ret->buffers)];
	must(type_parse(types[take_u8(in) % N_OF(types)], &ret->type));
	shape = take_u8(in) % N_OF(shapes);
	ret->n_rows = take_u16(in);
	ret->n_rows <<= take_u8(in) % 48;
	uint64_t n = MIN_OF(ret->n_rows, (uint64_t)MAX_ROWS);
	ret->first = n * take_u8(in) / 256;
	ret->end = ret->first + (n - ret->first) * take_u8(in) / 255;
	ret->source.n_buffers = take_u8(in) % (N_OF(ret->buffers) + 1);
	for (unsigned i = 0; i < ret->source.n_buffers; i++)
		sizes[i] = take_u16(in);
	ret->descriptor = take_run(in, take_u16(in));
	for (unsigned i = 0; i < ret->source.n_buffers; i++) {
		ret->buffers[i] = take_run(in, sizes[i]);
		ret->sizes[i] = ret->buffers[i].len;
	}
	ret->source.ctx = ret;
	ret->source.sizes = ret->sizes;
	ret->source.read = read_buffer;
	ret->shape.n_layers = shapes[shape].n;
	memcpy(ret->shape.is_list, shapes[shape].is_list, shapes[shape].n);
	memcpy(ret->shape.list_size, shapes[shape].list_size,
	       sizeof(shapes[shape].list_size));
	must(value_type_of(ret->type, &ret->shape.type));
}

static void input_fini(struct page_input *in)
{
	for (unsigned i = 0; i < in->source.n_buffers; i++)
		run_fini(&in->buffers[i]);
	run_fini(&in->descriptor);
	value_type_fini(&in->shape.type);
	type_unref(in->type);
}

/* --- what slots must be --- */

static unsigned n_lists(const struct leaf_shape *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->n_layers; i++)
		n += s->is_list[i];
	return n;
}

static uint64_t n_items(const struct leaf_shape *s)
{
	uint64_t n = 1;
	for (unsigned i = 0; i < s->n_layers; i++)
		n *= MAX_OF(s->list_size[i], 1u);
	return n;
}

/* A slot that stops at or outside the innermost list owns no value. */
static bool owns_value(const struct leaf_shape *s, unsigned stop)
{
	if (stop == 0)
		return true;
	for (unsigned i = 0; i <= SLOT_LAYER(stop); i++)
		if (s->is_list[i])
			return false;
	return true;
}

static void check_slots(const struct page_input *in, const struct slots *s,
			uint64_t n_rows)
{
	const uint16_t *rep = slots_rep(s), *stop = slots_stop(s);
	unsigned max_rep = n_lists(&in->shape);
	uint64_t rows = 0, values = 0;
	MUST_HOLD(s->n == 0 || !max_rep == !rep);
	MUST_HOLD(!rep || s->rep.len == s->n * 2);
	MUST_HOLD(!stop || s->stop.len == s->n * 2);
	for (uint64_t i = 0; i < s->n; i++) {
		MUST_HOLD(!rep || rep[i] <= max_rep);
		MUST_HOLD(!stop || stop[i] == 0 ||
			  SLOT_LAYER(stop[i]) < in->shape.n_layers);
		rows += !rep || rep[i] == max_rep;
		values += owns_value(&in->shape, stop ? stop[i] : 0);
	}
	/* of lists of fixed-size lists each counts for all items of one */
	MUST_HOLD(rows == n_rows || rows * n_items(&in->shape) == n_rows);
	MUST_HOLD(values == s->values.n);
	MUST_HOLD(!rep || s->n == 0 || rep[0] == max_rep);
}

/* --- values as an array --- */

static struct bytes *validity_of(const struct leaf_shape *shape, const struct slots *s)
{
	const uint16_t *stop = slots_stop(s);
	struct bytes *b;
	uint64_t k = 0;
	must(bytes_new_zero(bitmap_bytes(s->n), &b));
	for (uint64_t i = 0; i < s->n; i++) {
		unsigned at = stop ? stop[i] : 0;
		if (owns_value(shape, at) && at == 0)
			bit_set(b->data, k);
		k += owns_value(shape, at);
	}
	return b;
}

static struct array *array_of(const struct page_input *in, struct slots *s)
{
	struct array *a;
	AUTO(bytes) struct bytes *validity = validity_of(&in->shape, s);
	must(values_take_array(&s->values, in->type, validity, &a));
	must(array_validate(a));
	return a;
}

static bool same_part(const uint16_t *whole, const uint16_t *part, uint64_t first,
		      uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if ((whole ? whole[first + i] : 0) != (part ? part[i] : 0))
			return false;
	return true;
}

/* Slots and values in front of a row. */
static void find_row(const struct leaf_shape *shape, const struct slots *s,
		     uint64_t row, uint64_t *ret_slot, uint64_t *ret_value)
{
	const uint16_t *rep = slots_rep(s), *stop = slots_stop(s);
	unsigned max_rep = n_lists(shape);
	uint64_t i = 0, rows = 0, values = 0;
	for (; i < s->n; i++) {
		rows += !rep || rep[i] == max_rep;
		if (rows > row)
			break;
		values += owns_value(shape, stop ? stop[i] : 0);
	}
	*ret_slot = i;
	*ret_value = values;
}

static void compare(const struct page_input *in, struct slots *whole,
		    struct slots *part)
{
	uint64_t first, end, first_value, end_value;
	AUTO(array) struct array *slice = NULL;
	find_row(&in->shape, whole, in->first, &first, &first_value);
	find_row(&in->shape, whole, in->end, &end, &end_value);
	MUST_HOLD(part->n == end - first);
	MUST_HOLD(same_part(slots_rep(whole), slots_rep(part), first, part->n));
	MUST_HOLD(same_part(slots_stop(whole), slots_stop(part), first, part->n));
	AUTO(array) struct array *a = array_of(in, whole);
	AUTO(array) struct array *b = array_of(in, part);
	must(array_slice(a, first_value, end_value, &slice));
	MUST_HOLD(array_equal(slice, b));
}

/* --- readers --- */

struct reader {
	const struct page_input *in;
	struct page *page; /* NULL: a 2.0 page */
	bool is_dictionary;
};

static struct err *read_slots(const struct reader *r, uint64_t first, uint64_t end,
			      struct slots *ret)
{
	const struct page_input *in = r->in;
	if (r->page)
		TRY(page_read(r->page, &in->source, first, end, ret));
	else
		TRY(v20_read_leaf(in->descriptor.p, in->descriptor.len, &in->source,
				  r->is_dictionary, first, end, ret));
	check_slots(in, ret, end - first);
	return NULL;
}

static void read_both(const struct reader *r)
{
	const struct page_input *in = r->in;
	struct slots whole, part;
	uint64_t n = MIN_OF(in->n_rows, (uint64_t)MAX_ROWS);
	must(slots_init(&whole, &in->shape.type));
	must(slots_init(&part, &in->shape.type));
	/* errors are what damaged pages should give */
	AUTO_ERR struct err *bad_whole = read_slots(r, 0, n, &whole);
	AUTO_ERR struct err *bad_part = read_slots(r, in->first, in->end, &part);
	if (!bad_whole && !bad_part && n_items(&in->shape) == 1)
		compare(in, &whole, &part);
	slots_fini(&whole);
	slots_fini(&part);
}

static void check_nulls(const struct page_input *in, const struct page *p)
{
	uint8_t is_null[MAX_ROWS];
	bool known = false;
	if (n_lists(&in->shape))
		return;
	struct err *err =
		page_nulls(p, &in->source, in->first, in->end, is_null, &known);
	for (uint64_t i = in->first; !err && known && i < in->end; i++)
		MUST_HOLD(is_null[i - in->first] <= 1);
	err_free(err); /* any error will do */
}

static void read_page(const struct page_input *in, enum dialect dialect)
{
	AUTO(page) struct page *p = NULL;
	AUTO_ERR struct err *bad = (dialect == PLANAR ? page_open_planar : page_open)(
		in->descriptor.p, in->descriptor.len, in->n_rows, &in->shape,
		&in->source, &p);
	if (bad)
		return;
	MUST_HOLD(page_bytes(p) > 0);
	struct reader r = {.in = in, .page = p};
	read_both(&r);
	check_nulls(in, p);
}

static void check_lists(const struct v20_lists *l, uint64_t n)
{
	uint64_t at = l->first_item;
	for (uint64_t i = 0; i < n; i++) {
		MUST_HOLD(l->ends[i] >= at);
		at = l->ends[i];
	}
}

static struct err *read_lists(const struct page_input *in)
{
	struct v20_lists whole, part;
	uint64_t items, n = MIN_OF(in->n_rows, (uint64_t)MAX_ROWS);
	if (in->first == in->end)
		return NULL;
	TRY(v20_list_items(in->descriptor.p, in->descriptor.len, &items));
	TRY(v20_read_lists(in->descriptor.p, in->descriptor.len, &in->source, 0, n,
			   &whole));
	check_lists(&whole, n);
	MUST_HOLD(whole.ends[n - 1] <= items);
	struct err *err = v20_read_lists(in->descriptor.p, in->descriptor.len,
					 &in->source, in->first, in->end, &part);
	if (!err) {
		check_lists(&part, in->end - in->first);
		for (uint64_t i = in->first; i < in->end; i++) {
			MUST_HOLD(whole.ends[i] == part.ends[i - in->first]);
			MUST_HOLD(whole.is_null[i] == part.is_null[i - in->first]);
		}
		v20_lists_fini(&part);
	}
	v20_lists_fini(&whole);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input bytes = {data, size};
	struct page_input in = {0};
	unsigned dialect = take_u8(&bytes);
	take_input(&bytes, &in);
	if (dialect % N_DIALECTS <= PLANAR) {
		read_page(&in, (enum dialect)(dialect % N_DIALECTS));
	} else if (dialect % N_DIALECTS == V20_LEAF) {
		struct reader r = {.in = &in, .is_dictionary = dialect & N_DIALECTS};
		in.shape.n_layers = 1;
		in.shape.is_list[0] = false;
		read_both(&r);
	} else {
		err_free(read_lists(&in)); /* any error will do */
	}
	input_fini(&in);
	return 0;
}
