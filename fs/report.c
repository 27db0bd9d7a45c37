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

static bool is_same(const struct failure *a, const struct failure *b)
{
	return a->text && strcmp(a->text, b->text) == 0 &&
	       strcmp(a->path, b->path) == 0 && strcmp(a->process, b->process) == 0;
}

/* The newest comes first; a failure told twice (write, then close) is one. */
static void insert(struct mount *m, const struct failure *f)
{
	size_t i = 0;
	LOCK_SCOPE(&m->failures_lock);
	while (i < N_LAST_ERRORS - 1 && !is_same(&m->failures[i], f))
		i++;
	free(m->failures[i].path);
	free(m->failures[i].text);
	memmove(m->failures + 1, m->failures, i * sizeof(*m->failures));
	m->failures[0] = *f;
	m->n_failures++;
}

static void keep(struct mount *m, pid_t pid, const char *path, const struct err *why)
{
	struct failure f = {0};
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	f.time_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	process_name(pid, f.process, sizeof(f.process));
	AUTO_ERR struct err *err = str_dup(path ? path : "", &f.path);
	if (!err)
		err = str_printf(&f.text, "%s%s%s", why->msg, why->detail ? "\n" : "",
				 why->detail ? why->detail : "");
	if (err) {
		free(f.path);
		return;
	}
	insert(m, &f);
}

int report(struct mount *m, pid_t pid, const char *path, struct err *err)
{
	if (!err)
		return 0;
	if (m->main)
		m = m->main; /* whose last_error tells it */
	int code = err->code;
	bool is_quiet = path && is_routine(code); /* about a name: programs try names */
	if (path && strstr(err->msg, path))
		path = NULL; /* the text names it */
	if (!is_quiet) {
		log_line(&m->server->log, LEVEL_ERROR, "%s%s%s", path ? path : "",
			 path ? ": " : "", err->msg);
		keep(m, pid, path, err);
	}
	err_free(err);
	return code;
}

void failures_render(struct mount *m, struct buf *out)
{
	LOCK_SCOPE(&m->failures_lock);
	for (size_t i = 0; i < N_LAST_ERRORS && m->failures[i].text; i++) {
		const struct failure *f = &m->failures[i];
		buf_time(out, f->time_ns);
		buf_printf(out, " %s %s%s%s\n", f->process, f->path,
			   *f->path ? ": " : "", f->text);
	}
}

uint64_t failures_count(struct mount *m)
{
	LOCK_SCOPE(&m->failures_lock);
	return m->n_failures;
}
