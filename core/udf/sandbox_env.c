// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_env.c: the environment of a function.
 */
#include "udf/sandbox_priv.h"

#include <unistd.h>

static struct err *add_if_set(struct words_out *env, const char *name)
{
	const char *value = getenv(name);
	return value ? words_add(env, "%s=%s", name, value) : NULL;
}

static struct err *add_own(const struct udf *u, const struct udf_limits *l,
			   struct words_out *env)
{
	static const char *const fixed[] = {"LANG=C.UTF-8", "LC_ALL=C.UTF-8",
					    "PYTHONUNBUFFERED=1",
					    "PYTHONDONTWRITEBYTECODE=1", NULL};
	TRY(words_add_all(env, fixed));
	TRY(words_add(env, "LANCEFS_UDF=%s", u->name ? u->name : u->hash));
	if (l->gpus)
		return words_add(env, "CUDA_VISIBLE_DEVICES=%s", l->gpus);
	return add_if_set(env, "CUDA_VISIBLE_DEVICES");
}

/* Several workers share the processors: each is to use one thread. */
static struct err *add_threads(struct words_out *env)
{
	if (getenv("OMP_NUM_THREADS"))
		return add_if_set(env, "OMP_NUM_THREADS");
	return words_add(env, "OMP_NUM_THREADS=1");
}

struct err *sandbox_env(const struct udf *u, const struct udf_limits *l,
			struct words_out *env)
{
	const char *path = getenv("PATH");
	TRY(add_own(u, l, env));
	TRY(add_threads(env));
	TRY(words_add(env, "HOME=/tmp"));
	TRY(words_add(env, "TMPDIR=/tmp"));
	return words_add(env, "PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin");
}

static bool has_variable(const struct words_out *env, const char *pair)
{
	size_t len = strcspn(pair, "=") + 1;
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->words[i], pair, len) == 0)
			return true;
	return false;
}

struct err *plain_env(const struct udf *u, const struct udf_limits *l,
		      struct words_out *env)
{
	TRY(add_own(u, l, env));
	TRY(add_threads(env));
	for (char **pair = environ; *pair; pair++)
		if (!has_variable(env, *pair))
			TRY(words_add(env, "%s", *pair));
	return NULL;
}
