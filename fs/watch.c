// SPDX-License-Identifier: Apache-2.0
/*
 * watch.c: commits of others.
 *
 * A lookup reads the inotify descriptor without waiting, so a commit by another
 * process shows in the next lookup.  A thread of its own polls for what inotify
 * does not tell (other hosts), drops idle staged files, and invalidates the
 * kernel's entries: never inside a handler, because the kernel may hold the
 * directory's lock there.
 */
#include "fs.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

struct watch {
	int inotify_fd, wake_fd;
	pthread_mutex_t lock; /* one drain and refresh at a time */
	pthread_t thread;
	bool has_thread;
	atomic_bool stop;
	char *warned;	/* guarded by .lock; owned; the last failure told */
	uint64_t shown; /* the version that entries were last invalidated for */
};

/* A broken newest version is told once; the last good one stays.  .lock held. */
static void refresh(struct mount *m)
{
	struct watch *w = m->watch;
	struct err *err = table_refresh(m->table);
	if (!err) {
		free(TAKE(w->warned));
		return;
	}
	if (!w->warned || strcmp(w->warned, err->msg) != 0) {
		log_line(&m->log, LEVEL_WARN, "the newest version cannot be shown: %s",
			 err->msg);
		free(w->warned);
		w->warned = strdup(err->msg);
	}
	err_free(err); /* told */
}

/* Take what inotify has to say and load what it announces, in one step: who
 * comes second must not find the queue empty and the version not yet loaded. */
static bool catch_up(struct mount *m, bool always)
{
	char events[4096];
	struct watch *w = m->watch;
	LOCK_SCOPE(&w->lock);
	while (w->inotify_fd >= 0 && read(w->inotify_fd, events, sizeof(events)) > 0)
		always = true;
	if (always)
		refresh(m);
	return always;
}

void watch_poll(struct mount *m)
{
	if (m->watch && catch_up(m, false))
		watch_wake(m);
}

void watch_wake(struct mount *m)
{
	uint64_t one = 1;
	/* a full counter wakes the thread just as well */
	if (m->watch && write(m->watch->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void invalidate_field(struct mount *m, uint64_t columns, const struct field *f)
{
	char *name;
	struct err *err = name_encode(f->name, &name);
	if (err) {
		err_free(err); /* entries time out by themselves */
		return;
	}
	for (size_t i = 0; format_at(i); i++) {
		char file[300];
		int len = snprintf(file, sizeof(file), "%s.%s", name,
				   format_suffix(format_at(i)));
		if (len > 0 && (size_t)len < sizeof(file))
			fuse_lowlevel_notify_inval_entry(m->session, columns, file,
							 (size_t)len);
	}
	free(name);
}

static void invalidate(struct mount *m, uint64_t version)
{
	static const char *const texts[] = {"info", "schema", "history", "columns",
					    "rows"};
	AUTO(version) struct version *v = table_latest(m->table);
	uint64_t columns = node_ino(&columns_ops, 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		fuse_lowlevel_notify_inval_entry(m->session, FUSE_ROOT_ID, texts[i],
						 strlen(texts[i]));
	for (size_t i = 0; i < version_n_fields(v); i++)
		invalidate_field(m, columns, version_field(v, i));
	m->watch->shown = version;
}

static void *run(void *arg)
{
	struct mount *m = arg;
	struct watch *w = m->watch;
	int wait_ms = (int)(m->options.version_poll * 1000);
	while (!atomic_load(&w->stop)) {
		struct pollfd fds[] = {{w->wake_fd, POLLIN, 0},
				       {w->inotify_fd, POLLIN, 0}};
		uint64_t n;
		poll(fds, 2, wait_ms);
		if (read(w->wake_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
			log_line(&m->log, LEVEL_WARN, "eventfd: %s", strerror(errno));
		if (atomic_load(&w->stop))
			break;
		catch_up(m, true);
		staging_expire(m);
		memo_save(m);
		AUTO(version) struct version *v = table_latest(m->table);
		if (version_number(v) != w->shown)
			invalidate(m, version_number(v));
	}
	return NULL;
}

struct err *watch_start(struct mount *m)
{
	struct watch *w;
	char path[64];
	AUTO(version) struct version *v = table_latest(m->table);
	TRY(mem_new(&w));
	m->watch = w;
	pthread_mutex_init(&w->lock, NULL);
	w->shown = version_number(v);
	w->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->wake_fd < 0)
		return err_errno(errno, "eventfd");
	snprintf(path, sizeof(path), "/proc/self/fd/%d/_versions",
		 io_store_fd(m->store));
	if (w->inotify_fd >= 0 &&
	    inotify_add_watch(w->inotify_fd, path, IN_CREATE | IN_MOVED_TO) < 0)
		log_line(&m->log, LEVEL_WARN,
			 "no inotify on _versions/ (%s): polling every %g s",
			 strerror(errno), m->options.version_poll);
	if (pthread_create(&w->thread, NULL, run, m) != 0)
		return err_new(EAGAIN, "cannot start the watching thread");
	w->has_thread = true;
	return NULL;
}

void watch_stop(struct mount *m)
{
	struct watch *w = m->watch;
	if (!w)
		return;
	atomic_store(&w->stop, true);
	watch_wake(m);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	close(w->wake_fd);
	pthread_mutex_destroy(&w->lock);
	free(w->warned);
	if (w->inotify_fd >= 0)
		close(w->inotify_fd);
	free(w);
	m->watch = NULL;
}
