// SPDX-License-Identifier: Apache-2.0
/*
 * cmd_compact.c: compact: few large fragments, and files, instead of many small ones.
 */
#include "command/command_priv.h"

#include <errno.h>
#include <inttypes.h>

struct err *compact_options_of(const struct words *w, struct compact_options *o)
{
	uint64_t max_files = COMPACT_MAX_FILES;
	*o = (struct compact_options){
		.target_rows = COMPACT_TARGET_ROWS,
		.target_bytes = COMPACT_TARGET_BYTES,
		.max_deleted = COMPACT_MAX_DELETED,
		.only_files = words_option(w, "columns") != NULL,
	};
	TRY(option_count(w, "target-rows", 1, &o->target_rows));
	TRY(option_bytes(w, "target-bytes", &o->target_bytes));
	TRY(option_share(w, "max-deleted", &o->max_deleted));
	TRY(option_count(w, "max-files", 1, &max_files));
	o->max_files = (size_t)max_files;
	return NULL;
}

/* --- the answer --- */

static void put_pair(const char *name, uint64_t before, uint64_t after, struct buf *out)
{
	buf_printf(out, "\"%s\":[%" PRIu64 ",%" PRIu64 "],", name, before, after);
}

static void tell_json(const struct compact_result *r, struct buf *out)
{
	buf_byte(out, '{');
	put_pair("fragments", r->before.fragments, r->after.fragments, out);
	put_pair("files", r->before.files, r->after.files, out);
	put_pair("deleted_rows", r->before.deleted_rows, r->after.deleted_rows, out);
	put_pair("bytes", r->before.bytes, r->after.bytes, out);
	buf_printf(out,
		   "\"groups\":%" PRIu64 ",\"conflicts\":%" PRIu64 ",\"left\":%" PRIu64
		   ",\"bytes_read\":%" PRIu64 ",\"bytes_written\":%" PRIu64
		   ",\"seconds\":%.3f,\"version\":",
		   r->n_groups, r->n_conflicts, r->n_left, r->bytes_read,
		   r->bytes_written, r->seconds);
	if (r->version)
		buf_printf(out, "%" PRIu64 "}\n", r->version);
	else
		buf_str(out, "null}\n");
}

static void put_left(const struct compact_result *r, struct buf *out)
{
	if (r->n_left)
		buf_printf(out,
			   "; %" PRIu64 " fragment%s left as %s, for what the columns "
			   "hold",
			   r->n_left, r->n_left == 1 ? "" : "s",
			   r->n_left == 1 ? "it is" : "they are");
	buf_byte(out, '\n');
}

static void tell_nothing(const struct compact_result *r, struct buf *out)
{
	buf_printf(out,
		   "nothing to compact: %" PRIu64 " fragment%s, %" PRIu64
		   " file%s, %" PRIu64 " deleted row%s",
		   r->before.fragments, r->before.fragments == 1 ? "" : "s",
		   r->before.files, r->before.files == 1 ? "" : "s",
		   r->before.deleted_rows, r->before.deleted_rows == 1 ? "" : "s");
	put_left(r, out);
}

static void tell_change(const char *deed, const struct compact_result *r,
			struct buf *out)
{
	buf_printf(out,
		   "%s: %" PRIu64 " fragments -> %" PRIu64 ", %" PRIu64
		   " files -> %" PRIu64 ", %" PRIu64 " deleted rows -> %" PRIu64 ", ",
		   deed, r->before.fragments, r->after.fragments, r->before.files,
		   r->after.files, r->before.deleted_rows, r->after.deleted_rows);
	render_bytes(r->before.bytes, out);
}

static void tell(const struct compact_result *r, struct buf *out)
{
	if (r->n_groups == 0) {
		tell_nothing(r, out);
		return;
	}
	tell_change("compacted", r, out);
	buf_str(out, " -> ");
	render_bytes(r->after.bytes, out);
	buf_printf(out, " in %.1f s: version %" PRIu64, r->seconds, r->version);
	put_left(r, out);
}

static void tell_dry(const struct compact_result *r, struct buf *out)
{
	if (r->n_groups == 0) {
		tell_nothing(r, out);
		return;
	}
	tell_change("would compact", r, out);
	buf_str(out, " of which ");
	render_bytes(r->bytes_read, out);
	buf_printf(out, " would be written anew in %" PRIu64 " commit%s", r->n_groups,
		   r->n_groups == 1 ? "" : "s");
	put_left(r, out);
}

/* --- running --- */

static struct err *check_compact(const struct command_env *env, const struct words *w)
{
	struct compact_options o;
	TRY(compact_options_of(w, &o));
	return version_check_writable(env->version);
}

static struct err *run_compact(const struct command_env *env, const struct words *w,
			       struct buf *out)
{
	struct compact_options o;
	struct compact_result r;
	bool is_dry = words_option(w, "dry-run") != NULL;
	TRY(compact_options_of(w, &o));
	if (is_dry)
		TRY(compact_dry_run(env->version, &o, &r));
	else
		TRY(compact_table(env->table, &o, env->job, &r));
	if (env->json)
		tell_json(&r, out);
	else if (is_dry)
		tell_dry(&r, out);
	else
		tell(&r, out);
	return NULL;
}

static const char *const compact_words[] = {
	"target-rows", "target-bytes", "max-deleted", "max-files",
	"columns",     "dry-run",      NULL};

const struct command cmd_compact = {
	.name = "compact",
	.usage = "compact [--target-rows=1048576] [--target-bytes=4G] "
		 "[--max-deleted=0.1] [--max-files=8] [--columns] [--dry-run]",
	.summary = "put small fragments, and files of fragments, together",
	.is_long = true,
	.is_job = true,
	.check = check_compact,
	.options = compact_words,
	.run = run_compact,
};
