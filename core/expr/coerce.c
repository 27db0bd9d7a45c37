// SPDX-License-Identifier: Apache-2.0
/*
 * coerce.c: which type two operands are brought to.
 *
 * The rules, and their order, are DataFusion's; dictionaries are expanded before they
 * come here, so there are none.
 * Source: DataFusion's documentation of type coercion (datafusion_expr::type_coercion).
 */
#include "expr/coerce_priv.h"

#include <string.h>

bool type_is_decimal(const struct type *t)
{
	return t->id == TYPE_DECIMAL128 || t->id == TYPE_DECIMAL256;
}

bool type_is_number(const struct type *t)
{
	return type_is_integer(t->id) || type_is_float(t->id) || type_is_decimal(t);
}

bool type_is_time(const struct type *t)
{
	return t->id >= TYPE_DATE32 && t->id <= TYPE_DURATION;
}

static bool is_date(const struct type *t)
{
	return t->id == TYPE_DATE32 || t->id == TYPE_DATE64;
}

static bool is_time_of_day(const struct type *t)
{
	return t->id == TYPE_TIME32 || t->id == TYPE_TIME64;
}

static struct err *take_ref(struct type *t, struct type **ret)
{
	*ret = type_ref(t);
	return NULL;
}

/* --- numbers --- */

/* Digits that hold every integer of a type, or a float as DataFusion has it. */
static bool decimal_of_number(const struct type *t, int32_t *precision, int32_t *scale)
{
	static const struct {
		enum type_id id;
		int32_t precision, scale;
	} rows[] = {{TYPE_INT8, 3, 0},	   {TYPE_UINT8, 3, 0},	  {TYPE_INT16, 5, 0},
		    {TYPE_UINT16, 5, 0},   {TYPE_INT32, 10, 0},	  {TYPE_UINT32, 10, 0},
		    {TYPE_INT64, 20, 0},   {TYPE_UINT64, 20, 0},  {TYPE_FLOAT16, 6, 3},
		    {TYPE_FLOAT32, 14, 7}, {TYPE_FLOAT64, 30, 15}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].id == t->id) {
			*precision = rows[i].precision;
			*scale = rows[i].scale;
			return true;
		}
	*precision = t->precision;
	*scale = t->scale;
	return type_is_decimal(t);
}

struct err *coerce_to_decimal(struct type *t, const struct type *like,
			      struct type **ret)
{
	int32_t precision, scale;
	*ret = NULL;
	if (type_is_decimal(t))
		return take_ref(t, ret);
	if (!decimal_of_number(t, &precision, &scale))
		return NULL;
	TRY(type_new_decimal(precision, scale, ret));
	(*ret)->id = like->id;
	return NULL;
}

/* Holds the integer digits and the scale of both. */
static struct err *wider_decimal(const struct type *a, const struct type *b,
				 struct type **ret)
{
	int32_t p1, s1, p2, s2;
	*ret = NULL;
	if (!decimal_of_number(a, &p1, &s1) || !decimal_of_number(b, &p2, &s2))
		return NULL;
	bool is_wide = a->id == TYPE_DECIMAL256 || b->id == TYPE_DECIMAL256;
	int32_t scale = MAX_OF(s1, s2);
	int32_t precision = MAX_OF(p1 - s1, p2 - s2) + scale;
	TRY(type_new_decimal(MIN_OF(precision, is_wide ? 76 : 38), scale, ret));
	(*ret)->id = is_wide ? TYPE_DECIMAL256 : TYPE_DECIMAL128;
	return NULL;
}

/* The narrowest type that holds the integers of both; none for uint64 and signed. */
static enum type_id common_integer(enum type_id a, enum type_id b)
{
	static const enum type_id signed_ids[] = {TYPE_INT8, TYPE_INT16, TYPE_INT32,
						  TYPE_INT64};
	static const enum type_id unsigned_ids[] = {TYPE_UINT8, TYPE_UINT16,
						    TYPE_UINT32, TYPE_UINT64};
	bool sa = type_is_signed(a), sb = type_is_signed(b);
	size_t wa = a - (sa ? TYPE_INT8 : TYPE_UINT8);
	size_t wb = b - (sb ? TYPE_INT8 : TYPE_UINT8);
	if (sa == sb)
		return (sa ? signed_ids : unsigned_ids)[MAX_OF(wa, wb)];
	size_t needed = MAX_OF(sa ? wa : wb, (sa ? wb : wa) + 1);
	return needed < 4 ? signed_ids[needed] : TYPE_NULL;
}

struct err *coerce_numbers(struct type *a, struct type *b, struct type **ret)
{
	*ret = NULL;
	bool a_null = a->id == TYPE_NULL, b_null = b->id == TYPE_NULL;
	if ((a_null && b_null) || (!a_null && !type_is_number(a)) ||
	    (!b_null && !type_is_number(b)))
		return NULL;
	if (a_null || b_null)
		return take_ref(a_null ? b : a, ret);
	for (enum type_id f = TYPE_FLOAT64; f >= TYPE_FLOAT16; f--)
		if (a->id == f || b->id == f)
			return type_new(f, ret);
	if (!type_is_integer(a->id) || !type_is_integer(b->id))
		return NULL;
	enum type_id id = common_integer(a->id, b->id);
	return id == TYPE_NULL ? type_new_decimal(20, 0, ret) : type_new(id, ret);
}

struct err *coerce_bits(struct type *a, struct type *b, struct type **ret)
{
	*ret = NULL;
	if (type_equal(a, b) && type_is_integer(a->id))
		return take_ref(a, ret);
	if (a->id == TYPE_NULL || b->id == TYPE_NULL)
		return coerce_numbers(a, b, ret);
	if (!type_is_number(a) || !type_is_number(b))
		return NULL;
	/* of a number that is no integer the other's type counts */
	if (type_is_integer(a->id) != type_is_integer(b->id))
		return take_ref(type_is_integer(a->id) ? a : b, ret);
	if (!type_is_integer(a->id))
		return NULL;
	if (a->id == TYPE_UINT64 || b->id == TYPE_UINT64)
		return type_new(TYPE_UINT64, ret);
	return type_new(common_integer(a->id, b->id), ret);
}

static struct err *comparison_numbers(struct type *a, struct type *b, struct type **ret)
{
	*ret = NULL;
	if (!type_is_number(a) || !type_is_number(b))
		return NULL;
	if (type_is_decimal(a) || type_is_decimal(b))
		return wider_decimal(a, b, ret);
	return coerce_numbers(a, b, ret);
}

/* --- times --- */

static struct err *timestamps(struct type *a, struct type *b, struct type **ret)
{
	/* the coarser unit, the left zone */
	enum time_unit unit = MIN_OF(a->unit, b->unit);
	return type_new_unit(TYPE_TIMESTAMP, unit,
			     a->timezone ? a->timezone : b->timezone, ret);
}

struct err *coerce_times(struct type *a, struct type *b, struct type **ret)
{
	*ret = NULL;
	if (a->id == TYPE_TIMESTAMP && b->id == TYPE_TIMESTAMP)
		return timestamps(a, b, ret);
	if (is_date(a) && type_is_integer(b->id))
		return take_ref(a, ret);
	if (is_date(b) && type_is_integer(a->id))
		return take_ref(b, ret);
	if (is_date(a) && is_date(b))
		return type_new(TYPE_DATE64, ret);
	bool has_time = is_time_of_day(a) || is_time_of_day(b) ||
			a->id == TYPE_TIMESTAMP || b->id == TYPE_TIMESTAMP;
	if ((is_date(a) || is_date(b)) && has_time && type_is_time(a) &&
	    type_is_time(b) && a->id != TYPE_DURATION && b->id != TYPE_DURATION)
		return type_new_unit(TYPE_TIMESTAMP, UNIT_NS, NULL, ret);
	return NULL;
}

/* Text beside a time is read as that time. */
static struct err *text_and_time(struct type *text, struct type *time,
				 struct type **ret)
{
	*ret = NULL;
	if (!type_is_string(text->id) || !type_is_time(time) ||
	    time->id == TYPE_DURATION)
		return NULL;
	if (time->id == TYPE_TIMESTAMP)
		return type_new_unit(TYPE_TIMESTAMP, UNIT_NS, time->timezone, ret);
	return take_ref(time, ret);
}

/* --- text and bytes --- */

struct err *coerce_strings(struct type *a, struct type *b, struct type **ret)
{
	*ret = NULL;
	if (!type_is_string(a->id) || !type_is_string(b->id))
		return NULL;
	return take_ref(a->id == TYPE_LARGE_STRING ? a : b, ret);
}

static struct err *binaries(struct type *a, struct type *b, struct type **ret)
{
	bool a_fixed = a->id == TYPE_FIXED_BINARY, b_fixed = b->id == TYPE_FIXED_BINARY;
	*ret = NULL;
	if (a_fixed || b_fixed) {
		bool fits = type_is_binary(a->id) || type_is_binary(b->id);
		return fits ? type_new(TYPE_BINARY, ret) : NULL;
	}
	if (!type_is_var(a->id) || !type_is_var(b->id) ||
	    (type_is_string(a->id) && type_is_string(b->id)))
		return NULL;
	bool is_large = type_is_large(a->id) || type_is_large(b->id);
	return type_new(is_large ? TYPE_LARGE_BINARY : TYPE_BINARY, ret);
}

struct err *coerce_like(struct type *a, struct type *b, struct type **ret)
{
	TRY(coerce_strings(a, b, ret));
	if (*ret)
		return NULL;
	bool is_var = type_is_var(a->id) && type_is_var(b->id) &&
		      (type_is_string(a->id) || type_is_string(b->id));
	if (is_var) {
		bool is_large = type_is_large(a->id) || type_is_large(b->id);
		return type_new(is_large ? TYPE_LARGE_STRING : TYPE_STRING, ret);
	}
	if (a->id == TYPE_NULL && b->id == TYPE_NULL)
		return type_new(TYPE_STRING, ret);
	if (a->id == TYPE_NULL || b->id == TYPE_NULL)
		return take_ref(a->id == TYPE_NULL ? b : a, ret);
	return NULL;
}

/* --- nested --- */

static bool is_list(const struct type *t)
{
	return t->id == TYPE_LIST || t->id == TYPE_LARGE_LIST ||
	       t->id == TYPE_FIXED_LIST;
}

typedef struct err *coerce_fn(struct type *, struct type *, struct type **);

static struct err *lists(struct type *a, struct type *b, coerce_fn *items,
			 struct type **ret)
{
	AUTO(type) struct type *item = NULL;
	*ret = NULL;
	if (!is_list(a) || !is_list(b))
		return NULL;
	TRY(items(a->children[0]->type, b->children[0]->type, &item));
	if (!item)
		return NULL;
	if (a->id == TYPE_FIXED_LIST && b->id == TYPE_FIXED_LIST &&
	    a->list_size == b->list_size)
		return type_new_fixed_list(item, a->list_size, ret);
	TRY(type_new_list(item, ret));
	if (a->id == TYPE_LARGE_LIST || b->id == TYPE_LARGE_LIST)
		(*ret)->id = TYPE_LARGE_LIST;
	return NULL;
}

static const struct field *member_of(const struct type *t, const char *name)
{
	for (size_t i = 0; i < t->n_children; i++)
		if (strcmp(t->children[i]->name, name) == 0)
			return t->children[i];
	return NULL;
}

/* By name if all names are there, else by position. */
static struct err *structs(struct type *a, struct type *b, coerce_fn *members,
			   struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	bool by_name = true;
	*ret = NULL;
	if (a->id != TYPE_STRUCT || b->id != TYPE_STRUCT ||
	    a->n_children != b->n_children)
		return NULL;
	for (size_t i = 0; i < a->n_children; i++)
		by_name = by_name && member_of(b, a->children[i]->name);
	TRY(type_new_nested(TYPE_STRUCT, a->n_children, &t));
	for (size_t i = 0; i < a->n_children; i++) {
		AUTO(type) struct type *member = NULL;
		const struct field *f = a->children[i];
		const struct field *g =
			by_name ? member_of(b, f->name) : b->children[i];
		TRY(members(f->type, g->type, &member));
		if (!member)
			return NULL;
		TRY(field_new(f->name, member, f->nullable || g->nullable,
			      &t->children[i]));
	}
	*ret = TAKE(t);
	return NULL;
}

/* --- both --- */

static struct err *with_null(struct type *a, struct type *b, struct type **ret)
{
	*ret = NULL;
	if (a->id == TYPE_NULL || b->id == TYPE_NULL)
		return take_ref(a->id == TYPE_NULL ? b : a, ret);
	return NULL;
}

static struct err *number_and_text(struct type *a, struct type *b, bool is_union,
				   struct type **ret)
{
	*ret = NULL;
	if (type_is_number(a) && type_is_string(b->id))
		return take_ref(is_union ? b : a, ret);
	if (type_is_number(b) && type_is_string(a->id))
		return take_ref(is_union ? a : b, ret);
	return NULL;
}

#define FIRST_OF(expr)                                                                 \
	do {                                                                           \
		TRY(expr);                                                             \
		if (*ret)                                                              \
			return NULL;                                                   \
	} while (0)

static struct err *coerce(struct type *a, struct type *b, bool is_union,
			  struct type **ret)
{
	coerce_fn *inner = is_union ? coerce_union : coerce_comparison;
	if (type_equal(a, b))
		return take_ref(a, ret);
	FIRST_OF(comparison_numbers(a, b, ret));
	FIRST_OF(coerce_times(a, b, ret));
	FIRST_OF(coerce_strings(a, b, ret));
	FIRST_OF(lists(a, b, inner, ret));
	FIRST_OF(with_null(a, b, ret));
	FIRST_OF(number_and_text(a, b, is_union, ret));
	FIRST_OF(text_and_time(a, b, ret));
	FIRST_OF(text_and_time(b, a, ret));
	FIRST_OF(binaries(a, b, ret));
	return structs(a, b, inner, ret);
}

struct err *coerce_comparison(struct type *a, struct type *b, struct type **ret)
{
	return coerce(a, b, false, ret);
}

struct err *coerce_union(struct type *a, struct type *b, struct type **ret)
{
	return coerce(a, b, true, ret);
}

/* Of the arguments of coalesce and its like: one kind of values only. */
static bool is_bytes(const struct type *t)
{
	return type_is_binary(t->id) || t->id == TYPE_FIXED_BINARY;
}

/* Kinds that do not mix; text and null, which are 0, do with all. */
static int category(const struct type *t)
{
	if (t->id == TYPE_NULL || type_is_string(t->id))
		return 0;
	return t->id == TYPE_BOOL      ? 1
	       : type_is_number(t)     ? 2
	       : type_is_nested(t->id) ? 3
				       : 4;
}

static struct err *resolve(struct type *a, struct type *b, struct type **ret)
{
	if (type_equal(a, b))
		return take_ref(a, ret);
	*ret = NULL;
	if (category(a) && category(b) && category(a) != category(b))
		return NULL;
	if (is_bytes(a) || is_bytes(b))
		return NULL; /* bytes go with their own type only, not even with null */
	FIRST_OF(comparison_numbers(a, b, ret));
	FIRST_OF(lists(a, b, resolve, ret));
	FIRST_OF(coerce_times(a, b, ret));
	FIRST_OF(coerce_strings(a, b, ret));
	FIRST_OF(with_null(a, b, ret));
	FIRST_OF(number_and_text(a, b, false, ret));
	return structs(a, b, resolve, ret);
}

struct err *coerce_resolve(struct type *a, struct type *b, struct type **ret)
{
	return resolve(a, b, ret);
}
