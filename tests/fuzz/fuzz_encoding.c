// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_encoding.c: any bytes into each compressive encoding, in each position.
 *
 * The input: position, type, n (u16), how far to shift it left for a block, where
 * a part begins and ends (a byte each), the message's size (u16) and the message;
 * then for a block its bytes, for a chunk the sizes of its buffers (u16 each) and
 * the buffers, for full-zip a value's width (u16), what lies between values (a
 * byte) and the values, or the number of values, their sizes (a byte each) and
 * the values.
 */
#include "encoding/encoding_priv.h"

#include "input.h"

#define MAX_CHUNK_VALUES 32768
#define MAX_SPANS 64
#define MAX_BOUNDLESS ((uint64_t)1 << 21)
#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *const types[] = {
	"int16",
	"int64",
	"string",
	"large_binary",
	"bool",
	"float32[3]",
	"struct<a: int32, b: float64>",
	"int32",
	"uint8",
	"float64",
	"struct<a: int64, b: string>",
	"bool[2][3]",
	"float32[2][2]",
	"decimal(20,3)",
};

enum position { BLOCK, MINI, ZIP_FIXED, ZIP_VAR, N_POSITIONS };

struct fuzz {
	struct input in;
	struct codec *codec; /* owned */
	struct type *type;   /* owned */
	struct value_type value_type;
	uint64_t n, first, end; /* [first, end): the part */
};

/* The values as an array; an error of the encoding's is passed on. */
static struct array *array_of(struct fuzz *f, struct values *v)
{
	struct array *a;
	must(values_take_array(v, f->type, NULL, &a));
	must(array_validate(a));
	return a;
}

/* Two results of the same values: [first, end) of whole is part. */
static void compare(struct fuzz *f, struct values *whole, struct values *part)
{
	AUTO(array) struct array *slice = NULL;
	MUST_HOLD(whole->n == f->n);
	MUST_HOLD(part->n == f->end - f->first);
	AUTO(array) struct array *a = array_of(f, whole);
	AUTO(array) struct array *b = array_of(f, part);
	must(array_slice(a, f->first, f->end, &slice));
	MUST_HOLD(array_equal(slice, b));
}

static void check_alone(struct fuzz *f, struct values *v)
{
	MUST_HOLD(v->n == f->n);
	array_unref(array_of(f, v));
}

/* --- positions --- */

/* Of any number of values a few bytes may tell, or none: who asks knows how many there
 * may be. */
static bool is_boundless(const struct codec *c)
{
	if (!c->has_payload || c->ops == &enc_rle)
		return true;
	for (size_t i = 0; i < c->n_children; i++)
		if (is_boundless(c->children[i]))
			return true;
	return false;
}

static struct err *fuzz_block(struct fuzz *f, struct values *whole)
{
	struct run r AUTO_RUN = take_run(&f->in, f->in.left);
	if (f->n > MAX_BOUNDLESS && is_boundless(f->codec))
		return NULL;
	TRY(codec_block(f->codec, cursor_of(r.p, r.len), f->n, whole));
	check_alone(f, whole);
	return NULL;
}

static struct err *decode_mini(struct fuzz *f, const struct cursor *buffers,
			       struct values *whole, struct values *part)
{
	TRY(codec_mini(f->codec, buffers, f->n, 0, f->n, whole));
	TRY(codec_mini(f->codec, buffers, f->n, f->first, f->end, part));
	compare(f, whole, part);
	return NULL;
}

static struct err *fuzz_mini(struct fuzz *f, struct values *whole, struct values *part)
{
	struct cursor buffers[CODEC_MAX_BUFFERS] = {0};
	struct run runs[CODEC_MAX_BUFFERS];
	size_t sizes[CODEC_MAX_BUFFERS];
	unsigned n = f->codec->n_buffers;
	if (f->n == 0 || f->n > MAX_CHUNK_VALUES)
		return NULL; /* pages have no such chunks */
	MUST_HOLD(n <= CODEC_MAX_BUFFERS);
	for (unsigned i = 0; i < n; i++)
		sizes[i] = take_u16(&f->in);
	for (unsigned i = 0; i < n; i++) {
		runs[i] = take_run(&f->in, sizes[i]);
		buffers[i] = cursor_of(runs[i].p, runs[i].len);
	}
	struct err *err = decode_mini(f, buffers, whole, part);
	for (unsigned i = 0; i < n; i++)
		run_fini(&runs[i]);
	return err;
}

static struct err *fuzz_zip_fixed(struct fuzz *f, struct values *whole,
				  struct values *part)
{
	size_t width = take_u16(&f->in), stride = width + take_u8(&f->in);
	struct run r AUTO_RUN = take_run(&f->in, f->in.left);
	if (r.len < width || stride == 0 || f->n == 0)
		return NULL; /* a page refuses values of no bytes */
	f->n = MIN_OF(f->n, (r.len - width) / stride + 1);
	f->first = MIN_OF(f->first, f->n - 1);
	f->end = MIN_OF(f->end, f->n);
	if (f->first >= f->end)
		return NULL;
	TRY(codec_zip_fixed(f->codec, r.p, f->n, width, stride, whole));
	TRY(codec_zip_fixed(f->codec, r.p + f->first * stride, f->end - f->first, width,
			    stride, part));
	compare(f, whole, part);
	return NULL;
}

static struct err *fuzz_zip_var(struct fuzz *f, struct values *whole,
				struct values *part)
{
	struct span spans[MAX_SPANS];
	uint8_t sizes[MAX_SPANS];
	f->n = take_u8(&f->in) % (MAX_SPANS + 1);
	for (uint64_t i = 0; i < f->n; i++)
		sizes[i] = take_u8(&f->in);
	struct run r AUTO_RUN = take_run(&f->in, f->in.left);
	size_t at = 0;
	for (uint64_t i = 0; i < f->n; i++) {
		size_t len = MIN_OF((size_t)sizes[i] * 2, r.len - at);
		/* an odd size that finds no bytes is a null */
		spans[i] = (struct span){len || !(sizes[i] & 1) ? r.p + at : NULL, len};
		at += len;
	}
	f->first = MIN_OF(f->first, f->n);
	f->end = MAX_OF(MIN_OF(f->end, f->n), f->first);
	TRY(codec_zip_var(f->codec, spans, (size_t)f->n, whole));
	TRY(codec_zip_var(f->codec, spans + f->first, (size_t)(f->end - f->first),
			  part));
	compare(f, whole, part);
	return NULL;
}

static struct err *decode(struct fuzz *f, unsigned position, struct values *whole,
			  struct values *part)
{
	switch (position) {
	case BLOCK:
		return fuzz_block(f, whole);
	case MINI:
		return fuzz_mini(f, whole, part);
	case ZIP_FIXED:
		return fuzz_zip_fixed(f, whole, part);
	default:
		return fuzz_zip_var(f, whole, part);
	}
}

static struct err *run_position(struct fuzz *f, unsigned position)
{
	AUTO_PROTO ce *m = NULL;
	struct values whole AUTO_VALUES = {0};
	struct values part AUTO_VALUES = {0};
	struct run message AUTO_RUN = take_run(&f->in, take_u16(&f->in));
	TRY(PROTO_UNPACK(lance__enc__compressive_encoding, message.p, message.len, &m));
	TRY(codec_parse(m, 0, &f->codec));
	must(values_init(&whole, &f->value_type));
	must(values_init(&part, &f->value_type));
	return decode(f, position, &whole, &part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {.in = {data, size}};
	unsigned position = take_u8(&f.in) % N_POSITIONS;
	must(type_parse(types[take_u8(&f.in) % N_OF(types)], &f.type));
	must(value_type_of(f.type, &f.value_type));
	f.n = take_u16(&f.in);
	unsigned shift = take_u8(&f.in) % 48;
	f.first = f.n * take_u8(&f.in) / 256;
	f.end = f.first + (f.n - f.first) * take_u8(&f.in) / 255;
	if (position == BLOCK)
		f.n <<= shift;
	err_free(run_position(&f, position)); /* any error will do */
	codec_free(f.codec);
	value_type_fini(&f.value_type);
	type_unref(f.type);
	return 0;
}
