// SPDX-License-Identifier: Apache-2.0
/*
 * out_column.c: a column being written: from waiting slots to a page on disk.
 *
 * Page buffers start at multiples of 64, which 2.1 readers insist on.
 * Source: file2.proto, message ColumnMetadata.
 */
#include "file/writer_priv.h"

#include <errno.h>

#define ALIGNMENT 64

struct err *writer_align(struct file_writer *w)
{
	static const uint8_t zeros[ALIGNMENT];
	return io_write(w->out, zeros, -io_written(w->out) & (ALIGNMENT - 1));
}

uint64_t out_column_bytes(const struct out_column *c)
{
	const struct slots *s = &c->slots;
	return s->values.data.len + s->values.offsets.len + s->rep.len + s->stop.len +
	       c->ends.len;
}

static struct err *encode(const struct file_writer *w, const struct out_column *c,
			  struct encoded_page *ret)
{
	if (c->kind == COLUMN_V20_STRUCT)
		return v20_encode_struct(ret);
	if (c->kind == COLUMN_V20_LIST)
		return v20_encode_lists((const void *)c->ends.bytes->data,
					(const void *)c->is_null.bytes->data, c->n_rows,
					ret);
	if (w->version == LANCE_2_0)
		return v20_encode_leaf(&c->slots, c->field->type->id == TYPE_STRING,
				       ret);
	return page_encode(&c->slots, &c->shape, c->n_rows,
			   w->version >= LANCE_2_2 ? PAGE_2_2 : PAGE_2_1, ret);
}

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		buf_byte(b, (uint8_t)(v | 128));
	buf_byte(b, (uint8_t)v);
}

static void pack_any(const char *type, const struct buf *value, struct buf *out)
{
	Lance__File__Any any = LANCE__FILE__ANY__INIT;
	AUTO_MEM char *url = strdup(type);
	any.type_url = url;
	any.value.data = value->data;
	any.value.len = value->len;
	if (url)
		proto_pack(&any.base, out);
	else
		out->failed = true;
}

struct err *out_column_put_page(const struct file_writer *w, struct out_column *c,
				Lance__File__Page *page)
{
	struct buf packed AUTO_BUF = {0};
	page->priority = w->version == LANCE_2_0 ? 0 : c->first_row;
	proto_pack(&page->base, &packed);
	TRY(buf_check(&packed));
	buf_byte(&c->pages, 2 << 3 | 2); /* field 2 of ColumnMetadata */
	put_varint(&c->pages, packed.len);
	buf_append(&c->pages, packed.data, packed.len);
	return buf_check(&c->pages);
}

struct err *out_column_put(const struct file_writer *w, struct out_column *c,
			   struct encoded_page *e, uint64_t n_rows, uint64_t *offsets,
			   uint64_t *sizes)
{
	struct buf any AUTO_BUF = {0};
	Lance__File__Page m = LANCE__FILE__PAGE__INIT;
	Lance__File__Encoding encoding = LANCE__FILE__ENCODING__INIT;
	Lance__File__DirectEncoding direct = LANCE__FILE__DIRECT_ENCODING__INIT;
	bool is_v20 = w->version == LANCE_2_0;
	pack_any(is_v20 ? "/lance.encodings.ArrayEncoding"
			: "/lance.encodings21.PageLayout",
		 &e->descriptor, &any);
	TRY(buf_check(&any));
	direct.encoding.data = any.data;
	direct.encoding.len = any.len;
	encoding.location_case = LANCE__FILE__ENCODING__LOCATION_DIRECT;
	encoding.direct = &direct;
	m.encoding = &encoding;
	m.buffer_offsets = offsets;
	m.buffer_sizes = sizes;
	m.n_buffer_offsets = m.n_buffer_sizes = e->n_buffers;
	m.length = n_rows;
	return out_column_put_page(w, c, &m);
}

static struct err *write_page(struct file_writer *w, struct out_column *c,
			      struct encoded_page *e)
{
	uint64_t offsets[PAGE_MAX_BUFFERS], sizes[PAGE_MAX_BUFFERS];
	LOCK_SCOPE(&w->lock);
	for (unsigned i = 0; i < e->n_buffers; i++) {
		TRY(writer_align(w));
		offsets[i] = io_written(w->out);
		sizes[i] = e->buffers[i].len;
		TRY(io_write(w->out, e->buffers[i].data, e->buffers[i].len));
	}
	return out_column_put(w, c, e, c->n_rows, offsets, sizes);
}

static struct err *reset(struct out_column *c)
{
	c->first_row += c->n_rows;
	c->n_rows = c->n_items = 0;
	grow_fini(&c->ends);
	grow_fini(&c->is_null);
	if (c->kind != COLUMN_LEAF)
		return NULL;
	slots_clear(&c->slots);
	return NULL;
}

struct err *out_column_flush(struct file_writer *w, struct out_column *c)
{
	struct encoded_page page = {0};
	/* readers want the one page of a struct even if it lies in lists without items
	 */
	if (c->n_rows == 0 && c->kind != COLUMN_V20_STRUCT)
		return NULL;
	TRY_CTX(encode(w, c, &page), "field %s", c->field->name);
	struct err *err = write_page(w, c, &page);
	encoded_page_fini(&page);
	if (err)
		return err;
	return reset(c);
}
