// SPDX-License-Identifier: Apache-2.0
/*
 * lease_hold.c: telling others which versions this process has open.
 *
 * A number is appended to the file before its version is handed out, and goes by a new
 * file in the place of the old one.  Nothing is synced: after a crash nobody has a
 * version open.
 */
#include "table/lease_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define IN_USE_NS INT64_C(60000000000)	/* since it was handed out */
#define RENEW_NS INT64_C(5000000000)	/* between two looks at that */
#define TOUCH_NS INT64_C(3600000000000) /* other hosts trust it for a day */
#define MOST_TRIES 100 /* to make a file in a directory that others remove */

struct entry {
	uint64_t number;
	unsigned n_holds;
	bool is_gone; /* it was so when it was handed out */
	int64_t used_ns;
};

struct lease {
	struct io_store *store; /* borrowed: it is the table's */
	const struct log *log;	/* borrowed; may be NULL */
	pthread_mutex_t lock;	/* held while the file is written, which is short */
	struct entry *entries;	/* guarded by .lock, as the rest; owned; by number */
	size_t n, cap;
	unsigned n_holds_of_all;
	int fd;		/* -1: there is no file */
	char *path;	/* owned; of the file */
	bool is_broken; /* it could not be written; told */
	int64_t renewed_ns, touched_ns;
};

/* --- the file --- */

/* It is unlocked by its end; nobody is to find it unlocked. */
static void drop_file(struct lease *l)
{
	if (l->fd < 0)
		return;
	unlinkat(io_store_fd(l->store), l->path, 0);
	close(l->fd);
	l->fd = -1;
	free(TAKE(l->path));
}

static struct err *open_aside(struct lease *l, const char *aside, int *ret_fd)
{
	int fd = -1;
	for (unsigned i = 0; fd < 0 && i < MOST_TRIES; i++) {
		TRY(io_mkdir(l->store, "_lancefs"));
		struct err *err = io_mkdir(l->store, LEASES_DIR);
		if (err && err->code != ENOENT)
			return err;
		err_free(err); /* another process has just removed it */
		fd = openat(io_store_fd(l->store), aside,
			    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
		if (fd < 0 && errno != ENOENT)
			break;
	}
	if (fd < 0)
		return err_errno(errno, "%s", aside);
	*ret_fd = fd;
	return NULL;
}

static struct err *write_all(int fd, const char *path, const struct buf *text)
{
	TRY(buf_check(text));
	ssize_t n = write(fd, text->data, text->len);
	if (n < 0)
		return err_errno(errno, "%s", path);
	return (size_t)n == text->len ? NULL : err_new(ENOSPC, "%s: cut short", path);
}

/* Locked and filled before it has its name. */
static struct err *fill(struct lease *l, int fd, const char *aside, const char *path)
{
	AUTO_BUF struct buf text = {0};
	int dir = io_store_fd(l->store);
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&text, "%" PRIu64 "\n", l->entries[i].number);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return err_errno(errno, "%s: flock", aside);
	TRY(write_all(fd, aside, &text));
	if (renameat(dir, aside, dir, path) != 0)
		return err_errno(errno, "%s", path);
	return NULL;
}

static struct err *names_new(char **ret_aside, char **ret_path)
{
	char host[256], uuid[UUID_TEXT_LEN + 1];
	uint8_t raw[16];
	TRY(uuid_new(raw, uuid));
	for (char *p = uuid; *p; p++) /* a dash ends the host's name */
		*p = *p == '-' ? '.' : *p;
	lease_host(host, sizeof(host));
	TRY(str_printf(ret_aside, LEASES_DIR "/.tmp-%s", uuid));
	return str_printf(ret_path, LEASES_DIR "/%s-%ld-%s", host, (long)getpid(),
			  uuid);
}

/* A file of all entries; the one that there is goes then. */
static struct err *write_file(struct lease *l)
{
	AUTO_MEM char *aside = NULL;
	AUTO_MEM char *path = NULL;
	int fd;
	TRY(names_new(&aside, &path));
	TRY(open_aside(l, aside, &fd));
	struct err *err = fill(l, fd, aside, path);
	if (err) {
		unlinkat(io_store_fd(l->store), aside, 0);
		close(fd);
		return err;
	}
	drop_file(l);
	l->fd = fd;
	l->path = TAKE(path);
	l->touched_ns = monotonic_ns();
	return NULL;
}

/* Somebody may have removed it: another host, that did not see it live. */
static bool is_linked(const struct lease *l)
{
	struct stat st;
	return l->fd >= 0 && fstat(l->fd, &st) == 0 && st.st_nlink > 0;
}

static struct err *append(struct lease *l, uint64_t number)
{
	AUTO_BUF struct buf line = {0};
	if (!is_linked(l))
		return write_file(l);
	buf_printf(&line, "%" PRIu64 "\n", number);
	return write_all(l->fd, l->path, &line);
}

/* Takes the error: reading goes on, and a cleanup may end it. */
static void tell_once(struct lease *l, struct err *err)
{
	if (err && !l->is_broken)
		log_line(l->log, LEVEL_WARN,
			 "cleanups are not told which versions are in use: %s",
			 err->msg);
	l->is_broken = err != NULL;
	err_free(err); /* told */
}

/* --- what is in use --- */

static size_t place_of(const struct lease *l, uint64_t number)
{
	size_t first = 0, end = l->n;
	while (first < end) {
		size_t mid = first + (end - first) / 2;
		if (l->entries[mid].number < number)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

static struct entry *find(const struct lease *l, uint64_t number)
{
	size_t i = place_of(l, number);
	return i < l->n && l->entries[i].number == number ? &l->entries[i] : NULL;
}

static struct err *add(struct lease *l, uint64_t number)
{
	size_t i = place_of(l, number);
	TRY(mem_grow(l->n + 1, sizeof(*l->entries), &l->cap, &l->entries));
	memmove(l->entries + i + 1, l->entries + i, (l->n - i) * sizeof(*l->entries));
	l->entries[i] = (struct entry){.number = number, .used_ns = monotonic_ns()};
	l->n++;
	return append(l, number);
}

void lease_use(struct lease *l, uint64_t number, bool *ret_is_new)
{
	*ret_is_new = false;
	if (!l)
		return;
	LOCK_SCOPE(&l->lock);
	struct entry *e = find(l, number);
	if (e) {
		e->used_ns = monotonic_ns();
		return;
	}
	*ret_is_new = true;
	tell_once(l, add(l, number));
}

void lease_is_gone(struct lease *l, uint64_t number)
{
	LOCK_SCOPE(&l->lock);
	struct entry *e = find(l, number);
	if (e)
		e->is_gone = true;
}

uint64_t lease_hold(struct lease *l, uint64_t number)
{
	LOCK_SCOPE(&l->lock);
	struct entry *e = find(l, number);
	if (e && !e->is_gone) {
		e->n_holds++;
		return number;
	}
	l->n_holds_of_all++;
	return 0;
}

void lease_let_go(struct lease *l, uint64_t number)
{
	LOCK_SCOPE(&l->lock);
	struct entry *e = find(l, number); /* what is held is there */
	if (!number)
		l->n_holds_of_all--;
	else if (--e->n_holds == 0)
		e->used_ns = 0; /* whoever reads it again says so */
}

static void forget_unused(struct lease *l, uint64_t latest, int64_t now)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->entries[i];
		if (e->n_holds || e->number >= latest || now - e->used_ns < IN_USE_NS)
			l->entries[n++] = *e;
	}
	l->n = n;
}

static void touch(struct lease *l, int64_t now)
{
	if (now - l->touched_ns < TOUCH_NS)
		return;
	l->touched_ns = now;
	futimens(l->fd, NULL); /* another host may think it dead, and is told again */
}

void lease_renew(struct lease *l, uint64_t latest)
{
	int64_t now = monotonic_ns();
	LOCK_SCOPE(&l->lock);
	size_t n = l->n;
	if (now - l->renewed_ns < RENEW_NS)
		return;
	l->renewed_ns = now;
	if (!l->n_holds_of_all)
		forget_unused(l, latest, now);
	if (n != l->n || l->is_broken || !is_linked(l))
		tell_once(l, write_file(l));
	else
		touch(l, now);
}

struct err *lease_new(struct io_store *s, const struct log *log, struct lease **ret)
{
	struct lease *l;
	TRY(mem_new(&l));
	l->store = s;
	l->log = log;
	l->fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	*ret = l;
	return NULL;
}

void lease_free(struct lease *l)
{
	if (!l)
		return;
	drop_file(l);
	/* if they are empty */
	(void)unlinkat(io_store_fd(l->store), LEASES_DIR, AT_REMOVEDIR);
	(void)unlinkat(io_store_fd(l->store), "_lancefs", AT_REMOVEDIR);
	pthread_mutex_destroy(&l->lock);
	free(l->entries);
	free(l);
}
