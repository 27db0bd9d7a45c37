// SPDX-License-Identifier: Apache-2.0
/*
 * words.c: a command line into words, quoted as in sh.
 */
#include "command/command.h"

#include <errno.h>

void words_fini(struct words *w)
{
	for (size_t i = 0; i < w->n_args; i++)
		free(w->args[i]);
	for (size_t i = 0; i < w->n_options; i++)
		free(w->options[i]);
	free(w->args);
	free(w->options);
	*w = (struct words){0};
}

static struct err *push(char ***list, size_t *n, char *word)
{
	struct err *err = mem_resize(*n + 1, sizeof(**list), list);
	if (err) {
		free(word);
		return err;
	}
	(*list)[(*n)++] = word;
	return NULL;
}

/* Takes the word: an option if it begins with two dashes. */
static struct err *add_word(struct words *w, char *word, bool was_quoted)
{
	if (was_quoted || !str_starts(word, "--") || !word[2])
		return push(&w->args, &w->n_args, word);
	memmove(word, word + 2, strlen(word + 2) + 1);
	return push(&w->options, &w->n_options, word);
}

static struct err *take_word(void *ctx, char *word, bool begins_quoted)
{
	return add_word(ctx, word, begins_quoted);
}

/* "udf" and "add" are one word if that is a command's name. */
static struct err *join_name(struct words *w)
{
	AUTO_MEM char *name = NULL;
	if (w->n_args < 2 || command_find(w->args[0]))
		return NULL;
	TRY(str_printf(&name, "%s %s", w->args[0], w->args[1]));
	if (!command_find(name))
		return NULL;
	free(w->args[0]);
	free(w->args[1]);
	w->args[0] = TAKE(name);
	w->n_args--;
	memmove(w->args + 1, w->args + 2, (w->n_args - 1) * sizeof(*w->args));
	return NULL;
}

struct err *words_split(const char *line, size_t len, struct words *ret)
{
	struct words w = {0};
	struct err *err = shell_split(line, len, " \t\r", take_word, &w);
	if (!err)
		err = join_name(&w);
	if (err)
		words_fini(&w);
	else
		*ret = w;
	return err;
}

struct err *words_from_argv(int argc, char *const *argv, struct words *ret)
{
	struct words w = {0};
	bool only_args = false;
	for (int i = 0; i < argc; i++) {
		char *word;
		if (!only_args && strcmp(argv[i], "--") == 0) {
			only_args = true;
			continue;
		}
		struct err *err = str_dup(argv[i], &word);
		if (!err)
			err = add_word(&w, word, only_args);
		if (err) {
			words_fini(&w);
			return err;
		}
	}
	struct err *err = join_name(&w);
	if (err)
		words_fini(&w);
	else
		*ret = w;
	return err;
}

/* --- a line of words, quoted as a person would who has to read it in jobs/ --- */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("_-+./:,=@%^", c)) || c < 0;
}

/* is_quoted: even where it need not be. */
static void put_word(struct buf *out, const char *word, bool is_quoted)
{
	for (const char *p = word; *p; p++)
		is_quoted |= !is_plain(*p);
	if (!is_quoted) {
		buf_str(out, word);
		return;
	}
	buf_byte(out, '\'');
	for (const char *p = word; *p; p++)
		if (*p == '\'')
			buf_str(out, "'\\''");
		else
			buf_byte(out, (uint8_t)*p);
	buf_byte(out, '\'');
}

/* "--name", and its value quoted: what begins with a quote is no option. */
static void put_option(struct buf *out, const char *option)
{
	size_t len = strcspn(option, "=");
	buf_str(out, " --");
	buf_append(out, option, len);
	if (!option[len])
		return;
	buf_byte(out, '=');
	put_word(out, option + len + 1, false);
}

struct err *words_join(const struct words *w, const char *without, char **ret)
{
	AUTO_BUF struct buf out = {0};
	for (size_t i = 0; i < w->n_args; i++) {
		buf_str(&out, i ? " " : "");
		put_word(&out, w->args[i],
			 !*w->args[i] || str_starts(w->args[i], "--"));
	}
	for (size_t i = 0; i < w->n_options; i++) {
		size_t len = strcspn(w->options[i], "=");
		if (!without || strlen(without) != len ||
		    strncmp(w->options[i], without, len) != 0)
			put_option(&out, w->options[i]);
	}
	TRY(buf_check(&out));
	return buf_take_str(&out, ret);
}

const char *words_option(const struct words *w, const char *name)
{
	size_t len = strlen(name);
	const char *value = NULL;
	for (size_t i = 0; i < w->n_options; i++) {
		const char *o = w->options[i];
		if (strncmp(o, name, len) == 0 && (o[len] == '=' || !o[len]))
			value = o[len] ? o + len + 1 : "";
	}
	return value;
}
