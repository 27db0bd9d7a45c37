// SPDX-License-Identifier: Apache-2.0
/*
 * npy_parse.c: the header of an npy file and the conversion of its values.
 *
 * The header is the text of a Python dictionary with three keys; only what
 * NumPy writes there is read.  Whatever a column cannot hold is refused with
 * the NumPy call that makes it fit.
 */
#include "format/npy_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct reader {
	const char *p, *end;
};

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t'))
		r->p++;
}

static bool accept(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool accept_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);
	skip_space(r);
	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

static struct err *malformed(void)
{
	return err_new(EINVAL, "the npy header is malformed");
}

static struct err *read_string(struct reader *r, char *dst, size_t cap)
{
	skip_space(r);
	if (r->p == r->end || (*r->p != '\'' && *r->p != '"'))
		return malformed();
	char quote = *r->p++;
	size_t n = 0;
	for (; r->p < r->end && *r->p != quote; r->p++)
		if (n + 1 < cap)
			dst[n++] = *r->p;
	dst[n] = 0;
	return accept(r, quote) ? NULL : malformed();
}

static struct err *read_shape(struct reader *r, struct npy_header *h)
{
	if (!accept(r, '('))
		return malformed();
	h->n_dims = 0;
	while (!accept(r, ')')) {
		uint64_t v = 0;
		skip_space(r);
		const char *start = r->p;
		for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
			if (ckd_mul(&v, v, (uint64_t)10) ||
			    ckd_add(&v, v, (uint64_t)(*r->p - '0')))
				return malformed();
		if (r->p == start)
			return malformed();
		accept(r, 'L');
		if (h->n_dims == NPY_MAX_DIMS)
			return err_new(EINVAL, "more than %d dimensions", NPY_MAX_DIMS);
		h->dims[h->n_dims++] = v;
		if (!accept(r, ',') && (skip_space(r), r->p == r->end || *r->p != ')'))
			return malformed();
	}
	return NULL;
}

/* --- dtypes --- */

static struct err *refused(const char *descr)
{
	switch (descr[1]) {
	case 'O':
		return err_new(
			EINVAL,
			"dtype object holds Python objects; save x.astype(float) "
			"or write text as .txt");
	case 'U':
	case 'S':
	case 'a':
		return err_new(EINVAL,
			       "dtype %s is text; write it as .txt, a line a row",
			       descr);
	case 'f':
	case 'g':
		return err_new(EINVAL,
			       "dtype %s, a long double, does not fit a column; save "
			       "x.astype(float)",
			       descr);
	case 'c':
		return err_new(
			EINVAL,
			"complex numbers do not fit a column; save x.view(float) "
			"as pairs");
	case 'V':
		return err_new(EINVAL,
			       "dtype %s is raw bytes or a structure; save one field "
			       "a column",
			       descr);
	default:
		return err_new(EINVAL, "dtype %s does not fit a column", descr);
	}
}

static bool time_type(const char *descr, enum type_id *ret_id, enum time_unit *ret_unit)
{
	static const char *const units[] = {"[s]", "[ms]", "[us]", "[ns]"};
	*ret_id = descr[1] == 'M' ? TYPE_TIMESTAMP : TYPE_DURATION;
	if (descr[1] == 'M' && strcmp(descr + 3, "[D]") == 0) {
		*ret_id = TYPE_DATE32;
		return true;
	}
	for (int i = 0; i < 4; i++) {
		if (strcmp(descr + 3, units[i]) == 0) {
			*ret_unit = (enum time_unit)i;
			return true;
		}
	}
	return false;
}

static bool plain_type(const char *kind_size, enum type_id *ret)
{
	static const struct {
		char name[3];
		enum type_id id;
	} types[] = {{"b1", TYPE_BOOL},	   {"i1", TYPE_INT8},	 {"i2", TYPE_INT16},
		     {"i4", TYPE_INT32},   {"i8", TYPE_INT64},	 {"u1", TYPE_UINT8},
		     {"u2", TYPE_UINT16},  {"u4", TYPE_UINT32},	 {"u8", TYPE_UINT64},
		     {"f2", TYPE_FLOAT16}, {"f4", TYPE_FLOAT32}, {"f8", TYPE_FLOAT64}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].name, kind_size) == 0) {
			*ret = types[i].id;
			return true;
		}
	}
	return false;
}

static struct err *read_descr(struct reader *r, struct npy_header *h)
{
	char descr[64];
	enum type_id id;
	enum time_unit unit = UNIT_S;
	skip_space(r);
	if (r->p < r->end && *r->p == '[')
		return refused("|V");
	TRY(read_string(r, descr, sizeof(descr)));
	if (strlen(descr) < 2 || !strchr("<>|=", descr[0]))
		return refused("??");
	h->big_endian = descr[0] == '>';
	if ((descr[1] == 'M' || descr[1] == 'm') && descr[2] == '8') {
		if (!time_type(descr, &id, &unit))
			return err_new(
				EINVAL,
				"dtype %s: a time's unit must be D (dates), s, ms, us "
				"or ns; save x.astype('%c8[us]')",
				descr, descr[1]);
	} else if (!plain_type(descr + 1, &id)) {
		return refused(descr);
	}
	type_unref(h->item);
	h->item = NULL;
	TRY(type_new(id, &h->item));
	h->item->unit = unit;
	h->item_bytes = MAX_OF(type_bits(h->item) / 8, 1u);
	if (id == TYPE_DATE32)
		h->item_bytes = 8;
	return NULL;
}

struct err *npy_parse_header(const char *text, size_t len, struct npy_header *ret)
{
	struct reader r = {text, text + len};
	unsigned seen = 0;
	if (!accept(&r, '{'))
		return malformed();
	while (!accept(&r, '}')) {
		char key[16];
		TRY(read_string(&r, key, sizeof(key)));
		if (!accept(&r, ':'))
			return malformed();
		if (strcmp(key, "descr") == 0) {
			TRY(read_descr(&r, ret));
			seen |= 1;
		} else if (strcmp(key, "shape") == 0) {
			TRY(read_shape(&r, ret));
			seen |= 2;
		} else if (strcmp(key, "fortran_order") == 0) {
			ret->fortran = accept_word(&r, "True");
			if (!ret->fortran && !accept_word(&r, "False"))
				return malformed();
			seen |= 4;
		} else {
			return malformed();
		}
		if (!accept(&r, ',') && (skip_space(&r), r.p == r.end || *r.p != '}'))
			return malformed();
	}
	return seen == 7 ? NULL : malformed();
}

/* --- values --- */

static bool integer_converts(const struct type *from, const struct type *to)
{
	uint32_t a = type_bits(from), b = type_bits(to);
	if (to->id == TYPE_FLOAT64)
		return a <= 32;
	if (to->id == TYPE_FLOAT32)
		return a <= 16;
	if (!type_is_integer(to->id))
		return false;
	return type_is_signed(from->id) == type_is_signed(to->id)
		       ? a <= b
		       : type_is_signed(to->id) && a < b;
}

bool npy_converts(const struct type *from, const struct type *to)
{
	if (from->id == to->id)
		return from->unit == to->unit ||
		       !(to->id == TYPE_TIMESTAMP || to->id == TYPE_DURATION);
	if (type_is_integer(from->id))
		return integer_converts(from, to);
	if (type_is_float(from->id))
		return type_is_float(to->id) && type_bits(from) < type_bits(to);
	if (from->id == TYPE_TIMESTAMP)
		return to->id == TYPE_DATE64 && from->unit == UNIT_MS;
	if (from->id == TYPE_DURATION)
		return (to->id == TYPE_TIME32 || to->id == TYPE_TIME64) &&
		       from->unit == to->unit;
	return false;
}

static uint64_t load_item(const uint8_t *p, uint32_t bytes, bool big_endian)
{
	uint64_t v = 0;
	memcpy(&v, p, bytes);
	return big_endian ? __builtin_bswap64(v) >> (64 - 8 * bytes) : v;
}

static double item_double(const struct type *t, uint64_t v)
{
	float f;
	double d;
	unsigned unused = 64 - type_bits(t);
	switch (t->id) {
	case TYPE_FLOAT16:
		return (double)half_to_float((uint16_t)v);
	case TYPE_FLOAT32:
		memcpy(&f, &v, sizeof(f));
		return (double)f;
	case TYPE_FLOAT64:
		memcpy(&d, &v, sizeof(d));
		return d;
	default:
		if (type_is_signed(t->id))
			return (double)((int64_t)(v << unused) >> unused);
		return (double)v;
	}
}

/* A value in the bits of another type; the pair passed npy_converts. */
static uint64_t convert_item(const struct type *from, const struct type *to, uint64_t v)
{
	uint64_t out = v;
	if (type_is_float(to->id) && from->id != to->id) {
		double d = item_double(from, v);
		float f = (float)d;
		out = 0;
		if (to->id == TYPE_FLOAT32)
			memcpy(&out, &f, sizeof(f));
		else
			memcpy(&out, &d, sizeof(d));
	} else if (type_is_integer(from->id) && type_is_signed(from->id)) {
		unsigned unused = 64 - type_bits(from);
		out = (uint64_t)((int64_t)(v << unused) >> unused);
	}
	return out;
}

static bool is_time(enum type_id id)
{
	return id == TYPE_DATE32 || id == TYPE_TIMESTAMP || id == TYPE_DURATION;
}

static struct err *convert_times(const struct npy_header *h, const uint8_t *src,
				 uint64_t n, struct array *out)
{
	uint32_t bytes = type_bits(out->type) / 8;
	AUTO(bytes) struct bytes *valid = NULL;
	TRY(bytes_new_zero(bitmap_bytes(n), &valid));
	for (uint64_t i = 0; i < n; i++) {
		int64_t v = (int64_t)load_item(src + i * 8, 8, h->big_endian);
		if (v == INT64_MIN) {
			out->n_nulls++;
			v = 0;
		} else {
			bit_set(valid->data, i);
		}
		if (bytes == 4 && (v < INT32_MIN || v > INT32_MAX))
			return err_new(EINVAL, "time value %" PRId64 " is out of range",
				       v);
		memcpy(out->data->data + i * bytes, &v, bytes);
	}
	if (out->n_nulls)
		out->validity = TAKE(valid);
	return NULL;
}

static void convert_bools(const uint8_t *src, uint64_t n, struct array *out)
{
	uint8_t *dst = out->data->data;
	uint64_t i = 0;
	for (; i + 8 <= n; i += 8) {
		unsigned bits = 0;
		for (unsigned k = 0; k < 8; k++)
			bits |= (unsigned)(src[i + k] != 0) << k;
		dst[i / 8] = (uint8_t)bits;
	}
	for (; i < n; i++)
		if (src[i])
			bit_set(dst, i);
}

struct err *npy_convert(const struct npy_header *h, const uint8_t *src, uint64_t n,
			struct array *out)
{
	const struct type *to = out->type;
	uint32_t bytes = type_bits(to) / 8;
	size_t len = to->id == TYPE_BOOL ? bitmap_bytes(n) : n * bytes;
	if (to->id == TYPE_BOOL)
		TRY(bytes_new_zero(len, &out->data));
	else
		TRY(bytes_new(len, &out->data));
	if (to->id == TYPE_BOOL) {
		convert_bools(src, n, out);
	} else if (is_time(h->item->id)) {
		return convert_times(h, src, n, out);
	} else if (h->item->id == to->id && !h->big_endian) {
		memcpy(out->data->data, src, len);
	} else {
		for (uint64_t i = 0; i < n; i++) {
			uint64_t v = load_item(src + i * h->item_bytes, h->item_bytes,
					       h->big_endian);
			v = convert_item(h->item, to, v);
			memcpy(out->data->data + i * bytes, &v, bytes);
		}
	}
	return NULL;
}
