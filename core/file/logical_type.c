// SPDX-License-Identifier: Apache-2.0
/*
 * logical_type.c: types as the format names them, "timestamp:us:UTC".
 *
 * Time zones hold colons and fixed-size lists nest, so names are taken apart
 * from the outside: the first segment, and for lists the last.
 * Source: Lance's file.proto, Field.logical_type.
 */
#include "file/file_priv.h"

#include <errno.h>
#include <inttypes.h>

static const struct {
	const char *name;
	enum type_id id;
	enum time_unit unit;
} simple[] = {
	{"null", TYPE_NULL, 0},
	{"bool", TYPE_BOOL, 0},
	{"int8", TYPE_INT8, 0},
	{"int16", TYPE_INT16, 0},
	{"int32", TYPE_INT32, 0},
	{"int64", TYPE_INT64, 0},
	{"uint8", TYPE_UINT8, 0},
	{"uint16", TYPE_UINT16, 0},
	{"uint32", TYPE_UINT32, 0},
	{"uint64", TYPE_UINT64, 0},
	{"halffloat", TYPE_FLOAT16, 0},
	{"float", TYPE_FLOAT32, 0},
	{"double", TYPE_FLOAT64, 0},
	{"string", TYPE_STRING, 0},
	{"large_string", TYPE_LARGE_STRING, 0},
	{"binary", TYPE_BINARY, 0},
	{"large_binary", TYPE_LARGE_BINARY, 0},
	{"json", TYPE_LARGE_BINARY, 0},
	{"blob", TYPE_LARGE_BINARY, 0},
	{"date32:day", TYPE_DATE32, 0},
	{"date64:ms", TYPE_DATE64, 0},
	{"time32:s", TYPE_TIME32, UNIT_S},
	{"time32:ms", TYPE_TIME32, UNIT_MS},
	{"time64:us", TYPE_TIME64, UNIT_US},
	{"time64:ns", TYPE_TIME64, UNIT_NS},
	{"duration:s", TYPE_DURATION, UNIT_S},
	{"duration:ms", TYPE_DURATION, UNIT_MS},
	{"duration:us", TYPE_DURATION, UNIT_US},
	{"duration:ns", TYPE_DURATION, UNIT_NS},
};
#define N_SIMPLE (sizeof(simple) / sizeof(*simple))

static const char *const unit_names[] = {"s", "ms", "us", "ns"};

#define BFLOAT16 "lance.bfloat16"

static bool parse_i32(const char *s, size_t len, int32_t *ret)
{
	char text[16];
	char *end;
	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = 0;
	long v = strtol(text, &end, 10);
	*ret = (int32_t)v;
	return *end == 0 && v >= INT32_MIN && v <= INT32_MAX;
}

static struct err *unknown(const char *name)
{
	return err_new(EOPNOTSUPP, "logical type %s is not known", name);
}

static struct err *parse_timestamp(const char *name, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	const char *unit = name + strlen("timestamp:");
	const char *zone = strchr(unit, ':');
	size_t len = zone ? (size_t)(zone - unit) : strlen(unit);
	TRY(type_new(TYPE_TIMESTAMP, &t));
	unsigned i = 0;
	while (i < 4 &&
	       (strlen(unit_names[i]) != len || memcmp(unit_names[i], unit, len)))
		i++;
	if (i == 4)
		return unknown(name);
	t->unit = (enum time_unit)i;
	if (zone && strcmp(zone, ":-") != 0) {
		t->timezone = strdup(zone + 1);
		if (!t->timezone)
			return err_nomem();
	}
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse_decimal(const char *name, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	bool wide = str_starts(name, "decimal:256:");
	const char *p = name + strlen("decimal:128:");
	const char *colon = strchr(p, ':');
	TRY(type_new(wide ? TYPE_DECIMAL256 : TYPE_DECIMAL128, &t));
	if (!colon || !parse_i32(p, (size_t)(colon - p), &t->precision) ||
	    !parse_i32(colon + 1, strlen(colon + 1), &t->scale))
		return unknown(name);
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse_fixed_binary(const char *name, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	const char *p = name + strlen("fixed_size_binary:");
	TRY(type_new(TYPE_FIXED_BINARY, &t));
	if (!parse_i32(p, strlen(p), &t->byte_width) || t->byte_width < 0)
		return unknown(name);
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse(const char *name, int depth, struct type **ret);

static struct err *parse_bfloat16_list(int32_t n, struct type **ret)
{
	AUTO(type) struct type *item = NULL;
	AUTO(type) struct type *t = NULL;
	TRY(type_new(TYPE_FIXED_BINARY, &item));
	item->byte_width = 2;
	TRY(type_new_fixed_list(item, n, &t));
	TRY(field_set_metadata(t->children[0], EXTENSION_KEY, BFLOAT16,
			       strlen(BFLOAT16)));
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse_fixed_list(const char *name, int depth, struct type **ret)
{
	AUTO(type) struct type *item = NULL;
	AUTO_MEM char *inner = NULL;
	int32_t n;
	const char *p = name + strlen("fixed_size_list:");
	const char *last = strrchr(p, ':');
	if (!last || !parse_i32(last + 1, strlen(last + 1), &n) || n <= 0)
		return unknown(name);
	inner = strndup(p, (size_t)(last - p));
	if (!inner)
		return err_nomem();
	if (strcmp(inner, BFLOAT16) == 0)
		return parse_bfloat16_list(n, ret);
	TRY(parse(inner, depth + 1, &item));
	return type_new_fixed_list(item, n, ret);
}

/* dict:VALUES:INDEX:false */
static struct err *parse_dictionary(const char *name, int depth, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	AUTO(type) struct type *values = NULL;
	AUTO(type) struct type *index = NULL;
	AUTO_MEM char *text = strdup(name + strlen("dict:"));
	if (!text)
		return err_nomem();
	char *end = strrchr(text, ':');
	if (!end)
		return unknown(name);
	*end = 0;
	char *middle = strrchr(text, ':');
	if (!middle)
		return unknown(name);
	*middle = 0;
	TRY(parse(text, depth + 1, &values));
	TRY(parse(middle + 1, depth + 1, &index));
	if (!type_is_integer(index->id))
		return unknown(name);
	TRY(type_new_nested(TYPE_DICTIONARY, 1, &t));
	t->index_id = index->id;
	TRY(field_new("values", values, true, &t->children[0]));
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse(const char *name, int depth, struct type **ret)
{
	if (depth > VALUE_MAX_DIMS)
		return unknown(name);
	for (size_t i = 0; i < N_SIMPLE; i++) {
		if (strcmp(simple[i].name, name) != 0)
			continue;
		TRY(type_new(simple[i].id, ret));
		(*ret)->unit = simple[i].unit;
		return NULL;
	}
	if (str_starts(name, "timestamp:"))
		return parse_timestamp(name, ret);
	if (str_starts(name, "decimal:128:") || str_starts(name, "decimal:256:"))
		return parse_decimal(name, ret);
	if (str_starts(name, "fixed_size_binary:"))
		return parse_fixed_binary(name, ret);
	if (str_starts(name, "fixed_size_list:"))
		return parse_fixed_list(name, depth, ret);
	if (str_starts(name, "dict:"))
		return parse_dictionary(name, depth, ret);
	return unknown(name);
}

struct err *logical_type_parse(const char *name, struct type **ret)
{
	return parse(name, 0, ret);
}

static const char *simple_name(const struct type *t)
{
	bool has_unit =
		t->id == TYPE_TIME32 || t->id == TYPE_TIME64 || t->id == TYPE_DURATION;
	for (size_t i = 0; i < N_SIMPLE; i++) {
		if (simple[i].id == t->id && (!has_unit || simple[i].unit == t->unit))
			return simple[i].name;
	}
	return NULL;
}

static struct err *format(const struct type *t, int depth, struct buf *out);

static struct err *format_fixed_list(const struct type *t, int depth, struct buf *out)
{
	const struct field *item = t->children[0];
	const char *extension = field_metadata(item, EXTENSION_KEY);
	buf_str(out, "fixed_size_list:");
	if (item->type->id == TYPE_STRUCT)
		buf_str(out, "struct");
	else if (extension && strcmp(extension, BFLOAT16) == 0)
		buf_str(out, BFLOAT16);
	else
		TRY(format(item->type, depth + 1, out));
	buf_printf(out, ":%d", t->list_size);
	return NULL;
}

static struct err *format_dictionary(const struct type *t, int depth, struct buf *out)
{
	struct type index = {.id = t->index_id};
	buf_str(out, "dict:");
	TRY(format(t->children[0]->type, depth + 1, out));
	buf_printf(out, ":%s:false", simple_name(&index));
	return NULL;
}

static struct err *format(const struct type *t, int depth, struct buf *out)
{
	const char *struct_suffix = "";
	if (depth > VALUE_MAX_DIMS)
		return err_new(EOPNOTSUPP, "type nests too deeply");
	if (t->n_children && t->children[0]->type->id == TYPE_STRUCT)
		struct_suffix = ".struct";
	switch (t->id) {
	case TYPE_TIMESTAMP:
		buf_printf(out, "timestamp:%s:%s", unit_names[t->unit],
			   t->timezone ? t->timezone : "-");
		return NULL;
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL256:
		buf_printf(out, "decimal:%d:%d:%d",
			   t->id == TYPE_DECIMAL128 ? 128 : 256, t->precision,
			   t->scale);
		return NULL;
	case TYPE_FIXED_BINARY:
		buf_printf(out, "fixed_size_binary:%d", t->byte_width);
		return NULL;
	case TYPE_FIXED_LIST:
		return format_fixed_list(t, depth, out);
	case TYPE_DICTIONARY:
		return format_dictionary(t, depth, out);
	case TYPE_LIST:
	case TYPE_LARGE_LIST:
		buf_printf(out, "%slist%s", t->id == TYPE_LARGE_LIST ? "large_" : "",
			   struct_suffix);
		return NULL;
	case TYPE_STRUCT:
		buf_str(out, "struct");
		return NULL;
	case TYPE_MAP:
		buf_str(out, "map");
		return NULL;
	default:
		break;
	}
	const char *name = simple_name(t);
	if (!name)
		return err_new(EOPNOTSUPP, "type %d has no name in the format",
			       (int)t->id);
	buf_str(out, name);
	return NULL;
}

struct err *logical_type_format(const struct type *t, char **ret)
{
	struct buf out AUTO_BUF = {0};
	TRY(format(t, 0, &out));
	return buf_take_str(&out, ret);
}
