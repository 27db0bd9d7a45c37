// SPDX-License-Identifier: Apache-2.0
/*
 * spec_udf.c: what was said, as values.
 */
#include "udf/udf_priv.h"

#include <errno.h>

#define BLANKS " \t\r"
#define COMMAS " \t\r,"

static struct err *read_words(const struct spec *s, enum spec_key key,
			      const char *between, char ***ret)
{
	const struct spec_value *v = &s->values[key];
	if (!v->text)
		return mem_array(1, sizeof(**ret), ret);
	TRY_CTX(shell_words(v->text, between, ret), "%s: %s", v->where,
		spec_key_name(key));
	return NULL;
}

static struct err *read_text(const struct spec *s, enum spec_key key, char **ret)
{
	return s->values[key].text ? str_dup(s->values[key].text, ret) : NULL;
}

static struct err *read_shape(const struct spec *s, struct udf *u)
{
	const struct spec_value *v = &s->values[KEY_SHAPE];
	u->shape = UDF_LINES;
	if (v->text)
		TRY_CTX(udf_shape_parse(v->text, &u->shape), "%s", v->where);
	return NULL;
}

/* One that says nothing of its outputs has one, of any type. */
static struct err *read_outputs(const struct spec *s, struct udf *u)
{
	const struct spec_value *v = &s->values[KEY_OUTPUTS];
	if (v->text) {
		TRY_CTX(outputs_parse(v->text, u), "%s", v->where);
		return NULL;
	}
	TRY(mem_array(1, sizeof(*u->outputs), &u->outputs));
	u->n_outputs = 1;
	return NULL;
}

/* "sha256:DIGEST:PATH", as the canonical udf.ini has it, or the path alone. */
static struct err *read_model(const char *word, struct udf_model *m)
{
	static const char prefix[] = "sha256:";
	size_t len = sizeof(prefix) - 1;
	if (!str_starts(word, prefix) || strlen(word) <= len + UDF_HASH_LEN ||
	    word[len + UDF_HASH_LEN] != ':' || !sha256_is_hex(word + len, UDF_HASH_LEN))
		return str_dup(word, &m->path);
	TRY(str_dup_len(word + len, UDF_HASH_LEN, &m->hash));
	return str_dup(word + len + UDF_HASH_LEN + 1, &m->path);
}

static struct err *read_models(const struct spec *s, struct udf *u)
{
	char **words = NULL;
	size_t n = 0;
	TRY(read_words(s, KEY_MODELS, BLANKS, &words));
	while (words[n])
		n++;
	struct err *err = mem_array(n, sizeof(*u->models), &u->models);
	for (size_t i = 0; i < n && !err; i++)
		err = read_model(words[i], &u->models[u->n_models++]);
	shell_words_free(words);
	return err;
}

static struct err *read_readable(const struct spec *s, struct udf *u)
{
	TRY(read_words(s, KEY_READABLE, BLANKS, &u->readable));
	for (size_t i = 0; u->readable[i]; i++)
		if (*u->readable[i] != '/')
			return err_new(EINVAL, "%s: '%.200s' is not an absolute path",
				       s->values[KEY_READABLE].where, u->readable[i]);
	return NULL;
}

struct err *spec_to_udf(const struct spec *s, struct udf *u)
{
	TRY(read_shape(s, u));
	TRY(read_words(s, KEY_COMMAND, BLANKS, &u->command));
	TRY(read_outputs(s, u));
	TRY(read_words(s, KEY_INPUTS, COMMAS, &u->inputs));
	TRY(read_models(s, u));
	TRY(read_readable(s, u));
	return read_text(s, KEY_INTERPRETER, &u->interpreter);
}

struct err *spec_executables(const struct spec *s, char ***ret)
{
	return read_words(s, KEY_EXECUTABLE, BLANKS, ret);
}
