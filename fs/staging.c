// SPDX-License-Identifier: Apache-2.0
/*
 * staging.c: the files that are being written into columns/, by name.
 */
#include "staging_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define EXPECT_NS INT64_C(2000000000)
#define N_EXPECTED                                                                     \
	(sizeof(((struct staging *)NULL)->expected) / sizeof(struct expected))

struct err *staging_new(struct mount *m, struct staging **ret)
{
	struct staging *g;
	(void)m;
	TRY(mem_new(&g));
	pthread_mutex_init(&g->lock, NULL);
	g->spool_fd = -1;
	*ret = g;
	return NULL;
}

void staging_free(struct staging *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		staged_unref(g->items[i]);
	free(g->items);
	if (g->spool_fd >= 0)
		close(g->spool_fd);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* A file without a name in the dataset's file system, so that it can be given
 * one in rejected/; it vanishes with its last descriptor. */
struct err *spool_open(struct mount *m, int *ret_fd)
{
	struct staging *g = m->staging;
	AUTO_FD int dir = -1;
	TRY(state_dir(m, "spool", &dir));
	(void)g;
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(errno, "spool file in _lancefs/spool");
	*ret_fd = fd;
	return NULL;
}

/* --- names; the lock is held --- */

static size_t find_locked(const struct staging *g, const char *name)
{
	size_t i = 0;
	while (i < g->n && strcmp(g->items[i]->name, name) != 0)
		i++;
	return i;
}

static void drop_locked(struct staging *g, size_t i)
{
	staged_unref(g->items[i]);
	g->items[i] = g->items[--g->n];
}

struct staged *staging_find(struct mount *m, const char *name, pid_t tid)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, name);
	if (i == g->n)
		return NULL;
	struct staged *s = g->items[i];
	if (s->is_hidden || (s->replaces && process_of(tid) != s->opener))
		return NULL;
	return staged_ref(s);
}

bool staging_entry(struct mount *m, size_t i, char **ret_name, uint64_t *ret_ino)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	for (size_t k = 0; k < g->n; k++) {
		const struct staged *s = g->items[k];
		if (s->replaces || s->is_hidden || i-- != 0)
			continue;
		struct err *err = str_dup(s->name, ret_name);
		*ret_ino = node_ino(&staged_file_ops, s->id);
		if (!err)
			return true;
		err_free(err); /* the listing ends early */
		return false;
	}
	return false;
}

void staging_detach(struct mount *m, struct staged *s)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	for (size_t i = 0; i < g->n; i++) {
		if (g->items[i] == s) {
			drop_locked(g, i);
			return;
		}
	}
}

/* --- creating --- */

struct err *staged_new(struct mount *m, const char *name, pid_t tid,
		       struct staged **ret)
{
	AUTO(staged) struct staged *s = NULL;
	TRY(mem_new(&s));
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->lock, NULL);
	s->mount = m;
	s->fd = -1;
	s->opener = process_of(tid);
	s->is_scratch = true;
	s->is_sequential = true;
	s->closed_ns = monotonic_ns();
	TRY(str_dup(name, &s->name));
	*ret = TAKE(s);
	return NULL;
}

/* DuckDB writes tmp_F and renames it to F; other names of that form are columns. */
static bool is_scratch(struct mount *m, const char *name)
{
	AUTO(version) struct version *v = table_latest(m->table);
	AUTO_MEM char *column = NULL;
	AUTO(type) struct type *type = NULL;
	const struct format_ops *format;
	if (name_is_scratch(name))
		return true;
	if (!str_starts(name, "tmp_"))
		return false;
	struct err *err = column_file_parse(v, name + 4, &column, &type, &format);
	if (err) {
		err_free(err); /* no column's name */
		return false;
	}
	return version_find_field(v, column) != NULL;
}

struct err *staging_create(struct mount *m, const char *name, pid_t tid,
			   struct staged **ret)
{
	struct staging *g = m->staging;
	AUTO(staged) struct staged *s = NULL;
	TRY(staged_new(m, name, tid, &s));
	if (!is_scratch(m, name)) {
		s->is_scratch = false;
		TRY(staged_begin(s));
	}
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, name);
	if (i < g->n)
		drop_locked(g, i); /* its writers go on without a name */
	TRY(mem_grow(g->n + 1, sizeof(struct staged *), &g->cap, &g->items));
	s->id = ++g->next_id;
	g->items[g->n++] = staged_ref(s);
	*ret = TAKE(s);
	return NULL;
}

/* --- replacing: the second lookup --- */

void staging_expect(struct mount *m, uint64_t ino, pid_t tid)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	g->expected[g->next_expected++ % N_EXPECTED] =
		(struct expected){ino, tid, monotonic_ns() + EXPECT_NS};
}

bool staging_expected(struct mount *m, uint64_t ino, pid_t tid)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	for (size_t i = 0; i < N_EXPECTED; i++) {
		struct expected *e = &g->expected[i];
		if (e->ino != ino || e->tid != tid || e->until_ns < monotonic_ns())
			continue;
		*e = (struct expected){0};
		return true;
	}
	return false;
}

/* --- removing, renaming --- */

static struct staged *find_any(struct mount *m, const char *name)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, name);
	return i < g->n ? staged_ref(g->items[i]) : NULL;
}

bool staging_remove(struct mount *m, const char *name)
{
	AUTO(staged) struct staged *s = find_any(m, name);
	if (!s)
		return false;
	LOCK_SCOPE(&s->lock);
	if (s->state == STAGED_OPEN)
		s->state = STAGED_REMOVED;
	staging_detach(m, s);
	return true;
}

static struct err *set_name(struct mount *m, struct staged *s, const char *name)
{
	struct staging *g = m->staging;
	AUTO_MEM char *copy = NULL;
	TRY(str_dup(name, &copy));
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, name);
	if (i < g->n && g->items[i] != s)
		drop_locked(g, i); /* rename replaces */
	free(s->name);
	s->name = TAKE(copy);
	return NULL;
}

struct err *staging_rename(struct mount *m, const char *from, const char *to, pid_t pid)
{
	AUTO(staged) struct staged *s = find_any(m, from);
	(void)pid;
	if (!s)
		return err_new(EOPNOTSUPP,
			       "columns are not renamed by mv here; write the "
			       "new one with cp");
	TRY(set_name(m, s, to));
	LOCK_SCOPE(&s->lock);
	if (is_scratch(m, to)) {
		s->is_scratch = true;
		return NULL;
	}
	return staged_commit_as(s);
}

struct err *staging_retry(struct mount *m, const char *rejected, const char *to,
			  pid_t pid)
{
	AUTO(staged) struct staged *s = NULL;
	struct stat st;
	TRY(staged_new(m, to, pid, &s));
	TRY(rejected_open(m, rejected, &s->fd));
	if (fstat(s->fd, &st) != 0)
		return err_errno(errno, "rejected/%s", rejected);
	s->size = (uint64_t)st.st_size;
	{
		LOCK_SCOPE(&s->lock);
		TRY(staged_commit_as(s));
	}
	return rejected_remove(m, rejected);
}

/* --- idle files --- */

static bool is_idle(struct staged *s, int64_t now)
{
	LOCK_SCOPE(&s->lock);
	return s->n_open == 0 && !s->is_scratch &&
	       now - s->closed_ns > STAGED_IDLE_SECONDS * INT64_C(1000000000);
}

void staging_expire(struct mount *m)
{
	struct staging *g = m->staging;
	int64_t now = monotonic_ns();
	for (size_t i = 0;; i++) {
		AUTO(staged) struct staged *s = NULL;
		pthread_mutex_lock(&g->lock);
		if (i < g->n)
			s = staged_ref(g->items[i]);
		pthread_mutex_unlock(&g->lock);
		if (!s)
			return;
		if (is_idle(s, now))
			staging_detach(m, s);
	}
}
