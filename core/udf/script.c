// SPDX-License-Identifier: Apache-2.0
/*
 * script.c: what a script's text says without being run.
 */
#include "udf/udf_priv.h"

#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- programs --- */

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

struct err *find_program(const char *name, char **ret)
{
	const char *p = getenv("PATH");
	if (!p)
		p = "/usr/local/bin:/usr/bin:/bin";
	while (*p) {
		size_t len = strcspn(p, ":");
		AUTO_MEM char *path = NULL;
		TRY(str_printf(&path, "%.*s/%s", (int)len, p, name));
		/* what depends on the working directory is not found */
		if (*p == '/' && is_program(path)) {
			*ret = TAKE(path);
			return NULL;
		}
		p += len + (p[len] == ':');
	}
	return NULL;
}

/* --- the first line --- */

static bool is_env_option(const char *word)
{
	return *word == '-' || strchr(word, '=');
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The word that names the program; NULL if none does. */
static char **program_word(char **words)
{
	if (!words[0] || strcmp(base_name(words[0]), "env") != 0)
		return words[0] ? words : NULL;
	char **w = words + 1;
	while (*w && is_env_option(*w))
		w++;
	return *w ? w : NULL;
}

static struct err *take_interpreter(char **words, char **ret_name, char **ret_path)
{
	char **word = program_word(words);
	AUTO_MEM char *name = NULL, *path = NULL;
	if (!word)
		return NULL;
	for (const char *p = *word; *p; p++)
		if (!isgraph((unsigned char)*p))
			return NULL;
	TRY(str_dup(base_name(*word), &name));
	if (**word == '/')
		TRY(str_dup(*word, &path));
	else if (!strchr(*word, '/'))
		TRY(find_program(*word, &path));
	*ret_name = TAKE(name);
	*ret_path = TAKE(path);
	return NULL;
}

struct err *script_interpreter(const uint8_t *head, size_t len, char **ret_name,
			       char **ret_path)
{
	AUTO_MEM char *line = NULL;
	char **words;
	if (len < 3 || head[0] != '#' || head[1] != '!')
		return NULL;
	const uint8_t *newline = memchr(head, '\n', len);
	size_t end = newline ? (size_t)(newline - head) : len;
	if (memchr(head, 0, end))
		return NULL;
	TRY(str_dup_len(head + 2, end - 2, &line));
	/* the kernel knows no quotes; a line that is none of sh's has no program here
	 */
	struct err *err = shell_words(line, " \t\r", &words);
	if (err) {
		err_free(err); /* it only goes without provenance */
		return NULL;
	}
	err = take_interpreter(words, ret_name, ret_path);
	shell_words_free(words);
	return err;
}

/* --- Python's helper --- */

static bool is_import(const char *line, size_t len)
{
	static const char *const starts[] = {"import lancefs_udf", "from lancefs_udf "};
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(starts[i]);
		if (len >= n && memcmp(line, starts[i], n) == 0)
			return true;
	}
	return false;
}

bool script_uses_helper(const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		if (is_import(p, (size_t)((newline ? newline : end) - p)))
			return true;
		p = newline ? newline + 1 : end;
	}
	return false;
}
