// SPDX-License-Identifier: Apache-2.0
/*
 * type_text.c: the user's names for types, both ways.
 *
 * Fixed-size lists are a suffix, so float32[3][2] is two lists of three; SQL's
 * names are rows of the same table, and names are told apart without case.
 * Member names of structs that are not plain words stand in double quotes,
 * doubled inside as in SQL.
 */
#include "array/array_priv.h"

#include <errno.h>
#include <strings.h>

static const char *const units[] = {"s", "ms", "us", "ns"};

/* The first name of each id is the one that type_format uses. */
static const struct {
	const char *name;
	enum type_id id;
} names[] = {
	{"null", TYPE_NULL},
	{"bool", TYPE_BOOL},
	{"boolean", TYPE_BOOL},
	{"int8", TYPE_INT8},
	{"tinyint", TYPE_INT8},
	{"int16", TYPE_INT16},
	{"smallint", TYPE_INT16},
	{"int32", TYPE_INT32},
	{"int", TYPE_INT32},
	{"integer", TYPE_INT32},
	{"int64", TYPE_INT64},
	{"bigint", TYPE_INT64},
	{"uint8", TYPE_UINT8},
	{"utinyint", TYPE_UINT8},
	{"uint16", TYPE_UINT16},
	{"usmallint", TYPE_UINT16},
	{"uint32", TYPE_UINT32},
	{"uinteger", TYPE_UINT32},
	{"uint64", TYPE_UINT64},
	{"ubigint", TYPE_UINT64},
	{"float16", TYPE_FLOAT16},
	{"halffloat", TYPE_FLOAT16},
	{"half", TYPE_FLOAT16},
	{"float32", TYPE_FLOAT32},
	{"float", TYPE_FLOAT32},
	{"float4", TYPE_FLOAT32},
	{"real", TYPE_FLOAT32},
	{"float64", TYPE_FLOAT64},
	{"double", TYPE_FLOAT64},
	{"float8", TYPE_FLOAT64},
	{"decimal", TYPE_DECIMAL128},
	{"decimal128", TYPE_DECIMAL128},
	{"numeric", TYPE_DECIMAL128},
	{"decimal256", TYPE_DECIMAL256},
	{"date32", TYPE_DATE32},
	{"date", TYPE_DATE32},
	{"date64", TYPE_DATE64},
	{"time32", TYPE_TIME32},
	{"time64", TYPE_TIME64},
	{"time", TYPE_TIME64},
	{"timestamp", TYPE_TIMESTAMP},
	{"duration", TYPE_DURATION},
	{"interval", TYPE_DURATION},
	{"fixed_size_binary", TYPE_FIXED_BINARY},
	{"fixed_binary", TYPE_FIXED_BINARY},
	{"string", TYPE_STRING},
	{"utf8", TYPE_STRING},
	{"varchar", TYPE_STRING},
	{"char", TYPE_STRING},
	{"text", TYPE_STRING},
	{"large_string", TYPE_LARGE_STRING},
	{"binary", TYPE_BINARY},
	{"varbinary", TYPE_BINARY},
	{"bytea", TYPE_BINARY},
	{"blob", TYPE_BINARY},
	{"large_binary", TYPE_LARGE_BINARY},
	{"dictionary", TYPE_DICTIONARY},
	{"list", TYPE_LIST},
	{"large_list", TYPE_LARGE_LIST},
	{"struct", TYPE_STRUCT},
	{"map", TYPE_MAP},
};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

/* --- out --- */

static const char *id_name(enum type_id id)
{
	for (size_t i = 0; i < N_NAMES; i++)
		if (names[i].id == id)
			return names[i].name;
	return "?";
}

static bool word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static void format_member_name(const char *name, struct buf *out)
{
	bool plain = *name != 0;
	for (const char *p = name; *p; p++)
		plain = plain && word_byte(*p);
	if (plain) {
		buf_str(out, name);
		return;
	}
	buf_byte(out, '"');
	for (const char *p = name; *p; p++) {
		if (*p == '"')
			buf_byte(out, '"');
		buf_byte(out, (uint8_t)*p);
	}
	buf_byte(out, '"');
}

static void format_type(const struct type *t, unsigned depth, struct buf *out);

static void format_children(const struct field *const *children, size_t n, bool named,
			    unsigned depth, struct buf *out)
{
	buf_byte(out, '<');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_str(out, ", ");
		if (named) {
			format_member_name(children[i]->name, out);
			buf_str(out, ": ");
		}
		format_type(children[i]->type, depth + 1, out);
	}
	buf_byte(out, '>');
}

static void format_nested(const struct type *t, unsigned depth, struct buf *out)
{
	const struct field *const *children = (const struct field *const *)t->children;
	if (t->id == TYPE_FIXED_LIST) {
		format_type(children[0]->type, depth + 1, out);
		buf_printf(out, "[%d]", t->list_size);
	} else if (t->id == TYPE_DICTIONARY) {
		buf_printf(out, "dictionary<%s, ", id_name(t->index_id));
		format_type(children[0]->type, depth + 1, out);
		buf_byte(out, '>');
	} else if (t->id == TYPE_MAP && t->children[0]->type->n_children == 2) {
		const struct type *entries = t->children[0]->type;
		buf_str(out, "map");
		format_children((const struct field *const *)entries->children, 2,
				false, depth, out);
	} else {
		buf_str(out, id_name(t->id));
		format_children(children, t->n_children, t->id == TYPE_STRUCT, depth,
				out);
	}
}

static void format_decimal(const struct type *t, struct buf *out)
{
	bool wide = t->id == TYPE_DECIMAL256;
	const char *name = wide && t->precision <= 38 ? "decimal256" : "decimal";
	buf_printf(out, "%s(%d,%d)", name, t->precision, t->scale);
}

static void format_type(const struct type *t, unsigned depth, struct buf *out)
{
	if (depth > LIMIT_NESTING) {
		buf_str(out, "...");
		return;
	}
	switch (t->id) {
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL256:
		format_decimal(t, out);
		return;
	case TYPE_FIXED_BINARY:
		buf_printf(out, "fixed_size_binary[%d]", t->byte_width);
		return;
	case TYPE_TIMESTAMP:
		buf_printf(out, "timestamp[%s%s%s]", units[t->unit],
			   t->timezone ? ", " : "", t->timezone ? t->timezone : "");
		return;
	case TYPE_TIME32:
	case TYPE_TIME64:
	case TYPE_DURATION:
		buf_printf(out, "%s[%s]", id_name(t->id), units[t->unit]);
		return;
	default:
		break;
	}
	if (t->n_children || t->id == TYPE_STRUCT)
		format_nested(t, depth, out);
	else
		buf_str(out, id_name(t->id));
}

struct err *type_format(const struct type *t, char **ret)
{
	AUTO_BUF struct buf out = {0};
	format_type(t, 0, &out);
	return buf_take_str(&out, ret);
}

/* --- in --- */

struct reader {
	const char *text, *p;
	unsigned depth;
};

static MUST_CHECK struct err *bad_type(const struct reader *r, const char *why)
{
	return err_new(EINVAL, "type '%s': %s at character %d", r->text, why,
		       (int)(r->p - r->text) + 1);
}

static void skip_space(struct reader *r)
{
	while (*r->p == ' ')
		r->p++;
}

static bool accept(struct reader *r, char c)
{
	skip_space(r);
	if (*r->p != c)
		return false;
	r->p++;
	return true;
}

static MUST_CHECK struct err *expect(struct reader *r, char c)
{
	if (accept(r, c))
		return NULL;
	char why[] = "'?' expected";
	why[1] = c;
	return bad_type(r, why);
}

/* A word of letters, digits and _; empty if there is none. */
static size_t read_word(struct reader *r, const char **ret)
{
	skip_space(r);
	*ret = r->p;
	while (word_byte(*r->p))
		r->p++;
	return (size_t)(r->p - *ret);
}

static MUST_CHECK struct err *read_number(struct reader *r, int32_t max, int32_t *ret)
{
	int32_t v = 0;
	skip_space(r);
	const char *start = r->p;
	for (; *r->p >= '0' && *r->p <= '9'; r->p++)
		if (ckd_mul(&v, v, 10) || ckd_add(&v, v, *r->p - '0') || v > max)
			return bad_type(r, "number too large");
	if (r->p == start)
		return bad_type(r, "number expected");
	*ret = v;
	return NULL;
}

static MUST_CHECK struct err *read_type(struct reader *r, struct type **ret);

static MUST_CHECK struct err *read_child(struct reader *r, const char *name,
					 bool nullable, struct field **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(read_type(r, &t));
	return field_new(name, t, nullable, ret);
}

static MUST_CHECK struct err *read_unit(struct reader *r, struct type *t)
{
	const char *word;
	size_t len = read_word(r, &word);
	for (size_t i = 0; i < 4; i++) {
		if (strlen(units[i]) == len && memcmp(units[i], word, len) == 0) {
			t->unit = (enum time_unit)i;
			return NULL;
		}
	}
	return bad_type(r, "unit s, ms, us or ns expected");
}

static MUST_CHECK struct err *read_zone(struct reader *r, struct type *t)
{
	skip_space(r);
	const char *start = r->p;
	while (*r->p && *r->p != ']')
		r->p++;
	if (r->p == start)
		return bad_type(r, "time zone expected");
	return str_dup_len(start, (size_t)(r->p - start), &t->timezone);
}

static MUST_CHECK struct err *read_time(struct reader *r, struct type *t)
{
	t->unit = t->id == TYPE_TIME32 ? UNIT_MS : UNIT_US;
	if (!accept(r, '['))
		return NULL;
	TRY(read_unit(r, t));
	if (t->id == TYPE_TIMESTAMP && accept(r, ','))
		TRY(read_zone(r, t));
	bool narrow = t->unit == UNIT_S || t->unit == UNIT_MS;
	if ((t->id == TYPE_TIME32 && !narrow) || (t->id == TYPE_TIME64 && narrow))
		return bad_type(r, "time32 is in s or ms, time64 in us or ns,");
	return expect(r, ']');
}

static MUST_CHECK struct err *read_decimal(struct reader *r, struct type *t)
{
	t->precision = 38;
	t->scale = 10;
	if (accept(r, '(')) {
		TRY(read_number(r, 76, &t->precision));
		t->scale = 0;
		if (accept(r, ',')) {
			int sign = accept(r, '-') ? -1 : 1;
			TRY(read_number(r, 76, &t->scale));
			t->scale *= sign;
		}
		TRY(expect(r, ')'));
	}
	if (t->precision < 1 || t->scale > t->precision)
		return bad_type(
			r, "precision from 1 to 76 and a scale within it expected");
	if (t->precision > 38)
		t->id = TYPE_DECIMAL256;
	return NULL;
}

static MUST_CHECK struct err *read_member(struct reader *r, struct field **ret)
{
	AUTO_BUF struct buf name = {0};
	if (accept(r, '"')) {
		for (; *r->p && (*r->p != '"' || r->p[1] == '"'); r->p++) {
			r->p += *r->p == '"';
			buf_byte(&name, (uint8_t)*r->p);
		}
		TRY(expect(r, '"'));
	} else {
		const char *word;
		size_t len = read_word(r, &word);
		if (!len)
			return bad_type(r, "member name expected");
		buf_append(&name, word, len);
	}
	TRY(expect(r, ':'));
	AUTO_MEM char *text = NULL;
	TRY(buf_take_str(&name, &text));
	return read_child(r, text, true, ret);
}

static MUST_CHECK struct err *read_struct(struct reader *r, struct type *t)
{
	TRY(expect(r, '<'));
	if (accept(r, '>'))
		return NULL;
	do {
		AUTO(field) struct field *f = NULL;
		TRY(read_member(r, &f));
		TRY(mem_resize(t->n_children + 1, sizeof(*t->children), &t->children));
		t->children[t->n_children++] = TAKE(f);
	} while (accept(r, ','));
	return expect(r, '>');
}

static MUST_CHECK struct err *read_one_child(struct reader *r, struct type *t,
					     struct field *child)
{
	TRY(mem_array(1, sizeof(*t->children), &t->children));
	t->n_children = 1;
	t->children[0] = field_ref(child);
	return expect(r, '>');
}

static MUST_CHECK struct err *read_list(struct reader *r, struct type *t)
{
	AUTO(field) struct field *item = NULL;
	TRY(expect(r, '<'));
	TRY(read_child(r, "item", true, &item));
	return read_one_child(r, t, item);
}

static MUST_CHECK struct err *read_map(struct reader *r, struct type *t)
{
	AUTO(type) struct type *entries = NULL;
	AUTO(field) struct field *f = NULL;
	TRY(type_new_nested(TYPE_STRUCT, 2, &entries));
	TRY(expect(r, '<'));
	TRY(read_child(r, "key", false, &entries->children[0]));
	TRY(expect(r, ','));
	TRY(read_child(r, "value", true, &entries->children[1]));
	TRY(field_new("entries", entries, false, &f));
	return read_one_child(r, t, f);
}

static MUST_CHECK struct err *read_dictionary(struct reader *r, struct type *t)
{
	AUTO(type) struct type *index = NULL;
	AUTO(field) struct field *values = NULL;
	TRY(expect(r, '<'));
	TRY(read_type(r, &index));
	if (!type_is_integer(index->id))
		return bad_type(r, "integer index type expected");
	t->index_id = index->id;
	TRY(expect(r, ','));
	TRY(read_child(r, "values", true, &values));
	return read_one_child(r, t, values);
}

static MUST_CHECK struct err *read_parameters(struct reader *r, struct type *t)
{
	int32_t ignored_length;
	switch (t->id) {
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL256:
		return read_decimal(r, t);
	case TYPE_TIME32:
	case TYPE_TIME64:
	case TYPE_TIMESTAMP:
	case TYPE_DURATION:
		return read_time(r, t);
	case TYPE_FIXED_BINARY:
		TRY(expect(r, '['));
		TRY(read_number(r, (1 << 28) - 1, &t->byte_width));
		return expect(r, ']');
	case TYPE_STRING:
		if (!accept(r, '('))
			return NULL;
		TRY(read_number(r, INT32_MAX, &ignored_length));
		return expect(r, ')');
	case TYPE_LIST:
	case TYPE_LARGE_LIST:
		return read_list(r, t);
	case TYPE_STRUCT:
		return read_struct(r, t);
	case TYPE_MAP:
		return read_map(r, t);
	case TYPE_DICTIONARY:
		return read_dictionary(r, t);
	default:
		return NULL;
	}
}

static MUST_CHECK struct err *read_base(struct reader *r, struct type **ret)
{
	const char *word;
	size_t len = read_word(r, &word);
	for (size_t i = 0; i < N_NAMES; i++) {
		if (strncasecmp(names[i].name, word, len) != 0 || names[i].name[len])
			continue;
		AUTO(type) struct type *t = NULL;
		TRY(type_new(names[i].id, &t));
		TRY(read_parameters(r, t));
		*ret = TAKE(t);
		return NULL;
	}
	r->p = word;
	return bad_type(r, "no such type");
}

static MUST_CHECK struct err *read_type(struct reader *r, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	unsigned n_suffixes = 0;
	if (++r->depth > LIMIT_NESTING)
		return bad_type(r, "nested too deeply");
	TRY(read_base(r, &t));
	while (accept(r, '[')) {
		AUTO(type) struct type *item = TAKE(t);
		int32_t size;
		if (++n_suffixes + r->depth > LIMIT_NESTING)
			return bad_type(r, "nested too deeply");
		TRY(read_number(r, INT32_MAX, &size));
		TRY(expect(r, ']'));
		TRY(type_new_fixed_list(item, size, &t));
	}
	r->depth--;
	*ret = TAKE(t);
	return NULL;
}

struct err *type_parse(const char *text, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	struct reader r = {.text = text, .p = text};
	TRY(read_type(&r, &t));
	skip_space(&r);
	if (*r.p)
		return bad_type(&r, "unexpected text");
	*ret = TAKE(t);
	return NULL;
}
