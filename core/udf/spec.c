// SPDX-License-Identifier: Apache-2.0
/*
 * spec.c: what is said of a function, as texts, from wherever.
 */
#include "udf/udf_priv.h"

#include <errno.h>

static const char *const key_names[N_SPEC_KEYS] = {
	[KEY_SHAPE] = "shape",
	[KEY_COMMAND] = "command",
	[KEY_OUTPUTS] = "outputs",
	[KEY_INPUTS] = "inputs",
	[KEY_MODELS] = "models",
	[KEY_READABLE] = "readable",
	[KEY_LOCK] = "lock",
	[KEY_INTERPRETER] = "interpreter",
	[KEY_EXECUTABLE] = "executable",
};

const char *spec_key_name(enum spec_key key)
{
	return key_names[key];
}

void spec_fini(struct spec *s)
{
	for (size_t i = 0; i < N_SPEC_KEYS; i++) {
		free(s->values[i].text);
		free(s->values[i].where);
	}
	*s = (struct spec){0};
}

static struct spec_value *find(struct spec *s, const char *name)
{
	if (strcmp(name, "type") == 0) /* one output's, as a rule */
		name = key_names[KEY_OUTPUTS];
	for (size_t i = 0; i < N_SPEC_KEYS; i++)
		if (strcmp(name, key_names[i]) == 0)
			return &s->values[i];
	return NULL;
}

static struct err *no_key(const char *name, const char *where)
{
	AUTO_BUF struct buf all = {0};
	for (size_t i = 0; i < KEY_INTERPRETER; i++)
		buf_printf(&all, ", %s", key_names[i]);
	buf_byte(&all, 0);
	TRY(buf_check(&all));
	return err_new(EINVAL, "%s: no key '%.40s'; there are type%s", where, name,
		       (char *)all.data);
}

static struct err *check_text(const char *text, const char *where)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 && *p != '\t')
			return err_new(EINVAL, "%s: a control byte in the value",
				       where);
	if (!utf8_valid(text, strlen(text)))
		return err_new(EINVAL, "%s: the value is not UTF-8", where);
	return NULL;
}

struct err *spec_say(struct spec *s, const char *name, const char *text,
		     const char *where)
{
	struct spec_value *v = find(s, name);
	if (!v)
		return no_key(name, where);
	if (v->text)
		return err_new(EINVAL, "%s: %s is said already (%s)", where, name,
			       v->where);
	TRY(check_text(text, where));
	TRY(str_dup(text, &v->text));
	return str_dup(where, &v->where);
}

/* After a backslash at its end a line goes on without a blank. */
struct err *spec_go_on(struct spec *s, const char *name, const char *text)
{
	struct spec_value *v = find(s, name);
	AUTO_MEM char *before = NULL;
	if (!v || !v->text)
		return err_new(EINVAL, "an indented line without a key before it");
	TRY(check_text(text, v->where));
	before = TAKE(v->text);
	size_t len = strlen(before);
	bool is_folded = str_ends(before, "\\");
	return str_printf(&v->text, "%.*s%s%s", (int)(len - is_folded), before,
			  is_folded ? "" : " ", text);
}

void spec_merge(struct spec *dst, struct spec *src)
{
	for (size_t i = 0; i < N_SPEC_KEYS; i++) {
		if (dst->values[i].text)
			continue;
		dst->values[i] = src->values[i];
		src->values[i] = (struct spec_value){0};
	}
	spec_fini(src);
}
