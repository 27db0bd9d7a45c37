// SPDX-License-Identifier: Apache-2.0
/*
 * page_const.c: the constant layout: one value for all rows, or none at all.
 *
 * Zero or two buffers without an inline value mean that all is null; one or
 * three begin with the value as an Arrow array of one row.  The rest are the
 * levels, raw unless the descriptor names their encoding.
 * Source: encodings_v2_1.proto, message ConstantLayout; buffers: observed, Lance 14.
 */
#include "encoding/page_priv.h"

#include <errno.h>
#include <inttypes.h>

#define MARK_ROWS 1024

static struct err *scalar_fixed(struct page *p, const uint8_t *data, size_t len)
{
	uint64_t bits = p->scalar.type->bits;
	if (p->scalar.type->kind != VALUE_FIXED || len != div_ceil(bits, 8))
		return err_new(EIO,
			       "value of %zu bytes in a column of %" PRIu64 " bits",
			       len, bits);
	return values_append_fixed(&p->scalar, data, 0, 1);
}

static struct err *scalar_var(struct page *p, struct cursor offsets, struct cursor data)
{
	unsigned w = p->scalar.type->offset_bytes;
	if (cursor_left(&offsets) != 2 * (size_t)w)
		return err_new(EIO, "offsets of %zu bytes", cursor_left(&offsets));
	uint64_t len = w == 4 ? load_u32le(offsets.p + 4) : load_u64le(offsets.p + 8);
	if (len != cursor_left(&data))
		return err_new(EIO, "value of %" PRIu64 " bytes in %zu", len,
			       cursor_left(&data));
	return values_append_var(&p->scalar, data.p, (size_t)len);
}

/* u32 count, u32 lengths, then the Arrow buffers themselves. */
static struct err *scalar_buffer(struct page *p, const struct page_source *source)
{
	AUTO(bytes) struct bytes *b = NULL;
	struct cursor part[2];
	uint32_t n, len[2] = {0, 0};
	TRY(source_read_bytes(source, 0, 0, source->sizes[0], &b));
	struct cursor c = cursor_of(b->data, b->len);
	TRY(cursor_u32le(&c, &n));
	if (n != (p->scalar.type->kind == VALUE_VAR ? 2u : 1u))
		return err_new(EIO, "value of %u buffers", n);
	for (uint32_t i = 0; i < n; i++)
		TRY(cursor_u32le(&c, &len[i]));
	for (uint32_t i = 0; i < n; i++)
		TRY(cursor_sub(&c, len[i], &part[i]));
	if (n == 2)
		return scalar_var(p, part[0], part[1]);
	return scalar_fixed(p, part[0].p, len[0]);
}

/* One stream of levels; *ret_n slots, unknown (0) until one stream has told. */
static struct err *open_levels(const ce *m, uint64_t n, unsigned buffer,
			       const struct page_source *source, uint16_t **ret,
			       uint64_t *ret_n)
{
	AUTO(bytes) struct bytes *b = NULL;
	AUTO(codec) struct codec *codec = NULL;
	struct values v AUTO_VALUES = {.type = &level_type};
	uint64_t size = source->sizes[buffer];
	if (size == 0)
		return NULL;
	if (!m)
		n = size / 2;
	if (n == 0 || n / 65536 > size)
		return err_new(EIO, "%" PRIu64 " levels in %" PRIu64 " bytes", n, size);
	if (*ret_n && *ret_n != n)
		return err_new(EIO, "%" PRIu64 " and %" PRIu64 " levels", *ret_n, n);
	TRY(source_read_bytes(source, buffer, 0, size, &b));
	if (m) {
		TRY(codec_parse(m, 0, &codec));
		TRY(levels_decode(codec, cursor_of(b->data, b->len), n, &v));
	} else {
		TRY(values_append_fixed(&v, b->data, 0, n));
	}
	TRY(mem_array((size_t)n, 2, ret));
	memcpy(*ret, v.data.bytes->data, (size_t)n * 2);
	*ret_n = n;
	return NULL;
}

static struct err *open_scalar(struct page *p, const Lance__Enc__ConstantLayout *m,
			       const struct page_source *source)
{
	bool is_inline = m->inline_presence_case ==
			 LANCE__ENC__CONSTANT_LAYOUT__INLINE_PRESENCE_INLINE_VALUE;
	if (!is_inline && source->n_buffers % 2 == 0)
		return NULL;
	TRY(values_init(&p->scalar, &p->shape->type));
	if (is_inline)
		return scalar_fixed(p, m->inline_value.data, m->inline_value.len);
	return scalar_buffer(p, source);
}

/* Levels must be those of the page's rows; every MARK_ROWS-th row's first slot is kept,
 * so that a range need not count from the page's start. */
static struct err *mark_rows(struct page *p)
{
	uint64_t row = 0;
	TRY(mem_array((size_t)(p->n_rows / MARK_ROWS) + 1, sizeof(*p->marks),
		      &p->marks));
	for (uint64_t i = 0; i < p->n_slots; i++) {
		if (p->rep_levels[i] != p->levels.max_rep)
			continue;
		if (row % MARK_ROWS == 0 && row <= p->n_rows)
			p->marks[row / MARK_ROWS] = i;
		row++;
	}
	if (row != p->n_rows)
		return err_new(EIO, "levels of %" PRIu64 " rows for %" PRIu64, row,
			       p->n_rows);
	if (p->rep_levels[0] != p->levels.max_rep)
		return err_new(EIO, "levels that begin within a row");
	return NULL;
}

static struct err *check_levels(struct page *p)
{
	if (p->rep_levels && !p->levels.max_rep)
		return err_new(EIO, "repetition levels without lists");
	/* a row has a slot at least, before anything is allocated for it */
	if (p->n_rows > p->n_slots || (!p->rep_levels && p->n_rows != p->n_slots))
		return err_new(EIO, "%" PRIu64 " levels for %" PRIu64 " rows",
			       p->n_slots, p->n_rows);
	return p->rep_levels ? mark_rows(p) : NULL;
}

static struct err *const_open(struct page *p, const Lance__Enc__PageLayout *layout,
			      const struct page_source *source)
{
	const Lance__Enc__ConstantLayout *m = layout->constant_layout;
	unsigned n = source->n_buffers;
	TRY(page_set_layers(p, m->layers, m->n_layers));
	if (n > 3)
		return err_new(EIO, "%u buffers", n);
	TRY(open_scalar(p, m, source));
	if (n >= 2) {
		TRY(open_levels(m->rep_compression, m->num_rep_values, n - 2, source,
				&p->rep_levels, &p->n_slots));
		TRY(open_levels(m->def_compression, m->num_def_values, n - 1, source,
				&p->def_levels, &p->n_slots));
	}
	if (p->n_slots == 0)
		p->n_slots = p->n_rows;
	return check_levels(p);
}

/* Slots [*first, *end) of the rows [*first, *end). */
static void slots_of_rows(const struct page *p, uint64_t *first, uint64_t *end)
{
	uint64_t row = *first / MARK_ROWS * MARK_ROWS;
	uint64_t start = p->n_slots, stop = p->n_slots;
	if (!p->rep_levels)
		return;
	for (uint64_t i = p->marks[row / MARK_ROWS]; i < p->n_slots; i++) {
		if (p->rep_levels[i] != p->levels.max_rep)
			continue;
		if (row == *first)
			start = i;
		if (row == *end) {
			stop = i;
			break;
		}
		row++;
	}
	*first = start;
	*end = stop;
}

static struct err *append_scalar(const struct page *p, uint64_t n, struct values *out)
{
	static const uint8_t zeros[4096];
	if (!p->scalar.type)
		return values_append_zero(out, n);
	for (; n; n -= MIN_OF(n, sizeof(zeros)))
		TRY(values_gather(out, &p->scalar, zeros, 1, MIN_OF(n, sizeof(zeros))));
	return NULL;
}

/* Without levels and without a value every slot stops at the innermost null. */
static bool all_null(const struct page *p)
{
	return !p->rep_levels && !p->def_levels && !p->scalar.type && p->levels.max_def;
}

static struct err *append_nulls(const struct page *p, uint64_t n, struct slots *out)
{
	enum { STEP = 1024 };
	uint16_t def[STEP];
	uint64_t n_visible = p->levels.max_visible ? n : 0;
	for (unsigned i = 0; i < STEP; i++)
		def[i] = 1;
	for (uint64_t left = n; left; left -= MIN_OF(left, STEP))
		TRY(slots_append(out, p, NULL, def, MIN_OF(left, STEP)));
	return values_append_zero(&out->values, n_visible);
}

static struct err *const_read(const struct page *p, const struct page_source *source,
			      uint64_t first, uint64_t end, struct slots *out)
{
	(void)source;
	if (all_null(p))
		return append_nulls(p, end - first, out);
	slots_of_rows(p, &first, &end);
	const uint16_t *rep = p->rep_levels ? p->rep_levels + first : NULL;
	const uint16_t *def = p->def_levels ? p->def_levels + first : NULL;
	uint64_t n = end - first;
	TRY(slots_append(out, p, rep, def, n));
	return append_scalar(p, levels_visible(p, def, n), &out->values);
}

const struct page_ops page_constant = {
	.name = "constant",
	.kind = LANCE__ENC__PAGE_LAYOUT__LAYOUT_CONSTANT_LAYOUT,
	.open = const_open,
	.read = const_read,
};
