// SPDX-License-Identifier: Apache-2.0
/*
 * staging.c: the files that are being written into columns/ and append/, by name.
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
	TRY(mem_new(&g));
	g->mount = m;
	pthread_mutex_init(&g->lock, NULL);
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
	state_tidy(g->mount);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* A file without a name in the dataset's file system, so that it can be given
 * one in rejected/; it vanishes with its last descriptor. */
struct err *spool_open(struct mount *m, int *ret_fd)
{
	int fd = -1;
	for (int attempt = 0; fd < 0 && attempt < 3; attempt++) {
		AUTO_FD int dir = -1;
		TRY(state_dir(m, "spool", &dir));
		fd = io_open_nameless(dir, 0644);
		if (fd < 0 && errno != ENOENT)
			break; /* else another mount has just tidied up */
	}
	if (fd < 0)
		return err_errno(errno, "spool file in _lancefs/spool");
	*ret_fd = fd;
	return NULL;
}

/* --- names; the lock is held --- */

static size_t find_locked(const struct staging *g, const struct drop_place *place,
			  const char *name)
{
	size_t i = 0;
	while (i < g->n &&
	       (g->items[i]->place != place || strcmp(g->items[i]->name, name) != 0))
		i++;
	return i;
}

static void drop_locked(struct staging *g, size_t i)
{
	staged_unref(g->items[i]);
	g->items[i] = g->items[--g->n];
}

struct staged *staging_find(struct mount *m, const struct drop_place *place,
			    const char *name, pid_t tid)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, place, name);
	if (i == g->n)
		return NULL;
	struct staged *s = g->items[i];
	if (s->is_hidden || (s->replaces && process_of(tid) != s->opener))
		return NULL;
	return staged_ref(s);
}

/* Entry i of a place; false past the last. */
static bool entry(struct mount *m, const struct drop_place *place, size_t i,
		  char **ret_name, uint64_t *ret_ino)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	for (size_t k = 0; k < g->n; k++) {
		const struct staged *s = g->items[k];
		if (s->place != place || s->replaces || s->is_hidden || i-- != 0)
			continue;
		struct err *err = str_dup(s->name, ret_name);
		*ret_ino = node_ino(m, &staged_file_ops, s->id);
		if (!err)
			return true;
		err_free(err); /* the listing ends early */
		return false;
	}
	return false;
}

void staging_list(struct mount *m, const struct drop_place *place, uint64_t first,
		  uint64_t off, const struct list_sink *sink)
{
	for (size_t i = off > first ? off - first : 0;; i++) {
		AUTO_MEM char *name = NULL;
		uint64_t ino;
		if (!entry(m, place, i, &name, &ino) ||
		    sink->fn(sink->ctx, name, ino, S_IFREG, first + i + 1))
			return;
	}
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

struct err *staged_new(struct mount *m, const struct drop_place *place,
		       const char *name, pid_t tid, struct staged **ret)
{
	AUTO(staged) struct staged *s = NULL;
	TRY(mem_new(&s));
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->lock, NULL);
	s->mount = m;
	s->place = place;
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
static bool is_scratch(struct mount *m, const struct drop_place *place,
		       const char *name)
{
	AUTO(version) struct version *v = table_latest(m->table);
	AUTO_MEM char *column = NULL;
	AUTO(type) struct type *type = NULL;
	const struct format_ops *format;
	if (name_is_scratch(name))
		return true;
	if (!place->holds_columns || !str_starts(name, "tmp_"))
		return false;
	struct err *err = column_file_parse(v, name + 4, &column, &type, &format);
	if (err) {
		err_free(err); /* no column's name */
		return false;
	}
	return version_find_field(v, column) != NULL;
}

/* Put s among the names. */
static struct err *attach(struct mount *m, struct staged *s)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, s->place, s->name);
	if (i < g->n)
		drop_locked(g, i); /* its writers go on without a name */
	TRY(mem_grow(g->n + 1, sizeof(struct staged *), &g->cap, &g->items));
	s->id = ++g->next_id;
	g->items[g->n++] = staged_ref(s);
	return NULL;
}

struct err *staging_create(struct mount *m, const struct drop_place *place,
			   const char *name, pid_t tid, struct staged **ret)
{
	AUTO(staged) struct staged *s = NULL;
	TRY(staged_new(m, place, name, tid, &s));
	if (!is_scratch(m, place, name)) {
		s->is_scratch = false;
		TRY(staged_begin(s));
	}
	TRY(attach(m, s));
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

static struct staged *find_any(struct mount *m, const struct drop_place *place,
			       const char *name)
{
	struct staging *g = m->staging;
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, place, name);
	return i < g->n ? staged_ref(g->items[i]) : NULL;
}

bool staging_remove(struct mount *m, const struct drop_place *place, const char *name)
{
	AUTO(staged) struct staged *s = find_any(m, place, name);
	if (!s)
		return false;
	LOCK_SCOPE(&s->lock);
	bool is_committed = s->state == STAGED_COMMITTED;
	if (s->state == STAGED_OPEN)
		s->state = STAGED_REMOVED;
	staging_detach(m, s);
	return !is_committed;
}

/* Nobody has it open and it is a column by now: what is left of its writing. */
static bool is_finished(struct staged *s)
{
	LOCK_SCOPE(&s->lock);
	return s->state == STAGED_COMMITTED && s->n_open == 0;
}

/* Both locks are held for the change; *name is the old one afterwards. */
static void swap_name(struct mount *m, struct staged *s, char **name)
{
	struct staging *g = m->staging;
	char *old = s->name;
	LOCK_SCOPE(&g->lock);
	size_t i = find_locked(g, s->place, *name);
	if (i < g->n && g->items[i] != s)
		drop_locked(g, i); /* rename replaces */
	s->name = *name;
	*name = old;
}

/* Editors move a file out of the way before they write it anew: the scratch
 * name shows the column's present bytes, and the column stays until another file
 * takes its place. */
static struct err *set_aside(struct mount *m, const char *from, const char *to,
			     pid_t tid)
{
	AUTO(version) struct version *v = table_latest(m->table);
	AUTO(staged) struct staged *s = NULL;
	AUTO(type) struct type *type = NULL;
	AUTO_MEM char *column = NULL;
	const struct format_ops *format;
	TRY(column_file_parse(v, from, &column, &type, &format));
	struct field *f = version_find_field(v, column);
	if (!f || !format_renders_field(format, f))
		return err_new(ENOENT, "columns/%s", from);
	TRY(staged_new(m, &place_columns, to, tid, &s));
	TRY(column_view(v, f, format, 0, version_rows(v), &s->aside));
	TRY(view_size(s->aside, &s->size));
	s->type = type_ref(f->type);
	return attach(m, s);
}

struct err *staging_rename(struct mount *m, const struct drop_place *place,
			   const char *from, const char *to, pid_t pid)
{
	AUTO(staged) struct staged *s = find_any(m, place, from);
	AUTO_MEM char *name = NULL;
	bool to_scratch = is_scratch(m, place, to);
	if (s && is_finished(s)) {
		staging_detach(m, s);
		staged_unref(TAKE(s));
	}
	if (!s && place->brings_programs)
		return err_new(EOPNOTSUPP,
			       "a function keeps its name; write it anew under the "
			       "other, and remove this one");
	if (!s && !place->holds_columns)
		return err_new(ENOENT, "%s/%s", place->name, from);
	if (!s && to_scratch)
		return set_aside(m, from, to, pid);
	if (!s)
		return gesture_rename(m, from, to);
	TRY(str_dup(to, &name));
	LOCK_SCOPE(&s->lock);
	if (s->state != STAGED_OPEN || s->is_streamed)
		return err_new(EBUSY,
			       "%s/%s is being written or was committed just now; "
			       "rename it before or after",
			       place->name, from);
	bool was_scratch = s->is_scratch;
	swap_name(m, s, &name);
	s->is_scratch |= to_scratch;
	if (to_scratch)
		return NULL;
	struct err *err = was_scratch ? staged_commit_as(s) : staged_begin_anew(s);
	if (!err)
		return NULL;
	if (was_scratch)
		staged_keep(s, err);
	swap_name(m, s, &name); /* a failed rename leaves the file where it was */
	return err;
}

struct err *staging_retry(struct mount *m, const struct drop_place *place,
			  const char *rejected, const char *to, pid_t pid)
{
	AUTO(staged) struct staged *s = NULL;
	struct stat st;
	TRY(staged_new(m, place, to, pid, &s));
	TRY(rejected_open(m, rejected, &s->fd));
	if (fstat(s->fd, &st) != 0)
		return err_errno(errno, "rejected/%s", rejected);
	LOCK_SCOPE(&s->lock);
	s->size = (uint64_t)st.st_size;
	struct err *err = staged_commit_as(s);
	if (!err)
		return rejected_remove(m, rejected);
	rejected_explain(m, place, rejected, err->msg);
	return err;
}

/* --- idle files --- */

static bool is_idle(struct staged *s, int64_t now)
{
	LOCK_SCOPE(&s->lock);
	return s->n_open == 0 && !s->is_scratch &&
	       now - s->closed_ns > STAGED_IDLE_SECONDS * INT64_C(1000000000);
}

/* A column that somebody has open for writing, or that is being committed. */
static bool is_column_under_way(struct staged *s)
{
	if (!s->place->holds_columns)
		return false;
	if (pthread_mutex_trylock(&s->lock) != 0)
		return true;
	bool is_open = s->state == STAGED_OPEN && s->n_open > 0;
	pthread_mutex_unlock(&s->lock);
	return is_open;
}

bool staging_is_busy(struct mount *m)
{
	struct staging *g = m->staging;
	bool is_busy = false;
	LOCK_SCOPE(&g->lock);
	for (size_t i = 0; i < g->n && !is_busy; i++)
		is_busy = is_column_under_way(g->items[i]);
	return is_busy;
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
