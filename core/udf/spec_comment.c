// SPDX-License-Identifier: Apache-2.0
/*
 * spec_comment.c: what a script says of itself in a comment near its top:
 *
 *   # lancefs: shape=arrow type=float32 inputs=caption
 *
 * Any language's comments do: what stands before the word is no letter or digit.
 */
#include "udf/udf_priv.h"

#include <ctype.h>
#include <errno.h>

#define TOP_LINES 20

struct reading {
	struct spec *spec;
	const char *where;
};

static struct err *take_word(void *ctx, char *word, bool begins_quoted)
{
	AUTO_MEM char *text = word;
	const struct reading *r = ctx;
	char *value = strchr(text, '=');
	(void)begins_quoted;
	if (strcmp(text, "*/") == 0 || strcmp(text, "-->") == 0)
		return NULL; /* the comment's end */
	if (!value)
		return err_new(EINVAL, "%s: '%.40s' is not KEY=VALUE", r->where, text);
	*value++ = 0;
	return spec_say(r->spec, text, value, r->where);
}

/* What follows the marker in a line, NULL if there is none. */
static const char *after_marker(const char *line, const char *end)
{
	static const char marker[] = "lancefs:";
	size_t len = sizeof(marker) - 1;
	const char *p = line;
	while (p < end && !isalnum((unsigned char)*p))
		p++;
	/* at its very beginning it would be no comment */
	if (p == line || (size_t)(end - p) < len || memcmp(p, marker, len) != 0)
		return NULL;
	return p + len;
}

static struct err *read_line(const char *line, const char *end, const char *where,
			     struct spec *spec)
{
	struct reading r = {spec, where};
	const char *p = after_marker(line, end);
	if (!p)
		return NULL;
	struct err *err = shell_split(p, (size_t)(end - p), " \t\r", take_word, &r);
	if (err && !str_starts(err->msg, where))
		err = err_wrap(err, "%s", where);
	return err;
}

struct err *spec_read_comment(const char *text, size_t len, const char *file,
			      struct spec *ret)
{
	AUTO_SPEC struct spec spec = {0};
	const char *p = text, *end = text + len;
	for (unsigned line = 1; p < end && line <= TOP_LINES; line++) {
		AUTO_MEM char *where = NULL;
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *line_end = newline ? newline : end;
		TRY(str_printf(&where, "%s: line %u", file, line));
		TRY(read_line(p, line_end, where, &spec));
		p = newline ? newline + 1 : end;
	}
	*ret = spec;
	spec = (struct spec){0};
	return NULL;
}
