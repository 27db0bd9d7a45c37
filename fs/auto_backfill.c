// SPDX-License-Identifier: Apache-2.0
/*
 * auto_backfill.c: columns that are filled by themselves.
 *
 * A column of a UDF that says so (virtual_column.auto_backfill) gets a job when a
 * version has rows of it that nobody has computed.  A job that fails is not begun again
 * before there is another version.
 */
#include "fs.h"

#include <errno.h>

static bool wants_it(const struct field *f)
{
	const char *value = field_metadata(f, "virtual_column.auto_backfill");
	return field_is_udf(f) && value && strcmp(value, "true") == 0;
}

/* One that has not ended is at it, or will be. */
static struct err *has_job(struct mount *m, const char *what, bool *ret)
{
	struct job_status *jobs;
	size_t n;
	*ret = false;
	TRY(jobs_list(m->store, &jobs, &n));
	for (size_t i = 0; i < n; i++)
		if (!job_state_is_final(jobs[i].state) && jobs[i].what &&
		    strcmp(jobs[i].what, what) == 0)
			*ret = true;
	jobs_free(jobs, n);
	return NULL;
}

static struct err *begin(struct mount *m, const struct field *f)
{
	AUTO_BUF struct buf line = {0};
	AUTO_MEM char *what = NULL;
	uint64_t id;
	bool found;
	TRY(str_printf(&what, "backfill %s", f->name));
	TRY(has_job(m, what, &found));
	if (found) {
		m->watched.filled = 0; /* it may have begun too early */
		return NULL;
	}
	buf_str(&line, "backfill ");
	shell_quote(f->name, &line);
	buf_str(&line, " --on-error=null");
	buf_byte(&line, 0);
	TRY(buf_check(&line));
	TRY(job_create(m->store, (char *)line.data, what, &id));
	log_line(&m->server->log, LEVEL_INFO, "job %llu: %s, by itself",
		 (unsigned long long)id, what);
	return runner_submit(m, id);
}

/* The first of those that are computed together, for all of them. */
static struct err *is_first(const struct version *v, const struct field *f, bool *ret)
{
	struct udf_columns c = {0};
	TRY(udf_columns_find(v, f->name, &c));
	*ret = c.outputs[0] == f;
	udf_columns_fini(&c);
	return NULL;
}

static struct err *look_at(struct mount *m, struct version *v, const struct field *f)
{
	bool first, is_stale, is_missing;
	TRY(is_first(v, f, &first));
	if (!first)
		return NULL;
	TRY(udf_column_state(m->table, v, f, &is_stale, &is_missing));
	return is_missing ? begin(m, f) : NULL;
}

void auto_backfill(struct mount *m, struct version *v)
{
	const struct server *s = m->server;
	if (m->watched.filled == version_number(v) || !m->is_writable || m->main ||
	    s->options.skip_jobs || s->options.read_only)
		return;
	m->watched.filled = version_number(v);
	for (size_t i = 0; i < version_n_fields(v); i++) {
		struct field *f = version_field(v, i);
		struct err *err = wants_it(f) ? look_at(m, v, f) : NULL;
		if (err)
			log_line(&s->log, LEVEL_WARN, "column %s is not filled: %s",
				 f->name, err->msg);
		err_free(err); /* told */
	}
}
