// SPDX-License-Identifier: Apache-2.0
/*
 * cast_text.c: values as the text that SQL shows.
 *
 * Floats are the shortest text that reads back, laid out as the reference does:
 * "1.5", "100.0", "1e20", "1e-7", "NaN".  Lists are "[1, 2]", their nulls empty.
 */
#include "expr/cast_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- floats --- */

/* The digits of a float without zeros at either end, and where their point is. */
struct digits {
	char text[24];
	int n;
	int point; /* after so many digits; may be negative or beyond n */
};

/* Of what text_double and its like write. */
static struct digits take_digits(const char *text, size_t len)
{
	struct digits d = {.point = -1};
	int exponent = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			d.point = d.n;
		} else if (text[i] == 'e') {
			bool is_negative = text[i + 1] == '-';
			for (i += 2; i < len; i++)
				exponent = exponent * 10 + (text[i] - '0');
			exponent = is_negative ? -exponent : exponent;
		} else if (d.n < (int)sizeof(d.text)) {
			d.text[d.n++] = text[i];
		}
	}
	d.point = (d.point < 0 ? d.n : d.point) + exponent;
	int zeros = 0;
	while (zeros < d.n && d.text[zeros] == '0')
		zeros++;
	memmove(d.text, d.text + zeros, (size_t)(d.n - zeros));
	d.n -= zeros;
	d.point -= zeros;
	while (d.n > 0 && d.text[d.n - 1] == '0')
		d.n--;
	return d;
}

static void put_zeros(struct buf *out, int n)
{
	for (int i = 0; i < n; i++)
		buf_byte(out, '0');
}

/* With a point only where there is a fraction, or always. */
static void put_plain(const struct digits *d, bool always_point, struct buf *out)
{
	int before = MIN_OF(MAX_OF(d->point, 0), d->n);
	buf_append(out, d->text, (size_t)before);
	put_zeros(out, d->point > d->n ? d->point - d->n : d->point <= 0);
	if (before < d->n) {
		buf_byte(out, '.');
		put_zeros(out, d->point < 0 ? -d->point : 0);
		buf_append(out, d->text + before, (size_t)(d->n - before));
	} else if (always_point) {
		buf_str(out, ".0");
	}
}

static void put_exponent(const struct digits *d, struct buf *out)
{
	buf_append(out, d->text, 1);
	if (d->n > 1) {
		buf_byte(out, '.');
		buf_append(out, d->text + 1, (size_t)d->n - 1);
	}
	buf_printf(out, "e%d", d->point - 1);
}

/* low, high: the places of the point between which no exponent is used. */
static void put_float(double v, const char *text, size_t len, int low, int high,
		      struct buf *out)
{
	if (isnan(v)) {
		buf_str(out, "NaN");
		return;
	}
	if (signbit(v)) {
		buf_byte(out, '-');
		text++;
		len--;
	}
	struct digits d = {0};
	if (isinf(v)) {
		buf_str(out, "inf");
		return;
	}
	if (v == 0) {
		put_plain(&d, true, out);
		return;
	}
	d = take_digits(text, len);
	if (d.point > low && d.point <= high)
		put_plain(&d, true, out);
	else
		put_exponent(&d, out);
}

void sql_text_double(double v, struct buf *out)
{
	char text[NUMBER_TEXT_MAX];
	put_float(v, text, text_double(text, v), -5, 16, out);
}

static void put_single(float v, struct buf *out)
{
	char text[NUMBER_TEXT_MAX];
	put_float((double)v, text, text_float(text, v), -6, 13, out);
}

/* The shortest text for the width of the float. */
static size_t shortest_text(char *dst, const struct array *a, uint64_t row)
{
	if (a->type->id == TYPE_FLOAT64)
		return text_double(dst, array_f64(a, row));
	return text_float(dst, (float)array_f64(a, row));
}

void sql_text_plain(const struct array *a, uint64_t row, struct buf *out)
{
	char text[NUMBER_TEXT_MAX];
	double v = array_f64(a, row);
	size_t len = shortest_text(text, a, row);
	bool is_negative = signbit(v) && !isnan(v);
	if (is_negative)
		buf_byte(out, '-');
	if (isnan(v) || isinf(v)) {
		buf_str(out, isnan(v) ? "NaN" : "inf");
		return;
	}
	struct digits d = {0};
	if (v != 0)
		d = take_digits(text + is_negative, len - is_negative);
	put_plain(&d, false, out);
}

/* --- times --- */

static bool put_timestamp(const struct type *t, int64_t v, const struct zone *zone,
			  struct buf *out)
{
	char text[MOMENT_TEXT];
	struct moment m;
	int64_t seconds = floor_div(v, unit_scale(t->unit));
	if (!moment_of(v, t->unit, zone_offset(zone, seconds), &m))
		return false;
	buf_append(out, text, text_of_moment(text, &m, t->timezone != NULL));
	return true;
}

static bool put_date(int64_t days, bool with_clock, struct buf *out)
{
	char text[MOMENT_TEXT];
	struct civil c = civil_of_days(days);
	struct moment m = {.date = c};
	if (!civil_is_valid(c))
		return false;
	buf_append(out, text,
		   with_clock ? text_of_moment(text, &m, false)
			      : text_of_date(text, c));
	return true;
}

static bool put_clock(const struct type *t, int64_t v, struct buf *out)
{
	char text[MOMENT_TEXT];
	struct moment m;
	if (v < 0 || v >= DAY_SECONDS * unit_scale(t->unit) ||
	    !moment_of(v, t->unit, 0, &m))
		return false;
	buf_append(out, text, text_of_clock(text, &m));
	return true;
}

static void put_duration(enum time_unit unit, int64_t v, struct buf *out)
{
	static const int n_digits[] = {0, 3, 6, 9};
	int64_t scale = unit_scale(unit);
	int64_t s = v / scale, rest = v % scale;
	buf_printf(out, "%" PRId64 " days %" PRId64 " hours %" PRId64 " mins ",
		   s / DAY_SECONDS, s / 3600 % 24, s / 60 % 60);
	s %= 60;
	if (unit == UNIT_S)
		buf_printf(out, "%" PRId64 " secs", s);
	else
		buf_printf(out, "%s%" PRId64 ".%0*" PRId64 " secs",
			   rest < 0 ? "-"
			   : s < 0  ? "-"
				    : "",
			   s < 0 ? -s : s, n_digits[unit], rest < 0 ? -rest : rest);
}

static int64_t load_signed(const struct array *a, uint64_t row)
{
	if (type_bits(a->type) == 32)
		return (int32_t)load_u32le(a->data->data + row * 4);
	return (int64_t)load_u64le(a->data->data + row * 8);
}

static bool put_time(const struct array *a, uint64_t row, const struct zone *zone,
		     struct buf *out)
{
	int64_t v = load_signed(a, row);
	switch (a->type->id) {
	case TYPE_DATE32:
		return put_date(v, false, out);
	case TYPE_DATE64: {
		const struct type t = {.id = TYPE_TIMESTAMP, .unit = UNIT_MS};
		return put_timestamp(&t, v, NULL, out);
	}
	case TYPE_TIMESTAMP:
		return put_timestamp(a->type, v, zone, out);
	case TYPE_DURATION:
		put_duration(a->type->unit, v, out);
		return true;
	default:
		return put_clock(a->type, v, out);
	}
}

/* --- values --- */

static bool put_items(const struct array *items, uint64_t first, uint64_t end,
		      const struct zone *zone, struct buf *out)
{
	bool is_good = true;
	buf_byte(out, '[');
	for (uint64_t i = first; i < end; i++) {
		if (i > first)
			buf_str(out, ", ");
		if (!array_is_null(items, i))
			is_good &= sql_text(items, i, zone, out);
	}
	buf_byte(out, ']');
	return is_good;
}

static bool put_struct(const struct array *a, uint64_t row, const struct zone *zone,
		       struct buf *out)
{
	bool is_good = true;
	buf_byte(out, '{');
	for (size_t i = 0; i < a->n_children; i++) {
		buf_printf(out, "%s%s: ", i ? ", " : "", a->type->children[i]->name);
		if (!array_is_null(a->children[i], row))
			is_good &= sql_text(a->children[i], row, zone, out);
	}
	buf_byte(out, '}');
	return is_good;
}

static void put_hex(const uint8_t *p, uint64_t len, struct buf *out)
{
	for (uint64_t i = 0; i < len; i++) {
		buf_byte(out, (uint8_t) "0123456789abcdef"[p[i] >> 4]);
		buf_byte(out, (uint8_t) "0123456789abcdef"[p[i] & 15]);
	}
}

static void put_integer(const struct array *a, uint64_t row, struct buf *out)
{
	char text[NUMBER_TEXT_MAX];
	size_t n = a->type->id == TYPE_UINT64
			   ? text_u64(text, load_u64le(a->data->data + row * 8))
			   : text_i64(text, array_i64(a, row));
	buf_append(out, text, n);
}

static bool put_var(const struct array *a, uint64_t row, struct buf *out)
{
	uint64_t len;
	const uint8_t *p = array_var(a, row, &len);
	if (type_is_string(a->type->id))
		buf_append(out, p, len);
	else
		put_hex(p, len, out);
	return true;
}

static bool put_scalar(const struct array *a, uint64_t row, struct buf *out)
{
	const uint8_t *p = a->data->data;
	switch (a->type->id) {
	case TYPE_BOOL:
		buf_str(out, bit_get(p, row) ? "true" : "false");
		return true;
	case TYPE_FLOAT16:
		sql_text_plain(a, row, out);
		return true;
	case TYPE_FLOAT32:
		put_single((float)array_f64(a, row), out);
		return true;
	case TYPE_FLOAT64:
		sql_text_double(array_f64(a, row), out);
		return true;
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL256: {
		unsigned words = type_bits(a->type) / 64;
		text_decimal(p + row * words * 8, words, a->type->scale, out);
		return true;
	}
	case TYPE_FIXED_BINARY:
		put_hex(p + row * (type_bits(a->type) / 8), type_bits(a->type) / 8,
			out);
		return true;
	default:
		put_integer(a, row, out);
		return true;
	}
}

bool sql_text(const struct array *a, uint64_t row, const struct zone *zone,
	      struct buf *out)
{
	uint64_t size = (uint64_t)a->type->list_size;
	switch (a->type->id) {
	case TYPE_NULL:
		return true;
	case TYPE_LIST:
	case TYPE_LARGE_LIST:
	case TYPE_MAP:
		return put_items(a->children[0], array_offset(a, row),
				 array_offset(a, row + 1), zone, out);
	case TYPE_FIXED_LIST:
		return put_items(a->children[0], row * size, row * size + size, zone,
				 out);
	case TYPE_STRUCT:
		return put_struct(a, row, zone, out);
	default:
		break;
	}
	if (type_is_var(a->type->id))
		return put_var(a, row, out);
	return cast_is_time(a->type) ? put_time(a, row, zone, out)
				     : put_scalar(a, row, out);
}

/* The zone of the times in a value, at any depth. */
static const char *zone_name(const struct type *t)
{
	while (t->n_children)
		t = t->children[0]->type;
	return t->id == TYPE_TIMESTAMP ? t->timezone : NULL;
}

struct err *cast_to_text(const struct cast *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	AUTO(zone) struct zone *zone = NULL;
	if (zone_name(c->a->type))
		TRY(zone_open(zone_name(c->a->type), &zone));
	TRY(text_begin(&b, c->to, c->a->n_rows));
	for (uint64_t row = 0; row < c->a->n_rows; row++) {
		if (array_is_null(c->a, row)) {
			TRY(text_null(&b));
			continue;
		}
		if (!sql_text(c->a, row, zone, &b.data))
			return err_new(EINVAL, "row %" PRIu64 ": no such date",
				       c->first_row + row);
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}
