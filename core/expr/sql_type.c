// SPDX-License-Identifier: Apache-2.0
/*
 * sql_type.c: types by the names that they have in SQL.
 *
 * The user's names of lancefs (type_parse) hold as well, and come first: int8 is an
 * integer of 8 bits.
 */
#include "expr/expr_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Names of SQL that type_parse does not know, with a number behind or without. */
static const struct {
	const char *name;
	enum type_id id;
} names[] = {
	{"tinyint unsigned", TYPE_UINT8},
	{"unsigned tinyint", TYPE_UINT8},
	{"smallint unsigned", TYPE_UINT16},
	{"unsigned smallint", TYPE_UINT16},
	{"int2 unsigned", TYPE_UINT16},
	{"int unsigned", TYPE_UINT32},
	{"integer unsigned", TYPE_UINT32},
	{"unsigned integer", TYPE_UINT32},
	{"int4 unsigned", TYPE_UINT32},
	{"bigint unsigned", TYPE_UINT64},
	{"unsigned bigint", TYPE_UINT64},
	{"int8 unsigned", TYPE_UINT64},
	{"int2", TYPE_INT16},
	{"int4", TYPE_INT32},
	{"float4", TYPE_FLOAT32},
	{"float8", TYPE_FLOAT64},
	{"double precision", TYPE_FLOAT64},
	{"char", TYPE_STRING},
	{"character", TYPE_STRING},
	{"varchar", TYPE_STRING},
	{"character varying", TYPE_STRING},
	{"text", TYPE_STRING},
	{"string", TYPE_STRING},
	{"bytea", TYPE_BINARY},
	{"blob", TYPE_BINARY},
	{"binary", TYPE_BINARY},
	{"varbinary", TYPE_BINARY},
};

#define WORDS_MAX 64
/* Of DECIMAL without numbers. */
#define DECIMAL_DEFAULT_PRECISION 38
#define DECIMAL_DEFAULT_SCALE 10

/* In lower case, blanks made one, what is in parentheses apart. */
struct words {
	char text[WORDS_MAX];
	char inside[WORDS_MAX];
	bool has_inside;
};

static bool split(const char *text, struct words *w)
{
	size_t n = 0, n_inside = 0;
	bool is_inside = false;
	*w = (struct words){0};
	for (; *text; text++) {
		char c = *text >= 'A' && *text <= 'Z' ? (char)(*text | 32) : *text;
		bool is_blank = c == ' ' || (c >= '\t' && c <= '\r');
		if (n + 1 >= WORDS_MAX || n_inside + 1 >= WORDS_MAX)
			return false;
		if (c == '(' || c == ')') {
			if (is_inside != (c == ')') || (c == '(' && w->has_inside))
				return false;
			is_inside = c == '(';
			w->has_inside = true;
		} else if (is_inside) {
			if (!is_blank)
				w->inside[n_inside++] = c;
		} else if (!is_blank) {
			w->text[n++] = c;
		} else if (n && w->text[n - 1] != ' ') {
			w->text[n++] = ' ';
		}
	}
	while (n && w->text[n - 1] == ' ')
		w->text[--n] = 0;
	return !is_inside;
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

static struct err *parse_timestamp(const struct words *w, struct type **ret)
{
	static const char digits[] = "0369";
	const char *d = w->has_inside ? strchr(digits, w->inside[0]) : "6";
	if (!d || !*d || (w->has_inside && strlen(w->inside) != 1))
		return err_new(EINVAL,
			       "a timestamp has 0, 3, 6 or 9 digits of seconds");
	const char *at = strchr(digits, *d);
	return type_new_unit(TYPE_TIMESTAMP, (enum time_unit)(at - digits), NULL, ret);
}

static struct err *parse_decimal(const struct words *w, struct type **ret)
{
	long precision = DECIMAL_DEFAULT_PRECISION, scale = DECIMAL_DEFAULT_SCALE;
	if (w->has_inside) {
		char *end;
		precision = strtol(w->inside, &end, 10);
		scale = *end == ',' ? strtol(end + 1, &end, 10) : 0;
		if (*end || end == w->inside)
			return err_new(EINVAL, "'%s' is no precision", w->inside);
	}
	if (precision < 1 || precision > 38 || scale > precision || scale < 0)
		return err_new(EINVAL, "decimals have 1 to 38 digits, and no more "
				       "than those behind the point");
	return type_new_decimal((int32_t)precision, (int32_t)scale, ret);
}

struct err *sql_type_parse(const char *text, struct type **ret)
{
	static const char *const timestamps[] = {"timestamp", "datetime",
						 "timestamp without time zone", NULL};
	static const char *const decimals[] = {"decimal", "numeric", NULL};
	static const char *const times[] = {"time", "time without time zone", NULL};
	struct words w;
	if (split(text, &w)) {
		if (is_one_of(w.text, timestamps))
			return parse_timestamp(&w, ret);
		if (is_one_of(w.text, decimals))
			return parse_decimal(&w, ret);
		if (is_one_of(w.text, times) && !w.has_inside)
			return type_new_unit(TYPE_TIME64, UNIT_NS, NULL, ret);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(names[i].name, w.text) == 0)
				return type_new(names[i].id, ret);
	}
	return type_parse(text, ret);
}
