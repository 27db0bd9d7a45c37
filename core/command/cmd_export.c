// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_export.c: export COLUMN --format=F [--output=FILE]: a column as a file.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)1 << 20)

struct sink {
	const struct command_env *env;
	struct buf *out;
	int fd; /* -1: env->write or out */
};

static struct err *sink_write(const struct sink *s, const uint8_t *p, size_t len)
{
	if (s->fd < 0 && s->env->write)
		return s->env->write(s->env->ctx, p, len);
	if (s->fd < 0) {
		buf_append(s->out, p, len);
		return buf_check(s->out);
	}
	while (len) {
		ssize_t n = write(s->fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno, "--output");
		p += n;
		len -= (size_t)n;
	}
	return NULL;
}

static struct err *copy_view(const struct sink *s, struct view *view, const char *name)
{
	AUTO_MEM uint8_t *chunk = NULL;
	uint64_t size;
	TRY(mem_array(CHUNK_BYTES, 1, &chunk));
	TRY(view_size(view, &size));
	for (uint64_t off = 0; off < size;) {
		size_t n;
		TRY(view_pread(view, off, CHUNK_BYTES, chunk, &n));
		if (n == 0)
			break;
		TRY(sink_write(s, chunk, n));
		off += n;
		if (s->env->progress)
			s->env->progress(s->env->ctx, name, off, size);
	}
	return NULL;
}

static struct err *pick_format(const struct words *w, struct field *f,
			       const struct format_ops **ret)
{
	const char *name = words_option(w, "format");
	*ret = name ? format_find(name) : format_natural_field(f);
	if (!*ret && !name)
		return err_new(EINVAL, "column '%s' is binary: state --format=arrow",
			       f->name);
	if (!*ret)
		return err_new(EINVAL,
			       "no format '%s'; there are txt, npy, csv, arrow, jsonl, "
			       "bin, tar",
			       name);
	return NULL;
}

/* --rows=A:B are rows [A, B); either may be left out. */
static struct err *pick_rows(const struct words *w, const struct version *v,
			     uint64_t *ret_first, uint64_t *ret_end)
{
	const char *text = words_option(w, "rows");
	AUTO_MEM char *copy = NULL;
	*ret_first = 0;
	*ret_end = version_rows(v);
	if (!text)
		return NULL;
	TRY(str_dup(text, &copy));
	char *colon = strchr(copy, ':');
	if (colon)
		*colon = 0;
	if (!colon || (*copy && !str_to_u64(copy, ret_first)) ||
	    (colon[1] && !str_to_u64(colon + 1, ret_end)) || *ret_first > *ret_end ||
	    *ret_end > version_rows(v))
		return err_new(EINVAL,
			       "--rows=%s: write FIRST:END, as in 0:10, of %" PRIu64
			       " rows",
			       text, version_rows(v));
	return NULL;
}

static struct err *close_output(int fd, struct err *err)
{
	if (fd < 0)
		return err;
	if (!err && fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
		err = err_errno(errno, "--output");
	if (close(fd) != 0 && !err)
		err = err_errno(errno, "--output");
	return err;
}

static struct err *run_export(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO(view) struct view *view = NULL;
	const struct format_ops *format;
	struct field *f;
	struct sink sink = {env, out, -1};
	uint64_t first, end;
	const char *output = words_option(w, "output");
	TRY(pick_version(env, w, &v));
	TRY(find_column(v, w->args[1], &f));
	TRY(pick_format(w, f, &format));
	TRY(pick_rows(w, v, &first, &end));
	TRY(column_view(v, f, format, first, end, &view));
	if (output)
		TRY(command_create(env, output, &sink.fd));
	return close_output(sink.fd, copy_view(&sink, view, f->name));
}

static const char *const options[] = {"format", "output", "rows", "version", NULL};

const struct command cmd_export = {
	.name = "export",
	.usage = "export COLUMN [--format=txt|npy|csv|arrow|jsonl|bin|tar] "
		 "[--output=FILE] [--rows=FIRST:END] [--version=N]",
	.summary = "a column as a file",
	.min_args = 1,
	.max_args = 1,
	.is_long = true,
	.options = options,
	.run = run_export,
};
