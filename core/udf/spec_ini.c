// SPDX-License-Identifier: Apache-2.0
/*
 * spec_ini.c: reading udf.ini.
 *
 * inih hands over a line of a value at a time and cuts lines at a length of its own, so
 * the reader below counts the lines and refuses those that would be cut.  It also takes
 * " ;" for the beginning of a comment, which in a command it is not; such semicolons
 * go through it in disguise.
 */
#include "udf/udf_priv.h"

#include <errno.h>
#include <ini.h>

#define DISGUISE '\1' /* of a semicolon; no text has it itself */

struct reading {
	const char *p, *end;
	const char *file;
	unsigned line; /* the last that was read, from 1 */
	bool is_indented;
	struct spec *spec;
	struct err *err; /* owned; the first that went wrong */
};

static struct err *too_long(const struct reading *r, int max)
{
	return err_new(EINVAL,
		       "%s: line %u: longer than %d bytes; go on in an indented line, "
		       "after a backslash if no blank is to come between",
		       r->file, r->line, max);
}

static struct err *copy_line(const struct reading *r, size_t len, char *dst)
{
	size_t first = 0;
	while (first < len && (r->p[first] == ' ' || r->p[first] == '\t'))
		first++;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)r->p[i];
		if (c < 0x20 && c != '\t' && c != '\r')
			return err_new(EINVAL, "%s: line %u: a control byte", r->file,
				       r->line);
		dst[i] = c == ';' && i > first ? DISGUISE : (char)c;
	}
	dst[len] = '\n';
	dst[len + 1] = 0;
	return NULL;
}

/* As fgets does. */
static char *read_line(char *dst, int size, void *ctx)
{
	struct reading *r = ctx;
	if (r->p == r->end || r->err)
		return NULL;
	const char *newline = memchr(r->p, '\n', (size_t)(r->end - r->p));
	size_t len = (size_t)((newline ? newline : r->end) - r->p);
	r->line++;
	if (len + 2 >= (size_t)size) {
		r->err = too_long(r, size - 3);
		return NULL;
	}
	r->err = copy_line(r, len, dst);
	r->is_indented = *dst == ' ' || *dst == '\t';
	r->p += len + (newline != NULL);
	return r->err ? NULL : dst;
}

static struct err *take(struct reading *r, const char *section, const char *name,
			const char *value)
{
	AUTO_MEM char *where = NULL;
	TRY(str_printf(&where, "%s: line %u", r->file, r->line));
	if (*section && strcmp(section, "udf") != 0)
		return err_new(EINVAL, "%s: no section [%.40s]; none is needed", where,
			       section);
	if (r->is_indented)
		return spec_go_on(r->spec, name, value);
	return spec_say(r->spec, name, value, where);
}

static struct err *take_value(struct reading *r, const char *section, const char *name,
			      const char *value)
{
	AUTO_MEM char *text = NULL;
	TRY(str_dup(value, &text));
	for (char *p = text; *p; p++)
		if (*p == DISGUISE)
			*p = ';';
	return take(r, section, name, text);
}

static int take_pair(void *ctx, const char *section, const char *name,
		     const char *value)
{
	struct reading *r = ctx;
	if (!r->err)
		r->err = take_value(r, section, name, value);
	return r->err == NULL;
}

struct err *spec_read_ini(const char *text, size_t len, const char *file,
			  struct spec *ret)
{
	AUTO_SPEC struct spec spec = {0};
	struct reading r = {text, text + len, file, .spec = &spec};
	int line = ini_parse_stream(read_line, &r, take_pair, &r);
	if (!r.err && line)
		r.err = err_new(EINVAL,
				"%s: line %d: neither KEY = VALUE nor a comment", file,
				line);
	if (r.err)
		return r.err;
	*ret = spec;
	spec = (struct spec){0};
	return NULL;
}
