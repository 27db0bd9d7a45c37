// SPDX-License-Identifier: Apache-2.0
/*
 * ini_write.c: the canonical udf.ini.
 *
 * Equal functions get equal bytes: keys in one order, words quoted in one way, no
 * time and no place.  Long values are folded, because inih's lines are short.
 */
#include "udf/udf_priv.h"

#include <errno.h>

#define FOLD_BYTES ((size_t)120)

/* Neither within a character nor before what would be taken for a comment's or a
 * blank's beginning. */
static size_t fold_at(const char *p, size_t len)
{
	if (len <= FOLD_BYTES)
		return len;
	for (size_t at = FOLD_BYTES; at > 1; at--)
		if ((p[at] & 0xc0) != 0x80 && !strchr(" \t;#\\", p[at]) &&
		    !strchr(" \t;#\\", p[at - 1]))
			return at;
	return 0;
}

static struct err *put(enum spec_key key, const struct buf *value, struct buf *out)
{
	const char *p = (const char *)value->data;
	size_t len = value->len;
	TRY(buf_check(value));
	if (len == 0)
		return NULL;
	buf_printf(out, "%s = ", spec_key_name(key));
	while (len) {
		size_t n = fold_at(p, len);
		if (n == 0)
			return err_new(EINVAL, "%s: cannot be written in short lines",
				       spec_key_name(key));
		buf_append(out, p, n);
		p += n;
		len -= n;
		buf_str(out, len ? "\\\n\t" : "\n");
	}
	return NULL;
}

static struct err *put_text(enum spec_key key, const char *text, struct buf *out)
{
	AUTO_BUF struct buf value = {0};
	buf_str(&value, text ? text : "");
	return put(key, &value, out);
}

static struct err *put_words(enum spec_key key, char *const *words, size_t n,
			     struct buf *out)
{
	AUTO_BUF struct buf value = {0};
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_byte(&value, ' ');
		shell_quote(words[i], &value);
	}
	return put(key, &value, out);
}

static size_t count(char *const *words)
{
	size_t n = 0;
	while (words[n])
		n++;
	return n;
}

static struct err *put_models(const struct udf *u, struct buf *out)
{
	AUTO_BUF struct buf value = {0};
	for (size_t i = 0; i < u->n_models; i++) {
		buf_printf(&value, "%ssha256:%s:", i ? " " : "", u->models[i].hash);
		shell_quote(u->models[i].path, &value);
	}
	return put(KEY_MODELS, &value, out);
}

static struct err *put_outputs(const struct udf *u, struct buf *out)
{
	AUTO_BUF struct buf value = {0};
	if (u->outputs[0].type)
		TRY(outputs_format(u, &value));
	return put(KEY_OUTPUTS, &value, out);
}

struct err *udf_write_ini(const struct udf *u, const char *lock,
			  char *const *executables, size_t n, struct buf *out)
{
	TRY(put_text(KEY_SHAPE, udf_shape_name(u->shape), out));
	TRY(put_words(KEY_COMMAND, u->command, count(u->command), out));
	TRY(put_outputs(u, out));
	TRY(put_words(KEY_INPUTS, u->inputs, count(u->inputs), out));
	TRY(put_models(u, out));
	TRY(put_words(KEY_READABLE, u->readable, count(u->readable), out));
	TRY(put_text(KEY_LOCK, lock, out));
	TRY(put_text(KEY_INTERPRETER, u->interpreter, out));
	TRY(put_words(KEY_EXECUTABLE, executables, n, out));
	return buf_check(out);
}
