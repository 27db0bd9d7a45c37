// SPDX-License-Identifier: Apache-2.0
/*
 * add_udf.c: add NAME… --udf=U: columns that a UDF will compute.
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
