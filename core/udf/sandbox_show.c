// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_show.c: what is covered in a sandbox, and what shows through.
 */
#include "udf/sandbox_priv.h"

#include <sys/stat.h>

static const char *const private_dirs[] = {"/tmp", "/var/tmp", "/run"};

#define N_PRIVATE (sizeof(private_dirs) / sizeof(private_dirs[0]))

struct err *cover_private(struct words_out *argv)
{
	for (size_t i = 0; i < N_PRIVATE; i++) {
		struct stat st;
		if (lstat(private_dirs[i], &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		TRY(words_add(argv, "--tmpfs"));
		TRY(words_add(argv, "%s", private_dirs[i]));
	}
	return NULL;
}

/* Is path that directory, or in it? */
static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	while (len > 1 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && (!path[len] || path[len] == '/');
}

static bool is_private(const char *path)
{
	for (size_t i = 0; i < N_PRIVATE; i++)
		if (is_below(path, private_dirs[i]))
			return true;
	return false;
}

static bool is_hidden(const struct udf_limits *l, const char *path)
{
	for (size_t i = 0; i < 4 && l->hidden[i]; i++)
		if (is_below(path, l->hidden[i]))
			return true;
	return false;
}

static bool is_shown(const struct showing *s, const char *path)
{
	for (size_t i = 0; i < s->shown.n; i++)
		if (is_below(path, s->shown.words[i]))
			return true;
	return false;
}

struct err *show(struct showing *s, const char *path)
{
	bool hidden = is_hidden(s->limits, path);
	if (hidden != s->is_late || (!hidden && !is_private(path)))
		return NULL;
	TRY(words_add(&s->shown, "%s", path));
	return words_add_all(s->argv, (const char *[]){"--ro-bind", path, path, NULL});
}

struct err *hide(const struct showing *s)
{
	const struct udf_limits *l = s->limits;
	for (size_t i = 0; i < 4 && l->hidden[i]; i++) {
		if (*l->hidden[i] != '/' || !l->hidden[i][1] ||
		    (is_private(l->hidden[i]) && !is_shown(s, l->hidden[i])))
			continue; /* it is not seen anyway */
		TRY(words_add(s->argv, "--tmpfs"));
		TRY(words_add(s->argv, "%s", l->hidden[i]));
	}
	return NULL;
}

/* --- programs that lie where it is covered: virtual environments --- */

/* PREFIX of PREFIX/bin/NAME, for the libraries beside; else the program's directory. */
static struct err *show_prefix(struct showing *s, const char *program)
{
	AUTO_MEM char *dir = NULL;
	TRY(str_dup(program, &dir));
	char *slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return NULL;
	*slash = 0;
	char *parent = strrchr(dir, '/');
	if (parent && parent != dir && strcmp(parent, "/bin") == 0) {
		*parent = 0;
		bool is_root = is_below("/tmp", dir) || is_below("/var/tmp", dir) ||
			       is_below("/run", dir);
		if (is_root)
			*parent = '/';
	}
	return show(s, dir);
}

struct err *show_program(struct showing *s, const char *program)
{
	AUTO_MEM char *real = NULL;
	if (!program)
		return NULL;
	TRY(show_prefix(s, program));
	real = realpath(program, NULL); /* what is not there fails later, with a text */
	return real && strcmp(real, program) != 0 ? show_prefix(s, real) : NULL;
}
