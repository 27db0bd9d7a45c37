// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_meta.c: schema, record batch and footer as FlatBuffers.
 *
 * Field orders and union numbers are those of the .fbs files; a dictionary is
 * described as its values, which is how it is written.
 */
#include "format/arrow_priv.h"

#include <errno.h>
#include <string.h>

enum { METADATA_V5 = 4, HEADER_SCHEMA = 1, HEADER_RECORD_BATCH = 3 };

/* Numbers of the union Type. */
static const uint8_t union_ids[TYPE_N] = {
	[TYPE_NULL] = 1,	  [TYPE_BOOL] = 6,	    [TYPE_INT8] = 2,
	[TYPE_INT16] = 2,	  [TYPE_INT32] = 2,	    [TYPE_INT64] = 2,
	[TYPE_UINT8] = 2,	  [TYPE_UINT16] = 2,	    [TYPE_UINT32] = 2,
	[TYPE_UINT64] = 2,	  [TYPE_FLOAT16] = 3,	    [TYPE_FLOAT32] = 3,
	[TYPE_FLOAT64] = 3,	  [TYPE_DECIMAL128] = 7,    [TYPE_DECIMAL256] = 7,
	[TYPE_DATE32] = 8,	  [TYPE_DATE64] = 8,	    [TYPE_TIME32] = 9,
	[TYPE_TIME64] = 9,	  [TYPE_TIMESTAMP] = 10,    [TYPE_DURATION] = 18,
	[TYPE_FIXED_BINARY] = 15, [TYPE_STRING] = 5,	    [TYPE_LARGE_STRING] = 20,
	[TYPE_BINARY] = 4,	  [TYPE_LARGE_BINARY] = 19, [TYPE_LIST] = 12,
	[TYPE_LARGE_LIST] = 21,	  [TYPE_FIXED_LIST] = 16,   [TYPE_STRUCT] = 13,
	[TYPE_MAP] = 17,
};

/* --- schema --- */

static void put_two(struct flat *f, size_t reference, const char *sizes, uint64_t a,
		    uint64_t b)
{
	struct flat_table table = flat_table(f, reference, sizes);
	flat_set(f, table.field[0], a, (size_t)(sizes[0] - '0'));
	if (sizes[1])
		flat_set(f, table.field[1], b, (size_t)(sizes[1] - '0'));
}

static void put_decimal(struct flat *f, size_t reference, const struct type *t)
{
	struct flat_table table = flat_table(f, reference, "444");
	flat_set(f, table.field[0], (uint64_t)t->precision, 4);
	flat_set(f, table.field[1], (uint64_t)t->scale, 4);
	flat_set(f, table.field[2], type_bits(t), 4);
}

static void put_timestamp(struct flat *f, size_t reference, const struct type *t)
{
	struct flat_table table = flat_table(f, reference, t->timezone ? "24" : "2");
	flat_set(f, table.field[0], (uint64_t)t->unit, 2);
	if (t->timezone)
		flat_string(f, table.field[1], t->timezone, strlen(t->timezone));
}

/* A table of the type union. */
static void put_type(struct flat *f, size_t reference, const struct type *t)
{
	switch (t->id) {
	case TYPE_FLOAT16:
	case TYPE_FLOAT32:
	case TYPE_FLOAT64:
		put_two(f, reference, "2", t->id - TYPE_FLOAT16, 0);
		return;
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL256:
		put_decimal(f, reference, t);
		return;
	case TYPE_DATE32:
	case TYPE_DATE64:
		put_two(f, reference, "2", t->id == TYPE_DATE64, 0);
		return;
	case TYPE_TIME32:
	case TYPE_TIME64:
		put_two(f, reference, "24", t->unit, type_bits(t));
		return;
	case TYPE_TIMESTAMP:
		put_timestamp(f, reference, t);
		return;
	case TYPE_DURATION:
		put_two(f, reference, "2", t->unit, 0);
		return;
	case TYPE_FIXED_BINARY:
		put_two(f, reference, "4", (uint64_t)t->byte_width, 0);
		return;
	case TYPE_FIXED_LIST:
		put_two(f, reference, "4", (uint64_t)t->list_size, 0);
		return;
	case TYPE_MAP:
		put_two(f, reference, "1", 0, 0);
		return;
	default:
		break;
	}
	if (type_is_integer(t->id))
		put_two(f, reference, "41", type_bits(t), type_is_signed(t->id));
	else
		flat_table(f, reference, "");
}

static void put_metadata(struct flat *f, size_t reference, const struct field *c)
{
	size_t entries = flat_references(f, reference, (uint32_t)c->n_metadata);
	for (size_t i = 0; i < c->n_metadata; i++) {
		const struct metadata_entry *e = &c->metadata[i];
		struct flat_table t = flat_table(f, entries + 4 * i, "44");
		flat_string(f, t.field[0], e->key, strlen(e->key));
		flat_string(f, t.field[1], e->value, e->value_len);
	}
}

/* Field: name, nullable, type_type, type, dictionary, children, custom_metadata */
static void put_field(struct flat *f, size_t reference, const struct field *c)
{
	const struct type *t = c->type;
	while (t->id == TYPE_DICTIONARY)
		t = t->children[0]->type;
	struct flat_table table = flat_table(f, reference, "4114044");
	flat_set(f, table.field[1], c->nullable, 1);
	flat_set(f, table.field[2], union_ids[t->id], 1);
	flat_string(f, table.field[0], c->name, strlen(c->name));
	put_type(f, table.field[3], t);
	size_t children = flat_references(f, table.field[5], (uint32_t)t->n_children);
	for (size_t i = 0; i < t->n_children; i++)
		put_field(f, children + 4 * i, t->children[i]);
	put_metadata(f, table.field[6], c);
}

/* Schema: endianness, fields; one, or the members of a table */
static void put_schema(struct flat *f, size_t reference, const struct field *c)
{
	struct flat_table table = flat_table(f, reference, "24");
	size_t n = field_is_table(c) ? c->type->n_children : 1;
	size_t fields = flat_references(f, table.field[1], (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		put_field(f, fields + 4 * i,
			  field_is_table(c) ? c->type->children[i] : c);
}

/* --- messages --- */

#define PREFIX_BYTES 8 /* ffffffff and the length */

static void begin_message(struct flat *f, uint8_t header, uint64_t body_bytes,
			  size_t *ret_header)
{
	f->base = f->out.len + PREFIX_BYTES;
	buf_u32le(&f->out, UINT32_MAX);
	buf_u32le(&f->out, 0);
	buf_u32le(&f->out, 0); /* the root */
	/* Message: version, header_type, header, bodyLength */
	struct flat_table table = flat_table(f, f->base, "2148");
	flat_set(f, table.field[0], METADATA_V5, 2);
	flat_set(f, table.field[1], header, 1);
	flat_set(f, table.field[3], body_bytes, 8);
	*ret_header = table.field[2];
}

/* Pad, so that what follows is aligned in the file, and store the length. */
static struct err *end_message(struct flat *f)
{
	size_t start = f->base - PREFIX_BYTES;
	while (f->out.len % ARROW_ALIGN != 0 && !f->out.failed)
		buf_byte(&f->out, 0);
	flat_set(f, start + 4, f->out.len - f->base, 4);
	return buf_check(&f->out);
}

static struct err *give_back(struct flat *f, struct buf *out)
{
	*out = f->out;
	f->out = (struct buf){0};
	return buf_check(out);
}

struct err *arrow_schema_message(const struct field *c, struct buf *out)
{
	struct flat f = {.out = *out};
	size_t header;
	*out = (struct buf){0};
	begin_message(&f, HEADER_SCHEMA, 0, &header);
	put_schema(&f, header, c);
	struct err *err = end_message(&f);
	if (!err)
		return give_back(&f, out);
	buf_fini(&f.out);
	return err;
}

/* RecordBatch: length, nodes, buffers */
static void put_batch(struct flat *f, size_t reference, const struct arrow_batch *b)
{
	struct flat_table table = flat_table(f, reference, "844");
	flat_set(f, table.field[0], b->n_rows, 8);
	flat_vector(f, table.field[1], (uint32_t)b->n_nodes, 8);
	for (size_t i = 0; i < b->n_nodes; i++) {
		buf_u64le(&f->out, b->nodes[i].n_rows);
		buf_u64le(&f->out, b->nodes[i].n_nulls);
	}
	flat_vector(f, table.field[2], (uint32_t)b->n_parts, 8);
	uint64_t offset = 0;
	for (size_t i = 0; i < b->n_parts; i++) {
		buf_u64le(&f->out, offset);
		buf_u64le(&f->out, b->parts[i].len);
		offset += round_up(b->parts[i].len, ARROW_ALIGN);
	}
}

struct err *arrow_batch_message(const struct arrow_batch *b, uint64_t body_bytes,
				struct buf *out)
{
	struct flat f = {.out = *out};
	size_t header;
	*out = (struct buf){0};
	begin_message(&f, HEADER_RECORD_BATCH, body_bytes, &header);
	put_batch(&f, header, b);
	struct err *err = end_message(&f);
	if (!err)
		return give_back(&f, out);
	buf_fini(&f.out);
	return err;
}

/* Footer: version, schema, dictionaries, recordBatches */
struct err *arrow_footer(const struct field *c, const struct arrow_block *blocks,
			 uint32_t n_blocks, struct buf *out)
{
	struct flat f = {.out = *out, .base = out->len};
	*out = (struct buf){0};
	buf_u32le(&f.out, 0);
	struct flat_table table = flat_table(&f, f.base, "2444");
	flat_set(&f, table.field[0], METADATA_V5, 2);
	put_schema(&f, table.field[1], c);
	flat_vector(&f, table.field[2], 0, 8);
	flat_vector(&f, table.field[3], n_blocks, 8);
	for (uint32_t i = 0; i < n_blocks; i++) {
		buf_u64le(&f.out, blocks[i].offset);
		buf_u64le(&f.out, blocks[i].meta_bytes);
		buf_u64le(&f.out, blocks[i].body_bytes);
	}
	return give_back(&f, out);
}
