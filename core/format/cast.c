// SPDX-License-Identifier: Apache-2.0
/*
 * cast.c: arrays of one type as arrays of another.
 *
 * Numbers are converted by value, floats to integers towards zero; what does not fit is
 * an error that names the row, never another value.  Times change their unit towards
 * zero as well.  Everything else that has a text goes through it.
 */
#include "format/format_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- numbers --- */

struct number {
	enum { IS_SIGNED, IS_UNSIGNED, IS_FLOAT } kind;
	union {
		int64_t i;
		uint64_t u;
		double f;
	};
};

static bool is_number(const struct type *t)
{
	return t->id == TYPE_BOOL || type_is_integer(t->id) || type_is_float(t->id);
}

static struct number of_float(double f)
{
	return (struct number){.kind = IS_FLOAT, .f = f};
}

static struct number load_float(const struct type *t, const uint8_t *p)
{
	float f;
	double d;
	if (t->id == TYPE_FLOAT16)
		return of_float((double)half_to_float(load_u16le(p)));
	if (t->id == TYPE_FLOAT32) {
		memcpy(&f, p, sizeof(f));
		return of_float((double)f);
	}
	memcpy(&d, p, sizeof(d));
	return of_float(d);
}

static struct number load_number(const struct array *a, uint64_t row)
{
	const struct type *t = a->type;
	if (t->id == TYPE_BOOL)
		return (struct number){IS_UNSIGNED, .u = bit_get(a->data->data, row)};
	uint32_t width = type_bits(t) / 8;
	const uint8_t *p = a->data->data + row * width;
	if (type_is_float(t->id))
		return load_float(t, p);
	uint64_t v = 0;
	memcpy(&v, p, width);
	if (!type_is_signed(t->id))
		return (struct number){IS_UNSIGNED, .u = v};
	unsigned shift = 64 - width * 8;
	return (struct number){IS_SIGNED, .i = (int64_t)(v << shift) >> shift};
}

/* The integer of a number, as two's complement of `bits`; false if it does not fit. */
static bool to_integer(struct number n, bool is_signed, uint32_t bits, uint64_t *ret)
{
	double top = ldexp(1, (int)bits - is_signed);
	uint64_t max = UINT64_MAX >> (64 - bits + is_signed);
	int64_t min = is_signed ? -(int64_t)max - 1 : 0;
	if (n.kind == IS_FLOAT) {
		double whole = trunc(n.f);
		if (!(whole >= (is_signed ? -top : 0) && whole < top))
			return false;
		*ret = whole < 0 ? (uint64_t)(int64_t)whole : (uint64_t)whole;
		return true;
	}
	*ret = n.u;
	if (n.kind == IS_SIGNED && n.i < 0)
		return n.i >= min;
	return n.u <= max;
}

static double to_double(struct number n)
{
	if (n.kind == IS_FLOAT)
		return n.f;
	return n.kind == IS_SIGNED ? (double)n.i : (double)n.u;
}

static bool is_zero(struct number n)
{
	return n.kind == IS_FLOAT ? n.f == 0 : n.u == 0;
}

/* false if it does not fit */
static bool store_number(struct number n, const struct type *t, uint8_t *data,
			 uint64_t row)
{
	uint32_t width = type_bits(t) / 8;
	uint8_t *p = data + row * width;
	uint64_t v;
	if (t->id == TYPE_BOOL) {
		if (!is_zero(n))
			bit_set(data, row);
		return true;
	}
	if (type_is_integer(t->id)) {
		bool fits = to_integer(n, type_is_signed(t->id), width * 8, &v);
		if (fits)
			memcpy(p, &v, width);
		return fits;
	}
	double d = to_double(n);
	float f = (float)d;
	if (t->id == TYPE_FLOAT64)
		memcpy(p, &d, sizeof(d));
	else if (t->id == TYPE_FLOAT32)
		memcpy(p, &f, sizeof(f));
	else
		store_u16le(p, half_from_double(d));
	return t->id == TYPE_FLOAT64 || isinf(d) ||
	       !isinf(t->id == TYPE_FLOAT32 ? f : half_to_float(load_u16le(p)));
}

static struct err *no_fit(const struct array *a, uint64_t row, const struct type *to,
			  uint64_t first_row)
{
	AUTO_BUF struct buf value = {0};
	AUTO_MEM char *type = NULL;
	text_value(a, row, &value);
	buf_byte(&value, 0);
	TRY(buf_check(&value));
	TRY(type_format(to, &type));
	return err_new(EINVAL, "row %" PRIu64 ": %s does not fit %s", first_row + row,
		       (char *)value.data, type);
}

/* An array of fixed width like a, with room for its values. */
static struct err *fixed_like(const struct array *a, struct type *to,
			      struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	uint64_t bits = type_bits(to);
	TRY(array_new(to, a->n_rows, &out));
	out->n_nulls = a->n_nulls;
	out->validity = a->validity ? bytes_ref(a->validity) : NULL;
	TRY(bytes_new_zero((size_t)((a->n_rows * bits + 7) / 8), &out->data));
	*ret = TAKE(out);
	return NULL;
}

static struct err *cast_numbers(const struct array *a, struct type *to,
				uint64_t first_row, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(fixed_like(a, to, &out));
	for (uint64_t row = 0; row < a->n_rows; row++)
		if (!array_is_null(a, row) &&
		    !store_number(load_number(a, row), to, out->data->data, row))
			return no_fit(a, row, to, first_row);
	*ret = TAKE(out);
	return NULL;
}

/* --- times --- */

static bool has_unit(const struct type *t)
{
	return t->id == TYPE_TIMESTAMP || t->id == TYPE_DURATION ||
	       t->id == TYPE_TIME32 || t->id == TYPE_TIME64;
}

static bool is_time_of_day(const struct type *t)
{
	return t->id == TYPE_TIME32 || t->id == TYPE_TIME64;
}

static bool only_unit_differs(const struct type *a, const struct type *b)
{
	return has_unit(a) && has_unit(b) &&
	       (a->id == b->id || (is_time_of_day(a) && is_time_of_day(b)));
}

static int64_t unit_scale(enum time_unit unit)
{
	static const int64_t scales[] = {
		[UNIT_S] = 1,
		[UNIT_MS] = 1000,
		[UNIT_US] = 1000000,
		[UNIT_NS] = 1000000000,
	};
	return scales[unit];
}

static struct err *cast_units(const struct array *a, struct type *to,
			      uint64_t first_row, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	int64_t from_scale = unit_scale(a->type->unit), to_scale = unit_scale(to->unit);
	size_t from = type_bits(a->type) / 8, width = type_bits(to) / 8;
	TRY(fixed_like(a, to, &out));
	for (uint64_t row = 0; row < a->n_rows; row++) {
		int64_t v;
		const uint8_t *p = a->data->data + row * from;
		if (array_is_null(a, row))
			continue;
		v = from == 4 ? (int32_t)load_u32le(p) : (int64_t)load_u64le(p);
		if (to_scale < from_scale)
			v /= from_scale / to_scale;
		else if (ckd_mul(&v, v, to_scale / from_scale))
			return no_fit(a, row, to, first_row);
		if (width == 4 && (v < INT32_MIN || v > INT32_MAX))
			return no_fit(a, row, to, first_row);
		memcpy(out->data->data + row * width, &v, width);
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- strings and bytes --- */

static struct err *check_utf8(const struct array *a, uint64_t first_row)
{
	for (uint64_t row = 0; row < a->n_rows; row++) {
		uint64_t len;
		if (array_is_null(a, row))
			continue;
		const uint8_t *p = array_var(a, row, &len);
		if (!utf8_valid((const char *)p, len))
			return err_new(EINVAL, "row %" PRIu64 ": not UTF-8",
				       first_row + row);
	}
	return NULL;
}

/* Strings and bytes of either width; the bytes stay where they are. */
static struct err *cast_bytes(const struct array *a, struct type *to,
			      uint64_t first_row, struct array **ret)
{
	if (type_is_string(to->id) && !type_is_string(a->type->id))
		TRY(check_utf8(a, first_row));
	return array_as_var(a, to, ret);
}

/* --- nested values of one shape --- */

static bool has_same_shape(const struct type *a, const struct type *b)
{
	if (a->n_children != b->n_children || a->list_size != b->list_size)
		return false;
	for (size_t i = 0; a->id == TYPE_STRUCT && i < a->n_children; i++)
		if (strcmp(a->children[i]->name, b->children[i]->name) != 0)
			return false;
	return a->id == b->id && type_is_nested(a->id);
}

static struct err *cast_children(const struct array *a, struct type *to,
				 uint64_t first_row, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	TRY(array_new(to, a->n_rows, &out));
	out->n_nulls = a->n_nulls;
	out->validity = a->validity ? bytes_ref(a->validity) : NULL;
	out->offsets = a->offsets ? bytes_ref(a->offsets) : NULL;
	for (size_t i = 0; i < to->n_children; i++) {
		bool is_row = a->type->id == TYPE_STRUCT;
		struct err *err = array_cast(a->children[i], to->children[i]->type,
					     is_row ? first_row : 0, &out->children[i]);
		if (err)
			return err_wrap(err, "%s",
					is_row ? to->children[i]->name : "items");
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- everything else --- */

static struct err *cast_text(const struct array *a, struct type *to, uint64_t first_row,
			     struct array **ret)
{
	AUTO(builder) struct builder *b = NULL;
	AUTO_BUF struct buf text = {0};
	TRY(builder_new(to, &b));
	for (uint64_t row = 0; row < a->n_rows; row++) {
		text.len = 0;
		if (array_is_null(a, row)) {
			TRY(builder_null(b));
			continue;
		}
		text_value(a, row, &text);
		TRY(buf_check(&text));
		TRY_CTX(builder_text(b, (const char *)text.data, text.len),
			"row %" PRIu64, first_row + row);
	}
	return builder_take(b, ret);
}

static struct err *no_cast(const struct type *from, const struct type *to)
{
	AUTO_MEM char *have = NULL;
	AUTO_MEM char *want = NULL;
	TRY(type_format(from, &have));
	TRY(type_format(to, &want));
	return err_new(EINVAL, "values of %s cannot become %s", have, want);
}

struct err *array_cast(struct array *a, struct type *to, uint64_t first_row,
		       struct array **ret)
{
	const struct type *from = a->type;
	if (type_equal(from, to)) {
		*ret = array_ref(a);
		return NULL;
	}
	if (type_has_dictionary(from)) {
		AUTO(array) struct array *plain = NULL;
		TRY(array_expand(a, &plain));
		return array_cast(plain, to, first_row, ret);
	}
	if (from->id == TYPE_NULL || a->n_rows == 0)
		return array_new_null(to, a->n_rows, ret);
	if (is_number(from) && is_number(to))
		return cast_numbers(a, to, first_row, ret);
	if (only_unit_differs(from, to))
		return cast_units(a, to, first_row, ret);
	if (type_is_var(from->id) && type_is_var(to->id))
		return cast_bytes(a, to, first_row, ret);
	if (has_same_shape(from, to))
		return cast_children(a, to, first_row, ret);
	if (text_fits(from) && builder_fits(to))
		return cast_text(a, to, first_row, ret);
	return no_cast(from, to);
}
