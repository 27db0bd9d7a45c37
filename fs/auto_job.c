// SPDX-License-Identifier: Apache-2.0
/*
 * auto_job.c: jobs that a mount begins by itself.
 */
#include "fs.h"

#include <inttypes.h>

bool auto_jobs_wanted(const struct mount *m)
{
	const struct mount_options *o = &m->server->options;
	return m->is_writable && !m->main && !o->skip_jobs && !o->read_only;
}

static bool is_running(const struct job_status *s, const char *unused)
{
	(void)unused;
	return s->state == JOB_RUNNING;
}

static bool has_name(const struct job_status *s, const char *name)
{
	return !job_state_is_final(s->state) && s->what && strcmp(s->what, name) == 0;
}

static struct err *is_any(struct mount *m,
			  bool (*is)(const struct job_status *s, const char *what),
			  const char *what, bool *ret)
{
	struct job_status *jobs;
	size_t n;
	*ret = false;
	TRY(jobs_list(m->store, &jobs, &n));
	for (size_t i = 0; i < n && !*ret; i++)
		*ret = is(&jobs[i], what);
	jobs_free(jobs, n);
	return NULL;
}

struct err *auto_job_find(struct mount *m, const char *what, bool *ret)
{
	return is_any(m, has_name, what, ret);
}

struct err *auto_job_running(struct mount *m, bool *ret)
{
	return is_any(m, is_running, NULL, ret);
}

struct err *auto_job_begin(struct mount *m, const char *line, const char *what)
{
	uint64_t id;
	TRY(job_create(m->store, line, what, &id));
	log_line(&m->server->log, LEVEL_INFO, "job %" PRIu64 ": %s, by itself", id,
		 what);
	return runner_submit(m, id);
}
