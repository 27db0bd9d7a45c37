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

struct err *auto_job_find(struct mount *m, const char *what, bool *ret)
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

struct err *auto_job_begin(struct mount *m, const char *line, const char *what)
{
	uint64_t id;
	TRY(job_create(m->store, line, what, &id));
	log_line(&m->server->log, LEVEL_INFO, "job %" PRIu64 ": %s, by itself", id,
		 what);
	return runner_submit(m, id);
}
