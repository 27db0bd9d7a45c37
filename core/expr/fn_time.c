// SPDX-License-Identifier: Apache-2.0
/*
 * fn_time.c: functions of dates and times: their table, and those that make them.
 * Source: DataFusion's SQL reference, "Time and Date Functions".
 */
#include "expr/cast_priv.h"
#include "expr/fn_time_priv.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

/* --- what the files share --- */

int64_t time_value(const struct array *a, uint64_t row)
{
	if (type_bits(a->type) == 32)
		return (int32_t)load_u32le(a->data->data + row * 4);
	return (int64_t)load_u64le(a->data->data + row * 8);
}

void store_time(struct array *a, uint64_t row, int64_t v)
{
	store_int(a, row, v);
}

struct err *time_zone(const struct type *t, struct zone **ret)
{
	return t->timezone ? zone_open(t->timezone, ret) : NULL;
}

bool time_moment(const struct array *a, uint64_t row, const struct zone *zone,
		 struct moment *ret)
{
	int64_t v = time_value(a, row);
	enum time_unit unit = a->type->unit;
	if (a->type->id == TYPE_DATE32) {
		unit = UNIT_S;
		v *= DAY_SECONDS;
	} else if (a->type->id == TYPE_DATE64) {
		unit = UNIT_MS;
	}
	return moment_of(v, unit, zone_offset(zone, floor_div(v, unit_scale(unit))),
			 ret);
}

struct err *constant_word(struct binder *b, const struct node *n, size_t i,
			  struct str *ret)
{
	const struct array *a = bind_literal(n, i);
	if (!a || !type_is_string(a->type->id) || array_is_null(a, 0))
		return bind_arg_err(b, n, i, "a constant text");
	ret->p = array_var(a, 0, &ret->len);
	return ret->len ? NULL : bind_arg_err(b, n, i, "a text that is not empty");
}

struct err *bind_instant(struct binder *b, struct node *n, size_t i, bool with_dates)
{
	AUTO(type) struct type *ns = NULL;
	const struct type *t = n->args[i]->type;
	bool is_date = t->id == TYPE_DATE32 || t->id == TYPE_DATE64;
	if (t->id != TYPE_NULL && !type_is_string(t->id) && !(with_dates && is_date))
		return NULL;
	TRY(type_new_unit(TYPE_TIMESTAMP, UNIT_NS, NULL, &ns));
	return bind_cast(b, n, i, ns);
}

/* --- now: constant for an expression, since it is folded when that is compiled --- */

enum now { NOW, TODAY, TIME_OF_DAY };

static struct err *bind_now(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	(void)b;
	if (n->fn->tag == TODAY)
		return bind_type_id(n, TYPE_DATE32);
	TRY(type_new_unit(n->fn->tag == NOW ? TYPE_TIMESTAMP : TYPE_TIME64, UNIT_NS,
			  NULL, &t));
	bind_type(n, t);
	return NULL;
}

static struct err *eval_now(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t days = now.tv_sec / DAY_SECONDS;
	int64_t v = now.tv_sec * SECOND_NANOS + now.tv_nsec;
	if (c->node->fn->tag == TODAY)
		v = days;
	else if (c->node->fn->tag == TIME_OF_DAY)
		v -= days * DAY_SECONDS * SECOND_NANOS;
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++)
		store_time(out, row, v);
	*ret = TAKE(out);
	return NULL;
}

/* --- make_date --- */

static struct err *bind_make_date(struct binder *b, struct node *n)
{
	for (size_t i = 0; i < 3; i++) {
		const struct type *t = n->args[i]->type;
		if (t->id != TYPE_NULL && !type_is_integer(t->id) &&
		    !type_is_string(t->id))
			return bind_arg_err(b, n, i, "an integer");
		TRY(bind_cast_id(b, n, i, TYPE_INT32));
	}
	return bind_type_id(n, TYPE_DATE32);
}

static struct err *make_date_row(const struct call *c, uint64_t row, int64_t *ret)
{
	struct civil date = {arg_i64(c, 0, row), (int)arg_i64(c, 1, row),
			     (int)arg_i64(c, 2, row)};
	if (!civil_is_valid(date))
		return call_err(c, row, "%lld-%d-%d is no date", (long long)date.year,
				date.month, date.day);
	*ret = days_of_civil(date);
	return NULL;
}

static struct err *eval_make_date(const struct call *c, struct array **ret)
{
	return each_int(c, make_date_row, ret);
}

/* --- to_local_time: what its clock showed, without the zone --- */

static struct err *bind_local(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	if (n->args[0]->type->id == TYPE_NULL)
		TRY(bind_instant(b, n, 0, false));
	if (n->args[0]->type->id != TYPE_TIMESTAMP)
		return bind_arg_err(b, n, 0, "a timestamp");
	TRY(type_new_unit(TYPE_TIMESTAMP, n->args[0]->type->unit, NULL, &t));
	bind_type(n, t);
	return NULL;
}

static struct err *eval_local(const struct call *c, struct array **ret)
{
	AUTO(array) struct array *out = NULL;
	AUTO(zone) struct zone *zone = NULL;
	const struct array *a = c->args[0].array;
	int64_t scale = unit_scale(a->type->unit);
	TRY(time_zone(a->type, &zone));
	TRY(new_fixed(c->node->type, c->n_rows, &out));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		int64_t v = time_value(a, row);
		if (!call_wants(c, row))
			continue;
		if (ckd_add(&v, v, zone_offset(zone, floor_div(v, scale)) * scale))
			return call_err(c, row, "the local time does not fit");
		store_time(out, row, v);
	}
	*ret = TAKE(out);
	return NULL;
}

/* --- of texts and numbers: to_timestamp and its like --- */

/* tag: the unit; that of to_timestamp, which counts numbers in seconds, apart */
#define TO_SECONDS ((int)UNIT_S)
#define TO_MILLIS ((int)UNIT_MS)
#define TO_MICROS ((int)UNIT_US)
#define TO_NANOS ((int)UNIT_NS)
#define TO_TIMESTAMP 4
#define TO_DATE 5
#define TO_UNIXTIME 6

static struct err *bind_formats(struct binder *b, struct node *n)
{
	for (size_t i = 1; i < n->n_args; i++)
		if (!type_is_string(n->args[i]->type->id))
			return bind_arg_err(b, n, i, "a string");
	return NULL;
}

static struct err *cast_unit(struct binder *b, struct node *n, enum time_unit unit)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new_unit(TYPE_TIMESTAMP, unit, NULL, &t));
	return bind_cast(b, n, 0, t);
}

/* What becomes a timestamp by a cast; floats of to_timestamp are evaluated. */
static struct err *bind_number_of_seconds(struct binder *b, struct node *n,
					  enum time_unit unit, bool in_seconds)
{
	const struct type *t = n->args[0]->type;
	if (t->id == TYPE_DECIMAL128 && in_seconds)
		return NULL;
	if (type_is_float(t->id) && in_seconds)
		return bind_cast_id(b, n, 0, TYPE_FLOAT64);
	if (type_is_integer(t->id) && in_seconds)
		TRY(cast_unit(b, n, UNIT_S));
	else if (type_is_float(t->id))
		TRY(bind_cast_id(b, n, 0, TYPE_INT64));
	return cast_unit(b, n, unit);
}

static struct err *bind_to_timestamp(struct binder *b, struct node *n)
{
	AUTO(type) struct type *to = NULL;
	bool in_seconds = n->fn->tag == TO_TIMESTAMP;
	enum time_unit unit = in_seconds ? UNIT_NS : (enum time_unit)n->fn->tag;
	const struct type *t = n->args[0]->type;
	TRY(bind_formats(b, n));
	bool is_known = t->id == TYPE_NULL || t->id == TYPE_TIMESTAMP ||
			type_is_number(t) || type_is_string(t->id);
	if (!is_known)
		return bind_arg_err(b, n, 0, "a time, a string or a number");
	if (!type_is_string(t->id))
		TRY(bind_number_of_seconds(b, n, unit, in_seconds));
	TRY(type_new_unit(TYPE_TIMESTAMP, unit, NULL, &to));
	bind_type(n, to);
	return NULL;
}

static struct err *bind_to_date(struct binder *b, struct node *n)
{
	const struct type *t = n->args[0]->type;
	TRY(bind_formats(b, n));
	if (t->id != TYPE_NULL && !type_is_number(t) && !type_is_string(t->id) &&
	    t->id != TYPE_DATE32 && t->id != TYPE_DATE64 && t->id != TYPE_TIMESTAMP)
		return bind_arg_err(b, n, 0, "a date, a string or a number");
	bool is_string = type_is_string(t->id);
	if (type_is_number(t))
		TRY(bind_cast_id(b, n, 0, TYPE_INT64));
	if (!is_string)
		TRY(bind_cast_id(b, n, 0, TYPE_DATE32));
	return bind_type_id(n, TYPE_DATE32);
}

static struct err *bind_to_unixtime(struct binder *b, struct node *n)
{
	const struct type *t = n->args[0]->type;
	bool is_time =
		t->id == TYPE_DATE32 || t->id == TYPE_DATE64 || t->id == TYPE_TIMESTAMP;
	TRY(bind_formats(b, n));
	if (t->id != TYPE_NULL && !is_time && !type_is_string(t->id) &&
	    !type_is_integer(t->id) && !type_is_float(t->id))
		return bind_arg_err(b, n, 0, "a time, a string or a number");
	bool is_string = type_is_string(t->id);
	if (n->n_args > 1 && !is_string)
		return bind_arg_err(b, n, 0, "a string");
	if (is_time) {
		AUTO(type) struct type *to = NULL;
		TRY(type_new_unit(TYPE_TIMESTAMP, UNIT_S, t->timezone, &to));
		TRY(bind_cast(b, n, 0, to));
	}
	if (!is_string)
		TRY(bind_cast_id(b, n, 0, TYPE_INT64));
	return bind_type_id(n, TYPE_INT64);
}

/* The instant of a text, by the first format that fits, or as casts read it. */
static bool read_instant(const struct call *c, uint64_t row, int64_t *seconds,
			 int32_t *nanos)
{
	struct str s = arg_str(c, 0, row);
	int64_t days;
	for (size_t i = 1; i < c->n_args; i++)
		if (!vec_is_null(&c->args[i], row) &&
		    read_formatted(s, arg_str(c, i, row), seconds, nanos))
			return true;
	if (c->n_args > 1)
		return false;
	if (c->node->fn->tag == TO_DATE) {
		if (!read_date((const char *)s.p, s.len, &days))
			return false;
		*seconds = days * DAY_SECONDS;
		*nanos = 0;
		return true;
	}
	return read_timestamp((const char *)s.p, s.len, NULL, seconds, nanos);
}

static struct err *read_row(const struct call *c, uint64_t row, int64_t *ret)
{
	int tag = c->node->fn->tag;
	int64_t seconds, v;
	int32_t nanos;
	struct str s = arg_str(c, 0, row);
	if (!read_instant(c, row, &seconds, &nanos))
		return call_err(c, row, "'%.*s' is no date or time",
				(int)MIN_OF(s.len, (uint64_t)40), (const char *)s.p);
	if (tag == TO_DATE) {
		*ret = c->n_args > 1 ? seconds / DAY_SECONDS
				     : floor_div(seconds, DAY_SECONDS);
		return NULL;
	}
	if (!units_of(seconds, nanos, UNIT_NS, &v))
		return call_err(c, row, "only the years 1677 to 2262 have nanoseconds");
	enum time_unit unit = tag == TO_TIMESTAMP  ? UNIT_NS
			      : tag == TO_UNIXTIME ? UNIT_S
						   : (enum time_unit)tag;
	*ret = v / (SECOND_NANOS / unit_scale(unit));
	return NULL;
}

/* Seconds as a float; those that do not fit are the nearest that do. */
static int64_t nanos_of(double seconds)
{
	double v = seconds * 1e9;
	if (isnan(v))
		return 0;
	return v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : (int64_t)v;
}

static struct err *float_row(const struct call *c, uint64_t row, int64_t *ret)
{
	*ret = nanos_of(arg_f64(c, 0, row));
	return NULL;
}

/* Seconds as a decimal; what does not fit wraps around. */
static struct err *decimal_row(const struct call *c, uint64_t row, int64_t *ret)
{
	const struct array *a = c->args[0].array;
	u128 v = (u128)load_i128(a->data->data + vec_row(&c->args[0], row) * 16);
	int32_t scale = a->type->scale;
	if (scale <= 9)
		v *= (u128)i128_pow10((unsigned)(9 - scale));
	else
		v = (u128)((i128)v / i128_pow10((unsigned)(scale - 9)));
	*ret = (int64_t)(uint64_t)v;
	return NULL;
}

static struct err *eval_read(const struct call *c, struct array **ret)
{
	struct array *a = c->args[0].array;
	if (type_is_string(a->type->id))
		return each_int(c, read_row, ret);
	if (a->type->id == TYPE_FLOAT64)
		return each_int(c, float_row, ret);
	if (a->type->id == TYPE_DECIMAL128)
		return each_int(c, decimal_row, ret);
	*ret = array_ref(a); /* a cast did it */
	return NULL;
}

/* --- from_unixtime(seconds, zone) --- */

static struct err *bind_from_unixtime(struct binder *b, struct node *n)
{
	AUTO(type) struct type *t = NULL;
	AUTO_MEM char *zone_name = NULL;
	struct str name;
	if (!type_widens(TYPE_INT64, n->args[0]->type))
		return bind_arg_err(b, n, 0, "an int64");
	TRY(bind_cast_id(b, n, 0, TYPE_INT64));
	if (n->n_args > 1) {
		TRY(constant_word(b, n, 1, &name));
		TRY(str_dup_len(name.p, name.len, &zone_name));
	}
	TRY(type_new_unit(TYPE_TIMESTAMP, UNIT_S, zone_name, &t));
	bind_type(n, t);
	return NULL;
}

static struct err *eval_reinterpret(const struct call *c, struct array **ret)
{
	return cast_reinterpret(c->args[0].array, c->node->type, ret);
}

/* --- the table --- */

#define ROW(n, least, most, fails, binding, fn, t)                                     \
	{                                                                              \
		.name = (n), .min_args = (least), .max_args = (most),                  \
		.is_strict = true, .can_fail = (fails), .bind = (binding),             \
		.eval = (fn), .tag = (t)                                               \
	}
#define READ(n, binding, t)                                                            \
	{                                                                              \
		.name = (n), .min_args = 1, .max_args = ANY_ARGS, .is_strict = true,   \
		.can_fail = true, .bind = (binding), .eval = eval_read, .tag = (t)     \
	}

static const struct function rows[] = {
	ROW("now", 0, 0, false, bind_now, eval_now, NOW),
	ROW("current_timestamp", 0, 0, false, bind_now, eval_now, NOW),
	ROW("current_date", 0, 0, false, bind_now, eval_now, TODAY),
	ROW("today", 0, 0, false, bind_now, eval_now, TODAY),
	ROW("current_time", 0, 0, false, bind_now, eval_now, TIME_OF_DAY),
	ROW("make_date", 3, 3, true, bind_make_date, eval_make_date, 0),
	ROW("to_local_time", 1, 1, true, bind_local, eval_local, 0),
	ROW("from_unixtime", 1, 2, false, bind_from_unixtime, eval_reinterpret, 0),
	READ("to_timestamp", bind_to_timestamp, TO_TIMESTAMP),
	READ("to_timestamp_seconds", bind_to_timestamp, TO_SECONDS),
	READ("to_timestamp_millis", bind_to_timestamp, TO_MILLIS),
	READ("to_timestamp_micros", bind_to_timestamp, TO_MICROS),
	READ("to_timestamp_nanos", bind_to_timestamp, TO_NANOS),
	READ("to_date", bind_to_date, TO_DATE),
	READ("to_unixtime", bind_to_unixtime, TO_UNIXTIME),
	ROW("date_part", 2, 2, true, bind_date_part, eval_date_part, 0),
	ROW("datepart", 2, 2, true, bind_date_part, eval_date_part, 0),
	ROW("date_trunc", 2, 2, true, bind_date_trunc, eval_date_trunc, 0),
	ROW("datetrunc", 2, 2, true, bind_date_trunc, eval_date_trunc, 0),
	ROW("date_bin", 2, 3, true, bind_date_bin, eval_date_bin, 0),
	ROW("to_char", 2, 2, true, bind_to_char, eval_to_char, 0),
	ROW("date_format", 2, 2, true, bind_to_char, eval_to_char, 0),
};

const struct function_table time_functions = {rows, sizeof(rows) / sizeof(rows[0])};
