// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_indices.c: indices: what indices there are, how much of the table they answer
 * for, how large they are and how old.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

static uint64_t versions_behind(const struct version *v, const struct index_segment *s)
{
	return version_number(v) - MIN_OF(s->version, version_number(v));
}

/* --- JSON: an object a segment, one a line --- */

static void put_strings(char *const *items, size_t n, struct buf *out)
{
	buf_byte(out, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? "," : "");
		buf_json_string(out, items[i], strlen(items[i]));
	}
	buf_byte(out, ']');
}

static void put_files(const struct index_segment *s, struct buf *out)
{
	buf_str(out, ",\"files\":[");
	for (size_t i = 0; i < s->n_files; i++) {
		buf_str(out, i ? ",{\"name\":" : "{\"name\":");
		buf_json_string(out, s->files[i].name, strlen(s->files[i].name));
		buf_printf(out, ",\"bytes\":%" PRIu64 "}", s->files[i].bytes);
	}
	buf_printf(out, "],\"bytes\":%" PRIu64, s->bytes);
}

static void put_coverage(const struct version *v, const struct index_segment *s,
			 struct buf *out)
{
	if (!s->is_covered_known) {
		buf_str(out, ",\"fragments\":null,\"rows\":null");
		return;
	}
	buf_printf(out,
		   ",\"fragments\":%" PRIu64 ",\"uncovered_fragments\":%" PRIu64
		   ",\"rows\":%" PRIu64 ",\"uncovered_rows\":%" PRIu64,
		   s->n_fragments, version_n_fragments(v) - s->n_fragments, s->n_rows,
		   version_rows(v) - s->n_rows);
}

static void put_segment(const struct version *v, const struct index_segment *s,
			struct buf *out)
{
	buf_str(out, "{\"name\":");
	buf_json_string(out, s->name, strlen(s->name));
	buf_str(out, ",\"type\":");
	buf_json_string(out, s->type, strlen(s->type));
	if (s->metric)
		buf_printf(out, ",\"metric\":\"%s\"", s->metric);
	buf_str(out, ",\"columns\":");
	put_strings(s->columns, s->n_columns, out);
	buf_printf(out, ",\"uuid\":\"%s\"", s->uuid);
	put_coverage(v, s, out);
	put_files(s, out);
	buf_printf(out,
		   ",\"built_from_version\":%" PRIu64 ",\"versions_behind\":%" PRIu64,
		   s->version, versions_behind(v, s));
	buf_str(out, ",\"created\":");
	if (s->created_ms) {
		buf_byte(out, '"');
		buf_time(out, s->created_ms * 1000000);
		buf_byte(out, '"');
	} else {
		buf_str(out, "null");
	}
	buf_str(out, "}\n");
}

struct err *render_index(struct version *v, const char *name, struct buf *out)
{
	AUTO_INDEX_SEGMENTS struct index_segments l = {0};
	TRY(version_index_segments(v, name, &l));
	for (size_t i = 0; i < l.n; i++)
		put_segment(v, &l.items[i], out);
	return buf_check(out);
}

/* --- text --- */

static void put_line(const struct version *v, const struct index_segment *s,
		     struct buf *out)
{
	buf_printf(out, "%s\t%s\t", s->name, s->type);
	for (size_t i = 0; i < s->n_columns; i++)
		buf_printf(out, "%s%s", i ? "," : "", s->columns[i]);
	if (s->is_covered_known)
		buf_printf(out, "\t%" PRIu64 " of %" PRIu64 " rows\t", s->n_rows,
			   version_rows(v));
	else
		buf_str(out, "\trows not known\t");
	render_bytes(s->bytes, out);
	buf_printf(out, "\tversion %" PRIu64 ", %" PRIu64 " behind\t", s->version,
		   versions_behind(v, s));
	if (s->created_ms)
		buf_time(out, s->created_ms * 1000000);
	else
		buf_byte(out, '-');
	buf_byte(out, '\n');
}

static struct err *run_indices(const struct command_env *env, const struct words *w,
			       struct buf *out)
{
	AUTO_INDEX_SEGMENTS struct index_segments l = {0};
	const char *name = w->n_args > 1 ? w->args[1] : NULL;
	TRY(version_index_segments(env->version, name, &l));
	if (name && !l.n)
		return err_new(ENOENT, "no index '%s'", name);
	for (size_t i = 0; i < l.n; i++) {
		if (env->json)
			put_segment(env->version, &l.items[i], out);
		else
			put_line(env->version, &l.items[i], out);
	}
	return buf_check(out);
}

const struct command cmd_indices = {
	.name = "indices",
	.usage = "indices [NAME]",
	.summary = "indices: type, columns, rows that they answer for, size and age",
	.min_args = 0,
	.max_args = 1,
	.run = run_indices,
};
