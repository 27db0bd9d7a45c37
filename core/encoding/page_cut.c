// SPDX-License-Identifier: Apache-2.0
/*
 * page_cut.c: some rows of a page, as bytes.
 *
 * In the full-zip layout each row is a run of bytes that depends on no other: with its
 * levels, its length, its value.  A page of some of the rows is those runs and an index
 * of its own; none of them is decoded, and none need be in memory as a whole.
 * Source: encodings_v2_1.proto, message FullZipLayout; Lance's docs, "Full Zip Page
 * Layout".
 */
#include "encoding/encode_priv.h"
#include "encoding/page_priv.h"

#include <errno.h>
#include <inttypes.h>

#define BUFFER_DATA 0
#define BUFFER_ROWS 1
#define MAX_ROWS ((uint64_t)1 << 24)

void page_cut_fini(struct page_cut *c)
{
	free(c->starts);
	*c = (struct page_cut){0};
}

static uint64_t control_bytes(unsigned bits)
{
	return bits == 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
}

static struct err *damaged(const struct page_source *s, uint64_t n_rows)
{
	return err_new(EIO, "%" PRIu64 " rows in %" PRIu64 " bytes", n_rows,
		       s->sizes[BUFFER_DATA]);
}

static struct err *check_starts(const struct page_source *s, const struct page_cut *c)
{
	for (uint64_t i = 0; i < c->n_rows; i++)
		if (c->starts[i] > c->starts[i + 1])
			return damaged(s, c->n_rows);
	if (c->starts[c->n_rows] > s->sizes[BUFFER_DATA])
		return damaged(s, c->n_rows);
	return NULL;
}

/* The index, in the width that it has. */
static struct err *read_starts(const struct page_source *s, struct page_cut *c)
{
	AUTO_MEM uint8_t *index = NULL;
	uint64_t n = c->n_rows + 1;
	uint64_t width = s->n_buffers > BUFFER_ROWS ? s->sizes[BUFFER_ROWS] / n : 0;
	if (width != 1 && width != 2 && width != 4 && width != 8)
		return damaged(s, c->n_rows);
	TRY(mem_array((size_t)n, (size_t)width, &index));
	TRY(source_read(s, BUFFER_ROWS, 0, n * width, index));
	TRY(mem_array((size_t)n, sizeof(*c->starts), &c->starts));
	for (uint64_t i = 0; i < n; i++)
		memcpy(&c->starts[i], index + i * width, (size_t)width);
	return check_starts(s, c);
}

static struct err *set_stride(const struct page_source *s,
			      const Lance__Enc__FullZipLayout *m, struct page_cut *c)
{
	uint64_t bytes;
	c->stride = control_bytes(m->bits_rep + m->bits_def) + m->bits_per_value / 8;
	if (m->bits_per_value % 8 || ckd_mul(&bytes, c->stride, c->n_rows) ||
	    bytes > s->sizes[BUFFER_DATA])
		return damaged(s, c->n_rows);
	return NULL;
}

static struct err *unpack(const void *descriptor, size_t len,
			  Lance__Enc__PageLayout **ret)
{
	return PROTO_UNPACK(lance__enc__page_layout, descriptor, len, ret);
}

struct err *page_cut_open(const void *descriptor, size_t len, uint64_t n_rows,
			  const struct page_source *source, struct page_cut *ret,
			  bool *ret_can)
{
	AUTO_PROTO Lance__Enc__PageLayout *layout = NULL;
	*ret = (struct page_cut){.n_rows = n_rows};
	*ret_can = false;
	TRY(unpack(descriptor, len, &layout));
	const Lance__Enc__FullZipLayout *m = layout->full_zip_layout;
	if (layout->layout_case != LANCE__ENC__PAGE_LAYOUT__LAYOUT_FULL_ZIP_LAYOUT ||
	    m->bits_rep || n_rows > MAX_ROWS || source->n_buffers == 0)
		return NULL;
	bool is_var =
		m->details_case == LANCE__ENC__FULL_ZIP_LAYOUT__DETAILS_BITS_PER_OFFSET;
	struct err *err =
		is_var ? read_starts(source, ret) : set_stride(source, m, ret);
	if (err)
		page_cut_fini(ret);
	*ret_can = !err;
	return err;
}

struct err *page_cut_describe(const void *descriptor, size_t len, uint64_t n_rows,
			      struct buf *out)
{
	AUTO_PROTO Lance__Enc__PageLayout *layout = NULL;
	TRY(unpack(descriptor, len, &layout));
	layout->full_zip_layout->num_items = (uint32_t)n_rows;
	layout->full_zip_layout->num_visible_items = (uint32_t)n_rows;
	proto_pack(&layout->base, out);
	return buf_check(out);
}
