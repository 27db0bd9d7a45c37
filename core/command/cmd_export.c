// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_export.c: export COLUMN --format=F [--output=FILE]: a column as a file.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

#define CHUNK_BYTES ((size_t)1 << 20)

static struct err *copy_view(struct output *o, struct view *view, const char *name)
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
		TRY(output_write(o, chunk, n));
		off += n;
		if (o->env->progress)
			o->env->progress(o->env->ctx, name, off, size);
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

static struct err *run_export(const struct command_env *env, const struct words *w,
			      struct buf *out)
{
	AUTO(version) struct version *v = NULL;
	AUTO(view) struct view *view = NULL;
	const struct format_ops *format;
	struct field *f;
	struct output output;
	uint64_t first, end;
	TRY(pick_version(env, w, &v));
	TRY(find_column(v, w->args[1], &f));
	TRY(pick_format(w, f, &format));
	TRY(pick_rows(w, v, &first, &end));
	TRY(column_view(v, f, format, first, end, &view));
	TRY(output_open(env, w, out, &output));
	return output_close(&output, copy_view(&output, view, f->name));
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
