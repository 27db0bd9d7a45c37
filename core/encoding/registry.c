// SPDX-License-Identifier: Apache-2.0
/*
 * registry.c: the compressive encodings, in one table, and descriptors parsed
 * against it.
 *
 * A descriptor is a tree; it is parsed once a page into codecs whose numbers
 * have been checked, so that decoders need not look at messages.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

static const struct encoding_ops *const encodings[] = {
	&enc_flat,	    &enc_variable,
	&enc_constant,	    &enc_out_of_line,
	&enc_inline,	    &enc_fsst,
	&enc_rle,	    &enc_byte_stream_split,
	&enc_general,	    &enc_fixed_size_list,
	&enc_packed_struct, &enc_variable_packed_struct,
	&enc_dictionary,    &enc_range,
	&enc_delta,
};

static const struct encoding_ops *find(int kind)
{
	for (size_t i = 0; i < sizeof(encodings) / sizeof(*encodings); i++) {
		if ((int)encodings[i]->kind == kind)
			return encodings[i];
	}
	return NULL;
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_children; i++)
		codec_free(c->children[i]);
	free(c->children);
	free(c->field_bits);
	free(c->length_bits);
	fsst_table_free(c->fsst);
	free(c);
}

struct err *codec_parse(const ce *m, int depth, struct codec **ret)
{
	if (!m)
		return err_new(EIO, "an encoding is missing");
	if (depth > ENCODING_MAX_DEPTH)
		return err_new(EIO, "encodings nest too deeply");
	const struct encoding_ops *ops = find((int)m->compression_case);
	if (!ops)
		return err_new(EOPNOTSUPP, "compressive encoding %d is not known",
			       (int)m->compression_case);
	AUTO(codec) struct codec *c = NULL;
	TRY(mem_new(&c));
	c->ops = ops;
	c->n_buffers = 1;
	c->has_payload = true;
	TRY_CTX(ops->parse(m, depth, c), "%s", ops->name);
	*ret = TAKE(c);
	return NULL;
}

struct err *codec_add_child(struct codec *c, const ce *m, int depth)
{
	struct codec *child;
	TRY(mem_resize(c->n_children + 1, sizeof(*c->children), &c->children));
	TRY(codec_parse(m, depth + 1, &child));
	c->children[c->n_children++] = child;
	return NULL;
}

bool codec_is_arithmetic(const struct codec *c)
{
	return c->ops == &enc_range || (c->ops == &enc_constant && c->has_value) ||
	       (c->ops == &enc_delta && c->children[0]->ops == &enc_constant);
}

static struct err *refuse(const struct codec *c, const char *position)
{
	return err_new(EOPNOTSUPP, "%s is not known as a %s encoding", c->ops->name,
		       position);
}

struct err *codec_block(const struct codec *c, struct cursor in, uint64_t n,
			struct values *out)
{
	if (!c->ops->block)
		return refuse(c, "block");
	TRY_CTX(c->ops->block(c, in, n, out), "%s", c->ops->name);
	return NULL;
}

struct err *codec_mini(const struct codec *c, const struct cursor *in, uint64_t n,
		       uint64_t first, uint64_t end, struct values *out)
{
	if (!c->ops->mini)
		return refuse(c, "mini-block");
	TRY_CTX(c->ops->mini(c, in, n, first, end, out), "%s", c->ops->name);
	return NULL;
}

struct err *codec_zip_fixed(const struct codec *c, const uint8_t *p, uint64_t n,
			    size_t width, size_t stride, struct values *out)
{
	if (!c->ops->zip_fixed)
		return refuse(c, "fixed-width full-zip");
	TRY_CTX(c->ops->zip_fixed(c, p, n, width, stride, out), "%s", c->ops->name);
	return NULL;
}

struct err *codec_zip_var(const struct codec *c, const struct span *spans, size_t n,
			  struct values *out)
{
	if (!c->ops->zip_var)
		return refuse(c, "variable-width full-zip");
	TRY_CTX(c->ops->zip_var(c, spans, n, out), "%s", c->ops->name);
	return NULL;
}

struct err *expect_bits(uint64_t bits, const struct values *out)
{
	if (out->type->kind == VALUE_FIXED && out->type->bits == bits)
		return NULL;
	return err_new(EIO, "%" PRIu64 " bits a value where the column has %" PRIu64,
		       bits, out->type->kind == VALUE_FIXED ? out->type->bits : 0);
}

struct err *expect_var(const struct values *out)
{
	if (out->type->kind == VALUE_VAR)
		return NULL;
	return err_new(EIO, "values of variable width in a column of another type");
}
