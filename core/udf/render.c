// SPDX-License-Identifier: Apache-2.0
/*
 * render.c: a function as text and as JSON.
 */
#include "udf/udf_priv.h"

/* --- text: a key a line --- */

static void put_line(const char *key, const char *value, struct buf *out)
{
	if (value)
		buf_printf(out, "%s: %s\n", key, value);
}

static void put_words(const char *key, char *const *words, struct buf *out)
{
	if (!words || !words[0])
		return;
	buf_printf(out, "%s:", key);
	for (size_t i = 0; words[i]; i++) {
		buf_byte(out, ' ');
		shell_quote(words[i], out);
	}
	buf_byte(out, '\n');
}

static void check(struct err *err, struct buf *out)
{
	if (!err)
		return;
	out->failed = true; /* who asks buf_check() is told of the memory */
	err_free(err);
}

static void put_outputs(const struct udf *u, struct buf *out)
{
	if (!u->outputs[0].type)
		return;
	buf_printf(out, "%s: ", u->outputs[0].name ? "outputs" : "type");
	check(outputs_format(u, out), out);
	buf_byte(out, '\n');
}

static void put_interpreter(const struct udf *u, struct buf *out)
{
	const char *version = u->interpreter_version;
	if (u->interpreter)
		buf_printf(out, "interpreter: %s%s%s%s\n", u->interpreter,
			   version ? " (" : "", version ? version : "",
			   version ? ")" : "");
}

static void render_text(const struct udf *u, struct buf *out)
{
	put_line("name", u->name, out);
	put_line("hash", u->hash, out);
	put_line("shape", udf_shape_name(u->shape), out);
	put_words("command", u->command, out);
	put_outputs(u, out);
	put_words("inputs", u->inputs, out);
	for (size_t i = 0; i < u->n_models; i++)
		buf_printf(out, "model: %s sha256:%s\n", u->models[i].path,
			   u->models[i].hash ? u->models[i].hash : "");
	put_words("readable", u->readable, out);
	if (u->lock)
		buf_printf(out, "lock: sha256:%s\n", u->lock);
	put_interpreter(u, out);
}

/* --- JSON --- */

static void json_text(const char *key, const char *value, struct buf *out)
{
	buf_printf(out, ",\n  \"%s\": ", key);
	if (value)
		buf_json_string(out, value, strlen(value));
	else
		buf_str(out, "null");
}

static void json_words(const char *key, char *const *words, struct buf *out)
{
	buf_printf(out, ",\n  \"%s\": [", key);
	for (size_t i = 0; words && words[i]; i++) {
		buf_str(out, i ? ", " : "");
		buf_json_string(out, words[i], strlen(words[i]));
	}
	buf_byte(out, ']');
}

static void json_type(struct type *t, struct buf *out)
{
	AUTO_MEM char *text = NULL;
	check(type_format(t, &text), out);
	if (text)
		buf_json_string(out, text, strlen(text));
}

static void json_outputs(const struct udf *u, struct buf *out)
{
	const char *between = "";
	buf_str(out, ",\n  \"outputs\": [");
	for (size_t i = 0; i < u->n_outputs; i++) {
		const struct udf_output *o = &u->outputs[i];
		if (!o->type)
			continue;
		buf_printf(out, "%s{\"name\": ", between);
		if (o->name)
			buf_json_string(out, o->name, strlen(o->name));
		else
			buf_str(out, "null");
		buf_str(out, ", \"type\": ");
		json_type(o->type, out);
		buf_byte(out, '}');
		between = ", ";
	}
	buf_byte(out, ']');
}

static void json_models(const struct udf *u, struct buf *out)
{
	buf_str(out, ",\n  \"models\": [");
	for (size_t i = 0; i < u->n_models; i++) {
		const char *hash = u->models[i].hash ? u->models[i].hash : "";
		buf_str(out, i ? ", {\"path\": " : "{\"path\": ");
		buf_json_string(out, u->models[i].path, strlen(u->models[i].path));
		buf_str(out, ", \"sha256\": ");
		buf_json_string(out, hash, strlen(hash));
		buf_byte(out, '}');
	}
	buf_byte(out, ']');
}

static void render_json(const struct udf *u, struct buf *out)
{
	buf_printf(out, "{\n  \"hash\": \"%s\"", u->hash);
	json_text("name", u->name, out);
	json_text("shape", udf_shape_name(u->shape), out);
	json_words("command", u->command, out);
	json_outputs(u, out);
	json_words("inputs", u->inputs, out);
	json_models(u, out);
	json_words("readable", u->readable, out);
	json_text("lock", u->lock, out);
	json_text("interpreter", u->interpreter, out);
	json_text("interpreter_version", u->interpreter_version, out);
	buf_str(out, "\n}\n");
}

void udf_render(const struct udf *u, bool json, struct buf *out)
{
	if (json)
		render_json(u, out);
	else
		render_text(u, out);
}
