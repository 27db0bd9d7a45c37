// SPDX-License-Identifier: Apache-2.0
/*
 * fn_time_format.c: times as text and back, by strftime's letters.
 *
 * The letters are those of Rust's chrono, which adds %.f, %3f, %:z and others to
 * POSIX's; names of months and days are English ones.
 * Source: chrono's documentation, module format::strftime.
 */
#include "expr/cast_priv.h"
#include "expr/fn_time_priv.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *const months[] = {"January",	  "February", "March",	  "April",
				     "May",	  "June",     "July",	  "August",
				     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
				       "Friday", "Saturday", "Sunday"};

/* --- writing --- */

struct writer {
	const struct moment *m;
	bool has_zone;
	struct buf *out;
	char pad; /* '-' none, '_' blanks, '0' zeros; 0: as usual */
};

/* Padded with zeros, or with blanks if that is usual. */
static void put(struct writer *w, int64_t v, int width, char usual)
{
	char pad = w->pad ? w->pad : usual;
	char text[24];
	bool is_negative = v < 0;
	int n = (int)text_u64(text, (uint64_t)(is_negative ? -v : v));
	if (pad == '_')
		for (int i = n + is_negative; i < width; i++)
			buf_byte(w->out, ' ');
	if (is_negative)
		buf_byte(w->out, '-');
	if (pad == '0')
		for (int i = n; i < width; i++)
			buf_byte(w->out, '0');
	buf_append(w->out, text, (size_t)n);
}

static void put_name(struct writer *w, const char *name, bool is_short)
{
	buf_append(w->out, name, is_short ? 3 : strlen(name));
}

static void put_year(struct writer *w, int64_t year)
{
	if (year > 9999)
		buf_byte(w->out, '+');
	put(w, year, 4, '0');
}

static void put_offset(struct writer *w, int n_colons)
{
	int32_t seconds = w->m->offset < 0 ? -w->m->offset : w->m->offset;
	buf_printf(w->out, "%c%02d%s%02d", w->m->offset < 0 ? '-' : '+', seconds / 3600,
		   n_colons ? ":" : "", seconds / 60 % 60);
	if (n_colons > 1)
		buf_printf(w->out, ":%02d", seconds % 60);
}

static int hour12(const struct moment *m)
{
	return m->hour % 12 ? m->hour % 12 : 12;
}

/* Week of the year, the first beginning with its first Sunday or Monday. */
static int plain_week(const struct moment *m, bool from_monday)
{
	int64_t of_year = m->days - days_of_civil((struct civil){m->date.year, 1, 1});
	int day = from_monday ? weekday(m->days) : (weekday(m->days) + 1) % 7;
	return (int)((of_year + 7 - day) / 7);
}

static bool write_format(struct writer *w, struct str format);

static bool put_nested(struct writer *w, const char *format)
{
	w->pad = 0;
	return write_format(w, (struct str){(const uint8_t *)format, strlen(format)});
}

static bool put_date_letter(struct writer *w, char c)
{
	const struct moment *m = w->m;
	int64_t year;
	int week = iso_week(m->days, &year);
	switch (c) {
	case 'Y':
		put_year(w, m->date.year);
		return true;
	case 'C':
		put(w, floor_div(m->date.year, 100), 2, '0');
		return true;
	case 'y':
		put(w, floor_mod(m->date.year, 100), 2, '0');
		return true;
	case 'm':
		put(w, m->date.month, 2, '0');
		return true;
	case 'q':
		put(w, (m->date.month - 1) / 3 + 1, 1, '0');
		return true;
	case 'b':
	case 'h':
	case 'B':
		put_name(w, months[m->date.month - 1], c != 'B');
		return true;
	case 'd':
	case 'e':
		put(w, m->date.day, 2, c == 'd' ? '0' : '_');
		return true;
	case 'a':
	case 'A':
		put_name(w, weekdays[weekday(m->days)], c == 'a');
		return true;
	case 'w':
		put(w, (weekday(m->days) + 1) % 7, 1, '0');
		return true;
	case 'u':
		put(w, weekday(m->days) + 1, 1, '0');
		return true;
	case 'U':
	case 'W':
		put(w, plain_week(m, c == 'W'), 2, '0');
		return true;
	case 'G':
		put_year(w, year);
		return true;
	case 'g':
		put(w, floor_mod(year, 100), 2, '0');
		return true;
	case 'V':
		put(w, week, 2, '0');
		return true;
	case 'j':
		put(w, m->days - days_of_civil((struct civil){m->date.year, 1, 1}) + 1,
		    3, '0');
		return true;
	default:
		return false;
	}
}

static bool put_clock_letter(struct writer *w, char c)
{
	const struct moment *m = w->m;
	switch (c) {
	case 'H':
	case 'k':
		put(w, m->hour, 2, c == 'H' ? '0' : '_');
		return true;
	case 'I':
	case 'l':
		put(w, hour12(m), 2, c == 'I' ? '0' : '_');
		return true;
	case 'P':
		buf_str(w->out, m->hour < 12 ? "am" : "pm");
		return true;
	case 'p':
		buf_str(w->out, m->hour < 12 ? "AM" : "PM");
		return true;
	case 'M':
		put(w, m->minute, 2, '0');
		return true;
	case 'S':
		put(w, m->second, 2, '0');
		return true;
	case 'f':
		buf_printf(w->out, "%09d", (int)m->nanos);
		return true;
	case 's':
		put(w,
		    m->days * DAY_SECONDS + m->hour * 3600 + m->minute * 60 +
			    m->second - m->offset,
		    1, '0');
		return true;
	case 'z':
	case 'Z':
		if (w->has_zone)
			put_offset(w, c == 'Z');
		return w->has_zone;
	default:
		return false;
	}
}

static const struct {
	char letter;
	const char *format;
} shorthands[] = {
	{'D', "%m/%d/%y"}, {'x', "%m/%d/%y"},	 {'F', "%Y-%m-%d"},
	{'v', "%e-%b-%Y"}, {'R', "%H:%M"},	 {'T', "%H:%M:%S"},
	{'X', "%H:%M:%S"}, {'r', "%I:%M:%S %p"}, {'c', "%a %b %e %H:%M:%S %Y"},
	{'t', "\t"},	   {'n', "\n"},
};

static const char *find_shorthand(char letter)
{
	for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++)
		if (shorthands[i].letter == letter)
			return shorthands[i].format;
	return NULL;
}

static bool put_letter(struct writer *w, char c)
{
	const char *nested = find_shorthand(c);
	if (c == '%') {
		buf_byte(w->out, '%');
		return true;
	}
	if (nested)
		return put_nested(w, nested);
	if (c == '+') {
		if (!w->has_zone)
			return false;
		char text[MOMENT_TEXT];
		buf_append(w->out, text, text_of_moment(text, w->m, false));
		put_offset(w, 1);
		return true;
	}
	return put_date_letter(w, c) || put_clock_letter(w, c);
}

/* The first n digits of the second's fraction. */
static void put_digits(struct writer *w, int n)
{
	char text[16];
	snprintf(text, sizeof(text), "%09d", (int)w->m->nanos);
	buf_append(w->out, text, (size_t)n);
}

/* %.f %.3f %3f %:z %::z %#z and their like: how many bytes behind the '%' it takes; 0:
 * it is none of them. */
static size_t put_special(struct writer *w, const char *p, size_t len)
{
	bool has_point = len > 0 && *p == '.';
	size_t at = has_point;
	if (at < len && has_point && p[at] == 'f') {
		char text[MOMENT_TEXT];
		size_t n = text_of_clock(text, w->m);
		buf_append(w->out, text + 8, n - 8);
		return 2;
	}
	if (at + 1 < len && strchr("369", p[at]) && p[at + 1] == 'f') {
		if (has_point)
			buf_byte(w->out, '.');
		put_digits(w, p[at] - '0');
		return at + 2;
	}
	int n_colons = 0;
	for (at = 0; at < len && p[at] == ':'; at++)
		n_colons++;
	if (at < len && p[at] == 'z' && n_colons && w->has_zone) {
		put_offset(w, n_colons);
		return at + 1;
	}
	return 0;
}

static bool write_format(struct writer *w, struct str format)
{
	const char *p = (const char *)format.p, *end = p + format.len;
	while (p < end) {
		if (*p != '%') {
			buf_byte(w->out, (uint8_t)*p++);
			continue;
		}
		size_t special = put_special(w, p + 1, (size_t)(end - p - 1));
		p++;
		if (special) {
			p += special;
			continue;
		}
		w->pad = p < end && strchr("-_0", *p) && *p ? *p++ : 0;
		if (p == end || !put_letter(w, *p++))
			return false;
	}
	return true;
}

/* --- to_char --- */

struct err *bind_to_char(struct binder *b, struct node *n)
{
	TRY(bind_instant(b, n, 0, false));
	if (!cast_is_time(n->args[0]->type))
		return bind_arg_err(b, n, 0, "a date or time");
	if (!type_is_string(n->args[1]->type->id))
		TRY(bind_cast_id(b, n, 1, TYPE_STRING));
	return bind_type_id(n, TYPE_STRING);
}

struct err *eval_to_char(const struct call *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	AUTO(zone) struct zone *zone = NULL;
	const struct array *a = c->args[0].array;
	TRY(time_zone(a->type, &zone));
	TRY(text_begin(&b, c->node->type, c->n_rows));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		uint64_t at = vec_row(&c->args[0], row);
		struct moment m = {0};
		struct writer w = {&m, zone != NULL, &b.data, 0};
		if (!call_wants(c, row)) {
			TRY(text_null(&b));
			continue;
		}
		bool is_good = a->type->id == TYPE_DURATION
				       ? sql_text(a, at, NULL, &b.data)
				       : time_moment(a, at, zone, &m) &&
						 write_format(&w, arg_str(c, 1, row));
		if (!is_good)
			return call_err(c, row, "no such text of a time");
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}

/* --- reading --- */

struct reader {
	const char *p, *end;
	struct civil date;
	int hour, minute, second, of_year;
	int half; /* of the day: 1 or 2; 0 not said */
	int32_t nanos, offset;
	bool has_date, has_clock, has_offset, has_stamp;
	int64_t stamp;
};

static bool take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || (*r->p >= '\t' && *r->p <= '\r')))
		r->p++;
}

static bool take_number(struct reader *r, int most, int64_t *ret)
{
	int64_t v = 0;
	int n = 0;
	for (; n < most && r->p < r->end && *r->p >= '0' && *r->p <= '9'; n++)
		v = v * 10 + (*r->p++ - '0');
	*ret = v;
	return n > 0;
}

static bool take_int(struct reader *r, int most, int *ret)
{
	int64_t v;
	skip_blanks(r);
	bool is_good = take_number(r, most, &v);
	*ret = (int)v;
	return is_good;
}

static bool take_name(struct reader *r, const char *const *list, int n, int *ret)
{
	for (int i = 0; i < n; i++) {
		size_t len = strlen(list[i]), left = (size_t)(r->end - r->p);
		if (left >= len && strncasecmp(r->p, list[i], len) == 0) {
			r->p += len;
			*ret = i + 1;
			return true;
		}
		if (left >= 3 && strncasecmp(r->p, list[i], 3) == 0) {
			r->p += 3;
			*ret = i + 1;
			return true;
		}
	}
	return false;
}

static bool take_fraction(struct reader *r, int n)
{
	int64_t v;
	const char *first = r->p;
	if (!take_number(r, 9, &v) || (n && r->p - first != n))
		return false;
	for (ptrdiff_t i = r->p - first; i < 9; i++)
		v *= 10;
	while (!n && r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	r->nanos = (int32_t)v;
	return true;
}

/* "+0200", "+02:00", "Z" */
static bool take_offset(struct reader *r)
{
	int64_t hours, minutes = 0;
	skip_blanks(r);
	r->has_offset = true;
	if (take(r, 'Z') || take(r, 'z')) {
		r->offset = 0;
		return true;
	}
	bool is_negative = take(r, '-');
	if (!is_negative && !take(r, '+'))
		return false;
	if (!take_number(r, 2, &hours))
		return false;
	(void)take(r, ':'); /* allowed */
	(void)take_number(r, 2, &minutes);
	r->offset = (int32_t)(hours * 3600 + minutes * 60) * (is_negative ? -1 : 1);
	return true;
}

static bool read_letters(struct reader *r, struct str format);

static bool take_stamp(struct reader *r)
{
	bool is_negative = take(r, '-');
	r->has_stamp = true;
	if (!take_number(r, 18, &r->stamp))
		return false;
	r->stamp = is_negative ? -r->stamp : r->stamp;
	return true;
}

static bool take_year(struct reader *r, int digits)
{
	int64_t v;
	skip_blanks(r);
	bool is_negative = digits == 4 && take(r, '-');
	if (!is_negative && digits == 4)
		(void)take(r, '+'); /* allowed */
	if (!take_number(r, digits, &v))
		return false;
	if (digits == 2)
		v += v < 70 ? 2000 : 1900;
	r->date.year = is_negative ? -v : v;
	r->has_date = true;
	return true;
}

static bool take_half(struct reader *r)
{
	if (r->end - r->p < 2 || (r->p[1] | 32) != 'm')
		return false;
	r->half = (r->p[0] | 32) == 'a' ? 1 : (r->p[0] | 32) == 'p' ? 2 : 0;
	r->p += 2;
	return r->half != 0;
}

static bool read_letter(struct reader *r, char c)
{
	int ignored;
	const char *nested = find_shorthand(c);
	if (nested && c != 't' && c != 'n')
		return read_letters(
			r, (struct str){(const uint8_t *)nested, strlen(nested)});
	switch (c) {
	case 'Y':
		return take_year(r, 4);
	case 'y':
		return take_year(r, 2);
	case 'm':
		return take_int(r, 2, &r->date.month);
	case 'b':
	case 'h':
	case 'B':
		return take_name(r, months, 12, &r->date.month);
	case 'd':
	case 'e':
		return take_int(r, 2, &r->date.day);
	case 'j':
		return take_int(r, 3, &r->of_year);
	case 'a':
	case 'A':
		return take_name(r, weekdays, 7, &ignored);
	case 'H':
	case 'k':
	case 'I':
	case 'l':
		r->has_clock = true;
		return take_int(r, 2, &r->hour);
	case 'p':
	case 'P':
		return take_half(r);
	case 'M':
		return take_int(r, 2, &r->minute);
	case 'S':
		return take_int(r, 2, &r->second);
	case 'f':
		return take_fraction(r, 0);
	case 's':
		return take_stamp(r);
	case 'z':
		return take_offset(r);
	case 't':
	case 'n':
		skip_blanks(r);
		return true;
	default:
		return c == '%' && take(r, '%');
	}
}

/* As put_special: the bytes that it takes, 0 for none; *is_good if it was read. */
static size_t read_special(struct reader *r, const char *p, size_t len, bool *is_good)
{
	bool has_point = len > 0 && *p == '.';
	size_t at = has_point;
	if (has_point && at < len && p[at] == 'f') {
		*is_good = !take(r, '.') || take_fraction(r, 0);
		return 2;
	}
	if (at + 1 < len && strchr("369", p[at]) && p[at + 1] == 'f') {
		*is_good =
			(!has_point || take(r, '.')) && take_fraction(r, p[at] - '0');
		return at + 2;
	}
	for (at = 0; at < len && (p[at] == ':' || p[at] == '#'); at++)
		;
	if (at && at < len && p[at] == 'z') {
		*is_good = take_offset(r);
		return at + 1;
	}
	return 0;
}

static bool read_iso(struct reader *r)
{
	static const char iso[] = "%Y-%m-%dT%H:%M:%S%.f%:z";
	return read_letters(r, (struct str){(const uint8_t *)iso, strlen(iso)});
}

static bool read_letters(struct reader *r, struct str format)
{
	const char *p = (const char *)format.p, *end = p + format.len;
	while (p < end) {
		bool is_good = true;
		if (*p == ' ' || (*p >= '\t' && *p <= '\r')) {
			skip_blanks(r);
			p++;
			continue;
		}
		if (*p != '%') {
			if (!take(r, *p++))
				return false;
			continue;
		}
		size_t special =
			read_special(r, p + 1, (size_t)(end - p - 1), &is_good);
		p++;
		if (special) {
			p += special;
			if (!is_good)
				return false;
			continue;
		}
		if (p < end && strchr("-_0", *p) && *p)
			p++;
		if (p == end || !(*p == '+' ? read_iso(r) : read_letter(r, *p)))
			return false;
		p++;
	}
	return true;
}

static bool clock_of(const struct reader *r, int64_t *ret)
{
	int hour = r->hour, second = r->second;
	if (r->half) {
		if (hour < 1 || hour > 12)
			return false;
		hour = hour % 12 + (r->half == 2 ? 12 : 0);
	}
	*ret = hour * 3600 + r->minute * 60 + second;
	return hour < 24 && r->minute < 60 && second < 61;
}

bool read_formatted(struct str text, struct str format, int64_t *ret_seconds,
		    int32_t *ret_nanos)
{
	struct reader r = {.p = (const char *)text.p,
			   .end = (const char *)text.p + text.len};
	int64_t clock;
	if (!read_letters(&r, format) || r.p < r.end)
		return false;
	*ret_nanos = r.nanos;
	if (r.has_stamp) {
		*ret_seconds = r.stamp;
		return true;
	}
	if (r.of_year && r.has_date) {
		r.date.month = r.date.day = 1;
		r.date = civil_of_days(days_of_civil(r.date) + r.of_year - 1);
	}
	if (!r.has_date || !civil_is_valid(r.date) || !clock_of(&r, &clock))
		return false;
	/* an offset without a time of day does not count */
	*ret_seconds = days_of_civil(r.date) * DAY_SECONDS + clock -
		       (r.has_clock ? r.offset : 0);
	return true;
}
