// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_schema.c: the schema of an Arrow IPC file or stream that is written to us.
 *
 * Types that Lance has no column for are refused by name.  A dictionary's type is
 * that of its values; where the indices are is kept beside it.
 * Source: Arrow's Schema.fbs.
 */
#include "format/arrow_priv.h"

#include <errno.h>
#include <inttypes.h>

enum {
	FIELD_NAME,
	FIELD_NULLABLE,
	FIELD_TYPE_ID,
	FIELD_TYPE,
	FIELD_DICTIONARY,
	FIELD_CHILDREN,
	FIELD_METADATA
};

static struct err *get_string(const struct fb_table *t, unsigned field, char **ret)
{
	struct fb_vector text;
	TRY(fb_vector(t, field, 1, &text));
	if (text.n && memchr(text.items, 0, text.n))
		return err_new(EINVAL, "a name with a NUL in it");
	return str_dup_len(text.n ? (const char *)text.items : "", text.n, ret);
}

/* --- types --- */

static struct err *int_type(const struct fb_table *t, enum type_id *ret)
{
	int64_t bits, is_signed;
	TRY(fb_scalar(t, 0, 4, 0, &bits));
	TRY(fb_scalar(t, 1, 1, 0, &is_signed));
	int log = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : bits == 64 ? 3 : -1;
	if (log < 0)
		return err_new(EINVAL, "integers of %" PRId64 " bits", bits);
	*ret = (enum type_id)((is_signed ? TYPE_INT8 : TYPE_UINT8) + log);
	return NULL;
}

static struct err *simple(enum type_id id, struct type **ret)
{
	return type_new(id, ret);
}

static struct err *read_int(const struct fb_table *t, struct type **ret)
{
	enum type_id id;
	TRY(int_type(t, &id));
	return simple(id, ret);
}

static struct err *read_float(const struct fb_table *t, struct type **ret)
{
	int64_t precision;
	TRY(fb_scalar(t, 0, 2, 0, &precision));
	if (precision < 0 || precision > 2)
		return err_new(EINVAL, "floats of precision %" PRId64, precision);
	return simple((enum type_id)(TYPE_FLOAT16 + precision), ret);
}

static struct err *read_decimal(const struct fb_table *t, struct type **ret)
{
	int64_t precision, scale, bits;
	TRY(fb_scalar(t, 0, 4, 0, &precision));
	TRY(fb_scalar(t, 1, 4, 0, &scale));
	TRY(fb_scalar(t, 2, 4, 128, &bits));
	if ((bits != 128 && bits != 256) || precision < 1 || precision > 76)
		return err_new(EINVAL, "decimals of %" PRId64 " bits", bits);
	TRY(simple(bits == 128 ? TYPE_DECIMAL128 : TYPE_DECIMAL256, ret));
	(*ret)->precision = (int32_t)precision;
	(*ret)->scale = (int32_t)scale;
	return NULL;
}

static struct err *with_unit(enum type_id id, int64_t unit, struct type **ret)
{
	if (unit < UNIT_S || unit > UNIT_NS)
		return err_new(EINVAL, "times of unit %" PRId64, unit);
	TRY(simple(id, ret));
	(*ret)->unit = (enum time_unit)unit;
	return NULL;
}

static struct err *read_date(const struct fb_table *t, struct type **ret)
{
	int64_t unit;
	TRY(fb_scalar(t, 0, 2, 1, &unit));
	return simple(unit ? TYPE_DATE64 : TYPE_DATE32, ret);
}

static struct err *read_time(const struct fb_table *t, struct type **ret)
{
	int64_t unit, bits;
	TRY(fb_scalar(t, 0, 2, 1, &unit));
	TRY(fb_scalar(t, 1, 4, 32, &bits));
	return with_unit(bits == 64 ? TYPE_TIME64 : TYPE_TIME32, unit, ret);
}

static struct err *read_timestamp(const struct fb_table *t, struct type **ret)
{
	AUTO(type) struct type *type = NULL;
	AUTO_MEM char *zone = NULL;
	int64_t unit;
	TRY(fb_scalar(t, 0, 2, 0, &unit));
	TRY(get_string(t, 1, &zone));
	TRY(with_unit(TYPE_TIMESTAMP, unit, &type));
	if (*zone)
		type->timezone = TAKE(zone);
	*ret = TAKE(type);
	return NULL;
}

static struct err *read_duration(const struct fb_table *t, struct type **ret)
{
	int64_t unit;
	TRY(fb_scalar(t, 0, 2, 1, &unit));
	return with_unit(TYPE_DURATION, unit, ret);
}

static struct err *read_fixed_binary(const struct fb_table *t, struct type **ret)
{
	int64_t width;
	TRY(fb_scalar(t, 0, 4, 0, &width));
	if (width < 0)
		return err_new(EINVAL, "values of %" PRId64 " bytes", width);
	TRY(simple(TYPE_FIXED_BINARY, ret));
	(*ret)->byte_width = (int32_t)width;
	return NULL;
}

static struct err *read_fixed_list(const struct fb_table *t, struct type **ret)
{
	int64_t size;
	TRY(fb_scalar(t, 0, 4, 0, &size));
	if (size <= 0)
		return err_new(EINVAL, "lists of %" PRId64 " items", size);
	TRY(type_new_nested(TYPE_FIXED_LIST, 1, ret));
	(*ret)->list_size = (int32_t)size;
	return NULL;
}

/* By their numbers in the union Type; NULL read: no parameters. */
static const struct {
	const char *name;
	enum type_id id;
	struct err *(*read)(const struct fb_table *t, struct type **ret);
	bool refused;
} kinds[] = {
	[1] = {"null", TYPE_NULL, NULL, false},
	[2] = {"int", TYPE_NULL, read_int, false},
	[3] = {"float", TYPE_NULL, read_float, false},
	[4] = {"binary", TYPE_BINARY, NULL, false},
	[5] = {"string", TYPE_STRING, NULL, false},
	[6] = {"bool", TYPE_BOOL, NULL, false},
	[7] = {"decimal", TYPE_NULL, read_decimal, false},
	[8] = {"date", TYPE_NULL, read_date, false},
	[9] = {"time", TYPE_NULL, read_time, false},
	[10] = {"timestamp", TYPE_NULL, read_timestamp, false},
	[11] = {"interval", TYPE_NULL, NULL, true},
	[12] = {"list", TYPE_LIST, NULL, false},
	[13] = {"struct", TYPE_STRUCT, NULL, false},
	[14] = {"union", TYPE_NULL, NULL, true},
	[15] = {"fixed_size_binary", TYPE_NULL, read_fixed_binary, false},
	[16] = {"fixed_size_list", TYPE_NULL, read_fixed_list, false},
	[17] = {"map", TYPE_MAP, NULL, false},
	[18] = {"duration", TYPE_NULL, read_duration, false},
	[19] = {"large_binary", TYPE_LARGE_BINARY, NULL, false},
	[20] = {"large_string", TYPE_LARGE_STRING, NULL, false},
	[21] = {"large_list", TYPE_LARGE_LIST, NULL, false},
	[22] = {"run_end_encoded", TYPE_NULL, NULL, true},
	[23] = {"binary_view", TYPE_BINARY, NULL, false},
	[24] = {"string_view", TYPE_STRING, NULL, false},
	[25] = {"list_view", TYPE_NULL, NULL, true},
	[26] = {"large_list_view", TYPE_NULL, NULL, true},
};

#define N_KINDS ((int64_t)(sizeof(kinds) / sizeof(kinds[0])))
#define KIND_BINARY_VIEW 23
#define KIND_STRING_VIEW 24

static struct err *read_type(const struct fb_table *field, size_t n_children,
			     struct arrow_column *c, struct type **ret)
{
	int64_t kind;
	bool found;
	struct fb_table t;
	TRY(fb_scalar(field, FIELD_TYPE_ID, 1, 0, &kind));
	TRY(fb_child(field, FIELD_TYPE, &found, &t));
	if (kind <= 0 || kind >= N_KINDS || !found)
		return err_new(EINVAL, "Arrow type %" PRId64 ", which is unknown",
			       kind);
	if (kinds[kind].refused)
		return err_new(EINVAL, "Arrow type %s, which Lance has no column for",
			       kinds[kind].name);
	c->is_view = kind == KIND_BINARY_VIEW || kind == KIND_STRING_VIEW;
	if (kinds[kind].read)
		return kinds[kind].read(&t, ret);
	if (type_is_nested(kinds[kind].id))
		return type_new_nested(kinds[kind].id, n_children, ret);
	return simple(kinds[kind].id, ret);
}

/* --- fields --- */

void arrow_column_free(struct arrow_column *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_children; i++)
		arrow_column_free(c->children[i]);
	free(c->children);
	field_unref(c->field);
	free(c);
}

static struct err *read_metadata(const struct fb_table *t, struct field *f)
{
	struct fb_vector entries;
	TRY(fb_vector(t, FIELD_METADATA, 4, &entries));
	for (uint32_t i = 0; i < entries.n; i++) {
		struct fb_table e;
		AUTO_MEM char *key = NULL;
		struct fb_vector value;
		TRY(fb_item(t, &entries, i, &e));
		TRY(get_string(&e, 0, &key));
		TRY(fb_vector(&e, 1, 1, &value));
		TRY(field_set_metadata(f, key, value.n ? (const void *)value.items : "",
				       value.n));
	}
	return NULL;
}

static struct err *read_dictionary(const struct fb_table *t, struct arrow_column *c)
{
	struct fb_table encoding, index;
	bool found;
	TRY(fb_child(t, FIELD_DICTIONARY, &found, &encoding));
	c->has_dictionary = found;
	c->index_id = TYPE_INT32;
	if (!found)
		return NULL;
	TRY(fb_scalar(&encoding, 0, 8, 0, &c->dictionary));
	TRY(fb_child(&encoding, 1, &found, &index));
	return found ? int_type(&index, &c->index_id) : NULL;
}

static struct err *read_field(const struct fb_table *t, int depth,
			      struct arrow_column **ret);

static struct err *read_children(const struct fb_table *t, int depth,
				 const struct fb_vector *children,
				 struct arrow_column *c)
{
	TRY(mem_array(children->n, sizeof(struct arrow_column *), &c->children));
	c->n_children = children->n;
	for (uint32_t i = 0; i < children->n; i++) {
		struct fb_table child;
		TRY(fb_item(t, children, i, &child));
		TRY(read_field(&child, depth + 1, &c->children[i]));
	}
	return NULL;
}

/* How many children a type has; -1: any number. */
static int wanted_children(enum type_id id)
{
	if (id == TYPE_STRUCT)
		return -1;
	return type_is_nested(id) ? 1 : 0;
}

static struct err *build(const struct fb_table *t, int depth, struct arrow_column *c)
{
	AUTO(type) struct type *type = NULL;
	AUTO_MEM char *name = NULL;
	struct fb_vector children;
	int64_t nullable;
	TRY(get_string(t, FIELD_NAME, &name));
	TRY(fb_scalar(t, FIELD_NULLABLE, 1, 0, &nullable));
	TRY(fb_vector(t, FIELD_CHILDREN, 4, &children));
	if (children.n > LIMIT_COLUMNS)
		return err_new(EINVAL, "%" PRIu32 " members", children.n);
	TRY_CTX(read_type(t, children.n, c, &type), "column '%s'", name);
	int wanted = wanted_children(type->id);
	if (wanted >= 0 && children.n != (uint32_t)wanted)
		return err_new(EINVAL, "column '%s': %" PRIu32 " children", name,
			       children.n);
	TRY(read_dictionary(t, c));
	TRY(read_children(t, depth, &children, c));
	for (size_t i = 0; i < c->n_children; i++)
		type->children[i] = field_ref(c->children[i]->field);
	TRY(field_new(name, type, nullable != 0, &c->field));
	return read_metadata(t, c->field);
}

static struct err *read_field(const struct fb_table *t, int depth,
			      struct arrow_column **ret)
{
	AUTO(arrow_column) struct arrow_column *c = NULL;
	if (depth > LIMIT_NESTING / 2)
		return err_new(EINVAL, "fields nest too deeply");
	TRY(mem_new(&c));
	TRY(build(t, depth, c));
	*ret = TAKE(c);
	return NULL;
}

struct err *arrow_schema_read(const struct fb_table *schema, struct arrow_column **ret)
{
	struct fb_vector fields;
	AUTO(arrow_column) struct arrow_column *root = NULL;
	int64_t big_endian;
	TRY(fb_scalar(schema, 0, 2, 0, &big_endian));
	if (big_endian)
		return err_new(EINVAL, "values in big-endian byte order");
	TRY(fb_vector(schema, 1, 4, &fields));
	if (fields.n > LIMIT_COLUMNS)
		return err_new(EINVAL, "%" PRIu32 " columns", fields.n);
	TRY(mem_new(&root));
	TRY(read_children(schema, 0, &fields, root));
	*ret = TAKE(root);
	return NULL;
}
