// SPDX-License-Identifier: Apache-2.0
/*
 * watch.c: commits of others.
 *
 * A lookup reads the inotify descriptor without waiting, so a commit by another
 * process shows in the next lookup.  A thread of its own polls for what inotify
 * does not tell (other hosts), drops idle staged files, and invalidates the
 * kernel's entries: never inside a handler, because the kernel may hold the
 * directory's lock there.
 *
 * One inotify instance and one thread serve all tables of a database.
 */
#include "fs.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

struct watch {
	int inotify_fd, wake_fd;
	pthread_mutex_t lock;
	struct mount *mounts; /* guarded by .lock; borrowed, linked by watched.next */
	pthread_t thread;
	bool has_thread;
	atomic_bool stop;
};

/* --- what inotify says --- */

static void mark_dirty(struct watch *w, int wd)
{
	for (struct mount *m = w->mounts; m; m = m->watched.next)
		if (m->watched.wd == wd || wd < 0)
			atomic_store(&m->watched.is_dirty, true);
}

/* Take what inotify has to say; .lock held. */
static void drain(struct watch *w)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t len;
	while (w->inotify_fd >= 0 &&
	       (len = read(w->inotify_fd, events, sizeof(events))) > 0) {
		const struct inotify_event *e;
		for (ssize_t at = 0; at < len; at += (ssize_t)(sizeof(*e) + e->len)) {
			e = (const struct inotify_event *)(const void *)(events + at);
			mark_dirty(w, e->mask & IN_Q_OVERFLOW ? -1 : e->wd);
		}
	}
}

/* A broken newest version is told once; the last good one stays. */
static void refresh(struct mount *m)
{
	struct watched *w = &m->watched;
	struct err *err = table_refresh(m->table);
	if (!err) {
		free(TAKE(w->warned));
		return;
	}
	if (!w->warned || strcmp(w->warned, err->msg) != 0) {
		log_line(&m->server->log, LEVEL_WARN,
			 "%s: the newest version cannot be shown: %s", m->source,
			 err->msg);
		free(w->warned);
		w->warned = strdup(err->msg);
	}
	err_free(err); /* told */
}

/* Load what is announced.  Who comes second must not find the queue empty and the
 * version not yet loaded: the flag is set under the watch's lock and taken under
 * the mount's, which is held while loading. */
static bool catch_up(struct mount *m, bool always)
{
	struct watch *w = m->server->watch;
	pthread_mutex_lock(&w->lock);
	drain(w);
	pthread_mutex_unlock(&w->lock);
	LOCK_SCOPE(&m->watched.lock);
	if (!atomic_exchange(&m->watched.is_dirty, false) && !always)
		return false;
	refresh(m);
	return true;
}

void watch_poll(struct mount *m)
{
	if (m->table && m->server->watch && catch_up(m, false))
		watch_wake(m->server);
}

void watch_wake(struct server *s)
{
	uint64_t one = 1;
	/* a full counter wakes the thread just as well */
	if (s->watch && write(s->watch->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* --- the kernel's entries --- */

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
			fuse_lowlevel_notify_inval_entry(m->server->session, columns,
							 file, (size_t)len);
	}
	free(name);
}

static void invalidate(struct mount *m, const struct version *v)
{
	static const char *const texts[] = {"info", "schema", "history", "columns",
					    "rows"};
	uint64_t columns = node_ino(m, &columns_ops, 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		fuse_lowlevel_notify_inval_entry(m->server->session, m->root_ino,
						 texts[i], strlen(texts[i]));
	for (size_t i = 0; i < version_n_fields(v); i++)
		invalidate_field(m, columns, version_field(v, i));
}

static void look_after(struct mount *m)
{
	catch_up(m, true);
	board_look(m);
	staging_expire(m);
	memo_save(m);
	AUTO(version) struct version *v = table_latest(m->table);
	if (version_number(v) != atomic_load(&m->watched.shown)) {
		invalidate(m, v);
		atomic_store(&m->watched.shown, version_number(v));
	}
	auto_backfill(m, v);
	auto_compact(m, v);
}

/* --- the thread --- */

/* The mount after m (NULL: the first), referenced; m is given back. */
static struct mount *next_mount(struct watch *w, struct mount *m)
{
	pthread_mutex_lock(&w->lock);
	struct mount *next = m ? m->watched.next : w->mounts;
	/* one that is about to be freed waits for the lock to leave the list */
	while (next && !mount_revive(next))
		next = next->watched.next;
	pthread_mutex_unlock(&w->lock);
	mount_unref(m);
	return next;
}

static void *run(void *arg)
{
	struct server *s = arg;
	struct watch *w = s->watch;
	int wait_ms = (int)(s->options.version_poll * 1000);
	while (!atomic_load(&w->stop)) {
		struct pollfd fds[] = {{w->wake_fd, POLLIN, 0},
				       {w->inotify_fd, POLLIN, 0}};
		uint64_t n;
		poll(fds, 2, wait_ms);
		if (read(w->wake_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
			log_line(&s->log, LEVEL_WARN, "eventfd: %s", strerror(errno));
		if (atomic_load(&w->stop))
			break;
		for (struct mount *m = next_mount(w, NULL); m; m = next_mount(w, m))
			look_after(m);
		runner_look(s);
		parked_answer(s);
		tasks_wake(s);
	}
	return NULL;
}

/* --- tables that are watched --- */

void watch_add(struct mount *m)
{
	struct watch *w = m->server->watch;
	AUTO(version) struct version *v = table_latest(m->table);
	char path[64];
	atomic_store(&m->watched.shown, version_number(v));
	snprintf(path, sizeof(path), "/proc/self/fd/%d/_versions",
		 io_store_fd(m->store));
	LOCK_SCOPE(&w->lock);
	m->watched.wd = w->inotify_fd < 0 ? -1
					  : inotify_add_watch(w->inotify_fd, path,
							      IN_CREATE | IN_MOVED_TO);
	if (m->watched.wd < 0)
		log_line(&m->server->log, LEVEL_WARN,
			 "no inotify on _versions/ (%s): polling every %g s",
			 strerror(errno), m->server->options.version_poll);
	m->watched.next = w->mounts;
	w->mounts = m;
}

void watch_remove(struct mount *m)
{
	struct watch *w = m->server->watch;
	LOCK_SCOPE(&w->lock);
	struct mount **at = &w->mounts;
	while (*at && *at != m)
		at = &(*at)->watched.next;
	if (!*at)
		return;
	*at = m->watched.next;
	for (struct mount *other = w->mounts; other; other = other->watched.next)
		if (other->watched.wd == m->watched.wd)
			return; /* it was opened again meanwhile */
	if (m->watched.wd >= 0)
		inotify_rm_watch(w->inotify_fd, m->watched.wd);
}

struct err *watch_new(struct server *s)
{
	struct watch *w;
	TRY(mem_new(&w));
	s->watch = w;
	pthread_mutex_init(&w->lock, NULL);
	w->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return w->wake_fd < 0 ? err_errno(errno, "eventfd") : NULL;
}

struct err *watch_start(struct server *s)
{
	if (pthread_create(&s->watch->thread, NULL, run, s) != 0)
		return err_new(EAGAIN, "cannot start the watching thread");
	s->watch->has_thread = true;
	return NULL;
}

void watch_stop(struct server *s)
{
	struct watch *w = s->watch;
	atomic_store(&w->stop, true);
	watch_wake(s);
	if (w->has_thread)
		pthread_join(w->thread, NULL);
	w->has_thread = false;
}

void watch_free(struct server *s)
{
	struct watch *w = s->watch;
	if (!w)
		return;
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	if (w->inotify_fd >= 0)
		close(w->inotify_fd);
	pthread_mutex_destroy(&w->lock);
	free(w);
	s->watch = NULL;
}
