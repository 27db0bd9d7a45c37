// SPDX-License-Identifier: Apache-2.0
/*
 * test_expr.c: expressions over a few rows, as pylance 14.0.2 answers them; and what is
 * said of those that cannot be.
 */
#include "expr/expr.h"
#include "query/query.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N_ROWS 4

/* --- rows --- */

static void must(struct err *err)
{
	if (err)
		fail_msg("%s", err->msg);
}

/* An array of text: values between bars, \N is null. */
static struct array *array_of(const char *type, const char *values)
{
	AUTO(type) struct type *t = NULL;
	AUTO(builder) struct builder *b = NULL;
	struct array *a;
	must(type_parse(type, &t));
	must(builder_new(t, &b));
	for (const char *p = values;; p++) {
		size_t n = strcspn(p, "|");
		if (n == 2 && memcmp(p, "\\N", 2) == 0)
			must(builder_null(b));
		else
			must(builder_text(b, p, n));
		p += n;
		if (!*p)
			break;
	}
	must(builder_take(b, &a));
	return a;
}

static const struct {
	const char *name, *type, *values;
} columns[] = {
	{"i", "int32", "1|-2|\\N|2147483647"},
	{"b", "int64", "1|-2|\\N|9223372036854775807"},
	{"f", "float32", "1.5|\\N|nan|-0"},
	{"d", "float64", "1.5|\\N|nan|-0"},
	{"s", "string", "abc|x y|\\N|éß"},
	{"ls", "large_string", "abc|x y|\\N|éß"},
	{"u", "uint64", "1|2|\\N|18446744073709551615"},
	{"u8", "uint8", "1|2|\\N|255"},
	{"l", "list<int32>", "[1, 2]|[]|\\N|[3]"},
	{"v", "float32[2]", "[1, 2]|[3, 4]|\\N|[0, 0]"},
	{"st", "struct<a: int64, b: string>",
	 "{\"a\": 1, \"b\": \"q\"}|{\"a\": 1, \"b\": \"q\"}|{\"a\": 1, \"b\": \"q\"}|"
	 "{\"a\": 1, \"b\": \"q\"}"},
	{"ts", "timestamp[us]",
	 "2020-01-02T03:04:05.678901|2020-01-02T03:04:05.678901|"
	 "2020-01-02T03:04:05.678901|\\N"},
	{"dt", "date32", "2020-01-02|2020-01-02|2020-01-02|\\N"},
	{"bo", "bool", "true|false|\\N|true"},
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static struct array *rows; /* a struct of them */

static int make_rows(void **state)
{
	AUTO(type) struct type *t = NULL;
	struct array *arrays[N_COLUMNS];
	(void)state;
	must(type_new_nested(TYPE_STRUCT, N_COLUMNS, &t));
	for (size_t i = 0; i < N_COLUMNS; i++) {
		arrays[i] = array_of(columns[i].type, columns[i].values);
		must(field_new(columns[i].name, arrays[i]->type, true,
			       &t->children[i]));
	}
	must(array_new(t, N_ROWS, &rows));
	memcpy(rows->children, arrays, sizeof(arrays));
	return 0;
}

static int drop_rows(void **state)
{
	(void)state;
	array_unref(rows);
	return 0;
}

static struct err *eval(const char *text, struct array **ret)
{
	AUTO_SCOPE struct scope scope = {0};
	AUTO(expr) struct expr *e = NULL;
	struct array *inputs[N_COLUMNS];
	TRY(scope_of_array(rows, &scope));
	TRY(scope_compile(&scope, text, EXPR_VALUE, &e));
	for (size_t i = 0; i < expr_n_inputs(e); i++)
		inputs[i] = rows->children[expr_input(e, i).field];
	struct expr_batch batch = {inputs, N_ROWS, 100};
	return expr_eval(e, &batch, ret);
}

/* --- answers --- */

static const struct {
	const char *text, *type, *values;
} answers[] = {
	{"length(s)", "int32", "3|3|\\N|2"},
	{"length(ls)", "int64", "3|3|\\N|2"},
	{"upper(s)", "string", "ABC|X Y|\\N|ÉSS"},
	{"upper(ls)", "large_string", "ABC|X Y|\\N|ÉSS"},
	{"i+1", "int32", "2|-1|\\N|-2147483648"},
	{"(i+1)*2", "int64", "4|-2|\\N|4294967296"},
	{"1+i*2", "int64", "3|-3|\\N|4294967295"},
	{"i/2", "int32", "0|-1|\\N|1073741823"},
	{"i*i", "int32", "1|4|\\N|1"},
	{"b+b", "int64", "2|-4|\\N|-2"},
	{"b*b", "int64", "1|4|\\N|1"},
	{"u+i", "decimal128(21,0)", "2|0|\\N|18446744075857035262"},
	{"u+b", "decimal128(21,0)", "2|0|\\N|27670116110564327422"},
	{"u8+1", "uint8", "2|3|\\N|0"},
	{"u8+u8", "uint8", "2|4|\\N|254"},
	{"u8*u8", "uint8", "1|4|\\N|1"},
	{"u8 between 1 and (u8*3)", "bool", "true|true|\\N|false"},
	{"NULL - NULL", "int64", "\\N|\\N|\\N|\\N"},
	{"md5(0x41) = md5('A')", "bool", "true|true|true|true"},
	{"i = cast(s as int) and 1 = 2", "bool", "false|false|false|false"},
	{"f+1", "float32", "2.5|\\N|nan|1.0"},
	{"f*d", "float64", "2.25|\\N|nan|0.0"},
	{"d/0", "float64", "inf|\\N|nan|nan"},
	{"i/u8", "int32", "1|-1|\\N|8421504"},
	{"coalesce(CASE WHEN i>1 THEN 1 ELSE 2 END, 3)", "int64", "2|2|2|1"},
	{"coalesce(i,0)", "int64", "1|-2|0|2147483647"},
	{"coalesce(i,0.5)", "float64", "1.0|-2.0|0.5|2147483647.0"},
	{"nullif(i,1)", "int64", "\\N|-2|\\N|2147483647"},
	{"s||s", "string", "abcabc|x yx y|\\N|éßéß"},
	{"i % 2", "int32", "1|0|\\N|1"},
	{"-i % 3", "int64", "-1|2|\\N|-1"},
	{"-i", "int32", "-1|2|\\N|-2147483647"},
	{"i::bigint", "int64", "1|-2|\\N|2147483647"},
	{"TRY_CAST(s AS INT)", "int32", "\\N|\\N|\\N|\\N"},
	{"CAST(i AS STRING)", "string", "1|-2|\\N|2147483647"},
	{"CAST(d AS STRING)", "string", "1.5|\\N|NaN|-0.0"},
	{"CAST(ts AS STRING)", "string",
	 "2020-01-02T03:04:05.678901|2020-01-02T03:04:05.678901|2020-01-02T03:04:05."
	 "678901|\\N"},
	{"array_length(l)", "uint64", "2|0|\\N|1"},
	{"l[1]", "int32", "1|\\N|\\N|3"},
	{"v[1]", "float32", "1.0|3.0|\\N|0.0"},
	{"cosine_distance(v,v)", "float64", "2.220446049250313e-16|0.0|\\N|\\N"},
	{"array_distance(v,v)", "float64", "0.0|0.0|\\N|0.0"},
	{"st.a", "int64", "1|1|1|1"},
	{"st['a']", "int64", "1|1|1|1"},
	{"date_part('year',ts)", "int32", "2020|2020|2020|\\N"},
	{"date_trunc('day',ts)", "timestamp[us]",
	 "2020-01-02T00:00:00|2020-01-02T00:00:00|2020-01-02T00:00:00|\\N"},
	{"regexp_match(s,'b')", "list<string>", "[\"b\"]|\\N|\\N|\\N"},
	{"regexp_like(s,'b')", "bool", "true|false|\\N|false"},
	{"regexp_replace(s,'b','X')", "string", "aXc|x y|\\N|éß"},
	{"s like 'a%'", "bool", "true|false|\\N|false"},
	{"i is distinct from 1", "bool", "false|true|true|true"},
	{"i<<2", "int32", "4|-8|\\N|-4"},
	{"abs(i)", "int32", "1|2|\\N|2147483647"},
	{"round(d)", "float64", "2.0|\\N|nan|-0.0"},
	{"round(d,1)", "float64", "1.5|\\N|nan|-0.0"},
	{"sqrt(i)", "float64", "1.0|nan|\\N|46340.950001051984"},
	{"bo is true", "bool", "true|false|false|true"},
	{"i between 1 and 2", "bool", "true|false|\\N|false"},
	{"i in (1,2)", "bool", "true|false|\\N|false"},
	{"concat(s,i)", "string", "abc1|x y-2||éß2147483647"},
	{"\"abc\"", "string", "abc|abc|abc|abc"},
	{"I + 1", "int32", "2|-1|\\N|-2147483648"},
	{"power(i,2)", "float64", "1.0|4.0|\\N|4.6116860141324206e+18"},
	{"1", "int64", "1|1|1|1"},
	{"'a'", "string", "a|a|a|a"},
	{"left(s,1)", "string", "a|x|\\N|é"},
	{"split_part(s,'b',1)", "string", "a|x y|\\N|éß"},
	{"1.5", "float64", "1.5|1.5|1.5|1.5"},
	{"1e400", "float64", "inf|inf|inf|inf"},
	{"18446744073709551615", "uint64",
	 "18446744073709551615|18446744073709551615|18446744073709551615|"
	 "18446744073709551615"},
	{"99999999999999999999", "float64", "1e+20|1e+20|1e+20|1e+20"},
	{"not bo", "bool", "false|true|\\N|false"},
	{"bo and i > 1", "bool", "false|false|\\N|true"},
	{"length(s) + 1", "int64", "4|4|\\N|3"},
	{"length(s)/2", "int64", "1|1|\\N|1"},
	{"length(s) > 2", "bool", "true|true|\\N|false"},
	{"ts - ts", "duration[us]", "0|0|0|\\N"},
	{"dt - dt", "int64", "0|0|0|\\N"},
	{"i is null", "bool", "false|false|true|false"},
	{"bo is not true", "bool", "false|true|true|false"},
	{"i is not distinct from 1", "bool", "true|false|false|false"},
	{"array_has(l, 1)", "bool", "true|false|\\N|false"},
	{"1 = 1", "bool", "true|true|true|true"},
	{"i > null", "bool", "\\N|\\N|\\N|\\N"},
	{"isnan(d)", "bool", "false|\\N|true|false"},
	{"greatest(i,1)", "int64", "1|1|1|2147483647"},
	{"length(\"s\")", "int32", "1|1|1|1"},
	{"length('s')", "int32", "1|1|1|1"},
	{"upper(\"s\")", "string", "S|S|S|S"},
	{"LENGTH(s)", "int32", "3|3|\\N|2"},
	{"ST.a", "int64", "1|1|1|1"},
	{"coalesce(ts - interval '1 day', ts)", "timestamp[us]",
	 "2020-01-01T03:04:05.678901|2020-01-01T03:04:05.678901|2020-01-01T03:04:05."
	 "678901|\\N"},
	{"coalesce(i & 1, 0)", "int64", "1|0|0|1"},
	{"coalesce(i + 1.5, 0)", "float64", "2.5|-0.5|0.0|2147483648.5"},
	{"coalesce(substr(s,2), 'x')", "string", "bc| y|x|ß"},
	{"coalesce(trim(s), 'x')", "string", "abc|x y|x|éß"},
	{"coalesce(dt + 1, dt)", "date32", "2020-01-03|2020-01-03|2020-01-03|\\N"},
	{"coalesce(ts > '2020-01-01', false)", "bool", "true|true|true|false"},
	{"coalesce(i = '1', false)", "bool", "true|false|false|false"},
	{"1 + 1", "int64", "2|2|2|2"},
	{"2147483647 + i", "int32", "-2147483648|2147483645|\\N|-2"},
	{"f = 1.1", "bool", "false|\\N|false|false"},
	{"d > 1 and i = 2", "bool", "false|false|\\N|false"},
	{"not (i = 1)", "bool", "false|true|\\N|true"},
	{"i not in (1, null)", "bool", "false|\\N|\\N|\\N"},
	{"i in (1, null)", "bool", "true|\\N|\\N|\\N"},
	{"s in ('abc', \"x y\")", "bool", "true|true|\\N|false"},
	{"i + i > 3", "bool", "false|false|\\N|false"},
	{"length(s) = 3.0", "bool", "true|true|\\N|false"},
	{"nullif(s, 'abc')", "string", "\\N|x y|\\N|éß"},
	{"nullif(f, 1)", "float32", "1.5|\\N|nan|-0.0"},
	{"f < 0", "bool", "false|\\N|false|false"},
	{"d = 0", "bool", "false|\\N|false|true"},
	{"d in (0)", "bool", "false|\\N|false|true"},
	{"d <= 0", "bool", "false|\\N|false|true"},
	{"d = -0.0", "bool", "false|\\N|false|true"},
	{"d between 0 and 0", "bool", "false|\\N|false|true"},
	{"d > f", "bool", "false|\\N|false|false"},
	{"d = d", "bool", "true|\\N|true|true"},
	{"s like \"a%\"", "bool", "true|false|\\N|false"},
	{"s like null", "bool", "\\N|\\N|\\N|\\N"},
	{"s ilike 'A%'", "bool", "true|false|\\N|false"},
	{"s not like '%b%'", "bool", "false|true|\\N|true"},
	{"s like 'a\\%'", "bool", "false|false|\\N|false"},
	{"l = l", "bool", "true|true|\\N|true"},
	{"st = st", "bool", "true|true|true|true"},
	{"l[0]", "int32", "\\N|\\N|\\N|\\N"},
	{"l[-1]", "int32", "2|\\N|\\N|3"},
	{"l[i]", "int32", "1|\\N|\\N|\\N"},
	{"v = v", "bool", "true|true|\\N|true"},
	{"-9223372036854775808", "float64",
	 "-9.223372036854776e+18|-9.223372036854776e+18|-9.223372036854776e+18|-9."
	 "223372036854776e+18"},
	{"9223372036854775807 + 1", "int64",
	 "-9223372036854775808|-9223372036854775808|-9223372036854775808|-"
	 "9223372036854775808"},
	{"b + 9223372036854775807", "int64",
	 "-9223372036854775808|9223372036854775805|\\N|-2"},
	{"cast(1.9 as int)", "int32", "1|1|1|1"},
	{"cast(-1.9 as int)", "int32", "-1|-1|-1|-1"},
	{"try_cast(3e9 as int)", "int32", "\\N|\\N|\\N|\\N"},
	{"cast(bo as int)", "int32", "1|0|\\N|1"},
	{"cast(i as boolean)", "bool", "true|true|\\N|true"},
	{"cast('true' as boolean)", "bool", "true|true|true|true"},
	{"cast('2020-01-02' as date)", "date32",
	 "2020-01-02|2020-01-02|2020-01-02|2020-01-02"},
	{"cast('2020-01-02 03:04:05' as timestamp)", "timestamp[us]",
	 "2020-01-02T03:04:05|2020-01-02T03:04:05|2020-01-02T03:04:05|2020-01-02T03:04:"
	 "05"},
	{"cast(ts as date)", "date32", "2020-01-02|2020-01-02|2020-01-02|\\N"},
	{"cast(dt as timestamp)", "timestamp[us]",
	 "2020-01-02T00:00:00|2020-01-02T00:00:00|2020-01-02T00:00:00|\\N"},
	{"cast(i as timestamp)", "timestamp[us]",
	 "1970-01-01T00:00:00.000001|1969-12-31T23:59:59.999998|\\N|1970-01-01T00:35:"
	 "47.483647"},
	{"cast(ts as bigint)", "int64",
	 "1577934245678901|1577934245678901|1577934245678901|\\N"},
	{"cast('+12' as int)", "int32", "12|12|12|12"},
	{"cast('1.5' as double)", "float64", "1.5|1.5|1.5|1.5"},
	{"cast('inf' as double)", "float64", "inf|inf|inf|inf"},
	{"cast('NaN' as float)", "float32", "nan|nan|nan|nan"},
	{"cast(1.55 as decimal(10,1))", "decimal128(10,1)", "1.6|1.6|1.6|1.6"},
	{"cast('1.55' as decimal(10,1))", "decimal128(10,1)", "1.6|1.6|1.6|1.6"},
	{"cast(f as string)", "string", "1.5|\\N|NaN|-0.0"},
	{"cast(bo as string)", "string", "true|false|\\N|true"},
	{"cast(dt as string)", "string", "2020-01-02|2020-01-02|2020-01-02|\\N"},
	{"cast(1e20 as string)", "string", "1e20|1e20|1e20|1e20"},
	{"cast(0.1 as string)", "string", "0.1|0.1|0.1|0.1"},
	{"cast(1e-7 as string)", "string", "1e-7|1e-7|1e-7|1e-7"},
	{"cast(cast(1.1 as float) as string)", "string", "1.1|1.1|1.1|1.1"},
	{"cast(l as string)", "string", "[1, 2]|[]|\\N|[3]"},
	{"arrow_cast(i, 'Int64')", "int64", "1|-2|\\N|2147483647"},
	{"i = 1 and s = 'abc' or b < 0", "bool", "true|true|\\N|false"},
	{"i > 0 or null", "bool", "true|\\N|\\N|true"},
	{"null and i > 0", "bool", "\\N|false|\\N|\\N"},
	{"i is not null and 10 / i > 1", "bool", "true|false|false|false"},
	{"coalesce(CASE i WHEN 1 THEN 'one' WHEN -2 THEN 'two' END, 'none')", "string",
	 "one|two|none|none"},
	{"coalesce(CASE WHEN i > 1 THEN i END, 0)", "int64", "0|0|0|2147483647"},
	{"coalesce(CASE WHEN i IS NULL THEN 1.5 WHEN i > 0 THEN 2 END, -1)", "float64",
	 "2.0|-1.0|1.5|2.0"},
	{"coalesce(i & 3, 0) ", "int64", "1|2|0|3"},
	{"coalesce(b | 1, b)", "int64", "1|-1|\\N|9223372036854775807"},
	{"coalesce(i ^ 5, 0)", "int64", "4|-5|0|2147483642"},
	{"coalesce(1 << i, 0)", "int64",
	 "2|4611686018427387904|0|-9223372036854775808"},
	{"coalesce(u8 >> 1, 0)", "int64", "0|1|0|127"},
	{"coalesce(dt - dt, 0)", "int64", "0|0|0|0"},
	{"coalesce(dt + interval '1 month', dt)", "date32",
	 "2020-02-02|2020-02-02|2020-02-02|\\N"},
	{"coalesce(ts - interval '36 hours', ts)", "timestamp[us]",
	 "2019-12-31T15:04:05.678901|2019-12-31T15:04:05.678901|2019-12-31T15:04:05."
	 "678901|\\N"},
	{"coalesce(i IN (1, 2, 3) AND s LIKE '_bc', false)", "bool",
	 "true|false|false|false"},
	{"coalesce(s ~ '^a', false)", "bool", "true|false|false|false"},
	{"coalesce(s LIKE '%', false)", "bool", "true|true|false|true"},
	{"coalesce(s ILIKE 'ABC', false)", "bool", "true|false|false|false"},
	{"coalesce(s NOT LIKE 'a%', true)", "bool", "false|true|true|true"},
	{"coalesce(d BETWEEN 1 AND 2, false)", "bool", "true|false|false|false"},
	{"coalesce(d NOT BETWEEN 1 AND 2, false)", "bool", "false|false|true|true"},
	{"coalesce(CAST(u AS DECIMAL(20,0)) * 2, 0)", "decimal128(38,0)",
	 "2|4|0|36893488147419103230"},
	{"coalesce(CAST(1.5 AS DECIMAL(10,2)) + CAST(2.25 AS DECIMAL(5,3)), 0)",
	 "decimal128(23,3)", "3.750|3.750|3.750|3.750"},
	{"coalesce(f + d, 0)", "float64", "3.0|0.0|nan|-0.0"},
	{"coalesce(f % 1, 0)", "float32", "0.5|0.0|nan|-0.0"},
	{"coalesce(-d, 0)", "float64", "-1.5|0.0|nan|0.0"},
	{"coalesce(i % 2, 0)", "int64", "1|0|0|1"},
	{"s < 'b'", "bool", "true|false|\\N|false"},
	{"d >= 1.5", "bool", "true|\\N|true|false"},
	{"f <> 1.5", "bool", "false|\\N|true|true"},
	{"bo = true", "bool", "true|false|\\N|true"},
	{"bo is not false", "bool", "true|false|true|true"},
	{"ls = 'abc'", "bool", "true|false|\\N|false"},
	{"s || '-' || s", "string", "abc-abc|x y-x y|\\N|éß-éß"},
	{"st.b = 'q'", "bool", "true|true|true|true"},
	{"st['b']", "string", "q|q|q|q"},
	{"l[2]", "int32", "2|\\N|\\N|\\N"},
	{"ts = ts", "bool", "true|true|true|\\N"},
	{"dt <= dt", "bool", "true|true|true|\\N"},
	{"u > 5", "bool", "false|false|\\N|true"},
	{"u = 18446744073709551615", "bool", "false|false|\\N|true"},
	{"i = -2", "bool", "false|true|\\N|false"},
	{"not bo or i > 0", "bool", "true|true|\\N|true"},
	{"(i > 0) is true", "bool", "true|false|false|true"},
};

static void test_answers_are_pylances(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		AUTO(array) struct array *got = NULL;
		AUTO(array)
		struct array *want = array_of(answers[i].type, answers[i].values);
		AUTO_BUF struct buf text = {0};
		struct err *err = eval(answers[i].text, &got);
		if (err)
			fail_msg("%s: %s", answers[i].text, err->msg);
		must(array_validate(got));
		must(text_render(got, &text));
		if (!array_equal(want, got))
			fail_msg("%s: not %s %s but\n%.*s", answers[i].text,
				 answers[i].type, answers[i].values, (int)text.len,
				 (char *)text.data);
	}
}

static void try_text(const char *text)
{
	AUTO(array) struct array *got = NULL;
	AUTO_ERR struct err *err = eval(text, &got);
	if (err)
		assert_int_equal(err->code, EINVAL);
	else
		must(array_validate(got));
}

/* Every prefix of a text, and the text without any one of its bytes, is an answer or a
 * refusal. */
static void test_cut_texts_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		size_t len = strlen(answers[i].text);
		for (size_t at = 0; at < len; at++) {
			AUTO_MEM char *cut = NULL;
			must(str_printf(&cut, "%.*s%s", (int)at, answers[i].text,
					answers[i].text + at + 1));
			try_text(cut);
			cut[at] = 0;
			try_text(cut);
		}
	}
}

/* --- refusals --- */

static const struct {
	const char *text, *message, *detail;
} refusals[] = {
	{"i +", "column 4: a value expected, but the text ends", "  i +\n     ^"},
	{"(i", "column 3: ')' expected, but the text ends", "  (i\n    ^"},
	{"s = 'a", "column 5: the quote ' is not closed", "  s = 'a\n      ^"},
	{"x + 1", "column 1: no column 'x'", "  x + 1\n  ^"},
	{"bu + 1", "column 1: no column 'bu' (did you mean 'b'?)", "  bu + 1\n  ^"},
	{"lenght(s)", "column 1: no function 'lenght' (did you mean 'length'?)",
	 "  lenght(s)\n  ^"},
	{"i + s", "column 3: int32 + string: these types do not go together",
	 "  i + s\n    ^"},
	{"éß + 1", "column 1: no column 'éß'", "  éß + 1\n  ^"},
	{"s || éß", "column 6: no column 'éß'", "  s || éß\n       ^"},
	{"i / 0", "column 3: row 100: division by zero", "  i / 0\n    ^"},
	{"i % (i - i)", "column 3: row 100: division by zero", "  i % (i - i)\n    ^"},
	{"-2147483648 / -1 + CAST(s AS INT)", "column 20: row 100: 'abc' is not int32",
	 "  -2147483648 / -1 + CAST(s AS INT)\n                     ^"},
	{"CASE i", "column 7: WHEN expected, but the text ends", "  CASE i\n        ^"},
	{"i i", "column 3: an operator or the end expected, not 'i'", "  i i\n    ^"},
	{"not s", "column 5: not takes conditions, not string", "  not s\n      ^"},
	{"i ? 1", "column 3: '?' means nothing here", "  i ? 1\n    ^"},
};

static void test_refusals_show_the_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		AUTO(array) struct array *got = NULL;
		AUTO_ERR struct err *err = eval(refusals[i].text, &got);
		assert_non_null(err);
		assert_int_equal(err->code, EINVAL);
		assert_string_equal(err->msg, refusals[i].message);
		assert_string_equal(err->detail, refusals[i].detail);
	}
}

static void test_deep_nesting_is_refused(void **state)
{
	AUTO_BUF struct buf text = {0};
	AUTO(array) struct array *got = NULL;
	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_byte(&text, '(');
	buf_byte(&text, 0);
	must(buf_check(&text));
	AUTO_ERR struct err *err = eval((char *)text.data, &got);
	assert_non_null(err);
	assert_int_equal(err->code, EINVAL);
}

/* A condition made by a program: thousands of alternatives. */
static void test_long_chains_are_taken(void **state)
{
	AUTO_BUF struct buf text = {0};
	AUTO(array) struct array *got = NULL;
	(void)state;
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "%si = %d", i ? " OR " : "", i);
	buf_byte(&text, 0);
	must(buf_check(&text));
	must(eval((char *)text.data, &got));
	assert_true(bit_get(got->data->data, 0));
	assert_false(bit_get(got->data->data, 1));
}

/* What a row does not need is not computed for it. */
static void test_conditions_guard(void **state)
{
	static const char *const texts[] = {
		"i > 0 AND 10 / (i - 1) > 1 OR i IS NULL",
		"i - 1 <> 0 AND 10 / (i - 1) > 1",
		"CASE WHEN i - 1 = 0 THEN 0 ELSE 10 / (i - 1) END",
		"COALESCE(CASE WHEN i = 1 THEN 1 END, 10 / (i - 1))",
	};
	(void)state;
	for (size_t i = 1; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO(array) struct array *got = NULL;
		must(eval(texts[i], &got));
	}
	AUTO(array) struct array *got = NULL;
	AUTO_ERR struct err *err = eval(texts[0], &got);
	assert_non_null(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_pylances),
		cmocka_unit_test(test_cut_texts_are_refused),
		cmocka_unit_test(test_refusals_show_the_place),
		cmocka_unit_test(test_deep_nesting_is_refused),
		cmocka_unit_test(test_long_chains_are_taken),
		cmocka_unit_test(test_conditions_guard),
	};
	return cmocka_run_group_tests(tests, make_rows, drop_rows);
}
