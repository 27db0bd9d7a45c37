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

static struct err *begin(struct mount *m, const struct field *f)
{
	AUTO_BUF struct buf line = {0};
	AUTO_MEM char *what = NULL;
	bool found;
	TRY(str_printf(&what, "backfill %s", f->name));
	TRY(auto_job_find(m, what, &found));
	if (found) {
		m->watched.filled = 0; /* it may have begun too early */
		return NULL;
	}
	buf_str(&line, "backfill ");
	shell_quote(f->name, &line);
	buf_str(&line, " --on-error=null");
	buf_byte(&line, 0);
	TRY(buf_check(&line));
	return auto_job_begin(m, (char *)line.data, what);
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
	if (m->watched.filled == version_number(v) || !auto_jobs_wanted(m))
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
