// SPDX-License-Identifier: Apache-2.0
/*
 * report.c: where errors end.
 */
#include "fs.h"

#include <errno.h>
#include <time.h>

/* Answers that programs ask for all the time; nobody wants to read them. */
static bool is_routine(int code)
{
	return code == ENOENT || code == ENODATA || code == ENOTDIR || code == EEXIST;
}

static void keep(struct mount *m, pid_t pid, const char *path, const char *text)
{
	struct failure f = {0};
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	f.time_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	process_name(pid, f.process, sizeof(f.process));
	AUTO_ERR struct err *err = str_dup(path ? path : "", &f.path);
	if (!err)
		err = str_dup(text, &f.text);
	if (err) {
		free(f.path);
		return;
	}
	LOCK_SCOPE(&m->failures_lock);
	struct failure *slot = &m->failures[m->n_failures++ % N_LAST_ERRORS];
	free(slot->path);
	free(slot->text);
	*slot = f;
}

int report(struct mount *m, pid_t pid, const char *path, struct err *err)
{
	if (!err)
		return 0;
	int code = err->code;
	if (!is_routine(code)) {
		log_line(&m->log, LEVEL_ERROR, "%s%s%s", path ? path : "",
			 path ? ": " : "", err->msg);
		keep(m, pid, path, err->msg);
	}
	err_free(err);
	return code;
}

void failures_render(struct mount *m, struct buf *out)
{
	LOCK_SCOPE(&m->failures_lock);
	uint64_t n = MIN_OF(m->n_failures, (uint64_t)N_LAST_ERRORS);
	for (uint64_t i = 0; i < n; i++) { /* the newest first */
		const struct failure *f =
			&m->failures[(m->n_failures - 1 - i) % N_LAST_ERRORS];
		render_time(f->time_ns, out);
		buf_printf(out, " %s %s: %s\n", f->process, f->path, f->text);
	}
}

uint64_t failures_count(struct mount *m)
{
	LOCK_SCOPE(&m->failures_lock);
	return m->n_failures;
}
