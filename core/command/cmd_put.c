// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_put.c: put FILE: a file becomes a column, as cp into columns/ does.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)1 << 20)

static struct err *read_at(void *ctx, uint64_t off, size_t len, void *dst,
			   size_t *ret_len)
{
	const int *fd = ctx;
	ssize_t n;
	do
		n = pread(*fd, dst, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(errno, "read");
	*ret_len = (size_t)n;
	return NULL;
}

static struct err *push_file(const struct command_env *env, int fd, const char *file,
			     struct column_import *im)
{
	AUTO_MEM uint8_t *chunk = NULL;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(errno, "%s", file);
	TRY(mem_array(CHUNK_BYTES, 1, &chunk));
	for (uint64_t off = 0;;) {
		size_t n;
		TRY_CTX(read_at(&fd, off, CHUNK_BYTES, chunk, &n), "%s", file);
		if (n == 0)
			return NULL;
		TRY(import_push(im, chunk, n));
		off += n;
		if (env->progress)
			env->progress(env->ctx, file, off, (uint64_t)st.st_size);
	}
}

/* The column's name and type: the file's name, overridden by options. */
static struct err *open_import(const struct command_env *env, const struct words *w,
			       const char *base_name, char **ret_name,
			       struct column_import **ret)
{
	AUTO(type) struct type *type = NULL;
	AUTO_MEM char *name = NULL;
	const char *said_name = words_option(w, "name");
	const char *said_type = words_option(w, "type");
	struct import_spec spec = {.text = base_name};
	TRY(column_file_parse(env->version, base_name, &name, &type, &spec.format));
	if (said_name) {
		free(TAKE(name));
		TRY(str_dup(said_name, &name));
	}
	if (said_type) {
		type_unref(TAKE(type));
		TRY_CTX(type_parse(said_type, &type), "--type");
	}
	spec.name = name;
	spec.type = type;
	TRY(import_open(env->table, env->version, &spec, ret));
	*ret_name = TAKE(name);
	return NULL;
}

static struct err *run_put(const struct command_env *env, const struct words *w,
			   struct buf *out)
{
	const char *file = w->args[1];
	const char *slash = strrchr(file, '/');
	AUTO(column_import) struct column_import *im = NULL;
	AUTO(version) struct version *v = NULL;
	AUTO_MEM char *name = NULL;
	AUTO_FD int fd = openat(env->dir_fd, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(errno, "%s", file);
	TRY(open_import(env, w, slash ? slash + 1 : file, &name, &im));
	TRY(push_file(env, fd, file, im));
	struct import_bytes bytes = {read_at, &fd};
	TRY(import_commit(TAKE(im), &bytes, &v));
	if (version_number(v) == version_number(env->version))
		buf_printf(out, "column %s is unchanged: version %" PRIu64 "\n", name,
			   version_number(v));
	else
		buf_printf(out, "column %s: version %" PRIu64 "\n", name,
			   version_number(v));
	return NULL;
}

static const char *const options[] = {"name", "type", NULL};

const struct command cmd_put = {
	.name = "put",
	.usage = "put FILE [--name=NAME] [--type=TYPE]",
	.summary = "a txt, npy, csv or arrow file becomes a column",
	.min_args = 1,
	.max_args = 1,
	.options = options,
	.run = run_put,
};
