// SPDX-License-Identifier: Apache-2.0
/*
 * arrow_type.c: types as text, and back, as Arrow's Rust library names them.
 * Source: arrow-schema's documentation, DataType, Display and FromStr.
 */
#include "expr/arrow_type_priv.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	enum type_id id;
} plain[] = {
	{"Null", TYPE_NULL},
	{"Boolean", TYPE_BOOL},
	{"Int8", TYPE_INT8},
	{"Int16", TYPE_INT16},
	{"Int32", TYPE_INT32},
	{"Int64", TYPE_INT64},
	{"UInt8", TYPE_UINT8},
	{"UInt16", TYPE_UINT16},
	{"UInt32", TYPE_UINT32},
	{"UInt64", TYPE_UINT64},
	{"Float16", TYPE_FLOAT16},
	{"Float32", TYPE_FLOAT32},
	{"Float64", TYPE_FLOAT64},
	{"Date32", TYPE_DATE32},
	{"Date64", TYPE_DATE64},
	{"Utf8", TYPE_STRING},
	{"LargeUtf8", TYPE_LARGE_STRING},
	{"Binary", TYPE_BINARY},
	{"LargeBinary", TYPE_LARGE_BINARY},
	{"Utf8View", TYPE_STRING},
	{"BinaryView", TYPE_BINARY},
};

static const struct {
	const char *name;
	enum type_id id;
} timed[] = {
	{"Time32", TYPE_TIME32},
	{"Time64", TYPE_TIME64},
	{"Timestamp", TYPE_TIMESTAMP},
	{"Duration", TYPE_DURATION},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The first of a unit is the one that is shown. */
static const struct {
	const char *name;
	enum time_unit unit;
} units[] = {
	{"s", UNIT_S},
	{"Second", UNIT_S},
	{"ms", UNIT_MS},
	{"Millisecond", UNIT_MS},
	{"µs", UNIT_US},
	{"us", UNIT_US},
	{"Microsecond", UNIT_US},
	{"ns", UNIT_NS},
	{"Nanosecond", UNIT_NS},
};

static const char *unit_name(enum time_unit unit)
{
	size_t i = 0;
	while (units[i].unit != unit)
		i++;
	return units[i].name;
}

/* --- text --- */

static void put_item(const struct field *f, struct buf *out)
{
	if (!f->nullable)
		buf_str(out, "non-null ");
	arrow_type_format(f->type, out);
	if (strcmp(f->name, "item") != 0)
		buf_printf(out, ", field: '%s'", f->name);
}

static void put_struct(const struct type *t, struct buf *out)
{
	buf_str(out, "Struct(");
	for (size_t i = 0; i < t->n_children; i++) {
		const struct field *f = t->children[i];
		buf_printf(out, "%s\"%s\": %s", i ? ", " : "", f->name,
			   f->nullable ? "" : "non-null ");
		arrow_type_format(f->type, out);
	}
	buf_byte(out, ')');
}

static void put_nested(const struct type *t, struct buf *out)
{
	if (t->id == TYPE_STRUCT) {
		put_struct(t, out);
		return;
	}
	if (t->id == TYPE_FIXED_LIST)
		buf_printf(out, "FixedSizeList(%d x ", (int)t->list_size);
	else
		buf_str(out, t->id == TYPE_LARGE_LIST ? "LargeList("
			     : t->id == TYPE_MAP      ? "Map("
						      : "List(");
	if (t->id == TYPE_MAP) {
		buf_printf(out, "\"%s\": non-null ", t->children[0]->name);
		arrow_type_format(t->children[0]->type, out);
		buf_str(out, ", unsorted");
	} else {
		put_item(t->children[0], out);
	}
	buf_byte(out, ')');
}

void arrow_type_format(const struct type *t, struct buf *out)
{
	for (size_t i = 0; i < COUNT(plain); i++)
		if (plain[i].id == t->id) {
			buf_str(out, plain[i].name);
			return;
		}
	for (size_t i = 0; i < COUNT(timed); i++)
		if (timed[i].id == t->id) {
			buf_printf(out, "%s(%s", timed[i].name, unit_name(t->unit));
			if (t->timezone)
				buf_printf(out, ", \"%s\"", t->timezone);
			buf_byte(out, ')');
			return;
		}
	if (t->id == TYPE_DECIMAL128 || t->id == TYPE_DECIMAL256)
		buf_printf(out, "Decimal%d(%d, %d)",
			   t->id == TYPE_DECIMAL128 ? 128 : 256, (int)t->precision,
			   (int)t->scale);
	else if (t->id == TYPE_FIXED_BINARY)
		buf_printf(out, "FixedSizeBinary(%d)", (int)t->byte_width);
	else if (type_is_nested(t->id))
		put_nested(t, out);
	else
		buf_str(out, "Dictionary");
}

/* --- reading --- */

struct reader {
	const char *p, *end;
	unsigned depth;
};

static struct err *parse(struct reader *r, struct type **ret);

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && *r->p == ' ')
		r->p++;
}

static bool take(struct reader *r, const char *word)
{
	size_t len = strlen(word);
	skip_blanks(r);
	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

static struct err *wrong(const struct reader *r)
{
	return err_new(EINVAL, "no type of Arrow at '%.*s'",
		       (int)MIN_OF(r->end - r->p, (ptrdiff_t)20), r->p);
}

static struct err *expect(struct reader *r, const char *word)
{
	return take(r, word) ? NULL : wrong(r);
}

/* Letters and digits. */
static struct str_part {
	const char *p;
	size_t len;
} take_word(struct reader *r)
{
	skip_blanks(r);
	struct str_part w = {r->p, 0};
	while (r->p < r->end &&
	       ((*r->p >= '0' && *r->p <= '9') ||
		((*r->p | 32) >= 'a' && (*r->p | 32) <= 'z') || (uint8_t)*r->p >= 0x80))
		r->p++;
	w.len = (size_t)(r->p - w.p);
	return w;
}

static bool word_is(struct str_part w, const char *name)
{
	return strlen(name) == w.len && memcmp(w.p, name, w.len) == 0;
}

static struct err *take_number(struct reader *r, int32_t *ret)
{
	int64_t v = 0;
	bool is_negative = take(r, "-");
	struct str_part w = take_word(r);
	for (size_t i = 0; i < w.len; i++) {
		if (w.p[i] < '0' || w.p[i] > '9' || i > 8)
			return wrong(r);
		v = v * 10 + (w.p[i] - '0');
	}
	if (w.len == 0)
		return wrong(r);
	*ret = (int32_t)(is_negative ? -v : v);
	return NULL;
}

static struct err *take_quoted(struct reader *r, char **ret)
{
	TRY(expect(r, "\""));
	const char *close = memchr(r->p, '"', (size_t)(r->end - r->p));
	if (!close)
		return wrong(r);
	TRY(str_dup_len(r->p, (size_t)(close - r->p), ret));
	r->p = close + 1;
	return NULL;
}

static struct err *take_unit(struct reader *r, enum time_unit *ret)
{
	struct str_part w = take_word(r);
	for (size_t i = 0; i < COUNT(units); i++)
		if (word_is(w, units[i].name)) {
			*ret = units[i].unit;
			return NULL;
		}
	return wrong(r);
}

/* , None   , Some("UTC")   , "UTC" */
static struct err *take_zone(struct reader *r, struct type *t)
{
	if (!take(r, ","))
		return NULL;
	if (take(r, "None"))
		return NULL;
	bool is_some = take(r, "Some");
	if (is_some)
		TRY(expect(r, "("));
	TRY(take_quoted(r, &t->timezone));
	return is_some ? expect(r, ")") : NULL;
}

static bool unit_fits(enum type_id id, enum time_unit unit)
{
	return id == TYPE_TIME32   ? unit <= UNIT_MS
	       : id == TYPE_TIME64 ? unit > UNIT_MS
				   : true;
}

static struct err *parse_timed(struct reader *r, enum type_id id, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new(id, &t));
	TRY(expect(r, "("));
	TRY(take_unit(r, &t->unit));
	if (!unit_fits(id, t->unit))
		return wrong(r);
	if (id == TYPE_TIMESTAMP)
		TRY(take_zone(r, t));
	TRY(expect(r, ")"));
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse_decimal(struct reader *r, enum type_id id, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new(id, &t));
	TRY(expect(r, "("));
	TRY(take_number(r, &t->precision));
	TRY(expect(r, ","));
	TRY(take_number(r, &t->scale));
	TRY(expect(r, ")"));
	int32_t most = id == TYPE_DECIMAL128 ? 38 : 76;
	if (t->precision < 1 || t->precision > most || t->scale > t->precision)
		return wrong(r);
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse_list(struct reader *r, enum type_id id, struct type **ret)
{
	AUTO(type) struct type *item = NULL;
	AUTO(type) struct type *t = NULL;
	TRY(type_new_nested(id, 1, &t));
	TRY(expect(r, "("));
	if (id == TYPE_FIXED_LIST) {
		TRY(take_number(r, &t->list_size));
		if (!take(r, "x"))
			TRY(expect(r, ","));
		if (t->list_size < 0)
			return wrong(r);
	}
	bool is_nullable = !take(r, "non-null ");
	(void)take(r, "nullable "); /* the default */
	TRY(parse(r, &item));
	TRY(field_new("item", item, is_nullable, &t->children[0]));
	TRY(expect(r, ")"));
	*ret = TAKE(t);
	return NULL;
}

#define MEMBERS_MAX 256

static struct err *parse_member(struct reader *r, struct field **ret)
{
	AUTO_MEM char *name = NULL;
	AUTO(type) struct type *t = NULL;
	TRY(take_quoted(r, &name));
	TRY(expect(r, ":"));
	bool is_nullable = !take(r, "non-null ");
	(void)take(r, "nullable "); /* the default */
	TRY(parse(r, &t));
	return field_new(name, t, is_nullable, ret);
}

static struct err *parse_members(struct reader *r, struct field **fields, size_t *n)
{
	TRY(expect(r, "("));
	do {
		if (*n == MEMBERS_MAX)
			return wrong(r);
		TRY(parse_member(r, &fields[*n]));
		++*n;
	} while (take(r, ","));
	return expect(r, ")");
}

static struct err *parse_struct(struct reader *r, struct type **ret)
{
	struct field *fields[MEMBERS_MAX];
	size_t n = 0;
	struct type *t;
	struct err *err = parse_members(r, fields, &n);
	if (!err)
		err = type_new_nested(TYPE_STRUCT, n, &t);
	for (size_t i = 0; i < n; i++)
		if (err)
			field_unref(fields[i]);
		else
			t->children[i] = fields[i];
	if (!err)
		*ret = t;
	return err;
}

static struct err *parse_fixed_binary(struct reader *r, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	TRY(type_new(TYPE_FIXED_BINARY, &t));
	TRY(expect(r, "("));
	TRY(take_number(r, &t->byte_width));
	TRY(expect(r, ")"));
	if (t->byte_width < 0)
		return wrong(r);
	*ret = TAKE(t);
	return NULL;
}

static struct err *parse_named(struct reader *r, struct str_part w, struct type **ret)
{
	for (size_t i = 0; i < COUNT(plain); i++)
		if (word_is(w, plain[i].name))
			return type_new(plain[i].id, ret);
	for (size_t i = 0; i < COUNT(timed); i++)
		if (word_is(w, timed[i].name))
			return parse_timed(r, timed[i].id, ret);
	if (word_is(w, "Decimal128"))
		return parse_decimal(r, TYPE_DECIMAL128, ret);
	if (word_is(w, "Decimal256"))
		return parse_decimal(r, TYPE_DECIMAL256, ret);
	if (word_is(w, "List"))
		return parse_list(r, TYPE_LIST, ret);
	if (word_is(w, "LargeList"))
		return parse_list(r, TYPE_LARGE_LIST, ret);
	if (word_is(w, "FixedSizeList"))
		return parse_list(r, TYPE_FIXED_LIST, ret);
	if (word_is(w, "Struct"))
		return parse_struct(r, ret);
	if (word_is(w, "FixedSizeBinary"))
		return parse_fixed_binary(r, ret);
	return err_new(EINVAL, "'%.*s' is no type of Arrow",
		       (int)MIN_OF(w.len, (size_t)40), w.p);
}

static struct err *parse(struct reader *r, struct type **ret)
{
	if (r->depth == 16)
		return wrong(r);
	r->depth++;
	struct err *err = parse_named(r, take_word(r), ret);
	r->depth--;
	return err;
}

struct err *arrow_type_parse(const char *text, size_t len, struct type **ret)
{
	AUTO(type) struct type *t = NULL;
	struct reader r = {text, text + len, 0};
	TRY(parse(&r, &t));
	skip_blanks(&r);
	if (r.p < r.end)
		return wrong(&r);
	*ret = TAKE(t);
	return NULL;
}
