// SPDX-License-Identifier: Apache-2.0
/*
 * json_read.c: text to a JSON value, by json-c.
 *
 * json-c 0.16 makes 0 of -0 and of an integer beyond 64 bits the largest that it has;
 * so these get a fraction before it sees them, with which it keeps their text.
 */
#include "format/json_priv.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

#define SURE_DIGITS 18 /* that every 64-bit integer can have */

struct json_reader {
	struct json_tokener *tokener; /* owned */
	struct buf text;	      /* with numbers that were changed */
};

struct err *json_reader_new(struct json_reader **ret)
{
	struct json_reader *r = NULL;
	TRY(mem_new(&r));
	r->tokener = json_tokener_new_ex(LIMIT_NESTING + 2);
	if (!r->tokener) {
		json_reader_free(r);
		return err_nomem();
	}
	json_tokener_set_flags(r->tokener, JSON_TOKENER_STRICT);
	*ret = r;
	return NULL;
}

void json_reader_free(struct json_reader *r)
{
	if (!r)
		return;
	if (r->tokener)
		json_tokener_free(r->tokener);
	buf_fini(&r->text);
	free(r);
}

/* --- numbers --- */

/* Behind the string that begins at t[at]. */
static size_t skip_string(const char *t, size_t len, size_t at)
{
	for (at++; at < len && t[at] != '"'; at++)
		at += t[at] == '\\';
	return at + 1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Where an integer ends that json-c would change, from `at`; len if there is none but
 * maybe a whole value. */
static size_t wide_integer(const char *t, size_t len, size_t at)
{
	while (at < len) {
		size_t first = at;
		if (t[at] == '"') {
			at = skip_string(t, len, at);
			continue;
		}
		if (!is_digit(t[at]) && t[at] != '-') {
			at++;
			continue;
		}
		at += t[at] == '-';
		size_t digits = at;
		while (at < len && is_digit(t[at]))
			at++;
		bool integer = at == len || !strchr(".eE", t[at]);
		bool negative_zero = at - first == 2 && memcmp(t + first, "-0", 2) == 0;
		if (integer && (at - digits > SURE_DIGITS || negative_zero))
			return at;
		while (at < len && (is_digit(t[at]) || strchr("+-.eE", t[at])))
			at++;
	}
	return len;
}

/* The text, or a copy with fractions. */
static struct err *widen_integers(struct json_reader *r, const char **text, size_t *len)
{
	const char *t = *text;
	size_t at = 0, end = wide_integer(t, *len, 0);
	if (end == *len)
		return NULL;
	r->text.len = 0;
	for (; end < *len; end = wide_integer(t, *len, end)) {
		buf_append(&r->text, t + at, end - at);
		buf_str(&r->text, ".0");
		at = end;
	}
	buf_append(&r->text, t + at, *len - at);
	TRY(buf_check(&r->text));
	*text = (const char *)r->text.data;
	*len = r->text.len;
	return NULL;
}

const char *json_number_text(struct json_object *o, char scratch[NUMBER_TEXT_MAX],
			     size_t *ret_len)
{
	if (json_object_get_type(o) == json_type_int) {
		*ret_len = text_i64(scratch, json_object_get_int64(o));
		return scratch;
	}
	const char *text = json_object_get_userdata(o);
	double d = json_object_get_double(o);
	if (!text)
		text = isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity";
	*ret_len = strlen(text);
	return text;
}

/* --- values --- */

static struct err *not_json(struct json_tokener *t)
{
	enum json_tokener_error e = json_tokener_get_error(t);
	if (e == json_tokener_continue || e == json_tokener_error_parse_eof)
		return err_new(EINVAL, "the JSON value does not end");
	return err_new(EINVAL, "not JSON at character %zu: %s",
		       json_tokener_get_parse_end(t) + 1, json_tokener_error_desc(e));
}

struct err *json_read(struct json_reader *r, const char *text, size_t len,
		      struct json_object **ret)
{
	if (len > LIMIT_JSON_BYTES)
		return err_new(EINVAL, "a JSON value of %zu bytes", len);
	if (!utf8_valid(text, len))
		return err_new(EINVAL, "the line is not UTF-8");
	TRY(widen_integers(r, &text, &len));
	json_tokener_reset(r->tokener);
	AUTO(json_object)
	struct json_object *o = json_tokener_parse_ex(r->tokener, text, (int)len);
	bool ended = json_tokener_get_parse_end(r->tokener) == len;
	if (json_tokener_get_error(r->tokener) == json_tokener_continue && ended) {
		/* a number may go on, until a NUL says otherwise */
		o = json_tokener_parse_ex(r->tokener, "", 1);
		ended = true;
	}
	if (json_tokener_get_error(r->tokener) != json_tokener_success)
		return not_json(r->tokener);
	if (!ended)
		return err_new(EINVAL, "text behind the JSON value");
	*ret = TAKE(o);
	return NULL;
}
