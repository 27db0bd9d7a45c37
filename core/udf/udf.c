// SPDX-License-Identifier: Apache-2.0
/*
 * udf.c: what a function is called, and its end.
 */
#include "udf/udf_priv.h"

#include <errno.h>

struct err *udf_check_name(const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == '/' || name[i] == 0x7f)
			return err_new(EINVAL,
				       "a function's name has no '/' and no control "
				       "bytes");
	if (len == 0 || len > MAX_NAME_BYTES)
		return err_new(EINVAL, "a function's name has 1 to %d bytes",
			       MAX_NAME_BYTES);
	if (*name == '.' || !utf8_valid(name, len))
		return err_new(EINVAL, "'%s' cannot be a function's name: %s", name,
			       *name == '.' ? "it begins with a dot" : "not UTF-8");
	if (sha256_is_hex(name, len))
		return err_new(EINVAL, "'%s' would be taken for a bundle's hash", name);
	return NULL;
}

void udf_words_free(char **words)
{
	shell_words_free(words);
}

void udf_free(struct udf *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n_outputs; i++) {
		free(u->outputs[i].name);
		type_unref(u->outputs[i].type);
	}
	for (size_t i = 0; i < u->n_models; i++) {
		free(u->models[i].path);
		free(u->models[i].hash);
	}
	udf_words_free(u->command);
	udf_words_free(u->inputs);
	udf_words_free(u->readable);
	free(u->outputs);
	free(u->models);
	free(u->name);
	free(u->interpreter);
	free(u->interpreter_version);
	free(u->lock);
	free(u);
}
