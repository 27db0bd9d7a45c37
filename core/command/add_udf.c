// SPDX-License-Identifier: Apache-2.0
/*
 * add_udf.c: columns of UDFs in commands that know other columns as well: add, refresh.
 */
#include "command/udf_priv.h"

#include <errno.h>

/* "a,b" as words; quoted as in sh where a name has a comma. */
static struct err *split_inputs(const char *text, char ***ret, size_t *ret_n)
{
	*ret_n = 0;
	TRY_CTX(shell_words(text, ",", ret), "--inputs");
	while ((*ret)[*ret_n])
		(*ret_n)++;
	return NULL;
}

struct err *add_udf_columns(const struct command_env *env, const struct words *w,
			    struct type *type, struct version **ret)
{
	AUTO(udf) struct udf *u = NULL;
	char **inputs = NULL;
	const char *text = words_option(w, "inputs");
	struct udf_column_spec spec = {.names = (const char *const *)w->args + 1,
				       .n = w->n_args - 1,
				       .type = type,
				       .is_auto = words_option(w, "auto-backfill")};
	if (words_option(w, "where") || words_option(w, "query") ||
	    words_option(w, "computed"))
		return err_new(EINVAL, "--udf declares columns; backfill has --where");
	TRY(udf_load(table_store(env->table), words_option(w, "udf"), &u));
	spec.udf = u;
	if (text)
		TRY(split_inputs(text, &inputs, &spec.n_inputs));
	spec.inputs = (const char *const *)inputs;
	struct err *err = udf_columns_declare(env->table, env->version, &spec, ret);
	shell_words_free(inputs);
	return err;
}

/* --- refresh --- */

static void put_option(const struct words *w, const char *name, struct buf *line)
{
	const char *value = words_option(w, name);
	if (!value)
		return;
	buf_printf(line, " --%s", name);
	if (*value) {
		buf_byte(line, '=');
		shell_quote(value, line);
	}
}

struct err *refresh_udf(const struct command_env *env, const struct words *w,
			const struct field *f, struct buf *out)
{
	AUTO_BUF struct buf line = {0};
	struct words words = {0};
	bool is_stale, is_missing;
	TRY(udf_column_state(env->table, env->version, f, &is_stale, &is_missing));
	if (!is_stale && !is_missing) {
		buf_printf(out, "%s is up to date\n", f->name);
		return NULL;
	}
	buf_str(&line, "backfill ");
	shell_quote(f->name, &line);
	buf_str(&line, " --stale");
	put_option(w, "workers", &line);
	put_option(w, "on-error", &line);
	put_option(w, "no-sandbox", &line);
	TRY(buf_check(&line));
	TRY(words_split((char *)line.data, line.len, &words));
	struct err *err = command_run(env, &words, out);
	words_fini(&words);
	return err;
}
