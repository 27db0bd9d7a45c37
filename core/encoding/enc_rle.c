// SPDX-License-Identifier: Apache-2.0
/*
 * enc_rle.c: run-length encoding, values and run lengths.
 *
 * Up to 2.2 both are flat and a run length is one byte, so a long run is several
 * entries.  From 2.3 on run lengths may be wider and both may be compressed; then how
 * many runs there are is told by the one that is not.  The sum of the lengths is never
 * trusted: decoding stops at the values its caller knows of.
 * Source: encodings_v2_3.proto, message Rle.
 */
#include "encoding/encoding_priv.h"

#include <errno.h>
#include <inttypes.h>

enum { VALUES, LENGTHS };

static bool is_word(uint64_t bits, uint64_t most)
{
	return bits <= most && (bits == 8 || bits == 16 || bits == 32 || bits == 64);
}

static struct err *rle_parse(const ce *m, int depth, struct codec *c)
{
	TRY(codec_add_child(c, m->rle->values, depth));
	TRY(codec_add_child(c, m->rle->run_lengths, depth));
	const struct codec *values = c->children[VALUES];
	const struct codec *lengths = c->children[LENGTHS];
	c->bits = values->bits;
	if (!is_word(c->bits, 64) || !is_word(lengths->bits, 32))
		return err_new(
			EIO, "values of %" PRIu64 " bits, lengths of %" PRIu64 " bits",
			c->bits, lengths->bits);
	c->has_payload = values->has_payload || lengths->has_payload;
	c->n_buffers = 2;
	return NULL;
}

/* --- the runs --- */

/* The values or the lengths: where they lie, decoded. */
struct part {
	const struct codec *codec; /* what is left to decode */
	struct cursor in;
	struct bytes *expanded; /* owned; NULL: nothing was compressed as a whole */
	struct value_type type;
	struct values decoded; /* owned */
	const uint8_t *p;
};

static void part_fini(struct part *part)
{
	bytes_unref(part->expanded);
	values_fini(&part->decoded);
}

struct runs {
	struct part parts[2];
	uint64_t n;
};

static void auto_runs(struct runs *r)
{
	part_fini(&r->parts[VALUES]);
	part_fini(&r->parts[LENGTHS]);
}
#define AUTO_RUNS __attribute__((cleanup(auto_runs)))

static struct err *part_open(const struct codec *c, struct cursor in, struct part *ret)
{
	ret->codec = c;
	ret->in = in;
	ret->type = (struct value_type){.kind = VALUE_FIXED, .bits = c->bits};
	ret->decoded.type = &ret->type;
	if (c->ops != &enc_general)
		return NULL;
	TRY(general_expand(c->scheme, in, LIMIT_CHUNK_BYTES, &ret->expanded));
	ret->codec = c->children[0];
	ret->in = cursor_of(ret->expanded->data, ret->expanded->len);
	return NULL;
}

static bool is_flat(const struct part *part)
{
	return part->codec->ops == &enc_flat;
}

static uint64_t flat_count(const struct part *part)
{
	return cursor_left(&part->in) / (part->type.bits / 8);
}

/* How many of lengths that grow by a step make n. */
static struct err *count_growing(const struct codec *c, uint64_t n, uint64_t *ret)
{
	uint64_t sum = 0, length = c->start, i = 0;
	for (; sum < n && length <= n - sum && length; i++) {
		sum += length;
		length += c->step;
	}
	if (sum != n)
		return err_new(EIO,
			       "growing runs hold %" PRIu64 " of %" PRIu64 " values",
			       sum, n);
	*ret = i;
	return NULL;
}

static struct err *count_runs(struct runs *r, uint64_t n)
{
	const struct part *values = &r->parts[VALUES], *lengths = &r->parts[LENGTHS];
	if (is_flat(values) && is_flat(lengths)) {
		r->n = flat_count(lengths);
		if (flat_count(values) < r->n)
			return err_new(EIO, "%" PRIu64 " runs, %zu bytes of values",
				       r->n, cursor_left(&values->in));
		return NULL;
	}
	if (lengths->codec->ops == &enc_range)
		return count_growing(lengths->codec, n, &r->n);
	if (lengths->codec->ops == &enc_constant) {
		uint64_t length = lengths->codec->start;
		if (length == 0 || n % length)
			return err_new(EIO, "runs of %" PRIu64 " in %" PRIu64 " values",
				       length, n);
		r->n = n / length;
		return NULL;
	}
	if (!is_flat(values) && !is_flat(lengths))
		return err_new(EOPNOTSUPP, "how many runs there are is not told");
	r->n = flat_count(is_flat(values) ? values : lengths);
	/* what is decoded is not more than what is asked for */
	if (r->n > n)
		return err_new(EIO, "%" PRIu64 " runs for %" PRIu64 " values", r->n, n);
	return NULL;
}

static struct err *part_decode(struct part *part, uint64_t n)
{
	part->p = part->in.p;
	if (is_flat(part)) {
		if (flat_count(part) < n)
			return err_new(EIO, "%" PRIu64 " runs in %zu bytes", n,
				       cursor_left(&part->in));
		return NULL;
	}
	TRY(codec_block(part->codec, part->in, n, &part->decoded));
	if (part->decoded.n != n)
		return err_new(EIO, "%" PRIu64 " of %" PRIu64 " runs", part->decoded.n,
			       n);
	if (n)
		part->p = part->decoded.data.bytes->data;
	return NULL;
}

static struct err *runs_open(const struct codec *c, struct cursor values,
			     struct cursor lengths, uint64_t n, struct runs *ret)
{
	TRY(part_open(c->children[VALUES], values, &ret->parts[VALUES]));
	TRY(part_open(c->children[LENGTHS], lengths, &ret->parts[LENGTHS]));
	TRY(count_runs(ret, n));
	TRY(part_decode(&ret->parts[VALUES], ret->n));
	return part_decode(&ret->parts[LENGTHS], ret->n);
}

static inline uint64_t length_of(const uint8_t *p, uint64_t bits, uint64_t i)
{
	return bits == 8    ? p[i]
	       : bits == 16 ? load_u16le(p + 2 * i)
			    : load_u32le(p + 4 * i);
}

/* --- expanding them --- */

static void fill(uint8_t *dst, const uint8_t *value, unsigned bits, uint64_t n)
{
	switch (bits) {
	case 8:
		memset(dst, *value, n);
		break;
	case 16:
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 2 * i, value, 2);
		break;
	case 32:
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 4 * i, value, 4);
		break;
	default:
		for (uint64_t i = 0; i < n; i++)
			memcpy(dst + 8 * i, value, 8);
	}
}

/* Append values [first, end) of n; the runs must reach end. */
static struct err *expand(const struct codec *c, struct cursor values,
			  struct cursor lengths, uint64_t n, uint64_t first,
			  uint64_t end, struct values *out)
{
	struct runs runs AUTO_RUNS = {0};
	size_t size = (size_t)(c->bits / 8);
	uint64_t at = 0, length_bits = c->children[LENGTHS]->bits;
	uint8_t *dst;
	TRY(runs_open(c, values, lengths, n, &runs));
	if (runs.n < div_ceil(end, ((uint64_t)1 << length_bits) - 1))
		return err_new(EIO, "%" PRIu64 " runs for %" PRIu64 " values", runs.n,
			       end);
	const uint8_t *value = runs.parts[VALUES].p, *length = runs.parts[LENGTHS].p;
	TRY(values_room(out, end - first, &dst));
	for (uint64_t i = 0; i < runs.n && at < end; i++) {
		uint64_t start = MAX_OF(at, first);
		at += length_of(length, length_bits, i);
		uint64_t stop = MIN_OF(at, end);
		if (stop <= start)
			continue;
		fill(dst, value + i * size, (unsigned)c->bits, stop - start);
		dst += (stop - start) * size;
	}
	if (at < end)
		return err_new(
			EIO, "%" PRIu64 " runs hold %" PRIu64 " of %" PRIu64 " values",
			runs.n, at, end);
	return NULL;
}

static struct err *rle_mini(const struct codec *c, const struct cursor *in, uint64_t n,
			    uint64_t first, uint64_t end, struct values *out)
{
	TRY(expect_bits(c->bits, out));
	return expand(c, in[0], in[1], n, first, end, out);
}

static struct err *rle_block(const struct codec *c, struct cursor in, uint64_t n,
			     struct values *out)
{
	uint64_t size;
	struct cursor values = in;
	TRY(expect_bits(c->bits, out));
	if (c->has_payload) {
		TRY(cursor_u64le(&in, &size));
		TRY(cursor_sub(&in, size, &values));
	}
	return expand(c, values, in, n, 0, n, out);
}

const struct encoding_ops enc_rle = {
	.name = "rle",
	.kind = LANCE__ENC__COMPRESSIVE_ENCODING__COMPRESSION_RLE,
	.parse = rle_parse,
	.block = rle_block,
	.mini = rle_mini,
};
