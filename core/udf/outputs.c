// SPDX-License-Identifier: Apache-2.0
/*
 * outputs.c: the values that a function gives a row: "float32", or with names
 * "width:int32, height:int32".
 *
 * A type has commas and colons of its own, inside of its brackets.
 */
#include "udf/udf_priv.h"

#include <ctype.h>
#include <errno.h>

#define MAX_OUTPUTS 1024

/* The first of the bytes that is outside of brackets and quotes, or the end. */
static const char *find_outside(const char *p, char wanted)
{
	int depth = 0;
	bool in_quotes = false;
	for (; *p; p++) {
		if (*p == '"')
			in_quotes = !in_quotes;
		if (in_quotes)
			continue;
		if (*p == wanted && depth == 0)
			return p;
		depth += strchr("<([", *p) != NULL;
		depth -= strchr(">)]", *p) != NULL;
	}
	return p;
}

/* A copy without blanks around it, nor quotes. */
static struct err *take_text(const char *p, const char *end, bool has_quotes,
			     char **ret)
{
	while (p < end && isblank((unsigned char)*p))
		p++;
	while (end > p && isblank((unsigned char)end[-1]))
		end--;
	if (has_quotes && end - p >= 2 && *p == '"' && end[-1] == '"') {
		p++;
		end--;
	}
	return str_dup_len(p, (size_t)(end - p), ret);
}

static struct err *check_name(const struct udf *u, const char *name)
{
	if (!*name || strchr(name, '"') || strlen(name) > MAX_NAME_BYTES)
		return err_new(EINVAL, "'%.200s' cannot be an output's name", name);
	for (size_t i = 0; i + 1 < u->n_outputs; i++)
		if (u->outputs[i].name && strcmp(u->outputs[i].name, name) == 0)
			return err_new(EINVAL, "two outputs are called '%s'", name);
	return NULL;
}

static struct err *add_output(struct udf *u, const char *p, const char *end)
{
	AUTO_MEM char *text = NULL, *type = NULL;
	TRY(take_text(p, end, false, &text));
	const char *colon = find_outside(text, ':');
	if (u->n_outputs == MAX_OUTPUTS)
		return err_new(EINVAL, "over %d outputs", MAX_OUTPUTS);
	TRY(mem_resize(u->n_outputs + 1, sizeof(*u->outputs), &u->outputs));
	struct udf_output *o = &u->outputs[u->n_outputs++];
	*o = (struct udf_output){0};
	if (*colon)
		TRY(take_text(text, colon, true, &o->name));
	TRY(take_text(*colon ? colon + 1 : text, text + strlen(text), false, &type));
	if (o->name)
		TRY(check_name(u, o->name));
	TRY(type_parse(type, &o->type));
	if (!o->name && u->n_outputs > 1)
		return err_new(EINVAL, "one of several outputs needs a name: 'NAME:%s'",
			       type);
	return NULL;
}

struct err *outputs_parse(const char *text, struct udf *u)
{
	for (const char *p = text;;) {
		const char *end = find_outside(p, ',');
		TRY(add_output(u, p, end));
		if (!*end)
			break;
		p = end + 1;
	}
	if (u->n_outputs > 1 && !u->outputs[0].name)
		return err_new(EINVAL, "each of several outputs needs a name: "
				       "'a:float32, b:string'");
	return NULL;
}

static bool is_word(const char *name)
{
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;
	return true;
}

struct err *outputs_format(const struct udf *u, struct buf *out)
{
	for (size_t i = 0; i < u->n_outputs; i++) {
		const struct udf_output *o = &u->outputs[i];
		AUTO_MEM char *type = NULL;
		TRY(type_format(o->type, &type));
		const char *quote = !o->name || is_word(o->name) ? "" : "\"";
		buf_printf(out, "%s%s%s%s%s%s", i ? ", " : "", quote,
			   o->name ? o->name : "", quote, o->name ? ":" : "", type);
	}
	return buf_check(out);
}
