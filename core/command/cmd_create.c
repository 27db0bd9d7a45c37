// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_create.c: create: a new dataset of a file, or of a part of another dataset.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* Columns that --columns may name. */
#define MAX_NAMES 4096

static struct err *parse_storage(const char *text, enum lance_version *ret)
{
	static const struct {
		const char *text;
		enum lance_version version;
	} versions[] = {{"2.0", LANCE_2_0}, {"2.1", LANCE_2_1}, {"2.2", LANCE_2_2}};
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strcmp(text, versions[i].text) == 0) {
			*ret = versions[i].version;
			return NULL;
		}
	return err_new(EINVAL, "--storage=%s: there are 2.0, 2.1, 2.2", text);
}

static struct err *parse_limit(const char *text, uint64_t *ret)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9')
		return err_new(EINVAL, "--limit=%s: want a number of rows", text);
	*ret = n;
	return NULL;
}

static void show_rows(void *ctx, uint64_t done, uint64_t total)
{
	const struct command_env *env = ctx;
	if (env->progress)
		env->progress(env->ctx, "create", done, total);
}

/* --- from a file --- */

static struct err *from_file(struct create_spec *spec, const struct command_env *env,
			     const char *path, struct table **ret)
{
	AUTO_FILE struct command_file file = {0};
	const struct format_ops *format;
	const char *slash = strrchr(path, '/');
	TRY(rows_file_parse(slash ? slash + 1 : path, &format));
	TRY(command_open(env, path, &file));
	struct import_bytes bytes = {file.read, file.ctx};
	spec->total = file.size;
	TRY_CTX(create_from_file(spec, format, &bytes, ret), "%s", path);
	return NULL;
}

/* --- from a table --- */

static struct err *from_table(struct create_spec *spec, const struct command_env *env,
			      const char *path, const struct words *w,
			      struct table **ret)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *list = NULL;
	const char *names[MAX_NAMES];
	size_t n = 0;
	uint64_t limit = UINT64_MAX;
	const char *columns = words_option(w, "columns");
	TRY(io_store_open_local(path, &store));
	TRY(table_open_with(
		store, &(struct table_options){.log = spec->log, .roots = env->roots},
		&table));
	v = table_latest(table);
	if (words_option(w, "limit"))
		TRY(parse_limit(words_option(w, "limit"), &limit));
	bool is_written =
		version_storage(v) >= LANCE_2_0 && version_storage(v) <= LANCE_2_2;
	if (!words_option(w, "storage") && is_written)
		spec->storage = version_storage(v);
	TRY(str_dup(columns ? columns : "", &list));
	for (char *save, *p = strtok_r(list, ",", &save); p;
	     p = strtok_r(NULL, ",", &save)) {
		if (n == MAX_NAMES)
			return err_new(EINVAL, "--columns names more than %d",
				       MAX_NAMES);
		names[n++] = p;
	}
	return create_from_version(spec, v, columns ? names : NULL, n, limit, ret);
}

/* --- the command --- */

static struct err *create(struct create_spec *spec, const struct command_env *env,
			  const struct words *w, struct table **ret)
{
	const char *from = words_option(w, "from");
	struct stat st;
	if (stat(from, &st) != 0)
		return err_errno(errno, "%s", from);
	if (S_ISDIR(st.st_mode))
		return from_table(spec, env, from, w, ret);
	if (words_option(w, "columns") || words_option(w, "limit"))
		return err_new(EINVAL, "--columns and --limit are for --from=TABLE");
	return from_file(spec, env, from, ret);
}

/* Remove what an attempt that failed has made: empty directories only. */
static void tidy(const char *dataset)
{
	static const char *const dirs[] = {"data", "_versions", "_transactions", "."};
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		AUTO_MEM char *path = NULL;
		struct err *err = str_printf(&path, "%s/%s", dataset, dirs[i]);
		if (!err)
			rmdir(strcmp(dirs[i], ".") == 0 ? dataset : path);
		err_free(err); /* what stays is empty */
	}
}

static struct err *run_create(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(io_store) struct io_store *store = NULL;
	AUTO(table) struct table *table = NULL;
	struct command_env copy = *env;
	struct create_spec spec = {
		.log = env->log,
		.storage = LANCE_2_2,
		.progress = {show_rows, &copy},
	};
	if (!env->dataset)
		return err_new(EOPNOTSUPP, "datasets are made by lancectl");
	if (!words_option(w, "from"))
		return err_new(EINVAL, "--from=FILE or --from=TABLE is missing");
	if (words_option(w, "storage"))
		TRY(parse_storage(words_option(w, "storage"), &spec.storage));
	if (mkdir(env->dataset, 0777) != 0)
		return err_errno(errno, "%s", env->dataset);
	struct err *err = io_store_open_local(env->dataset, &store);
	spec.store = store;
	if (!err)
		err = create(&spec, env, w, &table);
	if (err)
		tidy(env->dataset);
	TRY(err);
	AUTO(version) struct version *v = table_latest(table);
	buf_printf(out, "%s: %" PRIu64 " rows, %zu columns\n", env->dataset,
		   version_rows(v), version_n_fields(v));
	return NULL;
}

static const char *const options[] = {"from", "columns", "limit", "storage", NULL};

const struct command cmd_create = {
	.name = "create",
	.usage = "create --from=FILE|TABLE [--columns=A,B] [--limit=N] "
		 "[--storage=2.0|2.1|2.2]",
	.summary =
		"a new dataset of a csv, jsonl or arrow file, or of a part of another",
	.min_args = 0,
	.max_args = 0,
	.options = options,
	.makes_dataset = true,
	.run = run_create,
};
