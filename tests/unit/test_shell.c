// SPDX-License-Identifier: Apache-2.0
/*
 * test_shell.c: words as sh quotes them, both ways.
 */
#include "base/base.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_shell_words__table(void **state)
{
	static const struct {
		const char *line, *between;
		const char *words[5];
	} cases[] = {
		{"", " ", {NULL}},
		{"  ", " ", {NULL}},
		{"a  b\tc", " \t", {"a", "b", "c"}},
		{"'a b' \"c \\\" d\" e\\ f", " ", {"a b", "c \" d", "e f"}},
		{"a, 'b,c',d\\,e", " ,", {"a", "b,c", "d,e"}},
		{"'' \"\" x''", " ", {"", "", "x"}},
		{"a#b #c d", " ", {"a#b"}},
		{"a\\", " ", {"a\\"}},
		{"\"\\a\" '\\a'", " ", {"\\a", "\\a"}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char **words;
		size_t n = 0;
		assert_null(shell_words(cases[i].line, cases[i].between, &words));
		for (; cases[i].words[n]; n++)
			assert_string_equal(words[n], cases[i].words[n]);
		assert_null(words[n]);
		shell_words_free(words);
	}
}

static void test_shell_words__open_quote(void **state)
{
	char **words = NULL;
	(void)state;
	struct err *err = shell_words("a 'b", " ", &words);
	assert_non_null(err);
	assert_int_equal(err->code, EINVAL);
	assert_string_equal(err->msg, "column 3: the quote ' is not closed");
	assert_null(words);
	err_free(err);
}

static void test_shell_quote__is_read_back(void **state)
{
	static const char *const words[] = {"",
					    "a",
					    "a b",
					    "it's",
					    "\"",
					    "\\",
					    "#x",
					    "a,b;c",
					    "ü€",
					    "$(x) `y` *?",
					    "ends in blanks \t"};
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		AUTO_BUF struct buf out = {0};
		char **back;
		shell_quote(words[i], &out);
		buf_byte(&out, 0);
		assert_null(shell_words((const char *)out.data, " ,;", &back));
		assert_string_equal(back[0], words[i]);
		assert_null(back[1]);
		shell_words_free(back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shell_words__table),
		cmocka_unit_test(test_shell_words__open_quote),
		cmocka_unit_test(test_shell_quote__is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
