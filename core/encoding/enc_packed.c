// SPDX-License-Identifier: Apache-2.0
/*
 * enc_packed.c: packed structs, row after row in one column.
 *
 * Fixed-width children are simply side by side.  The variable form (2.2) is
 * used in full-zip pages: each child is fixed, or a length and bytes, and has
 * an encoding of its own.  Children are never null by themselves.
 * Source: encodings_v2_1.proto, messages PackedStruct, VariablePackedStruct.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static struct err *packed_parse(const ce *m, int depth, struct codec *c)
{
	const Lance__Enc__PackedStruct *p = m->packed_struct;
	TRY(codec_add_child(c, p->values, depth));
	if (c->children[0]->ops != &enc_flat || c->children[0]->bits % 8)
		return err_new(EOPNOTSUPP, "rows that are not flat bytes");
	TRY(mem_array(p->n_bits_per_value, sizeof(*c->field_bits), &c->field_bits));
	uint64_t total = 0;
	for (size_t i = 0; i < p->n_bits_per_value; i++) {
		uint64_t bits = p->bits_per_value[i];
		if (bits % 8 || ckd_add(&total, total, bits))
			return err_new(EIO, "a child of %" PRIu64 " bits", bits);
		c->field_bits[i] = bits;
	}
	c->packed_bits = p->n_bits_per_value;
	if (total != c->children[0]->bits)
		return err_new(EIO, "children of %" PRIu64 " bits in rows of %" PRIu64,
			       total, c->children[0]->bits);
	return NULL;
}

static struct err *split_rows(const struct codec *c, const uint8_t *p, uint64_t n,
			      size_t stride, struct values *out)
{
	if (out->type->kind != VALUE_STRUCT || out->type->n_children != c->packed_bits)
		return err_new(EIO, "%" PRIu64 " children in a column of another type",
			       c->packed_bits);
	for (size_t k = 0; k < out->type->n_children; k++) {
		struct values *child = &out->children[k];
		size_t size = (size_t)(c->field_bits[k] / 8);
		uint8_t *dst;
		TRY(expect_bits(c->field_bits[k], child));
		TRY(values_room(child, n, &dst));
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + i * size, p + i * stride, size);
		p += size;
	}
	out->n += n;
	return NULL;
}

static struct err *packed_mini(const struct codec *c, const struct cursor *in,
			       uint64_t n, uint64_t first, uint64_t end,
			       struct values *out)
{
	size_t row = (size_t)(c->children[0]->bits / 8);
	if (row && n > cursor_left(&in[0]) / row)
		return err_new(EIO, "%" PRIu64 " rows of %zu bytes in %zu bytes", n,
			       row, cursor_left(&in[0]));
	return split_rows(c, in[0].p + first * row, end - first, row, out);
}

static struct err *packed_zip_fixed(const struct codec *c, const uint8_t *p, uint64_t n,
				    size_t width, size_t stride, struct values *out)
{
	if (c->children[0]->bits / 8 > width)
		return err_new(EIO, "rows of %" PRIu64 " bits in %zu bytes",
			       c->children[0]->bits, width);
	return split_rows(c, p, n, stride, out);
}

const struct encoding_ops enc_packed_struct = {
	.name = "packed_struct",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_PACKED_STRUCT,
	.parse = packed_parse,
	.mini = packed_mini,
	.zip_fixed = packed_zip_fixed,
};

static struct err *field_parse(const Lance__Enc__PackedField *f, int depth, size_t i,
			       struct codec *c)
{
	TRY(codec_add_child(c, f->value, depth));
	if (f->layout_case == LANCE__ENC__PACKED_FIELD__LAYOUT_BITS_PER_VALUE) {
		c->field_bits[i] = f->bits_per_value;
		if (f->bits_per_value == 0 || f->bits_per_value % 8)
			return err_new(EOPNOTSUPP, "a child of %" PRIu64 " bits",
				       f->bits_per_value);
		return NULL;
	}
	c->length_bits[i] = f->bits_per_length;
	if (f->layout_case != LANCE__ENC__PACKED_FIELD__LAYOUT_BITS_PER_LENGTH ||
	    (f->bits_per_length != 32 && f->bits_per_length != 64))
		return err_new(EOPNOTSUPP, "a child with lengths of %" PRIu64 " bits",
			       f->bits_per_length);
	return NULL;
}

static struct err *var_packed_parse(const ce *m, int depth, struct codec *c)
{
	const Lance__Enc__VariablePackedStruct *p = m->variable_packed_struct;
	TRY(mem_array(p->n_fields, sizeof(*c->field_bits), &c->field_bits));
	TRY(mem_array(p->n_fields, sizeof(*c->length_bits), &c->length_bits));
	for (size_t i = 0; i < p->n_fields; i++)
		TRY(field_parse(p->fields[i], depth, i, c));
	return NULL;
}

/* Append one fixed or variable value to a child. */
static struct err *append_child(const struct codec *c, size_t i, struct cursor *row,
				struct values *child)
{
	const struct codec *field = c->children[i];
	struct cursor part;
	uint64_t len = c->field_bits[i] / 8;
	uint32_t len32;
	if (c->length_bits[i] == 32) {
		TRY(cursor_u32le(row, &len32));
		len = len32;
	} else if (c->length_bits[i] == 64) {
		TRY(cursor_u64le(row, &len));
	}
	TRY(cursor_sub(row, len, &part));
	if (child->type->kind == VALUE_VAR) {
		struct span span = {part.p, (size_t)len};
		return codec_zip_var(field, &span, 1, child);
	}
	return codec_zip_fixed(field, part.p, 1, (size_t)len, (size_t)len, child);
}

static struct err *var_packed_zip_var(const struct codec *c, const struct span *spans,
				      size_t n, struct values *out)
{
	if (out->type->kind != VALUE_STRUCT || out->type->n_children != c->n_children)
		return err_new(EIO, "%zu children in a column of another type",
			       c->n_children);
	for (size_t i = 0; i < n; i++) {
		if (!spans[i].p) {
			TRY(values_append_zero(out, 1));
			continue;
		}
		struct cursor row = cursor_of(spans[i].p, spans[i].len);
		for (size_t k = 0; k < c->n_children; k++)
			TRY(append_child(c, k, &row, &out->children[k]));
		out->n++;
	}
	return NULL;
}

const struct encoding_ops enc_variable_packed_struct = {
	.name = "variable_packed_struct",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_VARIABLE_PACKED_STRUCT,
	.parse = var_packed_parse,
	.zip_var = var_packed_zip_var,
};
