// SPDX-License-Identifier: Apache-2.0
/*
 * fmt_arrow.c: Arrow IPC files, a record batch a block.
 *
 * Every body begins at a multiple of 64 in the file, so that a memory map of
 * the file is the column.  Validity is always present: then the size of a
 * batch of fixed-width rows does not depend on the nulls in it.  Dictionaries
 * are written as their values.
 */
#include "format/arrow_priv.h"

#include <errno.h>
#include <string.h>

#define MAGIC "ARROW1"
#define MAGIC_LEN 6

static bool fits(const struct type *t, unsigned depth)
{
	if (depth > LIMIT_NESTING)
		return false;
	for (size_t i = 0; i < t->n_children; i++)
		if (!fits(t->children[i]->type, depth + 1))
			return false;
	return t->id != TYPE_FIXED_LIST || t->list_size >= 0;
}

static bool arrow_renders(const struct type *t)
{
	return fits(t, 0);
}

static bool arrow_parses(const struct type *t)
{
	return fits(t, 0) && !type_has_dictionary(t);
}

static bool has_offsets(const struct type *t)
{
	return type_is_var(t->id) || t->id == TYPE_LIST || t->id == TYPE_LARGE_LIST ||
	       t->id == TYPE_MAP;
}

/* --- what a batch consists of --- */

static void batch_fini(struct arrow_batch *b)
{
	free(b->nodes);
	free(b->parts);
}
#define AUTO_BATCH __attribute__((cleanup(batch_fini)))

static struct err *add_node(struct arrow_batch *b, uint64_t n_rows, uint64_t n_nulls)
{
	TRY(mem_grow(b->n_nodes + 1, sizeof(*b->nodes), &b->nodes_cap, &b->nodes));
	b->nodes[b->n_nodes++] = (struct arrow_node){n_rows, n_nulls};
	return NULL;
}

static struct err *add_part(struct arrow_batch *b, const uint8_t *p, uint64_t len)
{
	TRY(mem_grow(b->n_parts + 1, sizeof(*b->parts), &b->parts_cap, &b->parts));
	b->parts[b->n_parts++] = (struct arrow_part){p, len};
	return NULL;
}

static uint64_t data_len(const struct type *t, uint64_t n_rows)
{
	return t->id == TYPE_BOOL ? bitmap_bytes(n_rows) : n_rows * (type_bits(t) / 8);
}

static struct err *add_array(struct arrow_batch *b, const struct array *a)
{
	const struct type *t = a->type;
	TRY(add_node(b, a->n_rows, a->n_nulls));
	if (t->id == TYPE_NULL)
		return NULL;
	TRY(add_part(b, a->validity ? a->validity->data : NULL,
		     bitmap_bytes(a->n_rows)));
	if (has_offsets(t))
		TRY(add_part(b, a->offsets->data,
			     (a->n_rows + 1) * (type_is_large(t->id) ? 8 : 4)));
	if (type_is_var(t->id))
		TRY(add_part(b, a->data->data, array_offset(a, a->n_rows)));
	else if (!type_is_nested(t->id))
		TRY(add_part(b, a->data->data, data_len(t, a->n_rows)));
	for (size_t i = 0; i < a->n_children; i++)
		TRY(add_array(b, a->children[i]));
	return NULL;
}

/* The same for rows [first, end), or with a == NULL for that many rows of a type
 * of fixed width; only lengths are right. */
static struct err *add_range(struct arrow_batch *b, const struct type *t,
			     const struct array *a, uint64_t first, uint64_t end)
{
	uint64_t n = end - first, k = (uint64_t)t->list_size;
	TRY(add_node(b, n, 0));
	if (t->id == TYPE_NULL)
		return NULL;
	TRY(add_part(b, NULL, bitmap_bytes(n)));
	if (has_offsets(t))
		TRY(add_part(b, NULL, (n + 1) * (type_is_large(t->id) ? 8 : 4)));
	if (t->id == TYPE_FIXED_LIST) {
		first *= k;
		end *= k;
	} else if (has_offsets(t)) {
		first = array_offset(a, first);
		end = array_offset(a, end);
	}
	if (type_is_var(t->id))
		TRY(add_part(b, NULL, end - first));
	else if (!type_is_nested(t->id))
		TRY(add_part(b, NULL, data_len(t, n)));
	for (size_t i = 0; i < t->n_children; i++)
		TRY(add_range(b, t->children[i]->type, a ? a->children[i] : NULL, first,
			      end));
	return NULL;
}

/* The columns of a batch: the array, or the members of a table. */
static struct err *add_columns(struct arrow_batch *b, const struct field *f,
			       const struct array *a)
{
	if (!field_is_table(f))
		return add_array(b, a);
	for (size_t i = 0; i < a->n_children; i++)
		TRY(add_array(b, a->children[i]));
	return NULL;
}

static struct err *add_column_ranges(struct arrow_batch *b, const struct field *f,
				     const struct type *t, const struct array *a,
				     uint64_t first, uint64_t end)
{
	if (!field_is_table(f))
		return add_range(b, t, a, first, end);
	for (size_t i = 0; i < t->n_children; i++)
		TRY(add_range(b, t->children[i]->type, a ? a->children[i] : NULL, first,
			      end));
	return NULL;
}

static uint64_t body_bytes(const struct arrow_batch *b)
{
	uint64_t n = 0;
	for (size_t i = 0; i < b->n_parts; i++)
		n += round_up(b->parts[i].len, ARROW_ALIGN);
	return n;
}

static struct err *meta_bytes(const struct arrow_batch *b, uint64_t *ret)
{
	AUTO_BUF struct buf meta = {0};
	TRY(arrow_batch_message(b, 0, &meta));
	*ret = meta.len;
	return NULL;
}

/* --- the view --- */

static struct err *arrow_header(const struct field *f, uint64_t n_rows, struct buf *out)
{
	(void)n_rows;
	buf_append(out, MAGIC "\0\0", 8);
	TRY(arrow_schema_message(f, out));
	return buf_check(out);
}

static bool is_fixed(const struct type *t)
{
	if (has_offsets(t) || t->id == TYPE_DICTIONARY)
		return false;
	for (size_t i = 0; i < t->n_children; i++)
		if (!is_fixed(t->children[i]->type))
			return false;
	return true;
}

static bool arrow_fixed_bytes(const struct field *f, uint64_t n_rows, uint64_t *ret)
{
	AUTO_BATCH struct arrow_batch b = {.n_rows = n_rows};
	uint64_t meta = 0;
	if (!is_fixed(f->type))
		return false;
	struct err *err = add_column_ranges(&b, f, f->type, NULL, 0, n_rows);
	if (!err)
		err = meta_bytes(&b, &meta);
	*ret = meta + body_bytes(&b);
	bool good = !err;
	err_free(err); /* out of memory: the view goes on as one to measure */
	return good;
}

static struct err *arrow_measure(const struct field *f, const struct array *a,
				 uint64_t first, uint64_t end, uint64_t *ret)
{
	AUTO_BATCH struct arrow_batch b = {.n_rows = end - first};
	AUTO(array) struct array *plain = NULL;
	uint64_t meta;
	if (type_has_dictionary(f->type)) {
		AUTO(array) struct array *rows = NULL;
		TRY(array_slice(a, first, end, &rows));
		TRY(array_expand(rows, &plain));
		end -= first;
		first = 0;
		a = plain;
	}
	TRY(add_column_ranges(&b, f, a->type, a, first, end));
	TRY(meta_bytes(&b, &meta));
	*ret = meta + body_bytes(&b);
	return NULL;
}

static void put_part(const struct arrow_part *part, uint64_t n_bits, uint8_t *dst)
{
	uint64_t padded = round_up(part->len, ARROW_ALIGN);
	memset(dst + part->len, 0, padded - part->len);
	if (part->p && part->len)
		memcpy(dst, part->p, part->len);
	else if (part->len)
		memset(dst, 0, part->len), bitmap_set_range(dst, 0, n_bits);
}

static struct err *render_plain(const struct field *f, const struct array *a,
				struct chunk *ret)
{
	AUTO_BATCH struct arrow_batch b = {.n_rows = a->n_rows};
	AUTO_BUF struct buf out = {0};
	TRY(add_columns(&b, f, a));
	uint64_t body = body_bytes(&b);
	TRY(arrow_batch_message(&b, body, &out));
	uint8_t *dst = buf_room(&out, body);
	TRY(buf_check(&out));
	for (size_t i = 0; i < b.n_parts; i++) {
		put_part(&b.parts[i], b.parts[i].len * 8, dst);
		dst += round_up(b.parts[i].len, ARROW_ALIGN);
	}
	return chunk_of_buf(&out, ret);
}

static struct err *arrow_render(const struct field *f, const struct array *a,
				const struct view_rows *rows, struct chunk *ret)
{
	AUTO(array) struct array *plain = NULL;
	(void)rows;
	if (!type_has_dictionary(f->type))
		return render_plain(f, a, ret);
	TRY(array_expand(a, &plain));
	return render_plain(f, plain, ret);
}

/* Metadata of a batch is as long for any rows: it has all fields, always. */
static struct err *batch_meta_bytes(const struct field *f, uint64_t *ret)
{
	AUTO_BATCH struct arrow_batch b = {0};
	AUTO(array) struct array *empty = NULL;
	AUTO(array) struct array *plain = NULL;
	TRY(array_new_null(f->type, 0, &empty));
	TRY(array_expand(empty, &plain));
	TRY(add_columns(&b, f, plain));
	return meta_bytes(&b, ret);
}

static struct err *arrow_footer_bytes(const struct view_layout *l, uint64_t *ret)
{
	AUTO_BUF struct buf out = {0};
	TRY(arrow_footer(l->field, NULL, 0, &out));
	*ret = 8 + out.len + l->n_blocks * 24 + 4 + MAGIC_LEN;
	return NULL;
}

static struct err *arrow_footer_render(const struct view_layout *l, struct buf *out)
{
	AUTO_MEM struct arrow_block *blocks = NULL;
	uint64_t meta;
	TRY(batch_meta_bytes(l->field, &meta));
	TRY(mem_array(l->n_blocks, sizeof(*blocks), &blocks));
	for (uint64_t i = 0; i < l->n_blocks; i++) {
		uint64_t first = l->block_offset(l, i), end = l->block_offset(l, i + 1);
		blocks[i] =
			(struct arrow_block){first, end - first - meta, (uint32_t)meta};
	}
	buf_u32le(out, UINT32_MAX); /* the end of the stream of messages */
	buf_u32le(out, 0);
	TRY(arrow_footer(l->field, blocks, (uint32_t)l->n_blocks, out));
	buf_u32le(out, (uint32_t)out->len - 8);
	buf_append(out, MAGIC, MAGIC_LEN);
	return buf_check(out);
}

const struct format_ops fmt_arrow = {
	.suffix = "arrow",
	.mime = "application/vnd.apache.arrow.file",
	.holds_tables = true,
	.parses_tables = true,
	.renders = arrow_renders,
	.parses = arrow_parses,
	.header = arrow_header,
	.footer = arrow_footer_render,
	.footer_bytes = arrow_footer_bytes,
	.fixed_bytes = arrow_fixed_bytes,
	.measure = arrow_measure,
	.render = arrow_render,
	.open = arrow_open,
	.push = arrow_push,
	.finish = arrow_finish,
	.is_complete = arrow_is_complete,
	.has_row_bytes = arrow_has_row_bytes,
	.close = arrow_close,
};
